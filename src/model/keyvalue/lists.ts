/**
 * Lists: items at growing positions (`list-places.ts`). Both ends grow and shrink in constant work; an index, and a change
 * in the middle, take logarithmic time. What looks for an item by its value walks, in slices of time.
 */
import { copySlice, sliceOf, type KeyRange, type Slice } from '../../base/slice.ts'
import { KeyReader } from '../../base/tuple-reader.ts'
import { KeyWriter } from '../../base/tuple.ts'
import type { StatementSteps, Transaction, TransactionReader } from '../../database/contract.ts'
import { inPlace } from '../../database/transaction/wait.ts'
import type { Header } from './codec.ts'
import { elementOffset, index, writeItemKey, type Keyspace } from './keys.ts'
import {
  boundsOf,
  endPosition,
  extend,
  isEven,
  isSparse,
  makeUneven,
  positionOf,
  spreadPosition,
  windowsAround,
  type Window,
} from './list-places.ts'
import { countRange, eachStep, walk, walkEqual, type SlicedReader } from './walk.ts'

const itemKey = new KeyWriter(32)

function keyAt(space: Keyspace, list: Header, position: number): KeyWriter {
  return writeItemKey(itemKey, space, list.generation, position)
}

/** Positions `from` to `to`, the latter not included. */
function rangeOf(space: Keyspace, list: Header, from: number, to: number): KeyRange {
  return { start: sliceOf(keyAt(space, list, from).toBytes()), end: sliceOf(keyAt(space, list, to).toBytes()) }
}

function wholeRange(space: Keyspace, list: Header): KeyRange {
  const { first, last } = boundsOf(list)
  return rangeOf(space, list, first, last + 1)
}

function readPosition(key: Slice, offset: number): number {
  return Number(new KeyReader({ bytes: key.bytes, start: key.start + offset, end: key.end }).int64())
}

// ---- ends

/** The caller saves the collection. */
export function pushItem(tx: Transaction, space: Keyspace, list: Header, item: Slice, atHead: boolean): void {
  const position = endPosition(list, atHead)
  tx.put(keyAt(space, list, position), item)
  extend(list, atHead, position)
}

/** A copy of what was there; the list must not be empty. */
export function popItem(tx: Transaction, space: Keyspace, list: Header, atHead: boolean): Uint8Array {
  if (isEven(list)) {
    const position = positionOf(list, atHead ? 0 : list.count - 1)
    const item = copySlice(tx.get(keyAt(space, list, position))!)
    tx.delete(keyAt(space, list, position))
    if (atHead) list.position = positionOf(list, 1)
    list.count--
    return item
  }
  const cursor = tx.scan(wholeRange(space, list), { reverse: !atHead })
  cursor.next()
  const position = readPosition(cursor.key, offsetIn(space, list))
  const item = copySlice(cursor.value)
  tx.delete(keyAt(space, list, position))
  if (atHead) list.position = position + 1
  else list.lastPosition = position - 1
  list.count--
  return item
}

function offsetIn(space: Keyspace, list: Header): number {
  return elementOffset(space, index.item, list.generation)
}

// ---- ranks

/** Where the item of a rank from 0 to count − 1 lies. */
export function* locateItem(reader: SlicedReader, space: Keyspace, list: Header, rank: number): StatementSteps<number> {
  if (isEven(list)) return positionOf(list, rank)
  const offset = offsetIn(space, list)
  let position = list.position
  const fromTail = rank > list.count / 2
  yield* walk(reader, wholeRange(space, list), (key) => void (position = readPosition(key, offset)), {
    reverse: fromTail,
    offset: fromTail ? list.count - 1 - rank : rank,
    limit: 1,
  })
  return position
}

/** A view of the item at a position. */
export function getItem(reader: TransactionReader, space: Keyspace, list: Header, position: number): Slice | undefined {
  return reader.get(keyAt(space, list, position))
}

export function setItem(tx: Transaction, space: Keyspace, list: Header, position: number, item: Slice): void {
  tx.put(keyAt(space, list, position), item)
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
  if (isEven(list)) {
    const range = rangeOf(space, list, positionOf(list, start), positionOf(list, stop) + 1)
    yield* walk(reader, range, (_key, item) => visit(item), { reverse })
  } else {
    const offset = reverse ? list.count - 1 - stop : start
    const options = { reverse, offset, limit: stop - start + 1 }
    yield* walk(reader, wholeRange(space, list), (_key, item) => visit(item), options)
  }
}

/** Keeps ranks `start` to `stop`, both included; nothing where `start` is beyond `stop`. */
export function* trimItems(
  tx: Transaction,
  space: Keyspace,
  list: Header,
  start: number,
  stop: number,
): StatementSteps<void> {
  const { first, last } = boundsOf(list)
  const kept = Math.max(0, stop - start + 1)
  const from = kept === 0 ? last + 1 : yield* locateItem(tx, space, list, start)
  const to = kept === 0 ? last : yield* locateItem(tx, space, list, stop)
  yield* inPlace(tx, () => {
    if (from > first) tx.deleteRange(rangeOf(space, list, first, from))
    if (to < last) tx.deleteRange(rangeOf(space, list, to + 1, last + 1))
  })
  list.position = from
  if (!isEven(list)) list.lastPosition = to
  list.count = kept
}

