/** A segment of the file log as it is known in memory. */
import type { FileKey } from '../../host/encrypted/encryption.ts'
import type { LogSegment, Sequence } from '../commit-log.ts'
import type { OpenGroups } from './parts.ts'

export class Segment {
  readonly number: number
  readonly firstSequence: Sequence
  readonly sizeBytes: number
  /** The last transaction that completed in this segment or before. */
  last: Sequence
  /** Where the next frame goes. */
  end: number
  /** Of the last frame; of none, 0. */
  lastChecksum = 0
  /** No transaction after it has bytes here. */
  neededThrough: Sequence
  /** Large transactions that were on their way when the segment began. */
  readonly openAtStart: OpenGroups
  /** Of its frames, where they are encrypted. */
  readonly key: FileKey | undefined
  private readonly marks: { first: Sequence; offset: number }[] = []

  constructor(
    segment: number,
    firstSequence: Sequence,
    sizeBytes: number,
    firstFrame: number,
    openAtStart: OpenGroups,
    key: FileKey | undefined,
  ) {
    this.number = segment
    this.firstSequence = firstSequence
    this.sizeBytes = sizeBytes
    this.last = this.neededThrough = firstSequence - 1
    this.end = firstFrame
    this.openAtStart = openAtStart
    this.key = key
  }

  get name(): string {
    return segmentName(this.number)
  }

  /** Takes note of a frame that follows the ones before; `parts`: some large transaction is on its way around it. */
  extend(offset: number, end: number, first: Sequence, transactions: number, checksum: number, parts: boolean): void {
    const mark = this.marks.at(-1)
    if (!parts && offset - (mark?.offset ?? 0) >= markEveryBytes) this.marks.push({ first, offset })
    this.last = first + transactions - 1
    this.neededThrough = Math.max(this.neededThrough, this.last)
    this.lastChecksum = checksum
    this.end = end
  }

  /** Where to start reading for `from`: at or before its frame, with no part of it earlier in this segment. */
  startFor(from: Sequence, firstFrame: number): { offset: number; fromStart: boolean } {
    let found = -1
    for (let i = 0; i < this.marks.length && this.marks[i]!.first <= from; i++) found = i
    return found < 0 ? { offset: firstFrame, fromStart: true } : { offset: this.marks[found]!.offset, fromStart: false }
  }

  describe(): LogSegment {
    const { name, firstSequence, last, sizeBytes, end } = this
    return { name, first: firstSequence, last, sizeBytes, usedBytes: end }
  }

  /** Forgets what was noted at or beyond `offset`. */
  forgetFrom(offset: number): void {
    while ((this.marks.at(-1)?.offset ?? -1) >= offset) this.marks.pop()
  }
}

/** A sparse index: a reader that starts in the middle skips to the last mark before. */
const markEveryBytes = 1024 * 1024

export function segmentName(segment: number): string {
  return `${segment.toString(16).padStart(16, '0')}.log`
}

const segmentPattern = /^([0-9a-f]{16})\.log$/

/** The number in a segment's file name; undefined of other files. */
export function segmentNumber(name: string): number | undefined {
  const match = segmentPattern.exec(name)
  return match === null ? undefined : Number.parseInt(match[1]!, 16)
}
