/** What leaves in place of replies that told of what a full disk has refused: for each of them the same error. */
const dollar = 0x24
const equals = 0x3d
const star = 0x2a
const tilde = 0x7e
const percent = 0x25
/** Simple strings, errors, integers, nulls, doubles, booleans, big numbers: a line each. */
const lines: ReadonlySet<number> = new Set([...'+-:_,#('].map((sign) => sign.charCodeAt(0)))

/** Errors are longer than the shortest replies, and a client may have asked for a million of them. */
const maxBytes = 16 * 1024 * 1024

/** `line` without its `-`. Undefined where `replies` are not whole replies, or too many. */
export function errorsFor(replies: Uint8Array, line: string): Uint8Array | undefined {
  const count = countReplies(replies)
  if (count === undefined) return undefined
  const error = Buffer.from(`-${line.replace(/[\r\n]/g, ' ')}\r\n`)
  if (count * error.length > maxBytes) return undefined
  return Buffer.alloc(count * error.length, error)
}

function integerOf(bytes: Uint8Array, start: number, end: number): number {
  return Number(Buffer.from(bytes.subarray(start, end)).toString('latin1'))
}

/** How many replies these are; undefined where they are not whole, or where one comes unasked, as RESP3's pushes do. */
export function countReplies(bytes: Uint8Array): number | undefined {
  let count = 0
  let at = 0
  while (at < bytes.length) {
    // Values that still belong to the reply.
    for (let left = 1; left > 0; left--) {
      const type = bytes[at]!
      const end = bytes.indexOf(0x0a, at)
      if (end < 0) return undefined
      const length = lines.has(type) ? 0 : integerOf(bytes, at + 1, end - 1)
      at = end + 1
      if (type === dollar || type === equals) at += length < 0 ? 0 : length + 2
      else if (type === star || type === tilde) left += Math.max(0, length)
      else if (type === percent) left += 2 * length
      else if (!lines.has(type)) return undefined
      if (at > bytes.length || (at === bytes.length && left > 1)) return undefined
    }
    count++
  }
  return count
}
