/**
 * A cursor over one root: a stack of pages and slots, and in the leaf the slot where the range ends, so that most steps
 * compare no keys at all.
 *
 * The keys and values it shows lie in the arena. It is good as long as its root's pages are: a snapshot's until the
 * release, the current tree's until the next mutation; `stamp` changes then, and `next` refuses to go on.
 */
import { assert } from '../../base/errors.ts'
import { compareSlices, copyRange, MutableSlice } from '../../base/slice.ts'
import type { KeyRange, Slice } from '../../base/slice.ts'
import type { Cursor } from '../store.ts'
import { chunkGranuleShift } from './address-space.ts'
import type { AddressSpace } from './address-space.ts'
import { countBefore, keysBefore } from './count.ts'
import {
  childrenAt,
  depthMax,
  keysAt,
  leafRecordsAt,
  levelAt,
  pageBase,
  pageField,
  pageWordsOf,
  sizeAt,
} from './page-layout.ts'
import {
  compareWithRecord,
  isLarge,
  recordBytes,
  recordInts,
  recordKeyLength,
  recordKeyStart,
  recordValueLength,
  recordWord,
  smallHeaderBytes,
  smallRecordWord,
} from './record-layout.ts'
import { findChild, findInLeaf } from './search.ts'

/** What a cursor stands on: it changes when the pages below may be gone. */
export interface TreeStamp {
  root: number
  version: number
}

/** A scan reads so many records ahead, once it has taken a few steps: most scans in small statements end before that. */
const recordsAhead = 8
const stepsAlone = 4
const cacheLineBytes = 64

export class TreeCursor implements Cursor {
  readonly key: MutableSlice = new MutableSlice()
  readonly value: MutableSlice = new MutableSlice()
  readonly #space: AddressSpace
  readonly #stamp: TreeStamp
  readonly #start: Slice
  readonly #end: Slice
  readonly #step: 1 | -1
  readonly #isEmpty: boolean
  readonly #pages: number[] = [0, 0, 0, 0, 0, 0]
  readonly #slots: number[] = [0, 0, 0, 0, 0, 0]
  #version: number
  #depth = 0
  #words: Int32Array = noWords
  /** Where the leaf's records begin in `#words`. */
  #records = 0
  #slot = 0
  /** Forward: the first slot that is not shown; reverse: the last one that is. */
  #limit = 0
  #ended = false
  #untilReadAhead = stepsAlone
  /** What `#readAhead` has read: kept, so that nobody may leave the reads out. */
  lastRead = 0

  constructor(space: AddressSpace, stamp: TreeStamp, range: KeyRange, reverse: boolean) {
    this.#space = space
    this.#stamp = stamp
    this.#version = stamp.version
    const { start, end } = copyRange(range)
    this.#start = start
    this.#end = end
    this.#step = reverse ? -1 : 1
    this.#isEmpty = compareSlices(range.start, range.end) >= 0
    if (reverse) this.#goTo(this.#end, false)
    else this.#goTo(this.#start, true)
  }

