/** Cuts a stream into messages, which are handed on where they lie. */
import { PolylogError } from '../../base/errors.ts'
import { ReceiveBuffer } from '../receive-buffer.ts'
import { headerBytes, readHeader } from './wire.ts'

export interface Frame {
  readonly bytes: Uint8Array
  readonly start: number
  readonly end: number
}

export class FrameReader extends ReceiveBuffer {
  /** The next whole message. Throws `too_large` or `syntax` for a length that no message has. */
  next(limitBytes: number): Frame | undefined {
    const { start } = this
    if (this.end - start < headerBytes) return undefined
    const { length } = readHeader(this.bytes, start)
    if (length < headerBytes) throw new PolylogError('syntax', `a message of ${length} bytes`)
    if (length > limitBytes) {
      throw new PolylogError('too_large', `a message of ${length} bytes is larger than the limit of ${limitBytes}`)
    }
    if (this.end - start < length) {
      this.expect(length)
      return undefined
    }
    this.start += length
    return { bytes: this.bytes, start, end: start + length }
  }
}
