/**
 * The end of the log as far as it is framed: gives each frame its place, its sequence and its checksum, and keeps what
 * memory knows of the segments in step with what will be on the disk.
 */
import { assert } from '../../base/errors.ts'
import type { AppendBatch, Sequence } from '../commit-log.ts'
import { type FramePart, sectorBytes } from './frame.ts'
import type { FrameBuffer } from './frame-buffer.ts'
import type { PlannedFrame } from './frame-plan.ts'
import { noteNeeded, OpenGroups } from './parts.ts'
import { type LogPosition, positionOf } from './position.ts'
import type { OpenedHeader } from './segment-encryption.ts'
import type { SegmentHeader } from './segment-header.ts'
import { Segment } from './segment.ts'

/** A place to go back to, within the segment that is open. */
export interface FramerMark {
  readonly segment: Segment
  readonly offset: number
  readonly checksum: number
  readonly end: Sequence
  readonly groups: OpenGroups
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

  /** The segment before which no transaction needs any that is not whole yet. */
  get lowestOpenSegment(): number {
    return this.groups.lowestSegment()
  }

  /** Whether something of the transaction is in the log, and more may follow. */
  isOpen(group: bigint): boolean {
    return this.groups.has(group)
  }

  /** The next leader's. What the one before has not finished is nobody's. */
  enterTerm(): void {
    this.groups.enterTerm(++this.term)
  }

  /** The number of a large transaction. */
  newGroup(): bigint {
    return (BigInt(this.term) << 32n) | BigInt(++this.nextGroup)
  }

  /** Frames a piece of the batch into `buffer`, whose end is that of the segment. */
  add(buffer: FrameBuffer, batch: FramedBytes, planned: PlannedFrame, syncedOffset: LogPosition): void {
    const payload = batch.bytes.subarray(planned.start, planned.end)
    this.frame(buffer, {
      payload,
      transactions: planned.transactions,
      part: partOf(planned),
      clock: batch.clock,
      syncedOffset,
    })
  }

  /** Frames that nothing more comes of a transaction. */
  addAbandoned(buffer: FrameBuffer, group: bigint, clock: bigint, syncedOffset: LogPosition): void {
    const part = { group, offset: 0, pieceLength: 0, last: false, later: false, abandoned: true }
    this.frame(buffer, { payload: new Uint8Array(0), transactions: 0, part, clock, syncedOffset })
  }

  private frame(buffer: FrameBuffer, { payload, transactions, part, clock, syncedOffset }: FrameContent): void {
    const { active, term } = this
    const offset = active.end
    const first = this.end + 1
    const checksum = buffer.add(active, { first, transactions, clock, syncedOffset, term }, payload, part)
    active.extend(offset, buffer.end, first, transactions, checksum, part !== undefined || this.groups.size > 0)
    this.end = active.last
    if (part === undefined) return
    // A reader that starts in a later segment must know of the group, and its segments must stay as long as it is read.
    const group = this.groups.add(active.number, { part, term, offset }, payload.length)
    if (group === undefined || group === 'damaged') return
    assert(group.places[0]!.segment >= this.segments[0]!.number, 'the beginning of an open transaction was trimmed')
    noteNeeded(group, first, this.segments)
  }

  mark(): FramerMark {
    const { active, end } = this
    const groups = this.groups.size === 0 ? noGroups : this.groups.copy()
    return { segment: active, offset: active.end, checksum: active.lastChecksum, end, groups }
  }

  /** Forgets the frames since the mark, which is that of a batch's beginning. */
  goBack(mark: FramerMark): void {
    const { segment, offset, checksum, end, groups } = mark
    segment.forgetFrom(offset)
    segment.end = offset
    segment.lastChecksum = checksum
    segment.last = this.end = end
    this.groups = groups.copy()
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

  begin({ segment, firstSequence, key }: OpenedHeader, sizeBytes: number): void {
    this.segments.push(new Segment(segment, firstSequence, sizeBytes, sectorBytes, this.groups.copy(), key))
  }
}

const noGroups = new OpenGroups()

interface FrameContent {
  readonly payload: Uint8Array
  readonly transactions: number
  readonly part: FramePart | undefined
  readonly clock: bigint
  readonly syncedOffset: LogPosition
}

/** What frames are made of: bytes, and the clock of those who wrote them. */
export type FramedBytes = Pick<AppendBatch, 'bytes' | 'clock'>

function partOf({ start, end, piece }: PlannedFrame): FramePart | undefined {
  if (piece === undefined) return undefined
  const { group, later } = piece
  const last = piece.last && end === piece.end
  return { group, offset: start - piece.start, pieceLength: piece.end - piece.start, last, later, abandoned: false }
}
