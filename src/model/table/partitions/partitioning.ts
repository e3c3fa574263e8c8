/**
 * To which partition a row belongs.
 *
 * Made once per version of a partitioned table, which changes whenever a partition comes or goes: of a range table the
 * edges in their order, of a list table its values, of a hash table a place for each remainder of the greatest modulus.
 * A partition that was dropped is found out when it is asked for, and leaves the table as it is.
 */
import { PolylogError } from '../../../base/errors.ts'
import type { Catalog } from '../../../database/catalog/catalog.ts'
import type { Transaction } from '../../../database/contract.ts'
import { compileValue, type StoredExpression } from '../expressions.ts'
import type { Values } from '../keys.ts'
import { Table } from '../table.ts'
import { isTable } from '../table-kind.ts'
import { isTemporaryName } from '../temporary-names.ts'
import { getType } from '../types/registry.ts'
import type { SqlType } from '../types/type.ts'
import type { SqlValue } from '../types/value.ts'
import { type Bound, compareBounds, compareEdges, type Edge, readBound, valueName } from './bounds.ts'
import { hashKey } from './hash.ts'
import type { PartitionKeyDefinition } from './partition-definition.ts'

export interface Partition {
  readonly table: Table
  readonly bound: Bound
}

export class Partitioning {
  readonly parent: Table
  readonly types: readonly SqlType[]
  readonly strategy: 'list' | 'range' | 'hash'
  /** In PostgreSQL's order, the default one last. */
  readonly partitions: readonly Partition[]
  readonly defaultPartition: Partition | undefined
  readonly #byValue = new Map<string, Partition>()
  readonly #byRemainder: (Partition | undefined)[] = []
  readonly #keys: ((row: Values, transaction: Transaction) => SqlValue)[]
  /** In which all of them were last seen to be there. */
  #checkedCatalog: Catalog

  private constructor(catalog: Catalog, parent: Table) {
    const { strategy, keys } = parent.definition.partitioning!
    this.#checkedCatalog = catalog
    this.parent = parent
    this.strategy = strategy
    this.types = keyTypes(parent)
    this.#keys = keys.map((key) => keyReader(catalog, parent, key))
    const partitions = childTables(catalog, parent).flatMap((table): Partition[] => {
      const { bound } = table.definition
      return bound === undefined ? [] : [{ table, bound: readBound(this.types, bound) }]
    })
    this.partitions = partitions.sort((a, b) => compareBounds(this.types, a.bound, b.bound))
    this.defaultPartition = partitions.find(({ bound }) => bound.kind === 'default')
    const greatest = Math.max(0, ...partitions.map(({ bound }) => (bound.kind === 'hash' ? bound.modulus : 0)))
    for (const partition of partitions) this.#enter(partition, greatest)
  }

  static of(catalog: Catalog, parent: Table): Partitioning {
    const known = made.get(parent)
    if (known?.isCurrent(catalog) === true) return known
    const fresh = new Partitioning(catalog, parent)
    made.set(parent, fresh)
    return fresh
  }

  isCurrent(catalog: Catalog): boolean {
    if (catalog === this.#checkedCatalog) return true
    const isThere = ({ table: { collection } }: Partition): boolean =>
      catalog.collectionById(collection.id) === collection
    if (!this.partitions.every(isThere)) return false
    this.#checkedCatalog = catalog
    return true
  }

  #enter(partition: Partition, greatest: number): void {
    const { bound } = partition
    if (bound.kind === 'list') {
      for (const value of bound.values) this.#byValue.set(valueName(this.types[0]!, value), partition)
    }
    if (bound.kind !== 'hash') return
    for (let at = bound.remainder; at < greatest; at += bound.modulus) this.#byRemainder[at] = partition
  }

  keyOf(transaction: Transaction, row: Values): SqlValue[] {
    return this.#keys.map((read) => read(row, transaction))
  }

