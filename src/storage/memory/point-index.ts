/**
 * Where the records of keys lie that were read before: found by hash, in two cache lines, instead of by a descent.
 *
 * A lossy table beside the newest tree. It knows nothing of keys that it does not hold, and forgets whenever it likes; what
 * it holds is a record of the newest tree, believed only if the key in the record is the one that is asked for. So it needs
 * no order, no locks and no rebuilding, and what goes in bulk may empty it, in constant time.
 *
 * A bucket is one cache line of 16 words:
 *
 * | word | |
 * |---|---|
 * | 0 … 2 | 12 tags: one byte of the hash for each record |
 * | 3 | the generation, above 4 bits that say which record goes next; an older generation's bucket is empty |
 * | 4 … 15 | 12 records, 0: none |
 *
 * Twelve ways lose little (1 % of the keys at 8 for each bucket, by Poisson's distribution), and 64 bytes for 8 keys are 8
 * bytes a key: the table grows while it pushes records out, up to that share of the keys.
 *
 * A snapshot may ask it, too: a record of the newest tree that was born no later than the snapshot's epoch has been in the
 * tree ever since, with the same value, unless the tree itself was exchanged after that epoch: by a way back, which brings
 * records back, or by a draft, whose records are older than their publish (`steadySince`).
 *
 * Invariants: every record in a bucket of this generation is reached from the newest root (whoever unlinks one says so:
 * `replace`, `forgetAll`); a record is in at most one bucket, that of its key.
 */
import type { AddressSpace } from './address-space.ts'
import { leafRecordsAt, levelAt, pageBase, pageWordsOf, sizeAt } from './page-layout.ts'
import { recordBytes, recordBirth, recordKeyLength, recordKeyStart } from './record-layout.ts'

const bucketShift = 4
const bucketWords = 1 << bucketShift
const ways = 12
const tagWords = ways / 4
const stateAt = tagWords
const recordsAt = stateAt + 1
const handBits = 4
const handMask = (1 << handBits) - 1
const lastGeneration = 0x7fff_ffff >>> handBits

/** Small enough for a store with nothing in it. */
const firstBuckets = 16
/** 64 MiB. */
export const bucketsMax: number = 1 << 20
const keysPerBucket = 8
const growth = 4

const ones = 0x0101_0101
const highs = ~0x7f7f_7f7f

export class PointIndex {
  readonly #space: AddressSpace
  #table = new Int32Array(0)
  #buckets = 0
  /** From a hash to a bucket, by multiplication: any number of buckets will do. */
  #scale = 0
  #generation = 1
  /** Records pushed out by others since the table has its size. */
  #pushed = 0
  /** Of the key that was looked for last. */
  #hash = 0
  /** Snapshots of older epochs must not ask. */
  steadySince = 0

  constructor(space: AddressSpace) {
    this.#space = space
  }

  get bytes(): number {
    return this.#table.byteLength
  }

