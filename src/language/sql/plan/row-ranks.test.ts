import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Decimal } from '../../../base/decimal.ts'
import type { SqlValue } from '../contract.ts'
import { comparatorOf } from '../functions/comparison.ts'
import { oid } from '../types/oids.ts'
import { rankOfRow } from './row-ranks.ts'

const int = fc.oneof(fc.integer({ min: -3, max: 3 }), fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }))
const edges = fc.constantFrom(2 ** 20, 2 ** 20 - 1, -(2 ** 20), -(2 ** 20) - 1)
const text = fc.oneof(fc.constantFrom('', 'a', 'ab', 'abc', 'abcd', 'a\u{10000}', 'a\uffff', '\ud7ff'), fc.string())
const decimal = fc.tuple(fc.bigInt(-(10n ** 20n), 10n ** 20n), fc.nat(20)).map(([digits, scale]) => {
  return Decimal.of(digits, scale)
})
const values: readonly (readonly [number, fc.Arbitrary<SqlValue>])[] = [
  [oid.bool, fc.boolean()],
  [oid.int4, fc.oneof(int, edges)],
  [oid.int8, fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n)],
  [oid.float8, fc.oneof(fc.double(), fc.constantFrom(-0, 0, Infinity, -Infinity, NaN))],
  [oid.numeric, fc.oneof(decimal, fc.constantFrom(Decimal.nan, Decimal.infinity, Decimal.negativeInfinity))],
  [oid.text, text],
]

test('zeros have one rank, whatever their sign', () => {
  const order = [0, 1].map((target) => ({ target, descending: false, nullsFirst: false }))
  const rankOf = rankOfRow(order, [oid.int4, oid.float8])!
  expect(rankOf([1, -0])).toBe(rankOf([1, 0]))
  expect(rankOf([1, -1e-30])).toBeLessThan(rankOf([1, 0]))
})

test('where ranks differ, rows stand in that order', () => {
  const column = fc.constantFrom(...values).chain(([type, value]) => {
    const valueOrNull = fc.option(value)
    return fc.record({
      type: fc.constant(type),
      descending: fc.boolean(),
      nullsFirst: fc.boolean(),
      pair: fc.tuple(valueOrNull, valueOrNull),
    })
  })
  fc.assert(
    fc.property(fc.array(column, { minLength: 1, maxLength: 2 }), (columns) => {
      const order = columns.map(({ descending, nullsFirst }, target) => ({ target, descending, nullsFirst }))
      const types = columns.map(({ type }) => type)
      const rankOf = rankOfRow(order, types)!
      const [a, b] = [0, 1].map((side) => columns.map(({ pair }) => pair[side]!)) as [SqlValue[], SqlValue[]]
      const [left, right] = [rankOf(a), rankOf(b)]
      expect(left).not.toBeNaN()
      if (left < right) expect(compared(a, b)).toBeLessThan(0)
      if (left > right) expect(compared(a, b)).toBeGreaterThan(0)

      function compared(x: SqlValue[], y: SqlValue[]): number {
        for (const { target, descending, nullsFirst } of order) {
          const [p, q] = [x[target]!, y[target]!]
          if (p === null && q === null) continue
          if (p === null || q === null) return (p === null) === nullsFirst ? -1 : 1
          const difference = comparatorOf(types[target]!)(p, q) * (descending ? -1 : 1)
          if (difference !== 0) return difference
        }
        return 0
      }
    }),
    { numRuns: 5000 },
  )
})
