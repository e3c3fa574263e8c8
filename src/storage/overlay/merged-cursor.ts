/**
 * A scan over the overlay's tree and its base: both sides stand on an entry that was not shown yet, the one that comes first
 * is shown. Of equal keys the tree's counts; what it says was deleted is passed over on both sides.
 *
 * Only steps of the base can miss a page, and each is made before anything else is changed, so that a call that threw has
 * changed nothing that one could see, and goes on where it was.
 *
 * Deleted keys are passed over one by one, and there may be very many of them before one that shows. So a scan pauses: after
 * so many it throws the base's `Miss` for a page that is none (`pausePage`), which whoever reads waits out as any other; the
 * deleted keys that lay between are noted (`dead-runs.ts`), and passed over in one step from then on.
 */
import { assert } from '../../base/errors.ts'
import { compareSlices, copySlice, MutableSlice, sliceOf, type KeyRange, type Slice } from '../../base/slice.ts'
import { isMiss, type Cursor, type ScanOptions, type Snapshot } from '../store.ts'
import { passedBetweenPauses, pausePage } from './dead-runs.ts'
import { isDeletion, valueOf } from './entry.ts'
import { keyOfText, textOfKey } from './range-set.ts'
import { hiddenAround, type View } from './view.ts'

const behind = 0
const ahead = 1
const ended = 2

/** Entries that one call of `skip` passes over. */
const skippedMax = 64

export class MergedCursor implements Cursor {
  readonly key: MutableSlice = new MutableSlice()
  readonly value: MutableSlice = new MutableSlice()
  readonly #view: View
  readonly #range: KeyRange
  readonly #options: ScanOptions
  readonly #reverse: boolean
  readonly #tree: Cursor
  #treeState = behind
  #base: Cursor
  #baseState = behind
  /** Whose cursor `#base` is: that of the current state becomes another one. */
  #snapshot: Snapshot
  #version: number
  /** Deleted keys that were passed over since the last pause. */
  #passed = 0
  #budget: number
  #isPausing = false
  /** Where the first of them was, as long as nothing has shown since. */
  #runFrom: string | undefined

  constructor(view: View, range: KeyRange, options: ScanOptions) {
    this.#view = view
    this.#version = view.version
    this.#budget = view.dead.firstBudget
    this.#range = { start: sliceOf(copySlice(range.start)), end: sliceOf(copySlice(range.end)) }
    this.#options = options
    this.#reverse = options.reverse === true
    this.#tree = view.tree.scan(range, options)
    this.#snapshot = view.base
    this.#base = view.base.scan(range, options)
  }

  next(): boolean {
    assert(this.#version === this.#view.version, 'a cursor outlived a mutation or its snapshot')
    for (;;) {
      if (this.#baseState === behind) this.#stepBase()
      if (this.#treeState === behind) this.#treeState = this.#tree.next() ? ahead : ended
      if (this.#treeState === ended) return this.#baseState === ahead && this.#showBase()
      const order = this.#baseState === ended ? -1 : this.#compare()
      if (order > 0) return this.#showBase()
      if (isDeletion(this.#tree.value) && !this.#mayPass()) continue
      if (order === 0) this.#baseState = behind
      this.#treeState = behind
      if (isDeletion(this.#tree.value)) continue
      this.#runFrom = undefined
      this.key.set(this.#tree.key.bytes, this.#tree.key.start, this.#tree.key.end)
      valueOf(this.#tree.value, this.value)
      return true
    }
  }

  #compare(): number {
    const order = compareSlices(this.#tree.key, this.#base.key)
    return this.#reverse ? -order : order
  }

  /** The tree stands on a deleted key. False: it is the first of many, over which both sides went together. */
  #mayPass(): boolean {
    if (this.#passed >= this.#budget) this.#pause()
    if (this.#passed++ > 0) return true
    const { dead } = this.#view
    const key = textOfKey(this.#tree.key)
    const run = dead.size === 0 ? undefined : dead.around(key)
    if (run === undefined) {
      this.#runFrom = this.#reverse ? keyAfter(key) : key
      return true
    }
    this.#runFrom = this.#reverse ? run.end : run.start
    // Back from the start of a run: that is a deleted key itself.
    const beyond = this.#reverse ? run.start : run.end
    if (beyond === key) return true
    this.#tree.seek(keyOfText(beyond))
    this.#base.seek(keyOfText(beyond))
    this.#treeState = behind
    this.#baseState = behind
    return false
  }

  /** Throws, and the next call goes on. */
  #pause(): void {
    const { dead, miss } = this.#view
    if (!this.#isPausing) {
      const key = textOfKey(this.#tree.key)
      const from = this.#runFrom
      if (from !== undefined) dead.note(this.#reverse ? { start: keyAfter(key), end: from } : { start: from, end: key })
      dead.firstBudget = 2 * this.#budget
      this.#isPausing = true
      miss.page = pausePage
      throw miss
    }
    dead.firstBudget = passedBetweenPauses
    this.#isPausing = false
    this.#budget = passedBetweenPauses
    this.#passed = 0
  }

  #showBase(): boolean {
    this.#runFrom = undefined
    const { key, value } = this.#base
    this.key.set(key.bytes, key.start, key.end)
    this.value.set(value.bytes, value.start, value.end)
    this.#baseState = behind
    return true
  }

  /** To the next entry that no deleted range hides: over each range in one step. */
  #stepBase(): void {
    const base = this.#base
    const { hidden } = this.#view
    while (base.next()) {
      if (hidden.length === 0) {
        this.#baseState = ahead
        return
      }
      const key = textOfKey(base.key)
      const range = hiddenAround(hidden, key)
      if (range === undefined) {
        this.#baseState = ahead
        return
      }
      if (!this.#reverse) base.seek(keyOfText(range.end))
      else if (key > range.start) base.seek(keyOfText(range.start))
    }
    this.#baseState = ended
  }

  seek(key: Slice): void {
    this.#version = this.#view.version
    this.#tree.seek(key)
    if (this.#snapshot !== this.#view.base) {
      this.#snapshot = this.#view.base
      this.#base = this.#snapshot.scan(this.#range, this.#options)
    }
    this.#base.seek(key)
    this.#treeState = behind
    this.#baseState = behind
    this.#runFrom = undefined
  }

  skip(count: number): number {
    const most = Math.min(count, skippedMax)
    let passed = 0
    try {
      while (passed < most && this.next()) passed++
    } catch (error) {
      // What was passed over is said first; the next call meets the miss again.
      if (passed === 0 || !isMiss(error)) throw error
      this.#isPausing = false
    }
    return passed
  }
}

function keyAfter(key: string): string {
  return `${key}\0`
}
