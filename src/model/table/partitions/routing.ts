/**
 * Rows that are written through a table that others inherit from.
 *
 * What is inserted into a partitioned table goes to the partition that its key belongs to, level by level, and is stored
 * there by that table's own rules. A row that is found through a parent is changed where it lies, by the table that its key
 * says; where its partition key changes so that it belongs elsewhere, it is deleted there and inserted here. Values that are
 * not given come from the defaults of the table that is named, as do policies and privileges: of the others none are asked.
 */
import { PolylogError } from '../../../base/errors.ts'
import type { Catalog } from '../../../database/catalog/catalog.ts'
import type { Transaction } from '../../../database/contract.ts'
import { describeRow } from '../constraints.ts'
import { completeRow, type RowDraft } from '../expressions.ts'
import type { Values } from '../keys.ts'
import { asOwner, passNewRow, type RowGuard } from '../policies.ts'
import { passEvent } from '../row-hooks.ts'
import type { Table } from '../table.ts'
import type { SqlValue } from '../types/value.ts'
import { keyColumns, shownKeyExpression } from './partition-definition.ts'
import { parentOf, Partitioning } from './partitioning.ts'
import { RowMap } from './row-map.ts'

export interface RoutedRow {
  /** That stores it. */
  readonly leaf: Table
  readonly map: RowMap
}

/** Where a row of `root` belongs: `root` itself where that is not partitioned. Errors: 23514. */
export function routeRow(transaction: Transaction, root: Table, row: Values): Table {
  return findHome(transaction, root, row, (partitioning, key) => {
    throw noPartition(partitioning, key)
  })!
}

/** The same; what `missing` answers where no partition is for it. Columns that no key has need not be given. */
export function findHome(
  transaction: Transaction,
  root: Table,
  row: Values,
  missing: (partitioning: Partitioning, key: readonly SqlValue[]) => undefined,
): Table | undefined {
  let table = root
  while (table.definition.partitioning !== undefined) {
    const partitioning = Partitioning.of(transaction.catalog, table)
    const own = RowMap.between(root, table).toChild(row, null)
    const key = partitioning.keyOf(transaction, own)
    const found = partitioning.find(key)
    if (found === undefined) return missing(partitioning, key)
    table = found.table
  }
  return table
}

function noPartition({ parent, types }: Partitioning, key: readonly SqlValue[]): PolylogError {
  const { keys } = parent.definition.partitioning!
  const names = keys.map(({ column, expression }) =>
    column === undefined
      ? shownKeyExpression(expression!.replace(/^\((.*)\)$/s, '$1'))
      : parent.columnByNumber(column).name,
  )
  const values = key.map((value, i) => (value === null ? 'null' : types[i]!.formatText(value)))
  const message = `no partition of relation "${parent.name}" found for row`
  return new PolylogError('check_violation', message, {
    detail: {
      sqlState: '23514',
      detail: `Partition key of the failing row contains (${names.join(', ')}) = (${values.join(', ')}).`,
      collection: parent.name,
      schema: parent.schema,
    },
  })
}

/** A guard of the table that is named, over rows of the one that stores them. */
export function guardThrough(map: RowMap, guard: RowGuard): RowGuard {
  if (guard === asOwner || map.isSame) return guard
  return (row, transaction) => guard(map.toParent(row), transaction)
}

type InsertRow = (transaction: Transaction, table: Table, draft: RowDraft, guard: RowGuard) => SqlValue[] | undefined

/** Completes the row by the defaults of `root`, and has it stored where it belongs. */
export function insertRouted(
  transaction: Transaction,
  root: Table,
  draft: RowDraft,
  guard: RowGuard | undefined,
  insert: InsertRow,
): SqlValue[] | undefined {
  const { leaf, map, row, leafGuard } = prepareRouted(transaction, root, draft, guard)
  const stored = insert(transaction, leaf, row, leafGuard)
  return stored && map.toParent(stored)
}

export interface PreparedRoute extends RoutedRow {
  /** By the leaf's columns. */
  readonly row: SqlValue[]
  readonly leafGuard: RowGuard
}

export function prepareRouted(
  transaction: Transaction,
  root: Table,
  draft: RowDraft,
  guard: RowGuard | undefined,
): PreparedRoute {
  const completed = completeRow(transaction, root, draft)
  // Who knows no policies is stopped where there are some.
  if (guard === undefined) passNewRow(transaction, root, completed, undefined)
  if (root.definition.bound !== undefined) checkBelongs(transaction, root, completed)
  const leaf = routeRow(transaction, root, completed)
  const map = RowMap.between(root, leaf)
  if (leaf !== root) {
    transaction.access.actForOwner(leaf.id)
    passEvent(transaction, leaf, 'insert')
  }
  return { leaf, map, row: map.toChild(completed, null), leafGuard: guardThrough(map, guard ?? asOwner) }
}

/** The columns of a leaf, by ordinal, by which rows of the partitioned tables above it are told apart. */
export function routingOrdinals(catalog: Catalog, leaf: Table): ReadonlySet<number> {
  const ordinals = new Set<number>()
  for (let table = leaf; table.definition.bound !== undefined;) {
    const parent = parentOf(catalog, table)
    const map = RowMap.between(parent, leaf)
    for (const number of keyColumns(parent.definition.partitioning!)) {
      ordinals.add(map.places[parent.columnByNumber(number).ordinal]!)
    }
    table = parent
  }
  return ordinals
}

/** Whether a row that is written into a partition itself is one of those that belong there. Errors: 23514. */
export function checkBelongs(transaction: Transaction, leaf: Table, row: Values): void {
  if (belongs(transaction, leaf, row)) return
  throw new PolylogError('check_violation', `new row for relation "${leaf.name}" violates partition constraint`, {
    detail: {
      sqlState: '23514',
      detail: `Failing row contains ${describeRow(leaf, row)}.`,
      collection: leaf.name,
      schema: leaf.schema,
    },
  })
}

export function belongs(transaction: Transaction, leaf: Table, row: Values): boolean {
  for (let table = leaf; table.definition.bound !== undefined;) {
    const parent = parentOf(transaction.catalog, table)
    const partitioning = Partitioning.of(transaction.catalog, parent)
    const key = partitioning.keyOf(transaction, RowMap.between(parent, leaf).toParent(row))
    if (partitioning.find(key)?.table.id !== table.id) return false
    table = parent
  }
  return true
}
