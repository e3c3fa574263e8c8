/**
 * A scan as a transaction sees it: the snapshot's entries with its own private writes laid over them.
 *
 * Two sorted sides are merged: the store's cursor and the write set's `sorted`. The own side shows what had been written
 * when the cursor was opened or last sought, so that an UPDATE never meets the entries it makes itself.
 *
 * A cursor opened over the store's `current` holds for one turn. When its statement pauses, the transaction pins what
 * `current` was and tells the cursor to `park`; the next call goes on in the pinned snapshot, behind the same key.
 */
import {
  compareSlices,
  copySlice,
  emptySlice,
  MutableSlice,
  sliceOf,
  type KeyRange,
  type Slice,
} from '../../base/slice.ts'
import { type Cursor, nextUntil, type Reader, type ScanOptions } from '../../storage/store.ts'
import type { WriteSet } from './write-set.ts'

/** Notes what a serializable transaction has read. */
export interface ReadRangeTracker {
  /** The scan has come to `key` (all before it, in its direction, has been read); `undefined`: to the range's end. */
  reached(key: Slice | undefined): void
  /** What comes now is another part of the range. */
  sought(): void
}

type BaseState = 'none' | 'held' | 'taken' | 'ended'

/** Where the base stood: behind its key, or before anything was read. */
interface Place {
  readonly key: Uint8Array | undefined
  readonly state: BaseState
}

export const plainScan: ScanOptions = {}

const unused = new MutableSlice()
const passedKey = new MutableSlice()

export class TransactionCursor implements Cursor {
  key: Slice = emptySlice
  value: Slice = emptySlice
  readonly #range: KeyRange
  readonly #options: ScanOptions
  readonly #reverse: boolean
  readonly #writes: WriteSet
  readonly #tracker: ReadRangeTracker | undefined
  #reader: () => Reader
  #base: Cursor
  /** `none`: not read; `held`: its entry waits to be returned; `taken`: returned or skipped; `ended`. */
  #baseState: BaseState = 'none'
  #parked: Place | undefined
  #limit: number
  #ownPosition = -1
  #ownVersion = -1
  #ownLast: Uint8Array | undefined
  /** What comes now is newer than the cursor, until it is sought. */
  #ownEnded = false
  /** The key last sought: where both sides begin until an entry has been returned. */
  #from: Slice | undefined
  /** Made for a cursor that has anything to merge. */
  #ownKey = unused
  #ownValue = unused

  constructor(
    reader: () => Reader,
    writes: WriteSet,
    range: KeyRange,
    options: ScanOptions,
    tracker?: ReadRangeTracker,
  ) {
    this.#reader = reader
    this.#writes = writes
    this.#range = range
    this.#options = options
    this.#reverse = options.reverse === true
    this.#tracker = tracker
    this.#base = reader().scan(range, options)
    this.#limit = this.#ownLimit()
  }

  /** Where no own write concerns the range, the snapshot's entries are all there is: nothing is merged then. */
  #ownLimit(): number {
    const { count } = this.#writes
    if (count === 0 || !this.#writes.concerns(this.#range)) return 0
    if (this.#ownKey === unused) {
      this.#ownKey = new MutableSlice()
      this.#ownValue = new MutableSlice()
    }
    return count
  }

