/** Sets: one entry without a value a member. */
import { emptySlice, type Slice } from '../../base/slice.ts'
import { KeyWriter } from '../../base/tuple.ts'
import type { Transaction, TransactionReader } from '../../database/contract.ts'
import type { Header } from './codec.ts'
import { index, writeElementKey, type Keyspace } from './keys.ts'

const memberKey = new KeyWriter(64)

export function hasMember(reader: TransactionReader, space: Keyspace, set: Header, member: Slice): boolean {
  return reader.get(writeElementKey(memberKey, space, index.member, set.generation, member)) !== undefined
}

/** True where the member is new. The caller saves the collection. */
export function addMember(tx: Transaction, space: Keyspace, set: Header, member: Slice): boolean {
  const key = writeElementKey(memberKey, space, index.member, set.generation, member)
  if (tx.get(key) !== undefined) return false
  tx.put(key, emptySlice)
  set.count++
  return true
}

/** Of a set that this transaction builds from members that are all different: no look is taken whether it has this one. */
export function appendMember(tx: Transaction, space: Keyspace, set: Header, member: Slice): void {
  tx.putNew(writeElementKey(memberKey, space, index.member, set.generation, member), emptySlice)
  set.count++
}

export function removeMember(tx: Transaction, space: Keyspace, set: Header, member: Slice): boolean {
  const key = writeElementKey(memberKey, space, index.member, set.generation, member)
  if (tx.get(key) === undefined) return false
  tx.delete(key)
  set.count--
  return true
}
