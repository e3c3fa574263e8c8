/**
 * Exact decimal numbers: `coefficient × 10^-scale`, plus NaN and the infinities, as SQL's `numeric` and BSON's Decimal128
 * need them. The scale is kept (1.50 prints as 1.50) and does not matter to comparison.
 */
import { PolylogError } from './errors.ts'

export type DecimalKind = 'finite' | 'nan' | 'infinity' | '-infinity'

/**
 * Coefficients that are safe integers are kept as numbers: sums, products and comparisons of such take a fraction of what they
 * take of bigints.
 *
 * Invariants: a coefficient is kept in one way only, so that equal values at equal scales have equal fields; none is −0.
 */
export class Decimal {
  readonly kind: DecimalKind
  readonly scale: number
  /** The coefficient, where it is a safe integer; NaN where it is not, or there is none. */
  readonly small: number
  /** The coefficient, where it is none; else 0. */
  private readonly large: bigint

  private constructor(kind: DecimalKind, small: number, large: bigint, scale: number) {
    this.kind = kind
    this.scale = scale
    this.small = small
    this.large = large
  }

  static readonly nan: Decimal = new Decimal('nan', NaN, 0n, 0)
  static readonly infinity: Decimal = new Decimal('infinity', NaN, 0n, 0)
  static readonly negativeInfinity: Decimal = new Decimal('-infinity', NaN, 0n, 0)
  static readonly zero: Decimal = new Decimal('finite', 0, 0n, 0)

  static of(coefficient: bigint, scale = 0): Decimal {
    if (scale < 0) return Decimal.of(coefficient * powerOf10(-scale), 0)
    return coefficient <= largestSafe && coefficient >= -largestSafe
      ? new Decimal('finite', Number(coefficient), 0n, scale)
      : new Decimal('finite', NaN, coefficient, scale)
  }

  /** `coefficient`: a safe integer; `scale`: 0 or more. */
  static ofSmall(coefficient: number, scale: number): Decimal {
    return new Decimal('finite', coefficient + 0, 0n, scale)
  }

  get coefficient(): bigint {
    return Number.isNaN(this.small) ? this.large : BigInt(this.small)
  }

  /** −1, 0 or 1 of a finite one. */
  get sign(): number {
    return Number.isNaN(this.small) ? (this.large > 0n ? 1 : this.large < 0n ? -1 : 0) : Math.sign(this.small)
  }

  /** Accepts `-12.30`, `1e-7`, `NaN`, `Infinity`; `undefined` for anything else. Throws `out_of_range` for more digits than PostgreSQL's numeric has. */
  static parse(text: string): Decimal | undefined {
    return parsePlain(text) ?? Decimal.#parseAny(text)
  }

