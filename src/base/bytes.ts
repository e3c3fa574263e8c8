/**
 * Growing output and checked input, the two ends of every codec. All integers say their width and byte order in the
 * method's name. A reader that would pass its end throws `PolylogError('data_corrupted')`: a length is never believed
 * before it is checked; gateways that read from sockets check with `remaining` first.
 */
import { PolylogError } from './errors.ts'
import { copySlice, type Slice } from './slice.ts'

/** Buffer's own, which its types leave out: they take every `Uint8Array`, of shared memory too. */
const methods = Buffer.prototype as unknown as {
  utf8Write(this: Uint8Array, text: string, offset: number): number
  latin1Write(this: Uint8Array, text: string, offset: number): number
  utf8Slice(this: Uint8Array, start: number, end: number): string
}

/** A native copy has a fixed price that shorter runs do not earn back. */
const nativeCopyBytes = 160

/**
 * Copies bytes `start` to `end` of the source to `at` in the target, of whose bytes `view` is a view. A byte costs more to
 * check and store than to shift: four of the source make one store into the target, where a native copy does not pay.
 */
export function copyRun(
  source: Uint8Array,
  start: number,
  end: number,
  target: Uint8Array,
  view: DataView,
  at: number,
): void {
  if (end - start > nativeCopyBytes) {
    target.set(source.subarray(start, end), at)
    return
  }
  let i = start
  for (; i + 4 <= end; i += 4, at += 4) {
    const word = source[i]! | (source[i + 1]! << 8) | (source[i + 2]! << 16) | (source[i + 3]! << 24)
    view.setInt32(at, word, true)
  }
  for (; i < end; i++, at++) target[at] = source[i]!
}

export function viewOf({ buffer, byteOffset, length }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, length)
}

const shortTextBytes = 1024
/** Beside a value that makes the writer grow: what ends it must not move it. */
const endingBytes = 64

/** Of writers that have written nothing. */
const noBytes = new Uint8Array(0)
const noView = new DataView(noBytes.buffer)

export class ByteWriter implements Slice {
  bytes: Uint8Array
  readonly start = 0
  end = 0
  #view: DataView

  constructor(capacityBytes = 256) {
    this.bytes = capacityBytes === 0 ? noBytes : new Uint8Array(capacityBytes)
    this.#view = capacityBytes === 0 ? noView : new DataView(this.bytes.buffer)
  }

  /** One that has the bytes already, which are not copied. Write nothing behind them. */
  static holding(bytes: Uint8Array): ByteWriter {
    const writer = new ByteWriter(0)
    writer.bytes = bytes
    writer.#view = viewOf(bytes)
    writer.end = bytes.length
    return writer
  }

  get length(): number {
    return this.end
  }

  reset(): this {
    this.end = 0
    return this
  }

  truncate(end: number): void {
    this.end = end
  }

  /** Each goes on with the other's memory, and with nothing written. */
  exchangeMemory(other: ByteWriter): void {
    const { bytes } = this
    const view = this.#view
    this.bytes = other.bytes
    this.#view = other.#view
    this.end = 0
    other.bytes = bytes
    other.#view = view
    other.end = 0
  }

  /** Has no memory any more. */
  drop(): void {
    this.bytes = noBytes
    this.#view = noView
    this.end = 0
  }

  /** Room for `count` more bytes, so that the caller may write into `bytes` from `end` on. */
  reserve(count: number): void {
    if (this.end + count > this.bytes.length) this.#grow(count)
  }

