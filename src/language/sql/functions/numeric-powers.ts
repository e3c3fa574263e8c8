/**
 * exp, ln, log and power of numeric, to as many digits as PostgreSQL shows: at least 16 significant ones, counted by its
 * own estimate of the result's weight, and no fewer after the point than the arguments have.
 *
 * Computed on integers of `digits` decimal places, with more places than are shown; the work is bounded since no result
 * shows more than 1000 places.
 */
import { Decimal, powerOf10 } from '../../../base/decimal.ts'
import { failure } from '../failure.ts'
import { powerNumeric } from './numeric-rules.ts'

const minSignificantDigits = 16
const maxDisplayScale = 1000
/** Beyond what is shown: errors of the series stay below them. */
const guardDigits = 12
const log10OfE = Math.LOG10E

const overflow = (): Error => failure('22003', 'value overflows numeric format')

function clampScale(scale: number, ...shown: readonly Decimal[]): number {
  return Math.min(maxDisplayScale, Math.max(scale, 0, ...shown.map((value) => value.scale)))
}

/** ln of a positive decimal as a double, also where the decimal is far beyond doubles. */
function estimateLn({ coefficient, scale }: Decimal): number {
  const digits = coefficient.toString()
  const leading = digits.slice(0, 17)
  return Math.log(Number(leading)) + (digits.length - leading.length - scale) * Math.LN10
}

/** The decimal weight of ln(value), as `estimate_ln_dweight` has it. */
function weightOfLn(value: Decimal): number {
  if (value.coefficient <= 0n) return 0
  const near = value.subtract(Decimal.of(1n))
  const isNear = near.compare(Decimal.of(1n, 1)) <= 0 && near.compare(Decimal.of(-1n, 1)) >= 0
  if (!isNear) return Math.trunc(Math.log10(Math.abs(estimateLn(value))))
  if (near.coefficient === 0n) return 0
  const size = near.coefficient < 0n ? -near.coefficient : near.coefficient
  const exponent = size.toString().length - 1 - near.scale
  const wordWeight = Math.floor(exponent / 4)
  return wordWeight * 4 + (exponent - wordWeight * 4)
}

/** ln(value) × 10^digits: roots until the argument is near 1, then 2·atanh((x−1)/(x+1)). */
function fixedLn(value: Decimal, digits: number): bigint {
  const inner = digits + guardDigits + 10
  const one = powerOf10(inner)
  const shift = value.coefficient.toString().length - value.scale
  // value = mantissa × 10^shift, 0.1 <= mantissa < 1.
  const size = value.scale + shift
  const mantissa =
    size <= inner ? value.coefficient * powerOf10(inner - size) : value.coefficient / powerOf10(size - inner)
  const ln = lnNearOne(mantissa, one)
  const total = shift === 0 ? ln : ln - BigInt(shift) * lnNearOne(one / 10n, one)
  return total / powerOf10(inner - digits)
}

/** `x / one` is in (0, 1]; halved by square roots, which halve the logarithm. */
function lnNearOne(x: bigint, one: bigint): bigint {
  let at = x
  let doublings = 0n
  while (one - at > one / 20n) {
    at = integerRoot(at * one)
    doublings++
  }
  const ratio = ((at - one) * one) / (at + one)
  const square = (ratio * ratio) / one
  let power = ratio
  let sum = 0n
  for (let k = 1n; power !== 0n; k += 2n) {
    sum += power / k
    power = (power * square) / one
  }
  return (sum * 2n) << doublings
}

function integerRoot(value: bigint): bigint {
  if (value < 2n) return value
  let root = 1n << BigInt((value.toString(16).length * 4 + 1) >> 1)
  for (;;) {
    const next = (root + value / root) >> 1n
    if (next >= root) return root
    root = next
  }
}

/** exp(x / 10^digits) × 10^digits. */
function fixedExp(x: bigint, digits: number): bigint {
  const halvings = 12n + BigInt(Math.max(0, x.toString(2).length - powerOf10(digits).toString(2).length))
  const inner = digits + Number(halvings) + guardDigits
  const one = powerOf10(inner)
  const small = (x * powerOf10(inner - digits)) >> halvings
  let term = one
  let sum = one
  for (let k = 1n; term !== 0n; k++) {
    term = (term * small) / one / k
    sum += term
  }
  for (let i = 0n; i < halvings; i++) sum = (sum * sum) / one
  return sum / powerOf10(inner - digits)
}

export function lnNumeric(value: Decimal): Decimal {
  const special = logarithmOfSpecial(value)
  if (special !== undefined) return special
  const scale = clampScale(minSignificantDigits - weightOfLn(value), value)
  return Decimal.of(fixedLn(value, scale + guardDigits), scale + guardDigits).round(scale)
}

function logarithmOfSpecial(value: Decimal): Decimal | undefined {
  if (value.kind === 'nan') return value
  if (value.kind === '-infinity' || (value.isFinite && value.coefficient < 0n)) {
    throw failure('2201E', 'cannot take logarithm of a negative number')
  }
  if (value.isFinite && value.coefficient === 0n) throw failure('2201E', 'cannot take logarithm of zero')
  return value.kind === 'infinity' ? value : undefined
}

