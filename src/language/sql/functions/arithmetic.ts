/** `+ - * / %` and the functions beside them, per numeric type, with PostgreSQL's overflow and scale rules. */
import { Decimal } from '../../../base/decimal.ts'
import { failure } from '../failure.ts'
import { oid } from '../types/oids.ts'
import { divideNumeric, modNumeric } from './numeric-rules.ts'
import { defineFunction, defineOperator } from './registry.ts'

const overflow = (title: string): Error => failure('22003', `${title} out of range`)
const divisionByZero = (): Error => failure('22012', 'division by zero')

function small(type: number, title: string, low: number, high: number): void {
  const check = (value: number): number => {
    if (value < low || value > high) throw overflow(title)
    return value === 0 ? 0 : value
  }
  const pair = [type, type]
  defineOperator('+', pair, type, (a: number, b: number) => check(a + b))
  defineOperator('-', pair, type, (a: number, b: number) => check(a - b))
  defineOperator('*', pair, type, (a: number, b: number) => check(a * b))
  const divide = (a: number, b: number): number => {
    if (b === 0) throw divisionByZero()
    return check(Math.trunc(a / b))
  }
  const remainder = (a: number, b: number): number => {
    if (b === 0) throw divisionByZero()
    return check(a % b)
  }
  defineOperator('/', pair, type, divide)
  defineOperator('%', pair, type, remainder)
  defineFunction('mod', pair, type, remainder)
  defineFunction('div', pair, oid.numeric, (a: number, b: number) => Decimal.of(BigInt(divide(a, b))))
  defineOperator('-', [type], type, (a: number) => check(-a))
  defineOperator('+', [type], type, (a: number) => a)
  defineOperator('@', [type], type, (a: number) => check(Math.abs(a)))
  defineFunction('abs', [type], type, (a: number) => check(Math.abs(a)))
  defineOperator('&', pair, type, (a: number, b: number) => a & b)
  defineOperator('|', pair, type, (a: number, b: number) => a | b)
  defineOperator('#', pair, type, (a: number, b: number) => a ^ b)
  defineOperator('~', [type], type, (a: number) => ~a)
  const signed = (value: number): number => (type === oid.int2 ? (value << 16) >> 16 : value | 0)
  defineOperator('<<', [type, oid.int4], type, (a: number, b: number) => signed(a << b))
  defineOperator('>>', [type, oid.int4], type, (a: number, b: number) => a >> b)
}

function big(): void {
  const type = oid.int8
  const check = (value: bigint): bigint => {
    if (BigInt.asIntN(64, value) !== value) throw overflow('bigint')
    return value
  }
  const absolute = (a: bigint): bigint => check(a < 0n ? -a : a)
  const remainder = (a: bigint, b: bigint): bigint => {
    if (b === 0n) throw divisionByZero()
    return a % b
  }
  const divide = (a: bigint, b: bigint): bigint => {
    if (b === 0n) throw divisionByZero()
    return check(a / b)
  }
  const pair = [type, type]
  defineOperator('+', pair, type, (a: bigint, b: bigint) => check(a + b))
  defineOperator('-', pair, type, (a: bigint, b: bigint) => check(a - b))
  defineOperator('*', pair, type, (a: bigint, b: bigint) => check(a * b))
  defineOperator('/', pair, type, divide)
  defineOperator('%', pair, type, remainder)
  defineFunction('mod', pair, type, remainder)
  defineOperator('-', [type], type, (a: bigint) => check(-a))
  defineOperator('+', [type], type, (a: bigint) => a)
  defineOperator('@', [type], type, absolute)
  defineFunction('abs', [type], type, absolute)
  defineOperator('&', pair, type, (a: bigint, b: bigint) => BigInt.asIntN(64, a & b))
  defineOperator('|', pair, type, (a: bigint, b: bigint) => BigInt.asIntN(64, a | b))
  defineOperator('#', pair, type, (a: bigint, b: bigint) => BigInt.asIntN(64, a ^ b))
  defineOperator('~', [type], type, (a: bigint) => ~a)
  defineOperator('<<', [type, oid.int4], type, (a: bigint, b: number) => BigInt.asIntN(64, a << BigInt(b & 63)))
  defineOperator('>>', [type, oid.int4], type, (a: bigint, b: number) => a >> BigInt(b & 63))
}

