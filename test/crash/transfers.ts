/**
 * The workload of the crash rounds: transfers that change a table, a document and a sorted set in one transaction, through
 * the three real drivers, and what became of each as far as its client knows.
 */
import { Redis } from 'ioredis'
import { MongoClient, type ClientSession, type Document } from 'mongodb'
import pg from 'pg'
import type { SeededRandom } from '../../src/host/simulated/random.ts'

export const accounts = 5
export const firstBalance = 10_000
const ballastRows = 20_000

export type Fate = 'unknown' | 'acknowledged' | 'refused'

export interface Transfer {
  readonly id: number
  readonly source: number
  readonly target: number
  readonly amount: number
  fate: Fate
}

interface Order extends Document {
  _id: number
  customer: number
  amount: number
  note: string
}

/** One client with a connection of each kind. */
export class Teller {
  readonly #pg: pg.Client
  readonly #redis: Redis
  readonly #mongo: MongoClient

  private constructor(port: number) {
    this.#pg = new pg.Client({ host: '127.0.0.1', port, user: 'crash', database: 'polylog' })
    this.#redis = new Redis({
      host: '127.0.0.1',
      port,
      lazyConnect: true,
      retryStrategy: () => null,
      maxRetriesPerRequest: 0,
      autoResendUnfulfilledCommands: false,
    })
    this.#mongo = new MongoClient(`mongodb://127.0.0.1:${port}/?directConnection=true&retryWrites=false`, {
      serverSelectionTimeoutMS: 5_000,
      maxPoolSize: 1,
    })
    // That the server dies is what these rounds are about: what was asked for hears of it by its own error.
    this.#pg.on('error', () => undefined)
    this.#redis.on('error', () => undefined)
  }

  static async open(port: number): Promise<Teller> {
    const teller = new Teller(port)
    await Promise.all([teller.#pg.connect(), teller.#redis.connect(), teller.#mongo.connect()])
    return teller
  }

  async close(): Promise<void> {
    this.#redis.disconnect()
    await this.#pg.end().catch(() => undefined)
    await this.#mongo.close(true).catch(() => undefined)
  }

  /** `engine`: where the ledger, the orders and the Redis data lie. The accounts lie in memory. */
  async createShop(engine: string = 'memory'): Promise<void> {
    await this.#pg.query('CREATE TABLE account (id bigint PRIMARY KEY, balance bigint NOT NULL)')
    await this.#pg.query(
      `CREATE TABLE ledger (id bigint PRIMARY KEY, source bigint NOT NULL, target bigint NOT NULL, amount bigint NOT NULL)
       WITH (engine = '${engine}')`,
    )
    if (engine !== 'memory') await this.#createBallast(engine)
    await this.#redis.call('POLYLOG.ENGINE', engine)
    await this.#mongo.db('shop').createCollection('orders', { storageEngine: { [engine]: {} } })
    await this.#pg.query('CREATE INDEX ledger_source ON ledger (source)')
    for (let id = 0; id < accounts; id++) {
      await this.#pg.query('INSERT INTO account VALUES ($1, $2)', [id, firstBalance])
    }
    await this.#mongo.db('shop').collection('orders').createIndex({ customer: 1 })
  }

  /** So that writing the engine's file anew takes about as long as the transfers that make it necessary. */
  async #createBallast(engine: string): Promise<void> {
    await this.#pg.query(`CREATE TABLE ballast (id int PRIMARY KEY, note text) WITH (engine = '${engine}')`)
    await this.#pg.query(`INSERT INTO ballast SELECT i, repeat('x', 100) FROM generate_series(1, ${ballastRows}) AS i`)
  }

  async #ballastDifferences(): Promise<string[]> {
    const isThere = await this.#pg.query("SELECT 1 FROM polylog.collections WHERE name = 'ballast'")
    if (isThere.rowCount === 0) return []
    const { rows } = await this.#pg.query<{ count: number; sum: number }>(
      'SELECT count(*)::int AS count, sum(id)::int AS sum FROM ballast',
    )
    const { count, sum } = rows[0]!
    const isWhole = count === ballastRows && sum === (ballastRows * (ballastRows + 1)) / 2
    return isWhole ? [] : [`${count} rows of the ballast are left, their sum is ${sum}`]
  }

  /** Tells the transfer's fate into it. */
  async transfer(transfer: Transfer, random: SeededRandom): Promise<void> {
    const session = this.#mongo.startSession()
    try {
      const isolation = ['READ COMMITTED', 'REPEATABLE READ', 'SERIALIZABLE'][random.below(3)]!
      await this.#pg.query(`BEGIN ISOLATION LEVEL ${isolation}`)
      await this.#write(transfer, session)
      const isWanted = !random.chance(0.1)
      const { command } = await this.#pg.query(isWanted ? 'COMMIT' : 'ROLLBACK')
      if (transfer.fate === 'unknown') transfer.fate = command === 'COMMIT' ? 'acknowledged' : 'refused'
      if (isWanted) await session.commitTransaction()
    } catch (error) {
      const isCertain = transfer.fate === 'unknown' && (await this.#isCertain(error))
      if (isCertain && transfer.fate === 'unknown') transfer.fate = 'refused'
    } finally {
      await session.endSession().catch(() => undefined)
    }
  }

  async #write({ id, source, target, amount }: Transfer, session: ClientSession): Promise<void> {
    await this.#pg.query('UPDATE account SET balance = balance - $2 WHERE id = $1', [source, amount])
    const { rows } = await this.#pg.query<{ token: string }>('SELECT polylog_transaction_token() AS token')
    const { token } = rows[0]!
    await this.#redis.call('POLYLOG.IN', token, 'ZINCRBY', 'leaderboard', String(amount), `customer:${source}`)
    await this.#redis.call('POLYLOG.IN', token, 'ZADD', 'audit', String(amount), String(id))
    session.startTransaction()
    await this.#mongo.db('shop').command({ polylogJoin: token }, { session })
    const order: Order = { _id: id, customer: source, amount, note: 'n'.repeat((id * 97) % 2000) }
    await this.#mongo.db('shop').collection<Order>('orders').insertOne(order, { session })
    await this.#pg.query('UPDATE account SET balance = balance + $2 WHERE id = $1', [target, amount])
    await this.#pg.query('INSERT INTO ledger VALUES ($1, $2, $3, $4)', [id, source, target, amount])
  }

  /** An error before the COMMIT, with the server alive to roll back: nothing of the transfer can be there. */
  async #isCertain(error: unknown): Promise<boolean> {
    if ((error as { code?: string }).code === '08007') return false
    try {
      await this.#pg.query('ROLLBACK')
      return true
    } catch {
      return false
    }
  }

  async #scores(name: string): Promise<Map<string, number>> {
    const found = (await this.#redis.call('ZRANGE', name, '0', '-1', 'WITHSCORES')) as unknown[]
    // RESP3 has pairs where RESP2 has a flat list.
    return scoresOf(found.flat().map(String))
  }

  /** Everything derived, recomputed by the server. */
  async #verify(): Promise<string[]> {
    const { rows } = await this.#pg.query<Record<'kind' | 'place' | 'index' | 'message', string>>(
      'SELECT * FROM polylog_verify()',
    )
    return rows.map(({ kind, place, index, message }) => `verify: ${kind} ${place} ${index}: ${message}`)
  }

  async read(): Promise<Found> {
    const [accountRows, ledgerRows] = [
      await this.#pg.query<{ id: string; balance: string }>('SELECT id, balance FROM account'),
      await this.#pg.query<Record<'id' | 'source' | 'target' | 'amount', string>>('SELECT * FROM ledger'),
    ]
    const orders = await this.#mongo.db('shop').collection<Order>('orders').find().toArray()
    const indexed = new Map<number, number>()
    for (let customer = 0; customer < accounts; customer++) {
      const bySource = await this.#pg.query('SELECT id FROM ledger WHERE source = $1', [customer])
      const byCustomer = await this.#mongo.db('shop').collection<Order>('orders').countDocuments({ customer })
      indexed.set(customer, bySource.rowCount === byCustomer ? byCustomer : Number.NaN)
    }
    return {
      balances: new Map(accountRows.rows.map(({ id, balance }) => [Number(id), Number(balance)])),
      ledger: new Map(
        ledgerRows.rows.map((row) => [
          Number(row.id),
          { source: Number(row.source), target: Number(row.target), amount: Number(row.amount) },
        ]),
      ),
      orders: new Map(
        orders.map(({ _id, amount, note }) => [_id, note.length === (_id * 97) % 2000 ? amount : Number.NaN]),
      ),
      audit: await this.#scores('audit'),
      leaderboard: await this.#scores('leaderboard'),
      indexed,
      differences: [...(await this.#verify()), ...(await this.#ballastDifferences())],
    }
  }
}

export interface Found {
  readonly balances: ReadonlyMap<number, number>
  readonly ledger: ReadonlyMap<number, { source: number; target: number; amount: number }>
  readonly orders: ReadonlyMap<number, number>
  readonly audit: ReadonlyMap<string, number>
  readonly leaderboard: ReadonlyMap<string, number>
  /** Orders of each customer, found by indexes; NaN where the doors disagree. */
  readonly indexed: ReadonlyMap<number, number>
  /** What the verifier names. */
  readonly differences: readonly string[]
}

function scoresOf(flat: readonly string[]): Map<string, number> {
  const scores = new Map<string, number>()
  for (let i = 0; i < flat.length; i += 2) scores.set(flat[i]!, Number(flat[i + 1]))
  return scores
}
