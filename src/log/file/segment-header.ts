/**
 * The first 64 bytes of a segment, in a sector of their own (little endian):
 *
 *    0  magic `PLOG`
 *    4  format u16                  1; 2: the frames are encrypted, and more of the header follows (`segment-encryption.ts`)
 *    6  flags u16                   0
 *    8  database                    16 bytes, its UUID
 *   24  segment u64                 its number, from 1; also in the file's name
 *   32  first sequence u64          of the first transaction that completes here
 *   40  created ms u64
 *   48  previous u32                checksum of the previous segment's last frame; 0 where there is none
 *   52  zero, 8 bytes
 *   60  checksum u32                CRC-32 of bytes 0…59
 *
 * The header is durable before the file gets its name, so a named segment without a valid header is damage.
 */
import { crc32 } from 'node:zlib'
import type { Sequence } from '../commit-log.ts'
import { readU64, writeU64 } from './position.ts'

export const segmentHeaderBytes = 64
const plainFormat = 1
const encryptedFormat = 2

export interface SegmentHeader {
  readonly databaseId: Uint8Array
  readonly segment: number
  readonly firstSequence: Sequence
  readonly createdMs: number
  readonly previousChecksum: number
}

/** `isEncrypted`: of a segment whose frames are. */
export interface DecodedHeader extends SegmentHeader {
  readonly isEncrypted: boolean
  /** The sector that it was decoded from. */
  readonly bytes: Uint8Array
}

export function encodeSegmentHeader(header: SegmentHeader, isEncrypted = false): Uint8Array {
  const bytes = new Uint8Array(segmentHeaderBytes)
  const view = new DataView(bytes.buffer)
  bytes.set([0x50, 0x4c, 0x4f, 0x47])
  view.setUint16(4, isEncrypted ? encryptedFormat : plainFormat, true)
  bytes.set(header.databaseId.subarray(0, 16), 8)
  writeU64(view, 24, header.segment)
  writeU64(view, 32, header.firstSequence)
  writeU64(view, 40, header.createdMs)
  view.setUint32(48, header.previousChecksum, true)
  view.setUint32(60, crc32(bytes.subarray(0, 60)), true)
  return bytes
}

/** `newer`: an intact header of a format that this version does not know. `damaged`: anything else that is not valid. */
export function decodeSegmentHeader(bytes: Uint8Array): DecodedHeader | 'damaged' | 'newer' {
  if (bytes.length < segmentHeaderBytes) return 'damaged'
  const view = new DataView(bytes.buffer, bytes.byteOffset, segmentHeaderBytes)
  if (view.getUint32(0, true) !== 0x474f4c50) return 'damaged'
  if (view.getUint32(60, true) !== crc32(bytes.subarray(0, 60))) return 'damaged'
  const format = view.getUint16(4, true)
  if (format > encryptedFormat) return 'newer'
  const segment = readU64(view, 24)
  const firstSequence = readU64(view, 32)
  const createdMs = readU64(view, 40)
  const reserved = view.getUint16(6, true) | view.getUint32(52, true) | view.getUint32(56, true)
  if (reserved !== 0 || segment < 1 || firstSequence < 1 || createdMs < 0) return 'damaged'
  return {
    databaseId: bytes.slice(8, 24),
    segment,
    firstSequence,
    createdMs,
    previousChecksum: view.getUint32(48, true),
    isEncrypted: format === encryptedFormat,
    bytes,
  }
}
