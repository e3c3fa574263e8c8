import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { countVitest, endRunning, failuresOf } from './test.mjs'
import { addTotals, formatTotals, parseTotals } from './totals.mjs'

function report(...files: [status: string, ...tests: string[]][]): string {
  const testResults = files.map(([status, ...tests]) => ({
    status,
    assertionResults: tests.map((one) => ({ status: one })),
  }))
  return JSON.stringify({ testResults })
}

test('tests are counted by what became of them', () => {
  const text = report(['passed', 'passed', 'skipped', 'pending', 'todo'], ['failed', 'failed', 'failed', 'passed'])
  expect(countVitest(text, false)).toEqual({ passed: 2, failed: 2, skipped: 3 })
})

test('a file that does not load is a failure', () => {
  expect(countVitest(report(['failed'], ['passed', 'passed']), false)).toEqual({ passed: 1, failed: 1, skipped: 0 })
})

test('a runner that fails without a failed test is a failure', () => {
  expect(countVitest(report(['passed', 'passed']), false)).toEqual({ passed: 1, failed: 1, skipped: 0 })
  expect(countVitest(undefined, true)).toEqual({ passed: 0, failed: 1, skipped: 0 })
})

test('what failed is named, with what it says first', () => {
  const failing = { status: 'failed', fullName: 'sums add up', failureMessages: ['expected 1\n  to be 2'] }
  const testResults = [
    { name: '/repository/a.test.ts', status: 'failed', assertionResults: [{ status: 'passed' }, failing] },
    { name: '/repository/b.test.ts', status: 'failed', message: 'x'.repeat(400), assertionResults: [] },
    { name: '/repository/c.test.ts', status: 'passed', assertionResults: [{ status: 'passed' }] },
  ]
  expect(failuresOf('/repository', JSON.stringify({ testResults }))).toEqual([
    'a.test.ts > sums add up: expected 1 to be 2',
    `b.test.ts: ${'x'.repeat(300)}…`,
  ])
  expect(failuresOf('/repository', undefined)).toEqual([])
})

test('the last line is written and read', () => {
  const totals = { passed: 3, failed: 0, skipped: 12 }
  expect(formatTotals(totals)).toBe('3 passed, 0 failed, 12 skipped')
  expect(parseTotals(`1 passed, 1 failed, 1 skipped\nnoise\n${formatTotals(totals)}\n`)).toEqual(totals)
  expect(parseTotals('a 3 passed, 0 failed, 12 skipped')).toBeUndefined()
  expect(addTotals(totals, totals)).toEqual({ passed: 6, failed: 0, skipped: 24 })
})

test('a test that hangs is named, and its process ended', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'polylog-running-'))
  const child = spawn(process.execPath, ['-e', 'for (;;);'], { stdio: 'ignore' })
  const ended = once(child, 'exit')
  await once(child, 'spawn')
  writeFileSync(join(folder, String(child.pid)), 'a.test.ts > never ends')
  expect(endRunning(folder)).toEqual(['a.test.ts > never ends'])
  expect(await ended).toEqual([null, 'SIGKILL'])
  rmSync(folder, { recursive: true })
})
