/**
 * The document model: collections of BSON documents, keyed by `_id`, with secondary indexes.
 *
 * Writers go through here and nowhere else, whichever door they come from. Each write locks the document's key before it
 * reads, checks every unique index before it writes anything, and notes top-level fields for SQL. So a write that throws
 * has changed nothing, and a caller may catch a unique violation and go on in the same statement.
 *
 * Invariants: a stored document is valid BSON and begins with its `_id`; the entries of each index are exactly
 * `indexKeyPrefixes` of the stored documents.
 */
import { copySlice, equalSlices, sliceLength, sliceOf, type Slice } from '../../base/slice.ts'
import { KeyWriter } from '../../base/tuple.ts'
import { PolylogError } from '../../base/errors.ts'
import type { Collection, JsonObject, Namespace } from '../../database/catalog/catalog.ts'
import { registerKind } from '../../database/catalog/objects.ts'
import type { Transaction, TransactionReader } from '../../database/contract.ts'
import { bsonType, BsonValue, encodeName, fieldsOf, findField } from './bson.ts'
import { documentStart, encodeStored } from './codec.ts'
import { noteFields } from './fields.ts'
import { indexesOf, type DocumentIndex } from './index-definition.ts'
import { indexKeyPrefixes, writeEntry } from './index-keys.ts'
import { writeDocumentKey } from './keys.ts'
import { mongoCode, mongoError } from './mongo-error.ts'
import { checkNesting, maxDocumentBytes } from './validate.ts'
import { describeKey } from './describe-key.ts'

const idName = encodeName('_id')
const key = new KeyWriter()
const entryKey = new KeyWriter()
const emptyDefinition = {}

registerKind<JsonObject>({
  name: 'document',
  model: 'document',
  version: 1,
  decode: (definition) => definition,
  parts: (_, { indexes }) => indexes.map(({ id, name }) => ({ kind: 'index', key: id, name })),
})

/** The namespace, made where there is none: Mongo's databases begin with their first write. */
export function ensureNamespace(transaction: Transaction, name: string): Namespace {
  return transaction.catalog.namespaces.get(name) ?? transaction.createNamespace(name)
}

/** `engine`: of one that is made now. */
export function ensureDocumentCollection(
  transaction: Transaction,
  namespace: string,
  name: string,
  engine?: string,
): Collection {
  return (
    transaction.catalog.findCollection(namespace, name) ??
    transaction.createCollection(ensureNamespace(transaction, namespace), name, 'document', emptyDefinition, engine)
  )
}

/** The `_id` where it lies; throws where the document has none. */
export function idOf(document: Slice): BsonValue {
  const id = new BsonValue()
  if (!findField(document.bytes, document.start, idName, id)) {
    throw new PolylogError('data_corrupted', 'a stored document has no _id')
  }
  return id
}

const idTypeNames = new Map<number, string>([
  [bsonType.array, 'array'],
  [bsonType.regex, 'regex'],
  [bsonType.undefined, 'undefined'],
])

function checkId(id: BsonValue): void {
  const name = idTypeNames.get(id.type)
  if (name !== undefined) {
    throw mongoError(mongoCode.invalidIdField, `The '_id' value cannot be of type ${name}`, 'wrong_type')
  }
  if (id.type !== bsonType.object) return
  const operator = fieldsOf(id).find(([field]) => field.startsWith('$'))?.[0]
  if (operator === undefined) return
  const message = `_id fields may not contain '$'-prefixed fields: ${operator} is not valid for storage.`
  throw mongoError(mongoCode.dollarPrefixedFieldName, message)
}

/** A document by its `_id`: its bytes where they lie, until the next call on the transaction. */
export function findDocument(reader: TransactionReader, collection: Collection, id: BsonValue): Slice | undefined {
  const stored = reader.get(writeDocumentKey(key, collection, id))
  return stored === undefined ? undefined : { bytes: stored.bytes, start: documentStart(stored), end: stored.end }
}

/** `document` is valid BSON with its `_id` first. Throws `unique_violation`. */
export function insertDocument(transaction: Transaction, collection: Collection, document: Slice): void {
  checkStorable(document)
  const id = idOf(document)
  checkId(id)
  writeDocumentKey(key, collection, id)
  transaction.lock(key, 'update')
  if (transaction.get(key) !== undefined) throw duplicateId(collection, id)
  const changes = indexesOf(collection).map((index) => ({
    index,
    added: indexKeyPrefixes(collection, index, document),
    removed: noKeys,
  }))
  checkUnique(transaction, collection, changes, id, document)
  noteFields(transaction, collection, document)
  writeEntries(transaction, changes, id)
  transaction.put(writeDocumentKey(key, collection, id), encodeStored(document))
}

const noKeys: readonly string[] = []

/** Locks a document that is about to be replaced or removed, and answers its newest state. */
export function lockDocument(transaction: Transaction, collection: Collection, id: BsonValue): Slice | undefined {
  transaction.lock(writeDocumentKey(key, collection, id), 'update')
  return findDocument(transaction, collection, id)
}

