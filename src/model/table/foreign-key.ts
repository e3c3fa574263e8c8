/**
 * A foreign key between two tables, made ready: how a row of the referencing table finds the row that it refers to, and a
 * referenced row those that refer to it.
 *
 * Made once per pair of versions of the two tables. The referenced columns are those of a primary key or of a unique index,
 * through which a referenced row is found; referencing rows are found through the index whose leading columns are most of
 * the foreign key's, and where there is none by looking at them all.
 *
 * One to a partitioned table is also one to each table below that, a *part*, by the columns and the index that this has of
 * it: a row that refers goes by the part where its values belong (a unique key has all columns of the partition key), a row
 * of a partition is referred to by the part for that. Parts are made from the definition when they are asked for.
 */
import { type KeyRange, type Slice, sliceOf } from '../../base/slice.ts'
import { KeyWriter, primaryIndex } from '../../base/tuple.ts'
import type { Catalog } from '../../database/catalog/catalog.ts'
import type { DeferrableConstraint, NewestReader, Transaction } from '../../database/contract.ts'
import type { ForeignKeyDefinition } from './definition.ts'
import { compareKeys, type KeyComparison } from './key-comparison.ts'
import {
  allRows,
  boundedRange,
  rowKeyOfEntry,
  type Values,
  writeIndexPrefix,
  writeKeyOfRowKey,
  writeRowKey,
} from './keys.ts'
import { ancestorsOf, parentOf } from './partitions/partitioning.ts'
import { findHome } from './partitions/routing.ts'
import { type Column, type KeyPart, Table, type TableIndex } from './table.ts'
import { sqlError } from './types/type.ts'
import type { SqlValue } from './types/value.ts'

/** How many entries are looked at in one batch. */
const entriesAtOnce = 256

/** A row found from the other side. */
export interface ReferencingRow {
  readonly key: Uint8Array
  readonly row: SqlValue[]
}

/** Where a search goes on, behind this key; undefined at its end. */
export interface FoundRows {
  readonly rows: readonly ReferencingRow[]
  readonly after: Uint8Array | undefined
}

interface ReferencingAccess {
  /** Undefined: the rows themselves, by the primary key or all of them. */
  readonly index: TableIndex | undefined
  /** For each leading part, its place in the foreign key. */
  readonly places: readonly number[]
}

export class ForeignKey {
  readonly definition: ForeignKeyDefinition
  readonly constraint: DeferrableConstraint
  readonly referencing: Table
  readonly referenced: Table
  readonly columns: readonly Column[]
  readonly referencedColumns: readonly Column[]
  readonly #comparisons: readonly KeyComparison[]
  readonly #index: TableIndex | undefined
  readonly #access: ReferencingAccess
  readonly #writer = new KeyWriter(64)
  readonly #rowKey = new KeyWriter(64)
  readonly #parts = new WeakMap<Table, ForeignKey>()

  private constructor(referencing: Table, referenced: Table, definition: ForeignKeyDefinition) {
    this.definition = definition
    this.constraint = constraintOf(referencing, definition)
    this.referencing = referencing
    this.referenced = referenced
    this.columns = definition.columns.map((number) => referencing.columnByNumber(number))
    this.referencedColumns = definition.referencedColumns.map((number) => referenced.columnByNumber(number))
    this.#comparisons = this.columns.map(({ type }, i) => compareKeys(type, this.referencedColumns[i]!.type)!)
    this.#index = referenced.indexes.find(({ id }) => id === definition.index)
    this.#access = chooseAccess(referencing, this.columns, this.#comparisons)
  }

  static between(referencing: Table, referenced: Table, definition: ForeignKeyDefinition): ForeignKey {
    let made = pairs.get(definition)
    if (made?.referencing !== referencing || made.referenced !== referenced) {
      made = new ForeignKey(referencing, referenced, definition)
      pairs.set(definition, made)
    }
    return made
  }

  /** What it is for a table below the one that it refers to, or for that one itself; undefined of any other. */
  toPart(catalog: Catalog, table: Table): ForeignKey | undefined {
    if (table.id === this.referenced.id) return this
    const made = this.#parts.get(table)
    if (made !== undefined) return made
    const index = indexBelow(catalog, table, this.referenced, this.definition.index)
    if (index === undefined) return undefined
    const referencedColumns = this.referencedColumns.map(({ name }) => table.getColumn(name).number)
    const part = new ForeignKey(this.referencing, table, {
      ...this.definition,
      references: table.id,
      referencedColumns,
      index,
    })
    this.#parts.set(table, part)
    return part
  }

  /** That by which the row with these values would be found: itself, or a part; undefined where no partition is for them. */
  homeOf(transaction: Transaction, values: Values): ForeignKey | undefined {
    if (this.referenced.definition.partitioning === undefined) return this
    const row: SqlValue[] = this.referenced.columns.map(() => null)
    for (const [i, { ordinal }] of this.referencedColumns.entries()) row[ordinal] = values[i]!
    const home = findHome(transaction, this.referenced, row, () => undefined)
    return home && this.toPart(transaction.catalog, home)
  }

