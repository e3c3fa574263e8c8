/** Comments, as `pg_description` and the functions `obj_description` and `col_description` show them. */
import type { Collection } from '../../../database/catalog/catalog.ts'
import {
  databaseId,
  type ObjectAddress,
  type Part,
  partsOf,
  partText,
  type PartAddress,
} from '../../../database/catalog/objects.ts'
import { columnPart, triggerPart } from '../../../model/table/table-kind.ts'
import { isType } from '../../../model/table/type-kinds.ts'
import type { Relation } from '../../../query/relation.ts'
import type { SqlValue } from '../contract.ts'
import type { SqlRun } from '../plan/run.ts'
import { allRoutines } from '../routine/routines.ts'
import { oid } from '../types/oids.ts'
import {
  collectionByOid,
  collectionOid,
  constraintOid,
  indexByOid,
  indexOid,
  namespaceOid,
  policyOid,
  triggerByOid,
  triggerOid,
} from './identity.ts'
import { catalogOf } from './collection-catalog.ts'
import { isExtension, madeExtensions } from '../extension/extension-kind.ts'
import { routineByNumber } from './function-numbers.ts'
import { memoryRelation } from './memory-relation.ts'
import { databaseOids } from './pg-objects.ts'
import { collections, typeCollections } from './stored-tables.ts'
import { systemViewOid } from './system-view-names.ts'

function classOid(name: string): number {
  return systemViewOid('pg_catalog', name)!
}

/** `objoid`, `classoid`, `objsubid`; undefined of a part that PostgreSQL has no comments on. */
function placeOf(collection: Collection, part: PartAddress | undefined): [number, number, number] | undefined {
  const relation = collectionOid(collection)
  if (part === undefined) {
    return [relation, classOid(catalogOf(collection)), 0]
  }
  const { kind, key } = part
  if (kind === 'column') return [relation, classOid('pg_class'), Number(key)]
  if (kind === 'index') return [indexOid(collection, Number(key)), classOid('pg_class'), 0]
  if (kind === 'trigger') return [triggerOid(collection, Number(key)), classOid('pg_trigger'), 0]
  if (kind === 'policy') return [policyOid(collection, Number(key)), classOid('pg_policy'), 0]
  if (kind === 'constraint') return [constraintOid(collection, String(key)), classOid('pg_constraint'), 0]
  return undefined
}

function commented(run: SqlRun): Collection[] {
  const routines = [...allRoutines(run.transaction.catalog)].map(({ collection }) => collection)
  return [...collections(run), ...typeCollections(run), ...routines, ...madeExtensions(run.transaction.catalog)]
}

/** As PostgreSQL makes it. */
const ofPublic = 'standard public schema'

function* descriptions(run: SqlRun): Generator<readonly SqlValue[]> {
  const { catalog } = run.transaction
  if (!catalog.namespaces.has('public')) yield [2200, classOid('pg_namespace'), 0, ofPublic]
  for (const namespace of catalog.namespaces.values()) {
    const comment = catalog.commentOn(namespace) ?? (namespace.name === 'public' ? ofPublic : undefined)
    if (comment !== undefined) yield [namespaceOid(namespace), classOid('pg_namespace'), 0, comment]
  }
  for (const collection of commented(run)) {
    const comments = catalog.commentsOn(collection.id)
    if (comments.size === 0) continue
    for (const part of [undefined, ...partsOf(collection)]) {
      const comment = comments.get(part === undefined ? '' : partText(part))
      const place = comment === undefined ? undefined : placeOf(collection, part)
      if (place !== undefined) yield [...place, comment!]
    }
  }
}

export const pgDescription: Relation = memoryRelation(
  'pg_catalog',
  'pg_description',
  [
    ['objoid', oid.oid],
    ['classoid', oid.oid],
    ['objsubid', oid.int4],
    ['description', oid.text],
  ],
  descriptions,
)

