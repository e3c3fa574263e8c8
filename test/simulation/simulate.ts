/**
 * `npm run simulate -- [--seeds A-B] [--minutes N] [--fault NAME…] [--json FILE]`: replays the whole server from seeds.
 *
 * Without `--seeds` it goes from 1 to 100; with `--minutes` it goes on from A until the time is over. A failing seed prints
 * its number, its fault schedule and a shrunk history.
 */
import { writeFileSync } from 'node:fs'
import type { FaultName } from '../../src/host/simulated/faults.ts'
import { faultsByName, planOf } from './plan.ts'
import { shrink, simulate, type SeedResult } from './simulation.ts'

interface Options {
  first: number
  last: number
  minutes: number | undefined
  readonly faults: FaultName[]
  json: string | undefined
}

const usage = 'usage: npm run simulate -- [--seeds A-B] [--minutes N] [--fault NAME…] [--json FILE]'

function parseOptions(args: readonly string[]): Options {
  const options: Options = { first: 1, last: 100, minutes: undefined, faults: [], json: undefined }
  for (let i = 0; i < args.length; i++) {
    const value = args[i + 1]
    if (value === undefined) fail(`${args[i]} needs a value`)
    else if (args[i] === '--seeds') parseSeeds(value, options)
    else if (args[i] === '--minutes') options.minutes = parsePositive(value)
    else if (args[i] === '--json') options.json = value
    else if (args[i] === '--fault') {
      while (args[i + 1] !== undefined && !args[i + 1]!.startsWith('--')) options.faults.push(parseFault(args[++i]!))
      continue
    } else fail(`unknown option ${args[i]}`)
    i++
  }
  return options
}

function parseSeeds(text: string, options: Options): void {
  const found = /^(\d{1,15})(?:-(\d{1,15}))?$/.exec(text)
  if (found === null) fail(`--seeds wants A-B, not ${text}`)
  options.first = Number(found[1])
  options.last = Number(found[2] ?? found[1])
}

function parseFault(name: string): FaultName {
  if (!faultsByName.has(name)) fail(`no fault is named ${name}; there are ${[...faultsByName.keys()].join(', ')}`)
  return name as FaultName
}

function parsePositive(text: string): number {
  const value = Number(text)
  if (!(value > 0)) fail(`--minutes wants a number, not ${text}`)
  return value
}

function fail(message: string): never {
  process.stderr.write(`${message}\n${usage}\n`)
  process.exit(2)
}

async function main(): Promise<void> {
  const options = parseOptions(process.argv.slice(2))
  const untilMs = options.minutes === undefined ? undefined : Date.now() + options.minutes * 60_000
  const totals = { crashPoints: 0, simulatedMs: 0, transfers: 0, compared: 0 }
  const faults: Record<string, number> = {}
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
    for (const [name, struck] of Object.entries(result.faults)) faults[name] = (faults[name] ?? 0) + struck
    if (result.violations.length > 0) failures.push(await report(result))
  }
  const { crashPoints, simulatedMs } = totals
  const summary = { seeds: count, simulatedSeconds: simulatedMs / 1000, crashPoints, faults, hashes, failures }
  if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(summary, undefined, 2)}\n`)
  print(`${count} seeds, ${(simulatedMs / 1000).toFixed(1)} simulated seconds, ${crashPoints} lives of the server`)
  print(`${totals.transfers} transfers, ${totals.compared} serializable transactions replayed`)
  print(
    `faults: ${Object.entries(faults)
      .map(([name, struck]) => `${name} ${struck}`)
      .join(', ')}`,
  )
  print(`${count - failures.length} passed, ${failures.length} failed, 0 skipped`)
  process.exitCode = failures.length > 0 ? 1 : 0
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

await main()
