/** `$sort` and the sort of a query: by sort keys, whose texts are ordered as the documents are. */
import { charge } from '../../base/work.ts'
import { Resumption } from '../../base/resumption.ts'
import type { BsonValue } from '../../model/document/bson.ts'
import { Sort } from '../../query/sort.ts'
import { documentBytes, documentFormat, type Documents, keyFormat } from './documents.ts'
import { sortKey, type SortField } from './sort-order.ts'

/** Of larger documents the keys are made in turns. */
const largeBytes = 64 * 1024

/** Beside what its values charge. */
const unitsPerKey = 500

/** `most` documents are wanted: then few more are ever kept. */
export function sortDocuments(input: Documents, fields: readonly SortField[], most?: number): Documents {
  /** Of the document at hand, which the operator asks about again until it has its key. */
  let begun: Resumption | undefined
  const keyOf = (document: BsonValue): string => {
    charge(unitsPerKey)
    if (documentBytes(document) <= largeBytes) return sortKey(document, fields)
    begun ??= new Resumption()
    const key = begun.run(() => sortKey(document, fields))
    begun = undefined
    return key
  }
  return new Sort(input, {
    format: documentFormat,
    keyFormat,
    keyOf,
    compare: (a, b) => (a < b ? -1 : a > b ? 1 : 0),
    ...(most !== undefined && { keep: () => most }),
  })
}
