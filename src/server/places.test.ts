/** The last places for connections are for superusers; and limits as each door's own words show and change them. */
import { createConnection } from 'node:net'
import { BSON } from 'mongodb'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { Host } from '../host/host.ts'
import { TlsDoors } from './testing-tls.ts'

const doors = new TlsDoors()
const admin = { user: 'ada', password: 'geheim' }
const bob = { user: 'bob', password: 'geheim' }
const most = 8
/** What was asked of the clock. */
let delaysMs: number[]

beforeEach(async () => {
  delaysMs = []
  const host: Host = {
    ...doors.host,
    at: (delayMs, run) => {
      delaysMs.push(delayMs)
      return doors.host.at(delayMs, run)
    },
  }
  await doors.start({}, host, { connections: { most, reserved: 3 } })
  await doors.sessions.principals.create('ada', { login: true, superuser: true, password: 'geheim' })
  await doors.sessions.principals.create('bob', { login: true, password: 'geheim' })
})
afterEach(() => doors.end())

const free = (): number => doors.sessions.connections.free
const refusal = 'remaining connection slots are reserved for non-replication superuser connections'

async function fill(): Promise<void> {
  for (let count = 0; count < most - 3; count++) await doors.postgres(undefined, bob)
  expect(free()).toBe(3)
}

test('who is no superuser hears at each door that the rest is reserved', async () => {
  await fill()
  await expect(doors.postgres(undefined, bob)).rejects.toMatchObject({ code: '53300', message: refusal })
  const redis = doors.redis(undefined)
  await expect(redis.call('AUTH', 'bob', 'geheim')).rejects.toThrow(`ERR max number of clients reached: ${refusal}`)
  // It has not come in, and may come in as somebody else.
  await expect(redis.get('a')).rejects.toThrow('NOAUTH')
  expect(await redis.call('AUTH', 'ada', 'geheim')).toBe('OK')
  redis.disconnect()
  await vi.waitUntil(() => free() === 3, 60_000)
  await expect(doors.mongo({}, bob).db('a').command({ ping: 1 })).rejects.toMatchObject({ code: 18 })
})

test.each([
  ['PostgreSQL', async () => void (await (await doors.postgres(undefined, admin)).query('SELECT 1'))],
  ['Redis', async () => void (await doors.redis(undefined, admin).ping())],
  ['MongoDB', async () => void (await doors.mongo({}, admin).db('a').command({ ping: 1 }))],
])('a superuser comes in by the door of %s', async (_door, work) => {
  await fill()
  await work()
  expect(free()).toBeLessThan(3)
})

test('who is in stays in, whatever it does', async () => {
  const redis = doors.redis(undefined, bob)
  await redis.ping()
  for (let count = 1; count < most - 3; count++) await doors.postgres(undefined, bob)
  await doors.postgres(undefined, admin)
  expect(await redis.call('AUTH', 'bob', 'geheim')).toBe('OK')
  expect(await redis.ping()).toBe('PONG')
})

test('who only looks whether the server is there keeps no such place for long', async () => {
  await fill()
  const head = Buffer.alloc(21)
  const hello = Buffer.concat([head, BSON.serialize({ hello: 1, $db: 'admin' })])
  for (const [at, word] of [hello.length, 1, 0, 2013, 0].entries()) hello.writeInt32LE(word, 4 * at)
  delaysMs.length = 0
  const socket = createConnection({ host: '127.0.0.1', port: doors.server.port }, () => socket.write(hello))
  doors.ends.push(() => socket.destroy())
  expect((await new Promise<Buffer>((resolve) => socket.once('data', resolve))).toString('latin1')).toContain(
    'isWritablePrimary',
  )
  expect(delaysMs).not.toContain(60_000)
})

