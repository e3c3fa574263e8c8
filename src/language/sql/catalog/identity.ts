/**
 * The OIDs that PostgreSQL's catalogs would show. Our collections and indexes have numbers of their own; these functions
 * put them into ranges that neither meet each other nor the built-in numbers below 16384.
 *
 * | range               | what                                             |
 * |---------------------|--------------------------------------------------|
 * | 11, 2200, 13000…    | pg_catalog, public, information_schema, polylog  |
 * | 12000…              | system views                                     |
 * | 16384 + n           | collection n, up to 2^26                         |
 * | 2^27 + n            | namespace n                                      |
 * | 2^28 + 64·n + c     | default of column c (cut to 6 bits) of table n   |
 * | 2^30 + 64·n + f     | foreign key f (cut to 6 bits) of table n         |
 * | 2^31 + 256·n + i    | index i of collection n; 0 is its primary key    |
 */
import type { Catalog, Collection, Namespace } from '../../../database/catalog.ts'
import { partsOf } from '../../../database/objects.ts'
import { isTable, tableDefinitionOf } from '../../../model/table/table-kind.ts'

export const systemNamespaces: ReadonlyMap<string, number> = new Map([
  ['pg_catalog', 11],
  ['information_schema', 13_000],
  ['polylog', 13_001],
])

const firstCollectionOid = 16_384
const firstNamespaceOid = 2 ** 27
const firstDefaultOid = 2 ** 28
const firstForeignKeyOid = 2 ** 30
const firstIndexOid = 2 ** 31

export function namespaceOid(namespace: Namespace): number {
  return namespace.name === 'public' ? 2200 : firstNamespaceOid + namespace.id
}

export function namespaceOidByName(catalog: Catalog, name: string): number | undefined {
  const system = systemNamespaces.get(name)
  if (system !== undefined) return system
  const namespace = catalog.namespaces.get(name)
  return namespace === undefined ? undefined : namespaceOid(namespace)
}

export function namespaceNameByOid(catalog: Catalog, oid: number): string | undefined {
  for (const [name, number] of systemNamespaces) if (number === oid) return name
  for (const namespace of catalog.namespaces.values()) if (namespaceOid(namespace) === oid) return namespace.name
  return undefined
}

export function collectionOid(collection: Collection): number {
  return firstCollectionOid + collection.id
}

export function collectionByOid(catalog: Catalog, oid: number): Collection | undefined {
  return oid >= firstCollectionOid && oid < firstNamespaceOid
    ? catalog.collectionById(oid - firstCollectionOid)
    : undefined
}

export function indexOid(collection: Collection, indexId: number): number {
  return firstIndexOid + collection.id * 256 + (indexId & 255)
}

export function primaryKeyOid(collection: Collection): number {
  return indexOid(collection, 0)
}

export function indexByOid(catalog: Catalog, oid: number): { collection: Collection; indexId: number } | undefined {
  if (oid < firstIndexOid) return undefined
  const collection = catalog.collectionById(Math.floor((oid - firstIndexOid) / 256))
  return collection === undefined ? undefined : { collection, indexId: (oid - firstIndexOid) % 256 }
}

/** Keys have that of their index; checks a number beside those of the defaults. */
export function constraintOid(collection: Collection, name: string): number {
  if (isTable(collection)) {
    const check = tableDefinitionOf(collection).checks.findIndex((one) => one.name === name)
    if (check >= 0) return defaultOid(collection, 32 + check)
    const foreignKey = tableDefinitionOf(collection).foreignKeys?.find((one) => one.name === name)
    if (foreignKey !== undefined) return foreignKeyOid(collection, foreignKey.id)
  }
  const index = partsOf(collection).find((part) => part.kind === 'index' && part.name === name)
  return index === undefined ? 0 : indexOid(collection, Number(index.key))
}

export function defaultOid(collection: Collection, column: number): number {
  return firstDefaultOid + collection.id * 64 + (column & 63)
}

export function foreignKeyOid(collection: Collection, id: number): number {
  return firstForeignKeyOid + collection.id * 64 + (id & 63)
}
