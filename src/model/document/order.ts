/**
 * BSON's one order over all types, as key bytes: what sorts, compares, groups and indexes by a value goes by these.
 *
 * The tags are those of `base/tuple.ts`; what BSON has beyond them:
 *
 * | value              | bytes                                                                                       |
 * |--------------------|---------------------------------------------------------------------------------------------|
 * | undefined          | 04; an empty array in an index is one                                                       |
 * | missing            | as null                                                                                     |
 * | number             | 1F …; NaN lowest; 1, 1.0, Long(1), Decimal(1.00) are equal                                  |
 * | string, symbol     | 24 …; in a collation 25 and its key of the text                                             |
 * | object             | 28, then for each field: its value's type class, 24 name, value; then 00                    |
 * | array              | 2A, elements, 00                                                                            |
 * | binary             | 2C, escaped (length u32 be, subtype, bytes), 00                                             |
 * | date               | 38 µs; beyond ±292,000 years the highest or lowest µs, then the ms, sign flipped            |
 * | timestamp          | 3A seconds u32 be, counter u32 be, four zero bytes                                          |
 * | regex              | 3C, string elements of pattern and options                                                  |
 * | DBPointer          | 3E, string element of the namespace, 12 bytes                                               |
 * | code               | 40, string element                                                                          |
 * | code with scope    | 42, string element, object element                                                          |
 *
 * What is stored names the collation that it goes by; comparisons and keys that are not stored go by the one in force.
 *
 * Invariants: `compareValues(a, b)` has the sign of comparing their key bytes.
 */
import { shortKey } from '../../base/short-key.ts'
import { charge } from '../../base/work.ts'
import { compareSlices, equalSlices, sliceToLatin1 } from '../../base/slice.ts'
import { KeyWriter, tag } from '../../base/tuple.ts'
import { bsonType, BsonValue, FieldCursor, readInt32, valueEnd } from './bson.ts'
import { type Collation, collationInForce } from './collation.ts'
import { decodeDecimal128 } from './decimal128.ts'
import { readBoolean, readDouble, readInt64, readRegex } from './values.ts'

const tagRegex = 0x3c
const tagDbPointer = 0x3e
const tagCode = 0x40
const tagCodeWithScope = 0x42

/** By type byte: values of one class compare with each other, comparisons in queries stay within it. */
const classes = new Uint8Array(256)
const classOf: readonly [number, number][] = [
  [bsonType.missing, tag.nullFirst],
  [bsonType.null, tag.nullFirst],
  [bsonType.undefined, tag.missing],
  [bsonType.minKey, tag.minKey],
  [bsonType.maxKey, tag.maxKey],
  [bsonType.double, tag.number],
  [bsonType.int32, tag.number],
  [bsonType.int64, tag.number],
  [bsonType.decimal, tag.number],
  [bsonType.string, tag.string],
  [bsonType.symbol, tag.string],
  [bsonType.object, tag.object],
  [bsonType.array, tag.array],
  [bsonType.binary, tag.bytes],
  [bsonType.objectId, tag.objectId],
  [bsonType.boolean, tag.false],
  [bsonType.date, tag.timestamp],
  [bsonType.timestamp, tag.bsonTimestamp],
  [bsonType.regex, tagRegex],
  [bsonType.dbPointer, tagDbPointer],
  [bsonType.code, tagCode],
  [bsonType.codeWithScope, tagCodeWithScope],
]
for (const [type, rank] of classOf) classes[type] = rank

export function typeClass(type: number): number {
  return classes[type]!
}

/** Bounds of a class in an index: the first byte of its keys, and of the next class. Booleans take two tags. */
export function classBounds(type: number, collation: Collation | undefined): { from: number; to: number } {
  const own = typeClass(type)
  const from = own === tag.string && collation !== undefined ? tag.collated : own
  return { from, to: from === tag.false ? tag.true + 1 : from + 1 }
}

export function writeKeyElement(writer: KeyWriter, value: BsonValue, collation: Collation | undefined): void {
  const { bytes, start, end } = value
  switch (value.type) {
    case bsonType.int32:
      writer.number(readInt32(bytes, start))
      return
    case bsonType.double:
      writer.number(readDouble(value))
      return
    case bsonType.int64:
      writer.numberInt64(readInt64(value))
      return
    case bsonType.decimal:
      writer.numberDecimal(decodeDecimal128(bytes, start))
      return
    case bsonType.string:
    case bsonType.symbol:
      if (collation === undefined) writer.stringBytes(bytes, start + 4, end - 1)
      else collation.writeKey(writer, bytes, start + 4, end - 1)
      return
    case bsonType.objectId:
      writer.u8(tag.objectId)
      writer.copy(bytes, start, end)
      return
    case bsonType.boolean:
      writer.boolean(readBoolean(value))
      return
    case bsonType.date:
      writeDate(writer, readInt64(value))
      return
    case bsonType.object:
      writeObject(writer, value, collation)
      return
    case bsonType.array:
      writeArray(writer, value, collation)
      return
    default:
      writeRareElement(writer, value, collation)
  }
}

