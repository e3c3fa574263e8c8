/**
 * Notes of what becomes of keys, for those who have asked to be told of it (`database/messages/effects.ts`). Every function that writes a
 * header, or elements under one, notes it; nobody asks, nothing is noted.
 */
import { copySlice, type Slice } from '../../base/slice.ts'
import type { Transaction } from '../../database/contract.ts'
import type { KeyChange } from '../../database/messages/effects.ts'
import { type Header, kind, type Kind, never } from './codec.ts'
import type { Keyspace } from './keys.ts'

export function touched(
  tx: Transaction,
  space: Keyspace,
  key: Slice,
  change: KeyChange,
  of: Kind,
  isNew: boolean = false,
): void {
  if (tx.effects.areObserved) tx.effects.touched(space.id, copySlice(key), change, of, isNew)
}

/** What was stored goes, or makes way for something else: where its time was over, it has expired. */
export function touchedLeftOver(tx: Transaction, space: Keyspace, key: Slice, stored: Header): void {
  if (tx.effects.areObserved && isOver(tx, stored)) touched(tx, space, key, 'expired', stored.kind)
}

function isOver(tx: Transaction, { kind: of, expiresAtMs }: Header): boolean {
  return of !== kind.none && expiresAtMs !== never && expiresAtMs < tx.timeMs
}

/** The key goes. */
export function touchedRemoved(tx: Transaction, space: Keyspace, key: Slice, stored: Header): void {
  if (!tx.effects.areObserved) return
  const isEvicted = tx.origin === 'eviction'
  touched(tx, space, key, isEvicted ? 'evicted' : isOver(tx, stored) ? 'expired' : 'removed', stored.kind)
}

/** Before the header is stored, or stays as it is because only elements have changed. */
export function touchedCollection(tx: Transaction, space: Keyspace, key: Slice, header: Header): void {
  if (!tx.effects.areObserved || (header.isAsStored && !tx.effects.hasWritten)) return
  const { storedCount, count } = header
  const isShrunk = storedCount !== undefined && count < storedCount
  const change = !isShrunk ? 'written' : tx.origin === 'expiry' ? 'lapsed' : 'shrunk'
  touched(tx, space, key, change, header.kind, storedCount === undefined)
}
