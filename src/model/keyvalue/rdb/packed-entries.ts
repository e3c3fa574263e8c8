/**
 * The encodings by which Redis keeps small collections, and writes them as one string: entries one behind another, each a string
 * or an integer, which is shown as its text.
 *
 *   listpack := u32 bytes u16 entries entry* FF       entry: see `ListpackEntries`; its length stands behind it, too
 *   ziplist  := u32 bytes u32 tail u16 entries entry* FF       up to Redis 6
 *   zipmap   := u8 entries (length field length free value filler)* FF       up to Redis 2.4
 *   intset   := u32 width u32 entries integer*
 *
 * All of it may be hostile: a length is checked before it is followed.
 */
import { badData } from './bad-data.ts'

export interface PackedEntries {
  /** The next entry, a copy; undefined behind the last. Errors: `BadData`. */
  next(): Uint8Array | undefined
}

const end = 0xff
/** A count of entries that does not fit says so. */
const unknownCount = 0xffff

abstract class Walk {
  protected readonly bytes: Uint8Array
  protected readonly view: DataView
  protected at = 0

  constructor(bytes: Uint8Array) {
    this.bytes = bytes
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  }

  protected need(count: number): void {
    if (count < 0 || this.at + count > this.bytes.length) throw badData('an entry is cut off')
  }

  protected take(length: number): Uint8Array {
    this.need(length)
    this.at += length
    return this.bytes.slice(this.at - length, this.at)
  }

  protected byte(): number {
    this.need(1)
    return this.bytes[this.at++]!
  }

  /** Of one to eight bytes, little-endian, with a sign. */
  protected integer(size: number): bigint {
    this.need(size)
    let value = 0n
    for (let i = size - 1; i >= 0; i--) value = (value << 8n) | BigInt(this.bytes[this.at + i]!)
    this.at += size
    return BigInt.asIntN(size * 8, value)
  }

  protected length32(): number {
    this.need(4)
    this.at += 4
    return this.view.getUint32(this.at - 4, true)
  }
}

function textOf(value: bigint | number): Uint8Array {
  return Buffer.from(String(value), 'latin1')
}

function checkFrame(bytes: Uint8Array, headerBytes: number): void {
  const isWhole = bytes.length > headerBytes && bytes.at(-1) === end
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  if (!isWhole || view.getUint32(0, true) !== bytes.length)
    throw badData('a packed collection is not as long as it says')
}

/** Counts what it has shown against what it was to show. */
class Tally {
  readonly #expected: number
  #seen = 0

  constructor(expected: number) {
    this.#expected = expected
  }

  count(): void {
    this.#seen++
  }

  check(isAtEnd: boolean): void {
    const isRight = this.#expected === unknownCount || this.#seen === this.#expected
    if (!isAtEnd || !isRight) throw badData('a packed collection has another number of entries')
  }
}

export class ListpackEntries extends Walk implements PackedEntries {
  readonly #tally: Tally

  constructor(bytes: Uint8Array) {
    super(bytes)
    checkFrame(bytes, 6)
    this.at = 6
    this.#tally = new Tally(this.view.getUint16(4, true))
  }

  next(): Uint8Array | undefined {
    if (this.bytes[this.at] === end) {
      this.#tally.check(this.at === this.bytes.length - 1)
      return undefined
    }
    const start = this.at
    const entry = this.#entry()
    const length = this.at - start
    // How long it is, in groups of seven bits, the highest first: Redis walks backwards by it.
    const size = length < 128 ? 1 : length < 16_384 ? 2 : length < 2_097_152 ? 3 : length < 268_435_456 ? 4 : 5
    let said = 0
    for (let i = 0; i < size; i++) said = said * 128 + (this.byte() & 0x7f)
    if (said !== length) throw badData('an entry is not as long as it says')
    this.#tally.count()
    return entry
  }

  #entry(): Uint8Array {
    const first = this.byte()
    if (first < 0x80) return textOf(first)
    if (first < 0xc0) return this.take(first & 0x3f)
    if (first < 0xe0) return textOf(((((first & 0x1f) << 8) | this.byte()) << 19) >> 19)
    if (first < 0xf0) return this.take(((first & 0x0f) << 8) | this.byte())
    if (first === 0xf0) return this.take(this.length32())
    const size = integerSizes.get(first)
    if (size === undefined) throw badData('an entry has an unknown encoding')
    return textOf(this.integer(size))
  }
}

const integerSizes: ReadonlyMap<number, number> = new Map([
  [0xf1, 2],
  [0xf2, 3],
  [0xf3, 4],
  [0xf4, 8],
])

export class ZiplistEntries extends Walk implements PackedEntries {
  readonly #tally: Tally
  #before = 0

  constructor(bytes: Uint8Array) {
    super(bytes)
    checkFrame(bytes, 10)
    this.at = 10
    this.#tally = new Tally(this.view.getUint16(8, true))
  }

  next(): Uint8Array | undefined {
    if (this.bytes[this.at] === end) {
      this.#tally.check(this.at === this.bytes.length - 1)
      return undefined
    }
    const start = this.at
    const before = this.byte()
    if ((before === 0xfe ? this.length32() : before) !== this.#before) {
      throw badData('an entry does not know the one before')
    }
    const entry = this.#entry()
    this.#before = this.at - start
    this.#tally.count()
    return entry
  }

