import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Decimal } from './decimal.ts'
import { compareSlices, copySlice, sliceOf, type KeyRange } from './slice.ts'
import { KeyReader } from './tuple-reader.ts'
import { KeyWriter, keyspaceOf, keyspaceRange, prefixRange } from './tuple.ts'

function bytesOf(write: (writer: KeyWriter) => void): Uint8Array {
  const writer = new KeyWriter(4)
  write(writer)
  return copySlice(writer)
}

function orderOf(a: Uint8Array, b: Uint8Array): number {
  return Math.sign(compareSlices(sliceOf(a), sliceOf(b)))
}

/** Checks that bytes sort as `compare` sorts the values, ascending and inverted, and with a following element. */
function checkOrder<T>(
  values: fc.Arbitrary<T>,
  write: (w: KeyWriter, v: T) => void,
  compare: (a: T, b: T) => number,
): void {
  fc.assert(
    fc.property(values, values, (a, b) => {
      const expected = Math.sign(compare(a, b))
      const plain = (v: T): Uint8Array => bytesOf((w) => write(w, v))
      const inverted = (v: T): Uint8Array =>
        bytesOf((w) => {
          write(w, v)
          w.descending(0)
        })
      const followed = (v: T, next: number): Uint8Array =>
        bytesOf((w) => {
          write(w, v)
          w.int64(next)
        })
      expect(orderOf(plain(a), plain(b))).toBe(expected)
      expect(orderOf(inverted(a), inverted(b))).toBe(expected === 0 ? 0 : -expected)
      if (expected !== 0) expect(orderOf(followed(a, 9), followed(b, -9))).toBe(expected)
    }),
    { numRuns: 500 },
  )
}

const byValue = <T extends number | bigint>(a: T, b: T): number => (a < b ? -1 : a > b ? 1 : 0)
const int64s = fc.oneof(
  fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n),
  fc.bigInt(-300n, 300n),
  fc.maxSafeInteger().map(BigInt),
  fc.constantFrom(-(2n ** 63n), 2n ** 63n - 1n, 2n ** 53n + 1n),
)
const decimals = fc.oneof(
  fc.tuple(fc.bigInt(-(10n ** 34n), 10n ** 34n), fc.integer({ min: 0, max: 40 })).map(([c, s]) => Decimal.of(c, s)),
  fc.tuple(fc.bigInt(-99n, 99n), fc.integer({ min: -6000, max: 6000 })).map(([c, s]) => Decimal.of(c, s)),
  fc.double({ noNaN: true }).map((d) => Decimal.fromDoubleExact(d)),
)

describe('elements sort as their values do', () => {
  test('int64, from numbers and from bigints alike', () => {
    checkOrder(int64s, (w, v) => w.int64(v), byValue)
    fc.assert(
      fc.property(fc.oneof(fc.integer(), fc.maxSafeInteger()), (n) => {
        expect(bytesOf((w) => w.int64(n))).toEqual(bytesOf((w) => w.int64(BigInt(n))))
        expect(new KeyReader(new KeyWriter().int64(n)).integer()).toBe(n)
      }),
    )
  })

  test('float8', () => {
    checkOrder(fc.double({ noNaN: true }), (w, v) => w.float8(v), byValue)
    expect(
      orderOf(
        bytesOf((w) => w.float8(NaN)),
        bytesOf((w) => w.float8(Infinity)),
      ),
    ).toBe(1)
    expect(bytesOf((w) => w.float8(-0))).toEqual(bytesOf((w) => w.float8(0)))
  })

  test('decimals, beyond the range of doubles too', () => {
    checkOrder(
      decimals,
      (w, v) => w.numberDecimal(v),
      (a, b) => a.compare(b),
    )
  })

  test('doubles, integers and decimals in one order', () => {
    const mixed = fc.oneof(fc.double({ noNaN: true }), int64s, decimals)
    const exact = (v: number | bigint | Decimal): Decimal =>
      typeof v === 'number' ? Decimal.fromDoubleExact(v) : typeof v === 'bigint' ? Decimal.of(v) : v
    const write = (w: KeyWriter, v: number | bigint | Decimal): void => {
      if (typeof v === 'number') w.number(v)
      else if (typeof v === 'bigint') w.numberInt64(v)
      else w.numberDecimal(v)
    }
    checkOrder(mixed, write, (a, b) => exact(a).compare(exact(b)))
    expect(
      orderOf(
        bytesOf((w) => w.number(NaN)),
        bytesOf((w) => w.number(-Infinity)),
      ),
    ).toBe(-1)
    const sqlNaN = bytesOf((w) => w.numberDecimal(Decimal.nan, true))
    expect(
      orderOf(
        sqlNaN,
        bytesOf((w) => w.number(Infinity)),
      ),
    ).toBe(1)
  })

  test('strings and bytes, zeros included', () => {
    const strings = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.string({ unit: fc.constantFrom('\0', 'a', '\x01', 'é') }),
    )
    const utf8 = (text: string): Buffer => Buffer.from(text)
    checkOrder(
      strings,
      (w, v) => w.string(v),
      (a, b) => Buffer.compare(utf8(a), utf8(b)),
    )
    const bytes = fc.uint8Array({ maxLength: 12 })
    checkOrder(
      bytes,
      (w, v) => w.byteString(v),
      (a, b) => Buffer.compare(a, b),
    )
  })

  test('timestamps', () => {
    checkOrder(int64s, (w, v) => w.timestamp(v), byValue)
  })

  test('types keep the order of the tag table', () => {
    const ladder: ((w: KeyWriter) => void)[] = [
      (w) => w.minKey(),
      (w) => w.missing(),
      (w) => w.nullFirst(),
      (w) => w.int64(-(2n ** 63n)),
      (w) => w.float8(-Infinity),
      (w) => w.number(Infinity),
      (w) => w.string(''),
      (w) => w.beginObject().endNested(),
      (w) => w.beginArray().endNested(),
      (w) => w.byteString(new Uint8Array(0)),
      (w) => w.objectId(new Uint8Array(12)),
      (w) => w.uuid(new Uint8Array(16)),
      (w) => w.boolean(false),
      (w) => w.boolean(true),
      (w) => w.timestamp(-(2n ** 63n)),
      (w) => w.bsonTimestamp(new Uint8Array(12)),
      (w) => w.nullLast(),
      (w) => w.maxKey(),
    ]
    for (let i = 1; i < ladder.length; i++) {
      expect(orderOf(bytesOf(ladder[i - 1]!), bytesOf(ladder[i]!)), `step ${i}`).toBe(-1)
    }
  })
})

