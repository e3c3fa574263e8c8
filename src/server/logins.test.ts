/** Who has a user has to be one, at every door: by each door's unmodified drivers, with right and wrong passwords. */
import { createConnection } from 'node:net'
import { Redis } from 'ioredis'
import { MongoClient } from 'mongodb'
import pg from 'pg'
import { createClient } from 'redis'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Instance } from '../database/instance.ts'
import { createMemoryDisk } from '../host/simulated/memory-disk.ts'
import { createRealHost } from '../host/real/real-host.ts'
import { secretOf, secretText } from '../principal/secret.ts'
import { Sessions } from '../session/sessions.ts'
import { Server } from './server.ts'

const host = { ...createRealHost(), log: (): void => undefined }
let disk = createMemoryDisk()
let instance: Instance
let sessions: Sessions
let server: Server
const ends: (() => unknown)[] = []

async function start(): Promise<void> {
  const onDisk = { ...host, disk }
  instance = await Instance.open({ host: onDisk, directory: 'data' }, 'polylog')
  sessions = new Sessions(onDisk, () => instance.databases, { catalog: instance })
  server = await Server.listen(onDisk, sessions, { port: 0 })
}

async function stop(): Promise<void> {
  for (const end of ends.splice(0)) await end()
  await server.close()
  sessions.close()
  await instance.close()
}

beforeEach(async () => {
  disk = createMemoryDisk()
  await start()
})
afterEach(stop)

const ada = { login: true, superuser: true, password: 'geheim:@/' }

async function connect(user: string, password?: string): Promise<pg.Client> {
  const client = new pg.Client({ host: '127.0.0.1', port: server.port, user, password, database: 'polylog' })
  client.on('error', () => undefined)
  await client.connect()
  ends.push(() => client.end())
  return client
}

function mongo(user?: string, password?: string): MongoClient {
  const credentials = user === undefined ? '' : `${encodeURIComponent(user)}:${encodeURIComponent(password!)}@`
  const client = new MongoClient(`mongodb://${credentials}127.0.0.1:${server.port}/?serverSelectionTimeoutMS=20000`)
  ends.push(() => client.close())
  return client
}

function redis(username?: string, password?: string): Redis {
  const options = {
    port: server.port,
    lazyConnect: true,
    enableReadyCheck: false,
    retryStrategy: () => null,
    protocol: 2 as const,
  }
  const client = new Redis({ ...options, ...(username !== undefined && { username, password: password! }) })
  client.on('error', () => undefined)
  ends.push(() => client.disconnect())
  return client
}

describe('before there is a user', () => {
  test('everybody is believed', async () => {
    expect((await (await connect('anybody', 'anything')).query('SELECT current_user AS me')).rows[0].me).toBe('anybody')
    expect(await redis('somebody', 'something').ping()).toBe('PONG')
    expect(await mongo().db('a').command({ ping: 1 })).toMatchObject({ ok: 1 })
  })

  test('MongoDB, which cannot pretend, says what to do', async () => {
    await expect(mongo('ada', 'x').db('a').command({ ping: 1 })).rejects.toMatchObject({
      code: 18,
      message: expect.stringContaining('polylog user add') as string,
    })
  })

  test('guests prove who they are at Redis’s door; nobody else is asked, and none reaches the server from outside', async () => {
    await redis().call('ACL', 'SETUSER', 'alice', 'on', '>pw', '~a', '+@all')
    await stop()
    await start()
    expect(await redis('alice', 'pw').set('a', 1)).toBe('OK')
    await expect(redis('alice', 'pw').set('z', 1)).rejects.toThrow('NOPERM')
    expect(await redis().set('z', 1)).toBe('OK')
    const believed = await connect('alice', 'anything')
    expect((await believed.query('SELECT rolsuper FROM pg_roles WHERE rolname = current_user')).rowCount).toBe(1)
    await believed.query('CREATE TABLE t (n int)')
    await expect(believed.query("CREATE ROLE bob LOGIN PASSWORD 'x'")).rejects.toThrow('no superuser would be left')
    await expect(Server.listen({ ...host, disk }, sessions, { port: 0, host: '0.0.0.0' })).rejects.toMatchObject({
      code: 'denied',
    })
    await sessions.principals.create('ada', ada)
    await expect(connect('alice', 'anything')).rejects.toMatchObject({ code: '28P01' })
    const proved = await connect('alice', 'pw')
    await expect(proved.query('DROP TABLE t')).rejects.toMatchObject({ code: '42501' })
  })
})

