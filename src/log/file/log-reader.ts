/**
 * Iterates over the durable batches of a file log: frame by frame, straight from the disk, with one chunk in memory.
 *
 * A large transaction is read piece by piece once its last part is met. The reader keeps the segments that it needs from
 * being trimmed: its own, and those where parts of large transactions lie.
 */
import type { File } from '../../host/host.ts'
import { type LogBatch, LogError, type ReadOptions, type Sequence } from '../commit-log.ts'
import type { Followers } from '../followers.ts'
import { type Frame, type FramePart, padded, recordOffsets, sectorBytes } from './frame.ts'
import { FrameScanner } from './frame-scanner.ts'
import { OpenGroups, type PartGroup } from './parts.ts'
import { type LogPosition, offsetOf, segmentOf } from './position.ts'
import { corrupt } from './damage.ts'
import type { SegmentFiles } from './segment-files.ts'
import type { Segment } from './segment.ts'

/** What a reader needs of the log that it reads. */
export interface ReadableLog {
  readonly files: SegmentFiles
  readonly syncedThrough: Sequence
  readonly syncedPosition: LogPosition
  readonly oldest: Sequence
  readonly closed: boolean
  /** In order of their numbers, without gaps. */
  readonly segments: readonly Segment[]
  readonly readers: Set<LogReader>
  readonly followers: Followers
}

export class LogReader {
  /** Segments before it are not needed by this reader. */
  lowestSegment: number
  private readonly log: ReadableLog
  private readonly from: Sequence
  private segment: Segment
  private file: File | undefined
  private scanner: FrameScanner | undefined
  private offset: number
  private groups: OpenGroups
  /** The rest of the large transaction that is being read. */
  private pieces: AsyncGenerator<LogBatch, void, undefined> | undefined

  constructor(log: ReadableLog, from: Sequence) {
    this.log = log
    this.from = from
    this.segment = segmentOfSequence(log.segments, from)
    const start = this.segment.startFor(from, sectorBytes)
    this.offset = start.offset
    this.groups = start.fromStart ? this.segment.openAtStart.copy() : new OpenGroups()
    this.lowestSegment = Math.min(this.segment.number, this.groups.lowestSegment())
  }

  async *batches(options: ReadOptions): AsyncGenerator<LogBatch, void, undefined> {
    const { log } = this
    const to = options.to ?? Infinity
    log.readers.add(this)
    try {
      for (;;) {
        const seen = log.followers.version
        const batch = await this.nextBatch()
        if (options.signal?.aborted) return
        if (batch !== undefined) {
          if (batch.first > to) return
          if (batch.last >= this.from) yield batch
          if (batch.last >= to && batch.continues !== true) return
        } else if (!options.follow || log.closed) return
        else await log.followers.next(seen, options.signal)
      }
    } finally {
      log.readers.delete(this)
      await this.pieces?.return()
      await this.file?.close()
    }
  }

  /** The next batch that is durable now; undefined where there is none yet. */
  private async nextBatch(): Promise<LogBatch | undefined> {
    for (;;) {
      const piece = await this.nextPiece()
      if (piece !== undefined) return piece
      if (this.offset < this.durableEnd()) {
        const frame = await this.frame()
        // The durable bytes of a batch whose other frames are on their way.
        if (frame.first + frame.transactions - 1 > this.log.syncedThrough) return undefined
        this.offset += padded(frame.length)
        if (frame.part === undefined) return this.wholeBatch(frame)
        this.takePart(frame)
      } else if (segmentOf(this.log.syncedPosition) > this.segment.number) await this.enterNext()
      else return undefined
    }
  }

  private durableEnd(): number {
    const { syncedPosition } = this.log
    const durable = segmentOf(syncedPosition)
    if (durable === this.segment.number) return offsetOf(syncedPosition)
    // A segment that was begun and has no frame yet comes after what is durable.
    return durable > this.segment.number ? this.segment.end : 0
  }

