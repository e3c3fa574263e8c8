/** Arithmetic operators. A null or missing operand makes the result null. */
import { Decimal } from '../../base/decimal.ts'
import { bsonType, bsonTypeName, type BsonValue, elementsOf } from '../../model/document/bson.ts'
import { mongoCode, mongoError } from '../../model/document/mongo-error.ts'
import {
  dateValue,
  decimalValue,
  doubleValue,
  int32Value,
  int64Value,
  nullValue,
  readInt64,
  toDecimal,
  toDouble,
  toSafeInteger,
} from '../../model/document/values.ts'
import {
  addNumbers,
  divideNumbers,
  mapFraction,
  modNumbers,
  multiplyNumbers,
  negateNumber,
  requireNumber,
  subtractNumbers,
  toBigint,
} from './arithmetic.ts'
import { average, largest, smallest, standardDeviation, sum } from './accumulate.ts'
import { fixed, ranged, type ExpressionOperator, type OperatorFamily } from './expression-contract.ts'

function add(...values: BsonValue[]): BsonValue {
  if (values.some((value) => value.isNullish)) return nullValue
  const dates = values.filter((value) => value.type === bsonType.date)
  if (dates.length > 1) throw mongoError(16_612, 'only one date allowed in an $add expression')
  let total = int32Value(0)
  for (const value of values) {
    if (value.type === bsonType.date) continue
    if (!value.isNumber) throw notNumeric('$add', value)
    total = addNumbers(total, value)
  }
  const [date] = dates
  return date === undefined ? total : shiftedDate(date, total, 1n)
}

function shiftedDate(date: BsonValue, by: BsonValue, sign: bigint): BsonValue {
  const ms = Number.isFinite(toDouble(by)) ? readInt64(date) + sign * roundedMs(by) : undefined
  if (ms !== undefined && BigInt.asIntN(64, ms) === ms) return dateValue(ms)
  throw mongoError(mongoCode.overflow, `date overflow in ${sign > 0n ? '$add' : '$subtract'}`)
}

function roundedMs(value: BsonValue): bigint {
  return value.type === bsonType.double ? BigInt(Math.round(toDouble(value))) : toBigint(value)
}

function subtract(a: BsonValue, b: BsonValue): BsonValue {
  if (a.isNullish || b.isNullish) return nullValue
  if (a.type === bsonType.date) {
    if (b.type === bsonType.date) return int64Value(readInt64(a) - readInt64(b))
    if (b.isNumber) return shiftedDate(a, b, -1n)
  }
  if (!a.isNumber || !b.isNumber) {
    throw mongoError(14, `can't $subtract ${bsonTypeName(b.type)} from ${bsonTypeName(a.type)}`, 'wrong_type')
  }
  return subtractNumbers(a, b)
}

function multiply(...values: BsonValue[]): BsonValue {
  if (values.some((value) => value.isNullish)) return nullValue
  let product = int32Value(1)
  for (const value of values) {
    if (!value.isNumber) throw notNumeric('$multiply', value)
    product = multiplyNumbers(product, value)
  }
  return product
}

function notNumeric(name: string, value: BsonValue): Error {
  const allowed = name === '$add' ? 'numeric or date' : 'numeric'
  const message = `${name} only supports ${allowed} types, not ${bsonTypeName(value.type)}`
  return mongoError(mongoCode.typeMismatch, message, 'wrong_type')
}

/** Of numbers only, null where one is null. */
function numeric(
  name: string,
  least: number,
  most: number,
  evaluate: (...values: BsonValue[]) => BsonValue,
): readonly [string, ExpressionOperator] {
  return ranged(name, least, most, (...values) => {
    if (values.some((value) => value.isNullish)) return nullValue
    for (const value of values) requireNumber(name, value)
    return evaluate(...values)
  })
}

export function real(name: string, evaluate: (value: number) => number): readonly [string, ExpressionOperator] {
  return numeric(name, 1, 1, (value) => {
    const result = evaluate(toDouble(value))
    return value.type === bsonType.decimal ? decimalValue(Decimal.fromDouble(result)) : doubleValue(result)
  })
}

