/** The command line of the simulation. */
import type { FaultName } from '../../src/host/simulated/faults.ts'
import { faultOfReportFile } from '../report-file.ts'
import { faultsByName } from './plan.ts'

export interface Options {
  readonly first: number
  readonly last: number
  readonly minutes: number | undefined
  readonly faults: readonly FaultName[]
  readonly json: string | undefined
}

/** Wrong arguments: the message is for the user, the exit status 2. */
export class UsageError extends Error {}

const usage = 'usage: npm run simulate -- [--seeds A-B] [--minutes N] [--fault NAME…] [--json FILE]'
const names = new Set(['--seeds', '--minutes', '--json', '--fault'])

export function parseOptions(args: readonly string[]): Options {
  let [first, last]: [number, number] = [1, 100]
  let minutes: number | undefined
  let json: string | undefined
  const faults: FaultName[] = []
  for (let at = 0; at < args.length;) {
    const name = args[at++]!
    if (!names.has(name)) fail(`unknown option ${name}`)
    const values = valuesFrom(args, at)
    if (values.length === 0) fail(`${name} needs a value`)
    if (name !== '--fault' && values.length > 1) fail(`${name} takes one value, not ${values.join(' ')}`)
    at += values.length
    if (name === '--seeds') [first, last] = parseSeeds(values[0]!)
    else if (name === '--minutes') minutes = parseMinutes(values[0]!)
    else if (name === '--json') json = parseFile(values[0]!)
    else faults.push(...values.map(parseFault))
  }
  return { first, last, minutes, faults, json }
}

/** What follows an option, up to the next. */
function valuesFrom(args: readonly string[], at: number): string[] {
  const next = args.findIndex((arg, i) => i >= at && arg.startsWith('--'))
  return args.slice(at, next < 0 ? undefined : next)
}

function parseSeeds(text: string): [number, number] {
  const found = /^(\d{1,15})(?:-(\d{1,15}))?$/.exec(text)
  if (found === null) fail(`--seeds wants A-B, not ${text}`)
  const [first, last] = [Number(found[1]), Number(found[2] ?? found[1])]
  if (first > last) fail(`--seeds wants A-B with A not above B, not ${text}`)
  return [first, last]
}

function parseMinutes(text: string): number {
  const value = /^\d{1,9}(\.\d{1,9})?$/.test(text) ? Number(text) : 0
  if (value <= 0) fail(`--minutes wants a number above 0, not ${text}`)
  return value
}

function parseFile(path: string): string {
  const fault = path === '' ? '--json wants a path' : faultOfReportFile(path)
  if (fault !== undefined) fail(fault)
  return path
}

function parseFault(name: string): FaultName {
  if (!faultsByName.has(name)) fail(`no fault is named ${name}; there are ${[...faultsByName.keys()].join(', ')}`)
  return name as FaultName
}

function fail(message: string): never {
  throw new UsageError(`${message}\n${usage}`)
}
