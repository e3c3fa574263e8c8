/**
 * What a transaction has changed, as rows: of a table its rows, of a collection its documents, of Redis's data the keys and
 * what is in them, under the names by which SQL reads them.
 *
 * An image of a row is what it showed at that time, with the columns of that time.
 */
import { copySlice, type Slice, sliceOf } from '../base/slice.ts'
import { primaryIndex } from '../base/tuple.ts'
import { KeyReader } from '../base/tuple-reader.ts'
import type { Collection } from '../database/catalog/catalog.ts'
import type { Transaction } from '../database/contract.ts'
import type { KeyChange } from '../database/history/change-walk.ts'
import { bsonType, BsonValue } from '../model/document/bson.ts'
import { documentStart } from '../model/document/codec.ts'
import { idOf } from '../model/document/document-id.ts'
import { Table } from '../model/table/table.ts'
import { isTable } from '../model/table/table-kind.ts'
import { changedEntries, type GenerationNames } from './changed-entries.ts'
import { documentToJsonb } from './document-json.ts'
import type { RelationColumn } from './relation.ts'
import { TableRelation } from './table-relation.ts'
import type { SqlValue } from '../model/table/types/value.ts'

/** Of the columns of a row; or of a document its jsonb. */
export type RowImage =
  | {
      readonly columns: readonly Pick<RelationColumn, 'name' | 'type' | 'number'>[]
      readonly values: readonly SqlValue[]
    }
  | { readonly document: string }

export interface ChangedRow {
  readonly collection: Collection
  readonly schema: string
  readonly name: string
  /** What names the row in its relation: the whole row where it has no key. */
  readonly key: RowImage
  /** Undefined: it was not there. */
  readonly before: RowImage | undefined
  readonly after: RowImage | undefined
}

/** None where the key holds nothing that is a row. May throw a miss. */
export async function changedRows(change: KeyChange, names: GenerationNames): Promise<readonly ChangedRow[]> {
  const then = change.before.catalog.collectionById(change.collection)
  const now = change.after.catalog.collectionById(change.collection)
  const collection = now ?? then
  if (collection === undefined) return []
  if (collection.model === 'keyvalue') return changedEntries(collection, change, names)
  if (!isRowKey(change.key)) return []
  const imageOf = collection.model === 'document' ? documentImage : isTable(collection) ? rowImage : undefined
  if (imageOf === undefined) return []
  const before = then && imageOf(then, change.before, change.key)
  const after = now && imageOf(now, change.after, change.key)
  const named = after ?? before
  if (named === undefined) return []
  const { namespace, name } = collection
  return [{ collection, schema: namespace.name, name, key: named.key, before: before?.image, after: after?.image }]
}

/** Of a table or of documents: beside rows there may be others, as the state of a capped collection. */
export function isRowKey(key: Slice): boolean {
  const reader = new KeyReader(key)
  reader.orderedVarint()
  return reader.orderedVarint() === primaryIndex
}

interface Named {
  readonly key: RowImage
  readonly image: RowImage
}

function rowImage(collection: Collection, transaction: Transaction, key: Slice): Named | undefined {
  const relation = TableRelation.of(Table.of(collection))
  const values = relation.reader().findByKey!({ transaction }, copySlice(key))
  if (values === undefined) return undefined
  const image = { columns: relation.columns, values }
  const { primaryKey } = relation.table
  if (primaryKey === undefined) return { key: image, image }
  const ordinals = primaryKey.map(({ column }) => column.ordinal)
  const columns = ordinals.map((ordinal) => relation.columns[ordinal]!)
  return { key: { columns, values: ordinals.map((ordinal) => values[ordinal]!) }, image }
}

const jsonb = 3802

function documentImage(_: Collection, transaction: Transaction, key: Slice): Named | undefined {
  const stored = transaction.get(key)
  if (stored === undefined) return undefined
  const document = sliceOf(stored.bytes.slice(documentStart(stored), stored.end))
  const whole = new BsonValue(bsonType.object, document.bytes, document.start, document.end)
  const id = { columns: [{ name: '_id', type: jsonb, number: 1 }], values: [documentToJsonb(idOf(document))] }
  return { key: id, image: { document: documentToJsonb(whole) } }
}
