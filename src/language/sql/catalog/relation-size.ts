/**
 * pg_table_size and its kin: what relations take, in bytes of keys and values. An estimate: the number of entries, which is
 * exact where the store can tell it, times the mean of the first ones. A primary key takes nothing beside its rows.
 *
 * As in PostgreSQL everybody may ask for the size of a table. What lies behind other doors tells its own to those only who have
 * anything to do with it, as these doors do; of all others it is NULL. So is that of a table to whom policies hide rows of it.
 */
import type { Transaction } from '../../../database/contract.ts'
import { keyspaceRange, primaryIndex } from '../../../base/tuple.ts'
import type { KeyRange } from '../../../base/slice.ts'
import type { Collection } from '../../../database/catalog/catalog.ts'
import { isSubject } from '../../../model/table/policies.ts'
import type { SqlRun } from '../plan/run.ts'
import { collectionByOid, indexByOid } from './identity.ts'
import { collections } from './stored-tables.ts'

const sampledEntries = 64

export function tellsSize({ principal }: Transaction, collection: Collection): boolean {
  const { rights } = principal
  if (isSubject(rights, collection)) return false
  return collection.model === 'table' || rights.member?.monitors === true || rights.touches(collection, false)
}

/** Of a relation's own data: rows, or an index's entries. `undefined`: there is none of this number. */
export function relationSize(run: SqlRun, oid: number): bigint | undefined {
  const { catalog } = run.transaction
  const collection = collectionByOid(catalog, oid)
  if (collection !== undefined) return tellsSize(run.transaction, collection) ? rowsSize(run, collection) : undefined
  const found = indexByOid(catalog, oid)
  if (found === undefined) return undefined
  if (!tellsSize(run.transaction, found.collection)) return undefined
  return found.indexId === 0 ? 0n : sizeOf(run, keyspaceRange(found.collection.id, found.indexId))
}

export function indexesSize(run: SqlRun, oid: number): bigint | undefined {
  const collection = collectionByOid(run.transaction.catalog, oid)
  // An index has none of its own.
  if (collection === undefined && indexByOid(run.transaction.catalog, oid) !== undefined) return 0n
  if (collection === undefined || !tellsSize(run.transaction, collection)) return undefined
  let total = 0n
  for (const { id } of collection.indexes) total += sizeOf(run, keyspaceRange(collection.id, id))
  return total
}

export function totalSize(run: SqlRun, oid: number): bigint | undefined {
  const own = relationSize(run, oid)
  return own === undefined ? undefined : own + (indexesSize(run, oid) ?? 0n)
}

export function databaseSize(run: SqlRun): bigint {
  let total = 0n
  for (const collection of collections(run)) total += sizeOf(run, keyspaceRange(collection.id))
  return total
}

/** What is no row of a table stands in several keyspaces: Redis data, for one. */
function rowsSize(run: SqlRun, collection: Collection): bigint {
  const isWhole = collection.model === 'keyvalue'
  return sizeOf(run, isWhole ? keyspaceRange(collection.id) : keyspaceRange(collection.id, primaryIndex))
}

function sizeOf({ transaction }: SqlRun, range: KeyRange): bigint {
  return transaction.access.asServer(() => sampledSize(transaction, range))
}

function sampledSize(transaction: Transaction, range: KeyRange): bigint {
  const cursor = transaction.scan(range)
  let bytes = 0
  let entries = 0
  for (; entries < sampledEntries && cursor.next(); entries++) {
    bytes += cursor.key.end - cursor.key.start + cursor.value.end - cursor.value.start
  }
  if (entries < sampledEntries) return BigInt(bytes)
  return BigInt(Math.round((bytes / entries) * (transaction.count(range) ?? transaction.newest.estimate(range))))
}
