/**
 * What an opened folder holds: scans every segment from its header to the first frame that is not valid.
 *
 * What ends a segment:
 *  - a later segment follows. It was begun only when this one was whole and synced, and its header names this one's last
 *    frame and the next sequence. Where they agree the segment is whole, else it is damaged where the scan stopped.
 *  - it is the last. Then the scan stopped at a torn tail, unless a later valid frame here says (by its synced offset)
 *    that the bytes at which the scan stopped were durable once: that is corruption, and it is never skipped.
 *
 * Valid frames beyond a torn tail are stale: they are reported, to be erased before anything is appended, so that they
 * cannot follow a new frame by accident. A single bad frame at the very end cannot be told from a torn tail: it goes, and
 * who opens the log is told (`dropped-tail.ts`).
 */
import { PolylogError } from '../../base/errors.ts'
import type { File } from '../../host/host.ts'
import { LogError, type Sequence } from '../commit-log.ts'
import { type DroppedTail, findDroppedTail } from './dropped-tail.ts'
import { type Frame, type FramePart, padded, recordOffsets, sectorBytes } from './frame.ts'
import { FrameScanner } from './frame-scanner.ts'
import { noteNeeded, OpenGroups } from './parts.ts'
import { type LogPosition, maxSegment, offsetOf, positionOf, segmentOf } from './position.ts'
import { decodeSegmentHeader, type SegmentHeader, segmentHeaderBytes } from './segment-header.ts'
import type { SegmentFiles } from './segment-files.ts'
import { Segment, segmentName, segmentNumber } from './segment.ts'

export interface Recovered {
  readonly segments: Segment[]
  readonly end: Sequence
  readonly term: number
  /** Transactions before it have lost their beginning to `trim`. */
  readonly oldest: Sequence
  /** Offset in the last segment from which on bytes may have been written and never synced. */
  readonly unsyncedFrom: number
  /** Sectors of stale frames in the last segment. */
  readonly staleSectors: number[]
  /** What was meant to be a part of the log and is none. */
  readonly dropped: DroppedTail | undefined
}

export async function recover(
  files: SegmentFiles,
  names: readonly string[],
  databaseId: Uint8Array,
): Promise<Recovered> {
  const recovery = new Recovery(files, databaseId)
  const numbers = names.map(segmentNumber).filter((number) => number !== undefined)
  for (const number of numbers) await recovery.segment(number)
  return recovery.finish()
}

export function corrupt(segment: number, offset: number, what: string): LogError {
  const position = `${segmentName(segment)}+${offset}`
  return new LogError('corrupt', `the log is damaged at ${position}: ${what}`, { position })
}

class Recovery {
  private readonly files: SegmentFiles
  private readonly databaseId: Uint8Array
  private readonly segments: Segment[] = []
  private readonly groups = new OpenGroups()
  private end: Sequence = 0
  private term = 0
  private oldest: Sequence = 1
  private synced: LogPosition = 0
  private staleSectors: number[] = []
  private staleEnd = 0
  private dropped: DroppedTail | undefined
  /** The torn tail of the last segment, to be judged by whether another segment follows. */
  private damage: LogError | undefined

  constructor(files: SegmentFiles, databaseId: Uint8Array) {
    this.files = files
    this.databaseId = databaseId
  }

  async segment(number: number): Promise<void> {
    const file = await this.files.openForReading(number)
    try {
      const size = await file.size()
      const header = await this.header(file, number)
      this.link(header)
      this.checkSize(number, size)
      const sizeBytes = Math.floor(Math.min(size, 0xffffffff) / sectorBytes) * sectorBytes
      const segment = new Segment(number, header.firstSequence, sizeBytes, sectorBytes, this.groups.copy())
      this.segments.push(segment)
      await this.frames(new FrameScanner(file, number), segment, size)
      this.dropped = await findDroppedTail(file, {
        path: `${this.files.folder}/${segmentName(number)}`,
        segment: number,
        offset: segment.end,
        size,
        next: this.end + 1,
        staleEnd: this.staleEnd,
      })
    } finally {
      await file.close()
    }
  }

  /** A segment is allocated as a whole before it gets its name. */
  private checkSize(number: number, size: number): void {
    const noted = this.files.notedNewest
    if (noted?.number !== number || size >= noted.sizeBytes) return
    throw corrupt(number, size, `the file ends here, after ${size} of ${noted.sizeBytes} bytes`)
  }

  finish(): Recovered {
    if (this.damage !== undefined) throw this.damage
    const { segments, end, term, oldest, staleSectors } = this
    const last = segments.at(-1)
    const unsyncedFrom =
      last !== undefined && segmentOf(this.synced) === last.number ? offsetOf(this.synced) : sectorBytes
    return { segments, end, term, oldest, staleSectors, unsyncedFrom, dropped: this.dropped }
  }

