/**
 * A party of a transaction, whichever door it came through: so that one test covers every pair of doors. Each writes to
 * what is at home at its door.
 */
import type { Redis } from 'ioredis'
import type { ClientSession, MongoClient } from 'mongodb'
import type pg from 'pg'
import { collectionOf, cutPostgres, cutRedis, readToken, type Clients, type DriverError } from './clients.ts'

export type Outcome = 'committed' | 'aborted'

export interface Party {
  /** Begins, and answers the token. */
  begin(): Promise<string>
  join(token: string): Promise<void>
  write(entry: string): Promise<void>
  /** Its own commit, and what it was told of the whole. */
  commit(): Promise<Outcome>
  rollback(): Promise<void>
  /** Goes away without a word. */
  drop(): Promise<void>
  /** The protocol's error for a statement after the decision, as text: a code and labels. */
  complaint(error: DriverError): string
}

export const doors = ['postgres', 'redis', 'mongodb'] as const
export type Door = (typeof doors)[number]

export async function makeParty(door: Door, clients: Clients): Promise<Party> {
  if (door === 'postgres') return new PostgresParty(await clients.postgres())
  if (door === 'redis') return new RedisParty(clients.redis())
  return new MongoParty(clients.mongo())
}

/** What a statement after the decision is answered with. */
export const complaints: Record<Door, Record<Outcome, string>> = {
  postgres: { committed: '25P02', aborted: '25P02' },
  redis: { committed: 'POLYLOGENDED committed', aborted: 'POLYLOGENDED aborted' },
  mongodb: { committed: '251 []', aborted: '251 []' },
}

class PostgresParty implements Party {
  readonly #client: pg.Client

  constructor(client: pg.Client) {
    this.#client = client
  }

  async begin(): Promise<string> {
    await this.#client.query('BEGIN')
    return readToken(this.#client)
  }

  async join(token: string): Promise<void> {
    await this.#client.query('BEGIN')
    await this.#client.query('SELECT polylog_join($1)', [token])
  }

  async write(entry: string): Promise<void> {
    await this.#client.query('INSERT INTO entries VALUES ($1)', [entry])
  }

  async commit(): Promise<Outcome> {
    return (await this.#client.query('COMMIT')).command === 'COMMIT' ? 'committed' : 'aborted'
  }

  async rollback(): Promise<void> {
    await this.#client.query('ROLLBACK')
  }

  async drop(): Promise<void> {
    cutPostgres(this.#client)
  }

  complaint(error: DriverError): string {
    return String(error.code)
  }
}

class RedisParty implements Party {
  readonly #client: Redis
  #isBeginner = false

  constructor(client: Redis) {
    this.#client = client
  }

  async begin(): Promise<string> {
    this.#isBeginner = true
    await this.#client.call('POLYLOG.BEGIN')
    return String(await this.#client.call('POLYLOG.TOKEN'))
  }

  async join(token: string): Promise<void> {
    await this.#client.call('POLYLOG.JOIN', token)
  }

  async write(entry: string): Promise<void> {
    await this.#client.sadd('entries', entry)
  }

  async commit(): Promise<Outcome> {
    try {
      const reply = await this.#client.call(this.#isBeginner ? 'POLYLOG.COMMIT' : 'POLYLOG.LEAVE')
      return reply === 'OK' ? 'committed' : (reply as Outcome)
    } catch (error) {
      if ((error as Error).message.startsWith('POLYLOGENDED aborted')) return 'aborted'
      throw error
    }
  }

  async rollback(): Promise<void> {
    await this.#client.call('POLYLOG.ROLLBACK')
  }

  async drop(): Promise<void> {
    cutRedis(this.#client)
  }

  complaint(error: DriverError): string {
    return error.message.split(' ').slice(0, 2).join(' ')
  }
}

class MongoParty implements Party {
  readonly #client: MongoClient
  readonly #session: ClientSession

  constructor(client: MongoClient) {
    this.#client = client
    this.#session = client.startSession()
  }

  async begin(): Promise<string> {
    this.#session.startTransaction()
    const { token } = await this.#command({ polylogToken: 1 })
    return String(token)
  }

  async join(token: string): Promise<void> {
    this.#session.startTransaction()
    await this.#command({ polylogJoin: token })
  }

  #command(command: Record<string, unknown>) {
    return this.#client.db('test').command(command, { session: this.#session })
  }

  async write(entry: string): Promise<void> {
    await collectionOf(this.#client.db('test'), 'entries').insertOne({ _id: entry }, { session: this.#session })
  }

  async commit(): Promise<Outcome> {
    try {
      await this.#session.commitTransaction()
      return 'committed'
    } catch (error) {
      if (this.complaint(error as DriverError) === '251 []') return 'aborted'
      throw error
    }
  }

  async rollback(): Promise<void> {
    await this.#session.abortTransaction()
  }

  /** It has no connection of its own: it goes away when its session ends. */
  async drop(): Promise<void> {
    await this.#client.db('admin').command({ endSessions: [this.#session.id] })
  }

  complaint(error: DriverError): string {
    return `${error.code} [${(error.errorLabels ?? []).join()}]`
  }
}
