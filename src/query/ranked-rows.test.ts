import fc from 'fast-check'
import { expect, test } from 'vitest'
import { beginTurn, charge, isTurnOver, unitsDone } from '../base/work.ts'
import { RankedRows } from './ranked-rows.ts'

interface Row {
  readonly rank: number
  readonly rest: number
  readonly place: number
}

const rank = fc.oneof(fc.integer({ min: -3, max: 3 }), fc.constantFrom(-Infinity, Infinity, 0.5, -0))
const rows = fc.array(fc.tuple(rank, fc.nat(2)), { maxLength: 700 })
const inOrder = (a: Row, b: Row): number => (a.rank < b.rank ? -1 : a.rank > b.rank ? 1 : a.rest - b.rest)

function sortedBy(runs: RankedRows<Row>, given: readonly Row[], isAsked: boolean): Row[] {
  for (const one of given) if (!isAsked || !runs.isBeyond(one)) runs.add(one, 1)
  while (runs.step() > 0);
  return runs.takeAll()
}

test('rows come in order of rank and comparison, equal ones as they went in', () => {
  fc.assert(
    fc.property(rows, fc.option(fc.nat(300)), (given, most) => {
      const all = given.map(([by, rest], place) => ({ rank: by, rest, place }))
      const keep = most ?? Infinity
      const expected = all.toSorted(inOrder)
      for (const isAsked of [false, true]) {
        let dropped = 0
        const runs = new RankedRows<Row>(
          (a, b) => a.rest - b.rest,
          () => dropped++,
        )
        runs.limit(keep)
        expect(sortedBy(runs, all, isAsked)).toEqual(expected.slice(0, keep))
        if (!isAsked) expect(dropped).toBe(Math.max(0, all.length - keep))
        expect(runs.isEmpty).toBe(true)
      }
    }),
    { numRuns: 200 },
  )
})

test('of rows of one rank the comparison says which are beyond the last that is wanted', () => {
  const runs = new RankedRows<Row>(
    (a, b) => a.rest - b.rest,
    () => undefined,
  )
  runs.limit(3)
  for (let place = 0; place < 10; place++) runs.add({ rank: 0, rest: 5 + place, place }, 1)
  runs.prune()
  expect([6, 7, 8].map((rest) => runs.isBeyond({ rank: 0, rest, place: 99 }))).toEqual([false, true, true])
  expect(runs.isBeyond({ rank: -1, rest: 100, place: 99 })).toBe(false)
})

test('steps are short, also where comparisons are dear', () => {
  const runs = new RankedRows<Row>(
    (a, b) => {
      charge(500_000)
      return a.rest - b.rest
    },
    () => undefined,
  )
  const count = 300
  for (let place = 0; place < count; place++) runs.add({ rank: 0, rest: (place * 7919) % count, place })
  let most = 0
  beginTurn()
  while (runs.step() > 0) {
    most = Math.max(most, unitsDone())
    if (isTurnOver()) beginTurn()
  }
  expect(runs.takeAll().map(({ rest }) => rest)).toEqual(Array.from({ length: count }, (_, i) => i))
  expect(most).toBeLessThan(4_000_000)
})

test('of many rows no step moves more than some thousands', () => {
  const runs = new RankedRows<Row>(
    () => 0,
    () => undefined,
  )
  const count = 100_000
  for (let place = 0; place < count; place++) runs.add({ rank: (place * 7919) % count, rest: 0, place })
  for (let moved = runs.step(); moved > 0; moved = runs.step()) expect(moved).toBeLessThan(20_000)
  expect(runs.takeAll().map((one) => one.rank)).toEqual(Array.from({ length: count }, (_, i) => i))
})
