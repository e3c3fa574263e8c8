/**
 * Redis's commands on large collections, in turn with redis-server: the processor time that each takes, and the longest
 * round of the server's event loop meanwhile.
 */
import { Redis } from 'ioredis'
import type { BenchOptions } from '../area.ts'
import { spreadOf, type Row } from '../measure.ts'
import { findProgram, threadSeconds, versionOf, type Running } from '../processes.ts'
import { startRedis } from '../redis-peer.ts'

interface Command {
  readonly name: string
  readonly run: (client: Redis, size: number, round: number) => Promise<unknown>
}

const source = ['items', 'members', 'others', 'scores', 'weights', 'fields'] as const

/** In this order: what one has made the next one removes. */
const commands: readonly Command[] = [
  {
    name: 'linsert',
    run: (client, size, round) => client.linsert('items', 'BEFORE', `item:${size / 2}`, `new:${round}`),
  },
  { name: 'lrem', run: (client, _size, round) => client.lrem('items', 1, `new:${round}`) },
  { name: 'lset', run: (client, size) => client.lset('items', size / 2, `item:${size / 2}`) },
  { name: 'copy-list', run: (client) => client.copy('items', 'copied-list') },
  { name: 'lrem-all', run: (client) => client.lrem('copied-list', 0, 'repeated') },
  { name: 'sunionstore', run: (client) => client.sunionstore('union', 'members', 'others') },
  { name: 'sinterstore', run: (client) => client.sinterstore('inter', 'members', 'others') },
  { name: 'zunionstore', run: (client) => client.zunionstore('sum', 2, 'scores', 'weights') },
  { name: 'copy-hash', run: (client) => client.copy('fields', 'copied-hash') },
  { name: 'copy-zset', run: (client) => client.copy('scores', 'copied-zset') },
  { name: 'rename', run: (client) => client.rename('copied-hash', 'renamed-hash') },
  { name: 'del', run: (client) => client.del('copied-list', 'union', 'inter', 'sum', 'renamed-hash', 'copied-zset') },
]

interface Figures {
  readonly ours: number[]
  readonly peers: number[]
  readonly turnMs: number[]
}

export interface Measured {
  readonly polylog: Running
  /** Since this was last asked, milliseconds. */
  readonly longestTurn: () => Promise<number>
}

export async function* redisRows({ polylog, longestTurn }: Measured, options: BenchOptions): AsyncGenerator<Row> {
  const size = options.quick ? 200_000 : 1_000_000
  const redis = findProgram('redis-server') === undefined ? undefined : await startRedis('synced')
  const ours = new Redis(polylog.port)
  const peer = redis && new Redis(redis.port)
  const figures = new Map(commands.map(({ name }): [string, Figures] => [name, { ours: [], peers: [], turnMs: [] }]))
  try {
    await fill(ours, size)
    if (peer !== undefined) await fill(peer, size)
    for (let round = 0; round < options.pairs; round++) {
      for (const { name, run } of commands) {
        const figure = figures.get(name)!
        await longestTurn()
        figure.ours.push(await processorMs(polylog, () => run(ours, size, round)))
        figure.turnMs.push(await longestTurn())
        if (peer !== undefined) figure.peers.push(await processorMs(redis!, () => run(peer, size, round)))
      }
    }
    for (const [name, figure] of figures) yield* rowsOf(name, size, figure)
  } finally {
    await ours.del(...source)
    ours.disconnect()
    peer?.disconnect()
    await redis?.stop()
  }
}

async function processorMs(server: Running, run: () => Promise<unknown>): Promise<number> {
  const before = threadSeconds(server.pid)
  await run()
  return (threadSeconds(server.pid) - before) * 1000
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
}

function* rowsOf(name: string, size: number, { ours, peers, turnMs }: Figures): Generator<Row> {
  const common = { area: 'fairness', durability: 'synced', clients: 1, unit: 'ms of processor time' }
  const [mine, theirs] = [spreadOf(ours), peers.length === 0 ? undefined : spreadOf(peers)]
  yield {
    ...common,
    name: `fairness/redis/${name}/time`,
    ours: mine,
    peer:
      theirs === undefined
        ? { name: 'redis-server', missing: 'not installed' }
        : { name: 'redis-server', version: versionOf(findProgram('redis-server')!), ...theirs },
    ratio: theirs === undefined || mine.median === 0 ? null : theirs.median / mine.median,
    notes: `${size} elements`,
  }
  yield {
    ...common,
    name: `fairness/redis/${name}/longest-turn`,
    ours: spreadOf(turnMs),
    peer: { name: 'none', missing: 'no peer: the figure itself counts' },
    ratio: null,
    notes: `longest round of the event loop meanwhile, ${size} elements`,
  }
}
