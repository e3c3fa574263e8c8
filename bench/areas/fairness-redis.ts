/**
 * Redis's commands on large collections, in turn with redis-server, both in the same run and by the same means: the
 * processor time and the time that each takes, then once more beside point reads, with the longest round of the server's
 * event loop. What a command needs is made before it, and what the one before has made is gone.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import type { BenchOptions } from '../area.ts'
import { spreadOf, type Row, type Spread } from '../measure.ts'
import { findProgram, threadSeconds, versionOf, type Running } from '../processes.ts'
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

interface Taken {
  readonly processorMs: number[]
  readonly ms: number[]
}

interface Figures {
  readonly ours: Taken
  readonly peers: Taken
  readonly turnMs: number[]
  readonly readMs: number[]
  readonly idleMs: number[]
}

const newFigures = (): Figures => {
  return { ours: { processorMs: [], ms: [] }, peers: { processorMs: [], ms: [] }, turnMs: [], readMs: [], idleMs: [] }
}

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
      const figure = newFigures()
      for (let round = 0; round < rounds; round++) {
        await take(polylog.running, ours, command, size, figure.ours)
        if (peer !== undefined) await take(redis!, peer, command, size, figure.peers)
        await prepared(polylog.running, ours, command, size)
        const read = (): Promise<unknown> => reader.get('point')
        figure.idleMs.push(await readsWhile(read, sleep(300)))
        const work = async (): Promise<void> => {
          figure.readMs.push(await readsWhile(read, command.run(ours, size)))
        }
        figure.turnMs.push(await polylog.longestTurnMs(work))
      }
      yield* rowsOf(command.name, size, figure)
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

async function take(server: Running, client: Redis, command: Command, size: number, into: Taken): Promise<void> {
  await prepared(server, client, command, size)
  const started = performance.now()
  const before = threadSeconds(server.pid)
  await command.run(client, size)
  into.processorMs.push((threadSeconds(server.pid) - before) * 1000)
  into.ms.push(performance.now() - started)
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
  const common = { area: 'fairness', durability: 'synced', clients: 1, notes: `${size} elements` }
  const at = `fairness/redis/${size}/${name}`
  yield {
    ...common,
    name: `${at}/processor-time`,
    unit: 'ms',
    ...besideRedis(spreadOf(ours.processorMs), peers.processorMs),
  }
  yield { ...common, name: `${at}/time`, unit: 'ms', ...besideRedis(spreadOf(ours.ms), peers.ms) }
  yield {
    ...common,
    name: `${at}/longest-turn`,
    unit: 'ms of processor time',
    ours: spreadOf(turnMs),
    peer: { name: 'none', missing: 'no peer: the figure itself counts' },
    ratio: null,
  }
  const [busy, idle] = [spreadOf(readMs), spreadOf(idleMs)]
  yield {
    ...common,
    clients: 2,
    name: `${at}/read-p99`,
    unit: 'ms',
    ours: busy,
    peer: { name: 'the same without the command', version: process.version, ...idle },
    ratio: idle.median / busy.median,
  }
}

function besideRedis(ours: Spread, peers: readonly number[]): Pick<Row, 'ours' | 'peer' | 'ratio'> {
  if (peers.length === 0) return { ours, peer: { name: 'redis-server', missing: 'not installed' }, ratio: null }
  const theirs = spreadOf(peers)
  const peer = { name: 'redis-server', version: versionOf(findProgram('redis-server')!), ...theirs }
  return { ours, peer, ratio: ours.median === 0 ? null : theirs.median / ours.median }
}
