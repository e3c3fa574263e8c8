/** An empty database of a server of PostgreSQL's protocol for each file of a suite, and clients in it. */
import pg from 'pg'
import type { ServerUnderTest } from '../suite.ts'

/** What hangs fails; a file whose connections wait for each other's locks does so soon. */
const limitMs = 30_000
const lockLimitMs = 1_000
/** No case expects so many: an answer without an end is none. */
const mostRows = 100_000

export interface TextResult {
  readonly columns: readonly string[]
  readonly rows: readonly (string | null)[][]
}

/** Who may make databases; `user` of a foreign server is who runs it. */
export class SuiteDatabases {
  readonly #server: ServerUnderTest
  readonly #prefix = `compat_${process.pid}_`
  #count = 0

  constructor(server: ServerUnderTest) {
    this.#server = server
  }

  /** Runs `task` in a database that is there for it alone. */
  async inEmpty<T>(task: (database: SuiteDatabase) => Promise<T>): Promise<T> {
    const name = `${this.#prefix}${++this.#count}`
    await this.#manage(`CREATE DATABASE ${name}`)
    const database = new SuiteDatabase(this.#server, name)
    try {
      return await task(database)
    } finally {
      await database.close()
      // A server that hangs, or is gone, fails the next one.
      await this.#manage(`DROP DATABASE ${name}`).catch(() => undefined)
    }
  }

  async #manage(sql: string): Promise<void> {
    const client = await connect(this.#server, this.#server.isOurs ? 'polylog' : 'postgres')
    try {
      await client.query(sql)
    } finally {
      await client.end().catch(() => undefined)
    }
  }
}

export class SuiteDatabase {
  readonly #server: ServerUnderTest
  readonly name: string
  readonly #clients = new Map<string, pg.Client>()

  constructor(server: ServerUnderTest, name: string) {
    this.#server = server
    this.name = name
  }

  /** What the last statement of `sql` answers, all values as texts. Throws what the server says. */
  async query(connection: string, sql: string): Promise<TextResult> {
    let client = this.#clients.get(connection)
    if (client === undefined) this.#clients.set(connection, (client = await connect(this.#server, this.name)))
    try {
      return await ask(client, sql)
    } catch (error) {
      if (!(error instanceof pg.DatabaseError)) {
        this.#clients.delete(connection)
        await client.end().catch(() => undefined)
      }
      throw error
    }
  }

  async close(): Promise<void> {
    await Promise.all([...this.#clients.values()].map((client) => client.end().catch(() => undefined)))
  }
}

function ask(client: pg.Client, sql: string): Promise<TextResult> {
  return new Promise((resolve, reject) => {
    const config: pg.QueryArrayConfig = { text: sql, rowMode: 'array' }
    const query = new pg.Query(config)
    let rows: (string | null)[][] = []
    let ofRows: unknown
    query.on('row', (row: unknown, result: unknown) => {
      if (result !== ofRows) rows = []
      ofRows = result
      if (rows.length < mostRows) rows.push(row as (string | null)[])
      // Nobody can stop what the server sends but by ending.
      else reject(new Error(`more than ${mostRows} rows`))
    })
    const limit = setTimeout(() => reject(new Error(`no answer in ${limitMs} ms`)), limitMs)
    query.on('error', (error: Error) => {
      clearTimeout(limit)
      reject(error)
    })
    query.on('end', (answer: pg.QueryArrayResult | pg.QueryArrayResult[]) => {
      clearTimeout(limit)
      const last = Array.isArray(answer) ? answer.at(-1) : answer
      resolve({ columns: last?.fields?.map(({ name }) => name) ?? [], rows: last === ofRows ? rows : [] })
    })
    client.query(query)
  })
}

async function connect({ host, port, user }: ServerUnderTest, database: string): Promise<pg.Client> {
  const client = new pg.Client({
    host,
    port,
    database,
    user: user ?? 'postgres',
    connectionTimeoutMillis: limitMs,
    lock_timeout: lockLimitMs,
    types: { getTypeParser: () => (value: unknown) => value },
  })
  client.on('error', () => undefined)
  await client.connect()
  return client
}
