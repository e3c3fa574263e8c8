/** keyspace_hits and keyspace_misses: as redis-server 7.0.15 counts the same commands. */
import { afterEach, beforeEach, expect, it } from 'vitest'
import { openTestServer, type TestClient, type TestServer } from './testing.ts'

let server: TestServer
let client: TestClient

beforeEach(async () => {
  server = await openTestServer()
  client = server.connect()
})
afterEach(() => server.close())

async function counted(): Promise<string> {
  const info = await client.sendLine('INFO stats')
  const [, hits, misses] = /keyspace_hits:(\d+).*keyspace_misses:(\d+)/s.exec(info)!
  return `${hits} ${misses}`
}

it.each([
  ['GET k', '1 0'],
  ['GET none', '0 1'],
  ['MGET k none k', '2 1'],
  ['SET k v', '0 0'],
  ['INCR n', '0 0'],
  ['HGET h f', '1 0'],
  ['HGET h none', '1 0'],
  ['HGETALL none', '0 1'],
  ['EXISTS k none', '1 1'],
  ['TTL k', '1 0'],
  ['GETEX k PERSIST', '1 0'],
  ['DEL none', '0 0'],
  ["EVAL \"redis.call('set', KEYS[1], 1) return redis.call('get', KEYS[1])\" 1 s", '1 0'],
])('%s', async (line, count) => {
  await client.sendLine('SET k v')
  await client.sendLine('HSET h f v')
  await client.sendLine('CONFIG RESETSTAT')
  await client.sendLine(line)
  expect(await counted()).toBe(count)
})

it('are counted of what EXEC runs, and begin anew', async () => {
  await client.sendLine('MULTI')
  await client.sendLine('GET none')
  await client.sendLine('SET k v')
  await client.sendLine('GET k')
  await client.sendLine('EXEC')
  expect(await counted()).toBe('1 1')
  await client.sendLine('CONFIG RESETSTAT')
  expect(await counted()).toBe('0 0')
})
