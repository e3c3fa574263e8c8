/** A leader and a follower as two real processes: the server is built, the follower is this process. */
import { Redis } from 'ioredis'
import { MongoClient } from 'mongodb'
import { Client } from 'pg'
import { afterEach, expect, test } from 'vitest'
import { openFollower, serve, type EmbeddedFollower } from '../../src/polylog.ts'
import { ServerProcess, withFolder } from './server-process.ts'

const ends: (() => unknown)[] = []

afterEach(async () => {
  for (const end of ends.splice(0)) await end()
})

async function connect(port: number): Promise<Client> {
  const client = new Client({ host: '127.0.0.1', port, user: 'me', database: 'polylog' })
  client.on('error', () => undefined)
  await client.connect()
  ends.unshift(() => client.end().catch(() => undefined))
  return client
}

const codeOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => 'done',
    (error: unknown) => (error as { code?: unknown }).code ?? (error as Error).message,
  )

/** Whether each door says that writes are taken there. */
async function rolesOf(pg: Client, redis: Redis, mongo: MongoClient): Promise<object> {
  const { rows } = await pg.query('SELECT pg_is_in_recovery() AS recovers')
  const read = await pg.query('SHOW transaction_read_only')
  const standby = await pg.query('SHOW in_hot_standby')
  const { isWritablePrimary, secondary, readOnly } = await mongo.db('admin').command({ hello: 1 })
  return {
    postgres: [rows[0].recovers, read.rows[0].transaction_read_only, standby.rows[0].in_hot_standby],
    redis: await redis.call('ROLE'),
    replication: /role:(\w+)/.exec(await redis.info('replication'))?.[1],
    mongodb: { isWritablePrimary, ...(secondary !== undefined && { secondary }), readOnly },
  }
}

const sequenceOf = async (client: Client): Promise<number> =>
  Number((await client.query('SELECT last_sequence FROM polylog.durability')).rows[0].last_sequence)

async function follow(folder: string): Promise<EmbeddedFollower> {
  const follower = await openFollower(folder, { pollMs: 2 })
  ends.unshift(() => follower.close())
  return follower
}

test('what is written to the leader is read at the follower, through every door, and it takes over after a kill', () =>
  withFolder(async (folder) => {
    const leader = await ServerProcess.start('--data', folder)
    ends.push(() => (leader.isRunning ? leader.kill() : undefined))
    const writer = await connect(leader.port)
    await writer.query('CREATE TABLE t (id int PRIMARY KEY, name text)')
    await writer.query('CREATE INDEX names ON t (name)')
    await writer.query("INSERT INTO t SELECT g, 'name ' || g FROM generate_series(1, 1000) g")
    const follower = await follow(folder)
    const server = await serve(follower, { port: 0 })
    ends.unshift(() => server.close())
    const reader = await connect(server.port)
    expect((await reader.query("SELECT id FROM t WHERE name = 'name 77'")).rows).toEqual([{ id: 77 }])

    const redis = new Redis(leader.port, '127.0.0.1', { retryStrategy: () => null })
    const mongo = await MongoClient.connect(`mongodb://127.0.0.1:${leader.port}/`)
    await redis.hset('hash', { a: '1', b: '2' })
    await mongo.db('shop').collection('orders').insertOne({ item: 'ink' })
    await writer.query('ALTER TABLE t ADD COLUMN extra int DEFAULT 5')
    for (let i = 0; i < 8; i++) {
      await writer.query('UPDATE t SET extra = $1 WHERE id = 1', [i])
      await follower.waitFor(await sequenceOf(writer))
      expect((await reader.query('SELECT extra FROM t WHERE id = 1')).rows).toEqual([{ extra: i }])
    }
    const behind = new Redis(server.port, '127.0.0.1', { retryStrategy: () => null })
    const there = await MongoClient.connect(`mongodb://127.0.0.1:${server.port}/`)
    ends.unshift(() => Promise.all([behind.quit(), there.close()]))
    expect(await behind.hgetall('hash')).toEqual({ a: '1', b: '2' })
    expect(await there.db('shop').collection('orders').countDocuments({ item: 'ink' })).toBe(1)
    expect(await codeOf(reader.query('INSERT INTO t VALUES (0)'))).toBe('25006')
    expect(await rolesOf(reader, behind, there)).toEqual({
      postgres: [true, 'on', 'on'],
      redis: ['slave', '', 0, 'connected', expect.any(Number)],
      replication: 'slave',
      mongodb: { isWritablePrimary: false, secondary: true, readOnly: true },
    })
    expect(await codeOf(behind.set('a', '1'))).toMatch(/^READONLY/)
    expect(await codeOf(behind.subscribe('news'))).toMatch(/^ERR SUBSCRIBE is not supported here: a follower/)
    expect(await codeOf(there.db('shop').collection('orders').insertOne({ item: 'pen' }))).toBe(10_107)
    const [lag] = (await reader.query('SELECT state, lag FROM polylog.leadership')).rows
    expect(lag).toMatchObject({ state: 'following' })
    expect((await follower.verify()).differences).toEqual([])
    expect(await codeOf(follower.promote())).toBe('directory_locked')
    await redis.quit()
    await mongo.close()

    const acknowledged: number[] = []
    const writing = (async () => {
      for (let id = 10_000; ; id++) {
        await writer.query('INSERT INTO t VALUES ($1)', [id])
        acknowledged.push(id)
      }
    })().catch(() => undefined)
    while (acknowledged.length < 60) await new Promise((resolve) => setTimeout(resolve, 5))
    await leader.kill()
    await writing
    await follower.promote()
    expect(follower.isLeading).toBe(true)
    expect(await rolesOf(reader, behind, there)).toEqual({
      postgres: [false, 'off', 'off'],
      redis: ['master', expect.any(Number), []],
      replication: 'master',
      mongodb: { isWritablePrimary: true, readOnly: false },
    })
    const { rows } = await reader.query('SELECT id FROM t WHERE id >= 10000 ORDER BY id')
    expect(rows.map(({ id }: { id: number }) => id).slice(0, acknowledged.length)).toEqual(acknowledged)
    expect(rows.length - acknowledged.length).toBeLessThanOrEqual(1)
    expect(await codeOf(reader.query("INSERT INTO t VALUES (0, 'here')"))).toBe('done')
    expect(await behind.set('a', '1')).toBe('OK')
    expect((await follower.verify()).differences).toEqual([])
    for (const end of ends.splice(0, ends.length - 1)) await end()
    const again = await ServerProcess.start('--data', folder)
    const last = await connect(again.port)
    expect((await last.query('SELECT name FROM t WHERE id = 0')).rows).toEqual([{ name: 'here' }])
    await again.kill()
  }))

