/**
 * The operations of a write set in the order of their keys, one per key: its newest.
 *
 * They lie in runs of at most `runMax`, so that an insertion moves few of them however many there are, and keys that come
 * in order are appended. A position is the number of a run and a place in it; it holds until the next insertion or
 * removal, which `version` counts.
 *
 * Invariants: no run is empty; keys ascend within and across runs.
 */
import { compareSlices, MutableSlice, type Slice } from '../../base/slice.ts'

const runLog2 = 9
const runMax = 1 << runLog2
const none = -1

/** Whose operations they are: the write set. */
export interface KeyedOperations {
  keyOf(operation: number, into: MutableSlice): MutableSlice
}

interface Run {
  readonly operations: Int32Array
  length: number
}

export class SortedOperations {
  version = 0
  readonly #keys: KeyedOperations
  #runs: Run[] = []
  readonly #probe = new MutableSlice()
  /** Where the last one was inserted: the next one mostly belongs behind it. Any position is right. */
  #lastInserted = 0

  constructor(keys: KeyedOperations) {
    this.#keys = keys
  }

  get isEmpty(): boolean {
    return this.#runs.length === 0
  }

  /** In the place of an older one on the same key, where there is one. */
  add(operation: number, key: Slice): void {
    const position = this.#behindLastInserted(key) ?? this.first(key, false)
    if (position === none) this.#append(operation)
    else if (compareSlices(this.#keyAt(position), key) === 0) this.#set(position, operation)
    else this.#insert(position, operation)
  }

  /**
   * The position of the first key at or after `key` where that is the one behind the last insertion. Rows come in order, and
   * so do the entries of each index: in the midst of what was written before, but one behind the other.
   */
  #behindLastInserted(key: Slice): number | undefined {
    const number = this.#lastInserted >> runLog2
    const at = this.#lastInserted & (runMax - 1)
    const run = this.#runs[number]
    if (run === undefined || at + 1 >= run.length || !this.#isBehind(number, at, key, false)) return undefined
    return this.#isBehind(number, at + 1, key, false) ? undefined : this.#lastInserted + 1
  }

  /** `previous` takes its place; −1: nothing does. */
  remove(key: Slice, previous: number): void {
    const position = this.first(key, false)
    if (position === none || compareSlices(this.#keyAt(position), key) !== 0) return
    if (previous !== none) {
      this.#set(position, previous)
      return
    }
    this.version++
    const run = this.#runs[position >> runLog2]!
    const at = position & (runMax - 1)
    run.operations.copyWithin(at, at + 1, run.length)
    if (--run.length === 0) this.#runs.splice(position >> runLog2, 1)
  }

  at(position: number): number {
    return this.#runs[position >> runLog2]!.operations[position & (runMax - 1)]!
  }

  /** The position of the first key at or after (with `after`: after) `key`; −1 where there is none. */
  first(key: Slice, after: boolean): number {
    const runs = this.#runs
    let low = 0
    let high = runs.length
    // Keys mostly come in order: behind everything.
    if (high > 0 && this.#isBehind(high - 1, runs[high - 1]!.length - 1, key, after)) return none
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#isBehind(middle, runs[middle]!.length - 1, key, after)) low = middle + 1
      else high = middle
    }
    if (low === runs.length) return none
    let from = 0
    let to = runs[low]!.length - 1
    while (from < to) {
      const middle = (from + to) >>> 1
      if (this.#isBehind(low, middle, key, after)) from = middle + 1
      else to = middle
    }
    return (low << runLog2) | from
  }

  /** The position of the last key before (with `inclusive`: at or before) `key`; −1 where there is none. */
  last(key: Slice, inclusive: boolean): number {
    const behind = this.first(key, inclusive)
    if (behind !== none) return this.next(behind, true)
    const run = this.#runs.length - 1
    return run < 0 ? none : (run << runLog2) | (this.#runs[run]!.length - 1)
  }

  /** The position beside; −1 at the end. */
  next(position: number, reverse: boolean): number {
    const run = position >> runLog2
    const at = position & (runMax - 1)
    if (!reverse) {
      if (at + 1 < this.#runs[run]!.length) return position + 1
      return run + 1 < this.#runs.length ? (run + 1) << runLog2 : none
    }
    if (at > 0) return position - 1
    return run > 0 ? ((run - 1) << runLog2) | (this.#runs[run - 1]!.length - 1) : none
  }

  /** Whether the key there is before `key` (with `after`: or is it). */
  #isBehind(run: number, at: number, key: Slice, after: boolean): boolean {
    const difference = compareSlices(this.#keys.keyOf(this.#runs[run]!.operations[at]!, this.#probe), key)
    return difference < 0 || (after && difference === 0)
  }

  #keyAt(position: number): Slice {
    return this.#keys.keyOf(this.at(position), this.#probe)
  }

  #set(position: number, operation: number): void {
    this.#runs[position >> runLog2]!.operations[position & (runMax - 1)] = operation
  }

  #append(operation: number): void {
    this.version++
    let run = this.#runs.at(-1)
    if (run === undefined || run.length === runMax) {
      run = { operations: new Int32Array(runMax), length: 0 }
      this.#runs.push(run)
    }
    run.operations[run.length++] = operation
  }

  #insert(position: number, operation: number): void {
    this.version++
    let number = position >> runLog2
    let at = position & (runMax - 1)
    if (this.#runs[number]!.length === runMax) {
      this.#split(number)
      if (at >= runMax >> 1) {
        number++
        at -= runMax >> 1
      }
    }
    const run = this.#runs[number]!
    run.operations.copyWithin(at + 1, at, run.length)
    run.operations[at] = operation
    run.length++
    this.#lastInserted = (number << runLog2) | at
  }

  #split(number: number): void {
    const left = this.#runs[number]!
    const right = { operations: new Int32Array(runMax), length: runMax >> 1 }
    right.operations.set(left.operations.subarray(runMax >> 1))
    left.length = runMax >> 1
    this.#runs.splice(number + 1, 0, right)
  }
}
