/**
 * Hands out records and takes them back.
 *
 * A chunk of 4 MiB is cut into 16 slabs; a slab serves one size class. A slab keeps a list of its free records, linked
 * through their first word, and a mark up to which it was ever used. An empty slab goes back to its chunk and may serve
 * another class; an empty chunk is given back. A record larger than the largest class has a buffer of its own; a few freed
 * buffers wait for a record of the same rounded size.
 *
 * Invariants: a record is live or free, never both (its second word tells); reference 0 is never handed out; all records of a slab
 * were born in epochs with the same high part, which is the slab's; the state of slabs lies in small integer arrays of the
 * writer's thread, since only the writer allocates.
 */
import { assert, InvariantError, PolylogError } from '../../base/errors.ts'
import { chunkBytes, chunkGranuleShift, chunkOf, granuleShift, recordChunksMax, slabShift } from './address-space.ts'
import type { AddressSpace, ChunkNote } from './address-space.ts'
import type { ChunkSource } from './chunk-source.ts'
import {
  freeRecordMark,
  isLarge,
  largeHeaderBytes,
  recordBytes,
  recordInts,
  recordWord,
  smallHeaderBytes,
} from './record-layout.ts'
import { classGranules, classOf, largestClassBytes, roundLarge } from './size-classes.ts'

const slabGranules = 1 << slabShift
const slabsPerChunk = 1 << (chunkGranuleShift - slabShift)
const allSlabs = (1 << slabsPerChunk) - 1
const sparesBytesMax = 16 << 20
const poisonByte = 0xdb
/** A slab that has held fewer records stays for the next one: who puts and deletes one at a time would else take it anew each time. */
const leastReleased = 64

/** By class: slabs of one part of the epochs. */
class Offers {
  /** The slab that records come from, or −1. */
  readonly current: number[] = classGranules.map(() => -1)
  /** Others that have room; see `#waitsIn`. */
  readonly partial: number[][] = classGranules.map(() => [])
}

export class RecordArena {
  readonly #space: AddressSpace
  readonly #source: ChunkSource
  readonly #placed: (note: ChunkNote) => void
  readonly #poison: boolean
  // by slab
  readonly #slabClass: number[] = []
  readonly #firstFree: number[] = []
  readonly #touched: number[] = []
  readonly #live: number[] = []
  /** The class in whose `#partial` list the slab waits, or −1; list entries that disagree are out of date. */
  readonly #waitsIn: number[] = []
  #epochHigh = 0
  #offers = new Offers()
  /** By the high part of the epoch: a second one comes after four billion epochs. */
  readonly #allOffers = new Map<number, Offers>([[0, this.#offers]])
  // by chunk: a bit for each slab without a class
  readonly #freeSlabs: number[] = []
  readonly #unusedIndexes: number[] = []
  readonly #unusedLarge: number[] = []
  readonly #spares: SharedArrayBuffer[] = []
  #sparesBytes = 0
  #chunks = 0
  #largeBytes = 0
  usedBytes = 0
  liveRecords = 0

