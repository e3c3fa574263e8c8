/**
 * A record: a key and its value, or a separator's key. It never moves; a published one never changes.
 *
 * | byte | field of a small record |
 * |---|---|
 * | 0 | birth epoch, low 32 bits; the high 16 bits are those of its slab |
 * | 4 | key length u16 |
 * | 6 | value length u16 |
 * | 8 | key, then value |
 *
 * | byte | field of a large record, which has a buffer of its own |
 * |---|---|
 * | 0 | birth epoch, low 32 bits |
 * | 4 | key length u16, then birth epoch, high 16 bits |
 * | 8 | value length i32 |
 * | 12 | key, then value |
 *
 * A free record's second word is −1: no record's is, since no small one's value and no large one's epoch comes so far. Half of all
 * records are shorter than 64 bytes, so four bytes are worth two layouts.
 *
 * Offsets are in words of the record's chunk (`recordWord`), bytes at four times that.
 */
import { chunkGranuleMask, chunkGranuleShift, granuleShift, largeShift, slabShift } from './address-space.ts'
import type { AddressSpace } from './address-space.ts'

export const smallHeaderBytes: number = 8
export const largeHeaderBytes: number = 12
export const keyBytesMax: number = 0xffff
export const valueBytesMax: number = 1 << 30
export const freeRecordMark: number = -1
export const epochHighUnit: number = 0x1_0000_0000

const wordShift = granuleShift - 2

export function isLarge(record: number): boolean {
  return record >> largeShift === -1
}

export function recordInts(space: AddressSpace, record: number): Int32Array {
  return record >> largeShift === -1 ? space.largeInts[~record]! : space.ints[record >>> chunkGranuleShift]!
}

export function recordBytes(space: AddressSpace, record: number): Uint8Array {
  return record >> largeShift === -1 ? space.largeBytes[~record]! : space.bytes[record >>> chunkGranuleShift]!
}

export function recordWord(record: number): number {
  return record >> largeShift === -1 ? 0 : (record & chunkGranuleMask) << wordShift
}

/** Of one that is not large. */
export function smallRecordWord(record: number): number {
  return (record & chunkGranuleMask) << wordShift
}

/** The key's first byte in `recordBytes`. */
export function recordKeyStart(record: number): number {
  return record >> largeShift === -1
    ? largeHeaderBytes
    : ((record & chunkGranuleMask) << granuleShift) + smallHeaderBytes
}

export function recordKeyLength(space: AddressSpace, record: number): number {
  return recordInts(space, record)[recordWord(record) + 1]! & 0xffff
}

/** Of a record whose words are `ints`. */
export function recordValueLength(ints: Int32Array, record: number): number {
  return record >> largeShift === -1 ? ints[2]! : ints[recordWord(record) + 1]! >>> 16
}

export function setValueLength(ints: Int32Array, record: number, valueLength: number): void {
  if (record >> largeShift === -1) {
    ints[2] = valueLength
    return
  }
  const lengths = recordWord(record) + 1
  ints[lengths] = (valueLength << 16) | (ints[lengths]! & 0xffff)
}

export function recordBirth(space: AddressSpace, record: number): number {
  return recordBirthHigh(space, record) * epochHighUnit + (recordInts(space, record)[recordWord(record)]! >>> 0)
}

/** For the writer alone: nobody else has the slabs. */
export function recordBirthHigh(space: AddressSpace, record: number): number {
  return record >> largeShift === -1 ? space.largeInts[~record]![1]! >>> 16 : space.slabEpochs[record >>> slabShift]!
}

/** The header of a new record; its slab, if it has one, is of the epoch's high part. */
export function setRecordHeader(
  ints: Int32Array,
  record: number,
  epochLow: number,
  epochHigh: number,
  keyLength: number,
  valueLength: number,
): void {
  const word = recordWord(record)
  ints[word] = epochLow
  if (record >> largeShift === -1) {
    ints[word + 1] = (epochHigh << 16) | keyLength
    ints[word + 2] = valueLength
  } else ints[word + 1] = (valueLength << 16) | keyLength
}

/** A native copy has a fixed price that shorter runs do not earn back. */
const nativeCopyBytes = 160

/**
 * Copies a run of bytes to offset `at` of a record's chunk, `bytes` and `ints` being two views of it. Four bytes of the
 * source go into one word of the target: in JavaScript a byte costs more to check and to store than to shift.
 */
export function copyIntoRecord(
  ints: Int32Array,
  bytes: Uint8Array,
  at: number,
  source: Uint8Array,
  start: number,
  end: number,
): void {
  if (end - start > nativeCopyBytes) {
    bytes.set(source.subarray(start, end), at)
    return
  }
  let from = start
  while ((at & 3) !== 0 && from < end) bytes[at++] = source[from++]!
  let word = at >> 2
  for (; from + 4 <= end; from += 4, word++) {
    ints[word] = source[from]! | (source[from + 1]! << 8) | (source[from + 2]! << 16) | (source[from + 3]! << 24)
  }
  for (at = word << 2; from < end; from++, at++) bytes[at] = source[from]!
}

/**
 * The order of a key against a record's key, given that their first `shared` bytes are equal. The sign is the order; the
 * size, less one, says how many leading bytes are equal.
 */
export function compareWithRecord(
  space: AddressSpace,
  record: number,
  bytes: Uint8Array,
  start: number,
  end: number,
  shared: number,
): number {
  const other = recordBytes(space, record)
  const otherStart = recordKeyStart(record)
  const otherEnd = otherStart + recordKeyLength(space, record)
  let i = start + shared
  let j = otherStart + shared
  while (i < end && j < otherEnd) {
    if (bytes[i] !== other[j]) return bytes[i]! < other[j]! ? start - i - 1 : i - start + 1
    i++
    j++
  }
  if (i === end && j === otherEnd) return 0
  return i === end ? start - i - 1 : i - start + 1
}

/** How many leading bytes the keys of two records share. */
export function commonPrefix(space: AddressSpace, a: number, b: number): number {
  return commonPrefixOf(
    space,
    a,
    recordBytes(space, b),
    recordKeyStart(b),
    recordKeyStart(b) + recordKeyLength(space, b),
  )
}

/** The same for a record and a key. */
export function commonPrefixOf(
  space: AddressSpace,
  record: number,
  bytes: Uint8Array,
  start: number,
  end: number,
): number {
  const other = recordBytes(space, record)
  const otherStart = recordKeyStart(record)
  const length = Math.min(recordKeyLength(space, record), end - start)
  let shared = 0
  while (shared < length && other[otherStart + shared] === bytes[start + shared]) shared++
  return shared
}
