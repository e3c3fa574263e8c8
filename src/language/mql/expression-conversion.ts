/** Operators that tell and change types. A null or missing operand gives null. */
import { Decimal } from '../../base/decimal.ts'
import { passBeyond } from '../../base/work.ts'
import { bsonType, bsonTypeName, bsonTypeNames, type BsonValue } from '../../model/document/bson.ts'
import { isoDate, parseIsoDate } from '../../model/document/calendar.ts'
import { mongoCode, mongoError } from '../../model/document/mongo-error.ts'
import {
  booleanValue,
  dateValue,
  decimalValue,
  doubleValue,
  int32Value,
  int64Value,
  isTruthy,
  nullValue,
  objectIdValue,
  readBoolean,
  readDouble,
  readInt64,
  readNumber,
  readString,
  stringValue,
  toDecimal,
  toDouble,
  toHex,
  toSafeInteger,
} from '../../model/document/values.ts'
import { fixed, namedParts, type ExpressionOperator, type OperatorFamily } from './expression-contract.ts'

/** Strings, numbers and dates as `$toLower` and its kin coerce them. */
export function textOf(value: BsonValue): string {
  switch (value.type) {
    case bsonType.string:
    case bsonType.symbol:
    case bsonType.code:
      return readString(value)
    case bsonType.double:
      return doubleText(readDouble(value))
    case bsonType.int32:
    case bsonType.int64:
    case bsonType.decimal:
      return String(readNumber(value))
    case bsonType.date:
      return isoDate(readInt64(value))
    default:
      throw mongoError(16_007, `can't convert from BSON type ${bsonTypeName(value.type)} to String`, 'wrong_type')
  }
}

function doubleText(value: number): string {
  if (Number.isNaN(value)) return 'NaN'
  return Number.isFinite(value) ? String(value) : value > 0 ? 'Infinity' : '-Infinity'
}

function failure(value: BsonValue, to: string): Error {
  const shown = value.type === bsonType.string ? ` '${readString(value)}'` : ''
  return mongoError(241, `Failed to convert${shown} from ${bsonTypeName(value.type)} to ${to} in $convert`)
}

function toStringValue(value: BsonValue): BsonValue {
  if (value.type === bsonType.boolean) return stringValue(String(readBoolean(value)))
  if (value.type === bsonType.objectId) return stringValue(toHex(value.bytes, value.start, value.end))
  if (value.isNumber || value.type === bsonType.date || value.type === bsonType.string)
    return stringValue(textOf(value))
  throw failure(value, 'string')
}

function toInteger(value: BsonValue, bits: number, to: string): BsonValue {
  const integer = integerOf(value, to)
  if (BigInt.asIntN(bits, integer) !== integer) throw failure(value, to)
  return bits === 32 ? int32Value(Number(integer)) : int64Value(integer)
}

function integerOf(value: BsonValue, to: string): bigint {
  if (value.type === bsonType.boolean) return readBoolean(value) ? 1n : 0n
  if (value.type === bsonType.date && to === 'long') return readInt64(value)
  if (value.type === bsonType.string) {
    const text = readString(value)
    if (!/^[+-]?\d{1,20}$/.test(text)) throw failure(value, to)
    return BigInt(text.startsWith('+') ? text.slice(1) : text)
  }
  if (!value.isNumber) throw failure(value, to)
  const number = readNumber(value)
  if (typeof number === 'bigint') return number
  if (typeof number === 'object') {
    if (!number.isFinite) throw failure(value, to)
    return number.truncate(0).coefficient
  }
  if (!Number.isFinite(number)) throw failure(value, to)
  return BigInt(Math.trunc(number))
}

function toDoubleValue(value: BsonValue): BsonValue {
  if (value.type === bsonType.boolean) return doubleValue(readBoolean(value) ? 1 : 0)
  if (value.type === bsonType.date) return doubleValue(Number(readInt64(value)))
  if (value.isNumber) return doubleValue(toDouble(value))
  const number = parseDecimal(value, 'double').toNumber()
  const isNamed = value.type === bsonType.string && /[a-z]{3}/i.test(readString(value))
  if (!Number.isFinite(number) && !isNamed) throw failure(value, 'double')
  return doubleValue(number)
}

function toDecimalValue(value: BsonValue): BsonValue {
  if (value.type === bsonType.decimal) return value
  if (value.type === bsonType.boolean) return decimalValue(Decimal.of(readBoolean(value) ? 1n : 0n))
  if (value.type === bsonType.date) return decimalValue(Decimal.of(readInt64(value)))
  if (value.isNumber) return decimalValue(toDecimal(value))
  return decimalValue(parseDecimal(value, 'decimal'))
}