  /** `firstChunk`: as if there were others before it. */
  constructor(
    space: AddressSpace,
    source: ChunkSource,
    placed: (note: ChunkNote) => void,
    poison: boolean,
    firstChunk: number,
  ) {
    this.#space = space
    this.#source = source
    this.#placed = placed
    this.#poison = poison
    while (this.#freeSlabs.length < firstChunk) this.#freeSlabs.push(0)
  }

  /** A record for a key and value of so many bytes together, born in such an epoch. The caller writes its header. */
  allocate(payloadBytes: number, epochHigh: number): number {
    const sizeBytes = payloadBytes + smallHeaderBytes
    this.liveRecords++
    if (sizeBytes > largestClassBytes) return this.#allocateLarge(payloadBytes + largeHeaderBytes)
    if (epochHigh !== this.#epochHigh) this.#turnTo(epochHigh)
    const sizeClass = classOf(sizeBytes)
    const granules = classGranules[sizeClass]!
    this.usedBytes += granules << granuleShift
    let slab = this.#offers.current[sizeClass]!
    if (slab < 0 || !this.#hasRoom(slab, granules)) slab = this.#nextSlab(sizeClass, granules)
    this.#live[slab]!++
    const record = this.#firstFree[slab]!
    if (record === 0) {
      const offset = this.#touched[slab]!
      this.#touched[slab] = offset + granules
      return (slab << slabShift) | offset
    }
    const ints = recordInts(this.#space, record)
    this.#firstFree[slab] = ints[recordWord(record)]!
    if (this.#poison) this.#checkPoison(record, granules)
    return record
  }

  free(record: number): void {
    this.liveRecords--
    const ints = recordInts(this.#space, record)
    const word = recordWord(record)
    const isFree = ints.length === 0 || ints[word + 1] === freeRecordMark
    if (isFree) throw new InvariantError(`record ${record} is freed twice`)
    if (isLarge(record)) {
      this.#freeLarge(record)
      return
    }
    const slab = record >>> slabShift
    const sizeClass = this.#slabClass[slab]!
    const granules = classGranules[sizeClass]!
    this.usedBytes -= granules << granuleShift
    if (this.#poison)
      recordBytes(this.#space, record).fill(poisonByte, word << 2, (word << 2) + (granules << granuleShift))
    ints[word] = this.#firstFree[slab]!
    ints[word + 1] = freeRecordMark
    this.#firstFree[slab] = record
    const live = --this.#live[slab]!
    const { current } = this.#offersOf(this.#space.slabEpochs[slab]!)
    if (slab === current[sizeClass]) {
      if (live > 0 || this.#touched[slab]! < leastReleased * granules) return
      current[sizeClass] = -1
    }
    if (live === 0) this.#releaseSlab(slab)
    else if (this.#waitsIn[slab] !== sizeClass) this.#offer(slab, sizeClass)
  }

  /** Whether a record of `record`'s class would also hold a payload of so many bytes. */
  fits(record: number, payloadBytes: number): boolean {
    const sizeBytes = payloadBytes + smallHeaderBytes
    if (isLarge(record)) {
      const largeBytes = payloadBytes + largeHeaderBytes
      return sizeBytes > largestClassBytes && roundLarge(largeBytes) === this.#space.largeBytes[~record]!.length
    }
    return sizeBytes <= largestClassBytes && classOf(sizeBytes) === this.#slabClass[record >>> slabShift]
  }

  isLive(record: number): boolean {
    const ints = recordInts(this.#space, record)
    return ints.length > 0 && ints[recordWord(record) + 1] !== freeRecordMark
  }

  get reservedBytes(): number {
    return this.#chunks * chunkBytes + this.#largeBytes + this.#sparesBytes
  }

  /** What a live record takes, padding included. */
  sizeOf(record: number): number {
    if (isLarge(record)) return this.#space.largeBytes[~record]!.length
    return classGranules[this.#slabClass[record >>> slabShift]!]! << granuleShift
  }

  #turnTo(epochHigh: number): void {
    this.#offers = this.#offersOf(epochHigh)
    this.#epochHigh = epochHigh
  }

  #offersOf(epochHigh: number): Offers {
    if (epochHigh === this.#epochHigh) return this.#offers
    let offers = this.#allOffers.get(epochHigh)
    if (offers === undefined) this.#allOffers.set(epochHigh, (offers = new Offers()))
    return offers
  }

  #hasRoom(slab: number, granules: number): boolean {
    return this.#firstFree[slab] !== 0 || this.#touched[slab]! + granules <= slabGranules
  }

  #offer(slab: number, sizeClass: number): void {
    this.#waitsIn[slab] = sizeClass
    this.#offersOf(this.#space.slabEpochs[slab]!).partial[sizeClass]!.push(slab)
  }

  #nextSlab(sizeClass: number, granules: number): number {
    const { current, partial } = this.#offers
    const waiting = partial[sizeClass]!
    while (waiting.length > 0) {
      const slab = waiting.pop()!
      if (this.#waitsIn[slab] !== sizeClass || this.#space.slabEpochs[slab] !== this.#epochHigh) continue
      this.#waitsIn[slab] = -1
      if (this.#hasRoom(slab, granules)) return (current[sizeClass] = slab)
    }
    const slab = this.#takeSlab()
    this.#slabClass[slab] = sizeClass
    this.#firstFree[slab] = 0
    this.#touched[slab] = slab === 0 ? granules : 0
    this.#live[slab] = 0
    this.#space.slabEpochs[slab] = this.#epochHigh
    return (current[sizeClass] = slab)
  }

  /** The first free slab of the first chunk that has one: low chunks fill up, high ones may empty. */
  #takeSlab(): number {
    let chunk = this.#freeSlabs.findIndex((mask) => mask !== 0)
    if (chunk < 0) chunk = this.#addChunk()
    const mask = this.#freeSlabs[chunk]!
    const lowest = mask & -mask
    this.#freeSlabs[chunk] = mask ^ lowest
    return chunk * slabsPerChunk + (31 - Math.clz32(lowest))
  }

  #releaseSlab(slab: number): void {
    const chunk = Math.floor(slab / slabsPerChunk)
    const mask = this.#freeSlabs[chunk]! | (1 << (slab % slabsPerChunk))
    this.#freeSlabs[chunk] = mask
    this.#waitsIn[slab] = -1
    this.#slabClass[slab] = -1
    if (mask !== allSlabs) return
    this.#freeSlabs[chunk] = 0
    this.#unusedIndexes.push(chunk)
    this.#chunks--
    this.#source.release(chunkOf(this.#space.ints[chunk]!))
    this.#placed({ kind: 'records', index: chunk, buffer: undefined, offset: 0 })
  }

  #addChunk(): number {
    const chunk = this.#unusedIndexes.pop() ?? this.#freeSlabs.length
    if (chunk >= recordChunksMax)
      throw new PolylogError('out_of_memory', 'the memory store holds 30 GiB of small records')
    this.#placed({ kind: 'records', index: chunk, ...this.#source.take() })
    this.#freeSlabs[chunk] = allSlabs
    for (let slab = chunk * slabsPerChunk; slab < (chunk + 1) * slabsPerChunk; slab++) {
      this.#slabClass[slab] = -1
      this.#waitsIn[slab] = -1
      this.#firstFree[slab] = 0
      this.#touched[slab] = 0
      this.#live[slab] = 0
    }
    this.#chunks++
    return chunk
  }

  #allocateLarge(sizeBytes: number): number {
    const rounded = roundLarge(sizeBytes)
    const index = this.#unusedLarge.pop() ?? this.#space.largeInts.length
    const spare = this.#spares.findIndex((buffer) => buffer.byteLength === rounded)
    const buffer = spare < 0 ? new SharedArrayBuffer(rounded) : this.#spares.splice(spare, 1)[0]!
    if (spare >= 0) this.#sparesBytes -= rounded
    this.#largeBytes += rounded
    this.usedBytes += rounded
    this.#placed({ kind: 'large', index, buffer, offset: 0 })
    return ~index
  }

  #freeLarge(record: number): void {
    const index = ~record
    const bytes = this.#space.largeBytes[index]!
    if (this.#poison) bytes.fill(poisonByte)
    this.#space.largeInts[index]![1] = freeRecordMark
    const buffer = bytes.buffer as unknown as SharedArrayBuffer
    this.#largeBytes -= bytes.length
    this.usedBytes -= bytes.length
    this.#placed({ kind: 'large', index, buffer: undefined, offset: 0 })
    this.#unusedLarge.push(index)
    if (this.#sparesBytes + buffer.byteLength > sparesBytesMax) return
    this.#spares.push(buffer)
    this.#sparesBytes += buffer.byteLength
  }

  #checkPoison(record: number, granules: number): void {
    const bytes = recordBytes(this.#space, record)
    const start = recordWord(record) << 2
    for (let i = start + smallHeaderBytes; i < start + (granules << granuleShift); i++) {
      assert(bytes[i] === poisonByte, `free record ${record} was written to`)
    }
  }
}
