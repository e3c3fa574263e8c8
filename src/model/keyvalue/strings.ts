/**
 * Strings: the value lies in the header itself, so GET is one read and SET one read and one write (the read finds an
 * expiry or a collection that the new value replaces). That of a long string lies in pieces (`long-strings.ts`): what may
 * meet one answers steps then.
 */
import { charge } from '../../base/work.ts'
import { ByteWriter } from '../../base/bytes.ts'
import { PolylogError } from '../../base/errors.ts'
import { copySlice, MutableSlice, type Slice } from '../../base/slice.ts'
import { KeyWriter } from '../../base/tuple.ts'
import type { StatementSteps, Transaction, TransactionReader } from '../../database/contract.ts'
import { beginString, Header, kind, never } from './codec.ts'
import { fitsInt64, parseInt64, parseShortInteger } from './integer-text.ts'
import { writeHeaderKey, type Keyspace } from './keys.ts'
import { dropContents, findHeader, putExpiry, wrongType } from './keyvalue.ts'
import { piecesOfString, setLongString, writeLongString } from './long-strings.ts'
import { gatherPieces, shortValueBytes } from './pieces.ts'
import { touched, touchedLeftOver } from './touches.ts'
import type { SlicedReader } from './walk.ts'
import { addLongDoubles, formatLongDouble, parseLongDouble, type LongDouble } from './long-double.ts'

/** Redis's own limit is 512 MB (`proto-max-bulk-len`); a value is one record of the log here. */
export const maxStringBytes: number = 64 * 1024 * 1024

/** Of a byte that is written: it is copied, and copied again into the transaction's writes. */
const writtenUnits = 2
const smallBytes = 1024

const headerKey = new KeyWriter(64)
const stored = new Header()
let valueWriter = new ByteWriter(256)
const nothing = new MutableSlice()

/** The scratch for values; one that a large value has grown is let go. */
function scratchValue(): ByteWriter {
  if (valueWriter.bytes.length > 1024 * 1024) valueWriter = new ByteWriter(256)
  return valueWriter
}

/**
 * The header, which is a view of the value where it is not long, and holds until the next call on the transaction. Throws
 * `wrong_type`.
 */
export function findString(reader: TransactionReader, space: Keyspace, key: Slice): Header | undefined {
  if (!findHeader(reader, space, key, stored)) return undefined
  if (stored.kind !== kind.string) throw wrongType()
  return stored
}

/** A copy of a string that was just found. */
export function copyString(
  reader: SlicedReader,
  space: Keyspace,
  found: Header,
): Uint8Array | StatementSteps<Uint8Array> {
  return found.isLong ? gatherPieces(reader, piecesOfString(space, found)) : copySlice(found)
}

export function lengthOf(found: Header): number {
  return found.isLong ? found.count : found.end - found.start
}

/** SET: replaces whatever was there, its expiry included. */
export function setString(
  tx: Transaction,
  space: Keyspace,
  key: Slice,
  value: Slice,
  expiresAtMs: bigint = never,
): StatementSteps<void> | undefined {
  if (value.end - value.start > shortValueBytes) return setLongString(tx, space, key, value, expiresAtMs)
  const isNew = !findHeader(tx, space, key, stored)
  if (stored.kind !== kind.none && !(stored.isInline && stored.expiresAtMs === never)) {
    if (isNew) touchedLeftOver(tx, space, key, stored)
    dropContents(tx, space, key, stored)
  }
  const writer = beginString(scratchValue(), expiresAtMs)
  writer.copy(value.bytes, value.start, value.end)
  if (writer.end > smallBytes) charge(writer.end * writtenUnits)
  tx.put(writeHeaderKey(headerKey, space, key), writer)
  touched(tx, space, key, 'written', kind.string, isNew)
  if (expiresAtMs !== never) putExpiry(tx, space, key, expiresAtMs)
  return undefined
}

/**
 * Opens the string at `key`, which is not long, for a change that keeps its expiry: its value, or an empty one where there
 * is none. Throws `wrong_type`.
 */
function openString(tx: Transaction, space: Keyspace, key: Slice): Slice {
  if (findHeader(tx, space, key, stored)) {
    if (stored.kind !== kind.string) throw wrongType()
    return stored
  }
  if (stored.kind !== kind.none) {
    touchedLeftOver(tx, space, key, stored)
    dropContents(tx, space, key, stored)
    stored.clear()
  }
  return nothing.set(stored.bytes, 0, 0)
}

/** The same; undefined where there is none. */
function openIfThere(tx: Transaction, space: Keyspace, key: Slice): Slice | undefined {
  const value = openString(tx, space, key)
  return stored.kind === kind.none ? undefined : value
}

/** Stores what was written after `beginString(…, stored.expiresAtMs)`. */
function storeOpened(tx: Transaction, space: Keyspace, key: Slice, writer: ByteWriter): void {
  tx.put(writeHeaderKey(headerKey, space, key), writer)
  touched(tx, space, key, 'written', kind.string, stored.kind === kind.none)
}

