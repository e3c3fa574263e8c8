import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, expect, onTestFinished, test } from 'vitest'
import { parseArguments, runSuite, type SuiteRequest, UsageError } from './run-suite.ts'
import type { CaseResult, Suite } from './suite.ts'

let printed: string[]
let stopped: number
let root: string

beforeEach(() => {
  printed = []
  stopped = 0
  const folder = mkdtempSync(join(tmpdir(), 'polylog-compat-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  root = join(folder, 'polylog')
  mkdirSync(join(root, 'test/compat/expected-skips'), { recursive: true })
  mkdirSync(join(folder, 'shared/suites/invented'), { recursive: true })
})

function invented(...results: CaseResult[]): Suite {
  return {
    name: 'invented',
    async *run() {
      yield* results
    },
  }
}

function run(suite: Suite, request: Partial<SuiteRequest> = {}): Promise<number> {
  const start = async (): Promise<{ host: string; port: number; stop: () => Promise<void> }> => ({
    host: '127.0.0.1',
    port: 1,
    stop: async () => {
      stopped++
    },
  })
  const print = (line: string): void => void printed.push(line)
  return runSuite({ suite: 'invented', ...request }, { root, suites: [suite], print, start })
}

const good: CaseResult = { name: 'good', outcome: 'passed' }
const bad: CaseResult = { name: 'bad', outcome: 'failed', message: 'differs' }
const clustered: CaseResult = { name: 'clustered', outcome: 'skipped', reason: 'needs a cluster' }

function list(text: string): void {
  writeFileSync(join(root, 'test/compat/expected-skips/invented'), text)
}

test('failures are printed, the totals come last, the server is stopped', async () => {
  expect(await run(invented(good, bad))).toBe(1)
  expect(printed).toEqual(['FAILED invented: bad: differs', '1 passed, 1 failed, 0 skipped'])
  expect(stopped).toBe(1)
})

test('the list turns a failure into a skip with its reason', async () => {
  list('bad\tno such command yet\nclustered\tneeds a cluster\n')
  expect(await run(invented(good, bad, clustered))).toBe(0)
  expect(printed).toEqual([
    'skipped 1: no such command yet',
    'skipped 1: needs a cluster',
    '1 passed, 0 failed, 2 skipped',
  ])
})

test('the list may only shrink', async () => {
  list('good\tno such command yet\ngone\tno such command yet\n')
  expect(await run(invented(good))).toBe(1)
  expect(printed.at(-1)).toBe('0 passed, 2 failed, 0 skipped')
})

test('another folder may hold other cases', async () => {
  list('bad\tno such command yet\ngone\tno such command yet\n')
  expect(await run(invented(good, bad, clustered), { dir: root })).toBe(0)
  expect(printed.at(-1)).toBe('1 passed, 0 failed, 2 skipped')
})

test('a foreign server is measured without the list', async () => {
  list('bad\tno such command yet\n')
  expect(await run(invented(good, bad, clustered), { against: '127.0.0.1:6379' })).toBe(1)
  expect(printed.at(-1)).toBe('1 passed, 1 failed, 1 skipped')
  expect(stopped).toBe(0)
})

test('the score is written as JSON', async () => {
  const json = join(root, 'score.json')
  list('clustered\tneeds a cluster\n')
  await run(invented(good, bad, clustered), { json })
  expect(JSON.parse(readFileSync(json, 'utf8'))).toEqual({
    suite: 'invented',
    passed: 1,
    failed: 1,
    skipped: 1,
    failures: [{ name: 'bad', message: 'differs' }],
    skips: [{ name: 'clustered', reason: 'needs a cluster' }],
  })
})

test('without the suite’s data nothing is run, and that is said', async () => {
  rmSync(join(root, '../shared'), { recursive: true })
  expect(await run(invented(good))).toBe(0)
  expect(printed[0]).toMatch(/^invented: its data is not in .*, so nothing was run$/)
  expect(printed.at(-1)).toBe('0 passed, 0 failed, 0 skipped')
  await expect(run(invented(good), { dir: join(root, 'gone') })).rejects.toThrow(UsageError)
})

test('a suite that breaks stops the server all the same', async () => {
  const broken: Suite = {
    name: 'invented',
    // eslint-disable-next-line require-yield
    async *run() {
      throw new Error('unreadable')
    },
  }
  await expect(run(broken)).rejects.toThrow('unreadable')
  expect(stopped).toBe(1)
})

test('arguments', async () => {
  expect(parseArguments(['a', '--dir', 'd', '--json', 'j'])).toEqual({ suite: 'a', dir: 'd', json: 'j' })
  expect(parseArguments(['--rewrite', 'a'])).toEqual({ suite: 'a', rewrite: true })
  for (const args of [[], ['a', 'b'], ['a', '--dir'], ['a', '--what', 'x']]) {
    expect(() => parseArguments(args)).toThrow(UsageError)
  }
  await expect(run(invented(), { json: join(root, 'gone', 'score.json') })).rejects.toThrow(UsageError)
  for (const against of ['localhost', 'localhost:99999']) {
    await expect(run(invented(), { against })).rejects.toThrow(`${against} is not [USER@]HOST:PORT`)
  }
  await expect(run(invented(), { suite: 'other' })).rejects.toThrow('there is no suite other; there are: invented')
})
