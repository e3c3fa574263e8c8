/**
 * Builds a tree from sorted entries, bottom up, with pages nearly full.
 *
 * One page per level is open. A page closes when the next entry does not fit: only then both of its fences are known,
 * and with them its prefix and heads. It becomes a child of the level above under the separator on its left.
 */
import { assert } from '../../base/errors.ts'
import type { Slice } from '../../base/slice.ts'
import {
  branchCapacity,
  childrenAt,
  depthMax,
  headsAt,
  leafCapacity,
  pageBase,
  pageWordsOf,
  prefixAt,
  setHead,
  sizeAt,
} from './page-layout.ts'
import { compareWithRecord } from './record-layout.ts'
import { countKeys, separatorBelow } from './split.ts'
import type { Tree } from './tree.ts'

/** Leaves keep room for a few insertions, so that the first writes after a load do not split every page. */
const leafFill = leafCapacity - 6
const branchFill = branchCapacity - 4

interface OpenPage {
  /** Records of a leaf, separators of a branch. */
  records: number[]
  children: number[]
  /** The separator on its left, 0 for the first page of the level. */
  low: number
}

export class BulkLoader {
  readonly #tree: Tree
  readonly #levels: OpenPage[] = [{ records: [], children: [], low: 0 }]

  /** The tree must be empty and current. */
  constructor(tree: Tree) {
    assert(tree.keys === 0, 'bulk load into a tree that is not empty')
    this.#tree = tree
  }

  /** False, and nothing added, where the key is not above the one before it. */
  add(key: Slice, value: Slice): boolean {
    const { space } = this.#tree
    const leaf = this.#levels[0]!
    const last = leaf.records.at(-1)
    if (last !== undefined && compareWithRecord(space, last, key.bytes, key.start, key.end, 0) <= 0) return false
    if (leaf.records.length >= leafFill)
      this.#close(0, separatorBelow(this.#tree, last!, key.bytes, key.start, key.end))
    const record = this.#tree.newRecord(key.bytes, key.start, key.end, value.bytes, value.start, value.end)
    leaf.records.push(record)
    return true
  }

  /** Makes what was added the tree. */
  finish(): void {
    const old = this.#tree.root
    for (let level = 0; level < this.#levels.length; level++) {
      const page = this.#build(level, 0)
      const above = this.#levels[level + 1]
      if (above === undefined) this.#tree.root = page
      else this.#addChild(level + 1, this.#levels[level]!.low, page)
    }
    this.#tree.retirePage(old)
  }

  /** Ends the level's open page at the separator `high`, and begins the next one there. */
  #close(level: number, high: number): void {
    const page = this.#build(level, high)
    const open = this.#levels[level]!
    if (this.#levels.length === level + 1) {
      assert(level + 1 < depthMax, 'the tree grows too deep')
      this.#levels.push({ records: [], children: [], low: 0 })
    }
    this.#addChild(level + 1, open.low, page)
    open.records.length = 0
    open.children.length = 0
    open.low = high
  }

  #addChild(level: number, separator: number, child: number): void {
    const open = this.#levels[level]!
    const closes = open.children.length >= branchFill
    if (closes) this.#close(level, separator)
    open.records.push(open.children.length === 0 ? 0 : separator)
    open.children.push(child)
  }

  #build(level: number, high: number): number {
    const tree = this.#tree
    const { records, children, low } = this.#levels[level]!
    const page = tree.newPage(level)
    const words = pageWordsOf(tree.space, page)
    const base = pageBase(page)
    const capacity = level === 0 ? leafCapacity : branchCapacity
    words[base + sizeAt] = records.length
    words[base + prefixAt] = tree.prefixBetween(low, high)
    for (const [slot, record] of records.entries()) {
      words[base + headsAt + 2 * capacity + slot] = record
      if (record !== 0) setHead(tree.space, words, base, capacity, slot, record)
    }
    for (const [slot, child] of children.entries()) words[base + childrenAt + slot] = child
    countKeys(tree, page)
    return page
  }
}
