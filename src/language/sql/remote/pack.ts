/**
 * SQL values as bytes that two threads share: written and read a piece at a time, so that neither holds its thread for
 * long. The engine's own cloning takes a value whole: 16 MB of text are 15 ms there, a million elements 150.
 *
 *   value    tag, then what it says
 *   string   its number of pieces; each: 0 or 1 for one or two bytes a unit, the number of units, the units
 *   numeric  scale, then the coefficient as a string of hexadecimal digits (decimal ones take quadratic time)
 *   array    its number of elements, then the elements
 *   bounded  an array of lower bounds, then one of elements
 *   structured  its kind, then an array of its parts
 *
 * Invariants: no item lies in two chunks, so a reader goes to the next chunk exactly where the writer did.
 */
import { Decimal } from '../../../base/decimal.ts'
import { PolylogError } from '../../../base/errors.ts'
import { BoundedArray, withBounds } from '../../../model/table/types/array-bounds.ts'
import { makeStructure, StructuredValue } from '../../../model/table/types/structured.ts'
import type { Interval, SqlValue } from '../contract.ts'

export interface Packed {
  readonly chunks: readonly SharedArrayBuffer[]
  readonly lengths: readonly number[]
}

const tag = {
  null: 0,
  false: 1,
  true: 2,
  number: 3,
  bigint: 4,
  string: 5,
  bytes: 6,
  decimal: 7,
  special: 8,
  interval: 9,
  array: 10,
  bounded: 11,
  structured: 12,
} as const

/** Units or bytes written at once. */
const pieceLength = 128 * 1024
const smallestChunk = 4 * 1024
const largestChunk = 1024 * 1024
/** Between two pauses: half a millisecond or so. */
const bytesPerPause = 512 * 1024
/** What handling an element takes, in bytes of text. */
const elementBytes = 64

const specials = [Decimal.nan, Decimal.infinity, Decimal.negativeInfinity]
const beyondOneByte = /[^\0-\u00ff]/

export type Slices<T> = Generator<undefined, T, void>

export function* pack(values: readonly SqlValue[]): Slices<Packed> {
  const writer = new PackWriter()
  yield* writer.array(values)
  return writer.finish()
}

export function* unpack(packed: Packed): Slices<readonly SqlValue[]> {
  return yield* new PackReader(packed).array()
}

/** Without pauses: for the thread that nobody waits for. */
export function atOnce<T>(slices: Slices<T>): T {
  for (;;) {
    const step = slices.next()
    if (step.done === true) return step.value
  }
}

class PackWriter {
  readonly #chunks: SharedArrayBuffer[] = []
  readonly #lengths: number[] = []
  #buffer: Buffer = Buffer.alloc(0)
  #at = 0
  #sincePause = 0

  finish(): Packed {
    this.#closeChunk()
    return { chunks: this.#chunks, lengths: this.#lengths }
  }

  *array(values: readonly SqlValue[]): Slices<void> {
    this.#room(4)
    this.#u32(values.length)
    for (const value of values) {
      if (this.#isPause(elementBytes)) yield undefined
      if (value instanceof BoundedArray) {
        this.#tag(tag.bounded)
        yield* this.array(value.lowerBounds)
        yield* this.array(Array.from<SqlValue>(value))
      } else if (value instanceof StructuredValue) {
        this.#tag(tag.structured)
        this.#f64(value.structure)
        yield* this.array(value.parts())
      } else if (Array.isArray(value)) {
        this.#tag(tag.array)
        yield* this.array(value as readonly SqlValue[])
      } else if (typeof value === 'string') {
        this.#tag(tag.string)
        yield* this.#string(value)
      } else if (value instanceof Uint8Array) {
        yield* this.#bytes(value)
      } else {
        this.#scalar(value as Exclude<SqlValue, string | Uint8Array | StructuredValue | readonly SqlValue[]>)
      }
    }
  }

  #isPause(bytes: number): boolean {
    this.#sincePause += bytes
    if (this.#sincePause < bytesPerPause) return false
    this.#sincePause = 0
    return true
  }

  *#string(text: string): Slices<void> {
    this.#room(4)
    this.#u32(Math.ceil(text.length / pieceLength))
    for (let from = 0; from < text.length; from += pieceLength) {
      const piece = text.length <= pieceLength ? text : text.slice(from, from + pieceLength)
      this.#piece(piece)
      if (this.#isPause(piece.length)) yield undefined
    }
  }

  #piece(piece: string): void {
    const isWide = beyondOneByte.test(piece)
    this.#room(5 + (isWide ? 2 : 1) * piece.length)
    this.#buffer[this.#at++] = Number(isWide)
    this.#u32(piece.length)
    this.#at += this.#buffer.write(piece, this.#at, isWide ? 'utf16le' : 'latin1')
  }

  *#bytes(bytes: Uint8Array): Slices<void> {
    this.#tag(tag.bytes)
    this.#room(4)
    this.#u32(bytes.length)
    for (let from = 0; from < bytes.length; from += pieceLength) {
      const piece = bytes.subarray(from, from + pieceLength)
      this.#room(piece.length)
      this.#buffer.set(piece, this.#at)
      this.#at += piece.length
      if (this.#isPause(piece.length)) yield undefined
    }
  }

  #scalar(value: null | boolean | number | bigint | Decimal | Interval): void {
    if (value === null) this.#tag(tag.null)
    else if (typeof value === 'boolean') this.#tag(value ? tag.true : tag.false)
    else if (typeof value === 'number') {
      this.#tag(tag.number)
      this.#f64(value)
    } else if (typeof value === 'bigint') {
      this.#tag(tag.bigint)
      this.#hexadecimal(value)
    } else if (value instanceof Decimal) this.#decimal(value)
    else {
      this.#tag(tag.interval)
      this.#f64(value.months)
      this.#f64(value.days)
      this.#hexadecimal(value.us)
    }
  }

