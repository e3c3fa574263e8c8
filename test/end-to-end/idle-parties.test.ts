/** Parties that fall silent: a transaction that others wait for is aborted after its idle timeout. */
import type { Socket } from 'node:net'
import type pg from 'pg'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import type { Host } from '../../src/host/host.ts'
import { createRealHost } from '../../src/host/real/real-host.ts'
import { startServer, type RunningServer } from '../../src/server/server.ts'
import { Clients, failureOf, readToken } from './clients.ts'

/** Found again among the server's timers by its length, which no other has. */
const idleTimeoutMs = 1_234_567

/** The timers of that length that run. They are over when the test says so. */
const silences = new Set<() => void>()

function passIdleTime(): void {
  const over = [...silences]
  silences.clear()
  for (const end of over) end()
}

async function somebodyIsTimed(): Promise<void> {
  await expect.poll(() => silences.size).toBeGreaterThan(0)
}

let server: RunningServer
let clients: Clients

beforeAll(async () => {
  const real = createRealHost()
  const at: Host['at'] = (delayMs, run) => {
    if (delayMs !== idleTimeoutMs) return real.at(delayMs, run)
    silences.add(run)
    return () => silences.delete(run)
  }
  server = await startServer({ instance: { host: { ...real, at } }, server: { port: 0 }, sessions: { idleTimeoutMs } })
  clients = new Clients(server.server.port)
  const postgres = await clients.postgres()
  await postgres.query('CREATE TABLE entries (entry text PRIMARY KEY)')
})

beforeEach(() => {
  silences.clear()
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
  const leaving = redis.call('POLYLOG.LEAVE')
  await somebodyIsTimed()
  passIdleTime()
  expect(await leaving).toBe('aborted')
  expect((await failureOf(postgres.query('SELECT 1'))).code).toBe('25P02')
  expect((await postgres.query('COMMIT')).command).toBe('ROLLBACK')
  expect(await redis.exists('idle')).toBe(0)
  expect((await postgres.query('SELECT * FROM entries')).rows).toEqual([])
})

test('statements keep it open', async () => {
  const [postgres, redis] = [await clients.postgres(), clients.redis()]
  await postgres.query('BEGIN')
  await redis.call('POLYLOG.JOIN', await readToken(postgres))
  for (let i = 0; i < 5; i++) {
    await redis.incr('busy')
    // Each begins the time anew, and the time before counts no more.
    const [running, ...others] = silences
    expect(running).toBeDefined()
    expect(others).toEqual([])
    await redis.incr('busy')
    expect(silences.has(running!)).toBe(false)
  }
  expect((await postgres.query('COMMIT')).command).toBe('COMMIT')
  expect(await redis.call('POLYLOG.LEAVE')).toBe('committed')
  expect(silences.size).toBe(0)
})

test('a transaction that nobody has joined may take its time', async () => {
  const postgres = await clients.postgres()
  await postgres.query('BEGIN')
  await readToken(postgres)
  expect(silences.size).toBe(0)
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
  passIdleTime()
  const setting = failureOf(redis.set('stuck', 'x'))
  // Where a socket's buffers have taken something meanwhile, the time begins anew.
  const passing = setInterval(passIdleTime, 5)
  const committing = postgres.query('COMMIT').finally(() => clearInterval(passing))
  expect((await committing).command).toBe('ROLLBACK')
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
  expect(silences.size).toBe(0)
  stream.resume()
  expect((await selecting).rowCount).toBe(500)
  expect((await postgres.query('COMMIT')).command).toBe('COMMIT')
  expect((await slow.query('COMMIT')).command).toBe('COMMIT')
})
