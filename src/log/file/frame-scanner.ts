/**
 * Reads frames of one segment by chunks. What lies at or beyond `limit` is never read, because another write may be on
 * its way there. Each chunk is memory of its own, so frames stay valid for as long as somebody holds them.
 */
import type { File } from '../../host/host.ts'
import {
  decodeFrame,
  type Frame,
  frameHeaderBytes,
  type FrameSegment,
  plausibleFrameLength,
  sectorBytes,
} from './frame.ts'

const chunkBytes = 1024 * 1024

export class FrameScanner {
  readonly segment: FrameSegment
  private readonly file: File
  private bytes = new Uint8Array(0)
  private view = new DataView(this.bytes.buffer)
  private start = 0
  private end = 0

  constructor(file: File, segment: FrameSegment) {
    this.file = file
    this.segment = segment
  }

  /** The frame at `offset`, or undefined where no valid one stands. */
  async frameAt(offset: number, limit: number): Promise<Frame | undefined> {
    if (!(await this.load(offset, frameHeaderBytes, limit))) return undefined
    const length = this.plausibleLength(offset, limit)
    if (length === 0 || !(await this.load(offset, length, limit))) return undefined
    return decodeFrame(this.bytes, this.view, offset - this.start, length, this.segment, offset)
  }

  /**
   * As `frameAt`, but asks the disk a second time before it believes that there is none: a bit that flips on its way from
   * the disk must not cost an acknowledged transaction.
   */
  async frameAgain(offset: number, limit: number): Promise<Frame | undefined> {
    const frame = await this.frameAt(offset, limit)
    if (frame !== undefined) return frame
    this.start = this.end = 0
    return this.frameAt(offset, limit)
  }

  /** The first valid frame in a sector at or after `offset`. */
  async findFrame(offset: number, limit: number): Promise<Frame | undefined> {
    for (let at = offset; at + frameHeaderBytes <= limit; at += sectorBytes) {
      // An await for each of 131,072 sectors would cost more than reading them.
      if (this.holds(at, frameHeaderBytes) && this.plausibleLength(at, limit) === 0) continue
      const frame = await this.frameAt(at, limit)
      if (frame !== undefined) return frame
    }
    return undefined
  }

  private plausibleLength(offset: number, limit: number): number {
    return plausibleFrameLength(this.bytes, this.view, offset - this.start, limit - offset, this.segment.key)
  }

  private holds(offset: number, size: number): boolean {
    return offset >= this.start && offset + size <= this.end
  }

  private async load(offset: number, size: number, limit: number): Promise<boolean> {
    if (offset + size > limit) return false
    if (this.holds(offset, size)) return true
    const bytes = new Uint8Array(Math.min(Math.max(chunkBytes, size), limit - offset))
    const read = await this.file.readAt(offset, bytes)
    this.bytes = bytes
    this.view = new DataView(bytes.buffer)
    this.start = offset
    this.end = offset + read
    return size <= read
  }
}