  static #parseAny(text: string): Decimal | undefined {
    const match = /^\s*([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d+))?\s*$/.exec(text)
    if (match === null) return parseSpecial(text)
    const [, sign, whole = '', fraction = '', exponent = '0'] = match
    if (whole === '' && fraction === '') return undefined
    const scale = fraction.length - Number(exponent)
    if (scale < 0 && !/[1-9]/.test(whole + fraction)) return Decimal.zero
    if (Math.abs(scale) > 147_455 || whole.length + fraction.length > 147_455) {
      throw new PolylogError('out_of_range', 'value overflows numeric format')
    }
    const digits = BigInt(whole + fraction)
    return Decimal.of(sign === '-' ? -digits : digits, scale)
  }

  /** The shortest decimal that reads back as the same double, as SQL's cast gives (15 significant digits: `fromDouble15`). */
  static fromDouble(value: number): Decimal {
    if (Number.isNaN(value)) return Decimal.nan
    if (!Number.isFinite(value)) return value > 0 ? Decimal.infinity : Decimal.negativeInfinity
    return Decimal.parse(String(value))!
  }

  /** The double's exact value, all binary digits. */
  static fromDoubleExact(value: number): Decimal {
    if (!Number.isFinite(value)) return Decimal.fromDouble(value)
    let scaleBits = 0
    let scaled = value
    while (!Number.isInteger(scaled)) {
      scaled *= 2
      scaleBits++
    }
    return Decimal.of(BigInt(scaled) * 5n ** BigInt(scaleBits), scaleBits)
  }

  get isFinite(): boolean {
    return this.kind === 'finite'
  }

  /** Nearest double. */
  toNumber(): number {
    if (this.kind !== 'finite') return this.kind === 'nan' ? NaN : this.kind === 'infinity' ? Infinity : -Infinity
    // Both are exact, so the quotient is the nearest double.
    if (this.scale <= 22 && !Number.isNaN(this.small)) return this.small / smallPowers[this.scale]!
    return Number(`${this.coefficient}e${-this.scale}`)
  }

  compare(other: Decimal): number {
    const a = this.smallAt(other.scale)
    const b = other.smallAt(this.scale)
    if (isSafe(a) && isSafe(b)) return a < b ? -1 : a > b ? 1 : 0
    if (this.kind !== 'finite' || other.kind !== 'finite') return rank(this) - rank(other)
    if (this.scale === other.scale) return compareBigints(this.coefficient, other.coefficient)
    const scale = Math.max(this.scale, other.scale)
    return compareBigints(this.coefficientAt(scale), other.coefficientAt(scale))
  }

  /** The coefficient at the larger of two scales: exact where it is a safe integer; else beyond those, or NaN. */
  private smallAt(scale: number): number {
    const shift = scale - this.scale
    return shift <= 0 ? this.small : shift <= 15 ? this.small * smallPowers[shift]! : NaN
  }

  /** The coefficient at a scale that is not smaller than this one's. */
  coefficientAt(scale: number): bigint {
    return this.coefficient * powerOf10(scale - this.scale)
  }

  negate(): Decimal {
    if (this.kind === 'finite') {
      return Number.isNaN(this.small) ? Decimal.of(-this.large, this.scale) : Decimal.ofSmall(-this.small, this.scale)
    }
    return this.kind === 'nan' ? this : this.kind === 'infinity' ? Decimal.negativeInfinity : Decimal.infinity
  }

  add(other: Decimal): Decimal {
    const a = this.smallAt(other.scale)
    const b = other.smallAt(this.scale)
    const sum = a + b
    if (isSafe(a) && isSafe(b) && isSafe(sum)) return Decimal.ofSmall(sum, Math.max(this.scale, other.scale))
    if (this.kind !== 'finite' || other.kind !== 'finite') return addSpecial(this, other)
    const scale = Math.max(this.scale, other.scale)
    return Decimal.of(this.coefficientAt(scale) + other.coefficientAt(scale), scale)
  }

  subtract(other: Decimal): Decimal {
    const a = this.smallAt(other.scale)
    const b = other.smallAt(this.scale)
    const difference = a - b
    if (isSafe(a) && isSafe(b) && isSafe(difference)) {
      return Decimal.ofSmall(difference, Math.max(this.scale, other.scale))
    }
    return this.add(other.negate())
  }

  multiply(other: Decimal): Decimal {
    const product = this.small * other.small
    if (isSafe(product)) return Decimal.ofSmall(product, this.scale + other.scale)
    if (this.kind !== 'finite' || other.kind !== 'finite') return multiplySpecial(this, other)
    return Decimal.of(this.coefficient * other.coefficient, this.scale + other.scale)
  }

  /** Rounded half away from zero at `scale` digits after the point; the caller knows its own rule for the scale. */
  divide(other: Decimal, scale: number): Decimal {
    if (this.kind === 'nan' || other.kind === 'nan') return Decimal.nan
    if (other.kind === 'finite' && other.coefficient === 0n)
      throw new PolylogError('division_by_zero', 'division by zero')
    if (this.kind !== 'finite') {
      if (other.kind !== 'finite') return Decimal.nan
      return other.coefficient > 0n ? this : this.negate()
    }
    if (other.kind !== 'finite') return Decimal.of(0n, scale)
    const shift = scale + other.scale - this.scale
    const numerator = shift >= 0 ? this.coefficient * powerOf10(shift) : this.coefficient
    const denominator = shift >= 0 ? other.coefficient : other.coefficient * powerOf10(-shift)
    return Decimal.of(divideRounded(numerator, denominator), scale)
  }

  /** Half away from zero. A negative scale rounds before the point. */
  round(scale: number): Decimal {
    if (this.kind !== 'finite' || scale === this.scale) return this
    const small = this.smallAt(scale)
    if (scale > this.scale && isSafe(small)) return Decimal.ofSmall(small, scale)
    if (scale >= this.scale) return Decimal.of(this.coefficientAt(scale), scale)
    const rounded = divideRounded(this.coefficient, powerOf10(this.scale - scale))
    return Decimal.of(rounded, scale)
  }

  truncate(scale: number): Decimal {
    if (this.kind !== 'finite' || scale === this.scale) return this
    if (scale >= this.scale) return Decimal.of(this.coefficientAt(scale), scale)
    return Decimal.of(this.coefficient / powerOf10(this.scale - scale), scale)
  }

  /** Without trailing zeros after the point. */
  normalize(): Decimal {
    if (this.kind !== 'finite' || this.scale === 0) return this
    let { small, scale } = this
    if (!Number.isNaN(small)) {
      while (scale > 0 && small % 10 === 0) {
        small /= 10
        scale--
      }
      return scale === this.scale ? this : Decimal.ofSmall(small, scale)
    }
    let coefficient = this.large
    while (scale > 0 && coefficient % 10n === 0n) {
      coefficient /= 10n
      scale--
    }
    return scale === this.scale ? this : Decimal.of(coefficient, scale)
  }

  toString(): string {
    if (this.kind !== 'finite') return this.kind === 'nan' ? 'NaN' : this.kind === 'infinity' ? 'Infinity' : '-Infinity'
    const negative = this.sign < 0
    const whole = Number.isNaN(this.small) ? this.large.toString() : String(this.small)
    const unsigned = negative ? whole.slice(1) : whole
    const digits = unsigned.length > this.scale ? unsigned : unsigned.padStart(this.scale + 1, '0')
    const point = digits.length - this.scale
    const text = this.scale === 0 ? digits : `${digits.slice(0, point)}.${digits.slice(point)}`
    return negative ? `-${text}` : text
  }
}

