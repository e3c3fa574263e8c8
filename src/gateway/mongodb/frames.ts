/**
 * Cuts a stream into messages. A message that lies whole in a chunk is handed on where it lies; one that spans chunks is
 * gathered in a buffer that grows with what has arrived, not with what the header promises.
 */
import { PolylogError } from '../../base/errors.ts'
import { headerBytes, readHeader } from './wire.ts'

export interface Frame {
  readonly bytes: Uint8Array
  readonly start: number
  readonly end: number
}

const empty = new Uint8Array(0)

export class FrameReader {
  #bytes: Uint8Array = empty
  #start = 0
  #end = 0
  /** The buffer is ours to append to: no frame of it has been handed out. */
  #isOwn = false

  push(chunk: Uint8Array): void {
    if (this.#start === this.#end) {
      this.#bytes = chunk
      this.#start = 0
      this.#end = chunk.length
      this.#isOwn = false
      return
    }
    const size = this.#end - this.#start + chunk.length
    if (!this.#isOwn || this.#end + chunk.length > this.#bytes.length) this.#move(size)
    this.#bytes.set(chunk, this.#end)
    this.#end += chunk.length
  }

  #move(size: number): void {
    const larger = new Uint8Array(Math.max(size, Math.min(size * 2, 48_000_000 + 65_536)))
    larger.set(this.#bytes.subarray(this.#start, this.#end))
    this.#end -= this.#start
    this.#start = 0
    this.#bytes = larger
    this.#isOwn = true
  }

  /** The next whole message. Throws `too_large` or `syntax` for a length that no message has. */
  next(limitBytes: number): Frame | undefined {
    if (this.#end - this.#start < headerBytes) return undefined
    const { length } = readHeader(this.#bytes, this.#start)
    if (length < headerBytes) throw new PolylogError('syntax', `a message of ${length} bytes`)
    if (length > limitBytes) {
      throw new PolylogError('too_large', `a message of ${length} bytes is larger than the limit of ${limitBytes}`)
    }
    if (this.#end - this.#start < length) return undefined
    const start = this.#start
    this.#start += length
    this.#isOwn = false
    return { bytes: this.#bytes, start, end: start + length }
  }

  get pendingBytes(): number {
    return this.#end - this.#start
  }
}
