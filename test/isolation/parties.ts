/**
 * Two or three parties who do one step after the other, each in a transaction of its own, at one door or at several: what a step answers, that
 * it has to wait for another's, or that it fails.
 */
import type { ClientSession, Collection, MongoClient } from 'mongodb'
import type { Client } from 'pg'
import { Redis } from 'ioredis'
import type { Isolation } from '../../src/database/contract.ts'
import type { EmbeddedTransaction } from '../../src/library/library.ts'
import type { AllDoors } from '../../src/server/testing.ts'

/** Accounts by number, with what is on them. */
export interface Party {
  begin(): Promise<void>
  get(id: number): Promise<number>
  put(id: number, amount: number): Promise<void>
  insert(id: number): Promise<void>
  /** Accounts from number 100 on. */
  count(): Promise<number>
  commit(): Promise<void>
  rollback(): Promise<void>
  close(): Promise<void>
}

export interface Manner {
  readonly title: string
  open(doors: AllDoors): Promise<Party>
}

class SqlParty implements Party {
  readonly #client: Client
  readonly #level: string

  constructor(client: Client, level: string) {
    this.#client = client
    this.#level = level
  }

  async begin(): Promise<void> {
    await this.#client.query(`BEGIN ISOLATION LEVEL ${this.#level}`)
  }

  async get(id: number): Promise<number> {
    const { rows } = await this.#client.query<{ n: number }>('SELECT n FROM account WHERE id = $1', [id])
    return rows[0]!.n
  }

  async put(id: number, amount: number): Promise<void> {
    await this.#client.query('UPDATE account SET n = $2 WHERE id = $1', [id, amount])
  }

  async insert(id: number): Promise<void> {
    await this.#client.query('INSERT INTO account VALUES ($1, 0)', [id])
  }

  async count(): Promise<number> {
    const { rows } = await this.#client.query<{ n: number }>('SELECT count(*)::int AS n FROM account WHERE id >= 100')
    return rows[0]!.n
  }

  async commit(): Promise<void> {
    const { command } = await this.#client.query('COMMIT')
    if (command !== 'COMMIT') throw new Error('it was rolled back')
  }

  async rollback(): Promise<void> {
    await this.#client.query('ROLLBACK')
  }

  async close(): Promise<void> {
    await this.#client.end()
  }
}

interface Account {
  readonly _id: number
  readonly n: number
}

class MongoParty implements Party {
  readonly #session: ClientSession
  readonly #accounts: Collection<Account>

  constructor(client: MongoClient) {
    this.#session = client.startSession()
    this.#accounts = client.db('bank').collection<Account>('account')
  }

  get #in(): { readonly session: ClientSession } {
    return { session: this.#session }
  }

  begin(): Promise<void> {
    this.#session.startTransaction({ readConcern: { level: 'snapshot' } })
    return Promise.resolve()
  }

  async get(id: number): Promise<number> {
    return (await this.#accounts.findOne({ _id: id }, this.#in))!.n
  }

  async put(id: number, amount: number): Promise<void> {
    await this.#accounts.updateOne({ _id: id }, { $set: { n: amount } }, this.#in)
  }

  async insert(id: number): Promise<void> {
    await this.#accounts.insertOne({ _id: id, n: 0 }, this.#in)
  }

  count(): Promise<number> {
    return this.#accounts.countDocuments({ _id: { $gte: 100 } }, this.#in)
  }

  async commit(): Promise<void> {
    await this.#session.commitTransaction()
  }

  async rollback(): Promise<void> {
    await this.#session.abortTransaction()
  }

  async close(): Promise<void> {
    await this.#session.endSession()
  }
}

/** Reads what it watches; what it writes it says at the end, between MULTI and EXEC. */
class RedisParty implements Party {
  readonly #redis: Redis
  #writes: [string, number][] = []

  constructor(port: number) {
    this.#redis = new Redis(port, '127.0.0.1', { lazyConnect: true, enableReadyCheck: false })
  }

  async begin(): Promise<void> {
    this.#writes = []
    await this.#redis.unwatch()
  }