  get name(): string {
    return this.definition.name
  }

  /** The same one over the tables as they are now; undefined where it is gone. */
  asOf(catalog: Catalog): ForeignKey | undefined {
    const referencing = findTable(catalog, this.referencing.id)
    const referenced = findTable(catalog, this.referenced.id)
    const definition = referencing?.foreignKeys.find(({ id }) => id === this.definition.id)
    if (referencing === undefined || referenced === undefined || definition === undefined) return undefined
    const whole = findTable(catalog, definition.references)
    return whole && ForeignKey.between(referencing, whole, definition).toPart(catalog, referenced)
  }

  /** What it is called where it is not kept, and by whose name: of parts of another one that is said of the whole. */
  shownAs(catalog: Catalog): { readonly name: string; readonly table: Table } {
    let { referencing: table } = this
    let definition = table.foreignKeys.find(({ id }) => id === this.definition.id)!
    while (definition.parent !== undefined) {
      const { parent } = definition
      table = parentOf(catalog, table)
      definition = table.foreignKeys.find(({ id }) => id === parent)!
    }
    const part = definition.parts?.find(({ references }) => references === this.referenced.id)
    return { name: (part ?? definition).name, table }
  }

  /** The foreign key's values in a referencing row, as values of the referenced columns; undefined where nothing can equal them. */
  referredTo(row: Values): SqlValue[] | undefined {
    const values: SqlValue[] = []
    for (const [i, { ordinal }] of this.columns.entries()) {
      const value = this.#comparisons[i]!.toReferenced(row[ordinal]!)
      if (value === undefined) return undefined
      values.push(value)
    }
    return values
  }

  /** MATCH SIMPLE: a NULL in it; MATCH FULL: nothing but NULLs. */
  refersToNothing(row: Values): boolean {
    const isNull = ({ ordinal }: Column): boolean => row[ordinal] === null
    return this.definition.match === 'full' ? this.columns.every(isNull) : this.columns.some(isNull)
  }

  /** Whether the row may stand as it is, in a state that nobody else changes. */
  isMetBy(row: Values, transaction: Transaction, reader: Pick<NewestReader, 'get'>): boolean {
    if (this.refersToNothing(row)) return true
    const values = this.columns.some(({ ordinal }) => row[ordinal] === null) ? undefined : this.referredTo(row)
    const home = values && this.homeOf(transaction, values)
    return home?.findReferenced(reader, values!) !== undefined
  }

  /** The referenced row's own values of the key; undefined where one is NULL, to which nothing refers. */
  keyOf(row: Values): SqlValue[] | undefined {
    const values: SqlValue[] = this.referencedColumns.map(({ ordinal }) => row[ordinal]!)
    return values.includes(null) ? undefined : values
  }

