/** int2, int4, int8 and oid. Stored little endian at their full width, so that one may be replaced in place. */
import {
  compareNumbers,
  fixedView,
  invalidText,
  needBytes,
  plainType,
  trimSpace,
  valueOutOfRange,
  type SqlType,
} from './type.ts'
import type { SqlValue } from './value.ts'

const integerText = /^[+-]?\d+$/

export function parseInteger(text: string, title: string, lowest: number, highest: number): number {
  const short = parseShortDigits(text)
  if (short >= 0 && short <= highest) return short
  const trimmed = trimSpace(text)
  if (!integerText.test(trimmed)) throw invalidText(title, text)
  const value = Number(trimmed)
  if (value < lowest || value > highest) throw valueOutOfRange(title, text)
  return value === 0 ? 0 : value
}

/** Parameters are mostly a few digits; -1 for anything else. */
function parseShortDigits(text: string): number {
  const { length } = text
  if (length === 0 || length > 9) return -1
  let value = 0
  for (let i = 0; i < length; i++) {
    const digit = text.charCodeAt(i) - 0x30
    if (digit < 0 || digit > 9) return -1
    value = value * 10 + digit
  }
  return value
}

const lowestInt8 = -(1n << 63n)
const highestInt8 = (1n << 63n) - 1n

function parseInt8(text: string): bigint {
  const short = parseShortDigits(text)
  if (short >= 0) return BigInt(short)
  const trimmed = trimSpace(text)
  if (!integerText.test(trimmed)) throw invalidText('bigint', text)
  // Length first: BigInt of a long text takes quadratic time.
  if (trimmed.length > 40 && !/^[+-]?0*\d{1,20}$/.test(trimmed)) throw valueOutOfRange('bigint', text)
  const value = BigInt(trimmed.replace(/^\+/, ''))
  if (value < lowestInt8 || value > highestInt8) throw valueOutOfRange('bigint', text)
  return value
}

const ordered = { ...plainType, category: 'N', isOrdered: true, compare: compareValues }

function compareValues(a: SqlValue, b: SqlValue): number {
  return compareNumbers(a as number, b as number)
}

export const int2Type: SqlType = {
  ...ordered,
  oid: 21,
  name: 'int2',
  title: 'smallint',
  arrayOid: 1005,
  lengthBytes: 2,
  storage: 'int2',
  storedBytes: 2,
  parseText: (text) => parseInteger(text, 'smallint', -32768, 32767),
  formatText: String,
  encodeBinary: (value, writer) => writer.u16be((value as number) & 0xffff),
  decodeBinary: (bytes, start, end) => fixedView('smallint', bytes, start, end, 2).getInt16(0),
  writeKey: (value, writer) => void writer.int64(value as number),
  writeStored: (value, writer) => writer.u16le((value as number) & 0xffff),
  readStored: (bytes, start) => ((bytes[start]! | (bytes[start + 1]! << 8)) << 16) >> 16,
}

export const int4Type: SqlType = {
  ...ordered,
  oid: 23,
  name: 'int4',
  title: 'integer',
  arrayOid: 1007,
  lengthBytes: 4,
  storage: 'int4',
  storedBytes: 4,
  parseText: (text) => parseInteger(text, 'integer', -2147483648, 2147483647),
  formatText: String,
  encodeBinary: (value, writer) => writer.i32be(value as number),
  decodeBinary: (bytes, start, end) => {
    needBytes('integer', start, end, 4)
    // A view for each element of an array would take longer than all else.
    return (bytes[start]! << 24) | (bytes[start + 1]! << 16) | (bytes[start + 2]! << 8) | bytes[start + 3]!
  },
  writeKey: (value, writer) => void writer.int64(value as number),
  writeStored: (value, writer) => writer.i32le(value as number),
  readStored: readInt32,
}

export const int8Type: SqlType = {
  ...ordered,
  oid: 20,
  name: 'int8',
  title: 'bigint',
  arrayOid: 1016,
  lengthBytes: 8,
  storage: 'int8',
  storedBytes: 8,
  parseText: (text) => parseInt8(text),
  formatText: String,
  encodeBinary: (value, writer) => writer.i64be(value as bigint),
  decodeBinary: (bytes, start, end) => fixedView('bigint', bytes, start, end, 8).getBigInt64(0),
  writeKey: (value, writer) => void writer.int64(value as bigint),
  writeStored: (value, writer) => writer.i64le(value as bigint),
  readStored: readInt64,
}

export const oidType: SqlType = {
  ...ordered,
  oid: 26,
  name: 'oid',
  title: 'oid',
  arrayOid: 1028,
  isPreferred: true,
  lengthBytes: 4,
  storage: 'fixed',
  storedBytes: 4,
  parseText: (text) => parseInteger(text, 'oid', -2147483648, 4294967295) >>> 0,
  formatText: String,
  encodeBinary: (value, writer) => writer.u32be(value as number),
  decodeBinary: (bytes, start, end) => fixedView('oid', bytes, start, end, 4).getUint32(0),
  writeKey: (value, writer) => void writer.int64(value as number),
  writeStored: (value, writer) => writer.u32le(value as number),
  readStored: (bytes, start) => readInt32(bytes, start) >>> 0,
}

export function readInt32(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)
}

export function readInt64(bytes: Uint8Array, at: number): bigint {
  const high = readInt32(bytes, at + 4)
  const low = readInt32(bytes, at) >>> 0
  // Where a double holds it exactly, one conversion is far cheaper than shifting bigints.
  if (high >= -0x20_0000 && high < 0x20_0000) return BigInt(high * 0x1_0000_0000 + low)
  return (BigInt(high) << 32n) | BigInt(low)
}
