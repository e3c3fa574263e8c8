/** Runs merged in turns are what sorting at once gives. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Resumption, suspended } from '../../base/resumption.ts'
import { beginTurn, turnUnits, unitsDone } from '../../base/work.ts'
import { sortedDistinct } from './sorted-distinct.ts'

const compare = (a: unknown, b: unknown): number => (a as number) - (b as number)

/** What comes of it, and what each turn has charged. */
function inTurns<T>(work: () => T): { readonly result: T; readonly turns: readonly number[] } {
  const resumption = new Resumption()
  const turns: number[] = []
  for (;;) {
    beginTurn()
    try {
      const result = resumption.run(work)
      turns.push(unitsDone())
      return { result, turns }
    } catch (error) {
      if (error !== suspended) throw error
      turns.push(unitsDone())
    }
  }
}

test('each value once, in order, without nulls', () => {
  fc.assert(
    fc.property(fc.array(fc.option(fc.integer({ min: 0, max: 4000 })), { maxLength: 9000, size: 'max' }), (values) => {
      const expected = [...new Set(values.filter((value) => value !== null))].sort(compare)
      expect(sortedDistinct(values, compare)).toEqual(expected)
      expect(inTurns(() => sortedDistinct(values, compare)).result).toEqual(expected)
    }),
    { numRuns: 20 },
  )
})

test('a long list is sorted in turns', () => {
  const values = Array.from({ length: 100_000 }, (_, i) => (i * 7919) % 60_013)
  const { result, turns } = inTurns(() => sortedDistinct(values, compare))
  expect(result).toEqual(Array.from({ length: 60_013 }, (_, i) => i))
  expect(turns.length).toBeGreaterThan(20)
  expect(Math.max(...turns)).toBeLessThan(2 * turnUnits)
})