test('a follower reads along while the leader goes through many segments and checkpoints', () =>
  withFolder(async (folder) => {
    const leader = await ServerProcess.start('--data', folder)
    ends.push(() => leader.kill())
    const writer = await connect(leader.port)
    await writer.query('CREATE TABLE t (id int PRIMARY KEY, filler text)')
    const follower = await follow(folder)
    let rows = 0
    for (let round = 0; round < 6; round++) {
      await writer.query("INSERT INTO t SELECT g, repeat('x', 1000) FROM generate_series($1::int, $2::int) g", [
        rows,
        rows + 999,
      ])
      rows += 1_000
      if (round % 3 === 2) await writer.query('CHECKPOINT').catch(() => undefined)
    }
    await follower.waitFor(await sequenceOf(writer))
    const count = await follower.read((snapshot) => snapshot.sql('SELECT count(*) FROM t'))
    expect(count).toEqual([{ count: 6_000n }])
  }))

test('a follower has tables of an engine as its leader hands them over, and takes them over with their files', () =>
  withFolder(async (folder) => {
    const leader = await ServerProcess.start('--data', folder, '--hand-over-size', '64KB')
    ends.push(() => (leader.isRunning ? leader.kill() : undefined))
    const writer = await connect(leader.port)
    await writer.query("CREATE TABLE t (id int PRIMARY KEY, filler text) WITH (engine = 'sorted')")
    const follower = await follow(folder)
    const server = await serve(follower, { port: 0 })
    ends.unshift(() => server.close())
    const reader = await connect(server.port)
    const sums: unknown[] = []
    for (let round = 0; round < 12; round++) {
      await writer.query("INSERT INTO t SELECT g, repeat('x', 200) FROM generate_series($1::int, $2::int) g", [
        round * 300,
        round * 300 + 299,
      ])
      await writer.query('DELETE FROM t WHERE id % 3 = 0')
      await follower.waitFor(await sequenceOf(writer))
      const sum = 'SELECT count(*), sum(id) FROM t'
      sums.push((await reader.query(sum)).rows)
      expect(sums.at(-1)).toEqual((await writer.query(sum)).rows)
    }
    expect((await follower.verify()).differences).toEqual([])
    await leader.kill()
    await follower.promote()
    expect((await reader.query('SELECT count(*), sum(id) FROM t')).rows).toEqual(sums.at(-1))
    await reader.query('DELETE FROM t WHERE id % 2 = 0')
    const left = (await reader.query('SELECT count(*), sum(id) FROM t')).rows
    expect((await follower.verify()).differences).toEqual([])
    for (const end of ends.splice(0, ends.length - 1)) await end()
    const again = await ServerProcess.start('--data', folder)
    const last = await connect(again.port)
    expect((await last.query('SELECT count(*), sum(id) FROM t')).rows).toEqual(left)
    await again.kill()
  }))
