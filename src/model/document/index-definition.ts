/** What an index of a document collection is, in the catalog and compiled. */
import { hasUnnoted, typeFields, type FieldTypes } from './fields.ts'
import type { Slice } from '../../base/slice.ts'
import type { BsonValue } from './bson.ts'
import { type Collation, storedCollation } from './collation.ts'
import {
  compileStoredFilter,
  type DocumentTest,
  optionsOf,
  storableDocument,
  storedDocument,
} from './collection-options.ts'
import type { Collection, Index, JsonObject, JsonValue } from '../../database/catalog/catalog.ts'
import type { GeoField } from './geo/geo-index.ts'
import { parsePath, type Path } from './path.ts'

export interface IndexField {
  readonly path: Path
  readonly descending: boolean
  /** Its elements are cells of geometries. */
  readonly geo?: GeoField | undefined
}

/** How a field is indexed: ascending, descending, or by another kind of key. */
export type IndexOrder = number | 'hashed' | GeoField

export interface DocumentIndex {
  readonly id: number
  readonly name: string
  readonly unique: boolean
  /** Documents that have none of the fields are not in it. */
  readonly sparse: boolean
  readonly fields: readonly IndexField[]
  /** Only documents that pass are in it. */
  readonly partial: PartialFilter | undefined
  /** Of the texts in its keys; undefined: by their bytes. */
  readonly collation: Collation | undefined
  /** Equality alone is looked up: values of arrays are refused. */
  readonly isHashed: boolean
  /** Which of its fields is. */
  readonly hashed: number | undefined
  /** Kept, and used by no query. */
  readonly hidden: boolean
  /** Seconds after the date of its one field at which a document goes. */
  readonly expireAfterSeconds: number | undefined
}

export interface PartialFilter {
  readonly filter: BsonValue
  readonly passes: DocumentTest
}

/**
 * The JSON kept in the catalog: `{ fields: [[path, 1 | -1], …], sparse?, partial?: BSON in base64, hashed?: which,
 * geo?: { <which>: { kind, … } }, collation? }`.
 */
export function indexDefinition(
  fields: readonly (readonly [string, IndexOrder])[],
  sparse: boolean,
  partial?: Slice,
  collation?: Collation,
): JsonObject {
  const hashed = fields.findIndex(([, order]) => order === 'hashed')
  const geo = fields.flatMap(([, order], i) => (typeof order === 'object' ? [[String(i), { ...order }] as const] : []))
  return {
    fields: fields.map(([path, order]) => [path, typeof order === 'number' ? order : 1]),
    sparse,
    ...(partial !== undefined && { partial: storableDocument(partial) }),
    ...(hashed >= 0 && { hashed }),
    ...(geo.length > 0 && { geo: Object.fromEntries(geo) }),
    ...(collation !== undefined && { collation: collation.stored() }),
  }
}

const compiled = new WeakMap<Index, DocumentIndex>()

export function compileIndex(index: Index): DocumentIndex {
  const known = compiled.get(index)
  if (known !== undefined) return known
  const geo = index.definition['geo'] as Readonly<Record<string, GeoField>> | undefined
  const made: DocumentIndex = {
    id: index.id,
    name: index.name,
    unique: index.unique,
    sparse: index.definition['sparse'] === true,
    fields: (index.definition['fields'] as readonly JsonValue[]).map((field, i) => {
      const [path, order] = field as [string, number]
      return { path: parsePath(path), descending: order < 0, ...(geo?.[String(i)] && { geo: geo[String(i)] }) }
    }),
    partial: partialOf(index.definition['partial'], storedCollation(index.definition['collation'])),
    collation: storedCollation(index.definition['collation']),
    isHashed: index.definition['hashed'] !== undefined,
    hashed: index.definition['hashed'] as number | undefined,
    hidden: false,
    expireAfterSeconds: undefined,
  }
  compiled.set(index, made)
  return made
}

function partialOf(stored: JsonValue | undefined, collation: Collation | undefined): PartialFilter | undefined {
  if (stored === undefined) return undefined
  const filter = storedDocument(stored)
  let passes: DocumentTest | undefined
  return { filter, passes: (document) => (passes ??= compileStoredFilter(filter, collation))(document) }
}

const byCollection = new WeakMap<Collection, readonly DocumentIndex[]>()

export function indexesOf(collection: Collection): readonly DocumentIndex[] {
  const known = byCollection.get(collection)
  if (known !== undefined) return known
  const options = optionsOf(collection)
  const made = collection.indexes.map((index): DocumentIndex => {
    return { ...compileIndex(index), ...options.index(index.id) }
  })
  byCollection.set(collection, made)
  return made
}

/**
 * Whether some document may have an array on the way to `path` or at its end, so that one document may have several
 * entries. The catalog knows the types of top-level fields; of what is nested in objects nothing is known.
 */
export function mayHoldArray(fields: FieldTypes, path: Path): boolean {
  if (hasUnnoted(fields)) return true
  const types = typeFields(fields, path.names[0]!)
  if (types.has('array')) return true
  return path.names.length > 1 && types.has('object')
}
