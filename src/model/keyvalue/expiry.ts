/**
 * Expiry: a time in the header, and a derived entry in the order of time by which the server finds what to reclaim.
 */
import { ByteWriter } from '../../base/bytes.ts'
import { copySlice, MutableSlice, sliceOf, type KeyRange, type Slice } from '../../base/slice.ts'
import { KeyReader } from '../../base/tuple-reader.ts'
import { KeyWriter, keyspaceRange } from '../../base/tuple.ts'
import type { Transaction } from '../../database/contract.ts'
import { beginString, encodeCollection, Header, kind, never } from './codec.ts'
import { decodeLastElement, index, writeHeaderKey, type Keyspace } from './keys.ts'
import { touched } from './touches.ts'
import { deleteExpiry, findHeader, putExpiry, removeKey } from './keyvalue.ts'

const headerKey = new KeyWriter(64)

/** Gives a living key, whose header was just found, another expiry, or with `never` none. */
export function setExpiry(tx: Transaction, space: Keyspace, key: Slice, header: Header, expiresAtMs: bigint): void {
  const before = header.expiresAtMs
  const writer = new ByteWriter(32 + header.end - header.start)
  header.expiresAtMs = expiresAtMs
  if (header.isInline) beginString(writer, expiresAtMs).copy(header.bytes, header.start, header.end)
  else encodeCollection(writer, header)
  tx.put(writeHeaderKey(headerKey, space, key), writer)
  touched(tx, space, key, 'expiry', header.kind)
  if (before !== never) deleteExpiry(tx, space, key, before)
  if (expiresAtMs !== never) putExpiry(tx, space, key, expiresAtMs)
}

/**
 * Removes up to `limit` keys whose time is over, oldest first, as the server's own deletes; how many it found. For a
 * background statement: call it again while it answers `limit`.
 */
export function reclaimExpired(tx: Transaction, space: Keyspace, limit: number): number {
  const expired = findExpired(tx, space, limit)
  if (expired.length > 0) tx.origin = 'expiry'
  for (const key of expired) {
    const header = new Header()
    const lives = findHeader(tx, space, sliceOf(key), header)
    if (!lives && header.kind !== kind.none) removeKey(tx, space, sliceOf(key), header)
  }
  return expired.length
}

function findExpired(tx: Transaction, space: Keyspace, limit: number): Uint8Array[] {
  const keys: Uint8Array[] = []
  const cursor = tx.scan(expiredRange(space, tx.timeMs))
  while (keys.length < limit && cursor.next()) keys.push(keyOf(cursor.key))
  return keys
}

const decoded = new MutableSlice()

function keyOf(entry: Slice): Uint8Array {
  return copySlice(decodeLastElement(entry, keyOffset(entry), decoded))
}

/** The key of an entry of the expiry index. */
export function expiringKeyOf(entry: Uint8Array): Uint8Array {
  return keyOf(sliceOf(entry))
}

/** Of the expiry index: the keys that are gone at that time. */
export function expiredRange(space: Keyspace, timeMs: number): KeyRange {
  const end = new KeyWriter(16).begin(space.id, index.expiry).int64(BigInt(Math.ceil(timeMs)))
  return { start: keyspaceRange(space.id, index.expiry).start, end: sliceOf(end.toBytes()) }
}

function keyOffset(entry: Slice): number {
  const reader = new KeyReader(entry)
  reader.orderedVarint()
  reader.orderedVarint()
  reader.int64()
  return reader.position - entry.start
}
