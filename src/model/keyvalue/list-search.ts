/**
 * Finding items of a list by their value, and removing them. Short ones are compared in the pages of the store
 * (`Cursor.nextUntil`). Of long ones (`long-values.ts`) those of the right length are, piece by piece; and an entry without
 * bytes is an empty item only where no long one is said to be there.
 */
import { sliceOf, type Slice } from '../../base/slice.ts'
import type { StatementSteps, Transaction } from '../../database/contract.ts'
import type { Header } from './codec.ts'
import type { Keyspace } from './keys.ts'
import { boundsOf, isEven, makeUneven, positionOf } from './list-places.ts'
import { keyAt, offsetIn, rangeOf, readPosition, wholeRange } from './lists.ts'
import { isLongValue, removeValue, walkLong } from './long-values.ts'
import { arePieces, type Pieces } from './pieces.ts'
import { countRange, eachStep, walkEqual, type SlicedReader } from './walk.ts'

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
  const isLong = list.hasLong && isLongValue(item)
  yield* eachStep(tx, 0, removed.length, 1, (at) => {
    const key = keyAt(space, list, removed[at]!)
    if (isLong) return removeLong(tx, space, list, key.toBytes())
    tx.delete(key)
    return undefined
  })
  forget(list, fromTail ? removed.reverse() : removed)
  return removed.length
}

function* removeLong(tx: Transaction, space: Keyspace, list: Header, key: Uint8Array): StatementSteps<void> {
  yield* removeValue(tx, space, list, sliceOf(key))
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
  const long = list.hasLong ? yield* findLongPositions(reader, space, list, item, fromTail) : []
  const isEmpty = item.start === item.end
  const notEmpty = new Set(isEmpty ? long : [])
  const offset = offsetIn(space, list)
  const found: number[] = []
  const visit = (key: Slice): boolean => {
    const position = readPosition(key, offset)
    if (!notEmpty.has(position)) found.push(position)
    return found.length < limit
  }
  yield* walkEqual(reader, wholeRange(space, list), item, visit, { reverse: fromTail })
  if (isEmpty || long.length === 0) return found
  // Older versions have stored long items in their entries.
  const all = [...long, ...found].sort((a, b) => (fromTail ? b - a : a - b))
  return all.slice(0, limit)
}

/** Of the long items those that are equal to `item`; all of them, where that is empty. */
function* findLongPositions(
  reader: SlicedReader,
  space: Keyspace,
  list: Header,
  item: Slice,
  reverse: boolean,
): StatementSteps<number[]> {
  const isEmpty = item.start === item.end
  if (!isEmpty && !isLongValue(item)) return []
  const offset = offsetIn(space, list)
  const found: { position: number; pieces: Pieces }[] = []
  const visit = (key: Slice, pieces: Pieces): void => {
    if (isEmpty || pieces.bytes === item.end - item.start) found.push({ position: readPosition(key, offset), pieces })
  }
  yield* walkLong(reader, space, list, wholeRange(space, list), visit, { reverse })
  const positions: number[] = []
  for (const { position, pieces } of found) {
    if (isEmpty || (yield* arePieces(reader, pieces, item))) positions.push(position)
  }
  return positions
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
  if (list.hasLong && (item.start === item.end || isLongValue(item))) {
    return yield* findAmongLong(reader, space, list, item, options)
  }
  const found: number[] = []
  let skip = options.skip ?? 0
  const visit = (_key: Slice, before: number): boolean => {
    if (skip-- <= 0) found.push(fromTail ? list.count - 1 - before : before)
    return found.length < limit
  }
  yield* walkEqual(reader, wholeRange(space, list), item, visit, { reverse: fromTail, limit: lookAt })
  return found
}

/** By their positions. */
function* findAmongLong(
  reader: SlicedReader,
  space: Keyspace,
  list: Header,
  item: Slice,
  { limit, fromTail, skip = 0, lookAt = Infinity }: FindOptions,
): StatementSteps<number[]> {
  const positions = yield* findPositions(reader, space, list, item, skip + limit, fromTail)
  const ranks: number[] = []
  for (let at = skip; at < positions.length; at++) {
    const rank = yield* rankOf(reader, space, list, positions[at]!)
    if ((fromTail ? list.count - 1 - rank : rank) >= lookAt) break
    ranks.push(rank)
  }
  return ranks
}

/** How many items lie before a position at which there is one. */
function* rankOf(reader: SlicedReader, space: Keyspace, list: Header, position: number): StatementSteps<number> {
  if (isEven(list)) return (position - list.position) / 2 ** list.stepBits
  return yield* countRange(reader, rangeOf(space, list, list.position, position))
}
