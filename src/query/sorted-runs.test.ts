import { expect, it } from 'vitest'
import { beginTurn, charge, isTurnOver, unitsDone } from '../base/work.ts'
import { SortedRuns } from './sorted-runs.ts'

const itemBytes = 100_000
const compareUnits = 25_000

function compare(a: number, b: number): number {
  charge(compareUnits)
  return a - b
}

/** Sorts as operators do, and answers the items with the most that was charged between two looks at the meter. */
function sorted(items: readonly number[], keepRows: number): { all: number[]; most: number } {
  const runs = new SortedRuns<number>(compare, () => undefined)
  runs.limit(keepRows)
  let most = 0
  const look = (): void => {
    most = Math.max(most, unitsDone())
    if (isTurnOver()) beginTurn()
  }
  beginTurn()
  for (const one of items) {
    runs.add(one, itemBytes)
    look()
  }
  while (runs.step() > 0) look()
  return { all: runs.takeAll(), most }
}

it('large items are sorted in steps that compare little', () => {
  const items = Array.from({ length: 1000 }, (_, i) => (i * 7919) % 1000)
  const { all, most } = sorted(items, Infinity)
  expect(all).toEqual(items.toSorted((a, b) => a - b))
  expect(most).toBeLessThan(4_000_000)
})

it('with a limit no more large items are kept than are wanted', () => {
  const items = Array.from({ length: 1000 }, (_, i) => (i * 7919) % 1000)
  const { all, most } = sorted(items, 3)
  expect(all).toEqual([0, 1, 2])
  expect(most).toBeLessThan(4_000_000)
})