  #grow(count: number): void {
    const larger = new Uint8Array(Math.max(this.bytes.length * 2, this.end + count + endingBytes))
    larger.set(this.bytes.subarray(0, this.end))
    this.bytes = larger
    this.#view = new DataView(larger.buffer)
  }

  u8(value: number): void {
    if (this.end === this.bytes.length) this.#grow(1)
    this.bytes[this.end++] = value
  }

  u16be(value: number): void {
    this.reserve(2)
    this.#view.setUint16(this.end, value)
    this.end += 2
  }

  u16le(value: number): void {
    this.reserve(2)
    this.#view.setUint16(this.end, value, true)
    this.end += 2
  }

  u32be(value: number): void {
    this.reserve(4)
    this.#view.setUint32(this.end, value)
    this.end += 4
  }

  i32be(value: number): void {
    this.u32be(value)
  }

  u32le(value: number): void {
    this.reserve(4)
    this.#view.setUint32(this.end, value, true)
    this.end += 4
  }

  i32le(value: number): void {
    this.u32le(value)
  }

  u64be(value: bigint): void {
    this.reserve(8)
    this.#view.setBigUint64(this.end, BigInt.asUintN(64, value))
    this.end += 8
  }

  u64le(value: bigint): void {
    this.reserve(8)
    this.#view.setBigUint64(this.end, BigInt.asUintN(64, value), true)
    this.end += 8
  }

  i64be(value: bigint): void {
    this.u64be(value)
  }

  i64le(value: bigint): void {
    this.u64le(value)
  }

  /** The same of a safe integer. */
  safeI64le(value: number): void {
    this.reserve(8)
    this.#view.setInt32(this.end, value | 0, true)
    this.#view.setInt32(this.end + 4, Math.floor(value / 2 ** 32), true)
    this.end += 8
  }

  f32be(value: number): void {
    this.reserve(4)
    this.#view.setFloat32(this.end, value)
    this.end += 4
  }

  f64be(value: number): void {
    this.reserve(8)
    this.#view.setFloat64(this.end, value)
    this.end += 8
  }

  f64le(value: number): void {
    this.reserve(8)
    this.#view.setFloat64(this.end, value, true)
    this.end += 8
  }

  /** LEB128 of an integer from 0 to 2^53 - 1. */
  varint(value: number): void {
    this.reserve(8)
    let rest = value
    while (rest >= 0x80) {
      this.bytes[this.end++] = (rest & 0x7f) | 0x80
      rest = rest < 0x8000_0000 ? rest >>> 7 : Math.floor(rest / 128)
    }
    this.bytes[this.end++] = rest
  }

  copy(bytes: Uint8Array, start = 0, end: number = bytes.length): void {
    const count = end - start
    this.reserve(count)
    copyRun(bytes, start, end, this.bytes, this.#view, this.end)
    this.end += count
  }

  slice(slice: Slice): void {
    this.copy(slice.bytes, slice.start, slice.end)
  }

  /** Varint length, then the bytes. */
  sized(slice: Slice): void {
    this.varint(slice.end - slice.start)
    this.slice(slice)
  }

  /** UTF-8; returns the number of bytes. */
  utf8(text: string): number {
    const length = text.length
    this.reserve(length * 3)
    if (length <= 32) {
      const at = this.end
      const bytes = this.bytes
      let i = 0
      for (; i < length; i++) {
        const code = text.charCodeAt(i)
        if (code >= 0x80) break
        bytes[at + i] = code
      }
      if (i === length) {
        this.end = at + length
        return length
      }
    }
    const written = methods.utf8Write.call(this.bytes, text, this.end)
    this.end += written
    return written
  }

  sizedUtf8(text: string): void {
    const size = Buffer.byteLength(text)
    this.varint(size)
    if (size <= shortTextBytes) {
      this.utf8(text)
      return
    }
    // Of a long text's room for three bytes a character most would be empty.
    this.reserve(size)
    this.end += methods.utf8Write.call(this.bytes, text, this.end)
  }

  latin1(text: string): void {
    const length = text.length
    this.reserve(length)
    if (length > nativeCopyBytes) {
      this.end += methods.latin1Write.call(this.bytes, text, this.end)
      return
    }
    for (let i = 0; i < length; i++) this.bytes[this.end++] = text.charCodeAt(i)
  }

  setU32be(at: number, value: number): void {
    this.#view.setUint32(at, value)
  }

  setU32le(at: number, value: number): void {
    this.#view.setUint32(at, value, true)
  }

  /** A copy of its own. */
  toBytes(): Uint8Array {
    return this.bytes.slice(0, this.end)
  }
}

export class ByteReader {
  readonly bytes: Uint8Array
  at: number
  readonly end: number
  #lazyView: DataView | undefined

