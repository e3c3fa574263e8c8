/** RESP2, as a client needs it. */

export class RedisError extends Error {}

export type RespReply = string | number | null | RedisError | RespReply[]

export function encodeCommand(...words: readonly (string | number)[]): Buffer {
  const parts = words.map((word) => Buffer.from(String(word)))
  const text = parts.map((part) => `$${part.length}\r\n${part.toString('latin1')}\r\n`).join('')
  return Buffer.from(`*${parts.length}\r\n${text}`, 'latin1')
}

export function decodeReply(bytes: Buffer, at = 0): { reply: RespReply; length: number } | undefined {
  const end = bytes.indexOf('\r\n', at)
  if (end < 0) return undefined
  const line = bytes.toString('latin1', at + 1, end)
  const next = end + 2
  switch (bytes[at]) {
    case 0x2b: // +
      return { reply: line, length: next }
    case 0x2d: // -
      return { reply: new RedisError(line), length: next }
    case 0x3a: // :
      return { reply: Number(line), length: next }
    case 0x24: // $
      return decodeBulk(bytes, next, Number(line))
    case 0x2a: // *
      return decodeArray(bytes, next, Number(line))
    default:
      throw new Error(`not RESP: ${bytes.toString('latin1', at, at + 40)}`)
  }
}

function decodeBulk(bytes: Buffer, at: number, size: number): { reply: RespReply; length: number } | undefined {
  if (size < 0) return { reply: null, length: at }
  if (bytes.length < at + size + 2) return undefined
  return { reply: bytes.toString('latin1', at, at + size), length: at + size + 2 }
}

function decodeArray(bytes: Buffer, from: number, count: number): { reply: RespReply; length: number } | undefined {
  if (count < 0) return { reply: null, length: from }
  const replies: RespReply[] = []
  let at = from
  for (let i = 0; i < count; i++) {
    const found = decodeReply(bytes, at)
    if (found === undefined) return undefined
    replies.push(found.reply)
    at = found.length
  }
  return { reply: replies, length: at }
}