const maxSafe = Number.MAX_SAFE_INTEGER
const largestSafe = BigInt(maxSafe)

/** So many digits are a safe integer. */
const plainDigits = 15

/** A few digits, perhaps with a sign and a point: what nearly all numbers are. Undefined for anything else. */
function parsePlain(text: string): Decimal | undefined {
  const { length } = text
  const isNegative = length > 0 && text.charCodeAt(0) === 0x2d
  const first = isNegative ? 1 : 0
  if (length - first > plainDigits + 1) return undefined
  let coefficient = 0
  let point = -1
  for (let i = first; i < length; i++) {
    const code = text.charCodeAt(i)
    if (code >= 0x30 && code <= 0x39) coefficient = coefficient * 10 + code - 0x30
    else if (code === 0x2e && point < 0) point = i
    else return undefined
  }
  const digits = length - first - (point < 0 ? 0 : 1)
  if (digits === 0 || digits > plainDigits) return undefined
  return Decimal.ofSmall(isNegative ? -coefficient : coefficient, point < 0 ? 0 : length - point - 1)
}

/** Of an integer, or NaN. */
function isSafe(value: number): boolean {
  return value <= maxSafe && value >= -maxSafe
}

/** All that are exact. */
const smallPowers: readonly number[] = Array.from({ length: 23 }, (_, exponent) => Number(`1e${exponent}`))

const powers: bigint[] = [1n]

export function powerOf10(exponent: number): bigint {
  if (exponent > 400) return 10n ** BigInt(exponent)
  while (powers.length <= exponent) powers.push(powers[powers.length - 1]! * 10n)
  return powers[exponent]!
}

function divideRounded(numerator: bigint, denominator: bigint): bigint {
  const negative = numerator < 0n !== denominator < 0n
  const n = numerator < 0n ? -numerator : numerator
  const d = denominator < 0n ? -denominator : denominator
  const quotient = (2n * n + d) / (2n * d)
  return negative ? -quotient : quotient
}

function compareBigints(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0
}

/** NaN equals itself and is above everything, as SQL's numeric has it. */
function rank(value: Decimal): number {
  return value.kind === 'nan' ? 2 : value.kind === 'infinity' ? 1 : value.kind === '-infinity' ? -1 : 0
}

function parseSpecial(text: string): Decimal | undefined {
  const word = text.trim().toLowerCase()
  if (word === 'nan') return Decimal.nan
  if (word === 'infinity' || word === 'inf' || word === '+infinity' || word === '+inf') return Decimal.infinity
  return word === '-infinity' || word === '-inf' ? Decimal.negativeInfinity : undefined
}

function addSpecial(a: Decimal, b: Decimal): Decimal {
  if (a.kind === 'nan' || b.kind === 'nan') return Decimal.nan
  if (a.kind === 'finite') return b
  return b.kind === 'finite' || b.kind === a.kind ? a : Decimal.nan
}

function multiplySpecial(a: Decimal, b: Decimal): Decimal {
  const sign = signOf(a) * signOf(b)
  if (Number.isNaN(sign) || sign === 0) return Decimal.nan
  return sign > 0 ? Decimal.infinity : Decimal.negativeInfinity
}

function signOf(value: Decimal): number {
  if (value.kind === 'nan') return NaN
  if (value.kind !== 'finite') return value.kind === 'infinity' ? 1 : -1
  return value.sign
}
