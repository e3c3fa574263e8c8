/**
 * INCRBYFLOAT and HINCRBYFLOAT as Redis computes them on x86: with C's `long double`, 64 bits of mantissa, printed by
 * `%.17Lf` without trailing zeros. 10.5 + 0.1 is 10.6 there and would be 10.59999999999999964 in doubles.
 *
 * A number is `mantissa × 2^exponent` with a mantissa of at most 64 bits; every operation is exact and then rounded to
 * nearest, ties to even. Below the normal range (about 1e-4932) precision is kept where the real type loses it, down to where
 * that has nothing but 0: it is far beyond the 17 digits that are printed.
 */
export interface LongDouble {
  readonly mantissa: bigint
  readonly exponent: number
}

const mantissaBits = 64
const maxExponent = 16384
/** The smallest positive long double is 2 to this power. */
const minExponent = -16445
const decimal = /^([+-]?)(\d*)(?:\.(\d*))?(?:e([+-]?\d+))?$/i
const hexadecimal = /^([+-]?)0x([0-9a-f]*)(?:\.([0-9a-f]*))?(?:p([+-]?\d+))?$/i
const infinite = /^[+-]?(inf|infinity)$/i

/** What C's strtold makes of the whole text; undefined for what is no number, or beyond the range. */
export function parseLongDouble(source: string): LongDouble | 'infinite' | undefined {
  if (source.length >= 5 * 1024) return undefined
  const parts = decimal.exec(source)
  if (parts !== null) return parseDecimal(parts)
  const hexadecimalParts = hexadecimal.exec(source)
  if (hexadecimalParts !== null) return parseHexadecimal(hexadecimalParts)
  return infinite.test(source) ? 'infinite' : undefined
}

function parseDecimal([, sign, whole = '', fraction = '', exponentText = '0']: RegExpExecArray):
  | LongDouble
  | undefined {
  if (whole === '' && fraction === '') return undefined
  const digits = BigInt(whole + fraction)
  const scale = Number(exponentText) - fraction.length
  if (digits === 0n) return { mantissa: 0n, exponent: 0 }
  if (scale > 5_000 || scale < -11_000) return undefined
  const magnitude = scale >= 0 ? round(digits * 10n ** BigInt(scale), 0) : divide(digits, 10n ** BigInt(-scale))
  return signed(sign, magnitude)
}

function parseHexadecimal([, sign, whole = '', fraction = '', exponentText = '0']: RegExpExecArray):
  | LongDouble
  | undefined {
  if (whole === '' && fraction === '') return undefined
  const exponent = Number(exponentText) - 4 * fraction.length
  if (Math.abs(exponent) > 40_000) return undefined
  return signed(sign, round(BigInt(`0x${whole}${fraction}`), exponent))
}

function signed(sign: string | undefined, magnitude: LongDouble): LongDouble | undefined {
  if (!isFinite(magnitude) || vanishes(magnitude)) return undefined
  return sign === '-' ? { mantissa: -magnitude.mantissa, exponent: magnitude.exponent } : magnitude
}

/** Undefined where the sum overflows. */
export function addLongDoubles(a: LongDouble, b: LongDouble): LongDouble | undefined {
  const exponent = Math.min(a.exponent, b.exponent)
  const sum = (a.mantissa << BigInt(a.exponent - exponent)) + (b.mantissa << BigInt(b.exponent - exponent))
  const rounded = round(sum, exponent)
  return isFinite(rounded) ? rounded : undefined
}

const doubleView = new DataView(new ArrayBuffer(8))

/** A finite double, exactly. */
export function longDoubleOf(value: number): LongDouble {
  doubleView.setFloat64(0, value)
  const bits = doubleView.getBigUint64(0)
  const exponent = Number((bits >> 52n) & 0x7ffn)
  const fraction = bits & 0xf_ffff_ffff_ffffn
  const magnitude = exponent === 0 ? fraction : fraction | 0x10_0000_0000_0000n
  return { mantissa: value < 0 ? -magnitude : magnitude, exponent: Math.max(exponent, 1) - 1075 }
}

export function formatLongDouble(value: LongDouble): string {
  const negative = value.mantissa < 0n
  const magnitude = negative ? -value.mantissa : value.mantissa
  const scaled = magnitude * 10n ** 17n
  const units = value.exponent >= 0 ? scaled << BigInt(value.exponent) : halveToEven(scaled, -value.exponent)
  const digits = units.toString().padStart(18, '0')
  const fraction = digits.slice(-17).replace(/0+$/, '')
  const printed = digits.slice(0, -17) + (fraction === '' ? '' : `.${fraction}`)
  return negative && printed !== '0' ? `-${printed}` : printed
}

function isFinite(value: LongDouble): boolean {
  return value.mantissa === 0n || bitLength(value.mantissa) + value.exponent <= maxExponent
}

/** Half of the smallest positive long double and what is below it round to 0, which C calls out of range. */
function vanishes({ mantissa, exponent }: LongDouble): boolean {
  if (mantissa === 0n) return false
  const top = bitLength(mantissa) + exponent
  return top < minExponent || (top === minExponent && (mantissa & (mantissa - 1n)) === 0n)
}

function bitLength(value: bigint): number {
  return (value < 0n ? -value : value).toString(2).length
}

function round(mantissa: bigint, exponent: number): LongDouble {
  if (mantissa === 0n) return { mantissa, exponent: 0 }
  const surplus = bitLength(mantissa) - mantissaBits
  if (surplus <= 0) return { mantissa, exponent }
  const negative = mantissa < 0n
  const rounded = halveToEven(negative ? -mantissa : mantissa, surplus)
  return { mantissa: negative ? -rounded : rounded, exponent: exponent + surplus }
}

function divide(dividend: bigint, divisor: bigint): LongDouble {
  // Two bits more than the mantissa, the last of which says whether anything is left.
  const shift = Math.max(0, mantissaBits + 2 + bitLength(divisor) - bitLength(dividend))
  const shifted = dividend << BigInt(shift)
  const quotient = shifted / divisor
  const sticky = quotient * divisor === shifted ? 0n : 1n
  return round((quotient << 1n) | sticky, -shift - 1)
}

/** value / 2^bits to the nearest integer, halves to even. */
function halveToEven(value: bigint, bits: number): bigint {
  const shift = BigInt(bits)
  const floor = value >> shift
  const rest = value - (floor << shift)
  const half = 1n << (shift - 1n)
  return rest > half || (rest === half && (floor & 1n) === 1n) ? floor + 1n : floor
}
