/**
 * What is known of a log while its frames are met in order: by who opens it (`recovery.ts`), and by who reads along while
 * another process writes it (`log-tail.ts`).
 */
import { PolylogError } from '../../base/errors.ts'
import type { File } from '../../host/host.ts'
import type { Encryption } from '../../host/encrypted/encryption.ts'
import type { Sequence } from '../commit-log.ts'
import { corrupt } from './damage.ts'
import { type Frame, type FramePart, padded, recordOffsets, sectorBytes } from './frame.ts'
import { noteNeeded, OpenGroups } from './parts.ts'
import type { LogPosition } from './position.ts'
import { keyOfSegment, type OpenedHeader } from './segment-encryption.ts'
import { decodeSegmentHeader, type SegmentHeader } from './segment-header.ts'
import { Segment, segmentName } from './segment.ts'

export class LogScan {
  /** In order of their numbers, without gaps. */
  readonly segments: Segment[] = []
  /** The last sequence that completes in a frame. */
  end: Sequence = 0
  term = 0
  /** Transactions before it have lost their beginning to `trim`. */
  oldest: Sequence = 1
  /** Known to be durable by what the last frame says. */
  synced: LogPosition = 0
  private readonly databaseId: Uint8Array
  private readonly encryption: Encryption | undefined
  private readonly groups = new OpenGroups()

  constructor(databaseId: Uint8Array, encryption: Encryption | undefined) {
    this.databaseId = databaseId
    this.encryption = encryption
  }

  /** Errors: `corrupt`, `data_newer`. */
  async readHeader(file: File, number: number): Promise<OpenedHeader> {
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
    return { ...header, key: keyOfSegment(header, this.encryption) }
  }

  /** The next segment, of a file with so many bytes. It proves that the one before is whole, or throws `corrupt`. */
  begin(header: OpenedHeader, fileBytes: number): Segment {
    this.link(header)
    const sizeBytes = Math.floor(Math.min(fileBytes, 0xffffffff) / sectorBytes) * sectorBytes
    const { segment: number, firstSequence, key } = header
    const segment = new Segment(number, firstSequence, sizeBytes, sectorBytes, this.groups.copy(), key)
    this.segments.push(segment)
    return segment
  }

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
  }

  /** Whether a valid frame, found where the last one ends, is the next one of the log. */
  follows(frame: Frame): boolean {
    return frame.first === this.end + 1 && frame.term >= this.term && frame.syncedOffset >= this.synced
  }

  take(segment: Segment, frame: Frame): void {
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
    noteNeeded(group, frame.first, this.segments)
  }
}

async function readHeader(file: File): Promise<ReturnType<typeof decodeSegmentHeader>> {
  const bytes = new Uint8Array(sectorBytes)
  const read = await file.readAt(0, bytes)
  return decodeSegmentHeader(bytes.subarray(0, read))
}
