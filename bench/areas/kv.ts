/** GET and SET over RESP by redis-benchmark: against redis-server, and against what Node can do at best. */
import { fileURLToPath } from 'node:url'
import type { Area, BenchOptions } from '../area.ts'
import { microseconds } from '../area.ts'
import { compare, type Comparison, type Row } from '../measure.ts'
import {
  findProgram,
  removeFolder,
  scratchFolder,
  startPolylog,
  startScript,
  versionOf,
  type Running,
} from '../processes.ts'
import { runRedisBenchmark, startRedis, type RedisLoad } from '../redis-peer.ts'

const clients = 50
const canned = fileURLToPath(new URL('../canned/redis.js', import.meta.url))

interface Case {
  readonly command: 'SET' | 'GET' | 'INCR' | 'HSET' | 'SADD' | 'ZADD'
  readonly pipeline: number
  readonly durability: 'memory' | 'synced'
}

const cases: readonly Case[] = [
  { command: 'SET', pipeline: 1, durability: 'memory' },
  { command: 'GET', pipeline: 1, durability: 'memory' },
  { command: 'SET', pipeline: 16, durability: 'memory' },
  { command: 'GET', pipeline: 16, durability: 'memory' },
  { command: 'SET', pipeline: 1, durability: 'synced' },
  { command: 'SET', pipeline: 16, durability: 'synced' },
  { command: 'INCR', pipeline: 16, durability: 'memory' },
  { command: 'HSET', pipeline: 16, durability: 'memory' },
  { command: 'SADD', pipeline: 16, durability: 'memory' },
  { command: 'ZADD', pipeline: 16, durability: 'memory' },
]

export const kv: Area = {
  name: 'kv',
  async *rows(options) {
    if (findProgram('redis-benchmark') === undefined) throw new Error('redis-benchmark is not installed')
    for (const durability of ['memory', 'synced'] as const) yield* rowsOf(durability, options)
  },
}

async function* rowsOf(durability: 'memory' | 'synced', options: BenchOptions): AsyncGenerator<Row> {
  const folder = scratchFolder('kv')
  const polylog = await startPolylog(durability === 'memory' ? { durability } : { directory: folder, durability })
  const redis = findProgram('redis-server') === undefined ? undefined : await startRedis(durability)
  const ceilings = { get: await startScript(canned, ['get']), set: await startScript(canned, ['set']) }
  try {
    const matching = cases.filter((candidate) => candidate.durability === durability)
    for (const tested of matching) {
      yield await compare(againstRedis(tested, polylog, redis, options), options.pairs)
      if (tested.command !== 'GET' && tested.command !== 'SET') continue
      const ceiling = tested.command === 'GET' ? ceilings.get : ceilings.set
      yield await compare(againstCeiling(tested, polylog, ceiling, options), options.pairs)
    }
  } finally {
    await Promise.all([polylog.stop(), redis?.stop(), ceilings.get.stop(), ceilings.set.stop()])
    removeFolder(folder)
  }
}

function loadOf({ command, pipeline, durability }: Case, quick: boolean): RedisLoad {
  const requests = (pipeline === 1 ? 100_000 : 500_000) * (durability === 'synced' ? 0.5 : 1) * (quick ? 0.2 : 1)
  return { command, pipeline, clients, requests }
}

function base(tested: Case, polylog: Running, options: BenchOptions): Omit<Comparison, 'peer' | 'name'> {
  const load = loadOf(tested, options.quick)
  let seconds = 0
  let operations = 0
  return {
    area: 'kv',
    unit: 'operations/s',
    durability: tested.durability,
    clients,
    ours: {
      run: async () => {
        const before = polylog.cpuSeconds()
        const rate = await runRedisBenchmark(polylog.port, load)
        seconds += polylog.cpuSeconds() - before
        operations += load.requests
        return rate
      },
    },
    notes: () => `processor time ${microseconds(seconds, operations)} an operation`,
  }
}

function nameOf({ command, pipeline, durability }: Case): string {
  return `redis/${command}/p${pipeline}-${durability}`
}

function againstRedis(tested: Case, polylog: Running, redis: Running | undefined, options: BenchOptions): Comparison {
  const load = loadOf(tested, options.quick)
  const peer =
    redis === undefined
      ? { name: 'redis-server', missing: 'peer not installed' }
      : { name: 'redis-server', version: versionOf('redis-server'), run: () => runRedisBenchmark(redis.port, load) }
  return { ...base(tested, polylog, options), name: nameOf(tested), peer }
}

function againstCeiling(tested: Case, polylog: Running, ceiling: Running, options: BenchOptions): Comparison {
  const load = loadOf(tested, options.quick)
  const run = (): Promise<number> => runRedisBenchmark(ceiling.port, load)
  const peer = { name: 'canned replies', version: process.version, run }
  return { ...base(tested, polylog, options), name: `${nameOf(tested)}/ceiling`, peer }
}
