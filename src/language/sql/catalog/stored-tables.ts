/** What is stored, as the system views walk over it: collections, tables, and their keys as indexes. */
import type { Collection } from '../../../database/catalog/catalog.ts'
import { isTable } from '../../../model/table/table-kind.ts'
import { type IndexColumn, type IndexDefinition, indexDefinitionOf } from '../../../model/table/definition.ts'
import { shownKeyExpression } from '../../../model/table/partitions/partition-definition.ts'
import { type KeyPart, Table } from '../../../model/table/table.ts'
import type { SqlRun } from '../plan/run.ts'
import { quoteIdentifier } from '../functions/text-functions.ts'
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
  /** Of one of a partitioned table. */
  readonly isPart: boolean
  /** Of all but a primary key that rows lie under. */
  readonly definition?: IndexDefinition
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
            isPart: table.definition.primaryKey!.parent !== undefined,
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
      isConstraint,
      deferrable,
      parts,
      isPart: parent !== undefined,
      definition: indexDefinitionOf(index.index),
    }
  })
  return [...primary, ...others]
}

/** The indexes of partitions are told by themselves. */
function onlyOf({ definition }: Table): string {
  return definition.partitioning === undefined ? '' : 'ONLY '
}

/** pg_get_indexdef. */
export function describeIndex(index: ShownIndex): string {
  const { table, parts, isUnique, definition } = index
  const { method = 'btree', include = [], where } = definition ?? {}
  const columns = parts.map((part, i) => describePart(part, definition?.columns[i])).join(', ')
  const included = include.map((number) => quoteIdentifier(table.columnByNumber(number).name)).join(', ')
  const more = `${included === '' ? '' : ` INCLUDE (${included})`}${where === undefined ? '' : ` WHERE ${inParentheses(where.text)}`}`
  return `CREATE ${isUnique ? 'UNIQUE ' : ''}INDEX ${quoteIdentifier(index.name)} ON ${onlyOf(table)}${quoteIdentifier(table.schema)}.${quoteIdentifier(table.name)} USING ${method} (${columns})${more}`
}

function inParentheses(text: string): string {
  return text.startsWith('(') ? text : `(${text})`
}

export function describePart({ column, isDescending, nullsFirst }: KeyPart, definition?: IndexColumn): string {
  const { collation, operatorClass } = definition ?? {}
  const name = column.number === 0 ? shownKeyExpression(column.name) : quoteIdentifier(column.name)
  const named = `${collation === undefined ? '' : ` COLLATE ${quoteIdentifier(collation)}`}${operatorClass === undefined ? '' : ` ${operatorClass}`}`
  const nulls = nullsFirst === isDescending ? '' : nullsFirst ? ' NULLS FIRST' : ' NULLS LAST'
  return `${name}${named}${isDescending ? ' DESC' : ''}${nulls}`
}
