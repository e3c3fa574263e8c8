/**
 * Making and changing tables: each function writes the catalog and does what the change asks of the rows there are.
 *
 * A new definition is a new version of the collection, so callers go on with the table that is answered. Names of
 * constraints that are not given are made as PostgreSQL makes them (`orders_pkey`, `orders_email_key`).
 */
import type { Collection, Namespace } from '../../database/catalog/catalog.ts'
import type { CollectionChange } from '../../database/catalog/schema-changes.ts'
import type { StatementSteps, Transaction } from '../../database/contract.ts'
import { rowEvents } from '../../database/statistics/transaction-counts.ts'
import { inPlace } from '../../database/transaction/wait.ts'
import type { RowCheck } from './constraints.ts'
import {
  indexDefinitionOf,
  toJson,
  withChangedColumn,
  withColumn,
  withoutColumn,
  withPrimaryKey,
  type CheckDefinition,
  type ColumnDefault,
  type ColumnDefinition,
  type IndexColumn,
  type IndexDefinition,
  type IndexParent,
  type KeyDefinition,
  type NewColumn,
  type TableDefinition,
} from './definition.ts'
import { buildIndex, refuseNulls, refuseRows, rekeyRows } from './index-build.ts'
import { withChangedPolicies } from './policies.ts'
import { beginEvent } from './row-hooks.ts'
import { Table, type TableIndex } from './table.ts'
import { spreadContent } from './type-schema.ts'
import { sqlError } from './types/type.ts'

export interface NewIndex {
  readonly name: string
  readonly isUnique: boolean
  readonly isConstraint?: boolean
  /** Of a deferrable PRIMARY KEY. */
  readonly isPrimary?: boolean
  readonly deferrable?: 'immediate' | 'deferred' | undefined
  readonly columns: readonly IndexColumn[]
  /** Of a partition's. */
  readonly parent?: IndexParent | undefined
  readonly more?: Pick<IndexDefinition, 'expressions' | 'where' | 'include' | 'method'>
}

export function createTable(
  transaction: Transaction,
  namespace: Namespace,
  name: string,
  definition: TableDefinition,
  engine?: string,
): Table {
  const table = Table.of(transaction.createCollection(namespace, name, 'table', toJson(definition), engine))
  refuseUnordered(table, definition.primaryKey?.columns ?? [])
  return table
}

export function redefine(
  transaction: Transaction,
  table: Table,
  definition: TableDefinition,
  how: Pick<CollectionChange, 'besideWriters'> = {},
): Table {
  const altered = transaction.alterCollection(table.collection, { ...how, definition: toJson(definition) })
  spreadContent(transaction, altered)
  return Table.of(altered)
}

/** Another name, or another namespace. */
export function moveTable(
  transaction: Transaction,
  table: Table,
  to: Pick<CollectionChange, 'name' | 'namespace'>,
): Table {
  const altered = transaction.alterCollection(table.collection, to)
  spreadContent(transaction, altered)
  return Table.of(altered)
}

/** The same collection as the transaction's catalog has it now. */
export function current(transaction: Transaction, collection: Collection): Table {
  return Table.of(transaction.catalog.collectionById(collection.id)!)
}

/** `column.missing` holds what the default gives, where it is not volatile. */
export function* addColumn(transaction: Transaction, table: Table, column: NewColumn): StatementSteps<Table> {
  refuseColumn(table, column.name)
  const changed = yield* inPlace(transaction, () => redefine(transaction, table, withColumn(table.definition, column)))
  if (column.notNull === true && column.missing === undefined) {
    yield* refuseNulls(transaction, changed, changed.getColumn(column.name))
  }
  return changed
}

function refuseColumn(table: Table, name: string): void {
  if (table.findColumn(name) === undefined) return
  throw sqlError('duplicate_object', '42701', `column "${name}" of relation "${table.name}" already exists`)
}

/** Indexes and keys that contain the column go with it; the caller has dropped checks that mention it. */
export function* dropColumn(transaction: Transaction, table: Table, name: string): StatementSteps<Table> {
  const { number } = table.getColumn(name)
  let now = table
  for (const index of table.indexes) {
    if (!index.reads.includes(table.getColumn(name).ordinal)) continue
    const before = now
    now = yield* inPlace(transaction, () => dropTableIndex(transaction, before, index))
  }
  if (now.definition.primaryKey?.columns.includes(number) === true) now = yield* dropPrimaryKey(transaction, now)
  const rest = now
  return yield* inPlace(transaction, () => redefine(transaction, rest, withoutColumn(rest.definition, number)))
}

