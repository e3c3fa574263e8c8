import { expect, test } from 'vitest'
import { parseExpectedSkips } from './expected-skips.ts'
import { formatTotals, scoreResults } from './score.ts'

const listed = parseExpectedSkips('# comment\n\nlisted\tnot there yet\n')

test('what passes, fails and is listed counts as such', () => {
  const score = scoreResults(
    [
      { name: 'good', outcome: 'passed' },
      { name: 'bad', outcome: 'failed', message: 'differs' },
      { name: 'listed', outcome: 'failed', message: 'differs' },
    ],
    listed,
  )
  expect(score).toEqual({
    passed: 1,
    failures: [{ name: 'bad', message: 'differs' }],
    skips: [{ name: 'listed', reason: 'not there yet' }],
  })
  expect(formatTotals(score)).toBe('1 passed, 1 failed, 1 skipped')
})

test('a listed case that passes has to leave the list', () => {
  const { passed, failures, skips } = scoreResults([{ name: 'listed', outcome: 'passed' }], listed)
  expect({ passed, skips }).toEqual({ passed: 0, skips: [] })
  expect(failures).toEqual([
    { name: 'listed', message: 'passes, so its line in expected-skips has to go (not there yet)' },
  ])
})

test('a case that skips itself has to be on the list', () => {
  const one = { name: 'one', outcome: 'skipped', reason: 'needs a cluster' } as const
  expect(scoreResults([one], new Map()).failures).toEqual([
    { name: 'one', message: 'skips itself (needs a cluster) and is not listed in expected-skips' },
  ])
  expect(scoreResults([one], new Map([['one', 'needs a cluster']])).skips).toHaveLength(1)
})

test('a listed case that is not there is a failure', () => {
  expect(scoreResults([], listed).failures).toEqual([
    { name: 'listed', message: 'is listed in expected-skips, but there is no such case' },
  ])
})

test.each(['name without reason', '\treason', 'a\tb\tc', 'a\t ', 'a\tb\na\tc'])('%j is no list', (text) => {
  expect(() => parseExpectedSkips(text)).toThrow(/^line \d of the expected skips/)
})
