/**
 * The catalog's value and its keys (`catalog.ts` has the table).
 *
 * `applied` makes a new state from an old one and one changed key, and is the only way in which a catalog changes: when a
 * transaction writes it, when it commits, at recovery and on a follower.
 */
import { PolylogError } from '../base/errors.ts'
import { sliceOf, type KeyRange, type Slice } from '../base/slice.ts'
import { KeyReader } from '../base/tuple-reader.ts'
import { KeyWriter } from '../base/tuple.ts'
import { decodeUtf8 } from '../base/bytes.ts'
import type { Catalog, Collection, CollectionModel, Index, JsonObject, Namespace } from './catalog.ts'

/** The catalog's own collection number. */
export const catalogKeyspace = 0
/** Numbers of the first collections; smaller ones are kept for the system's own. */
export const firstCollectionId = 16

export const catalogIndex = {
  namespace: 1,
  collection: 2,
  field: 3,
  reply: 4,
  numbers: 5,
  lastCollectionId: 6,
  format: 7,
} as const

export interface StoredCollection {
  readonly namespace: number
  readonly name: string
  readonly model: CollectionModel
  readonly version: number
  readonly definition: JsonObject
  readonly indexes: readonly Index[]
}

const noFields: ReadonlyMap<string, ReadonlySet<string>> = new Map()

/** Of this process: catalogs that open transactions have made, or that a refused commit took back, never share one. */
let lastVersion = 0

export class CatalogState implements Catalog {
  readonly version: number
  readonly namespaces: ReadonlyMap<string, Namespace>
  readonly #namespacesById: ReadonlyMap<number, Namespace>
  readonly #collections: ReadonlyMap<number, Collection>
  readonly #byName: ReadonlyMap<string, ReadonlyMap<string, Collection>>

  private constructor(namespaces: Iterable<Namespace>, collections: ReadonlyMap<number, Collection>) {
    this.version = ++lastVersion
    const byName = new Map<string, Namespace>()
    const byId = new Map<number, Namespace>()
    for (const namespace of namespaces) {
      byName.set(namespace.name, namespace)
      byId.set(namespace.id, namespace)
    }
    this.namespaces = byName
    this.#namespacesById = byId
    this.#collections = collections
    this.#byName = groupByName(collections)
  }

  /** A method: the compiler (TypeScript 7.0) emits a broken alias for a static field that makes an instance. */
  static empty(): CatalogState {
    return new CatalogState([], new Map())
  }

  namespaceById(id: number): Namespace | undefined {
    return this.#namespacesById.get(id)
  }

  collectionById(id: number): Collection | undefined {
    return this.#collections.get(id)
  }

  findCollection(namespace: string, name: string): Collection | undefined {
    return this.#byName.get(namespace)?.get(name)
  }

