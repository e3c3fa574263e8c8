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
import type { PolicyDefinition, RowSecurity } from './policies.ts'
import { sqlError } from './types/type.ts'

export interface ColumnDefinition {
  readonly number: number
  readonly name: string
  /** OID of `types/registry.ts`. */
  readonly type: number
  readonly modifier?: number
  readonly notNull?: boolean
  /** Source text of an expression. */
  readonly default?: string
  /** The sequences that the default draws from, by their collections. */
  readonly defaultSequences?: readonly number[]
  readonly identity?: 'always' | 'by default'
  readonly generated?: GeneratedDefinition
  /** The collection whose sequence belongs to this column and is dropped with it. */
  readonly sequence?: number
  /** Text form of the value that rows from before this column have. */
  readonly missing?: string
  readonly dropped?: boolean
}

/** GENERATED ALWAYS AS (…) STORED. */
export interface GeneratedDefinition {
  /** Source text. */
  readonly expression: string
  /** The numbers of the columns that it reads; none of them is generated. */
  readonly reads: readonly number[]
}

export type ColumnDefault = Required<Pick<ColumnDefinition, 'default'>> & Pick<ColumnDefinition, 'defaultSequences'>

export interface CheckDefinition {
  readonly name: string
  readonly expression: string
}

export interface KeyDefinition {
  readonly name: string
  /** Column numbers in key order. */
  readonly columns: readonly number[]
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
}

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
}

export interface IndexColumn {
  readonly number: number
  readonly descending?: boolean
  readonly nullsFirst?: boolean
}

export type NewColumn = Omit<ColumnDefinition, 'number' | 'dropped'>

/** PostgreSQL's limit. */
const maxColumns = 1600

export function newTable(columns: readonly NewColumn[]): TableDefinition {
  let definition: TableDefinition = { kind: 'table', columns: [], nextColumn: 1, checks: [] }
  for (const column of columns) definition = withColumn(definition, column)
  return definition
}

export function withColumn(definition: TableDefinition, column: NewColumn): TableDefinition {
  if (liveColumns(definition).some(({ name }) => name === column.name)) {
    throw sqlError('duplicate_object', '42701', `column "${column.name}" specified more than once`)
  }
  if (definition.nextColumn > maxColumns) {
    throw sqlError('too_large', '54011', `tables can have at most ${maxColumns} columns`)
  }
  const number = definition.nextColumn
  return { ...definition, columns: [...definition.columns, { ...column, number }], nextColumn: number + 1 }
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

export function withForeignKey(
  definition: TableDefinition,
  foreignKey: Omit<ForeignKeyDefinition, 'id'>,
): TableDefinition {
  const id = definition.nextForeignKey ?? 1
  return {
    ...definition,
    foreignKeys: [...(definition.foreignKeys ?? []), { ...foreignKey, id }],
    nextForeignKey: id + 1,
  }
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
  const { constraint, deferrable, primary } = index.definition
  return {
    columns: columns as unknown as readonly IndexColumn[],
    constraint: constraint === true,
    ...(deferrable === 'immediate' || deferrable === 'deferred' ? { deferrable } : {}),
    ...(primary === true ? { primary } : {}),
  }
}
