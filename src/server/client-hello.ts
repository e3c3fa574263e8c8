/**
 * The first message of a TLS client, as far as must be known before the handshake is given its bytes (RFC 8446, 4 and 5.1):
 *
 *   22 · version u16 · length u16 (of the record) · 1 · length u24 (of the message) · …
 *
 * A handshake is the most that a stranger can have computed by a few bytes, and OpenSSL takes memory for a message as soon as
 * its length is said. So the record has to be here, and the message has to be of a sane length.
 */
import type { Sniff } from '../gateway/gateway.ts'

export const handshakeRecord = 22
const recordHeadBytes = 5
const clientHello = 1
/** With the largest keys that are in use, of algorithms beyond quantum computers, one takes 2 KiB. */
export const maxHelloBytes: number = 16 * 1024

/** `yes`: its first record is there. */
export function sniffClientHello(bytes: Uint8Array): Sniff {
  if (bytes.length > 0 && bytes[0] !== handshakeRecord) return 'no'
  if (bytes.length > 1 && bytes[1] !== 3) return 'no'
  if (bytes.length < recordHeadBytes) return 'more'
  const recordBytes = bytes[3]! * 256 + bytes[4]!
  if (recordBytes < 4 || recordBytes > maxHelloBytes) return 'no'
  if (bytes.length > recordHeadBytes && bytes[recordHeadBytes] !== clientHello) return 'no'
  if (bytes.length < recordHeadBytes + recordBytes) return 'more'
  const messageBytes = bytes[6]! * 65_536 + bytes[7]! * 256 + bytes[8]!
  return messageBytes > maxHelloBytes ? 'no' : 'yes'
}
