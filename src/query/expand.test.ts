import { expect, it } from 'vitest'
import { beginTurn, charge, turnUnits } from '../base/work.ts'
import { Expand } from './row-operators.ts'
import type { Operator, Run } from './operator.ts'

const run = { transaction: { slice: { spend: () => false } } } as unknown as Run

function oneRow(): Operator<number> {
  let isGiven = false
  return {
    next: () => {
      if (isGiven) return undefined
      isGiven = true
      return [1]
    },
    reset: () => undefined,
  }
}

it('rows that took the turn to make are handed out before the batch is full', () => {
  const dear = function* (): Generator<number> {
    for (let i = 0; i < 5; i++) {
      charge(turnUnits)
      yield i
    }
  }
  const expand = new Expand(oneRow(), dear)
  const sizes: number[] = []
  for (;;) {
    beginTurn()
    const batch = expand.next(run)
    if (!Array.isArray(batch)) break
    sizes.push(batch.length)
  }
  expect(sizes).toEqual([1, 1, 1, 1, 1])
})
