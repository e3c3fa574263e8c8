/**
 * The key of an encrypted segment, in the first sector behind the header (little endian):
 *
 *   64  data key u32            its number
 *   68  salt                    32 bytes, new whenever a file becomes a segment: with the data key, the database and the
 *                               segment's number they make the segment's key
 *  100  nonce and tag           12 and 16 bytes: of no text, with bytes 0…99 as their context
 *  128  checksum u32            CRC-32 of bytes 64…127
 *
 * So a recycled file begins with a key that nothing was encrypted with, and a header that was changed is found out.
 */
import { crc32 } from 'node:zlib'
import { type Encryption, type FileKey, type KeyOrigin, saltBytes, sealBytes } from '../../host/encrypted/encryption.ts'
import type { LogError } from '../commit-log.ts'
import { corrupt } from './damage.ts'
import { type DecodedHeader, encodeSegmentHeader, type SegmentHeader, segmentHeaderBytes } from './segment-header.ts'

const saltAt = segmentHeaderBytes + 4
const sealAt = saltAt + saltBytes
const checksumAt = sealAt + sealBytes
const noText = { sealAt, start: checksumAt, end: checksumAt }

/** A header with the key of the segment's frames, where they are encrypted. */
export interface OpenedHeader extends SegmentHeader {
  readonly key: FileKey | undefined
}

/** The first bytes of a segment whose frames will be encrypted with a new key. */
export function encryptedHeader(header: SegmentHeader, encryption: Encryption): { bytes: Uint8Array; key: FileKey } {
  const { key, dataKey, salt } = encryption.newKey(purposeOf(header))
  const bytes = new Uint8Array(checksumAt + 4)
  const view = new DataView(bytes.buffer)
  bytes.set(encodeSegmentHeader(header, true))
  view.setUint32(segmentHeaderBytes, dataKey, true)
  bytes.set(salt, saltAt)
  key.encrypt(bytes, noText, bytes.subarray(0, sealAt))
  view.setUint32(checksumAt, crc32(bytes.subarray(segmentHeaderBytes, checksumAt)), true)
  return { bytes, key }
}

/** Undefined of a log that is not encrypted. Errors: `corrupt`. */
export function keyOfSegment(header: DecodedHeader, encryption: Encryption | undefined): FileKey | undefined {
  const damaged = (at: number, what: string): LogError => corrupt(header.segment, at, what)
  if (!header.isEncrypted) {
    if (encryption === undefined) return undefined
    throw damaged(4, 'the segment is not encrypted, and everything in its directory is')
  }
  if (encryption === undefined) throw damaged(4, 'the segment is encrypted, and nothing else of its directory is')
  const { bytes } = header
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const isWhole = bytes.length >= checksumAt + 4
  if (!isWhole || crc32(bytes.subarray(segmentHeaderBytes, checksumAt)) !== view.getUint32(checksumAt, true)) {
    throw damaged(segmentHeaderBytes, 'the header of the segment is not valid')
  }
  const origin: KeyOrigin = { dataKey: view.getUint32(segmentHeaderBytes, true), salt: bytes.slice(saltAt, sealAt) }
  const key = encryption.keyOf(origin, purposeOf(header))
  if (key === undefined) throw damaged(segmentHeaderBytes, `KEYS, as it was read, has no data key ${origin.dataKey}`)
  if (key.decrypt(bytes, noText, bytes.subarray(0, sealAt)) === undefined) {
    throw damaged(0, 'the header of the segment is not what was written')
  }
  return key
}

function purposeOf({ databaseId, segment }: SegmentHeader): string {
  return `log ${Buffer.from(databaseId).toString('hex')} ${segment}`
}
