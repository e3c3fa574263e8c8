/**
 * Arithmetic on BSON numbers, exact as far as their types are.
 *
 * The result has the wider of the two types (int32 < int64 < double < decimal128); an int32 result that does not fit
 * becomes int64; an int64 result that does not fit becomes a double in expressions and an error in updates.
 */
import { Decimal } from '../../base/decimal.ts'
import { bsonType, type BsonValue, bsonTypeName } from '../../model/document/bson.ts'
import { mongoCode, mongoError } from '../../model/document/mongo-error.ts'
import {
  decimalValue,
  doubleValue,
  int32Value,
  int64Value,
  readNumber,
  toDecimal,
  toDouble,
} from '../../model/document/values.ts'

export type Overflow = 'to double' | 'error'

interface Arithmetic {
  readonly doubles: (a: number, b: number) => number
  readonly integers: (a: bigint, b: bigint) => bigint
  readonly decimals: (a: Decimal, b: Decimal) => Decimal
}

const addition: Arithmetic = {
  doubles: (a, b) => a + b,
  integers: (a, b) => a + b,
  decimals: (a, b) => a.add(b),
}

const subtraction: Arithmetic = {
  doubles: (a, b) => a - b,
  integers: (a, b) => a - b,
  decimals: (a, b) => a.subtract(b),
}

const multiplication: Arithmetic = {
  doubles: (a, b) => a * b,
  integers: (a, b) => a * b,
  decimals: (a, b) => a.multiply(b),
}

export function addNumbers(a: BsonValue, b: BsonValue, overflow: Overflow = 'to double'): BsonValue {
  return apply(addition, a, b, overflow)
}

export function subtractNumbers(a: BsonValue, b: BsonValue): BsonValue {
  return apply(subtraction, a, b, 'to double')
}

export function multiplyNumbers(a: BsonValue, b: BsonValue, overflow: Overflow = 'to double'): BsonValue {
  return apply(multiplication, a, b, overflow)
}

function apply(arithmetic: Arithmetic, a: BsonValue, b: BsonValue, overflow: Overflow): BsonValue {
  if (a.type === bsonType.decimal || b.type === bsonType.decimal) {
    return decimalValue(arithmetic.decimals(toDecimal(a), toDecimal(b)))
  }
  if (a.type === bsonType.double || b.type === bsonType.double) {
    return doubleValue(arithmetic.doubles(toDouble(a), toDouble(b)))
  }
  const result = arithmetic.integers(toBigint(a), toBigint(b))
  const isShort = a.type === bsonType.int32 && b.type === bsonType.int32
  if (isShort && result >= -0x8000_0000n && result <= 0x7fff_ffffn) return int32Value(Number(result))
  if (BigInt.asIntN(64, result) === result) return int64Value(result)
  if (overflow === 'to double') return doubleValue(Number(result))
  throw mongoError(mongoCode.badValue, 'Failed to apply $inc or $mul operations: the result overflows a long')
}

export function toBigint(value: BsonValue): bigint {
  const number = readNumber(value)
  if (typeof number === 'bigint') return number
  return typeof number === 'number' ? BigInt(Math.trunc(number)) : number.truncate(0).coefficient
}

export function divideNumbers(a: BsonValue, b: BsonValue): BsonValue {
  if (a.type === bsonType.decimal || b.type === bsonType.decimal) {
    const divisor = toDecimal(b)
    if (divisor.isFinite && divisor.coefficient === 0n) throw mongoError(mongoCode.badValue, "can't $divide by zero")
    return decimalValue(
      toDecimal(a)
        .divide(divisor, divisionScale(toDecimal(a), divisor))
        .normalize(),
    )
  }
  const divisor = toDouble(b)
  if (divisor === 0) throw mongoError(mongoCode.badValue, "can't $divide by zero")
  return doubleValue(toDouble(a) / divisor)
}

/** Digits after the point that keep 34 significant ones. */
function divisionScale(a: Decimal, b: Decimal): number {
  const magnitude = digits(a) - a.scale - (digits(b) - b.scale)
  return Math.max(0, 36 - magnitude)
}

function digits(value: Decimal): number {
  return (value.coefficient < 0n ? -value.coefficient : value.coefficient).toString().length
}

/** The sign is the dividend's. */
export function modNumbers(a: BsonValue, b: BsonValue): BsonValue {
  if (a.type === bsonType.decimal || b.type === bsonType.decimal) {
    const [x, y] = [toDecimal(a), toDecimal(b)]
    if (!x.isFinite || !y.isFinite) return decimalValue(Decimal.nan)
    if (y.coefficient === 0n) throw mongoError(mongoCode.badValue, "can't $mod by zero")
    const scale = Math.max(x.scale, y.scale)
    return decimalValue(Decimal.of(x.coefficientAt(scale) % y.coefficientAt(scale), scale))
  }
  if (toDouble(b) === 0) throw mongoError(mongoCode.badValue, "can't $mod by zero")
  if (a.type === bsonType.double || b.type === bsonType.double) return doubleValue(toDouble(a) % toDouble(b))
  const result = toBigint(a) % toBigint(b)
  const isShort = a.type === bsonType.int32 && b.type === bsonType.int32
  return isShort ? int32Value(Number(result)) : int64Value(result)
}

export function negateNumber(value: BsonValue): BsonValue {
  return subtractNumbers(int32Value(0), value)
}

/** Applies a rounding to a number, which keeps its type; integers are their own. */
export function mapFraction(
  value: BsonValue,
  double: (value: number) => number,
  decimal: (value: Decimal) => Decimal,
): BsonValue {
  if (value.type === bsonType.double) return doubleValue(double(toDouble(value)))
  return value.type === bsonType.decimal ? decimalValue(decimal(toDecimal(value))) : value
}

export function requireNumber(name: string, value: BsonValue): void {
  if (value.isNumber) return
  const found = bsonTypeName(value.type)
  throw mongoError(mongoCode.typeMismatch, `${name} only supports numeric types, not ${found}`, 'wrong_type')
}
