/** What a role and a database may have, at every door: one is refused or bound, and the others go on. */
import { connect as connectSocket } from 'node:net'
import pg from 'pg'
import { Redis } from 'ioredis'
import { MongoClient } from 'mongodb'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { createRealHost } from '../host/real/real-host.ts'
import { createMemoryDisk } from '../host/simulated/memory-disk.ts'
import type { ConnectionLimits } from '../session/connection-counts.ts'
import { type RunningServer, startServer } from './server.ts'

// Much here waits for an end: where a bug lets it wait for ever, that is a failure.
vi.setConfig({ testTimeout: 60_000 })

const host = { ...createRealHost(), log: (): void => undefined }
let disk = createMemoryDisk()
let running: RunningServer
let admin: pg.Client
const ends: (() => unknown)[] = []
const ada = { name: 'ada', password: 'geheim' }

async function start(connections: ConnectionLimits = {}): Promise<void> {
  running = await startServer({
    instance: { host: { ...host, disk }, directory: 'data' },
    server: { port: 0 },
    sessions: { connections },
    firstUser: ada,
  })
}

async function stop(): Promise<void> {
  for (const end of ends.splice(0)) await end()
  await running.stop()
}

beforeEach(async () => {
  disk = createMemoryDisk()
  await start()
  admin = await connect(ada.name, ada.password)
  await admin.query("CREATE ROLE bob LOGIN PASSWORD 'x'")
  await admin.query("CREATE ROLE eve LOGIN PASSWORD 'x'")
})

afterEach(stop)

async function connect(user: string, password = 'x', options: pg.ClientConfig = {}): Promise<pg.Client> {
  const client = new pg.Client({
    host: '127.0.0.1',
    port: running.server.port,
    user,
    password,
    database: 'polylog',
    ...options,
  })
  client.on('error', () => undefined)
  await client.connect()
  ends.push(() => client.end())
  return client
}

function redis(username: string, password = 'x'): Redis {
  const options = { lazyConnect: true, enableReadyCheck: false, retryStrategy: () => null, protocol: 2 as const }
  const client = new Redis({ port: running.server.port, username, password, ...options })
  client.on('error', () => undefined)
  ends.push(() => client.disconnect())
  return client
}

function mongo(user: string, password = 'x'): MongoClient {
  const url = `mongodb://${user}:${password}@127.0.0.1:${running.server.port}/`
  const client = new MongoClient(url, { serverSelectionTimeoutMS: 5000, maxPoolSize: 1 })
  ends.push(() => client.close())
  return client
}

async function gone(user: string, left = 0): Promise<void> {
  while ([...running.server.sessions.all()].filter((session) => session.user === user).length > left) {
    await new Promise((resolve) => setImmediate(resolve))
  }
}

async function valuesOf(client: pg.Client, text: string): Promise<unknown[]> {
  return (await client.query({ text, rowMode: 'array' })).rows
}

