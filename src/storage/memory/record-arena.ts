/**
 * Hands out records and takes them back.
 *
 * A chunk of 4 MiB is cut into 16 slabs; a slab serves one size class. A slab keeps a list of its free records, linked
 * through their first word, and a mark up to which it was ever used. An empty slab goes back to its chunk and may serve
 * another class; an empty chunk is given back. A record larger than the largest class has a buffer of its own; a few freed
 * buffers wait for a record of the same rounded size.
 *
 * Invariants: a record is live or free, never both (its value length tells); reference 0 is never handed out; the state
 * of slabs lies in small integer arrays of the writer's thread, since only the writer allocates.
 */
import { assert, InvariantError, PolylogError } from '../../base/errors.ts'
import { chunkBytes, chunkGranuleShift, chunkOf, granuleShift } from './address-space.ts'
import type { AddressSpace, ChunkNote } from './address-space.ts'
import type { ChunkSource } from './chunk-source.ts'
import { freeRecordMark, recordBytes, recordHeaderBytes, recordInts, recordWord } from './record-layout.ts'
import { classGranules, classOf, largestClassBytes, roundLarge } from './size-classes.ts'

const slabShift = 14
const slabGranules = 1 << slabShift
const slabsPerChunk = 1 << (chunkGranuleShift - slabShift)
const allSlabs = (1 << slabsPerChunk) - 1
const chunksMax = 1 << (31 - chunkGranuleShift)
const sparesBytesMax = 16 << 20
const poisonByte = 0xdb
/** A slab that has held fewer records stays for the next one: who puts and deletes one at a time would else take it anew each time. */
const leastReleased = 64

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
  // by class
  readonly #current: number[] = classGranules.map(() => -1)
  readonly #partial: number[][] = classGranules.map(() => [])
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

  constructor(space: AddressSpace, source: ChunkSource, placed: (note: ChunkNote) => void, poison: boolean) {
    this.#space = space
    this.#source = source
    this.#placed = placed
    this.#poison = poison
  }

  /** A record for a key and value of so many bytes together. The caller writes its header. */
  allocate(payloadBytes: number): number {
    const sizeBytes = payloadBytes + recordHeaderBytes
    this.liveRecords++
    if (sizeBytes > largestClassBytes) return this.#allocateLarge(sizeBytes)
    const sizeClass = classOf(sizeBytes)
    const granules = classGranules[sizeClass]!
    this.usedBytes += granules << granuleShift
    let slab = this.#current[sizeClass]!
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
    const isFree = ints.length === 0 || ints[word + 2] === freeRecordMark
    if (isFree) throw new InvariantError(`record ${record} is freed twice`)
    if (record < 0) {
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
    ints[word + 2] = freeRecordMark
    this.#firstFree[slab] = record
    const live = --this.#live[slab]!
    if (slab === this.#current[sizeClass]) {
      if (live > 0 || this.#touched[slab]! < leastReleased * granules) return
      this.#current[sizeClass] = -1
    }
    if (live === 0) this.#releaseSlab(slab)
    else if (this.#waitsIn[slab] !== sizeClass) this.#offer(slab, sizeClass)
  }

  /** Whether a record of `record`'s class would also hold a payload of so many bytes. */
  fits(record: number, payloadBytes: number): boolean {
    const sizeBytes = payloadBytes + recordHeaderBytes
    if (record < 0) {
      return sizeBytes > largestClassBytes && roundLarge(sizeBytes) === this.#space.largeBytes[~record]!.length
    }
    return sizeBytes <= largestClassBytes && classOf(sizeBytes) === this.#slabClass[record >>> slabShift]
  }

  isLive(record: number): boolean {
    const ints = recordInts(this.#space, record)
    return ints.length > 0 && ints[recordWord(record) + 2] !== freeRecordMark
  }

  get reservedBytes(): number {
    return this.#chunks * chunkBytes + this.#largeBytes + this.#sparesBytes
  }

  /** What a live record takes, padding included. */
  sizeOf(record: number): number {
    if (record < 0) return this.#space.largeBytes[~record]!.length
    return classGranules[this.#slabClass[record >>> slabShift]!]! << granuleShift
  }

  #hasRoom(slab: number, granules: number): boolean {
    return this.#firstFree[slab] !== 0 || this.#touched[slab]! + granules <= slabGranules
  }

  #offer(slab: number, sizeClass: number): void {
    this.#waitsIn[slab] = sizeClass
    this.#partial[sizeClass]!.push(slab)
  }

  #nextSlab(sizeClass: number, granules: number): number {
    const waiting = this.#partial[sizeClass]!
    while (waiting.length > 0) {
      const slab = waiting.pop()!
      if (this.#waitsIn[slab] !== sizeClass) continue
      this.#waitsIn[slab] = -1
      if (this.#hasRoom(slab, granules)) return (this.#current[sizeClass] = slab)
    }
    const slab = this.#takeSlab()
    this.#slabClass[slab] = sizeClass
    this.#firstFree[slab] = 0
    this.#touched[slab] = slab === 0 ? granules : 0
    this.#live[slab] = 0
    return (this.#current[sizeClass] = slab)
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
    if (chunk >= chunksMax) throw new PolylogError('out_of_memory', 'the memory store holds 32 GiB of small records')
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
    this.#space.largeInts[index]![2] = freeRecordMark
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
    for (let i = start + recordHeaderBytes; i < start + (granules << granuleShift); i++) {
      assert(bytes[i] === poisonByte, `free record ${record} was written to`)
    }
  }
}
