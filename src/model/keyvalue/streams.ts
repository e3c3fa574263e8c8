/**
 * Streams: entries at growing ids. What a stream is beside them lies in its header (`StreamState` of `codec.ts`), which every
 * append writes: entries become visible in the order of their ids only because who appends waits for who has appended
 * before. Groups of consumers write keys of their own (`stream-groups.ts`), so readers do not wait for writers.
 *
 * Invariants: no entry has an id above the header's last one; a stream may be empty, and keeps its last id then.
 */
import { copySlice, sliceOf, type KeyRange, type Slice } from '../../base/slice.ts'
import { KeyWriter } from '../../base/tuple.ts'
import type { StatementSteps, Transaction, TransactionReader } from '../../database/contract.ts'
import { inPlace } from '../../database/transaction/wait.ts'
import type { Header, StreamState } from './codec.ts'
import type { Keyspace } from './keys.ts'
import { dropLongs, findValue, mayBeLong, removeValue } from './long-values.ts'
import type { Pieces } from './pieces.ts'
import { entryRange, idOfKey, writeEntryKey } from './stream-keys.ts'
import { greatestId, leastId, type StreamId } from './stream-ids.ts'
import { countRange, eachStep, walk } from './walk.ts'

const entryKey = new KeyWriter(64)

export function stateOf(stream: Header): StreamState {
  return stream.stream!
}

/** Says that an entry was put behind the last one. The caller saves the collection. */
export function noteAppended(stream: Header, id: StreamId): void {
  const state = stateOf(stream)
  state.lastId = id
  state.entriesAdded++
  state.isChanged = true
  stream.count++
}

/** A view of the entry's bytes, or the pieces that they lie in. */
export function findEntry(
  reader: TransactionReader,
  space: Keyspace,
  stream: Header,
  id: StreamId,
): Slice | Pieces | undefined {
  return findValue(reader, space, stream, writeEntryKey(entryKey, space, stream.generation, id))
}

/** Whether a stream has an entry of that id. */
export function hasEntry(reader: TransactionReader, space: Keyspace, stream: Header, id: StreamId): boolean {
  return reader.get(writeEntryKey(entryKey, space, stream.generation, id)) !== undefined
}

/** Of the first or last entry that is there; undefined in an empty stream. */
export function edgeId(
  reader: TransactionReader,
  space: Keyspace,
  stream: Header,
  edge: 'first' | 'last',
): StreamId | undefined {
  if (stream.count === 0) return undefined
  const cursor = reader.scan(entryRange(space, stream.generation), { reverse: edge === 'last' })
  return cursor.next() ? idOfKey(cursor.key) : undefined
}

/** XDEL of one entry; false where there is none. Steps where it may lie in pieces. The caller saves the collection. */
export function deleteEntry(
  tx: Transaction,
  space: Keyspace,
  stream: Header,
  id: StreamId,
): boolean | StatementSteps<boolean> {
  const key = writeEntryKey(entryKey, space, stream.generation, id)
  const stored = tx.get(key)
  if (stored === undefined) return false
  if (mayBeLong(stream, stored)) return deleteLongEntry(tx, space, stream, id, key.toBytes())
  tx.delete(key)
  noteDeleted(stream, id)
  return true
}

function* deleteLongEntry(
  tx: Transaction,
  space: Keyspace,
  stream: Header,
  id: StreamId,
  key: Uint8Array,
): StatementSteps<boolean> {
  yield* removeValue(tx, space, stream, sliceOf(key))
  noteDeleted(stream, id)
  return true
}

function noteDeleted(stream: Header, id: StreamId): void {
  const state = stateOf(stream)
  stream.count--
  if (stream.count === 0) state.trimmed = 0
  state.isChanged = true
  if (id > state.maxDeletedId) state.maxDeletedId = id
}

// ---- trimming

/** What a stream keeps: the newest so many entries, or those from an id on. */
export type Trim = (
  | { readonly by: 'length'; readonly length: number }
  | { readonly by: 'id'; readonly least: StreamId }
) & {
  /** Whole nodes only: a stream may keep some more. */
  readonly nodes?: NodeTrim
}