describe('connections', () => {
  test('of a role, at every door, counted over all of them', async () => {
    await admin.query('ALTER ROLE bob CONNECTION LIMIT 1')
    expect(await valuesOf(admin, "SELECT rolconnlimit FROM pg_roles WHERE rolname = 'bob'")).toEqual([[1]])
    const first = await connect('bob')
    await expect(connect('bob')).rejects.toMatchObject({
      code: '53300',
      severity: 'FATAL',
      message: 'too many connections for role "bob"',
    })
    await expect(redis('bob').ping()).rejects.toThrow()
    const stranger = new Redis({ port: running.server.port, lazyConnect: true, enableReadyCheck: false, protocol: 2 })
    ends.push(() => stranger.disconnect())
    await expect(stranger.call('AUTH', 'bob', 'x')).rejects.toThrow('ERR max number of clients reached')
    await expect(stranger.get('a')).rejects.toThrow('NOAUTH')
    await expect(mongo('bob').db('a').command({ ping: 1 })).rejects.toMatchObject({
      message: expect.stringContaining('too many connections') as string,
    })
    const others = [await connect('eve'), await connect(ada.name, ada.password)]
    expect(others).toHaveLength(2)
    await first.end()
    await gone('bob')
    await connect('bob')
    await admin.query('ALTER ROLE bob CONNECTION LIMIT 2')
    const second = redis('bob')
    await second.ping()
    second.disconnect()
    await gone('bob', 1)
    await connect('bob')
  })

  test('of an address and in all, before anybody has said who it is', async () => {
    await stop()
    await start({ mostPerAddress: 2 })
    const first = await connect(ada.name, ada.password)
    const second = redis(ada.name, ada.password)
    expect(await second.call('CONFIG', 'GET', 'maxclients')).toEqual(['maxclients', '20000'])
    const refused = { code: '53300', message: 'too many connections from address 127.0.0.1' }
    await expect(connect(ada.name, ada.password)).rejects.toMatchObject(refused)
    await expect(redis('nobody').ping()).rejects.toThrow()
    const reason = await new Promise<string>((resolve) => {
      const socket = connectSocket(running.server.port, '127.0.0.1', () => void socket.write('PING\r\n'))
      socket.on('data', (bytes) => resolve(String(bytes)))
    })
    expect(reason).toMatch(/^-ERR max number of clients reached/)
    await first.end()
    await gone(ada.name, 1)
    await stop()
    await start()
    const [admin, other] = [redis(ada.name, ada.password), await connect(ada.name, ada.password)]
    await admin.ping()
    expect(await admin.config('SET', 'maxclients', '2')).toBe('OK')
    expect(await valuesOf(other, 'SHOW max_connections')).toEqual([['2']])
    const all = { code: '53300', message: 'sorry, too many clients already' }
    await expect(connect(ada.name, ada.password)).rejects.toMatchObject(all)
    await expect(admin.config('SET', 'maxclients', '0')).rejects.toThrow('must be between')
  })

  test('a Redis client changes its user and its database with the place it has', async () => {
    await admin.query('ALTER ROLE bob CONNECTION LIMIT 1')
    await admin.query('CREATE DATABASE other')
    const client = redis('bob')
    await client.ping()
    expect(await client.call('AUTH', 'bob', 'x')).toBe('OK')
    expect(await client.call('POLYLOG.USE', 'other')).toBe('OK')
    await expect(connect('bob')).rejects.toMatchObject({ code: '53300' })
    await client.call('RESET')
    await connect('bob')
    await expect(client.call('AUTH', 'bob', 'x')).rejects.toThrow('max number')
  })

  test('of a database, but superusers come in', async () => {
    await admin.query('CREATE DATABASE other CONNECTION LIMIT 1')
    expect(await valuesOf(admin, "SELECT datconnlimit FROM pg_database WHERE datname = 'other'")).toEqual([[1]])
    await connect('bob', 'x', { database: 'other' })
    await expect(connect('eve', 'x', { database: 'other' })).rejects.toMatchObject({
      code: '53300',
      message: 'too many connections for database "other"',
    })
    await connect(ada.name, ada.password, { database: 'other' })
    await admin.query('ALTER DATABASE other CONNECTION LIMIT -1')
    await connect('eve', 'x', { database: 'other' })
    await expect(admin.query('ALTER DATABASE nowhere CONNECTION LIMIT 1')).rejects.toMatchObject({ code: '3D000' })
  })

  test('who has not said who it is takes the place of nobody', async () => {
    await admin.query('ALTER DATABASE polylog CONNECTION LIMIT 2')
    const strangers = [1, 2, 3].map(
      () => new Redis({ port: running.server.port, enableReadyCheck: false, protocol: 2 }),
    )
    for (const stranger of strangers) {
      ends.push(() => stranger.disconnect())
      await expect(stranger.get('a')).rejects.toThrow('NOAUTH')
    }
    await connect('bob')
    await expect(redis('eve').ping()).rejects.toThrow()
  })

  test('what was kept of a database goes with it', async () => {
    await admin.query('CREATE DATABASE other CONNECTION LIMIT 0')
    await admin.query("ALTER DATABASE other SET statement_timeout = '5s'")
    await admin.query('DROP DATABASE other')
    await admin.query('CREATE DATABASE other')
    const client = await connect('bob', 'x', { database: 'other' })
    expect(await valuesOf(client, 'SHOW statement_timeout')).toEqual([['0']])
  })
})

