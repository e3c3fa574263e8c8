/** Rounding, powers, logarithms, chance. */
import { Decimal } from '../../../base/decimal.ts'
import type { SqlValue } from '../contract.ts'
import { failure } from '../failure.ts'
import { draw } from '../../../database/transaction/draws.ts'
import type { SqlRun } from '../plan/run.ts'
import { roundHalfEven } from '../types/casts.ts'
import { oid } from '../types/oids.ts'
import { seriesCost } from './cost.ts'
import { expNumeric, lnNumeric, logNumeric, power } from './numeric-powers.ts'
import { modNumeric, sqrtNumeric } from './numeric-rules.ts'
import { defineFunction, defineOperator } from './registry.ts'
import { floatToChar, numericToChar } from './to-char-number.ts'

const { float8, numeric, int4, int8 } = oid

function defineRounding(): void {
  const floor = (value: Decimal): Decimal => {
    const cut = value.truncate(0)
    return value.isFinite && cut.compare(value) > 0 ? cut.subtract(Decimal.of(1n)) : cut
  }
  const ceiling = (value: Decimal): Decimal => floor(value.negate()).negate()
  defineFunction('floor', [numeric], numeric, floor)
  defineFunction('floor', [float8], float8, Math.floor)
  for (const name of ['ceil', 'ceiling']) {
    defineFunction(name, [numeric], numeric, ceiling)
    defineFunction(name, [float8], float8, Math.ceil)
  }
  const places = (scale: number): number => Math.min(2000, Math.max(-2000, scale))
  const shown = (value: Decimal): Decimal => (value.scale < 0 ? value.round(0) : value)
  const half = (value: number): number => {
    const rounded = roundHalfEven(value)
    return rounded === 0 && (value < 0 || Object.is(value, -0)) ? -0 : rounded
  }
  defineFunction('round', [float8], float8, half)
  defineFunction('round', [numeric], numeric, (value: Decimal) => value.round(0))
  defineFunction('round', [numeric, int4], numeric, (value: Decimal, scale: number) =>
    shown(value.round(places(scale))),
  )
  defineFunction('trunc', [float8], float8, Math.trunc)
  defineFunction('trunc', [numeric], numeric, (value: Decimal) => value.truncate(0))
  defineFunction('trunc', [numeric, int4], numeric, (value: Decimal, scale: number) => {
    const digits = places(scale)
    if (digits >= 0 || !value.isFinite) return value.truncate(digits)
    const unit = 10n ** BigInt(-digits)
    return Decimal.of((value.truncate(0).coefficient / unit) * unit)
  })
  defineFunction('scale', [numeric], int4, (value: Decimal) => (value.isFinite ? value.scale : null))
  defineFunction('trim_scale', [numeric], numeric, (value: Decimal) => value.normalize())
}

function checkFloat(value: number, ...operands: number[]): number {
  if (!Number.isFinite(value) && !Number.isNaN(value) && operands.every(Number.isFinite)) {
    throw failure('22003', 'value out of range: overflow')
  }
  return value
}

/** Also a result that is too small to be told from zero. */
function checkSize(value: number, ...operands: number[]): number {
  if (value === 0 && operands.every((one) => Number.isFinite(one) && one !== 0)) {
    throw failure('22003', 'value out of range: underflow')
  }
  return checkFloat(value, ...operands)
}

function powerFloat(a: number, b: number): number {
  if (a === 0 && b < 0) throw failure('2201F', 'zero raised to a negative power is undefined')
  if (a < 0 && !Number.isNaN(b) && Number.isFinite(b) && !Number.isInteger(b)) {
    throw failure('2201F', 'a negative number raised to a non-integer power yields a complex result')
  }
  // JavaScript has NaN for these.
  if (a === 1 || (a === -1 && Math.abs(b) === Infinity)) return 1
  return b === 0 ? 1 : checkSize(a ** b, a, b)
}

function logarithm(compute: (value: number) => number): (value: number) => number {
  return (value) => {
    if (value === 0) throw failure('2201E', 'cannot take logarithm of zero')
    if (value < 0) throw failure('2201E', 'cannot take logarithm of a negative number')
    return compute(value)
  }
}

const series = { cost: seriesCost } as const

