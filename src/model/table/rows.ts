/**
 * Insert, update and delete of rows, with their constraints and index entries.
 *
 * This is the one way in which rows change, whichever door asks. The order of tests is PostgreSQL's: not null, checks, then
 * the primary key and the unique indexes; then what follows for other rows (`reference-rules.ts`). Everything a statement does is undone by the runner where it throws, so nothing here cleans up.
 *
 * An update copies the bytes of what it does not change, and looks only at indexes whose columns it changes: prepare a
 * `UpdatePlan` once per statement. An update that moves the primary key is a delete and an insert.
 */
import { PolylogError } from '../../base/errors.ts'
import { equalSlices, type Slice } from '../../base/slice.ts'
import { ByteWriter } from '../../base/bytes.ts'
import { KeyWriter } from '../../base/tuple.ts'
import type { Transaction } from '../../database/contract.ts'
import { encodeRow, rewriteRow, type RowReader } from './codec.ts'
import {
  checkNotNull,
  checkRow,
  checkTwin,
  findUniqueEntry,
  isPrimaryKeyTaken,
  uniqueViolation,
  type RowCheck,
} from './constraints.ts'
import { checksOf } from './expressions.ts'
import {
  hasNull,
  indexValue,
  rowPrefixBytes,
  writeHiddenRowKey,
  writeIndexKey,
  writeRowKey,
  type Values,
} from './keys.ts'
import { checkChangedReferences, checkReferences, followReferred, type RowChanges } from './reference-rules.ts'
import type { Column, Table, TableIndex } from './table.ts'
import type { SqlValue } from './types/value.ts'

/** A row by its whole key. */
export function getRowByKey(transaction: Transaction, reader: RowReader, key: Slice): SqlValue[] | undefined {
  const value = transaction.get(key)
  return value === undefined ? undefined : reader.read(value)
}

const lookupWriter = new KeyWriter(64)

/** Point lookup by all columns of the primary key, in their order, none of them null. */
export function getRow(
  transaction: Transaction,
  table: Table,
  reader: RowReader,
  primaryKey: Values,
): SqlValue[] | undefined {
  return getRowByKey(transaction, reader, writePrimaryKey(table, primaryKey, lookupWriter))
}

/** The key of the row with these primary key values (in key order, not by ordinal). */
export function writePrimaryKey(table: Table, primaryKey: Values, writer: KeyWriter): KeyWriter {
  writer.begin(table.id, 1)
  for (const [i, part] of table.primaryKey!.entries()) part.column.type.writeKey(primaryKey[i]!, writer)
  return writer
}

const rowWriter = new ByteWriter(1024)
const keyWriter = new KeyWriter(64)
const entryWriter = new KeyWriter(64)
const otherWriter = new KeyWriter(64)

/** What any row of the table must fulfil by itself. */
export function checkNewRow(transaction: Transaction, table: Table, row: Values): void {
  checkNotNull(table, table.columns, row)
  if (table.checks.length > 0) checkRow(transaction, table, checksOf(transaction.catalog, table), row)
}

/**
 * `row`: every column by ordinal, of their types, what is not given filled in (`completeRow`). Answers the row's key, a view
 * until the next call.
 */
export function insertRow(transaction: Transaction, table: Table, row: Values): Slice {
  checkNewRow(transaction, table, row)
  writeNewRowKey(transaction, table, row)
  storeNewRow(transaction, table, row)
  if (table.foreignKeys.length > 0) checkReferences(transaction, table, row, keyWriter)
  return keyWriter
}

function writeNewRowKey(transaction: Transaction, table: Table, row: Values): void {
  if (table.primaryKey === undefined) {
    writeHiddenRowKey(table, transaction.services.nextNumber(), keyWriter)
    return
  }
  writeRowKey(table, row, keyWriter)
  if (isPrimaryKeyTaken(transaction, keyWriter)) {
    throw uniqueViolation(table, table.primaryKeyName!, table.primaryKey, row)
  }
}

/** Under the key in `keyWriter`. */
function storeNewRow(transaction: Transaction, table: Table, row: Values): void {
  rowWriter.reset()
  encodeRow(table.layout, row, rowWriter)
  transaction.put(keyWriter, rowWriter)
  if (table.indexes.length === 0) return
  const rowKey = rowKeyIn(table, keyWriter)
  for (const index of table.indexes) addEntry(transaction, table, index, row, rowKey)
}

