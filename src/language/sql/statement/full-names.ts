/** Names in texts that definitions keep: in full, as the catalog of now has them, and looked for by nobody's search path. */
import { unlimited } from '../../../database/access/rights.ts'
import type { Catalog, Collection } from '../../../database/catalog/catalog.ts'
import { Table } from '../../../model/table/table.ts'
import { isType } from '../../../model/table/type-kinds.ts'
import { isTable } from '../../../model/table/table-kind.ts'
import { isView, viewDefinitionOf } from '../../../model/table/view-kind.ts'
import type { Relation } from '../../../query/relation.ts'
import { createBareBinder } from '../bind/bind.ts'
import type { Binder } from '../bind/binder.ts'
import { qualify, searchPathOf } from '../bind/objects.ts'
import { shownTypeName } from '../bind/made-types.ts'
import { typeTextsIn } from '../bind/type-texts.ts'
import { collectionByOid } from '../catalog/identity.ts'
import type { SqlContext } from '../contract.ts'
import { quoteIdentifier } from '../functions/text-functions.ts'
import type { ObjectNames } from '../query-text/query-text.ts'
import { oid } from '../types/oids.ts'

/** As somebody who may all: what its caller may not is asked for when it runs. */
export function binderOver(context: SqlContext, searchPath: readonly string[]): Binder {
  const values = { rights: { value: unlimited }, searchPath: { value: searchPath } }
  return createBareBinder(Object.create(context, values) as SqlContext)
}

/** As the catalog calls things, with their schemas. */
export function namesIn(catalog: Catalog, shown: (collection: Collection) => string = fullName): ObjectNames {
  const collectionOf = ({ collection, name }: Relation): Collection | undefined =>
    collection?.name === name ? catalog.collectionById(collection.id) : undefined
  return {
    relation: (relation) => {
      const collection = collectionOf(relation)
      if (collection !== undefined) return shown(collection)
      return `${quoteIdentifier(relation.schema)}.${quoteIdentifier(relation.name)}`
    },
    column: (relation, ordinal) => {
      const { name, number } = relation.columns[ordinal]!
      const collection = collectionOf(relation)
      return (collection && columnNamesOf(collection)?.get(number)) ?? name
    },
    object: (type, value) => {
      const collection = type === oid.regclass ? collectionByOid(catalog, value) : undefined
      return collection && shown(collection)
    },
    routine: (collection, name) => routineName(catalog, collection, name),
    types: typeTextsIn(catalog, shown),
  }
}

function routineName(catalog: Catalog, collection: Collection, name: string): string {
  const { namespace } = catalog.collectionById(collection.id) ?? collection
  return `${quoteIdentifier(namespace.name)}.${quoteIdentifier(name)}`
}

/** As the search path of the caller finds them. */
export function shownNames(context: SqlContext): ObjectNames {
  const names = namesIn(context.catalog, (collection) => shownName(context, collection))
  const path = searchPathOf(context)
  return {
    ...names,
    routine: (collection, name) =>
      path.includes(collection.namespace.name) ? quoteIdentifier(name) : routineName(context.catalog, collection, name),
  }
}

function shownName(context: SqlContext, collection: Collection): string {
  const { namespace, name } = collection
  return isType(collection) ? shownTypeName(context, collection) : qualify(context, namespace.name, name)
}

export function fullName({ namespace, name }: Collection): string {
  return `${quoteIdentifier(namespace.name)}.${quoteIdentifier(name)}`
}

const columnNames = new WeakMap<Collection, ReadonlyMap<number, string>>()

function columnNamesOf(collection: Collection): ReadonlyMap<number, string> | undefined {
  let names = columnNames.get(collection)
  if (names !== undefined) return names
  const columns = isTable(collection)
    ? Table.of(collection).columns
    : isView(collection)
      ? viewDefinitionOf(collection).columns
      : undefined
  if (columns === undefined) return undefined
  names = new Map(columns.map(({ number, name }) => [number, name]))
  columnNames.set(collection, names)
  return names
}
