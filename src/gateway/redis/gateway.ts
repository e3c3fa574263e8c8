/** The Redis gateway: recognises RESP by its first bytes, and serves it. */
import type { Protocol, Sniff } from '../gateway.ts'
import { createCommandTable } from './command-handlers.ts'
import { ServerState } from './server-state.ts'

export const redisProtocol: Protocol<'redis'> = {
  name: 'redis',
  title: 'Redis',
  sniff: sniffRedis,
  open: (parts) => new ServerState(parts, createCommandTable()),
}

const star = 0x2a
const dollar = 0x24
const lineFeed = 0x0a
const carriageReturn = 0x0d
/** A first line longer than this is no inline command that we would wait for. */
const maxSniffedBytes = 64 * 1024

/**
 * RESP begins with `*` and a number; an inline command is a line of printable text. HTTP's first line is one as well, and
 * is told by its ` HTTP/1.x`. What begins as RESP does, or with a zero byte, and goes on as nobody's message can, gets
 * Redis's protocol error.
 */
export function sniffRedis(bytes: Uint8Array): Sniff {
  const first = bytes[0]
  if (first === undefined) return 'more'
  const verdict = first === star ? sniffMultibulk(bytes) : sniffInline(bytes)
  return verdict === 'no' && (first === star || first === dollar || first === 0) ? sniffBroken(bytes) : verdict
}

/** Others begin with the length of a message: of 64 MiB it is none, and no four bytes of text are less. */
function sniffBroken(bytes: Uint8Array): Sniff {
  if (bytes[0] === 0 && bytes[1] === 0) return 'no'
  if (bytes.length < 4) return 'more'
  return bytes[3]! >= 0x04 ? 'yes' : 'no'
}

function sniffMultibulk(bytes: Uint8Array): Sniff {
  for (let i = 1; i < bytes.length; i++) {
    const byte = bytes[i]!
    if (byte === carriageReturn) return i > 1 ? 'yes' : 'no'
    const isNumber = (byte >= 0x30 && byte <= 0x39) || (byte === 0x2d && i === 1)
    if (!isNumber || i > 12) return 'no'
  }
  return 'more'
}

function sniffInline(bytes: Uint8Array): Sniff {
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i]!
    if (byte === lineFeed) return isHttp(bytes, i) ? 'no' : 'yes'
    const isText = byte >= 0x20 ? byte !== 0x7f : byte === 0x09 || byte === carriageReturn
    if (!isText || i >= maxSniffedBytes) return 'no'
  }
  return 'more'
}

function isHttp(bytes: Uint8Array, lineEnd: number): boolean {
  const line = Buffer.from(bytes.buffer, bytes.byteOffset, lineEnd).toString('latin1')
  return / HTTP\/\d(\.\d)?\r?$/.test(line)
}