  collectionsOf(namespace: string): readonly Collection[] {
    return [...(this.#byName.get(namespace)?.values() ?? [])].sort((a, b) => a.id - b.id)
  }

  /** The state after `key` (of the catalog's keyspace) was put, or deleted where `value` is undefined. */
  applied(key: Slice, value: Slice | undefined): CatalogState {
    const reader = new KeyReader(key)
    reader.orderedVarint()
    const index = reader.orderedVarint()
    if (index === catalogIndex.namespace) return this.#withNamespace(Number(reader.int64()), value)
    if (index === catalogIndex.collection) return this.#withCollection(Number(reader.int64()), value)
    if (index === catalogIndex.field) return this.#withField(reader, value !== undefined)
    return this
  }

  #withNamespace(id: number, value: Slice | undefined): CatalogState {
    const rest = [...this.#namespacesById.values()].filter((namespace) => namespace.id !== id)
    if (value !== undefined) rest.push({ id, name: (decodeJson(value) as { name: string }).name })
    return new CatalogState(rest, this.#collections)
  }

  #withCollection(id: number, value: Slice | undefined): CatalogState {
    const collections = new Map(this.#collections)
    if (value === undefined) collections.delete(id)
    else {
      const stored = decodeJson(value) as unknown as StoredCollection
      const namespace = this.#namespacesById.get(stored.namespace)
      if (namespace === undefined) throw new PolylogError('data_corrupted', `collection ${id} is in no namespace`)
      const fields = this.#collections.get(id)?.fields ?? noFields
      const { name, model, version, definition, indexes } = stored
      collections.set(id, { id, namespace, name, model, version, definition, indexes, fields })
    }
    return new CatalogState(this.#namespacesById.values(), collections)
  }

  #withField(reader: KeyReader, present: boolean): CatalogState {
    const collection = this.#collections.get(Number(reader.int64()))
    if (collection === undefined) return this
    const field = reader.string()
    const type = reader.string()
    if (collection.fields.get(field)?.has(type) === present) return this
    const types = new Set(collection.fields.get(field))
    if (present) types.add(type)
    else types.delete(type)
    const fields = new Map(collection.fields)
    if (types.size > 0) fields.set(field, types)
    else fields.delete(field)
    const collections = new Map(this.#collections)
    collections.set(collection.id, { ...collection, fields })
    return new CatalogState(this.#namespacesById.values(), collections)
  }
}

function groupByName(collections: ReadonlyMap<number, Collection>): Map<string, Map<string, Collection>> {
  const groups = new Map<string, Map<string, Collection>>()
  for (const collection of collections.values()) {
    let group = groups.get(collection.namespace.name)
    if (group === undefined) {
      group = new Map()
      groups.set(collection.namespace.name, group)
    }
    group.set(collection.name, collection)
  }
  return groups
}

export function encodeJson(value: JsonObject): Slice {
  return sliceOf(Buffer.from(JSON.stringify(value)))
}

/** Names arrive as own properties of plain data only: `__proto__` is a name like any other. */
export function decodeJson(value: Slice): JsonObject {
  try {
    return JSON.parse(decodeUtf8(value.bytes, value.start, value.end)) as JsonObject
  } catch (cause) {
    throw new PolylogError('data_corrupted', 'a catalog entry is not JSON', { cause })
  }
}

export function namespaceKey(id: number): KeyWriter {
  return new KeyWriter(16).begin(catalogKeyspace, catalogIndex.namespace).int64(id)
}

export function collectionKey(id: number): KeyWriter {
  return new KeyWriter(16).begin(catalogKeyspace, catalogIndex.collection).int64(id)
}

/** Namespaces and collections: whoever looks a name up has read it, also where the name is not there. */
export const definitionsRange: KeyRange = {
  start: new KeyWriter(8).begin(catalogKeyspace, catalogIndex.namespace),
  end: new KeyWriter(8).begin(catalogKeyspace, catalogIndex.field),
}

/** Without a type: the prefix of all types of the field; without a field, of all fields. */
export function fieldKey(collectionId: number, field?: string, type?: string): KeyWriter {
  const key = new KeyWriter(64).begin(catalogKeyspace, catalogIndex.field).int64(collectionId)
  if (field !== undefined) key.string(field)
  if (type !== undefined) key.string(type)
  return key
}

const replyKeyWriter = new KeyWriter()

/** Reused by the next call: each retryable write asks for it twice. */
export function replyKey(sessionKey: string): KeyWriter {
  return replyKeyWriter.begin(catalogKeyspace, catalogIndex.reply).string(sessionKey)
}

export function numbersKey(): KeyWriter {
  return new KeyWriter(8).begin(catalogKeyspace, catalogIndex.numbers)
}

export function formatKey(): KeyWriter {
  return new KeyWriter(8).begin(catalogKeyspace, catalogIndex.format)
}

export function lastCollectionIdKey(): KeyWriter {
  return new KeyWriter(8).begin(catalogKeyspace, catalogIndex.lastCollectionId)
}
