/**
 * What must hold of a document collection, from its stored bytes: a document is valid BSON, begins with the `_id` that it
 * lies under, has its fields' types in the catalog, and has exactly the entries in each index that `DocumentEntries` gives.
 */
import { equalSlices, sliceLength, sliceToLatin1, type Slice } from '../../base/slice.ts'
import { keyspaceRange, KeyWriter, primaryIndex } from '../../base/tuple.ts'
import type { Collection } from '../../database/catalog/catalog.ts'
import type { StatementSteps } from '../../database/contract.ts'
import {
  eachReadableEntry,
  nameOf,
  type ModelVerifier,
  type Verification,
} from '../../database/verification/verification.ts'
import { bsonTypeName, FieldCursor } from './bson.ts'
import { inPlace } from '../../database/transaction/wait.ts'
import { insertionIndex, insertionKey, insertionRange, readState } from './capped.ts'
import { documentStart, numberIn } from './codec.ts'
import { optionsOf } from './collection-options.ts'
import { idOf } from './document.ts'
import { hasUnnoted, typeFields } from './fields.ts'
import { indexesOf, type DocumentIndex } from './index-definition.ts'
import { DocumentEntries, encodeId } from './index-keys.ts'
import { writeDocumentKey, writeEntryTarget } from './keys.ts'
import { validateDocument } from './validate.ts'

export const documentVerifier: ModelVerifier = {
  indexes(collection) {
    const secondary = collection.indexes.map(({ id, name }): [number, string] => [id, name])
    const insertions: [number, string][] =
      optionsOf(collection).capped === undefined ? [] : [[insertionIndex, '$natural']]
    return new Map([...insertions, [primaryIndex, '_id_'], ...secondary])
  },
  *verify(verification, collection) {
    const where = nameOf(collection)
    yield* eachReadableEntry(verification, { where }, keyspaceRange(collection.id, primaryIndex), (key, value) => {
      checkDocument(verification, collection, key, value)
    })
    for (const index of indexesOf(collection)) yield* verifyEntries(verification, collection, index)
    if (optionsOf(collection).capped !== undefined) yield* verifyInsertions(verification, collection)
  },
}

const targetWriter = new KeyWriter()

function documentOf(stored: Slice): Slice {
  return { bytes: stored.bytes, start: documentStart(stored), end: stored.end }
}

function checkDocument(verification: Verification, collection: Collection, key: Slice, value: Slice): void {
  const at = { where: nameOf(collection), key }
  const number = numberIn(value)
  if ((number !== undefined) !== (optionsOf(collection).capped !== undefined)) {
    verification.report('different', at, 'a document has a number in capped collections, and in no others')
  } else if (number !== undefined) {
    const found = verification.transaction.get(insertionKey(targetWriter, collection, number))
    if (found === undefined) verification.report('missing', at, 'the document has no entry for its insertion')
  }
  const document = documentOf(value)
  if (validateDocument(document.bytes, document.start, document.end) !== document.end) {
    return verification.report('unreadable', at, 'there are bytes after the document')
  }
  const id = idOf(document)
  if (!equalSlices(writeDocumentKey(targetWriter, collection, id), key)) {
    verification.report('different', at, 'the document has another _id than the one it lies under')
  }
  checkFields(verification, collection, key, document)
  for (const index of indexesOf(collection)) {
    const entries = new DocumentEntries(collection, index, document, encodeId(collection, id))
    while (entries.next()) {
      const of = { where: nameOf(collection), index: index.name, key: entries.key }
      const found = verification.transaction.get(entries.key)
      if (found === undefined) verification.report('missing', of, 'a document has no entry')
      else if (!equalSlices(found, entries.value)) {
        const message = index.unique ? 'the entry leads to another document' : 'the entry has a wrong value'
        verification.report('different', of, message)
      }
    }
  }
}

function checkFields(verification: Verification, collection: Collection, key: Slice, document: Slice): void {
  const at = { where: nameOf(collection), key }
  const cursor = FieldCursor.of(document)
  const isComplete = !hasUnnoted(collection.fields)
  for (let isFirst = true; cursor.next(); isFirst = false) {
    const type = bsonTypeName(cursor.value.type)
    if (isFirst && cursor.name !== '_id')
      verification.report('different', at, 'the document does not begin with its _id')
    if (!isComplete || typeFields(collection.fields, cursor.name).has(type)) continue
    verification.report('missing', at, `the catalog does not know that "${cursor.name}" may be of type ${type}`)
  }
}

/** Each insertion leads to a document with its number, and the state counts them. */
function* verifyInsertions(verification: Verification, collection: Collection): StatementSteps<void> {
  const { transaction } = verification
  const at = { where: nameOf(collection), index: '$natural' }
  let [documents, bytes, newest] = [0, 0, 0]
  yield* eachReadableEntry(verification, at, insertionRange(collection), (key, value) => {
    targetWriter.begin(collection.id, primaryIndex).slice(value)
    const stored = transaction.get(targetWriter)
    if (stored === undefined) return verification.report('extra', { ...at, key }, 'the entry leads to no document')
    const number = numberIn(stored)
    if (number === undefined || !equalSlices(insertionKey(targetWriter, collection, number), key)) {
      return verification.report('different', { ...at, key }, 'the document has another number')
    }
    documents++
    bytes += sliceLength(documentOf(stored))
    newest = number
  })
  const state = yield* inPlace(transaction, () => readState(transaction, collection))
  if (state.documents !== documents || state.bytes !== bytes || state.newest < newest) {
    verification.report('different', at, `the state counts ${state.documents} documents of ${state.bytes} bytes`)
  }
}

/** Each entry must be one that the document it leads to gives. */
function verifyEntries(verification: Verification, collection: Collection, index: DocumentIndex): StatementSteps<void> {
  const at = { where: nameOf(collection), index: index.name }
  const entriesOf = recentEntries(collection, index)
  return eachReadableEntry(verification, at, keyspaceRange(collection.id, index.id), (key, value) => {
    writeEntryTarget(targetWriter, collection, index.unique, key, value)
    const stored = verification.transaction.get(targetWriter)
    if (stored === undefined) return verification.report('extra', { ...at, key }, 'the entry leads to no document')
    const isItsOwn = entriesOf(sliceToLatin1(targetWriter), documentOf(stored)).has(sliceToLatin1(key))
    if (!isItsOwn) verification.report('extra', { ...at, key }, 'the entry leads to a document with other values')
  })
}

/** The keys of a document's entries. Of some the last ones looked at are kept, since all of their entries ask. */
function recentEntries(collection: Collection, index: DocumentIndex) {
  const kept = new Map<string, ReadonlySet<string>>()
  return (target: string, document: Slice): ReadonlySet<string> => {
    const known = kept.get(target)
    if (known !== undefined) return known
    const entries = new DocumentEntries(collection, index, document, encodeId(collection, idOf(document)))
    const keys = new Set<string>()
    while (entries.next()) keys.add(sliceToLatin1(entries.key))
    if (kept.size >= mostKept) kept.clear()
    kept.set(target, keys)
    return keys
  }
}

const mostKept = 16