export function realOfTwo(
  name: string,
  evaluate: (a: number, b: number) => number,
): readonly [string, ExpressionOperator] {
  return numeric(name, 2, 2, (a, b) => {
    const result = evaluate(toDouble(a), toDouble(b))
    const isDecimal = a.type === bsonType.decimal || b.type === bsonType.decimal
    return isDecimal ? decimalValue(Decimal.fromDouble(result)) : doubleValue(result)
  })
}

function absolute(value: BsonValue): BsonValue {
  if (value.type === bsonType.int64 && readInt64(value) === -(1n << 63n)) {
    throw mongoError(28_680, "can't take $abs of long long min")
  }
  const isNegative = value.type === bsonType.decimal ? toDecimal(value).compare(Decimal.zero) < 0 : toDouble(value) < 0
  return isNegative ? negateNumber(value) : value
}

function roundTo(value: BsonValue, place: BsonValue | undefined, isTruncation: boolean): BsonValue {
  const digits = place === undefined ? 0 : toSafeInteger(place)
  if (digits === undefined) throw mongoError(51_082, 'precision argument must be a integral value')
  if (digits < -20 || digits > 100) {
    throw mongoError(51_083, `cannot apply rounding with precision value ${digits} value must be in [-20, 100]`)
  }
  const round = (number: Decimal): Decimal =>
    isTruncation ? truncateAt(number, digits) : roundHalfEven(number, digits)
  if (value.type === bsonType.double) {
    const number = toDouble(value)
    return Number.isFinite(number) ? doubleValue(round(Decimal.fromDoubleExact(number)).toNumber()) : value
  }
  if (value.type === bsonType.decimal) return decimalValue(round(toDecimal(value)))
  if (digits >= 0) return value
  const rounded = round(toDecimal(value)).coefficient
  return value.type === bsonType.int32 && BigInt.asIntN(32, rounded) === rounded
    ? int32Value(Number(rounded))
    : int64Value(rounded)
}

function truncateAt(value: Decimal, digits: number): Decimal {
  if (!value.isFinite || digits >= 0) return value.truncate(digits)
  const unit = 10n ** BigInt(-digits)
  return Decimal.of((value.truncate(0).coefficient / unit) * unit)
}

function roundHalfEven(value: Decimal, digits: number): Decimal {
  if (!value.isFinite || digits >= value.scale) return value
  const unit = 10n ** BigInt(value.scale - digits)
  const negative = value.coefficient < 0n
  const magnitude = negative ? -value.coefficient : value.coefficient
  const quotient = magnitude / unit
  const rest = (magnitude % unit) * 2n
  const rounded = rest > unit || (rest === unit && (quotient & 1n) === 1n) ? quotient + 1n : quotient
  return Decimal.of(negative ? -rounded : rounded, digits)
}

function power(base: BsonValue, exponent: BsonValue): BsonValue {
  if (toDouble(base) === 0 && toDouble(exponent) < 0) {
    throw mongoError(28_764, '$pow cannot take a base of 0 and a negative exponent')
  }
  const times = isInteger(base) && isInteger(exponent) ? toSafeInteger(exponent) : undefined
  if (times !== undefined && times >= 0 && (times <= 64 || Math.abs(toDouble(base)) <= 1)) {
    // Of −1, 0 and 1 every even exponent gives the same, and every odd one.
    const result = toBigint(base) ** BigInt(times <= 64 ? times : 64 - (times % 2))
    const isShort = base.type === bsonType.int32 && exponent.type === bsonType.int32
    if (isShort && BigInt.asIntN(32, result) === result) return int32Value(Number(result))
    if (BigInt.asIntN(64, result) === result) return int64Value(result)
  }
  const result = toDouble(base) ** toDouble(exponent)
  const isDecimal = base.type === bsonType.decimal || exponent.type === bsonType.decimal
  return isDecimal ? decimalValue(Decimal.fromDouble(result)) : doubleValue(result)
}

function isInteger({ type }: BsonValue): boolean {
  return type === bsonType.int32 || type === bsonType.int64
}

function squareRoot(value: BsonValue): BsonValue {
  const decimal = value.type === bsonType.decimal ? toDecimal(value) : undefined
  const sign = decimal === undefined || !decimal.isFinite ? Math.sign(toDouble(value)) : decimal.compare(Decimal.zero)
  if (sign < 0) throw mongoError(28_714, "$sqrt's argument must be greater than or equal to 0")
  if (decimal === undefined) return doubleValue(Math.sqrt(toDouble(value)))
  return decimalValue(decimal.isFinite && sign > 0 ? decimalRoot(decimal) : decimal)
}

