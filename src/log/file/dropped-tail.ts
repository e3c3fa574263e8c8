/**
 * What lies where the log ends, when it was meant to be the next frame and is none: said to who opens the log, because a
 * frame that was written whole and is damaged may have been acknowledged, and nothing later vouches for it.
 *
 *  - `torn`: some of the frame's sectors are empty. They were never written: a crash cut the frame off.
 *  - `damaged`: all of its sectors are there, and the checksum does not match. In a fresh segment that is damage; in a
 *    recycled one the missing sectors of a torn frame show bytes of an earlier life, so it may be a crash all the same.
 *
 * Bytes of an earlier life are no dropped frame. What was meant to come next shows by its first sequence, which no
 * earlier frame has; or, where just that is damaged, by a checksum that matches once it is put right.
 */
import { crc32 } from 'node:zlib'
import type { File } from '../../host/host.ts'
import type { Sequence } from '../commit-log.ts'
import {
  frameHeaderBytes,
  type FrameSegment,
  maxFrameBytes,
  padded,
  plausibleFrameLength,
  sectorBytes,
} from './frame.ts'
import { readU64, writeU64 } from './position.ts'

export interface DroppedTail {
  /** Of the segment's file. */
  readonly path: string
  readonly offset: number
  readonly bytes: number
  readonly kind: 'torn' | 'damaged'
}

export interface EndOfLog {
  readonly path: string
  readonly segment: FrameSegment
  /** Where the last valid frame ends. */
  readonly offset: number
  /** Of the file. */
  readonly size: number
  /** The first sequence of a frame that would follow. */
  readonly next: Sequence
  /** Where the last of the valid frames ends that lie behind a gap and are dropped with it. */
  readonly staleEnd: number
}

export async function findDroppedTail(file: File, end: EndOfLog): Promise<DroppedTail | undefined> {
  const { path, offset, size: fileBytes, staleEnd } = end
  const header = await bytesAt(file, offset, sectorBytes)
  if (header.length < frameHeaderBytes || isEmpty(header)) {
    return staleEnd > offset ? { path, offset, bytes: staleEnd - offset, kind: 'torn' } : undefined
  }
  const bytes = await bytesAt(file, offset, Math.min(maxFrameBytes, fileBytes - offset))
  const view = new DataView(bytes.buffer)
  const length = plausibleFrameLength(bytes, view, 0, bytes.length, end.segment.key)
  const isNext = readU64(view, 8) === end.next
  if (!isNext && staleEnd === offset && !matchesWithFirst(bytes, view, length, end)) return undefined
  const size = length === 0 ? filledLength(bytes) : length
  const kind = hasEmptySector(bytes, size) ? 'torn' : 'damaged'
  return { path, offset, bytes: Math.max(size, staleEnd - offset), kind }
}

async function bytesAt(file: File, offset: number, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length)
  return bytes.slice(0, await file.readAt(offset, bytes))
}

/** Whether the frame would be whole if it named the sequence that comes next. */
function matchesWithFirst(bytes: Uint8Array, view: DataView, length: number, { segment, next }: EndOfLog): boolean {
  if (length === 0) return false
  const repaired = bytes.slice(0, length)
  writeU64(new DataView(repaired.buffer), 8, next)
  return crc32(repaired.subarray(4), segment.number) === view.getUint32(0, true)
}

/** Up to the first empty sector. */
function filledLength(bytes: Uint8Array): number {
  for (let at = 0; at < bytes.length; at += sectorBytes) {
    if (isEmpty(bytes.subarray(at, at + sectorBytes))) return at
  }
  return bytes.length
}

function hasEmptySector(bytes: Uint8Array, length: number): boolean {
  return filledLength(bytes.subarray(0, padded(length))) < length
}

function isEmpty(bytes: Uint8Array): boolean {
  for (let at = 0; at < bytes.length; at++) if (bytes[at] !== 0) return false
  return true
}
