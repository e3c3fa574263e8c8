import { describe, expect, test } from 'vitest'
import { verdictOf } from './verdict.ts'

const pairs = (above: number, below: number): number[] => [
  ...Array.from({ length: above }, () => 1.2),
  ...Array.from({ length: below }, () => 1),
]

describe('the verdict on pairs', () => {
  test.each([
    [0, 0, 'unsure'],
    [0, 4, 'unsure'],
    [0, 5, 'fine'],
    [5, 0, 'worse'],
    [1, 6, 'unsure'],
    [1, 7, 'fine'],
    [7, 1, 'worse'],
    [4, 11, 'unsure'],
    [3, 12, 'fine'],
    [12, 3, 'worse'],
  ] as const)('%i above the limit and %i not above it: %s', (above, below, verdict) => {
    expect(verdictOf(pairs(above, below), 1.1)).toBe(verdict)
  })

  test('a pair at the limit is not above it', () => {
    expect(verdictOf([1.1, 1.1, 1.1, 1.1, 1.1], 1.1)).toBe('fine')
  })

  test('one pair that is far off counts once', () => {
    expect(verdictOf([1, 1, 1, 1, 1, 1, 1, 50], 1.1)).toBe('fine')
  })
})
