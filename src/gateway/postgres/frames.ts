/**
 * Cuts what arrives from a client into messages, in place where a chunk holds whole ones.
 *
 *   message := type u8 · length i32 (itself included) · payload
 *
 * Invariants: a length is checked against the limit of its type before any memory is kept for it; memory grows with what
 * has arrived, not with what a length promises; a payload's range holds until the next `append` or `next`.
 */
import { protocolViolation } from './errors.ts'

const typeBytes = 1
const lengthBytes = 4
const headerBytes: number = typeBytes + lengthBytes
/** PostgreSQL's PQ_SMALL_MESSAGE_LIMIT: of messages that carry names only. */
const smallMessageBytes = 10_000

/** `Q` query, `P` parse, `B` bind, `d` copy data and `F` function call may be long. */
const longTypes: ReadonlySet<number> = new Set([...'QPBdF'].map((letter) => letter.charCodeAt(0)))

export class MessageFrames {
  bytes: Uint8Array = new Uint8Array(0)
  /** Of the current message. */
  type = 0
  start = 0
  end = 0
  readonly #limitBytes: number
  /** What has arrived and is not consumed: [at, filled) of `bytes`. */
  #at = 0
  #filled = 0
  /** `bytes` is ours to grow into, not a chunk of the socket. */
  #owned = false

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes
  }

  get waitingBytes(): number {
    return this.#filled - this.#at
  }

  append(chunk: Uint8Array): void {
    const waiting = this.#filled - this.#at
    if (waiting === 0) {
      this.bytes = chunk
      this.#at = 0
      this.#filled = chunk.length
      this.#owned = false
      return
    }
    const needed = waiting + chunk.length
    if (!this.#owned || this.bytes.length - this.#at < needed) {
      const larger = new Uint8Array(this.#owned ? Math.max(needed, 2 * this.bytes.length) : needed * 2)
      larger.set(this.bytes.subarray(this.#at, this.#filled))
      this.bytes = larger
      this.#at = 0
      this.#filled = waiting
      this.#owned = true
    }
    this.bytes.set(chunk, this.#filled)
    this.#filled += chunk.length
  }

  /** Makes the next whole message current; false where more has to arrive. */
  next(): boolean {
    const at = this.#at
    if (this.#filled - at < headerBytes) return false
    const type = this.bytes[at]!
    const length = readLength(this.bytes, at + typeBytes)
    const limit = longTypes.has(type) ? this.#limitBytes : smallMessageBytes
    if (length < lengthBytes || length > limit) throw protocolViolation('invalid message length')
    const end = at + typeBytes + length
    if (end > this.#filled) return false
    this.type = type
    this.start = at + headerBytes
    this.end = end
    this.#at = end
    return true
  }

  /** The type of the next message that has wholly arrived, `skipping` those of one type; else 0. */
  peekType(skipping: number): number {
    let at = this.#at
    while (this.#filled - at >= headerBytes) {
      const type = this.bytes[at]!
      const length = readLength(this.bytes, at + typeBytes)
      if (length < lengthBytes || at + typeBytes + length > this.#filled) return 0
      if (type !== skipping) return type
      at += typeBytes + length
    }
    return 0
  }

  /** Before the start-up packet there are no types: the whole of what has arrived so far, as one range. */
  peekAll(): Uint8Array {
    return this.bytes.subarray(this.#at, this.#filled)
  }

  skip(count: number): void {
    this.#at += count
  }
}

export function readLength(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0
}