  #entry(): Uint8Array {
    const first = this.byte()
    if (first < 0x40) return this.take(first)
    if (first < 0x80) return this.take(((first & 0x3f) << 8) | this.byte())
    if (first === 0x80) {
      this.need(4)
      this.at += 4
      return this.take(this.view.getUint32(this.at - 4, false))
    }
    const size = ziplistIntegerSizes.get(first)
    if (size !== undefined) return textOf(this.integer(size))
    // Thirteen small integers lie in the encoding itself.
    if (first < 0xf1 || first > 0xfd) throw badData('an entry has an unknown encoding')
    return textOf((first & 0x0f) - 1)
  }
}

const ziplistIntegerSizes: ReadonlyMap<number, number> = new Map([
  [0xc0, 2],
  [0xd0, 4],
  [0xe0, 8],
  [0xf0, 3],
  [0xfe, 1],
])

export class ZipmapEntries extends Walk implements PackedEntries {
  #isValue = false

  constructor(bytes: Uint8Array) {
    super(bytes)
    if (bytes.length < 2 || bytes.at(-1) !== end) throw badData('a packed hash is cut off')
    this.at = 1
  }

  next(): Uint8Array | undefined {
    if (!this.#isValue && this.bytes[this.at] === end) {
      if (this.at !== this.bytes.length - 1) throw badData('a packed hash ends before its end')
      return undefined
    }
    const first = this.byte()
    if (first === end) throw badData('a packed hash has a field without a value')
    const length = first === 0xfe ? this.length32() : first
    const free = this.#isValue ? this.byte() : 0
    const entry = this.take(length)
    this.take(free)
    this.#isValue = !this.#isValue
    return entry
  }
}

export class IntsetEntries extends Walk implements PackedEntries {
  readonly #width: number
  #last: bigint | undefined

  constructor(bytes: Uint8Array) {
    super(bytes)
    this.need(8)
    this.#width = this.length32()
    const count = this.length32()
    const isWidth = this.#width === 2 || this.#width === 4 || this.#width === 8
    if (!isWidth || bytes.length !== 8 + this.#width * count)
      throw badData('a set of integers is not as long as it says')
  }

  next(): Uint8Array | undefined {
    if (this.at === this.bytes.length) return undefined
    const value = this.integer(this.#width)
    if (this.#last !== undefined && value <= this.#last) throw badData('a set of integers is not in order')
    this.#last = value
    return textOf(value)
  }
}

/** Writes a listpack. */
export class ListpackWriter {
  readonly #parts: Uint8Array[] = []
  #count = 0
  #bytes = 7

  get bytes(): number {
    return this.#bytes
  }

  get count(): number {
    return this.#count
  }

  add(entry: Uint8Array): void {
    const integer = integerOf(entry)
    const head = integer ?? headOfText(entry.length)
    const length = head.length + (integer === undefined ? entry.length : 0)
    const back = backLength(length)
    this.#parts.push(head)
    if (integer === undefined) this.#parts.push(entry)
    this.#parts.push(back)
    this.#bytes += length + back.length
    this.#count++
  }

  toBytes(): Uint8Array {
    const header = new Uint8Array(6)
    const view = new DataView(header.buffer)
    view.setUint32(0, this.#bytes, true)
    view.setUint16(4, Math.min(this.#count, unknownCount), true)
    return Buffer.concat([header, ...this.#parts, Uint8Array.of(end)])
  }
}

/** Text that an integer would be printed as is kept as the integer. */
const integerText = /^(0|-?[1-9]\d{0,18})$/

function headOfText(length: number): Uint8Array {
  if (length < 64) return Uint8Array.of(0x80 | length)
  if (length < 4096) return Uint8Array.of(0xe0 | (length >> 8), length & 0xff)
  const head = new Uint8Array(5)
  head[0] = 0xf0
  new DataView(head.buffer).setUint32(1, length, true)
  return head
}

function integerOf(entry: Uint8Array): Uint8Array | undefined {
  if (entry.length === 0 || entry.length > 20) return undefined
  const text = Buffer.from(entry.buffer, entry.byteOffset, entry.length).toString('latin1')
  if (!integerText.test(text)) return undefined
  const value = BigInt(text)
  if (BigInt.asIntN(64, value) !== value) return undefined
  const number = Number(value)
  if (number >= 0 && number < 128) return Uint8Array.of(number)
  if (number >= -4096 && number < 4096) return Uint8Array.of(0xc0 | ((number & 0x1fff) >> 8), number & 0xff)
  for (const [encoding, size] of integerSizes) {
    if (BigInt.asIntN(size * 8, value) !== value) continue
    const head = new Uint8Array(1 + size)
    head[0] = encoding
    for (let i = 0, rest = value; i < size; i++, rest >>= 8n) head[1 + i] = Number(rest & 0xffn)
    return head
  }
  return undefined
}

function backLength(length: number): Uint8Array {
  const groups: number[] = [length & 0x7f]
  for (let rest = Math.floor(length / 128); rest > 0; rest = Math.floor(rest / 128)) groups.unshift(rest & 0x7f)
  return Uint8Array.from(groups, (group, at) => (at === 0 ? group : group | 0x80))
}
