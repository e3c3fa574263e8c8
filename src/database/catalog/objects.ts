/**
 * Objects: everything that has a name, and what depends on what.
 *
 * A namespace and a collection (a table, a sequence, a collection of documents, Redis's keys) have a number of their own and an
 * entry in the catalog. What only exists within a collection is a *part* of it: a column, a default, an index, a
 * constraint. Its address is the collection's number, the kind of part, and the part's key there.
 *
 * What a collection may be is not written here. A model registers a kind: how its definition is read, which parts it has,
 * and what they depend on. So dependencies are never stored: they are a function of the definitions, and cannot disagree
 * with them. The catalog keeps the other direction, from a collection to those that refer to it (`catalog-state.ts`).
 *
 *   normal     the dependent stands in the way of a drop, and goes with it under CASCADE
 *   automatic  the dependent goes with it silently: an index with its column, an owned sequence with its table
 *   internal   likewise, and the dependent cannot be dropped alone: the index of a primary key
 *
 * Everything in a namespace depends on it (normal); a part depends on its collection (internal) without saying so.
 */
import { assert, PolylogError } from '../../base/errors.ts'
import type { AccessList } from '../access/access-list.ts'
import type { Rights } from '../access/rights.ts'
import type { Collection, CollectionModel, JsonObject, NameSpace } from './catalog.ts'
import type { StatementSteps, Transaction } from '../contract.ts'

export interface PartAddress {
  /** `column`, `default`, `index`, `constraint`, and what models add. Without spaces. */
  readonly kind: string
  /** Unique among the collection's parts of this kind, and kept when the part is renamed wherever that can be. */
  readonly key: number | string
}

/** The database itself: no namespace and no collection has its number. */
export const databaseId = 0

export interface ObjectAddress {
  /** Of a namespace or a collection, or `databaseId`. */
  readonly id: number
  /** Left out: all of it. */
  readonly part?: PartAddress
}

export interface Part extends PartAddress {
  readonly name: string
  /** It shares the names of the namespace with collections: an index. */
  readonly isRelation?: boolean
}

export type DependencyKind = 'normal' | 'automatic' | 'internal'

export interface Dependency {
  /** Which part of the collection depends; left out: all of it. */
  readonly of?: PartAddress
  readonly on: ObjectAddress
  readonly kind: DependencyKind
}

/** What a kind of collection is, told by the model that owns it. */
export interface ObjectKind<D> {
  readonly name: string
  readonly model: CollectionModel
  /** Among which names its own is unique; left out: those of relations. Never changed: entries keep it. */
  readonly space?: Exclude<NameSpace, 'relation'>
  /** What it is called in messages, by PostgreSQL's words; left out: `table`. */
  readonly word?: string | ((definition: JsonObject) => string)
  /** What one is called in messages; left out: its name. */
  title?(definition: JsonObject): string
  /** What may be done with one of which nobody has said anything. */
  readonly firstAccess?: AccessList
  /** Whoever makes one is its owner. */
  readonly isOwned?: boolean
  /** What it does, it does with its owner's rights, or may be told to: nobody else changes its definition. */
  readonly actsForOwner?: boolean
  /** Of the definition; grows with every change of its form. */
  readonly version: number
  /** Validates, and brings a definition of an older version up to date. Errors: `data_corrupted`. */
  decode(definition: JsonObject, version: number): D
  parts?(definition: D, collection: Collection): readonly Part[]
  dependencies?(definition: D, collection: Collection): readonly Dependency[]
  /** Whether rules of its own keep some of its rows from whoever has these rights. */
  hidesRows?(collection: Collection, rights: Rights): boolean
}

/** Takes a part away, when everything that depends on it is gone. */
export type PartDrop = (transaction: Transaction, collection: Collection, part: PartAddress) => StatementSteps<void>

const kinds = new Map<string, ObjectKind<unknown>>()

/** When the model is loaded. */
export function registerKind<D>(kind: ObjectKind<D>): ObjectKind<D> {
  assert(!kinds.has(kind.name), `the kind "${kind.name}" is registered twice`)
  kinds.set(kind.name, kind)
  return kind
}

const partDrops = new Map<string, PartDrop>()

/** Beside the kind, since a model drops parts by code that needs the kind. */
export function registerPartDrop<D>({ name }: ObjectKind<D>, drop: PartDrop): void {
  partDrops.set(name, drop)
}

/** Errors: an internal one where the collection has no parts that can go. */
export function* dropPart(transaction: Transaction, collection: Collection, part: PartAddress): StatementSteps<void> {
  const drop = partDrops.get(collection.kind)
  if (drop === undefined) throw new PolylogError('internal', `a ${collection.kind} cannot lose its ${part.kind}`)
  yield* drop(transaction, collection, part)
}

/** Undefined of one whose model is not loaded: nothing is known of its parts, and its definition cannot be read. */
export function findKind(name: string): ObjectKind<unknown> | undefined {
  return kinds.get(name)
}

const decoded = new WeakMap<Collection, unknown>()

/** The definition as its kind reads it, once for each version of the collection. Errors: `data_newer`, `data_corrupted`. */
export function definitionOf<D>(kind: ObjectKind<D>, collection: Collection): D {
  const known = decoded.get(collection)
  if (known !== undefined) return known as D
  assert(collection.kind === kind.name, `collection ${collection.id} is a ${collection.kind}, not a ${kind.name}`)
  if (collection.definitionVersion > kind.version) {
    const what = `the definition of "${collection.name}" has version ${collection.definitionVersion}`
    throw new PolylogError('data_newer', `${what}; this Polylog knows up to ${kind.version}`)
  }
  const definition = kind.decode(collection.definition, collection.definitionVersion)
  decoded.set(collection, definition)
  return definition
}

export function partsOf(collection: Collection): readonly Part[] {
  const kind = kinds.get(collection.kind)
  return kind?.parts?.(definitionOf(kind, collection), collection) ?? []
}

export function dependenciesOf(collection: Collection): readonly Dependency[] {
  const kind = kinds.get(collection.kind)
  return kind?.dependencies?.(definitionOf(kind, collection), collection) ?? []
}

/** The other collections that it refers to. */
export function referencesOf(collection: Collection): Set<number> {
  const references = new Set(dependenciesOf(collection).map(({ on }) => on.id))
  references.delete(collection.id)
  return references
}

/** Equal of equal addresses. */
export function addressText({ id, part }: ObjectAddress): string {
  return part === undefined ? String(id) : `${id} ${partText(part)}`
}

export function partText({ kind, key }: PartAddress): string {
  return `${kind} ${key}`
}

export function isSamePart(a: PartAddress | undefined, b: PartAddress | undefined): boolean {
  return a === b || (a !== undefined && b !== undefined && a.kind === b.kind && a.key === b.key)
}

export function hasPart(collection: Collection, part: PartAddress): boolean {
  return partsOf(collection).some((each) => isSamePart(each, part))
}
