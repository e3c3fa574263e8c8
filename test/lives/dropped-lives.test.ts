/**
 * Whatever clients were doing when they went, nothing is charged to anybody afterwards.
 *
 * Some clients of all doors live random lives at once: each sends, step by step, what makes a server keep something, half of
 * the time in pieces, stops reading or goes on, and goes away at a random moment, by a reset or by the end of its half.
 * They meet each other at the same table, so some wait for locks of others who are about to go.
 */
import { hear } from '../../src/host/deaf.ts'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Holder } from '../../src/base/memory-account.ts'
import { ProcessMemory } from '../../src/database/process-memory.ts'
import { TemporaryFiles } from '../../src/database/directory/temporary-files.ts'
import type { Host, Socket } from '../../src/host/host.ts'
import { SimulatedWorld } from '../../src/host/simulated/simulated-world.ts'
import { createMemoryDisk } from '../../src/host/simulated/memory-disk.ts'
import { openTestSessions } from '../../src/session/testing.ts'
import {
  frontendMessage,
  int32,
  int32LE,
  mongoHello,
  mongoMessage,
  redisCommand,
  startupPacket,
} from '../end-to-end/protocol-bytes.ts'
import { Server } from '../../src/server/server.ts'

const mebibyte = 1024 * 1024
const long = 'x'.repeat(100_000)

const query = (text: string): Buffer => frontendMessage('Q', `${text}\0`)
const sync = frontendMessage('S')
const cstrings = (...texts: string[]): Buffer => Buffer.from(texts.map((text) => `${text}\0`).join(''))
const noFormats = Buffer.from([0, 0])
const times = (count: number, bytes: Buffer): Buffer[] => Array.from({ length: count }, () => bytes)

function bindLong(portal: string): Buffer {
  const value = Buffer.concat([int32(long.length), Buffer.from(long)])
  const one = Buffer.from([0, 1])
  return frontendMessage('B', Buffer.concat([cstrings(portal, 's'), noFormats, one, value, noFormats]))
}

const manyRows = "SELECT repeat('x', 1000) || g AS a FROM generate_series(1, 150) g"
const makeTable = query('CREATE TABLE IF NOT EXISTS t (a text)')
const changeTable = query('BEGIN; ALTER TABLE t ADD COLUMN b int')
const someData = frontendMessage('d', `${long.slice(0, 50_000)}\n`)
const muchData = frontendMessage('d', `${long}\n`)
const documents = Array.from({ length: 40 }, (_, i) => ({ i, text: 'y'.repeat(4000) }))
const makeDocuments = mongoMessage({ insert: 'c', documents, $db: 'd' })

function aggregate(pipeline: readonly object[], more: object = {}): Buffer {
  return mongoMessage({ aggregate: 'c', pipeline, cursor: { batchSize: 1 }, $db: 'd', ...more })
}

/** How a client of each door begins, and what it may do then: any of these, one after another, and cut anywhere. */
const doors: Readonly<Record<string, { readonly greeting: Buffer; readonly stories: readonly (readonly Buffer[])[] }>> =
  {
    postgres: {
      greeting: startupPacket(),
      stories: [
        [makeTable, query('COPY t FROM STDIN'), ...times(4, muchData)],
        [makeTable, query('BEGIN; COPY t FROM STDIN'), ...times(6, someData), frontendMessage('c'), query('COMMIT')],
        [makeTable, query('COPY t FROM STDIN'), muchData, frontendMessage('f', 'no\0')],
        [makeTable, changeTable, query('ROLLBACK')],
        [makeTable, query('BEGIN'), query(`INSERT INTO t ${manyRows}`), query('ROLLBACK')],
        [makeTable, query(`BEGIN; LOCK TABLE t`), query('SELECT count(*) FROM t')],
        [
          makeTable,
          query(`INSERT INTO t ${manyRows}`),
          query('BEGIN; SELECT count(*) FROM (SELECT a FROM t FOR UPDATE) s'),
        ],
        [query(`${manyRows} ORDER BY a`)],
        [query(`SELECT count(DISTINCT a) FROM (${manyRows}) s`)],
        [query(`SELECT length(string_agg(a, '')) FROM (${manyRows}) s`)],
        [query(`DECLARE c CURSOR WITH HOLD FOR ${manyRows}`), query('FETCH 3 FROM c'), query('CLOSE c')],
        [query(`BEGIN; DECLARE d CURSOR FOR ${manyRows} ORDER BY a`), query('FETCH 3 FROM d'), query('COMMIT')],
        [query(`SET a.b = '${long}'`), query(`PREPARE p AS SELECT '${long}'`), query('DEALLOCATE ALL')],
        [
          frontendMessage('P', Buffer.concat([cstrings('s', `SELECT $1::text FROM (${manyRows}) s`), noFormats])),
          bindLong('held'),
          frontendMessage('E', Buffer.concat([cstrings('held'), int32(2)])),
          bindLong(''),
          frontendMessage('H'),
          sync,
        ],
        [frontendMessage('Q', long, 60_000_000)],
        [query('SELECT pg_sleep(0.05)')],
      ],
    },
    redis: {
      greeting: redisCommand('PING'),
      stories: [
        [redisCommand('SET', 'k', long), ...times(4, redisCommand('GET', 'k'))],
        [redisCommand('MULTI'), ...times(4, redisCommand('SET', 'k', long)), redisCommand('EXEC')],
        [
          redisCommand('WATCH', ...Array.from({ length: 100 }, (_, i) => `${'k'.repeat(500)}${i}`)),
          redisCommand('UNWATCH'),
        ],
        [redisCommand('CLIENT', 'SETNAME', 'n'.repeat(10_000))],
        [
          redisCommand('SADD', 's', ...Array.from({ length: 3000 }, (_, i) => String(i))),
          redisCommand('SUNIONSTORE', 'u', 's', 's'),
          redisCommand('SMEMBERS', 's'),
          redisCommand('DEL', 's', 'u'),
        ],
        [Buffer.from('*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$60000000\r\nhalf'), ...times(3, Buffer.alloc(100_000, 0x61))],
      ],
    },
    mongodb: {
      greeting: mongoHello,
      stories: [
        [makeDocuments, mongoMessage({ find: 'c', filter: {}, batchSize: 2, $db: 'd' })],
        [makeDocuments, ...times(3, aggregate([{ $sort: { text: 1, i: -1 } }]))],
        [makeDocuments, aggregate([{ $sort: { text: 1, i: -1 } }], { maxTimeMS: 1 })],
        [makeDocuments, aggregate([{ $group: { _id: '$i', t: { $push: '$text' } } }])],
        [
          makeDocuments,
          mongoMessage({ update: 'c', updates: [{ q: {}, u: { $set: { t: long } }, multi: true }], $db: 'd' }),
        ],
        [Buffer.concat([int32LE(40_000_000), int32LE(7), int32LE(0), int32LE(2013), Buffer.alloc(70_000)])],
      ],
    },
  }

