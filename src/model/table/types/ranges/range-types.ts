/**
 * Range and multirange types, each made of its subtype.
 *
 * Stored: flags u8 (PostgreSQL's: 01 empty, 02 lower included, 04 upper included, 08 lower without end, 10 upper without end),
 * then each bound that is there: varint of its bytes · its stored form. A multirange: varint count, then varint of a range's
 * bytes · the range. On the wire the same flags, lengths i32.
 * In keys: an array of 0 for the empty range, else of 1, the lower bound (null, or the value and 0 where it is included, else
 * 1), the upper one (the value and 1 where it is included, else 0, or null above all). A multirange is an array of those.
 */
import { ByteReader, ByteWriter } from '../../../../base/bytes.ts'
import type { KeyWriter } from '../../../../base/tuple.ts'
import { charge } from '../../../../base/work.ts'
import { dateInfinity, dateMinusInfinity } from '../calendar.ts'
import { checkDate, dateType, timestampType, timestamptzType } from '../date-time.ts'
import { int4Type, int8Type } from '../integer.ts'
import { numericType } from '../numeric.ts'
import { invalidBinary, plainType, sqlError, type SqlType } from '../type.ts'
import type { SqlValue } from '../value.ts'
import { compareMultiranges, makeMultirange, MultirangeValue } from './multirange.ts'
import { formatMultirange, formatRange, parseMultirange, parseRange } from './range-text.ts'
import {
  type Bound,
  compareRanges,
  defineRangeKind,
  emptyRange,
  endless,
  makeRange,
  type RangeKind,
  RangeValue,
} from './range.ts'

const flag = { empty: 1, lowerIn: 2, upperIn: 4, lowerEndless: 8, upperEndless: 16 } as const

function flagsOf({ isEmpty, lower, upper }: RangeValue): number {
  if (isEmpty) return flag.empty
  const lowerFlag = lower.value === null ? flag.lowerEndless : lower.isIncluded ? flag.lowerIn : 0
  return lowerFlag | (upper.value === null ? flag.upperEndless : upper.isIncluded ? flag.upperIn : 0)
}

function writeRange(range: RangeValue, writer: ByteWriter, write: (value: SqlValue) => void): void {
  writer.u8(flagsOf(range))
  if (range.isEmpty) return
  if (range.lower.value !== null) write(range.lower.value)
  if (range.upper.value !== null) write(range.upper.value)
}

function readBounds(flags: number, read: () => SqlValue): [Bound, Bound] {
  const lower =
    (flags & flag.lowerEndless) === 0 ? { value: read(), isIncluded: (flags & flag.lowerIn) !== 0 } : endless
  const upper =
    (flags & flag.upperEndless) === 0 ? { value: read(), isIncluded: (flags & flag.upperIn) !== 0 } : endless
  return [lower, upper]
}

function writeStored({ subtype }: RangeKind, range: RangeValue, writer: ByteWriter): void {
  writeRange(range, writer, (value) => {
    const scratch = new ByteWriter(32)
    subtype.writeStored(value, scratch)
    writer.varint(scratch.end)
    writer.copy(scratch.bytes, 0, scratch.end)
  })
}

function readStored(kind: RangeKind, reader: ByteReader): RangeValue {
  const flags = reader.u8()
  if ((flags & flag.empty) !== 0) return emptyRange(kind)
  const [lower, upper] = readBounds(flags, () => {
    const size = reader.varint()
    const { at } = reader
    reader.skip(size)
    return kind.subtype.readStored(reader.bytes, at, reader.at)
  })
  return new RangeValue(kind, false, lower, upper)
}

function sized(writer: ByteWriter, write: () => void): void {
  const mark = writer.end
  writer.i32be(0)
  write()
  writer.setU32be(mark, writer.end - mark - 4)
}

function encode({ subtype }: RangeKind, range: RangeValue, writer: ByteWriter): void {
  writeRange(range, writer, (value) => sized(writer, () => subtype.encodeBinary(value, writer)))
}

/** The bytes of a length that comes first. */
function takeSized(reader: ByteReader, title: string): readonly [start: number, end: number] {
  if (reader.remaining < 4) throw invalidBinary(title)
  const size = reader.i32be()
  if (size < 0 || size > reader.remaining) throw invalidBinary(title)
  const { at } = reader
  reader.skip(size)
  return [at, reader.at]
}

function decode(kind: RangeKind, bytes: Uint8Array, start: number, end: number, title: string): RangeValue {
  if (end - start < 1) throw invalidBinary(title)
  const reader = new ByteReader(bytes, start, end)
  const flags = reader.u8()
  if ((flags & flag.empty) !== 0) return emptyRange(kind)
  const [lower, upper] = readBounds(flags, () => kind.subtype.decodeBinary(bytes, ...takeSized(reader, title)))
  if (reader.remaining > 0) throw invalidBinary(title)
  return makeRange(kind, lower, upper)
}

