/**
 * Fields of hashes that expire by themselves (Redis 7.4).
 *
 *   header   … · soonest                            no field expires before; absent: none does
 *   16       (ks, 16, generation, field)          → when it expires
 *   17       (ks, 17, generation, time, field)    derived: in the order of time
 *   18       (ks, 18, soonest, key)               derived: hashes in the order of their `soonest`
 *
 * A field whose time is over does not exist for anybody, and is stored until `reclaimFields` takes it away: it has *lapsed*. How many
 * have is counted by 17 when the header is found (`isLiving`), and only where `soonest` is over, so that hashes without expiry, and
 * fields that live, cost nothing. Where some have, reading asks of each field. A hash of which all have does not exist.
 *
 * Invariants: the header's count is that of stored fields, lapsed ones included; `soonest` is no later than any field's time, and may
 * be earlier; who changes a field's time to an earlier one writes the header, so that a concurrent `reclaimFields` waits for it, and
 * who writes 16 has locked the field's entry.
 */
import { ByteReader, ByteWriter } from '../../base/bytes.ts'
import { copySlice, emptySlice, MutableSlice, type Slice, sliceOf } from '../../base/slice.ts'
import { KeyReader } from '../../base/tuple-reader.ts'
import { KeyWriter, keyspaceRange } from '../../base/tuple.ts'
import type { StatementSteps, Transaction, TransactionReader } from '../../database/contract.ts'
import { Header, kind, never } from './codec.ts'
import {
  decodeLastElement,
  elementOffset,
  elementRange,
  index,
  type Keyspace,
  writeElementKey,
  writeFieldByExpiryKey,
} from './keys.ts'
import { findHeader, lapsedRange, removeKey, saveCollection } from './keyvalue.ts'
import { dropValue, type ValueVisitor, walkValues } from './long-values.ts'
import { type SlicedReader, walk } from './walk.ts'

const fieldKey = new KeyWriter(64)
const timeKey = new KeyWriter(64)
const orderKey = new KeyWriter(64)
const timeWriter = new ByteWriter(8)

/** When a field of a hash expires; `never` where it does not, whether or not it is there. */
export function findFieldExpiry(reader: TransactionReader, space: Keyspace, hash: Header, field: Slice): bigint {
  if (hash.fieldsExpireMs === never) return never
  const value = reader.get(writeElementKey(timeKey, space, index.fieldExpiry, hash.generation, field))
  return value === undefined ? never : new ByteReader(value.bytes, value.start, value.end).i64le()
}

/** Of one that is stored. */
export function hasLapsed(reader: TransactionReader, space: Keyspace, hash: Header, field: Slice): boolean {
  if (hash.lapsed === 0) return false
  const expiresAtMs = findFieldExpiry(reader, space, hash, field)
  return expiresAtMs !== never && expiresAtMs < reader.timeMs
}

/** Of a stored field, for ever with `never`. The caller saves the header, by `touchCollection`. */
export function setFieldExpiry(
  tx: Transaction,
  space: Keyspace,
  hash: Header,
  field: Slice,
  before: bigint,
  expiresAtMs: bigint,
): void {
  const { generation } = hash
  tx.lock(writeElementKey(fieldKey, space, index.field, generation, field), 'no key update')
  if (before !== never) forgetFieldExpiry(tx, space, hash, field, before)
  if (expiresAtMs === never) return
  const byField = writeElementKey(timeKey, space, index.fieldExpiry, generation, field)
  const byTime = writeFieldByExpiryKey(orderKey, space, generation, expiresAtMs, field)
  timeWriter.reset().i64le(expiresAtMs)
  tx.put(byField, timeWriter)
  tx.put(byTime, emptySlice, 'derived')
  if (hash.fieldsExpireMs === never || expiresAtMs < hash.fieldsExpireMs) hash.fieldsExpireMs = expiresAtMs
}

/** The field's entry is locked, or gone. */
export function forgetFieldExpiry(
  tx: Transaction,
  space: Keyspace,
  hash: Header,
  field: Slice,
  expiresAtMs: bigint,
): void {
  const byTime = writeFieldByExpiryKey(orderKey, space, hash.generation, expiresAtMs, field)
  tx.delete(writeElementKey(timeKey, space, index.fieldExpiry, hash.generation, field))
  tx.delete(byTime, 'derived')
  if (expiresAtMs < tx.timeMs) hash.lapsed--
}

// ---- reading many

