/**
 * Schema changes: transactional writes to the catalog's keys.
 *
 * A change holds the collection's schema lock against writers of the collection (they hold it shared from their first
 * write on) and against other changes. New names are locked by name, so that two transactions cannot create the same.
 */
import { PolylogError } from '../base/errors.ts'
import { emptySlice, sliceToLatin1, type Slice } from '../base/slice.ts'
import { keyspaceRange, primaryIndex } from '../base/tuple.ts'
import { type CatalogState, collectionKey, encodeJson, fieldKey, namespaceKey } from './catalog-state.ts'
import type { Collection, CollectionModel, Index, JsonObject, JsonValue, Namespace } from './catalog.ts'
import type { KernelTransaction } from './transaction.ts'

/** Lock names that are not keys begin with FF, which no key does. */
export function collectionLockKey(id: number): string {
  return `\xffschema ${id}`
}

function nameLock(namespace: string, name: string): string {
  return `\xffname ${JSON.stringify([namespace, name])}`
}

function checkName(name: string): void {
  if (name.length === 0 || Buffer.byteLength(name) > 255) {
    throw new PolylogError('invalid_argument', `a name must have 1 to 255 bytes: "${name.slice(0, 40)}"`)
  }
}

/** What SQL makes up: a collection of that name could not be seen. */
const reservedNamespaces: ReadonlySet<string> = new Set(['pg_catalog', 'information_schema', 'polylog'])
/** Redis's numbered databases are its collections `db0`, `db1`, … */
const keyvalueNamespace = 'redis'

export function createNamespace(transaction: KernelTransaction, name: string): Namespace {
  checkName(name)
  if (reservedNamespaces.has(name)) {
    throw new PolylogError('denied', `"${name}" is the system's own: it is made up when it is read`)
  }
  transaction.lockName(nameLock(name, ''), 'update')
  refuseTwice(transaction, name, (catalog) => catalog.namespaces.get(name)?.id)
  const id = newId(transaction)
  transaction.changeCatalog(namespaceKey(id), encodeJson({ name }))
  return { id, name }
}

/**
 * A name that exists here is a duplicate; one that others have given since the snapshot makes the statement look again.
 * One that only the transaction itself has dropped is free.
 */
