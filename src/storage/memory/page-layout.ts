/**
 * A page of the tree: 256 words of 32 bits in a page chunk.
 *
 * | word | leaf | branch |
 * |---|---|---|
 * | 0, 1 | birth epoch, low and high | the same |
 * | 2 | level: 0 | level > 0 |
 * | 3 | size: entries | children |
 * | 4 | prefix: leading bytes that all keys of the page share and the heads leave out | the same, for separators |
 * | 5 | keys: the size | keys in all leaves below |
 * | 6 | `livePageMark`, or 0 in a free page | the same |
 * | 7 | zero | zero |
 * | 8 … | 82 high heads, 82 low heads, 82 records | 62 high heads, 62 low heads, 62 separators, 62 children |
 *
 * The head of a key is its 8 bytes after the page's prefix, padded with zeros, as two words whose sign bit is flipped, so
 * that signed comparison of words is byte order. Equal heads decide nothing: the keys themselves are compared then.
 * The prefix is what the page's fence keys have in common (or less): every key that a search brings here lies between the
 * fences, so it has the prefix too and nobody compares it.
 *
 * Child i of a branch holds the keys from separator i (inclusive) to separator i + 1 (exclusive). The first child has no
 * separator of its own: its record number is 0 and its head means nothing.
 */
import { pageMask, pageShift, pageWordShift } from './address-space.ts'
import type { AddressSpace } from './address-space.ts'
import { epochHighUnit, recordBytes, recordKeyLength, recordKeyStart } from './record-layout.ts'

export const birthLowAt: number = 0
export const birthHighAt: number = 1
export const levelAt: number = 2
export const sizeAt: number = 3
export const prefixAt: number = 4
export const keysAt: number = 5
export const markAt: number = 6
export const headsAt: number = 8

export const leafCapacity: number = 82
export const leafLowsAt: number = headsAt + leafCapacity
export const leafRecordsAt: number = leafLowsAt + leafCapacity

export const branchCapacity: number = 62
export const branchLowsAt: number = headsAt + branchCapacity
export const separatorsAt: number = branchLowsAt + branchCapacity
export const childrenAt: number = separatorsAt + branchCapacity

/** Far more than any tree of 32-bit page numbers needs. */
export const depthMax: number = 16

export const livePageMark: number = 0x6c697665

export function pageWordsOf(space: AddressSpace, page: number): Int32Array {
  return space.pages[page >>> pageShift]!
}

/** Where the page begins in `pageWordsOf`. */
export function pageBase(page: number): number {
  return (page & pageMask) << pageWordShift
}

export function pageField(space: AddressSpace, page: number, field: number): number {
  return pageWordsOf(space, page)[pageBase(page) + field]!
}

export function pageBirth(space: AddressSpace, page: number): number {
  return pageField(space, page, birthHighAt) * epochHighUnit + (pageField(space, page, birthLowAt) >>> 0)
}

/** Four bytes of a key as a word in signed order; zeros beyond its end. */
export function headWord(bytes: Uint8Array, at: number, end: number): number {
  if (at + 4 <= end) {
    return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) ^ -0x8000_0000
  }
  let word = 0
  if (at < end) word = bytes[at]! << 24
  if (at + 1 < end) word |= bytes[at + 1]! << 16
  if (at + 2 < end) word |= bytes[at + 2]! << 8
  return word ^ -0x8000_0000
}

/** Writes the head of `record` for entry `slot`. */
export function setHead(
  space: AddressSpace,
  words: Int32Array,
  base: number,
  capacity: number,
  slot: number,
  record: number,
): void {
  const bytes = recordBytes(space, record)
  const start = recordKeyStart(record)
  const at = start + words[base + prefixAt]!
  const end = start + recordKeyLength(space, record)
  words[base + headsAt + slot] = headWord(bytes, at, end)
  words[base + headsAt + capacity + slot] = headWord(bytes, at + 4, end)
}

export function capacityOf(words: Int32Array, base: number): number {
  return words[base + levelAt] === 0 ? leafCapacity : branchCapacity
}

/** Gives the page another prefix length, where it differs, and writes all its heads anew. */
export function setPrefix(space: AddressSpace, page: number, prefix: number): void {
  const words = pageWordsOf(space, page)
  const base = pageBase(page)
  if (words[base + prefixAt] === prefix) return
  words[base + prefixAt] = prefix
  const capacity = capacityOf(words, base)
  const records = base + headsAt + 2 * capacity
  const size = words[base + sizeAt]!
  for (let slot = capacity === leafCapacity ? 0 : 1; slot < size; slot++) {
    setHead(space, words, base, capacity, slot, words[records + slot]!)
  }
}

/** Moves entries [from, size) of a page, all columns, to begin at `to` of another page or of the same one. */
export function moveEntries(
  source: Int32Array,
  sourceBase: number,
  from: number,
  size: number,
  target: Int32Array,
  targetBase: number,
  to: number,
): void {
  const capacity = capacityOf(source, sourceBase)
  const columns = capacity === leafCapacity ? 3 : 4
  for (let column = 0; column < columns; column++) {
    const first = sourceBase + headsAt + column * capacity
    const start = targetBase + headsAt + column * capacity + to
    if (start > first + from && source === target) {
      for (let i = size - 1; i >= from; i--) target[start + i - from] = source[first + i]!
    } else {
      for (let i = from; i < size; i++) target[start + i - from] = source[first + i]!
    }
  }
}
