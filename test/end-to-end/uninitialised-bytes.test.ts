/**
 * No byte leaves that nobody wrote: memory that Node does not clear bears a marker (`marked-memory.mjs`), a broad program
 * runs at all doors, and the marker is looked for in all that the server sent and in all files that it left.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect, createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type pg from 'pg'
import { expect, test } from 'vitest'
import { Clients } from './clients.ts'
import { frontendMessage, mongoHello, redisCommand, startupPacket } from './protocol-bytes.ts'
import { RawConnection } from './raw-connection.ts'
import { ServerProcess } from './server-process.ts'

/** The marker wherever a run of it may be cut. */
const markers = [0, 1, 2, 3].map((turn) => {
  const bytes = [0xfa, 0xce, 0xb0, 0x0c]
  return Buffer.from([...bytes.slice(turn), ...bytes.slice(0, turn)])
})

function markedAt(bytes: Buffer): number | undefined {
  return markers.map((marker) => bytes.indexOf(marker)).find((at) => at >= 0)
}

/** Between clients and the server: keeps all that the server says. */
class Listening {
  readonly heard: Buffer[] = []
  readonly #server: Server
  port = 0

  constructor(target: number) {
    this.#server = createServer((client) => {
      const server = connect({ port: target, host: '127.0.0.1' })
      for (const socket of [client, server]) socket.on('error', () => client.destroy() && server.destroy())
      server.on('data', (chunk) => this.heard.push(chunk))
      server.pipe(client)
      client.pipe(server)
    })
  }

  async open(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve))
    this.port = (this.#server.address() as { port: number }).port
  }

  close(): void {
    this.#server.close()
  }
}

const long = 'text '.repeat(100_000)

async function useSql(clients: Clients): Promise<void> {
  const client = await clients.postgres()
  await client.query(`CREATE TABLE kinds (id bigint PRIMARY KEY, t text, n numeric, j jsonb, b bytea, a int[], f float8,
    d timestamptz, i interval, u uuid, o boolean)`)
  await client.query('CREATE INDEX ON kinds (n DESC, o)')
  const values = [long, '1.50', JSON.stringify({ a: [1, 'x'] }), Buffer.from(long), [1, 2, null], 1.5, new Date(5)]
  for (const id of [1, 2])
    await client.query('INSERT INTO kinds VALUES ($1, $2, $3, $4, $5, $6, $7, $8)', [id, ...values])
  await client.query(`INSERT INTO kinds SELECT n, 'row ' || n, n FROM generate_series(3, 3000) n`)
  await client.query({ text: 'SELECT * FROM kinds', rowMode: 'array' })
  const binary: object = { text: 'SELECT * FROM kinds ORDER BY n DESC LIMIT 20', binary: true }
  await client.query(binary as pg.QueryConfig)
  await client.query(`CREATE TABLE stored (id int PRIMARY KEY, t text) WITH (engine = 'sorted')`)
  await client.query(`INSERT INTO stored SELECT n, repeat('x', n) FROM generate_series(1, 2000) n`)
  await client.query('UPDATE kinds SET t = t || $1 WHERE id < 100', ['more'])
  for (const text of [
    'EXPLAIN ANALYZE SELECT * FROM kinds k JOIN stored s USING (id) ORDER BY s.t',
    'SELECT string_agg(t, chr(233)) FROM stored',
    'SELECT oid, relname FROM pg_class',
    'BEGIN; DECLARE c CURSOR FOR SELECT * FROM kinds; FETCH 100 FROM c; COMMIT',
    'DELETE FROM kinds WHERE id % 2 = 0 RETURNING *',
    'SELECT * FROM nowhere',
    "SELECT 'x'::int",
    'SELECT 1/0',
  ]) {
    await client.query(text).catch(() => undefined)
  }
}

