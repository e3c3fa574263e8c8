/**
 * The document model: collections of BSON documents, keyed by `_id`, with secondary indexes.
 *
 * Writers go through here and nowhere else, whichever door they come from. Each write locks the document's key before it
 * reads, checks every unique index before it writes anything, and notes top-level fields for SQL. So a write that throws
 * has changed nothing, and a caller may catch a unique violation and go on in the same statement.
 *
 * A document of 16 MB may have a million entries. So a write answers the steps that are left of it, which the caller takes
 * in its statement; a small one is done when it answers (`WriteSteps`).
 *
 * Invariants: a stored document is valid BSON and begins with its `_id`; the entries of each index are exactly
 * `DocumentEntries` of the stored documents.
 */
import { sliceLength, type Slice } from '../../base/slice.ts'
import { KeyWriter } from '../../base/tuple.ts'
import type { PolylogError } from '../../base/errors.ts'
import { charge, isTurnOver } from '../../base/work.ts'
import { privilege } from '../../database/access/privileges.ts'
import type { Collection, JsonObject, Namespace } from '../../database/catalog/catalog.ts'
import { registerKind } from '../../database/catalog/objects.ts'
import type { StatementSteps, Transaction, TransactionReader } from '../../database/contract.ts'
import { asOneBatch, inPlace } from '../../database/transaction/wait.ts'
import { bsonType, BsonValue, fieldsOf, findField } from './bson.ts'
import { admit, type CappedState, dismiss, lockState, numberAll, putInsertion, resize } from './capped.ts'
import { documentStart, encodeStored, numberIn } from './codec.ts'
import { noteInsert, noteRemove, noteReplace, noteSchema } from './change-notes.ts'
import { optionsOf, validate } from './collection-options.ts'
import { idOf } from './document-id.ts'
import { EntryWrites } from './entry-writes.ts'
import { noteFields } from './fields.ts'
import { indexesOf, type DocumentIndex } from './index-definition.ts'
import { writeDocumentKey } from './keys.ts'
import { mongoCode, mongoError } from './mongo-error.ts'
import { maxDocumentBytes, NestingCheck } from './validate.ts'
import { describeKey } from './describe-key.ts'

export { idOf } from './document-id.ts'

const key = new KeyWriter()
const emptyDefinition = {}

registerKind<JsonObject>({
  name: 'document',
  model: 'document',
  version: 1,
  decode: (definition) => definition,
  parts: (_, { indexes }) => indexes.map(({ id, name }) => ({ kind: 'index', key: id, name })),
})

/** The namespace, made where there is none: Mongo's databases begin with their first write, and belong to nobody. */
export function ensureNamespace(transaction: Transaction, name: string): Namespace {
  return transaction.catalog.namespaces.get(name) ?? transaction.createNamespace(name, false)
}