describe('reading back', () => {
  test('every element that has a reader', () => {
    fc.assert(
      fc.property(
        int64s,
        fc.double(),
        fc.string({ unit: 'grapheme' }),
        fc.uint8Array(),
        fc.boolean(),
        fc.integer({ min: 0, max: 2 ** 31 }),
        (i, d, s, b, flag, keyspace) => {
          const key = new KeyWriter()
            .begin(keyspace, 1)
            .int64(i)
            .float8(d)
            .string(s)
            .byteString(b)
            .boolean(flag)
            .timestamp(i)
          const reader = new KeyReader(key)
          expect(reader.orderedVarint()).toBe(keyspace)
          expect(reader.orderedVarint()).toBe(1)
          expect(reader.int64()).toBe(i)
          expect(reader.float8()).toBe(d === 0 ? 0 : d)
          expect(reader.string()).toBe(s)
          expect(reader.byteString()).toEqual(b)
          expect(reader.boolean()).toBe(flag)
          expect(reader.timestamp()).toBe(i)
          expect(reader.done).toBe(true)
        },
      ),
    )
  })

  test('garbage is an error and never a read past the end', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 12 }), (bytes) => {
        for (const read of [
          'orderedVarint',
          'int64',
          'float8',
          'string',
          'byteString',
          'objectId',
          'uuid',
          'boolean',
          'timestamp',
        ] as const) {
          const reader = new KeyReader(sliceOf(bytes))
          try {
            reader[read]()
            expect(reader.position).toBeLessThanOrEqual(bytes.length)
          } catch (error) {
            expect(error).toMatchObject({ code: 'data_corrupted' })
          }
        }
      }),
    )
  })
})

describe('long runs', () => {
  /** As short ones are written, byte by byte. */
  function plainly(text: Uint8Array, descending: boolean): number[] {
    const element = [0x24, ...[...text].flatMap((byte) => (byte === 0 ? [0, 0xff] : [byte])), 0]
    return descending ? [...element.map((byte) => byte ^ 0xff), 0x80] : element
  }

  test.each([0, 1, 2, 3])('are escaped and inverted as short ones, %i bytes behind others', (before) => {
    for (const size of [255, 256, 257, 258, 259, 1000]) {
      for (const zeroAt of [-1, 0, size - 1]) {
        const text = Uint8Array.from({ length: size }, (_, i) => (i === zeroAt ? 0 : 1 + (i % 255)))
        for (const descending of [false, true]) {
          const writer = new KeyWriter()
          for (let i = 0; i < before; i++) writer.u8(7)
          writer.stringBytes(text, 0, size)
          if (descending) writer.descending(before)
          expect([...copySlice(writer)].slice(before)).toEqual(plainly(text, descending))
        }
      }
    }
  })
})

describe('ranges', () => {
  const inRange = (key: Uint8Array, range: KeyRange): boolean =>
    compareSlices(sliceOf(key), range.start) >= 0 && compareSlices(sliceOf(key), range.end) < 0

  test('a prefix range holds the longer keys and no others', () => {
    const range = prefixRange(new KeyWriter().begin(7, 1).string('a'))
    expect(inRange(copySlice(new KeyWriter().begin(7, 1).string('a')), range)).toBe(true)
    expect(inRange(copySlice(new KeyWriter().begin(7, 1).string('a').maxKey()), range)).toBe(true)
    expect(inRange(copySlice(new KeyWriter().begin(7, 1).string('a\0')), range)).toBe(false)
    expect(inRange(copySlice(new KeyWriter().begin(7, 1).string('b')), range)).toBe(false)
  })

  test('a key says its keyspace at every width of the number', () => {
    for (const keyspace of [0, 127, 128, 16_383, 16_384, 65_536, 2 ** 24, 2 ** 29 - 1, 2 ** 29, 2 ** 40]) {
      expect(keyspaceOf(new KeyWriter().begin(keyspace, 1).string('a'))).toBe(keyspace)
    }
  })

  test('keyspaces follow each other at every width of their number', () => {
    for (const keyspace of [0, 1, 126, 127, 128, 16_383, 16_384, 2 ** 29 - 1, 2 ** 29]) {
      const range = keyspaceRange(keyspace)
      expect(inRange(copySlice(new KeyWriter().begin(keyspace, 1)), range)).toBe(true)
      expect(inRange(copySlice(new KeyWriter().begin(keyspace, 16_384).maxKey()), range)).toBe(true)
      expect(inRange(copySlice(new KeyWriter().begin(keyspace + 1, 0)), range)).toBe(false)
    }
  })
})
