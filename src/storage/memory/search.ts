/**
 * Finding a key in pages: binary search over the inline heads, the records only where heads are equal.
 *
 * Where all heads are equal (a page at the edge of the tree has no prefix to cut), the search remembers how many bytes
 * the key shares with the entries on both sides of what is left: everything between them begins with the fewer of those.
 *
 * Every function takes a key that lies between the fences of the page (see `page-layout.ts`); a search from the root
 * keeps that true by itself.
 */
import { InvariantError } from '../../base/errors.ts'
import type { MutableSlice, Slice } from '../../base/slice.ts'
import { chunkGranuleShift } from './address-space.ts'
import type { AddressSpace } from './address-space.ts'
import {
  branchLowsAt,
  childrenAt,
  depthMax,
  headsAt,
  headWord,
  leafLowsAt,
  leafRecordsAt,
  levelAt,
  pageBase,
  pageWordsOf,
  prefixAt,
  separatorsAt,
  sizeAt,
} from './page-layout.ts'
import {
  compareWithRecord,
  isLarge,
  recordBytes,
  recordInts,
  recordKeyLength,
  recordKeyStart,
  recordValueLength,
  smallHeaderBytes,
  smallRecordWord,
} from './record-layout.ts'

/** The entry's slot, or the complement of the slot where it would be. */
export function findInLeaf(
  space: AddressSpace,
  words: Int32Array,
  base: number,
  bytes: Uint8Array,
  start: number,
  end: number,
): number {
  const prefix = words[base + prefixAt]!
  const high = headWord(bytes, start + prefix, end)
  let low = 0
  let top = words[base + sizeAt]!
  let lowShared = prefix
  let topShared = prefix
  while (low < top) {
    const middle = (low + top) >>> 1
    const head = words[base + headsAt + middle]!
    if (head < high) low = middle + 1
    else if (head > high) top = middle
    else {
      const shared = Math.min(lowShared, topShared)
      const record = words[base + leafRecordsAt + middle]!
      const order = isTiedAlone(words, base + headsAt + middle, high)
        ? compareWithRecord(space, record, bytes, start, end, shared)
        : compareTied(space, words[base + leafLowsAt + middle]!, record, prefix, shared, bytes, start, end)
      if (order === 0) return middle
      if (order > 0) {
        low = middle + 1
        lowShared = Math.max(shared, order - 1)
      } else {
        top = middle
        topShared = Math.max(shared, -order - 1)
      }
    }
  }
  return ~low
}

/** The slot of the child whose range holds the key: the last one whose separator is not above it. */
export function findChild(
  space: AddressSpace,
  words: Int32Array,
  base: number,
  bytes: Uint8Array,
  start: number,
  end: number,
): number {
  const prefix = words[base + prefixAt]!
  const high = headWord(bytes, start + prefix, end)
  let low = 1
  let top = words[base + sizeAt]!
  let lowShared = prefix
  let topShared = prefix
  while (low < top) {
    const middle = (low + top) >>> 1
    const head = words[base + headsAt + middle]!
    if (head < high) low = middle + 1
    else if (head > high) top = middle
    else {
      const shared = Math.min(lowShared, topShared)
      const lowHead = words[base + branchLowsAt + middle]!
      const record = words[base + separatorsAt + middle]!
      const order = compareTied(space, lowHead, record, prefix, shared, bytes, start, end)
      if (order >= 0) {
        low = middle + 1
        lowShared = order === 0 ? end - start : Math.max(shared, order - 1)
      } else {
        top = middle
        topShared = Math.max(shared, -order - 1)
      }
    }
  }
  return low - 1
}

/**
 * Whether neither neighbour has the same high head: then this is most likely the key itself, and its record has to be
 * read anyway, so the low head, in a cache line of its own, would be read for nothing. What lies beside the column at its
 * ends is a header or another column: equal by chance, it costs that read.
 */
function isTiedAlone(words: Int32Array, at: number, high: number): boolean {
  return words[at - 1] !== high && words[at + 1] !== high
}

/** `compareWithRecord` for an entry whose high head equals the key's; where the low head decides, 1 or −1. */
function compareTied(
  space: AddressSpace,
  lowHead: number,
  record: number,
  prefix: number,
  shared: number,
  bytes: Uint8Array,
  start: number,
  end: number,
): number {
  if (shared < prefix + 8) {
    const low = headWord(bytes, start + prefix + 4, end)
    if (low !== lowHead) return low < lowHead ? -1 : 1
  }
  return compareWithRecord(space, record, bytes, start, end, shared)
}

/** The leaf whose range holds the key. */
export function findLeaf(space: AddressSpace, root: number, bytes: Uint8Array, start: number, end: number): number {
  let page = root
  for (let depth = 0; depth < depthMax; depth++) {
    const words = pageWordsOf(space, page)
    const base = pageBase(page)
    if (words[base + levelAt] === 0) return page
    page = words[base + childrenAt + findChild(space, words, base, bytes, start, end)]!
  }
  throw new InvariantError(`no leaf within ${depthMax} pages`)
}

/** The value of `key` in the tree of `root`, as a slice of the record; undefined where there is no such key. */
export function getValue(
  space: AddressSpace,
  root: number,
  key: Slice,
  result: MutableSlice,
): MutableSlice | undefined {
  const record = findRecord(space, root, key)
  return record === 0 ? undefined : readValue(space, record, result)
}

/** The record of `key` in the tree of `root`; 0 where there is no such key. */
export function findRecord(space: AddressSpace, root: number, key: Slice): number {
  const { bytes, start, end } = key
  const leaf = findLeaf(space, root, bytes, start, end)
  const words = pageWordsOf(space, leaf)
  const base = pageBase(leaf)
  const slot = findInLeaf(space, words, base, bytes, start, end)
  return slot < 0 ? 0 : words[base + leafRecordsAt + slot]!
}

/** The record's value, in place. */
export function readValue(space: AddressSpace, record: number, result: MutableSlice): MutableSlice {
  if (isLarge(record)) {
    const start = recordKeyStart(record) + recordKeyLength(space, record)
    return result.set(recordBytes(space, record), start, start + recordValueLength(recordInts(space, record), record))
  }
  const chunk = record >>> chunkGranuleShift
  const word = smallRecordWord(record)
  const lengths = space.ints[chunk]![word + 1]!
  const from = (word << 2) + smallHeaderBytes + (lengths & 0xffff)
  return result.set(space.bytes[chunk]!, from, from + (lengths >>> 16))
}
