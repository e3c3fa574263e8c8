/** Where data lies is said when it is made, through each door, shown again there, and kept. */
import { Redis } from 'ioredis'
import { MongoClient } from 'mongodb'
import { Client } from 'pg'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Instance } from '../database/instance.ts'
import type { Host } from '../host/host.ts'
import { createRealHost } from '../host/real/real-host.ts'
import { createMemoryDisk } from '../host/simulated/memory-disk.ts'
import { EmbeddedDatabase } from '../library/library.ts'
import { Sessions } from '../session/sessions.ts'
import { Server } from './server.ts'

const name = 'polylog'

/** A server with one client at each door. */
class Opened {
  readonly redis: Redis
  readonly mongo: MongoClient
  readonly pg: Client
  readonly library: EmbeddedDatabase
  readonly #ends: (() => unknown)[]

  private constructor(instance: Instance, sessions: Sessions, server: Server) {
    const { port } = server
    this.redis = new Redis(port)
    this.mongo = new MongoClient(`mongodb://127.0.0.1:${port}/?serverSelectionTimeoutMS=5000`)
    this.pg = new Client({ host: '127.0.0.1', port, user: 'me', database: name })
    this.library = new EmbeddedDatabase(instance.databases.get(name)!, sessions, () => Promise.resolve())
    this.#ends = [
      () => this.redis.disconnect(),
      () => this.mongo.close(),
      () => this.pg.end(),
      () => this.library.close(),
      () => server.close(),
      () => sessions.close(),
      () => instance.close(),
    ]
  }

  static async of(host: Host, directory: string | undefined): Promise<Opened> {
    const instance = await Instance.open({ host, ...(directory !== undefined && { directory }) }, name)
    const sessions = new Sessions(host, () => instance.databases)
    const opened = new Opened(instance, sessions, await Server.listen(host, sessions, { port: 0 }))
    await opened.pg.connect()
    return opened
  }

  async close(): Promise<void> {
    for (const end of this.#ends) await end()
  }
}

let host: Host
let doors: Opened
beforeEach(async () => {
  host = { ...createRealHost(), disk: createMemoryDisk() }
  doors = await Opened.of(host, 'data')
})
afterEach(() => doors.close())

async function enginesOf(): Promise<Record<string, string>> {
  const { rows } = await doors.pg.query<{ name: string; engine: string }>(
    'SELECT name, engine FROM polylog.collections',
  )
  return Object.fromEntries(rows.map((row) => [row.name, row.engine]))
}

test('through all doors, and after a restart', async () => {
  const { mongo, redis, pg, library } = doors
  await mongo.db('shop').createCollection('orders', { storageEngine: { sorted: {} } })
  await mongo.db('shop').createCollection('notes', { storageEngine: { memory: {} } })
  await redis.select(3)
  expect(await redis.call('POLYLOG.ENGINE')).toBeNull()
  expect(await redis.call('POLYLOG.ENGINE', 'Sorted')).toBe('OK')
  expect(await redis.call('POLYLOG.ENGINE', 'sorted')).toBe('OK')
  await pg.query("CREATE TABLE account (id int PRIMARY KEY) WITH (engine = 'sorted')")
  await library.write(async (tx) => {
    await tx.documents('app', 'events').create({ engine: 'sorted' })
    await tx.keys(5).create({ engine: 'sorted' })
    await tx.documents('app', 'plain').create()
  })
  await mongo.db('shop').collection('orders').insertOne({ n: 1 })
  await redis.set('a', 'b')
  await doors.close()
  doors = await Opened.of(host, 'data')
  expect(await enginesOf()).toMatchObject({
    orders: 'sorted',
    notes: 'memory',
    db3: 'sorted',
    account: 'sorted',
    events: 'sorted',
    db5: 'sorted',
    plain: 'memory',
  })
  const listed = await doors.mongo.db('shop').listCollections({}, { nameOnly: false }).toArray()
  expect(Object.fromEntries(listed.map(({ name: of, options }) => [of, options]))).toEqual({
    notes: {},
    orders: { storageEngine: { sorted: {} } },
  })
  await doors.redis.select(3)
  expect([await doors.redis.call('POLYLOG.ENGINE'), await doors.redis.get('a')]).toEqual(['sorted', 'b'])
  expect(await doors.mongo.db('shop').collection('orders').countDocuments()).toBe(1)
  await doors.library.read(async (tx) => {
    expect(await tx.documents('app', 'events').engine()).toBe('sorted')
    expect(await tx.documents('app', 'none').engine()).toBeUndefined()
    expect(await tx.keys(5).engine()).toBe('sorted')
    expect(await tx.keys(6).engine()).toBeUndefined()
  })
})

describe('what cannot be', () => {
  const created = (options: object): Promise<unknown> =>
    doors.mongo
      .db('shop')
      .command({ create: 'x', ...options })
      .catch((error: unknown) => error)

  test.each([
    [{ wiredTiger: {} }, 72, 'wiredTiger is not a registered storage engine for this server'],
    [{ sorted: { cacheSize: 5 } }, 72, "the storage engine sorted has no option 'cacheSize'"],
    [{ sorted: {}, memory: {} }, 72, 'a collection lies in one storage engine'],
    [{ sorted: 1 }, 2, "'storageEngine.sorted' has to be an embedded document."],
    ['sorted', 2, "'storageEngine' has to be a document."],
  ])('is refused by MongoDB’s own errors: %j', async (storageEngine, code, message) => {
    expect(await created({ storageEngine })).toMatchObject({ code, message })
    expect(await enginesOf()).not.toHaveProperty('x')
  })

  test('is refused by Redis and the library', async () => {
    const { redis, library } = doors
    await expect(redis.call('POLYLOG.ENGINE', 'toad')).rejects.toThrow("there is no engine 'toad'")
    await redis.set('a', 'b')
    await expect(redis.call('POLYLOG.ENGINE', 'sorted')).rejects.toThrow("lies in the engine 'memory' for good")
    await expect(library.write((tx) => tx.keys().create({ engine: 'sorted' }))).rejects.toMatchObject({
      code: 'duplicate_object',
    })
    await expect(library.write((tx) => tx.documents('a', 'b').create({ engine: 'toad' }))).rejects.toMatchObject({
      code: 'invalid_argument',
    })
    await library.write((tx) => tx.documents('a', 'b').create())
    await expect(library.write((tx) => tx.documents('a', 'b').create())).rejects.toMatchObject({
      code: 'duplicate_object',
    })
  })

  test('is an engine on the disk beside a database in memory', async () => {
    await doors.close()
    doors = await Opened.of(host, undefined)
    expect(await created({ storageEngine: { sorted: {} } })).toMatchObject({ codeName: 'CommandNotSupported' })
    await expect(doors.redis.call('POLYLOG.ENGINE', 'sorted')).rejects.toThrow('needs a data directory')
  })
})
