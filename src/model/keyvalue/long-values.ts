/**
 * Long values: fields of hashes and items of lists of more than 64 KiB lie in pieces (`pieces.ts`), so that no turn has to
 * copy all of one.
 *
 *   entry    (ks, 2 | 7, generation, element)     → nothing
 *   long     (ks, 9, generation, element)         → varint number · varint bytes
 *   pieces   (ks, 10, generation, number, 0, 1, …) → 32,000 bytes each, the last one what is left
 *
 * An entry without bytes may therefore be an empty value or a long one. Only in a collection whose header says that it
 * `hasLong` is it looked for: all others are read as if there were none. `element` is what the key of the entry ends with. The
 * pieces do not name it but a number that is given out once, so that an item moves within its list without them; they
 * lie under the generation of their collection, so that it is renamed by its header, and dropped by ranges.
 *
 * Members of sets and names of fields are parts of keys, of which none is longer than 65,535 bytes.
 *
 * Invariants: every long value has an empty entry and its pieces, and there are no others; a collection with one `hasLong`.
 * Whoever changes an entry writes it, even where it stays empty: watches and locks look at entries.
 */
import { ByteReader, ByteWriter } from '../../base/bytes.ts'
import { copySlice, emptySlice, sliceOf, type KeyRange, type Slice } from '../../base/slice.ts'
import { KeyWriter } from '../../base/tuple.ts'
import type { StatementSteps, Transaction, TransactionReader } from '../../database/contract.ts'
import { inPlace } from '../../database/transaction/wait.ts'
import type { Header } from './codec.ts'
import { index, writeElementPrefix, type Keyspace } from './keys.ts'
import { Pieces, shortValueBytes, writePieces } from './pieces.ts'
import { eachStep, walk, type SlicedReader, type WalkOptions } from './walk.ts'

const longKey = new KeyWriter(64)
const whereWriter = new ByteWriter(32)

export function isLongValue(value: Slice): boolean {
  return value.end - value.start > shortValueBytes
}

/** The key that says where the value of an entry lies. Entries of hashes and lists begin with as many bytes as it does. */
function writeLongKey(space: Keyspace, { generation }: Header, entry: Slice): KeyWriter {
  const key = writeElementPrefix(longKey, space, index.long, generation)
  key.copy(entry.bytes, entry.start + key.end, entry.end)
  return key
}

function decodeWhere(space: Keyspace, { generation }: Header, { bytes, start, end }: Slice): Pieces {
  const reader = new ByteReader(bytes, start, end)
  const number = reader.varint()
  return new Pieces(space, generation, number, reader.varint())
}

/** What of a collection's entry with these bytes lies in pieces; undefined where they are its value. */
export function findLong(
  reader: TransactionReader,
  space: Keyspace,
  collection: Header,
  entry: Slice,
  stored: Slice,
): Pieces | undefined {
  if (!collection.hasLong || stored.end !== stored.start) return undefined
  const where = reader.get(writeLongKey(space, collection, entry))
  return where === undefined ? undefined : decodeWhere(space, collection, where)
}

/** A view of an entry's value, or the pieces that it lies in. */
export function findValue(
  reader: TransactionReader,
  space: Keyspace,
  collection: Header,
  entry: Slice,
): Slice | Pieces | undefined {
  const stored = reader.get(entry)
  if (!mayBeLong(collection, stored)) return stored
  return findLong(reader, space, collection, entry, stored!) ?? emptySlice
}

/** Whether `findLong` has to look: a caller that need not is done without it. */
export function mayBeLong(collection: Header, stored: Slice | undefined): boolean {
  return collection.hasLong && stored !== undefined && stored.end === stored.start
}

// ---- writing
// All of it takes several writes, so it is steps: what is thrown between two of them takes both back.

/** Puts a value into an entry, in place of what is there; true where there was none. The caller saves the collection. */
export function* replaceValue(
  tx: Transaction,
  space: Keyspace,
  collection: Header,
  entry: Slice,
  value: Slice,
): StatementSteps<boolean> {
  const { isNew, pieces } = yield* inPlace(tx, () => {
    const stored = tx.get(entry)
    const isNew = stored === undefined
    if (stored !== undefined) dropLong(tx, space, collection, entry, stored)
    const pieces = isLongValue(value) ? newPieces(tx, space, collection, value.end - value.start) : undefined
    if (pieces === undefined) tx.put(entry, value)
    else putLong(tx, space, collection, entry, pieces)
    return { isNew, pieces }
  })
  if (pieces !== undefined) yield* writePieces(tx, pieces, value)
  return isNew
}

/** Removes an entry with what of it lies elsewhere; false where it was not there. */
export function* removeValue(
  tx: Transaction,
  space: Keyspace,
  collection: Header,
  entry: Slice,
): StatementSteps<boolean> {
  return yield* inPlace(tx, () => dropValue(tx, space, collection, entry))
}

/** Likewise, as a part of a batch. */
export function dropValue(tx: Transaction, space: Keyspace, collection: Header, entry: Slice): boolean {
  const stored = tx.get(entry)
  if (stored === undefined) return false
  dropLong(tx, space, collection, entry, stored)
  tx.delete(entry)
  return true
}

