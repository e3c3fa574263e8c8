/** Reads of one sorted file, whose blocks may have to be brought in first. */
import { assert } from '../../base/errors.ts'
import {
  compareSlices,
  copySlice,
  equalSlices,
  MutableSlice,
  sliceOf,
  type KeyRange,
  type Slice,
} from '../../base/slice.ts'
import type { Cursor, Miss, PagePin, ScanOptions, Sequence, Snapshot } from '../store.ts'
import type { BlockCache } from './block-cache.ts'
import type { SortedFile } from './file.ts'
import type { Block } from './format.ts'

const nothingPinned: PagePin = { release: () => undefined }

export class SortedSnapshot implements Snapshot {
  readonly sequence: Sequence
  readonly #file: SortedFile | undefined
  readonly #cache: BlockCache
  readonly #findFile: (page: number) => SortedFile | undefined
  readonly #released: () => void
  readonly #key = new MutableSlice()
  readonly #value = new MutableSlice()
  #isReleased = false

  /** `findFile`: the file that a page belongs to, where it is still open. */
  constructor(
    sequence: Sequence,
    file: SortedFile | undefined,
    cache: BlockCache,
    findFile: (page: number) => SortedFile | undefined,
    released: () => void,
  ) {
    this.sequence = sequence
    this.#file = file
    this.#cache = cache
    this.#findFile = findFile
    this.#released = released
  }

  get(key: Slice): Slice | undefined {
    assert(!this.#isReleased, 'read of a released snapshot')
    const number = this.#file === undefined ? -1 : this.#file.index.find(key)
    if (number < 0) return undefined
    const block = this.#cache.get(this.#file!, number, 0)
    const slot = block.lowerBound(key)
    if (slot === block.size || !equalSlices(block.key(slot, this.#key), key)) return undefined
    return block.value(slot, this.#value)
  }

  scan(range: KeyRange, options: ScanOptions = {}): Cursor {
    assert(!this.#isReleased, 'scan of a released snapshot')
    return new SortedCursor(this.#file, this.#cache, range, options.reverse === true, () => this.#isReleased)
  }

  /** By what the index says of the blocks between the two that hold the ends. */
  count(range: KeyRange): number {
    assert(!this.#isReleased, 'count in a released snapshot')
    if (compareSlices(range.start, range.end) >= 0) return 0
    return this.#entriesBelow(range.end) - this.#entriesBelow(range.start)
  }

  /** By the index alone: half a block is missing or too much at either end. */
  estimate(range: KeyRange): number {
    const file = this.#file
    if (file === undefined || compareSlices(range.start, range.end) >= 0) return 0
    const first = Math.max(0, file.index.find(range.start))
    const last = file.index.find(range.end)
    return last < 0 ? 0 : file.index.entriesBefore(last) - file.index.entriesBefore(first)
  }

  #entriesBelow(key: Slice): number {
    const file = this.#file
    const number = file === undefined ? -1 : file.index.find(key)
    if (file === undefined || number < 0) return 0
    return file.index.entriesBefore(number) + this.#cache.get(file, number, 0).lowerBound(key)
  }

  /** A page of a state that nobody has any more is not brought in: the read that missed it reads another state now. */
  async load(miss: Miss): Promise<PagePin> {
    const { page } = miss
    const file = this.#findFile(page)
    return file === undefined ? nothingPinned : this.#cache.load(file, page)
  }

  release(): void {
    assert(!this.#isReleased, 'snapshot released twice')
    this.#isReleased = true
    this.#released()
  }
}

class SortedCursor implements Cursor {
  readonly key: MutableSlice = new MutableSlice()
  readonly value: MutableSlice = new MutableSlice()
  readonly #file: SortedFile | undefined
  readonly #cache: BlockCache
  readonly #start: Slice
  readonly #end: Slice
  readonly #step: 1 | -1
  readonly #isOver: () => boolean
  readonly #probe = new MutableSlice()
  /** Where to begin, not looked up yet. In reverse `#isInclusive` tells whether to show the key itself. */
  #target: Slice | undefined
  #isInclusive = false
  #block: Block | undefined
  #number = 0
  #slot = 0
  #ended = false

  constructor(
    file: SortedFile | undefined,
    cache: BlockCache,
    range: KeyRange,
    reverse: boolean,
    isOver: () => boolean,
  ) {
    this.#file = file
    this.#cache = cache
    this.#start = sliceOf(copySlice(range.start))
    this.#end = sliceOf(copySlice(range.end))
    this.#step = reverse ? -1 : 1
    this.#isOver = isOver
    this.#target = reverse ? this.#end : this.#start
  }

  seek(key: Slice): void {
    this.#ended = false
    const [start, end] = [this.#start, this.#end]
    if (this.#step === 1) this.#target = compareSlices(key, start) < 0 ? start : sliceOf(copySlice(key))
    else {
      this.#isInclusive = compareSlices(key, end) < 0
      this.#target = this.#isInclusive ? sliceOf(copySlice(key)) : end
    }
  }

  next(): boolean {
    assert(!this.#isOver(), 'a cursor outlived its snapshot')
    if (this.#target !== undefined) this.#goTo(this.#target)
    while (!this.#ended) {
      const block = this.#block!
      if (this.#slot >= 0 && this.#slot < block.size) return this.#show(block)
      this.#enterNext()
    }
    return false
  }

  #goTo(target: Slice): void {
    const file = this.#file
    const found = file === undefined ? -1 : file.index.find(target)
    const isEmpty = file === undefined || file.index.blocks === 0 || compareSlices(this.#start, this.#end) >= 0
    if (isEmpty || (found < 0 && this.#step === -1)) {
      this.#target = undefined
      this.#ended = true
      return
    }
    const number = Math.max(0, found)
    const block = this.#cache.get(file, number, this.#step)
    this.#target = undefined
    this.#block = block
    this.#number = number
    const slot = block.lowerBound(target)
    if (this.#step === 1) this.#slot = slot
    else
      this.#slot =
        this.#isInclusive && slot < block.size && equalSlices(block.key(slot, this.#probe), target) ? slot : slot - 1
  }

  #enterNext(): void {
    const number = this.#number + this.#step
    if (number < 0 || number >= this.#file!.index.blocks) {
      this.#ended = true
      return
    }
    const block = this.#cache.get(this.#file!, number, this.#step)
    this.#block = block
    this.#number = number
    this.#slot = this.#step === 1 ? 0 : block.size - 1
  }

  #show(block: Block): boolean {
    const key = block.key(this.#slot, this.#probe)
    const isIn = this.#step === 1 ? compareSlices(key, this.#end) < 0 : compareSlices(key, this.#start) >= 0
    if (!isIn) {
      this.#ended = true
      return false
    }
    this.key.set(key.bytes, key.start, key.end)
    block.value(this.#slot, this.value)
    this.#slot += this.#step
    return true
  }

  skip(count: number): number {
    return count > 0 && this.next() ? 1 : 0
  }
}