/** The new length. */
export function appendString(
  tx: Transaction,
  space: Keyspace,
  key: Slice,
  suffix: Slice,
): number | StatementSteps<number> {
  const before = stringLength(tx, space, key)
  const after = before + suffix.end - suffix.start
  checkStringLength(after)
  if (after > shortValueBytes) return writeLongString(tx, space, key, before, suffix)
  const value = openString(tx, space, key)
  const writer = beginString(scratchValue(), stored.expiresAtMs)
  writer.copy(value.bytes, value.start, value.end)
  writer.copy(suffix.bytes, suffix.start, suffix.end)
  storeOpened(tx, space, key, writer)
  return after
}

/** Overwrites from `offset` on, padding with zeros; the new length. An empty `part` changes nothing. */
export function setStringRange(
  tx: Transaction,
  space: Keyspace,
  key: Slice,
  offset: number,
  part: Slice,
): number | StatementSteps<number> {
  const before = stringLength(tx, space, key)
  const partLength = part.end - part.start
  if (partLength === 0) return before
  checkStringLength(offset + partLength)
  if (Math.max(before, offset + partLength) > shortValueBytes) return writeLongString(tx, space, key, offset, part)
  const value = openString(tx, space, key)
  const writer = beginString(scratchValue(), stored.expiresAtMs)
  const start = writer.end
  writer.copy(value.bytes, value.start, value.end)
  const length = Math.max(before, offset + partLength)
  writer.reserve(length)
  writer.bytes.fill(0, writer.end, start + length)
  writer.truncate(start + offset)
  writer.copy(part.bytes, part.start, part.end)
  writer.truncate(start + length)
  storeOpened(tx, space, key, writer)
  return length
}

export function stringLength(reader: TransactionReader, space: Keyspace, key: Slice): number {
  const value = findString(reader, space, key)
  return value === undefined ? 0 : lengthOf(value)
}

export function checkStringLength(length: number): void {
  if (length > maxStringBytes) {
    throw new PolylogError('out_of_range', 'string exceeds maximum allowed size (proto-max-bulk-len)')
  }
}

/** INCR and its kin. A number where the result fits 15 digits, so that the common case computes without a bigint. */
export function incrementString(tx: Transaction, space: Keyspace, key: Slice, by: bigint | number): bigint | number {
  const found = openIfThere(tx, space, key)
  const short = found === undefined ? 0 : parseShortInteger(found)
  const result = typeof by === 'number' && !Number.isNaN(short) ? short + by : incrementLong(found, by)
  const writer = beginString(scratchValue(), stored.expiresAtMs)
  writer.latin1(String(result))
  storeOpened(tx, space, key, writer)
  return result
}

function incrementLong(found: Slice | undefined, by: bigint | number): bigint {
  const before = found === undefined ? 0n : parseInt64(found)
  if (before === undefined) throw new PolylogError('invalid_argument', 'value is not an integer or out of range')
  const result = before + BigInt(by)
  if (!fitsInt64(result)) throw new PolylogError('out_of_range', 'increment or decrement would overflow')
  return result
}

/** INCRBYFLOAT; the text that was stored. */
export function incrementStringByFloat(tx: Transaction, space: Keyspace, key: Slice, by: Slice): string {
  const found = openIfThere(tx, space, key)
  const result = addFloatTexts(found, readFloat(by), 'value is not a valid float')
  const writer = beginString(scratchValue(), stored.expiresAtMs)
  writer.latin1(result)
  storeOpened(tx, space, key, writer)
  return result
}

/** `found + by` as Redis's long double arithmetic prints it; `invalidFound` is the error for what is no number there. */
export function addFloatTexts(found: Slice | undefined, by: LongDouble | 'infinite', invalidFound: string): string {
  const before = found === undefined ? zero : parseLongDouble(textOf(found))
  if (before === undefined) throw new PolylogError('invalid_argument', invalidFound)
  const sum = before === 'infinite' || by === 'infinite' ? undefined : addLongDoubles(before, by)
  if (sum === undefined) throw new PolylogError('out_of_range', 'increment would produce NaN or Infinity')
  return formatLongDouble(sum)
}

const zero: LongDouble = { mantissa: 0n, exponent: 0 }

export function readFloat(text: Slice): LongDouble | 'infinite' {
  const value = parseLongDouble(textOf(text))
  if (value === undefined) throw new PolylogError('invalid_argument', 'value is not a valid float')
  return value
}

const longestNumberCharacters = 5 * 1024

function textOf(slice: Slice): string {
  if (slice.end - slice.start > longestNumberCharacters) return ''
  let text = ''
  for (let i = slice.start; i < slice.end; i++) text += String.fromCharCode(slice.bytes[i]!)
  return text
}
