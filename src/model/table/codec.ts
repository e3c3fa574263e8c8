/**
 * A row's value.
 *
 * | bytes                | what                                                                          |
 * |----------------------|-------------------------------------------------------------------------------|
 * | 01                   | format                                                                        |
 * | varint               | n: the highest column number that the row knows                               |
 * | ⌈n/8⌉                | bit (c−1) mod 8 of byte (c−1) div 8 is set where column c is NULL or dropped  |
 * | per column not NULL  | in the order of their numbers: the stored form of the column's type,          |
 * |                      | preceded by its length as a varint where the type has no fixed one            |
 *
 * The columns of the primary key are stored here too: a key keeps a value's order, not its text (1.50 and 1.5 are one
 * key). Reading stops at the last column that is wanted.
 *
 * Invariants: a column's number determines its type within a version of the table; integers lie at their full width, so that an update of one
 * rewrites bytes in place.
 */
import { decodeUtf8, type ByteWriter } from '../../base/bytes.ts'
import { PolylogError } from '../../base/errors.ts'
import { charge, isTurnOver } from '../../base/work.ts'
import type { Slice } from '../../base/slice.ts'
import { canWait, suspended } from '../../database/transaction/wait.ts'
import { keptForBatch } from '../../database/transaction/draws.ts'
import { manyBytes } from './types/array.ts'
import { readInt32, readInt64 } from './types/integer.ts'
import type { InTurns, ReadingInTurns, SqlType } from './types/type.ts'
import type { SqlValue } from './types/value.ts'

const rowFormat = 0x01

/** One column number's place in rows; `ordinal` is the column's position among the live ones, −1 of a dropped one. */
export interface StoredColumn {
  readonly ordinal: number
  readonly type: SqlType
  /** What rows have that are older than the column. */
  readonly missing: SqlValue
}

/** By column number − 1. */
export type RowLayout = readonly StoredColumn[]

export function encodeRow(layout: RowLayout, row: readonly SqlValue[], writer: ByteWriter): void {
  const count = layout.length
  const bitmap = beginRow(count, writer)
  for (let index = 0; index < count; index++) {
    const { ordinal, type } = layout[index]!
    const value = ordinal < 0 ? null : row[ordinal]!
    if (value === null) writer.bytes[bitmap + (index >> 3)]! |= 1 << (index & 7)
    else writeValue(type, value, writer)
  }
}

/** Answers where the bitmap begins. */
function beginRow(count: number, writer: ByteWriter): number {
  writer.u8(rowFormat)
  writer.varint(count)
  const bitmap = writer.end
  for (let left = count; left > 0; left -= 8) writer.u8(0)
  return bitmap
}

function writeValue(type: SqlType, value: SqlValue, writer: ByteWriter): void {
  if (type.storage === 'int4') writer.i32le(value as number)
  else if (type.storedBytes > 0) type.writeStored(value, writer)
  else writeSized(type, value, writer)
}

/** Of a longer text the size is found out first: moving what is written, and room for the widest text, cost more. */
const longTextLength = 1024

/** Most values are shorter than 128 bytes: one byte is kept free for the length, and the rest moves where that is wrong. */
function writeSized(type: SqlType, value: SqlValue, writer: ByteWriter): void {
  const mark = writer.end
  if (value instanceof Uint8Array) {
    writer.varint(value.length)
    writer.copy(value)
    checkSize(writer.end - mark)
    return
  }
  if (typeof value === 'string' && value.length > longTextLength && type.storage === 'text') {
    writer.sizedUtf8(value)
    checkSize(writer.end - mark)
    return
  }
  if (type.inTurns?.isLarge(value) === true && writeInTurns(type.inTurns, value, writer)) return
  writer.u8(0)
  type.writeStored(value, writer)
  const length = writer.end - mark - 1
  if (length < 0x80) {
    writer.bytes[mark] = length
    return
  }
  const end = writer.end
  // The varint's own bytes beyond the first.
  const shift = length < 0x4000 ? 1 : length < 0x20_0000 ? 2 : 3
  checkSize(length)
  writer.reserve(shift)
  writer.bytes.copyWithin(mark + 1 + shift, mark + 1, end)
  writer.end = mark
  writer.varint(length)
  writer.end = end + shift
}

/** A large value, some of it a turn where the batch is run again; false where it is to be written at once. */
function writeInTurns(inTurns: InTurns, value: SqlValue, writer: ByteWriter): boolean {
  const storing = canWait() ? keptForBatch(() => inTurns.beginStoring(value)) : undefined
  if (storing === undefined) return false
  while (!storing.step()) if (isTurnOver()) throw suspended
  const { bytes, end } = storing.writer
  checkSize(end)
  writer.varint(end)
  writer.copy(bytes, 0, end)
  return true
}

function checkSize(length: number): void {
  if (length >= 0x1000_0000) throw new PolylogError('too_large', 'a value is larger than 256 MiB')
}

