/** Parties that fall silent: a transaction that others wait for is aborted after its idle timeout. */
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
