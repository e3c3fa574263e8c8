/**
 * Keys (latin1), each with a small number, that only become more: some tens of bytes a key, nothing for the garbage
 * collector to walk over, and no step in which something large is copied.
 */
import { ByteArena } from './byte-arena.ts'
import { HashIndex, hashLatin1 } from './hash-index.ts'
import { chunkAt, keyEndAt, keyStartAt, kindAt, OperationTable } from './operation-table.ts'

/** A place and two entries of the index. */
const bytesPerKey = 56

export class KeyNumbers {
  readonly #arena = new ByteArena()
  readonly #places = new OperationTable()
  readonly #index = new HashIndex()
  size = 0

  /** What they take, but for what is reserved and not used. */
  get sizeBytes(): number {
    return this.#arena.sizeBytes + this.size * bytesPerKey
  }

  /** Undefined where the key is not there. */
  get(key: string): number | undefined {
    const place = this.#find(hashLatin1(key), key)
    return place < 0 ? undefined : this.#places.get(place, kindAt)
  }

  set(key: string, number: number): void {
    const hash = hashLatin1(key)
    const found = this.#find(hash, key)
    const place = found < 0 ? this.#add(hash, key) : found
    this.#places.set(place, kindAt, number)
  }

  #add(hash: number, key: string): number {
    const place = this.size++
    const arena = this.#arena
    arena.reserve(key.length)
    this.#places.reserve(place)
    this.#places.set(place, chunkAt, arena.chunk)
    this.#places.set(place, keyStartAt, arena.end)
    arena.appendLatin1(key)
    this.#places.set(place, keyEndAt, arena.end)
    this.#index.set(hash, place, -1)
    return place
  }

  *[Symbol.iterator](): Iterator<{ readonly key: string; readonly number: number }> {
    for (let place = 0; place < this.size; place++) {
      const start = this.#places.get(place, keyStartAt)
      const end = this.#places.get(place, keyEndAt)
      const key = Buffer.from(this.#bytesOf(place).subarray(start, end)).toString('latin1')
      yield { key, number: this.#places.get(place, kindAt) }
    }
  }

  #find(hash: number, key: string): number {
    return this.#index.find(hash, (place) => this.#equals(place, key))
  }

  #equals(place: number, key: string): boolean {
    const start = this.#places.get(place, keyStartAt)
    if (this.#places.get(place, keyEndAt) - start !== key.length) return false
    const bytes = this.#bytesOf(place)
    // Keys of one transaction share their beginnings: differences show at the end first.
    for (let i = key.length - 1; i >= 0; i--) if (bytes[start + i] !== key.charCodeAt(i)) return false
    return true
  }

  #bytesOf(place: number): Uint8Array {
    return this.#arena.chunkAt(this.#places.get(place, chunkAt))
  }
}