/** What comes in pieces: COPY of both kinds, cursors, portals that stop, a transaction that is large. */
async function useSqlInPieces(clients: Clients): Promise<void> {
  const client = await clients.postgres()
  await client.query('CREATE TABLE pieces (id int PRIMARY KEY, t text, b bytea)')
  await client.query('BEGIN')
  await client.query(
    `INSERT INTO pieces SELECT n, repeat('é', n), decode(repeat('ab', n), 'hex') FROM generate_series(1, 3000) n`,
  )
  for (const text of [
    'DECLARE c SCROLL CURSOR WITH HOLD FOR SELECT * FROM pieces',
    'FETCH 7 FROM c',
    'FETCH BACKWARD 3 FROM c',
    'COMMIT',
    'FETCH ALL FROM c',
    'CLOSE c',
    'CREATE INDEX ON pieces (t)',
    'UPDATE pieces SET b = NULL WHERE id % 3 = 0',
    'EXPLAIN (FORMAT JSON) SELECT * FROM pieces',
    'SELECT array_agg(b ORDER BY id), json_agg(t) FROM pieces',
    `SELECT '{"a": ${JSON.stringify([1, 'x', null])}}'::jsonb || jsonb_build_object('k', repeat('x', 70000))`,
  ]) {
    await client.query(text).catch(() => client.query('ROLLBACK'))
  }
}

/** COPY out and in, and a portal of which three rows at a time are wanted, as bytes: the driver has no words for them. */
async function copyRaw(port: number): Promise<void> {
  const connection = await RawConnection.open(port)
  const query = (text: string): Buffer => frontendMessage('Q', `${text}\0`)
  connection.send(
    Buffer.concat([
      startupPacket(),
      query('CREATE TABLE copied (a int, b text)'),
      query('COPY copied FROM STDIN'),
      ...Array.from({ length: 500 }, (_, i) => frontendMessage('d', `${i}\t${'x'.repeat(i)}\\n\n`)),
      frontendMessage('c'),
      query('COPY copied TO STDOUT'),
      query('COPY copied TO STDOUT (FORMAT csv, HEADER)'),
      query('COPY copied TO STDOUT (FORMAT binary)'),
      frontendMessage('P', '\0SELECT * FROM copied\0\0\0'),
      frontendMessage('B', '\0\0\0\0\0\0\0\x01\0\x01'),
      frontendMessage('D', 'P\0'),
      ...Array.from({ length: 9 }, () => frontendMessage('E', '\0\0\0\0\x03')),
      frontendMessage('S'),
    ]),
  )
  await connection.end()
}

async function useRedis(clients: Clients): Promise<void> {
  const redis = clients.redis()
  await redis.set('long', long)
  await redis.setrange('gap', 70_000, 'end')
  await redis.setrange('gap', 100, 'middle')
  await redis.append('gap', long)
  await redis.call('SETRANGE', 'long', '1000000', 'x')
  await redis.rpush('list', ...Array.from({ length: 500 }, (_, i) => `${i}`.repeat(i % 50)), long)
  await redis.hset('hash', { small: '1', long })
  await redis.zadd('zset', 1.5, 'a', 2, long.slice(0, 60_000))
  await redis.sadd('set', 'a', 'b', long.slice(0, 60_000))
  await redis.pipeline().get('long').get('gap').getrange('gap', 0, 200).lrange('list', '0', '-1').hgetall('hash').exec()
  await redis.multi().incr('counter').zrange('zset', '0', '-1', 'WITHSCORES').smembers('set').info().exec()
  await redis.scan('0', 'COUNT', '2')
  await redis.zunionstore('union', 2, 'zset', 'set', 'WEIGHTS', 1.25, 3)
  await redis.hscan('hash', '0')
  await redis.call('OBJECT', 'ENCODING', 'list').catch(() => undefined)
  await redis.call('COMMAND')
  await redis.call('NO SUCH').catch(() => undefined)
}

