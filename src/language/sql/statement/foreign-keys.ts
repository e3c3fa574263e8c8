/** FOREIGN KEY and REFERENCES: from the grammar's tree to the model's definition, with PostgreSQL's refusals. */
import type { Constraint, RangeVar } from 'libpg-query'
import { privilege } from '../../../database/access/privileges.ts'
import type {
  ForeignKeyAction,
  ForeignKeyDefinition,
  NewForeignKey,
  NewForeignKeyPart,
} from '../../../model/table/definition.ts'
import { compareKeys } from '../../../model/table/key-comparison.ts'
import { familyOf } from '../../../model/table/partitions/partitioning.ts'
import { type Column, type KeyPart, Table } from '../../../model/table/table.ts'
import { isTable } from '../../../model/table/table-kind.ts'
import { isTemporaryName } from '../../../model/table/temporary-names.ts'
import { primaryIndex } from '../../../base/tuple.ts'
import { stringsOf } from '../bind/tree.ts'
import { failure, notBuilt } from '../failure.ts'
import type { SqlRun } from '../plan/run.ts'
import { findCollection, freeName, shownName } from './naming.ts'

type Deferrable = ForeignKeyDefinition['deferrable']

export interface ForeignKeyPlan {
  readonly kind: 'foreign'
  readonly name: string | undefined
  readonly columns: readonly string[]
  readonly referenced: RangeVar
  /** Empty: those of the primary key. */
  readonly referencedColumns: readonly string[]
  readonly match: 'simple' | 'full'
  readonly onDelete: ForeignKeyAction
  readonly onUpdate: ForeignKeyAction
  readonly setColumns: readonly string[]
  readonly deferrable: Deferrable
  readonly notValid: boolean
  readonly location: number | undefined
}

const actions: Readonly<Record<string, ForeignKeyAction>> = {
  a: 'no action',
  r: 'restrict',
  c: 'cascade',
  n: 'set null',
  d: 'set default',
}

export function readForeignKey(
  constraint: Constraint,
  column: string | undefined,
  deferrable: Deferrable,
): ForeignKeyPlan {
  const { location, pktable } = constraint
  if (constraint.fk_with_period === true || constraint.pk_with_period === true) throw notBuilt('PERIOD', location)
  if (constraint.is_enforced === false) throw notBuilt('NOT ENFORCED', location)
  const { fk_matchtype: match = 's' } = constraint
  if (match !== 's' && match !== 'f') throw failure('0A000', 'MATCH PARTIAL not yet implemented', { location })
  return {
    kind: 'foreign',
    name: constraint.conname,
    columns: column === undefined ? stringsOf(constraint.fk_attrs) : [column],
    referenced: pktable!,
    referencedColumns: stringsOf(constraint.pk_attrs),
    match: match === 'f' ? 'full' : 'simple',
    onDelete: actions[constraint.fk_del_action ?? 'a']!,
    onUpdate: actions[constraint.fk_upd_action ?? 'a']!,
    setColumns: stringsOf(constraint.fk_del_set_cols),
    deferrable,
    notValid: constraint.skip_validation === true,
    location,
  }
}

/** The definition for a table that is there, in a transaction that may have made both of them. */
export function bindForeignKey(run: SqlRun, table: Table, plan: ForeignKeyPlan, isOnly = false): NewForeignKey {
  const referenced = referencedTable(run, plan)
  if (table.definition.partitioning !== undefined) refuseForSome(table, referenced, plan, isOnly)
  refuseAcross(table, referenced)
  const columns = plan.columns.map((name) => columnNamed(table, name))
  const key = referencedKey(referenced, plan)
  const { rights } = run.transaction.principal
  const mayRefer = ({ number }: Column): boolean =>
    (rights.onColumn(referenced.collection, number) & privilege.references) !== 0
  if (!key.columns.every(mayRefer)) throw rights.refusal(referenced.collection)
  const name = plan.name ?? freeName((one) => isConstraintName(run, table, one), table.name, ...plan.columns, 'fkey')
  if (plan.name !== undefined && constraintNames(table).includes(plan.name)) {
    throw failure('42710', `constraint "${plan.name}" for relation "${table.name}" already exists`)
  }
  if (columns.some(({ generated }) => generated !== undefined)) refuseActions(plan)
  for (const [i, column] of columns.entries()) checkTypes(name, column, key.columns[i]!)
  return {
    name,
    columns: columns.map(({ number }) => number),
    references: referenced.id,
    referencedColumns: key.columns.map(({ number }) => number),
    index: key.index,
    match: plan.match,
    onDelete: plan.onDelete,
    onUpdate: plan.onUpdate,
    ...(plan.setColumns.length === 0 ? {} : { setColumns: setColumnsOf(table, columns, plan) }),
    ...(plan.deferrable === undefined ? {} : { deferrable: plan.deferrable }),
    ...(plan.notValid ? { notValid: true } : {}),
    ...partsOf(run, table, name, plan.columns, referenced),
  }
}

function partsOf(
  run: SqlRun,
  table: Table,
  name: string,
  columns: readonly string[],
  referenced: Table,
): Pick<NewForeignKey, 'parts'> {
  if (referenced.definition.partitioning === undefined) return {}
  const [, ...below] = familyOf(run.transaction.catalog, referenced)
  return { parts: namedParts(run, table, name, columns, below) }
}

/** Of a foreign key of the table, for tables that are below the one that it refers to. */
export function namedParts(
  run: SqlRun,
  table: Table,
  name: string,
  columns: readonly string[],
  below: readonly Table[],
): readonly NewForeignKeyPart[] {
  const taken = [name]
  return below.map(({ id }) => {
    const isTaken = (one: string): boolean => taken.includes(one) || isConstraintName(run, table, one)
    const own = freeName(isTaken, table.name, ...columns, 'fkey')
    taken.push(own)
    return { name: own, references: id }
  })
}

