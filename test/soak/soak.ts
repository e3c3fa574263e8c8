/**
 * `npm run soak -- [--minutes N]`: the long checks, with seeds that go on from the last run.
 *
 * Without `--minutes`: 200 crash rounds and 1,000 seeds of the simulation. With it, both in turn until the time is over.
 * What all runs so far have come to stands in `totals.json`, and in words in `docs/reliability.md`, which this writes.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runRounds } from '../crash/rounds.ts'
import { planOf } from '../simulation/plan.ts'
import { shrink, simulate } from '../simulation/simulation.ts'
import { renderReliability } from './reliability.ts'
import { addTo, emptyTotals, type Totals } from './totals.ts'

/** The working directory of scripts is the repository's root. */
const totalsPath = 'test/soak/totals.json'
const documentPath = 'docs/reliability.md'

const roundsOfRun = 200
const seedsOfRun = 1_000
const roundsOfPiece = 10
const seedsOfPiece = 50

function parseMinutes(args: readonly string[]): number | undefined {
  if (args.length === 0) return undefined
  const minutes = Number(args[1])
  if (args.length === 2 && args[0] === '--minutes' && minutes > 0) return minutes
  process.stderr.write('usage: npm run soak -- [--minutes N]\n')
  process.exit(2)
}

function readTotals(): Totals {
  try {
    return { ...emptyTotals, ...(JSON.parse(readFileSync(totalsPath, 'utf8')) as Partial<Totals>) }
  } catch {
    return emptyTotals
  }
}

function publish(totals: Totals): void {
  writeFileSync(totalsPath, `${JSON.stringify(totals, undefined, 2)}\n`)
  writeFileSync(documentPath, renderReliability(totals))
}

async function crashPiece(totals: Totals, rounds: number): Promise<{ totals: Totals; failures: string[] }> {
  const directory = mkdtempSync(join(tmpdir(), 'polylog-soak-'))
  const seed = totals.nextCrashSeed
  try {
    const result = await runRounds({ directory: join(directory, 'data'), seed, rounds })
    const failures = result.failures.map((failure) => `crash seed ${seed}: ${failure}`)
    const added = {
      nextCrashSeed: 1,
      crashRounds: result.rounds,
      crashTransfers: result.transfers,
      crashAcknowledged: result.acknowledged,
      crashFailures: failures.length > 0 ? 1 : 0,
    }
    return { totals: addTo(totals, added), failures }
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

async function simulationPiece(totals: Totals, seeds: number): Promise<{ totals: Totals; failures: string[] }> {
  const failures: string[] = []
  let sum = totals
  for (let i = 0; i < seeds; i++) {
    const seed = sum.nextSimulationSeed
    const result = await simulate(planOf(seed))
    if (result.violations.length > 0) failures.push(await describe(seed, result))
    sum = addTo(sum, {
      nextSimulationSeed: 1,
      simulationSeeds: 1,
      simulatedSeconds: result.simulatedMs / 1000,
      simulationLives: result.crashes,
      simulationTransfers: result.transfers,
      serializableReplayed: result.serializableCompared,
      simulationFailures: result.violations.length > 0 ? 1 : 0,
    })
  }
  return { totals: sum, failures }
}

async function describe(seed: number, result: Awaited<ReturnType<typeof simulate>>): Promise<string> {
  const small = await shrink(result)
  const { invariant, message } = result.violations[0]!
  return `simulation seed ${seed}: ${invariant}: ${message}\n  shrunk: ${JSON.stringify(small.plan)}`
}

async function main(): Promise<void> {
  const minutes = parseMinutes(process.argv.slice(2))
  const untilMs = minutes === undefined ? undefined : Date.now() + minutes * 60_000
  let totals = readTotals()
  let passed = 0
  const failures: string[] = []
  let rounds = 0
  let seeds = 0
  const goesOn = (): boolean =>
    untilMs === undefined ? rounds < roundsOfRun || seeds < seedsOfRun : Date.now() < untilMs
  while (goesOn()) {
    for (const piece of [
      () => crashPiece(totals, roundsOfPiece).finally(() => (rounds += roundsOfPiece)),
      () => simulationPiece(totals, seedsOfPiece).finally(() => (seeds += seedsOfPiece)),
    ]) {
      if (!goesOn()) break
      const done = await piece()
      totals = done.totals
      failures.push(...done.failures)
      passed++
      for (const failure of done.failures) process.stdout.write(`${failure}\n`)
      publish(totals)
    }
  }
  process.stdout.write(`${rounds} crash rounds, ${seeds} seeds of the simulation; totals are in ${documentPath}\n`)
  process.stdout.write(`${passed - failures.length} passed, ${failures.length} failed, 0 skipped\n`)
  // Drivers whose server was killed may still wait for it.
  process.exit(failures.length > 0 ? 1 : 0)
}

await main()
