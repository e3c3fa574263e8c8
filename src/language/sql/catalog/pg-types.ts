/** Types that lie in the catalog, and the rows of tables, as pg_type shows them; pg_enum. */
import type { Collection } from '../../../database/catalog/catalog.ts'
import { isTable } from '../../../model/table/table-kind.ts'
import { isType, typeOfCollection } from '../../../model/table/type-kinds.ts'
import { findType, getType } from '../../../model/table/types/registry.ts'
import type { SqlType } from '../../../model/table/types/type.ts'
import {
  numberOfArray,
  numberOfType,
  type TypeContent,
  type TypeField,
} from '../../../model/table/types/user/content.ts'
import type { Relation } from '../../../query/relation.ts'
import type { SqlValue } from '../contract.ts'
import { accessTexts, ownerPrivileges } from './access-text.ts'
import type { SqlRun } from '../plan/run.ts'
import { oid } from '../types/oids.ts'
import { collectionOid, defaultOid, namespaceOid } from './identity.ts'
import { memoryRelation } from './memory-relation.ts'
import { ownerOid } from './roles.ts'
import { allObjects, objectBy, type StoredObjects } from './stored-objects.ts'

type Values = readonly SqlValue[]

/** What pg_type says of one type. */
export interface TypeRow {
  readonly type: SqlType
  readonly oid: number
  readonly namespace: number
  readonly owner: number
  readonly kind: 'b' | 'c' | 'd' | 'e' | 'p' | 'r' | 'm'
  readonly category: string
  readonly relation?: number
  readonly element?: number
  readonly array?: number
  readonly notNull?: boolean
  readonly base?: number
  readonly modifier?: number
  readonly default?: string | undefined
  readonly access?: readonly string[] | null
}

/** Of fixed length, compressible in place, or anywhere. */
export function storageOf(type: number, length: number): string {
  if (length > 0 || type === oid.int2vector || type === oid.oidvector) return 'p'
  return type === oid.numeric ? 'm' : 'x'
}

/** The default one of a type that has any. */
export function collationOf(type: number): number {
  const found = findType(type)
  if (found?.oid === oid.name || found?.oid === oid.char) return found.oid === oid.name ? 950 : 0
  return found?.category === 'S' || found?.element?.category === 'S' ? 100 : 0
}

export function typeRow(row: TypeRow): Values {
  const { type } = row
  const byValue = type.lengthBytes > 0 && type.lengthBytes <= 8
  return [
    row.oid,
    type.name,
    row.namespace,
    row.owner,
    type.lengthBytes,
    byValue,
    row.kind,
    row.category,
    type.isPreferred === true,
    true,
    type.arrayDelimiter ?? ',',
    row.relation ?? 0,
    0,
    row.element ?? 0,
    row.array ?? 0,
    0,
    0,
    0,
    0,
    0,
    0,
    0,
    'i',
    storageOf(type.base?.oid ?? type.oid, type.lengthBytes),
    row.notNull === true,
    row.base ?? 0,
    row.modifier ?? -1,
    0,
    collationOf(type.oid),
    row.default ?? null,
    row.default ?? null,
    row.access ?? null,
  ]
}

/** Of one that CREATE TYPE … AS has made: with those that were dropped. */
export function compositeFields(collection: Collection): readonly TypeField[] {
  const { content } = typeOfCollection(collection).made!
  return content.kind === 'composite' ? content.fields : []
}

function* madeCollections({ relations, types }: StoredObjects): Generator<Collection> {
  yield* types()
  for (const collection of relations()) if (isTable(collection)) yield collection
}

export function* madeTypes(run: SqlRun, objects: StoredObjects): Generator<Values> {
  for (const collection of madeCollections(objects)) {
    const type = typeOfCollection(collection)
    const common = { namespace: namespaceOid(collection.namespace), owner: ownerOid(run, collection) }
    const [own, array] = [numberOfType(collection.id), numberOfArray(collection.id)]
    const access = isType(collection) ? accessTexts(run, collection, '', ownerPrivileges.type) : null
    yield typeRow({ ...common, ...describe(collection, type.made!.content, type), type, oid: own, array, access })
    yield typeRow({ ...common, type: getType(type.arrayOid), oid: array, kind: 'b', category: 'A', element: own })
  }
}

function describe(
  collection: Collection,
  content: TypeContent,
  { category }: SqlType,
): Pick<TypeRow, 'kind' | 'category' | 'relation' | 'notNull' | 'base' | 'modifier' | 'default'> {
  switch (content.kind) {
    case 'enum':
      return { kind: 'e', category }
    case 'domain': {
      const { base, modifier, notNull = false, default: value } = content
      return { kind: 'd', category, base, modifier, notNull, default: value }
    }
    default:
      return { kind: 'c', category, relation: collectionOid(collection) }
  }
}

function* enumRows(run: SqlRun, objects: StoredObjects = allObjects(run)): Generator<Values> {
  for (const collection of objects.types()) {
    if (collection.kind !== 'enum') continue
    const { content } = typeOfCollection(collection).made!
    if (content.kind !== 'enum') continue
    for (const { number, order, label } of content.members) {
      yield [defaultOid(collection, number), numberOfType(collection.id), order, label]
    }
  }
}

export const pgEnum: Relation = memoryRelation(
  'pg_catalog',
  'pg_enum',
  [
    ['oid', oid.oid],
    ['enumtypid', oid.oid],
    ['enumsortorder', oid.float4],
    ['enumlabel', oid.name],
  ],
  enumRows,
  { enumtypid: objectBy.type },
)
