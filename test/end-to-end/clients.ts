/** Stock drivers connected to one server, all closed at once. */
import { Redis } from 'ioredis'
import { MongoClient, type Collection, type Db, type Document, type MongoClientOptions } from 'mongodb'
import pg from 'pg'

const host = '127.0.0.1'

export class Clients {
  readonly port: number
  readonly #closing: (() => unknown)[] = []

  constructor(port: number) {
    this.port = port
  }

  async postgres(database = 'polylog'): Promise<pg.Client> {
    const client = new pg.Client({ host, port: this.port, user: 'me', database })
    client.on('error', () => {})
    await client.connect()
    this.#closing.push(() => client.end())
    return client
  }

  /** A connection that is lost stays lost, unless `options` say otherwise. */
  redis(options: { retryStrategy?: () => number; autoResendUnfulfilledCommands?: boolean } = {}): Redis {
    const client = new Redis({
      host,
      port: this.port,
      retryStrategy: () => null,
      autoResendUnfulfilledCommands: false,
      ...options,
    })
    client.on('error', () => {})
    this.#closing.push(() => client.disconnect())
    return client
  }

  mongo(options: MongoClientOptions = {}): MongoClient {
    const client = new MongoClient(`mongodb://${host}:${this.port}/`, { serverSelectionTimeoutMS: 60_000, ...options })
    this.#closing.push(() => client.close())
    return client
  }

  async close(): Promise<void> {
    await Promise.allSettled(this.#closing.splice(0).map((close) => close()))
  }
}

/** Cuts the connection as a crash of the client's machine or its network does. */
export function cutPostgres(client: pg.Client): void {
  ;(client as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy()
}

export function cutRedis(client: Redis): void {
  client.stream.destroy()
}

export async function readToken(client: pg.Client): Promise<string> {
  const { rows } = await client.query<{ token: string }>('SELECT polylog_transaction_token() AS token')
  return rows[0]!.token
}

/** What went wrong, as the driver tells it; fails where nothing did. */
export async function failureOf(running: Promise<unknown>): Promise<DriverError> {
  try {
    const value = await running
    throw new Error(`it succeeded with ${JSON.stringify(value)}`)
  } catch (error) {
    return error as DriverError
  }
}

/** `done`, or the error's message. */
export async function outcomeOf(running: Promise<unknown>): Promise<string> {
  try {
    await running
    return 'done'
  } catch (error) {
    return (error as Error).message
  }
}

export interface DriverError extends Error {
  /** PostgreSQL's SQLSTATE, MongoDB's number. */
  readonly code?: string | number
  readonly errorLabels?: readonly string[]
  readonly detail?: string
}

export async function numberIn(client: pg.Client, query: string): Promise<number> {
  const { rows } = await client.query<{ n: string | number }>(query)
  return Number(rows[0]!.n)
}

export interface AnyDocument extends Document {
  readonly _id: number | string
}

export function collectionOf(db: Db, name = 'orders'): Collection<AnyDocument> {
  return db.collection<AnyDocument>(name)
}
