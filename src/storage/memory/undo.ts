/**
 * Going back to a mark: the entries of the undo log, the last one first, each undone in the tree.
 *
 * The records themselves return, not copies of them, so that what an earlier entry says of a record stays true. There is
 * one exception: a value that was overwritten in place, in a record that a snapshot may read since. The old value gets a
 * record of its own then, and earlier entries are redirected to it.
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
import { insertIntoLeaf } from './entries.ts'
import { closeGap } from './tree.ts'
import type { Tree } from './tree.ts'

export function undoTo(tree: Tree, position: number): void {
  const { undo } = tree
  tree.points?.exchanged(tree.versions.epoch)
  /** By the record's number in the entries; that number may have been given to another record since. */
  const places = new Map<number, number>()
  while (undo.pop(position)) {
    const { older, saved } = undo
    if (saved === 0 && undo.newer === 0 && older === 0) {
      // Earlier entries speak of the published side, to which none of the places belongs.
      places.clear()
      tree.discard(tree.root)
    } else if (saved === 0 && undo.newer === older) insertSubtree(tree, older)
    else if (undo.newer === 0) insertRecord(tree, older)
    else {
      const record = places.get(undo.newer) ?? undo.newer
      if (saved > 0) restoreValue(tree, record, places)
      else if (older === 0) removeRecord(tree, record)
      else replaceRecord(tree, record, older)
    }
  }
  if (places.size > 0) undo.redirect(places)
}

/** Of the entry that was taken last. */
function restoreValue(tree: Tree, record: number, places: Map<number, number>): void {
  const { undo } = tree
  if (tree.isCurrentRecord(record)) {
    undo.restore(record)
    return
  }
  const start = recordKeyStart(record)
  const end = start + recordKeyLength(tree.space, record)
  const copy = tree.newRecord(recordBytes(tree.space, record), start, end, blank, 0, undo.older)
  undo.restore(copy)
  places.set(undo.newer, copy)
  replaceRecord(tree, record, copy)
}

/** As long as the longest value that is saved, and overwritten at once. */
const blank = new Uint8Array(256)

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
  tree.retireRecord(newer)
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
  tree.retireRecord(record)
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
      if (separator !== 0) tree.retireRecord(separator)
      insertSubtree(tree, words[base + childrenAt + slot]!)
    }
  }
  tree.retirePage(page)
}