function rowKeyIn(table: Table, key: Slice): Slice {
  return { bytes: key.bytes, start: key.start + rowPrefixBytes(table), end: key.end }
}

export function addEntry(transaction: Transaction, table: Table, index: TableIndex, row: Values, rowKey: Slice): void {
  if (index.isUnique && index.deferrable === undefined && !hasNull(index, row)) {
    if (findUniqueEntry(transaction, table, index, row) !== undefined) {
      throw uniqueViolation(table, index.name, index.parts, row)
    }
  }
  writeIndexKey(table, index, row, rowKey, entryWriter)
  transaction.put(entryWriter, indexValue(index, rowKey), 'derived')
  if (index.deferrable !== undefined) checkTwin(transaction, table, index, row)
}

export function removeEntry(
  transaction: Transaction,
  table: Table,
  index: TableIndex,
  row: Values,
  rowKey: Slice,
): void {
  writeIndexKey(table, index, row, rowKey, entryWriter)
  transaction.delete(entryWriter, 'derived')
}

/** What an update of some columns has to look at. */
export interface UpdatePlan {
  readonly table: Table
  /** Ordinals that the old row must hold beside what the caller itself reads. */
  readonly needed: readonly number[]
  readonly changedColumns: readonly Column[]
  readonly changesKey: boolean
  readonly indexes: readonly TableIndex[]
  /** Ordinals that are set. */
  readonly set: ReadonlySet<number>
  /** What is set is part of a reference to another row. */
  readonly changesReference: boolean
  /** Ordinals that are set and part of a key that other rows may refer to. */
  readonly referable: readonly number[]
  /** Those that read what is set: compiled with the first row. */
  checks: readonly RowCheck[] | undefined
  /** By column number − 1: see `rewriteRow`. */
  readonly changed: Uint8Array
}

/**
 * `ordinals` of the columns that are set. Whole rows are needed where the table has checks or refers to others, and where
 * others may refer to what is set.
 */
export function planUpdate(table: Table, ordinals: readonly number[]): UpdatePlan {
  const set = new Set(ordinals)
  const changed = new Uint8Array(table.layout.length)
  const changedColumns = table.columns.filter(({ ordinal }) => set.has(ordinal))
  for (const column of changedColumns) changed[column.number - 1] = 1
  const indexes = table.indexes.filter(({ parts }) => parts.some(({ column }) => set.has(column.ordinal)))
  const changesKey = table.primaryKey?.some(({ column }) => set.has(column.ordinal)) === true
  const changesReference = table.foreignKeys.some(({ columns }) =>
    columns.some((number) => set.has(table.columnByNumber(number).ordinal)),
  )
  const referable = referableOrdinals(table).filter((ordinal) => set.has(ordinal))
  const isReferred = table.isReferenced && referable.length > 0
  const isWhole = changesKey || table.checks.length > 0 || changesReference || isReferred
  const needed = isWhole
    ? table.columns.map(({ ordinal }) => ordinal)
    : [...new Set(indexes.flatMap(({ parts }) => parts.map(({ column }) => column.ordinal)))]
  const plan = { table, needed, changedColumns, changesKey, indexes, set, changesReference, referable, changed }
  return { ...plan, checks: undefined }
}

/** Of the primary key and of the unique indexes: what a foreign key may refer to. */
function referableOrdinals(table: Table): number[] {
  const unique = table.indexes.filter(({ isUnique, deferrable }) => isUnique && deferrable === undefined)
  const parts = [...(table.primaryKey ?? []), ...unique.flatMap((index) => index.parts)]
  return parts.map(({ column }) => column.ordinal)
}

/**
 * `key` is the row's whole key. `oldRow` holds what the plan needs; `newRow` is the same with the set columns replaced.
 */
