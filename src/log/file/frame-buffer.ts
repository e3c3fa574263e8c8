/**
 * Frames that wait for the next write: consecutive, sealed, padded, ready to go to the disk as they stand.
 */
import { grown } from '../record.ts'
import {
  type FrameHead,
  type FramePart,
  type FrameSegment,
  headerBytesWith,
  padded,
  partHeaderBytes,
  sealFrame,
  writePartHeader,
} from './frame.ts'

const keptBytes = 8 * 1024 * 1024

export class FrameBuffer {
  /** Offset in the segment at which the first frame goes. */
  start = 0
  length = 0
  /** Records in the frames. */
  records = 0
  /** Somebody waits until these are durable. */
  wantsSync = false
  private bytes: Uint8Array = new Uint8Array(64 * 1024)
  private view: DataView = new DataView(this.bytes.buffer)

  get end(): number {
    return this.start + this.length
  }

  get used(): Uint8Array {
    return this.bytes.subarray(0, this.length)
  }

  restart(start: number): void {
    this.start = start
    this.length = this.records = 0
    this.wantsSync = false
    if (this.bytes.length > keptBytes) this.replace(new Uint8Array(64 * 1024))
  }

  /** Adds a frame; returns its checksum. `payload` holds whole records, or the bytes of `part`. */
  add(segment: FrameSegment, head: FrameHead, payload: Uint8Array, part: FramePart | undefined): number {
    const extra = part === undefined ? 0 : partHeaderBytes
    const at = this.length
    const start = at + headerBytesWith(segment.key)
    const needed = at + padded(start - at + extra + payload.length)
    if (needed > this.bytes.length) this.replace(grown(this.bytes, needed))
    const flags = part === undefined ? 0 : writePartHeader(this.view, start, part)
    this.bytes.set(payload, start + extra)
    this.length = needed
    this.records += head.transactions
    return sealFrame(this.bytes, this.view, at, extra + payload.length, segment, this.start + at, head, flags)
  }

  /** Takes over the frames of `other`, which follow these. */
  join(other: FrameBuffer): void {
    const needed = this.length + other.length
    if (needed > this.bytes.length) this.replace(grown(this.bytes, needed))
    this.bytes.set(other.used, this.length)
    this.length = needed
    this.records += other.records
    this.wantsSync ||= other.wantsSync
  }

  /** Forgets the frames at or beyond `offset` of the segment. */
  cut(offset: number): void {
    if (offset < this.start) this.restart(offset)
    this.length = Math.min(this.length, offset - this.start)
  }

  private replace(bytes: Uint8Array): void {
    this.bytes = bytes
    this.view = new DataView(bytes.buffer)
  }
}
