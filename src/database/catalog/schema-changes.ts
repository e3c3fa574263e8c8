/**
 * Schema changes: transactional writes to the catalog's keys.
 *
 * A change holds the collection against its writers and against other changes; what takes a collection or its rows away,
 * against its readers, too. New names are locked by name, so that two transactions cannot create the same.
 */
import { PolylogError } from '../../base/errors.ts'
import { emptySlice, sliceLength, sliceOf, sliceToLatin1, type Slice } from '../../base/slice.ts'
import { keyspaceRange, primaryIndex } from '../../base/tuple.ts'
import type { AccessList } from '../access/access-list.ts'
import { defaultsFor, firstAccess } from '../access/default-access.ts'
import { privilege, writing } from '../access/privileges.ts'
import { AccessError, notOwner, wordOf } from '../access/rights.ts'
import {
  accessKey,
  accessValue,
  collectionKey,
  commentKey,
  commentTextKey,
  encodeCollection,
  encodeNamespace,
  fieldKey,
  namespaceKey,
  newCollection,
  writableSince,
} from './catalog-entries.ts'
import type { CatalogState } from './catalog-state.ts'
import type { Collection, Index, JsonObject, Namespace, NameSpace } from './catalog.ts'
import { engineNames, memoryEngine } from '../engines.ts'
import { nobody } from '../nobody.ts'
import {
  databaseId,
  dependenciesOf,
  findKind,
  hasPart,
  type ObjectAddress,
  partsOf,
  partText,
  referencesOf,
} from './objects.ts'
import type { KernelTransaction } from '../transaction/transaction.ts'

/** Lock names that are not keys begin with FF, which no key does. */
export function collectionLockKey(id: number): string {
  return `\xffschema ${id}`
}

/** The collection that a lock of that name is on as a whole. */
export function collectionLocked(name: string): number | undefined {
  return name.startsWith('\xffschema ') ? Number(name.slice('\xffschema '.length)) : undefined
}

function nameLock(namespace: string, name: string, space: NameSpace = 'relation'): string {
  return `\xffname ${JSON.stringify(space === 'relation' ? [namespace, name] : [namespace, name, space])}`
}

/** The name of a function tells what it takes: up to a hundred types. */
const mostNameBytes: Readonly<Record<NameSpace, number>> = { relation: 255, function: 2048, type: 255, operator: 255 }

export function checkName(name: string, space: NameSpace = 'relation'): void {
  const most = mostNameBytes[space]
  if (name.length === 0 || Buffer.byteLength(name) > most) {
    throw new PolylogError('invalid_argument', `a name must have 1 to ${most} bytes: "${name.slice(0, 40)}"`)
  }
}

/** What SQL makes up: a collection of that name could not be seen. */
const reservedNamespaces: ReadonlySet<string> = new Set(['pg_catalog', 'information_schema', 'polylog'])
/** Redis's numbered databases are its collections `db0`, `db1`, … */
const keyvalueNamespace = 'redis'
/** Behind it stands the number of the session whose temporary relations lie there. */
export const temporaryPrefix = 'pg_temp_'

export function createNamespace(transaction: KernelTransaction, name: string, hasOwner: boolean): Namespace {
  checkName(name)
  if (reservedNamespaces.has(name)) {
    throw new PolylogError('denied', `"${name}" is the system's own: it is made up when it is read`)
  }
  // Of sessions, which find nothing in them that others have put there.
  if (name.startsWith(temporaryPrefix) && transaction.principal !== nobody) {
    throw new PolylogError('denied', `"${name}" is a name for schemas of sessions`)
  }
  mayCreateNamespace(transaction, name)
  transaction.locks.lockName(nameLock(name, ''), 'update')
  refuseTwice(transaction, name, (catalog) => catalog.namespaces.get(name)?.id)
  const { user, roleId } = transaction.principal
  const namespace: Namespace = {
    id: newId(transaction),
    name,
    owner: user,
    ownerId: hasOwner && isOwned(name) ? roleId : undefined,
  }
  transaction.changeCatalog(namespaceKey(namespace.id), encodeNamespace(namespace))
  const { ownerId } = namespace
  const first = defaultsFor(transaction.catalog.access, ownerId, 'schema')
  if (first.length > 0) beginWith(transaction, namespace.id, first)
  return namespace
}

