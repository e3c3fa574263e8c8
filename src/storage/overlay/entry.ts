/**
 * What the overlay's tree holds under a key: that it was put or that it was deleted, and since when.
 *
 * | byte | field |
 * |---|---|
 * | 0 | 1: a value follows; 0: the key was deleted |
 * | 1 | generation u32, little endian: see `overlay.ts`. From 2^31 on it is that of a draft |
 * | 5 | the value |
 *
 * Nothing of it is on any disk.
 */
import { MutableSlice, type Slice } from '../../base/slice.ts'

export const headerBytes = 5
/** What an entry takes beside its key and value, about: in the tree, in its pages, in a batch. */
export const bytesPerEntry = 64
export const firstDraftGeneration = 0x8000_0000

/** Kept no longer than this between two puts. */
const keptBytes = 1 << 20

/** Makes entries, each in the place of the one before. */
export class EntryWriter {
  #bytes = new Uint8Array(256)
  readonly #entry = new MutableSlice()

  deletion(generation: number): Slice {
    return this.#write(0, generation, headerBytes)
  }

  value(generation: number, { bytes, start, end }: Slice): Slice {
    const length = headerBytes + end - start
    if (length > this.#bytes.length || this.#bytes.length > keptBytes) this.#bytes = new Uint8Array(roundUp(length))
    this.#bytes.set(bytes.subarray(start, end), headerBytes)
    return this.#write(1, generation, length)
  }

  #write(kind: number, generation: number, length: number): Slice {
    const bytes = this.#bytes
    bytes[0] = kind
    bytes[1] = generation
    bytes[2] = generation >>> 8
    bytes[3] = generation >>> 16
    bytes[4] = generation >>> 24
    return this.#entry.set(bytes, 0, length)
  }
}

function roundUp(length: number): number {
  return length > keptBytes ? length : Math.max(256, 2 ** Math.ceil(Math.log2(length)))
}

export function isDeletion(entry: Slice): boolean {
  return entry.bytes[entry.start] === 0
}

export function generationOf({ bytes, start }: Slice): number {
  return (bytes[start + 1]! | (bytes[start + 2]! << 8) | (bytes[start + 3]! << 16) | (bytes[start + 4]! << 24)) >>> 0
}

export function valueOf(entry: Slice, into: MutableSlice): MutableSlice {
  return into.set(entry.bytes, entry.start + headerBytes, entry.end)
}
