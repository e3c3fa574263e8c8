/** Locking rows as SQL's FOR UPDATE and its weaker forms do. */
import { keyspaceOf } from '../../base/tuple.ts'
import type { Slice } from '../../base/slice.ts'
import type { LockMode, LockPolicy, Transaction } from '../../database/contract.ts'
import { referableOrdinals } from './built-in-rules.ts'
import { sqlError } from './types/type.ts'
import { Table } from './table.ts'

/** `key`: a row's whole key, of any table. False under `skip`. */
export function lockRow(transaction: Transaction, key: Slice, mode: LockMode, policy: LockPolicy): boolean {
  // Who has changed other columns is in the way of FOR KEY SHARE neither before his commit nor after it.
  const isStill = mode === 'key share' ? () => keepsKey(transaction, key) : undefined
  if (policy !== 'nowait') return transaction.lock(key, mode, policy, isStill)
  if (transaction.lock(key, mode, 'skip', isStill)) return true
  throw sqlError(
    'lock_not_available',
    '55P03',
    `could not obtain lock on row in relation "${tableOf(transaction, key).name}"`,
  )
}

function tableOf(transaction: Transaction, key: Slice): Table {
  return Table.of(transaction.catalog.collectionById(keyspaceOf(key))!)
}

/** Whether the row, which was changed since the snapshot, is there, and what rows may refer to is as it was. */
function keepsKey(transaction: Transaction, key: Slice): boolean {
  const table = tableOf(transaction, key)
  const seen = transaction.peek(key)
  const before = seen && table.reader.read(seen)
  const found = transaction.newest.get(key)
  const now = found && table.reader.read(found)
  if (before === undefined || now === undefined) return false
  return referableOrdinals(table).every((ordinal) => before[ordinal] === now[ordinal])
}
