/**
 * Where chunks come from: eight of them lie in a region, which is a buffer of its own.
 *
 * The C library gives back to the system, when it is freed, only what it has mapped by itself. That is what is larger than a
 * threshold, and glibc's grows with what is freed, up to 32 MiB: buffers of 4 MiB would stay with the process for good. A region is
 * larger. Of the system it takes what was touched, so a small store pays for the chunks that it uses and not for the region.
 *
 * Chunks come from the first region that has room, so later regions empty. An empty one is let go of where another one has room;
 * else it stays against flapping. Garbage collection frees it: who has let go of much sees to that (`database/reclaimer.ts`).
 */
import { InvariantError } from '../../base/errors.ts'
import { chunkBytes } from './address-space.ts'

export const chunksPerRegion = 8
const regionBytes = chunksPerRegion * chunkBytes + 64 * 1024
const allFree = (1 << chunksPerRegion) - 1

/** A part of a shared buffer. */
export interface Chunk {
  readonly buffer: SharedArrayBuffer
  readonly offset: number
}

interface Region {
  readonly buffer: SharedArrayBuffer
  /** A bit for each chunk that nobody has. */
  free: number
}

export class ChunkSource {
  readonly #regions: Region[] = []
  /** Chunks that somebody has. */
  taken = 0

  get regions(): number {
    return this.#regions.length
  }

  /** What lies in it is what was there last, or zeros. */
  take(): Chunk {
    const region = this.#regions.find(({ free }) => free !== 0) ?? this.#addRegion()
    const lowest = region.free & -region.free
    region.free ^= lowest
    this.taken++
    return { buffer: region.buffer, offset: (31 - Math.clz32(lowest)) * chunkBytes }
  }

  release({ buffer, offset }: Chunk): void {
    const at = this.#regions.findIndex((region) => region.buffer === buffer)
    const region = this.#regions[at]
    const bit = 1 << (offset / chunkBytes)
    if (region === undefined || (region.free & bit) !== 0) throw new InvariantError('a chunk is given back twice')
    region.free |= bit
    this.taken--
    const isSpare = region.free === allFree && this.#regions.some((other) => other !== region && other.free !== 0)
    if (isSpare) this.#regions.splice(at, 1)
  }

  #addRegion(): Region {
    const region = { buffer: new SharedArrayBuffer(regionBytes), free: allFree }
    this.#regions.push(region)
    return region
  }
}