function writeRangeKey({ kind, isEmpty, lower, upper }: RangeValue, writer: KeyWriter): void {
  writer.beginArray().int64(isEmpty ? 0 : 1)
  if (!isEmpty) {
    if (lower.value === null) writer.nullFirst()
    else {
      kind.subtype.writeKey(lower.value, writer)
      writer.int64(lower.isIncluded ? 0 : 1)
    }
    if (upper.value === null) writer.nullLast()
    else {
      kind.subtype.writeKey(upper.value, writer)
      writer.int64(upper.isIncluded ? 1 : 0)
    }
  }
  writer.endNested()
}

const variable = {
  ...plainType,
  category: 'R',
  lengthBytes: -1,
  storage: 'variable' as const,
  storedBytes: 0,
  isOrdered: true,
}

export function rangeTypeOf(kind: RangeKind, name: string, arrayOid: number): SqlType {
  return {
    ...variable,
    oid: kind.oid,
    name,
    title: name,
    arrayOid,
    range: kind,
    parseText: (text) => parseRange(kind, text),
    formatText: (value) => formatRange(value as RangeValue),
    encodeBinary: (value, writer) => encode(kind, value as RangeValue, writer),
    decodeBinary: (bytes, start, end) => decode(kind, bytes, start, end, name),
    compare: (a, b) => compareRanges(a as RangeValue, b as RangeValue),
    writeKey: (value, writer) => writeRangeKey(value as RangeValue, writer),
    writeStored: (value, writer) => writeStored(kind, value as RangeValue, writer),
    readStored: (bytes, start, end) => readStored(kind, new ByteReader(bytes, start, end)),
  }
}

const unitsPerRange = 300

export function multirangeTypeOf(kind: RangeKind, name: string, arrayOid: number): SqlType {
  return {
    ...variable,
    oid: kind.multirangeOid,
    name,
    title: name,
    arrayOid,
    multirange: kind,
    parseText: (text) => parseMultirange(kind, text),
    formatText: (value) => formatMultirange(value as MultirangeValue),
    encodeBinary: (value, writer) => {
      const { ranges } = value as MultirangeValue
      writer.i32be(ranges.length)
      for (const range of ranges) sized(writer, () => encode(kind, range, writer))
    },
    decodeBinary: (bytes, start, end) => {
      const reader = new ByteReader(bytes, start, end)
      if (reader.remaining < 4) throw invalidBinary(name)
      const count = reader.i32be()
      if (count < 0 || count * 5 > reader.remaining) throw invalidBinary(name)
      const ranges = Array.from({ length: count }, () => decode(kind, bytes, ...takeSized(reader, name), name))
      if (reader.remaining > 0) throw invalidBinary(name)
      return makeMultirange(kind, ranges)
    },
    compare: (a, b) => compareMultiranges(a as MultirangeValue, b as MultirangeValue),
    writeKey: (value, writer) => {
      writer.beginArray()
      for (const range of (value as MultirangeValue).ranges) writeRangeKey(range, writer)
      writer.endNested()
    },
    writeStored: (value, writer) => {
      const { ranges } = value as MultirangeValue
      charge(ranges.length * unitsPerRange)
      writer.varint(ranges.length)
      for (const range of ranges) writeStored(kind, range, writer)
    },
    readStored: (bytes, start, end) => {
      const reader = new ByteReader(bytes, start, end)
      const count = reader.varint()
      charge(count * unitsPerRange)
      return new MultirangeValue(
        kind,
        Array.from({ length: count }, () => readStored(kind, reader)),
      )
    },
  }
}

function nextInteger(value: SqlValue): SqlValue {
  if (value === 0x7fff_ffff) throw sqlError('out_of_range', '22003', 'integer out of range')
  return (value as number) + 1
}

function nextBigint(value: SqlValue): SqlValue {
  if (value === 0x7fff_ffff_ffff_ffffn) throw sqlError('out_of_range', '22003', 'bigint out of range')
  return (value as bigint) + 1n
}

function nextDate(value: SqlValue): SqlValue | undefined {
  return value === dateInfinity || value === dateMinusInfinity ? undefined : checkDate((value as number) + 1)
}

/** [oid, array, multirange, array of it] as PostgreSQL numbers them. */
const builtIn: readonly (readonly [string, SqlType, readonly number[], RangeKind['next']?])[] = [
  ['int4', int4Type, [3904, 3905, 4451, 6150], nextInteger],
  ['num', numericType, [3906, 3907, 4532, 6151]],
  ['ts', timestampType, [3908, 3909, 4533, 6152]],
  ['tstz', timestamptzType, [3910, 3911, 4534, 6153]],
  ['date', dateType, [3912, 3913, 4535, 6155], nextDate],
  ['int8', int8Type, [3926, 3927, 4536, 6157], nextBigint],
]

export const rangeTypes: readonly SqlType[] = builtIn.flatMap(([name, subtype, numbers, next]) => {
  const [oid, arrayOid, multirangeOid, multirangeArrayOid] = numbers as [number, number, number, number]
  const kind = defineRangeKind({ oid, multirangeOid, subtype, ...(next !== undefined && { next }) })
  return [rangeTypeOf(kind, `${name}range`, arrayOid), multirangeTypeOf(kind, `${name}multirange`, multirangeArrayOid)]
})