async function useMongo(clients: Clients): Promise<void> {
  const things = clients.mongo().db('kinds').collection('things')
  await things.insertMany(
    Array.from({ length: 500 }, (_, i) => ({ i, text: 'x'.repeat(i), deep: { list: [i, { i }] } })),
  )
  await things.insertOne({ long, bytes: Buffer.from(long) })
  await things.createIndex({ 'deep.list': 1 })
  await things.find().batchSize(7).toArray()
  await things.updateMany(
    { i: { $lt: 50 } },
    { $set: { 'deep.more': long.slice(0, 900) }, $push: { 'deep.list': 1 } as never },
  )
  await things
    .aggregate([{ $match: { i: { $gt: 3 } } }, { $group: { _id: '$deep.list', all: { $push: '$text' } } }])
    .toArray()
  await things.distinct('text')
  const open = things.find().sort({ i: -1 }).batchSize(3)
  for (let left = 20; left > 0; left--) await open.next()
  await open.close()
  await things.findOneAndUpdate({ i: 7 }, { $unset: { text: 1 }, $set: { a: { b: { c: 'd' } } } })
  await things.bulkWrite([{ insertOne: { document: { i: 9 } } }, { deleteOne: { filter: { i: 9 } } }])
  await things.countDocuments({ text: /x{3}/ })
  await things.aggregate([{ $facet: { a: [{ $limit: 3 }], b: [{ $sortByCount: '$i' }] } }]).toArray()
  await things.find({ i: { $lt: 3 } }).explain()
  await things.listIndexes().toArray()
  await things.insertOne({ $bad: 1 }).catch(() => undefined)
}

/** Values in Redis's own forms, messages that nobody has asked for, scripts. */
async function useRedisFurther(clients: Clients): Promise<void> {
  const [redis, listener] = [clients.redis(), clients.redis()]
  await listener.call('HELLO', '3')
  await listener.call('CLIENT', 'TRACKING', 'ON', 'BCAST')
  await listener.subscribe('news')
  await redis.publish('news', long.slice(0, 90_000))
  await redis.setbit('bits', 90_000, 1)
  await redis.call('BITFIELD', 'bits', 'SET', 'u8', '800000', '255', 'OVERFLOW', 'SAT', 'INCRBY', 'i5', '100', '30')
  await redis.call('BITOP', 'NOT', 'inverse', 'bits')
  await redis.pfadd('sketch', ...Array.from({ length: 3000 }, (_, i) => `${i}`))
  await redis.geoadd('places', 13.4, 52.5, 'a', 2.3, 48.8, 'b')
  for (let i = 0; i < 300; i++) await redis.xadd('stream', '*', 'i', i, 'text', 'x'.repeat(i))
  await redis.xgroup('CREATE', 'stream', 'group', '0')
  await redis.xreadgroup('GROUP', 'group', 'one', 'COUNT', 200, 'STREAMS', 'stream', '>')
  await redis.sadd('numbers', 1, 2, 70_000)
  await redis.rpush('packed', 'a', 'b', long.slice(0, 9000))
  for (const key of ['bits', 'inverse', 'sketch', 'places', 'stream', 'numbers', 'packed', 'text']) {
    await redis.set('text', long)
    const dumped = await redis.dumpBuffer(key)
    await redis.restore(`again ${key}`, 0, dumped, 'REPLACE')
    await redis.dump(`again ${key}`)
  }
  await redis.eval(
    "return { cmsgpack.pack({ 1, 'x', { a = 2.5 } }), cjson.encode({ a = { 1, 2 } }), struct.pack('>I2', 5) }",
    0,
  )
  await redis.sort('numbers', 'BY', 'nosort', 'GET', '#', 'GET', 'text')
}

