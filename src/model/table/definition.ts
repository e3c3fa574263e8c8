/**
 * A table's definition, as it lies in `collection.definition`, and how it evolves.
 *
 * Columns are identified by numbers that are never reused: a row stores its values by number, so adding, dropping and
 * renaming columns rewrites no row. A column that was added reads in older rows as its `missing` value; a dropped one
 * stays in the list, since older rows still hold its bytes. Changing a column's type writes all rows anew (`retype.ts`).
 *
 * Expressions (defaults, checks) are kept as source text: the language that wrote them compiles them.
 */
import { PolylogError } from '../../base/errors.ts'
import type { Index, JsonObject, JsonValue } from '../../database/catalog/catalog.ts'
import type { BoundDefinition, PartitioningDefinition } from './partitions/partition-definition.ts'
import type { PolicyDefinition, RowSecurity } from './policies.ts'
import type { ReplicaIdentity } from './publication/identity.ts'
import type { TriggerDefinition } from './triggers.ts'
import { requireColumnType } from './types/column-type.ts'
import { findType, shownNumber } from './types/registry.ts'
import type { MaterializedQuery } from './stored-query.ts'
import { sqlError } from './types/type.ts'
import { partsOf, placeOfType, type TypeContent, type TypeContents } from './types/user/content.ts'

/** What an expression that is kept as text needs besides columns: functions, by their collections. */
export interface RoutineCalls {
  readonly calls?: readonly number[]
}

export interface ColumnDefinition {
  readonly number: number
  readonly name: string
  /** PostgreSQL's number of a built-in type, else as `types/user/content.ts` has it. */
  readonly type: number
  readonly modifier?: number
  readonly notNull?: boolean
  /** Source text of an expression. */
  readonly default?: string
  /** The sequences that the default draws from, and the functions that it calls, by their collections. */
  readonly defaultSequences?: readonly number[]
  readonly identity?: 'always' | 'by default'
  readonly generated?: GeneratedDefinition
  /** The collection whose sequence belongs to this column and is dropped with it. */
  readonly sequence?: number
  /** Text form of the value that rows from before this column have. */
  readonly missing?: string
  readonly dropped?: boolean
  /** How many of the tables that this one inherits from have it; left out: none. */
  readonly inherited?: number
  /** False: it is there because it is inherited, and goes with the last that it is inherited from. */
  readonly local?: false
  /** What SET STORAGE said, as PostgreSQL's catalog has it: shown, and of no effect, since values lie where their row does. */
  readonly storage?: 'p' | 'e' | 'm' | 'x'
}

/** GENERATED ALWAYS AS (…) STORED. */
export interface GeneratedDefinition extends RoutineCalls {
  /** Source text. */
  readonly expression: string
  /** The numbers of the columns that it reads; none of them is generated. */
  readonly reads: readonly number[]
}

export type ColumnDefault = Required<Pick<ColumnDefinition, 'default'>> & Pick<ColumnDefinition, 'defaultSequences'>

export interface CheckDefinition extends RoutineCalls {
  readonly name: string
  readonly expression: string
  /** As of columns. */
  readonly inherited?: number
  readonly local?: false
  /** Those that inherit from the table do not have it. */
  readonly noInherit?: true
  /** NOT VALID: rows from before it were not looked at. */
  readonly notValid?: true
}

export interface KeyDefinition {
  readonly name: string
  /** Column numbers in key order. */
  readonly columns: readonly number[]
  /** INCLUDE: named, and no part of the key. */
  readonly include?: readonly number[]
  /** The partitioned table of whose primary key it is a part. */
  readonly parent?: number
}

export type ForeignKeyAction = 'no action' | 'restrict' | 'cascade' | 'set null' | 'set default'

/** Of the referencing table; the referenced one only knows which tables refer to it. */
export interface ForeignKeyDefinition {
  /** Of this table, never reused. */
  readonly id: number
  readonly name: string
  readonly columns: readonly number[]
  /** The collection that is referred to. */
  readonly references: number
  /** Its columns, in the order of `columns`: exactly those of `index`. */
  readonly referencedColumns: readonly number[]
  /** Of the referenced table: the unique index that this one relies on; 1 is the primary key. */
  readonly index: number
  readonly match: 'simple' | 'full'
  readonly onDelete: ForeignKeyAction
  readonly onUpdate: ForeignKeyAction
  /** ON DELETE SET NULL (…) and SET DEFAULT (…): the columns that are set; left out: all. */
  readonly setColumns?: readonly number[]
  /** Left out: it can not be deferred. */
  readonly deferrable?: 'immediate' | 'deferred'
  /** NOT VALID: rows from before it were not looked at. */
  readonly notValid?: boolean
  /** Of a partition: the `id` of that foreign key of its parent of which it is a part. */
  readonly parent?: number
  /** Where a partitioned table is referred to, and this is no part of another one: for each table below that one. */
  readonly parts?: readonly ForeignKeyPart[]
}