export function logNumeric(base: Decimal, value: Decimal): Decimal {
  if (base.kind === 'nan' || value.kind === 'nan') return Decimal.nan
  const [specialBase, specialValue] = [logarithmOfSpecial(base), logarithmOfSpecial(value)]
  if (specialBase !== undefined) return specialValue !== undefined ? Decimal.nan : Decimal.zero
  if (specialValue !== undefined) return specialValue
  const scale = clampScale(minSignificantDigits - (weightOfLn(value) - weightOfLn(base)), base, value)
  const digits = scale + guardDigits + Math.max(0, -weightOfLn(base)) + Math.max(0, weightOfLn(value))
  const below = fixedLn(base, digits)
  if (below === 0n) throw failure('22012', 'division by zero')
  return Decimal.of(fixedLn(value, digits), digits).divide(Decimal.of(below, digits), scale)
}

export function expNumeric(value: Decimal): Decimal {
  if (!value.isFinite) return value.kind === '-infinity' ? Decimal.zero : value
  const weight = Math.min(2000, Math.max(-2000, value.toNumber() * log10OfE))
  const scale = clampScale(minSignificantDigits - Math.trunc(weight), value)
  return exponential(value, scale)
}

/** Beyond ±6000 the result overflows, or shows as zero. */
function exponential(value: Decimal, scale: number): Decimal {
  const size = value.toNumber()
  if (size >= 6000) throw overflow()
  if (size <= -6000) return Decimal.of(0n, scale)
  const digits = scale + guardDigits + Math.max(0, Math.ceil(size * log10OfE))
  const fixed = value.scale <= digits ? value.coefficientAt(digits) : value.round(digits).coefficient
  return Decimal.of(fixedExp(fixed, digits), digits).round(scale)
}

export function power(base: Decimal, exponent: Decimal): Decimal {
  if (!base.isFinite || !exponent.isFinite) return powerOfSpecial(base, exponent)
  const sign = base.compare(Decimal.zero)
  const isWhole = exponent.normalize().scale === 0
  if (sign === 0 && exponent.compare(Decimal.zero) < 0) throw zeroToNegative()
  if (sign < 0 && !isWhole) throw complexResult()
  const exact = powerNumeric(base, exponent)
  if (exact !== undefined) return exact
  if (sign === 0) return Decimal.of(0n, minSignificantDigits)
  const positive = sign < 0 ? base.negate() : base
  const result = powerOfPositive(positive, exponent)
  return sign < 0 && exponent.normalize().coefficient % 2n !== 0n ? result.negate() : result
}

const zeroToNegative = (): Error => failure('2201F', 'zero raised to a negative power is undefined')
const complexResult = (): Error =>
  failure('2201F', 'a negative number raised to a non-integer power yields a complex result')

/** Also where one of the two is nothing and the other endless to a double: `(1 - 1e-1000) ^ 1e1003`. */
function estimateLnOfPower(base: Decimal, exponent: Decimal): number {
  const near = base.subtract(Decimal.of(1n))
  const isNear = near.compare(Decimal.of(1n, 1)) <= 0 && near.compare(Decimal.of(-1n, 1)) >= 0
  if (!isNear) return estimateLn(base) * exponent.toNumber()
  return near.multiply(exponent).toNumber() * (1 - near.toNumber() / 2)
}

function powerOfPositive(base: Decimal, exponent: Decimal): Decimal {
  const estimate = estimateLnOfPower(base, exponent)
  if (estimate > 2000 * 3.01) throw overflow()
  if (estimate < -2000 * 3.01) return Decimal.of(0n, maxDisplayScale)
  const scale = clampScale(minSignificantDigits - Math.trunc(estimate * log10OfE), base, exponent)
  const whole = Math.max(0, Math.ceil(estimate * log10OfE))
  const exponentDigits = Math.max(0, exponent.coefficient.toString().length - exponent.scale)
  const digits = scale + whole + exponentDigits + guardDigits
  const product = Decimal.of(fixedLn(base, digits), digits).multiply(exponent).round(digits)
  return Decimal.of(fixedExp(product.coefficient, digits), digits).round(scale)
}

/** The rules of POSIX pow(), with errors where it has complex results. */
function powerOfSpecial(base: Decimal, exponent: Decimal): Decimal {
  const one = Decimal.of(1n)
  if (base.kind === 'nan') return exponent.isFinite && exponent.coefficient === 0n ? one : base
  if (exponent.kind === 'nan') return base.isFinite && base.compare(one) === 0 ? one : exponent
  const sign = base.compare(Decimal.zero)
  if (sign === 0 && exponent.compare(Decimal.zero) < 0) throw zeroToNegative()
  const isWhole = !exponent.isFinite || exponent.normalize().scale === 0
  if (sign < 0 && !isWhole) throw complexResult()
  if (base.isFinite && base.compare(one) === 0) return one
  if (exponent.isFinite && exponent.coefficient === 0n) return one
  if (sign === 0) return Decimal.zero
  if (exponent.isFinite) return powerOfEndless(base, exponent)
  const magnitude = sign < 0 ? base.negate() : base
  if (magnitude.compare(one) === 0) return one
  return magnitude.compare(one) > 0 === (exponent.kind === 'infinity') ? Decimal.infinity : Decimal.zero
}

function powerOfEndless(base: Decimal, exponent: Decimal): Decimal {
  if (exponent.compare(Decimal.zero) < 0) return Decimal.zero
  const isOdd = exponent.normalize().coefficient % 2n !== 0n
  return base.kind === '-infinity' && !isOdd ? Decimal.infinity : base
}