/** Of the database that is asked; what another one says of itself is there. */
function* sharedDescriptions(run: SqlRun): Generator<readonly SqlValue[]> {
  const comment = run.transaction.catalog.commentOn({ id: databaseId })
  const number = databaseOids(run.context).get(run.context.database)
  if (comment !== undefined && number !== undefined) yield [number, classOid('pg_database'), comment]
}

export const pgSharedDescription: Relation = memoryRelation(
  'pg_catalog',
  'pg_shdescription',
  [
    ['objoid', oid.oid],
    ['classoid', oid.oid],
    ['description', oid.text],
  ],
  sharedDescriptions,
)

export function sharedObjectComment(run: SqlRun, object: number, catalog: string): string | null {
  if (catalog !== 'pg_database' || databaseOids(run.context).get(run.context.database) !== object) return null
  return run.transaction.catalog.commentOn({ id: databaseId }) ?? null
}

const allCatalogs = ['pg_class', 'pg_type', 'pg_proc', 'pg_namespace', 'pg_constraint', 'pg_policy', 'pg_trigger']

/** `catalog`: the name of the one that the object is in; left out, any. */
export function objectComment(run: SqlRun, object: number, catalog?: string): string | null {
  const tried = catalog === undefined ? allCatalogs : [catalog]
  for (const name of tried) {
    const address = addressIn(run, name, object)
    const comment = address === undefined ? undefined : run.transaction.catalog.commentOn(address)
    if (comment !== undefined) return comment
  }
  return null
}

function addressIn(run: SqlRun, catalogName: string, object: number): ObjectAddress | undefined {
  const { catalog } = run.transaction
  if (catalogName === 'pg_namespace') {
    return [...catalog.namespaces.values()].find((namespace) => namespaceOid(namespace) === object)
  }
  if (catalogName === 'pg_constraint') {
    return partAt(run, ({ kind, name }, owner) => kind === 'constraint' && constraintOid(owner, name) === object)
  }
  if (catalogName === 'pg_policy') {
    return partAt(run, ({ kind, key }, owner) => kind === 'policy' && policyOid(owner, Number(key)) === object)
  }
  if (catalogName === 'pg_trigger') {
    const place = triggerByOid(catalog, object)
    return place && { id: place.collection.id, part: triggerPart(place.id) }
  }
  if (catalogName === 'pg_proc') {
    const routine = routineByNumber(catalog, object)
    return routine && { id: routine.collection.id }
  }
  if (catalogName === 'pg_extension') {
    const extension = collectionByOid(catalog, object)
    return extension !== undefined && isExtension(extension) ? { id: extension.id } : undefined
  }
  if (catalogName === 'pg_type') {
    const type = collectionByOid(catalog, object)
    return type !== undefined && isType(type) ? { id: type.id } : undefined
  }
  if (catalogName !== 'pg_class') return undefined
  const collection = collectionByOid(catalog, object)
  if (collection !== undefined && catalogOf(collection) === 'pg_class') return { id: collection.id }
  const owner = indexByOid(catalog, object)?.collection
  const part =
    owner && partsOf(owner).find(({ kind, key }) => kind === 'index' && indexOid(owner, Number(key)) === object)
  return part === undefined ? undefined : { id: owner!.id, part }
}

function partAt(run: SqlRun, isIt: (part: Part, of: Collection) => boolean): ObjectAddress | undefined {
  for (const collection of commented(run)) {
    if (run.transaction.catalog.commentsOn(collection.id).size === 0) continue
    for (const part of partsOf(collection)) {
      if (isIt(part, collection)) return { id: collection.id, part }
    }
  }
  return undefined
}

export function columnComment(run: SqlRun, relation: number, column: number): string | null {
  const collection = collectionByOid(run.transaction.catalog, relation)
  if (collection === undefined || collection.model !== 'table') return null
  return run.transaction.catalog.commentOn({ id: collection.id, part: columnPart(column) }) ?? null
}
