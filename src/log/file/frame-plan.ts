/**
 * How a batch becomes frames: whole records together as long as a frame takes them, a large record in parts of its own, and
 * what belongs to a staged transaction always in parts.
 */
import type { AppendBatch } from '../commit-log.ts'
import { padded, partHeaderBytes } from './frame.ts'

export interface PlannedFrame {
  /** Of the batch's bytes. */
  readonly start: number
  readonly end: number
  /** That complete in this frame. */
  readonly transactions: number
  /** Of a part: the piece that it belongs to. */
  readonly piece: PlannedPiece | undefined
}

/** A piece of a large transaction: where it lies in the bytes at hand. */
export interface PlannedPiece {
  readonly start: number
  readonly end: number
  readonly group: bigint
  /** Not the transaction's first. */
  readonly later: boolean
  /** The transaction's last. */
  readonly last: boolean
}

/** Records larger than `partBytes` go in parts of that size; so a frame stays within twice as much. */
export function planFrames(batch: AppendBatch, partBytes: number, newGroup: () => bigint): PlannedFrame[] {
  const { length, count, stagedAs } = batch
  if (stagedAs !== undefined)
    return planPiece({ start: 0, end: length, group: stagedAs, later: true, last: true }, partBytes)
  if (length <= partBytes) return [{ start: 0, end: length, transactions: count, piece: undefined }]
  const frames: PlannedFrame[] = []
  let first = 0
  for (let i = 0; i < batch.count; i++) {
    const start = batch.offsets[i]!
    const end = recordEnd(batch, i)
    const large = end - start > partBytes
    if (i > first && (large || end - batch.offsets[first]! > partBytes)) {
      frames.push(whole(batch, first, i))
      first = i
    }
    if (!large) continue
    frames.push(...planPiece({ start, end, group: newGroup(), later: false, last: true }, partBytes))
    first = i + 1
  }
  if (first < batch.count) frames.push(whole(batch, first, batch.count))
  return frames
}

/** What the frame takes in a segment; `headerBytes` as `headerBytesWith`. */
export function sizeOf(frame: PlannedFrame, headerBytes: number): number {
  const part = frame.piece === undefined ? 0 : partHeaderBytes
  return padded(headerBytes + part + frame.end - frame.start)
}

/** How many segments of `capacity` bytes the frames need beside the `room` that is left in the one that is open. */
export function segmentsNeeded(
  frames: readonly PlannedFrame[],
  headerBytes: number,
  room: number,
  capacity: number,
): number {
  let needed = 0
  for (const frame of frames) {
    const size = sizeOf(frame, headerBytes)
    if (size > room) {
      needed++
      room = capacity
    }
    room -= size
  }
  return needed
}

function recordEnd(batch: AppendBatch, i: number): number {
  return i + 1 < batch.count ? batch.offsets[i + 1]! : batch.length
}

function whole(batch: AppendBatch, first: number, stop: number): PlannedFrame {
  return {
    start: batch.offsets[first]!,
    end: recordEnd(batch, stop - 1),
    transactions: stop - first,
    piece: undefined,
  }
}

/** The parts of a piece. */
export function planPiece(piece: PlannedPiece, partBytes: number): PlannedFrame[] {
  const frames: PlannedFrame[] = []
  for (let at = piece.start; at < piece.end; at += partBytes) {
    const stop = Math.min(piece.end, at + partBytes)
    frames.push({ start: at, end: stop, transactions: piece.last && stop === piece.end ? 1 : 0, piece })
  }
  return frames
}
