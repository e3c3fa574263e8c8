/**
 * The catalog's value. What its keys hold is in `catalog-entries.ts`.
 *
 * `applied` makes a new state from an old one and one changed key, and is the only way in which a catalog changes: when a
 * transaction writes it, when it commits, and on a follower. All its maps are persistent, so that this takes the logarithm
 * of the number of collections. `CatalogLoader` makes the same state from all keys in one go.
 *
 * Beside what is stored the state keeps what is found the other way round: names to collections, names of parts (indexes)
 * to the collections that they are in, and from a collection to those that refer to it.
 *
 * Invariant: what is loaded from the keys is what `applied` makes of the changes that led to them.
 */
import { PersistentMap } from '../../base/persistent-map.ts'
import type { Slice } from '../../base/slice.ts'
import { KeyReader } from '../../base/tuple-reader.ts'
import { type AccessList, decodeAccess } from '../access/access-list.ts'
import {
  catalogIndex,
  decodeCollection,
  decodeGlobal,
  decodeJson,
  decodeNamespace,
  noFields,
  textOf,
} from './catalog-entries.ts'
import type { Catalog, Collection, GlobalObject, Namespace, NameSpace } from './catalog.ts'
import { type ObjectAddress, partsOf, partText, referencesOf } from './objects.ts'

/** Entries of which the catalog is made; others are found by their key. */
const loaded: ReadonlySet<number> = new Set([
  catalogIndex.namespace,
  catalogIndex.collection,
  catalogIndex.field,
  catalogIndex.comment,
  catalogIndex.global,
  catalogIndex.access,
])

type Fields = PersistentMap<string, ReadonlySet<string>>
type Names<T> = PersistentMap<string, PersistentMap<string, T>>
type Comments = PersistentMap<string, string>
type PartLists = PersistentMap<string, AccessList>

interface CatalogMaps {
  readonly namespaces: PersistentMap<string, Namespace>
  readonly namespacesById: PersistentMap<number, Namespace>
  readonly collections: PersistentMap<number, Collection>
  /** Relations, by namespace and name. */
  readonly names: Names<Collection>
  /** What is none, by namespace, then by space and name. */
  readonly others: Names<Collection>
  /** Numbers of collections, by namespace and name of a part. */
  readonly partNames: Names<number>
  /** By what is referred to, then by who refers. */
  readonly referrers: PersistentMap<number, PersistentMap<number, true>>
  readonly comments: PersistentMap<number, Comments>
  readonly access: PersistentMap<number, PartLists>
  readonly globals: PersistentMap<number, GlobalObject>
  /** By kind and name. */
  readonly globalNames: Names<GlobalObject>
}

const noMaps: CatalogMaps = {
  namespaces: PersistentMap.empty(),
  namespacesById: PersistentMap.empty(),
  collections: PersistentMap.empty(),
  names: PersistentMap.empty(),
  others: PersistentMap.empty(),
  partNames: PersistentMap.empty(),
  referrers: PersistentMap.empty(),
  comments: PersistentMap.empty(),
  access: PersistentMap.empty(),
  globals: PersistentMap.empty(),
  globalNames: PersistentMap.empty(),
}

/** One key put, or deleted where there is no value. */
export interface CatalogChange {
  readonly key: Slice
  readonly value: Slice | undefined
}

const noComments: Comments = PersistentMap.empty()
const noOthers: PersistentMap<string, Collection> = PersistentMap.empty()

/** Of this process: catalogs that open transactions have made, or that a refused commit took back, never share one. */
let lastVersion = 0

/** Measured with 1,500 tables of four columns and a key: 3,620 each; of forty columns: 8,115. */
const bytesPerCollection = 4096

export class CatalogState implements Catalog {
  readonly version: number
  readonly #maps: CatalogMaps

  private constructor(maps: CatalogMaps) {
    this.version = ++lastVersion
    this.#maps = maps
  }

  /** A method: the compiler (TypeScript 7.0) emits a broken alias for a static field that makes an instance. */
  static empty(): CatalogState {
    return new CatalogState(noMaps)
  }

  static ofMaps(maps: CatalogMaps): CatalogState {
    return new CatalogState(maps)
  }

  get namespaces(): ReadonlyMap<string, Namespace> {
    return this.#maps.namespaces
  }

  namespaceById(id: number): Namespace | undefined {
    return this.#maps.namespacesById.get(id)
  }

  collectionById(id: number): Collection | undefined {
    return this.#maps.collections.get(id)
  }

