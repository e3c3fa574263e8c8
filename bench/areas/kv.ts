/** Redis's commands by redis-benchmark: against redis-server, and GET and SET against what Node can do at best. */
import { fileURLToPath } from 'node:url'
import type { Area, BenchOptions } from '../area.ts'
import { compare, type Peer, type Row } from '../measure.ts'
import { measured, removeFolder, scratchFolder, startPolylog, startScript, type Running } from '../processes.ts'
import { findProgram, versionOf } from '../programs.ts'
import { runRedisBenchmark, startRedis, type RedisLoad } from '../redis-peer.ts'

const clients = 50
const canned = fileURLToPath(new URL('../canned/redis.js', import.meta.url))

type Durability = 'memory' | 'synced'

interface Case {
  readonly command: 'SET' | 'GET' | 'INCR' | 'HSET' | 'SADD' | 'ZADD'
  readonly pipeline: number
}

const cases: Readonly<Record<Durability, readonly Case[]>> = {
  memory: [
    { command: 'SET', pipeline: 1 },
    { command: 'GET', pipeline: 1 },
    { command: 'SET', pipeline: 16 },
    { command: 'GET', pipeline: 16 },
    { command: 'INCR', pipeline: 16 },
    { command: 'HSET', pipeline: 16 },
    { command: 'SADD', pipeline: 16 },
    { command: 'ZADD', pipeline: 16 },
  ],
  synced: [
    { command: 'SET', pipeline: 1 },
    { command: 'SET', pipeline: 16 },
  ],
}

interface Servers {
  readonly polylog: Running
  readonly redis: Running | undefined
  readonly ceilings: { readonly GET: Running; readonly SET: Running }
}

export const kv: Area = {
  name: 'kv',
  apart: true,
  async *rows(options) {
    if (findProgram('redis-benchmark') === undefined) throw new Error('redis-benchmark is not installed')
    for (const durability of ['memory', 'synced'] as const) yield* rowsOf(durability, options)
  },
}

async function* rowsOf(durability: Durability, options: BenchOptions): AsyncGenerator<Row> {
  const folder = scratchFolder('kv')
  const polylog = await startPolylog(durability === 'memory' ? { durability } : { directory: folder, durability })
  const redis = findProgram('redis-server') === undefined ? undefined : await startRedis(durability)
  const ceilings = { GET: await startScript(canned, ['get']), SET: await startScript(canned, ['set']) }
  try {
    for (const tested of cases[durability])
      yield* await compareOne(tested, durability, { polylog, redis, ceilings }, options)
  } finally {
    await Promise.all([polylog.stop(), redis?.stop(), ceilings.GET.stop(), ceilings.SET.stop()])
    removeFolder(folder)
  }
}

function compareOne(tested: Case, durability: Durability, servers: Servers, options: BenchOptions): Promise<Row[]> {
  const { command, pipeline } = tested
  const requests =
    (pipeline === 1 ? 100_000 : 500_000) * (durability === 'synced' ? 0.5 : 1) * (options.quick ? 0.2 : 1)
  const load: RedisLoad = { command, pipeline, clients, requests }
  const on = (server: Running) => () =>
    measured(
      server,
      () => runRedisBenchmark(server.port, load),
      () => requests,
    )
  const { polylog, redis, ceilings } = servers
  const peers: Peer[] = [
    { name: 'redis-server', ...(redis && { version: versionOf('redis-server'), run: on(redis) }) },
    ...(command === 'GET' || command === 'SET'
      ? [{ name: 'canned replies', suffix: '/ceiling', version: process.version, run: on(ceilings[command]) }]
      : []),
  ]
  const name = `redis/${command}/p${pipeline}-${durability}`
  const row = { area: 'kv', name, unit: 'operations/s', durability, clients }
  return compare({ ...row, ours: { run: on(polylog) }, peers }, options.pairs)
}
