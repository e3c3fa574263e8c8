/**
 * A frame: one group commit, or a part of one large transaction (little endian). Frames start at multiples of 512 bytes
 * and are padded with zeros to the next, so that no write touches a sector that holds a synced frame.
 *
 *    0  checksum u32            CRC-32 of bytes 4…length, started from the segment's number: the bytes of a recycled
 *                               segment's earlier life never pass
 *    4  length u32              of the frame, its header included, its padding not
 *    8  first sequence u64      of the first transaction that completes here; in a part that is not the last: of the next
 *                               one that will complete
 *   16  clock u64               hybrid logical clock: 48 bits of milliseconds, 16 logical
 *   24  synced offset u64       the position (segment × 2³² + offset) known durable when the frame was built
 *   32  term u32                the leader's epoch; it never falls along the log
 *   36  transactions u32        that complete here: 0 in a part that is not the last, 1 in the last
 *   40  version u8              1; 2: encrypted, see below
 *   41  flags u8                bit 0: a part · bit 1: the last part · bit 2: of a piece that is not the first · bit 3: the
 *                               transaction is given up, and the part has no bytes
 *   42  zero u16
 *   44  payload                 whole records one after another (`record.ts`), or, of a part:
 *
 *   44  group u64               the same in all parts of a transaction, never used again
 *   52  offset u32              of these bytes in their piece
 *   56  piece length u32        of the whole piece
 *   60  bytes
 *
 * An encrypted frame has 28 bytes more in its header, nonce and tag, and its payload is encrypted, the part's header
 * included. The header and the offset of the frame are its context: it passes nowhere else. The checksum is one of the
 * encrypted bytes, and says the same as ever: whether the frame was written as a whole. One that was, and does not decrypt,
 * has been changed on purpose.
 *
 *   44  nonce and tag           12 and 16 bytes
 *   72  payload
 *
 * A large transaction is one piece, which is its record, or several: each is a record with some of its operations, so that
 * nobody has to hold all of it. Pieces are written while the transaction is still being encoded, among other frames.
 *
 * Invariant: a frame that decodes says exactly where its records are; nothing above it checks lengths again.
 */
import { crc32 } from 'node:zlib'
import { type FileKey, sealBytes, type UnitPlace } from '../../host/encrypted/encryption.ts'
import type { Sequence } from '../commit-log.ts'
import { corrupt } from './damage.ts'
import { readVarint, varintSize } from '../varint.ts'
import { type LogPosition, positionOf, readU64, writeU64 } from './position.ts'

export const sectorBytes = 512
export const frameHeaderBytes = 44
export const partHeaderBytes = 16
/** What a reader must be ready to hold; writers stay below it. */
export const maxFrameBytes: number = 2 * 1024 * 1024

const plainVersion = 1
const encryptedVersion = 2
const partFlag = 1
const lastPartFlag = 2
const laterPieceFlag = 4
const abandonedFlag = 8

export interface Frame {
  readonly offset: number
  readonly length: number
  readonly checksum: number
  readonly first: Sequence
  readonly transactions: number
  readonly clock: bigint
  readonly syncedOffset: LogPosition
  readonly term: number
  readonly part: FramePart | undefined
  /** Whole records, or the bytes of the part. A view of the bytes that were decoded, or their text. */
  readonly payload: Uint8Array
  /** The whole frame without its padding; a view as well. */
  readonly bytes: Uint8Array
}

export interface FramePart {
  readonly group: bigint
  /** Of the bytes in their piece. */
  readonly offset: number
  readonly pieceLength: number
  /** Of the transaction. */
  readonly last: boolean
  /** Its piece is not the transaction's first. */
  readonly later: boolean
  /** Nothing more comes of the transaction, and nothing is left of it. */
  readonly abandoned: boolean
}

/** What a writer knows of a frame beside its payload. */
export interface FrameHead {
  readonly first: Sequence
  readonly transactions: number
  readonly clock: bigint
  readonly syncedOffset: LogPosition
  readonly term: number
}

export function padded(length: number): number {
  return Math.ceil(length / sectorBytes) * sectorBytes
}

/** Of the header of a frame in a segment with this key. */
export function headerBytesWith(key: FileKey | undefined): number {
  return key === undefined ? frameHeaderBytes : frameHeaderBytes + sealBytes
}

/** The segment that a frame is in, as far as its bytes depend on it. */
export interface FrameSegment {
  readonly number: number
  readonly key: FileKey | undefined
}

/**
 * Seals the frame whose payload (with the part's header, if any) already stands behind the room for its header at `at`:
 * encrypts it, where the segment has a key, and writes header, padding and checksum. Returns the checksum. `bytes` must have
 * room up to the padding's end; `offset` is the frame's place in the segment.
 */
export function sealFrame(
  bytes: Uint8Array,
  view: DataView,
  at: number,
  payloadBytes: number,
  { number, key }: FrameSegment,
  offset: number,
  head: FrameHead,
  flags: number,
): number {
  const length = headerBytesWith(key) + payloadBytes
  view.setUint32(at + 4, length, true)
  writeU64(view, at + 8, head.first)
  view.setBigUint64(at + 16, head.clock, true)
  writeU64(view, at + 24, head.syncedOffset)
  view.setUint32(at + 32, head.term, true)
  view.setUint32(at + 36, head.transactions, true)
  bytes[at + 40] = key === undefined ? plainVersion : encryptedVersion
  bytes[at + 41] = flags
  view.setUint16(at + 42, 0, true)
  bytes.fill(0, at + length, at + padded(length))
  key?.encrypt(bytes, payloadPlace(at, length), contextOf(bytes, at, offset))
  const checksum = crc32(bytes.subarray(at + 4, at + length), number)
  view.setUint32(at, checksum, true)
  return checksum
}