/** One of a partitioned table is one of all its partitions, and valid for them. */
function refuseForSome(table: Table, referenced: Table, { notValid }: ForeignKeyPlan, isOnly: boolean): void {
  const between = `foreign key on partitioned table "${table.name}" referencing relation "${referenced.name}"`
  if (isOnly) throw failure('42809', `cannot use ONLY for ${between}`)
  if (!notValid) return
  throw failure('42809', `cannot add NOT VALID ${between}`, {
    detail: 'This feature is not yet supported on partitioned tables.',
  })
}

/** What is temporary is gone before what is not, and others do not see it. */
function refuseAcross(table: Table, referenced: Table): void {
  const [own, other] = [isTemporaryName(table.schema), isTemporaryName(referenced.schema)]
  if (own === other) return
  const kind = own ? 'temporary' : 'permanent'
  throw failure('42P16', `constraints on ${kind} tables may reference only ${kind} tables`)
}

/** Nothing sets a generated column but the columns that it follows from. */
function refuseActions({ onDelete, onUpdate }: ForeignKeyPlan): void {
  const sets = ['set null', 'set default']
  const event = sets.includes(onDelete) ? 'DELETE' : [...sets, 'cascade'].includes(onUpdate) ? 'UPDATE' : undefined
  if (event === undefined) return
  throw failure('42601', `invalid ON ${event} action for foreign key constraint containing generated column`)
}

function referencedTable(run: SqlRun, { referenced, location }: ForeignKeyPlan): Table {
  const collection = findCollection(run, referenced)
  if (collection === undefined) throw failure('42P01', `relation "${shownName(referenced)}" does not exist`)
  if (isTable(collection)) {
    return Table.of(collection)
  }
  throw failure('42809', `referenced relation "${collection.name}" is not a table`, { location })
}

function columnNamed(table: Table, name: string): Column {
  const column = table.findColumn(name)
  if (column !== undefined) return column
  throw failure('42703', `column "${name}" referenced in foreign key constraint does not exist`)
}

/** A key as PostgreSQL looks for it: the columns in any order, the same ones. */
interface ReferencedKey {
  readonly index: number
  readonly columns: readonly Column[]
}

function referencedKey(table: Table, { columns, referencedColumns }: ForeignKeyPlan): ReferencedKey {
  if (referencedColumns.length === 0) return primaryKeyOf(table, columns.length)
  const named = referencedColumns.map((name) => columnNamed(table, name))
  checkCount(columns.length, named.length)
  if (new Set(named).size < named.length) {
    throw failure('42830', 'foreign key referenced-columns list must not contain duplicates')
  }
  const has = (parts: readonly KeyPart[]): boolean =>
    parts.length === named.length && parts.every(({ column }) => named.includes(column))
  if (table.primaryKey !== undefined && has(table.primaryKey)) return { index: primaryIndex, columns: named }
  const unique = table.indexes.filter((index) => index.isUnique && index.isPlain && has(index.parts))
  const found = unique.find((index) => index.deferrable === undefined)
  if (found !== undefined) return { index: found.id, columns: named }
  if (unique.length > 0) throw deferrableKey(table, 'unique constraint')
  throw failure('42830', `there is no unique constraint matching given keys for referenced table "${table.name}"`)
}

function primaryKeyOf(table: Table, count: number): ReferencedKey {
  if (table.primaryKey !== undefined) {
    checkCount(count, table.primaryKey.length)
    return { index: primaryIndex, columns: table.primaryKey.map(({ column }) => column) }
  }
  if (table.indexes.some(({ isPrimary }) => isPrimary)) throw deferrableKey(table, 'primary key')
  throw failure('42704', `there is no primary key for referenced table "${table.name}"`)
}

function deferrableKey(table: Table, what: string): Error {
  return failure('55000', `cannot use a deferrable ${what} for referenced table "${table.name}"`)
}

function checkCount(referencing: number, referenced: number): void {
  if (referencing === referenced) return
  throw failure('42830', 'number of referencing and referenced columns for foreign key disagree')
}

export function checkTypes(name: string, referencing: Column, referenced: Column): void {
  if (compareKeys(referencing.type, referenced.type) !== undefined) return
  const types = `${referencing.type.title} and ${referenced.type.title}`
  throw failure('42804', `foreign key constraint "${name}" cannot be implemented`, {
    detail: `Key columns "${referencing.name}" and "${referenced.name}" are of incompatible types: ${types}.`,
  })
}

function setColumnsOf(table: Table, columns: readonly Column[], { setColumns }: ForeignKeyPlan): number[] {
  return setColumns.map((name) => {
    const column = columnNamed(table, name)
    if (columns.includes(column)) return column.number
    throw failure('42P10', `column "${name}" referenced in ON DELETE SET action must be part of foreign key`)
  })
}

export function constraintNames(table: Table): string[] {
  const keys = table.indexes.filter(({ isConstraint }) => isConstraint)
  const parts = table.foreignKeys.flatMap(({ parts: some = [] }) => some)
  const named = [...keys, ...table.checks, ...table.foreignKeys, ...parts].map(({ name }) => name)
  return table.primaryKeyName === undefined ? named : [...named, table.primaryKeyName]
}

function isConstraintName(run: SqlRun, table: Table, name: string): boolean {
  if (constraintNames(table).includes(name)) return true
  const others = run.transaction.catalog.collectionsOf(table.schema).filter(isTable)
  return others.some((collection) => constraintNames(Table.of(collection)).includes(name))
}
