/**
 * Keys: tuples of typed elements whose bytes sort as the values do (the tuple layer of FoundationDB, with tags in BSON's
 * type order so that SQL and Mongo share one order).
 *
 *   key      := keyspace index element*
 *   keyspace := ordered varint, the collection's number
 *   index    := ordered varint, the index's number within the collection
 *
 * | tag     | element                    | bytes after the tag                                                       |
 * |---------|----------------------------|---------------------------------------------------------------------------|
 * | 02 / FE | MinKey / MaxKey            | –                                                                         |
 * | 04      | missing                    | –                                                                         |
 * | 05 / F0 | null, first / last         | –                                                                         |
 * | 0C–1C   | int64                      | 14 is zero; 15–1C: 1–8 bytes big-endian; 13–0C: one's complement          |
 * | 1E      | float8 of a typed column   | 8 bytes, sign bit flipped or all flipped; −0 is +0; one NaN, highest      |
 * | 1F      | number (document, decimal) | see `number-key.ts`                                                       |
 * | 24 / 25 | string / collated string   | UTF-8, or a collation's key, with 00 as 00 FF, then 00                    |
 * | 28 / 2A | object / array             | nested elements, 00                                                       |
 * | 2C      | bytes                      | 00 as 00 FF, then 00                                                      |
 * | 2E / 30 | ObjectId / UUID            | 12 / 16 bytes                                                             |
 * | 34 / 35 | false / true               | –                                                                         |
 * | 38 / 3A | timestamp µs / BSON stamp  | int64 with the sign flipped / 12 bytes                                    |
 *
 * Invariants: no tag is 00 or FF, nor is one after XOR FF, so `prefix FF` is above every key that begins with `prefix`
 * and a terminator 00 is below every element. A descending element is every one of its bytes XOR FF, then 80: an inverted
 * terminator FF would else be a prefix of the inverted escape FF 00, and a shorter key sorts first.
 *
 * Ordered varint: 0xxxxxxx to 2^7, 10xxxxxx +1 byte to 2^14, 110xxxxx +3 bytes to 2^29, 1110xxxx +7 bytes to 2^53.
 */
import { ByteWriter } from './bytes.ts'
import type { Collator } from './collation/collator.ts'
import { assert, PolylogError } from './errors.ts'
import { copyInto, sliceOf, type KeyRange, type Slice } from './slice.ts'
import { writeDoubleNumber, writeInt64Number, writeDecimalNumber } from './number-key.ts'
import type { Decimal } from './decimal.ts'

export const tag = {
  minKey: 0x02,
  missing: 0x04,
  nullFirst: 0x05,
  int64Zero: 0x14,
  float8: 0x1e,
  number: 0x1f,
  string: 0x24,
  collated: 0x25,
  object: 0x28,
  array: 0x2a,
  bytes: 0x2c,
  objectId: 0x2e,
  uuid: 0x30,
  false: 0x34,
  true: 0x35,
  timestamp: 0x38,
  bsonTimestamp: 0x3a,
  nullLast: 0xf0,
  maxKey: 0xfe,
} as const

/** The number of the index that holds a collection's rows themselves. */
export const primaryIndex = 1

/** As a number where that is exact, else NaN. */
function safeNumberOf(value: bigint): number {
  return value >= -safeMax && value <= safeMax ? Number(value) : NaN
}

const safeMax = BigInt(Number.MAX_SAFE_INTEGER)

/** Longer runs are looked through by native calls, and inverted four bytes at a time. */
const nativeLength = 256

export class KeyWriter extends ByteWriter {
  /** Begins a new key: everything before is gone. */
  begin(keyspace: number, index: number): this {
    this.end = 0
    this.orderedVarint(keyspace)
    this.orderedVarint(index)
    return this
  }

  orderedVarint(value: number): this {
    if (value < 0x80) this.u8(value)
    else if (value < 0x4000) this.u16be(value | 0x8000)
    else if (value < 0x2000_0000) this.u32be((value | 0xc000_0000) >>> 0)
    else this.u64be(BigInt(value) | (0xe0n << 56n))
    return this
  }

  minKey(): this {
    this.u8(tag.minKey)
    return this
  }

  maxKey(): this {
    this.u8(tag.maxKey)
    return this
  }

  missing(): this {
    this.u8(tag.missing)
    return this
  }

