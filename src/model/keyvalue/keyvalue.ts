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
 * - A collection's count is that of its elements, and no empty collection is stored.
 * - An element is written only while the header is locked (`key share` at least), so that whoever drops the header, who
 *   needs `update`, drops all of its elements. Different elements of one collection do not wait for each other.
 * - A key whose expiry lies before the transaction's time does not exist for anybody; what is stored of it is removed by
 *   whoever writes the key next, or by `reclaimExpired`.
 */
import { ByteWriter } from '../../base/bytes.ts'
import { PolylogError } from '../../base/errors.ts'
import { emptySlice, type Slice } from '../../base/slice.ts'
import { KeyWriter } from '../../base/tuple.ts'
import type { JsonObject } from '../../database/catalog/catalog.ts'
import type { Transaction, TransactionReader } from '../../database/contract.ts'
import { registerKind } from '../../database/catalog/objects.ts'
import { decodeHeader, encodeCollection, Header, kind, never, type Kind } from './codec.ts'
import { elementRange, index, writeExpiryKey, writeHeaderKey, type Keyspace } from './keys.ts'
import { newListStepBits } from './list-places.ts'

registerKind<JsonObject>({ name: 'keyvalue', model: 'keyvalue', version: 1, decode: (definition) => definition })

const headerKey = new KeyWriter(64)
const expiryKey = new KeyWriter(64)
const valueWriter = new ByteWriter(64)

/** Fills `header`; false where the key does not exist. What is stored of an expired key stays in `header` all the same. */
export function findHeader(reader: TransactionReader, space: Keyspace, key: Slice, header: Header): boolean {
  const value = reader.get(writeHeaderKey(headerKey, space, key))
  if (value === undefined) {
    header.clear()
    return false
  }
  decodeHeader(value, header)
  return header.expiresAtMs === never || header.expiresAtMs >= reader.timeMs
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
  return header
}

/** After elements were written or removed: stores the count where it changed, removes the key where nothing is left. */
export function saveCollection(tx: Transaction, space: Keyspace, key: Slice, header: Header): void {
  if (header.isAsStored) {
    tx.lock(writeHeaderKey(headerKey, space, key), 'key share')
    return
  }
  if (header.count === 0) {
    if (header.storedCount !== undefined) removeKey(tx, space, key, header)
    return
  }
  tx.put(writeHeaderKey(headerKey, space, key), encodeCollection(valueWriter, header))
  header.noteStored()
}

/** For those who watch the key: a change that leaves everything as it was is one, too. */
export function touchCollection(tx: Transaction, space: Keyspace, key: Slice, header: Header): void {
  tx.put(writeHeaderKey(headerKey, space, key), encodeCollection(valueWriter, header))
}

/** Stores the header under `key`, which must be free (see `clearKey`), with its expiry. */
export function placeCollection(tx: Transaction, space: Keyspace, key: Slice, header: Header): void {
  tx.put(writeHeaderKey(headerKey, space, key), encodeCollection(valueWriter, header))
  header.noteStored()
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
  dropContents(tx, space, key, header)
}

/** Removes what belongs to a stored header, but not the header itself. */
export function dropContents(tx: Transaction, space: Keyspace, key: Slice, header: Header): void {
  if (header.expiresAtMs !== never) deleteExpiry(tx, space, key, header.expiresAtMs)
  if (header.storedCount === undefined) return
  for (const of of contentIndexes(header)) {
    tx.deleteRange(elementRange(space, of, header.generation), of === index.byScore ? 'derived' : 'primary')
  }
}

const sortedSetIndexes: readonly number[] = [index.scored, index.byScore]

/** What lies under a header's generation. */
export function contentIndexes({ kind: own, hasLong }: Header): readonly number[] {
  if (own === kind.sortedSet) return sortedSetIndexes
  return hasLong ? [elementIndex(own), index.long, index.longPiece] : [elementIndex(own)]
}

export function elementIndex(of: Kind): number {
  if (of === kind.hash) return index.field
  if (of === kind.set) return index.member
  if (of === kind.string) return index.piece
  return of === kind.sortedSet ? index.scored : index.item
}

export function putExpiry(tx: Transaction, space: Keyspace, key: Slice, expiresAtMs: bigint): void {
  tx.put(writeExpiryKey(expiryKey, space, expiresAtMs, key), emptySlice, 'derived')
}

export function deleteExpiry(tx: Transaction, space: Keyspace, key: Slice, expiresAtMs: bigint): void {
  tx.delete(writeExpiryKey(expiryKey, space, expiresAtMs, key), 'derived')
}