/** What a plan reads of a table's rows: made once, used for every row. */
export class RowReader {
  readonly #layout: RowLayout
  readonly #width: number
  /** Column numbers − 1 to this one are looked at. */
  readonly #last: number
  readonly #wanted: Uint8Array
  /** Of stored values, by column number − 1; 0 where each says its own. */
  readonly #sizes: Int32Array
  readonly #template: readonly SqlValue[]
  /** A wanted column may hold what takes turns. */
  readonly #hasLater: boolean

  /** `ordinals`: those of the wanted columns; all where it is missing. Others read as null. */
  constructor(layout: RowLayout, width: number, ordinals?: Iterable<number>) {
    this.#layout = layout
    this.#width = width
    this.#wanted = new Uint8Array(layout.length)
    const wanted = ordinals === undefined ? undefined : new Set(ordinals)
    this.#sizes = Int32Array.from(layout, ({ type }) => Math.max(0, type.storedBytes))
    let last = -1
    for (const [index, { ordinal }] of layout.entries()) {
      if (ordinal < 0 || (wanted !== undefined && !wanted.has(ordinal))) continue
      this.#wanted[index] = 1
      last = index
    }
    this.#last = last
    this.#hasLater = layout.some(({ type }, index) => this.#wanted[index] === 1 && isReadLater(type))
    const template: SqlValue[] = []
    for (let i = 0; i < width; i++) template.push(null)
    this.#template = template
  }

  get width(): number {
    return this.#width
  }

  /** A row by ordinals. */
  read(value: Slice): SqlValue[] {
    const row = this.#template.slice()
    this.readInto(value, row, 0)
    return row
  }

