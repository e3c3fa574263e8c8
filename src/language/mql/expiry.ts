/** Documents whose time has come by an index with `expireAfterSeconds`: taken away by the server's own transactions. */
import { copySlice } from '../../base/slice.ts'
import { charge } from '../../base/work.ts'
import type { Collection } from '../../database/catalog/catalog.ts'
import type { StatementSteps, Transaction } from '../../database/contract.ts'
import { resumed } from '../../database/transaction/wait.ts'
import { bsonType, BsonValue, fieldsOf } from '../../model/document/bson.ts'
import { inOrderOf } from '../../model/document/collation.ts'
import { idOf } from '../../model/document/document.ts'
import { type DocumentIndex, indexesOf } from '../../model/document/index-definition.ts'
import { dateValue } from '../../model/document/values.ts'
import { StoredDocuments } from '../../query/stored-documents.ts'
import { arrayOf, objectOf } from './expression-contract.ts'
import { compileFilter, type Filter } from './filter.ts'
import { computeAll, type Query } from './query.ts'
import { noVariables } from './scope.ts'

export function expires(collection: Collection): boolean {
  return collection.model === 'document' && indexesOf(collection).some(isExpiring)
}

function isExpiring({ expireAfterSeconds }: DocumentIndex): boolean {
  return expireAfterSeconds !== undefined
}

/** How many went; at most `limit` for each index. Of an array the earliest date counts. */
export function* reclaimDocuments(
  transaction: Transaction,
  collection: Collection,
  nowMs: number,
  limit: number,
): StatementSteps<number> {
  const current = transaction.catalog.collectionById(collection.id)
  if (current === undefined) return 0
  transaction.origin = 'expiry'
  const source = new StoredDocuments(current)
  let gone = 0
  for (const index of indexesOf(current).filter(isExpiring)) {
    const { collation } = index
    const filter = inOrderOf(collation, () => expiredBy(index, nowMs))
    // A hidden index expires as well: what is behind the hint is not asked for it.
    const hint = index.hidden ? undefined : ({ kind: 'name', name: index.name } as const)
    const query: Query = { filter, sort: [], skip: 0, limit, hint, stages: [], collation }
    for (const document of yield* computeAll(query, source, transaction)) {
      charge(unitsPerDocument)
      if (transaction.slice.spend(1)) yield undefined
      const id = idOf(document)
      const steps = yield* resumed(transaction, () => {
        const found = source.lock(transaction, id)
        const locked = found && new BsonValue(bsonType.object, copySlice(found))
        if (locked === undefined || !inOrderOf(collation, () => filter.matches(locked))) return undefined
        gone++
        return source.remove(transaction, locked)
      })
      if (steps !== undefined) yield* steps
    }
  }
  return gone
}

const unitsPerDocument = 2000

function expiredBy({ fields, expireAfterSeconds, partial }: DocumentIndex, nowMs: number): Filter {
  const last = dateValue(BigInt(Math.floor(nowMs) - expireAfterSeconds! * 1000))
  const condition = objectOf([[fields[0]!.path.text, objectOf([['$lte', last]])]])
  const parts = partial === undefined ? [] : [['$and', arrayOf([partial.filter])] as const]
  return compileFilter(objectOf([...parts, ...fieldsOf(condition)]), noVariables)
}
