/**
 * The store's assertions, by a walk over everything that can be read: for tests, and for `verify` later.
 *
 * - a page is live and its birth is not before its children's; a record's birth is not after the epoch that reaches it
 * - heads match keys; keys ascend and lie between the page's fences; the prefix is not longer than the fences share
 * - only a root is empty; children are one level below; key counts agree
 * - every live page and record is reached from the current root, from the undo log or from what waits to be freed, and
 *   by one of them only where both were made by this family (a leak or a double free to come otherwise)
 * - a record that is found by hash is the one that a descent comes to
 */
import { assert } from '../../base/errors.ts'
import { compareSlices } from '../../base/slice.ts'
import type { Slice } from '../../base/slice.ts'
import type { Family } from './family.ts'
import {
  branchCapacity,
  childrenAt,
  headsAt,
  headWord,
  keysAt,
  leafCapacity,
  levelAt,
  pageBase,
  pageBirth,
  pageField,
  pageWordsOf,
  prefixAt,
  sizeAt,
} from './page-layout.ts'
import { recordBirth, recordBytes, recordKeyLength, recordKeyStart } from './record-layout.ts'
import { findRecord } from './search.ts'
import { retiredRecord, retiredSubtree } from './retired-list.ts'
import type { MemoryStore } from './memory.ts'

interface Seen {
  readonly pages: Set<number>
  readonly records: Set<number>
}

/** Checks the current tree of every open store of the family, and that nothing was lost. */
export function checkFamily(family: Family, stores: readonly MemoryStore[]): void {
  const all: Seen = { pages: new Set(), records: new Set() }
  for (const store of stores) {
    checkTree(family, store.tree.root, store.versions.epoch, all)
    checkOtherSide(family, store, all)
    checkPoints(family, store)
  }
  for (const member of family.members) {
    const { inheritedThrough } = member.versions
    const retired: Seen = { pages: new Set(), records: new Set() }
    member.versions.eachRetired((kind, object) => {
      if (kind === retiredSubtree) collect(family, object, inheritedThrough, retired)
      else if (kind === retiredRecord) addOnce(retired.records, object, 'record')
      else addOnce(retired.pages, object, 'page')
    })
    const undo = stores.find((store) => store.versions === member.versions)?.tree.undo
    undo?.eachHeld((object, isPage) => {
      if (isPage) collect(family, object, inheritedThrough, retired)
      else if (recordBirth(family.space, object) > inheritedThrough) addOnce(retired.records, object, 'record')
    })
    for (const page of retired.pages) all.pages.add(page)
    for (const record of retired.records) all.records.add(record)
  }
  assert(all.pages.size === family.pages.livePages, `${family.pages.livePages} live pages, ${all.pages.size} in use`)
  const { liveRecords } = family.records
  assert(all.records.size === liveRecords, `${liveRecords} live records, ${all.records.size} in use`)
}

function checkPoints(family: Family, store: MemoryStore): void {
  const { space, records } = family
  store.points.each((record) => {
    assert(records.isLive(record), `record ${record} is found by its hash and free`)
    const start = recordKeyStart(record)
    const key = { bytes: recordBytes(space, record), start, end: start + recordKeyLength(space, record) }
    assert(
      findRecord(space, store.tree.root, key) === record,
      `record ${record} is found by its hash and not in the tree`,
    )
  })
}

/** Of a tree with two sides: the other one, and what both have let go of, which may be the same objects. */
function checkOtherSide(family: Family, store: MemoryStore, all: Seen): void {
  const { divergence } = store.tree
  if (divergence === undefined) return
  checkTree(family, divergence.isAdopted ? divergence.publishedRoot : store.draftRoot, store.versions.epoch, all)
  for (const list of [divergence.published, divergence.drafted]) {
    const once: Seen = { pages: new Set(), records: new Set() }
    list.each((kind, object) => {
      if (kind === retiredSubtree) collect(family, object, store.versions.inheritedThrough, once)
      else if (kind === retiredRecord) addOnce(once.records, object, 'record')
      else addOnce(once.pages, object, 'page')
    })
    for (const page of once.pages) all.pages.add(page)
    for (const record of once.records) all.records.add(record)
  }
}

/** Checks one version: `epoch` is the newest that may have made anything in it. */
export function checkTree(family: Family, root: number, epoch: number, seen?: Seen): void {
  assert(pageBirth(family.space, root) <= epoch, 'the root is younger than its epoch')
  checkPage({ family, epoch, seen }, root, undefined, undefined, epoch, true)
}

interface Walk {
  readonly family: Family
  readonly epoch: number
  readonly seen: Seen | undefined
}

