/**
 * Going back to a mark: the entries of the undo log, the last one first, each undone in the tree.
 *
 * The records themselves return, not copies of them: whatever an earlier entry says of a record stays true.
 */
import { assert } from '../../base/errors.ts'
import { needsRepair, repairPath } from './merge.ts'
import {
  childrenAt,
  leafCapacity,
  leafRecordsAt,
  levelAt,
  pageBase,
  pageField,
  pageWordsOf,
  separatorsAt,
  sizeAt,
} from './page-layout.ts'
import { recordBytes, recordKeyLength, recordKeyStart } from './record-layout.ts'
import { splitLeaf } from './split.ts'
import { closeGap, insertIntoLeaf } from './tree.ts'
import type { Tree } from './tree.ts'

export function undoTo(tree: Tree, position: number): void {
  const { undo } = tree
  while (undo.pop(position)) {
    const { newer, older } = undo
    if (newer === older) insertSubtree(tree, older)
    else if (newer === 0) insertRecord(tree, older)
    else if (older === 0) removeRecord(tree, newer)
    else replaceRecord(tree, newer, older)
  }
}

/** To the record's key; the slot as `descend` gives it. */
function descendTo(tree: Tree, record: number): number {
  const start = recordKeyStart(record)
  return tree.descend(recordBytes(tree.space, record), start, start + recordKeyLength(tree.space, record))
}

function replaceRecord(tree: Tree, newer: number, older: number): void {
  const slot = descendTo(tree, older)
  tree.own(tree.depth)
  const leaf = tree.path[tree.depth]!
  const words = pageWordsOf(tree.space, leaf)
  const at = pageBase(leaf) + leafRecordsAt + slot
  assert(slot >= 0 && words[at] === newer, `record ${newer} is not where it was put`)
  words[at] = older
  tree.versions.retireRecord(newer)
}

function insertRecord(tree: Tree, record: number): void {
  let slot = ~descendTo(tree, record)
  assert(slot >= 0, `record ${record} comes back to a key that is there`)
  tree.own(tree.depth)
  if (pageField(tree.space, tree.path[tree.depth]!, sizeAt) === leafCapacity) {
    const start = recordKeyStart(record)
    const end = start + recordKeyLength(tree.space, record)
    slot = splitLeaf(tree, slot, false, recordBytes(tree.space, record), start, end)
  }
  insertIntoLeaf(tree, slot, record)
  tree.addKeys(1)
}

function removeRecord(tree: Tree, record: number): void {
  const slot = descendTo(tree, record)
  tree.own(tree.depth)
  const leaf = tree.path[tree.depth]!
  const words = pageWordsOf(tree.space, leaf)
  const base = pageBase(leaf)
  assert(slot >= 0 && words[base + leafRecordsAt + slot] === record, `record ${record} is not where it was put`)
  closeGap(words, base, slot, slot + 1)
  tree.addKeys(-1)
  if (tree.depth > 0 && needsRepair(tree)) {
    const start = recordKeyStart(record)
    repairPath(tree, recordBytes(tree.space, record), start, start + recordKeyLength(tree.space, record))
  }
  tree.versions.retireRecord(record)
}

/** The records below the page return to the tree one by one; its pages and separators are retired. */
function insertSubtree(tree: Tree, page: number): void {
  const words = pageWordsOf(tree.space, page)
  const base = pageBase(page)
  const size = words[base + sizeAt]!
  if (words[base + levelAt] === 0) {
    for (let slot = 0; slot < size; slot++) insertRecord(tree, words[base + leafRecordsAt + slot]!)
  } else {
    for (let slot = 0; slot < size; slot++) {
      const separator = words[base + separatorsAt + slot]!
      if (separator !== 0) tree.versions.retireRecord(separator)
      insertSubtree(tree, words[base + childrenAt + slot]!)
    }
  }
  tree.versions.retirePage(page)
}
