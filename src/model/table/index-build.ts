/**
 * Work over all rows of a table that a schema change causes: filling an index, moving rows under another key, looking for
 * rows that break a new constraint. Generators: they pause when their slice is over.
 */
import type { StatementSteps, Transaction } from '../../database/contract.ts'
import { inPlace } from '../../database/transaction/wait.ts'
import { copySlice, emptySlice, MutableSlice, type Slice, sliceOf } from '../../base/slice.ts'
import { KeyWriter } from '../../base/tuple.ts'
import { encodeRow } from './codec.ts'
import { describeKey, hasTwin, isPrimaryKeyTaken, type RowCheck } from './constraints.ts'
import { indexedRow } from './expressions.ts'
import { ByteWriter } from '../../base/bytes.ts'
import {
  allRows,
  indexValue,
  rowKeyOf,
  rowPrefixBytes,
  writeHiddenRowKey,
  writeIndexKey,
  writeKeyOfRowKey,
  writeRowKey,
  type Values,
} from './keys.ts'
import { addEntry, removeEntry } from './entries.ts'
import { EntrySorter } from './entry-sorter.ts'
import { RowScan } from './scan.ts'
import type { Column, Table, TableIndex } from './table.ts'
import { PolylogError } from '../../base/errors.ts'
import type { SqlValue } from './types/value.ts'

interface ReadRow {
  readonly row: SqlValue[]
  readonly key: Uint8Array
}

/** Read before anything is written again: a scan over own writes finds its place anew after every write. */
const rowsAtOnce = 1000
/** Of entries that are merged, that take as long as reading a row. */
const movesPerRow = 16

/** Each row with its key; pauses between rows. `visit` is run again where it has to wait. */
export function* eachRow(
  transaction: Transaction,
  table: Table,
  visit: (row: SqlValue[], key: Uint8Array) => void,
): StatementSteps<void> {
  const scan = new RowScan(transaction, table, table.reader, allRows(table))
  for (;;) {
    const rows: ReadRow[] = []
    yield* inPlace(transaction, () => readInto(rows, scan))
    for (const { row, key } of rows) {
      yield* inPlace(transaction, () => visit(row, key))
      if (transaction.slice.spend(1)) yield undefined
    }
    if (rows.length < rowsAtOnce) return
  }
}

/** What is read already stays where a page has to be waited for. */
function readInto(rows: ReadRow[], scan: RowScan): void {
  while (rows.length < rowsAtOnce) {
    const row = scan.next()
    if (row === undefined) return
    rows.push({ row, key: scan.rowKey() })
  }
}

/** Held before they are put in order and written, where an operator may keep as much. */
const mostEntryBytes = 16 * 1024 * 1024
/** Read, or written, before anybody looks at the clock. */
const entriesPerStep = 128

/** `table` is already the one with the index in its catalog entry. */
export function* buildIndex(transaction: Transaction, table: Table, index: TableIndex): StatementSteps<void> {
  if (index.deferrable !== undefined) return yield* buildDeferrable(transaction, table, index)
  const scan = new RowScan(transaction, table, table.readerOf(index.reads), allRows(table))
  const reading = new EntryReading(transaction, table, index, scan)
  const { memory, operatorBytes } = transaction.workspace
  const mostBytes = Math.min(mostEntryBytes, operatorBytes)
  while (!reading.isAtEnd) {
    const entries = new EntrySorter()
    let heldBytes = 0
    while (!reading.isAtEnd && heldBytes < mostBytes) {
      const before = entries.count
      yield* inPlace(transaction, () => reading.readInto(entries))
      memory.charge(entries.heldBytes - heldBytes, 'the entries of an index')
      heldBytes = entries.heldBytes
      if (transaction.slice.spend(entries.count - before + 1)) yield undefined
    }
    yield* writeInOrder(transaction, table, index, entries)
    memory.release(heldBytes)
  }
}

/** Goes from row to row; one whose entry has to wait is taken again. */
class EntryReading {
  isAtEnd = false
  readonly #transaction: Transaction
  readonly #table: Table
  readonly #index: TableIndex
  readonly #scan: RowScan
  readonly #rowPrefixBytes: number
  #row: SqlValue[] | undefined
  /** Of the row, where an expression over it may have to wait, and views hold no longer then. */
  #key: Slice = emptySlice

  constructor(transaction: Transaction, table: Table, index: TableIndex, scan: RowScan) {
    this.#transaction = transaction
    this.#table = table
    this.#index = index
    this.#scan = scan
    this.#rowPrefixBytes = rowPrefixBytes(table)
  }

