/** One registry, seen through every door. */
import { Redis } from 'ioredis'
import { MongoClient } from 'mongodb'
import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createRealHost } from '../host/real/real-host.ts'
import { openTestSessions, type TestSessions } from '../session/testing.ts'
import { Server } from './server.ts'

let opened: TestSessions
let server: Server
let redis: Redis
let holder: pg.Client
let waiter: pg.Client
let mongo: MongoClient

/** Time that has passed for the server beside the machine's. */
let passedUs = 0

beforeAll(async () => {
  const real = createRealHost()
  opened = await openTestSessions({ host: { ...real, monotonic: () => real.monotonic() + passedUs } })
  server = await Server.listen(opened.database.host, opened.sessions, { port: 0 })
  const { port } = server
  redis = new Redis(port)
  const options = { host: '127.0.0.1', port, user: 'me', database: 'polylog' }
  holder = new pg.Client(options)
  waiter = new pg.Client(options)
  await Promise.all([holder.connect(), waiter.connect()])
  mongo = await new MongoClient(`mongodb://127.0.0.1:${port}/`).connect()
  await holder.query('CREATE TABLE account (id int PRIMARY KEY, balance int)')
  await holder.query('INSERT INTO account VALUES (1, 10)')
})

afterAll(async () => {
  redis.disconnect()
  await Promise.all([holder.end(), waiter.end(), mongo.close()])
  await server.close()
  await opened.close()
})

async function info(section: string): Promise<Map<string, string>> {
  const lines = (await redis.info(section)).split('\r\n').filter((line) => line.includes(':'))
  return new Map(lines.map((line) => line.split(':', 2) as [string, string]))
}

test('a statement that waits for a lock is seen at every door, and can be killed by another', async () => {
  await holder.query('BEGIN')
  await holder.query('UPDATE account SET balance = 11')
  const text = 'UPDATE account SET balance = 12'
  const waiting = waiter.query(text).catch((error: unknown) => (error as { code: string }).code)
  const seen = async (): Promise<Record<string, unknown>[]> => {
    const sql = 'SELECT pid, state, query, wait_event_type FROM pg_stat_activity WHERE query = $1'
    return (await holder.query<Record<string, unknown>>(sql, [text])).rows
  }
  for (let tries = 0; tries < 1000 && (await seen()).length === 0; tries++);
  const [row] = await seen()
  expect(row).toMatchObject({ state: 'active', wait_event_type: 'Lock' })
  const { rows: blocked } = await holder.query<Record<string, unknown>>(
    `SELECT pg_blocking_pids($1) = ARRAY[pg_backend_pid()] AS by_us, pg_blocking_pids(pg_backend_pid()) AS us,
       pg_isolation_test_session_is_blocked($1, ARRAY[0, pg_backend_pid()]) AS tested,
       pg_isolation_test_session_is_blocked($1, '{0}') AS by_others,
       (SELECT count(*)::int FROM polylog.lock_waits WHERE session = $1) AS waits`,
    [row!['pid']],
  )
  expect(blocked).toEqual([{ by_us: true, us: [], tested: true, by_others: false, waits: 1 }])
  const { inprog } = await mongo.db('admin').command({ currentOp: 1 })
  const op = (inprog as Record<string, unknown>[]).find(
    ({ command }) => (command as { statement: string }).statement === text,
  )
  expect(op).toMatchObject({ opid: row!['pid'], waitingForLock: true, desc: 'postgres' })
  await mongo.db('admin').command({ killOp: 1, op: op!['opid'] })
  expect(await waiting).toBe('57014')
  await holder.query('ROLLBACK')
  expect(await seen()).toEqual([])
})

test('counts are those of each door', async () => {
  const before = await info('stats')
  await redis.set('k', 'v')
  await redis.set('k', 'v', 'NOPE' as never).catch(() => undefined)
  await redis.hset('k', 'f', 'v').catch(() => undefined)
  const after = await info('stats')
  const grown = (name: string): number => Number(after.get(name)) - Number(before.get(name))
  expect(grown('total_commands_processed')).toBe(4)
  expect(grown('total_error_replies')).toBe(2)
  expect(grown('total_net_input_bytes')).toBeGreaterThan(80)
  expect(grown('total_net_output_bytes')).toBeGreaterThan(80)
  expect((await info('clients')).get('connected_clients')).toBe('1')
  expect(Number((await info('memory')).get('used_memory_rss'))).toBeGreaterThan(1_000_000)

  const things = mongo.db('shop').collection('things')
  const status = (): Promise<Record<string, Record<string, number>>> => mongo.db('admin').command({ serverStatus: 1 })
  const first = await status()
  await things.insertOne({ a: 1 })
  await things.find().toArray()
  const second = await status()
  expect(second['opcounters']!['insert']! - first['opcounters']!['insert']!).toBe(1)
  expect(second['opcounters']!['query']! - first['opcounters']!['query']!).toBe(1)
  expect(second['network']!['bytesIn']!).toBeGreaterThan(first['network']!['bytesIn']!)

  const sql = "SELECT xact_commit, xact_rollback, numbackends FROM pg_stat_database WHERE datname = 'polylog'"
  const { rows } = await holder.query<Record<string, string>>(sql)
  await holder.query('SELECT 1/0').catch(() => undefined)
  await holder.query('SELECT 1')
  const { rows: later } = await holder.query<Record<string, string>>(sql)
  const more = (name: string): number => Number(later[0]![name]) - Number(rows[0]![name])
  expect([more('xact_commit') >= 2, more('xact_rollback')]).toEqual([true, 1])
  const doors = await holder.query<Record<string, string>>(
    'SELECT door FROM polylog.doors WHERE connections_open > 0 ORDER BY door',
  )
  expect(doors.rows.map(({ door }) => door)).toEqual(['mongodb', 'postgres', 'redis'])
})

