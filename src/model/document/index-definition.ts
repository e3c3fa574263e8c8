/** What an index of a document collection is, in the catalog and compiled. */
import { hasUnnoted, typeFields, type FieldTypes } from './fields.ts'
import type { Collection, Index, JsonObject, JsonValue } from '../../database/catalog/catalog.ts'
import { parsePath, type Path } from './path.ts'

export interface IndexField {
  readonly path: Path
  readonly descending: boolean
}

export interface DocumentIndex {
  readonly id: number
  readonly name: string
  readonly unique: boolean
  /** Documents that have none of the fields are not in it. */
  readonly sparse: boolean
  readonly fields: readonly IndexField[]
}

/** The JSON kept in the catalog: `{ fields: [[path, 1 | -1], …], sparse? }`. */
export function indexDefinition(fields: readonly (readonly [string, number])[], sparse: boolean): JsonObject {
  return { fields: fields.map(([path, order]) => [path, order]), sparse }
}

const compiled = new WeakMap<Index, DocumentIndex>()

export function compileIndex(index: Index): DocumentIndex {
  const known = compiled.get(index)
  if (known !== undefined) return known
  const made: DocumentIndex = {
    id: index.id,
    name: index.name,
    unique: index.unique,
    sparse: index.definition['sparse'] === true,
    fields: (index.definition['fields'] as readonly JsonValue[]).map((field) => {
      const [path, order] = field as [string, number]
      return { path: parsePath(path), descending: order < 0 }
    }),
  }
  compiled.set(index, made)
  return made
}

const byCollection = new WeakMap<Collection, readonly DocumentIndex[]>()

export function indexesOf(collection: Collection): readonly DocumentIndex[] {
  const known = byCollection.get(collection)
  if (known !== undefined) return known
  const made = collection.indexes.map(compileIndex)
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
