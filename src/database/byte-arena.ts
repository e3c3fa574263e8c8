/**
 * Bytes of keys and values, appended and cut off at the end, in chunks: growing copies at most one small chunk, however
 * much is in it, and an entry lies in one piece.
 */
import type { Slice } from '../base/slice.ts'

const firstBytes = 1024
/** Chunks beyond the first, which doubles up to it. Larger entries have a chunk of their own. */
const chunkBytes = 1024 * 1024

export class ByteArena {
  #chunks: Uint8Array[] = [new Uint8Array(firstBytes)]
  /** Where the next entry begins. */
  chunk = 0
  end = 0
  /** Of all entries. */
  sizeBytes = 0

  chunkAt(chunk: number): Uint8Array {
    return this.#chunks[chunk]!
  }

  /** Room for an entry of so many bytes, which begins at `chunk` and `end`. */
  reserve(bytes: number): void {
    const current = this.#chunks[this.chunk]!
    if (this.end + bytes <= current.length) return
    if (this.chunk === 0 && this.end + bytes <= chunkBytes) {
      const larger = new Uint8Array(Math.min(chunkBytes, Math.max(current.length * 2, this.end + bytes)))
      larger.set(current.subarray(0, this.end))
      this.#chunks[0] = larger
      return
    }
    if (this.end > 0) this.chunk++
    this.#chunks[this.chunk] = new Uint8Array(Math.max(chunkBytes, bytes))
    this.end = 0
  }

  append({ bytes, start, end }: Slice): void {
    const target = this.#chunks[this.chunk]!
    const length = end - start
    if (length > 160) target.set(bytes.subarray(start, end), this.end)
    else for (let i = start, at = this.end; i < end; i++) target[at++] = bytes[i]!
    this.end += length
    this.sizeBytes += length
  }

  appendLatin1(text: string): void {
    const target = this.#chunks[this.chunk]!
    for (let i = 0, at = this.end; i < text.length; i++) target[at++] = text.charCodeAt(i)
    this.end += text.length
    this.sizeBytes += text.length
  }

  /** Forgets entries from that place on, `bytes` of them. */
  truncate(chunk: number, end: number, bytes: number): void {
    if (this.#chunks.length > chunk + 1) this.#chunks.length = chunk + 1
    this.chunk = chunk
    this.end = end
    this.sizeBytes -= bytes
  }

  /** Empty; keeps its first chunk. */
  reset(): void {
    this.truncate(0, 0, this.sizeBytes)
  }
}
