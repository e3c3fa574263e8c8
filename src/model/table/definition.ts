/**
 * A table's definition, as it lies in `collection.definition`, and how it evolves.
 *
 * Columns are identified by numbers that are never reused: a row stores its values by number, so adding, dropping and
 * renaming columns rewrites no row. A column that was added reads in older rows as its `missing` value; a dropped one
 * stays in the list, since older rows still hold its bytes. Changing a column's type makes a new column.
 *
 * Expressions (defaults, checks) are kept as source text: the language that wrote them compiles them.
 */
import { PolylogError } from '../../base/errors.ts'
import type { Index, JsonObject, JsonValue } from '../../database/catalog.ts'
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
  /** The collection whose sequence belongs to this column and is dropped with it. */
  readonly sequence?: number
  /** Text form of the value that rows from before this column have. */
  readonly missing?: string
  readonly dropped?: boolean
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

export interface TableDefinition {
  readonly kind: 'table'
  /** Live and dropped, in the order of their numbers. */
  readonly columns: readonly ColumnDefinition[]
  readonly nextColumn: number
  readonly primaryKey?: KeyDefinition
  readonly checks: readonly CheckDefinition[]
}

/** `index.definition` of a table's indexes. */
export interface IndexDefinition {
  readonly columns: readonly IndexColumn[]
  /** Made by UNIQUE in a table's definition, so that DROP INDEX refuses it. */
  readonly constraint?: boolean
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
  const columns = rest.columns.map((column) =>
    key.columns.includes(column.number) ? { ...column, notNull: true } : column,
  )
  return { ...rest, columns, primaryKey: key }
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
  return { columns: columns as unknown as readonly IndexColumn[], constraint: index.definition['constraint'] === true }
}