describe('what sessions begin with', () => {
  const shown = (client: pg.Client, name: string): Promise<unknown[]> => valuesOf(client, `SHOW ${name}`)

  test('the most exact one counts, and the client itself before all', async () => {
    await admin.query("ALTER ROLE ALL SET application_name = 'all'")
    expect(await shown(await connect('bob'), 'application_name')).toEqual([['all']])
    await admin.query("ALTER DATABASE polylog SET application_name = 'database'")
    expect(await shown(await connect('bob'), 'application_name')).toEqual([['database']])
    await admin.query("ALTER ROLE bob SET application_name = 'role'")
    expect(await shown(await connect('bob'), 'application_name')).toEqual([['role']])
    expect(await shown(await connect('eve'), 'application_name')).toEqual([['database']])
    await admin.query("ALTER ROLE bob IN DATABASE polylog SET application_name = 'both'")
    const client = await connect('bob')
    expect(await shown(client, 'application_name')).toEqual([['both']])
    await client.query("SET application_name = 'own'")
    await client.query('RESET application_name')
    expect(await shown(client, 'application_name')).toEqual([['both']])
    expect(await shown(await connect('bob', 'x', { application_name: 'client' }), 'application_name')).toEqual([
      ['client'],
    ])
    const settings = `SELECT d.datname, r.rolname, s.setconfig::text FROM pg_db_role_setting s
      LEFT JOIN pg_database d ON d.oid = s.setdatabase LEFT JOIN pg_roles r ON r.oid = s.setrole ORDER BY 1, 2`
    expect(await valuesOf(admin, settings)).toEqual([
      ['polylog', 'bob', '{application_name=both}'],
      ['polylog', null, '{application_name=database}'],
      [null, 'bob', '{application_name=role}'],
      [null, null, '{application_name=all}'],
    ])
    expect(await valuesOf(admin, "SELECT rolconfig::text FROM pg_roles WHERE rolname = 'bob'")).toEqual([
      ['{application_name=role}'],
    ])
    await admin.query('ALTER ROLE bob IN DATABASE polylog RESET application_name')
    await admin.query('ALTER ROLE bob RESET ALL')
    expect(await shown(await connect('bob'), 'application_name')).toEqual([['database']])
  })

  test('go with the role, and stay with it under another name', async () => {
    await admin.query("ALTER ROLE bob SET search_path TO a, 'B'")
    await admin.query('ALTER ROLE bob RENAME TO rob')
    await admin.query("ALTER ROLE rob PASSWORD 'x'")
    expect(await shown(await connect('rob'), 'search_path')).toEqual([['a, "B"']])
    await gone('bob')
    await admin.query('DROP ROLE rob')
    expect(await valuesOf(admin, 'SELECT count(*)::int FROM pg_db_role_setting')).toEqual([[0]])
  })

  test.each([
    ['ALTER ROLE nobody SET work_mem = 1024', '42704'],
    ['ALTER ROLE bob SET nothing = 1', '42704'],
    ['ALTER ROLE bob SET work_mem = 1', '22023'],
    ["ALTER ROLE bob SET statement_timeout = 'soon'", '22023'],
    ['ALTER ROLE bob SET server_version = 1', '55P02'],
    ["ALTER ROLE bob SET shared_buffers = '1GB'", '55P02'],
    ['ALTER ROLE bob SET fsync = off', '55P02'],
    ['ALTER ROLE bob SET block_size = 1', '55P02'],
    ['ALTER ROLE bob SET log_connections = on', '55P02'],
    ['ALTER ROLE bob RESET shared_buffers', '55P02'],
    ["ALTER DATABASE polylog SET shared_buffers = '1GB'", '55P02'],
    ["ALTER ROLE bob SET transaction_isolation = 'serializable'", '55P02'],
    ['ALTER ROLE bob IN DATABASE nowhere SET work_mem = 1024', '3D000'],
    ['ALTER ROLE bob CONNECTION LIMIT -2', '22023'],
    ["SET polylog.session_memory = '1MB'", '55P02'],
    ["SET temp_file_limit = '1MB'", '55P02'],
  ])('%s is refused', async (text, code) => {
    await expect(admin.query(text)).rejects.toMatchObject({ code })
  })

  test('who is limited does not change it', async () => {
    await admin.query("ALTER ROLE bob SET temp_file_limit = '1MB'")
    const client = await connect('bob')
    await client.query("ALTER ROLE bob SET statement_timeout = '1min'")
    for (const text of [
      "ALTER ROLE bob SET temp_file_limit = '1GB'",
      "ALTER ROLE bob SET log_statement = 'all'",
      'ALTER ROLE bob RESET log_statement',
      'ALTER ROLE bob RESET temp_file_limit',
      'ALTER ROLE bob RESET ALL',
      "ALTER ROLE bob SET polylog.session_memory = '1GB'",
      'ALTER ROLE bob CONNECTION LIMIT 5',
      "ALTER ROLE eve SET statement_timeout = '1min'",
      "ALTER ROLE ALL SET statement_timeout = '1min'",
      "ALTER DATABASE polylog SET statement_timeout = '1min'",
      'ALTER DATABASE polylog CONNECTION LIMIT 5',
    ]) {
      await expect(client.query(text), text).rejects.toMatchObject({ code: '42501' })
    }
    await client.query('RESET ALL')
    expect(await shown(client, 'temp_file_limit')).toEqual([['1MB']])
    await expect(connect('bob', 'x', { options: '-c temp_file_limit=1GB' })).rejects.toMatchObject({ code: '55P02' })
    const rows = await valuesOf(admin, "SELECT object, detail FROM polylog.audit WHERE event = 'settings altered'")
    expect(rows).toEqual([
      ['bob', 'temp_file_limit: 1MB'],
      ['bob', 'statement_timeout: 1min'],
    ])
  })
})