  /** The key of the row with these values of the referenced columns, which has rows; a view until the next call. */
  findReferenced(reader: Pick<NewestReader, 'get'>, values: Values): Slice | undefined {
    const row: SqlValue[] = []
    for (const [i, { ordinal }] of this.referencedColumns.entries()) row[ordinal] = values[i]!
    if (this.#index === undefined) {
      const key = writeRowKey(this.referenced, row, this.#rowKey)
      return reader.get(key) === undefined ? undefined : key
    }
    const rowKey = reader.get(writeIndexPrefix(this.referenced, this.#index, row, this.#writer))
    return rowKey === undefined ? undefined : writeKeyOfRowKey(this.referenced, rowKey, this.#rowKey)
  }

  /** Whether there is an index that finds the rows referring to a key. */
  get isIndexed(): boolean {
    return this.#access.places.length > 0
  }

  /** Some of the rows that refer to these values of the referenced columns, from a key on. */
  findReferencing(reader: NewestReader, values: Values, after?: Uint8Array): FoundRows {
    const range = this.#rangeOf(values, after)
    if (range === undefined) return { rows: [], after: undefined }
    const cursor = reader.scan(range)
    const rows: ReferencingRow[] = []
    const { index } = this.#access
    for (let entries = 0; entries < entriesAtOnce; entries++) {
      if (!cursor.next()) return { rows, after: undefined }
      const found = index === undefined ? cursor.key : rowKeyOfEntry(index, cursor.key, cursor.value)
      const key = index === undefined ? cursor.key : writeKeyOfRowKey(this.referencing, found, this.#rowKey)
      const stored = index === undefined ? cursor.value : reader.get(key)
      if (stored === undefined) continue
      const row = this.referencing.reader.read(stored)
      if (this.refersTo(row, values)) rows.push({ key: copyOf(key), row })
    }
    return { rows, after: copyOf(cursor.key) }
  }

  /** Whether the row refers to these values of the referenced columns. */
  refersTo(row: Values, values: Values): boolean {
    for (const [i, { ordinal }] of this.columns.entries()) {
      const value = row[ordinal]!
      if (value === null) return false
      const referred = this.#comparisons[i]!.toReferenced(value)
      if (referred === undefined || this.referencedColumns[i]!.type.compare(referred, values[i]!) !== 0) return false
    }
    return true
  }

  #rangeOf(values: Values, after: Uint8Array | undefined): KeyRange | undefined {
    const { index, places } = this.#access
    const equal: SqlValue[] = []
    for (const place of places) {
      const value = this.#comparisons[place]!.toReferencing!(values[place]!)
      if (value === undefined) return undefined
      equal.push(value)
    }
    const range = places.length === 0 ? allRows(this.referencing) : boundedRange(this.referencing, index, { equal })
    if (after === undefined) return range
    return { start: sliceOf(Buffer.concat([after, nextByte])), end: range.end }
  }

  /** A value of the referenced column as ON UPDATE CASCADE puts it into the referencing one. */
  cascaded(place: number, value: SqlValue): SqlValue {
    const { type, modifier } = this.columns[place]!
    const { toReferencing } = this.#comparisons[place]!
    const given =
      toReferencing?.(value) ?? type.parseText(this.referencedColumns[place]!.type.formatText(value), modifier)
    return modifier < 0 ? given : type.coerce(given, modifier, false)
  }
}

const nextByte = new Uint8Array([0])

const pairs = new WeakMap<ForeignKeyDefinition, ForeignKey>()

function copyOf({ bytes, start, end }: Slice): Uint8Array {
  return bytes.slice(start, end)
}

export function constraintOf(table: Table, definition: ForeignKeyDefinition): DeferrableConstraint {
  return {
    id: `${table.id} foreign key ${definition.id}`,
    isDeferrable: definition.deferrable !== undefined,
    isInitiallyDeferred: definition.deferrable === 'deferred',
  }
}

/** The key or index of which the foreign key's columns are the most leading ones. */
function chooseAccess(
  table: Table,
  columns: readonly Column[],
  comparisons: readonly KeyComparison[],
): ReferencingAccess {
  let best: ReferencingAccess = { index: undefined, places: [] }
  const consider = (index: TableIndex | undefined, parts: readonly KeyPart[]): void => {
    const places: number[] = []
    for (const { column } of parts) {
      const place = columns.indexOf(column)
      if (place < 0 || comparisons[place]!.toReferencing === undefined) break
      places.push(place)
    }
    if (places.length > best.places.length) best = { index, places }
  }
  if (table.primaryKey !== undefined) consider(undefined, table.primaryKey)
  for (const index of table.indexes) if (index.predicate === undefined) consider(index, index.parts)
  return best
}

/** The foreign keys of a table. */
export function foreignKeysOf(catalog: Catalog, table: Table): readonly ForeignKey[] {
  if (table.foreignKeys.length === 0) return none
  return table.foreignKeys.map((definition) => {
    const referenced = definition.references === table.id ? table : findTable(catalog, definition.references)
    if (referenced !== undefined) return ForeignKey.between(table, referenced, definition)
    throw sqlError('internal', 'XX000', `the table that "${definition.name}" of "${table.name}" refers to is gone`)
  })
}

/** The foreign keys that refer to a table, its own among them; in the order in which they were made, table by table. */
export function foreignKeysTo(catalog: Catalog, table: Table): readonly ForeignKey[] {
  const { referencedBy } = table.definition
  if (referencedBy === undefined || referencedBy.length === 0) return none
  const named = [table, ...ancestorsOf(catalog, table)]
  return referencedBy.flatMap((id) => {
    const referencing = id === table.id ? table : findTable(catalog, id)
    if (referencing === undefined) return []
    return referencing.foreignKeys.flatMap((definition) => {
      const referenced = named.find((one) => one.id === definition.references)
      return (referenced && ForeignKey.between(referencing, referenced, definition).toPart(catalog, table)) ?? []
    })
  })
}

/** The index of a table that is a part of one of a table above it; undefined where that is not above it. */
function indexBelow(catalog: Catalog, table: Table, root: Table, index: number): number | undefined {
  if (table.id === root.id) return index
  if (table.definition.bound === undefined) return undefined
  const parent = parentOf(catalog, table)
  const above = indexBelow(catalog, parent, root, index)
  if (above === primaryIndex) return table.primaryKey === undefined ? undefined : primaryIndex
  return table.indexes.find((one) => one.parent?.table === parent.id && one.parent.index === above)?.id
}

const none: readonly ForeignKey[] = []

function findTable(catalog: Catalog, id: number): Table | undefined {
  const collection = catalog.collectionById(id)
  return collection === undefined ? undefined : Table.of(collection)
}