// ---- the middle

/** Puts an item beside the one at `position`. */
export function* insertItem(
  tx: Transaction,
  space: Keyspace,
  list: Header,
  position: number,
  isBefore: boolean,
  item: Slice,
): StatementSteps<void> {
  const { first, last } = boundsOf(list)
  const neighbour = yield* findNeighbour(tx, space, list, position, isBefore)
  if (neighbour === undefined) {
    yield* inPlace(tx, () => pushItem(tx, space, list, item, isBefore))
    return
  }
  const low = isBefore ? neighbour : position
  const high = isBefore ? position : neighbour
  const between = high - low > 1 ? low + Math.floor((high - low) / 2) : yield* makeRoom(tx, space, list, low)
  yield* inPlace(tx, () => setItem(tx, space, list, between, item))
  makeUneven(list)
  list.position = Math.min(list.position, first)
  list.lastPosition = Math.max(list.lastPosition, last)
  list.count++
}

/** The position of the item next to one, on the side wanted. */
function* findNeighbour(
  tx: Transaction,
  space: Keyspace,
  list: Header,
  position: number,
  before: boolean,
): StatementSteps<number | undefined> {
  const { first, last } = boundsOf(list)
  const range = before ? rangeOf(space, list, first, position) : rangeOf(space, list, position + 1, last + 1)
  const offset = offsetIn(space, list)
  let found: number | undefined
  const visit = (key: Slice): false => {
    found = readPosition(key, offset)
    return false
  }
  yield* walk(tx, range, visit, { reverse: before })
  return found
}

/** Spreads out the items around `low`; a free position behind the item that was there and before the next one. */
function* makeRoom(tx: Transaction, space: Keyspace, list: Header, low: number): StatementSteps<number> {
  makeUneven(list)
  for (const window of windowsAround(low)) {
    const range = rangeOf(space, list, window.from, window.to)
    const count = yield* countRange(tx, range)
    if (!isSparse(window, count)) continue
    const rank = yield* spread(tx, space, list, window, low)
    const at = spreadPosition(window, rank, count)
    const next = rank + 1 < count ? spreadPosition(window, rank + 1, count) : window.to
    list.position = Math.min(list.position, spreadPosition(window, 0, count))
    list.lastPosition = Math.max(list.lastPosition, spreadPosition(window, count - 1, count))
    return at + Math.floor((next - at) / 2)
  }
  throw new RangeError('a list has used up all its positions')
}

/** Gives the items of a window equal distances; the rank that the item at `low` has among them. */
function* spread(tx: Transaction, space: Keyspace, list: Header, window: Window, low: number): StatementSteps<number> {
  const range = rangeOf(space, list, window.from, window.to)
  const offset = offsetIn(space, list)
  const items: Uint8Array[] = []
  let rank = -1
  const visit = (key: Slice, value: Slice): void => {
    if (readPosition(key, offset) === low) rank = items.length
    items.push(copySlice(value))
  }
  yield* walk(tx, range, visit)
  yield* inPlace(tx, () => tx.deleteRange(range))
  yield* eachStep(tx, 0, items.length, 1, (at) => {
    setItem(tx, space, list, spreadPosition(window, at, items.length), sliceOf(items[at]!))
  })
  return rank
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
  const removed = yield* findPositions(tx, space, list, item, limit, fromTail)
  yield* eachStep(tx, 0, removed.length, 1, (at) => tx.delete(keyAt(space, list, removed[at]!)))
  forget(list, fromTail ? removed.reverse() : removed)
  return removed.length
}

/** The header after the removal of these positions, in order: at the ends an even list stays even. */
function forget(list: Header, removed: readonly number[]): void {
  let head = 0
  let tail = removed.length
  if (isEven(list)) {
    while (head < tail && removed[head] === list.position) {
      list.position = positionOf(list, 1)
      list.count--
      head++
    }
    while (head < tail && removed[tail - 1] === boundsOf(list).last) {
      list.count--
      tail--
    }
  }
  if (head === tail) return
  makeUneven(list)
  list.count -= tail - head
}

/** Where items equal to `item` lie, in the order in which they are found; at most `limit`. */
export function* findPositions(
  reader: SlicedReader,
  space: Keyspace,
  list: Header,
  item: Slice,
  limit: number,
  fromTail: boolean,
): StatementSteps<number[]> {
  const offset = offsetIn(space, list)
  const found: number[] = []
  const visit = (key: Slice): boolean => {
    found.push(readPosition(key, offset))
    return found.length < limit
  }
  yield* walkEqual(reader, wholeRange(space, list), item, visit, { reverse: fromTail })
  return found
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
  const visit = (_key: Slice, before: number): boolean => {
    if (skip-- <= 0) found.push(fromTail ? list.count - 1 - before : before)
    return found.length < limit
  }
  yield* walkEqual(reader, wholeRange(space, list), item, visit, { reverse: fromTail, limit: lookAt })
  return found
}