/** What a foreign key to a partitioned table is for one of the partitions, which it is named after in errors and catalogs. */
export interface ForeignKeyPart {
  /** Among those of the table's foreign keys. */
  readonly id: number
  readonly name: string
  /** The partition. */
  readonly references: number
}

export type NewForeignKeyPart = Omit<ForeignKeyPart, 'id'>

export interface TableDefinition {
  readonly kind: 'table'
  /** Live and dropped, in the order of their numbers. */
  readonly columns: readonly ColumnDefinition[]
  readonly nextColumn: number
  readonly primaryKey?: KeyDefinition
  readonly checks: readonly CheckDefinition[]
  readonly foreignKeys?: readonly ForeignKeyDefinition[]
  readonly nextForeignKey?: number
  /** Collections that have foreign keys to this table, itself perhaps among them. */
  readonly referencedBy?: readonly number[]
  /** They count where `rowSecurity` is enabled. */
  readonly policies?: readonly PolicyDefinition[]
  readonly nextPolicy?: number
  readonly rowSecurity?: RowSecurity
  readonly triggers?: readonly TriggerDefinition[]
  readonly nextTrigger?: number
  /** Of a materialized view: what its rows are made of. */
  readonly materialized?: MaterializedQuery
  /** Of a temporary table: its rows go when a transaction that has written any commits. */
  readonly onCommit?: 'delete'
  /** PARTITION BY: it has no rows of its own. */
  readonly partitioning?: PartitioningDefinition
  /** The tables whose columns it has, and among whose rows its own are shown; of a partition exactly one. */
  readonly inherits?: readonly number[]
  /** Of a partition: which rows of its parent it holds. */
  readonly bound?: BoundDefinition
  /** Tables that inherit from this one; some may be gone since. */
  readonly children?: readonly number[]
  /** Of those the partition that is being detached while others use it: it counts no more for who begins now. */
  readonly detaching?: number
  /** Which columns tell others which row it was; left out: those of the primary key. */
  readonly replicaIdentity?: ReplicaIdentity
  /** What the types of users that its columns have consist of. */
  readonly types?: TypeContents
}

/** `index.definition` of a table's indexes. */
export interface IndexDefinition {
  readonly columns: readonly IndexColumn[]
  /** Made by UNIQUE in a table's definition, so that DROP INDEX refuses it. */
  readonly constraint?: boolean
  /** A unique constraint that may be violated until the end of the statement, or of the transaction. */
  readonly deferrable?: 'immediate' | 'deferred'
  /** A deferrable primary key: rows lie under hidden numbers, since two may have the same key for a while. */
  readonly primary?: boolean
  /** The index of a partitioned table of which it is a part: the table, and the index there (1: its primary key). */
  readonly parent?: IndexParent
  /** Those that its columns of the numbers −1, −2, … are. */
  readonly expressions?: readonly IndexExpression[]
  /** Only rows of which it is true have an entry. */
  readonly where?: IndexPredicate
  /** INCLUDE: named, and not kept in the entries, since rows are always read. */
  readonly include?: readonly number[]
  /** As it was asked for, where that is not btree: entries are ordered all the same. */
  readonly method?: string
}

export interface IndexExpression extends RoutineCalls {
  readonly text: string
  /** The numbers of the columns that it reads. */
  readonly reads: readonly number[]
  readonly type: number
  readonly modifier?: number
}

export interface IndexPredicate extends RoutineCalls {
  readonly text: string
  readonly reads: readonly number[]
  /** All of which must be true, each by itself. */
  readonly terms: readonly string[]
}

export interface IndexParent {
  readonly table: number
  readonly index: number
}

export interface IndexColumn {
  readonly number: number
  readonly descending?: boolean
  readonly nullsFirst?: boolean
  /** As they were named, for who asks. */
  readonly collation?: string
  readonly operatorClass?: string
}

/** `type`: by a plan's number. */
export type NewColumn = Omit<ColumnDefinition, 'number' | 'dropped'>

/** PostgreSQL's limit. */
const maxColumns = 1600

export function newTable(columns: readonly NewColumn[]): TableDefinition {
  let definition: TableDefinition = { kind: 'table', columns: [], nextColumn: 1, checks: [] }
  for (const column of columns) definition = withColumn(definition, column)
  return definition
}

export function checkColumnCount(count: number): void {
  if (count > maxColumns) throw sqlError('too_large', '54011', `tables can have at most ${maxColumns} columns`)
}

export function withColumn(definition: TableDefinition, column: NewColumn): TableDefinition {
  if (liveColumns(definition).some(({ name }) => name === column.name)) {
    throw sqlError('duplicate_object', '42701', `column "${column.name}" specified more than once`)
  }
  checkColumnCount(definition.nextColumn)
  requireColumnType(column.name, column.type)
  const number = definition.nextColumn
  const stored = { ...column, type: shownNumber(column.type), number }
  return withTypes({ ...definition, columns: [...definition.columns, stored], nextColumn: number + 1 }, [column.type])
}

