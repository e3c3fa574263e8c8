/** Parties that fall silent: a transaction that others wait for is aborted after its idle timeout. */
import type { Socket } from 'node:net'
import type pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createRealHost } from '../../src/host/real/real-host.ts'
import { startServer, type RunningServer } from '../../src/server/server.ts'
import { Clients, failureOf, readToken } from './clients.ts'

const idleTimeoutMs = 400

let server: RunningServer
let clients: Clients

beforeAll(async () => {
  server = await startServer({ instance: { host: createRealHost() }, server: { port: 0 }, sessions: { idleTimeoutMs } })
  clients = new Clients(server.server.port)
  const postgres = await clients.postgres()
  await postgres.query('CREATE TABLE entries (entry text PRIMARY KEY)')
})

afterAll(async () => {
  await clients.close()
  await server.stop()
})

test('a joined party that waits for the decision hears that the transaction was aborted', async () => {
  const [postgres, redis] = [await clients.postgres(), clients.redis()]
  await postgres.query('BEGIN')
  await postgres.query("INSERT INTO entries VALUES ('idle')")
  await redis.call('POLYLOG.JOIN', await readToken(postgres))
  await redis.set('idle', 'x')
  expect(await redis.call('POLYLOG.LEAVE')).toBe('aborted')
  expect((await failureOf(postgres.query('SELECT 1'))).code).toBe('25P02')
  expect((await postgres.query('COMMIT')).command).toBe('ROLLBACK')
  expect(await redis.exists('idle')).toBe(0)
  expect((await postgres.query('SELECT * FROM entries')).rows).toEqual([])
})

test('statements keep it open', async () => {
  const [postgres, redis] = [await clients.postgres(), clients.redis()]
  await postgres.query('BEGIN')
  await redis.call('POLYLOG.JOIN', await readToken(postgres))
  const until = performance.now() + idleTimeoutMs * 2
  while (performance.now() < until) await redis.incr('busy')
  expect((await postgres.query('COMMIT')).command).toBe('COMMIT')
  expect(await redis.call('POLYLOG.LEAVE')).toBe('committed')
})

test('a transaction that nobody has joined may take its time', async () => {
  const postgres = await clients.postgres()
  await postgres.query('BEGIN')
  await readToken(postgres)
  await new Promise((resolve) => setTimeout(resolve, idleTimeoutMs * 2))
  expect((await postgres.query('COMMIT')).command).toBe('COMMIT')
})

/** More than any socket's buffers take. */
const manyRows = "SELECT repeat('x', 100000) FROM generate_series(1, 500)"

/** Begins to read the answer and stops. */
async function stopReading(client: pg.Client): Promise<Socket> {
  const { stream } = (client as unknown as { connection: { stream: Socket } }).connection
  await new Promise((resolve) => stream.once('data', resolve))
  return stream.pause()
}

test('a party that does not read what it has asked for does not hold up the others for longer', async () => {
  const [postgres, stuck, redis] = [await clients.postgres(), await clients.postgres(), clients.redis()]
  await postgres.query('BEGIN')
  await postgres.query("INSERT INTO entries VALUES ('stuck')")
  const token = await readToken(postgres)
  await redis.call('POLYLOG.JOIN', token)
  await stuck.query('BEGIN')
  await stuck.query('SELECT polylog_join($1)', [token])
  const selecting = failureOf(stuck.query(manyRows))
  const stream = await stopReading(stuck)
  const setting = failureOf(redis.set('stuck', 'x'))
  expect((await postgres.query('COMMIT')).command).toBe('ROLLBACK')
  expect((await setting).message).toMatch(/^POLYLOGENDED aborted/)
  expect(await redis.call('POLYLOG.LEAVE')).toBe('aborted')
  stream.resume()
  expect((await selecting).code).toBe('25P02')
  expect((await stuck.query('COMMIT')).command).toBe('ROLLBACK')
  expect((await stuck.query("SELECT count(*)::int AS n FROM entries WHERE entry = 'stuck'")).rows).toEqual([{ n: 0 }])
})

test('a party that reads late is waited for where nobody else waits', async () => {
  const [postgres, slow] = [await clients.postgres(), await clients.postgres()]
  await postgres.query('BEGIN')
  const token = await readToken(postgres)
  await slow.query('BEGIN')
  await slow.query('SELECT polylog_join($1)', [token])
  const selecting = slow.query(manyRows)
  const stream = await stopReading(slow)
  await new Promise((resolve) => setTimeout(resolve, idleTimeoutMs * 2))
  stream.resume()
  expect((await selecting).rowCount).toBe(500)
  expect((await postgres.query('COMMIT')).command).toBe('COMMIT')
  expect((await slow.query('COMMIT')).command).toBe('COMMIT')
})
