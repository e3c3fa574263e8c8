/**
 * Where the items of a list lie: at growing integers, with gaps, so that one can be put between two others.
 *
 * A list is `even` as long as it only grows and shrinks at its ends: items lie 2^16 apart, the first one's position stands
 * in the header, and an item's rank says where it is. The first item that is put or removed in the middle makes it
 * `uneven` for ever: the header then says between which positions its items lie, and the n-th one is found by the counts
 * that the store's pages keep (`Cursor.skip`), in logarithmic time.
 *
 * A gap of 2^16 takes 16 items at the same place before it is used up. Then the items around are spread out again: of the
 * windows of 2^6, 2^7, 2^8, … positions around the gap, the first that is sparse enough gets its items at equal distances.
 * Sparse enough grows stricter with the size, a window of 2^k may hold (2/1.3)^k items, and so one that was spread out
 * takes a number of items in proportion to its own before any window within it is too dense again. That is the ordered
 * list labelling of Itai, Konheim and Rodeh, with a threshold that leaves at least four positions an item; an insertion
 * moves O(log² n) items in the long run, and mostly none.
 *
 * Lists of data format 2 have their items at consecutive positions: even, with a step of 1. What puts an item into the
 * middle of one spreads it out first, once.
 *
 * Invariants: positions are integers of at most 53 bits; those of an even list are `position + rank · 2^stepBits`; those
 * of an uneven one lie from `position` to `lastPosition`.
 */
import { assert } from '../../base/errors.ts'
import { type Header, uneven } from './codec.ts'

export const newListStepBits = 16

/** Beyond it an end grows by steps of 1, of which there are as many again. */
const roomyUntil = 2 ** 52
const smallestWindowBits = 6
const largestWindowBits = 52

export function isEven(list: Header): boolean {
  return list.stepBits !== uneven
}

/** Of an even list. */
export function positionOf(list: Header, rank: number): number {
  return list.position + rank * 2 ** list.stepBits
}

/** The positions that its items lie at or between, both included. */
export function boundsOf(list: Header): { first: number; last: number } {
  const last = isEven(list) ? positionOf(list, list.count - 1) : list.lastPosition
  return { first: list.position, last }
}

export function makeUneven(list: Header): void {
  if (!isEven(list)) return
  list.lastPosition = boundsOf(list).last
  list.stepBits = uneven
}

/** Where the next item at an end goes. */
export function endPosition(list: Header, atHead: boolean): number {
  if (isEven(list)) {
    const next = positionOf(list, atHead ? -1 : list.count)
    if (Math.abs(next) <= roomyUntil) return next
  }
  const { first, last } = boundsOf(list)
  const sign = atHead ? -1 : 1
  const edge = atHead ? first : last
  const roomy = edge + sign * 2 ** newListStepBits
  const position = Math.abs(roomy) <= roomyUntil ? roomy : edge + sign
  assert(Number.isSafeInteger(position), 'a list has used up all its positions')
  return position
}

/** Counts an item that was put there. */
export function extend(list: Header, atHead: boolean, position: number): void {
  if (isEven(list) && position !== positionOf(list, atHead ? -1 : list.count)) makeUneven(list)
  if (atHead) list.position = position
  else if (!isEven(list)) list.lastPosition = position
  list.count++
}

export interface Window {
  /** Its first position, and the one behind its last. */
  readonly from: number
  readonly to: number
  readonly bits: number
}

/** Windows around a position, each twice as large as the one before. */
export function* windowsAround(position: number): Generator<Window> {
  for (let bits = smallestWindowBits; bits <= largestWindowBits; bits++) {
    const size = 2 ** bits
    const from = Math.floor(position / size) * size
    yield { from, to: Math.min(from + size, Number.MAX_SAFE_INTEGER), bits }
  }
}

export function isSparse({ bits }: Window, count: number): boolean {
  return count <= (2 / 1.3) ** bits
}

/** Where the item of this rank lies when a window's `count` items are spread out. */
export function spreadPosition({ from, to }: Window, rank: number, count: number): number {
  return from + Math.floor(((rank + 0.5) * (to - from)) / count)
}
