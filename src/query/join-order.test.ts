import { describe, expect, it } from 'vitest'
import { chooseJoin, type JoinGraph, orderJoins } from './join-order.ts'

/** Members by their rows; edges with the share of pairs that they leave, and whether the second can be looked up. */
function graph(
  rows: readonly number[],
  edges: readonly (readonly [a: number, b: number, share: number])[],
): JoinGraph & { steps: number } {
  const members = rows.map((count) => ({ rows: count, cost: count }))
  const touching = (set: number, member: number): typeof edges =>
    edges.filter(([a, b]) => (a === member && (set & (1 << b)) !== 0) || (b === member && (set & (1 << a)) !== 0))
  const made = {
    steps: 0,
    members,
    neighbors: rows.map((_, member) =>
      edges.reduce((set, [a, b]) => set | (a === member ? 1 << b : b === member ? 1 << a : 0), 0),
    ),
    step: (set: number, left: { rows: number; cost: number }, member: number) => {
      made.steps++
      const found = touching(set, member)
      const right = members[member]!
      const joined = left.rows * right.rows * found.reduce((all, [, , share]) => all * share, 1)
      const { method, cost } = chooseJoin({
        left,
        right,
        rows: joined,
        lookUp: undefined,
        hasKeys: found.length > 0,
        isCounted: true,
      })
      return { method, cost, rows: joined }
    },
  }
  return made
}

describe('the order of joins', () => {
  it('begins where few rows are, and follows the conditions', () => {
    const chain = graph(
      [100_000, 10_000, 1000, 1],
      [
        [0, 1, 1 / 10_000],
        [1, 2, 1 / 1000],
        [2, 3, 1 / 1000],
      ],
    )
    const { order, methods } = orderJoins(chain)
    expect(order.slice(2)).toEqual([1, 0])
    expect(methods).toEqual(['hash', 'hash left', 'hash left'])
  })

  it('stays as it is written where another one gains little', () => {
    expect(
      orderJoins(
        graph(
          [100, 99, 98],
          [
            [0, 1, 0.01],
            [1, 2, 0.01],
          ],
        ),
      ).order,
    ).toEqual([0, 1, 2])
  })

  it('is found for many members without comparing all orders', () => {
    const count = 24
    const rows = Array.from({ length: count }, (_, i) => (i === count - 1 ? 1 : 1000))
    const edges = rows.slice(1).map((_, i) => [i, i + 1, 1 / 1000] as const)
    const many = graph(rows, edges)
    const { order } = orderJoins(many)
    expect(order[0]).toBe(count - 1)
    expect(order).toEqual(rows.map((_, i) => count - 1 - i))
    expect(many.steps).toBeLessThan(3 * count * 3)
    const few = graph(rows.slice(-8), edges.slice(0, 7))
    orderJoins(few)
    expect(few.steps).toBeLessThan(8 * 2 ** 8)
  })
})

describe('the method of a join', () => {
  const left = { rows: 10, cost: 10 }
  const right = { rows: 100_000, cost: 100_000 }
  const lookUp = { entries: 1, isPrimary: true }
  const joined = { rows: 10, isCounted: true }

  it('is a look-up, unless reading all costs much less', () => {
    expect(chooseJoin({ ...joined, left, right, lookUp, hasKeys: true }).method).toBe('look up')
    const many = { rows: 100_000, cost: 100_000 }
    expect(chooseJoin({ ...joined, left: many, right, lookUp, hasKeys: true }).method).toBe('hash')
  })

  it('keeps a much smaller left side in the table', () => {
    const keyed = { ...joined, left, right, lookUp: undefined, hasKeys: true }
    expect(chooseJoin(keyed).method).toBe('hash left')
    expect(chooseJoin({ ...keyed, isCounted: false }).method).toBe('hash')
    expect(chooseJoin({ ...keyed, left: right, right: left }).method).toBe('hash')
    expect(chooseJoin({ ...keyed, hasKeys: false }).method).toBe('loop')
  })
})