function changeColumn(
  transaction: Transaction,
  table: Table,
  name: string,
  change: (column: ColumnDefinition) => ColumnDefinition,
): Table {
  return redefine(transaction, table, withChangedColumn(table.definition, table.getColumn(name).number, change))
}

/** `rewrite`: the text of an expression of the table with the column's new name. */
export function renameColumn(
  transaction: Transaction,
  table: Table,
  name: string,
  newName: string,
  rewrite: (expression: string) => string,
): Table {
  const { number } = table.getColumn(name)
  refuseColumn(table, newName)
  const columns = table.definition.columns.map((column) => ({
    ...column,
    ...(column.number === number && { name: newName }),
    ...(column.generated !== undefined && {
      generated: { ...column.generated, expression: rewrite(column.generated.expression) },
    }),
  }))
  const checks = table.definition.checks.map((check) => ({ ...check, expression: rewrite(check.expression) }))
  renameInIndexes(transaction, table, rewrite)
  const { partitioning } = table.definition
  const keys = partitioning?.keys.map((key) => {
    return key.expression === undefined ? key : { ...key, expression: rewrite(key.expression) }
  })
  return redefine(transaction, table, {
    ...table.definition,
    columns,
    checks,
    ...(partitioning !== undefined && { partitioning: { ...partitioning, keys: keys! } }),
  })
}

/** Expressions and predicates of indexes. */
function renameInIndexes(transaction: Transaction, table: Table, rewrite: (expression: string) => string): void {
  if (table.indexes.every(({ isPlain }) => isPlain)) return
  const indexes = table.collection.indexes.map((index) => {
    const { expressions, where, ...rest } = indexDefinitionOf(index)
    const definition = toJson({
      ...rest,
      ...(expressions && { expressions: expressions.map((one) => ({ ...one, text: rewrite(one.text) })) }),
      ...(where && { where: { ...where, text: rewrite(where.text), terms: where.terms.map(rewrite) } }),
    })
    return { ...index, definition }
  })
  transaction.alterCollection(table.collection, { indexes })
}

/** DROP EXPRESSION: the column keeps what it has, and follows from nothing any more. */
export function dropExpression(transaction: Transaction, table: Table, name: string): Table {
  return changeColumn(transaction, table, name, ({ generated: _, ...rest }) => rest)
}

/** Undefined drops it. */
export function setDefault(
  transaction: Transaction,
  table: Table,
  name: string,
  expression: ColumnDefault | undefined,
): Table {
  return changeColumn(transaction, table, name, ({ default: _, defaultSequences: __, ...rest }) => ({
    ...rest,
    ...expression,
  }))
}

/** GENERATED AS IDENTITY: what draws the values, and whether others may give them. */
export function setIdentity(
  transaction: Transaction,
  table: Table,
  name: string,
  identity: Partial<ColumnDefault> & Pick<ColumnDefinition, 'identity' | 'sequence'>,
): Table {
  return changeColumn(transaction, table, name, (definition) => ({ ...definition, ...identity }))
}

/** It keeps what it has; its sequence is no longer named. */
export function dropIdentity(transaction: Transaction, table: Table, name: string): Table {
  return changeColumn(transaction, table, name, (definition) => {
    const { identity: _, sequence: __, default: ___, defaultSequences: ____, ...rest } = definition
    return rest
  })
}

export function* setNotNull(transaction: Transaction, table: Table, name: string): StatementSteps<Table> {
  const changed = yield* inPlace(transaction, () => {
    return changeColumn(transaction, table, name, (column) => ({ ...column, notNull: true }))
  })
  yield* refuseNulls(transaction, changed, changed.getColumn(name))
  return changed
}

export function dropNotNull(transaction: Transaction, table: Table, name: string): Table {
  const { number } = table.getColumn(name)
  const hidden = table.indexes.find(({ isPrimary }) => isPrimary)
  const isKey = hidden?.parts.some(({ column }) => column.number === number) === true
  if (isKey || table.definition.primaryKey?.columns.includes(number) === true) {
    throw sqlError('invalid_argument', '42P16', `column "${name}" is in a primary key`)
  }
  return changeColumn(transaction, table, name, ({ notNull: _, ...rest }) => rest)
}

