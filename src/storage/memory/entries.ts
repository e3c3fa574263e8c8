/**
 * Keys put into a tree and taken out of it, one at a time: what a store does to the side that is published and to a
 * draft alike.
 */
import { assert, PolylogError } from '../../base/errors.ts'
import type { Slice } from '../../base/slice.ts'
import { needsRepair, repairPath } from './merge.ts'
import {
  headsAt,
  leafCapacity,
  leafRecordsAt,
  pageBase,
  pageField,
  pageWordsOf,
  setHead,
  sizeAt,
} from './page-layout.ts'
import {
  copyIntoRecord,
  keyBytesMax,
  recordBytes,
  recordInts,
  recordKeyStart,
  recordWord,
  setValueLength,
  valueBytesMax,
} from './record-layout.ts'
import { shareLeaf } from './share.ts'
import { splitLeaf } from './split.ts'
import { closeGap, type Tree } from './tree.ts'

export function putEntry(tree: Tree, key: Slice, value: Slice): void {
  const { bytes, start, end } = key
  const slot = tree.descend(bytes, start, end)
  if (slot >= 0) overwrite(tree, slot, key, value)
  else insert(tree, ~slot, key, value)
}

/** False where there is no such key, and nothing is done. */
export function deleteEntry(tree: Tree, key: Slice): boolean {
  const { bytes, start, end } = key
  const slot = tree.descend(bytes, start, end)
  if (slot < 0) return false
  tree.own(tree.depth)
  const leaf = tree.path[tree.depth]!
  const words = pageWordsOf(tree.space, leaf)
  const base = pageBase(leaf)
  tree.letGoRecord(0, words[base + leafRecordsAt + slot]!)
  closeGap(words, base, slot, slot + 1)
  tree.addKeys(-1)
  if (tree.depth > 0 && needsRepair(tree)) repairPath(tree, bytes, start, end)
  return true
}

/** False where the record may not be changed, or has no room. */
export function overwriteInPlace(tree: Tree, record: number, key: Slice, value: Slice): boolean {
  if (!tree.isCurrentRecord(record) && tree.fault !== 'overwrite-published') return false
  if (!tree.records.fits(record, key.end - key.start + value.end - value.start)) return false
  if (tree.undo.isActive && !tree.undo.save(record)) return false
  overwriteValue(tree, record, value.bytes, value.start, value.end)
  return true
}

function overwrite(tree: Tree, slot: number, key: Slice, value: Slice): void {
  const leaf = tree.path[tree.depth]!
  const old = pageWordsOf(tree.space, leaf)[pageBase(leaf) + leafRecordsAt + slot]!
  if (overwriteInPlace(tree, old, key, value)) return
  tree.own(tree.depth)
  const { bytes, start, end } = key
  const record = tree.newRecord(bytes, start, end, value.bytes, value.start, value.end)
  const page = tree.path[tree.depth]!
  pageWordsOf(tree.space, page)[pageBase(page) + leafRecordsAt + slot] = record
  tree.letGoRecord(record, old)
}

function insert(tree: Tree, slot: number, key: Slice, value: Slice): void {
  const { bytes, start, end } = key
  tree.own(tree.depth)
  const size = pageField(tree.space, tree.path[tree.depth]!, sizeAt)
  if (size === leafCapacity) {
    const appending = tree.insertedInto === tree.path[tree.depth] && tree.insertedAt === slot - 1
    const shared = appending ? -1 : shareLeaf(tree, slot, bytes, start, end)
    slot = shared >= 0 ? shared : splitLeaf(tree, slot, appending, bytes, start, end)
  }
  const leaf = tree.path[tree.depth]!
  const record = tree.newRecord(bytes, start, end, value.bytes, value.start, value.end)
  insertIntoLeaf(tree, slot, record)
  tree.addKeys(1)
  if (tree.undo.isActive && tree.fault !== 'forgotten-undo') tree.undo.push(record, 0)
  tree.insertedInto = leaf
  tree.insertedAt = slot
}

/** Puts `record` into the leaf of the path, which must be current and have room. */
export function insertIntoLeaf(tree: Tree, slot: number, record: number): void {
  const page = tree.path[tree.depth]!
  const words = pageWordsOf(tree.space, page)
  const base = pageBase(page)
  const size = words[base + sizeAt]!
  assert(size < leafCapacity, 'insertion into a full leaf')
  // A loop, since three calls of copyWithin cost more for half a page.
  for (let i = base + headsAt + size, first = base + headsAt + slot; i > first; i--) {
    words[i] = words[i - 1]!
    words[i + leafCapacity] = words[i + leafCapacity - 1]!
    words[i + 2 * leafCapacity] = words[i + 2 * leafCapacity - 1]!
  }
  words[base + leafRecordsAt + slot] = record
  setHead(tree.space, words, base, leafCapacity, slot, record)
  words[base + sizeAt] = size + 1
}

/** Overwrites the value of a current record that has room for it. */
function overwriteValue(tree: Tree, record: number, bytes: Uint8Array, start: number, end: number): void {
  const ints = recordInts(tree.space, record)
  setValueLength(ints, record, end - start)
  const at = recordKeyStart(record) + (ints[recordWord(record) + 1]! & 0xffff)
  copyIntoRecord(ints, recordBytes(tree.space, record), at, bytes, start, end)
}

/** What a store refuses of an entry before it changes anything. */
export function checkLengths(keyLength: number, valueLength: number): void {
  if (keyLength > keyBytesMax) {
    throw new PolylogError('too_large', `a key of ${keyLength} bytes is longer than ${keyBytesMax}`)
  }
  if (valueLength > valueBytesMax) {
    throw new PolylogError('too_large', `a value of ${valueLength} bytes is longer than ${valueBytesMax}`)
  }
}
