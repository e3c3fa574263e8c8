/**
 * SQL's rows as operators keep and spill them: what a value holds in memory, and its bytes in a temporary file.
 *
 *   tag                     bytes
 *   0 null · 1 false · 2 true
 *   3 number                float64, little endian
 *   4 small bigint          int64, little endian
 *   5 bigint                decimal digits, as a sized text
 *   6 text                  sized UTF-8; 7 where that would change it (lone surrogates): UTF-16
 *   8 bytes                 sized
 *   9 decimal               coefficient as 4 or 5, scale as int32; 10: NaN, 11: Infinity, 12: -Infinity
 *   13 interval             months and days as float64, µs as 4 or 5
 *   14 array                varint count, values
 *   15 array with bounds    the bounds as of an array, then its values
 *   16 structured           kind as a byte, then its parts as of an array
 *
 * The file dies with its statement, so the bytes may change with any version.
 */
import type { ByteReader, ByteWriter } from '../../../base/bytes.ts'
import { Decimal } from '../../../base/decimal.ts'
import { PolylogError } from '../../../base/errors.ts'
import { charge } from '../../../base/work.ts'
import { BoundedArray, withBounds } from '../../../model/table/types/array-bounds.ts'
import { makeStructure, StructuredValue } from '../../../model/table/types/structured.ts'
import type { Interval } from '../../../model/table/types/value.ts'
import { type RowFormat, textBytes } from '../../../query/row-format.ts'
import type { SqlValue } from '../contract.ts'

/** Of an element of an array, to its bytes or back. */
const unitsPerElement = 60
const listBytes = 32
const slotBytes = 8

/** All that a value holds, as if nobody shared it. */
export function valueBytes(value: SqlValue): number {
  switch (typeof value) {
    case 'string':
      return textBytes(value)
    case 'number':
      return 8
    case 'bigint':
      return 24
    case 'object':
      return value === null ? 0 : objectBytes(value)
    default:
      return 0
  }
}

function objectBytes(value: NonNullable<SqlValue> & object): number {
  if (value instanceof Uint8Array) return 96 + value.byteLength
  if (Array.isArray(value)) return valuesBytes(value as readonly SqlValue[])
  if (value instanceof StructuredValue) return 48 + valuesBytes(value.parts())
  // A digit is less than half a byte; asking a bigint for its length would take as long as writing it.
  return value instanceof Decimal ? 96 + (value.scale >> 1) : 80
}

export function valuesBytes(values: readonly SqlValue[]): number {
  let bytes = listBytes + values.length * slotBytes
  for (const value of values) bytes += valueBytes(value)
  return bytes
}

export const sqlRows: RowFormat<SqlValue[]> = {
  sizeOf: valuesBytes,
  keep: (row) => row,
  encode: (row, into) => encodeValues(row, into),
  decode: (from) => decodeValues(from),
}

function encodeValues(values: readonly SqlValue[], into: ByteWriter): void {
  into.varint(values.length)
  for (const value of values) encodeValue(value, into)
}

function decodeValues(from: ByteReader): SqlValue[] {
  const count = from.varint()
  const values: SqlValue[] = []
  for (let i = 0; i < count; i++) values.push(decodeValue(from))
  return values
}

function encodeValue(value: SqlValue, into: ByteWriter): void {
  if (value === null) into.u8(0)
  else if (typeof value === 'boolean') into.u8(value ? 2 : 1)
  else if (typeof value === 'number') {
    into.u8(3)
    into.f64le(value)
  } else if (typeof value === 'bigint') encodeBigint(value, into)
  else if (typeof value === 'string') encodeText(value, into)
  else if (value instanceof Uint8Array) {
    into.u8(8)
    into.varint(value.length)
    into.copy(value)
  } else if (value instanceof Decimal) encodeDecimal(value, into)
  else if (Array.isArray(value)) encodeArray(value as readonly SqlValue[], into)
  else if (value instanceof StructuredValue) {
    into.u8(16)
    into.u8(value.structure)
    encodeValues(value.parts(), into)
  } else encodeInterval(value as Interval, into)
}

function encodeArray(values: readonly SqlValue[], into: ByteWriter): void {
  const isBounded = values instanceof BoundedArray
  into.u8(isBounded ? 15 : 14)
  if (isBounded) encodeValues(values.lowerBounds, into)
  charge(values.length * unitsPerElement)
  encodeValues(values, into)
}

function encodeBigint(value: bigint, into: ByteWriter): void {
  if (BigInt.asIntN(64, value) === value) {
    into.u8(4)
    into.i64le(value)
  } else {
    into.u8(5)
    into.sizedUtf8(value.toString())
  }
}

function encodeText(text: string, into: ByteWriter): void {
  if (text.isWellFormed()) {
    into.u8(6)
    into.sizedUtf8(text)
    return
  }
  into.u8(7)
  const bytes = Buffer.from(text, 'utf16le')
  into.varint(bytes.length)
  into.copy(bytes)
}

const kindTags = { nan: 10, infinity: 11, '-infinity': 12 } as const

function encodeDecimal(value: Decimal, into: ByteWriter): void {
  if (value.kind !== 'finite') return into.u8(kindTags[value.kind])
  into.u8(9)
  encodeBigint(value.coefficient, into)
  into.i32le(value.scale)
}

function encodeInterval({ months, days, us }: Interval, into: ByteWriter): void {
  into.u8(13)
  into.f64le(months)
  into.f64le(days)
  encodeBigint(us, into)
}

function decodeValue(from: ByteReader): SqlValue {
  const tag = from.u8()
  switch (tag) {
    case 0:
      return null
    case 1:
      return false
    case 2:
      return true
    case 3:
      return from.f64le()
    case 4:
      return from.i64le()
    case 5:
      return BigInt(from.sizedUtf8())
    case 6:
      return from.sizedUtf8()
    case 7:
      return Buffer.from(from.sized()).toString('utf16le')
    case 8:
      return from.sizedCopy()
    case 9:
      return Decimal.of(decodeValue(from) as bigint, from.i32le())
    case 10:
      return Decimal.nan
    case 11:
      return Decimal.infinity
    case 12:
      return Decimal.negativeInfinity
    case 13:
      return { months: from.f64le(), days: from.f64le(), us: decodeValue(from) as bigint }
    case 14: {
      const values = decodeValues(from)
      charge(values.length * unitsPerElement)
      return values
    }
    case 15: {
      const lowerBounds = decodeValues(from) as number[]
      return withBounds(decodeValues(from), lowerBounds)
    }
    case 16:
      return makeStructure(from.u8(), decodeValues(from))
    default:
      throw new PolylogError('internal', `a temporary file has a value of tag ${tag}`)
  }
}
