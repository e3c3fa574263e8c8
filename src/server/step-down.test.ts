/** What drivers hear when the server no longer leads its log, and how they go on. */
import { connect, type Socket } from 'node:net'
import { Redis } from 'ioredis'
import { MongoClient } from 'mongodb'
import { Client } from 'pg'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Database } from '../database/database.ts'
import { Member } from '../database/following/member.ts'
import { createRealHost } from '../host/real/real-host.ts'
import { FaultyLog, type LogFault } from '../log/faulty-log.ts'
import { openMemoryLog } from '../log/memory-log.ts'
import { Sessions } from '../session/sessions.ts'
import { openMemoryStore } from '../storage/memory/memory.ts'
import { Server } from './server.ts'

let faults: LogFault[]
let member: Member
let log: FaultyLog
let server: Server
let ends: (() => unknown)[]
const databases = new Map<string, Database>()

async function open({ leadsAgain = false, patienceMs = 100 } = {}): Promise<void> {
  const host = createRealHost()
  faults = []
  log = new FaultyLog(openMemoryLog(), { host, next: () => faults.shift() })
  const store = await openMemoryStore(host, undefined)
  const leadership = { owner: 'a', ttlMs: 0, patienceMs }
  const parts = { host, name: 'polylog', log, store, leadership, leadsAgain }
  member = await Member.open(parts, 'lead', (database) => databases.set('polylog', database))
  databases.set('polylog', member.database)
  const sessions = new Sessions(host, () => databases)
  server = await Server.listen(host, sessions, { port: 0 })
  ends = [() => server.close(), () => sessions.close(), () => member.close()]
}

beforeEach(() => open())
afterEach(close)

async function close(): Promise<void> {
  for (const end of ends) await end()
}

async function reopen(options: Parameters<typeof open>[0]): Promise<void> {
  await close()
  await open(options)
}

const fenced: LogFault = { kind: 'fenced', records: 1 }

const codeOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => 'done',
    (error: unknown) => (error as { code?: unknown }).code ?? (error as Error).message,
  )

async function connectPostgres(): Promise<Client> {
  const client = new Client({ host: '127.0.0.1', port: server.port, user: 'me', database: 'polylog' })
  await client.connect()
  ends.unshift(() => client.end())
  return client
}

function connectRedis(): Redis {
  const redis = new Redis(server.port, '127.0.0.1', { retryStrategy: () => null })
  ends.unshift(() => redis.quit().catch(() => undefined))
  return redis
}

async function connectMongo(options: object = {}): Promise<MongoClient> {
  const client = new MongoClient(`mongodb://127.0.0.1:${server.port}/`, options)
  await client.connect()
  ends.unshift(() => client.close())
  return client
}

test('PostgreSQL: 57P01 for what was under way, 25006 for what follows, reads go on', async () => {
  const client = await connectPostgres()
  await client.query('CREATE TABLE t (a int PRIMARY KEY)')
  await client.query('INSERT INTO t VALUES (1)')
  const other = await connectPostgres()
  await other.query('BEGIN')
  await other.query('INSERT INTO t VALUES (7)')
  faults = [fenced]
  expect(await codeOf(client.query('INSERT INTO t VALUES (2)'))).toBe('57P01')
  expect(await codeOf(client.query('INSERT INTO t VALUES (3)'))).toBe('25006')
  expect((await client.query('SELECT a FROM t')).rows).toEqual([{ a: 1 }])
  expect(await codeOf(other.query('COMMIT'))).toBe('57P01')
  expect(await codeOf(other.query('INSERT INTO t VALUES (7)'))).toBe('25006')
  await member.lead()
  expect(await codeOf(client.query('INSERT INTO t VALUES (4)'))).toBe('done')
  expect(await codeOf(other.query('INSERT INTO t VALUES (5)'))).toBe('done')
  expect((await client.query('SELECT a FROM t ORDER BY a')).rows).toEqual([{ a: 1 }, { a: 4 }, { a: 5 }])
})

test('PostgreSQL: who waits for a log that cannot be reached may time out, cancel or go', async () => {
  await reopen({ patienceMs: 600_000 })
  const [timed, canceled, gone] = await Promise.all([connectPostgres(), connectPostgres(), connectPostgres()])
  await timed.query('CREATE TABLE t (a int PRIMARY KEY)')
  await timed.query("SET statement_timeout = '20ms'")
  log.goDown(600_000)
  expect(await codeOf(timed.query('INSERT INTO t VALUES (1)'))).toBe('08007')
  const before = member.database.newestSequence
  const { processID, secretKey } = canceled as unknown as { processID: number; secretKey: number }
  const waiting = codeOf(canceled.query('INSERT INTO t VALUES (2)'))
  while (member.database.newestSequence === before) await new Promise((resolve) => setImmediate(resolve))
  await cancelRequest(processID, secretKey)
  expect(await waiting).toBe('08007')
  gone.on('error', () => undefined)
  const nobody = codeOf(gone.query('SELECT * FROM t'))
  ;(gone as unknown as { connection: { stream: Socket } }).connection.stream.destroy()
  await nobody
  // Both are there once the log is, and whoever asks then hears so.
  log.goDown(0)
  expect((await canceled.query('SELECT a FROM t ORDER BY a')).rows).toEqual([{ a: 1 }, { a: 2 }])
})