/** Default privileges of who makes it. */
function beginWith(transaction: KernelTransaction, id: number, list: AccessList): void {
  transaction.changeCatalog(accessKey(id, ''), accessValue(list))
}

/**
 * A name that exists here is a duplicate; one that others have given since the snapshot makes the statement look again.
 * One that only the transaction itself has dropped is free.
 */
export function refuseTwice(
  transaction: KernelTransaction,
  name: string,
  idIn: (catalog: CatalogState) => number | undefined,
): void {
  if (idIn(transaction.ownCatalog) !== undefined) {
    throw new PolylogError('duplicate_object', `"${name}" already exists`)
  }
  const newest = idIn(transaction.kernel.catalog)
  if (newest !== undefined && newest !== idIn(transaction.baseCatalog)) transaction.changedMeanwhile(`"${name}"`)
}

/** Keeps a namespace from being dropped by others while something is put into it. */
export function holdNamespace(transaction: KernelTransaction, namespace: Namespace): void {
  transaction.locks.lockName(nameLock(namespace.name, ''), 'key share')
  const { id } = namespace
  const isDropped = transaction.kernel.catalog.namespaceById(id) === undefined
  if (isDropped && transaction.baseCatalog.namespaceById(id) !== undefined) {
    transaction.changedMeanwhile(`"${namespace.name}"`)
  }
  if (transaction.catalog.namespaceById(id) !== undefined) return
  throw new PolylogError('undefined_object', `namespace "${namespace.name}" does not exist`)
}

export function newId(transaction: KernelTransaction): number {
  transaction.createdCollections = true
  return transaction.kernel.nextCollectionId()
}

function mayCreateNamespace({ principal }: KernelTransaction, name: string): void {
  const { rights, database } = principal
  // To clients it is always there: it is made with the first thing in it, by who may create that.
  const isPublic = name === 'public'
  const may = isPublic ? rights.ofNamespace(undefined) : rights.ofDatabase
  if ((may & (privilege.create | privilege.schema)) !== 0) return
  throw isPublic ? new AccessError('schema', name) : new AccessError('database', database)
}

export function dropNamespace(transaction: KernelTransaction, namespace: Namespace): void {
  transaction.principal.rights.requireNamespaceOwner(namespace)
  transaction.locks.lockName(nameLock(namespace.name, ''), 'update')
  if (transaction.catalog.collectionsOf(namespace.name).length > 0) {
    throw new PolylogError('dependent_objects', `cannot drop "${namespace.name}": it still has collections`)
  }
  for (const { id } of transaction.kernel.catalog.collectionsOf(namespace.name)) {
    if (transaction.baseCatalog.collectionById(id) === undefined) transaction.changedMeanwhile(`"${namespace.name}"`)
  }
  dropNotes(transaction, namespace.id)
  transaction.changeCatalog(namespaceKey(namespace.id), undefined)
}

export interface NewCollection {
  readonly namespace: Namespace
  readonly name: string
  readonly kind: string
  readonly definition: JsonObject
  /** Left out: memory. One that the database has. */
  readonly engine?: string | undefined
}

/** Whoever has just made a namespace fills it. */
function mayCreateIn({ baseCatalog, principal }: KernelTransaction, namespace: Namespace): void {
  if (baseCatalog.namespaceById(namespace.id) === undefined) return
  principal.rights.requireInNamespace(namespace, privilege.create)
}

/** Some namespaces hold one model alone. */
function checkPlace({ name }: Namespace, kind: string): void {
  if (name === keyvalueNamespace && kind !== 'keyvalue') {
    throw new PolylogError('foreign_model_violation', `"${name}" holds the databases of Redis and nothing else`)
  }
  if (name.startsWith(temporaryPrefix) && (findKind(kind)?.model ?? kind) !== 'table') {
    throw new PolylogError('foreign_model_violation', `"${name}" holds temporary relations and nothing else`)
  }
}

