/**
 * How a batch becomes frames: whole records together as long as a frame takes them, a large record in parts of its own.
 */
import type { AppendBatch } from '../commit-log.ts'
import { frameHeaderBytes, padded, partHeaderBytes } from './frame.ts'

export interface PlannedFrame {
  /** Of the batch's bytes. */
  readonly start: number
  readonly end: number
  /** That complete in this frame. */
  readonly transactions: number
  /** Of a part: where its record lies in the batch. */
  readonly record: { readonly start: number; readonly end: number } | undefined
}

/** Records larger than `partBytes` go in parts of that size; so a frame stays within twice as much. */
export function planFrames(batch: AppendBatch, partBytes: number): PlannedFrame[] {
  if (batch.length <= partBytes) return [{ start: 0, end: batch.length, transactions: batch.count, record: undefined }]
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
    pushParts(frames, start, end, partBytes)
    first = i + 1
  }
  if (first < batch.count) frames.push(whole(batch, first, batch.count))
  return frames
}

/** What the frame takes in a segment. */
export function sizeOf(frame: PlannedFrame): number {
  const part = frame.record === undefined ? 0 : partHeaderBytes
  return padded(frameHeaderBytes + part + frame.end - frame.start)
}

/** How many segments of `capacity` bytes the frames need beside the `room` that is left in the one that is open. */
export function segmentsNeeded(frames: readonly PlannedFrame[], room: number, capacity: number): number {
  let needed = 0
  for (const frame of frames) {
    const size = sizeOf(frame)
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
    record: undefined,
  }
}

function pushParts(frames: PlannedFrame[], start: number, end: number, partBytes: number): void {
  for (let at = start; at < end; at += partBytes) {
    const stop = Math.min(end, at + partBytes)
    frames.push({ start: at, end: stop, transactions: stop === end ? 1 : 0, record: { start, end } })
  }
}
