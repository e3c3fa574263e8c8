import { afterEach, beforeEach, expect, it } from 'vitest'
import { reclaimExpired } from '../../model/keyvalue/expiry.ts'
import { findDatabase } from './databases.ts'
import { openTestServer, type TestClient, type TestServer } from './testing.ts'

let server: TestServer
let client: TestClient

beforeEach(async () => {
  server = await openTestServer()
  client = server.connect()
})
afterEach(() => server.close())

async function executeBlock(): Promise<string> {
  await client.sendLine('MULTI')
  await client.sendLine('SET done 1')
  return client.sendLine('EXEC')
}

it('a key of a database that nobody has written to is watched, also where it is gone again', async () => {
  await client.sendLine('SELECT 3')
  await client.sendLine('WATCH k')
  await client.sendLine('SET k 1')
  await client.sendLine('DEL k')
  expect(await executeBlock()).toBe('(null array)')
})

it('another key of that database does not matter', async () => {
  await client.sendLine('SELECT 3')
  await client.sendLine('WATCH k')
  await client.sendLine('SET other 1')
  expect(await executeBlock()).toBe('[+OK]')
})

it.each(['FLUSHALL', 'FLUSHDB'])('%s changes nothing of a key that is not there', async (flush) => {
  await client.sendLine('MSET k 1 other 1')
  await client.sendLine('DEL k')
  await client.sendLine('WATCH k')
  await client.sendLine(flush)
  expect(await executeBlock()).toBe('[+OK]')
  await client.sendLine('WATCH k')
  await client.sendLine('SET k 1')
  await client.sendLine(flush)
  expect(await executeBlock()).toBe('(null array)')
  await client.sendLine('SET k 1')
  await client.sendLine('WATCH k')
  await client.sendLine(flush)
  expect(await executeBlock()).toBe('(null array)')
})

it('what is left of a key that had expired before may go', async () => {
  await client.sendLine('SET k 1 PX 1')
  while ((await client.sendLine('EXISTS k')) === ':1');
  expect(await client.sendLine('WATCH k')).toBe('+OK')
  const session = server.sessions.openSession({ user: 'default', door: 'redis' })
  await session.run((tx) => void reclaimExpired(tx, findDatabase(tx.catalog, 0)!, 10))
  session.close()
  expect(await executeBlock()).toBe('[+OK]')
})
