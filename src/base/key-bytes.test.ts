/** The bytes of keys are on people's disks: what each element is, at the ends of its widths and of its kind. */
import { describe, expect, test } from 'vitest'
import { Decimal } from './decimal.ts'
import { compareSlices, copySlice, equalSlices, sliceOf } from './slice.ts'
import { KeyWriter } from './tuple.ts'

const bytesOf = (write: (writer: KeyWriter) => unknown): string => {
  const writer = new KeyWriter(64)
  write(writer)
  return Buffer.from(writer.toBytes()).toString('hex')
}

describe('the bytes of', () => {
  test.each([
    [0, '14'],
    [1, '1501'],
    [255, '15ff'],
    [256, '160100'],
    [65_535, '16ffff'],
    [65_536, '17010000'],
    [16_777_216, '1801000000'],
    [2_147_483_647, '187fffffff'],
    [2_147_483_648, '1880000000'],
    [4_294_967_295, '18ffffffff'],
    [4_294_967_296, '190100000000'],
    [0x1_02_03_04_05_06, '1a010203040506'],
    [Number.MAX_SAFE_INTEGER, '1b1fffffffffffff'],
    [-1, '13fe'],
    [-255, '1300'],
    [-256, '12feff'],
    [-2_147_483_648, '107fffffff'],
    [-2_147_483_649, '107ffffffe'],
    [-4_294_967_296, '0ffeffffffff'],
    [-0x1_02_03_04_05_06, '0efefdfcfbfaf9'],
    [Number.MIN_SAFE_INTEGER, '0de0000000000000'],
    [2n ** 63n - 1n, '1c7fffffffffffffff'],
    [-(2n ** 63n), '0c7fffffffffffffff'],
  ])('the integer %s', (value, expected) => {
    expect(bytesOf((writer) => writer.int64(value))).toBe(expected)
    expect(bytesOf((writer) => writer.int64(BigInt(value)))).toBe(expected)
  })

  test.each([
    [0, '1e8000000000000000'],
    [-0, '1e8000000000000000'],
    [1, '1ebff0000000000000'],
    [-1, '1e400fffffffffffff'],
    [Infinity, '1efff0000000000000'],
    [-Infinity, '1e000fffffffffffff'],
    [Number.NaN, '1efffffffffffffffe'],
  ])('the double %s', (value, expected) => {
    expect(bytesOf((writer) => writer.float8(value))).toBe(expected)
  })

  test.each([
    ['0.5', '1fbfe000000000000000'],
    ['100', '1fc05900000000000000'],
    ['0.1', '1fbfb999999999999901'],
    ['9007199254740993', '1fc340000000000000018000010200'],
    ['-9007199254740993', '1f3cbffffffffffffe018000010200'],
  ])('begin with the largest double at or below %s', (text, expected) => {
    const written = bytesOf((writer) => writer.numberDecimal(Decimal.parse(text)!))
    expect(written.startsWith(expected)).toBe(true)
  })

  test('a long integer are those of the decimal of its value, and not of the double beside it', () => {
    for (const value of [2n ** 53n + 1n, -(2n ** 53n) - 1n, 2n ** 63n - 1n, 2n ** 53n - 1n, -(2n ** 62n) - 7n]) {
      const own = bytesOf((writer) => writer.numberInt64(value))
      expect(own).toBe(bytesOf((writer) => writer.numberDecimal(Decimal.of(value))))
      expect(own === bytesOf((writer) => writer.number(Number(value)))).toBe(BigInt(Number(value)) === value)
    }
  })

  test('decimals are the same however many zeros they are written with, and sort between doubles', () => {
    const key = (text: string): string => bytesOf((writer) => writer.numberDecimal(Decimal.parse(text)!))
    for (const [one, same] of [
      ['0.1', '0.1000'],
      ['0.001', '0.00100'],
      ['123456789.123456789', '123456789.12345678900'],
      ['1e-7', '0.0000001'],
      ['9007199254740993', '9007199254740993.00'],
      ['-9007199254740993.5', '-9007199254740993.50000'],
    ] as const) {
      expect(key(one)).toBe(key(same))
    }
    const ascending = [
      '-1e400',
      '-1e308',
      '-1.1',
      '-1.05',
      '-1e-400',
      '0',
      '1e-400',
      '0.1',
      '0.11',
      '0.111',
      '1.005',
      '1.05',
      '1e400',
    ]
    const keys = ascending.map(key)
    expect([...keys].sort()).toEqual(keys)
  })
})

describe('slices', () => {
  const of = (text: string): ReturnType<typeof sliceOf> => sliceOf(Buffer.from(text))

  test('are equal only where their lengths are', () => {
    expect(equalSlices(of('ab'), of('ab'))).toBe(true)
    expect([
      equalSlices(of('ab'), of('abc')),
      equalSlices(of('abc'), of('ab')),
      equalSlices(of('ac'), of('ab')),
    ]).toEqual([false, false, false])
    expect(Math.sign(compareSlices(of('ab'), of('abc')))).toBe(-1)
  })

  test.each([3, 48, 49, 500])('of %s bytes are copied, and not shown', (length) => {
    const bytes = Buffer.alloc(length + 2, 1)
    const copy = copySlice({ bytes, start: 1, end: length + 1 })
    bytes.fill(2)
    expect([copy.length, copy[0], copy[length - 1]]).toEqual([length, 1, 1])
  })
})