describe('once there is a user', () => {
  beforeEach(() => sessions.principals.create('ada', ada))

  test('PostgreSQL asks for its password', async () => {
    const client = await connect('ada', ada.password)
    expect((await client.query('SELECT current_user AS me')).rows[0].me).toBe('ada')
    await expect(connect('ada', 'wrong')).rejects.toMatchObject({ code: '28P01', severity: 'FATAL' })
    await expect(connect('nobody', 'wrong')).rejects.toMatchObject({
      code: '28P01',
      message: 'password authentication failed for user "nobody"',
    })
    await expect(connect('ada', '')).rejects.toThrow()
  })

  test('Redis asks for it, by AUTH and by HELLO', async () => {
    const client = redis('ada', ada.password)
    expect(await client.set('a', 1)).toBe('OK')
    const stranger = redis()
    await expect(stranger.get('a')).rejects.toThrow('NOAUTH')
    await expect(stranger.call('HELLO', '3')).rejects.toThrow('NOAUTH HELLO must be called')
    await expect(stranger.call('AUTH', 'ada', 'wrong')).rejects.toThrow('WRONGPASS')
    await expect(stranger.call('AUTH', 'wrong')).rejects.toThrow('WRONGPASS')
    await expect(stranger.call('MULTI')).rejects.toThrow('NOAUTH')
    const pipeline = stranger.pipeline().call('AUTH', 'ada', ada.password).get('a').call('RESET').get('a')
    const [auth, get, reset, after] = (await pipeline.exec())!
    expect([auth![1], get![1], reset![1]]).toEqual(['OK', '1', 'RESET'])
    expect(after![0]?.message).toContain('NOAUTH')
    const own = createClient({
      socket: { port: server.port, reconnectStrategy: false },
      username: 'ada',
      password: ada.password,
      RESP: 3,
    })
    await own.connect()
    ends.push(() => own.close())
    expect(await own.get('a')).toBe('1')
  })

  test('MongoDB asks for it', async () => {
    const client = mongo('ada', ada.password)
    await client.db('a').collection('c').insertOne({ n: 1 })
    expect((await client.db('a').command({ connectionStatus: 1 }))['authInfo'].authenticatedUsers).toEqual([
      { user: 'ada', db: 'admin' },
    ])
    await expect(mongo('ada', 'wrong').db('a').command({ ping: 1 })).rejects.toMatchObject({ code: 18 })
    const stranger = mongo()
    expect(await stranger.db('a').command({ ping: 1 })).toMatchObject({ ok: 1 })
    for (const command of [
      { find: 'c' },
      { insert: 'c', documents: [{}] },
      { listDatabases: 1 },
      { serverStatus: 1 },
    ]) {
      await expect(stranger.db('admin').command(command)).rejects.toMatchObject({ code: 13 })
    }
  })

  test("it is one again after a start, and the database that knows it is nobody else's", async () => {
    await stop()
    await start()
    await expect(connect('anybody')).rejects.toThrow()
    const client = await connect('ada', ada.password)
    expect((await client.query('SELECT datname FROM pg_database')).rows).toEqual([{ datname: 'polylog' }])
    await expect(client.query('CREATE DATABASE system')).rejects.toMatchObject({ code: '42501' })
    await expect(client.query('DROP DATABASE system')).rejects.toMatchObject({ code: '3D000' })
    const other = new pg.Client({
      host: '127.0.0.1',
      port: server.port,
      user: 'ada',
      password: ada.password,
      database: 'system',
    })
    await expect(other.connect()).rejects.toMatchObject({ code: '3D000' })
    await expect(redis('ada', ada.password).call('POLYLOG.USE', 'system')).rejects.toThrow('does not exist')
  })

  test('who does not say in time who it is has to go', async () => {
    const late: (() => void)[] = []
    const at = host.at
    host.at = (delayMs, run) => {
      if (delayMs !== 10_000) return at(delayMs, run)
      late.push(run)
      return () => void late.splice(late.indexOf(run), 1)
    }
    await stop()
    await start()
    try {
      const client = redis()
      await expect(client.get('a')).rejects.toThrow('NOAUTH')
      const silent = createConnection(server.port, '127.0.0.1')
      await new Promise((resolve) => silent.once('connect', resolve))
      const known = redis('ada', ada.password)
      await known.ping()
      const closed = [client, silent].map((one) => new Promise((resolve) => one.once('close', resolve)))
      silent.resume()
      for (const run of late.slice()) run()
      await Promise.all(closed)
      expect(await known.ping()).toBe('PONG')
    } finally {
      host.at = at
    }
  })
})

