/** Hashes: one entry a field. A long value lies in pieces (`long-values.ts`): what may meet one answers steps then. */
import { ByteWriter } from '../../base/bytes.ts'
import { PolylogError } from '../../base/errors.ts'
import { copySlice, sliceOf, type Slice } from '../../base/slice.ts'
import { KeyWriter } from '../../base/tuple.ts'
import type { StatementSteps, Transaction, TransactionReader } from '../../database/contract.ts'
import { type Header, never } from './codec.ts'
import { findFieldExpiry, forgetFieldExpiry, hasLapsed } from './field-expiry.ts'
import { fitsInt64, parseInt64 } from './integer-text.ts'
import { index, writeElementKey, type Keyspace } from './keys.ts'
import type { LongDouble } from './long-double.ts'
import { findValue, isLongValue, mayBeLong, removeValue, replaceValue } from './long-values.ts'
import type { Pieces } from './pieces.ts'
import { addFloatTexts } from './strings.ts'

const fieldKey = new KeyWriter(64)
const valueWriter = new ByteWriter(32)

/** What is stored in the field's entry: its value, or nothing where that lies in pieces. */
function findEntry(reader: TransactionReader, space: Keyspace, hash: Header, field: Slice): Slice | undefined {
  if (hasLapsed(reader, space, hash, field)) return undefined
  return reader.get(writeElementKey(fieldKey, space, index.field, hash.generation, field))
}

/** A view of the field's value, or the pieces that it lies in. */
export function findField(
  reader: TransactionReader,
  space: Keyspace,
  hash: Header,
  field: Slice,
): Slice | Pieces | undefined {
  if (hasLapsed(reader, space, hash, field)) return undefined
  return findValue(reader, space, hash, writeElementKey(fieldKey, space, index.field, hash.generation, field))
}

/** True where the field is new. It expires no more, unless it `keepsExpiry`. The caller saves the collection. */
export function setField(
  tx: Transaction,
  space: Keyspace,
  hash: Header,
  field: Slice,
  value: Slice,
  keepsExpiry = false,
): boolean | StatementSteps<boolean> {
  if (hash.fieldsExpireMs !== never) return setExpiringField(tx, space, hash, field, value, keepsExpiry)
  const key = writeElementKey(fieldKey, space, index.field, hash.generation, field)
  const stored = tx.get(key)
  if (isLongValue(value) || mayBeLong(hash, stored)) return setLongField(tx, space, hash, key.toBytes(), value)
  tx.put(key, value)
  if (stored === undefined) hash.count++
  return stored === undefined
}

/** Of a hash in which fields expire. */
function setExpiringField(
  tx: Transaction,
  space: Keyspace,
  hash: Header,
  field: Slice,
  value: Slice,
  keepsExpiry: boolean,
): boolean | StatementSteps<boolean> {
  const expiresAtMs = findFieldExpiry(tx, space, hash, field)
  const isOver = expiresAtMs !== never && expiresAtMs < tx.timeMs
  const key = writeElementKey(fieldKey, space, index.field, hash.generation, field)
  const stored = tx.get(key)
  const forgets = expiresAtMs !== never && (isOver || !keepsExpiry)
  if (isLongValue(value) || mayBeLong(hash, stored)) {
    const own = sliceOf(copySlice(field))
    return setLongExpiring(tx, space, hash, key.toBytes(), value, () => {
      if (forgets) forgetFieldExpiry(tx, space, hash, own, expiresAtMs)
      return isOver
    })
  }
  tx.put(key, value)
  if (forgets) forgetFieldExpiry(tx, space, hash, field, expiresAtMs)
  if (stored === undefined) hash.count++
  return stored === undefined || isOver
}

/** `after` answers whether what was there was over. */
function* setLongExpiring(
  tx: Transaction,
  space: Keyspace,
  hash: Header,
  key: Uint8Array,
  value: Slice,
  after: () => boolean,
): StatementSteps<boolean> {
  const isNew = yield* setLongField(tx, space, hash, key, value)
  return after() || isNew
}

function* setLongField(
  tx: Transaction,
  space: Keyspace,
  hash: Header,
  key: Uint8Array,
  value: Slice,
): StatementSteps<boolean> {
  const isNew = yield* replaceValue(tx, space, hash, sliceOf(key), value)
  if (isNew) hash.count++
  return isNew
}

export function deleteField(
  tx: Transaction,
  space: Keyspace,
  hash: Header,
  field: Slice,
): boolean | StatementSteps<boolean> {
  const expiresAtMs = findFieldExpiry(tx, space, hash, field)
  if (expiresAtMs !== never && expiresAtMs < tx.timeMs) return false
  const key = writeElementKey(fieldKey, space, index.field, hash.generation, field)
  const stored = tx.get(key)
  if (stored === undefined) return false
  if (mayBeLong(hash, stored)) return deleteLongField(tx, space, hash, key.toBytes(), copySlice(field), expiresAtMs)
  tx.delete(key)
  if (expiresAtMs !== never) forgetFieldExpiry(tx, space, hash, field, expiresAtMs)
  hash.count--
  return true
}

function* deleteLongField(
  tx: Transaction,
  space: Keyspace,
  hash: Header,
  key: Uint8Array,
  field: Uint8Array,
  expiresAtMs: bigint,
): StatementSteps<boolean> {
  yield* removeValue(tx, space, hash, sliceOf(key))
  if (expiresAtMs !== never) forgetFieldExpiry(tx, space, hash, sliceOf(field), expiresAtMs)
  hash.count--
  return true
}

export function incrementField(tx: Transaction, space: Keyspace, hash: Header, field: Slice, by: bigint): bigint {
  // One that lies in pieces is no number, as an empty one.
  const found = findEntry(tx, space, hash, field)
  const before = found === undefined ? 0n : parseInt64(found)
  if (before === undefined) throw new PolylogError('invalid_argument', 'hash value is not an integer')
  const result = before + by
  if (!fitsInt64(result)) throw new PolylogError('out_of_range', 'increment or decrement would overflow')
  setFieldText(tx, space, hash, field, String(result))
  return result
}

export function incrementFieldByFloat(
  tx: Transaction,
  space: Keyspace,
  hash: Header,
  field: Slice,
  by: LongDouble,
): string {
  // One that lies in pieces is no number, as an empty one.
  const found = findEntry(tx, space, hash, field)
  const result = addFloatTexts(found, by, 'hash value is not a float')
  setFieldText(tx, space, hash, field, result)
  return result
}

function setFieldText(tx: Transaction, space: Keyspace, hash: Header, field: Slice, text: string): void {
  valueWriter.reset().latin1(text)
  // At once: what is there is a number.
  void setField(tx, space, hash, field, valueWriter, true)
}
