/**
 * Redis's commands on large collections, in turn with redis-server, both in the same run and by the same means: the
 * processor time and the time that each takes, then once more beside point reads, with the longest round of the server's
 * event loop. What a command needs is made before it, and what the one before has made is gone.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import type { BenchOptions } from '../area.ts'
import { figure, type Measured, rowOf, type Row } from '../measure.ts'
import { threadSeconds, type Running } from '../processes.ts'
import { findProgram, versionOf } from '../programs.ts'
import { startRedis } from '../redis-peer.ts'
import { atRest, type MeteredServer, readsWhile } from '../turns.ts'

interface Command {
  readonly name: string
  readonly prepare?: (client: Redis, size: number) => Promise<unknown>
  readonly run: (client: Redis, size: number) => Promise<unknown>
}

const sources = ['items', 'members', 'others', 'scores', 'weights', 'fields', 'point'] as const

const insertNew = (client: Redis, size: number): Promise<unknown> => {
  return client.linsert('items', 'BEFORE', `item:${size / 2}`, 'new')
}

const commands: readonly Command[] = [
  { name: 'linsert', prepare: (client) => client.lrem('items', 1, 'new'), run: insertNew },
  {
    name: 'lrem',
    prepare: async (client, size) => {
      await client.lrem('items', 1, 'new')
      await insertNew(client, size)
    },
    run: (client) => client.lrem('items', 1, 'new'),
  },
  { name: 'lset', run: (client, size) => client.lset('items', size / 2, `item:${size / 2}`) },
  {
    name: 'lrem-all',
    prepare: (client) => client.copy('items', 'target'),
    run: (client) => client.lrem('target', 0, 'repeated'),
  },
  { name: 'copy-list', run: (client) => client.copy('items', 'target') },
  { name: 'copy-set', run: (client) => client.copy('members', 'target') },
  { name: 'copy-hash', run: (client) => client.copy('fields', 'target') },
  { name: 'copy-zset', run: (client) => client.copy('scores', 'target') },
  { name: 'sunionstore', run: (client) => client.sunionstore('target', 'members', 'others') },
  { name: 'sinterstore', run: (client) => client.sinterstore('target', 'members', 'others') },
  { name: 'zunionstore', run: (client) => client.zunionstore('target', 2, 'scores', 'weights') },
  {
    name: 'rename',
    prepare: (client) => client.copy('fields', 'from'),
    run: (client) => client.rename('from', 'target'),
  },
  { name: 'del', prepare: (client) => client.copy('fields', 'target'), run: (client) => client.del('target') },
]

interface Figures {
  /** Milliseconds, and the processor time of the command. */
  readonly ours: Measured[]
  readonly peers: Measured[]
  readonly turnMs: Measured[]
  readonly readMs: Measured[]
  readonly idleMs: Measured[]
}

const newFigures = (): Figures => ({ ours: [], peers: [], turnMs: [], readMs: [], idleMs: [] })

export async function* redisRows(polylog: MeteredServer, options: BenchOptions): AsyncGenerator<Row> {
  if (options.quick) yield* rowsOfSize(polylog, 100_000, 1)
  else {
    yield* rowsOfSize(polylog, 200_000, 3)
    yield* rowsOfSize(polylog, 1_000_000, 1)
  }
}

async function* rowsOfSize(polylog: MeteredServer, size: number, rounds: number): AsyncGenerator<Row> {
  const redis = findProgram('redis-server') === undefined ? undefined : await startRedis('synced')
  const ours = new Redis(polylog.running.port)
  const reader = new Redis(polylog.running.port)
  const peer = redis && new Redis(redis.port)
  try {
    await fill(ours, size)
    if (peer !== undefined) await fill(peer, size)
    for (const command of commands) {
      const figures = newFigures()
      for (let round = 0; round < rounds; round++) {
        figures.ours.push(await take(polylog.running, ours, command, size))
        if (peer !== undefined) figures.peers.push(await take(redis!, peer, command, size))
        await prepared(polylog.running, ours, command, size)
        const read = (): Promise<unknown> => reader.get('point')
        figures.idleMs.push({ value: await readsWhile(read, sleep(300)) })
        const work = async (): Promise<void> => {
          figures.readMs.push({ value: await readsWhile(read, command.run(ours, size)) })
        }
        figures.turnMs.push({ value: await polylog.longestTurnMs(work) })
      }
      yield* rowsOf(command.name, size, figures)
    }
  } finally {
    await ours.del('target', ...sources)
    ours.disconnect()
    reader.disconnect()
    peer?.disconnect()
    await redis?.stop()
  }
}

async function prepared(server: Running, client: Redis, { prepare }: Command, size: number): Promise<void> {
  await client.del('target', 'from')
  await prepare?.(client, size)
  await atRest(server)
}

async function take(server: Running, client: Redis, command: Command, size: number): Promise<Measured> {
  await prepared(server, client, command, size)
  const started = performance.now()
  const before = threadSeconds(server.pid)
  await command.run(client, size)
  const value = performance.now() - started
  return { value, cpuMicros: (threadSeconds(server.pid) - before) * 1e6 }
}

async function fill(client: Redis, size: number): Promise<void> {
  const step = 1000
  for (let from = 0; from < size; from += step) {
    const numbers = Array.from({ length: step }, (_, i) => from + i)
    await Promise.all([
      client.rpush('items', ...numbers.map((n) => (n % 10 === 3 ? 'repeated' : `item:${n}`))),
      client.sadd('members', ...numbers.map((n) => `member:${n}`)),
      client.sadd('others', ...numbers.map((n) => `member:${n + size / 2}`)),
      client.zadd('scores', ...numbers.flatMap((n) => [n, `member:${n}`])),
      client.zadd('weights', ...numbers.flatMap((n) => [n, `member:${n + size / 2}`])),
      client.hset('fields', ...numbers.flatMap((n) => [`field:${n}`, `value:${n}`])),
    ])
  }
  await client.set('point', 'x')
}

function* rowsOf(name: string, size: number, { ours, peers, turnMs, readMs, idleMs }: Figures): Generator<Row> {
  const notes = `${size} elements`
  const common = { area: 'fairness', durability: 'synced', lowerIsBetter: true, notes }
  const at = `fairness/redis/${size}/${name}`
  const redis = findProgram('redis-server')
  yield rowOf(
    { ...common, clients: 1, name: `${at}/time`, unit: 'ms' },
    { name: 'redis-server', ...(redis !== undefined && { version: versionOf(redis) }) },
    ours,
    peers,
  )
  yield figure({ ...common, clients: 1, name: `${at}/longest-turn`, unit: 'ms of processor time' }, turnMs)
  const reads = { ...common, clients: 2, name: `${at}/read-p99`, unit: 'ms' }
  yield rowOf(reads, { name: 'the same without the command' }, readMs, idleMs)
}