/** To more digits than Decimal128 has. */
function decimalRoot(value: Decimal): Decimal {
  const missing = Math.max(0, 80 - value.coefficient.toString().length)
  const scale = value.scale + missing + ((value.scale + missing) % 2 === 0 ? 0 : 1)
  const square = value.coefficientAt(scale)
  let root = 1n << BigInt(Math.ceil(square.toString(2).length / 2))
  for (let next = (root + square / root) >> 1n; next < root; next = (root + square / root) >> 1n) root = next
  const isExact = root * root === square
  return isExact ? Decimal.of(root, scale / 2).normalize() : Decimal.of(root, scale / 2)
}

/** Of positive numbers only. */
function logarithm(name: string, code: number, evaluate: (value: number) => number) {
  return real(name, (value) => {
    if (value > 0 || Number.isNaN(value)) return evaluate(value)
    throw mongoError(code, `${name}'s argument must be a positive number, but is ${value}`)
  })
}

function logarithmToBase(value: BsonValue, base: BsonValue): BsonValue {
  const [number, of] = [toDouble(value), toDouble(base)]
  if (number <= 0) throw mongoError(28_758, `$log's argument must be a positive number, but is ${number}`)
  if (of <= 0 || of === 1)
    throw mongoError(28_759, `$log's base must be a positive number not equal to 1, but is ${of}`)
  const result = Math.log(number) / Math.log(of)
  const isDecimal = value.type === bsonType.decimal || base.type === bsonType.decimal
  return isDecimal ? decimalValue(Decimal.fromDouble(result)) : doubleValue(result)
}

/** As an expression an accumulator takes the elements of one array, or its arguments. */
function overArguments(
  name: string,
  evaluate: (values: BsonValue[]) => BsonValue,
): readonly [string, ExpressionOperator] {
  return ranged(name, 1, Infinity, (...values) => {
    const [only] = values
    return evaluate(values.length === 1 && only!.type === bsonType.array ? elementsOf(only!) : values)
  })
}

export const arithmeticOperators: OperatorFamily = [
  ranged('$add', 0, Infinity, add),
  fixed('$subtract', 2, (a, b) => subtract(a, b)),
  ranged('$multiply', 0, Infinity, multiply),
  numeric('$divide', 2, 2, (a, b) => divideNumbers(a, b)),
  numeric('$mod', 2, 2, (a, b) => modNumbers(a, b)),
  numeric('$abs', 1, 1, (value) => absolute(value)),
  numeric('$ceil', 1, 1, (value) => mapFraction(value, Math.ceil, ceilDecimal)),
  numeric('$floor', 1, 1, (value) => mapFraction(value, Math.floor, floorDecimal)),
  numeric('$round', 1, 2, (value, place) => roundTo(value, place, false)),
  numeric('$trunc', 1, 2, (value, place) => roundTo(value, place, true)),
  numeric('$pow', 2, 2, (base, exponent) => power(base, exponent)),
  numeric('$sqrt', 1, 1, (value) => squareRoot(value)),
  real('$exp', Math.exp),
  logarithm('$ln', 28_766, Math.log),
  logarithm('$log10', 28_761, Math.log10),
  numeric('$log', 2, 2, (value, base) => logarithmToBase(value, base)),
  overArguments('$sum', sum),
  overArguments('$avg', average),
  overArguments('$min', smallest),
  overArguments('$max', largest),
  overArguments('$stdDevPop', (values) => standardDeviation(values, 0)),
  overArguments('$stdDevSamp', (values) => standardDeviation(values, 1)),
]

function ceilDecimal(value: Decimal): Decimal {
  const truncated = value.truncate(0)
  return value.isFinite && truncated.compare(value) < 0 ? truncated.add(Decimal.of(1n)) : truncated
}

function floorDecimal(value: Decimal): Decimal {
  const truncated = value.truncate(0)
  return value.isFinite && truncated.compare(value) > 0 ? truncated.subtract(Decimal.of(1n)) : truncated
}
