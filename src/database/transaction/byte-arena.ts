/**
 * Bytes of keys and values, appended and cut off at the end, in chunks: growing copies at most one small chunk, however
 * much is in it, and an entry lies in one piece.
 *
 * Nothing is taken before the first entry. Who is done gives its first chunk back (`release`) for the next arena: clients'
 * transactions come and go, and a chunk costs more to make than a small transaction's entries.
 */
import { copyRun, viewOf } from '../../base/bytes.ts'
import type { Slice } from '../../base/slice.ts'

const firstBytes = 1024
/** Chunks beyond the first, which doubles up to it. Larger entries have a chunk of their own. */
const chunkBytes = 1024 * 1024

interface Chunk {
  readonly bytes: Uint8Array
  readonly view: DataView
}

function chunkOf(sizeBytes: number): Chunk {
  const bytes = new Uint8Array(sizeBytes)
  return { bytes, view: viewOf(bytes) }
}

const noChunk = chunkOf(0)
/** First chunks that nobody uses, and that have not grown. */
const spares: Chunk[] = []
const sparesMax = 64

export class ByteArena {
  #chunks: Chunk[] = []
  /** The last one. */
  #current = noChunk
  /** Where the next entry begins. */
  chunk = 0
  end = 0
  /** Of all entries. */
  sizeBytes = 0

  chunkAt(chunk: number): Uint8Array {
    return this.#chunks[chunk]!.bytes
  }

  /** Room for an entry of so many bytes, which begins at `chunk` and `end`. */
  reserve(bytes: number): void {
    if (this.end + bytes >= this.#current.bytes.length) this.#makeRoom(bytes)
  }

  #makeRoom(bytes: number): void {
    if (this.#chunks.length === 0) {
      this.#setChunk(0, bytes > firstBytes ? chunkOf(bytes) : (spares.pop() ?? chunkOf(firstBytes)))
      return
    }
    const { length } = this.#current.bytes
    if (this.chunk === 0 && this.end + bytes <= chunkBytes) {
      const larger = chunkOf(Math.min(chunkBytes, Math.max(length * 2, this.end + bytes)))
      larger.bytes.set(this.#current.bytes.subarray(0, this.end))
      this.#setChunk(0, larger)
      return
    }
    if (this.end > 0) this.chunk++
    this.#setChunk(this.chunk, chunkOf(Math.max(chunkBytes, bytes)))
    this.end = 0
  }

  #setChunk(place: number, chunk: Chunk): void {
    this.#chunks[place] = chunk
    this.#current = chunk
  }

  append({ bytes, start, end }: Slice): void {
    const { bytes: target, view } = this.#current
    copyRun(bytes, start, end, target, view, this.end)
    this.end += end - start
    this.sizeBytes += end - start
  }

  /** Forgets entries from that place on, `bytes` of them. */
  truncate(chunk: number, end: number, bytes: number): void {
    if (this.#chunks.length > chunk + 1) {
      this.#chunks.length = chunk + 1
      this.#current = this.#chunks[chunk]!
    }
    this.chunk = chunk
    this.end = end
    this.sizeBytes -= bytes
  }

  /** Empty; keeps its first chunk. */
  reset(): void {
    this.truncate(0, 0, this.sizeBytes)
  }

  /** Empty; keeps nothing. */
  release(): void {
    const first = this.#chunks[0]
    if (first === undefined) return
    this.reset()
    if (first.bytes.length === firstBytes && spares.length < sparesMax) spares.push(first)
    this.#chunks = []
    this.#current = noChunk
  }
}