  /** Puts the wanted columns at `offset` + their ordinal; others are left as they are. */
  readInto(value: Slice, row: SqlValue[], offset: number, later?: LaterValue[]): void {
    const { bytes, end } = value
    const known = readHeader(value)
    const bitmap = header.bitmap
    let at = bitmap + ((known + 7) >> 3)
    const last = this.#last
    const sizes = this.#sizes
    const wanted = this.#wanted
    const hasNulls = hasBits(bytes, bitmap, at)
    for (let index = 0; index <= last; index++) {
      if (index >= known) {
        if (wanted[index] === 1) row[offset + this.#layout[index]!.ordinal] = this.#layout[index]!.missing
        continue
      }
      if (hasNulls && (bytes[bitmap + (index >> 3)]! >> (index & 7)) & 1) {
        if (wanted[index] === 1) row[offset + this.#layout[index]!.ordinal] = null
        continue
      }
      let start = at
      let size = sizes[index]!
      if (size === 0) {
        start = readLength(bytes, at, end)
        size = header.length
      }
      at = start + size
      if (at > end) throw corrupted()
      if (wanted[index] !== 1) continue
      const { type, ordinal } = this.#layout[index]!
      const place = offset + ordinal
      if (later !== undefined && size > manyBytes && isReadLater(type)) {
        later.push({ type, place, start: start - value.start, end: at - value.start })
      } else row[place] = readValue(type, bytes, start, at)
    }
  }

  /** Reading a large row some of it a turn; undefined where it has nothing that takes turns. */
  begin(value: Slice): RowReading | undefined {
    if (value.end - value.start <= manyBytes || !this.#hasLater) return undefined
    const row = this.#template.slice()
    const later: LaterValue[] = []
    this.readInto(value, row, 0, later)
    return later.length === 0 ? undefined : new RowReading(row, later)
  }
}

/** Where a value lies that has not been read yet, from the beginning of the row's value on. */
interface LaterValue {
  readonly type: SqlType
  readonly place: number
  readonly start: number
  readonly end: number
}

function isReadLater({ inTurns, storage, name }: SqlType): boolean {
  return storage === 'variable' && (inTurns !== undefined || name === 'bytea')
}

const copiedAtOnce = 256 * 1024

/** A row whose arrays, bytes and bits are read in steps. */
export class RowReading {
  readonly row: SqlValue[]
  readonly #later: LaterValue[]
  #reading: ReadingInTurns | undefined
  #bytes: Uint8Array | undefined
  #copied = 0

  constructor(row: SqlValue[], later: LaterValue[]) {
    this.row = row
    this.#later = later
  }

  /** `value`: as it was, wherever its bytes lie by now. Answers whether that was all. */
  step(value: Slice): boolean {
    const one = this.#later[0]!
    const isRead = one.type.inTurns === undefined ? this.#copy(value, one) : this.#read(value, one)
    if (isRead) this.#later.shift()
    return this.#later.length === 0
  }

  #copy({ bytes, start }: Slice, one: LaterValue): boolean {
    const into = (this.#bytes ??= new Uint8Array(one.end - one.start))
    const end = Math.min(into.length, this.#copied + copiedAtOnce)
    const from = start + one.start
    into.set(bytes.subarray(from + this.#copied, from + end), this.#copied)
    charge(end - this.#copied)
    this.#copied = end
    if (end < into.length) return false
    this.row[one.place] = into
    this.#bytes = undefined
    this.#copied = 0
    return true
  }

  #read({ bytes, start }: Slice, { type, place, start: from, end }: LaterValue): boolean {
    if (this.#reading === undefined) {
      const own = bytes.slice(start + from, start + end)
      charge(own.length)
      this.#reading = type.inTurns!.beginReading(own)
    }
    if (!this.#reading.step()) return false
    this.row[place] = this.#reading.result
    this.#reading = undefined
    return true
  }
}

/**
 * A row that a batch finds by its key. A large one is read some of it a turn, and once: where the batch waits for a dear call
 * of it and is run again, it has the same row, and spends no turn on reading it.
 */
export function readFound(reader: RowReader, value: Slice): SqlValue[] {
  if (value.end - value.start <= manyBytes || !canWait()) return reader.read(value)
  const found = keptForBatch(() => new FoundRow(reader))
  return found === undefined ? reader.read(value) : found.read(value)
}

class FoundRow {
  readonly #reader: RowReader
  #reading: RowReading | undefined
  #row: SqlValue[] | undefined

  constructor(reader: RowReader) {
    this.#reader = reader
  }

  read(value: Slice): SqlValue[] {
    if (this.#row !== undefined) return this.#row
    this.#reading ??= this.#reader.begin(value)
    if (this.#reading === undefined) charge(value.end - value.start)
    else while (!this.#reading.step(value)) if (isTurnOver()) throw suspended
    this.#row = this.#reading?.row ?? this.#reader.read(value)
    // What is computed of it has a turn of its own.
    if (isTurnOver()) throw suspended
    return this.#row
  }
}

/** Results of `readHeader` and `readLength` beside the returned one: no allocation per row. */
const header = { bitmap: 0, length: 0 }

/** Some column is null. */
function hasBits(bytes: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; at++) if (bytes[at] !== 0) return true
  return false
}

function readHeader(value: Slice): number {
  const { bytes, start, end } = value
  if (end - start < 2) throw corrupted()
  if (bytes[start] !== rowFormat) {
    throw new PolylogError('data_newer', `a row has format ${bytes[start]}, which this version does not know`)
  }
  header.bitmap = readLength(bytes, start + 1, end)
  if (header.bitmap + ((header.length + 7) >> 3) > end) throw corrupted()
  return header.length
}

/** Reads a varint into `header.length`; answers where it ends. */
function readLength(bytes: Uint8Array, at: number, end: number): number {
  if (at >= end) throw corrupted()
  let length = bytes[at]!
  let next = at + 1
  if (length >= 0x80) {
    length &= 0x7f
    let scale = 128
    for (; ; scale *= 128) {
      if (next >= end || scale > 2 ** 42) throw corrupted()
      const byte = bytes[next++]!
      length += (byte & 0x7f) * scale
      if (byte < 0x80) break
    }
  }
  header.length = length
  return next
}

function readValue(type: SqlType, bytes: Uint8Array, start: number, end: number): SqlValue {
  const { storage } = type
  if (storage === 'int4') return readInt32(bytes, start)
  if (storage === 'text') return decodeUtf8(bytes, start, end)
  if (storage === 'int8') return readInt64(bytes, start)
  return type.readStored(bytes, start, end)
}

function corrupted(): PolylogError {
  return new PolylogError('data_corrupted', 'a row ends inside a value')
}

/**
 * Writes the row in `old` again with other values in some columns: what does not change is copied as bytes. `changed`
 * has a 1 at the index (number − 1) of each changed column; `row` holds their new values by ordinal.
 */
export function rewriteRow(
  layout: RowLayout,
  old: Slice,
  changed: Uint8Array,
  row: readonly SqlValue[],
  writer: ByteWriter,
): void {
  const { bytes, end } = old
  const known = readHeader(old)
  const oldBitmap = header.bitmap
  let at = oldBitmap + ((known + 7) >> 3)
  const bitmap = beginRow(layout.length, writer)
  for (let index = 0; index < layout.length; index++) {
    const { ordinal, type, missing } = layout[index]!
    const from = at
    const isKnown = index < known
    const wasNull = isKnown && ((bytes[oldBitmap + (index >> 3)]! >> (index & 7)) & 1) === 1
    if (isKnown && !wasNull) {
      at = type.storedBytes > 0 ? at + type.storedBytes : readLength(bytes, at, end) + header.length
      if (at > end) throw corrupted()
    }
    if (ordinal >= 0 && isKnown && !wasNull && changed[index] !== 1) {
      writer.copy(bytes, from, at)
      continue
    }
    const value =
      ordinal < 0 || (isKnown && changed[index] !== 1) ? null : changed[index] === 1 ? row[ordinal]! : missing
    if (value === null) writer.bytes[bitmap + (index >> 3)]! |= 1 << (index & 7)
    else writeValue(type, value, writer)
  }
}
