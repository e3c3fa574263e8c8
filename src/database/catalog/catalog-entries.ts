/**
 * What the catalog's keys hold, and how they are written: `catalog.ts` has the table.
 *
 * Values are JSON. What an older format did not say is filled in when it is read.
 */
import { decodeUtf8 } from '../../base/bytes.ts'
import { PolylogError } from '../../base/errors.ts'
import { PersistentMap } from '../../base/persistent-map.ts'
import { type KeyRange, type Slice, sliceOf } from '../../base/slice.ts'
import { KeyReader } from '../../base/tuple-reader.ts'
import { KeyWriter, keyspaceRange } from '../../base/tuple.ts'
import { type AccessList, encodeAccess } from '../access/access-list.ts'
import type {
  BesideWriters,
  Collection,
  CollectionModel,
  GlobalObject,
  Index,
  JsonObject,
  JsonValue,
  Namespace,
  NameSpace,
} from './catalog.ts'
import { findKind, type PartAddress, partText } from './objects.ts'

/** The catalog's own collection number. */
export const catalogKeyspace = 0
/** Numbers of the first collections; smaller ones are kept for the system's own. */
export const firstCollectionId = 16
/** Who owns what was made before there were owners, and what nobody in particular makes. */
const defaultOwner = 'polylog'
const defaultEngine = 'memory'

export const catalogIndex = {
  namespace: 1,
  collection: 2,
  field: 3,
  reply: 4,
  numbers: 5,
  lastCollectionId: 6,
  format: 7,
  comment: 8,
  global: 9,
  access: 10,
  /** See `prepared/prepared-entries.ts`. */
  prepared: 11,
  preparedPart: 12,
} as const

/** What a collection's key holds. Until format 3 there was a `model` and neither kind, owner, engine nor versions. */
export interface StoredCollection {
  readonly namespace: number
  readonly name: string
  /** Left out: `relation`. */
  readonly space?: NameSpace
  readonly model?: CollectionModel
  readonly kind?: string
  readonly version: number
  readonly besideWriters?: BesideWriters
  readonly owner?: string
  readonly ownerId?: number
  readonly engine?: string
  readonly definition: JsonObject
  readonly definitionVersion?: number
  readonly indexes: readonly Index[]
}

/** Of a collection none of whose fields is known yet. */
export const noFields: PersistentMap<string, ReadonlySet<string>> = PersistentMap.empty()

export function decodeNamespace(id: number, value: Slice): Namespace {
  const { name, owner, ownerId } = decodeJson(value) as { name: string; owner?: string; ownerId?: number }
  return { id, name, owner: owner ?? defaultOwner, ownerId }
}

export function decodeGlobal(id: number, value: Slice): GlobalObject {
  const { kind, name, owner, version, definition } = decodeJson(value) as unknown as GlobalObject
  if (typeof kind !== 'string' || typeof name !== 'string' || typeof definition !== 'object') {
    throw new PolylogError('data_corrupted', `the entry of object ${id} has no kind, name or definition`)
  }
  return { id, kind, name, owner, version, definition }
}

export function encodeGlobal({ kind, name, owner, version, definition }: GlobalObject): Slice {
  return encodeJson({ kind, name, owner, version, definition })
}

export function decodeCollection(
  id: number,
  value: Slice,
  namespaces: { get(id: number): Namespace | undefined },
): Collection {
  const stored = decodeJson(value) as unknown as StoredCollection
  const namespace = namespaces.get(stored.namespace)
  if (namespace === undefined) throw new PolylogError('data_corrupted', `collection ${id} is in no namespace`)
  const kind = stored.kind ?? olderKind(stored)
  if (typeof kind !== 'string') throw new PolylogError('data_corrupted', `collection ${id} has no kind`)
  const { name, space, version, besideWriters, definition, indexes } = stored
  const { owner = defaultOwner, ownerId, engine = defaultEngine, definitionVersion = 1 } = stored
  const own = {
    id,
    namespace,
    name,
    ...(space !== undefined && { space }),
    kind,
    model: modelOf(kind),
    version,
    ...(besideWriters !== undefined && { besideWriters }),
    owner,
    ownerId,
    engine,
  }
  return { ...own, definition, definitionVersion, indexes, fields: noFields }
}

