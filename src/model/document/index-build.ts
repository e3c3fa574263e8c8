/** Makes an index over the documents that are there. */
import { sliceOf, copySlice } from '../../base/slice.ts'
import { keyspaceRange, primaryIndex } from '../../base/tuple.ts'
import type { Collection, Index, JsonObject } from '../../database/catalog/catalog.ts'
import type { StatementSteps, Transaction } from '../../database/contract.ts'
import { documentStart } from './codec.ts'
import { indexDocument } from './document.ts'
import { advance, inPlace, toItsEnd } from '../../database/transaction/wait.ts'
import { compileIndex } from './index-definition.ts'

export interface NewIndex {
  readonly name: string
  readonly unique: boolean
  /** As `indexDefinition` makes it. */
  readonly definition: JsonObject
}

/** Throws `unique_violation` for two documents with the same key. Pauses while it runs. */
export function* createDocumentIndex(
  transaction: Transaction,
  collection: Collection,
  wanted: NewIndex,
): StatementSteps<Index> {
  const index = yield* inPlace(transaction, () => transaction.createIndex(collection, wanted))
  const compiled = compileIndex(index)
  const changed = transaction.catalog.collectionById(collection.id)!
  const cursor = transaction.scan(keyspaceRange(collection.id, primaryIndex))
  for (let found = advance(transaction, cursor); found !== false; found = advance(transaction, cursor)) {
    if (found !== true) {
      yield found
      continue
    }
    const copy = sliceOf(copySlice(cursor.value))
    const stored = { ...copy, start: documentStart(copy) }
    yield* toItsEnd(transaction, () => indexDocument(transaction, changed, compiled, stored))
    if (transaction.slice.spend(1)) yield undefined
  }
  return index
}