/** Those to whom the server goes on telling: a replica of Redis's, who reads published rows, a change stream, compressed. */
async function follow(clients: Clients, port: number): Promise<void> {
  const client = await clients.postgres()
  await client.query('CREATE TABLE told (id int PRIMARY KEY, t text, b bytea); CREATE PUBLICATION told FOR TABLE told')
  const reader = await RawConnection.open(port)
  reader.send(
    Buffer.concat([
      startupPacket({ user: 'me', database: 'polylog', replication: 'database' }),
      frontendMessage('Q', 'CREATE_REPLICATION_SLOT told LOGICAL pgoutput\0'),
      frontendMessage(
        'Q',
        "START_REPLICATION SLOT told LOGICAL 0/0 (proto_version '1', publication_names 'told', binary 'true')\0",
      ),
    ]),
  )
  await reader.until((received) => received.includes('W\0'))
  await client.query(
    "INSERT INTO told SELECT n, repeat('é', n), decode(repeat('cd', n), 'hex') FROM generate_series(1, 400) n",
  )
  await client.query("INSERT INTO told VALUES (0, 'the last one')")
  await reader.until((received) => received.includes('the last one'))
  reader.destroy()
  const replica = await RawConnection.open(port)
  replica.send(Buffer.concat([redisCommand('REPLCONF', 'capa', 'eof'), redisCommand('PSYNC', '?', '-1')]))
  await replica.until((received) => received.includes('REDIS00'))
  const redis = clients.redis()
  await redis.set('of the stream', 'the last one')
  await replica.until((received) => received.includes('the last one'))
  replica.destroy()
  const things = clients
    .mongo({ compressors: ['zlib'] })
    .db('kinds')
    .collection('compressed')
  const changes = things.watch([], { fullDocument: 'updateLookup' })
  // It is open then.
  await changes.tryNext()
  await things.insertMany(Array.from({ length: 300 }, (_, i) => ({ i, text: 'x'.repeat(i) })))
  await things.updateMany({}, { $set: { more: 'y' } })
  for (let left = 500; left > 0; left--) await changes.next()
  await changes.close()
  await things.find().toArray()
}

/** Messages that are cut, that never end, and errors before a login. */
async function useBadly(port: number): Promise<void> {
  for (const bytes of [
    Buffer.concat([startupPacket(), frontendMessage('Q', "SELECT repeat('x', 100000)\0"), frontendMessage('z')]),
    Buffer.concat([startupPacket(), frontendMessage('P', 'cut'), frontendMessage('S')]),
    Buffer.concat([mongoHello, mongoHello.subarray(0, 30)]),
    Buffer.concat([redisCommand('PING'), redisCommand('ECHO', 'é'.repeat(1000)).subarray(0, 500)]),
  ]) {
    const connection = await RawConnection.open(port)
    connection.send(bytes)
    await connection.end()
  }
}

/** Named by `path`, so that a failure says where. */
function filesUnder(folder: string): { path: string; bytes: Buffer }[] {
  const paths = readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((name) => join(folder, name))
  return paths.filter((path) => statSync(path).isFile()).map((path) => ({ path, bytes: readFileSync(path) }))
}

test('no memory of others in any reply or file', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'polylog-marked-'))
  const data = join(folder, 'data')
  const preload = join(import.meta.dirname, 'marked-memory.mjs')
  const options = { NODE_OPTIONS: `--import=${preload}` }
  const server = await ServerProcess.startIn(options, '--data', data, '--hand-over-size', '16KB')
  const listening = new Listening(server.port)
  await listening.open()
  const clients = new Clients(listening.port)
  try {
    await Promise.all([
      useSql(clients),
      useSqlInPieces(clients),
      copyRaw(listening.port),
      useRedis(clients),
      useRedisFurther(clients),
      follow(clients, listening.port),
      useMongo(clients),
      useBadly(listening.port),
    ])
    const whileItRuns = filesUnder(data)
    await clients.close()
    expect(await server.stop()).toMatchObject({ status: 0 })
    const heard = Buffer.concat(listening.heard)
    expect(heard.length).toBeGreaterThan(5_000_000)
    expect(markedAt(heard)).toBeUndefined()
    for (const { path, bytes } of [...whileItRuns, ...filesUnder(data)])
      expect([path, markedAt(bytes)]).toEqual([path, undefined])
    expect(whileItRuns.some(({ path }) => path.includes('sorted'))).toBe(true)
  } finally {
    listening.close()
    await server.kill()
    await rm(folder, { recursive: true, force: true })
  }
})
