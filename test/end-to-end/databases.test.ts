/** Several databases in one server: made by SQL, chosen by every door in its own way, apart from each other. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { MongoClient } from 'mongodb'
import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Clients, failureOf } from './clients.ts'
import { RawConnection } from './raw-connection.ts'
import { ServerProcess } from './server-process.ts'

let folder: string
let server: ServerProcess
let clients: Clients

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'polylog-databases-'))
  server = await ServerProcess.start('--data', folder)
  clients = new Clients(server.port)
})

afterAll(async () => {
  await clients.close()
  await server.stop()
  await rm(folder, { recursive: true })
})

async function inDatabase(database: string, query: string): Promise<unknown[]> {
  const client = new pg.Client({ host: '127.0.0.1', port: server.port, user: 'me', database })
  await client.connect()
  try {
    return (await client.query<unknown[]>({ text: query, rowMode: 'array' })).rows
  } finally {
    await client.end()
  }
}

async function insertByMongo(): Promise<void> {
  const client = await MongoClient.connect(`mongodb://127.0.0.1:${server.port}/?appName=polylog:second`)
  try {
    await client.db('shop').collection('orders').insertOne({ total: 7 })
  } finally {
    await client.close()
  }
}

test('a database is made, filled through all doors, kept, and seen by nobody else', async () => {
  await inDatabase('polylog', 'CREATE DATABASE second')
  expect(await failureOf(inDatabase('polylog', 'CREATE DATABASE second'))).toMatchObject({ code: '42P04' })
  await inDatabase('second', 'CREATE TABLE only_here (id int PRIMARY KEY)')
  const redis = clients.redis()
  await redis.call('POLYLOG.USE', 'second')
  await redis.set('greeting', 'hello')
  await insertByMongo()
  await clients.close()
  await server.kill()
  server = await ServerProcess.start('--data', folder)
  clients = new Clients(server.port)
  // Nobody has opened it yet.
  const raw = await RawConnection.open(server.port)
  raw.send('PING\r\nPOLYLOG.USE second\r\nGET greeting\r\nPING\r\n')
  const replies = '+PONG\r\n+OK\r\n$5\r\nhello\r\n+PONG\r\n'
  await raw.until((received) => received.length >= replies.length)
  expect((await raw.end()).toString()).toBe(replies)
  expect(await inDatabase('second', 'SELECT total FROM shop.orders')).toEqual([[7]])
  expect(await inDatabase('second', 'SELECT key, value FROM redis.db0_string')).toEqual([['greeting', 'hello']])
  expect(await inDatabase('second', 'SELECT count(*)::int FROM only_here')).toEqual([[0]])
  expect(await inDatabase('polylog', 'SELECT datname FROM pg_database ORDER BY 1')).toEqual([['polylog'], ['second']])
  expect(await failureOf(inDatabase('polylog', 'SELECT * FROM only_here'))).toMatchObject({ code: '42P01' })
  expect(await clients.redis().get('greeting')).toBeNull()
})

test('no database is made in a transaction, by a bad name, or with what is not there', async () => {
  const client = await clients.postgres()
  await client.query('BEGIN')
  expect(await failureOf(client.query('CREATE DATABASE third'))).toMatchObject({ code: '25001' })
  await client.query('ROLLBACK')
  expect(await failureOf(client.query(`CREATE DATABASE "${'x'.repeat(300)}"`))).toBeInstanceOf(Error)
  expect(await failureOf(client.query('CREATE DATABASE third TEMPLATE second'))).toMatchObject({ code: '0A000' })
  expect(await failureOf(inDatabase('third', 'SELECT 1'))).toMatchObject({ code: '3D000' })
})

test('a database is dropped with everything in it, not under those who use it, and its name is free', async () => {
  const client = await clients.postgres()
  await client.query('CREATE DATABASE gone')
  await inDatabase('gone', 'CREATE TABLE in_it (id int PRIMARY KEY)')
  const redis = clients.redis()
  await redis.call('POLYLOG.USE', 'gone')
  await redis.set('key', 'value')
  expect(await failureOf(client.query('DROP DATABASE gone'))).toMatchObject({
    code: '55006',
    message: 'database "gone" is being accessed by other users',
    detail: 'There is 1 other session using the database.',
  })
  expect(await failureOf(inDatabase('gone', 'DROP DATABASE gone'))).toMatchObject({
    code: '55006',
    message: 'cannot drop the currently open database',
  })
  const inside = await clients.postgres('gone')
  const ended = new Promise<unknown>((resolve) => inside.once('error', resolve))
  await client.query('DROP DATABASE gone WITH (FORCE)')
  expect(await ended).toMatchObject({
    severity: 'FATAL',
    code: '57P01',
    message: 'terminating connection due to administrator command',
  })
  expect(await failureOf(redis.get('key'))).toBeInstanceOf(Error)
  expect(await failureOf(inDatabase('gone', 'SELECT 1'))).toMatchObject({ code: '3D000' })
  expect(await failureOf(client.query('DROP DATABASE gone'))).toMatchObject({
    code: '3D000',
    message: 'database "gone" does not exist',
  })
  await client.query('DROP DATABASE IF EXISTS gone')
  await client.query('BEGIN')
  expect(await failureOf(client.query('DROP DATABASE second'))).toMatchObject({ code: '25001' })
  await client.query('ROLLBACK')
  await client.query('CREATE DATABASE gone')
  expect(await failureOf(inDatabase('gone', 'SELECT * FROM in_it'))).toMatchObject({ code: '42P01' })
  await client.query('DROP DATABASE gone')
  expect(await failureOf(client.query('DROP DATABASE polylog'))).toMatchObject({ code: '55006' })
})
