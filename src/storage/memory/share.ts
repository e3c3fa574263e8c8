/**
 * Making room without a split: a full leaf gives entries to a neighbour under the same parent that has fewer.
 *
 * Keys that come anywhere leave leaves 69 % full where every full one is split in the middle, and keys that come in order, but by
 * turns with others, leave them half full. A leaf that shares first is split only between neighbours that are nearly full, so that
 * leaves are 80 to 90 % full. Sharing moves a border: a new separator takes the place of the old one, nothing changes above.
 *
 * The leaf and its parent belong to the current epoch; the neighbour is copied if it does not. As with splits, the path leads to the
 * place of the key afterwards.
 */
import {
  childrenAt,
  branchCapacity,
  keysAt,
  leafCapacity,
  leafRecordsAt,
  moveEntries,
  pageBase,
  pageField,
  pageWordsOf,
  prefixAt,
  separatorsAt,
  setHead,
  setPrefix,
  sizeAt,
} from './page-layout.ts'
import { compareWithRecord } from './record-layout.ts'
import { separatorBetween } from './split.ts'
import { closeGap, type Tree } from './tree.ts'

/** A neighbour that has more is not worth it: each time a sixth of a page is won. */
const sharedMax = Math.floor((leafCapacity * 2) / 3)

/** The slot of the key, whose place is `slot` of the path's full leaf, in the leaf that the path has now; −1: nobody has room. */
export function shareLeaf(tree: Tree, slot: number, bytes: Uint8Array, start: number, end: number): number {
  if (tree.depth === 0) return -1
  const parent = tree.path[tree.depth - 1]!
  const at = tree.slots[tree.depth - 1]!
  const isLeft = hasRoom(tree, parent, at - 1)
  if (!isLeft && !hasRoom(tree, parent, at + 1)) return -1
  tree.forgetFences()
  const own = tree.path[tree.depth]!
  const other = ownChild(tree, parent, isLeft ? at - 1 : at + 1)
  const room = (leafCapacity - pageField(tree.space, other, sizeAt)) >>> 1
  return isLeft
    ? giveLeft(tree, own, other, room, slot, bytes, start, end)
    : giveRight(tree, own, other, leafCapacity - room, slot, bytes, start, end)
}

function hasRoom(tree: Tree, parent: number, slot: number): boolean {
  if (slot < 0 || slot >= pageField(tree.space, parent, sizeAt)) return false
  return pageField(tree.space, pageField(tree.space, parent, childrenAt + slot), sizeAt) <= sharedMax
}

function ownChild(tree: Tree, parent: number, slot: number): number {
  const page = pageField(tree.space, parent, childrenAt + slot)
  return tree.isCurrent(page) ? page : tree.copyInto(parent, slot, page)
}

/** The first `count` entries of `own` go behind those of `left`. */
function giveLeft(
  tree: Tree,
  own: number,
  left: number,
  count: number,
  slot: number,
  bytes: Uint8Array,
  start: number,
  end: number,
): number {
  const { space, depth } = tree
  const words = pageWordsOf(space, own)
  const base = pageBase(own)
  const separator = separatorBefore(tree, own, count)
  const high = tree.highFence(depth)
  const at = tree.slots[depth - 1]!--
  const low = tree.lowFence(depth)
  const before = pageField(space, left, sizeAt)
  setPrefix(space, left, tree.prefixBetween(low, separator))
  take(tree, own, 0, count, left, before)
  closeGap(words, base, 0, count)
  words[base + keysAt] = words[base + sizeAt]!
  setPrefix(space, own, tree.prefixBetween(separator, high))
  moveBorder(tree, at, separator)
  if (slot < count || (slot === count && compareWithRecord(space, separator, bytes, start, end, 0) < 0)) {
    tree.path[depth] = left
    return before + slot
  }
  tree.slots[depth - 1] = at
  return slot - count
}

/** The entries of `own` from `middle` on go before those of `right`. */
function giveRight(
  tree: Tree,
  own: number,
  right: number,
  middle: number,
  slot: number,
  bytes: Uint8Array,
  start: number,
  end: number,
): number {
  const { space, depth } = tree
  const words = pageWordsOf(space, own)
  const base = pageBase(own)
  const target = pageWordsOf(space, right)
  const to = pageBase(right)
  const separator = separatorBefore(tree, own, middle)
  const low = tree.lowFence(depth)
  const at = ++tree.slots[depth - 1]!
  const high = tree.highFence(depth)
  setPrefix(space, right, tree.prefixBetween(separator, high))
  moveEntries(target, to, 0, target[to + sizeAt]!, target, to, leafCapacity - middle)
  take(tree, own, middle, leafCapacity, right, 0)
  words[base + sizeAt] = words[base + keysAt] = middle
  setPrefix(space, own, tree.prefixBetween(low, separator))
  moveBorder(tree, at, separator)
  if (slot > middle || (slot === middle && compareWithRecord(space, separator, bytes, start, end, 0) >= 0)) {
    tree.path[depth] = right
    return slot - middle
  }
  tree.slots[depth - 1] = at - 1
  return slot
}

function separatorBefore(tree: Tree, page: number, slot: number): number {
  const records = pageBase(page) + leafRecordsAt
  const words = pageWordsOf(tree.space, page)
  return separatorBetween(tree, words[records + slot - 1]!, words[records + slot]!)
}

/** Puts entries [from, until) of a leaf into the gap at `slot` of another one, or behind its last one. */
function take(tree: Tree, source: number, from: number, until: number, target: number, slot: number): void {
  const { space } = tree
  const words = pageWordsOf(space, target)
  const base = pageBase(target)
  const given = pageWordsOf(space, source)
  moveEntries(given, pageBase(source), from, until, words, base, slot)
  words[base + sizeAt]! += until - from
  words[base + keysAt] = words[base + sizeAt]!
  if (given[pageBase(source) + prefixAt] === words[base + prefixAt]) return
  for (let i = slot; i < slot + until - from; i++) {
    setHead(space, words, base, leafCapacity, i, words[base + leafRecordsAt + i]!)
  }
}

/** Child `slot` of the path's parent begins with another separator. */
function moveBorder(tree: Tree, slot: number, separator: number): void {
  const parent = tree.path[tree.depth - 1]!
  const words = pageWordsOf(tree.space, parent)
  const base = pageBase(parent)
  tree.retireRecord(words[base + separatorsAt + slot]!)
  words[base + separatorsAt + slot] = separator
  setHead(tree.space, words, base, branchCapacity, slot, separator)
}