/** Tables told theirs in the definition. */
function olderKind({ model, definition }: StoredCollection): unknown {
  return model === 'table' ? (definition['kind'] ?? model) : model
}

function modelOf(kind: string): CollectionModel {
  return findKind(kind)?.model ?? kind
}

export type NewCollectionState = Omit<
  Collection,
  'space' | 'model' | 'besideWriters' | 'owner' | 'ownerId' | 'engine' | 'definitionVersion' | 'fields'
> & {
  readonly engine?: string | undefined
}

/** The oldest version whose writers need not know of what has changed since. */
export function writableSince({ version, besideWriters }: Collection): number {
  return besideWriters?.version === version ? besideWriters.since : version
}

/** A collection that is about to be written for the first time. */
export function newCollection(given: NewCollectionState, owner: string): Collection {
  const { kind, engine = defaultEngine } = given
  const { version: definitionVersion = 1, space } = findKind(kind) ?? {}
  return {
    ...given,
    ...(space !== undefined && { space }),
    model: modelOf(kind),
    owner,
    engine,
    definitionVersion,
    fields: noFields,
  }
}

/** The keys of all collections. */
export function collectionEntries(): KeyRange {
  return keyspaceRange(catalogKeyspace, catalogIndex.collection)
}

/** What the key of a collection says of its engine; undefined of other keys of the catalog. */
export function engineOfEntry(key: Slice, value: Slice): { collection: number; engine: string } | undefined {
  const reader = new KeyReader(key)
  if (reader.orderedVarint() !== catalogKeyspace || reader.orderedVarint() !== catalogIndex.collection) return undefined
  const { engine = defaultEngine } = decodeJson(value) as unknown as StoredCollection
  return { collection: reader.integer(), engine }
}

export function encodeNamespace({ name, owner, ownerId }: Namespace): Slice {
  return encodeJson({ name, owner, ...(ownerId !== undefined && { ownerId }) })
}

export function encodeCollection(collection: Collection): Slice {
  const { namespace, name, space, kind, version, owner, ownerId, engine, definition } = collection
  const { besideWriters, definitionVersion, indexes } = collection
  return encodeJson({
    namespace: namespace.id,
    name,
    ...(space !== undefined && { space }),
    kind,
    version,
    ...(besideWriters !== undefined && { besideWriters: { ...besideWriters } }),
    owner,
    ...(ownerId !== undefined && { ownerId }),
    engine,
    definition,
    definitionVersion,
    indexes: indexes as unknown as readonly JsonValue[],
  })
}

export function textOf({ bytes, start, end }: Slice): string {
  return decodeUtf8(bytes, start, end)
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

export function globalKey(id: number): KeyWriter {
  return new KeyWriter(16).begin(catalogKeyspace, catalogIndex.global).int64(id)
}

export function collectionKey(id: number): KeyWriter {
  return new KeyWriter(16).begin(catalogKeyspace, catalogIndex.collection).int64(id)
}

/** Namespaces and collections: whoever looks a name up has read it, also where the name is not there. */
export const definitionsRange: KeyRange = {
  start: new KeyWriter(8).begin(catalogKeyspace, catalogIndex.namespace),
  end: new KeyWriter(8).begin(catalogKeyspace, catalogIndex.field),
}

/** Without a part: that of the whole. */
export function commentKey(id: number, part?: PartAddress): KeyWriter {
  return commentTextKey(id, part === undefined ? '' : partText(part))
}

export function commentTextKey(id: number, part: string): KeyWriter {
  return new KeyWriter(32).begin(catalogKeyspace, catalogIndex.comment).int64(id).string(part)
}

export function accessKey(id: number, part: string): KeyWriter {
  return new KeyWriter(32).begin(catalogKeyspace, catalogIndex.access).int64(id).string(part)
}

export function accessValue(list: AccessList): Slice {
  return encodeJson(encodeAccess(list))
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
