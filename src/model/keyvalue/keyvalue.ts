/**
 * The keyvalue model: Redis data on ordered keys. Every Redis key has one header (`codec.ts`), which holds a string's
 * value or the generation and count of a hash, set, sorted set, list or long string, whose elements or pieces lie under that
 * generation (`keys.ts`). This file finds, creates, stores and removes headers; the types of Redis each have a file of their own.
 *
 * A key is a slice of bytes, a collection anything with a keyspace `id`. Functions that change something check everything
 * before their first write, so that an error that they throw for the caller's request leaves the transaction as it was. In the
 * same way they wait, for a page or a lock, before their first write and before they change a header: called again after
 * the wait they do what they would have done.
 *
 * Invariants:
 * - A collection's count is that of its elements, and no empty one is stored but streams, which keep their last id.
 * - An element is written only while the header is locked (`key share` at least), so that whoever drops the header, who
 *   needs `update`, drops all of its elements. Different elements of one collection do not wait for each other.
 * - A key whose expiry lies before the transaction's time does not exist for anybody; what is stored of it is removed by
 *   whoever writes the key next, or by `reclaimExpired`.
 */
import { ByteWriter } from '../../base/bytes.ts'
import { PolylogError } from '../../base/errors.ts'
import { emptySlice, type KeyRange, type Slice, sliceOf } from '../../base/slice.ts'
import { KeyWriter } from '../../base/tuple.ts'
import type { JsonObject } from '../../database/catalog/catalog.ts'
import type { Transaction, TransactionReader, WriteKind } from '../../database/contract.ts'
import { registerKind } from '../../database/catalog/objects.ts'
import { decodeHeader, encodeCollection, Header, kind, never, StreamState, type Kind } from './codec.ts'
import { elementRange, index, writeElementPrefix, writeExpiryKey, writeHeaderKey, type Keyspace } from './keys.ts'
import { newListStepBits } from './list-places.ts'
import { lookedUp } from './lookups.ts'
import { touched, touchedCollection, touchedRemoved } from './touches.ts'

registerKind<JsonObject>({ name: 'keyvalue', model: 'keyvalue', version: 1, decode: (definition) => definition })

const headerKey = new KeyWriter(64)
const expiryKey = new KeyWriter(64)
const valueWriter = new ByteWriter(64)

/** Fills `header`; false where the key does not exist. What is stored of an expired key stays in `header` all the same. */
export function findHeader(reader: TransactionReader, space: Keyspace, key: Slice, header: Header): boolean {
  const value = reader.get(writeHeaderKey(headerKey, space, key))
  if (value === undefined) {
    header.clear()
    return lookedUp(false)
  }
  decodeHeader(value, header)
  return lookedUp(isLiving(reader, space, header))
}

/** To find out whether it lives, the transaction must be asked. */
export function fieldsAreDue(reader: TransactionReader, { fieldsExpireMs }: Header): boolean {
  return fieldsExpireMs !== never && fieldsExpireMs < reader.timeMs
}

/** Of a header that was just decoded: its time is not over, and not that of all its fields. Finds out how many have lapsed. */
export function isLiving(reader: TransactionReader, space: Keyspace, header: Header): boolean {
  if (header.expiresAtMs !== never && header.expiresAtMs < reader.timeMs) return false
  if (!fieldsAreDue(reader, header)) return true
  header.lapsed = countLapsed(reader, space, header.generation)
  return header.lapsed < header.count
}

/** Of the index of a hash's fields by their time: those that are over. */
export function lapsedRange(space: Keyspace, generation: number, timeMs: number): KeyRange {
  const { start } = elementRange(space, index.fieldsByExpiry, generation)
  const end = writeElementPrefix(expiryKey, space, index.fieldsByExpiry, generation).int64(BigInt(Math.ceil(timeMs)))
  return { start, end: sliceOf(end.toBytes()) }
}

function countLapsed(reader: TransactionReader, space: Keyspace, generation: number): number {
  const range = lapsedRange(space, generation, reader.timeMs)
  const counted = reader.count(range)
  if (counted !== undefined) return counted
  let count = 0
  for (const cursor = reader.scan(range); cursor.next();) count++
  return count
}

export function findKind(reader: TransactionReader, space: Keyspace, key: Slice): Kind {
  return findHeader(reader, space, key, scratch) ? scratch.kind : kind.none
}

const scratch = new Header()

export function wrongType(): PolylogError {
  return new PolylogError('wrong_type', 'Operation against a key holding the wrong kind of value')
}

/** The header of a collection, or undefined where there is no such key. Throws `wrong_type`. */
export function findCollection(
  reader: TransactionReader,
  space: Keyspace,
  key: Slice,
  wanted: Kind,
): Header | undefined {
  const header = new Header()
  if (!findHeader(reader, space, key, header)) return undefined
  if (header.kind !== wanted) throw wrongType()
  return header
}

/** As `findCollection`; undefined also where the key holds something else. */
export function findHeaderOf(reader: TransactionReader, space: Keyspace, key: Slice, of: Kind): Header | undefined {
  const header = new Header()
  return findHeader(reader, space, key, header) && header.kind === of ? header : undefined
}

/** As `findCollection`, with a new empty one where there is none; nothing is stored before `saveCollection`. */
export function openCollection(tx: Transaction, space: Keyspace, key: Slice, wanted: Kind): Header {
  const header = new Header()
  if (findHeader(tx, space, key, header)) {
    if (header.kind !== wanted) throw wrongType()
    return header
  }
  if (header.kind !== kind.none) removeKey(tx, space, key, header)
  return newCollection(tx, wanted)
}