export function updateRow(
  transaction: Transaction,
  plan: UpdatePlan,
  key: Slice,
  oldRow: Values,
  newRow: Values,
): void {
  const { table } = plan
  const old = transaction.get(key)
  if (old === undefined) throw new PolylogError('internal', `a row of "${table.name}" is gone while it is updated`)
  checkChangedRow(transaction, plan, old, newRow)
  if (plan.changesKey && !equalSlices(writeRowKey(table, newRow, keyWriter), key)) {
    moveRow(transaction, plan, key, oldRow, newRow)
    followUpdate(transaction, plan, keyWriter, oldRow, newRow, true)
    return
  }
  // Whoever holds that the row's key is there must not be passed by one that changes it.
  if (plan.referable.some((ordinal) => oldRow[ordinal] !== newRow[ordinal])) transaction.lock(key, 'update')
  rowWriter.reset()
  rewriteRow(table.layout, old, plan.changed, newRow, rowWriter)
  transaction.put(key, rowWriter)
  if (plan.indexes.length > 0) updateEntries(transaction, plan, rowKeyIn(table, key), oldRow, newRow)
  followUpdate(transaction, plan, key, oldRow, newRow, false)
}

/** What other rows have to do with the change: first those that refer to this one. */
function followUpdate(
  transaction: Transaction,
  plan: UpdatePlan,
  key: Slice,
  oldRow: Values,
  newRow: Values,
  isMoved: boolean,
): void {
  const { table } = plan
  if (table.isReferenced && plan.referable.length > 0) {
    followReferred(transaction, table, oldRow, newRow, rowChanges)
  }
  if (plan.changesReference || (isMoved && table.foreignKeys.length > 0)) {
    checkChangedReferences(transaction, table, oldRow, newRow, key, isMoved)
  }
}

const rowChanges: RowChanges = {
  deleteRow: (transaction, table, key, oldRow) => deleteRow(transaction, table, key, oldRow),
  setColumns: (transaction, table, key, oldRow, newRow, set) => {
    const plan = planUpdate(
      table,
      set.map(({ ordinal }) => ordinal),
    )
    updateRow(transaction, plan, key, oldRow, newRow)
  },
}

function checkChangedRow(transaction: Transaction, plan: UpdatePlan, old: Slice, newRow: Values): void {
  for (const column of plan.changedColumns) {
    if (column.isNotNull && newRow[column.ordinal] === null) {
      // The message shows the whole row, of which the caller may have read a part.
      const whole = plan.table.reader.read(old)
      for (const { ordinal } of plan.changedColumns) whole[ordinal] = newRow[ordinal]!
      checkNotNull(plan.table, [column], whole)
    }
  }
  if (plan.table.checks.length === 0) return
  plan.checks ??= checksOf(transaction.catalog, plan.table).filter(({ reads }) => meets(reads, plan.set))
  checkRow(transaction, plan.table, plan.checks, newRow)
}

function meets(some: ReadonlySet<number>, others: ReadonlySet<number>): boolean {
  for (const one of some) if (others.has(one)) return true
  return false
}

function moveRow(transaction: Transaction, plan: UpdatePlan, key: Slice, oldRow: Values, newRow: Values): void {
  removeRow(transaction, plan.table, key, oldRow)
  writeNewRowKey(transaction, plan.table, newRow)
  storeNewRow(transaction, plan.table, newRow)
}

function updateEntries(
  transaction: Transaction,
  plan: UpdatePlan,
  rowKey: Slice,
  oldRow: Values,
  newRow: Values,
): void {
  const { table } = plan
  for (const index of plan.indexes) {
    writeIndexKey(table, index, oldRow, rowKey, otherWriter)
    if (equalSlices(writeIndexKey(table, index, newRow, rowKey, entryWriter), otherWriter)) continue
    transaction.delete(otherWriter, 'derived')
    addEntry(transaction, table, index, newRow, rowKey)
  }
}

/** `oldRow` holds what a delete has to have read: see `ordinalsForDelete`. */
export function deleteRow(transaction: Transaction, table: Table, key: Slice, oldRow: Values): void {
  removeRow(transaction, table, key, oldRow)
  if (table.isReferenced) followReferred(transaction, table, oldRow, undefined, rowChanges)
}

function removeRow(transaction: Transaction, table: Table, key: Slice, oldRow: Values): void {
  const rowKey = rowKeyIn(table, key)
  for (const index of table.indexes) removeEntry(transaction, table, index, oldRow, rowKey)
  transaction.delete(key)
}

/** The columns of its indexes, and of what other rows may refer to. */
export function ordinalsForDelete(table: Table): number[] {
  const indexed = table.indexes.flatMap(({ parts }) => parts.map(({ column }) => column.ordinal))
  return [...new Set([...indexed, ...(table.isReferenced ? referableOrdinals(table) : [])])]
}