  find(key: readonly SqlValue[]): Partition | undefined {
    if (this.strategy === 'list') return this.#byValue.get(valueName(this.types[0]!, key[0]!)) ?? this.defaultPartition
    if (this.strategy === 'hash') {
      const { length } = this.#byRemainder
      return length === 0 ? undefined : this.#byRemainder[Number(hashKey(this.types, key) % BigInt(length))]
    }
    return key.includes(null) ? this.defaultPartition : (this.#findRange(key) ?? this.defaultPartition)
  }

  /** The last one that does not begin above the key, where it ends above it. */
  #findRange(key: Edge): Partition | undefined {
    const { partitions, types } = this
    let low = 0
    let high = partitions.length - (this.defaultPartition === undefined ? 0 : 1)
    while (low < high) {
      const middle = (low + high) >> 1
      const { bound } = partitions[middle]!
      if (bound.kind === 'range' && compareEdges(types, bound.from, key) <= 0) low = middle + 1
      else high = middle
    }
    const found = partitions[low - 1]
    return found?.bound.kind === 'range' && compareEdges(types, key, found.bound.to) < 0 ? found : undefined
  }
}

/** Of a partitioned table's keys. */
export function keyTypes(parent: Table): SqlType[] {
  return parent.definition.partitioning!.keys.map(({ column, type }) => {
    return column === undefined ? getType(type) : parent.columnByNumber(column).type
  })
}

const made = new WeakMap<Table, Partitioning>()

function keyReader(
  catalog: Catalog,
  table: Table,
  key: PartitionKeyDefinition,
): (row: Values, transaction: Transaction) => SqlValue {
  if (key.column !== undefined) {
    const { ordinal } = table.columnByNumber(key.column)
    return (row) => row[ordinal]!
  }
  let compiled: StoredExpression | undefined
  return (row, transaction) => {
    compiled ??= compileValue(catalog, table, key.expression!)
    return compiled.evaluate(row, transaction)
  }
}

/** The tables that inherit from this one directly, in the order in which they came. */
export function childTables(catalog: Catalog, parent: Table): Table[] {
  const { children = [], detaching } = parent.definition
  return children.flatMap((id) => {
    if (id === detaching) return []
    const collection = catalog.collectionById(id)
    if (collection === undefined || !isTable(collection)) return []
    const table = Table.of(collection)
    return table.definition.inherits?.includes(parent.id) === true ? [table] : []
  })
}

/** The same, as PostgreSQL goes through them: partitions by their bounds. */
export function orderedChildren(catalog: Catalog, parent: Table): Table[] {
  if (parent.definition.partitioning === undefined) return childTables(catalog, parent)
  return Partitioning.of(catalog, parent).partitions.map(({ table }) => table)
}

/** The table and all that inherit from it, each once. */
export function familyOf(catalog: Catalog, root: Table): Table[] {
  return gathered(catalog, root, () => true)
}

/** Without the temporary ones of other sessions; `own`: the schema of the caller's. */
export function familyFor(own: string | undefined, catalog: Catalog, root: Table): Table[] {
  return gathered(catalog, root, ({ schema }) => schema === own || !isTemporaryName(schema))
}

function gathered(catalog: Catalog, root: Table, counts: (child: Table) => boolean): Table[] {
  const family = new Map([[root.id, root]])
  const visit = (table: Table): void => {
    for (const child of orderedChildren(catalog, table)) {
      if (family.has(child.id) || !counts(child)) continue
      family.set(child.id, child)
      visit(child)
    }
  }
  visit(root)
  return [...family.values()]
}

/** The partitioned tables that a partition is below, the nearest first. */
export function ancestorsOf(catalog: Catalog, table: Table): Table[] {
  const ancestors: Table[] = []
  for (let at = table; at.definition.bound !== undefined;) ancestors.push((at = parentOf(catalog, at)))
  return ancestors
}

/** The partition that is being detached from this table, as long as it is there. */
export function detachingFrom(catalog: Catalog, { definition, id }: Table): Table | undefined {
  const collection = definition.detaching === undefined ? undefined : catalog.collectionById(definition.detaching)
  const table = collection !== undefined && isTable(collection) ? Table.of(collection) : undefined
  return table?.definition.inherits?.includes(id) === true ? table : undefined
}

/** Whether the partition, or what it is a part of, is being detached. */
export function isDetaching(catalog: Catalog, partition: Table): boolean {
  for (let at = partition; at.definition.bound !== undefined;) {
    const collection = catalog.collectionById(at.definition.inherits![0]!)
    if (collection === undefined) return false
    const above = Table.of(collection)
    if (above.definition.detaching === at.id) return true
    at = above
  }
  return false
}

/** The partitioned table that the partition is of. */
export function parentOf(catalog: Catalog, { definition, name }: Table): Table {
  const collection = catalog.collectionById(definition.inherits![0]!)
  if (collection === undefined) throw new PolylogError('internal', `the table that "${name}" is a partition of is gone`)
  return Table.of(collection)
}
