/**
 * The writer's side of the tree: copy-on-write, one path at a time.
 *
 * An object born in the current epoch is nobody else's and is changed in place. A page of an older epoch is copied
 * before its first change, and so is every page above it, because the copy's number must be stored there; the old page
 * is retired. Overwriting a value in place is allowed by the same rule, for records.
 *
 * The writer keeps the path of its last descent, page and slot by depth. Splits and merges work on that path and leave
 * it pointing at the same key. Two descents in a row to one leaf are taken for a run of neighbouring keys: from then on the
 * path is kept for as long as keys lie between the leaf's fences, and only whoever changes those (`forgetFences`) ends it.
 *
 * Invariants: a page's birth is not before its children's; `path` holds live pages; a page's prefix is not longer than
 * what its fences share. Only the root may be empty.
 */
import { assert } from '../../base/errors.ts'
import { pageWords } from './address-space.ts'
import type { AddressSpace } from './address-space.ts'
import { Leftover, type Divergence } from './divergence.ts'
import type { PageAllocator } from './page-allocator.ts'
import { forgetSubtree, type PointIndex } from './point-index.ts'
import {
  birthHighAt,
  birthLowAt,
  childrenAt,
  depthMax,
  headsAt,
  keysAt,
  leafRecordsAt,
  levelAt,
  moveEntries,
  pageBase,
  pageBirth,
  pageField,
  pageWordsOf,
  prefixAt,
  separatorsAt,
  setPrefix,
  sizeAt,
} from './page-layout.ts'
import type { RecordArena } from './record-arena.ts'
import {
  commonPrefix,
  compareWithRecord,
  copyIntoRecord,
  recordBirth,
  recordBirthHigh,
  recordBytes,
  recordInts,
  recordKeyStart,
  recordWord,
  setRecordHeader,
} from './record-layout.ts'
import { retiredPage, retiredRecord, retiredSubtree, type RetiredList } from './retired-list.ts'
import { findChild, findInLeaf } from './search.ts'
import { UndoLog } from './undo-log.ts'
import type { MemoryFamily, PlantedFault, Versions } from './versions.ts'

export class Tree {
  readonly space: AddressSpace
  readonly pages: PageAllocator
  readonly records: RecordArena
  readonly versions: Versions
  readonly undo: UndoLog
  readonly fault: PlantedFault | undefined
  root: number
  /** The last descent: pages by depth, the root first, and the slot that was taken in each. */
  readonly path: number[] = new Array<number>(depthMax).fill(0)
  readonly slots: number[] = new Array<number>(depthMax).fill(0)
  /** The depth of the path's last page. */
  depth = 0
  /** Where the last insertion was, if nothing has moved since: a leaf and a slot. */
  insertedInto = 0
  insertedAt = -1
  /** The path leads to every key between the fences (separators, 0: none) of its leaf. */
  #isFenced = false
  #low = 0
  #high = 0
  /** While there are two sides of the tree: see `divergence.ts`. */
  divergence: Divergence | undefined
  /** Told of every record that the newest tree lets go of; a draft's tree is not the newest. */
  points: PointIndex | undefined
  readonly #isDraft: boolean

  constructor(family: MemoryFamily, versions: Versions, root: number, fault?: PlantedFault, divergence?: Divergence) {
    this.divergence = divergence
    this.#isDraft = divergence !== undefined
    this.space = family.space
    this.pages = family.pages
    this.records = family.records
    this.versions = versions
    this.undo = new UndoLog(family.space, this)
    this.fault = fault
    this.root = root === 0 ? this.newPage(0) : root
  }

  /** Keys come in order: the path is at hand for the next one. */
  get isFenced(): boolean {
    return this.#isFenced
  }

  get keys(): number {
    return pageField(this.space, this.root, keysAt)
  }