describe('hostile logins', () => {
  beforeEach(() => sessions.principals.create('ada', ada))

  test('AUTH does not wait between MULTI and EXEC', async () => {
    const client = redis('ada', ada.password)
    for (const name of ['ada', 'bob']) {
      for (const [command, ...rest] of [
        ['AUTH', name, 'wrong'],
        ['HELLO', '2', 'AUTH', name, 'wrong'],
      ] as const) {
        expect(await client.call('MULTI')).toBe('OK')
        await expect(client.call(command, ...rest)).rejects.toThrow('ERR')
        await expect(client.call('EXEC')).rejects.toThrow('EXECABORT')
      }
    }
    expect(await client.call('ECHO', 'next')).toBe('next')
  })

  test('who has not proved who it is holds little, also once it has said hello', async () => {
    const { BSON } = await import('mongodb')
    const body = BSON.serialize({ ping: 1, $db: 'admin' })
    const message = Buffer.alloc(21 + body.length)
    message.writeInt32LE(message.length, 0)
    message.writeInt32LE(2013, 12)
    message.set(body, 21)
    const socket = createConnection(server.port, '127.0.0.1')
    let isClosed = false
    socket.once('close', () => (isClosed = true))
    const answered = new Promise((resolve) => socket.once('data', resolve))
    socket.write(message)
    await answered
    const long = Buffer.alloc(16)
    long.writeInt32LE(45_000_000, 0)
    long.writeInt32LE(2013, 12)
    socket.write(long)
    socket.resume()
    const known = redis('ada', ada.password)
    for (let i = 0; i < 20; i++) await known.ping()
    expect(isClosed).toBe(true)
    const arguments_ = Buffer.from(`*9\r\n$3\r\nGET\r\n${`$16000\r\n${'x'.repeat(16_000)}\r\n`.repeat(7)}`)
    const other = createConnection(server.port, '127.0.0.1')
    const said = new Promise<string>((resolve) => other.once('data', (chunk) => resolve(chunk.toString())))
    other.on('error', () => undefined)
    other.write(arguments_)
    expect(await said).toContain('OOM')
  })

  test('a login that nobody waits for any more leaves nothing', async () => {
    const socket = createConnection(server.port, '127.0.0.1')
    await new Promise((resolve) => socket.once('connect', resolve))
    let isLookedAt: () => void = () => undefined
    const looked = new Promise<void>((resolve) => (isLookedAt = resolve))
    const check = sessions.principals.proofs.checkPassword.bind(sessions.principals.proofs)
    let letGo: () => void = () => undefined
    const held = new Promise<void>((resolve) => (letGo = resolve))
    const done = new Promise<void>((resolve) => {
      sessions.principals.proofs.checkPassword = async (...args) => {
        isLookedAt()
        await held
        return check(...args).finally(() => setImmediate(resolve))
      }
    })
    socket.write(`*3\r\n$4\r\nAUTH\r\n$3\r\nada\r\n$${ada.password.length}\r\n${ada.password}\r\n`)
    await looked
    const count = [...sessions.all()].length
    socket.destroy()
    while ([...sessions.all()].length === count) await new Promise((resolve) => setImmediate(resolve))
    letGo()
    await done
    expect([...sessions.all()].map(({ user }) => user)).not.toContain('ada')
  })

  test('a proof of an older password counts no more, nor one of a role that is gone', async () => {
    const { ScramClient } = await import('../principal/scram-client.ts')
    const begin = (): { prove(): Promise<unknown> } => {
      const client = new ScramClient(ada.password, Buffer.alloc(18, 3))
      const login = sessions.principals.proofs.beginScram(client.first, { door: 'test', remote: '127.0.0.1:1' }, 'bob')
      return { prove: async () => login.finish(await client.prove(login.serverFirst)) }
    }
    await sessions.principals.create('bob', ada)
    await begin().prove()
    const [older, gone] = [begin(), begin()]
    await sessions.principals.alter('bob', { password: 'other' })
    await expect(older.prove()).rejects.toThrow('authentication failed')
    await sessions.principals.drop(['bob'])
    await expect(gone.prove()).rejects.toThrow('authentication failed')
  })

  test('strangers open no database', async () => {
    const client = await connect('ada', ada.password)
    await client.query('CREATE DATABASE other')
    await stop()
    await start()
    const stranger = new MongoClient(`mongodb://127.0.0.1:${server.port}/?appName=polylog:other`)
    ends.push(() => stranger.close())
    expect(await stranger.db('a').command({ ping: 1 })).toMatchObject({ ok: 1 })
    const other = { host: '127.0.0.1', port: server.port, user: 'x', password: 'x', database: 'other' }
    await expect(new pg.Client(other).connect()).rejects.toMatchObject({ code: '28P01' })
    expect(instance.databases.has('other')).toBe(false)
  })

  test('a driver may look at the server without end', async () => {
    const limits: number[] = []
    const at = host.at
    host.at = (delayMs, run) => {
      limits.push(delayMs)
      return at(delayMs, run)
    }
    await stop()
    await start()
    await mongo().db('a').command({ ping: 1 })
    host.at = at
    expect(limits).toContain(60_000)
  })
})

