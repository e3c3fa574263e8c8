/** Names by which clients call the server, and the databases that they use by it, at each door. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { databaseOfName, normalizedDomain } from './server-names.ts'
import { pathOfPem, readPem, serverPair, TlsDoors } from './testing-tls.ts'

const ca = readPem('authority.pem')
const doors = new TlsDoors()
afterEach(() => doors.end())

/** The certificate is of `*.db.test`. */
const called = (name: string): { ca: string; servername: string } => ({ ca, servername: name })
const mongoOf = (servername: string): object => ({ tls: true, tlsCAFile: pathOfPem('authority.pem'), servername })

test.each([
  ['orders.db.test', 'db.test', 'orders'],
  ['ORDERS.db.Test.', 'db.test', 'orders'],
  ['a.b.db.test', 'db.test', 'a.b'],
  ['db.test', 'db.test', undefined],
  ['.db.test', 'db.test', undefined],
  ['ordersdb.test', 'db.test', undefined],
  ['orders.db.test.evil', 'db.test', undefined],
  ['orders.db.test', undefined, undefined],
  [undefined, 'db.test', undefined],
])('%s, within %s: %s', (name, domain, database) => {
  expect(databaseOfName(name, domain && normalizedDomain(domain))).toBe(database)
})

describe('where nobody is asked who it is', () => {
  beforeEach(async () => {
    await doors.start({ tls: serverPair, domain: '.DB.test' })
    await doors.sessions.createDatabase('orders')
  })

  test('Redis writes where it was called, and in the default database by any other name', async () => {
    const orders = doors.redis(called('orders.db.test'))
    expect(await orders.set('a', 'of orders')).toBe('OK')
    expect(await doors.redis(called('localhost')).get('a')).toBe(null)
    expect(await doors.redis(called('orders.db.test')).get('a')).toBe('of orders')
    const reset = orders.multi().set('b', '1').exec()
    await reset
    await orders.call('RESET')
    expect(await orders.get('a')).toBe('of orders')
    await expect(doors.redis(called('nothing.db.test')).get('a')).rejects.toThrow('database "nothing" does not exist')
  })

  test('MongoDB writes where it was called; one that names a database in its application gets that', async () => {
    const orders = doors.mongo(mongoOf('orders.db.test'))
    await orders.db('shop').collection('c').insertOne({ n: 1 })
    expect(await doors.mongo(mongoOf('localhost')).db('shop').collection('c').countDocuments()).toBe(0)
    const named = doors.mongo({ ...mongoOf('orders.db.test'), appName: 'polylog:polylog' })
    expect(await named.db('shop').collection('c').countDocuments()).toBe(0)
    expect(await doors.mongo(mongoOf('orders.db.test')).db('shop').collection('c').countDocuments()).toBe(1)
    const none = doors.mongo(mongoOf('nothing.db.test')).db('shop').collection('c').countDocuments()
    await expect(none).rejects.toThrow('database "nothing" does not exist')
  })

  test('PostgreSQL goes where it names a database, and where it was called if that is but the name of its user', async () => {
    const where = async (host: string, user: string, database = user): Promise<unknown> => {
      const client = await doors.postgres(called(host), { user, database })
      return (await client.query<{ name: string }>('SELECT current_database() AS name')).rows[0]!.name
    }
    expect(await where('orders.db.test', 'me')).toBe('orders')
    expect(await where('orders.db.test', 'me', 'polylog')).toBe('polylog')
    expect(await where('orders.db.test', 'polylog')).toBe('polylog')
    await expect(where('orders.db.test', 'me', 'nothing')).rejects.toMatchObject({ code: '3D000' })
    await expect(where('localhost', 'me')).rejects.toMatchObject({ code: '3D000' })
    await expect(where('nothing.db.test', 'me')).rejects.toMatchObject({ code: '3D000' })
  })

  test('psql, which says nothing of a database', async () => {
    const call = promisify(execFile)
    try {
      await call('psql', ['--version'])
    } catch {
      return
    }
    const ssl = `sslmode=verify-full sslrootcert=${pathOfPem('authority.pem')}`
    const where = `host=orders.db.test hostaddr=127.0.0.1 port=${doors.server.port} user=me ${ssl}`
    expect((await call('psql', [where, '-Atc', 'SELECT current_database()'])).stdout).toBe('orders\n')
  })
})

test('without a domain names choose nothing', async () => {
  await doors.start({ tls: serverPair })
  await doors.sessions.createDatabase('orders')
  await doors.redis(called('orders.db.test')).set('a', '1')
  expect(await doors.redis(called('localhost')).get('a')).toBe('1')
})

describe('where everybody proves who it is', () => {
  const clerk = { user: 'clerk', password: 'geheim' }

  beforeEach(async () => {
    await doors.start({ tls: serverPair, domain: 'db.test' }, doors.far)
    await doors.sessions.principals.create('ada', { login: true, superuser: true, password: 'geheim' })
    await doors.sessions.principals.create('clerk', { login: true, password: 'geheim' })
    const root = await doors.postgres({ ca }, { user: 'ada', password: 'geheim' })
    for (const name of ['orders', 'wages']) await root.query(`CREATE DATABASE ${name}`)
    await root.query('REVOKE CONNECT ON DATABASE polylog FROM PUBLIC')
    const wages = await doors.postgres({ ca }, { user: 'ada', password: 'geheim', database: 'wages' })
    await wages.query('REVOKE CONNECT ON DATABASE wages FROM PUBLIC')
  })

  test('a name leads to no database that the user may not connect to', async () => {
    await expect(doors.redis(called('wages.db.test'), clerk).get('a')).rejects.toThrow()
    await expect(doors.mongo(mongoOf('wages.db.test'), clerk).db('a').collection('c').findOne()).rejects.toMatchObject({
      code: 13,
    })
    const postgres = doors.postgres(called('wages.db.test'), { ...clerk, database: 'clerk' })
    await expect(postgres).rejects.toMatchObject({ code: '42501' })
    // And to one that it may connect to, where it may not to the default one.
    await expect(doors.redis(called('localhost'), clerk).ping()).rejects.toThrow()
    expect(await doors.redis(called('orders.db.test'), clerk).ping()).toBe('PONG')
    expect(await doors.mongo(mongoOf('orders.db.test'), clerk).db('a').command({ ping: 1 })).toMatchObject({ ok: 1 })
  })

  test('who has not proved who it is opens no database', async () => {
    const socket = await doors.secure(called('orders.db.test'))
    const answer = new Promise<string>((resolve) => socket.once('data', (chunk: Buffer) => resolve(chunk.toString())))
    socket.write('GET a\r\n')
    expect(await answer).toBe('-NOAUTH Authentication required.\r\n')
    const databases = [...doors.sessions.all()].filter(({ door }) => door === 'redis').map(({ database }) => database)
    expect(databases).toEqual(['polylog'])
  })
})
