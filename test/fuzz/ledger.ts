/**
 * What all long runs of the fuzzer have tried, target by target: `test/soak/fuzzed.json`. A run goes on with the next seed of
 * its target, so that runs add up and no two try the same inputs; continuous integration has seed 1.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { fuzzAll, type Report } from './apart.ts'
import { targetNames } from './targets.ts'

const path = 'test/soak/fuzzed.json'

export interface Tried {
  /** Seeds from 2 up to this one, without it. */
  readonly nextSeed: number
  readonly inputs: number
  readonly findings: number
  /** Of the last run. */
  readonly commit: string
}

export type Ledger = Readonly<Record<string, Tried>>

const nothing: Tried = { nextSeed: 2, inputs: 0, findings: 0, commit: '' }

export function readLedger(): Ledger {
  return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as Ledger) : {}
}

/** Of those that are tried now, in their order. */
export function entriesOf(ledger: Ledger): (readonly [string, Tried])[] {
  return targetNames.map((name) => [name, ledger[name] ?? nothing])
}

export function added(ledger: Ledger, { target, inputs, findings }: Report, commit: string): Ledger {
  const before = ledger[target] ?? nothing
  const sums = { inputs: before.inputs + inputs, findings: before.findings + findings.length }
  return { ...ledger, [target]: { nextSeed: before.nextSeed + 1, ...sums, commit } }
}

export interface Going {
  readonly targets?: readonly string[]
  readonly inputs: number
  readonly workers?: number
}

/** Each target once more, with its next seed; `tell` hears of it once it is written down. */
export async function goOn(
  { targets = targetNames, inputs, workers = 2 }: Going,
  tell: (report: Report) => void,
): Promise<void> {
  const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim()
  const waiting = [...targets]
  const work = async (): Promise<void> => {
    for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
      const seed = (readLedger()[name] ?? nothing).nextSeed
      await fuzzAll({ seed, inputs, targets: [name], workers: 1 }, (report) => {
        writeFileSync(path, `${JSON.stringify(added(readLedger(), report, commit), undefined, 2)}\n`)
        tell(report)
      })
    }
  }
  await Promise.all(Array.from({ length: workers }, work))
}
