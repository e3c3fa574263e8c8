import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Decimal, powerOf10 } from './decimal.ts'

const edge = 2n ** 53n
const coefficient = fc.oneof(
  fc.bigInt(-50n, 50n),
  fc.bigInt(edge - 3n, edge + 3n),
  fc.bigInt(-edge - 3n, -edge + 3n),
  fc.bigInt(-(10n ** 25n), 10n ** 25n),
  fc.constantFrom(0n, 10n ** 15n, 10n ** 16n, -(10n ** 15n), 94906267n, 94906266n),
)
const decimal = fc.tuple(coefficient, fc.nat(24)).map(([digits, scale]) => Decimal.of(digits, scale))
const parts = ({ coefficient: digits, scale }: Decimal): [bigint, number] => [digits, scale]
const aligned = (value: Decimal, scale: number): bigint => value.coefficient * powerOf10(scale - value.scale)

test('sums, products and order are those of bigints, wherever numbers stop being exact', () => {
  fc.assert(
    fc.property(decimal, decimal, (a, b) => {
      const scale = Math.max(a.scale, b.scale)
      const [x, y] = [aligned(a, scale), aligned(b, scale)]
      expect(parts(a.add(b))).toEqual([x + y, scale])
      expect(parts(a.subtract(b))).toEqual([x - y, scale])
      expect(parts(a.multiply(b))).toEqual([a.coefficient * b.coefficient, a.scale + b.scale])
      expect(a.compare(b)).toBe(x < y ? -1 : x > y ? 1 : 0)
      expect(a.sign).toBe(a.coefficient < 0n ? -1 : a.coefficient > 0n ? 1 : 0)
      expect(parts(a.negate())).toEqual([-a.coefficient, a.scale])
      expect(parts(Decimal.parse(a.toString())!)).toEqual(parts(a))
      expect(a.toNumber()).toBe(Number(a.toString()))
      expect(a.normalize().compare(a)).toBe(0)
      expect(a.normalize().scale === 0 || a.normalize().coefficient % 10n !== 0n || a.coefficient === 0n).toBe(true)
    }),
    { numRuns: 2000 },
  )
})

test('equal decimals have equal fields, however they were made, and unequal ones do not', () => {
  const large = Decimal.of(edge * 4n)
  expect(large.subtract(Decimal.of(edge * 4n - 7n))).toEqual(Decimal.of(7n))
  expect(Decimal.ofSmall(-0, 2)).toEqual(Decimal.of(0n, 2))
  expect(Decimal.of(5n).multiply(Decimal.of(0n)).negate()).toEqual(Decimal.zero)
  expect(large).not.toEqual(Decimal.of(edge * 4n + 1n))
})

test('few digits are read as they are by the way that reads all, behind a space', () => {
  const piece = fc.constantFrom('', '0', '7', '00', '12', '999', '123456', '000000009', '9007199254740993')
  const text = fc.tuple(
    fc.constantFrom('', '-', '+', '--'),
    piece,
    fc.constantFrom('', '.', '..', 'e', 'x'),
    fc.constantFrom('', '.', '5', '12', '000001'),
  )
  fc.assert(
    fc.property(text, (pieces) => {
      const written = pieces.join('')
      const [read, anyway] = [Decimal.parse(written), Decimal.parse(` ${written}`)]
      expect(read && parts(read)).toEqual(anyway && parts(anyway))
      expect(Object.is(read?.small, -0)).toBe(false)
    }),
  )
})

test('more digits behind the point are as exact as a bigint has them', () => {
  fc.assert(
    fc.property(decimal, fc.nat(30), (value, more) => {
      const rounded = value.round(value.scale + more)
      expect(parts(rounded)).toEqual([value.coefficient * powerOf10(more), value.scale + more])
      expect(Number.isNaN(rounded.small)).toBe(rounded.coefficient > edge - 1n || rounded.coefficient < 1n - edge)
    }),
  )
})
