/**
 * Lists: items at consecutive positions, the first of which stands in the header. Both ends grow and shrink in constant
 * work, and an index is one read. What changes the middle shifts the items behind it, in slices of time.
 *
 * Invariant: the positions from `position` to `position + count − 1` are taken, and no others.
 */
import { inPlace } from '../../database/wait.ts'
import { copySlice, equalSlices, sliceOf, type KeyRange, type Slice } from '../../base/slice.ts'
import { KeyWriter } from '../../base/tuple.ts'
import type { StatementSteps, Transaction, TransactionReader } from '../../database/contract.ts'
import type { Header } from './codec.ts'
import { writeItemKey, type Keyspace } from './keys.ts'
import { walk, type SlicedReader } from './walk.ts'

const itemKey = new KeyWriter(32)
const itemsBetweenChecks = 64

function keyOf(space: Keyspace, list: Header, rank: number): KeyWriter {
  return writeItemKey(itemKey, space, list.generation, list.position + rank)
}

/** A view of the item at a rank from 0 to count − 1. */
export function getItem(reader: TransactionReader, space: Keyspace, list: Header, rank: number): Slice | undefined {
  return reader.get(keyOf(space, list, rank))
}

export function setItem(tx: Transaction, space: Keyspace, list: Header, rank: number, item: Slice): void {
  tx.put(keyOf(space, list, rank), item)
}

/** The caller saves the collection. */
export function pushItem(tx: Transaction, space: Keyspace, list: Header, item: Slice, atHead: boolean): void {
  setItem(tx, space, list, atHead ? -1 : list.count, item)
  if (atHead) list.position--
  list.count++
}

/** A copy of what was there; the list must not be empty. */
export function popItem(tx: Transaction, space: Keyspace, list: Header, atHead: boolean): Uint8Array {
  const rank = atHead ? 0 : list.count - 1
  const item = copySlice(getItem(tx, space, list, rank)!)
  tx.delete(keyOf(space, list, rank))
  if (atHead) list.position++
  list.count--
  return item
}

/** Ranks `start` to `stop`, the latter not included. */
function rankRange(space: Keyspace, list: Header, start: number, stop: number): KeyRange {
  return {
    start: sliceOf(keyOf(space, list, start).toBytes()),
    end: sliceOf(keyOf(space, list, stop).toBytes()),
  }
}

/** Visits ranks `start` to `stop`, both included and within the count, until `visit` answers false. */
export function* walkItems(
  reader: SlicedReader,
  space: Keyspace,
  list: Header,
  start: number,
  stop: number,
  visit: (item: Slice) => boolean | void,
  reverse = false,
): StatementSteps<void> {
  if (start > stop) return
  yield* walk(reader, rankRange(space, list, start, stop + 1), (_key, item) => visit(item), { reverse })
}

/** Keeps ranks `start` to `stop`, both included; nothing where `start` is beyond `stop`. */
export function trimItems(tx: Transaction, space: Keyspace, list: Header, start: number, stop: number): void {
  const first = start > stop ? list.count : start
  const end = start > stop ? list.count : stop + 1
  if (first > 0) tx.deleteRange(rankRange(space, list, 0, first))
  if (end < list.count) tx.deleteRange(rankRange(space, list, end, list.count))
  list.position += first
  list.count = end - first
}

/** Puts an item before the one at `rank`, shifting those on the shorter side. */
export function* insertItem(
  tx: Transaction,
  space: Keyspace,
  list: Header,
  rank: number,
  item: Slice,
): StatementSteps<void> {
  const before = list.count
  list.count++
  if (rank < before / 2) {
    list.position--
    for (let at = 0; at < rank; at++) yield* shift(tx, space, list, at + 1, at)
  } else {
    for (let at = before; at > rank; at--) yield* shift(tx, space, list, at - 1, at)
  }
  yield* inPlace(tx, () => setItem(tx, space, list, rank, item))
}

function* shift(tx: Transaction, space: Keyspace, list: Header, from: number, to: number): StatementSteps<void> {
  yield* inPlace(tx, () => setItem(tx, space, list, to, sliceOf(copySlice(getItem(tx, space, list, from)!))))
  if (to % itemsBetweenChecks === 0 && tx.slice.spend(itemsBetweenChecks)) yield undefined
}

/** Removes up to `limit` items equal to `item`, beginning at one end; how many there were. */
export function* removeItems(
  tx: Transaction,
  space: Keyspace,
  list: Header,
  item: Slice,
  limit: number,
  fromTail: boolean,
): StatementSteps<number> {
  const removed = yield* findItems(tx, space, list, item, { limit, fromTail })
  if (removed.length === 0) return 0
  const gone = new Set(removed)
  let to = Math.min(...removed)
  for (let at = to; at < list.count; at++) {
    if (!gone.has(at)) yield* shift(tx, space, list, at, to++)
  }
  yield* inPlace(tx, () => tx.deleteRange(rankRange(space, list, to, list.count)))
  list.count = to
  return removed.length
}

export interface FindOptions {
  readonly limit: number
  readonly fromTail: boolean
  /** Matches to pass over first. */
  readonly skip?: number
  /** Items to look at. */
  readonly lookAt?: number
}

/** The ranks of items equal to `item`, in the order in which they are found. */
export function* findItems(
  reader: SlicedReader,
  space: Keyspace,
  list: Header,
  item: Slice,
  options: FindOptions,
): StatementSteps<number[]> {
  const { limit, fromTail, lookAt = Infinity } = options
  const found: number[] = []
  let skip = options.skip ?? 0
  let seen = 0
  const visit = (each: Slice): boolean => {
    if (equalSlices(each, item) && skip-- <= 0) found.push(fromTail ? list.count - 1 - seen : seen)
    seen++
    return found.length < limit && seen < lookAt
  }
  yield* walkItems(reader, space, list, 0, list.count - 1, visit, fromTail)
  return found
}