  nullFirst(): this {
    this.u8(tag.nullFirst)
    return this
  }

  nullLast(): this {
    this.u8(tag.nullLast)
    return this
  }

  boolean(value: boolean): this {
    this.u8(value ? tag.true : tag.false)
    return this
  }

  int64(value: bigint | number): this {
    const number = typeof value === 'number' ? value : safeNumberOf(value)
    if (number >= -0x8000_0000 && number <= 0x7fff_ffff) return this.#int32(number)
    if (Number.isSafeInteger(number)) return this.#int53(number)
    const big = BigInt(value)
    const magnitude = big < 0n ? -big : big
    let width = 1
    while (magnitude >> BigInt(8 * width) !== 0n) width++
    if (width > 8) throw new PolylogError('out_of_range', `${value} does not fit 64 bits`)
    if (magnitude === 0n) return this.#int32(0)
    this.#integerTag(big < 0n, width)
    const stored = big < 0n ? ~magnitude : magnitude
    for (let shift = 8 * (width - 1); shift >= 0; shift -= 8) this.u8(Number((stored >> BigInt(shift)) & 0xffn))
    return this
  }

  #integerTag(isNegative: boolean, width: number): void {
    this.u8(isNegative ? tag.int64Zero - width : tag.int64Zero + width)
  }

  #int32(value: number): this {
    if (value === 0) {
      this.u8(tag.int64Zero)
      return this
    }
    const magnitude = Math.abs(value)
    const width = magnitude < 0x100 ? 1 : magnitude < 0x1_0000 ? 2 : magnitude < 0x100_0000 ? 3 : 4
    const stored = value < 0 ? ~magnitude : magnitude
    this.#integerTag(value < 0, width)
    for (let shift = 8 * (width - 1); shift >= 0; shift -= 8) this.u8((stored >>> shift) & 0xff)
    return this
  }

  /** Beyond 32 bits: a bigint for each byte costs several times as much. */
  #int53(value: number): this {
    const magnitude = Math.abs(value)
    const mask = value < 0 ? -1 : 0
    const high = Math.floor(magnitude / 0x1_0000_0000)
    const width = 4 + (high === 0 ? 0 : high < 0x100 ? 1 : high < 0x1_0000 ? 2 : 3)
    this.#integerTag(value < 0, width)
    for (let shift = 8 * (width - 5); shift >= 0; shift -= 8) this.u8(((high ^ mask) >>> shift) & 0xff)
    // What is assigned to 32 bits keeps the lower ones.
    const low = (magnitude | 0) ^ mask
    for (let shift = 24; shift >= 0; shift -= 8) this.u8((low >>> shift) & 0xff)
    return this
  }

  float8(value: number): this {
    this.u8(tag.float8)
    this.orderedDouble(value)
    return this
  }

  /** Eight bytes that sort as the doubles do; NaN is one and highest. */
  orderedDouble(value: number): void {
    if (Number.isNaN(value)) {
      this.u64be(0xffff_ffff_ffff_fffen)
      return
    }
    const at = this.end
    this.f64be(value === 0 ? 0 : value)
    if (this.bytes[at]! < 0x80) this.bytes[at]! ^= 0x80
    else this.invert(at)
  }

  /** A number of a document (double): compares equal to integers and decimals of the same value. */
  number(value: number): this {
    writeDoubleNumber(this, value)
    return this
  }

  numberInt64(value: bigint): this {
    writeInt64Number(this, value)
    return this
  }

  /** `nanHighest` for typed SQL columns; documents have NaN below all numbers. */
  numberDecimal(value: Decimal, nanHighest = false): this {
    writeDecimalNumber(this, value, nanHighest)
    return this
  }

  string(text: string): this {
    this.u8(tag.string)
    const at = this.end
    this.utf8(text)
    this.#escapeFrom(at)
    return this
  }

  /** The same element from bytes that are UTF-8 already. */
  stringBytes(bytes: Uint8Array, start: number, end: number): this {
    this.u8(tag.string)
    const at = this.end
    this.copy(bytes, start, end)
    this.#escapeFrom(at)
    return this
  }

  /** In a collation's order. The text cannot be had from it. */
  collated(collator: Collator, text: string): this {
    this.u8(tag.collated)
    const at = this.end
    collator.writeKey(text, this)
    this.#escapeFrom(at)
    return this
  }

  byteString(bytes: Uint8Array, start = 0, end: number = bytes.length): this {
    this.u8(tag.bytes)
    const at = this.end
    this.copy(bytes, start, end)
    this.#escapeFrom(at)
    return this
  }

  #escapeFrom(at: number): void {
    if (this.end - at > nativeLength) {
      if (this.bytes.subarray(at, this.end).includes(0)) this.#escapeSlowly(at)
      this.u8(0)
      return
    }
    for (let i = at; i < this.end; i++) {
      if (this.bytes[i] === 0) {
        this.#escapeSlowly(at)
        break
      }
    }
    this.u8(0)
  }

  #escapeSlowly(at: number): void {
    const plain = this.bytes.slice(at, this.end)
    this.end = at
    for (const byte of plain) {
      this.u8(byte)
      if (byte === 0) this.u8(0xff)
    }
  }

  objectId(twelveBytes: Uint8Array): this {
    this.u8(tag.objectId)
    this.copy(twelveBytes, 0, 12)
    return this
  }

  uuid(sixteenBytes: Uint8Array): this {
    this.u8(tag.uuid)
    this.copy(sixteenBytes, 0, 16)
    return this
  }

  timestamp(us: bigint): this {
    this.u8(tag.timestamp)
    this.u64be(us ^ (1n << 63n))
    return this
  }

  /** Twelve bytes that the caller has made to sort. */
  bsonTimestamp(twelveBytes: Uint8Array): this {
    this.u8(tag.bsonTimestamp)
    this.copy(twelveBytes, 0, 12)
    return this
  }

  beginObject(): this {
    this.u8(tag.object)
    return this
  }

  beginArray(): this {
    this.u8(tag.array)
    return this
  }

  endNested(): this {
    this.u8(0)
    return this
  }

  /** Makes the element that was written from `mark` (an earlier `end`) on descending. */
  descending(mark: number): this {
    this.invert(mark)
    this.u8(0x80)
    return this
  }

  invert(mark: number): void {
    const { bytes, end } = this
    let at = mark
    if (end - mark > nativeLength) {
      while ((bytes.byteOffset + at) % 4 !== 0) bytes[at++]! ^= 0xff
      const words = new Int32Array(bytes.buffer, bytes.byteOffset + at, (end - at) >> 2)
      for (let i = 0; i < words.length; i++) words[i]! ^= -1
      at += 4 * words.length
    }
    for (; at < end; at++) bytes[at]! ^= 0xff
  }

  /** Everything that begins with what is written so far, the key itself included. A copy. */
  toPrefixRange(): KeyRange {
    return prefixRange(this)
  }
}