describe('time', () => {
  const series = 'SELECT count(*) FROM generate_series(1, 100000000)'

  test('statement_timeout of a role ends what it runs at every door', async () => {
    await admin.query("CREATE ROLE cat LOGIN SUPERUSER PASSWORD 'x'")
    await admin.query("ALTER ROLE cat SET statement_timeout = '30ms'")
    const holder = redis(ada.name, ada.password)
    await holder.set('k', '1')
    await holder.call('POLYLOG.BEGIN')
    await holder.set('k', '2')
    const documents = mongo(ada.name, ada.password)
    await documents.db('a').collection<{ _id: number; n: number }>('c').insertOne({ _id: 1, n: 0 })
    const transaction = documents.startSession()
    ends.push(() => transaction.endSession())
    transaction.startTransaction()
    const changed = { $inc: { n: 1 } }
    await documents
      .db('a')
      .collection<{ _id: number; n: number }>('c')
      .updateOne({ _id: 1 }, changed, { session: transaction })

    const client = await connect('cat')
    await expect(client.query(series)).rejects.toMatchObject({ code: '57014' })
    const timedOut = 'canceling statement due to statement timeout'
    await expect(redis('cat').set('k', '3')).rejects.toThrow(timedOut)
    const own = mongo('cat').db('a').collection<{ _id: number; n: number }>('c')
    await expect(own.updateOne({ _id: 1 }, changed)).rejects.toMatchObject({ code: 50 })
    await expect(own.updateOne({ _id: 1 }, changed, { maxTimeMS: 60_000 })).rejects.toMatchObject({ code: 50 })
    await holder.call('POLYLOG.COMMIT')
    await transaction.abortTransaction()
    expect(await redis('cat').get('k')).toBe('2')
    expect(await own.findOne({ _id: 1 })).toEqual({ _id: 1, n: 0 })
  })

  test('lock_timeout of a role holds at every door', async () => {
    await admin.query("CREATE ROLE cat LOGIN SUPERUSER PASSWORD 'x'")
    await admin.query("ALTER ROLE cat SET lock_timeout = '30ms'")
    const holder = redis(ada.name, ada.password)
    await holder.set('k', '1')
    await holder.call('POLYLOG.BEGIN')
    await holder.set('k', '2')
    await expect(redis('cat').set('k', '3')).rejects.toThrow('canceling statement due to lock timeout')
    await holder.call('POLYLOG.COMMIT')
  })

  test('lock_timeout', async () => {
    await admin.query('CREATE TABLE t (id int PRIMARY KEY, n int)')
    await admin.query('INSERT INTO t VALUES (1, 0)')
    const other = await connect(ada.name, ada.password)
    await admin.query('BEGIN')
    await admin.query('UPDATE t SET n = 1')
    await other.query("SET lock_timeout = '20ms'")
    const refused = { code: '55P03', message: 'canceling statement due to lock timeout' }
    await expect(other.query('UPDATE t SET n = 2')).rejects.toMatchObject(refused)
    await other.query('BEGIN')
    await expect(other.query('UPDATE t SET n = 2')).rejects.toMatchObject(refused)
    await expect(other.query('SELECT 1')).rejects.toMatchObject({ code: '25P02' })
    await other.query('ROLLBACK')
    await other.query('SET lock_timeout = 0')
    const waiting = other.query('UPDATE t SET n = n + 2 RETURNING n')
    await admin.query('COMMIT')
    expect((await waiting).rows).toEqual([{ n: 3 }])
  })

  test('idle_session_timeout and idle_in_transaction_session_timeout', async () => {
    await admin.query("ALTER ROLE bob SET idle_session_timeout = '500ms'")
    const ended = (client: pg.Client): Promise<unknown> => new Promise((resolve) => client.once('error', resolve))
    expect(await ended(await connect('bob'))).toMatchObject({ code: '57P05' })
    await admin.query('ALTER ROLE bob RESET ALL')
    await admin.query("ALTER ROLE bob SET idle_in_transaction_session_timeout = '500ms'")
    const client = await connect('bob')
    const end = ended(client)
    await client.query('BEGIN')
    expect(await end).toMatchObject({ code: '25P03' })
  })
})

