/**
 * Integers as Redis reads and prints them: decimal, an optional minus, no plus, no spaces, no leading zeros, 64 bits.
 */
import type { Slice } from '../../base/slice.ts'

const highest = 0x7fff_ffff_ffff_ffffn
const lowest = -0x8000_0000_0000_0000n
const zero = 0x30

export function fitsInt64(value: bigint): boolean {
  return value >= lowest && value <= highest
}

/** An integer of at most 15 digits, which a double holds exactly, else NaN: also for what is no integer. */
export function parseShortInteger(text: Slice): number {
  const { bytes } = text
  let at = text.start
  const negative = at < text.end && bytes[at] === 0x2d
  if (negative) at++
  const digits = text.end - at
  if (digits === 0 || digits > 15) return Number.NaN
  if (bytes[at] === zero && (digits > 1 || negative)) return Number.NaN
  let value = 0
  for (; at < text.end; at++) {
    const digit = bytes[at]! - zero
    if (digit < 0 || digit > 9) return Number.NaN
    value = value * 10 + digit
  }
  return negative ? -value : value
}

export function parseInt64(text: Slice): bigint | undefined {
  const short = parseShortInteger(text)
  if (!Number.isNaN(short)) return BigInt(short)
  const { bytes } = text
  const negative = text.start < text.end && bytes[text.start] === 0x2d
  const first = negative ? text.start + 1 : text.start
  const digits = text.end - first
  if (digits < 16 || digits > 19 || bytes[first] === zero) return undefined
  let value = 0n
  for (let at = first; at < text.end; at++) {
    const digit = bytes[at]! - zero
    if (digit < 0 || digit > 9) return undefined
    value = value * 10n + BigInt(digit)
  }
  if (negative) value = -value
  return fitsInt64(value) ? value : undefined
}
