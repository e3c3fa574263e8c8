/** Hashes: one entry a field. */
import { ByteWriter } from '../../base/bytes.ts'
import { PolylogError } from '../../base/errors.ts'
import type { Slice } from '../../base/slice.ts'
import { KeyWriter } from '../../base/tuple.ts'
import type { Transaction, TransactionReader } from '../../database/contract.ts'
import type { Header } from './codec.ts'
import { fitsInt64, parseInt64 } from './integer-text.ts'
import { index, writeElementKey, type Keyspace } from './keys.ts'
import type { LongDouble } from './long-double.ts'
import { addFloatTexts } from './strings.ts'

const fieldKey = new KeyWriter(64)
const valueWriter = new ByteWriter(32)

/** A view of the field's value. */
export function findField(reader: TransactionReader, space: Keyspace, hash: Header, field: Slice): Slice | undefined {
  return reader.get(writeElementKey(fieldKey, space, index.field, hash.generation, field))
}

/** True where the field is new. The caller saves the collection. */
export function setField(tx: Transaction, space: Keyspace, hash: Header, field: Slice, value: Slice): boolean {
  const key = writeElementKey(fieldKey, space, index.field, hash.generation, field)
  const isNew = tx.get(key) === undefined
  tx.put(key, value)
  if (isNew) hash.count++
  return isNew
}

export function deleteField(tx: Transaction, space: Keyspace, hash: Header, field: Slice): boolean {
  const key = writeElementKey(fieldKey, space, index.field, hash.generation, field)
  if (tx.get(key) === undefined) return false
  tx.delete(key)
  hash.count--
  return true
}

export function incrementField(tx: Transaction, space: Keyspace, hash: Header, field: Slice, by: bigint): bigint {
  const found = findField(tx, space, hash, field)
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
  const found = findField(tx, space, hash, field)
  const result = addFloatTexts(found, by, 'hash value is not a float')
  setFieldText(tx, space, hash, field, result)
  return result
}

function setFieldText(tx: Transaction, space: Keyspace, hash: Header, field: Slice, text: string): void {
  valueWriter.reset().latin1(text)
  setField(tx, space, hash, field, valueWriter)
}