  async get(id: number): Promise<number> {
    await this.#redis.watch(`account:${id}`)
    return Number(await this.#redis.get(`account:${id}`))
  }

  put(id: number, amount: number): Promise<void> {
    this.#writes.push([`account:${id}`, amount])
    return Promise.resolve()
  }

  insert(id: number): Promise<void> {
    return this.put(id, 0)
  }

  async count(): Promise<number> {
    return (await this.#redis.keys('account:1??')).length
  }

  async commit(): Promise<void> {
    const multi = this.#redis.multi()
    for (const [key, amount] of this.#writes) multi.set(key, amount)
    if ((await multi.exec()) === null) throw new Error('what was watched has changed')
  }

  async rollback(): Promise<void> {
    await this.#redis.unwatch()
  }

  async close(): Promise<void> {
    await this.#redis.quit()
  }
}

type Step = ((tx: EmbeddedTransaction) => Promise<void>) | 'commit' | 'rollback'

/** `write` takes a function: it does what it is handed, step by step, until it is told to end. */
class LibraryParty implements Party {
  readonly #doors: AllDoors
  readonly #isolation: Isolation
  #hand: (step: Step) => void = () => undefined
  #written: Promise<void> = Promise.resolve()

  constructor(doors: AllDoors, isolation: Isolation) {
    this.#doors = doors
    this.#isolation = isolation
  }

  begin(): Promise<void> {
    const steps: Step[] = []
    let wake: () => void = () => undefined
    this.#hand = (step) => {
      steps.push(step)
      wake()
    }
    const work = async (tx: EmbeddedTransaction): Promise<void> => {
      for (;;) {
        const step = steps.shift()
        if (step === undefined) await new Promise<void>((resolve) => (wake = resolve))
        else if (step === 'commit') return
        else if (step === 'rollback') throw new RolledBack()
        else await step(tx)
      }
    }
    this.#written = this.#doors.library.write(work, { isolation: this.#isolation, retries: 0 })
    this.#written.catch(() => undefined)
    return Promise.resolve()
  }

  #do<T>(step: (tx: EmbeddedTransaction) => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#hand(async (tx) => {
        try {
          resolve(await step(tx))
        } catch (error) {
          reject(error)
          throw error
        }
      })
      this.#written.catch(reject)
    })
  }

  async get(id: number): Promise<number> {
    return Number((await this.#do((tx) => tx.sql('SELECT n FROM account WHERE id = $1', [id])))[0]!['n'])
  }

  async put(id: number, amount: number): Promise<void> {
    await this.#do((tx) => tx.sql('UPDATE account SET n = $2 WHERE id = $1', [id, amount]))
  }

  async insert(id: number): Promise<void> {
    await this.#do((tx) => tx.sql('INSERT INTO account VALUES ($1, 0)', [id]))
  }

  async count(): Promise<number> {
    const rows = await this.#do((tx) => tx.sql('SELECT count(*)::int AS n FROM account WHERE id >= 100'))
    return Number(rows[0]!['n'])
  }

  commit(): Promise<void> {
    this.#hand('commit')
    return this.#written
  }

  async rollback(): Promise<void> {
    this.#hand('rollback')
    await this.#written.catch(() => undefined)
  }

  close(): Promise<void> {
    return Promise.resolve()
  }
}

class RolledBack extends Error {}

const sql = (level: string): Manner => ({
  title: `SQL, \`${level}\``,
  open: async (doors) => new SqlParty(await doors.connectPg(), level),
})

const library = (isolation: Isolation, title: string): Manner => ({
  title,
  open: (doors) => Promise.resolve(new LibraryParty(doors, isolation)),
})

export const manners: readonly Manner[] = [
  sql('READ UNCOMMITTED'),
  sql('READ COMMITTED'),
  sql('REPEATABLE READ'),
  sql('SERIALIZABLE'),
  { title: 'MongoDB, transactions', open: (doors) => Promise.resolve(new MongoParty(doors.mongo)) },
  { title: 'Redis, `WATCH` … `EXEC`', open: (doors) => Promise.resolve(new RedisParty(doors.port)) },
  library('serializable', 'library, `write` as it is'),
  library('read committed', 'library, `read committed`'),
]

/** All accounts as they were, at every door. */
export async function resetAccounts({ pg, mongo, port }: AllDoors, amount: number): Promise<void> {
  await pg.query('DROP TABLE IF EXISTS account')
  await pg.query('CREATE TABLE account (id int PRIMARY KEY, n int NOT NULL)')
  await pg.query('INSERT INTO account VALUES (1, $1), (2, $1)', [amount])
  const accounts = mongo.db('bank').collection<Account>('account')
  await accounts.deleteMany({})
  await accounts.insertMany([
    { _id: 1, n: amount },
    { _id: 2, n: amount },
  ])
  const redis = new Redis(port, '127.0.0.1')
  await redis.flushall()
  await redis.mset('account:1', amount, 'account:2', amount)
  await redis.quit()
}
