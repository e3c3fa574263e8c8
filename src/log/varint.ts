/**
 * Unsigned LEB128 of up to 32 bits: seven bits a byte, lowest first, the top bit set on all bytes but the last.
 *
 * Only the shortest form is valid, so that every number has one encoding and a flipped bit cannot hide in padding.
 */
const maxVarintBytes = 5
export const maxVarint = 0xffffffff

export function varintSize(value: number): number {
  if (value < 0x80) return 1
  if (value < 0x4000) return 2
  if (value < 0x200000) return 3
  return value < 0x10000000 ? 4 : 5
}

/** Writes at `at`, where room for `varintSize(value)` bytes must be, and returns the position after it. */
export function writeVarint(bytes: Uint8Array, at: number, value: number): number {
  let rest = value
  while (rest >= 0x80) {
    bytes[at++] = (rest & 0x7f) | 0x80
    rest >>>= 7
  }
  bytes[at++] = rest
  return at
}

/**
 * The number at `at`, or -1 where it is cut off by `end`, longer than 32 bits or not in its shortest form. The size of
 * what was read is `varintSize` of the answer, because only the shortest form is valid.
 */
export function readVarint(bytes: Uint8Array, at: number, end: number): number {
  if (at >= end) return -1
  const first = bytes[at]!
  if (first < 0x80) return first
  let value = first & 0x7f
  let factor = 0x80
  for (let i = at + 1; i < end && i < at + maxVarintBytes; i++) {
    const byte = bytes[i]!
    value += (byte & 0x7f) * factor
    if (byte < 0x80) return byte === 0 || value > maxVarint ? -1 : value
    factor *= 0x80
  }
  return -1
}
