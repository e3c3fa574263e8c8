/**
 * Where pages and records lie: chunks of shared memory, addressed by 32-bit numbers.
 *
 * | address | chunk | offset |
 * |---|---|---|
 * | page number ≥ 1 | bits 12… of `pages` | low 12 bits × 1 KiB |
 * | record reference | bits 19… of `ints` and `bytes` | low 19 bits × 8 bytes |
 * | record reference from −2^28 to −1 | `largeInts` and `largeBytes` at its complement | 0: a buffer of its own |
 *
 * Number 0 means "none" for both. A chunk that is not there is an empty array, so that the tables stay of one shape.
 * The writer and every worker thread have a space of their own over the same buffers: nothing here knows who may write.
 * Every number is a signed 32-bit integer, which V8 keeps without allocating; hence `Int32Array` and not `Uint32Array`. A record
 * reference uses all 32 bits: negative ones are references like others, but for the 2^28 highest, whose four upper bits are set.
 */
import type { Chunk } from './chunk-source.ts'

export const chunkBytes: number = 4 << 20
export const pageShift: number = 12
export const pageMask: number = (1 << pageShift) - 1
export const pageWordShift: number = 8
export const pageWords: number = 1 << pageWordShift
export const pageBytes: number = pageWords * 4
export const granuleShift: number = 3
export const chunkGranuleShift: number = 19
export const chunkGranuleMask: number = (1 << chunkGranuleShift) - 1
/** Records are handed out from slabs of so many granules. */
export const slabShift: number = 15
/** By its sign, a reference of a large record gives −1. */
export const largeShift: number = 28
/** So many have references that are not large ones'. */
export const recordChunksMax: number = 2 ** (32 - chunkGranuleShift) - 2 ** (largeShift - chunkGranuleShift)

export type ChunkKind = 'pages' | 'records' | 'large'

/** A chunk that came or, without a buffer, went: what worker threads are told. */
export interface ChunkNote {
  readonly kind: ChunkKind
  readonly index: number
  readonly buffer: SharedArrayBuffer | undefined
  /** Where it begins there; it goes to the end of one that is large, else `chunkBytes` far. */
  readonly offset: number
}

const noInts = new Int32Array(0)
const noBytes = Buffer.alloc(0)

export class AddressSpace {
  readonly pages: Int32Array[] = []
  readonly ints: Int32Array[] = []
  readonly bytes: Uint8Array[] = []
  readonly largeInts: Int32Array[] = []
  readonly largeBytes: Uint8Array[] = []
  /** Of the writer alone: by slab, the high 16 bits of the epochs in which its records were born. */
  readonly slabEpochs: number[] = []

  /** Puts a chunk in its place, or takes it away. */
  place(note: ChunkNote): void {
    const { buffer, offset } = note
    const sizeBytes = note.kind === 'large' ? buffer?.byteLength : chunkBytes
    const ints = buffer === undefined ? noInts : new Int32Array(buffer, offset, sizeBytes! >>> 2)
    if (note.kind === 'pages') {
      setAt(this.pages, note.index, ints, noInts)
      return
    }
    const bytes = buffer === undefined ? noBytes : Buffer.from(buffer as unknown as ArrayBuffer, offset, sizeBytes)
    const large = note.kind === 'large'
    setAt(large ? this.largeInts : this.ints, note.index, ints, noInts)
    setAt<Uint8Array>(large ? this.largeBytes : this.bytes, note.index, bytes, noBytes)
  }

  /** Every chunk that is there, as a new reader needs it. */
  notes(): ChunkNote[] {
    const notes: ChunkNote[] = []
    const list = (kind: ChunkKind, arrays: Int32Array[]): void => {
      for (const [index, array] of arrays.entries()) {
        if (array.length > 0) notes.push({ kind, index, ...chunkOf(array) })
      }
    }
    list('pages', this.pages)
    list('records', this.ints)
    list('large', this.largeInts)
    return notes
  }

  clear(): void {
    for (const table of [this.pages, this.ints, this.bytes, this.largeInts, this.largeBytes, this.slabEpochs]) {
      table.length = 0
    }
  }
}

export function chunkOf({ buffer, byteOffset }: Int32Array): Chunk {
  return { buffer: buffer as unknown as SharedArrayBuffer, offset: byteOffset }
}

/** Grows the table without holes: holes would make its reads slow for good. */
function setAt<T>(table: T[], index: number, value: T, filler: T): void {
  while (table.length <= index) table.push(filler)
  table[index] = value
}
