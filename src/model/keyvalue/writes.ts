/**
 * One-entry writes for other doors (rule 7: a hash's field is a row of its view, and so on). Each opens the collection,
 * changes one element and saves it. They throw `wrong_type` where the key holds something else; an update of a row is the
 * same as its insertion, and doors that must tell them apart read first.
 */
import { sliceOf } from '../../base/slice.ts'
import type { StatementSteps, Transaction } from '../../database/contract.ts'
import { inPlace, isSteps } from '../../database/transaction/wait.ts'
import { type Header, kind } from './codec.ts'
import { deleteField, setField } from './hashes.ts'
import type { Keyspace } from './keys.ts'
import { findCollection, openCollection, saveCollection } from './keyvalue.ts'
import { addMember, removeMember } from './sets.ts'
import { removeScored, setScore } from './sorted-sets.ts'

/** True where the field is new; steps where one of its values is long. */
export function putField(
  tx: Transaction,
  space: Keyspace,
  key: Uint8Array,
  field: Uint8Array,
  value: Uint8Array,
): boolean | StatementSteps<boolean> {
  const hash = openCollection(tx, space, sliceOf(key), kind.hash)
  return savedAfter(tx, space, key, hash, setField(tx, space, hash, sliceOf(field), sliceOf(value)))
}

/** False where there was no such field. */
export function dropField(
  tx: Transaction,
  space: Keyspace,
  key: Uint8Array,
  field: Uint8Array,
): boolean | StatementSteps<boolean> {
  const hash = findCollection(tx, space, sliceOf(key), kind.hash)
  if (hash === undefined) return false
  return savedAfter(tx, space, key, hash, deleteField(tx, space, hash, sliceOf(field)))
}

function savedAfter(
  tx: Transaction,
  space: Keyspace,
  key: Uint8Array,
  hash: Header,
  changed: boolean | StatementSteps<boolean>,
): boolean | StatementSteps<boolean> {
  if (isSteps(changed)) return saveLater(tx, space, key, hash, changed)
  saveCollection(tx, space, sliceOf(key), hash)
  return changed
}

function* saveLater(
  tx: Transaction,
  space: Keyspace,
  key: Uint8Array,
  hash: Header,
  steps: StatementSteps<boolean>,
): StatementSteps<boolean> {
  const changed = yield* steps
  yield* inPlace(tx, () => saveCollection(tx, space, sliceOf(key), hash))
  return changed
}

export function putMember(tx: Transaction, space: Keyspace, key: Uint8Array, member: Uint8Array): boolean {
  const set = openCollection(tx, space, sliceOf(key), kind.set)
  const isNew = addMember(tx, space, set, sliceOf(member))
  if (isNew) saveCollection(tx, space, sliceOf(key), set)
  return isNew
}

export function dropMember(tx: Transaction, space: Keyspace, key: Uint8Array, member: Uint8Array): boolean {
  const set = findCollection(tx, space, sliceOf(key), kind.set)
  if (set === undefined || !removeMember(tx, space, set, sliceOf(member))) return false
  saveCollection(tx, space, sliceOf(key), set)
  return true
}

/** The score must not be NaN, which sorted sets do not hold. */
export function putScore(
  tx: Transaction,
  space: Keyspace,
  key: Uint8Array,
  member: Uint8Array,
  score: number,
): boolean {
  const sorted = openCollection(tx, space, sliceOf(key), kind.sortedSet)
  const before = sorted.count
  setScore(tx, space, sorted, sliceOf(member), score)
  saveCollection(tx, space, sliceOf(key), sorted)
  return sorted.count > before
}

export function dropScored(tx: Transaction, space: Keyspace, key: Uint8Array, member: Uint8Array): boolean {
  const sorted = findCollection(tx, space, sliceOf(key), kind.sortedSet)
  if (sorted === undefined || !removeScored(tx, space, sorted, sliceOf(member))) return false
  saveCollection(tx, space, sliceOf(key), sorted)
  return true
}