async function cancelRequest(processId: number, secret: number): Promise<void> {
  const packet = Buffer.alloc(16)
  for (const [i, value] of [16, 80_877_102, processId, secret].entries()) packet.writeInt32BE(value, i * 4)
  const socket = connect(server.port, '127.0.0.1', () => socket.end(packet))
  await new Promise((resolve) => socket.on('close', resolve))
}

test('each door says whether writes are taken', async () => {
  const [pg, redis, mongo] = [await connectPostgres(), connectRedis(), await connectMongo()]
  const said = async (): Promise<unknown[]> => {
    const { rows } = await pg.query('SELECT pg_is_in_recovery() AS recovers')
    const { isWritablePrimary, secondary } = await mongo.db('admin').command({ hello: 1 })
    const [role] = (await redis.call('ROLE')) as string[]
    return [rows[0].recovers, isWritablePrimary, secondary, role, /role:(\w+)/.exec(await redis.info())![1]]
  }
  expect(await said()).toEqual([false, true, undefined, 'master', 'master'])
  faults = [fenced]
  expect(await codeOf(redis.set('key', '1'))).toMatch(/^READONLY/)
  expect(await said()).toEqual([true, false, true, 'slave', 'slave'])
  await member.lead()
  expect(await said()).toEqual([false, true, undefined, 'master', 'master'])
})

test('MongoDB: who waits for a log that cannot be reached is answered within maxTimeMS', async () => {
  await reopen({ patienceMs: 600_000 })
  const client = await connectMongo()
  const orders = client.db('shop').collection('orders')
  await orders.insertOne({ n: 1 })
  log.goDown(600_000)
  const insert = { insert: 'orders', documents: [{ n: 2 }], maxTimeMS: 30 }
  expect(await codeOf(client.db('shop').command(insert))).toBe(64)
  log.goDown(0)
  expect(await orders.countDocuments()).toBe(2)
})

test('Redis: READONLY for both, reads go on, and EXEC finds that what it watched is not what it was', async () => {
  const redis = connectRedis()
  await redis.set('key', '1')
  await redis.watch('key')
  faults = [fenced]
  const pipelined = await redis.pipeline().set('key', '2').get('key').exec()
  const [set, get] = pipelined!.map(([error, reply]) => (error === null ? reply : error.message.split(' ')[0]))
  expect(set).toBe('READONLY')
  // Whoever reads before the log has refused sees what is taken back, and is not told of it; after that it sees what there was.
  expect(['READONLY', '1']).toContain(get)
  expect(await codeOf(redis.set('key', '3'))).toMatch(/^READONLY/)
  expect(await redis.get('key')).toBe('1')
  await member.lead()
  expect(await redis.multi().set('key', '4').exec()).toBeNull()
  expect(await redis.set('key', '5')).toBe('OK')
  expect(await redis.get('key')).toBe('5')
})

test('MongoDB: 189 for what was under way, 10107 for what follows, with the labels that drivers ask for', async () => {
  const client = await connectMongo({ retryWrites: false })
  const things = client.db('test').collection('things')
  await things.insertOne({ a: 1 })
  const failure = (work: Promise<unknown>): Promise<unknown> =>
    work.then(
      () => 'done',
      (error: unknown) => error,
    )
  faults = [fenced]
  expect(await failure(things.insertOne({ a: 2 }))).toMatchObject({ code: 189, codeName: 'PrimarySteppedDown' })
  expect(await failure(things.insertOne({ a: 3 }))).toMatchObject({ code: 10_107, codeName: 'NotWritablePrimary' })
  expect(await things.countDocuments()).toBe(1)
  await member.lead()
  expect(await failure(things.insertOne({ a: 4 }))).toBe('done')
})

test('MongoDB: a driver does a retryable write again, and a transaction, where the server leads again', async () => {
  await reopen({ leadsAgain: true })
  const client = await connectMongo()
  const things = client.db('test').collection<{ _id: number }>('things')
  await things.insertOne({ _id: 1 })
  faults = [fenced]
  await things.insertOne({ _id: 2 })
  expect(await things.find().toArray()).toEqual([{ _id: 1 }, { _id: 2 }])
  let runs = 0
  await client.withSession((session) =>
    session.withTransaction(async () => {
      runs++
      await things.insertOne({ _id: 3 }, { session })
      if (runs === 1) faults = [fenced]
    }),
  )
  expect(runs).toBe(2)
  expect(await things.countDocuments()).toBe(3)
})
