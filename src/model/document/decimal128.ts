/**
 * Decimal128 (IEEE 754-2008, binary integer decimal): 16 bytes little-endian.
 *
 *   sign 1 bit, then 00–10: exponent 14 bits, coefficient 113 bits
 *                   11xx:   coefficients that are not canonical, which read as zero
 *                   11110 / 11111: infinity / NaN
 *   value = (−1)^sign × coefficient × 10^(exponent − 6176), at most 34 digits
 *
 * Stored values are copied as bytes, so trailing zeros, −0 and NaN payloads stay; only arithmetic goes through `Decimal`.
 */
import { PolylogError } from '../../base/errors.ts'
import { Decimal, powerOf10 } from '../../base/decimal.ts'

const bias = 6176
const maxDigits = 34
const coefficientMask = (1n << 113n) - 1n
const maxCoefficient = 10n ** 34n - 1n

function read64(bytes: Uint8Array, at: number): bigint {
  let low = 0
  let high = 0
  for (let i = 3; i >= 0; i--) {
    low = low * 256 + bytes[at + i]!
    high = high * 256 + bytes[at + 4 + i]!
  }
  return (BigInt(high) << 32n) | BigInt(low)
}

export function decodeDecimal128(bytes: Uint8Array, at: number): Decimal {
  const high = read64(bytes, at + 8)
  const isNegative = high >> 63n === 1n
  const combination = Number((high >> 58n) & 0x1fn)
  if (combination === 0x1f) return Decimal.nan
  if (combination === 0x1e) return isNegative ? Decimal.negativeInfinity : Decimal.infinity
  if (combination >= 0x18) return Decimal.zero
  const exponent = Number((high >> 49n) & 0x3fffn) - bias
  const stored = ((high << 64n) | read64(bytes, at)) & coefficientMask
  const coefficient = stored > maxCoefficient ? 0n : stored
  // A zero needs no digits for its exponent, which may be 6,111.
  if (coefficient === 0n && exponent > 0) return Decimal.zero
  return Decimal.of(isNegative ? -coefficient : coefficient, -exponent)
}

/** Sixteen bytes. More than 34 digits are rounded half to even, or refused where `exact`; so is what is out of range. */
export function encodeDecimal128(value: Decimal, exact = false): Uint8Array {
  if (value.kind === 'nan') return pack(false, 0x7c00_0000_0000_0000n << 64n)
  if (value.kind !== 'finite') return pack(value.kind === '-infinity', 0x7800_0000_0000_0000n << 64n)
  const isNegative = value.coefficient < 0n
  let coefficient = isNegative ? -value.coefficient : value.coefficient
  let exponent = -value.scale
  const excess = coefficient.toString().length - maxDigits
  const drop = Math.max(excess, -bias - exponent, 0)
  if (drop > 0) {
    const rounded = dropDigits(coefficient, drop, exact)
    coefficient = rounded
    exponent += drop
    if (coefficient > maxCoefficient) {
      coefficient /= 10n
      exponent++
    }
  }
  const limit = 6111
  if (exponent > limit && coefficient === 0n) exponent = limit
  if (exponent > limit) {
    if (exact) throw new PolylogError('out_of_range', `${value.toString()} does not fit Decimal128`)
    return encodeDecimal128(isNegative ? Decimal.negativeInfinity : Decimal.infinity)
  }
  return pack(isNegative, (BigInt(exponent + bias) << 113n) | coefficient)
}

function dropDigits(coefficient: bigint, digits: number, exact: boolean): bigint {
  if (digits > 40 + maxDigits && !exact && digits > coefficient.toString().length) return 0n
  const divisor = powerOf10(digits)
  const quotient = coefficient / divisor
  const rest = (coefficient % divisor) * 2n
  if (exact && rest !== 0n)
    throw new PolylogError('out_of_range', 'a number of more than 34 digits does not fit Decimal128')
  return rest > divisor || (rest === divisor && (quotient & 1n) === 1n) ? quotient + 1n : quotient
}

function pack(isNegative: boolean, bits: bigint): Uint8Array {
  const bytes = new Uint8Array(16)
  let rest = isNegative ? bits | (1n << 127n) : bits
  for (let i = 0; i < 16; i++) {
    bytes[i] = Number(rest & 0xffn)
    rest >>= 8n
  }
  return bytes
}
