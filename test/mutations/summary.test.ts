import { describe, expect, test } from 'vitest'
import { type Result, summaryOf } from './summary.ts'

const result = (name: string, verdict: Result['verdict'], by = ''): Result => ({ name, verdict, seconds: 1, by })

describe('the summary of planted bugs', () => {
  test('counts apart who hung, and names the test', () => {
    const { lines, failed } = summaryOf([result('a', 'killed', 'x'), result('b', 'hung', 'a test > of b')])
    expect(lines).toEqual(['hung: b: a test > of b', '1 killed, 1 hung, 0 survived', '2 passed, 0 failed, 0 skipped'])
    expect(failed).toBe(0)
  })

  test('fails for who survived, and for who hung before any test', () => {
    const { lines, failed } = summaryOf([result('a', 'survived'), result('b', 'hung'), result('c', 'killed', 'x')])
    expect(lines).toEqual([
      'hung: b: no test had begun',
      'survived: a',
      '1 killed, 1 hung, 1 survived',
      '1 passed, 2 failed, 0 skipped',
    ])
    expect(failed).toBe(2)
  })
})