describe('memory and temporary files', () => {
  const sorted = 'SELECT n FROM generate_series(1, 50000) n ORDER BY -n'
  const large = "SELECT array_agg(repeat('x', 1000)) FROM generate_series(1, 3000)"

  test('a greedy principal is refused, in all its databases together, and a modest one goes on', async () => {
    await admin.query('CREATE DATABASE other')
    await admin.query("ALTER ROLE bob SET polylog.principal_memory = '2MB'")
    const greedy = [await connect('bob'), await connect('bob', 'x', { database: 'other' })]
    const modest = await connect('eve')
    for (const client of greedy) {
      await expect(client.query(large)).rejects.toMatchObject({
        code: '53200',
        message: expect.stringContaining('the principal bob may use 2 MiB') as string,
      })
    }
    await modest.query(large)
    // What one session of it holds, the other one lacks.
    const held = greedy[0]!
    await held.query('BEGIN')
    const some = "DECLARE c CURSOR WITH HOLD FOR SELECT repeat('y', 700000)"
    await held.query(some)
    await held.query('COMMIT')
    await expect(greedy[1]!.query("SELECT repeat('z', 1400000)")).rejects.toMatchObject({ code: '53200' })
    await held.query('CLOSE c')
    await greedy[1]!.query("SELECT length(repeat('z', 700000))")
    await held.query('SELECT 1')
  })

  test('one session of it, and one database', async () => {
    await admin.query('CREATE DATABASE other')
    await admin.query("ALTER ROLE bob SET polylog.session_memory = '1MB'")
    await expect((await connect('bob')).query(large)).rejects.toMatchObject({ code: '53200' })
    await admin.query('ALTER ROLE bob RESET ALL')
    await admin.query("ALTER DATABASE other SET polylog.database_memory = '2MB'")
    const client = await connect('bob', 'x', { database: 'other' })
    await expect(client.query(large)).rejects.toMatchObject({
      message: expect.stringContaining('the database other may use 2 MiB') as string,
    })
    await (await connect('bob')).query(large)
  })

  test('what a connection of it has arriving and leaving is part of it', async () => {
    await admin.query("CREATE ROLE cat LOGIN SUPERUSER PASSWORD 'x'")
    await admin.query("ALTER ROLE cat SET polylog.queued_bytes = '64kB'")
    const reader = redis(ada.name, ada.password)
    await reader.set('k', 'x'.repeat(100_000))
    const stalled = async (user: string, password: string): Promise<number> => {
      const socket = connectSocket(running.server.port, '127.0.0.1')
      ends.push(() => socket.destroy())
      socket.on('error', () => undefined)
      socket.pause()
      socket.write(`AUTH ${user} ${password}\r\n${'GET k\r\n'.repeat(500)}`)
      const queued = async (): Promise<number> => {
        const list = String(await reader.client('LIST'))
        const line = list.split('\n').find((one) => one.includes(`user=${user} `) && one.includes('cmd=get'))
        return Number(/omem=(\d+)/.exec(line ?? '')?.[1] ?? 0)
      }
      let before = 0
      for (;;) {
        const now = await queued()
        if (now > 0 && now === before) return now
        before = now
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
    }
    expect(await stalled('cat', 'x')).toBeLessThan(300_000)
    expect(await stalled(ada.name, ada.password)).toBeGreaterThan(900_000)
    const used = "SELECT used_bytes > 64000 FROM polylog.memory WHERE path = 'the principal cat'"
    expect(await valuesOf(admin, used)).toEqual([[true]])
  })

  test('what is spilled, by a session and by all of a principal', async () => {
    await admin.query("ALTER ROLE bob SET work_mem = '64kB'")
    await admin.query("ALTER ROLE bob SET temp_file_limit = '100kB'")
    const client = await connect('bob')
    await expect(client.query(sorted)).rejects.toMatchObject({
      code: '53400',
      message: expect.stringContaining('of the session') as string,
    })
    await (await connect('eve')).query(sorted)
    await admin.query('ALTER ROLE bob RESET temp_file_limit')
    await admin.query("ALTER ROLE bob SET polylog.principal_temporary = '100kB'")
    const next = await connect('bob')
    await expect(next.query(sorted)).rejects.toMatchObject({
      message: expect.stringContaining('of the principal bob') as string,
    })
    await next.query("SET work_mem = '64MB'")
    await next.query('SELECT 1')
    expect(running.instance.temporary!.usedBytes).toBe(0)
  })
})