  next(): boolean {
    assert(this.#version === this.#stamp.version, 'a cursor outlived a mutation or its snapshot')
    const slot = this.#slot
    if (this.#step === 1 ? slot >= this.#limit : slot < this.#limit) return this.#nextLeaf()
    this.#slot = slot + this.#step
    if (--this.#untilReadAhead === 0) this.#readAhead(slot)
    this.#show(this.#words[this.#records + slot]!)
    return true
  }

  seek(key: Slice): void {
    this.#version = this.#stamp.version
    if (this.#step === 1) this.#goTo(compareSlices(key, this.#start) < 0 ? this.#start : key, true)
    else if (compareSlices(key, this.#end) >= 0) this.#goTo(this.#end, false)
    else this.#goTo(key, true)
  }

  skip(count: number): number {
    assert(this.#version === this.#stamp.version, 'a cursor outlived a mutation or its snapshot')
    const forward = this.#step === 1
    const here = forward ? this.#limit - this.#slot : this.#slot - this.#limit + 1
    if (count <= here) {
      this.#slot += count * this.#step
      return count
    }
    if (this.#isEmpty || count <= 0) return 0
    return forward ? this.#skipForward(count) : this.#skipBack(count)
  }

  nextUntil(value: Slice, count: number): number {
    assert(this.#version === this.#stamp.version, 'a cursor outlived a mutation or its snapshot')
    let passed = 0
    let isFound = false
    // The next leaf may be behind the range.
    let last = 0
    while (passed < count && !isFound) {
      const here = this.#step === 1 ? this.#limit - this.#slot : this.#slot - this.#limit + 1
      if (here <= 0) {
        if (!this.#enterNextLeaf()) break
        continue
      }
      const looked = this.#lookFor(value, Math.min(here, count - passed))
      isFound = looked < 0
      passed += isFound ? -looked : looked
      last = this.#words[this.#records + this.#slot - this.#step]!
    }
    if (passed > 0) this.#show(last)
    return passed
  }

  /** Passes over so many entries of the leaf, or up to one with that value: then the number is negative. */
  #lookFor(value: Slice, count: number): number {
    const space = this.#space
    const words = this.#words
    const records = this.#records
    const step = this.#step
    const last = value.end - 1
    const length = value.end - value.start
    for (let i = 0, slot = this.#slot; i < count; i++, slot += step) {
      const record = words[records + slot]!
      const ints = recordInts(space, record)
      if (recordValueLength(ints, record) !== length) continue
      const bytes = recordBytes(space, record)
      // Items of one list mostly begin alike.
      let at = recordKeyStart(record) + (ints[recordWord(record) + 1]! & 0xffff) + length - 1
      let from = last
      while (from >= value.start && value.bytes[from] === bytes[at]) {
        from--
        at--
      }
      if (from >= value.start) continue
      this.#slot = slot + step
      return -i - 1
    }
    this.#slot += count * step
    return count
  }

  #skipForward(count: number): number {
    const position = this.#position()
    const end = countBefore(this.#space, this.#stamp.root, this.#end)
    const target = Math.min(position + count, end)
    if (target <= position) return 0
    this.#goToPosition(target - 1)
    this.#slot++
    return target - position
  }

  #skipBack(count: number): number {
    const position = this.#position()
    const start = countBefore(this.#space, this.#stamp.root, this.#start)
    const target = Math.max(position - count, start - 1)
    if (target >= position) return 0
    this.#goToPosition(target + 1)
    this.#slot--
    return position - target
  }

  /** Of the entry in the cursor's slot, among all keys of the tree. */
  #position(): number {
    let position = this.#slot
    for (let depth = 0; depth < this.#depth; depth++) {
      const page = this.#pages[depth]!
      position += keysBefore(this.#space, pageWordsOf(this.#space, page), pageBase(page), this.#slots[depth]!)
    }
    return position
  }

  /** Stands on the entry at a position that is within the range. */
  #goToPosition(position: number): void {
    let page = this.#stamp.root
    let left = position
    for (let depth = 0; depth < this.#depth; depth++) {
      const children = pageBase(page) + childrenAt
      const words = pageWordsOf(this.#space, page)
      let slot = 0
      for (; ; slot++) {
        const keys = pageField(this.#space, words[children + slot]!, keysAt)
        if (left < keys) break
        left -= keys
      }
      this.#pages[depth] = page
      this.#slots[depth] = slot
      page = words[children + slot]!
    }
    this.#ended = false
    this.#enter(page)
    this.#slot = left
    this.#setLimit()
  }

  /**
   * Reads the beginnings of the next records of the leaf in a row: they lie anywhere in memory, and this way they come
   * together, while a caller's work between two steps would make each wait for the one before.
   */
  #readAhead(slot: number): void {
    this.#untilReadAhead = recordsAhead
    const words = this.#words
    const step = this.#step
    const stop =
      step === 1 ? Math.min(slot + recordsAhead, this.#limit) : Math.max(slot - recordsAhead, this.#limit - 1)
    let seen = 0
    for (let at = slot; at !== stop; at += step) {
      const record = words[this.#records + at]!
      if (isLarge(record)) continue
      const ints = this.#space.ints[record >>> chunkGranuleShift]!
      const word = smallRecordWord(record)
      const lengths = ints[word + 1]!
      seen ^= lengths
      // The value goes on into the next cache line.
      if (lengths >>> 16 >= cacheLineBytes) seen ^= ints[word + 2 + cacheLineBytes / 4]!
    }
    this.lastRead = seen
  }

  #show(record: number): void {
    if (isLarge(record)) {
      this.#showLarge(record)
      return
    }
    const chunk = record >>> chunkGranuleShift
    const bytes = this.#space.bytes[chunk]!
    const word = smallRecordWord(record)
    const lengths = this.#space.ints[chunk]![word + 1]!
    const start = (word << 2) + smallHeaderBytes
    const end = start + (lengths & 0xffff)
    this.key.set(bytes, start, end)
    this.value.set(bytes, end, end + (lengths >>> 16))
  }

  #showLarge(record: number): void {
    const bytes = recordBytes(this.#space, record)
    const start = recordKeyStart(record)
    const end = start + recordKeyLength(this.#space, record)
    this.key.set(bytes, start, end)
    this.value.set(bytes, end, end + recordValueLength(recordInts(this.#space, record), record))
  }

  /** Stands before the entry of `key`, or where it would be; in reverse `inclusive` tells whether to show the key itself. */
  #goTo(key: Slice, inclusive: boolean): void {
    this.#ended = this.#isEmpty
    this.#slot = 0
    this.#limit = this.#step === 1 ? 0 : 1
    if (this.#ended) return
    const { bytes, start, end } = key
    let page = this.#stamp.root
    let depth = 0
    for (;;) {
      const words = pageWordsOf(this.#space, page)
      const base = pageBase(page)
      if (words[base + levelAt] === 0) break
      const slot = findChild(this.#space, words, base, bytes, start, end)
      this.#pages[depth] = page
      this.#slots[depth] = slot
      page = words[base + childrenAt + slot]!
      depth++
      assert(depth < depthMax, 'the tree has no leaves')
    }
    this.#depth = depth
    this.#enter(page)
    const found = findInLeaf(this.#space, this.#words, this.#records - leafRecordsAt, bytes, start, end)
    if (this.#step === 1) this.#slot = found < 0 ? ~found : found
    else this.#slot = found < 0 ? ~found - 1 : inclusive ? found : found - 1
    this.#setLimit()
  }

  #enter(leaf: number): void {
    this.#words = pageWordsOf(this.#space, leaf)
    this.#records = pageBase(leaf) + leafRecordsAt
  }

  #nextLeaf(): boolean {
    return this.#enterNextLeaf() && this.next()
  }

  /** Stands on the first entry of the next leaf that has any in the range. */
  #enterNextLeaf(): boolean {
    while (!this.#ended) {
      if (!this.#climb()) {
        this.#ended = true
        return false
      }
      const slot = this.#slot
      if (this.#step === 1 ? slot < this.#limit : slot >= this.#limit) return true
    }
    return false
  }

  /** To the neighbouring leaf. */
  #climb(): boolean {
    const forward = this.#step === 1
    let depth = this.#depth - 1
    for (; depth >= 0; depth--) {
      const page = this.#pages[depth]!
      const slot = this.#slots[depth]! + this.#step
      const size = pageWordsOf(this.#space, page)[pageBase(page) + sizeAt]!
      if (slot < 0 || slot >= size) continue
      this.#slots[depth] = slot
      break
    }
    if (depth < 0) return false
    const parent = this.#pages[depth]!
    let page = pageWordsOf(this.#space, parent)[pageBase(parent) + childrenAt + this.#slots[depth]!]!
    for (depth++; depth < this.#depth; depth++) {
      const words = pageWordsOf(this.#space, page)
      const base = pageBase(page)
      const slot = forward ? 0 : words[base + sizeAt]! - 1
      this.#pages[depth] = page
      this.#slots[depth] = slot
      page = words[base + childrenAt + slot]!
    }
    this.#enter(page)
    this.#slot = forward ? 0 : this.#words[this.#records - leafRecordsAt + sizeAt]! - 1
    this.#setLimit()
    return true
  }

  /** How far this leaf's entries lie within the range. At most two keys are compared unless the range ends here. */
  #setLimit(): void {
    const base = this.#records - leafRecordsAt
    const size = this.#words[base + sizeAt]!
    const bound = this.#step === 1 ? this.#end : this.#start
    if (this.#step === 1) {
      this.#limit = this.#firstFrom(base, size, bound)
      if (this.#limit < size) this.#ended = true
    } else {
      this.#limit = this.#firstFrom(base, size, bound)
      if (this.#limit > 0) this.#ended = true
    }
  }

  /** The slot of the leaf's first entry at or after the bound, which may lie outside of the leaf's fences. */
  #firstFrom(base: number, size: number, bound: Slice): number {
    const { bytes, start, end } = bound
    if (size === 0) return 0
    const forward = this.#step === 1
    const near = forward ? size - 1 : 0
    const nearOrder = compareWithRecord(this.#space, this.#words[this.#records + near]!, bytes, start, end, 0)
    if (forward ? nearOrder > 0 : nearOrder <= 0) return forward ? size : 0
    const far = forward ? 0 : size - 1
    const farOrder = compareWithRecord(this.#space, this.#words[this.#records + far]!, bytes, start, end, 0)
    if (forward ? farOrder <= 0 : farOrder > 0) return forward ? 0 : size
    const slot = findInLeaf(this.#space, this.#words, base, bytes, start, end)
    return slot < 0 ? ~slot : slot
  }
}

const noWords = new Int32Array(0)
