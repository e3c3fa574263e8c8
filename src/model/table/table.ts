/**
 * The table model: rows with typed columns under a primary key, kept true to their constraints.
 *
 * A `Table` is a collection's definition made ready for use, once per version of the collection. Rows are arrays of
 * values by ordinal, the position among the live columns.
 *
 * `rows.ts` changes rows and keeps every rule, whichever door asks for it. `row-hooks.ts` says where rules take part, and
 * `built-in-rules.ts` which there are: `expressions.ts` (defaults, checks), `generated-columns.ts`, `constraints.ts` (NOT NULL, unique),
 * `entries.ts` (index entries), `reference-rules.ts` (foreign keys, over `foreign-key.ts`). `scan.ts` reads rows,
 * `schema.ts` makes and changes tables, `index-build.ts` fills indexes, `sequence.ts` gives out numbers; `keys.ts` and `codec.ts` are the bytes.
 */
import type { Collection, Index } from '../../database/catalog/catalog.ts'
import { RowReader, type RowLayout } from './codec.ts'
import {
  indexDefinitionOf,
  liveColumns,
  type CheckDefinition,
  type ColumnDefinition,
  type ForeignKeyDefinition,
  type GeneratedDefinition,
  type IndexDefinition,
  type IndexExpression,
  type IndexParent,
  type IndexPredicate,
  type TableDefinition,
} from './definition.ts'
// oxlint-disable-next-line import/no-unassigned-import -- loading it registers the step
import './migration.ts'
import type { KeptPublished } from './publication/publication.ts'
import type { TableRules } from './row-hooks.ts'
import { isTable, tableDefinitionOf } from './table-kind.ts'
import { storedType } from './types/registry.ts'
import { sqlError, type SqlType } from './types/type.ts'
import { noContents, type TypeContents } from './types/user/content.ts'
import type { SqlValue } from './types/value.ts'

export interface Column {
  /** Never reused; the column's identity. */
  readonly number: number
  /** Position in rows. */
  readonly ordinal: number
  readonly name: string
  readonly type: SqlType
  readonly modifier: number
  readonly isNotNull: boolean
  /** Source text of the default's expression. */
  readonly default: string | undefined
  readonly generated: GeneratedDefinition | undefined
  readonly definition: ColumnDefinition
}

/** One element of a key: a column and its direction. */
export interface KeyPart {
  readonly column: Column
  readonly isDescending: boolean
  readonly nullsFirst: boolean
}

export interface TableIndex {
  readonly id: number
  readonly name: string
  readonly isUnique: boolean
  /** Stands for a UNIQUE or PRIMARY KEY constraint. */
  readonly isConstraint: boolean
  /** Two rows may have the same values until the end of the statement, or of the transaction. */
  readonly deferrable: 'immediate' | 'deferred' | undefined
  /** Stands for a deferrable PRIMARY KEY. */
  readonly isPrimary: boolean
  readonly parts: readonly KeyPart[]
  /** Of its parts that are no columns: the ordinals of these begin behind those of the table. */
  readonly expressions: readonly IndexExpression[]
  readonly predicate: IndexPredicate | undefined
  /** All rows have an entry, of columns alone. */
  readonly isPlain: boolean
  /** The ordinals of all columns that an entry, or whether there is one, follows from. */
  readonly reads: readonly number[]
  /** That of a partitioned table of which it is a part. */
  readonly parent: IndexParent | undefined
  readonly index: Index
}

export class Table {
  readonly collection: Collection
  readonly definition: TableDefinition
  /** Live, by ordinal. */
  readonly columns: readonly Column[]
  readonly layout: RowLayout
  /** Undefined: rows have a hidden number for a key. */
  readonly primaryKey: readonly KeyPart[] | undefined
  readonly primaryKeyName: string | undefined
  readonly indexes: readonly TableIndex[]
  readonly checks: readonly CheckDefinition[]
  readonly foreignKeys: readonly ForeignKeyDefinition[]
  /** Rows of other tables, or of this one, may refer to its rows. */
  readonly isReferenced: boolean
  readonly reader: RowReader
  /** Made when a row is first written. */
  rules: TableRules | undefined
  /** By the catalog that a row was written under last. */
  published: KeptPublished | undefined
  readonly #byName = new Map<string, Column>()