test('CONFIG RESETSTAT begins anew for Redis, and for nobody else', async () => {
  const requests = async (): Promise<number> => {
    const { rows } = await holder.query<{ requests: string }>("SELECT requests FROM polylog.doors WHERE door = 'redis'")
    return Number(rows[0]!.requests)
  }
  const before = await requests()
  await redis.config('RESETSTAT')
  expect(Number((await info('stats')).get('total_commands_processed'))).toBeLessThan(3)
  expect(await requests()).toBeGreaterThan(before)
})

/** What there is of it, asked for until it is there. */
async function until<T>(ask: () => Promise<T | undefined>): Promise<T> {
  for (let tries = 0; tries < 2000; tries++) {
    const found = await ask()
    if (found !== undefined) return found
  }
  throw new Error('what was waited for has not come')
}

async function rowsOf(sql: string, values: unknown[] = []): Promise<Record<string, unknown>[]> {
  return (await holder.query<Record<string, unknown>>(sql, values)).rows
}

test('a command of Redis that waits for a transaction of PostgreSQL is seen as such at every door', async () => {
  const waiting = new Redis(server.port, { connectionName: 'waits-here' })
  await waiting.set('shared', '1')
  await holder.query("SET application_name = 'the holder'")
  await holder.query('BEGIN')
  const [collection] = await rowsOf("SELECT namespace, name FROM polylog.collections WHERE model = 'keyvalue'")
  const relname = collection!['name'] as string
  await holder.query(`DELETE FROM "${String(collection!['namespace'])}"."${relname}" WHERE key = 'shared'`)
  const answer = waiting.append('shared', 'x')
  const blocked = async (): Promise<string | undefined> => (await info('clients')).get('blocked_clients')
  await until(async () => ((await blocked()) === '1' ? true : undefined))
  const list = String(await redis.client('LIST'))
  expect(list).toMatch(/name=waits-here .*flags=b .*cmd=append/)
  expect(list.split('\n').filter((line) => line.includes('flags=N'))).toHaveLength(1)

  const [active] = await rowsOf("SELECT * FROM pg_stat_activity WHERE query = 'append shared'")
  expect(active).toMatchObject({
    application_name: 'waits-here',
    client_addr: expect.stringContaining('127.0.0.1'),
    wait_event_type: 'Lock',
    state: 'active',
    backend_type: 'client backend',
  })
  for (const name of ['backend_start', 'xact_start', 'query_start']) expect(active![name]).toBeInstanceOf(Date)
  expect(Number(active!['client_port'])).toBeGreaterThan(0)
  const [own] = await rowsOf('SELECT pid, query, state FROM pg_stat_activity WHERE pid = pg_backend_pid()')
  expect(own).toMatchObject({ query: expect.stringContaining('pg_backend_pid()'), state: 'active' })

  const held = await rowsOf(
    'SELECT pid, mode, granted, c.relname FROM pg_locks JOIN pg_class c ON c.oid = relation ORDER BY granted',
  )
  expect(held).toContainEqual({ pid: active!['pid'], mode: expect.any(String) as string, granted: false, relname })
  expect(held).toContainEqual({ pid: own!['pid'], mode: expect.any(String) as string, granted: true, relname })

  const { inprog } = await mongo.db('admin').command({ currentOp: 1 })
  expect(inprog).toContainEqual(
    expect.objectContaining({
      opid: active!['pid'],
      desc: 'redis',
      waitingForLock: true,
      appName: 'waits-here',
    }),
  )
  const { globalLock } = await mongo.db('admin').command({ serverStatus: 1 })
  expect(globalLock).toMatchObject({ currentQueue: { total: 1 }, activeClients: { total: 1 } })

  passedUs += 300_000
  await holder.query('COMMIT')
  await answer
  expect(await blocked()).toBe('0')
  expect(await rowsOf('SELECT * FROM pg_locks')).toEqual([])
  const all = (await redis.slowlog('GET', 10)) as [number, number, number, string[], string, string][]
  const slow = all.filter(([, , , words]) => words[0] === 'append')
  expect(slow).toHaveLength(1)
  const [id, startedS, tookUs, words, , name] = slow[0]!
  expect([words, name]).toEqual([['append', 'shared', 'x'], 'waits-here'])
  expect(tookUs).toBeGreaterThanOrEqual(300_000)
  expect(Math.abs(startedS - Date.now() / 1000)).toBeLessThan(3600)
  expect(id).toBeGreaterThanOrEqual(0)
  expect(await redis.slowlog('LEN')).toBe(all.length)
  await redis.slowlog('RESET')
  expect(await redis.slowlog('LEN')).toBe(0)
  const [kept] = await rowsOf("SELECT statement, took_ms FROM polylog.slow_statements WHERE door = 'redis'")
  expect(kept).toMatchObject({ statement: 'append shared' })
  waiting.disconnect()
})