function definePowers(): void {
  const root = (value: number): number => {
    if (value < 0) throw failure('2201F', 'cannot take square root of a negative number')
    return Math.sqrt(value)
  }
  defineFunction('sqrt', [float8], float8, root)
  defineFunction('sqrt', [numeric], numeric, sqrtNumeric, series)
  defineOperator('|/', [float8], float8, root)
  defineFunction('cbrt', [float8], float8, Math.cbrt)
  defineOperator('||/', [float8], float8, Math.cbrt)
  for (const name of ['power', 'pow']) {
    defineFunction(name, [float8, float8], float8, powerFloat)
    defineFunction(name, [numeric, numeric], numeric, power, series)
  }
  defineOperator('^', [float8, float8], float8, powerFloat)
  defineOperator('^', [numeric, numeric], numeric, power, series)
  defineFunction('exp', [float8], float8, (value: number) => checkSize(Math.exp(value), value || 1))
  defineFunction('ln', [float8], float8, logarithm(Math.log))
  defineFunction('log', [float8], float8, logarithm(Math.log10))
  defineFunction('log10', [float8], float8, logarithm(Math.log10))
  defineFunction('exp', [numeric], numeric, expNumeric, series)
  defineFunction('ln', [numeric], numeric, lnNumeric, series)
  defineFunction('log', [numeric, numeric], numeric, logNumeric, series)
  for (const name of ['log', 'log10']) {
    defineFunction(name, [numeric], numeric, (value: Decimal) => logNumeric(Decimal.of(10n), value), series)
  }
}

function defineTexts(): void {
  const { float4, text } = oid
  // The signs that it writes are a matter of locale.
  const stable = { volatility: 'stable' } as const
  defineFunction('to_char', [numeric, text], text, numericToChar, stable)
  for (const type of [int4, int8]) {
    const toChar = (value: number | bigint, template: string): SqlValue =>
      numericToChar(Decimal.of(BigInt(value)), template)
    defineFunction('to_char', [type, text], text, toChar, stable)
  }
  for (const [type, digits] of [
    [float4, 6],
    [float8, 15],
  ] as const) {
    const toChar = (value: number, template: string): SqlValue => floatToChar(value, template, digits)
    defineFunction('to_char', [type, text], text, toChar, stable)
  }
}

function defineRest(): void {
  defineFunction('sign', [float8], float8, Math.sign)
  defineFunction('sign', [numeric], numeric, (value: Decimal) => {
    if (value.kind === 'nan') return value
    return Decimal.of(BigInt(value.compare(Decimal.zero) > 0 ? 1 : value.compare(Decimal.zero) < 0 ? -1 : 0))
  })
  defineFunction('pi', [], float8, () => Math.PI)
  for (const [name, compute] of [
    ['sin', Math.sin],
    ['cos', Math.cos],
    ['tan', Math.tan],
    ['asin', Math.asin],
    ['acos', Math.acos],
    ['atan', Math.atan],
    ['sinh', Math.sinh],
    ['cosh', Math.cosh],
    ['tanh', Math.tanh],
  ] as const) {
    defineFunction(name, [float8], float8, (value: number) => {
      const result = compute(value)
      if (Number.isNaN(result) && !Number.isNaN(value)) throw failure('22003', 'input is out of range')
      return result
    })
  }
  defineFunction('cot', [float8], float8, (value: number) => {
    if (!Number.isFinite(value) && !Number.isNaN(value)) throw failure('22003', 'input is out of range')
    return 1 / Math.tan(value)
  })
  defineFunction('atan2', [float8, float8], float8, Math.atan2)
  defineFunction('degrees', [float8], float8, (value: number) => checkSize(value / (Math.PI / 180), value))
  defineFunction('radians', [float8], float8, (value: number) => checkSize(value * (Math.PI / 180), value))
  defineDivisors()
  defineFunction('width_bucket', [float8, float8, float8, int4], int4, widthBucket)
  defineFunction('width_bucket', [numeric, numeric, numeric, int4], int4, widthBucketNumeric)
}

function gcd(a: bigint, b: bigint): bigint {
  let x = a < 0n ? -a : a
  let y = b < 0n ? -b : b
  while (y !== 0n) [x, y] = [y, x % y]
  return x
}

function lcm(a: bigint, b: bigint): bigint {
  if (a === 0n || b === 0n) return 0n
  const value = (a / gcd(a, b)) * b
  return value < 0n ? -value : value
}

