import { expect, test } from 'vitest'
import { formatExpectedSkips, parseExpectedSkips } from './expected-skips.ts'
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

test('cases of one file share a line of the list', () => {
  const skips = [
    { name: 'a/b.test:3', reason: 'no views' },
    { name: 'a/b.test:17', reason: 'no views' },
    { name: 'a/b.test:20', reason: 'no windows' },
    { name: 'alone', reason: 'no views' },
  ]
  const text = formatExpectedSkips(skips)
  expect(text).toBe('a/b.test:3,17\tno views\na/b.test:20\tno windows\nalone\tno views\n')
  expect([...parseExpectedSkips(text)]).toEqual(skips.map(({ name, reason }) => [name, reason]))
})