/** Says that the entry's value lies in these pieces, which are those of its collection. */
export function putLong(tx: Transaction, space: Keyspace, collection: Header, entry: Slice, pieces: Pieces): void {
  tx.put(entry, emptySlice)
  whereWriter.reset()
  whereWriter.varint(pieces.number!)
  whereWriter.varint(pieces.bytes)
  tx.put(writeLongKey(space, collection, entry), whereWriter)
  collection.hasLong = true
}

/** For pieces that will be written. */
export function newPieces(tx: Transaction, space: Keyspace, collection: Header, bytes: number): Pieces {
  return new Pieces(space, collection.generation, tx.services.nextNumber(), bytes)
}

function dropLong(tx: Transaction, space: Keyspace, collection: Header, entry: Slice, stored: Slice): void {
  const old = findLong(tx, space, collection, entry, stored)
  if (old === undefined) return
  forgetLong(tx, space, collection, entry)
  dropPieces(tx, old)
}

/** The entry's value lies in pieces no more, which are there until `dropPieces`. */
export function forgetLong(tx: Transaction, space: Keyspace, collection: Header, entry: Slice): void {
  tx.delete(writeLongKey(space, collection, entry))
}

export function dropPieces(tx: Transaction, pieces: Pieces): void {
  tx.deleteRange(pieces.range())
}

// ---- reading many

/** Where those are said to lie whose entries are in this range of the collection. */
function longRange(space: Keyspace, collection: Header, entries: KeyRange): KeyRange {
  const start = writeLongKey(space, collection, entries.start).toBytes()
  const end = writeLongKey(space, collection, entries.end).toBytes()
  return { start: sliceOf(start), end: sliceOf(end) }
}

/** Those of the entries in a range, in order; the keys end as those of the entries do. */
export function* walkLong(
  reader: SlicedReader,
  space: Keyspace,
  collection: Header,
  entries: KeyRange,
  visit: (key: Slice, pieces: Pieces) => boolean | void,
  options: WalkOptions = {},
): StatementSteps<void> {
  if (!collection.hasLong) return
  const range = longRange(space, collection, entries)
  yield* walk(reader, range, (key, where) => visit(key, decodeWhere(space, collection, where)), options)
}

/** The values of the entries in a range lie in pieces no more, which are there until `dropPieces`. */
export function forgetLongs(tx: Transaction, space: Keyspace, collection: Header, entries: KeyRange): void {
  if (collection.hasLong) tx.deleteRange(longRange(space, collection, entries))
}

/** Drops those of the entries in a range, which are dropped by the caller. */
export function* dropLongs(
  tx: Transaction,
  space: Keyspace,
  collection: Header,
  entries: KeyRange,
): StatementSteps<void> {
  if (!collection.hasLong) return
  const found: Pieces[] = []
  yield* walkLong(tx, space, collection, entries, (_, pieces) => void found.push(pieces))
  if (found.length === 0) return
  yield* inPlace(tx, () => forgetLongs(tx, space, collection, entries))
  yield* eachStep(tx, 0, found.length, 1, (at) => dropPieces(tx, found[at]!))
}

/** Sees the entries of a hash or list. */
export interface ValueVisitor {
  /** One that has its value; answers false to stop. */
  readonly short: (key: Slice, value: Slice) => boolean | void
  /** One whose value lies in pieces. */
  readonly long: (key: Slice, pieces: Pieces) => StatementSteps<void>
}

/** As `walk`, for the entries of a hash or list: a long value is seen in steps of its own. */
export function* walkValues(
  reader: SlicedReader,
  space: Keyspace,
  collection: Header,
  range: KeyRange,
  { short, long }: ValueVisitor,
  options: WalkOptions = {},
): StatementSteps<void> {
  if (!collection.hasLong) return yield* walk(reader, range, short, options)
  const { reverse = false } = options
  let { offset = 0, limit = Infinity } = options
  let rest = range
  let found = undefined as { key: Uint8Array; pieces: Pieces } | undefined
  const visit = (key: Slice, value: Slice): boolean | void => {
    let answer: boolean | void
    if (value.start === value.end) {
      const kept = copySlice(key)
      const pieces = findLong(reader, space, collection, sliceOf(kept), value)
      if (pieces !== undefined) found = { key: kept, pieces }
      answer = pieces === undefined && short(sliceOf(kept), emptySlice)
    } else answer = short(key, value)
    limit--
    return answer
  }
  for (;;) {
    found = undefined
    yield* walk(reader, rest, visit, { reverse, offset, limit })
    if (found === undefined) return
    const { key, pieces } = found
    yield* long(sliceOf(key), pieces)
    rest = reverse ? { start: rest.start, end: sliceOf(key) } : { start: sliceOf(behind(key)), end: rest.end }
    offset = 0
    if (limit <= 0) return
  }
}

/** The least key above one. */
function behind(key: Uint8Array): Uint8Array {
  const next = new Uint8Array(key.length + 1)
  next.set(key)
  return next
}
