/** What is looked after without a command: other doors' writes above `maxmemory`, and `maxmemory-clients`. */
import { afterEach, beforeEach, expect, it } from 'vitest'
import { sliceOf } from '../../../base/slice.ts'
import { setString } from '../../../model/keyvalue/strings.ts'
import { findDatabase } from '../databases.ts'
import { openTestServer, type TestClient, type TestServer } from '../testing.ts'

let server: TestServer
let client: TestClient

beforeEach(async () => {
  server = await openTestServer()
  client = server.connect()
})
afterEach(() => server.close())

async function fact(name: string): Promise<number> {
  const info = JSON.parse((await client.sendLine('INFO everything')).replace(/^=/, '')) as string
  return Number(new RegExp(`${name}:(\\d+)`).exec(info)![1])
}

async function until(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo())) await new Promise((resolve) => setTimeout(resolve, 10))
}

/** Two thirds of a command, as they would come. */
function fill(one: TestClient): void {
  one.sendBytes('*2\r\n$4\r\nECHO\r\n$3000000\r\n')
  for (let i = 0; i < 32; i++) one.sendBytes('x'.repeat(64 * 1024))
}

it('keys go for what the library has written', async () => {
  for (let i = 0; i < 300; i++) await client.send('SET', `key:${i}`, 'x'.repeat(500))
  await client.sendLine('CONFIG SET maxmemory-policy allkeys-random')
  const most = (await fact('used_memory')) + 50_000
  await client.sendLine(`CONFIG SET maxmemory ${most}`)
  const writer = server.sessions.openSession({ user: 'test', door: 'test' })
  await writer.run((tx) => {
    const space = findDatabase(tx.catalog, 0)!
    for (let i = 0; i < 300; i++) setString(tx, space, sliceOf(Buffer.from(`other:${i}`)), sliceOf(Buffer.alloc(500)))
  })
  await until(async () => (await fact('evicted_keys')) > 0 && (await fact('used_memory')) <= most)
  writer.close()
})

it('what a snapshot has kept while keys went counts no more once it has gone', async () => {
  for (let i = 0; i < 300; i++) await client.send('SET', `key:${i}`, 'x'.repeat(500))
  const reader = server.sessions.openSession({ user: 'test', door: 'test' })
  reader.begin({ isolation: 'repeatable read', readOnly: true })
  await reader.run((tx) => void tx.catalog.version)
  await client.sendLine('CONFIG SET maxmemory-policy allkeys-random')
  const most = (await fact('used_memory')) - 60_000
  await client.sendLine(`CONFIG SET maxmemory ${most}`)
  await until(async () => (await fact('evicted_keys')) > 0)
  expect(await fact('used_memory')).toBeGreaterThan(most)
  await reader.rollback()
  await until(async () => (await fact('used_memory')) <= most)
  const evicted = await fact('evicted_keys')
  const writer = server.sessions.openSession({ user: 'test', door: 'test' })
  const bytes = most - (await fact('used_memory')) + 20_000
  await writer.run((tx) => {
    const space = findDatabase(tx.catalog, 0)!
    setString(tx, space, sliceOf(Buffer.from('other')), sliceOf(Buffer.alloc(bytes)))
  })
  await until(async () => (await fact('evicted_keys')) > evicted)
  for (const session of [reader, writer]) session.close()
})

it('clients that hold most have to go', async () => {
  const large = server.connect()
  const kept = server.connect()
  await kept.sendLine('CLIENT NO-EVICT on')
  for (const one of [large, kept]) fill(one)
  await client.sendLine('CONFIG SET maxmemory-clients 1000000')
  await until(async () => large.socket.isClosed)
  expect(kept.socket.isClosed).toBe(false)
  expect(client.socket.isClosed).toBe(false)
  expect(await fact('evicted_clients')).toBe(1)
})

it('a percentage is one of maxmemory', async () => {
  const large = server.connect()
  fill(large)
  await client.sendLine('CONFIG SET maxmemory-clients 1%')
  expect(await large.isWaiting()).toBe(true)
  await client.sendLine('CONFIG SET maxmemory 100000000')
  await until(async () => large.socket.isClosed)
  expect(await fact('evicted_clients')).toBe(1)
})

it('nothing goes while clients are paused', async () => {
  for (let i = 0; i < 300; i++) await client.send('SET', `key:${i}`, 'x'.repeat(500))
  await client.sendLine('CONFIG SET maxmemory-policy allkeys-random')
  await client.sendLine('CLIENT PAUSE 100000 WRITE')
  await client.sendLine('CONFIG SET maxmemory 1')
  await new Promise((resolve) => setTimeout(resolve, 150))
  expect(await client.sendLine('DBSIZE')).toBe(':300')
  await client.sendLine('CLIENT UNPAUSE')
  await until(async () => (await client.sendLine('DBSIZE')) === ':0')
})
