/**
 * A stable sort of rows of which a number tells nearly all apart: their rank, which grows with the order, so that the
 * comparison itself is asked about equal ranks only. Ranks are merged in typed arrays, with the places of their rows; the rows
 * themselves move once, at the end.
 *
 *   add ──▶ merge: neighbouring stretches of 1, 2, 4, … rows, some of it a step ──▶ place: the rows in their order, likewise
 *
 * Where few rows are wanted, those that lie behind the last of them are dropped now and then; from then on `isBeyond` tells
 * of most others by their rank that they are not wanted.
 */
import { isTurnOver } from '../base/work.ts'

export interface Ranked {
  readonly rank: number
}

/** Rows that a step moves: some tenths of a millisecond. */
const rowsPerStep = 16_384
/** Of numbers in arrays, that take as long as reading a row. */
const movesPerRow = 16
/** Sorted at once where few are wanted. */
const mostPruned = 4096
const leastPruned = 128
const prunedBytes = 1024 * 1024

export class RankedRows<T extends Ranked> {
  readonly #compare: (a: T, b: T) => number
  readonly #dropped: (item: T) => void
  #keepRows = Infinity
  #items: T[] = []
  #itemsBytes = 0
  #last: T | undefined
  #merge: Merge<T> | undefined
  #placed: T[] = []

  /** `compare`: of those that have one rank; `dropped` is told of each that lies beyond the limit. */
  constructor(compare: (a: T, b: T) => number, dropped: (item: T) => void) {
    this.#compare = compare
    this.#dropped = dropped
  }

  limit(rows: number): void {
    this.#keepRows = rows
  }

  get isEmpty(): boolean {
    return this.#items.length === 0
  }

  /** So many others come before it that it is not wanted. */
  isBeyond(item: T): boolean {
    const last = this.#last
    return last !== undefined && this.#order(last, item) <= 0
  }

  add(item: T, bytes = 0): void {
    this.#items.push(item)
    this.#itemsBytes += bytes
    if (this.#keepRows >= mostPruned / 2) return
    const isMany = this.#items.length >= Math.max(leastPruned, 2 * this.#keepRows)
    if (isMany || this.#itemsBytes >= prunedBytes) this.prune()
  }

  prune(): void {
    const items = this.#items
    if (items.length <= this.#keepRows || items.length > mostPruned) return
    items.sort((a, b) => this.#order(a, b))
    this.#cut(items)
    this.#last = items.at(-1)
    this.#itemsBytes = 0
  }

  #cut(sorted: T[]): void {
    for (let i = this.#keepRows; i < sorted.length; i++) this.#dropped(sorted[i]!)
    if (sorted.length > this.#keepRows) sorted.length = this.#keepRows
  }

  #order(a: T, b: T): number {
    return a.rank < b.rank ? -1 : a.rank > b.rank ? 1 : this.#compare(a, b)
  }

  /** Goes on with the sort; how much it did, in rows that are read, 0 when all are in order. */
  step(): number {
    return Math.ceil(this.#move() / movesPerRow)
  }

  #move(): number {
    const merge = (this.#merge ??= new Merge(this.#items, this.#compare))
    if (!merge.isSorted) return merge.step()
    const placed = this.#placed
    const end = Math.min(this.#items.length, placed.length + rowsPerStep)
    if (end === placed.length) return 0
    const before = placed.length
    for (let i = before; i < end; i++) placed.push(this.#items[merge.places[i]!]!)
    return end - before
  }

  /** All of them, after `step` has said 0; it is empty then. */
  takeAll(): T[] {
    const all = this.#placed
    this.#cut(all)
    this.clear()
    return all
  }

  clear(): void {
    this.#items = []
    this.#itemsBytes = 0
    this.#last = undefined
    this.#merge = undefined
    this.#placed = []
  }
}

class Merge<T extends Ranked> {
  readonly #items: readonly T[]
  readonly #compare: (a: T, b: T) => number
  #ranks: Float64Array
  #places: Uint32Array
  #nextRanks: Float64Array
  #nextPlaces: Uint32Array
  #filled = 0
  /** Of each stretch that is in order. */
  #width = 1
  /** Where the pair of stretches begins that is being merged, and how far each of them and what comes of them is. */
  #start = 0
  #left = 0
  #right = 0
  #out = 0

  constructor(items: readonly T[], compare: (a: T, b: T) => number) {
    this.#items = items
    this.#compare = compare
    const count = items.length
    this.#ranks = new Float64Array(count)
    this.#places = new Uint32Array(count)
    this.#nextRanks = new Float64Array(count)
    this.#nextPlaces = new Uint32Array(count)
    this.#right = 1
  }

  get isSorted(): boolean {
    return this.#filled === this.#items.length && this.#width >= this.#filled
  }

  get places(): Uint32Array {
    return this.#places
  }

  step(): number {
    if (this.#filled < this.#items.length) return this.#fill()
    let moved = 0
    while (moved < rowsPerStep && !this.isSorted) {
      moved += this.#mergePair(rowsPerStep - moved)
      if (isTurnOver()) break
    }
    return Math.max(moved, 1)
  }

  #fill(): number {
    const items = this.#items
    const before = this.#filled
    const end = Math.min(items.length, before + rowsPerStep)
    for (let i = before; i < end; i++) {
      this.#ranks[i] = items[i]!.rank
      this.#places[i] = i
    }
    this.#filled = end
    return end - before
  }

  #mergePair(most: number): number {
    const count = this.#items.length
    const middle = Math.min(this.#start + this.#width, count)
    const end = Math.min(middle + this.#width, count)
    const before = this.#out
    this.#moveRows(middle, end, Math.min(end, before + most))
    const moved = this.#out - before
    if (this.#out === end) this.#enterPair(end)
    return moved
  }

  #moveRows(middle: number, end: number, until: number): void {
    const items = this.#items
    const [ranks, places, nextRanks, nextPlaces] = [this.#ranks, this.#places, this.#nextRanks, this.#nextPlaces]
    let [left, right, out] = [this.#left, this.#right, this.#out]
    while (out < until) {
      let takesLeft = right >= end
      if (!takesLeft && left < middle) {
        const [a, b] = [ranks[left]!, ranks[right]!]
        if (a < b) takesLeft = true
        else if (a === b) {
          takesLeft = this.#compare(items[places[left]!]!, items[places[right]!]!) <= 0
          // What is compared may be long, and charges.
          if (isTurnOver()) until = out + 1
        }
      }
      const from = takesLeft ? left++ : right++
      nextRanks[out] = ranks[from]!
      nextPlaces[out++] = places[from]!
    }
    this.#left = left
    this.#right = right
    this.#out = out
  }

  /** The next pair, or the first one of the next round. */
  #enterPair(start: number): void {
    let first = start
    if (first >= this.#items.length) {
      this.#width *= 2
      first = 0
      ;[this.#ranks, this.#nextRanks] = [this.#nextRanks, this.#ranks]
      ;[this.#places, this.#nextPlaces] = [this.#nextPlaces, this.#places]
    }
    this.#start = first
    this.#left = first
    this.#right = Math.min(first + this.#width, this.#items.length)
    this.#out = first
  }
}
