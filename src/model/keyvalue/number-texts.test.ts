/** Expected texts are those of C's strtod, `%.17g` and `long double` on x86, as Redis 7.0.15 answered them. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { sliceOf } from '../../base/slice.ts'
import { formatDouble, parseBound, parseDouble } from './double-text.ts'
import { parseInt64, parseShortInteger } from './integer-text.ts'
import { addLongDoubles, formatLongDouble, parseLongDouble } from './long-double.ts'

function slice(text: string) {
  return sliceOf(Buffer.from(text, 'latin1'))
}

describe('integers', () => {
  it.each<[string, bigint | undefined]>([
    ['0', 0n],
    ['-1', -1n],
    ['9223372036854775807', 2n ** 63n - 1n],
    ['-9223372036854775808', -(2n ** 63n)],
    ['9223372036854775808', undefined],
    ['-9223372036854775809', undefined],
    ['99999999999999999999', undefined],
    ['', undefined],
    ['-', undefined],
    ['+1', undefined],
    ['01', undefined],
    ['-0', undefined],
    [' 1', undefined],
    ['1 ', undefined],
    ['1.0', undefined],
    ['1e3', undefined],
  ])('%s', (text, value) => {
    expect(parseInt64(slice(text))).toBe(value)
  })

  it('of 64 bits come back', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (value) => {
        expect(parseInt64(slice(String(value)))).toBe(value)
        const short = parseShortInteger(slice(String(value)))
        expect(Number.isNaN(short) || BigInt(short) === value).toBe(true)
      }),
    )
  })
})

describe('doubles', () => {
  it.each<[number, string]>([
    [0, '0'],
    [-0, '-0'],
    [1, '1'],
    [0.1, '0.10000000000000001'],
    [-1.5, '-1.5'],
    [1e16, '10000000000000000'],
    [54043195528445952, '54043195528445952'],
    [-54043195528445952, '-54043195528445952'],
    [1e17, '1e+17'],
    [1e20, '1e+20'],
    [0.0001, '0.0001'],
    [0.00001, '1.0000000000000001e-05'],
    [1e-7, '9.9999999999999995e-08'],
    [123456789012345680, '1.2345678901234568e+17'],
    [1.7976931348623157e308, '1.7976931348623157e+308'],
    [5e-324, '4.9406564584124654e-324'],
    [Infinity, 'inf'],
    [-Infinity, '-inf'],
    // An exact half in the 18th digit goes to the even neighbour.
    [1125899906842624.25, '1125899906842624.2'],
    [1125899906842624.75, '1125899906842624.8'],
  ])('%d is printed %s', (value, text) => {
    expect(formatDouble(value)).toBe(text)
  })

  it.each<[string, number | undefined]>([
    ['3', 3],
    ['+3.5', 3.5],
    ['.5', 0.5],
    ['5.', 5],
    ['1e3', 1000],
    ['0x10', 16],
    ['0x1.8p1', 3],
    ['0x1p-1074', 5e-324],
    ['inf', Infinity],
    ['-Infinity', -Infinity],
    ['nan', undefined],
    ['', undefined],
    [' 1', undefined],
    ['1 ', undefined],
    ['1e400', undefined],
    ['1e-400', undefined],
    ['0e-400', 0],
    ['1_000', undefined],
    ['0x', undefined],
    ['abc', undefined],
  ])('%s is read as %d', (text, value) => {
    expect(parseDouble(slice(text))).toBe(value)
  })

  it.each<[string, number | undefined]>([
    ['', 0],
    ['1e-400', 0],
    ['1e400', Infinity],
    ['-1e400', -Infinity],
    ['0x1p-2000', 0],
    ['inf', Infinity],
    ['\t 1.5', 1.5],
    ['1\0x', 1],
    ['\0', 0],
    [' ', undefined],
    ['1 ', undefined],
    ['nan', undefined],
    ['1'.repeat(6000), undefined],
  ])('%j as a bound', (text, value) => {
    expect(parseBound(slice(text))).toBe(value)
  })

  it('come back from their text', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true }), (value) => {
        expect(parseDouble(slice(formatDouble(value)))).toBe(value)
      }),
    )
  })
})

describe('long doubles', () => {
  function sum(a: string, b: string): string {
    const x = parseLongDouble(a)
    const y = parseLongDouble(b)
    if (x === undefined || y === undefined) return 'no number'
    if (x === 'infinite' || y === 'infinite') return 'infinite'
    const result = addLongDoubles(x, y)
    return result === undefined ? 'overflow' : formatLongDouble(result)
  }

  it.each([
    ['10.5', '0.1', '10.6'],
    ['3.0e3', '200', '3200'],
    ['0', '0.00000000000000001', '0.00000000000000001'],
    ['0.00000000000000001', '1e-18', '0.00000000000000001'],
    ['0', '0.3333333333333333333333', '0.33333333333333333'],
    ['0', '12345678901234567890.5', '12345678901234567890'],
    ['1', '-1', '0'],
    ['-0.5', '0.25', '-0.25'],
    ['0x10', '0', '16'],
    ['0', '-0x.8', '-0.5'],
    ['inf', '1', 'infinite'],
    ['nan', '1', 'no number'],
    ['', '1', 'no number'],
    ['1e5000', '1', 'no number'],
    ['1e-5000', '1', 'no number'],
    ['0x1p-16446', '1', 'no number'],
    ['0x1.1p-16446', '1', '1'],
    ['0e-9999', '1', '1'],
    ['1.1e4932', '1.1e4932', 'overflow'],
  ])('%s + %s is %s', (a, b, expected) => {
    expect(sum(a, b)).toBe(expected)
  })

  it('add integers of up to 64 bits exactly', () => {
    const integer = fc.bigInt({ min: -(2n ** 62n), max: 2n ** 62n })
    fc.assert(
      fc.property(integer, integer, (a, b) => {
        expect(sum(String(a), String(b))).toBe(String(a + b))
      }),
    )
  })
})
