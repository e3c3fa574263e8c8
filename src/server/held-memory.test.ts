/**
 * Everything that a client can make the server keep is charged while it is kept, and to nobody when the client has gone.
 *
 * Each case keeps about a megabyte by sending it in pieces, with everything else of the connection small. What is not
 * charged here is what a thousand clients would fill the process with.
 */
import { Redis } from 'ioredis'
import { MongoClient } from 'mongodb'
import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { PolylogError } from '../base/errors.ts'
import { ProcessMemory } from '../database/process-memory.ts'
import { openTestSessions, type TestSessions } from '../session/testing.ts'
import { Server } from './server.ts'
import { copyIn, type CopyConnection } from './testing.ts'

const mebibyte = 1024 * 1024
const long = 'x'.repeat(mebibyte / 4)
const memory = new ProcessMemory(400 * mebibyte, 0, Infinity)
let opened: TestSessions
let server: Server

beforeAll(async () => {
  opened = await openTestSessions({ memory, sessions: { memory } })
  server = await Server.listen(opened.database.host, opened.sessions, { port: 0 })
  await withPostgres(async (client) => {
    await client.query('CREATE TABLE t (a text)')
    await client.query('CREATE TABLE many (i int PRIMARY KEY)')
    await client.query('INSERT INTO many SELECT generate_series(1, 20000)')
    await client.query('INSERT INTO t SELECT repeat($1, 1024) FROM generate_series(1, 1000)', ['x'])
  })
})

afterAll(async () => {
  await server.close()
  await opened.close()
})

const times = (count: number, run: (i: number) => Promise<unknown>): Promise<unknown> =>
  Promise.all(Array.from({ length: count }, (_, i) => run(i)))

async function withPostgres(use: (client: pg.Client) => Promise<unknown>): Promise<void> {
  const client = new pg.Client({ host: '127.0.0.1', port: server.port, user: 'me', database: 'polylog' })
  await client.connect()
  try {
    await use(client)
  } finally {
    await client.end()
  }
}

const postgres: Readonly<Record<string, (client: pg.Client) => Promise<unknown>>> = {
  'prepared statements': (client) => times(4, (i) => client.query({ name: `s${i}`, text: `SELECT '${long}${i}'` })),
  'statements of PREPARE': (client) => times(4, (i) => client.query(`PREPARE s${i} AS SELECT '${long}${i}'`)),
  'many short prepared statements': (client) => times(2000, (i) => client.query(`PREPARE s${i} AS SELECT ${i}`)),
  'a statement of many parts': (client) => client.query(`PREPARE s AS SELECT 1 IN (${'1,'.repeat(8000)}1)`),
  settings: (client) => times(4, (i) => client.query(`SET a.b${i} = '${long}'`)),
  'settings of a transaction': (client) => client.query(`BEGIN; SET LOCAL a.b = '${long}${long}'`),
  'the application_name': (client) => client.query(`SET application_name = '${long}${long}'`),
  'cursors with hold': (client) => client.query('DECLARE c CURSOR WITH HOLD FOR SELECT * FROM t'),
  'cursors of a transaction': (client) => client.query('BEGIN; DECLARE c CURSOR FOR SELECT * FROM t'),
  'locks of rows': (client) => client.query('BEGIN; SELECT count(*) FROM (SELECT i FROM many FOR UPDATE) s'),
  'private writes': (client) =>
    client.query(`BEGIN; INSERT INTO t SELECT repeat('y', 1024) FROM generate_series(1, 1000)`),
}

const redis: Readonly<Record<string, (client: Redis) => Promise<unknown>>> = {
  'commands since MULTI': async (client) => {
    await client.call('MULTI')
    await times(4, (i) => client.call('SET', `k${i}`, long))
  },
  'many small commands since MULTI': async (client) => {
    await client.call('MULTI')
    await times(4000, (i) => client.call('SET', `k${i}`, '1'))
  },
  'watched keys': (client) =>
    times(20, (i) => client.watch(...Array.from({ length: 100 }, (_, j) => `${'k'.repeat(500)}${i} ${j}`))),
}