function payloadPlace(at: number, length: number): UnitPlace {
  const sealAt = at + frameHeaderBytes
  return { sealAt, start: sealAt + sealBytes, end: at + length }
}

/** What an encrypted frame must be found with: its header but for the checksum, and its place. */
function contextOf(bytes: Uint8Array, at: number, offset: number): Uint8Array {
  const context = new Uint8Array(frameHeaderBytes)
  context.set(bytes.subarray(at + 4, at + frameHeaderBytes), 4)
  new DataView(context.buffer).setUint32(0, offset, true)
  return context
}

/** Writes the header that leads a part's bytes, at the start of its payload, and returns the frame's flags. */
export function writePartHeader(view: DataView, at: number, part: FramePart): number {
  view.setBigUint64(at, part.group, true)
  view.setUint32(at + 8, part.offset, true)
  view.setUint32(at + 12, part.pieceLength, true)
  const flags = partFlag | (part.last ? lastPartFlag : 0) | (part.later ? laterPieceFlag : 0)
  return part.abandoned ? flags | abandonedFlag : flags
}

/**
 * The length of the frame that seems to start at `at`, of which at least the header must be in `bytes`; 0 where none can.
 * Cheap, and no proof: `decodeFrame` checks.
 */
export function plausibleFrameLength(
  bytes: Uint8Array,
  view: DataView,
  at: number,
  room: number,
  key: FileKey | undefined,
): number {
  const length = view.getUint32(at + 4, true)
  if (length <= headerBytesWith(key) || length > maxFrameBytes || length > room) return 0
  const version = key === undefined ? plainVersion : encryptedVersion
  return bytes[at + 40] === version && view.getUint16(at + 42, true) === 0 ? length : 0
}

/**
 * The frame of `length` bytes at `at`, which lies at `offset` of its segment; undefined where it is not valid. Errors:
 * `corrupt` where it is whole, and not what was encrypted.
 */
export function decodeFrame(
  bytes: Uint8Array,
  view: DataView,
  at: number,
  length: number,
  { number, key }: FrameSegment,
  offset: number,
): Frame | undefined {
  const checksum = view.getUint32(at, true)
  if (crc32(bytes.subarray(at + 4, at + length), number) !== checksum) return undefined
  const text =
    key === undefined ? undefined : key.decrypt(bytes, payloadPlace(at, length), contextOf(bytes, at, offset))
  if (key !== undefined && text === undefined) throw corrupt(number, offset, 'this frame is not what was encrypted')
  const body = text ?? bytes.subarray(at + frameHeaderBytes, at + length)
  const first = readU64(view, at + 8)
  const syncedOffset = readU64(view, at + 24)
  const transactions = view.getUint32(at + 36, true)
  const flags = bytes[at + 41]!
  if (first < 1 || syncedOffset < 0 || syncedOffset > positionOf(number, offset)) return undefined
  const part = (flags & partFlag) === 0 ? undefined : decodePart(body, flags)
  if (part === undefined ? flags !== 0 || transactions === 0 : transactions !== (part.last ? 1 : 0)) return undefined
  return {
    offset,
    length,
    checksum,
    first,
    transactions,
    clock: view.getBigUint64(at + 16, true),
    syncedOffset,
    term: view.getUint32(at + 32, true),
    part,
    payload: part === undefined ? body : body.subarray(partHeaderBytes),
    bytes: bytes.subarray(at, at + length),
  }
}

function decodePart(body: Uint8Array, flags: number): FramePart | undefined {
  const size = body.length - partHeaderBytes
  if (size < 0 || flags > (partFlag | lastPartFlag | laterPieceFlag | abandonedFlag)) return undefined
  const view = new DataView(body.buffer, body.byteOffset, partHeaderBytes)
  const offset = view.getUint32(8, true)
  const pieceLength = view.getUint32(12, true)
  const last = (flags & lastPartFlag) !== 0
  const later = (flags & laterPieceFlag) !== 0
  const abandoned = (flags & abandonedFlag) !== 0
  const group = view.getBigUint64(0, true)
  if (abandoned) {
    const isBare = size === 0 && offset === 0 && pieceLength === 0 && !last
    return isBare ? { group, offset, pieceLength, last, later, abandoned } : undefined
  }
  if (size === 0 || (last ? offset + size !== pieceLength : offset + size > pieceLength)) return undefined
  return { group, offset, pieceLength, last, later, abandoned }
}

/** Where the records of a payload start; undefined where `count` records do not fill it exactly. */
export function recordOffsets(payload: Uint8Array, count: number): Uint32Array | undefined {
  // A record has at least five bytes: what claims more is not worth an array.
  if (count > payload.length) return undefined
  const offsets = new Uint32Array(count)
  let at = 0
  for (let i = 0; i < count; i++) {
    offsets[i] = at
    const body = readVarint(payload, at, payload.length)
    if (body < 0) return undefined
    at += varintSize(body) + body
    if (at > payload.length) return undefined
  }
  return at === payload.length ? offsets : undefined
}