/** An empty collection that has no key yet. */
export function newCollection(tx: Transaction, of: Kind): Header {
  const header = new Header()
  header.kind = of
  header.generation = tx.services.nextNumber()
  header.count = 0
  header.position = 0
  header.stepBits = of === kind.list ? newListStepBits : 0
  if (of === kind.stream) header.stream = new StreamState()
  return header
}

/** After elements were written or removed: stores the count where it changed, removes the key where nothing is left of it. */
export function saveCollection(tx: Transaction, space: Keyspace, key: Slice, header: Header): void {
  if (header.isAsStored) {
    touchedCollection(tx, space, key, header)
    tx.lock(writeHeaderKey(headerKey, space, key), 'key share')
    return
  }
  if (header.count === 0 && header.kind !== kind.stream) {
    if (header.storedCount !== undefined) removeKey(tx, space, key, header)
    return
  }
  tx.put(writeHeaderKey(headerKey, space, key), encodeCollection(valueWriter, header))
  moveHashExpiry(tx, space, key, header)
  touchedCollection(tx, space, key, header)
  header.noteStored()
}

/** For those who watch the key: a change that leaves everything as it was is one, too. */
export function touchCollection(tx: Transaction, space: Keyspace, key: Slice, header: Header): void {
  tx.put(writeHeaderKey(headerKey, space, key), encodeCollection(valueWriter, header))
  touched(tx, space, key, 'written', header.kind)
}

/** Stores the header under `key`, which must be free (see `clearKey`), with its expiry. */
export function placeCollection(tx: Transaction, space: Keyspace, key: Slice, header: Header): void {
  tx.put(writeHeaderKey(headerKey, space, key), encodeCollection(valueWriter, header))
  header.storedFieldsExpireMs = never
  moveHashExpiry(tx, space, key, header)
  header.noteStored()
  touched(tx, space, key, 'written', header.kind, true)
  if (header.expiresAtMs !== never) putExpiry(tx, space, key, header.expiresAtMs)
}

/** Removes whatever is stored under `key`, expired or not. True where there was a living key. */
export function clearKey(tx: Transaction, space: Keyspace, key: Slice): boolean {
  const header = new Header()
  const lives = findHeader(tx, space, key, header)
  if (header.kind !== kind.none) removeKey(tx, space, key, header)
  return lives
}

/** DEL of one key: constant work whatever its size, since the elements go by one range delete. */
export function deleteKey(tx: Transaction, space: Keyspace, key: Slice): boolean {
  const header = new Header()
  if (!findHeader(tx, space, key, header)) return false
  removeKey(tx, space, key, header)
  return true
}

export function removeKey(tx: Transaction, space: Keyspace, key: Slice, header: Header): void {
  tx.delete(writeHeaderKey(headerKey, space, key))
  touchedRemoved(tx, space, key, header)
  dropContents(tx, space, key, header)
}

/** Removes what belongs to a stored header, but not the header itself. */
export function dropContents(tx: Transaction, space: Keyspace, key: Slice, header: Header): void {
  if (header.expiresAtMs !== never) deleteExpiry(tx, space, key, header.expiresAtMs)
  deleteHashExpiry(tx, space, key, header)
  if (header.storedCount === undefined) return
  for (const of of contentIndexes(header)) {
    tx.deleteRange(elementRange(space, of, header.generation), writeKindOf(of))
  }
}

/** Of what lies in an index. */
export function writeKindOf(of: number): WriteKind {
  return of === index.byScore || of === index.owned || of === index.fieldsByExpiry ? 'derived' : 'primary'
}

const sortedSetIndexes: readonly number[] = [index.scored, index.byScore]
const fieldExpiryIndexes: readonly number[] = [index.fieldExpiry, index.fieldsByExpiry]
const groupIndexes: readonly number[] = [index.group, index.consumer, index.pending, index.owned]

/** What lies under a header's generation. */
export function contentIndexes({ kind: own, hasLong, stream, fieldsExpireMs }: Header): readonly number[] {
  if (own === kind.sortedSet) return sortedSetIndexes
  const elements = hasLong ? [elementIndex(own), index.long, index.longPiece] : [elementIndex(own)]
  if (fieldsExpireMs !== never) return [...elements, ...fieldExpiryIndexes]
  return stream?.hasGroups === true ? [...elements, ...groupIndexes] : elements
}

export function elementIndex(of: Kind): number {
  if (of === kind.hash) return index.field
  if (of === kind.set) return index.member
  if (of === kind.string) return index.piece
  if (of === kind.stream) return index.entry
  return of === kind.sortedSet ? index.scored : index.item
}

export function putExpiry(tx: Transaction, space: Keyspace, key: Slice, expiresAtMs: bigint): void {
  tx.put(writeExpiryKey(expiryKey, space, expiresAtMs, key), emptySlice, 'derived')
}

/** When a hash's first field may expire has changed. */
function moveHashExpiry(tx: Transaction, space: Keyspace, key: Slice, header: Header): void {
  if (header.fieldsExpireMs === header.storedFieldsExpireMs) return
  deleteHashExpiry(tx, space, key, header)
  if (header.fieldsExpireMs === never) return
  tx.put(writeExpiryKey(expiryKey, space, header.fieldsExpireMs, key, index.hashExpiry), emptySlice, 'derived')
}

function deleteHashExpiry(tx: Transaction, space: Keyspace, key: Slice, header: Header): void {
  if (header.storedFieldsExpireMs === never) return
  tx.delete(writeExpiryKey(expiryKey, space, header.storedFieldsExpireMs, key, index.hashExpiry), 'derived')
}

export function deleteExpiry(tx: Transaction, space: Keyspace, key: Slice, expiresAtMs: bigint): void {
  tx.delete(writeExpiryKey(expiryKey, space, expiresAtMs, key), 'derived')
}
