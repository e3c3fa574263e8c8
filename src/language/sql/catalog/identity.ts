/**
 * The OIDs that PostgreSQL's catalogs would show. Our collections and indexes have numbers of their own; these functions
 * put them into ranges that neither meet each other nor the built-in numbers below 16384.
 *
 * | range                    | what                                             |
 * |--------------------------|--------------------------------------------------|
 * | 11, 2200, 13000…         | pg_catalog, public, information_schema, polylog  |
 * | 12000…                   | system views                                     |
 * | 16384 + n                | collection n, up to 2^26                         |
 * | 2^26 + 64·n + t          | trigger t of table n                             |
 * | 2^26 + 2^25 + n          | the rule _RETURN of view n                       |
 * | 2^27 + n                 | namespace n                                      |
 * | 2^28 + 64·n + c          | default of column c of table n; of checks 32 + their place |
 * | 2^28 + 2^27 + 2048·n + c | the same, c from 64 on                           |
 * | 2^29 + 64·n + p          | policy p of table n                              |
 * | 2^29 + 2^28 + 4096·n + p | the same, p from 64 on                           |
 * | 2^30 + 64·n + f          | foreign key f of table n                         |
 * | 2^30 + 2^29 + 4096·n + f | the same, f from 64 on                           |
 * | 2^31 + 256·n + i         | index i of collection n; 0 is its primary key    |
 * | 2^31 + 2^30 + 65536·n + i | the same, i from 256 on                         |
 *
 * A part's number is never given out again, so that a table whose indexes come and go gets large ones. Numbers meet only
 * in a database of millions of collections, or where a part's number is large in one that was made after thousands of others.
 */
import type { Catalog, Collection, Namespace } from '../../../database/catalog/catalog.ts'
import { partsOf } from '../../../database/catalog/objects.ts'
import { isTable, tableDefinitionOf } from '../../../model/table/table-kind.ts'

export const systemNamespaces: ReadonlyMap<string, number> = new Map([
  ['pg_catalog', 11],
  ['information_schema', 13_000],
  ['polylog', 13_001],
])

const firstCollectionOid = 16_384
const firstRuleOid = 2 ** 26 + 2 ** 25
const firstNamespaceOid = 2 ** 27

/** Of parts: `count` collections with `width` parts each. */
interface Region {
  readonly start: number
  readonly width: number
  readonly count: number
}

const defaultRegions: readonly Region[] = [
  { start: 2 ** 28, width: 64, count: 2 ** 21 },
  { start: 2 ** 28 + 2 ** 27, width: 2048, count: 2 ** 16 },
]
const foreignKeyRegions: readonly Region[] = [
  { start: 2 ** 30, width: 64, count: 2 ** 23 },
  { start: 2 ** 30 + 2 ** 29, width: 4096, count: 2 ** 17 },
]
const policyRegions: readonly Region[] = [
  { start: 2 ** 29, width: 64, count: 2 ** 22 },
  { start: 2 ** 29 + 2 ** 28, width: 4096, count: 2 ** 16 },
]
const triggerRegions: readonly Region[] = [{ start: 2 ** 26, width: 64, count: 2 ** 19 }]
const indexRegions: readonly Region[] = [
  { start: 2 ** 31, width: 256, count: 2 ** 22 },
  { start: 2 ** 31 + 2 ** 30, width: 65_536, count: 2 ** 14 },
]

function oidIn(regions: readonly Region[], collection: number, part: number): number {
  const fitting = regions.find(({ width, count }) => part < width && collection < count)
  const { start, width, count } = fitting ?? regions.at(-1)!
  return start + ((collection * width + part) % (width * count))
}

function placeIn(regions: readonly Region[], oid: number): { collection: number; part: number } | undefined {
  const region = regions.find(({ start, width, count }) => oid >= start && oid < start + width * count)
  if (region === undefined) return undefined
  const at = oid - region.start
  return { collection: Math.floor(at / region.width), part: at % region.width }
}

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

/** Of a collection, or of what lies in no namespace: numbers are given to all of them together. */
export function collectionOid({ id }: { readonly id: number }): number {
  return firstCollectionOid + id
}

export function collectionByOid(catalog: Catalog, oid: number): Collection | undefined {
  return oid >= firstCollectionOid && oid < firstNamespaceOid
    ? catalog.collectionById(oid - firstCollectionOid)
    : undefined
}

/** Of a view's query, as PostgreSQL keeps it. */
export function ruleOid(collection: Collection): number {
  return firstRuleOid + collection.id
}

export function indexOid(collection: Collection, indexId: number): number {
  return oidIn(indexRegions, collection.id, indexId)
}

export function primaryKeyOid(collection: Collection): number {
  return indexOid(collection, 0)
}

export function indexByOid(catalog: Catalog, oid: number): { collection: Collection; indexId: number } | undefined {
  const place = placeIn(indexRegions, oid)
  const collection = place && catalog.collectionById(place.collection)
  return collection && { collection, indexId: place.part }
}

/** Keys have that of their index; checks a number beside those of the defaults. */
export function constraintOid(collection: Collection, name: string): number {
  if (isTable(collection)) {
    const check = tableDefinitionOf(collection).checks.findIndex((one) => one.name === name)
    if (check >= 0) return defaultOid(collection, 32 + check)
    const named = tableDefinitionOf(collection).foreignKeys?.flatMap((one) => [one, ...(one.parts ?? [])])
    const foreignKey = named?.find((one) => one.name === name)
    if (foreignKey !== undefined) return foreignKeyOid(collection, foreignKey.id)
  }
  const index = partsOf(collection).find((part) => part.kind === 'index' && part.name === name)
  return index === undefined ? 0 : indexOid(collection, Number(index.key))
}

/** The collection whose constraint has this number. */
export function constraintOwner(catalog: Catalog, oid: number): Collection | undefined {
  const place = placeIn([...indexRegions, ...foreignKeyRegions, ...defaultRegions], oid)
  return place && catalog.collectionById(place.collection)
}

export function defaultOid(collection: Collection, column: number): number {
  return oidIn(defaultRegions, collection.id, column)
}

export function triggerOid(collection: Collection, id: number): number {
  return oidIn(triggerRegions, collection.id, id)
}

export function triggerByOid(catalog: Catalog, oid: number): { collection: Collection; id: number } | undefined {
  const place = placeIn(triggerRegions, oid)
  const collection = place && catalog.collectionById(place.collection)
  return collection && { collection, id: place.part }
}

export function foreignKeyOid(collection: Collection, id: number): number {
  return oidIn(foreignKeyRegions, collection.id, id)
}

/** Of a table or schema in a publication, by its place there. */
export function publicationMemberOid({ id }: { readonly id: number }, place: number): number {
  return oidIn(foreignKeyRegions, id, place)
}

export function policyOid(collection: Collection, id: number): number {
  return oidIn(policyRegions, collection.id, id)
}
