/** One registry, seen through every door. */
import { Redis } from 'ioredis'
import { MongoClient } from 'mongodb'
import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openTestSessions, type TestSessions } from '../session/testing.ts'
import { Server } from './server.ts'

let opened: TestSessions
let server: Server
let redis: Redis
let holder: pg.Client
let waiter: pg.Client
let mongo: MongoClient

beforeAll(async () => {
  opened = await openTestSessions()
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
