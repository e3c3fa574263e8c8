/**
 * Lists: items at growing positions (`list-places.ts`). Both ends grow and shrink in constant work; an index, and a change
 * in the middle, take logarithmic time. What looks for an item by its value walks, in slices of time
 * (`list-search.ts`). A long item lies in pieces (`long-values.ts`): what may meet one answers steps then.
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
import {
  dropLongs,
  findLong,
  findValue,
  forgetLong,
  forgetLongs,
  isLongValue,
  mayBeLong,
  putLong,
  replaceValue,
  type ValueVisitor,
  walkValues,
} from './long-values.ts'
import { Pieces } from './pieces.ts'
import { countRange, eachStep, walk, type SlicedReader } from './walk.ts'

const itemKey = new KeyWriter(32)

export function keyAt(space: Keyspace, list: Header, position: number): KeyWriter {
  return writeItemKey(itemKey, space, list.generation, position)
}

/** Positions `from` to `to`, the latter not included. */
export function rangeOf(space: Keyspace, list: Header, from: number, to: number): KeyRange {
  return { start: sliceOf(keyAt(space, list, from).toBytes()), end: sliceOf(keyAt(space, list, to).toBytes()) }
}

export function wholeRange(space: Keyspace, list: Header): KeyRange {
  const { first, last } = boundsOf(list)
  return rangeOf(space, list, first, last + 1)
}

export function readPosition(key: Slice, offset: number): number {
  return new KeyReader({ bytes: key.bytes, start: key.start + offset, end: key.end }).integer()
}

// ---- ends

/** The caller saves the collection, when the steps are done. */
export function pushItem(
  tx: Transaction,
  space: Keyspace,
  list: Header,
  item: Slice,
  atHead: boolean,
): StatementSteps<void> | undefined {
  const position = endPosition(list, atHead)
  const key = keyAt(space, list, position)
  const steps = isLongValue(item) ? setLongItem(tx, space, list, key.toBytes(), item) : undefined
  if (steps === undefined) tx.put(key, item)
  extend(list, atHead, position)
  return steps
}

/** The same with an item whose pieces are there, under this list. */
export function pushPieces(tx: Transaction, space: Keyspace, list: Header, pieces: Pieces, atHead: boolean): void {
  const position = endPosition(list, atHead)
  putLong(tx, space, list, keyAt(space, list, position), pieces)
  extend(list, atHead, position)
}

/**
 * What was there: a copy, or pieces, which are there until `dropPieces`. The list must not be empty. To be called in
 * place, since it may write twice.
 */
export function popItem(tx: Transaction, space: Keyspace, list: Header, atHead: boolean): Uint8Array | Pieces {
  let position: number
  let stored: Slice
  if (isEven(list)) {
    position = positionOf(list, atHead ? 0 : list.count - 1)
    stored = tx.get(keyAt(space, list, position))!
  } else {
    const cursor = tx.scan(wholeRange(space, list), { reverse: !atHead })
    cursor.next()
    position = readPosition(cursor.key, offsetIn(space, list))
    stored = cursor.value
  }
  const key = keyAt(space, list, position)
  const item = findItem(tx, space, list, key, stored)
  if (item instanceof Pieces) forgetLong(tx, space, list, key)
  tx.delete(key)
  if (!isEven(list)) {
    if (atHead) list.position = position + 1
    else list.lastPosition = position - 1
  } else if (atHead) list.position = positionOf(list, 1)
  list.count--
  return item
}

function findItem(
  reader: TransactionReader,
  space: Keyspace,
  list: Header,
  key: Slice,
  stored: Slice,
): Uint8Array | Pieces {
  if (!mayBeLong(list, stored)) return copySlice(stored)
  return findLong(reader, space, list, key, stored) ?? new Uint8Array(0)
}

export function offsetIn(space: Keyspace, list: Header): number {
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

/** A view of the item at a position, or the pieces that it lies in. */
export function getItem(
  reader: TransactionReader,
  space: Keyspace,
  list: Header,
  position: number,
): Slice | Pieces | undefined {
  return findValue(reader, space, list, keyAt(space, list, position))
}

/** In place of what is there. */
export function setItem(
  tx: Transaction,
  space: Keyspace,
  list: Header,
  position: number,
  item: Slice,
): StatementSteps<void> | undefined {
  const key = keyAt(space, list, position)
  // In a list with long items, whatever is there has to be looked at.
  if (isLongValue(item) || list.hasLong) return setLongItem(tx, space, list, key.toBytes(), item)
  tx.put(key, item)
  return undefined
}

function* setLongItem(
  tx: Transaction,
  space: Keyspace,
  list: Header,
  key: Uint8Array,
  item: Slice,
): StatementSteps<void> {
  yield* replaceValue(tx, space, list, sliceOf(key), item)
}

/** Sees the items of a list; `short` answers false to stop. */
export interface ItemVisitor {
  readonly short: (item: Slice) => boolean | void
  readonly long: (item: Pieces) => StatementSteps<void>
}

/** Visits ranks `start` to `stop`, both included and within the count. */
export function* walkItems(
  reader: SlicedReader,
  space: Keyspace,
  list: Header,
  start: number,
  stop: number,
  { short, long }: ItemVisitor,
  reverse = false,
): StatementSteps<void> {
  if (start > stop) return
  const visitor: ValueVisitor = { short: (_, item) => short(item), long: (_, item) => long(item) }
  if (isEven(list)) {
    const range = rangeOf(space, list, positionOf(list, start), positionOf(list, stop) + 1)
    yield* walkValues(reader, space, list, range, visitor, { reverse })
  } else {
    const offset = reverse ? list.count - 1 - stop : start
    const options = { reverse, offset, limit: stop - start + 1 }
    yield* walkValues(reader, space, list, wholeRange(space, list), visitor, options)
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
  if (from > first) yield* dropRange(tx, space, list, first, from)
  if (to < last) yield* dropRange(tx, space, list, to + 1, last + 1)
  list.position = from
  if (!isEven(list)) list.lastPosition = to
  list.count = kept
}

function* dropRange(tx: Transaction, space: Keyspace, list: Header, from: number, to: number): StatementSteps<void> {
  yield* dropLongs(tx, space, list, rangeOf(space, list, from, to))
  yield* inPlace(tx, () => tx.deleteRange(rangeOf(space, list, from, to)))
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
    const steps = yield* inPlace(tx, () => pushItem(tx, space, list, item, isBefore))
    if (steps !== undefined) yield* steps
    return
  }
  const low = isBefore ? neighbour : position
  const high = isBefore ? position : neighbour
  const between = high - low > 1 ? low + Math.floor((high - low) / 2) : yield* makeRoom(tx, space, list, low)
  const steps = yield* inPlace(tx, () => setItem(tx, space, list, between, item))
  if (steps !== undefined) yield* steps
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
  const items: (Uint8Array | Pieces)[] = []
  let rank = -1
  const visit = (key: Slice, value: Slice): void => {
    const isLow = readPosition(key, offset) === low
    const item = findItem(tx, space, list, key, value)
    if (isLow) rank = items.length
    items.push(item)
  }
  yield* walk(tx, range, visit)
  yield* inPlace(tx, () => {
    tx.deleteRange(range)
    forgetLongs(tx, space, list, range)
  })
  yield* eachStep(tx, 0, items.length, 1, (at) => {
    const key = keyAt(space, list, spreadPosition(window, at, items.length))
    const item = items[at]!
    if (item instanceof Pieces) putLong(tx, space, list, key, item)
    else tx.put(key, sliceOf(item))
  })
  return rank
}