function writeRareElement(writer: KeyWriter, value: BsonValue, collation: Collation | undefined): void {
  const { bytes, start, end } = value
  writer.u8(typeClass(value.type))
  switch (value.type) {
    case bsonType.binary:
      writer.end--
      writeBinary(writer, value)
      return
    case bsonType.timestamp:
      writer.u32be(readInt32(bytes, start + 4) >>> 0)
      writer.u32be(readInt32(bytes, start) >>> 0)
      writer.u32be(0)
      return
    case bsonType.regex: {
      const { pattern, options } = readRegex(value)
      writer.string(pattern).string(options)
      return
    }
    case bsonType.code:
      writer.stringBytes(bytes, start + 4, end - 1)
      return
    case bsonType.dbPointer:
      writer.stringBytes(bytes, start + 4, end - 13)
      writer.copy(bytes, end - 12, end)
      return
    case bsonType.codeWithScope: {
      const codeEnd = valueEnd(bytes, bsonType.string, start + 4)
      writer.stringBytes(bytes, start + 8, codeEnd - 1)
      writeObject(writer, new BsonValue(bsonType.object, bytes, codeEnd, end), collation)
    }
  }
}

const largestDateMs = 9_223_372_036_854_775n

function writeDate(writer: KeyWriter, ms: bigint): void {
  if (ms <= largestDateMs && ms >= -largestDateMs) {
    writer.timestamp(ms * 1000n)
    return
  }
  writer.timestamp(ms > 0n ? (1n << 63n) - 1n : -(1n << 63n))
  writer.u64be(ms ^ (1n << 63n))
}

function writeBinary(writer: KeyWriter, value: BsonValue): void {
  const { bytes, start, end } = value
  const size = end - start - 5
  const content = new Uint8Array(5 + size)
  new DataView(content.buffer).setUint32(0, size)
  content[4] = bytes[start + 4]!
  content.set(bytes.subarray(start + 5, end), 5)
  writer.byteString(content)
}

function writeObject(writer: KeyWriter, value: BsonValue, collation: Collation | undefined): void {
  writer.beginObject()
  const cursor = FieldCursor.of(value)
  while (cursor.next()) {
    writer.u8(typeClass(cursor.value.type))
    writer.stringBytes(value.bytes, cursor.nameStart, cursor.nameEnd)
    writeKeyElement(writer, cursor.value, collation)
  }
  writer.endNested()
}

function writeArray(writer: KeyWriter, value: BsonValue, collation: Collation | undefined): void {
  writer.beginArray()
  const cursor = FieldCursor.of(value)
  while (cursor.next()) writeKeyElement(writer, cursor.value, collation)
  writer.endNested()
}

const left = new KeyWriter()
const right = new KeyWriter()

/** Negative, zero or positive; missing is null. */
export function compareValues(a: BsonValue, b: BsonValue): number {
  charge(30)
  const difference = classes[a.type]! - classes[b.type]!
  if (difference !== 0) return difference
  if (a.type === b.type) {
    switch (a.type) {
      case bsonType.int32:
        return readInt32(a.bytes, a.start) - readInt32(b.bytes, b.start)
      case bsonType.double:
        return compareDoubles(readDouble(a), readDouble(b))
      case bsonType.string: {
        const collation = collationInForce()
        if (collation === undefined) return compareText(a, b)
        return equalSlices(a, b) ? 0 : compareKeys(a, b, collation)
      }
      case bsonType.objectId:
      case bsonType.boolean:
        return compareSlices(a, b)
      case bsonType.null:
      case bsonType.missing:
        return 0
    }
  } else if (isShortNumber(a.type) && isShortNumber(b.type)) {
    return compareDoubles(shortNumber(a), shortNumber(b))
  }
  return compareKeys(a, b, collationInForce())
}

function compareKeys(a: BsonValue, b: BsonValue, collation: Collation | undefined): number {
  writeKeyElement(left.reset(), a, collation)
  writeKeyElement(right.reset(), b, collation)
  return compareSlices(left, right)
}

export function equalValues(a: BsonValue, b: BsonValue): boolean {
  return compareValues(a, b) === 0
}

/** Whatever collation is in force. */
export function isSameValue(a: BsonValue, b: BsonValue): boolean {
  return classes[a.type] === classes[b.type] && compareKeys(a, b, undefined) === 0
}

function isShortNumber(type: number): boolean {
  return type === bsonType.int32 || type === bsonType.double
}

function shortNumber(value: BsonValue): number {
  return value.type === bsonType.int32 ? readInt32(value.bytes, value.start) : readDouble(value)
}

/** NaN is below all numbers and equal to itself. */
function compareDoubles(a: number, b: number): number {
  if (a < b) return -1
  if (a > b) return 1
  if (a === b) return 0
  return Number.isNaN(a) ? (Number.isNaN(b) ? 0 : -1) : 1
}

/** A native comparison has a fixed price that shorter texts do not earn back. */
const nativeCompareBytes = 256

function compareText(a: BsonValue, b: BsonValue): number {
  if (Math.min(a.end - a.start, b.end - b.start) > nativeCompareBytes) {
    charge(Math.min(a.end - a.start, b.end - b.start) >> 4)
    return Buffer.compare(a.bytes.subarray(a.start + 4, a.end - 1), b.bytes.subarray(b.start + 4, b.end - 1))
  }
  const shared = Math.min(a.end - a.start, b.end - b.start) - 5
  const aBytes = a.bytes
  const bBytes = b.bytes
  for (let i = a.start + 4, j = b.start + 4, stop = i + shared; i < stop; i++, j++) {
    const difference = aBytes[i]! - bBytes[j]!
    if (difference !== 0) return difference
  }
  return a.end - a.start - (b.end - b.start)
}

/** The value's key bytes as a latin1 string: for sets and maps of values, and sort keys. */
export function keyText(value: BsonValue): string {
  charge(100 + 4 * (value.end - value.start))
  writeKeyElement(left.reset(), value, collationInForce())
  return shortKey(sliceToLatin1(left))
}
