/**
 * The catalog: which namespaces, collections and indexes a database has.
 *
 * It is ordinary keys in keyspace 0, written in the same records as data, so it has history and followers get it too.
 * A `Catalog` is an immutable value; a commit that changes it makes a new one. Statements bind at their snapshot's
 * catalog, plans are kept by the collections that they name. `objects.ts` tells what depends on what.
 *
 *   (0, 1, namespace id)                → JSON { name, owner }
 *   (0, 2, collection id)               → JSON { namespace, name, space, kind, version, owner, engine, definition,
 *                                                definitionVersion, indexes }
 *   (0, 3, collection id, field, type)  → empty: a field type that a document collection has held
 *   (0, 4, session key)                 → operation i64, reply: answered retryable writes
 *   (0, 5)                              → u64, numbers below it may have been given out
 *   (0, 6)                              → u64, the largest number of a namespace or collection so far
 *   (0, 7)                              → JSON, the format of all of this: `migrations/migrations.ts`
 *   (0, 8, id, part)                    → the comment on it, UTF-8; `part` is empty, or `column 3`
 *   (0, 9, id)                          → JSON { kind, name, owner, version, definition }: in no namespace, as a role
 *   (0, 10, id, part)                   → JSON: who may do what with it: `access/access-list.ts`
 */
import type { AccessList } from '../access/access-list.ts'
import type { ObjectAddress } from './objects.ts'

export type JsonValue = null | boolean | number | string | readonly JsonValue[] | JsonObject
export interface JsonObject {
  readonly [name: string]: JsonValue
}

/** A collection's home model (rule 7), such as `table`, `document`, `keyvalue`. */
export type CollectionModel = string

export interface Namespace {
  readonly id: number
  readonly name: string
  /** Who made it, as it was called then. */
  readonly owner: string
  /** Its owner's number, where that is a role. */
  readonly ownerId?: number | undefined
}

/**
 * Names are unique among those of a namespace and a space. Relations share one with their indexes; a function's name tells
 * what it takes, so that there may be several.
 */
export type NameSpace = 'relation' | 'function' | 'type' | 'operator'

/** Who writes by any version from `since` on does what is right in `version`, where that is the collection's. */
export interface BesideWriters {
  readonly since: number
  readonly version: number
}

export interface Collection {
  /** Also the number of its keyspace: the first element of its keys. Never reused. */
  readonly id: number
  readonly namespace: Namespace
  readonly name: string
  /** Left out: `relation`. As its kind says. */
  readonly space?: NameSpace
  /** What it is, by the name that its model has registered: `objects.ts`. */
  readonly kind: string
  readonly model: CollectionModel
  /** Grows with every change of the definition or the indexes, over the whole database. */
  readonly version: number
  readonly besideWriters?: BesideWriters
  readonly owner: string
  /** Its owner's number, where that is a role. */
  readonly ownerId?: number | undefined
  /** The store that holds its keys. */
  readonly engine: string
  /** The model's own: columns, constraints, options. `definitionOf` reads it. */
  readonly definition: JsonObject
  readonly definitionVersion: number
  readonly indexes: readonly Index[]
  /** Field types ever held by a document collection. */
  readonly fields: ReadonlyMap<string, ReadonlySet<string>>
}

export interface Index {
  /** The second element of its keys. 1 is the collection's rows, so indexes begin at 2... of the model's own choosing. */
  readonly id: number
  readonly name: string
  readonly unique: boolean
  readonly definition: JsonObject
}

/** What lies in no namespace: a role. Names are unique among those of a kind. */
export interface GlobalObject {
  /** No namespace, collection or other global object of the database has it. */
  readonly id: number
  readonly kind: string
  readonly name: string
  readonly owner: string
  /** Grows with every change, over the whole database. */
  readonly version: number
  /** Of its kind, whose code reads it. */
  readonly definition: JsonObject
}

export interface Catalog {
  /** No other catalog of this process has it; plans cached under it need no further look. */
  readonly version: number
  readonly namespaces: ReadonlyMap<string, Namespace>
  namespaceById(id: number): Namespace | undefined
  collectionById(id: number): Collection | undefined
  /** `space`: left out, among relations. */
  findCollection(namespace: string, name: string, space?: NameSpace): Collection | undefined
  /** Of all spaces of names, in order of creation. */
  collectionsOf(namespace: string): readonly Collection[]
  /** In order of creation. */
  relationsOf(namespace: string): readonly Collection[]
  /** What is no relation, by its space and name: `type mood`. The same map as long as none of them changes. */
  othersOf(namespace: string): ReadonlyMap<string, Collection>
  /** The collection one of whose parts has this name among those of the namespace: that of an index. */
  findOwnerOfPart(namespace: string, name: string): Collection | undefined
  /** The collections whose definitions refer to this one, or to a part of it. */
  referrersOf(id: number): readonly Collection[]
  findGlobal(kind: string, name: string): GlobalObject | undefined
  globalById(id: number): GlobalObject | undefined
  globals(): Iterable<GlobalObject>
  /** In order of names. */
  globalsOf(kind: string): readonly GlobalObject[]
  commentOn(address: ObjectAddress): string | undefined
  /** By part, as `partText` writes it; '' is the whole. */
  commentsOn(id: number): ReadonlyMap<string, string>
  /** By the number of an object, then by part as `partText` writes it; '' is the whole. The same until one of them changes. */
  readonly access: ReadonlyMap<number, ReadonlyMap<string, AccessList>>
}
