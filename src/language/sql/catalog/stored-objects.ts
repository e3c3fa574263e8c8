/**
 * What rows of the system views are made of: all that is stored, or the little that alone can have rows of a number or name
 * that is looked for, by the catalog's own maps. Of that a view makes its rows as ever, in the same order.
 */
import type { Catalog, Collection } from '../../../database/catalog/catalog.ts'
import { isType } from '../../../model/table/type-kinds.ts'
import { placeOfType } from '../../../model/table/types/user/content.ts'
import type { Relation } from '../../../query/relation.ts'
import type { SqlValue } from '../contract.ts'
import type { SqlRun } from '../plan/run.ts'
import { collectionByOid, constraintOwner, indexByOid, triggerByOid } from './identity.ts'
import type { LookUp } from './memory-relation.ts'
import { viewsOf } from './registered-views.ts'
import { collections, typeCollections } from './stored-tables.ts'
import { systemViewNameByOid } from './system-view-names.ts'

export interface StoredObjects {
  readonly relations: () => Iterable<Collection>
  /** What is a type and nothing else. */
  readonly types: () => Iterable<Collection>
  readonly systemViews: () => Iterable<Relation>
}

export function allObjects(run: SqlRun): StoredObjects {
  return {
    relations: () => collections(run),
    types: () => typeCollections(run),
    systemViews: () => viewsOf(run.context),
  }
}

/** In the order in which all of them come. */
function only(
  { namespaces }: Catalog,
  found: readonly (Collection | undefined)[],
  systemViews: readonly Relation[] = [],
): StoredObjects {
  const known = [...new Set(found.filter((one) => one !== undefined))].sort((a, b) => a.id - b.id)
  const inSchema = (schema: string): Collection[] => known.filter(({ namespace }) => namespace.name === schema)
  const all = known.length < 2 ? known : [...namespaces.keys()].flatMap(inSchema)
  return {
    relations: () => all.filter(({ space = 'relation' }) => space === 'relation'),
    types: () => all.filter(isType),
    systemViews: () => systemViews,
  }
}

type Finder = (run: SqlRun, value: SqlValue) => StoredObjects

function numbered(find: (run: SqlRun, number: number) => StoredObjects): Finder {
  return (run, value) => find(run, value as number)
}

/** For columns in which rows that have none of it have 0: many of them. */
function optional(find: Finder): Finder {
  return (run, value) => (value === 0 ? allObjects(run) : find(run, value))
}

/** A relation of any kind, or an index: that of its table. */
const relationNumbered = numbered((run, number) => {
  const { catalog } = run.transaction
  const named = systemViewNameByOid(number)
  if (named === undefined)
    return only(catalog, [collectionByOid(catalog, number), indexByOid(catalog, number)?.collection])
  const isIt = ({ schema, name }: Relation): boolean => schema === named.schema && name === named.name
  return only(catalog, [], viewsOf(run.context).filter(isIt))
})

const relationNamed: Finder = ({ transaction: { catalog }, context }, name) => {
  const found = [...catalog.namespaces.keys()].flatMap((schema) => collectionsNamed(catalog, schema, name as string))
  return only(
    catalog,
    found,
    viewsOf(context).filter((view) => view.name === name),
  )
}

function collectionsNamed(catalog: Catalog, schema: string, name: string): (Collection | undefined)[] {
  const own = [catalog.findCollection(schema, name), catalog.findCollection(schema, name, 'type')]
  return [...own, catalog.findOwnerOfPart(schema, name)]
}

/** One that a user made, or an array of it. */
const typeNumbered = numbered(({ transaction: { catalog } }, number) => {
  const place = placeOfType(number)
  return only(catalog, place === undefined ? [] : [catalog.collectionById(place.id)])
})

/** Arrays have the names of their elements behind a line. */
const typeNamed: Finder = (run, value) => {
  const name = value as string
  const names = [name, ...(name.startsWith('_') ? [name.slice(1)] : [])]
  return only(
    run.transaction.catalog,
    names.flatMap((one) => collectionsIn(relationNamed(run, one))),
  )
}

function collectionsIn({ relations, types }: StoredObjects): Collection[] {
  return [...relations(), ...types()]
}

/** A constraint, default or trigger: its table, or domain. */
const partNumbered = numbered(({ transaction: { catalog } }, number) => {
  return only(catalog, [constraintOwner(catalog, number), triggerByOid(catalog, number)?.collection])
})

/** Those that refer to a relation: by foreign keys, as its partitions, or as what inherits from it. */
const referringTo = numbered((run, number) => {
  const { catalog } = run.transaction
  const found = [...relationNumbered(run, number).relations()]
  return only(
    catalog,
    found.flatMap((one) => [one, ...catalog.referrersOf(one.id)]),
  )
})

/** How each kind of number or name is looked up. */
interface ObjectLookUps {
  readonly relation: LookUp<StoredObjects>
  readonly uniqueRelation: LookUp<StoredObjects>
  readonly name: LookUp<StoredObjects>
  /** Of a column that may have none, 0. */
  readonly relationIfAny: LookUp<StoredObjects>
  readonly type: LookUp<StoredObjects>
  readonly typeIfAny: LookUp<StoredObjects>
  readonly uniqueType: LookUp<StoredObjects>
  readonly typeName: LookUp<StoredObjects>
  readonly uniquePart: LookUp<StoredObjects>
  readonly referred: LookUp<StoredObjects>
  readonly referredIfAny: LookUp<StoredObjects>
}

export const objectBy: ObjectLookUps = {
  relation: { among: relationNumbered },
  uniqueRelation: { among: relationNumbered, isUnique: true },
  name: { among: relationNamed },
  relationIfAny: { among: optional(relationNumbered) },
  type: { among: typeNumbered },
  typeIfAny: { among: optional(typeNumbered) },
  uniqueType: { among: typeNumbered, isUnique: true },
  typeName: { among: typeNamed },
  uniquePart: { among: partNumbered, isUnique: true },
  referred: { among: referringTo },
  referredIfAny: { among: optional(referringTo) },
}