test('PostgreSQL shows them, and says that they are of the start', async () => {
  const client = await doors.postgres(undefined, admin)
  for (const [name, value] of [
    ['max_connections', '8'],
    ['superuser_reserved_connections', '3'],
  ] as const) {
    expect((await client.query(`SHOW ${name}`)).rows).toEqual([{ [name]: value }])
    await expect(client.query(`SET ${name} = 5`)).rejects.toMatchObject({ code: '55P02' })
  }
})

test('CONFIG changes all that it names, or nothing, in the words of redis-server 7', async () => {
  const redis = doors.redis(undefined, admin)
  const set = (...words: string[]): Promise<unknown> => redis.call('CONFIG', 'SET', ...words)
  expect(await redis.config('GET', 'timeout')).toEqual(['timeout', '0'])
  expect(await set('timeout', '300', 'MaxClients', '100')).toBe('OK')
  expect(await redis.config('GET', 'timeout')).toEqual(['timeout', '300'])
  expect(doors.sessions.connections.most).toBe(100)
  const failed = (name: string, why: string): string =>
    `ERR CONFIG SET failed (possibly related to argument '${name}') - ${why}`
  for (const [words, error] of [
    [['timeout', 'abc'], failed('timeout', "argument couldn't be parsed into an integer")],
    [['TIMEOUT', '1.5'], failed('timeout', "argument couldn't be parsed into an integer")],
    [['maxclients', '0'], failed('maxclients', 'argument must be between 1 and 4294967295 inclusive')],
    [['timeout', '-1'], failed('timeout', 'argument must be between 0 and 2147483647 inclusive')],
    [['timeout', '5', 'TIMEOUT', '6'], failed('TIMEOUT', 'duplicate parameter')],
    [['databases', '3'], failed('databases', "can't set immutable config")],
    [['timeout', '5', 'maxclients'], 'ERR syntax error'],
    [['timeout', '7', 'nosuch', '1'], "ERR Unknown option or number of arguments for CONFIG SET - 'nosuch'"],
  ] as const) {
    await expect(set(...words)).rejects.toThrow(error)
  }
  expect(await redis.config('GET', 'timeout')).toEqual(['timeout', '300'])
  expect(await redis.config('GET', 'client-*')).toEqual([
    'client-output-buffer-limit',
    'normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60',
    'client-query-buffer-limit',
    `${64 * 1024 * 1024}`,
  ])
})

test('MongoDB: getParameter and setParameter', async () => {
  const database = doors.mongo({}, admin).db('admin')
  expect(await database.command({ getParameter: 1, cursorTimeoutMillis: 1 })).toMatchObject({
    cursorTimeoutMillis: 600_000,
  })
  expect(await database.command({ getParameter: '*' })).toMatchObject({
    authenticationMechanisms: ['SCRAM-SHA-256', 'MONGODB-X509'],
    featureCompatibilityVersion: { version: '7.0' },
  })
  expect(await database.command({ setParameter: 1, cursorTimeoutMillis: 1000 })).toMatchObject({ was: 600_000 })
  expect(await database.command({ getParameter: 1, cursorTimeoutMillis: 1 })).toMatchObject({
    cursorTimeoutMillis: 1000,
  })
  for (const [command, code] of [
    [{ getParameter: 1, nosuch: 1 }, 72],
    [{ getParameter: 1 }, 72],
    [{ setParameter: 1, nosuch: 1 }, 72],
    [{ setParameter: 1, authenticationMechanisms: 'PLAIN' }, 20],
    [{ setParameter: 1, cursorTimeoutMillis: 0 }, 2],
    [{ setParameter: 1, cursorTimeoutMillis: 'x' }, 2],
  ] as const) {
    await expect(database.command(command)).rejects.toMatchObject({ code })
  }
  const status = await database.command({ serverStatus: 1 })
  expect(status).toMatchObject({ connections: { available: free() } })
  const limited = doors.mongo({}, bob).db('admin')
  await expect(limited.command({ setParameter: 1, cursorTimeoutMillis: 5 })).rejects.toMatchObject({ code: 13 })
})
