/** What is stored, as the system views walk over it: collections, tables, and their keys as indexes. */
import type { Collection } from '../../../database/catalog/catalog.ts'
import { isTable } from '../../../model/table/table-kind.ts'
import { type KeyPart, Table } from '../../../model/table/table.ts'
import type { SqlRun } from '../plan/run.ts'
import { indexOid, primaryKeyOid } from './identity.ts'

export function* collections(run: SqlRun): Generator<Collection> {
  const { catalog } = run.transaction
  for (const namespace of catalog.namespaces.keys()) yield* catalog.collectionsOf(namespace)
}

export function* tables(run: SqlRun): Generator<Table> {
  for (const collection of collections(run)) if (isTable(collection)) yield Table.of(collection)
}

/** A key of a table that PostgreSQL would show as an index. */
export interface ShownIndex {
  readonly table: Table
  readonly oid: number
  readonly name: string
  readonly isUnique: boolean
  readonly isPrimary: boolean
  readonly isConstraint: boolean
  readonly deferrable: 'immediate' | 'deferred' | undefined
  readonly parts: readonly KeyPart[]
}

export function indexesOfTable(table: Table): ShownIndex[] {
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
            isConstraint: true,
            deferrable: undefined,
            parts: table.primaryKey,
          },
        ]
  const others = table.indexes.map((index): ShownIndex => {
    const { name: indexName, isUnique, isPrimary, isConstraint, deferrable, parts } = index
    return {
      table,
      oid: indexOid(table.collection, index.id),
      name: indexName,
      isUnique,
      isPrimary,
      isConstraint,
      deferrable,
      parts,
    }
  })
  return [...primary, ...others]
}

/** pg_get_indexdef. */
export function describeIndex(index: ShownIndex): string {
  const { table, parts, isUnique } = index
  const columns = parts.map(describePart).join(', ')
  return `CREATE ${isUnique ? 'UNIQUE ' : ''}INDEX ${index.name} ON ${table.schema}.${table.name} USING btree (${columns})`
}

export function describePart({ column, isDescending, nullsFirst }: KeyPart): string {
  const nulls = nullsFirst === isDescending ? '' : nullsFirst ? ' NULLS FIRST' : ' NULLS LAST'
  return `${column.name}${isDescending ? ' DESC' : ''}${nulls}`
}