  private async header(file: File, number: number): Promise<SegmentHeader> {
    let header = await readHeader(file)
    // A bit may flip on its way from the disk: what is damaged on the disk is so twice.
    if (header === 'damaged') header = await readHeader(file)
    if (header === 'newer')
      throw new PolylogError('data_newer', `${segmentName(number)} is of a newer version of Polylog`)
    if (header === 'damaged') throw corrupt(number, 0, 'the header of the segment is not valid')
    if (header.segment !== number) throw corrupt(number, 24, `the header is that of segment ${header.segment}`)
    if (Buffer.compare(header.databaseId, this.databaseId) !== 0) {
      throw corrupt(number, 8, 'the segment belongs to another database')
    }
    return header
  }

  /** Proves that the segment before this one is whole. */
  private link(header: SegmentHeader): void {
    const previous = this.segments.at(-1)
    if (previous === undefined) {
      this.end = header.firstSequence - 1
      this.oldest = header.firstSequence
      return
    }
    if (header.segment !== previous.number + 1) {
      throw corrupt(previous.number + 1, 0, `the segment is missing, and ${segmentName(header.segment)} is there`)
    }
    if (header.previousChecksum !== previous.lastChecksum || header.firstSequence !== this.end + 1) {
      throw corrupt(
        previous.number,
        previous.end,
        'the next segment follows another frame than the last valid one here',
      )
    }
    // A later valid frame beyond the last one that the next header names is nobody's.
    this.damage = undefined
    this.dropped = undefined
    this.staleSectors = []
  }

  private async frames(scanner: FrameScanner, segment: Segment, size: number): Promise<void> {
    for (;;) {
      const frame = await scanner.frameAgain(segment.end, size)
      if (frame === undefined || !this.follows(frame)) break
      this.take(segment, frame)
    }
    await this.judgeTail(scanner, segment, size)
  }

  private follows(frame: Frame): boolean {
    return frame.first === this.end + 1 && frame.term >= this.term && frame.syncedOffset >= this.synced
  }

  private take(segment: Segment, frame: Frame): void {
    const wasOpen = this.groups.size > 0
    this.groups.enterTerm(frame.term)
    if (frame.part !== undefined) this.takePart(segment, frame, frame.part)
    else if (recordOffsets(frame.payload, frame.transactions) === undefined) {
      throw corrupt(segment.number, frame.offset, 'the frame does not hold the records that it counts')
    }
    const parts = wasOpen || frame.part !== undefined
    const end = frame.offset + padded(frame.length)
    segment.extend(frame.offset, end, frame.first, frame.transactions, frame.checksum, parts)
    this.end = segment.last
    this.term = frame.term
    this.synced = frame.syncedOffset
  }

  private takePart(segment: Segment, frame: Frame, part: FramePart): void {
    const { term, offset } = frame
    const group = this.groups.add(segment.number, { part, term, offset }, frame.payload.length)
    if (group === 'damaged') throw corrupt(segment.number, frame.offset, 'the parts of a transaction do not join')
    if (group === undefined) return
    if (group.orphan) this.oldest = Math.max(this.oldest, frame.first + 1)
    const first = this.segments[0]!.number
    noteNeeded(group, frame.first, (number, through) => {
      const needed = this.segments[number - first]!
      needed.neededThrough = Math.max(needed.neededThrough, through)
    })
  }

  private async judgeTail(scanner: FrameScanner, segment: Segment, size: number): Promise<void> {
    const bad = positionOf(segment.number, segment.end)
    let at = (this.staleEnd = segment.end)
    for (;;) {
      const frame = await scanner.findFrame(at, size)
      if (frame === undefined) return
      if (frame.syncedOffset > bad) {
        this.damage = corrupt(
          segment.number,
          segment.end,
          `no valid frame here, but the one at ${frame.offset} proves that this was durable`,
        )
        return
      }
      this.staleSectors.push(frame.offset)
      at = this.staleEnd = frame.offset + padded(frame.length)
    }
  }
}

async function readHeader(file: File): Promise<ReturnType<typeof decodeSegmentHeader>> {
  const bytes = new Uint8Array(segmentHeaderBytes)
  const read = await file.readAt(0, bytes)
  return decodeSegmentHeader(bytes.subarray(0, read))
}

export function assertSegmentNumber(segment: number): void {
  if (segment > maxSegment) throw new LogError('unavailable', 'the log has used up its segment numbers')
}
