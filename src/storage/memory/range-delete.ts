/**
 * Deletes a key range in time proportional to the tree's height.
 *
 * The two paths to the range's ends are copied and trimmed; every child between them is unlinked with all that hangs
 * below, and retired (or kept for the undo log) as one object that `reclaim` takes apart later. Pages that lost their last entry go. Beside the gap
 * the fences moved apart, so both paths are descended again to shorten prefixes, and merged where little is left.
 */
import type { KeyRange, Slice } from '../../base/slice.ts'
import { compareSlices } from '../../base/slice.ts'
import { repairPath, removeChildren } from './merge.ts'
import { childrenAt, leafRecordsAt, levelAt, pageBase, pageField, pageWordsOf, sizeAt } from './page-layout.ts'
import { findChild, findInLeaf } from './search.ts'
import { countKeys } from './split.ts'
import { closeGap } from './tree.ts'
import type { Tree } from './tree.ts'

/** How many keys went. */
export function deleteKeyRange(tree: Tree, range: KeyRange): number {
  if (compareSlices(range.start, range.end) >= 0) return 0
  const before = tree.keys
  tree.forgetFences()
  const root = trim(tree, tree.root, range.start, range.end)
  tree.root = root === 0 ? tree.newPage(0) : root
  for (const { bytes, start, end } of [range.start, range.end]) {
    tree.descendMending(bytes, start, end)
    repairPath(tree, bytes, start, end)
  }
  return before - tree.keys
}

/**
 * Removes from the tree below `page` what is at or after `start` and before `end`, where they are given: an end that is
 * not given lies outside of the page. Returns the page's current copy, or 0 where nothing is left of it.
 */
function trim(tree: Tree, page: number, start: Slice | undefined, end: Slice | undefined): number {
  const own = tree.isCurrent(page) ? page : tree.copyPage(page)
  if (own !== page) tree.retirePage(page)
  if (pageField(tree.space, own, levelAt) === 0) trimLeaf(tree, own, start, end)
  else trimBranch(tree, own, start, end)
  countKeys(tree, own)
  if (pageField(tree.space, own, sizeAt) > 0) return own
  tree.retirePage(own)
  return 0
}

function trimLeaf(tree: Tree, page: number, start: Slice | undefined, end: Slice | undefined): void {
  const words = pageWordsOf(tree.space, page)
  const base = pageBase(page)
  const from = start === undefined ? 0 : leafSlot(tree, words, base, start)
  const to = end === undefined ? words[base + sizeAt]! : leafSlot(tree, words, base, end)
  for (let slot = from; slot < to; slot++) tree.letGoRecord(0, words[base + leafRecordsAt + slot]!)
  closeGap(words, base, from, to)
}

function leafSlot(tree: Tree, words: Int32Array, base: number, key: Slice): number {
  const slot = findInLeaf(tree.space, words, base, key.bytes, key.start, key.end)
  return slot < 0 ? ~slot : slot
}

function trimBranch(tree: Tree, page: number, start: Slice | undefined, end: Slice | undefined): void {
  const words = pageWordsOf(tree.space, page)
  const base = pageBase(page)
  const size = words[base + sizeAt]!
  const first = start === undefined ? -1 : findChild(tree.space, words, base, start.bytes, start.start, start.end)
  const last = end === undefined ? size : findChild(tree.space, words, base, end.bytes, end.start, end.end)
  for (let slot = first + 1; slot < last; slot++) tree.letGoSubtree(words[base + childrenAt + slot]!)
  let from = first + 1
  let to = last
  if (first === last) {
    const left = trimChild(tree, words, base, first, start, end)
    from = left ? last + 1 : last
    to = last + 1
  } else {
    if (first >= 0 && !trimChild(tree, words, base, first, start, undefined)) from = first
    if (last < size && !trimChild(tree, words, base, last, undefined, end)) to = last + 1
  }
  if (from < to) removeChildren(tree, page, from, to)
}

/** False where nothing is left of the child. */
function trimChild(
  tree: Tree,
  words: Int32Array,
  base: number,
  slot: number,
  start: Slice | undefined,
  end: Slice | undefined,
): boolean {
  const child = trim(tree, words[base + childrenAt + slot]!, start, end)
  words[base + childrenAt + slot] = child
  return child !== 0
}
