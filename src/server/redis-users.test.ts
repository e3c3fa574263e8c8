/** Users made in Redis's words, at every door: by each door's unmodified drivers. */
import { Redis } from 'ioredis'
import { MongoClient } from 'mongodb'
import pg from 'pg'
import { createClient } from 'redis'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Instance } from '../database/instance.ts'
import { createMemoryDisk } from '../host/simulated/memory-disk.ts'
import { createRealHost } from '../host/real/real-host.ts'
import { Sessions } from '../session/sessions.ts'
import { Server } from './server.ts'

const noKey = /NOPERM this user has no permissions to access one of the keys used as arguments/

let instance: Instance
let sessions: Sessions
let server: Server
let ada: Redis
const ends: (() => unknown)[] = []

beforeEach(async () => {
  const host = { ...createRealHost(), disk: createMemoryDisk(), log: (): void => undefined }
  instance = await Instance.open({ host, directory: 'data' }, 'polylog')
  sessions = new Sessions(host, () => instance.databases, { catalog: instance })
  server = await Server.listen(host, sessions, { port: 0 })
  await sessions.principals.create('ada', { login: true, superuser: true, password: 'secret' })
  ada = ioredis('ada')
  await ada.mset('cache:1', 'one', 'other:1', 'two')
})

afterEach(async () => {
  for (const end of ends.splice(0)) await end()
  await server.close()
  sessions.close()
  await instance.close()
})

function ioredis(username: string, password = 'secret'): Redis {
  const client = new Redis({ port: server.port, username, password, retryStrategy: () => null })
  client.on('error', () => undefined)
  ends.push(() => client.disconnect())
  return client
}

async function sql(user: string, password = 'secret'): Promise<pg.Client> {
  const client = new pg.Client({ host: '127.0.0.1', port: server.port, user, password, database: 'polylog' })
  client.on('error', () => undefined)
  await client.connect()
  ends.push(() => client.end())
  return client
}

function mongo(user: string): MongoClient {
  const client = new MongoClient(`mongodb://${user}:secret@127.0.0.1:${server.port}/`)
  ends.push(() => client.close())
  return client
}

test('one of some keys reads these by Redis, and no key by MongoDB, which does not look at single keys', async () => {
  await ada.call('ACL', 'SETUSER', 'app', 'on', '>secret', '~cache:*', '+@all')
  const app = ioredis('app')
  expect(await app.get('cache:1')).toBe('one')
  expect(await app.keys('*')).toEqual(['cache:1'])
  await expect(app.get('other:1')).rejects.toThrow(noKey)
  const results = await app.multi().set('cache:2', 'x').get('cache:2').exec()
  expect(results).toEqual([
    [null, 'OK'],
    [null, 'x'],
  ])
  await expect(app.multi().get('cache:2').get('other:1').exec()).rejects.toThrow(/EXECABORT/)
  await expect(mongo('app').db('redis').collection('db0').find().toArray()).rejects.toThrow()
  // What is given of some keys is given of no rows: a door that cannot keep them apart refuses the whole.
  const refused = { code: '42501' }
  const byRows = await sql('app')
  for (const text of ['SELECT * FROM redis.db0', 'SELECT count(*) FROM redis.db0_hash', 'DELETE FROM redis.db0']) {
    await expect(byRows.query(text)).rejects.toMatchObject(refused)
  }
})

test('one of all keys that may only get reads by every door, and writes by none', async () => {
  await ada.call('ACL', 'SETUSER', 'reader', 'on', '>secret', '~*', '+get', '+ping', '+info')
  const reader = await sql('reader')
  expect((await reader.query(`SELECT count(*)::int AS n FROM redis.db0`)).rows).toEqual([{ n: 2 }])
  await expect(reader.query(`DELETE FROM redis.db0`)).rejects.toThrow()
  await expect(ioredis('reader').set('cache:1', 'x')).rejects.toThrow(/NOPERM/)
  expect(await ioredis('reader').get('cache:1')).toBe('one')
})

test('what is taken away counts at once for connections that are open', async () => {
  await ada.call('ACL', 'SETUSER', 'app', 'on', '>secret', '~*', '+@all')
  const client = createClient({ url: `redis://app:secret@127.0.0.1:${server.port}` })
  client.on('error', () => undefined)
  await client.connect()
  ends.push(() => client.close())
  expect(await client.get('cache:1')).toBe('one')
  await ada.call('ACL', 'SETUSER', 'app', 'resetkeys', '~other:*')
  await expect(client.get('cache:1')).rejects.toThrow(noKey)
  expect(await client.get('other:1')).toBe('two')
  expect(await client.aclWhoAmI()).toBe('app')
  await expect(client.aclList()).rejects.toThrow(/NOPERM/)
})

test('the redis driver reads what ACL answers', async () => {
  const client = createClient({ url: `redis://ada:secret@127.0.0.1:${server.port}` })
  await client.connect()
  ends.push(() => client.close())
  expect(await client.aclSetUser('app', ['on', '>secret', '~a', '%R~b', '+@read', '-get'])).toBe('OK')
  expect(await client.aclGetUser('app')).toMatchObject({
    flags: ['on'],
    passwords: ['SCRAM-SHA-256'],
    commands: '-@all +@read -get',
    keys: '~a %R~b',
    channels: '',
    selectors: [],
  })
  expect(await client.aclUsers()).toEqual(['ada', 'app'])
  expect(await client.aclCat('transaction')).toEqual(expect.arrayContaining(['multi', 'exec']))
  expect(await client.aclDryRun('app', ['GET', 'a'])).toMatch(/no permissions to run the 'get' command/)
  expect(await client.aclGenPass()).toMatch(/^[0-9a-f]{64}$/)
  expect(await client.aclDelUser('app')).toBe(1)
})

test('a password without a name is that of the user default', async () => {
  await ada.call('ACL', 'SETUSER', 'default', 'on', '>open sesame', '~cache:*', '+@all', '-del')
  const anonymous = new Redis({ port: server.port, password: 'open sesame', retryStrategy: () => null })
  ends.push(() => anonymous.disconnect())
  expect(await anonymous.get('cache:1')).toBe('one')
  await expect(anonymous.del('cache:1')).rejects.toThrow(/NOPERM/)
})