export function createCollection(transaction: KernelTransaction, created: NewCollection): Collection {
  const { namespace, name } = created
  const { space, isOwned = false } = findKind(created.kind) ?? {}
  checkName(name, space)
  checkPlace(namespace, created.kind)
  checkEngine(transaction, created.engine)
  if (created.kind !== 'keyvalue') mayCreateIn(transaction, namespace)
  holdNamespace(transaction, namespace)
  transaction.locks.lockName(nameLock(namespace.name, name, space), 'update')
  refuseTwice(transaction, name, (catalog) => catalog.findCollection(namespace.name, name, space)?.id)
  const id = newId(transaction)
  transaction.locks.own(id)
  const state = { ...created, id, version: transaction.kernel.nextVersion(), indexes: [] }
  const { user, roleId } = transaction.principal
  const collection = newCollection(state, user)
  // Documents and the keys of Redis are nobody's own: their protocols know no owners.
  const made = write(transaction, isOwned ? { ...collection, ownerId: roleId } : collection)
  const first = firstAccess(transaction.catalog.access, roleId, made)
  if (first !== undefined) beginWith(transaction, id, first)
  return made
}

function checkEngine({ kernel }: KernelTransaction, engine: string = memoryEngine): void {
  if (!engineNames.includes(engine)) {
    const message = `there is no engine "${engine}": the engines are ${engineNames.join(', ')}`
    throw new PolylogError('invalid_argument', message)
  }
  if (engine === memoryEngine || kernel.engines?.has(engine) === true) return
  throw new PolylogError('unsupported', `the engine "${engine}" needs a data directory: this database lies in memory`)
}

function write(transaction: KernelTransaction, collection: Collection): Collection {
  const { id } = collection
  const before = transaction.catalog.collectionById(id)
  const encoded = encodeCollection(collection)
  // Who drops a part of it makes it smaller.
  const isSmaller = before !== undefined && sliceLength(encoded) <= sliceLength(encodeCollection(before))
  transaction.changeCatalog(collectionKey(id), encoded, !isSmaller)
  const written = transaction.catalog.collectionById(id)!
  holdReferred(transaction, written, before)
  dropNotesOnLostParts(transaction, written)
  return written
}

/** What a definition has come to refer to must be there, and stay until the end. */
function holdReferred(transaction: KernelTransaction, after: Collection, before: Collection | undefined): void {
  const known = before === undefined ? new Set<number>() : referencesOf(before)
  for (const id of referencesOf(after)) {
    if (known.has(id)) continue
    transaction.locks.lockName(collectionLockKey(id), 'access share')
    const isDropped = transaction.kernel.catalog.collectionById(id) === undefined
    if (isDropped && transaction.baseCatalog.collectionById(id) !== undefined) {
      transaction.changedMeanwhile(`what "${after.name}" refers to`)
    }
    if (transaction.catalog.collectionById(id) !== undefined) continue
    throw new PolylogError('undefined_object', `what "${after.name}" refers to does not exist`)
  }
}

function dropNotesOnLostParts(transaction: KernelTransaction, { id }: Collection): void {
  const { catalog } = transaction
  if (catalog.commentsOn(id).size === 0 && catalog.access.get(id) === undefined) return
  const parts = new Set(partsOf(catalog.collectionById(id)!).map(partText))
  dropNotes(transaction, id, (part) => part !== '' && !parts.has(part))
}

/** Comments and access lists, of the parts that are asked for. */
function dropNotes(transaction: KernelTransaction, id: number, isLost: (part: string) => boolean = () => true): void {
  const { catalog } = transaction
  for (const part of catalog.commentsOn(id).keys()) {
    if (isLost(part)) transaction.changeCatalog(commentTextKey(id, part), undefined)
  }
  for (const part of catalog.access.get(id)?.keys() ?? []) {
    if (isLost(part)) transaction.changeCatalog(accessKey(id, part), undefined)
  }
}

/** `public`, and the one of Redis, are nobody's: who comes first makes them. */
function isOwned(namespace: string): boolean {
  return namespace !== 'public' && namespace !== keyvalueNamespace
}

