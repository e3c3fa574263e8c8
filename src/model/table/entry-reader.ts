/**
 * Reads columns of rows from the entries of an index, without the rows: what an entry's key holds besides the order is the
 * value itself, of types whose key elements can be read back (integers, dates, texts, not decimals: 1.5 and 1.50 are one
 * element). The columns of the primary key follow in it, as the row's key (`keys.ts`).
 *
 * Elements are read from the first one on, so all before the last that is wanted must be readable; none may be descending.
 */
import { decodeUtf8 } from '../../base/bytes.ts'
import { PolylogError } from '../../base/errors.ts'
import type { KeyRange, Slice } from '../../base/slice.ts'
import { KeyWriter, orderedVarintWidth, tag } from '../../base/tuple.ts'
import type { TransactionReader } from '../../database/contract.ts'
import type { ReadCounts } from '../../database/statistics/transaction-counts.ts'
import type { Cursor } from '../../storage/store.ts'
import { rowKeyOfEntry, writeKeyOfRowKey } from './keys.ts'
import type { KeyPart, Table, TableIndex } from './table.ts'
import { uuidFromBytes } from './types/uuid.ts'
import type { SqlValue } from './types/value.ts'

/** Where the next element begins: set by each reader of one. */
let next = 0

type ElementReader = (bytes: Uint8Array, at: number, end: number) => SqlValue

function readNumber(bytes: Uint8Array, at: number): number {
  const width = bytes[at]! - tag.int64Zero
  const count = width < 0 ? -width : width
  if (count > 6) throw corrupted()
  let value = 0
  if (width > 0) for (let i = 1; i <= count; i++) value = value * 256 + bytes[at + i]!
  else for (let i = 1; i <= count; i++) value = value * 256 + (bytes[at + i]! ^ 0xff)
  next = at + 1 + count
  return width < 0 ? -value : value
}

function readBigint(bytes: Uint8Array, at: number): bigint {
  const width = bytes[at]! - tag.int64Zero
  const count = width < 0 ? -width : width
  if (count <= 6) return BigInt(readNumber(bytes, at))
  if (count > 8) throw corrupted()
  let value = 0n
  const mask = width < 0 ? 0xff : 0
  for (let i = 1; i <= count; i++) value = (value << 8n) | BigInt(bytes[at + i]! ^ mask)
  next = at + 1 + count
  return width < 0 ? -value : value
}

function readText(bytes: Uint8Array, at: number, end: number): string {
  expectTag(bytes[at], tag.string)
  let to = at + 1
  while (to < end && bytes[to] !== 0) to++
  if (to >= end) throw corrupted()
  next = to + 1
  return bytes[next] === 0xff && next < end ? readEscaped(bytes, at + 1, end) : decodeUtf8(bytes, at + 1, to)
}

/** A text with a 00, which stands as 00 FF. */
function readEscaped(bytes: Uint8Array, start: number, end: number): string {
  const plain: number[] = []
  for (let at = start; at < end; at++) {
    if (bytes[at] === 0) {
      next = at + 1
      if (bytes[next] !== 0xff || next >= end) return decodeUtf8(Uint8Array.from(plain), 0, plain.length)
      at++
      plain.push(0)
    } else plain.push(bytes[at]!)
  }
  throw corrupted()
}

function readBoolean(bytes: Uint8Array, at: number): boolean {
  next = at + 1
  return bytes[at] === tag.true
}

function readUuid(bytes: Uint8Array, at: number): string {
  expectTag(bytes[at], tag.uuid)
  next = at + 17
  return uuidFromBytes(bytes, at + 1)
}

function readTimestamp(bytes: Uint8Array, at: number): bigint {
  expectTag(bytes[at], tag.timestamp)
  let value = 0n
  for (let i = 1; i <= 8; i++) value = (value << 8n) | BigInt(bytes[at + i]!)
  next = at + 9
  return BigInt.asIntN(64, value ^ (1n << 63n))
}

/** By the type's name: types that are made of these have others, and may write other elements. */
const readers: Readonly<Record<string, ElementReader>> = {
  bool: readBoolean,
  int2: readNumber,
  int4: readNumber,
  int8: readBigint,
  oid: readNumber,
  date: readNumber,
  time: readBigint,
  timestamp: readTimestamp,
  timestamptz: readTimestamp,
  text: readText,
  varchar: readText,
  uuid: readUuid,
}

