/**
 * `npm run bench -- --guard [COMMIT]`: whether hot paths take more than a tenth more of the processor than in the build of
 * the last recorded run.
 *
 * Figures of another hour say nothing on a machine that others use, too. So the other build runs now: both servers stand on
 * one core, their load on another, and each path is tried in alternating pairs until they agree (`verdict.ts`). Processor
 * time is counted, of the server alone. A path on which they do not agree after `pairsMax` fails as well, and is said to:
 * a guard that has not seen anything has not guarded.
 */
import { fileURLToPath } from 'node:url'
import { keepApart } from './cores.ts'
import { spreadOf } from './measure.ts'
import { driveMongo, type MongoWork } from './mongo-driver.ts'
import { buildOf } from './other-build.ts'
import { initializePgbench, runPgbench } from './postgres-peer.ts'
import { measured, removeFolder, startPolylog, type Running } from './processes.ts'
import { runProgram } from './programs.ts'
import { runRedisBenchmark } from './redis-peer.ts'
import { spreadText } from './row-line.ts'
import { type Verdict, verdictOf } from './verdict.ts'

const limit = 1.1
const pairsMax = 15

interface Build {
  readonly root: string
  readonly server: Running
}

interface Path {
  readonly name: string
  /** Microseconds of the processor an operation. */
  readonly run: (build: Build, scale: number) => Promise<number>
}

const paths: readonly Path[] = [
  ...['GET', 'SET', 'INCR', 'HSET', 'SADD', 'ZADD'].map((command) => ({ name: command, run: redisRun(command) })),
  { name: 'prepared select', run: pgbenchRun(true) },
  { name: 'TPC-B', run: pgbenchRun(false) },
  { name: 'insertOne', run: mongoRun('insertOne') },
  { name: 'findOne', run: mongoRun('findOne') },
  { name: 'get in process', run: inProcessRun('get') },
  { name: 'set in process', run: inProcessRun('set') },
]

function redisRun(command: string): Path['run'] {
  return ({ server }, scale) => {
    const requests = 500_000 * scale
    return taken(
      server,
      () => runRedisBenchmark(server.port, { command, pipeline: 16, clients: 50, requests }),
      requests,
    )
  }
}

function pgbenchRun(selectOnly: boolean): Path['run'] {
  return ({ server }, scale) => {
    const seconds = Math.ceil(4 * scale)
    const run = (): Promise<number> => {
      return runPgbench(server.port, 'polylog', { mode: 'prepared', selectOnly, clients: 8, seconds })
    }
    return taken(server, run, (rate) => rate * seconds)
  }
}

function mongoRun(work: MongoWork): Path['run'] {
  return ({ server }, scale) => taken(server, () => driveMongo(server.port, work, 15_000 * scale), 15_000 * scale)
}

function inProcessRun(work: 'get' | 'set'): Path['run'] {
  const script = fileURLToPath(new URL('./in-process.js', import.meta.url))
  return async ({ root }, scale) => {
    return Number(await runProgram(process.execPath, [script, root, work, String(400_000 * scale)]))
  }
}

async function taken(
  server: Running,
  run: () => Promise<number>,
  operations: number | ((rate: number) => number),
): Promise<number> {
  const { cpuMicros } = await measured(server, run, typeof operations === 'number' ? () => operations : operations)
  return cpuMicros!
}

/** True where no path has become worse. */
export async function guard(commit: string, quick: boolean): Promise<boolean> {
  process.stdout.write(`building ${commit}\n`)
  const root = buildOf(commit)
  const servers: Running[] = []
  try {
    keepApart(true)
    const [now, then] = [await startBuild(process.cwd(), servers), await startBuild(root, servers)]
    const verdicts: Verdict[] = []
    for (const path of paths) verdicts.push(await judge(path, now, then, quick ? 0.2 : 1))
    const count = (wanted: Verdict): number => verdicts.filter((verdict) => verdict === wanted).length
    process.stdout.write(`${count('fine')} fine, ${count('worse')} worse, ${count('unsure')} unsure\n`)
    return count('fine') === paths.length
  } finally {
    await Promise.all(servers.map((server) => server.stop()))
    removeFolder(root)
  }
}

async function startBuild(root: string, servers: Running[]): Promise<Build> {
  const server = await startPolylog({ root, durability: 'memory' })
  servers.push(server)
  await initializePgbench(server.port, 'polylog')
  return { root, server }
}

async function judge({ name, run }: Path, now: Build, then: Build, scale: number): Promise<Verdict> {
  const [ours, before, ratios]: [number[], number[], number[]] = [[], [], []]
  // Code that is not warm yet, and keys that are not there yet.
  for (const build of [now, then]) await run(build, scale)
  let verdict: Verdict = 'unsure'
  while (verdict === 'unsure' && ratios.length < pairsMax) {
    const isOursFirst = ratios.length % 2 === 0
    const first = await run(isOursFirst ? now : then, scale)
    const second = await run(isOursFirst ? then : now, scale)
    const [our, its] = isOursFirst ? [first, second] : [second, first]
    ours.push(our)
    before.push(its)
    ratios.push(our / its)
    verdict = verdictOf(ratios, limit)
  }
  const figures = `${spreadText(spreadOf(ours))} µs, before ${spreadText(spreadOf(before))}`
  const of = spreadText(spreadOf(ratios))
  process.stdout.write(`${verdict.padEnd(6)} ${name.padEnd(16)} ${of}× in ${ratios.length} pairs; ${figures}\n`)
  return verdict
}
