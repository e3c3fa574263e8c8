/**
 * One-entry writes for other doors (rule 7: a hash's field is a row of its view, and so on). Each opens the collection,
 * changes one element and saves it. They throw `wrong_type` where the key holds something else; an update of a row is the
 * same as its insertion, and doors that must tell them apart read first.
 */
import { PolylogError } from '../../base/errors.ts'
import { sliceOf } from '../../base/slice.ts'
import type { StatementSteps, Transaction } from '../../database/contract.ts'
import { inPlace, isSteps } from '../../database/transaction/wait.ts'
import { type Header, kind, never } from './codec.ts'
import { setFieldExpiry } from './field-expiry.ts'
import { deleteField, setField } from './hashes.ts'
import type { Keyspace } from './keys.ts'
import { findCollection, openCollection, saveCollection, touchCollection } from './keyvalue.ts'
import { EntryDraft } from './stream-entries.ts'
import { nextStreamId, nextStreamIdOf, type ParsedStreamId, type StreamId, streamId } from './stream-ids.ts'
import { deleteEntry, noteAppended, stateOf } from './streams.ts'
import { addMember, removeMember } from './sets.ts'
import { removeScored, setScore } from './sorted-sets.ts'

/** True where the field is new; steps where one of its values is long. It expires when that is said. */
export function putField(
  tx: Transaction,
  space: Keyspace,
  key: Uint8Array,
  field: Uint8Array,
  value: Uint8Array,
  expiresAtMs: bigint = never,
): boolean | StatementSteps<boolean> {
  const hash = openCollection(tx, space, sliceOf(key), kind.hash)
  const put = setField(tx, space, hash, sliceOf(field), sliceOf(value))
  if (expiresAtMs === never) return savedAfter(tx, space, key, hash, put)
  return putExpiring(tx, space, key, hash, field, expiresAtMs, put)
}

function* putExpiring(
  tx: Transaction,
  space: Keyspace,
  key: Uint8Array,
  hash: Header,
  field: Uint8Array,
  expiresAtMs: bigint,
  put: boolean | StatementSteps<boolean>,
): StatementSteps<boolean> {
  const isNew = isSteps(put) ? yield* put : put
  yield* inPlace(tx, () => {
    setFieldExpiry(tx, space, hash, sliceOf(field), never, expiresAtMs)
    saveCollection(tx, space, sliceOf(key), hash)
    touchCollection(tx, space, sliceOf(key), hash)
  })
  return isNew
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

/** An entry behind the last one, of the next id where none is given; its id. Errors: `out_of_range` where that one is not greater. */
export function* putEntry(
  tx: Transaction,
  space: Keyspace,
  key: Uint8Array,
  given: ParsedStreamId | undefined,
  strings: readonly Uint8Array[],
): StatementSteps<StreamId> {
  const stream = openCollection(tx, space, sliceOf(key), kind.stream)
  const id = idFor(stateOf(stream).lastId, given, tx.timeMs)
  const draft = new EntryDraft(tx, space, stream, strings.length)
  for (const text of strings) {
    const steps = draft.add(sliceOf(text))
    if (steps !== undefined) yield* steps
  }
  const steps = draft.finish(id)
  if (steps !== undefined) yield* steps
  noteAppended(stream, id)
  saveCollection(tx, space, sliceOf(key), stream)
  return id
}

function idFor(last: StreamId, given: ParsedStreamId | undefined, timeMs: number): StreamId {
  const id = given === undefined ? nextStreamId(last, timeMs) : givenId(last, given)
  if (id !== undefined && id > last) return id
  throw new PolylogError('out_of_range', "an id of a stream's entry is not greater than the last one")
}

function givenId(last: StreamId, { milliseconds, sequence }: ParsedStreamId): StreamId | undefined {
  return sequence === '*' ? nextStreamIdOf(milliseconds, last) : streamId(milliseconds, sequence)
}

export function dropEntry(
  tx: Transaction,
  space: Keyspace,
  key: Uint8Array,
  id: StreamId,
): boolean | StatementSteps<boolean> {
  const stream = findCollection(tx, space, sliceOf(key), kind.stream)
  if (stream === undefined) return false
  const dropped = deleteEntry(tx, space, stream, id)
  return dropped === false ? false : savedAfter(tx, space, key, stream, dropped)
}