/** The living fields of a hash, in order; `visit` gets views. */
export function* walkFields(
  reader: SlicedReader,
  space: Keyspace,
  hash: Header,
  visitor: ValueVisitor,
): StatementSteps<void> {
  const range = elementRange(space, index.field, hash.generation)
  if (hash.lapsed === 0) return yield* walkValues(reader, space, hash, range, visitor)
  const isOver = lapsedTest(reader, space, hash)
  const { short, long } = visitor
  yield* walkValues(reader, space, hash, range, {
    short: (key, value) => {
      const [ownKey, ownValue] = [sliceOf(copySlice(key)), sliceOf(copySlice(value))]
      return isOver(ownKey) ? undefined : short(ownKey, ownValue)
    },
    long: function* (key, pieces) {
      const ownKey = sliceOf(copySlice(key))
      if (!isOver(ownKey)) yield* long(ownKey, pieces)
    },
  })
}

/** Whether the field of an entry, which must be a copy, is over. */
export function lapsedTest(reader: TransactionReader, space: Keyspace, hash: Header): (entry: Slice) => boolean {
  if (hash.lapsed === 0) return () => false
  const offset = elementOffset(space, index.field, hash.generation)
  const field = new MutableSlice()
  return (entry) => hasLapsed(reader, space, hash, decodeLastElement(entry, offset, field))
}

/** The entries of living fields of a hash of which some have lapsed: which these are only a walk can tell. */
export function* livingEntries(reader: SlicedReader, space: Keyspace, hash: Header): StatementSteps<Uint8Array[]> {
  const isOver = lapsedTest(reader, space, hash)
  const entries: Uint8Array[] = []
  yield* walk(reader, elementRange(space, index.field, hash.generation), (key) => {
    const entry = copySlice(key)
    if (!isOver(sliceOf(entry))) entries.push(entry)
  })
  return entries
}

// ---- taking away

/**
 * Takes away up to `limit` fields that have lapsed, oldest hashes first; how many it found. For a background statement: call it again
 * while it answers `limit`. A hash that has lost its last field goes.
 */
export function reclaimFields(tx: Transaction, space: Keyspace, limit: number): number {
  let found = 0
  const all = keyspaceRange(space.id, index.hashExpiry)
  for (const key of keysBefore(tx, { start: all.start, end: hashesEnd(space, tx.timeMs) }, limit)) {
    found += reclaimOf(tx, space, sliceOf(key), limit - found)
    if (found >= limit) break
  }
  return found
}

function hashesEnd(space: Keyspace, timeMs: number): Slice {
  return sliceOf(
    new KeyWriter(16)
      .begin(space.id, index.hashExpiry)
      .int64(BigInt(Math.ceil(timeMs)))
      .toBytes(),
  )
}

/** What the last element of each entry names, behind a time. */
function keysBefore(tx: Transaction, range: { start: Slice; end: Slice }, limit: number): Uint8Array[] {
  const keys: Uint8Array[] = []
  const plain = new MutableSlice()
  for (const cursor = tx.scan(range); keys.length < limit && cursor.next();) {
    keys.push(copySlice(decodeLastElement(cursor.key, endOfTime(cursor.key, false), plain)))
  }
  return keys
}

/** Where the element behind the time begins. */
function endOfTime(entry: Slice, hasGeneration: boolean): number {
  const reader = new KeyReader(entry)
  reader.orderedVarint()
  reader.orderedVarint()
  if (hasGeneration) reader.int64()
  reader.int64()
  return reader.position - entry.start
}

function reclaimOf(tx: Transaction, space: Keyspace, key: Slice, limit: number): number {
  const hash = new Header()
  const lives = findHeader(tx, space, key, hash)
  if (hash.kind !== kind.hash) return 0
  tx.origin = 'expiry'
  if (!lives) {
    const fields = hash.count
    removeKey(tx, space, key, hash)
    return Math.min(fields, limit)
  }
  const range = lapsedRange(space, hash.generation, tx.timeMs)
  const fields: { field: Uint8Array; expiresAtMs: bigint }[] = []
  const plain = new MutableSlice()
  for (const cursor = tx.scan(range); fields.length < limit && cursor.next();) {
    const field = copySlice(decodeLastElement(cursor.key, endOfTime(cursor.key, true), plain))
    fields.push({ field, expiresAtMs: timeOf(cursor.key) })
  }
  for (const { field, expiresAtMs } of fields) {
    const entry = writeElementKey(fieldKey, space, index.field, hash.generation, sliceOf(field)).toBytes()
    if (dropValue(tx, space, hash, sliceOf(entry))) hash.count--
    forgetFieldExpiry(tx, space, hash, sliceOf(field), expiresAtMs)
  }
  hash.fieldsExpireMs = soonest(tx, space, hash)
  saveCollection(tx, space, key, hash)
  return fields.length
}

function timeOf(entry: Slice): bigint {
  const reader = new KeyReader(entry)
  reader.orderedVarint()
  reader.orderedVarint()
  reader.int64()
  return reader.int64()
}

function soonest(tx: Transaction, space: Keyspace, hash: Header): bigint {
  const cursor = tx.scan(elementRange(space, index.fieldsByExpiry, hash.generation))
  return cursor.next() ? timeOf(cursor.key) : never
}