  /** Goes to the leaf for the key; the slot there is negative (its complement) where the key is not. */
  descend(bytes: Uint8Array, start: number, end: number): number {
    const { space, path, slots } = this
    const before = path[this.depth]!
    if (this.#isFenced) {
      if (before === this.insertedInto && this.#isNextBehindInserted(before, bytes, start, end)) {
        return (slots[this.depth] = ~(this.insertedAt + 1))
      }
      if (this.#isBetweenFences(bytes, start, end)) {
        return (slots[this.depth] = findInLeaf(space, pageWordsOf(space, before), pageBase(before), bytes, start, end))
      }
      this.#isFenced = false
    }
    let page = this.root
    let depth = 0
    for (;;) {
      const words = pageWordsOf(space, page)
      const base = pageBase(page)
      path[depth] = page
      if (words[base + levelAt] === 0) {
        this.depth = depth
        if (page === before) this.#noteFences()
        return (slots[depth] = findInLeaf(space, words, base, bytes, start, end))
      }
      const slot = findChild(space, words, base, bytes, start, end)
      slots[depth] = slot
      page = words[base + childrenAt + slot]!
      depth++
    }
  }

  /** Keys that come in order: between the last inserted one and its neighbour, so that nothing is searched for. */
  #isNextBehindInserted(leaf: number, bytes: Uint8Array, start: number, end: number): boolean {
    const { space } = this
    const words = pageWordsOf(space, leaf)
    const base = pageBase(leaf)
    const next = this.insertedAt + 1
    const size = words[base + sizeAt]!
    if (next > size || next === 0) return false
    const records = base + leafRecordsAt
    if (compareWithRecord(space, words[records + next - 1]!, bytes, start, end, 0) <= 0) return false
    const above = next < size ? words[records + next]! : this.#high
    return above === 0 || compareWithRecord(space, above, bytes, start, end, 0) < 0
  }

  #isBetweenFences(bytes: Uint8Array, start: number, end: number): boolean {
    if (this.#high !== 0 && compareWithRecord(this.space, this.#high, bytes, start, end, 0) >= 0) return false
    return this.#low === 0 || compareWithRecord(this.space, this.#low, bytes, start, end, 0) >= 0
  }

  #noteFences(): void {
    this.#low = this.lowFence(this.depth)
    this.#high = this.highFence(this.depth)
    this.#isFenced = true
  }

  /** Fences move, or pages above the path's leaf go: the next key is looked for from the root. */
  forgetFences(): void {
    this.#isFenced = false
  }

  /** Makes the path's pages down to `depth` the current epoch's own. */
  own(depth: number): void {
    // Those above it were copied no earlier.
    if (this.isCurrent(this.path[depth]!)) return
    for (let i = this.fault === 'shared-parent' ? depth : 0; i <= depth; i++) {
      const page = this.path[i]!
      if (this.isCurrent(page)) continue
      const parent = i === 0 ? 0 : this.path[i - 1]!
      this.path[i] = this.copyInto(parent, i === 0 ? 0 : this.slots[i - 1]!, page)
    }
  }

  /** A copy of `page` as child `slot` of `parent` (0: as the root); the original is retired. */
  copyInto(parent: number, slot: number, page: number): number {
    const copy = this.copyPage(page)
    if (parent === 0) this.root = copy
    else pageWordsOf(this.space, parent)[pageBase(parent) + childrenAt + slot] = copy
    this.retirePage(page)
    return copy
  }

  copyPage(page: number): number {
    const source = pageWordsOf(this.space, page)
    const from = pageBase(page)
    const copy = this.newPage(source[from + levelAt]!)
    const target = pageWordsOf(this.space, copy)
    const to = pageBase(copy)
    const size = source[from + sizeAt]!
    target[to + sizeAt] = size
    target[to + prefixAt] = source[from + prefixAt]!
    target[to + keysAt] = source[from + keysAt]!
    // A view for one copy costs less than a loop over the columns: 7 % of an overwrite that copies its path.
    if (source === target) source.copyWithin(to + headsAt, from + headsAt, from + pageWords)
    else target.set(source.subarray(from + headsAt, from + pageWords), to + headsAt)
    return copy
  }

  newPage(level: number): number {
    const page = this.pages.allocate()
    const words = pageWordsOf(this.space, page)
    const base = pageBase(page)
    words[base + birthLowAt] = this.versions.epochLow
    words[base + birthHighAt] = this.versions.epochHigh
    words[base + levelAt] = level
    words[base + sizeAt] = 0
    words[base + prefixAt] = 0
    words[base + keysAt] = 0
    words[base + 7] = 0
    return page
  }

  isCurrent(page: number): boolean {
    const words = pageWordsOf(this.space, page)
    const base = pageBase(page)
    const { versions } = this
    return words[base + birthLowAt] === versions.epochLow && words[base + birthHighAt] === versions.epochHigh
  }

  isCurrentRecord(record: number): boolean {
    const ints = recordInts(this.space, record)
    const { versions } = this
    return ints[recordWord(record)] === versions.epochLow && recordBirthHigh(this.space, record) === versions.epochHigh
  }

  newRecord(
    bytes: Uint8Array,
    start: number,
    end: number,
    valueBytes: Uint8Array,
    valueStart: number,
    valueEnd: number,
  ): number {
    const { space, versions } = this
    const keyLength = end - start
    const valueLength = valueEnd - valueStart
    const record = this.records.allocate(keyLength + valueLength, versions.epochHigh)
    const ints = recordInts(space, record)
    const target = recordBytes(space, record)
    setRecordHeader(ints, record, versions.epochLow, versions.epochHigh, keyLength, valueLength)
    const at = recordKeyStart(record)
    copyIntoRecord(ints, target, at, bytes, start, end)
    if (valueLength > 0) copyIntoRecord(ints, target, at + keyLength, valueBytes, valueStart, valueEnd)
    return record
  }

  /** A value was overwritten, or a key deleted (`newer` is 0): the undo log keeps the old record for as long as it must. */
  letGoRecord(newer: number, older: number): void {
    this.points?.replace(older, newer)
    if (this.undo.isActive) this.undo.push(newer, older)
    else this.retireRecord(older)
  }

  letGoSubtree(page: number): void {
    if (this.points !== undefined) forgetSubtree(this.points, this.space, page)
    if (this.undo.isActive) this.undo.push(page, page)
    else this.retireSubtree(page)
  }

  /** The tree does not reach the record any more, and nothing of it is kept to go back to. */
  retireRecord(record: number): void {
    if (this.divergence === undefined) this.versions.retireRecord(record)
    else this.#retireOf(this.#listOf(this.divergence), this.divergence, retiredRecord, record)
  }

  retirePage(page: number): void {
    if (this.divergence === undefined) this.versions.retirePage(page)
    else this.#retireOf(this.#listOf(this.divergence), this.divergence, retiredPage, page)
  }

  retireSubtree(page: number): void {
    if (this.divergence === undefined) this.versions.retireSubtree(page)
    else this.#retireOf(this.#listOf(this.divergence), this.divergence, retiredSubtree, page)
  }

  /** The undo log's entry at `position` goes with what it held. Entries made after an adoption go after `settle`. */
  forget(position: number, object: number, isSubtree: boolean): void {
    const { divergence, versions } = this
    if (divergence !== undefined && position >= divergence.from) {
      this.#retireOf(divergence.published, divergence, isSubtree ? retiredSubtree : retiredRecord, object)
    } else if (isSubtree) versions.retireSubtree(object)
    else versions.retireRecord(object)
  }

  #listOf(divergence: Divergence): RetiredList {
    return this.#isDraft || divergence.isAdopted ? divergence.drafted : divergence.published
  }

  #retireOf(list: RetiredList, divergence: Divergence, kind: number, object: number): void {
    const through = this.fault === 'past-retired' ? -1 : divergence.through
    if (kind === retiredSubtree) list.push(kind, object, 0)
    else if (kind === retiredRecord) {
      if (recordBirth(this.space, object) <= through) list.push(kind, object, 0)
      else this.versions.retireRecord(object)
    } else if (pageBirth(this.space, object) <= through) list.push(kind, object, 0)
    else this.versions.retirePage(object)
  }

  /** The drafted side is the tree from now on; the undo log says so. */
  adopt(draft: Tree): void {
    const { divergence } = this
    assert(divergence !== undefined && !divergence.isAdopted, 'a draft is adopted that is not open')
    divergence.publishedRoot = this.root
    this.root = draft.root
    this.points?.exchanged(this.versions.epoch)
    this.insertedInto = 0
    this.forgetFences()
    this.undo.pushAdoption()
  }

  /** The drafted side goes, adopted or not; `root` is its root. */
  discard(root: number): void {
    const { divergence } = this
    assert(divergence !== undefined, 'a draft is discarded that is not open')
    if (divergence.isAdopted) {
      this.root = divergence.publishedRoot
      this.points?.exchanged(this.versions.epoch)
    }
    this.insertedInto = 0
    this.forgetFences()
    this.divergence = undefined
    this.versions.leave(new Leftover(this.space, divergence.through, root, divergence.published, divergence.drafted))
  }

  /** The published side goes: nobody can go back to it. */
  settle(): void {
    const { divergence } = this
    assert(divergence?.isAdopted === true, 'what a draft has replaced is let go of before the draft is adopted')
    const { through, publishedRoot, drafted, published } = divergence
    this.divergence = undefined
    this.versions.leave(new Leftover(this.space, through, publishedRoot, drafted, published))
  }

  /** Adds to the key counts of the path's pages, which must be current. */
  addKeys(count: number): void {
    for (let i = 0; i <= this.depth; i++) {
      const page = this.path[i]!
      pageWordsOf(this.space, page)[pageBase(page) + keysAt]! += count
    }
  }

  /** The separator that begins (`0`: nothing does) the range of the path's page at `depth`. */
  lowFence(depth: number): number {
    for (let i = depth - 1; i >= 0; i--) {
      const slot = this.slots[i]!
      if (slot > 0) return pageField(this.space, this.path[i]!, separatorsAt + slot)
    }
    return 0
  }

  /** The separator that ends it. */
  highFence(depth: number): number {
    for (let i = depth - 1; i >= 0; i--) {
      const page = this.path[i]!
      const slot = this.slots[i]! + 1
      if (slot < pageField(this.space, page, sizeAt)) return pageField(this.space, page, separatorsAt + slot)
    }
    return 0
  }

  prefixBetween(low: number, high: number): number {
    return low === 0 || high === 0 ? 0 : commonPrefix(this.space, low, high)
  }

  /**
   * Descends for a key through pages whose fences may have moved apart, and shortens the prefixes that are now too long.
   * The path is the current epoch's own afterwards, as far as something had to change.
   */
  descendMending(bytes: Uint8Array, start: number, end: number): void {
    const { space } = this
    let page = this.root
    for (let depth = 0; ; depth++) {
      this.path[depth] = page
      this.depth = depth
      const prefix = this.prefixBetween(this.lowFence(depth), this.highFence(depth))
      if (pageField(space, page, prefixAt) > prefix) {
        this.own(depth)
        page = this.path[depth]!
        setPrefix(space, page, prefix)
      }
      const words = pageWordsOf(space, page)
      const base = pageBase(page)
      if (words[base + levelAt] === 0) {
        this.slots[depth] = findInLeaf(space, words, base, bytes, start, end)
        return
      }
      const slot = findChild(space, words, base, bytes, start, end)
      this.slots[depth] = slot
      page = words[base + childrenAt + slot]!
    }
  }
}

/** Removes entries [from, to) of a page, their columns only; a branch's first entry loses its separator's number. */
export function closeGap(words: Int32Array, base: number, from: number, to: number): void {
  const size = words[base + sizeAt]!
  moveEntries(words, base, to, size, words, base, from)
  words[base + sizeAt] = size - (to - from)
}