  /** The record of the key in the newest tree; 0 where the table does not know. */
  find(bytes: Uint8Array, start: number, end: number): number {
    const hash = hashOf(bytes, start, end)
    this.#hash = hash
    const table = this.#table
    const bucket = this.#bucketOf(hash)
    // Also where there is no table yet: what lies outside of it is undefined.
    if (table[bucket + stateAt]! >>> handBits !== this.#generation) return 0
    const pattern = Math.imul(hash & 0xff, ones)
    for (let word = 0; word < tagWords; word++) {
      const other = table[bucket + word]! ^ pattern
      // A zero byte has its high bit set here; so may one above it, which costs a look.
      for (let equal = (other - ones) & ~other & highs; equal !== 0; equal &= equal - 1) {
        const way = (word << 2) + ((31 - Math.clz32(equal & -equal)) >>> 3)
        const record = table[bucket + recordsAt + way]!
        if (record !== 0 && this.#hasKey(record, bytes, start, end)) return record
      }
    }
    return 0
  }

  /** The same in the tree of a snapshot of that epoch. */
  findAt(epoch: number, bytes: Uint8Array, start: number, end: number): number {
    if (epoch < this.steadySince || this.#buckets === 0) return 0
    const record = this.find(bytes, start, end)
    return record !== 0 && recordBirth(this.#space, record) <= epoch ? record : 0
  }

  /** Remembers the record of the key that `find` has just not found, in a newest tree of so many keys. */
  note(record: number, keys: number): void {
    if (this.#buckets === 0 || this.#pushed > this.#buckets) this.#grow(keys)
    const table = this.#table
    const bucket = this.#bucketOf(this.#hash)
    const state = table[bucket + stateAt]!
    let way = 0
    if (state >>> handBits !== this.#generation) {
      table.fill(0, bucket, bucket + bucketWords)
      table[bucket + stateAt] = this.#generation << handBits
    } else {
      while (way < ways && table[bucket + recordsAt + way] !== 0) way++
      if (way === ways) {
        way = state & handMask
        table[bucket + stateAt] = (state & ~handMask) | (way + 1 === ways ? 0 : way + 1)
        this.#pushed++
      }
    }
    const shift = (way & 3) << 3
    const word = bucket + (way >>> 2)
    table[word] = (table[word]! & ~(0xff << shift)) | ((this.#hash & 0xff) << shift)
    table[bucket + recordsAt + way] = record
  }

  get isEmpty(): boolean {
    return this.#buckets === 0
  }

  /** The newest tree has `newer` (0: nothing) in the place of `older`, whose key can still be read. */
  replace(older: number, newer: number): void {
    if (this.#buckets === 0) return
    const start = recordKeyStart(older)
    const hash = hashOf(recordBytes(this.#space, older), start, start + recordKeyLength(this.#space, older))
    const table = this.#table
    const bucket = this.#bucketOf(hash)
    if (table[bucket + stateAt]! >>> handBits !== this.#generation) return
    for (let at = bucket + recordsAt; at < bucket + bucketWords; at++) if (table[at] === older) table[at] = newer
  }

  forgetAll(): void {
    this.#pushed = 0
    if (this.#generation < lastGeneration) this.#generation++
    else {
      this.#generation = 1
      this.#table.fill(0)
    }
  }

  /** The tree is another one from `epoch` on. */
  exchanged(epoch: number): void {
    this.forgetAll()
    this.steadySince = epoch
  }

  clear(): void {
    this.#table = new Int32Array(0)
    this.#buckets = 0
    this.#scale = 0
  }

  /** For assertions. */
  each(visit: (record: number) => void): void {
    for (let bucket = 0; bucket < this.#table.length; bucket += bucketWords) {
      if (this.#table[bucket + stateAt]! >>> handBits !== this.#generation) continue
      for (let way = 0; way < ways; way++) {
        const record = this.#table[bucket + recordsAt + way]!
        if (record !== 0) visit(record)
      }
    }
  }

  #bucketOf(hash: number): number {
    return ((hash >>> 0) * this.#scale) << bucketShift
  }

  /** Where it may: what it held is forgotten, and found again by descents. */
  #grow(keys: number): void {
    this.#pushed = 0
    const wanted = Math.min(bucketsMax, Math.floor(keys / keysPerBucket), this.#buckets * growth)
    const buckets = Math.max(firstBuckets, wanted)
    if (buckets <= this.#buckets) return
    this.#table = new Int32Array(buckets << bucketShift)
    this.#buckets = buckets
    this.#scale = buckets / 0x1_0000_0000
    this.#generation = 1
  }

  #hasKey(record: number, bytes: Uint8Array, start: number, end: number): boolean {
    const space = this.#space
    if (recordKeyLength(space, record) !== end - start) return false
    const other = recordBytes(space, record)
    // From its end: keys that begin alike mostly do so for long.
    let j = recordKeyStart(record) + end - start
    for (let i = end; i > start;) if (bytes[--i] !== other[--j]) return false
    return true
  }
}

/** A tree without what hangs below the page: key by key where it is a leaf, else everything goes. */
export function forgetSubtree(points: PointIndex, space: AddressSpace, page: number): void {
  if (points.isEmpty) return
  const words = pageWordsOf(space, page)
  const base = pageBase(page)
  if (words[base + levelAt] !== 0) {
    points.forgetAll()
    return
  }
  const records = base + leafRecordsAt
  for (let slot = 0, size = words[base + sizeAt]!; slot < size; slot++) points.replace(words[records + slot]!, 0)
}

/** Four bytes at a time; the high bits choose the bucket, the low ones are the tag. */
function hashOf(bytes: Uint8Array, start: number, end: number): number {
  let hash = end - start
  let i = start
  for (; i + 4 <= end; i += 4) {
    const word = bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24)
    hash = Math.imul((hash << 13) | (hash >>> 19), 5) ^ Math.imul(word, 0x9e37_79b1)
  }
  for (; i < end; i++) hash = Math.imul(hash ^ bytes[i]!, 0x0100_0193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85eb_ca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2_ae35)
  return hash ^ (hash >>> 16)
}