  private constructor(collection: Collection) {
    this.collection = collection
    if (!isTable(collection)) throw sqlError('wrong_type', '42809', 'the relation is not a table')
    this.definition = tableDefinitionOf(collection)
    const { types = noContents } = this.definition
    this.columns = liveColumns(this.definition).map((column, ordinal) => columnOf(column, ordinal, types))
    for (const column of this.columns) this.#byName.set(column.name, column)
    this.layout = layoutOf(this.definition, this.columns)
    this.primaryKey = this.definition.primaryKey?.columns.map((number) => ascending(this.columnByNumber(number)))
    this.primaryKeyName = this.definition.primaryKey?.name
    this.indexes = collection.indexes.map((index) => this.#indexOf(index))
    this.checks = this.definition.checks
    this.foreignKeys = this.definition.foreignKeys ?? []
    this.isReferenced = (this.definition.referencedBy?.length ?? 0) > 0
    this.reader = new RowReader(this.layout, this.columns.length)
  }

  /** Throws 42809 for a collection that is no table. */
  static of(collection: Collection): Table {
    let table = tables.get(collection)
    if (table === undefined) {
      table = new Table(collection)
      tables.set(collection, table)
    }
    return table
  }

  get id(): number {
    return this.collection.id
  }

  get name(): string {
    return this.collection.name
  }

  get schema(): string {
    return this.collection.namespace.name
  }

  findColumn(name: string): Column | undefined {
    return this.#byName.get(name)
  }

  getColumn(name: string): Column {
    const column = this.#byName.get(name)
    if (column !== undefined) return column
    throw sqlError('undefined_column', '42703', `column "${name}" of relation "${this.name}" does not exist`)
  }

  columnByNumber(number: number): Column {
    const column = this.columns.find((one) => one.number === number)
    if (column !== undefined) return column
    throw sqlError('undefined_column', '42703', `column ${number} of relation "${this.name}" does not exist`)
  }

  findIndex(name: string): TableIndex | undefined {
    return this.indexes.find((index) => index.name === name)
  }

  /** For the columns with these ordinals; make it once per plan. */
  readerOf(ordinals: Iterable<number>): RowReader {
    return new RowReader(this.layout, this.columns.length, ordinals)
  }

  #indexOf(index: Index): TableIndex {
    const definition = indexDefinitionOf(index)
    const { columns, constraint, deferrable, primary, parent, expressions = [], where } = definition
    const parts = columns.map(({ number, descending, nullsFirst }) => ({
      column: number < 0 ? this.#expressionColumn(expressions[-1 - number]!, -1 - number) : this.columnByNumber(number),
      isDescending: descending === true,
      nullsFirst: nullsFirst ?? descending === true,
    }))
    return {
      id: index.id,
      name: index.name,
      isUnique: index.unique,
      isConstraint: constraint === true,
      deferrable,
      isPrimary: primary === true,
      parts,
      expressions,
      predicate: where,
      isPlain: expressions.length === 0 && where === undefined,
      reads: this.#ordinalsRead(definition),
      parent,
      index,
    }
  }

  #expressionColumn({ text, type, modifier = -1 }: IndexExpression, place: number): Column {
    const definition = { number: 0, name: text, type }
    const ordinal = this.columns.length + place
    const none = { isNotNull: false, default: undefined, generated: undefined }
    return {
      number: 0,
      ordinal,
      name: text,
      type: storedType(type, this.definition.types ?? noContents),
      modifier,
      definition,
      ...none,
    }
  }

  #ordinalsRead({ columns, expressions = [], where }: IndexDefinition): number[] {
    const numbers = [
      ...columns.flatMap(({ number }) => (number < 0 ? [] : [number])),
      ...expressions.flatMap(({ reads }) => reads),
      ...(where?.reads ?? []),
    ]
    return [...new Set(numbers)].map((number) => this.columnByNumber(number).ordinal)
  }
}

/** Collections are immutable values: a change makes another one. */
const tables = new WeakMap<Collection, Table>()

function columnOf(definition: ColumnDefinition, ordinal: number, types: TypeContents): Column {
  return {
    number: definition.number,
    ordinal,
    name: definition.name,
    type: storedType(definition.type, types),
    modifier: definition.modifier ?? -1,
    isNotNull: definition.notNull === true,
    default: definition.default,
    generated: definition.generated,
    definition,
  }
}

function ascending(column: Column): KeyPart {
  return { column, isDescending: false, nullsFirst: false }
}

function layoutOf(definition: TableDefinition, columns: readonly Column[]): RowLayout {
  const ordinals = new Map(columns.map((column) => [column.number, column.ordinal]))
  return definition.columns.map(({ number, type: stored, missing }) => {
    const type = storedType(stored, definition.types ?? noContents)
    const value: SqlValue = missing === undefined ? null : type.parseText(missing)
    return { ordinal: ordinals.get(number) ?? -1, type, missing: value }
  })
}