test('MongoDB counts operations, not commands', async () => {
  const things = mongo.db('shop').collection('counted')
  const counters = async (): Promise<Record<string, number>> =>
    (await mongo.db('admin').command({ serverStatus: 1 }))['opcounters'] as Record<string, number>
  const first = await counters()
  await things.insertMany([{ a: 1 }, { a: 2 }, { a: 3 }])
  await things.bulkWrite([1, 2].map((a) => ({ updateOne: { filter: { a }, update: { $inc: { b: 1 } } } })))
  await things.deleteMany({})
  const second = await counters()
  const grown = Object.fromEntries(['insert', 'update', 'delete'].map((kind) => [kind, second[kind]! - first[kind]!]))
  expect(grown).toEqual({ insert: 3, update: 2, delete: 1 })
})

test('a deadlock is counted in the database in which it happened, and every database has its row', async () => {
  await holder.query('INSERT INTO account VALUES (2, 10)')
  const deadlocks = async (): Promise<number> =>
    Number((await rowsOf("SELECT deadlocks FROM pg_stat_database WHERE datname = 'polylog'"))[0]!['deadlocks'])
  const before = await deadlocks()
  await holder.query('BEGIN')
  await waiter.query('BEGIN')
  await holder.query('UPDATE account SET balance = 1 WHERE id = 1')
  await waiter.query('UPDATE account SET balance = 1 WHERE id = 2')
  const first = waiter.query('UPDATE account SET balance = 2 WHERE id = 1').catch((error: unknown) => error)
  const second = await holder.query('UPDATE account SET balance = 2 WHERE id = 2').catch((error: unknown) => error)
  await Promise.all([holder.query('ROLLBACK'), first])
  await waiter.query('ROLLBACK')
  expect([second, await first].some((error) => (error as { code?: string })?.code === '40P01')).toBe(true)
  expect(await deadlocks()).toBe(before + 1)
})

test('what is in memory only is not said to be on a disk', async () => {
  expect((await info('persistence')).get('aof_enabled')).toBe('0')
  expect(await redis.config('GET', 'appendonly')).toEqual(['appendonly', 'no'])
  const { storageEngine } = await mongo.db('admin').command({ serverStatus: 1 })
  expect(storageEngine).toMatchObject({ persistent: false })
  expect((await info('replication')).get('role')).toBe('master')
  expect(await rowsOf('SELECT pg_is_in_recovery() AS follows')).toEqual([{ follows: false }])
})

test('times to live are averaged, and the server started once', async () => {
  await redis.set('mortal', '1', 'EX', 1000)
  await redis.set('other', '1', 'EX', 3000)
  const line = (await info('keyspace')).get('db0')!
  const average = Number(/avg_ttl=(\d+)/.exec(line)![1])
  expect(average).toBeGreaterThan(1_000_000)
  expect(average).toBeLessThanOrEqual(2_000_000)
  const [one] = await rowsOf('SELECT pg_postmaster_start_time() AS at')
  const [two] = await rowsOf('SELECT pg_postmaster_start_time() AS at')
  expect(one).toEqual(two)
})

test('CLIENT PAUSE keeps keys whose time is over, as it keeps what would write', async () => {
  await redis.config('RESETSTAT')
  await redis.call('CLIENT', 'PAUSE', '100000', 'WRITE')
  const writer = new Redis(server.port)
  const set = writer.psetex('pause:before', 500, 'v')
  await redis.call('CLIENT', 'UNPAUSE')
  await set
  await redis.call('CLIENT', 'PAUSE', '100000', 'WRITE')
  while ((await redis.get('pause:before')) !== null) await new Promise((resolve) => setTimeout(resolve, 50))
  await new Promise((resolve) => setTimeout(resolve, 400))
  expect((await info('stats')).get('expired_keys')).toBe('0')
  await redis.call('CLIENT', 'UNPAUSE')
  while ((await info('stats')).get('expired_keys') !== '1') await new Promise((resolve) => setTimeout(resolve, 20))
  writer.disconnect()
})
