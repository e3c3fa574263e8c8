/**
 * ALTER COLUMN … TYPE: the rows of a table with other types in some columns.
 *
 * A column keeps its number, so that keys, checks, references and comments stay what they are; all of its rows are written
 * anew in the same transaction, so a version of the table and the rows of its time always go together.
 *
 *   indexes with such a column are emptied ─▶ rows are written in place, by the order of their keys ─▶ the indexes are filled
 *
 * Emptied first, since an entry of the new type may be the same bytes as one of the old. Where the primary key changes, rows
 * lie under hidden numbers meanwhile, for the same reason: a new key may be that of a row that was not moved yet.
 */
import { ByteWriter } from '../../base/bytes.ts'
import { sliceOf } from '../../base/slice.ts'
import { keyspaceRange } from '../../base/tuple.ts'
import type { StatementSteps, Transaction } from '../../database/contract.ts'
import { inPlace } from '../../database/transaction/wait.ts'
import { encodeRow } from './codec.ts'
import { type ColumnDefinition, toJson, withPrimaryKey, withTypes } from './definition.ts'
import { checksOf } from './expressions.ts'
import { foreignKeysOf, foreignKeysTo } from './foreign-key.ts'
import { buildIndex, containsNulls, eachRow, refuseRows, rekeyRows } from './index-build.ts'
import type { Values } from './keys.ts'
import { refuseUnmet } from './reference-schema.ts'
import { current, redefine, refuseUnordered } from './schema.ts'
import { Table, type TableIndex } from './table.ts'
import { isTable } from './table-kind.ts'
import { shownNumber } from './types/registry.ts'
import { sqlError } from './types/type.ts'
import { contentsIn } from './types/user/content.ts'
import type { SqlValue } from './types/value.ts'

export interface Retyped {
  readonly number: number
  /** With its new type, by a plan's number, and a default of that. */
  readonly definition: ColumnDefinition
  /** What it becomes, by the row as it was; undefined: the stored value is one of the new type, too. */
  readonly compute: ((row: Values) => SqlValue) | undefined
}

/** `refuseTypes` is asked once the types are the new ones, before any row is written. */
export function* retypeColumns(
  transaction: Transaction,
  table: Table,
  columns: readonly Retyped[],
  refuseTypes: (table: Table) => void,
): StatementSteps<Table> {
  refuseUsedRows(transaction, table)
  const after = yield* inPlace(transaction, () => redefineColumns(transaction, table, columns))
  if (columns.every(({ compute }) => compute === undefined)) return after
  refuseTypes(after)
  const numbers = new Set(columns.map(({ number }) => number))
  const ordinals = new Set([...numbers].map((number) => after.columnByNumber(number).ordinal))
  const isKept = ({ reads }: TableIndex): boolean => !reads.some((ordinal) => ordinals.has(ordinal))
  const anew = after.indexes.filter((index) => !isKept(index))
  for (const { id, parts } of anew) {
    refuseUnordered(
      after,
      parts.flatMap(({ column }) => (column.number === 0 ? [] : [column.number])),
    )
    transaction.deleteRange(keyspaceRange(after.id, id), 'derived')
  }
  const [from, to] = [likeness(table, isKept, true), likeness(after, isKept, true)]
  if (table.definition.primaryKey?.columns.some((number) => numbers.has(number)) === true) {
    const [fromHidden, toHidden] = [likeness(table, isKept, false), likeness(after, isKept, false)]
    refuseUnordered(after, after.definition.primaryKey!.columns)
    yield* rekeyRows(transaction, from, fromHidden)
    yield* writeRows(transaction, fromHidden, toHidden, columns)
    yield* rekeyRows(transaction, toHidden, to)
  } else yield* writeRows(transaction, from, to, columns)
  for (const index of anew) yield* buildIndex(transaction, after, index)
  yield* checkRows(transaction, after, numbers)
  return current(transaction, after.collection)
}

/** Rows of the table that other tables hold would be read by other types than they were written by. */
function refuseUsedRows({ catalog }: Transaction, { id, name }: Table): void {
  for (const referrer of catalog.referrersOf(id)) {
    if (!isTable(referrer) || contentsIn(referrer.definition)[id] === undefined) continue
    const { name: column } = Table.of(referrer).columns.find(({ type }) => type.made?.contents[id] !== undefined) ?? {}
    const message = `cannot alter table "${name}" because column "${referrer.name}.${column}" uses its row type`
    throw sqlError('unsupported', '0A000', message)
  }
}

/** The table as its rows lie meanwhile: without the indexes that are emptied, and perhaps under hidden numbers. */
function likeness({ collection, definition }: Table, isKept: (index: TableIndex) => boolean, hasKey: boolean): Table {
  const indexes = Table.of(collection).indexes.filter(isKept)
  return Table.of({
    ...collection,
    indexes: indexes.map(({ index }) => index),
    definition: toJson(hasKey ? definition : withPrimaryKey(definition, undefined)),
  })
}

function redefineColumns(transaction: Transaction, table: Table, columns: readonly Retyped[]): Table {
  const typed = columns.map(({ number, definition }) => [number, { ...definition, type: shownNumber(definition.type) }])
  const byNumber = new Map(typed as [number, ColumnDefinition][])
  const changed = table.definition.columns.map((column) => byNumber.get(column.number) ?? column)
  const types = columns.map(({ definition }) => definition.type)
  return redefine(transaction, table, withTypes({ ...table.definition, columns: changed }, types))
}

const rowWriter = new ByteWriter(1024)

function* writeRows(
  transaction: Transaction,
  before: Table,
  after: Table,
  columns: readonly Retyped[],
): StatementSteps<void> {
  const targets = columns.map(({ number, compute }) => ({ column: after.columnByNumber(number), compute }))
  yield* eachRow(transaction, before, (row, key) => {
    const changed = [...row]
    for (const { column, compute } of targets) {
      const value = compute === undefined ? row[column.ordinal]! : compute(row)
      if (value === null && column.isNotNull) throw containsNulls(after, column)
      changed[column.ordinal] = value
    }
    rowWriter.reset()
    encodeRow(after.layout, changed, rowWriter)
    transaction.put(sliceOf(key), rowWriter)
  })
}

/** What the rules that look at these columns say of rows that are there. */
function* checkRows(transaction: Transaction, table: Table, numbers: ReadonlySet<number>): StatementSteps<void> {
  const ordinals = new Set([...numbers].map((number) => table.columnByNumber(number).ordinal))
  const checks = yield* inPlace(transaction, () => checksOf(transaction.catalog, table))
  for (const check of checks) {
    if (table.checks.some(({ name, notValid }) => notValid === true && name === check.name)) continue
    if ([...check.reads].some((ordinal) => ordinals.has(ordinal))) yield* refuseRows(transaction, table, check)
  }
  const { catalog } = transaction
  for (const { definition, referencing } of foreignKeysOf(catalog, table)) {
    if (definition.notValid === true || !definition.columns.some((number) => numbers.has(number))) continue
    yield* refuseUnmet(transaction, referencing, definition.name)
  }
  for (const { definition, referencing } of foreignKeysTo(catalog, table)) {
    if (definition.notValid === true || !definition.referencedColumns.some((number) => numbers.has(number))) continue
    // What it has compiled is for the types as they were.
    const anew = yield* inPlace(transaction, () => redefine(transaction, referencing, referencing.definition))
    yield* refuseUnmet(transaction, anew, definition.name)
  }
}
