/**
 * Capped collections: documents in the order in which they were inserted, of which the oldest go when there are too many.
 *
 *   state         (collection, 0, null)     → varints: documents, their bytes, the number of the newest
 *   insertion     (collection, 0, number)   → the _id element of the document with this number
 *
 * A document is stored with its number (`codec.ts`). Who inserts holds the state's lock to the end of its transaction, so
 * numbers are committed in their order: who has read up to one misses none below it.
 *
 * Invariants: the state says what the documents are; each document has one entry, under its number.
 */
import { ByteReader, ByteWriter } from '../../base/bytes.ts'
import { copySlice, type KeyRange, type Slice, sliceLength, sliceOf, sliceToLatin1 } from '../../base/slice.ts'
import { keyspaceRange, KeyWriter, primaryIndex } from '../../base/tuple.ts'
import type { Collection } from '../../database/catalog/catalog.ts'
import type { StatementSteps, Transaction, TransactionReader } from '../../database/contract.ts'
import { advance, inPlace } from '../../database/transaction/wait.ts'
import type { BsonValue } from './bson.ts'
import { documentStart, numberIn } from './codec.ts'
import { type Cap, collationOf, optionsOf } from './collection-options.ts'
import { writeKeyElement } from './order.ts'

/** The index of what is here. */
export const insertionIndex = 0

const key = new KeyWriter()
const value = new ByteWriter(64)

export interface CappedState {
  readonly documents: number
  readonly bytes: number
  readonly newest: number
}

const noState: CappedState = { documents: 0, bytes: 0, newest: 0 }

export function stateKey(writer: KeyWriter, { id }: Pick<Collection, 'id'>): KeyWriter {
  return writer.begin(id, insertionIndex).nullFirst()
}

export function insertionKey(writer: KeyWriter, { id }: Pick<Collection, 'id'>, number: number): KeyWriter {
  return writer.begin(id, insertionIndex).int64(number)
}

/** Of the insertions behind `from`. */
export function insertionRange({ id }: Pick<Collection, 'id'>, from = 0): KeyRange {
  const start = new KeyWriter(16)
    .begin(id, insertionIndex)
    .int64(from + 1)
    .toBytes()
  return { start: sliceOf(start), end: keyspaceRange(id, insertionIndex).end }
}

export function readState(reader: TransactionReader, collection: Collection): CappedState {
  const stored = reader.get(stateKey(key, collection))
  if (stored === undefined) return noState
  const from = new ByteReader(stored.bytes, stored.start, stored.end)
  return { documents: from.varint(), bytes: from.varint(), newest: from.varint() }
}

function writeState(transaction: Transaction, collection: Collection, state: CappedState): void {
  value.reset()
  for (const number of [state.documents, state.bytes, state.newest]) value.varint(number)
  transaction.put(stateKey(key, collection), value)
}

/** The state, locked. */
export function lockState(transaction: Transaction, collection: Collection): CappedState {
  transaction.lock(stateKey(key, collection), 'update')
  return readState(transaction, collection)
}

/** Takes a document away, with all of its entries. */
export type Remove = (document: Slice) => StatementSteps<void>

/**
 * Of a document that was put under `state`'s next number: its entry, and room for it. `pauses`: else waits are thrown, for
 * a batch that is run again.
 */
export function* admit(
  transaction: Transaction,
  collection: Collection,
  state: CappedState,
  document: Slice,
  id: BsonValue,
  pauses: boolean,
  remove: Remove,
): StatementSteps<void> {
  const newest = state.newest + 1
  putInsertion(transaction, collection, newest, id)
  const grown = { documents: state.documents + 1, bytes: state.bytes + sliceLength(document), newest }
  writeState(transaction, collection, yield* shrunk(transaction, collection, grown, pauses, remove))
}

export function putInsertion(transaction: Transaction, collection: Collection, number: number, id: BsonValue): void {
  const element = new KeyWriter(32)
  writeKeyElement(element, id, collationOf(collection))
  transaction.put(insertionKey(key, collection, number), element, 'derived')
}

function isTooMuch(
  { documents, bytes }: Pick<CappedState, 'documents' | 'bytes'>,
  { sizeBytes, documents: most }: Cap,
): boolean {
  return documents > 1 && (bytes > sizeBytes || (most !== undefined && documents > most))
}

function* shrunk(
  transaction: Transaction,
  collection: Collection,
  before: CappedState,
  pauses: boolean,
  remove: Remove,
): StatementSteps<CappedState> {
  const { capped } = optionsOf(collection)
  let { documents, bytes } = before
  // What is gone already is not passed again and again.
  let gone = 0
  while (isTooMuch({ documents, bytes }, capped!)) {
    if (pauses && transaction.slice.spend(1)) yield undefined
    const from = gone
    const take = (): Oldest => oldestOf(transaction, collection, from)
    const { document, number } = pauses ? yield* inPlace(transaction, take) : take()
    yield* remove(document)
    transaction.delete(insertionKey(key, collection, number), 'derived')
    gone = number
    documents--
    bytes -= sliceLength(document)
  }
  return { ...before, documents, bytes }
}

interface Oldest {
  readonly number: number
  /** A copy. */
  readonly document: Slice
}

/** Behind `from`. */
function oldestOf(transaction: Transaction, collection: Collection, from: number): Oldest {
  const cursor = transaction.scan(insertionRange(collection, from))
  cursor.next()
  const target = new KeyWriter().begin(collection.id, primaryIndex)
  target.slice(cursor.value)
  const stored = transaction.get(target)!
  const number = numberIn(stored)!
  return { number, document: copyOfDocument(stored) }
}

function copyOfDocument(stored: Slice): Slice {
  return sliceOf(copySlice({ bytes: stored.bytes, start: documentStart(stored), end: stored.end }))
}

/** What was written in place of a document: it keeps its number. */
export function resize(transaction: Transaction, collection: Collection, byBytes: number): void {
  if (byBytes === 0) return
  const state = lockState(transaction, collection)
  writeState(transaction, collection, { ...state, bytes: state.bytes + byBytes })
}

/** Of a document that is about to be removed. */
export function dismiss(transaction: Transaction, collection: Collection, number: number, document: Slice): void {
  const state = lockState(transaction, collection)
  transaction.delete(insertionKey(key, collection, number), 'derived')
  const bytes = state.bytes - sliceLength(document)
  writeState(transaction, collection, { ...state, documents: state.documents - 1, bytes })
}

/** The key of the newest insertion, as latin1; undefined: there is no document. */
export function newestInsertion(transaction: Transaction, collection: Collection): string | undefined {
  const cursor = transaction.scan(insertionRange(collection), { reverse: true })
  return cursor.next() ? sliceToLatin1(cursor.key) : undefined
}

/** Of a collection that becomes a capped one: `put` stores a document with its number. */
export function* numberAll(
  transaction: Transaction,
  collection: Collection,
  put: (document: Slice, number: number) => StatementSteps<void>,
  remove: Remove,
): StatementSteps<void> {
  const cursor = transaction.scan(keyspaceRange(collection.id, primaryIndex))
  let state = noState
  for (let found = advance(transaction, cursor); found !== false; found = advance(transaction, cursor)) {
    if (found !== true) {
      yield found
      continue
    }
    const document = copyOfDocument(cursor.value)
    const newest = state.newest + 1
    yield* put(document, newest)
    state = { documents: state.documents + 1, bytes: state.bytes + sliceLength(document), newest }
    if (transaction.slice.spend(1)) yield undefined
  }
  const left = yield* shrunk(transaction, collection, state, true, remove)
  yield* inPlace(transaction, () => writeState(transaction, collection, left))
}
