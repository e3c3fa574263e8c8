/** The door for MongoDB's drivers and shell: recognises them, and keeps what their connections share. */
import type { Protocol, Sniff } from '../gateway.ts'
import { GatewayState } from './gateway-state.ts'
import { headerBytes, maxFirstMessageBytes, opcode, readHeader } from './wire.ts'

/**
 * The first message is a handshake: OP_MSG or OP_QUERY, not over 16 KB, in answer to nothing. Each byte of the header is
 * looked at as it arrives, so that other protocols are told apart early.
 */
export function sniffMongodb(bytes: Uint8Array): Sniff {
  if (bytes.length > 1 && !isFirstLength(bytes[0]! | (bytes[1]! << 8))) return 'no'
  for (let i = 2; i < 4 && i < bytes.length; i++) if (bytes[i] !== 0) return 'no'
  for (let i = 8; i < 12 && i < bytes.length; i++) if (bytes[i] !== 0) return 'no'
  for (let i = 12; i < headerBytes && i < bytes.length; i++) if (!opcodeByte(i - 12, bytes[i]!)) return 'no'
  if (bytes.length < headerBytes) return 'more'
  const header = readHeader(bytes, 0)
  return header.opcode === opcode.message || header.opcode === opcode.query ? 'yes' : 'no'
}

function isFirstLength(length: number): boolean {
  return length > headerBytes + 5 && length <= maxFirstMessageBytes
}

function opcodeByte(position: number, byte: number): boolean {
  return ((opcode.message >> (8 * position)) & 0xff) === byte || ((opcode.query >> (8 * position)) & 0xff) === byte
}

export const mongodbProtocol: Protocol<'mongodb'> = {
  name: 'mongodb',
  title: 'MongoDB',
  sniff: sniffMongodb,
  open: (parts) => new GatewayState(parts),
}
