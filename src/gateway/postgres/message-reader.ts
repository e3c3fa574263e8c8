/** Reads the fields of one message; what would pass its end is an error of the protocol, not of ours. */
import { decodeUtf8 } from '../../base/bytes.ts'
import { decodeText } from '../../model/table/types/text.ts'
import { invalidMessage } from './errors.ts'

export class MessageReader {
  bytes: Uint8Array = new Uint8Array(0)
  at = 0
  end = 0
  /** Of the whole message. */
  sizeBytes = 0

  begin(bytes: Uint8Array, start: number, end: number): this {
    this.bytes = bytes
    this.at = start
    this.end = end
    this.sizeBytes = end - start
    return this
  }

  get remaining(): number {
    return this.end - this.at
  }

  u8(): number {
    return this.bytes[this.take(1)]!
  }

  u16(): number {
    const at = this.take(2)
    return (this.bytes[at]! << 8) | this.bytes[at + 1]!
  }

  i32(): number {
    const at = this.take(4)
    const bytes = this.bytes
    return (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!
  }

  u32(): number {
    return this.i32() >>> 0
  }

  /** Where the next `count` bytes begin. */
  take(count: number): number {
    const at = this.at
    if (count < 0 || count > this.end - at) throw invalidMessage('insufficient data left in message')
    this.at = at + count
    return at
  }

  /** A name: bytes to a zero. */
  name(): string {
    const { start, end } = this.#untilZero()
    return decodeUtf8(this.bytes, start, end)
  }

  /** Text to a zero; throws 22021 where it is not UTF-8. */
  text(): string {
    const { start, end } = this.#untilZero()
    return decodeText(this.bytes, start, end)
  }

  /** Text between two places; throws 22021 where it is not UTF-8. */
  textAt(start: number, end: number): string {
    return decodeText(this.bytes, start, end)
  }

  #untilZero(): { start: number; end: number } {
    const start = this.at
    const end = this.bytes.indexOf(0, start)
    if (end < 0 || end >= this.end) throw invalidMessage('invalid string in message')
    this.at = end + 1
    return { start, end }
  }

  finish(): void {
    if (this.at !== this.end) throw invalidMessage('invalid message format')
  }
}