/** `before` is a copy of the stored document, which is locked; `after` has the same `_id`. Throws `unique_violation`. */
export function replaceDocument(transaction: Transaction, collection: Collection, before: Slice, after: Slice): void {
  checkStorable(after)
  const id = idOf(before)
  const changes = indexesOf(collection).map((index) => changedKeys(collection, index, before, after))
  checkUnique(transaction, collection, changes, id, after)
  noteFields(transaction, collection, after)
  writeEntries(transaction, changes, id)
  transaction.put(writeDocumentKey(key, collection, id), encodeStored(after))
}

/** `document` is a copy of the stored one, which is locked. */
export function removeDocument(transaction: Transaction, collection: Collection, document: Slice): void {
  const id = idOf(document)
  const changes = indexesOf(collection).map((index) => ({
    index,
    added: noKeys,
    removed: indexKeyPrefixes(collection, index, document),
  }))
  writeEntries(transaction, changes, id)
  transaction.delete(writeDocumentKey(key, collection, id))
}

interface EntryChange {
  readonly index: DocumentIndex
  readonly added: readonly string[]
  readonly removed: readonly string[]
}

function changedKeys(collection: Collection, index: DocumentIndex, before: Slice, after: Slice): EntryChange {
  const old = indexKeyPrefixes(collection, index, before)
  const fresh = indexKeyPrefixes(collection, index, after)
  if (old.length === 1 && fresh.length === 1 && old[0] === fresh[0]) return { index, added: noKeys, removed: noKeys }
  const oldSet = new Set(old)
  const freshSet = new Set(fresh)
  return {
    index,
    added: fresh.filter((one) => !oldSet.has(one)),
    removed: old.filter((one) => !freshSet.has(one)),
  }
}

function checkUnique(
  transaction: Transaction,
  collection: Collection,
  changes: readonly EntryChange[],
  id: BsonValue,
  document: Slice,
): void {
  for (const { index, added } of changes) {
    if (!index.unique) continue
    for (const prefix of added) {
      if (isTaken(transaction, prefix, id)) throw duplicateKey(collection, index, document)
    }
  }
}

/** Locks the entry's key, so that two transactions cannot take it at once, and looks whose it is. */
function isTaken(transaction: Transaction, prefix: string, id: BsonValue): boolean {
  const own = copySlice(writeEntry(entryKey, true, prefix, id))
  transaction.lock(entryKey, 'update')
  const holder = transaction.get(entryKey)
  return holder !== undefined && !equalSlices(holder, sliceOf(own))
}

function writeEntries(transaction: Transaction, changes: readonly EntryChange[], id: BsonValue): void {
  for (const { index, added, removed } of changes) {
    for (const prefix of removed) {
      writeEntry(entryKey, index.unique, prefix, id)
      transaction.delete(entryKey, 'derived')
    }
    for (const prefix of added) {
      const value = writeEntry(entryKey, index.unique, prefix, id)
      transaction.put(entryKey, value, 'derived')
    }
  }
}

/** The entries of one document in an index that is being built, checked against those that are there. */
export function indexDocument(
  transaction: Transaction,
  collection: Collection,
  index: DocumentIndex,
  document: Slice,
): void {
  const id = idOf(document)
  const change = { index, added: indexKeyPrefixes(collection, index, document), removed: noKeys }
  checkUnique(transaction, collection, [change], id, document)
  writeEntries(transaction, [change], id)
}

function checkStorable(document: Slice): void {
  checkNesting(document)
  const size = sliceLength(document)
  if (size > maxDocumentBytes) {
    const limit = `the maximum of ${maxDocumentBytes}`
    throw mongoError(mongoCode.documentTooLarge, `a document of ${size} bytes is larger than ${limit}`, 'too_large')
  }
}

function duplicateId(collection: Collection, id: BsonValue): PolylogError {
  return duplicate(collection, '_id_', [['_id', 1, id]])
}

function duplicateKey(collection: Collection, index: DocumentIndex, document: Slice): PolylogError {
  const fields = index.fields.map(({ path, descending }): [string, number, BsonValue] => {
    const value = new BsonValue()
    let { start } = document
    for (const name of path.encoded) {
      if (!findField(document.bytes, start, name, value) || value.type !== bsonType.object) break
      start = value.start
    }
    return [path.text, descending ? -1 : 1, value]
  })
  return duplicate(collection, index.name, fields)
}

function duplicate(
  collection: Collection,
  index: string,
  fields: readonly [string, number, BsonValue][],
): PolylogError {
  const shown = fields.map(([name, , value]) => `${name}: ${describeKey(value)}`).join(', ')
  const name = `${collection.namespace.name}.${collection.name}`
  const message = `E11000 duplicate key error collection: ${name} index: ${index} dup key: { ${shown} }`
  return mongoError(mongoCode.duplicateKey, message, 'unique_violation', {
    collection: collection.name,
    constraint: index,
    keyPattern: fields.map(([path, order]) => [path, order] as const),
    keyValue: fields.map(([path, , value]) => [path, value.copy()] as const),
  })
}
