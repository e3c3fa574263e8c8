/**
 * What an error repeats of a request leaves as it came, byte for byte, also where it is no UTF-8. In the text of the error such a
 * byte stands as half a surrogate pair, U+DC80 to U+DCFF, which no UTF-8 decodes to.
 */
import { decodeUtf8 } from '../../base/bytes.ts'

const replacement = '�'
const firstHalf = 0xdc00
const lone = /[\udc80-\udcff]/
const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

export function decodeShown(bytes: Uint8Array, start: number, end: number): string {
  const text = decodeUtf8(bytes, start, end)
  if (!text.includes(replacement)) return text
  let shown = ''
  for (let at = start; at < end;) {
    const length = characterLength(bytes, at, end)
    shown += length > 0 ? decodeUtf8(bytes, at, at + length) : String.fromCharCode(firstHalf | bytes[at]!)
    at += Math.max(1, length)
  }
  return shown
}

/** 0 where none begins there. */
function characterLength(bytes: Uint8Array, at: number, end: number): number {
  const first = bytes[at]!
  const length = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4
  if (at + length > end) return 0
  try {
    strict.decode(bytes.subarray(at, at + length))
    return length
  } catch {
    return 0
  }
}

/** Undefined where the text is nothing but characters. */
export function encodeShown(text: string): Uint8Array | undefined {
  if (!lone.test(text)) return undefined
  const parts: Buffer[] = []
  // By characters: a pair of halves is one, and only what stands alone is a byte.
  for (const character of text) {
    parts.push(lone.test(character) ? Buffer.of(character.charCodeAt(0) & 0xff) : Buffer.from(character))
  }
  return Buffer.concat(parts)
}