/** `engine`: of one that is made now. */
export function ensureDocumentCollection(
  transaction: Transaction,
  namespace: string,
  name: string,
  engine?: string,
): Collection {
  const found = transaction.catalog.findCollection(namespace, name)
  if (found !== undefined) return found
  const home = ensureNamespace(transaction, namespace)
  const made = transaction.createCollection(home, name, 'document', emptyDefinition, engine)
  noteSchema(transaction, 'create', namespace, made, (writer) => {
    writer.beginObject('operationDescription').beginObject('idIndex').int32('v', 2)
    writer.beginObject('key').int32('_id', 1).end().string('name', '_id_').end().end()
  })
  return made
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

/** What is left of a write, for its caller to carry out; undefined: it is done. */
export type WriteSteps = StatementSteps<void> | undefined

/** Of the document, for each index that it may be in: what is smaller is written in one batch. */
const smallBytes = 16 * 1024

type Write = (work: EntryWrites, pauses: boolean) => StatementSteps<void>

/**
 * In steps where there may be much to do. Of a small write the steps are taken at once, by the caller's batch, which is run
 * again where they have to wait.
 */
function written(
  transaction: Transaction,
  collection: Collection,
  document: Slice,
  sizeBytes: number,
  write: Write,
): WriteSteps {
  const pauses = sizeBytes * (1 + collection.indexes.length) > smallBytes
  const entries = new EntryWrites(transaction, collection, idOf(document), pauses)
  if (pauses) return closing(entries, write)
  // Nothing is charged for a small one.
  asOneBatch(write(entries, false))
  return undefined
}

function* closing(entries: EntryWrites, write: Write): StatementSteps<void> {
  try {
    yield* write(entries, true)
  } finally {
    entries.close()
  }
}

/** `document` is valid BSON with its `_id` first. Throws `unique_violation`, at once or in a step. */
export function insertDocument(transaction: Transaction, collection: Collection, document: Slice): WriteSteps {
  const write: Write = (entries, pauses) => insertSteps(transaction, collection, document, entries, pauses)
  return written(transaction, collection, document, sliceLength(document), write)
}

// A generator function of the module: one that is made anew for each write costs as much as the write of an entry.
function* insertSteps(
  transaction: Transaction,
  collection: Collection,
  document: Slice,
  entries: EntryWrites,
  pauses: boolean,
): StatementSteps<void> {
  const id = idOf(document)
  checkId(id)
  yield* storable(document, pauses)
  validate(transaction, collection, document, undefined)
  const isNew = (): boolean => {
    transaction.lock(writeDocumentKey(key, collection, id), 'update')
    return transaction.get(key) === undefined
  }
  if (!(yield* settled(transaction, pauses, isNew))) throw duplicateId(collection, id)
  const { capped } = optionsOf(collection)
  const state = capped && (yield* settled(transaction, pauses, () => roomFor(transaction, collection, document)))
  const indexes = indexesOf(collection)
  yield* checkAll(entries, collection, indexes, document)
  yield* noteFields(transaction, collection, document, pauses)
  for (const index of indexes) yield* entries.put(index, document)
  yield* putDocument(transaction, collection, id, document, pauses, state && state.newest + 1)
  if (state !== undefined) {
    const remove = (gone: Slice): StatementSteps<void> => evict(transaction, collection, gone, pauses)
    yield* admit(transaction, collection, state, document, id, pauses, remove)
  }
  yield* noted(transaction, pauses, () => noteInsert(transaction, collection, document))
}

/** The state of a capped collection, locked. */
function roomFor(transaction: Transaction, collection: Collection, document: Slice): CappedState {
  const { sizeBytes } = optionsOf(collection).capped!
  if (sliceLength(document) > sizeBytes) {
    throw mongoError(mongoCode.badValue, `the document is larger than the capped collection: ${sizeBytes} bytes`)
  }
  return lockState(transaction, collection)
}

function numberOf(transaction: Transaction, collection: Collection, document: Slice): number {
  return numberIn(transaction.get(writeDocumentKey(key, collection, idOf(document)))!)!
}

/** Of a document that makes room. */
function* evict(
  transaction: Transaction,
  collection: Collection,
  document: Slice,
  pauses: boolean,
): StatementSteps<void> {
  const entries = new EntryWrites(transaction, collection, idOf(document), pauses)
  try {
    yield* takeAway(transaction, collection, document, entries)
  } finally {
    entries.close()
  }
}

/** The documents that are there get their numbers in the order of their `_id`. The collection has its cap. */
export function* makeCapped(transaction: Transaction, collection: Collection): StatementSteps<void> {
  function* put(document: Slice, number: number): StatementSteps<void> {
    yield* inPlace(transaction, () => putInsertion(transaction, collection, number, idOf(document)))
    yield* putDocument(transaction, collection, idOf(document), document, true, number)
  }
  yield* numberAll(transaction, collection, put, (gone) => evict(transaction, collection, gone, true))
}

/** Locks a document that is about to be replaced or removed, and answers its newest state. */
export function lockDocument(transaction: Transaction, collection: Collection, id: BsonValue): Slice | undefined {
  transaction.lock(writeDocumentKey(key, collection, id), 'update')
  return findDocument(transaction, collection, id)
}

/** `before` is a copy of the stored document, which is locked; `after` has the same `_id`. Throws `unique_violation`. */
export function replaceDocument(
  transaction: Transaction,
  collection: Collection,
  before: Slice,
  after: Slice,
): WriteSteps {
  const sizeBytes = Math.max(sliceLength(before), sliceLength(after))
  const write: Write = (entries, pauses) => replaceSteps(transaction, collection, before, after, entries, pauses)
  return written(transaction, collection, before, sizeBytes, write)
}

function* replaceSteps(
  transaction: Transaction,
  collection: Collection,
  before: Slice,
  after: Slice,
  entries: EntryWrites,
  pauses: boolean,
): StatementSteps<void> {
  yield* storable(after, pauses)
  validate(transaction, collection, after, before)
  const changed: DocumentIndex[] = []
  for (const index of indexesOf(collection)) {
    if (yield* entries.gatherBefore(index, before, after)) changed.push(index)
  }
  yield* checkAll(entries, collection, changed, after)
  yield* noteFields(transaction, collection, after, pauses)
  for (const index of changed) yield* entries.put(index, after)
  const number = yield* settled(transaction, pauses, () => {
    if (optionsOf(collection).capped === undefined) return undefined
    const found = numberOf(transaction, collection, before)
    resize(transaction, collection, sliceLength(after) - sliceLength(before))
    return found
  })
  yield* putDocument(transaction, collection, idOf(before), after, pauses, number)
  yield* noted(transaction, pauses, () => noteReplace(transaction, collection, before, after))
}

/** `document` is a copy of the stored one, which is locked. */
export function removeDocument(transaction: Transaction, collection: Collection, document: Slice): WriteSteps {
  const write: Write = (entries, pauses) => removeSteps(transaction, collection, document, entries, pauses)
  return written(transaction, collection, document, sliceLength(document), write)
}

function* removeSteps(
  transaction: Transaction,
  collection: Collection,
  document: Slice,
  entries: EntryWrites,
  pauses: boolean,
): StatementSteps<void> {
  if (optionsOf(collection).capped !== undefined) {
    const number = yield* settled(transaction, pauses, () => {
      lockState(transaction, collection)
      return numberOf(transaction, collection, document)
    })
    dismiss(transaction, collection, number, document)
  }
  yield* takeAway(transaction, collection, document, entries)
  noteRemove(transaction, collection, document)
}

function* takeAway(
  transaction: Transaction,
  collection: Collection,
  document: Slice,
  entries: EntryWrites,
): StatementSteps<void> {
  for (const index of indexesOf(collection)) yield* entries.remove(index, document)
  transaction.delete(writeDocumentKey(key, collection, idOf(document)))
}

/** Of a large document a turn of its own. */
function* noted(transaction: Transaction, pauses: boolean, note: () => void): StatementSteps<void> {
  if (!transaction.services.areChangesNoted) return
  if (pauses && transaction.slice.spend(1)) yield undefined
  note()
}

/** The entries of one document in an index that is being built, checked against those that are there. */
export function indexDocument(
  transaction: Transaction,
  collection: Collection,
  index: DocumentIndex,
  document: Slice,
): WriteSteps {
  return written(transaction, collection, document, sliceLength(document), function* (entries) {
    yield* checkAll(entries, collection, [index], document, mayShow(transaction, collection))
    yield* entries.put(index, document)
  })
}

function* checkAll(
  entries: EntryWrites,
  collection: Collection,
  indexes: readonly DocumentIndex[],
  document: Slice,
  shows = true,
): StatementSteps<void> {
  for (const index of indexes) {
    if (!index.unique && index.fields.length === 1 && !index.isHashed) continue
    yield* entries.check(index, document, () => duplicateKey(collection, index, shows ? document : undefined))
  }
}

/** Of documents that others have written. */
function mayShow({ principal }: Transaction, collection: Collection): boolean {
  return (principal.rights.onCollection(collection) & privilege.read) !== 0
}

/** The answer of what may wait, and changes nothing. */
function* settled<T>(transaction: Transaction, pauses: boolean, ask: () => T): StatementSteps<T> {
  if (!pauses) return ask()
  return yield* inPlace(transaction, ask)
}

/** A large one is copied twice, in turns of their own. */
function* putDocument(
  transaction: Transaction,
  collection: Collection,
  id: BsonValue,
  document: Slice,
  pauses: boolean,
  number?: number,
): StatementSteps<void> {
  const stored = encodeStored(document, number)
  charge(sliceLength(document))
  if (pauses && transaction.slice.spend(1)) yield undefined
  transaction.put(writeDocumentKey(key, collection, id), stored)
  charge(sliceLength(document))
  if (pauses && transaction.slice.spend(1)) yield undefined
}

function* storable(document: Slice, pauses: boolean): StatementSteps<void> {
  const size = sliceLength(document)
  if (size > maxDocumentBytes) {
    const limit = `the maximum of ${maxDocumentBytes}`
    throw mongoError(mongoCode.documentTooLarge, `a document of ${size} bytes is larger than ${limit}`, 'too_large')
  }
  const nesting = new NestingCheck(document)
  while (!nesting.step()) if (pauses && isTurnOver()) yield undefined
}

function duplicateId(collection: Collection, id: BsonValue): PolylogError {
  return duplicate(collection, '_id_', [['_id', 1, id]])
}

/** Without the document: to who may not see its values. */
function duplicateKey(collection: Collection, index: DocumentIndex, document: Slice | undefined): PolylogError {
  if (document === undefined) return duplicate(collection, index.name, undefined)
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
  fields: readonly [string, number, BsonValue][] | undefined,
): PolylogError {
  const name = `${collection.namespace.name}.${collection.name}`
  const where = `E11000 duplicate key error collection: ${name} index: ${index}`
  if (fields === undefined) {
    const detail = { collection: collection.name, constraint: index }
    return mongoError(mongoCode.duplicateKey, where, 'unique_violation', detail)
  }
  const shown = fields.map(([path, , value]) => `${path}: ${describeKey(value)}`).join(', ')
  const message = `${where} dup key: { ${shown} }`
  return mongoError(mongoCode.duplicateKey, message, 'unique_violation', {
    collection: collection.name,
    constraint: index,
    keyPattern: fields.map(([path, order]) => [path, order] as const),
    keyValue: fields.map(([path, , value]) => [path, value.copy()] as const),
  })
}
