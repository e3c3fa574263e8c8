/**
 * Cuts what arrives from a client into messages, in place where a chunk holds whole ones.
 *
 *   message := type u8 · length i32 (itself included) · payload
 *
 * Invariants: a length is checked against the limit of its type before any memory is kept for it; a payload's range holds
 * until the next `push` or `next`.
 */
import { ReceiveBuffer } from '../receive-buffer.ts'
import { protocolViolation } from './errors.ts'

const typeBytes = 1
const lengthBytes = 4
const headerBytes: number = typeBytes + lengthBytes
/** PostgreSQL's PQ_SMALL_MESSAGE_LIMIT: of messages that carry names only. */
const smallMessageBytes = 10_000

/** `Q` query, `P` parse, `B` bind, `d` copy data and `F` function call may be long. */
const longTypes: ReadonlySet<number> = new Set([...'QPBdF'].map((letter) => letter.charCodeAt(0)))

export class MessageFrames extends ReceiveBuffer {
  /** Of the current message: its payload is [payloadStart, payloadEnd) of `bytes`. */
  type = 0
  payloadStart = 0
  payloadEnd = 0
  readonly #limitBytes: number

  constructor(limitBytes: number) {
    super(limitBytes)
    this.#limitBytes = limitBytes
  }

  /** Makes the next whole message current; false where more has to arrive. */
  next(): boolean {
    const at = this.start
    if (this.end - at < headerBytes) return false
    const type = this.bytes[at]!
    const length = readLength(this.bytes, at + typeBytes)
    const limit = longTypes.has(type) ? this.#limitBytes : smallMessageBytes
    if (length < lengthBytes || length > limit) throw protocolViolation('invalid message length')
    const end = at + typeBytes + length
    if (end > this.end) {
      this.expect(end - at)
      return false
    }
    this.type = type
    this.payloadStart = at + headerBytes
    this.payloadEnd = end
    this.start = end
    return true
  }

  /** The type of the next message that has wholly arrived, `skipping` those of one type; else 0. */
  peekType(skipping: number): number {
    let at = this.start
    while (this.end - at >= headerBytes) {
      const type = this.bytes[at]!
      const length = readLength(this.bytes, at + typeBytes)
      if (length < lengthBytes || at + typeBytes + length > this.end) return 0
      if (type !== skipping) return type
      at += typeBytes + length
    }
    return 0
  }

  /** Before the start-up packet there are no types: the whole of what has arrived so far, as one range. */
  peekAll(): Uint8Array {
    return this.bytes.subarray(this.start, this.end)
  }

  skip(count: number): void {
    this.start += count
  }
}

export function readLength(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0
}
