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
  return date === undefined ? total : dateValue(readInt64(date) + roundedMs(total))
}

function roundedMs(value: BsonValue): bigint {
  return value.type === bsonType.double ? BigInt(Math.round(toDouble(value))) : toBigint(value)
}

function subtract(a: BsonValue, b: BsonValue): BsonValue {
  if (a.isNullish || b.isNullish) return nullValue
  if (a.type === bsonType.date) {
    if (b.type === bsonType.date) return int64Value(readInt64(a) - readInt64(b))
    if (b.isNumber) return dateValue(readInt64(a) - roundedMs(b))
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

function real(name: string, evaluate: (value: number) => number): readonly [string, ExpressionOperator] {
  return numeric(name, 1, 1, (value) => {
    const result = evaluate(toDouble(value))
    return value.type === bsonType.decimal ? decimalValue(Decimal.fromDouble(result)) : doubleValue(result)
  })
}

function absolute(value: BsonValue): BsonValue {
  const isNegative = value.type === bsonType.decimal ? toDecimal(value).compare(Decimal.zero) < 0 : toDouble(value) < 0
  return isNegative ? negateNumber(value) : value
}

function roundTo(value: BsonValue, place: BsonValue | undefined, isTruncation: boolean): BsonValue {
  const digits = place === undefined ? 0 : toSafeInteger(place)
  if (digits === undefined || digits < -20 || digits > 100) {
    throw mongoError(51_082, 'a value of "place" must be an integer between -20 and 100')
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
  const isIntegral = base.type !== bsonType.double && base.type !== bsonType.decimal
  const times = isIntegral ? toSafeInteger(exponent) : undefined
  if (times !== undefined && exponent.type !== bsonType.double && times >= 0 && times <= 64) {
    const result = toBigint(base) ** BigInt(times)
    const isShort = base.type === bsonType.int32 && exponent.type === bsonType.int32
    if (isShort && BigInt.asIntN(32, result) === result) return int32Value(Number(result))
    if (BigInt.asIntN(64, result) === result) return int64Value(result)
  }
  const result = toDouble(base) ** toDouble(exponent)
  const isDecimal = base.type === bsonType.decimal || exponent.type === bsonType.decimal
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
  real('$sqrt', (value) => {
    if (value < 0) throw mongoError(28_714, "$sqrt's argument must be greater than or equal to 0")
    return Math.sqrt(value)
  }),
  real('$exp', Math.exp),
  real('$ln', Math.log),
  real('$log10', Math.log10),
  numeric('$log', 2, 2, (value, base) => doubleValue(Math.log(toDouble(value)) / Math.log(toDouble(base)))),
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
