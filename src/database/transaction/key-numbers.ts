/**
 * Keys, each with a small number, that only become more: some tens of bytes a key, nothing for the garbage
 * collector to walk over, and no step in which something large is copied.
 */
import type { Slice } from '../../base/slice.ts'
import { ByteArena } from './byte-arena.ts'
import { HashIndex, hashBytes } from './hash-index.ts'
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
  get(key: Slice): number | undefined {
    const place = this.#find(hashBytes(key.bytes, key.start, key.end), key)
    return place < 0 ? undefined : this.at(place)
  }

  set(key: Slice, number: number): void {
    this.setAt(this.placeOf(key, number), number)
  }

  /** Where the key's number is, for one who looks at it and may change it. A key that is not there comes, with `number`. */
  placeOf(key: Slice, number: number): number {
    const hash = hashBytes(key.bytes, key.start, key.end)
    const found = this.#find(hash, key)
    return found < 0 ? this.#add(hash, key, number) : found
  }

  at(place: number): number {
    return this.#places.get(place, kindAt)
  }

  setAt(place: number, number: number): void {
    this.#places.set(place, kindAt, number)
  }

  #add(hash: number, key: Slice, number: number): number {
    const place = this.size++
    const arena = this.#arena
    const places = this.#places
    arena.reserve(key.end - key.start)
    places.reserve(place)
    places.set(place, chunkAt, arena.chunk)
    places.set(place, keyStartAt, arena.end)
    arena.append(key)
    places.set(place, keyEndAt, arena.end)
    places.set(place, kindAt, number)
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

  #find(hash: number, key: Slice): number {
    return this.#index.find(hash, (place) => this.#equals(place, key))
  }

  #equals(place: number, key: Slice): boolean {
    const start = this.#places.get(place, keyStartAt)
    const length = key.end - key.start
    if (this.#places.get(place, keyEndAt) - start !== length) return false
    const bytes = this.#bytesOf(place)
    // Keys of one transaction share their beginnings: differences show at the end first.
    for (let i = length - 1; i >= 0; i--) if (bytes[start + i] !== key.bytes[key.start + i]) return false
    return true
  }

  #bytesOf(place: number): Uint8Array {
    return this.#arena.chunkAt(this.#places.get(place, chunkAt))
  }
}