function checkPage(
  walk: Walk,
  page: number,
  low: Slice | undefined,
  high: Slice | undefined,
  parentBirth: number,
  isRoot: boolean,
): number {
  const { space } = walk.family
  assert(walk.family.pages.isLive(page), `page ${page} is reachable and free`)
  const birth = pageBirth(space, page)
  assert(birth <= parentBirth, `page ${page} is younger than its parent`)
  walk.seen?.pages.add(page)
  const words = pageWordsOf(space, page)
  const base = pageBase(page)
  const size = words[base + sizeAt]!
  const isLeaf = words[base + levelAt] === 0
  const capacity = isLeaf ? leafCapacity : branchCapacity
  assert(size <= capacity && (size > 0 || (isRoot && isLeaf)), `page ${page} has ${size} entries`)
  const prefix = words[base + prefixAt]!
  assert(prefix <= sharedBytes(low, high), `page ${page} has a prefix longer than its fences share`)
  const keys = entryKeys(walk, page, base, size, capacity, isLeaf, birth)
  for (const [i, key] of keys.entries()) {
    if (key === undefined) continue
    const before = keys[i - 1]
    assert(before === undefined || compareSlices(before, key) < 0, `page ${page}: keys do not ascend at ${i}`)
    assert(low === undefined || compareSlices(low, key) <= 0, `page ${page}: key ${i} is below the fence`)
    assert(high === undefined || compareSlices(key, high) < 0, `page ${page}: key ${i} is above the fence`)
  }
  let count = size
  if (!isLeaf) {
    count = 0
    for (let i = 0; i < size; i++) {
      const child = words[base + childrenAt + i]!
      assert(pageField(space, child, levelAt) === words[base + levelAt]! - 1, `page ${child} is on a wrong level`)
      count += checkPage(walk, child, keys[i] ?? low, i + 1 < size ? keys[i + 1] : high, birth, false)
    }
  }
  assert(words[base + keysAt] === count, `page ${page} counts ${words[base + keysAt]} keys of ${count}`)
  return count
}

/** The keys of a page's entries, their heads and records checked; a branch's first has none. */
function entryKeys(
  walk: Walk,
  page: number,
  base: number,
  size: number,
  capacity: number,
  isLeaf: boolean,
  birth: number,
): (Slice | undefined)[] {
  const { space } = walk.family
  const words = pageWordsOf(space, page)
  const keys: (Slice | undefined)[] = []
  for (let i = 0; i < size; i++) {
    const record = words[base + headsAt + 2 * capacity + i]!
    assert((record === 0) === (!isLeaf && i === 0), `page ${page}: entry ${i} has record ${record}`)
    if (record === 0) {
      keys.push(undefined)
      continue
    }
    assert(walk.family.records.isLive(record), `record ${record} is reachable and free`)
    assert(recordBirth(space, record) <= birth, `record ${record} is younger than its page`)
    walk.seen?.records.add(record)
    const start = recordKeyStart(record)
    const key = { bytes: recordBytes(space, record), start, end: start + recordKeyLength(space, record) }
    const at = start + words[base + prefixAt]!
    assert(words[base + headsAt + i] === headWord(key.bytes, at, key.end), `page ${page}: wrong head ${i}`)
    const lowHead = words[base + headsAt + capacity + i]
    assert(lowHead === headWord(key.bytes, at + 4, key.end), `page ${page}: wrong low head ${i}`)
    keys.push(key)
  }
  return keys
}

function sharedBytes(low: Slice | undefined, high: Slice | undefined): number {
  if (low === undefined || high === undefined) return 0
  let shared = 0
  const length = Math.min(low.end - low.start, high.end - high.start)
  while (shared < length && low.bytes[low.start + shared] === high.bytes[high.start + shared]) shared++
  return shared
}

/** Everything of a retired subtree that this tree made. */
function collect(family: Family, page: number, inheritedThrough: number, seen: Seen): void {
  const { space } = family
  if (pageBirth(space, page) <= inheritedThrough) return
  addOnce(seen.pages, page, 'page')
  const words = pageWordsOf(space, page)
  const base = pageBase(page)
  const isLeaf = words[base + levelAt] === 0
  const capacity = isLeaf ? leafCapacity : branchCapacity
  for (let i = 0; i < words[base + sizeAt]!; i++) {
    const record = words[base + headsAt + 2 * capacity + i]!
    if (record !== 0 && recordBirth(space, record) > inheritedThrough) addOnce(seen.records, record, 'record')
    if (!isLeaf) collect(family, words[base + childrenAt + i]!, inheritedThrough, seen)
  }
}

function addOnce(seen: Set<number>, object: number, what: string): void {
  assert(!seen.has(object), `${what} ${object} is retired twice`)
  seen.add(object)
}