  findCollection(namespace: string, name: string, space: NameSpace = 'relation'): Collection | undefined {
    if (space === 'relation') return this.#maps.names.get(namespace)?.get(name)
    return this.#maps.others.get(namespace)?.get(`${space} ${name}`)
  }

  /** What it takes beside what is stored. */
  get heapBytes(): number {
    return (this.#maps.collections.size + this.#maps.globals.size) * bytesPerCollection
  }

  collectionsOf(namespace: string): readonly Collection[] {
    const relations = this.#maps.names.get(namespace)?.values() ?? []
    return [...relations, ...this.othersOf(namespace).values()].sort((a, b) => a.id - b.id)
  }

  relationsOf(namespace: string): readonly Collection[] {
    return [...(this.#maps.names.get(namespace)?.values() ?? [])].sort((a, b) => a.id - b.id)
  }

  othersOf(namespace: string): ReadonlyMap<string, Collection> {
    return this.#maps.others.get(namespace) ?? noOthers
  }

  findOwnerOfPart(namespace: string, name: string): Collection | undefined {
    const id = this.#maps.partNames.get(namespace)?.get(name)
    return id === undefined ? undefined : this.#maps.collections.get(id)
  }

  referrersOf(id: number): readonly Collection[] {
    const ids = this.#maps.referrers.get(id)?.keys() ?? []
    return [...ids].map((each) => this.#maps.collections.get(each)!)
  }

  findGlobal(kind: string, name: string): GlobalObject | undefined {
    return this.#maps.globalNames.get(kind)?.get(name)
  }

  globalById(id: number): GlobalObject | undefined {
    return this.#maps.globals.get(id)
  }

  globals(): Iterable<GlobalObject> {
    return this.#maps.globals.values()
  }

  globalsOf(kind: string): readonly GlobalObject[] {
    return [...(this.#maps.globalNames.get(kind)?.values() ?? [])].sort((a, b) => (a.name < b.name ? -1 : 1))
  }

  commentOn({ id, part }: ObjectAddress): string | undefined {
    return this.#maps.comments.get(id)?.get(part === undefined ? '' : partText(part))
  }

  commentsOn(id: number): ReadonlyMap<string, string> {
    return this.#maps.comments.get(id) ?? noComments
  }

  get access(): PersistentMap<number, PartLists> {
    return this.#maps.access
  }

  /** Of all maps, for those who count what two catalogs share. */
  nodes(): Set<object> {
    const maps = Object.values(this.#maps) as PersistentMap<string | number, unknown>[]
    const inner = maps.flatMap((map) => [...map.values()]).filter((value) => value instanceof PersistentMap)
    return new Set([...maps, ...inner].flatMap((map) => [...map.nodes()]))
  }

  /** The state after `key` (of the catalog's keyspace) was put, or deleted where `value` is undefined. */
  applied(key: Slice, value: Slice | undefined): CatalogState {
    const reader = new KeyReader(key)
    reader.orderedVarint()
    const index = reader.orderedVarint()
    if (index === catalogIndex.namespace) return this.#withNamespace(reader.integer(), value)
    if (index === catalogIndex.collection) return this.#withCollection(reader.integer(), value)
    if (index === catalogIndex.field) return this.#withField(reader, value !== undefined)
    if (index === catalogIndex.comment) return this.#withComment(reader, value)
    if (index === catalogIndex.global) return this.#withGlobal(reader.integer(), value)
    if (index === catalogIndex.access) return this.#withAccess(reader, value)
    return this
  }

  #withNamespace(id: number, value: Slice | undefined): CatalogState {
    let { namespaces, namespacesById } = this.#maps
    const before = namespacesById.get(id)
    if (before !== undefined) namespaces = namespaces.without(before.name)
    const after = value === undefined ? undefined : decodeNamespace(id, value)
    if (after !== undefined) namespaces = namespaces.with(after.name, after)
    namespacesById = after === undefined ? namespacesById.without(id) : namespacesById.with(id, after)
    let maps: CatalogMaps = { ...this.#maps, namespaces, namespacesById }
    // What is in it knows it as it is now.
    for (const one of before === undefined || after === undefined ? [] : this.collectionsOf(before.name)) {
      maps = withSameParts(maps, { ...one, namespace: after! })
    }
    return new CatalogState(maps)
  }

  #withCollection(id: number, value: Slice | undefined): CatalogState {
    const before = this.#maps.collections.get(id)
    const after = value === undefined ? undefined : decodeCollection(id, value, this.#maps.namespacesById)
    const kept = after === undefined ? undefined : { ...after, fields: before?.fields ?? noFields }
    return new CatalogState(withCollection(this.#maps, before, kept))
  }

  #withField(reader: KeyReader, present: boolean): CatalogState {
    const collection = this.#maps.collections.get(reader.integer())
    if (collection === undefined) return this
    const field = reader.string()
    const type = reader.string()
    if (collection.fields.get(field)?.has(type) === present) return this
    const types = new Set(collection.fields.get(field))
    if (present) types.add(type)
    else types.delete(type)
    const fields = collection.fields as Fields
    const changed = types.size > 0 ? fields.with(field, types) : fields.without(field)
    return new CatalogState(withSameParts(this.#maps, { ...collection, fields: changed }))
  }

  #withComment(reader: KeyReader, value: Slice | undefined): CatalogState {
    const id = reader.integer()
    const part = reader.string()
    const before = this.#maps.comments.get(id) ?? noComments
    const after = value === undefined ? before.without(part) : before.with(part, textOf(value))
    const { comments } = this.#maps
    const changed = after.size > 0 ? comments.with(id, after) : comments.without(id)
    return new CatalogState({ ...this.#maps, comments: changed })
  }

  #withAccess(reader: KeyReader, value: Slice | undefined): CatalogState {
    const id = reader.integer()
    const part = reader.string()
    let { access } = this.#maps
    access =
      value === undefined
        ? withoutNested(access, id, part)
        : withNested(access, id, part, decodeAccess(decodeJson(value)))
    return new CatalogState({ ...this.#maps, access })
  }

  #withGlobal(id: number, value: Slice | undefined): CatalogState {
    let { globals, globalNames } = this.#maps
    const before = globals.get(id)
    if (before !== undefined) globalNames = withoutNested(globalNames, before.kind, before.name)
    const after = value === undefined ? undefined : decodeGlobal(id, value)
    if (after !== undefined) globalNames = withNested(globalNames, after.kind, after.name, after)
    globals = after === undefined ? globals.without(id) : globals.with(id, after)
    return new CatalogState({ ...this.#maps, globals, globalNames })
  }
}

/** Makes a catalog of all its keys in their order: namespaces come before collections, these before their fields. */
export class CatalogLoader {
  readonly #namespaces = new Map<number, Namespace>()
  readonly #collections: Collection[] = []
  readonly #fields = new Map<number, Map<string, ReadonlySet<string>>>()
  /** Most fields have one type: one set for all of these. */
  readonly #alone = new Map<string, ReadonlySet<string>>()
  readonly #comments = new Map<number, [string, string][]>()
  readonly #access = new Map<number, [string, AccessList][]>()
  readonly #globals: GlobalObject[] = []

  take(key: Slice, value: Slice): void {
    const reader = new KeyReader(key)
    reader.orderedVarint()
    const index = reader.orderedVarint()
    if (!loaded.has(index)) return
    const id = reader.integer()
    if (index === catalogIndex.namespace) this.#namespaces.set(id, decodeNamespace(id, value))
    else if (index === catalogIndex.collection) this.#collections.push(decodeCollection(id, value, this.#namespaces))
    else if (index === catalogIndex.field) this.#takeField(id, reader.string(), reader.string())
    else if (index === catalogIndex.global) this.#globals.push(decodeGlobal(id, value))
    else if (index === catalogIndex.access) {
      listIn(this.#access, id).push([reader.string(), decodeAccess(decodeJson(value))])
    } else listIn(this.#comments, id).push([reader.string(), textOf(value)])
  }

  #takeField(id: number, field: string, type: string): void {
    let fields = this.#fields.get(id)
    if (fields === undefined) this.#fields.set(id, (fields = new Map<string, ReadonlySet<string>>()))
    const types = fields.get(field)
    fields.set(field, types === undefined ? this.#only(type) : new Set([...types, type]))
  }

  #only(type: string): ReadonlySet<string> {
    let types = this.#alone.get(type)
    if (types === undefined) this.#alone.set(type, (types = new Set([type])))
    return types
  }

  finish(): CatalogState {
    return CatalogState.ofMaps(this.#maps())
  }

  #maps(): CatalogMaps {
    const collections = this.#collections.map((collection) => {
      const fields = this.#fields.get(collection.id)
      return fields === undefined ? collection : { ...collection, fields: PersistentMap.from(fields) }
    })
    const names = new Map<string, [string, Collection][]>()
    const others = new Map<string, [string, Collection][]>()
    const partNames = new Map<string, [string, number][]>()
    const referrers = new Map<number, [number, true][]>()
    for (const collection of collections) {
      const into = listOf(collection) === 'names' ? names : others
      listIn(into, collection.namespace.name).push([nameKey(collection), collection])
      for (const name of namedParts(collection)) {
        listIn(partNames, collection.namespace.name).push([name, collection.id])
      }
      for (const id of referencesOf(collection)) listIn(referrers, id).push([collection.id, true])
    }
    const globalNames = new Map<string, [string, GlobalObject][]>()
    for (const one of this.#globals) listIn(globalNames, one.kind).push([one.name, one])
    return {
      namespaces: PersistentMap.from([...this.#namespaces.values()].map((each) => [each.name, each] as const)),
      namespacesById: PersistentMap.from(this.#namespaces),
      collections: PersistentMap.from(collections.map((each) => [each.id, each] as const)),
      names: nested(names),
      others: nested(others),
      partNames: nested(partNames),
      referrers: nested(referrers),
      comments: nested(this.#comments),
      access: nested(this.#access),
      globals: PersistentMap.from(this.#globals.map((each) => [each.id, each] as const)),
      globalNames: nested(globalNames),
    }
  }
}

function listIn<K, V>(lists: Map<K, V[]>, key: K): V[] {
  let list = lists.get(key)
  if (list === undefined) lists.set(key, (list = []))
  return list
}

function nested<A extends string | number, B extends string | number, V>(
  lists: ReadonlyMap<A, readonly (readonly [B, V])[]>,
): PersistentMap<A, PersistentMap<B, V>> {
  return PersistentMap.from([...lists].map(([key, entries]) => [key, PersistentMap.from(entries)] as const))
}

function namedParts(collection: Collection): string[] {
  return partsOf(collection).flatMap(({ name, isRelation }) => (isRelation === true ? [name] : []))
}

function listOf({ space = 'relation' }: Collection): 'names' | 'others' {
  return space === 'relation' ? 'names' : 'others'
}

/** A space is one word. */
function nameKey({ space = 'relation', name }: Collection): string {
  return space === 'relation' ? name : `${space} ${name}`
}

function withName<M extends Pick<CatalogMaps, 'names' | 'others'>>(maps: M, collection: Collection): M {
  const list = listOf(collection)
  return { ...maps, [list]: withNested(maps[list], collection.namespace.name, nameKey(collection), collection) }
}

/** Both are versions of one collection; either may be missing. */
function withCollection(maps: CatalogMaps, before: Collection | undefined, after: Collection | undefined): CatalogMaps {
  let { collections, partNames, referrers } = maps
  let named: Pick<CatalogMaps, 'names' | 'others'> = maps
  if (before !== undefined) {
    const namespace = before.namespace.name
    const list = listOf(before)
    named = { ...named, [list]: withoutNested(named[list], namespace, nameKey(before)) }
    for (const name of namedParts(before)) partNames = withoutNested(partNames, namespace, name)
    for (const id of referencesOf(before)) referrers = withoutNested(referrers, id, before.id)
    collections = collections.without(before.id)
  }
  if (after !== undefined) {
    const namespace = after.namespace.name
    named = withName(named, after)
    for (const name of namedParts(after)) partNames = withNested(partNames, namespace, name, after.id)
    for (const id of referencesOf(after)) referrers = withNested(referrers, id, after.id, true)
    collections = collections.with(after.id, after)
  }
  return { ...maps, ...named, collections, partNames, referrers }
}

/** Nothing has changed by which others find it. */
function withSameParts(maps: CatalogMaps, changed: Collection): CatalogMaps {
  return { ...withName(maps, changed), collections: maps.collections.with(changed.id, changed) }
}

function withNested<A extends string | number, B extends string | number, V>(
  maps: PersistentMap<A, PersistentMap<B, V>>,
  outer: A,
  inner: B,
  value: V,
): PersistentMap<A, PersistentMap<B, V>> {
  return maps.with(outer, (maps.get(outer) ?? PersistentMap.empty<B, V>()).with(inner, value))
}

function withoutNested<A extends string | number, B extends string | number, V>(
  maps: PersistentMap<A, PersistentMap<B, V>>,
  outer: A,
  inner: B,
): PersistentMap<A, PersistentMap<B, V>> {
  const left = maps.get(outer)?.without(inner)
  return left === undefined || left.size === 0 ? maps.without(outer) : maps.with(outer, left)
}
