/**
 * Taking space back: merges along the writer's path, and removal of pages that became empty.
 *
 * A page that is less than a quarter full joins a neighbour under the same parent where both fit with room to spare;
 * otherwise it stays as it is, which costs some space and no correctness. A page without any entry goes.
 */
import {
  branchCapacity,
  childrenAt,
  keysAt,
  leafCapacity,
  levelAt,
  moveEntries,
  pageBase,
  pageField,
  pageWordsOf,
  separatorsAt,
  setHead,
  setPrefix,
  sizeAt,
  prefixAt,
} from './page-layout.ts'
import { closeGap } from './tree.ts'
import type { Tree } from './tree.ts'

const underfull = (level: number): number => (level === 0 ? leafCapacity : branchCapacity) >>> 2
const mergedMax = (level: number): number => ((level === 0 ? leafCapacity : branchCapacity) * 7) >>> 3

/**
 * Repairs the path from its leaf upwards after entries were removed. The bytes are a key that the path leads to. The
 * path means nothing afterwards.
 */
export function repairPath(tree: Tree, bytes: Uint8Array, start: number, end: number): void {
  tree.forgetFences()
  if (removeEmptyPages(tree)) tree.descendMending(bytes, start, end)
  for (let depth = tree.depth; depth > 0; depth--) mergeAt(tree, depth)
  lowerRoot(tree)
}

/** Cheap test for the usual case of `delete`. */
export function needsRepair(tree: Tree): boolean {
  const leaf = tree.path[tree.depth]!
  return pageField(tree.space, leaf, sizeAt) < underfull(0)
}

/** True where a page went, so that its neighbour's fences moved. */
function removeEmptyPages(tree: Tree): boolean {
  let removed = false
  for (let depth = tree.depth; depth > 0; depth--) {
    const page = tree.path[depth]!
    if (pageField(tree.space, page, sizeAt) > 0) break
    tree.own(depth - 1)
    removeChildren(tree, tree.path[depth - 1]!, tree.slots[depth - 1]!, tree.slots[depth - 1]! + 1)
    tree.retirePage(page)
    removed = true
  }
  const root = tree.root
  if (removed && pageField(tree.space, root, sizeAt) === 0) {
    tree.root = tree.newPage(0)
    tree.retirePage(root)
  }
  return removed
}

/** Removes children [from, to) of a current branch and retires their separators; the children are the caller's. */
export function removeChildren(tree: Tree, page: number, from: number, to: number): void {
  const words = pageWordsOf(tree.space, page)
  const base = pageBase(page)
  const separators = base + separatorsAt
  for (let slot = from; slot < to; slot++) {
    if (words[separators + slot] !== 0) tree.retireRecord(words[separators + slot]!)
  }
  closeGap(words, base, from, to)
  if (from > 0 || words[base + sizeAt] === 0 || words[separators] === 0) return
  tree.retireRecord(words[separators]!)
  words[separators] = 0
}

function mergeAt(tree: Tree, depth: number): void {
  const { space } = tree
  const page = tree.path[depth]!
  const level = pageField(space, page, levelAt)
  const size = pageField(space, page, sizeAt)
  if (size >= underfull(level)) return
  const parent = tree.path[depth - 1]!
  const slot = tree.slots[depth - 1]!
  if (mergesWith(tree, parent, slot + 1, level, size)) mergeWithRight(tree, depth)
  else if (mergesWith(tree, parent, slot - 1, level, size)) {
    tree.slots[depth - 1] = slot - 1
    tree.path[depth] = pageField(space, parent, childrenAt + slot - 1)
    mergeWithRight(tree, depth)
  }
}

function mergesWith(tree: Tree, parent: number, slot: number, level: number, size: number): boolean {
  if (slot < 0 || slot >= pageField(tree.space, parent, sizeAt)) return false
  const sibling = pageField(tree.space, parent, childrenAt + slot)
  return pageField(tree.space, sibling, sizeAt) + size <= mergedMax(level)
}

/** Moves the entries of the path's right neighbour at `depth` into the path's page. */
function mergeWithRight(tree: Tree, depth: number): void {
  const { space } = tree
  tree.own(depth)
  const left = tree.path[depth]!
  const parent = tree.path[depth - 1]!
  const slot = tree.slots[depth - 1]! + 1
  const right = pageField(space, parent, childrenAt + slot)
  const separator = pageField(space, parent, separatorsAt + slot)
  const isLeaf = pageField(space, left, levelAt) === 0
  closeGap(pageWordsOf(space, parent), pageBase(parent), slot, slot + 1)
  const prefix = tree.prefixBetween(tree.lowFence(depth), tree.highFence(depth))
  appendEntries(tree, left, right, Math.min(prefix, pageField(space, left, prefixAt)), isLeaf ? 0 : separator)
  if (isLeaf) tree.retireRecord(separator)
  tree.retirePage(right)
}

function appendEntries(tree: Tree, left: number, right: number, prefix: number, separator: number): void {
  const { space } = tree
  setPrefix(space, left, prefix)
  const source = pageWordsOf(space, right)
  const from = pageBase(right)
  const target = pageWordsOf(space, left)
  const to = pageBase(left)
  const size = target[to + sizeAt]!
  const total = size + source[from + sizeAt]!
  moveEntries(source, from, 0, total - size, target, to, size)
  target[to + sizeAt] = total
  target[to + keysAt]! += source[from + keysAt]!
  const capacity = target[to + levelAt] === 0 ? leafCapacity : branchCapacity
  if (separator !== 0) target[to + separatorsAt + size] = separator
  if (source[from + prefixAt] !== prefix || separator !== 0) rewriteHeads(tree, target, to, capacity, size, total)
}

function rewriteHeads(tree: Tree, words: Int32Array, base: number, capacity: number, from: number, to: number): void {
  const records = base + 8 + 2 * capacity
  for (let slot = from; slot < to; slot++) setHead(tree.space, words, base, capacity, slot, words[records + slot]!)
}

/** A branch root with one child gives way to it. */
function lowerRoot(tree: Tree): void {
  const { space } = tree
  while (pageField(space, tree.root, levelAt) > 0 && pageField(space, tree.root, sizeAt) === 1) {
    const old = tree.root
    tree.root = pageField(space, old, childrenAt)
    tree.retirePage(old)
  }
}