  private async frame(): Promise<Frame> {
    const { number } = this.segment
    if (this.scanner === undefined) {
      this.file = await this.log.files.openForReading(number)
      this.scanner = new FrameScanner(this.file, this.segment)
    }
    const frame = await this.scanner.frameAgain(this.offset, this.durableEnd())
    if (frame === undefined) throw corrupt(number, this.offset, 'a frame that was valid is not any more')
    return frame
  }

  private async enterNext(): Promise<void> {
    const next = this.log.segments.find((segment) => segment.number === this.segment.number + 1)
    if (next === undefined) throw new LogError('trimmed', 'the log was trimmed below a reader')
    await this.file?.close()
    this.file = this.scanner = undefined
    this.segment = next
    this.offset = sectorBytes
    this.lowestSegment = Math.min(next.number, this.groups.lowestSegment())
  }

  private wholeBatch(frame: Frame): LogBatch {
    const { first, transactions, term, clock, payload } = frame
    this.groups.enterTerm(frame.term)
    const offsets = recordOffsets(payload, transactions)
    if (offsets === undefined) throw corrupt(this.segment.number, frame.offset, 'records and their count disagree')
    return { first, last: first + transactions - 1, epoch: term, clock, bytes: payload, offsets }
  }

  private takePart(frame: Frame): void {
    const { clock, term, offset, first } = frame
    this.groups.enterTerm(term)
    const group = this.groups.add(this.segment.number, { part: frame.part!, term, offset }, frame.payload.length)
    if (group === 'damaged') throw corrupt(this.segment.number, offset, 'the parts of a transaction do not join')
    if (group === undefined || group.orphan || first < this.from) return
    this.pieces = this.piecesOf(group, { first, last: first, epoch: term, clock, offsets: new Uint32Array(1) })
  }

  private async nextPiece(): Promise<LogBatch | undefined> {
    if (this.pieces === undefined) return undefined
    const next = await this.pieces.next()
    if (next.done !== true) return next.value
    this.pieces = undefined
    this.lowestSegment = Math.min(this.segment.number, this.groups.lowestSegment())
    return undefined
  }

  /** Reads a large transaction back from where its parts lie. */
  private async *piecesOf(group: PartGroup, head: Omit<LogBatch, 'bytes'>): AsyncGenerator<LogBatch, void, undefined> {
    let piece = new Uint8Array(0)
    for await (const { segment, frame, part } of this.partsOf(group)) {
      if (part.offset === 0) piece = new Uint8Array(part.pieceLength)
      piece.set(frame.payload, part.offset)
      if (part.offset + frame.payload.length < part.pieceLength) continue
      if (recordOffsets(piece, 1) === undefined) throw corrupt(segment, frame.offset, 'not one whole record')
      yield { ...head, bytes: piece, continues: !part.last }
    }
  }

  private async *partsOf(group: PartGroup): AsyncGenerator<{ segment: number; frame: Frame; part: FramePart }> {
    for (const { segment, frameOffset } of group.places) {
      const file = await this.log.files.openForReading(segment)
      try {
        const held = this.log.segments.find(({ number }) => number === segment)!
        const limit = held.end
        const scanner = new FrameScanner(file, held)
        for (let offset = frameOffset; offset < limit;) {
          const frame = await scanner.frameAgain(offset, limit)
          if (frame === undefined) throw corrupt(segment, offset, 'a frame that was valid is not any more')
          const { part } = frame
          if (part?.group === group.group) {
            yield { segment, frame, part }
            if (part.last) return
          }
          offset += padded(frame.length)
        }
      } finally {
        await file.close()
      }
    }
  }
}

/** The segment in which `from` completes, or the last. */
function segmentOfSequence(segments: readonly Segment[], from: Sequence): Segment {
  return segments.find((segment) => segment.last >= from) ?? segments.at(-1)!
}