  next(): boolean {
    if (this.#parked !== undefined) this.#unpark()
    const found = this.#limit === 0 ? this.#nextOfBase() : this.#nextMerged()
    this.#tracker?.reached(found ? this.key : undefined)
    return found
  }

  seek(key: Slice): void {
    this.#tracker?.sought()
    this.#limit = this.#ownLimit()
    this.#ownVersion = -1
    this.#ownLast = undefined
    this.#ownEnded = false
    this.#from = sliceOf(copySlice(key))
    if (this.#parked !== undefined) this.#base = this.#reader().scan(this.#range, this.#options)
    this.#parked = undefined
    this.#base.seek(key)
    this.#baseState = 'none'
    if (this.#limit > 0) this.#seekOwn(key, this.#reverse)
  }

  nextUntil(value: Slice, count: number): number {
    if (this.#parked !== undefined) this.#unpark()
    // Own writes lie between the store's entries.
    const isBaseAlone = this.#limit === 0 && this.#baseState !== 'held'
    if (!isBaseAlone) return this.next() ? 1 : 0
    const passed = this.#baseState === 'ended' ? 0 : nextUntil(this.#base, value, count)
    this.#baseState = passed === 0 ? 'ended' : 'taken'
    if (passed > 0) {
      this.key = this.#base.key
      this.value = this.#base.value
    }
    this.#tracker?.reached(passed > 0 ? this.key : undefined)
    return passed
  }

  skip(count: number): number {
    if (this.#parked !== undefined) this.#unpark()
    // Own writes lie between the store's entries, and one that is held is passed by `next`.
    if (this.#limit > 0 || this.#baseState === 'held') return count > 0 && this.next() ? 1 : 0
    if (count <= 0 || this.#baseState === 'ended') return 0
    const before = this.#place()
    try {
      // The last one is read, so that a parked cursor knows where it stood.
      const passed = count > 1 ? this.#base.skip(count - 1) : 0
      return this.next() ? passed + 1 : passed
    } catch (error) {
      // Nothing was passed over: what counted as passed is passed again, with its page at hand.
      this.#parked = before
      throw error
    }
  }

  #place(): Place {
    const started = this.#baseState === 'held' || this.#baseState === 'taken'
    return { key: started ? copySlice(this.#base.key) : undefined, state: this.#baseState }
  }

  /** The reader that this cursor is open on will not hold any longer. */
  park(): void {
    this.#parked ??= this.#place()
    this.key = sliceOf(copySlice(this.key))
    this.value = sliceOf(copySlice(this.value))
  }

  #unpark(): void {
    const { key, state } = this.#parked!
    this.#base = this.#reader().scan(this.#range, this.#options)
    this.#baseState = state === 'ended' ? 'ended' : 'none'
    if (key !== undefined) {
      const target = sliceOf(key)
      this.#base.seek(target)
      if (state === 'taken' && this.#pullBase() && compareSlices(this.#base.key, target) === 0)
        this.#baseState = 'taken'
    } else if (this.#from !== undefined) this.#base.seek(this.#from)
    this.#parked = undefined
  }

  #pullBase(): boolean {
    if (this.#baseState === 'held') return true
    if (this.#baseState === 'ended') return false
    const found = this.#base.next()
    this.#baseState = found ? 'held' : 'ended'
    return found
  }

  #nextOfBase(): boolean {
    if (!this.#pullBase()) return false
    this.#baseState = 'taken'
    this.key = this.#base.key
    this.value = this.#base.value
    return true
  }

  #nextMerged(): boolean {
    for (;;) {
      const own = this.#pullOwn()
      const base = this.#pullBase()
      if (own < 0 && !base) return false
      const difference = own < 0 ? 1 : base ? this.#direction(compareSlices(this.#ownKey, this.#base.key)) : -1
      if (difference > 0) {
        if (this.#skipHiddenBase()) continue
        return this.#nextOfBase()
      }
      const isHidden = this.#writes.hasRanges && this.#writes.hides(this.#ownKey, own, this.#limit)
      // A value that is not in memory is waited for, and nothing must have moved then.
      const value = isHidden ? null : this.#writes.valueOf(own, this.#ownValue)
      if (difference === 0) this.#baseState = 'taken'
      this.#ownLast = copySlice(this.#ownKey)
      this.#ownPosition = this.#writes.sorted.next(this.#ownPosition, this.#reverse)
      if (value === null) continue
      this.key = this.#ownKey
      this.value = this.#ownValue
      return true
    }
  }

  #direction(difference: number): number {
    return this.#reverse ? -difference : difference
  }

  /** Where the own range deletes cover the base's entry, jumps behind them. */
  #skipHiddenBase(): boolean {
    if (!this.#writes.hasRanges) return false
    const end = this.#writes.hidingEnd(this.#base.key, -1, this.#limit, this.#reverse)
    if (end === undefined) return false
    // In reverse the range's start is inclusive: one more entry may be hidden, and is skipped by the next round.
    this.#baseState = 'taken'
    const at = this.#base.key
    if (this.#direction(compareSlices(end, at)) > 0) {
      this.#base.seek(end)
      this.#baseState = 'none'
    }
    return true
  }

  /**
   * Puts the next own entry's key into `#ownKey`; its operation, or −1 once there is none. What was written since the cursor was opened is passed
   * over once: where `sorted` changes with each step, it must not be gone through again each time.
   */
  #pullOwn(): number {
    if (this.#ownEnded) return -1
    const { sorted } = this.#writes
    if (this.#ownVersion !== sorted.version) this.#placeOwn()
    let passed = -1
    let operation = -1
    for (; this.#ownPosition >= 0; this.#ownPosition = sorted.next(this.#ownPosition, this.#reverse)) {
      const newest = sorted.at(this.#ownPosition)
      operation = this.#writes.newestBefore(newest, this.#limit)
      this.#writes.keyOf(operation < 0 ? newest : operation, this.#ownKey)
      const outside = this.#reverse
        ? compareSlices(this.#ownKey, this.#range.start) < 0
        : compareSlices(this.#ownKey, this.#range.end) >= 0
      if (outside) operation = -1
      if (outside || operation >= 0) break
      passed = newest
    }
    if (passed >= 0) this.#ownLast = copySlice(this.#writes.keyOf(passed, passedKey))
    this.#ownEnded = operation < 0
    return operation
  }

  /** Finds the place again after `sorted` has changed, or for the first time. */
  #placeOwn(): void {
    const { sorted } = this.#writes
    if (this.#ownLast !== undefined) {
      const last = sliceOf(this.#ownLast)
      this.#ownPosition = this.#reverse ? sorted.last(last, false) : sorted.first(last, true)
    } else if (this.#from !== undefined) this.#seekOwn(this.#from, this.#reverse)
    else this.#seekOwn(this.#reverse ? this.#range.end : this.#range.start, false)
    this.#ownVersion = sorted.version
  }

  /** Positions at the first own key at or after `key`; in reverse before it, or with `inclusive` at or before it. */
  #seekOwn(key: Slice, inclusive: boolean): void {
    const bounded = this.#bounded(key)
    const { sorted } = this.#writes
    this.#ownPosition = this.#reverse
      ? sorted.last(bounded, inclusive && bounded === key)
      : sorted.first(bounded, false)
    this.#ownVersion = sorted.version
  }

  #bounded(key: Slice): Slice {
    if (this.#reverse) return compareSlices(key, this.#range.end) >= 0 ? this.#range.end : key
    return compareSlices(key, this.#range.start) < 0 ? this.#range.start : key
  }
}