/** The comment on a namespace, a collection, or a part; none where it is undefined or empty. */
export function setComment(transaction: KernelTransaction, address: ObjectAddress, text: string | undefined): void {
  const { id, part } = address
  if (id === databaseId) {
    const { rights, database } = transaction.principal
    rights.requireDatabaseOwner(database)
    transaction.locks.lockName(`\xffcomment ${id}`, 'update')
    storeComment(transaction, address, text)
    return
  }
  const namespace = transaction.catalog.namespaceById(id)
  if (namespace !== undefined) {
    transaction.principal.rights.requireNamespaceOwner(namespace)
    holdNamespace(transaction, namespace)
  } else transaction.locks.lockName(collectionLockKey(id), 'share update exclusive')
  transaction.locks.lockName(`\xffcomment ${id}`, 'update')
  const collection = transaction.catalog.collectionById(id)
  if (collection !== undefined) transaction.principal.rights.requireOwner(collection)
  const isThere = part === undefined || (collection !== undefined && hasPart(collection, part))
  if ((namespace ?? collection) === undefined || !isThere) {
    throw new PolylogError('undefined_object', 'what the comment is on does not exist')
  }
  if (transaction.kernel.catalog.collectionById(id)?.version !== transaction.baseCatalog.collectionById(id)?.version) {
    transaction.changedMeanwhile('what the comment is on')
  }
  storeComment(transaction, address, text)
}

function storeComment(transaction: KernelTransaction, address: ObjectAddress, text: string | undefined): void {
  const { id, part } = address
  const value = text === undefined || text === '' ? undefined : sliceOf(Buffer.from(text))
  if (value === undefined && transaction.catalog.commentOn(address) === undefined) return
  transaction.changeCatalog(commentKey(id, part), value)
}

/**
 * Locks a collection whose rows the change reads, or later statements write without locks: they must be the newest ones.
 * An index that was built over an older snapshot would miss what others have written since.
 */
function holdUnchanged(transaction: KernelTransaction, collection: Collection): void {
  transaction.locks.lockCollection(collection.id, 'share row exclusive')
  const { start, end } = keyspaceRange(collection.id)
  const { conflicts } = transaction.kernel
  if (!conflicts.changed(sliceToLatin1(start), sliceToLatin1(end), transaction.sequence)) return
  transaction.changedMeanwhile(`collection "${collection.name}"`)
}

export interface CollectionChange {
  readonly name?: string
  readonly namespace?: Namespace
  readonly owner?: string
  readonly ownerId?: number | undefined
  readonly definition?: JsonObject
  /** The same ones, otherwise defined or named: their entries stay as they are. */
  readonly indexes?: readonly Index[]
  /** Who writes by the definition as it was does nothing wrong: writers and the change do not wait for each other. */
  readonly besideWriters?: true
}

export function alterCollection(
  transaction: KernelTransaction,
  collection: Collection,
  { besideWriters, ...change }: CollectionChange,
): Collection {
  transaction.access.requireChange(collection)
  if (besideWriters === true) transaction.locks.lockCollection(collection.id, 'share update exclusive')
  else holdUnchanged(transaction, collection)
  const before = current(transaction, collection)
  const definitionVersion = findKind(before.kind)?.version ?? before.definitionVersion
  const version = transaction.kernel.nextVersion()
  if (change.ownerId !== undefined && change.ownerId !== before.ownerId) mayGive(transaction, before)
  const altered = {
    ...before,
    ...change,
    ...(change.definition && { definitionVersion }),
    version,
    ...(besideWriters && { besideWriters: { since: writableSince(before), version } }),
  }
  if (altered.name !== collection.name || altered.namespace.id !== collection.namespace.id) {
    const { name, namespace, space } = altered
    if (altered.namespace.id !== collection.namespace.id) {
      mayMove(transaction, before)
      checkPlace(namespace, altered.kind)
    }
    transaction.principal.rights.requireInNamespace(namespace, privilege.create)
    checkName(name, space)
    holdNamespace(transaction, namespace)
    transaction.locks.lockName(nameLock(namespace.name, name, space), 'update')
    refuseTwice(transaction, name, (catalog) => catalog.findCollection(namespace.name, name, space)?.id)
  }
  return write(transaction, altered)
}

/** Who may change definitions only does not come to rows by having them where it may read. */
function mayMove({ principal }: KernelTransaction, collection: Collection): void {
  const { rights } = principal
  if (!rights.owns(collection)) rights.require(collection, privilege.read | writing)
}

/** Nor by becoming the owner. */
function mayGive({ principal, access }: KernelTransaction, collection: Collection): void {
  if (principal.rights.owns(collection) || access.isChanging(collection.id)) return
  throw notOwner(wordOf(collection), collection.name)
}

function current(transaction: KernelTransaction, collection: Collection): Collection {
  const found = transaction.catalog.collectionById(collection.id)
  if (found === undefined) throw new PolylogError('undefined_object', `collection "${collection.name}" does not exist`)
  return found
}

