/**
 * The top-level fields that a collection's documents have ever had, with their types: SQL's columns, and what tells the
 * planner where no arrays are. The transaction that first writes a field notes it; nothing forgets one.
 *
 * Names that are data (a document with a field for each user) would fill the catalog: of a collection at most `mostFields`
 * names are noted, and of a document the first `mostLookedAt` fields are looked at. Where there was more, the catalog has
 * one entry that says so (`hasUnnoted`): then any field may hold anything, and those that are no columns are in `doc`.
 */
import type { Slice } from '../../base/slice.ts'
import type { Collection } from '../../database/catalog/catalog.ts'
import { charge } from '../../base/work.ts'
import type { StatementSteps, Transaction } from '../../database/contract.ts'
import { bsonTypeName, FieldCursor } from './bson.ts'

export type FieldTypes = ReadonlyMap<string, ReadonlySet<string>>

/** As many as a table of PostgreSQL may have columns. */
export const mostFields = 1600
const mostLookedAt = 2 * mostFields

/** No field has this name: those of BSON hold no zero byte. */
const unnoted = '\0'

const none: ReadonlySet<string> = new Set()

export function typeFields(fields: FieldTypes, name: string): ReadonlySet<string> {
  return fields.get(name) ?? none
}

/** Whether documents may have had fields, or types of fields, that are not noted. */
export function hasUnnoted(fields: FieldTypes): boolean {
  return fields.has(unnoted)
}

export function notedNames(fields: FieldTypes): string[] {
  return [...fields.keys()].filter((name) => name !== unnoted)
}

/** Goes through the fields once; `pauses`: in steps, since each that is new changes the catalog. */
export function* noteFields(
  transaction: Transaction,
  collection: Collection,
  document: Slice,
  pauses: boolean,
): StatementSteps<void> {
  const cursor = FieldCursor.of(document)
  const { fields } = collection
  for (let left = mostLookedAt; cursor.next(); left--) {
    if (left === 0) return noteUnnoted(transaction, collection)
    const { name } = cursor
    const type = bsonTypeName(cursor.value.type)
    if (fields.get(name)?.has(type) === true) continue
    noteField(transaction, collection, name, type)
    charge(unitsPerNew)
    if (pauses && transaction.slice.spend(1)) yield undefined
  }
}

const unitsPerNew = 20_000

function noteField(transaction: Transaction, collection: Collection, name: string, type: string): void {
  // What this transaction has noted already counts.
  const { fields } = transaction.catalog.collectionById(collection.id) ?? collection
  if (fields.has(name) || fields.size < mostFields) transaction.widenCollection(collection, name, type)
  else noteUnnoted(transaction, collection)
}

function noteUnnoted(transaction: Transaction, collection: Collection): void {
  if (!hasUnnoted(collection.fields)) transaction.widenCollection(collection, unnoted, 'any')
}