const mongo: Readonly<Record<string, (client: MongoClient) => Promise<unknown>>> = {
  cursors: async (client) => {
    const collection = client.db('d').collection('c')
    await collection.insertMany(Array.from({ length: 10 }, (_, i) => ({ i })))
    await times(4, (i) => collection.find({ text: { $nin: [`${long}${i}`] } }, { batchSize: 2 }).next())
  },
  'cursors that have been computed': async (client) => {
    const collection = client.db('d').collection('e')
    await collection.insertMany(Array.from({ length: 10 }, (_, i) => ({ i, text: long })))
    await collection
      .aggregate([{ $sort: { text: 1, i: -1 } }, { $group: { _id: '$i', t: { $first: '$text' } } }], { batchSize: 2 })
      .next()
  },
  'the writes of a transaction': async (client) => {
    const session = client.startSession()
    session.startTransaction()
    await client
      .db('d')
      .collection('f')
      .insertMany(
        Array.from({ length: 10 }, () => ({ text: long })),
        { session },
      )
  },
}

test('tables are charged as stored data are, for what the catalog takes of the heap', async () => {
  const { store } = opened.database
  const chargedBeside = (): number => memory.stored.usedBytes - store.statistics().reservedBytes
  await withPostgres(async (client) => {
    for (let i = 0; i < 20; i++) {
      const tables = Array.from({ length: 50 }, (_, j) => `CREATE TABLE charged_${i * 50 + j} (a int, b text);`)
      await client.query(tables.join(''))
    }
    expect(chargedBeside()).toBeGreaterThan(500 * 4096)
    await client.query(Array.from({ length: 1000 }, (_, i) => `DROP TABLE charged_${i};`).join(''))
    // What is charged is looked at from time to time.
    await client.query(`INSERT INTO t SELECT repeat('x', 1024) FROM generate_series(1, 1000)`)
    expect(chargedBeside()).toBeLessThan(500 * 4096)
  })
  await allIsFreed()
})

/** Runs it with a client that has connected, and says what was charged more when it had run. */
async function heldBy(run: () => Promise<unknown>): Promise<number> {
  const before = memory.work.usedBytes
  await run()
  return memory.work.usedBytes - before
}

/** What accounts keep granted, so that they need not ask again for each byte. */
const grantedBytes = 192 * 1024

/** However long that takes: a store that misses pages is slow, and only what never comes is a fault. */
async function until(isSo: () => boolean): Promise<void> {
  for (let tries = 0; tries < 5000 && !isSo(); tries++) await new Promise((resolve) => setTimeout(resolve, 5))
}

/** The server hears of the end a moment after the client. */
async function allIsFreed(): Promise<void> {
  const isFreed = (): boolean => memory.work.usedBytes <= grantedBytes
  await until(isFreed)
  expect(memory.work.usedBytes).toBeLessThanOrEqual(grantedBytes)
}

test.each(Object.entries(postgres))('a client of PostgreSQL: %s', async (_, keep) => {
  await withPostgres(async (client) => {
    await client.query('SELECT 1')
    expect(await heldBy(() => keep(client))).toBeGreaterThan(mebibyte / 2)
  })
  await allIsFreed()
})

