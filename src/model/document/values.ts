/** Single BSON values: reading them as JavaScript's, and making them. */
import { charge } from '../../base/work.ts'
import { decodeUtf8 } from '../../base/bytes.ts'
import { Decimal } from '../../base/decimal.ts'
import { bsonType, BsonValue, readInt32, wrongValueType } from './bson.ts'
import { decodeDecimal128, encodeDecimal128 } from './decimal128.ts'

const scratchBytes = new Uint8Array(8)
const scratch = new DataView(scratchBytes.buffer)

function load8(bytes: Uint8Array, at: number): void {
  for (let i = 0; i < 8; i++) scratchBytes[i] = bytes[at + i]!
}

export function readDouble(value: BsonValue): number {
  load8(value.bytes, value.start)
  return scratch.getFloat64(0, true)
}

/** Of int64, and the milliseconds of a date. */
export function readInt64(value: BsonValue): bigint {
  load8(value.bytes, value.start)
  return scratch.getBigInt64(0, true)
}

export function readBoolean(value: BsonValue): boolean {
  return value.bytes[value.start] === 1
}

export function readString(value: BsonValue): string {
  const { type } = value
  if (type !== bsonType.string && type !== bsonType.symbol && type !== bsonType.code) {
    throw wrongValueType(value, 'a string')
  }
  const length = value.end - value.start
  // Whatever is done with a long text is some walks through it.
  if (length > 64) charge(unitsPerByte * length)
  return decodeUtf8(value.bytes, value.start + 4, value.end - 1)
}

const unitsPerByte = 20

export function readRegex(value: BsonValue): { pattern: string; options: string } {
  const { bytes, start, end } = value
  const middle = bytes.indexOf(0, start)
  return { pattern: decodeUtf8(bytes, start, middle), options: decodeUtf8(bytes, middle + 1, end - 1) }
}

export function readBinary(value: BsonValue): { subtype: number; bytes: Uint8Array } {
  return { subtype: value.bytes[value.start + 4]!, bytes: value.bytes.subarray(value.start + 5, value.end) }
}

/** Exact: int32 and double as a number, int64 as a bigint, decimal128 as a `Decimal`. */
export type ExactNumber = number | bigint | Decimal

export function readNumber(value: BsonValue): ExactNumber {
  switch (value.type) {
    case bsonType.int32:
      return readInt32(value.bytes, value.start)
    case bsonType.double:
      return readDouble(value)
    case bsonType.int64:
      return readInt64(value)
    default:
      return decodeDecimal128(value.bytes, value.start)
  }
}

/** The nearest double. */
export function toDouble(value: BsonValue): number {
  const number = readNumber(value)
  return typeof number === 'object' ? number.toNumber() : Number(number)
}

export function toDecimal(value: BsonValue): Decimal {
  const number = readNumber(value)
  if (typeof number === 'object') return number
  return typeof number === 'bigint' ? Decimal.of(number) : Decimal.fromDouble(number)
}

/** An integer in any number type, if the value is one and safe in a double; else `undefined`. */
export function toSafeInteger(value: BsonValue): number | undefined {
  if (!value.isNumber) return undefined
  const number = toDouble(value)
  return Number.isSafeInteger(number) ? number : undefined
}

export function int32Value(value: number): BsonValue {
  scratch.setInt32(0, value, true)
  return new BsonValue(bsonType.int32, scratchBytes.slice(0, 4))
}

export function int64Value(value: bigint): BsonValue {
  scratch.setBigInt64(0, value, true)
  return new BsonValue(bsonType.int64, scratchBytes.slice())
}

export function doubleValue(value: number): BsonValue {
  scratch.setFloat64(0, value, true)
  return new BsonValue(bsonType.double, scratchBytes.slice())
}

export function decimalValue(value: Decimal): BsonValue {
  return new BsonValue(bsonType.decimal, encodeDecimal128(value))
}

/** The narrowest integer type. */
export function integerValue(value: number): BsonValue {
  return value >= -0x8000_0000 && value <= 0x7fff_ffff ? int32Value(value) : int64Value(BigInt(value))
}

export function stringValue(text: string): BsonValue {
  const size = Buffer.byteLength(text)
  const bytes = new Uint8Array(size + 5)
  new DataView(bytes.buffer).setInt32(0, size + 1, true)
  Buffer.from(bytes.buffer).write(text, 4)
  return new BsonValue(bsonType.string, bytes)
}

export function booleanValue(value: boolean): BsonValue {
  return value ? trueValue : falseValue
}

const trueValue = new BsonValue(bsonType.boolean, new Uint8Array([1]))
const falseValue = new BsonValue(bsonType.boolean, new Uint8Array([0]))

export const nullValue: BsonValue = new BsonValue(bsonType.null)
export const missingValue: BsonValue = new BsonValue(bsonType.missing)

/** Milliseconds since 1970. */
export function dateValue(ms: bigint): BsonValue {
  const value = int64Value(ms)
  value.type = bsonType.date
  return value
}

export function objectIdValue(twelveBytes: Uint8Array): BsonValue {
  return new BsonValue(bsonType.objectId, twelveBytes)
}

export function binaryValue(subtype: number, content: Uint8Array): BsonValue {
  const bytes = new Uint8Array(content.length + 5)
  new DataView(bytes.buffer).setInt32(0, content.length, true)
  bytes[4] = subtype
  bytes.set(content, 5)
  return new BsonValue(bsonType.binary, bytes)
}

/** `$`-expressions' and the shell's truth: everything but false, null, missing, undefined and zero. */
export function isTruthy(value: BsonValue): boolean {
  if (value.isNullish) return false
  if (value.type === bsonType.boolean) return readBoolean(value)
  if (!value.isNumber) return true
  const number = readNumber(value)
  return typeof number === 'object' ? number.kind !== 'finite' || number.coefficient !== 0n : Number(number) !== 0
}

/** A method that every Buffer has and that its types leave out. */
interface HexBuffer {
  hexSlice(start: number, end: number): string
}

export function toHex(bytes: Uint8Array, start: number, end: number): string {
  const buffer = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  return (buffer as unknown as HexBuffer).hexSlice(start, end)
}
