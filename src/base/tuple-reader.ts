/** The other direction of `tuple.ts`: reads elements back from keys that a store returned. */
import { decodeUtf8 } from './bytes.ts'
import { PolylogError } from './errors.ts'
import type { Slice } from './slice.ts'
import { orderedVarintWidth, tag } from './tuple.ts'

/** So many bytes of an integer fit a number. */
const exactBytes = 6

export class KeyReader {
  #bytes: Uint8Array
  #at: number
  #end: number

  constructor(key: Slice) {
    this.#bytes = key.bytes
    this.#at = key.start
    this.#end = key.end
  }

  reset(key: Slice): this {
    this.#bytes = key.bytes
    this.#at = key.start
    this.#end = key.end
    return this
  }

  get position(): number {
    return this.#at
  }

  get done(): boolean {
    return this.#at >= this.#end
  }

  /** The next element's tag, not consumed; `undefined` at the end. */
  peek(): number | undefined {
    return this.done ? undefined : this.#bytes[this.#at]
  }

  orderedVarint(): number {
    const first = this.#byteAt(this.#at)
    const width = orderedVarintWidth(first)
    this.#need(width)
    let value = width === 1 ? first : width === 2 ? first & 0x3f : width === 4 ? first & 0x1f : first & 0x0f
    for (let i = 1; i < width; i++) value = value * 256 + this.#bytes[this.#at + i]!
    this.#at += width
    return value
  }

  /** Consumes a tag without a payload, such as null or a terminator. */
  skipTag(): void {
    this.#need(1)
    this.#at++
  }

  boolean(): boolean {
    const found = this.#byteAt(this.#at)
    if (found !== tag.true && found !== tag.false) throw this.#unexpected(found, 'a boolean')
    this.#at++
    return found === tag.true
  }

  int64(): bigint {
    const found = this.#byteAt(this.#at)
    const width = Math.abs(found - tag.int64Zero)
    if (width > 8) throw this.#unexpected(found, 'an integer')
    if (width <= exactBytes) return BigInt(this.integer())
    this.#need(1 + width)
    let value = 0n
    for (let i = 1; i <= width; i++) value = (value << 8n) | BigInt(this.#bytes[this.#at + i]!)
    this.#at += 1 + width
    return found < tag.int64Zero ? value - (1n << BigInt(8 * width)) + 1n : value
  }

  /** The same as a number, which is exact up to 2^53. */
  integer(): number {
    const found = this.#byteAt(this.#at)
    const width = Math.abs(found - tag.int64Zero)
    if (width > exactBytes) return Number(this.int64())
    this.#need(1 + width)
    let value = 0
    for (let i = 1; i <= width; i++) value = value * 0x100 + this.#bytes[this.#at + i]!
    this.#at += 1 + width
    return found < tag.int64Zero ? value - 0x100 ** width + 1 : value
  }

  float8(): number {
    this.#expect(tag.float8)
    this.#need(8)
    const view = new DataView(new ArrayBuffer(8))
    const positive = this.#bytes[this.#at]! >= 0x80
    for (let i = 0; i < 8; i++) {
      const byte = this.#bytes[this.#at + i]!
      view.setUint8(i, positive ? (i === 0 ? byte ^ 0x80 : byte) : byte ^ 0xff)
    }
    this.#at += 8
    return view.getFloat64(0)
  }

  string(): string {
    this.#expect(tag.string)
    const bytes = this.#escaped()
    return decodeUtf8(bytes, 0, bytes.length)
  }

  /** A copy of the bytes of a string or bytes element. */
  byteString(): Uint8Array {
    const found = this.#byteAt(this.#at)
    if (found !== tag.bytes && found !== tag.string) throw this.#unexpected(found, 'bytes')
    this.#at++
    return this.#escaped()
  }

  objectId(): Uint8Array {
    return this.#fixed(tag.objectId, 12)
  }

  uuid(): Uint8Array {
    return this.#fixed(tag.uuid, 16)
  }

  timestamp(): bigint {
    const bytes = this.#fixed(tag.timestamp, 8)
    return new DataView(bytes.buffer, bytes.byteOffset).getBigInt64(0) ^ -(1n << 63n)
  }

  #fixed(expected: number, count: number): Uint8Array {
    this.#expect(expected)
    this.#need(count)
    this.#at += count
    return this.#bytes.slice(this.#at - count, this.#at)
  }

  #escaped(): Uint8Array {
    let zeros = 0
    let at = this.#at
    for (; ; at++) {
      if (at >= this.#end) throw new PolylogError('data_corrupted', 'a key ends inside a string')
      if (this.#bytes[at] !== 0) continue
      if (at + 1 >= this.#end || this.#bytes[at + 1] !== 0xff) break
      zeros++
      at++
    }
    const raw = this.#bytes
    const plain = new Uint8Array(at - this.#at - zeros)
    for (let from = this.#at, to = 0; from < at; from++, to++) {
      plain[to] = raw[from]!
      if (raw[from] === 0) from++
    }
    this.#at = at + 1
    return plain
  }

  #expect(expected: number): void {
    const found = this.#byteAt(this.#at)
    if (found !== expected) throw this.#unexpected(found, `tag ${expected.toString(16)}`)
    this.#at++
  }

  #unexpected(found: number, wanted: string): PolylogError {
    return new PolylogError('data_corrupted', `a key holds tag ${found.toString(16)} where ${wanted} belongs`)
  }

  #byteAt(at: number): number {
    if (at >= this.#end) throw new PolylogError('data_corrupted', 'a key ends before its next element')
    return this.#bytes[at]!
  }

  #need(count: number): void {
    if (this.#at + count > this.#end) throw new PolylogError('data_corrupted', 'a key ends inside an element')
  }
}