/** With what these types, by plans' numbers, consist of; and nothing of types that no column has any more. */
export function withTypes(definition: TableDefinition, added: readonly number[]): TableDefinition {
  const { types: before, ...rest } = definition
  const types: Record<string, TypeContent> = {}
  const keep = (number: number): void => {
    const id = placeOfType(number)?.id
    const content = id === undefined || types[id] !== undefined ? undefined : before?.[id]
    if (content === undefined) return
    types[content.id] = content
    for (const part of partsOf(content)) keep(part)
  }
  for (const { type } of definition.columns) keep(type)
  for (const type of added) Object.assign(types, findType(type)?.made?.contents)
  return Object.keys(types).length === 0 ? rest : { ...rest, types }
}

/** The caller drops what depends on it first: indexes, keys, checks. */
export function withoutColumn(definition: TableDefinition, number: number): TableDefinition {
  const columns = definition.columns.map((column) =>
    column.number === number
      ? { number, name: `dropped ${number}`, type: column.type, dropped: true as const }
      : column,
  )
  return { ...definition, columns }
}

export function withChangedColumn(
  definition: TableDefinition,
  number: number,
  change: (column: ColumnDefinition) => ColumnDefinition,
): TableDefinition {
  const columns = definition.columns.map((column) => (column.number === number ? change(column) : column))
  return { ...definition, columns }
}

export function withPrimaryKey(definition: TableDefinition, key: KeyDefinition | undefined): TableDefinition {
  const { primaryKey: _, ...rest } = definition
  if (key === undefined) return rest
  return { ...withNotNull(rest, key.columns), primaryKey: key }
}

export function withNotNull(definition: TableDefinition, numbers: readonly number[]): TableDefinition {
  const columns = definition.columns.map((column) =>
    numbers.includes(column.number) ? { ...column, notNull: true } : column,
  )
  return { ...definition, columns }
}

export interface NewForeignKey extends Omit<ForeignKeyDefinition, 'id' | 'parts'> {
  readonly parts?: readonly NewForeignKeyPart[]
}

export function withForeignKey(definition: TableDefinition, { parts, ...rest }: NewForeignKey): TableDefinition {
  const id = definition.nextForeignKey ?? 1
  const made = {
    ...definition,
    foreignKeys: [...(definition.foreignKeys ?? []), { ...rest, id }],
    nextForeignKey: id + 1,
  }
  return parts === undefined ? made : withForeignKeyParts(made, id, parts)
}

/** Those that have come beside what it has. */
export function withForeignKeyParts(
  definition: TableDefinition,
  id: number,
  added: readonly NewForeignKeyPart[],
): TableDefinition {
  const next = definition.nextForeignKey ?? 1
  const numbered = added.map((one, i): ForeignKeyPart => ({ ...one, id: next + i }))
  const foreignKeys = (definition.foreignKeys ?? []).map((one) =>
    one.id === id ? { ...one, parts: [...(one.parts ?? []), ...numbered] } : one,
  )
  return { ...definition, foreignKeys, nextForeignKey: next + added.length }
}

/** `change` answers undefined for one that goes. */
export function withChangedForeignKey(
  definition: TableDefinition,
  name: string,
  change: (foreignKey: ForeignKeyDefinition) => ForeignKeyDefinition | undefined,
): TableDefinition {
  const foreignKeys = (definition.foreignKeys ?? []).flatMap((one) => (one.name === name ? (change(one) ?? []) : one))
  return { ...definition, foreignKeys }
}

export function withReferencing(definition: TableDefinition, id: number, isReferencing: boolean): TableDefinition {
  const others = (definition.referencedBy ?? []).filter((one) => one !== id)
  return { ...definition, referencedBy: isReferencing ? [...others, id] : others }
}

export function liveColumns(definition: TableDefinition): ColumnDefinition[] {
  return definition.columns.filter(({ dropped }) => dropped !== true)
}

/** JSON has no place for undefined. */
export function toJson(definition: TableDefinition | IndexDefinition): JsonObject {
  return JSON.parse(JSON.stringify(definition)) as JsonObject
}

export function damagedDefinition(kind: string): PolylogError {
  return new PolylogError('data_corrupted', `the definition of a ${kind} is damaged`)
}

export function indexDefinitionOf(index: Index): IndexDefinition {
  const columns: JsonValue = index.definition['columns'] ?? []
  const { constraint, deferrable, primary, parent, expressions, where, include, method } = index.definition
  return {
    columns: columns as unknown as readonly IndexColumn[],
    constraint: constraint === true,
    ...(deferrable === 'immediate' || deferrable === 'deferred' ? { deferrable } : {}),
    ...(primary === true ? { primary } : {}),
    ...(parent === undefined ? {} : { parent: parent as unknown as IndexParent }),
    ...(expressions === undefined ? {} : { expressions: expressions as unknown as readonly IndexExpression[] }),
    ...(where === undefined ? {} : { where: where as unknown as IndexPredicate }),
    ...(include === undefined ? {} : { include: include as unknown as readonly number[] }),
    ...(typeof method === 'string' ? { method } : {}),
  }
}