function floats(type: number): void {
  const fit = type === oid.float4 ? Math.fround : (value: number): number => value
  /** Infinity out of finite operands is an overflow, zero out of a product of non-zeros an underflow. */
  const check = (value: number, ...operands: number[]): number => {
    const fitted = fit(value)
    if (!Number.isFinite(fitted) && !Number.isNaN(fitted) && operands.every(Number.isFinite)) {
      throw failure('22003', 'value out of range: overflow')
    }
    return fitted
  }
  const checkProduct = (value: number, a: number, b: number): number => {
    const fitted = check(value, a, b)
    if (fitted === 0 && a !== 0 && b !== 0 && Number.isFinite(b))
      throw failure('22003', 'value out of range: underflow')
    return fitted
  }
  // Both widths mix: what a float4 meets that is no float4 makes the result a float8.
  const pairs =
    type === oid.float4
      ? [[type, type]]
      : [
          [type, type],
          [oid.float4, type],
          [type, oid.float4],
        ]
  for (const pair of pairs) {
    defineOperator('+', pair, type, (a: number, b: number) => check(a + b, a, b))
    defineOperator('-', pair, type, (a: number, b: number) => check(a - b, a, b))
    defineOperator('*', pair, type, (a: number, b: number) => checkProduct(a * b, a, b))
    defineOperator('/', pair, type, (a: number, b: number) => {
      if (b === 0 && !Number.isNaN(a)) throw divisionByZero()
      return checkProduct(a / b, a, b)
    })
  }
  defineOperator('-', [type], type, (a: number) => -a)
  defineOperator('+', [type], type, (a: number) => a)
  defineOperator('@', [type], type, Math.abs)
  defineFunction('abs', [type], type, (a: number) => Math.abs(a))
}

function numerics(): void {
  const type = oid.numeric
  const pair = [type, type]
  defineOperator('+', pair, type, (a: Decimal, b: Decimal) => a.add(b))
  defineOperator('-', pair, type, (a: Decimal, b: Decimal) => a.subtract(b))
  defineOperator('*', pair, type, multiplyNumeric)
  defineOperator('/', pair, type, divideNumeric)
  defineOperator('%', pair, type, modNumeric)
  defineFunction('mod', pair, type, modNumeric)
  defineFunction('div', pair, type, (a: Decimal, b: Decimal) => divideTruncated(a, b))
  defineOperator('-', [type], type, (a: Decimal) => a.negate())
  defineOperator('+', [type], type, (a: Decimal) => a)
  const absolute = (a: Decimal): Decimal =>
    a.kind === '-infinity' || (a.isFinite && a.coefficient < 0n) ? a.negate() : a
  defineOperator('@', [type], type, absolute)
  defineFunction('abs', [type], type, absolute)
}

function multiplyNumeric(a: Decimal, b: Decimal): Decimal {
  const product = a.multiply(b)
  return product.scale > 16_383 ? product.round(16_383) : product
}

function divideTruncated(a: Decimal, b: Decimal): Decimal {
  if (!a.isFinite || !b.isFinite) return divideNumeric(a, b)
  if (b.coefficient === 0n) throw divisionByZero()
  const scale = Math.max(a.scale, b.scale)
  return Decimal.of(a.coefficientAt(scale) / b.coefficientAt(scale), 0)
}

small(oid.int2, 'smallint', -32_768, 32_767)
small(oid.int4, 'integer', -2_147_483_648, 2_147_483_647)
big()
floats(oid.float4)
floats(oid.float8)
numerics()
