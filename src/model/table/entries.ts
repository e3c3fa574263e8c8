/**
 * The index entries of a row, which follow from its values, and the test that a unique index makes of them. One that may be
 * violated for a while is tested later: see `built-in-rules.ts`.
 */
import { equalSlices, type Slice } from '../../base/slice.ts'
import { KeyWriter } from '../../base/tuple.ts'
import type { Transaction } from '../../database/contract.ts'
import { indexedRow } from './expressions.ts'
import { isEntryTaken, uniqueViolation } from './constraints.ts'
import { hasNull, indexValue, writeIndexKey, type Values } from './keys.ts'
import type { Table, TableIndex } from './table.ts'

const entryWriter = new KeyWriter(64)
const otherWriter = new KeyWriter(64)

export function addEntry(transaction: Transaction, table: Table, index: TableIndex, row: Values, rowKey: Slice): void {
  const seen = indexedRow(transaction, table, index, row)
  if (seen !== undefined) addSeen(transaction, table, index, seen, rowKey)
}

function addSeen(transaction: Transaction, table: Table, index: TableIndex, row: Values, rowKey: Slice): void {
  if (index.isUnique && index.deferrable === undefined && !hasNull(index, row)) {
    if (isEntryTaken(transaction, table, index, row)) {
      throw uniqueViolation(table, index.name, index.parts, row)
    }
  }
  writeIndexKey(table, index, row, rowKey, entryWriter)
  transaction.put(entryWriter, indexValue(index, rowKey), 'derived')
}

export function removeEntry(
  transaction: Transaction,
  table: Table,
  index: TableIndex,
  row: Values,
  rowKey: Slice,
): void {
  const seen = indexedRow(transaction, table, index, row)
  if (seen === undefined) return
  writeIndexKey(table, index, seen, rowKey, entryWriter)
  transaction.delete(entryWriter, 'derived')
}

/** Of a row that stays under its key. */
export function updateEntry(
  transaction: Transaction,
  table: Table,
  index: TableIndex,
  newRow: Values,
  oldRow: Values,
  rowKey: Slice,
): void {
  const before = indexedRow(transaction, table, index, oldRow)
  const after = indexedRow(transaction, table, index, newRow)
  if (before !== undefined) {
    writeIndexKey(table, index, before, rowKey, otherWriter)
    const isSame =
      after !== undefined && equalSlices(writeIndexKey(table, index, after, rowKey, entryWriter), otherWriter)
    if (isSame) return
    transaction.delete(otherWriter, 'derived')
  }
  if (after !== undefined) addSeen(transaction, table, index, after, rowKey)
}