  constructor(bytes: Uint8Array, start = 0, end: number = bytes.length) {
    this.bytes = bytes
    this.at = start
    this.end = end
  }

  /** Made for who needs it: it costs more than what short codes are read with. */
  get #view(): DataView {
    return (this.#lazyView ??= viewOf(this.bytes))
  }

  static of(slice: Slice): ByteReader {
    return new ByteReader(slice.bytes, slice.start, slice.end)
  }

  get remaining(): number {
    return this.end - this.at
  }

  #take(count: number): number {
    const at = this.at
    if (count < 0 || count > this.end - at) {
      throw new PolylogError('data_corrupted', `${count} bytes wanted at ${at}, ${this.end - at} there`)
    }
    this.at = at + count
    return at
  }

  u8(): number {
    return this.bytes[this.#take(1)]!
  }

  u16be(): number {
    return this.#view.getUint16(this.#take(2))
  }

  i16be(): number {
    return this.#view.getInt16(this.#take(2))
  }

  u16le(): number {
    return this.#view.getUint16(this.#take(2), true)
  }

  u32be(): number {
    return this.#view.getUint32(this.#take(4))
  }

  i32be(): number {
    return this.#view.getInt32(this.#take(4))
  }

  u32le(): number {
    return this.#view.getUint32(this.#take(4), true)
  }

  i32le(): number {
    return this.#view.getInt32(this.#take(4), true)
  }

  u64be(): bigint {
    return this.#view.getBigUint64(this.#take(8))
  }

  u64le(): bigint {
    return this.#view.getBigUint64(this.#take(8), true)
  }

  i64be(): bigint {
    return this.#view.getBigInt64(this.#take(8))
  }

  i64le(): bigint {
    return this.#view.getBigInt64(this.#take(8), true)
  }

  /** The same as a number: beyond 2^53 it is only nearly right. */
  nearI64le(): number {
    const at = this.#take(8)
    return this.#int32le(at + 4) * 2 ** 32 + (this.#int32le(at) >>> 0)
  }

  #int32le(at: number): number {
    const { bytes } = this
    return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)
  }

  f32be(): number {
    return this.#view.getFloat32(this.#take(4))
  }

  f64be(): number {
    return this.#view.getFloat64(this.#take(8))
  }

  f64le(): number {
    return this.#view.getFloat64(this.#take(8), true)
  }

  /** LEB128 of at most 2^53 - 1. */
  varint(): number {
    const first = this.at < this.end ? this.bytes[this.at]! : 0x80
    if (first < 0x80) {
      this.at++
      return first
    }
    let value = 0
    let scale = 1
    for (let count = 0; count < 8; count++) {
      const byte = this.u8()
      value += (byte & 0x7f) * scale
      if (byte < 0x80) {
        if (value > Number.MAX_SAFE_INTEGER) break
        return value
      }
      scale *= 128
    }
    throw new PolylogError('data_corrupted', `a varint at ${this.at} is longer than 53 bits`)
  }

  /** A view, not a copy. */
  take(count: number): Uint8Array {
    const at = this.#take(count)
    return this.bytes.subarray(at, at + count)
  }

  skip(count: number): void {
    this.#take(count)
  }

  sized(): Uint8Array {
    return this.take(this.varint())
  }

  /** In memory of its own. */
  sizedCopy(): Uint8Array {
    const count = this.varint()
    const start = this.#take(count)
    return copySlice({ bytes: this.bytes, start, end: start + count })
  }

  utf8(count: number): string {
    const at = this.#take(count)
    return decodeUtf8(this.bytes, at, at + count)
  }

  sizedUtf8(): string {
    return this.utf8(this.varint())
  }
}

/** UTF-8 with replacement characters for what is not; short ASCII without a call into C++. */
export function decodeUtf8(bytes: Uint8Array, start: number, end: number): string {
  if (end - start <= 12) {
    let text = ''
    let i = start
    for (; i < end; i++) {
      const byte = bytes[i]!
      if (byte >= 0x80) break
      text += String.fromCharCode(byte)
    }
    if (i === end) return text
  }
  return methods.utf8Slice.call(bytes, start, end)
}