export function* addPrimaryKey(transaction: Transaction, table: Table, key: KeyDefinition): StatementSteps<Table> {
  refuseSecondPrimaryKey(table)
  refuseUnordered(table, key.columns)
  const changed = yield* inPlace(transaction, () => redefine(transaction, table, withPrimaryKey(table.definition, key)))
  yield* rekeyRows(transaction, table, changed)
  return changed
}

export function refuseSecondPrimaryKey(table: Table): void {
  if (table.primaryKey !== undefined || table.indexes.some(({ isPrimary }) => isPrimary)) {
    throw sqlError('invalid_argument', '42P16', `multiple primary keys for table "${table.name}" are not allowed`)
  }
}

export function* dropPrimaryKey(transaction: Transaction, table: Table): StatementSteps<Table> {
  const changed = yield* inPlace(transaction, () =>
    redefine(transaction, table, withPrimaryKey(table.definition, undefined)),
  )
  yield* rekeyRows(transaction, table, changed)
  return changed
}

export function* createTableIndex(transaction: Transaction, table: Table, index: NewIndex): StatementSteps<Table> {
  const { name, isUnique, isConstraint, isPrimary, deferrable, columns, parent } = index
  refuseUnordered(
    table,
    columns.flatMap(({ number }) => (number < 0 ? [] : [number])),
  )
  const definition = toJson({
    columns,
    ...index.more,
    ...(isConstraint === true ? { constraint: true } : {}),
    ...(isPrimary === true ? { primary: true } : {}),
    ...(deferrable === undefined ? {} : { deferrable }),
    ...(parent === undefined ? {} : { parent }),
  })
  yield* inPlace(transaction, () => transaction.createIndex(table.collection, { name, unique: isUnique, definition }))
  const changed = current(transaction, table.collection)
  yield* buildIndex(transaction, changed, changed.findIndex(name)!)
  return changed
}

export function refuseUnordered(table: Table, columns: readonly number[]): void {
  for (const number of columns) {
    const { type } = table.columnByNumber(number)
    if (type.isOrdered) continue
    const message = `data type ${type.title} has no default operator class for access method "btree"`
    const hint =
      'You must specify an operator class for the index or define a default operator class for the data type.'
    throw sqlError('wrong_type', '42704', message, { hint })
  }
}

export function dropTableIndex(transaction: Transaction, table: Table, index: TableIndex): Table {
  transaction.dropIndex(table.collection, index.index)
  return current(transaction, table.collection)
}

export function* addCheck(
  transaction: Transaction,
  table: Table,
  check: CheckDefinition,
  compiled: RowCheck,
): StatementSteps<Table> {
  const checks = [...table.definition.checks, check]
  const changed = yield* inPlace(transaction, () => redefine(transaction, table, { ...table.definition, checks }))
  if (check.notValid !== true) yield* refuseRows(transaction, changed, compiled)
  return changed
}

/** VALIDATE CONSTRAINT. */
export function* validateCheck(transaction: Transaction, table: Table, compiled: RowCheck): StatementSteps<Table> {
  const checks = table.definition.checks.map(({ notValid, ...rest }): CheckDefinition => {
    return notValid === true && rest.name !== compiled.name ? { ...rest, notValid } : rest
  })
  const changed = yield* inPlace(transaction, () => redefine(transaction, table, { ...table.definition, checks }))
  yield* refuseRows(transaction, changed, compiled)
  return changed
}

export function dropCheck(transaction: Transaction, table: Table, name: string): Table {
  const checks = table.definition.checks.filter((check) => check.name !== name)
  return redefine(transaction, table, { ...table.definition, checks })
}

export function dropPolicy(transaction: Transaction, table: Table, id: number): Table {
  return redefine(
    transaction,
    table,
    withChangedPolicies(table.definition, (policy) => (policy.id === id ? undefined : policy)),
  )
}

/** All rows. The caller has seen to it that no other table's refer to them. */
export function truncateTable(transaction: Transaction, table: Table): void {
  beginEvent(transaction, table, 'truncate')
  // They say nothing of all rows at once, of which none is told.
  transaction.access.passPolicies(table.id)
  transaction.clearCollection(table.collection)
  transaction.counts.row(table.id, rowEvents.truncate)
}
