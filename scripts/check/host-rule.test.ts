import { expect, test } from 'vitest'
import { makeRepository } from '../planted-fault.ts'
import { checkHostRule } from './host-rule.mjs'

function check(line: string, path = 'src/database/kernel.ts', calendar = new Map<string, string>()): string[] {
  return checkHostRule(makeRepository({ [path]: `// first line\n${line}\n` }), calendar)
}

test.each([
  'Date.now()',
  'new Date()',
  'new Date(5)',
  'const { now } = Date',
  'const clock = { Date }',
  'performance.now()',
  'process.hrtime.bigint()',
  'process.env["HOME"]',
  'process.nextTick(run)',
  'Math.random()',
  "Math['random']()",
  'const { random } = Math',
  'const m = Math',
  'crypto.randomUUID()',
  'setTimeout(run, 1)',
  'const later = setInterval',
  'setImmediate(run)',
  'new WeakRef(a)',
  'class Registry extends FinalizationRegistry {}',
  'globalThis.Date.now()',
  'new Intl.NumberFormat()',
  "'a'.localeCompare('b')",
  'a.toLocaleString()',
  'date.getHours()',
  'AbortSignal.timeout(5)',
  'fetch(url)',
  'new Worker(url)',
  'Atomics.wait(a, 0, 0)',
  'new ObjectId()',
  'ObjectId.generate()',
  "import { readFile } from 'node:fs/promises'",
  "import fs from 'fs'",
  "import { connect } from 'node:net'",
  "import { Worker as Thread } from 'node:worker_threads'",
  "import { randomBytes } from 'node:crypto'",
  "import * as chance from 'node:crypto'",
  "import { gzip } from 'node:zlib'",
  "import { type Socket } from 'node:net'",
  "export { readFileSync } from 'node:fs'",
  "export * from 'node:fs'",
  "const fs = await import('node:fs')",
  'const t = `${Date.now()}`',
])('%s is a fault', (line) => {
  const problems = check(line)
  expect(problems.length).toBeGreaterThan(0)
  expect(problems[0]).toMatch(/^src\/database\/kernel\.ts:2 (uses|imports) /)
})

test.each([
  '// Date.now()',
  "const s = 'Date.now()'",
  'const r = /Date.now()/',
  'const t = `Math.random ${1}`',
  'export function f(at: Date): at is Date { return at instanceof Date }',
  'interface A { Date: Date; process(performance: number): void }',
  'const a = { Date: 1, setTimeout: 2 }; a.Date; a.setTimeout; this.process(1)',
  'host.random(into)',
  'Math.max(1, 2)',
  'queueMicrotask(run); Promise.resolve()',
  'Atomics.load(a, 0)',
  'new ObjectId(bytes)',
  'date.getUTCHours()',
  "import { createHash, timingSafeEqual } from 'node:crypto'",
  "import { crc32, inflateSync } from 'node:zlib'",
  "import type { Socket } from 'node:net'",
])('%s is no fault', (line) => {
  expect(check(line)).toEqual([])
})

test('the host and tests may do all that', () => {
  const line = "import 'node:fs'\nDate.now(); setTimeout(run, Math.random())"
  expect(check(line, 'src/host/real/host.ts')).toEqual([])
  expect(check(line, 'src/log/file/file.test.ts')).toEqual([])
})

test('what only tests use may do all that', () => {
  const files = { 'tsconfig.build.json': '{ "exclude": ["src/log/suite.ts"] }', 'src/log/suite.ts': 'Date.now()' }
  expect(checkHostRule(makeRepository(files), new Map())).toEqual([])
})

test('the command line reads its arguments and no environment', () => {
  expect(check('process.stdout.write(process.argv[2])', 'src/cli/polylog.ts')).toEqual([])
  expect(check('process.env', 'src/cli/polylog.ts')).toHaveLength(1)
  expect(check('process[name]', 'src/cli/polylog.ts')).toHaveLength(1)
})

test('a listed file computes dates in UTC and reads no clock', () => {
  const calendar = new Map([['src/base/calendar.ts', 'because']])
  const path = 'src/base/calendar.ts'
  expect(check('new Date(5).getUTCDay(); Date.UTC(2020, 1)', path, calendar)).toEqual([])
  for (const line of [
    'new Date()',
    'new Date(2020, 1)',
    'new Date(...a)',
    'Date.now()',
    'Date()',
    'new Date(5).getDay()',
  ]) {
    expect(check(line, path, calendar)).toHaveLength(1)
  }
})

test('a listed file that is gone is a fault', () => {
  expect(check('', 'src/base/a.ts', new Map([['src/base/gone.ts', 'because']]))).toEqual([
    'scripts/check/calendar-files.mjs:1 lists src/base/gone.ts, which is not there',
  ])
})