interface Life {
  readonly door: string
  /** Numbers of its stories. */
  readonly stories: readonly number[]
  /** Messages before it goes. */
  readonly messages: number
  /** Moments after each message. */
  readonly waits: readonly number[]
  readonly pieceBytes: number | undefined
  /** Reads nothing from that message on. */
  readonly pausesAt: number
  readonly ending: 'reset' | 'end'
}

const livesOf = fc.array(
  fc.record({
    door: fc.constantFrom(...Object.keys(doors)),
    stories: fc.array(fc.nat(1000), { minLength: 1, maxLength: 3 }),
    messages: fc.integer({ min: 1, max: 10 }),
    waits: fc.array(fc.integer({ min: 0, max: 10 }), { minLength: 1, maxLength: 4 }),
    pieceBytes: fc.option(fc.integer({ min: 10_000, max: 70_000 }), { nil: undefined }),
    pausesAt: fc.nat(20),
    ending: fc.constantFrom<'reset' | 'end'>('reset', 'end'),
  }),
  { minLength: 1, maxLength: 5 },
)

/** Of a fifth of a millisecond. */
function moments(host: Host, count: number): Promise<void> {
  return count === 0 ? Promise.resolve() : new Promise((resolve) => void host.at(count / 5, resolve))
}

async function live(host: Host, socket: Socket, life: Life): Promise<void> {
  const { greeting, stories } = doors[life.door]!
  const told = life.stories.flatMap((number) => stories[number % stories.length]!)
  let isClosed = false
  hear(socket, { onClose: () => (isClosed = true) })
  for (const [i, bytes] of [greeting, ...told].slice(0, 1 + life.messages).entries()) {
    if (isClosed) return
    if (i === life.pausesAt) socket.pause()
    const pieceBytes = life.pieceBytes ?? bytes.length
    for (let at = 0; at < bytes.length; at += pieceBytes)
      socket.write(Uint8Array.from(bytes.subarray(at, at + pieceBytes)))
    await moments(host, i === 0 ? 5 : life.waits[i % life.waits.length]!)
  }
  socket.resume()
  if (life.ending === 'reset') socket.destroy()
  else socket.end()
}

/** Mongo's cursors outlive their connections by ten minutes. */
const cursorsLiveMs = 12 * 60_000

async function tryLives(world: SimulatedWorld, lives: readonly Life[]): Promise<void> {
  const host = world.startProcess('server')
  const client = world.startProcess('client')
  const memory = new ProcessMemory(40 * mebibyte, 0, Infinity, { operatorBytes: 64 * 1024 })
  const temporary = await TemporaryFiles.open(createMemoryDisk(), 'temporary', Infinity)
  const opened = await openTestSessions({ host, memory, temporary, sessions: { memory } })
  const server = await Server.listen(host, opened.sessions, { port: 0 })
  const connect = (): Promise<Socket> => client.network.connect({ host: 'server', port: server.port })
  await Promise.all(lives.map(async (life) => live(client, await connect(), life)))
  // Those that last keep a little granted, so that they need not ask for each byte; of the one that all cursors share, what
  // it uses is that.
  const holders = (): Holder[] =>
    [...memory.work.holders()].slice(1).filter(({ account }) => account.name !== 'all cursors together')
  const held = (): string[] =>
    holders()
      .filter(({ account }) => account.usedBytes > 0)
      .map(({ path }) => path.join(' / '))
  for (let polls = 0; polls < 500 && held().length > 0; polls++) await new Promise<void>((r) => client.at(20, r))
  if (held().length > 0) await new Promise<void>((resolve) => client.at(cursorsLiveMs, resolve))
  expect(held()).toEqual([])
  await server.close()
  await opened.close()
  expect(holders()).toEqual([])
  expect(temporary).toMatchObject({ usedBytes: 0, openFiles: 0 })
}

test('nothing is charged to anybody when clients have gone, whenever they went', { timeout: 120_000 }, async () => {
  const property = fc.asyncProperty(fc.integer({ min: 1, max: 1_000_000 }), livesOf, async (seed, lives) => {
    const world = new SimulatedWorld(seed)
    await world.complete(tryLives(world, lives))
    expect(world.fatals).toEqual([])
  })
  await fc.assert(property, { numRuns: 15, endOnFailure: true })
})
