/** Runs merged in turns are what sorting at once gives. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Progress, unfinished } from './progress.ts'
import { sortedDistinct } from './sorted-distinct.ts'

const compare = (a: unknown, b: unknown): number => (a as number) - (b as number)

function inTurns<T>(progress: Progress, work: () => T): T {
  for (;;) {
    progress.beginTurn()
    try {
      return work()
    } catch (error) {
      if (error !== unfinished) throw error
    }
  }
}

test('each value once, in order, without nulls', () => {
  fc.assert(
    fc.property(fc.array(fc.option(fc.integer({ min: 0, max: 4000 })), { maxLength: 5000, size: 'max' }), (values) => {
      const expected = [...new Set(values.filter((value) => value !== null))].sort(compare)
      expect(sortedDistinct(values, compare)).toEqual(expected)
      const progress = new Progress({ elements: 500, openWeight: 256 })
      expect(inTurns(progress, () => sortedDistinct(values, compare, progress))).toEqual(expected)
    }),
    { numRuns: 20 },
  )
})