interface Step {
  readonly read: ElementReader
  /** The column's ordinal; −1 of one that is not wanted. */
  readonly place: number
}

/** What follows an element's tag is read as it was written, but not beyond the key. */
class Elements {
  readonly #steps: readonly Step[]

  constructor(steps: readonly Step[]) {
    this.#steps = steps
  }

  readInto(row: SqlValue[], { bytes, end }: Slice, start: number): void {
    let at = start
    for (const { read, place } of this.#steps) {
      if (at >= end) throw corrupted()
      const first = bytes[at]!
      const isNull = first === tag.nullFirst || first === tag.nullLast
      next = at + 1
      const value = isNull ? null : read(bytes, at, end)
      if (next > end) throw corrupted()
      at = next
      if (place >= 0) row[place] = value
    }
  }
}

export class EntryReader {
  readonly #ofEntry: Elements
  /** Of a unique index: its entries have the row's key as their value. */
  readonly #ofRowKey: Elements | undefined
  readonly #template: readonly SqlValue[]

  private constructor(table: Table, ofEntry: readonly Step[], ofRowKey: readonly Step[]) {
    this.#ofEntry = new Elements(ofEntry)
    this.#ofRowKey = ofRowKey.length === 0 ? undefined : new Elements(ofRowKey)
    this.#template = table.columns.map(() => null)
  }

  /** Undefined where entries do not tell all of these columns. */
  static of(table: Table, index: TableIndex, ordinals: Iterable<number>): EntryReader | undefined {
    const wanted = new Set(ordinals)
    const own = takeSteps(index.parts, wanted)
    if (wanted.size === 0) return new EntryReader(table, own, [])
    if (table.primaryKey === undefined) return undefined
    const ofRow = takeSteps(table.primaryKey, wanted)
    if (wanted.size > 0) return undefined
    if (index.isUnique) return new EntryReader(table, own, ofRow)
    return own.length < index.parts.length ? undefined : new EntryReader(table, [...own, ...ofRow], [])
  }

  /** By ordinals; of columns that were not asked for there is null. */
  read(key: Slice, value: Slice): SqlValue[] {
    const row = this.#template.slice()
    this.#ofEntry.readInto(row, key, key.start + prefixBytes(key))
    this.#ofRowKey?.readInto(row, value, value.start)
    return row
  }
}

/** The readable elements up to the last that is wanted; takes away from `wanted` what they give. */
function takeSteps(parts: readonly KeyPart[], wanted: Set<number>): Step[] {
  const steps: Step[] = []
  for (const { column, isDescending } of parts) {
    const read = readers[column.type.name]
    if (wanted.size === 0 || read === undefined || isDescending) break
    steps.push({ read, place: wanted.delete(column.ordinal) ? column.ordinal : -1 })
  }
  return steps
}

function prefixBytes({ bytes, start }: Slice): number {
  const keyspace = orderedVarintWidth(bytes[start]!)
  return keyspace + orderedVarintWidth(bytes[start + keyspace]!)
}

function expectTag(found: number | undefined, wanted: number): void {
  if (found !== wanted) throw corrupted()
}

function corrupted(): PolylogError {
  return new PolylogError('data_corrupted', 'an entry of an index ends inside a value')
}

/** The rows of a range of an index, as far as its entries tell them. */
export class EntryScan {
  readonly #table: Table
  readonly #index: TableIndex
  readonly #reader: EntryReader
  readonly #cursor: Cursor
  readonly #counts: ReadCounts
  rowBytes = 0

  constructor(
    transaction: Pick<TransactionReader, 'scan'>,
    table: Table,
    index: TableIndex,
    reader: EntryReader,
    { range, reverse, counts }: { readonly range: KeyRange; readonly reverse: boolean; readonly counts: ReadCounts },
  ) {
    this.#counts = counts
    this.#table = table
    this.#index = index
    this.#reader = reader
    this.#cursor = transaction.scan(range, { reverse })
  }

  next(): SqlValue[] | undefined {
    const cursor = this.#cursor
    if (!cursor.next()) return undefined
    this.#counts.rows++
    const { key, value } = cursor
    this.rowBytes = key.end - key.start
    return this.#reader.read(key, value)
  }

  rowKey(): Uint8Array {
    const { key, value } = this.#cursor
    return writeKeyOfRowKey(this.#table, rowKeyOfEntry(this.#index, key, value), new KeyWriter(64)).toBytes()
  }
}
