/**
 * A table's keys.
 *
 * | key                                                       | value          | what                                     |
 * |-----------------------------------------------------------|----------------|------------------------------------------|
 * | (collection, 1, primary key columns…)                     | `codec.ts`     | a row                                    |
 * | (collection, 1, MinKey, row number int64)                 | `codec.ts`     | a row of a table without primary key     |
 * | (collection, index, columns…, row key)                    | varint: length | entry of a plain index                   |
 * |                                                           | of the row key |                                          |
 * | (collection, index, columns…)                             | row key        | entry of a unique index, no NULL in it   |
 * | (collection, index, columns…, row key)                    | row key        | entry of a unique index with a NULL, or  |
 * |                                                           |                | whose constraint is deferrable           |
 *
 * The row key is what follows (collection, 1) in the row's key. A column's element is that of its type; NULL is null
 * first or null last as the index says, and a descending element is inverted (`base/tuple.ts`).
 *
 * A unique entry's key is exactly what must be unique, so that locking it, looking for it and noticing that another
 * transaction has written it are about one and the same key. MinKey keeps hidden numbers apart from every primary key,
 * so that ADD PRIMARY KEY can move rows within the keyspace.
 */
import { ByteReader } from '../../base/bytes.ts'
import { copySlice, sliceOf, type KeyRange, type Slice } from '../../base/slice.ts'
import { KeyWriter, prefixRange, primaryIndex, tag } from '../../base/tuple.ts'
import type { KeyPart, Table, TableIndex } from './table.ts'
import type { SqlValue } from './types/value.ts'

export type Values = readonly SqlValue[]

function writeKeyPart(part: KeyPart, value: SqlValue, writer: KeyWriter): void {
  const mark = writer.end
  if (value !== null) part.column.type.writeKey(value, writer)
  else if (part.isDescending === part.nullsFirst) writer.nullLast()
  else writer.nullFirst()
  if (part.isDescending) writer.descending(mark)
}

/** The whole key of the row with these values; only of a table with a primary key. */
export function writeRowKey(table: Table, row: Values, writer: KeyWriter): KeyWriter {
  writer.begin(table.id, primaryIndex)
  for (const part of table.primaryKey!) part.column.type.writeKey(row[part.column.ordinal]!, writer)
  return writer
}

export function writeHiddenRowKey(table: Table, number: number, writer: KeyWriter): KeyWriter {
  return writer.begin(table.id, primaryIndex).minKey().int64(number)
}

/** The key of a row from its row key. */
export function writeKeyOfRowKey(table: Table, rowKey: Slice, writer: KeyWriter): KeyWriter {
  writer.begin(table.id, primaryIndex)
  writer.slice(rowKey)
  return writer
}

const prefixWriter = new KeyWriter(16)

/** How many bytes stand before the row key in a row's key. */
export function rowPrefixBytes(table: Table): number {
  return prefixWriter.begin(table.id, primaryIndex).end
}

/** A copy. */
export function rowKeyOf(table: Table, key: Slice): Uint8Array {
  return copySlice({ bytes: key.bytes, start: key.start + rowPrefixBytes(table), end: key.end })
}

/** Whether a column of the index is NULL, so that the entry excludes no other. */
export function hasNull(index: TableIndex, row: Values): boolean {
  for (const { column } of index.parts) if (row[column.ordinal] === null) return true
  return false
}

/** The columns' part of an entry's key. */
export function writeIndexPrefix(table: Table, index: TableIndex, row: Values, writer: KeyWriter): KeyWriter {
  writer.begin(table.id, index.id)
  for (const part of index.parts) writeKeyPart(part, row[part.column.ordinal]!, writer)
  return writer
}

export function writeIndexKey(
  table: Table,
  index: TableIndex,
  row: Values,
  rowKey: Slice,
  writer: KeyWriter,
): KeyWriter {
  writeIndexPrefix(table, index, row, writer)
  if (!index.isUnique || index.deferrable !== undefined || hasNull(index, row)) writer.slice(rowKey)
  return writer
}

const lengthWriter = new KeyWriter(16)

/** Holds until the next call. */
export function indexValue(index: TableIndex, rowKey: Slice): Slice {
  if (index.isUnique) return rowKey
  lengthWriter.reset()
  lengthWriter.varint(rowKey.end - rowKey.start)
  return lengthWriter
}

/** A view into the entry: copy it before the cursor moves. */
export function rowKeyOfEntry(index: TableIndex, key: Slice, value: Slice): Slice {
  if (index.isUnique) return value
  const length = ByteReader.of(value).varint()
  return { bytes: key.bytes, start: key.end - length, end: key.end }
}

export function allRows(table: Table): KeyRange {
  return prefixRange(prefixWriter.begin(table.id, primaryIndex))
}

export interface KeyBound {
  readonly value: SqlValue
  readonly isInclusive: boolean
}

/** What an index access looks for: equal leading columns, then at most one range, whose NULLs are left out. */
export interface KeyBounds {
  /** Values of the first parts; null looks for NULL. */
  readonly equal: Values
  readonly lower?: KeyBound
  readonly upper?: KeyBound
  /** Without bounds on it: leaves out rows whose next part is NULL. */
  readonly skipsNulls?: boolean
}

/** Range of the primary rows (`index` undefined) or of an index. */
export function boundedRange(table: Table, index: TableIndex | undefined, bounds: KeyBounds): KeyRange {
  const parts = index === undefined ? table.primaryKey! : index.parts
  const writer = new KeyWriter(64).begin(table.id, index === undefined ? primaryIndex : index.id)
  for (const [i, value] of bounds.equal.entries()) writeKeyPart(parts[i]!, value, writer)
  const part = parts[bounds.equal.length]
  const isRange = bounds.lower !== undefined || bounds.upper !== undefined || bounds.skipsNulls === true
  if (!isRange || part === undefined) return prefixRange(writer)
  const first = part.isDescending ? bounds.upper : bounds.lower
  const last = part.isDescending ? bounds.lower : bounds.upper
  const prefix = writer.end
  writeEdge(part, first, 'start', writer)
  const start = writer.toBytes()
  writer.truncate(prefix)
  writeEdge(part, last, 'end', writer)
  return { start: sliceOf(start), end: sliceOf(writer.toBytes()) }
}

/** `FF` after an element is above every key that begins with it. */
function writeEdge(part: KeyPart, bound: KeyBound | undefined, edge: 'start' | 'end', writer: KeyWriter): void {
  if (bound !== undefined) {
    writeKeyPart(part, bound.value, writer)
    if (bound.isInclusive === (edge === 'end')) writer.u8(0xff)
  } else if (edge === 'start') {
    // NULLs that sort first lie in front of the open end.
    if (part.nullsFirst) writer.u8((part.isDescending ? tag.nullLast ^ 0xff : tag.nullFirst) + 1)
  } else if (part.nullsFirst) writer.u8(0xff)
  else writer.u8(part.isDescending ? tag.nullFirst ^ 0xff : tag.nullLast)
}
