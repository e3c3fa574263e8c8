/** A server with a table, documents and keys, who administers it, and `ada`, who is connected at every door. */
import type { Redis } from 'ioredis'
import type { ClientSession, MongoClient } from 'mongodb'
import type pg from 'pg'
import { administrator, password, ServerWithUsers } from '../../src/server/testing-users.ts'
import type { Command, Door, Undo } from './operation.ts'
import { itemsAnew, tables, takingAll } from './tables.ts'

/** What a door says to one request. */
export type Answer =
  | { readonly outcome: 'allowed'; readonly value: unknown }
  | { readonly outcome: 'denied' }
  | { readonly outcome: 'failed'; readonly code: string; readonly message: string }

const notesAnew = 'DELETE FROM shop.notes; INSERT INTO shop.notes (_id, n) VALUES (1, 1), (2, 2)'

/** One user at all doors. */
export class User {
  readonly sql: pg.Client
  readonly mongo: MongoClient
  readonly redis: Redis
  readonly #prepared = new Map<string, string>()

  private constructor(sql: pg.Client, mongo: MongoClient, redis: Redis) {
    this.sql = sql
    this.mongo = mongo
    this.redis = redis
  }

  static async connect(server: ServerWithUsers, name: string): Promise<User> {
    const redis = server.redis(name)
    await redis.connect()
    return new User(await server.pg(name), server.mongo(name), redis)
  }

  /** Statements are prepared once, as drivers do: a plan must not outlive what it was allowed by. */
  async say(door: Door, what: string | Command, session?: ClientSession): Promise<Answer> {
    try {
      return { outcome: 'allowed', value: await this.#send(door, what, session) }
    } catch (error) {
      return refusalOf(error)
    }
  }

  async #send(door: Door, what: string | Command, session: ClientSession | undefined): Promise<unknown> {
    if (door === 'mongodb') {
      const { $db: database = 'shop', ...command } = what as Command
      const reply = await this.mongo.db(database as string).command(command, session && { session })
      const [refused] = (reply['writeErrors'] ?? []) as { code: number; errmsg: string }[]
      if (refused !== undefined) throw Object.assign(new Error(refused.errmsg), { code: refused.code })
      return reply
    }
    const text = what as string
    if (door === 'redis') {
      const [name = '', ...words] = text.split(' ')
      return this.redis.call(name, ...words)
    }
    const isKept = /^(SELECT|WITH|INSERT|UPDATE|DELETE|TABLE)[^;]*$/.test(text)
    const { rows } = await this.sql.query({ text, rowMode: 'array', ...(isKept && { name: this.#nameOf(text) }) })
    return rows as unknown
  }

  #nameOf(text: string): string {
    const name = this.#prepared.get(text) ?? `kept ${this.#prepared.size}`
    this.#prepared.set(text, name)
    return name
  }
}

function refusalOf(error: unknown): Answer {
  const { code, message } = error as { code?: string | number; message: string }
  if (code === '42501' || code === 13 || message.startsWith('NOPERM')) return { outcome: 'denied' }
  return { outcome: 'failed', code: String(code ?? message.split(' ')[0]), message }
}

export class World {
  readonly server: ServerWithUsers
  readonly root: User
  readonly ada: User
  readonly #placeholders: ReadonlyMap<string, unknown>

  private constructor(server: ServerWithUsers, root: User, ada: User, placeholders: ReadonlyMap<string, unknown>) {
    this.server = server
    this.root = root
    this.ada = ada
    this.#placeholders = placeholders
  }

  static async start(): Promise<World> {
    const server = await ServerWithUsers.start()
    const root = await User.connect(server, administrator)
    for (const text of [
      `CREATE ROLE ada LOGIN PASSWORD '${password}'`,
      `CREATE ROLE clerk LOGIN PASSWORD '${password}'`,
      `CREATE ROLE temp LOGIN PASSWORD 'x'`,
      'CREATE ROLE boss SUPERUSER',
      ...['crew', 'mate', 'spare'].map((name) => `CREATE ROLE ${name}`),
    ]) {
      await root.sql.query(text)
    }
    const clerk = await server.pg('clerk')
    const { rows } = await clerk.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')
    const ada = await User.connect(server, 'ada')
    const world = new World(server, root, ada, new Map([['$clerk', rows[0]!.pid]]))
    await world.#make()
    await world.putBack('keys')
    return world
  }

  stop(): Promise<void> {
    return this.server.stop()
  }

  async #make(): Promise<void> {
    const { sql, mongo } = this.root
    for (const text of tables) await sql.query(text)
    await mongo
      .db('shop')
      .collection('notes')
      .insertOne({ _id: 1 as never, n: 1 })
    await mongo.db('shop').collection('notes').createIndex({ n: 1 }, { name: 'by_n' })
    await mongo
      .db('bank')
      .collection('safe')
      .insertOne({ _id: 1 as never })
    await mongo
      .db('den')
      .collection('lair')
      .insertOne({ _id: 1 as never })
    await sql.query(`${itemsAnew}; ${notesAnew}`)
  }

  /** Everything but keys; whatever was given on it is gone. */
  async #makeAnew(): Promise<void> {
    for (const name of ['shop', 'bank', 'den']) await this.root.sql.query(`DROP SCHEMA IF EXISTS ${name} CASCADE`)
    await this.#make()
  }

  async putBack(undo: Undo): Promise<void> {
    const { sql, redis } = this.root
    if (undo === 'items') await sql.query(itemsAnew)
    else if (undo === 'notes') await sql.query(notesAnew)
    else if (undo === 'all') await this.#makeAnew()
    else if (undo === 'keys') {
      const lines = ['FLUSHALL', 'MSET a:s 1 b:s 1', 'HSET a:h f 1', 'RPUSH a:l x', 'SADD a:m m', 'ZADD a:z 1 m']
      lines.push('XADD a:x 1-1 f v', 'XGROUP CREATE a:x g 0', 'XREADGROUP GROUP g c STREAMS a:x >', 'XADD a:x 2-1 f v')
      await Promise.all(lines.map((line) => redis.call(...(line.split(' ') as [string]))))
    } else if (undo !== 'nothing') {
      for (const text of undo.sql.split('; ')) await sql.query(text)
    }
  }

  /** Says it as `ada`. */
  say(door: Door, what: string | Command): Promise<Answer> {
    return this.ada.say(door, this.#filled(what))
  }

  /** Says it as who may do everything. Errors: where that is refused. */
  async administer(door: Door, what: string | Command): Promise<void> {
    const answer = await this.root.say(door, what)
    if (answer.outcome !== 'allowed') throw new Error(`${JSON.stringify(what)}: ${JSON.stringify(answer)}`)
  }

  #filled(what: string | Command): string | Command {
    if (typeof what === 'string') return what
    const filled = Object.entries(what).map(([name, value]) => [name, this.#placeholders.get(String(value)) ?? value])
    return Object.fromEntries(filled) as Command
  }

  /** Whatever is written, anywhere but in the audit, makes another one. */
  state(): string {
    const { instance, system } = this.server
    const database = instance.databases.get('polylog')!
    return `${database.logPosition} ${JSON.stringify([system.roles, system.placedSettings])} ${this.server.sessions.databaseNames().join()}`
  }

  /** `ada` has nothing any more, whatever it was. */
  async takeAll(): Promise<void> {
    for (const text of takingAll) await this.administer('sql', text)
    await this.administer('redis', 'ACL SETUSER ada resetkeys +@all')
  }
}
