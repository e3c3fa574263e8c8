/**
 * `npm run simulate -- [--seeds A-B] [--minutes N] [--fault NAME…] [--json FILE]`: replays the whole server from seeds.
 *
 * Without `--seeds` it goes from 1 to 100; with `--minutes` it goes on from A until the time is over. A failing seed prints
 * its number, its fault schedule and a shrunk history.
 */
import { writeFileSync } from 'node:fs'
import { type Options, parseOptions, UsageError } from './options.ts'
import { planOf } from './plan.ts'
import { shrink, simulate, type SeedResult } from './simulation.ts'

async function run(options: Options): Promise<void> {
  const untilMs = options.minutes === undefined ? undefined : Date.now() + options.minutes * 60_000
  const totals = { crashPoints: 0, simulatedMs: 0, transfers: 0, compared: 0, pageWaits: 0 }
  const faults: Record<string, number> = {}
  const follower: Record<string, number> = {}
  const hashes: Record<string, string> = {}
  const failures: object[] = []
  let count = 0
  for (let seed = options.first; ; seed++) {
    if (untilMs === undefined ? seed > options.last : Date.now() >= untilMs) break
    const result = await simulate(planOf(seed, options.faults))
    count++
    hashes[seed] = result.hash
    totals.crashPoints += result.crashes
    totals.simulatedMs += result.simulatedMs
    totals.transfers += result.transfers
    totals.compared += result.serializableCompared
    totals.pageWaits += result.pageWaits
    for (const [name, times] of Object.entries(result.follower ?? {})) follower[name] = (follower[name] ?? 0) + times
    for (const [name, struck] of Object.entries(result.faults)) faults[name] = (faults[name] ?? 0) + struck
    if (result.violations.length > 0) failures.push(await report(result))
  }
  const { crashPoints, simulatedMs } = totals
  const summary = {
    seeds: count,
    simulatedSeconds: simulatedMs / 1000,
    crashPoints,
    faults,
    follower,
    hashes,
    failures,
  }
  if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(summary, undefined, 2)}\n`)
  print(`${count} seeds, ${(simulatedMs / 1000).toFixed(1)} simulated seconds, ${crashPoints} lives of the server`)
  print(
    `${totals.transfers} transfers, ${totals.compared} serializable transactions replayed, ${totals.pageWaits} waits for pages`,
  )
  print(`faults: ${listed(faults)}`)
  print(`followers: ${listed(follower)}`)
  print(`${count - failures.length} passed, ${failures.length} failed, 0 skipped`)
  process.exitCode = failures.length > 0 ? 1 : 0
}

function listed(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts)
    .map(([name, count]) => `${name} ${count}`)
    .join(', ')
}

async function report(result: SeedResult): Promise<object> {
  const small = await shrink(result)
  print(`seed ${result.seed} fails: ${result.violations[0]!.invariant}: ${result.violations[0]!.message}`)
  print(`  plan: ${JSON.stringify(result.plan)}`)
  print(`  shrunk: ${JSON.stringify(small.plan)}`)
  for (const line of small.history.slice(-40)) print(`    ${line}`)
  const { invariant, message } = result.violations[0]!
  const { seed, plan } = result
  return { seed, invariant, message, plan, shrunk: small.plan, history: small.history.slice(-200) }
}

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}

try {
  await run(parseOptions(process.argv.slice(2)))
} catch (error) {
  console.error(error instanceof UsageError ? error.message : error)
  process.exitCode = error instanceof UsageError ? 2 : 1
}
