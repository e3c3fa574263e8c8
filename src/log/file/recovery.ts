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
import { LogError, type Sequence } from '../commit-log.ts'
import { type DroppedTail, findDroppedTail } from './dropped-tail.ts'
import { padded, sectorBytes } from './frame.ts'
import { FrameScanner } from './frame-scanner.ts'
import { corrupt } from './damage.ts'
import { LogScan } from './log-scan.ts'
import { maxSegment, offsetOf, positionOf, segmentOf } from './position.ts'
import type { SegmentFiles } from './segment-files.ts'
import { type Segment, segmentName, segmentNumber } from './segment.ts'

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

class Recovery {
  private readonly files: SegmentFiles
  private readonly scan: LogScan
  private staleSectors: number[] = []
  private staleEnd = 0
  private dropped: DroppedTail | undefined
  /** The torn tail of the last segment, to be judged by whether another segment follows. */
  private damage: LogError | undefined

  constructor(files: SegmentFiles, databaseId: Uint8Array) {
    this.files = files
    this.scan = new LogScan(databaseId, files.encryption)
  }

  async segment(number: number): Promise<void> {
    const file = await this.files.openForReading(number)
    try {
      const size = await file.size()
      const segment = this.scan.begin(await this.scan.readHeader(file, number), size)
      // A later valid frame beyond the last one that this header names is nobody's.
      this.damage = undefined
      this.dropped = undefined
      this.staleSectors = []
      this.checkSize(number, size)
      await this.frames(new FrameScanner(file, segment), segment, size)
      this.dropped = await findDroppedTail(file, {
        path: `${this.files.folder}/${segmentName(number)}`,
        segment,
        offset: segment.end,
        size,
        next: this.scan.end + 1,
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
    const { segments, end, term, oldest, synced } = this.scan
    const last = segments.at(-1)
    const unsyncedFrom = last !== undefined && segmentOf(synced) === last.number ? offsetOf(synced) : sectorBytes
    return { segments, end, term, oldest, staleSectors: this.staleSectors, unsyncedFrom, dropped: this.dropped }
  }

  private async frames(scanner: FrameScanner, segment: Segment, size: number): Promise<void> {
    for (;;) {
      const frame = await scanner.frameAgain(segment.end, size)
      if (frame === undefined || !this.scan.follows(frame)) break
      this.scan.take(segment, frame)
    }
    await this.judgeTail(scanner, segment, size)
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

export function assertSegmentNumber(segment: number): void {
  if (segment > maxSegment) throw new LogError('unavailable', 'the log has used up its segment numbers')
}
