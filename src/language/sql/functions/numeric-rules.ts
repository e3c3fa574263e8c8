/**
 * How many digits a numeric division or root shows. PostgreSQL computes at least 16 significant digits, counted in its
 * base-10000 words, and never fewer after the point than its arguments have (`select_div_scale`).
 */
import { Decimal, powerOf10 } from '../../../base/decimal.ts'
import { failure } from '../failure.ts'

const minSignificantDigits = 16
const maxDisplayScale = 1000

/** Place and value of the first base-10000 word that is not zero. */
function leadingWord(value: Decimal): { weight: number; word: number } {
  if (value.coefficient === 0n) return { weight: 0, word: 0 }
  const digits = (value.coefficient < 0n ? -value.coefficient : value.coefficient).toString()
  const exponent = digits.length - 1 - value.scale
  const weight = Math.floor(exponent / 4)
  const width = exponent - weight * 4 + 1
  return { weight, word: Number(digits.slice(0, width).padEnd(width, '0')) }
}

function divisionScale(a: Decimal, b: Decimal): number {
  const left = leadingWord(a)
  const right = leadingWord(b)
  const weight = left.weight - right.weight - (left.word <= right.word ? 1 : 0)
  return Math.min(maxDisplayScale, Math.max(minSignificantDigits - weight * 4, a.scale, b.scale, 0))
}

export function divideNumeric(a: Decimal, b: Decimal): Decimal {
  if (b.isFinite && b.coefficient === 0n && a.kind !== 'nan') throw failure('22012', 'division by zero')
  if (a.isFinite && b.isFinite) return a.divide(b, divisionScale(a, b))
  return a.divide(b, 0)
}

export function modNumeric(a: Decimal, b: Decimal): Decimal {
  if (a.kind === 'nan' || b.kind === 'nan') return Decimal.nan
  if (b.isFinite && b.coefficient === 0n) throw failure('22012', 'division by zero')
  if (!a.isFinite) return Decimal.nan
  if (!b.isFinite) return a
  const scale = Math.max(a.scale, b.scale)
  return Decimal.of(a.coefficientAt(scale) % b.coefficientAt(scale), scale)
}

export function sqrtNumeric(value: Decimal): Decimal {
  if (value.kind === 'nan' || value.kind === 'infinity') return value
  if (value.kind === '-infinity' || value.coefficient < 0n) {
    throw failure('2201F', 'cannot take square root of a negative number')
  }
  const weight = Math.floor(((leadingWord(value).weight + 1) * 4) / 2) - 1
  return rootAt(value, Math.min(maxDisplayScale, Math.max(minSignificantDigits - weight, value.scale, 0)))
}

/** Of a finite value that is not negative. */
export function rootAt(value: Decimal, scale: number): Decimal {
  // One digit more than is shown, then rounded.
  const root = integerRoot(value.coefficient * powerOf10(Math.max(0, 2 * (scale + 1) - value.scale)))
  return Decimal.of(root, scale + 1).round(scale)
}

function integerRoot(value: bigint): bigint {
  if (value < 2n) return value
  let root = 1n << BigInt((value.toString(2).length + 1) >> 1)
  for (;;) {
    const next = (root + value / root) >> 1n
    if (next >= root) return root
    root = next
  }
}

/** numeric to a whole power, exactly, then rounded as PostgreSQL shows it; undefined where it is not a whole power. */
export function powerNumeric(base: Decimal, exponent: Decimal): Decimal | undefined {
  if (!base.isFinite || !exponent.isFinite) return undefined
  const whole = exponent.normalize()
  if (whole.scale !== 0 || whole.coefficient > 10_000n || whole.coefficient < -10_000n) return undefined
  const count = whole.coefficient < 0n ? -whole.coefficient : whole.coefficient
  if (base.coefficient === 0n && whole.coefficient < 0n) {
    throw failure('2201F', 'zero raised to a negative power is undefined')
  }
  if (BigInt(base.coefficient.toString().length) * count > 100_000n)
    throw failure('22003', 'value overflows numeric format')
  const power = Decimal.of(base.coefficient ** count, base.scale * Number(count))
  const scale = Math.min(maxDisplayScale, Math.max(minSignificantDigits, base.scale))
  return whole.coefficient < 0n ? Decimal.of(1n).divide(power, scale) : power.round(scale)
}
