/**
 * Making room: splits of full pages along the writer's path. A leaf looks for room at its neighbours first (`share.ts`).
 *
 * A full page gives its upper part to a new page on its right; the shortest key that tells both sides apart goes up as
 * the separator, and is a record of its own, since the keys beside it may be deleted while it stays. Keys that arrive in
 * order would leave every page half empty, so an insertion directly behind the last one splits there.
 */
import {
  branchCapacity,
  childrenAt,
  depthMax,
  keysAt,
  leafCapacity,
  leafRecordsAt,
  levelAt,
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
import { commonPrefixOf, compareWithRecord, recordBytes, recordKeyLength, recordKeyStart } from './record-layout.ts'
import type { Tree } from './tree.ts'
import { PolylogError } from '../../base/errors.ts'

/** Splits the path's leaf for an insertion of the key at `slot`; returns the slot in the leaf that the path has now. */
export function splitLeaf(
  tree: Tree,
  slot: number,
  appending: boolean,
  bytes: Uint8Array,
  start: number,
  end: number,
): number {
  const { space } = tree
  const leaf = tree.path[tree.depth]!
  const base = pageBase(leaf)
  const words = pageWordsOf(space, leaf)
  const middle = appending ? slot : leafCapacity >>> 1
  const left = words[base + leafRecordsAt + middle - 1]!
  const right = middle === leafCapacity ? 0 : words[base + leafRecordsAt + middle]!
  const separator = right === 0 ? separatorBelow(tree, left, bytes, start, end) : separatorBetween(tree, left, right)
  splitPage(tree, tree.depth, middle, separator, middle === leafCapacity)
  const goesRight = slot > middle || (slot === middle && compareWithRecord(space, separator, bytes, start, end, 0) >= 0)
  if (!goesRight) return slot
  stepRight(tree, tree.depth)
  return slot - middle
}

/** Splits the page at `depth` before entry `middle`; the path stays in the left half. */
function splitPage(tree: Tree, depth: number, middle: number, separator: number, appending: boolean): void {
  const { space } = tree
  tree.forgetFences()
  if (depth === 0) {
    growRoot(tree)
    depth = 1
  } else if (pageField(space, tree.path[depth - 1]!, sizeAt) === branchCapacity) {
    depth = splitBranch(tree, depth - 1, appending) + 1
  }
  const left = tree.path[depth]!
  const words = pageWordsOf(space, left)
  const base = pageBase(left)
  const right = tree.newPage(words[base + levelAt]!)
  const rightWords = pageWordsOf(space, right)
  const rightBase = pageBase(right)
  const size = words[base + sizeAt]!
  moveEntries(words, base, middle, size, rightWords, rightBase, 0)
  rightWords[rightBase + prefixAt] = words[base + prefixAt]!
  rightWords[rightBase + sizeAt] = size - middle
  words[base + sizeAt] = middle
  countKeys(tree, right)
  words[base + keysAt]! -= rightWords[rightBase + keysAt]!
  if (words[base + levelAt] !== 0) rightWords[rightBase + separatorsAt] = 0
  const low = tree.lowFence(depth)
  const high = tree.highFence(depth)
  insertChild(tree, depth - 1, tree.slots[depth - 1]! + 1, separator, right)
  setPrefix(space, left, tree.prefixBetween(low, separator))
  setPrefix(space, right, tree.prefixBetween(separator, high))
}

/** Splits the path's full branch at `depth`; returns the depth at which the path's branch is now. */
function splitBranch(tree: Tree, depth: number, appending: boolean): number {
  const { space } = tree
  const branch = tree.path[depth]!
  const slot = tree.slots[depth]!
  const middle = appending && slot === branchCapacity - 1 ? branchCapacity - 1 : branchCapacity >>> 1
  const separator = pageField(space, branch, separatorsAt + middle)
  const before = tree.depth
  splitPage(tree, depth, middle, separator, appending)
  depth += tree.depth - before
  if (slot >= middle) {
    stepRight(tree, depth)
    tree.slots[depth] = slot - middle
  }
  return depth
}

/** Moves the path at `depth` to the next child of its parent. */
function stepRight(tree: Tree, depth: number): void {
  const slot = ++tree.slots[depth - 1]!
  tree.path[depth] = pageField(tree.space, tree.path[depth - 1]!, childrenAt + slot)
}

function growRoot(tree: Tree): void {
  const { space } = tree
  if (tree.depth + 1 >= depthMax) throw new PolylogError('out_of_memory', `the memory store's tree is ${depthMax} deep`)
  const old = tree.root
  const root = tree.newPage(pageField(space, old, levelAt) + 1)
  const words = pageWordsOf(space, root)
  const base = pageBase(root)
  words[base + sizeAt] = 1
  words[base + keysAt] = pageField(space, old, keysAt)
  words[base + separatorsAt] = 0
  words[base + childrenAt] = old
  tree.root = root
  for (let i = tree.depth; i >= 0; i--) {
    tree.path[i + 1] = tree.path[i]!
    tree.slots[i + 1] = tree.slots[i]!
  }
  tree.path[0] = root
  tree.slots[0] = 0
  tree.depth++
}

function insertChild(tree: Tree, depth: number, slot: number, separator: number, child: number): void {
  const page = tree.path[depth]!
  const words = pageWordsOf(tree.space, page)
  const base = pageBase(page)
  const size = words[base + sizeAt]!
  moveEntries(words, base, slot, size, words, base, slot + 1)
  words[base + sizeAt] = size + 1
  words[base + separatorsAt + slot] = separator
  words[base + childrenAt + slot] = child
  setHead(tree.space, words, base, branchCapacity, slot, separator)
}

export function countKeys(tree: Tree, page: number): void {
  const words = pageWordsOf(tree.space, page)
  const base = pageBase(page)
  const size = words[base + sizeAt]!
  let keys = size
  if (words[base + levelAt] !== 0) {
    keys = 0
    for (let i = 0; i < size; i++) keys += pageField(tree.space, words[base + childrenAt + i]!, keysAt)
  }
  words[base + keysAt] = keys
}

/** The shortest key above `left`'s and not above the given key. */
export function separatorBelow(tree: Tree, left: number, bytes: Uint8Array, start: number, end: number): number {
  const length = commonPrefixOf(tree.space, left, bytes, start, end) + 1
  return tree.newRecord(bytes, start, start + length, bytes, end, end)
}

/** The shortest key above `left`'s and not above `right`'s. */
export function separatorBetween(tree: Tree, left: number, right: number): number {
  const start = recordKeyStart(right)
  const bytes = recordBytes(tree.space, right)
  return separatorBelow(tree, left, bytes, start, start + recordKeyLength(tree.space, right))
}