function defineDivisors(): void {
  const fit = (value: bigint, bits: number, title: string): bigint => {
    if (BigInt.asIntN(bits, value) !== value) throw failure('22003', `${title} out of range`)
    return value
  }
  for (const [name, compute] of [
    ['gcd', gcd],
    ['lcm', lcm],
  ] as const) {
    defineFunction(name, [int8, int8], int8, (a: bigint, b: bigint) => fit(compute(a, b), 64, 'bigint'))
    defineFunction(name, [int4, int4], int4, (a: number, b: number) =>
      Number(fit(compute(BigInt(a), BigInt(b)), 32, 'integer')),
    )
    defineFunction(name, [numeric, numeric], numeric, (a: Decimal, b: Decimal) => {
      if (!a.isFinite || !b.isFinite) return Decimal.nan
      const scale = Math.max(a.scale, b.scale)
      return Decimal.of(compute(a.coefficientAt(scale), b.coefficientAt(scale)), scale)
    })
  }
}

function checkBuckets(count: number, isEmpty: boolean): void {
  if (count <= 0) throw failure('2201G', 'count must be greater than zero')
  if (isEmpty) throw failure('2201G', 'lower bound cannot equal upper bound')
}

const notNumberBucket = 'operand, lower bound, and upper bound cannot be NaN'
const endlessBucket = 'lower and upper bounds must be finite'

/** Bounds may be given high to low: then buckets count downwards. */
function widthBucket(value: number, low: number, high: number, count: number): number {
  if (count <= 0) throw failure('2201G', 'count must be greater than zero')
  if ([value, low, high].some(Number.isNaN)) throw failure('2201G', notNumberBucket)
  if (!Number.isFinite(low) || !Number.isFinite(high)) throw failure('2201G', endlessBucket)
  checkBuckets(count, low === high)
  const isDescending = low > high
  if (isDescending ? value > low : value < low) return 0
  if (isDescending ? value <= high : value >= high) return afterLast(count)
  const place = isDescending ? (low - value) / (low - high) : (value - low) / (high - low)
  return Math.min(count, Math.floor(place * count) + 1)
}

function widthBucketNumeric(value: Decimal, low: Decimal, high: Decimal, count: number): number {
  if (count <= 0) throw failure('2201G', 'count must be greater than zero')
  if ([value, low, high].some(({ kind }) => kind === 'nan')) throw failure('2201G', notNumberBucket)
  if (!low.isFinite || !high.isFinite) throw failure('2201G', endlessBucket)
  const direction = low.compare(high)
  checkBuckets(count, direction === 0)
  const isDescending = direction > 0
  if (isDescending ? value.compare(low) > 0 : value.compare(low) < 0) return 0
  if (isDescending ? value.compare(high) <= 0 : value.compare(high) >= 0) return afterLast(count)
  const [above, width] = isDescending
    ? [low.subtract(value), low.subtract(high)]
    : [value.subtract(low), high.subtract(low)]
  const scaled = above.multiply(Decimal.of(BigInt(count)))
  const rest = modNumeric(scaled, width)
  return Number(scaled.subtract(rest).divide(width, 0).coefficient) + 1
}

function afterLast(count: number): number {
  if (count === 2_147_483_647) throw failure('22003', 'integer out of range')
  return count + 1
}

const chance = new Uint8Array(8)
const chanceView = new DataView(chance.buffer)

/** 52 random bits as a fraction below 1. */
function random(run: SqlRun): number {
  draw(chance, run.transaction.services)
  return (chanceView.getUint32(0) * 0x10_0000 + (chanceView.getUint32(4) >>> 12)) / 2 ** 52
}

/** A number of 32 bits. */
export function chanceOf(run: SqlRun): number {
  draw(chance, run.transaction.services)
  return chanceView.getUint32(0)
}

function uuid(run: SqlRun): string {
  const bytes = new Uint8Array(16)
  draw(bytes, run.transaction.services)
  bytes[6] = (bytes[6]! & 0x0f) | 0x40
  bytes[8] = (bytes[8]! & 0x3f) | 0x80
  const hex = Buffer.from(bytes).toString('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}

defineRounding()
definePowers()
defineRest()
defineTexts()
defineFunction('random', [], float8, random, { needsRun: true, volatility: 'volatile' })
defineFunction('gen_random_uuid', [], oid.uuid, uuid, { needsRun: true, volatility: 'volatile' })