function refuseTwice(
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
function holdNamespace(transaction: KernelTransaction, namespace: Namespace): void {
  transaction.lockName(nameLock(namespace.name, ''), 'key share')
  const { id } = namespace
  const isDropped = transaction.kernel.catalog.namespaceById(id) === undefined
  if (isDropped && transaction.baseCatalog.namespaceById(id) !== undefined) {
    transaction.changedMeanwhile(`"${namespace.name}"`)
  }
  if (transaction.catalog.namespaceById(id) !== undefined) return
  throw new PolylogError('undefined_object', `namespace "${namespace.name}" does not exist`)
}

function newId(transaction: KernelTransaction): number {
  transaction.createdCollections = true
  return transaction.kernel.nextCollectionId()
}

export function dropNamespace(transaction: KernelTransaction, namespace: Namespace): void {
  transaction.lockName(nameLock(namespace.name, ''), 'update')
  if (transaction.catalog.collectionsOf(namespace.name).length > 0) {
    throw new PolylogError('dependent_objects', `cannot drop "${namespace.name}": it still has collections`)
  }
  for (const { id } of transaction.kernel.catalog.collectionsOf(namespace.name)) {
    if (transaction.baseCatalog.collectionById(id) === undefined) transaction.changedMeanwhile(`"${namespace.name}"`)
  }
  transaction.changeCatalog(namespaceKey(namespace.id), undefined)
}

export interface NewCollection {
  readonly namespace: Namespace
  readonly name: string
  readonly model: CollectionModel
  readonly definition: JsonObject
}

export function createCollection(transaction: KernelTransaction, created: NewCollection): Collection {
  const { namespace, name } = created
  checkName(name)
  if (namespace.name === keyvalueNamespace && created.model !== 'keyvalue') {
    throw new PolylogError(
      'foreign_model_violation',
      `"${keyvalueNamespace}" holds the databases of Redis and nothing else`,
    )
  }
  holdNamespace(transaction, namespace)
  transaction.lockName(nameLock(namespace.name, name), 'update')
  refuseTwice(transaction, name, (catalog) => catalog.findCollection(namespace.name, name)?.id)
  const id = newId(transaction)
  transaction.own(id)
  const collection: Collection = {
    ...created,
    id,
    version: transaction.kernel.nextVersion(),
    indexes: [],
    fields: new Map(),
  }
  return write(transaction, collection)
}

function write(transaction: KernelTransaction, collection: Collection): Collection {
  const { id, namespace, name, model, version, definition, indexes } = collection
  const stored: JsonObject = {
    namespace: namespace.id,
    name,
    model,
    version,
    definition,
    indexes: indexes as unknown as readonly JsonValue[],
  }
  transaction.changeCatalog(collectionKey(id), encodeJson(stored))
  return transaction.catalog.collectionById(id)!
}

/**
 * Locks a collection whose rows the change reads, or later statements write without locks: they must be the newest ones.
 * An index that was built over an older snapshot would miss what others have written since.
 */
function holdUnchanged(transaction: KernelTransaction, collection: Collection): void {
  transaction.lockSchema(collection)
  const { start, end } = keyspaceRange(collection.id)
  const { conflicts } = transaction.kernel
  if (!conflicts.changed(sliceToLatin1(start), sliceToLatin1(end), transaction.sequence)) return
  transaction.changedMeanwhile(`collection "${collection.name}"`)
}

export function alterCollection(
  transaction: KernelTransaction,
  collection: Collection,
  change: { name?: string; namespace?: Namespace; definition?: JsonObject },
): Collection {
  holdUnchanged(transaction, collection)
  const altered = { ...current(transaction, collection), ...change, version: transaction.kernel.nextVersion() }
  if (altered.name !== collection.name || altered.namespace.id !== collection.namespace.id) {
    const { name, namespace } = altered
    checkName(name)
    holdNamespace(transaction, namespace)
    transaction.lockName(nameLock(namespace.name, name), 'update')
    refuseTwice(transaction, name, (catalog) => catalog.findCollection(namespace.name, name)?.id)
  }
  return write(transaction, altered)
}

function current(transaction: KernelTransaction, collection: Collection): Collection {
  const found = transaction.catalog.collectionById(collection.id)
  if (found === undefined) throw new PolylogError('undefined_object', `collection "${collection.name}" does not exist`)
  return found
}

export function dropCollection(transaction: KernelTransaction, collection: Collection): void {
  transaction.lockSchema(collection)
  clearKeys(transaction, collection)
  for (const [field, types] of current(transaction, collection).fields) {
    for (const type of types) transaction.changeCatalog(fieldKey(collection.id, field, type), undefined)
  }
  transaction.changeCatalog(collectionKey(collection.id), undefined)
}

export function clearCollection(transaction: KernelTransaction, collection: Collection): void {
  transaction.lockSchema(collection)
  clearKeys(transaction, collection)
}

function clearKeys(transaction: KernelTransaction, collection: Collection): void {
  const rows = keyspaceRange(collection.id, primaryIndex)
  const all = keyspaceRange(collection.id)
  transaction.deleteRange(rows)
  transaction.deleteRange({ start: rows.end, end: all.end }, 'derived')
}

export function createIndex(
  transaction: KernelTransaction,
  collection: Collection,
  index: { name: string; unique: boolean; definition: JsonObject },
): Index {
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
  holdUnchanged(transaction, collection)
  const now = current(transaction, collection)
  transaction.deleteRange(keyspaceRange(collection.id, index.id), 'derived')
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
