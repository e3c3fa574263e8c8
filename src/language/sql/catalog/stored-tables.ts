/** What is stored, as the system views walk over it: relations of all models, tables, and their keys as indexes. */
import type { Catalog, Collection } from '../../../database/catalog/catalog.ts'
import { isTable, primaryIndexKey } from '../../../model/table/table-kind.ts'
import { type IndexDefinition, indexDefinitionOf } from '../../../model/table/definition.ts'
import { type KeyPart, Table } from '../../../model/table/table.ts'
import { isType } from '../../../model/table/type-kinds.ts'
import type { SqlRun } from '../plan/run.ts'
import { primaryIndex } from '../../../base/tuple.ts'
import { indexOid, primaryKeyOid } from './identity.ts'

export function* collections(run: SqlRun): Generator<Collection> {
  const { catalog } = run.transaction
  for (const namespace of catalog.namespaces.keys()) yield* catalog.relationsOf(namespace)
}

/** What is a type and nothing else. */
export function* typeCollections({ transaction }: SqlRun): Generator<Collection> {
  for (const namespace of transaction.catalog.namespaces.values()) {
    for (const collection of transaction.catalog.othersOf(namespace.name).values()) {
      if (isType(collection)) yield collection
    }
  }
}

export function tables(run: SqlRun): Generator<Table> {
  return tablesAmong(collections(run))
}

export function* tablesAmong(all: Iterable<Collection>): Generator<Table> {
  for (const collection of all) if (isTable(collection)) yield Table.of(collection)
}

/** A key of a table that PostgreSQL would show as an index. */
export interface ShownIndex {
  readonly table: Table
  readonly oid: number
  readonly name: string
  readonly isUnique: boolean
  readonly isPrimary: boolean
  /** It was named by ALTER TABLE … REPLICA IDENTITY. */
  readonly isIdentity: boolean
  readonly isConstraint: boolean
  readonly deferrable: 'immediate' | 'deferred' | undefined
  readonly parts: readonly KeyPart[]
  /** Of one of a partitioned table. */
  readonly isPart: boolean
  /** Of a primary key that rows lie under: what it includes, if anything. */
  readonly definition?: IndexDefinition
}

function isIdentity({ definition: { replicaIdentity } }: Table, index: number): boolean {
  return typeof replicaIdentity === 'object' && replicaIdentity.index === index
}

export function indexesOfTable(table: Table): ShownIndex[] {
  const include = table.definition.primaryKey?.include
  const primary: ShownIndex[] =
    table.primaryKey === undefined
      ? []
      : [
          {
            table,
            oid: primaryKeyOid(table.collection),
            name: table.primaryKeyName!,
            isUnique: true,
            isPrimary: true,
            isIdentity: isIdentity(table, primaryIndexKey),
            isConstraint: true,
            deferrable: undefined,
            parts: table.primaryKey,
            isPart: table.definition.primaryKey!.parent !== undefined,
            ...(include && { definition: { columns: [], include } }),
          },
        ]
  const others = table.indexes.map((index): ShownIndex => {
    const { name: indexName, isUnique, isPrimary, isConstraint, deferrable, parts, parent } = index
    return {
      table,
      oid: indexOid(table.collection, index.id),
      name: indexName,
      isUnique,
      isPrimary,
      isIdentity: isIdentity(table, index.id),
      isConstraint,
      deferrable,
      parts,
      isPart: parent !== undefined,
      definition: indexDefinitionOf(index.index),
    }
  })
  return [...primary, ...others]
}

/** Of one of a partition: that of the partitioned table which it is a part of. */
export function parentIndexOid(catalog: Catalog, { table, isPrimary, definition }: ShownIndex): number | undefined {
  const { primaryKey } = table.definition
  if (definition === undefined) {
    const keyed = !isPrimary || primaryKey?.parent === undefined ? undefined : catalog.collectionById(primaryKey.parent)
    return keyed && primaryKeyOid(keyed)
  }
  const { parent } = definition
  const owner = parent && catalog.collectionById(parent.table)
  if (parent === undefined || owner === undefined) return undefined
  return parent.index === primaryIndex ? primaryKeyOid(owner) : indexOid(owner, parent.index)
}