/**
 * Each goes with all its keys. What refers to one of them goes with it, or its reference has been taken away before, or
 * nothing goes at all; who drops in cascade has found the dependents (`dependents.ts`) and names them here.
 */
export function dropCollections(transaction: KernelTransaction, collections: readonly Collection[]): void {
  const dropped = new Set(collections.map(({ id }) => id))
  for (const collection of collections) {
    transaction.access.requireDrop(collection)
    transaction.locks.lockCollection(collection.id, 'access exclusive')
    refuseReferred(transaction, collection, dropped)
  }
  for (const collection of collections) dropCollection(transaction, collection)
}

function refuseReferred(transaction: KernelTransaction, collection: Collection, dropped: ReadonlySet<number>): void {
  for (const referrer of transaction.catalog.referrersOf(collection.id)) {
    if (dropped.has(referrer.id)) continue
    const own = dependenciesOf(referrer).filter(({ on }) => on.id === collection.id)
    const message = `cannot drop "${collection.name}": "${referrer.name}" depends on it`
    if (own.length > 0) throw new PolylogError('dependent_objects', message, { detail: { sqlState: '2BP01' } })
  }
  for (const { id, name } of transaction.kernel.catalog.referrersOf(collection.id)) {
    if (transaction.baseCatalog.collectionById(id) === undefined) transaction.changedMeanwhile(`"${name}"`)
  }
}

function dropCollection(transaction: KernelTransaction, collection: Collection): void {
  transaction.access.asServer(() => clearKeys(transaction, collection))
  for (const [field, types] of current(transaction, collection).fields) {
    for (const type of types) transaction.changeCatalog(fieldKey(collection.id, field, type), undefined)
  }
  dropNotes(transaction, collection.id)
  transaction.changeCatalog(collectionKey(collection.id), undefined)
}

export function clearCollection(transaction: KernelTransaction, collection: Collection): void {
  transaction.principal.rights.requireAny(collection, privilege.truncate | privilege.delete | privilege.schema)
  transaction.locks.lockCollection(collection.id, 'access exclusive')
  clearKeys(transaction, collection)
}

function clearKeys(transaction: KernelTransaction, collection: Collection): void {
  const { effects } = transaction
  if (effects.areObserved) effects.touched(collection.id, undefined, 'removed', 0, false)
  const rows = keyspaceRange(collection.id, primaryIndex)
  const all = keyspaceRange(collection.id)
  // What lies before the rows is as much the model's own.
  transaction.deleteRange({ start: all.start, end: rows.end })
  transaction.deleteRange({ start: rows.end, end: all.end }, 'derived')
}

export function createIndex(
  transaction: KernelTransaction,
  collection: Collection,
  index: { name: string; unique: boolean; definition: JsonObject },
): Index {
  transaction.access.requireChange(collection)
  holdUnchanged(transaction, collection)
  const now = current(transaction, collection)
  if (now.indexes.some(({ name }) => name === index.name)) {
    throw new PolylogError('duplicate_object', `index "${index.name}" already exists`)
  }
  const created: Index = { id: nextIndexId(transaction, collection), ...index }
  write(transaction, { ...now, indexes: [...now.indexes, created], version: transaction.kernel.nextVersion() })
  return created
}

/** Never used again within the collection: entries of a dropped index may still lie in the log. */
function nextIndexId(transaction: KernelTransaction, collection: Collection): number {
  const ids = current(transaction, collection).indexes.map(({ id }) => id)
  return Math.max(16, transaction.kernel.nextVersion(), ...ids) + 1
}

export function dropIndex(transaction: KernelTransaction, collection: Collection, index: Index): void {
  transaction.access.requireDrop(collection)
  holdUnchanged(transaction, collection)
  const now = current(transaction, collection)
  transaction.access.asServer(() => transaction.deleteRange(keyspaceRange(collection.id, index.id), 'derived'))
  const indexes = now.indexes.filter(({ id }) => id !== index.id)
  write(transaction, { ...now, indexes, version: transaction.kernel.nextVersion() })
}

export function widenCollection(
  transaction: KernelTransaction,
  collection: Collection,
  field: string,
  type: string,
): void {
  if (current(transaction, collection).fields.get(field)?.has(type) === true) return
  transaction.changeCatalog(fieldKey(collection.id, field, type), present)
}

const present: Slice = emptySlice
