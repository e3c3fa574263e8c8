/**
 * Doubles as Redis 7.0 reads them (C's strtod on the whole text) and prints scores (C's `%.17g`).
 */
import type { Slice } from '../../base/slice.ts'

const decimal = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i
const infinite = /^([+-]?)(inf|infinity)$/i
const hexadecimal = /^([+-]?)0x([0-9a-f]*)(?:\.([0-9a-f]*))?(?:p([+-]?\d+))?$/i

/** No score is written with more characters; a longer text is refused before it is looked at. */
const maxDoubleCharacters = 5 * 1024

/** Undefined for what is no number: NaN, spaces, an empty text, a value that overflows or vanishes. */
export function parseDouble(text: Slice): number | undefined {
  const length = text.end - text.start
  if (length === 0 || length > maxDoubleCharacters) return undefined
  const short = parseDigits(text)
  return short ?? parseDoubleText(latin1(text))
}

/** The common case without a string: up to 15 digits. */
function parseDigits(text: Slice): number | undefined {
  if (text.end - text.start > 15) return undefined
  let value = 0
  for (let i = text.start; i < text.end; i++) {
    const digit = text.bytes[i]! - 0x30
    if (digit < 0 || digit > 9) return undefined
    value = value * 10 + digit
  }
  return value
}

function latin1(text: Slice): string {
  let result = ''
  for (let i = text.start; i < text.end; i++) result += String.fromCharCode(text.bytes[i]!)
  return result
}

function parseDoubleText(text: string): number | undefined {
  if (infinite.test(text)) return readDouble(text)
  const value = readDouble(text)
  if (value === undefined || !Number.isFinite(value)) return undefined
  return value === 0 && hasDigitAboveZero(text) ? undefined : value
}

function hasDigitAboveZero(text: string): boolean {
  return hexadecimal.test(text) ? /x[^p]*[1-9a-f]/i.test(text) : /^[^e]*[1-9]/i.test(text)
}

/**
 * A bound of a range by score, which Redis reads less strictly: spaces may stand before the number, a zero byte ends it,
 * nothing at all is 0, and what overflows or vanishes is infinite or 0. Undefined for what is no number, or NaN.
 */
export function parseBound(text: Slice): number | undefined {
  if (text.end - text.start > maxDoubleCharacters) return undefined
  const [whole = ''] = latin1(text).split('\0', 1)
  return whole === '' ? 0 : readDouble(whole.replace(/^[ \t-\r]+/, ''))
}

/** What overflows is infinite, what vanishes 0. */
function readDouble(text: string): number | undefined {
  if (decimal.test(text)) return Number(text)
  const infinity = infinite.exec(text)
  if (infinity !== null) return infinity[1] === '-' ? -Infinity : Infinity
  return readHexadecimal(text)
}

function readHexadecimal(text: string): number | undefined {
  const found = hexadecimal.exec(text)
  if (found === null) return undefined
  const [, sign, whole = '', fraction = '', exponent = '0'] = found
  const digits = whole + fraction
  if (digits === '') return undefined
  const scale = Number(exponent) - 4 * fraction.length
  let value = Number(BigInt(`0x${digits}`))
  // In two steps: 2 ** -1074 would vanish although the product does not.
  for (let rest = scale; rest !== 0 && value !== 0 && Number.isFinite(value);) {
    const step = Math.max(-1000, Math.min(1000, rest))
    value *= 2 ** step
    rest -= step
  }
  return sign === '-' ? -value : value
}

/** C's `%.17g`, which is how Redis 7.0 prints scores: 0.1 is 0.10000000000000001. */
export function formatDouble(value: number): string {
  if (Number.isSafeInteger(value)) return Object.is(value, -0) ? '-0' : String(value)
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : value < 0 ? '-inf' : 'nan'
  // JavaScript prints the shortest digits that tell it from its neighbours, C all of them.
  if (Number.isInteger(value) && Math.abs(value) < 1e17) return String(BigInt(value))
  const [mantissa = '', exponentText = '0'] = roundedToEven(value).split('e')
  const exponent = Number(exponentText)
  const negative = mantissa.startsWith('-') ? '-' : ''
  const digits = mantissa.replace(/[-.]/g, '').replace(/0+$/, '')
  if (exponent < -4 || exponent >= 17) {
    const fraction = digits.length > 1 ? `.${digits.slice(1)}` : ''
    const size = String(Math.abs(exponent)).padStart(2, '0')
    return `${negative}${digits[0]}${fraction}e${exponent < 0 ? '-' : '+'}${size}`
  }
  if (exponent < 0) return `${negative}0.${'0'.repeat(-exponent - 1)}${digits}`
  const padded = digits.padEnd(exponent + 1, '0')
  const fraction = padded.slice(exponent + 1)
  return `${negative}${padded.slice(0, exponent + 1)}${fraction === '' ? '' : `.${fraction}`}`
}

/** 17 digits; JavaScript rounds an exact half up where C rounds it to even. */
function roundedToEven(value: number): string {
  const up = value.toExponential(16)
  const exact = value.toExponential(40)
  const isHalf = /^-?\d\.\d{16}50{23}e/.test(exact)
  if (!isHalf) return up
  const down = exact.replace(/50+e/, 'e')
  return Number(down[down.indexOf('e') - 1]) % 2 === 0 ? down : up
}
