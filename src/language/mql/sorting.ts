/** `$sort` and the sort of a query: by sort keys, whose texts are ordered as the documents are. */
import type { BsonValue } from '../../model/document/bson.ts'
import { Sort } from '../../query/sort.ts'
import { documentFormat, type Documents, keyFormat } from './documents.ts'
import { sortKey, type SortField } from './sort-order.ts'

/** `most` documents are wanted: then few more are ever kept. */
export function sortDocuments(input: Documents, fields: readonly SortField[], most?: number): Documents {
  return new Sort(input, {
    format: documentFormat,
    keyFormat,
    keyOf: (document: BsonValue) => sortKey(document, fields),
    compare: (a, b) => (a < b ? -1 : a > b ? 1 : 0),
    ...(most !== undefined && { keep: () => most }),
  })
}