/** Of a string that is a number from end to end. */
function parseDecimal(value: BsonValue, to: string): Decimal {
  const text = value.type === bsonType.string ? readString(value) : ''
  const decimal = /^[-+.\w]+$/.test(text) ? Decimal.parse(text) : undefined
  if (decimal === undefined) throw failure(value, to)
  return decimal
}

function toBoolean(value: BsonValue): BsonValue {
  return booleanValue(isTruthy(value))
}

function toDate(value: BsonValue): BsonValue {
  if (value.type === bsonType.date) return value
  if (value.type === bsonType.objectId) {
    const { bytes, start } = value
    return dateValue(
      BigInt(((bytes[start]! << 24) | (bytes[start + 1]! << 16) | (bytes[start + 2]! << 8) | bytes[start + 3]!) >>> 0) *
        1000n,
    )
  }
  if (value.type === bsonType.timestamp) return dateValue(BigInt.asUintN(32, readInt64(value) >> 32n) * 1000n)
  if (value.type === bsonType.string) {
    const ms = parseIsoDate(readString(value))
    if (ms === undefined) throw failure(value, 'date')
    return dateValue(ms)
  }
  if (!value.isNumber || value.type === bsonType.int32) throw failure(value, 'date')
  return dateValue(integerOf(value, 'long'))
}

function toObjectId(value: BsonValue): BsonValue {
  if (value.type === bsonType.objectId) return value
  if (value.type !== bsonType.string || !/^[0-9a-fA-F]{24}$/.test(readString(value))) throw failure(value, 'objectId')
  return objectIdValue(new Uint8Array(Buffer.from(readString(value), 'hex')))
}

type Conversion = (value: BsonValue) => BsonValue

const conversions = new Map<string, Conversion>([
  ['double', toDoubleValue],
  ['string', toStringValue],
  ['objectId', toObjectId],
  ['bool', toBoolean],
  ['date', toDate],
  ['int', (value) => toInteger(value, 32, 'int')],
  ['long', (value) => toInteger(value, 64, 'long')],
  ['decimal', toDecimalValue],
])

function conversionTo(type: BsonValue): Conversion {
  const number = toSafeInteger(type)
  const name =
    number === undefined ? (type.type === bsonType.string ? readString(type) : '') : bsonTypeNames.get(number)
  const convert = conversions.get(name ?? '')
  if (convert !== undefined) return convert
  if ([...bsonTypeNames.values()].includes(name ?? '')) return (value) => fail(value, name!)
  throw mongoError(mongoCode.badValue, `Unknown type name: ${name}`)
}

function fail(value: BsonValue, to: string): never {
  throw failure(value, to)
}

const convert: ExpressionOperator = (operand, compile) => {
  const parts = namedParts('$convert', operand, ['input', 'to'], ['onError', 'onNull'])
  const [input, to] = ['input', 'to'].map((name) => compile(parts.get(name)!))
  const onError = parts.has('onError') ? compile(parts.get('onError')!) : undefined
  const onNull = parts.has('onNull') ? compile(parts.get('onNull')!) : undefined
  return (scope) => {
    const value = input!(scope)
    if (value.isNullish) return onNull?.(scope) ?? nullValue
    const target = to!(scope)
    if (target.isNullish) return nullValue
    const conversion = conversionTo(target)
    if (onError === undefined) return conversion(value)
    try {
      return conversion(value)
    } catch (error) {
      passBeyond(error)
      return onError(scope)
    }
  }
}

function short(name: string, type: string): readonly [string, ExpressionOperator] {
  const conversion = conversions.get(type)!
  return fixed(name, 1, (value) => (value.isNullish ? nullValue : conversion(value)))
}

export const conversionOperators: OperatorFamily = [
  fixed('$type', 1, (value) => stringValue(bsonTypeName(value.type))),
  fixed('$isNumber', 1, (value) => booleanValue(value.isNumber)),
  ['$convert', convert],
  short('$toString', 'string'),
  short('$toInt', 'int'),
  short('$toLong', 'long'),
  short('$toDouble', 'double'),
  short('$toDecimal', 'decimal'),
  short('$toBool', 'bool'),
  short('$toDate', 'date'),
  short('$toObjectId', 'objectId'),
]