test.each([
  ['a row that has not ended', 8, 'x'],
  ['a quoted field that has not ended', 8, '"x'],
])('COPY: %s is charged until it is stored, or its client has gone', async (_, count, begin) => {
  await withPostgres(async (client) => {
    const held = (): number => memory.work.usedBytes - before
    const before = memory.work.usedBytes
    const gone = new Promise((resolve) => client.once('error', resolve))
    const copying = {
      submit: (connection: CopyConnection) => connection.query('COPY t FROM STDIN (FORMAT csv)'),
      handleCopyInResponse(connection: CopyConnection): void {
        connection.sendCopyFromChunk(Buffer.from(begin))
        for (let i = 0; i < count; i++) connection.sendCopyFromChunk(Buffer.from(long))
      },
      handleError: () => undefined,
    }
    client.query(copying as never)
    await until(() => held() > 2 * mebibyte)
    expect(held()).toBeGreaterThan(2 * mebibyte)
    ;(client as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy()
    await gone
  })
  await allIsFreed()
  await withPostgres(async (client) => {
    expect(await copyIn(client, 'COPY t FROM STDIN', `${long}${long}\n`)).toBe('COPY 1')
  })
  await allIsFreed()
})

test.each(Object.entries(redis))('a client of Redis: %s', async (_, keep) => {
  const client = new Redis(server.port, { enableReadyCheck: false })
  await client.ping()
  expect(await heldBy(() => keep(client))).toBeGreaterThan(mebibyte / 2)
  client.disconnect()
  await allIsFreed()
})

test.each(Object.entries(mongo))('a client of MongoDB: %s', async (_, keep) => {
  const client = new MongoClient(`mongodb://127.0.0.1:${server.port}/`)
  await client.connect()
  expect(await heldBy(() => keep(client))).toBeGreaterThan(mebibyte / 2)
  // A driver that ends says so for its sessions and cursors.
  await client.close()
  await allIsFreed()
})

test('the name of a client, which may be no longer than 64 KiB, is charged', async () => {
  const client = new Redis(server.port, { enableReadyCheck: false })
  await client.ping()
  const name = 'n'.repeat(60_000)
  await client.client('SETNAME', name)
  const names = [...memory.root.holders()].filter(({ path }) => path.at(-1) === 'the names of a client')
  expect(Math.max(...names.map(({ account }) => account.usedBytes))).toBeGreaterThanOrEqual(name.length)
  client.disconnect()
  await allIsFreed()
})

test('what a query of MongoDB has kept for its cursor is given back where its commit fails', async () => {
  const client = new MongoClient(`mongodb://127.0.0.1:${server.port}/`)
  const collection = client.db('d').collection('g')
  await collection.insertMany(Array.from({ length: 10 }, (_, i) => ({ i, text: long.slice(0, 20_000) })))
  const pipeline = [{ $sort: { text: 1, i: -1 } }, { $group: { _id: '$i', t: { $first: '$text' } } }]
  const { database } = opened
  const begin = database.beginAlone.bind(database)
  database.beginAlone = (...options) => {
    const transaction = begin(...options)
    transaction.commit = () => {
      throw new PolylogError('serialization_failure', 'planted')
    }
    return transaction
  }
  const failing = collection.aggregate(pipeline, { batchSize: 2 }).next()
  await expect(failing.finally(() => (database.beginAlone = begin))).rejects.toThrow('planted')
  expect(heldPaths().filter((path) => path.endsWith('the cursor'))).toEqual([])
  await client.close()
})

const heldPaths = (): string[] =>
  Array.from(memory.root.holders(), ({ path }) => path.join(' / ').replaceAll(/[0-9]+/g, 'n'))

test('a cursor does not keep the buffer that its request has come in', async () => {
  const client = new MongoClient(`mongodb://127.0.0.1:${server.port}/`, { maxPoolSize: 1 })
  const collection = client.db('d').collection('h')
  // Their buffer is used on by the messages behind them.
  await collection.insertMany(Array.from({ length: 10 }, (_, i) => ({ i, text: long })))
  const before = memory.cursors.usedBytes
  const cursor = collection.find({}, { batchSize: 2 })
  await cursor.next()
  expect(memory.cursors.usedBytes - before).toBeLessThan(mebibyte / 8)
  await client.close()
  await allIsFreed()
})

test('polylog.memory tells who holds how much', async () => {
  await withPostgres(async (client) => {
    await client.query(`SET a.b = '${long}'`)
    const { rows } = await client.query<{ path: string; used_bytes: string }>('SELECT * FROM polylog.memory')
    const settings = rows.find(({ path }) => path.endsWith('the settings of a connection'))!
    expect(settings.path).toMatch(
      /^the server \/ all statements together \/ the database polylog \/ the user me \/ the session \d+ \/ the settings/,
    )
    expect(Number(settings.used_bytes)).toBeGreaterThan(long.length)
    expect(rows.map(({ path }) => path)).toEqual(expect.arrayContaining(['the server', 'the server / stored data']))
  })
  await allIsFreed()
})

test('rows of a loop that ends transactions are let go of with their block', async () => {
  await withPostgres(async (client) => {
    const loop = (then: string): string => `do $$ declare r record; begin
      for r in select repeat('x', 1000) from generate_series(1, 5000) loop commit; ${then}; end loop; end $$`
    // The accounts, too: each loop has one.
    const before = heldPaths()
    await client.query(loop('exit'))
    expect(heldPaths()).toEqual(before)
    await expect(client.query(loop('perform 1 / 0'))).rejects.toThrow('division by zero')
    expect(heldPaths()).toEqual(before)
  })
})
