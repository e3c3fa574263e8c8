/** Keys sort as values compare, and values survive storage, the wire and text, for every ordered type. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ByteWriter } from '../../../base/bytes.ts'
import { Decimal } from '../../../base/decimal.ts'
import { compareSlices } from '../../../base/slice.ts'
import { KeyWriter } from '../../../base/tuple.ts'
import { withBounds } from './array-bounds.ts'
import { formatJsonb, parseJson } from './json.ts'
import { makeMultirange } from './ranges/multirange.ts'
import { makeRange, type RangeValue } from './ranges/range.ts'
import { networkValue } from './network.ts'
import { findTypeByName } from './registry.ts'
import type { SqlValue } from './value.ts'
import { ZonedTime } from './zoned-time.ts'

const int32 = fc.integer({ min: -0x8000_0000, max: 0x7fff_ffff })
const text = fc.string({ unit: 'grapheme', maxLength: 12 }).filter((one) => !one.includes('\0'))
const small = fc.integer({ min: -3, max: 3 })

function ranges(name: string, bound: fc.Arbitrary<SqlValue>): fc.Arbitrary<SqlValue> {
  const { range: kind } = findTypeByName(name)!
  const bounds = fc.tuple(fc.option(bound, { freq: 5 }), fc.option(bound, { freq: 5 }), fc.boolean(), fc.boolean())
  return bounds.map(([a, b, isLower, isUpper]) => {
    const isTurned = a !== null && b !== null && kind!.subtype.compare(a, b) > 0
    const [lower, upper] = isTurned ? [b, a] : [a, b]
    return makeRange(kind!, { value: lower, isIncluded: isLower }, { value: upper, isIncluded: isUpper })
  })
}

const values: Readonly<Record<string, fc.Arbitrary<SqlValue>>> = {
  bool: fc.boolean(),
  int2: fc.integer({ min: -32768, max: 32767 }),
  int4: fc.oneof(int32, small),
  int8: fc.oneof(fc.bigInt({ min: -(1n << 63n), max: (1n << 63n) - 1n }), small.map(BigInt)),
  oid: fc.nat(),
  float4: fc.float().map((value) => (value === 0 ? 0 : value)),
  float8: fc.double().map((value) => (value === 0 ? 0 : value)),
  numeric: fc.oneof(
    fc.tuple(fc.bigInt(-(10n ** 30n), 10n ** 30n), fc.nat(20)).map(([digits, scale]) => Decimal.of(digits, scale)),
    fc.tuple(small, fc.nat(2)).map(([digits, scale]) => Decimal.of(BigInt(digits), scale)),
    fc.constantFrom(Decimal.nan, Decimal.infinity, Decimal.negativeInfinity),
  ),
  text: fc.oneof(text, fc.constantFrom('', 'a', 'ab', '\u{1f600}', '\uff5e')),
  bpchar: fc.tuple(text, fc.nat(2)).map(([one, spaces]) => one + ' '.repeat(spaces)),
  bytea: fc.uint8Array({ maxLength: 6 }).map((bytes) => new Uint8Array(bytes)),
  uuid: fc.uuid(),
  date: fc.integer({ min: -2_440_588, max: 2_145_031_948 }),
  time: fc.bigInt(0n, 86_400_000_000n),
  timestamp: fc.bigInt(-210_866_803_200_000_000n, (1n << 63n) - 1n),
  timestamptz: fc.bigInt(-210_866_803_200_000_000n, (1n << 63n) - 1n),
  interval: fc.record({
    months: int32,
    days: small,
    us: fc.oneof(fc.bigInt(-(1n << 60n), 1n << 60n), small.map(BigInt)),
  }),
  bit: fc.array(fc.constantFrom('0', '1'), { maxLength: 18 }).map((bits) => bits.join('')),
  money: fc.oneof(fc.bigInt({ min: -(1n << 63n) + 1n, max: (1n << 63n) - 1n }), small.map(BigInt)),
  inet: fc
    .oneof(
      fc.tuple(fc.uint8Array({ minLength: 4, maxLength: 4 }), fc.nat(32)),
      fc.tuple(fc.constantFrom(Uint8Array.of(10, 1, 2, 3), Uint8Array.of(10, 0, 0, 0)), fc.nat(32)),
      fc.tuple(fc.uint8Array({ minLength: 16, maxLength: 16 }), fc.nat(128)),
    )
    .map(([address, bits]) => networkValue(address, bits)),
  macaddr: fc.uint8Array({ minLength: 6, maxLength: 6 }).map((bytes) => new Uint8Array(bytes)),
  pg_lsn: fc.oneof(fc.bigInt(0n, (1n << 64n) - 1n), fc.bigInt(0n, 3n)),
  tid: fc.tuple(fc.nat(3), fc.nat(65_535)).map(([block, place]) => (BigInt(block) << 16n) | BigInt(place)),
  timetz: fc
    .tuple(fc.bigInt(0n, 86_400_000_000n), fc.integer({ min: -50_000, max: 50_000 }))
    .map(([timeUs, west]) => new ZonedTime(timeUs, west)),
  int4range: ranges('int4range', small),
  numrange: ranges(
    'numrange',
    small.map((digits) => Decimal.of(BigInt(digits), 1)),
  ),
  int4multirange: fc
    .array(ranges('int4range', fc.integer({ min: 0, max: 12 })), { maxLength: 4 })
    .map((list) => makeMultirange(findTypeByName('int4range')!.range!, list as RangeValue[])),
  jsonb: fc.jsonValue({ maxDepth: 3 }).map((value) => formatJsonb(parseJson(JSON.stringify(value)))),
}

function keyOf(name: string, value: SqlValue): KeyWriter {
  const writer = new KeyWriter().begin(5, 1)
  findTypeByName(name)!.writeKey(value, writer)
  return writer
}

describe.each(Object.keys(values))('%s', (name) => {
  const type = findTypeByName(name)!
  const value = values[name]!

  it('sorts its keys as its values', () => {
    fc.assert(
      fc.property(value, value, (a, b) => {
        expect(Math.sign(compareSlices(keyOf(name, a), keyOf(name, b)))).toBe(Math.sign(type.compare(a, b)))
      }),
    )
  })

  it('keeps values through storage, wire and text', () => {
    fc.assert(
      fc.property(value, (a) => {
        const shown = type.formatText(a)
        const stored = new ByteWriter()
        type.writeStored(a, stored)
        expect(type.formatText(type.readStored(stored.bytes, 0, stored.end))).toBe(shown)
        const wire = new ByteWriter()
        type.encodeBinary(a, wire)
        expect(type.formatText(type.decodeBinary(wire.bytes, 0, wire.end))).toBe(shown)
        expect(type.formatText(type.parseText(shown))).toBe(shown)
      }),
    )
  })
})

it('sorts arrays by elements, NULL highest, then by length', () => {
  const type = findTypeByName('int4[]')!
  const arrays = fc.array(fc.option(small), { maxLength: 4 })
  fc.assert(
    fc.property(arrays, arrays, (a, b) => {
      expect(Math.sign(compareSlices(keyOf('int4[]', a), keyOf('int4[]', b)))).toBe(Math.sign(type.compare(a, b)))
    }),
  )
})

it('keeps where arrays begin, in keys that sort as the arrays do', () => {
  const type = findTypeByName('int4[]')!
  const bound = fc.oneof(fc.constant(1), small, fc.constantFrom(-2_147_483_648, 2_147_483_000))
  const arrays = fc
    .tuple(fc.array(small, { minLength: 1, maxLength: 2 }), fc.constantFrom(1, 2), bound, bound)
    .map(([list, dimensions, outer, inner]) =>
      dimensions === 1 ? withBounds(list, [outer]) : withBounds([list], [outer, inner]),
    )
  fc.assert(
    fc.property(arrays, arrays, (a, b) => {
      const [left, right] = [keyOf('int4[]', a), keyOf('int4[]', b)]
      expect(Math.sign(compareSlices(left, right))).toBe(Math.sign(type.compare(a, b)))
      const stored = new ByteWriter()
      type.writeStored(a, stored)
      expect(type.formatText(type.readStored(stored.bytes, 0, stored.end))).toBe(type.formatText(a))
      const wire = new ByteWriter()
      type.encodeBinary(a, wire)
      expect(type.formatText(type.decodeBinary(wire.bytes, 0, wire.end))).toBe(type.formatText(a))
      expect(type.formatText(type.parseText(type.formatText(a)))).toBe(type.formatText(a))
    }),
  )
})

it('refuses binary arrays whose lengths promise more than was sent', () => {
  const writer = new ByteWriter()
  writer.i32be(1)
  writer.i32be(0)
  writer.u32be(23)
  writer.i32be(0x7fff_ffff)
  writer.i32be(1)
  expect(() => findTypeByName('int4[]')!.decodeBinary(writer.bytes, 0, writer.end)).toThrow(
    'incorrect binary data format',
  )
})

it('bounds the nesting of JSON', () => {
  const deep = '['.repeat(100_000)
  expect(() => parseJson(deep)).toThrow('stack depth limit exceeded')
})

it('takes __proto__ for a name', () => {
  expect(formatJsonb(parseJson('{"__proto__": 1}'))).toBe('{"__proto__": 1}')
})
