/**
 * Insert, update and delete of rows, with their constraints and index entries.
 *
 * This is the one way in which rows change, whichever door asks. What has to be done about a row besides storing it are
 * rules, which take part in the places that `row-hooks.ts` names; here stand the places themselves, and the row under its
 * key. The order is PostgreSQL's: not null, checks, then the primary key and the unique indexes; then what follows for other
 * rows. Everything a statement does is undone by the runner where it throws, so nothing here cleans up.
 *
 * An update copies the bytes of what it does not change, and looks only at what its columns concern: prepare a
 * `UpdatePlan` once per statement. An update that moves the primary key is a delete and an insert.
 */
import { PolylogError } from '../../base/errors.ts'
import { equalSlices, type Slice } from '../../base/slice.ts'
import { ByteWriter } from '../../base/bytes.ts'
import { KeyWriter } from '../../base/tuple.ts'
import type { Transaction } from '../../database/contract.ts'
import { rowEvents } from '../../database/statistics/transaction-counts.ts'
import { builtInRules, referableOrdinals } from './built-in-rules.ts'
import { encodeRow, readFound, rewriteRow, type RowReader } from './codec.ts'
import { isPlaceTaken, uniqueViolation } from './constraints.ts'
import { completeRow, type RowDraft } from './expressions.ts'
import { rowPrefixBytes, writeHiddenRowKey, writeRowKey, type Values } from './keys.ts'
import { insertRouted } from './partitions/routing.ts'
import { asOwner, passNewRow, type RowGuard } from './policies.ts'
import { RowMap } from './partitions/row-map.ts'
import { noteDeleted, noteInserted, noteUpdated } from './publication/row-notes.ts'
import { followReferred, refuseMoveBelow, type RowChanges } from './reference-rules.ts'
import { openStatement, registerRowRule, TableRules, type UpdatePlaces } from './row-hooks.ts'
import type { Table } from './table.ts'
import { registerTriggers } from './triggers.ts'
import type { SqlValue } from './types/value.ts'

