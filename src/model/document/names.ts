/**
 * Field names as strings. Commands and documents say the same few names again and again: decoding one makes a string,
 * and a map that is asked with a new string has to hash it first. So the strings are kept, in a table that is entered by
 * a hash of the bytes; two names of one slot take it from each other.
 *
 * Invariants: a string of the table is ASCII, so its characters are its bytes; the table never grows.
 */
import { decodeUtf8 } from '../../base/bytes.ts'

const slots = 4096
const longestName = 32

const table: (string | undefined)[] = Array.from({ length: slots }, () => undefined)

/** The string of these bytes, which are valid UTF-8. */
export function decodeName(bytes: Uint8Array, start: number, end: number): string {
  const length = end - start
  if (length > longestName) return decodeUtf8(bytes, start, end)
  let hash = length
  let all = 0
  for (let i = start; i < end; i++) {
    const byte = bytes[i]!
    hash = (Math.imul(hash, 31) + byte) | 0
    all |= byte
  }
  if (all >= 0x80) return decodeUtf8(bytes, start, end)
  const slot = (hash ^ (hash >>> 15)) & (slots - 1)
  const known = table[slot]
  if (known !== undefined && isSame(known, bytes, start, length)) return known
  const name = decodeUtf8(bytes, start, end)
  table[slot] = name
  return name
}

function isSame(text: string, bytes: Uint8Array, start: number, length: number): boolean {
  if (text.length !== length) return false
  for (let i = 0; i < length; i++) if (text.charCodeAt(i) !== bytes[start + i]) return false
  return true
}