  readInto(entries: EntrySorter): void {
    for (let read = 0; read < entriesPerStep; read++) {
      const row = (this.#row ??= this.#next())
      if (row === undefined) {
        this.isAtEnd = true
        return
      }
      const seen = indexedRow(this.#transaction, this.#table, this.#index, row)
      this.#row = undefined
      if (seen === undefined) continue
      const { bytes, start, end } = this.#key
      const rowKey = { bytes, start: start + this.#rowPrefixBytes, end }
      entries.add(writeIndexKey(this.#table, this.#index, seen, rowKey, keyWriter), indexValue(this.#index, rowKey))
    }
  }

  #next(): SqlValue[] | undefined {
    const row = this.#scan.next()
    if (row !== undefined) this.#key = this.#index.isPlain ? this.#scan.key : sliceOf(this.#scan.rowKey())
    return row
  }
}

function* writeInOrder(
  transaction: Transaction,
  table: Table,
  index: TableIndex,
  entries: EntrySorter,
): StatementSteps<void> {
  for (let moved = entries.step(); moved > 0; moved = entries.step()) {
    if (transaction.slice.spend(Math.ceil(moved / movesPerRow))) yield undefined
  }
  const [key, value] = [new MutableSlice(), new MutableSlice()]
  for (let from = 0; from < entries.count; from += entriesPerStep) {
    const end = Math.min(entries.count, from + entriesPerStep)
    yield* inPlace(transaction, () => {
      for (let place = from; place < end; place++) {
        entries.read(place, key, value)
        if (index.isUnique) refuseTwin(transaction, table, index, key)
        transaction.put(key, value, 'derived')
      }
    })
    if (transaction.slice.spend(end - from)) yield undefined
  }
}

/** That of a row with NULL in it is nobody else's in any case. */
function refuseTwin(transaction: Transaction, table: Table, index: TableIndex, key: Slice): void {
  transaction.lock(key, 'update')
  const rowKey = transaction.get(key)
  if (rowKey === undefined) return
  const row = table.reader.read(transaction.get(writeKeyOfRowKey(table, rowKey, keyWriter))!)
  throw duplicated(table, index.name, describeKey(index.parts, indexedRow(transaction, table, index, row)!))
}

/** Equal keys are no violation before the end of it, if then. */
function* buildDeferrable(transaction: Transaction, table: Table, index: TableIndex): StatementSteps<void> {
  yield* eachRow(transaction, table, (row, key) => {
    addEntry(transaction, table, index, row, sliceOf(rowKeyOf(table, sliceOf(key))))
    if (!hasTwin(transaction, table, index, row)) return
    throw duplicated(table, index.name, describeKey(index.parts, indexedRow(transaction, table, index, row)!))
  })
}

function duplicated(table: Table, name: string, key: string): PolylogError {
  return new PolylogError('unique_violation', `could not create unique index "${name}"`, {
    detail: {
      sqlState: '23505',
      detail: `Key ${key} is duplicated.`,
      collection: table.name,
      schema: table.schema,
      constraint: name,
    },
  })
}

const rowWriter = new ByteWriter(1024)
const keyWriter = new KeyWriter(64)

/**
 * Moves every row from its key in `from` to its key in `to`, the same table with another primary key or none, and its
 * index entries with it.
 */
export function* rekeyRows(transaction: Transaction, from: Table, to: Table): StatementSteps<void> {
  yield* eachRow(transaction, from, (row, oldKey) => {
    const oldRowKey = sliceOf(rowKeyOf(from, sliceOf(oldKey)))
    for (const index of from.indexes) removeEntry(transaction, from, index, row, oldRowKey)
    transaction.delete(sliceOf(oldKey))
    writeKeyIn(transaction, to, row)
    const newKey = copySlice(keyWriter)
    rowWriter.reset()
    encodeRow(to.layout, row, rowWriter)
    transaction.put(sliceOf(newKey), rowWriter)
    const newRowKey = sliceOf(rowKeyOf(to, sliceOf(newKey)))
    for (const index of to.indexes) addEntry(transaction, to, index, row, newRowKey)
  })
}

function writeKeyIn(transaction: Transaction, to: Table, row: Values): void {
  if (to.primaryKey === undefined) {
    writeHiddenRowKey(to, transaction.services.nextNumber(), keyWriter)
    return
  }
  for (const { column } of to.primaryKey) if (row[column.ordinal] === null) throw containsNulls(to, column)
  writeRowKey(to, row, keyWriter)
  if (isPrimaryKeyTaken(transaction, keyWriter)) {
    throw duplicated(to, to.primaryKeyName!, describeKey(to.primaryKey, row))
  }
}

export function containsNulls(table: Table, column: Column): PolylogError {
  return new PolylogError(
    'not_null_violation',
    `column "${column.name}" of relation "${table.name}" contains null values`,
    { detail: { sqlState: '23502', collection: table.name, schema: table.schema, column: column.name } },
  )
}

/** For SET NOT NULL and for added columns that must not be null. */
export function* refuseNulls(transaction: Transaction, table: Table, column: Column): StatementSteps<void> {
  yield* eachRow(transaction, table, (row) => {
    if (row[column.ordinal] === null) throw containsNulls(table, column)
  })
}

/** For ADD CONSTRAINT … CHECK. */
export function* refuseRows(transaction: Transaction, table: Table, check: RowCheck): StatementSteps<void> {
  yield* eachRow(transaction, table, (row) => {
    if (check.passes(row, transaction)) return
    const message = `check constraint "${check.name}" of relation "${table.name}" is violated by some row`
    throw new PolylogError('check_violation', message, {
      detail: { sqlState: '23514', collection: table.name, schema: table.schema, constraint: check.name },
    })
  })
}

/** Puts a value computed from the row into one column of every row: volatile defaults, generated columns. */
export function* fillColumn(
  transaction: Transaction,
  table: Table,
  column: Column,
  compute: (row: Values) => SqlValue,
): StatementSteps<void> {
  yield* eachRow(transaction, table, (row, key) => {
    row[column.ordinal] = compute(row)
    rowWriter.reset()
    encodeRow(table.layout, row, rowWriter)
    transaction.put(sliceOf(key), rowWriter)
  })
}
