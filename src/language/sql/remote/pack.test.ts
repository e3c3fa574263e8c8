import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Decimal } from '../../../base/decimal.ts'
import { withBounds } from '../../../model/table/types/array-bounds.ts'
import type { SqlValue } from '../contract.ts'
import { atOnce, pack, unpack } from './pack.ts'

function throughBytes(values: readonly SqlValue[]): readonly SqlValue[] {
  return atOnce(unpack(atOnce(pack(values))))
}

const value: fc.Arbitrary<SqlValue> = fc.letrec<{ value: SqlValue }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    fc.constantFrom<SqlValue>(null, true, false, '', -0, NaN, Infinity, Decimal.nan, Decimal.infinity),
    fc.double(),
    fc.bigInt(),
    fc.string({ unit: 'binary' }),
    fc.uint8Array(),
    fc.tuple(fc.bigInt(), fc.nat(50)).map(([coefficient, scale]) => Decimal.of(coefficient, scale)),
    fc.record({ months: fc.integer(), days: fc.integer(), us: fc.bigInt() }),
    fc.array(tie('value')),
    fc
      .tuple(fc.array(tie('value')), fc.integer({ max: 2_000_000_000 }))
      .map(([list, lower]) => withBounds(list, [lower])),
  ),
})).value

describe('packed values', () => {
  it('come back as they were', () => {
    fc.assert(
      fc.property(fc.array(value), (values) => {
        expect(throughBytes(values)).toEqual(values)
      }),
    )
  })

  it('come back beyond a piece and a chunk', () => {
    const values = [
      'x'.repeat(5_000_001),
      `${'ж'.repeat(131_071)}😀${'y'.repeat(300_000)}`,
      new Uint8Array(140_000).fill(7),
      Array.from({ length: 100_000 }, (_, i) => (i % 3 === 0 ? null : `element ${i}`)),
      Decimal.of(-(7n ** 50_000n), 12),
      [[1n, 2n], [], ['']],
    ]
    expect(throughBytes(values)).toEqual(values)
  })

  it('are packed and unpacked in slices', () => {
    const values = ['x'.repeat(4_000_000), Array.from({ length: 100_000 }, (_, i) => i)]
    expect([...pack(values)].length).toBeGreaterThan(15)
    expect([...unpack(atOnce(pack(values)))].length).toBeGreaterThan(15)
    expect([...pack(['short'])]).toEqual([])
  })
})
