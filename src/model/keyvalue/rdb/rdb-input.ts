/**
 * What an RDB file or a payload of DUMP is read from: lengths, strings, numbers.
 *
 *   length := 00llllll | 01llllll u8 | 10000000 u32 | 10000001 u64      big-endian
 *   string := length byte{length} | 11000000 i8 | 11000001 i16 | 11000010 i32 (little-endian, shown as text)
 *           | 11000011 length (packed) length byte{packed}      LZF
 *
 * Reading is steps: where bytes have to be waited for, the wait is yielded, and they are there after it.
 */
import type { Slice } from '../../../base/slice.ts'
import { charge } from '../../../base/work.ts'
import type { StatementSteps } from '../../../database/contract.ts'
import { badData } from './bad-data.ts'
import { unpackLzf } from './lzf.ts'

/** Where more bytes come from. */
export interface MoreBytes {
  /** Those that follow; undefined behind the last. */
  read(): Promise<Uint8Array | undefined>
}

const lineFeed = 0x0a
const longestLine = 64 * 1024

/** Of a byte that is read. */
const byteUnits = 2

export class RdbInput {
  #bytes: Uint8Array
  #view: DataView
  #at: number
  #end: number
  readonly #more: MoreBytes | undefined
  /** Longer strings are not believed. */
  readonly #longest: number
  #passed = 0
  constructor({ bytes, start, end }: Slice, longest: number, more?: MoreBytes) {
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    this.#at = start
    this.#end = end
    this.#longest = longest
    this.#more = more
  }

  /** How many bytes were read. */
  get position(): number {
    return this.#passed + this.#at
  }

  /** Of what lies there: where more may come, `isOver` asks for it. */
  get isAtEnd(): boolean {
    return this.#at === this.#end
  }

  /** Nothing follows. */
  *isOver(): StatementSteps<boolean> {
    if (this.#at === this.#end && this.#more !== undefined) yield this.#fill(this.#more, 1)
    return this.#at === this.#end
  }

  /** So many bytes follow. */
  *need(count: number): StatementSteps<void> {
    if (this.#end - this.#at >= count) return
    if (this.#more === undefined) throw badData('it ends too early')
    yield this.#fill(this.#more, count)
    if (this.#end - this.#at < count) throw badData('it ends too early')
  }

  /** Until so many lie there, or no more comes. They are put together once, however many pieces they come in. */
  async #fill(more: MoreBytes, count: number): Promise<void> {
    const left = this.#bytes.subarray(this.#at, this.#end)
    const pieces = left.length === 0 ? [] : [left]
    for (let missing = count - left.length; missing > 0;) {
      const next = await more.read()
      if (next === undefined) break
      pieces.push(next)
      missing -= next.length
    }
    this.#passed += this.#at
    this.#bytes = pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces)
    this.#view = new DataView(this.#bytes.buffer, this.#bytes.byteOffset, this.#bytes.length)
    this.#at = 0
    this.#end = this.#bytes.length
  }

  /** Bytes that `need` has made sure of. */
  #taken(count: number): number {
    const at = this.#at
    this.#at += count
    return at
  }

  *byte(): StatementSteps<number> {
    if (this.#at === this.#end) yield* this.need(1)
    return this.#bytes[this.#taken(1)]!
  }

  /** A copy, but of what all lies there. */
  *bytes(count: number): StatementSteps<Uint8Array> {
    if (count > this.#longest) throw badData('a string is too long')
    if (this.#end - this.#at < count) yield* this.need(count)
    const at = this.#taken(count)
    if (this.#more === undefined) return this.#bytes.subarray(at, at + count)
    charge(count * byteUnits)
    return this.#bytes.slice(at, at + count)
  }

  /** Text up to the end of a line, which goes with it. */
  *line(): StatementSteps<string> {
    let text = ''
    for (let byte = yield* this.byte(); byte !== lineFeed; byte = yield* this.byte()) {
      if (text.length > longestLine) throw badData('a line is too long')
      text += String.fromCharCode(byte)
    }
    return text.endsWith('\r') ? text.slice(0, -1) : text
  }

  *u32(isLittleEndian: boolean): StatementSteps<number> {
    yield* this.need(4)
    return this.#view.getUint32(this.#taken(4), isLittleEndian)
  }

  *i64(): StatementSteps<bigint> {
    yield* this.need(8)
    return this.#view.getBigInt64(this.#taken(8), true)
  }

  *f64(): StatementSteps<number> {
    yield* this.need(8)
    return this.#view.getFloat64(this.#taken(8), true)
  }

  *length(): StatementSteps<number> {
    const first = yield* this.byte()
    if (first >= 0xc0) throw badData('a length is none')
    return yield* this.#lengthAfter(first)
  }

  *#lengthAfter(first: number): StatementSteps<number> {
    if (first < 0x40) return first
    if (first < 0x80) return ((first & 0x3f) << 8) | (yield* this.byte())
    if (first === 0x80) return yield* this.u32(false)
    if (first !== 0x81) throw badData('a length is none')
    yield* this.need(8)
    return Number(this.#view.getBigUint64(this.#taken(8), false))
  }

  /** One of which all 64 bits matter. */
  *length64(): StatementSteps<bigint> {
    const first = yield* this.byte()
    if (first !== 0x81) return BigInt(yield* this.#lengthAfter(first))
    yield* this.need(8)
    return this.#view.getBigUint64(this.#taken(8), false)
  }

  *string(): StatementSteps<Uint8Array> {
    const first = yield* this.byte()
    if (first < 0xc0) return yield* this.bytes(yield* this.#lengthAfter(first))
    if (first === 0xc3) return yield* this.#packed()
    if (first > 0xc2) throw badData('a string has an unknown encoding')
    const size = 1 << (first & 3)
    yield* this.need(size)
    const at = this.#taken(size)
    const view = this.#view
    const value = size === 1 ? view.getInt8(at) : size === 2 ? view.getInt16(at, true) : view.getInt32(at, true)
    return Buffer.from(String(value), 'latin1')
  }

  *#packed(): StatementSteps<Uint8Array> {
    const packedBytes = yield* this.length()
    const size = yield* this.length()
    // Nothing is packed to less than 1/88: the most that two or three bytes may stand for is 264.
    if (size > this.#longest || size > packedBytes * 132) throw badData('a packed string is too long')
    const packed = yield* this.bytes(packedBytes)
    return yield* unpackLzf(packed, size)
  }
}
