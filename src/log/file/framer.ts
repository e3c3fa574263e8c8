/**
 * The end of the log as far as it is framed: gives each frame its place, its sequence and its checksum, and keeps what
 * memory knows of the segments in step with what will be on the disk.
 */
import type { AppendBatch, Sequence } from '../commit-log.ts'
import { type FramePart, sectorBytes } from './frame.ts'
import type { FrameBuffer } from './frame-buffer.ts'
import type { PlannedFrame } from './frame-plan.ts'
import { OpenGroups } from './parts.ts'
import { type LogPosition, positionOf } from './position.ts'
import type { SegmentHeader } from './segment-header.ts'
import { Segment } from './segment.ts'

/** A place to go back to, within the segment that is open. */
export interface FramerMark {
  readonly segment: Segment
  readonly offset: number
  readonly checksum: number
  readonly end: Sequence
}

export class Framer {
  term: number
  /** The last sequence that completes in a frame. */
  end: Sequence
  private readonly segments: Segment[]
  private groups = new OpenGroups()
  private nextGroup = 0

  constructor(segments: Segment[], term: number) {
    this.segments = segments
    this.term = term
    this.end = this.active.last
  }

  /** The segment that takes frames. */
  get active(): Segment {
    return this.segments.at(-1)!
  }

  /** Where the next frame goes. */
  get position(): LogPosition {
    return positionOf(this.active.number, this.active.end)
  }

  get roomBytes(): number {
    return this.active.sizeBytes - this.active.end
  }

  /** Frames a piece of the batch into `buffer`, whose end is that of the segment. */
  add(buffer: FrameBuffer, batch: AppendBatch, planned: PlannedFrame, syncedOffset: LogPosition): void {
    const { active, term } = this
    const offset = active.end
    const first = this.end + 1
    const { transactions } = planned
    const part = this.partOf(planned)
    const payload = batch.bytes.subarray(planned.start, planned.end)
    const head = { first, transactions, clock: batch.clock, syncedOffset, term }
    const checksum = buffer.add(active.number, head, payload, part)
    active.extend(offset, buffer.end, first, transactions, checksum, part !== undefined)
    this.end = active.last
    if (part === undefined) return
    // A reader that starts in a later segment must know of the group, and its segments must stay as long as it is read.
    active.neededThrough = Math.max(active.neededThrough, first)
    this.groups.add(active.number, { part, term, offset }, payload.length)
  }

  mark(): FramerMark {
    const { active, end } = this
    return { segment: active, offset: active.end, checksum: active.lastChecksum, end }
  }

  /** Forgets the frames since the mark, which is that of a batch's beginning. */
  goBack(mark: FramerMark): void {
    const { segment, offset, checksum, end } = mark
    segment.forgetFrom(offset)
    segment.end = offset
    segment.lastChecksum = checksum
    segment.last = this.end = end
    this.groups = new OpenGroups()
  }

  /** The header of the segment after this one. */
  nextHeader(databaseId: Uint8Array, nowMs: number): SegmentHeader {
    return {
      databaseId,
      segment: this.active.number + 1,
      firstSequence: this.end + 1,
      createdMs: Math.max(0, Math.floor(nowMs)),
      previousChecksum: this.active.lastChecksum,
    }
  }

  begin(header: SegmentHeader, sizeBytes: number): void {
    const { segment, firstSequence } = header
    this.segments.push(new Segment(segment, firstSequence, sizeBytes, sectorBytes, this.groups.copy()))
  }

  private partOf(planned: PlannedFrame): FramePart | undefined {
    const { record } = planned
    if (record === undefined) return undefined
    if (planned.start === record.start) this.nextGroup++
    return {
      group: (BigInt(this.term) << 32n) | BigInt(this.nextGroup),
      offset: planned.start - record.start,
      recordLength: record.end - record.start,
      last: planned.end === record.end,
    }
  }
}
