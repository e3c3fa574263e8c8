import { BSON, Decimal128, deserialize, serialize } from 'bson'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Decimal } from '../../base/decimal.ts'
import { PolylogError } from '../../base/errors.ts'
import { compareSlices } from '../../base/slice.ts'
import { KeyWriter } from '../../base/tuple.ts'
import { bsonType, BsonValue, documentValue, fieldsOf, getField } from './bson.ts'
import { BsonWriter } from './bson-writer.ts'
import { civilFromMs, isoDate, parseIsoDate } from './calendar.ts'
import { decodeDecimal128, encodeDecimal128 } from './decimal128.ts'
import { compareValues, writeKeyElement } from './order.ts'
import { findPath, parsePath } from './path.ts'
import { anyDocument, anyValue, valueOf } from '../../../test/documents/any-document.ts'
import { readString } from './values.ts'
import { NestingCheck, validateDocument } from './validate.ts'

describe('validation', () => {
  it('accepts what the driver writes, and knows its end', () => {
    fc.assert(
      fc.property(anyDocument, fc.nat(5), (document, behind) => {
        const bytes = Buffer.concat([serialize(document), Buffer.alloc(behind, 1)])
        expect(validateDocument(bytes, 0, bytes.length)).toBe(bytes.length - behind)
      }),
    )
  })

  it('of damaged bytes throws InvalidBSON, or they are readable to the end', () => {
    fc.assert(
      fc.property(anyDocument, fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1 }), (document, damage) => {
        const bytes = serialize(document)
        for (const [at, byte] of damage) bytes[at % bytes.length] = byte
        try {
          validateDocument(bytes, 0, bytes.length)
        } catch (error) {
          expect(error).toBeInstanceOf(PolylogError)
          return
        }
        walk(documentValue(bytes))
      }),
      { numRuns: 2000 },
    )
  })

  it('bounds nesting', () => {
    const nested = (depth: number): Uint8Array => {
      let document: object = {}
      for (let i = 1; i < depth; i++) document = { a: document }
      return serialize(document)
    }
    expect(validateDocument(nested(100), 0, 1e6)).toBe(nested(100).length)
    expect(() => validateDocument(nested(101), 0, 1e6)).toThrow('exceeds maximum nested object depth')
    const check = (levels: number): boolean => new NestingCheck(documentValue(nested(levels))).step()
    expect(check(100)).toBe(true)
    expect(() => check(101)).toThrow('maximum nesting depth of 100')
  })

  it('refuses bytes that are not UTF-8', () => {
    const bytes = serialize({ a: 'xyz' })
    bytes[bytes.length - 3] = 0xff
    expect(() => validateDocument(bytes, 0, bytes.length)).toThrow('not valid UTF-8')
  })
})

/** Reads every value in a document. */
function walk(value: BsonValue): number {
  let count = 0
  for (const [, field] of fieldsOf(value)) {
    expect(field.end).toBeLessThanOrEqual(value.end)
    count += field.type === bsonType.object || field.type === bsonType.array ? walk(field) : 1
  }
  return count
}

describe('reading in place', () => {
  it('finds a path as the decoded document has it', () => {
    const document = { a: 1, ab: { c: 'x', '': 'empty' }, __proto: 1, list: [{ d: 2 }] }
    const value = new BsonValue()
    const bytes = serialize(document)
    expect(findPath(bytes, 0, parsePath('ab.c'), value) && readString(value)).toBe('x')
    expect(findPath(bytes, 0, parsePath('a'), value)).toBe(true)
    expect(findPath(bytes, 0, parsePath('abc'), value)).toBe(false)
    expect(findPath(bytes, 0, parsePath('list.d'), value)).toBe(false)
  })

  it('takes __proto__ for a name', () => {
    const bytes = new BsonWriter().begin().string('__proto__', 'a name').end().toBytes()
    expect(readString(getField(documentValue(bytes), '__proto__')!)).toBe('a name')
  })

  it('lets no name end early', () => {
    const writer = new BsonWriter().begin()
    expect(() => writer.int32('a\0\x10b', 1)).toThrow('null byte')
  })

  it('copies what it writes', () => {
    fc.assert(
      fc.property(anyDocument, (document) => {
        const bytes = serialize(document)
        const writer = new BsonWriter().begin()
        for (const [name, value] of fieldsOf(documentValue(bytes))) writer.value(name, value)
        expect(Buffer.from(writer.end().toBytes()).equals(bytes)).toBe(true)
      }),
    )
  })
})