  #decimal(value: Decimal): void {
    if (!value.isFinite) {
      this.#tag(tag.special)
      this.#f64(specials.findIndex(({ kind }) => kind === value.kind))
      return
    }
    this.#tag(tag.decimal)
    this.#f64(value.scale)
    this.#hexadecimal(value.coefficient)
  }

  /** Digits of numerics are bounded; a bigint of them fits a piece. */
  #hexadecimal(value: bigint): void {
    const digits = value < 0n ? `-${(-value).toString(16)}` : value.toString(16)
    this.#piece(digits)
    this.#sincePause += digits.length
  }

  #tag(value: number): void {
    this.#room(1)
    this.#buffer[this.#at++] = value
  }

  #f64(value: number): void {
    this.#room(8)
    this.#at = this.#buffer.writeDoubleLE(value, this.#at)
  }

  #u32(value: number): void {
    this.#at = this.#buffer.writeUInt32LE(value, this.#at)
  }

  #room(bytes: number): void {
    if (this.#at + bytes <= this.#buffer.length) return
    this.#closeChunk()
    const size = Math.max(bytes, Math.min(largestChunk, Math.max(smallestChunk, this.#buffer.length * 4)))
    const chunk = new SharedArrayBuffer(size)
    this.#chunks.push(chunk)
    this.#buffer = Buffer.from(chunk)
    this.#at = 0
  }

  #closeChunk(): void {
    if (this.#chunks.length > this.#lengths.length) this.#lengths.push(this.#at)
  }
}

class PackReader {
  readonly #packed: Packed
  #chunk = -1
  #buffer: Buffer = Buffer.alloc(0)
  #end = 0
  #at = 0
  #sincePause = 0

  constructor(packed: Packed) {
    this.#packed = packed
  }

  *array(): Slices<SqlValue[]> {
    const count = this.#u32()
    const values: SqlValue[] = []
    while (values.length < count) {
      this.#sincePause += elementBytes
      if (this.#sincePause >= bytesPerPause) {
        this.#sincePause = 0
        yield undefined
      }
      const kind = this.#byte()
      if (kind === tag.array) values.push(yield* this.array())
      else if (kind === tag.bounded) {
        const lowerBounds = yield* this.array()
        values.push(withBounds(yield* this.array(), lowerBounds as number[]))
      } else if (kind === tag.structured) {
        const structure = this.#f64()
        values.push(makeStructure(structure, yield* this.array()))
      } else if (kind === tag.string) values.push(yield* this.#string())
      else if (kind === tag.bytes) values.push(yield* this.#bytes())
      else values.push(this.#scalar(kind))
    }
    return values
  }

  *#string(): Slices<string> {
    let text = ''
    for (let left = this.#u32(); left > 0; left--) {
      text += this.#piece()
      if (this.#sincePause >= bytesPerPause) {
        this.#sincePause = 0
        yield undefined
      }
    }
    return text
  }

  #piece(): string {
    const isWide = this.#byte() === 1
    const length = this.#u32()
    const at = this.#take(isWide ? 2 * length : length)
    this.#sincePause += length
    return this.#buffer.toString(isWide ? 'utf16le' : 'latin1', at, this.#at)
  }

  *#bytes(): Slices<Uint8Array> {
    const bytes = new Uint8Array(this.#u32())
    for (let from = 0; from < bytes.length; from += pieceLength) {
      const length = Math.min(pieceLength, bytes.length - from)
      const at = this.#take(length)
      bytes.set(this.#buffer.subarray(at, at + length), from)
      this.#sincePause += length
      if (this.#sincePause < bytesPerPause) continue
      this.#sincePause = 0
      yield undefined
    }
    return bytes
  }

  #scalar(kind: number): SqlValue {
    switch (kind) {
      case tag.null:
        return null
      case tag.false:
      case tag.true:
        return kind === tag.true
      case tag.number:
        return this.#f64()
      case tag.bigint:
        return this.#hexadecimal()
      case tag.decimal: {
        const scale = this.#f64()
        return Decimal.of(this.#hexadecimal(), scale)
      }
      case tag.special:
        return specials[this.#f64()]!
      case tag.interval: {
        const months = this.#f64()
        const days = this.#f64()
        return { months, days, us: this.#hexadecimal() }
      }
      default:
        throw new PolylogError('internal', `a packed value has the tag ${kind}`)
    }
  }

  #hexadecimal(): bigint {
    const digits = this.#piece()
    return digits.startsWith('-') ? -BigInt(`0x${digits.slice(1)}`) : BigInt(`0x${digits}`)
  }

  #byte(): number {
    const at = this.#take(1)
    return this.#buffer[at]!
  }

  #u32(): number {
    const at = this.#take(4)
    return this.#buffer.readUInt32LE(at)
  }

  #f64(): number {
    const at = this.#take(8)
    return this.#buffer.readDoubleLE(at)
  }

  /** Where the next `bytes` begin: in `#buffer`, which may be another one from here on. */
  #take(bytes: number): number {
    if (this.#at >= this.#end) {
      this.#chunk++
      this.#buffer = Buffer.from(this.#packed.chunks[this.#chunk]!)
      this.#end = this.#packed.lengths[this.#chunk]!
      this.#at = 0
    }
    const at = this.#at
    this.#at += bytes
    return at
  }
}
