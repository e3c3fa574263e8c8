/**
 * The top-level fields that a collection's documents have ever had, with their types: SQL's columns, and what tells the
 * planner where no arrays are. The transaction that first writes a field notes it; nothing forgets one.
 */
import type { Slice } from '../../base/slice.ts'
import type { Collection } from '../../database/catalog.ts'
import type { Transaction } from '../../database/contract.ts'
import { bsonTypeName, FieldCursor } from './bson.ts'

export type FieldTypes = ReadonlyMap<string, ReadonlySet<string>>

const none: ReadonlySet<string> = new Set()

export function typeFields(fields: FieldTypes, name: string): ReadonlySet<string> {
  return fields.get(name) ?? none
}

export function noteFields(transaction: Transaction, collection: Collection, document: Slice): void {
  const cursor = FieldCursor.of(document)
  const { fields } = collection
  while (cursor.next()) {
    const { name } = cursor
    const type = bsonTypeName(cursor.value.type)
    if (fields.get(name)?.has(type) !== true) transaction.widenCollection(collection, name, type)
  }
}
