/**
 * `npm run mutate -- [--only NAME…] [--sample N --seed S] [--json FILE]`: plants the bugs of `mutations.ts` one at a time in
 * a copy of the tree, and runs the tests named for each until one fails. A survivor fails the run.
 *
 * First all these tests run without any bug: where they fail of themselves, a failure would say nothing.
 */
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { planted, type Mutation } from './mutation.ts'
import { mutations } from './mutations.ts'
import { type Result, summaryOf } from './summary.ts'

const limitMs = 120_000
const firstLimitMs = 900_000
/** What is made, what is large, and what no test here reads. */
const notCopied = new Set(['node_modules', '.git', '.cache', 'dist'])

interface Options {
  readonly chosen: readonly Mutation[]
  readonly json: string | undefined
}

function parseOptions(args: readonly string[]): Options {
  const { values, positionals } = parseArgs({
    args: [...args],
    options: {
      only: { type: 'string', multiple: true },
      sample: { type: 'string' },
      seed: { type: 'string' },
      json: { type: 'string' },
    },
    allowPositionals: true,
  })
  // `--only A B`: what follows belongs to it.
  const only = values.only === undefined ? [] : [...values.only, ...positionals]
  if (values.only === undefined && positionals.length > 0) throw new Error(`unknown argument "${positionals[0]}"`)
  for (const name of only) {
    if (!mutations.some((one) => one.name.includes(name))) throw new Error(`no mutation is called "${name}"`)
  }
  const wanted =
    only.length === 0 ? mutations : mutations.filter(({ name }) => only.some((part) => name.includes(part)))
  const chosen = values.sample === undefined ? wanted : sample(wanted, Number(values.sample), Number(values.seed ?? 1))
  return { chosen, json: values.json }
}

/** By a hash of the name: a bug that is added or taken away changes the choice by one at most. */
function sample(from: readonly Mutation[], count: number, seed: number): Mutation[] {
  const placeOf = ({ name }: Mutation): string => createHash('sha256').update(`${seed} ${name}`).digest('hex')
  const places = from.map((mutation) => ({ mutation, place: placeOf(mutation) }))
  return places
    .toSorted((a, b) => (a.place < b.place ? -1 : 1))
    .slice(0, count)
    .map(({ mutation }) => mutation)
}

function copyTree(): string {
  const copy = mkdtempSync(join(tmpdir(), 'polylog-mutations-'))
  for (const name of readdirSync('.')) {
    if (!notCopied.has(name)) cpSync(name, join(copy, name), { recursive: true })
  }
  symlinkSync(join(process.cwd(), 'node_modules'), join(copy, 'node_modules'))
  return copy
}

interface Run {
  readonly passed: boolean
  readonly hung: boolean
  readonly output: string
  /** Tests that had begun and not ended. */
  readonly running: readonly string[]
}

/** Vitest and all its workers are one group of processes, which ends together. */
async function runTests(folder: string, tests: readonly string[], withinMs: number): Promise<Run> {
  const script = join('node_modules', 'vitest', 'vitest.mjs')
  const limits = ['--bail=1', `--testTimeout=${withinMs}`, `--hookTimeout=${withinMs}`]
  const args = [script, 'run', ...tests, ...limits, '--reporter=default', '--no-color']
  const running = join(folder, '.running-tests')
  rmSync(running, { recursive: true, force: true })
  mkdirSync(running)
  const child = spawn(process.execPath, args, {
    cwd: folder,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, POLYLOG_RUNNING_TESTS: running },
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()))
  let hung = false
  const limit = setTimeout(() => {
    hung = true
    process.kill(-child.pid!, 'SIGKILL')
  }, withinMs)
  const [status] = (await once(child, 'close')) as [number | null]
  clearTimeout(limit)
  const names = readdirSync(running).map((name) => readFileSync(join(running, name), 'utf8'))
  return { passed: status === 0, hung, output, running: names }
}

/** The first test that Vitest reports as failed. */
function failedTest(output: string): string {
  const line = output.split('\n').find((one) => /^\s*FAIL\s/.test(one))
  return line?.trim().replace(/^FAIL\s+/, '') ?? 'a file that does not load'
}

async function tryOne(folder: string, mutation: Mutation): Promise<Result> {
  const path = join(folder, mutation.file)
  const text = readFileSync(path, 'utf8')
  const startMs = Date.now()
  writeFileSync(path, planted(mutation, text))
  try {
    const { passed, hung, output, running } = await runTests(folder, mutation.tests, limitMs)
    const seconds = Math.round((Date.now() - startMs) / 1000)
    const verdict = hung ? 'hung' : passed ? 'survived' : 'killed'
    return { name: mutation.name, verdict, seconds, by: passed ? '' : hung ? running.join(', ') : failedTest(output) }
  } finally {
    writeFileSync(path, text)
  }
}

async function main(): Promise<void> {
  const { chosen, json } = parseOptions(process.argv.slice(2))
  for (const mutation of chosen) planted(mutation, readFileSync(mutation.file, 'utf8'))
  const folder = copyTree()
  try {
    const tests = [...new Set(chosen.flatMap((one) => one.tests))]
    const first = await runTests(folder, tests, firstLimitMs)
    if (first.hung) throw new Error(`the tests hang without any bug: ${first.running.join(', ')}`)
    if (!first.passed) throw new Error(`the tests fail without any bug: ${failedTest(first.output)}`)
    const results: Result[] = []
    for (const mutation of chosen) {
      const result = await tryOne(folder, mutation)
      results.push(result)
      print(`${result.verdict.padEnd(8)} ${String(result.seconds).padStart(3)} s  ${result.name}  ${result.by}`)
      if (json !== undefined) writeFileSync(json, `${JSON.stringify(results, undefined, 2)}\n`)
    }
    const { lines, failed } = summaryOf(results)
    for (const line of lines) print(line)
    process.exitCode = failed > 0 ? 1 : 0
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}

try {
  await main()
} catch (error) {
  console.error((error as Error).message)
  process.exitCode = 1
}