/**
 * Redis keeps entries in nodes of so many, and an approximate trim drops whole ones. Here there are no nodes; where they
 * would begin follows from how many were trimmed, as long as none went from the middle.
 */
export interface NodeTrim {
  readonly entries: number
  /** Entries to drop at most; 0: as many as there are. */
  readonly limit: number
}

/** Entries go one by one up to here: a range delete is dear for few. */
const fewEntries = 16

/** How many were dropped. The caller saves the collection. */
export function* trimStream(tx: Transaction, space: Keyspace, stream: Header, trim: Trim): StatementSteps<number> {
  const exceeding = yield* countExceeding(tx, space, stream, trim)
  const dropped = trim.nodes === undefined ? exceeding : wholeNodes(stream, exceeding, trim.nodes)
  if (dropped <= 0) return 0
  if (dropped <= fewEntries) yield* dropFew(tx, space, stream, dropped)
  else yield* dropRange(tx, space, stream, yield* rangeOfFirst(tx, space, stream, dropped))
  stream.count -= dropped
  const state = stateOf(stream)
  state.isChanged = true
  state.trimmed = stream.count === 0 ? 0 : state.trimmed + dropped
  return dropped
}

function* countExceeding(tx: Transaction, space: Keyspace, stream: Header, trim: Trim): StatementSteps<number> {
  if (trim.by === 'length') return Math.max(0, stream.count - trim.length)
  if (trim.least === leastId) return 0
  return yield* countRange(tx, entryRange(space, stream.generation, leastId, trim.least - 1n))
}

/** Entries that the first node still has. */
export function entriesOfFirstNode({ count, stream }: Header, nodeEntries: number): number {
  return Math.min(count, nodeEntries - (stream!.trimmed % nodeEntries))
}

function wholeNodes(stream: Header, exceeding: number, { entries, limit }: NodeTrim): number {
  const most = limit === 0 ? exceeding : Math.min(exceeding, limit)
  const first = entriesOfFirstNode(stream, entries)
  if (most >= stream.count) return stream.count
  return most < first ? 0 : first + Math.floor((most - first) / entries) * entries
}

function* dropFew(tx: Transaction, space: Keyspace, stream: Header, count: number): StatementSteps<void> {
  const keys: Uint8Array[] = []
  yield* walk(tx, entryRange(space, stream.generation), (key) => void keys.push(copySlice(key)), { limit: count })
  if (stream.hasLong) for (const key of keys) yield* removeValue(tx, space, stream, sliceOf(key))
  else yield* eachStep(tx, 0, keys.length, 1, (at) => tx.delete(sliceOf(keys[at]!)))
}

/** Of the first so many entries. */
function* rangeOfFirst(tx: Transaction, space: Keyspace, stream: Header, count: number): StatementSteps<KeyRange> {
  const all = entryRange(space, stream.generation)
  let end = all.end
  const visit = (key: Slice): void => {
    end = sliceOf(copySlice(key))
  }
  if (count < stream.count) yield* walk(tx, all, visit, { offset: count, limit: 1 })
  return { start: all.start, end }
}

function* dropRange(tx: Transaction, space: Keyspace, stream: Header, range: KeyRange): StatementSteps<void> {
  yield* dropLongs(tx, space, stream, range)
  yield* inPlace(tx, () => tx.deleteRange(range))
}

// ---- how far somebody has read

/** The entries that a reader who has read up to `after` has before it. */
export function rangeAfter(space: Keyspace, stream: Header, after: StreamId): KeyRange {
  return entryRange(space, stream.generation, after === greatestId ? after : after + 1n)
}

/** Whether there is an entry above an id. */
export function hasEntryAfter(reader: TransactionReader, space: Keyspace, stream: Header, after: StreamId): boolean {
  if (stream.count === 0 || after >= stateOf(stream).lastId) return false
  return reader.scan(rangeAfter(space, stream, after)).next()
}
