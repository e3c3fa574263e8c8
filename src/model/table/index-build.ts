/**
 * Work over all rows of a table that a schema change causes: filling an index, moving rows under another key, looking for
 * rows that break a new constraint. Generators: they pause when their slice is over.
 */
import type { StatementSteps, Transaction } from '../../database/contract.ts'
import { inPlace } from '../../database/transaction/wait.ts'
import { copySlice, sliceOf } from '../../base/slice.ts'
import { KeyWriter } from '../../base/tuple.ts'
import { encodeRow } from './codec.ts'
import { describeKey, hasTwin, isPrimaryKeyTaken, type RowCheck, uniqueViolation } from './constraints.ts'
import { indexedRow } from './expressions.ts'
import { ByteWriter } from '../../base/bytes.ts'
import { allRows, rowKeyOf, writeHiddenRowKey, writeRowKey, type Values } from './keys.ts'
import { addEntry, removeEntry } from './entries.ts'
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

/** `table` is already the one with the index in its catalog entry. */
export function* buildIndex(transaction: Transaction, table: Table, index: TableIndex): StatementSteps<void> {
  yield* eachRow(transaction, table, (row, key) => {
    try {
      addEntry(transaction, table, index, row, sliceOf(rowKeyOf(table, sliceOf(key))))
      if (index.deferrable !== undefined && hasTwin(transaction, table, index, row)) {
        throw uniqueViolation(table, index.name, index.parts, row)
      }
    } catch (error) {
      throw asBuildError(transaction, error, table, index, row)
    }
  })
}

function asBuildError(transaction: Transaction, error: unknown, table: Table, index: TableIndex, row: Values): unknown {
  if (!(error instanceof PolylogError) || error.code !== 'unique_violation') return error
  return duplicated(table, index.name, describeKey(index.parts, indexedRow(transaction, table, index, row)!))
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