/** Every key that begins with `prefix` (which ends between two elements), as copies. */
export function prefixRange(prefix: Slice): KeyRange {
  const length = prefix.end - prefix.start
  const bytes = new Uint8Array(length + 1)
  copyInto(bytes, 0, prefix)
  bytes[length] = 0xff
  // The start is how the end begins.
  return { start: { bytes, start: 0, end: length }, end: { bytes, start: 0, end: length + 1 } }
}

/** All keys of a keyspace, or of one index of it. */
export function keyspaceRange(keyspace: number, index?: number): KeyRange {
  const writer = new KeyWriter(16)
  writer.orderedVarint(keyspace)
  if (index !== undefined) return writer.orderedVarint(index).toPrefixRange()
  const start = writer.toBytes()
  const end = writer
    .reset()
    .orderedVarint(keyspace + 1)
    .toBytes()
  return { start: sliceOf(start), end: sliceOf(end) }
}

/** The number of the collection that a key belongs to. */
export function keyspaceOf(key: Slice): number {
  const bytes = key.bytes
  const first = bytes[key.start]!
  const width = orderedVarintWidth(first)
  assert(key.end - key.start >= width, 'a key is shorter than its keyspace number')
  if (width === 1) return first
  let value = width === 2 ? first & 0x3f : width === 4 ? first & 0x1f : first & 0x0f
  for (let i = 1; i < width; i++) value = value * 256 + bytes[key.start + i]!
  return value
}

/** Bytes that an ordered varint takes, from its first byte. */
export function orderedVarintWidth(first: number): number {
  return first < 0x80 ? 1 : first < 0xc0 ? 2 : first < 0xe0 ? 4 : 8
}