/** A row by its whole key. */
export function getRowByKey(transaction: Transaction, reader: RowReader, key: Slice): SqlValue[] | undefined {
  const value = transaction.get(key)
  return value === undefined ? undefined : readFound(reader, value)
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

/**
 * A row as it would be stored: what is not given is filled in, rules have had their say, and it fulfils what any row of the
 * table must by itself, and what policies ask, which `guard` tests. Undefined where a rule leaves it out. It may be the draft itself, which can be prepared again
 * where that had to wait.
 */
export function prepareRow(
  transaction: Transaction,
  table: Table,
  draft: RowDraft,
  guard?: RowGuard,
): SqlValue[] | undefined {
  const { statement, insert } = TableRules.of(table)
  if (statement.length > 0) openStatement(transaction, table, statement, 'insert')
  const completed = completeRow(transaction, table, draft)
  // What is done again must not find what it did the first time.
  const row = insert.before.length === 0 ? completed : [...completed]
  for (const before of insert.before) if (!before(transaction, row)) return undefined
  for (const derive of insert.derive) derive(transaction, row)
  passNewRow(transaction, table, row, guard)
  for (const check of insert.check) check(transaction, row)
  return row
}

/** `row` as `prepareRow` answers it. Answers its key, a view until the next call. */
export function storeRow(transaction: Transaction, table: Table, row: Values): Slice {
  writeNewRowKey(transaction, table, row)
  putNewRow(transaction, table, row)
  noteInserted(transaction, table, row)
  for (const after of TableRules.of(table).insert.after) after(transaction, row, keyWriter)
  transaction.counts.row(table.id, rowEvents.insert)
  return keyWriter
}

/** `draft`: every column by ordinal, of their types; undefined is not given. Answers the row, undefined where it was left out. */
export function insertRow(
  transaction: Transaction,
  table: Table,
  draft: RowDraft,
  guard?: RowGuard,
): SqlValue[] | undefined {
  if (table.definition.partitioning !== undefined) return insertRouted(transaction, table, draft, guard, insertRow)
  const row = prepareRow(transaction, table, draft, guard)
  if (row !== undefined) storeRow(transaction, table, row)
  return row
}

function writeNewRowKey(transaction: Transaction, table: Table, row: Values): void {
  if (table.primaryKey === undefined) {
    writeHiddenRowKey(table, transaction.services.nextNumber(), keyWriter)
    return
  }
  writeRowKey(table, row, keyWriter)
  if (isPlaceTaken(transaction, keyWriter)) {
    throw uniqueViolation(table, table.primaryKeyName!, table.primaryKey, row)
  }
}

/** Under the key in `keyWriter`. */
function putNewRow(transaction: Transaction, table: Table, row: Values): void {
  rowWriter.reset()
  encodeRow(table.layout, row, rowWriter)
  // The number of a row without a key was drawn for it.
  if (table.primaryKey === undefined) transaction.putNew(keyWriter, rowWriter)
  else transaction.put(keyWriter, rowWriter)
  const { write: writes } = TableRules.of(table).insert
  if (writes.length === 0) return
  const rowKey = rowKeyIn(table, keyWriter)
  for (const write of writes) write(transaction, row, rowKey)
}

function rowKeyIn(table: Table, key: Slice): Slice {
  return { bytes: key.bytes, start: key.start + rowPrefixBytes(table), end: key.end }
}

/** What an update of some columns has to look at. */
export interface UpdatePlan {
  readonly table: Table
  /** Ordinals that the old row must hold beside what the caller itself reads. */
  readonly needed: readonly number[]
  readonly changesKey: boolean
  /** Ordinals that are set and part of a key that other rows may refer to. */
  readonly referable: readonly number[]
  /** By column number − 1: see `rewriteRow`. */
  readonly changed: Uint8Array
  readonly places: UpdatePlaces
}

/**
 * `ordinals` of the columns that are set. Whole rows are needed where they move, and whatever the rules ask for.
 */
export function planUpdate(table: Table, ordinals: readonly number[]): UpdatePlan {
  const rules = TableRules.of(table)
  const set = rules.setBy(ordinals)
  const places = rules.update(set, rules.namedBy(ordinals))
  const changed = new Uint8Array(table.layout.length)
  for (const { ordinal, number } of table.columns) if (set.has(ordinal)) changed[number - 1] = 1
  const changesKey = table.primaryKey?.some(({ column }) => set.has(column.ordinal)) === true
  const referable = referableOrdinals(table).filter((ordinal) => set.has(ordinal))
  const needed = changesKey ? table.columns.map(({ ordinal }) => ordinal) : [...places.needed]
  return { table, needed, changesKey, referable, changed, places }
}

/**
 * `key` is the row's whole key. `oldRow` holds what the plan needs; `newRow` is the same with the set columns replaced.
 * Answers the row as it is stored, undefined where a rule left it as it was.
 */
export function updateRow(
  transaction: Transaction,
  plan: UpdatePlan,
  key: Slice,
  oldRow: Values,
  newRow: SqlValue[],
  guard?: RowGuard,
): SqlValue[] | undefined {
  const row = beforeUpdate(transaction, plan, oldRow, newRow)
  return row && writeUpdate(transaction, plan, key, oldRow, row, guard)
}

/** The row as rules would have it that come before anything is written; undefined where one leaves it as it was. */
export function beforeUpdate(
  transaction: Transaction,
  { table, places }: UpdatePlan,
  oldRow: Values,
  newRow: SqlValue[],
): SqlValue[] | undefined {
  const { statement } = TableRules.of(table)
  if (statement.length > 0) openStatement(transaction, table, statement, 'update')
  const row = places.before.length === 0 ? newRow : [...newRow]
  for (const before of places.before) if (!before(transaction, row, oldRow)) return undefined
  return row
}

/** `row` as `beforeUpdate` answers it. */
export function writeUpdate(
  transaction: Transaction,
  plan: UpdatePlan,
  key: Slice,
  oldRow: Values,
  row: SqlValue[],
  guard?: RowGuard,
): SqlValue[] {
  const { table, places } = plan
  for (const derive of places.derive) derive(transaction, row)
  passNewRow(transaction, table, row, guard)
  for (const check of places.check) check(transaction, row, key)
  noteUpdated(transaction, table, key, row, (ordinal) => plan.changed[table.columns[ordinal]!.number - 1] === 1)
  if (plan.changesKey && !equalSlices(writeRowKey(table, row, keyWriter), key)) {
    moveRow(transaction, table, key, oldRow, row)
    for (const after of places.after) after(transaction, row, oldRow, keyWriter, true)
    transaction.counts.row(table.id, rowEvents.update)
    return row
  }
  // Whoever holds that the row's key is there must not be passed by one that changes it.
  if (plan.referable.some((ordinal) => oldRow[ordinal] !== row[ordinal])) transaction.lock(key, 'update')
  const old = transaction.get(key)
  if (old === undefined) throw new PolylogError('internal', `a row of "${table.name}" is gone while it is updated`)
  rowWriter.reset()
  rewriteRow(table.layout, old, plan.changed, row, rowWriter)
  transaction.put(key, rowWriter)
  if (places.write.length > 0) {
    const rowKey = rowKeyIn(table, key)
    for (const write of places.write) write(transaction, row, oldRow, rowKey)
  }
  for (const after of places.after) after(transaction, row, oldRow, key, false)
  transaction.counts.row(table.id, rowEvents.update)
  return row
}

function moveRow(transaction: Transaction, table: Table, key: Slice, oldRow: Values, newRow: Values): void {
  removeRow(transaction, table, key, oldRow)
  writeNewRowKey(transaction, table, newRow)
  putNewRow(transaction, table, newRow)
}

/** `oldRow` holds what a delete has to have read: see `ordinalsForDelete`. False where a rule kept the row. */
export function deleteRow(transaction: Transaction, table: Table, key: Slice, oldRow: Values): boolean {
  if (!beforeDelete(transaction, table, oldRow)) return false
  writeDelete(transaction, table, key, oldRow)
  return true
}

/** False where a rule keeps the row. */
export function beforeDelete(transaction: Transaction, table: Table, oldRow: Values): boolean {
  const { statement, delete: places } = TableRules.of(table)
  if (statement.length > 0) openStatement(transaction, table, statement, 'delete')
  return places.before.every((before) => before(transaction, oldRow))
}

export function writeDelete(transaction: Transaction, table: Table, key: Slice, oldRow: Values, isMoved = false): void {
  noteDeleted(transaction, table, key)
  removeRow(transaction, table, key, oldRow)
  for (const after of TableRules.of(table).delete.after) after(transaction, oldRow, key, isMoved)
  transaction.counts.row(table.id, rowEvents.delete)
}

/** A row of a partition, which an update of `root` moves to another one, where it is as `prepareRow` answers it. */
export function writeMove(
  transaction: Transaction,
  root: Table,
  from: { readonly table: Table; readonly key: Slice; readonly row: Values },
  to: { readonly table: Table; readonly row: readonly SqlValue[] },
): void {
  refuseMoveBelow(transaction, root, from.table)
  writeDelete(transaction, from.table, from.key, from.row, true)
  storeRow(transaction, to.table, to.row)
  if (!root.isReferenced) return
  const before = RowMap.between(root, from.table).toParent([...from.row])
  followReferred(transaction, root, before, RowMap.between(root, to.table).toParent(to.row), rowChanges)
}

function removeRow(transaction: Transaction, table: Table, key: Slice, oldRow: Values): void {
  const { write: writes } = TableRules.of(table).delete
  if (writes.length > 0) {
    const rowKey = rowKeyIn(table, key)
    for (const write of writes) write(transaction, oldRow, rowKey)
  }
  transaction.delete(key)
}

/** What the rules have to know of a row that goes. */
export function ordinalsForDelete(table: Table): number[] {
  return [...TableRules.of(table).delete.needed]
}

const rowChanges: RowChanges = {
  deleteRow: (transaction, table, key, oldRow) => void deleteRow(transaction, table, key, oldRow),
  setColumns: (transaction, table, key, oldRow, newRow, set) => {
    const plan = planUpdate(
      table,
      set.map(({ ordinal }) => ordinal),
    )
    updateRow(transaction, plan, key, oldRow, newRow, asOwner)
  },
}

for (const rule of builtInRules(rowChanges)) registerRowRule(rule)
registerTriggers()