test('who was there before the first user stays, at every door', async () => {
  const [one, two, three] = [await connect('anybody'), redis(), mongo()]
  await two.ping()
  await three.db('a').collection('c').insertOne({ n: 1 })
  await sessions.principals.create('ada', ada)
  await one.query('SELECT 1')
  expect(await two.set('a', 1)).toBe('OK')
  expect(await three.db('a').collection('c').countDocuments()).toBe(1)
})

test('first users that come at once are all made', async () => {
  const clients = await Promise.all([1, 2, 3, 4].map((n) => connect(`u${n}`)))
  const sql = (n: number): string => `CREATE ROLE u${n} LOGIN SUPERUSER PASSWORD 'x'`
  await Promise.all(clients.map((client, n) => client.query(sql(n))))
  expect(sessions.principals.roles).toHaveLength(4)
})

describe('roles in SQL', () => {
  test('are made, changed, renamed and dropped, and seen', async () => {
    const client = await connect('postgres')
    await client.query("CREATE ROLE ada LOGIN SUPERUSER PASSWORD 'one' VALID UNTIL 'infinity'")
    await client.query("CREATE USER bob WITH SUPERUSER PASSWORD 'two'")
    await client.query('CREATE ROLE readers')
    const roles = 'SELECT rolname, rolcanlogin, rolsuper FROM pg_roles WHERE oid > 20000 ORDER BY 1'
    expect((await client.query({ text: roles, rowMode: 'array' })).rows).toEqual([
      ['ada', true, true],
      ['bob', true, true],
      ['readers', false, false],
    ])
    await connect('bob', 'two')
    await client.query("ALTER ROLE bob PASSWORD 'three'")
    await expect(connect('bob', 'two')).rejects.toMatchObject({ code: '28P01' })
    // As psql's \\password: it hashes by itself.
    expect((await client.query('SHOW password_encryption')).rows).toEqual([{ password_encryption: 'scram-sha-256' }])
    const secret = secretText(await secretOf('four', Buffer.alloc(16, 7), 4096))
    await client.query(`ALTER USER bob PASSWORD '${secret}'`)
    await connect('bob', 'four')
    await client.query("ALTER ROLE bob PASSWORD 'three'")
    await client.query('ALTER ROLE bob RENAME TO rob')
    await connect('rob', 'three')
    await client.query('ALTER ROLE rob NOLOGIN')
    await expect(connect('rob', 'three')).rejects.toMatchObject({ code: '28000' })
    await client.query("ALTER ROLE rob LOGIN VALID UNTIL '2020-01-01'")
    await expect(connect('rob', 'three')).rejects.toMatchObject({ code: '28P01' })
    await client.query('DROP ROLE rob, readers')
    expect((await client.query(roles)).rows).toHaveLength(1)
  })

  test.each([
    ["CREATE ROLE ada LOGIN PASSWORD 'x'", '2BP01'],
    ['CREATE ROLE readers', '42710'],
    ['CREATE ROLE pg_mine', '42939'],
    ['CREATE ROLE b SUPERUSER NOSUPERUSER', '42601'],
    ['CREATE ROLE b IN ROLE nobody', '42704'],
    ['ALTER ROLE nobody NOLOGIN', '42704'],
    ['ALTER ROLE nobody RENAME TO somebody', '42704'],
    ['DROP ROLE nobody', '42704'],
    ['DROP ROLE readers, nobody', '42704'],
    ['DROP ROLE CURRENT_USER', '22023'],
    ['ALTER ROLE readers RENAME TO pg_mine', '42939'],
    ["CREATE ROLE b LOGIN SUPERUSER PASSWORD 'x' VALID UNTIL '2030-01-01'", '2BP01'],
    [`CREATE ROLE b PASSWORD 'md5${'0'.repeat(32)}'`, '0A000'],
  ])('%s is refused', async (text, code) => {
    const client = await connect('postgres')
    await client.query('CREATE ROLE readers')
    await expect(client.query(text)).rejects.toMatchObject({ code })
    expect(sessions.principals.roles.map(({ name }) => name)).toEqual(['readers'])
  })

  test('are not changed within a transaction block that has changed data', async () => {
    const client = await connect('postgres')
    await client.query('BEGIN')
    await client.query('CREATE TABLE t (a int)')
    await expect(client.query('CREATE ROLE readers')).rejects.toMatchObject({ code: '25001' })
    await client.query('ROLLBACK')
  })

  test('the last that can make others stays', async () => {
    const client = await connect('postgres')
    await client.query("CREATE ROLE ada LOGIN SUPERUSER PASSWORD 'one'")
    await client.query("CREATE ROLE bob LOGIN SUPERUSER PASSWORD 'two'")
    await expect(connect('anybody')).rejects.toThrow()
    await client.query('DROP ROLE bob')
    for (const text of [
      'ALTER ROLE ada NOSUPERUSER',
      "ALTER ROLE ada VALID UNTIL '2030-01-01'",
      'ALTER ROLE ada NOLOGIN',
      'ALTER ROLE ada PASSWORD NULL',
      "ALTER ROLE ada PASSWORD ''",
      'DROP ROLE ada',
    ]) {
      await expect(client.query(text)).rejects.toThrow()
    }
    await expect(connect('anybody')).rejects.toThrow()
    await connect('ada', 'one')
  })
})

test('a pool of a hundred connections of one user comes in at once, at every door', async () => {
  await sessions.principals.create('ada', ada)
  const pool = Array.from({ length: 100 }, async () => (await connect('ada', ada.password)).query('SELECT 1'))
  expect(await Promise.all(pool)).toHaveLength(100)
  const clients = Array.from({ length: 100 }, () => redis('ada', ada.password).ping())
  expect(new Set(await Promise.all(clients))).toEqual(new Set(['PONG']))
})
