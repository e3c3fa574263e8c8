/**
 * The operations of a write set in the order of their keys, one per key: its newest.
 *
 * They lie in runs of at most `runMax`, so that an insertion moves few of them however many there are, and keys that come
 * in order are appended. A position is the number of a run and a place in it; it holds until the next insertion or
 * removal, which `version` counts.
 *
 * Who writes many keys writes several series of them by turns, each mostly in order: rows, the entries of an index that
 * go, those that come. So each series, told by the first bytes of its keys, has a finger: where its last key was found.
 * The next one is mostly a step or two from there, in memory that was just looked at.
 *
 * Invariants: no run is empty; keys ascend within and across runs.
 */
import { compareSlices, MutableSlice, type Slice } from '../../base/slice.ts'

const runLog2 = 9
const runMax = 1 << runLog2
const none = -1
/** A power of two. Series that share one only search more. */
const fingers = 16
/** From a finger: an entry that goes, one that comes, and what other series have put between. */
const fingerSteps = 4

/** The numbers of a collection and of an index stand first in a key. */
function fingerOf({ bytes, start, end }: Slice): number {
  let hash = 0
  for (let i = start, stop = Math.min(end, start + 4); i < stop; i++) hash = hash * 31 + bytes[i]!
  return (hash ^ (hash >> 4)) & (fingers - 1)
}

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
  /** Any positions are right. */
  readonly #fingers = new Int32Array(fingers)

  constructor(keys: KeyedOperations) {
    this.#keys = keys
  }

  get isEmpty(): boolean {
    return this.#runs.length === 0
  }

  /** In the place of an older one on the same key, which is the answer; −1 where there is none. */
  add(operation: number, key: Slice): number {
    const position = this.#locate(key)
    if (position === none) {
      this.#append(operation)
      this.#fingers[fingerOf(key)] = this.#lastPosition
      return none
    }
    const older = this.at(position)
    if (compareSlices(this.#keys.keyOf(older, this.#probe), key) !== 0) {
      this.#insert(position, operation)
      return none
    }
    this.#set(position, operation)
    return older
  }

  /** The newest operation on exactly this key; −1 where there is none. */
  find(key: Slice): number {
    const position = this.#locate(key)
    if (position === none) return none
    const operation = this.at(position)
    return compareSlices(this.#keys.keyOf(operation, this.#probe), key) === 0 ? operation : none
  }

  /** As `first` of what is at or after the key, and puts the finger of its series there. */
  #locate(key: Slice): number {
    const finger = fingerOf(key)
    const position = this.#near(this.#fingers[finger]!, key) ?? this.first(key, false)
    if (position !== none) this.#fingers[finger] = position
    return position
  }

  /** The same, where that is a few steps from `position`, which may be anywhere; undefined where it is not. */
  #near(position: number, key: Slice): number | undefined {
    const number = position >> runLog2
    const at = position & (runMax - 1)
    const run = this.#runs[number]
    if (run === undefined || at >= run.length) return undefined
    if (!this.#isBehind(number, at, key, false)) {
      return at > 0 && this.#isBehind(number, at - 1, key, false) ? position : undefined
    }
    const last = Math.min(at + fingerSteps, run.length - 1)
    for (let next = at + 1; next <= last; next++) {
      if (!this.#isBehind(number, next, key, false)) return (number << runLog2) | next
    }
    return ((number << runLog2) | last) === this.#lastPosition ? none : undefined
  }

  /** `previous` takes its place; −1: nothing does. */
  remove(key: Slice, previous: number): void {
    const position = this.#locate(key)
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
    return behind === none ? this.#lastPosition : this.next(behind, true)
  }

  get #lastPosition(): number {
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
  }

  #split(number: number): void {
    const left = this.#runs[number]!
    const right = { operations: new Int32Array(runMax), length: runMax >> 1 }
    right.operations.set(left.operations.subarray(runMax >> 1))
    left.length = runMax >> 1
    this.#runs.splice(number + 1, 0, right)
  }
}