describe('the order of values', () => {
  const key = (value: BsonValue): Uint8Array => {
    const writer = new KeyWriter()
    writeKeyElement(writer, value, undefined)
    return writer.toBytes()
  }

  it('is that of their key bytes', () => {
    fc.assert(
      fc.property(anyValue, anyValue, (a, b) => {
        const [left, right] = [valueOf(a), valueOf(b)]
        const byKey = Buffer.compare(key(left), key(right))
        expect(Math.sign(compareValues(left, right))).toBe(byKey)
      }),
      { numRuns: 3000 },
    )
  })

  it('goes through the types as the server does, and through each type', () => {
    const { MinKey, MaxKey, Long, Double, ObjectId, Binary, Timestamp, BSONRegExp } = BSON
    const ascending = [
      new MinKey(),
      null,
      NaN,
      -Infinity,
      Decimal128.fromString('-1E400'),
      Long.MIN_VALUE,
      -1.5,
      0,
      0.1,
      Decimal128.fromString('0.1000000000000000055511151231257828'),
      1,
      Long.fromString('9007199254740992'),
      Long.fromString('9007199254740993'),
      new Double(9007199254740994),
      Decimal128.fromString('1E400'),
      Infinity,
      '',
      'a',
      'a\u0000b',
      'ab',
      'é',
      {},
      { a: 1 },
      { a: 1, b: 0 },
      { b: 0 },
      { a: 'x' },
      [],
      [1],
      [1, 2],
      new Binary(Buffer.from([255]), 0),
      new Binary(Buffer.from([0]), 5),
      new Binary(Buffer.from([0, 0]), 0),
      new ObjectId('000000000000000000000001'),
      new ObjectId('ff0000000000000000000000'),
      false,
      true,
      new Date(-1e15),
      new Date(0),
      new Date(1),
      new Timestamp({ t: 1, i: 2 }),
      new Timestamp({ t: 2, i: 1 }),
      new BSONRegExp('a', ''),
      new BSONRegExp('a', 'i'),
      new MaxKey(),
    ].map(valueOf)
    for (let i = 1; i < ascending.length; i++) {
      expect([i, compareValues(ascending[i - 1]!, ascending[i]!) < 0]).toEqual([i, true])
    }
  })

  it('takes equal numbers of all types for equal', () => {
    const ones = [1, new BSON.Double(1), BSON.Long.fromInt(1), Decimal128.fromString('1.00')].map(valueOf)
    for (const a of ones) for (const b of ones) expect(compareSlices(keySlice(a), keySlice(b))).toBe(0)
  })

  function keySlice(value: BsonValue): { bytes: Uint8Array; start: number; end: number } {
    const bytes = key(value)
    return { bytes, start: 0, end: bytes.length }
  }
})

describe('decimal128', () => {
  it('reads what the driver writes', () => {
    const texts = ['0', '-0', '1.50', '-123456789.123456789', '1E+6111', '9.99E-6143', 'NaN', 'Infinity', '-Infinity']
    for (const text of texts) {
      const found = decodeDecimal128(Decimal128.fromString(text).bytes, 0)
      expect([text, found.compare(Decimal.parse(text)!)]).toEqual([text, 0])
    }
  })

  it('writes what the driver reads', () => {
    const digits = fc.bigInt({ min: -(10n ** 34n) + 1n, max: 10n ** 34n - 1n })
    fc.assert(
      fc.property(digits, fc.integer({ min: 0, max: 6000 }), (coefficient, scale) => {
        const value = Decimal.of(coefficient, scale)
        const text = new Decimal128(encodeDecimal128(value)).toString()
        expect(Decimal.parse(text)!.compare(value)).toBe(0)
      }),
    )
  })

  it('rounds half to even where it must, and refuses where it must not', () => {
    const value = Decimal.parse(`${'1'.repeat(33)}2.5`)!
    expect(decodeDecimal128(encodeDecimal128(value), 0).toString()).toBe(`${'1'.repeat(33)}2`)
    expect(() => encodeDecimal128(value, true)).toThrow('34 digits')
  })
})

describe('the calendar', () => {
  it('agrees with that of JavaScript', () => {
    fc.assert(
      fc.property(fc.integer({ min: -8.64e15, max: 8.64e15 }), (ms) => {
        const date = new Date(ms)
        const civil = civilFromMs(BigInt(ms))
        expect([civil.year, civil.month, civil.day, civil.hour]).toEqual([
          date.getUTCFullYear(),
          date.getUTCMonth() + 1,
          date.getUTCDate(),
          date.getUTCHours(),
        ])
        expect(isoDate(BigInt(ms))).toBe(date.toISOString())
        expect(parseIsoDate(date.toISOString())).toBe(BigInt(ms))
      }),
    )
  })

  it('refuses days that there are not', () => {
    for (const text of ['2023-02-29', '2024-13-01', '2024-01-01T24:00', 'today'])
      expect(parseIsoDate(text)).toBe(undefined)
  })
})

it('the driver reads what is written here', () => {
  const writer = new BsonWriter().begin().int32('a', -1).int64('b', -2n).double('c', 0.5).string('d', 'ü').null('e')
  writer.beginArray('f').boolean('0', true).end().date('g', 5).binary('h', 4, new Uint8Array(16))
  expect(deserialize(writer.end().toBytes())).toMatchObject({
    a: -1,
    c: 0.5,
    d: 'ü',
    e: null,
    f: [true],
    g: new Date(5),
  })
})
