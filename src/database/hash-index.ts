/** An open-addressing table from the hash of a key to the number of an operation: no strings, no objects per key. */

/** FNV-1a over the bytes, then mixed; never negative. */
export function hashBytes(bytes: Uint8Array, start: number, end: number): number {
  let hash = 0x811c9dc5
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ bytes[i]!, 0x01000193)
  hash ^= hash >>> 15
  return (hash >>> 0) & 0x7fff_ffff
}

const empty = -1
const removed = -2

export class HashIndex {
  #hashes: Int32Array = new Int32Array(64)
  #numbers: Int32Array = new Int32Array(64).fill(empty)
  #used = 0

  find(hash: number, matches: (number: number) => boolean): number {
    const mask = this.#numbers.length - 1
    for (let at = hash & mask; ; at = (at + 1) & mask) {
      const number = this.#numbers[at]!
      if (number === empty) return -1
      if (number >= 0 && this.#hashes[at] === hash && matches(number)) return number
    }
  }

  /** Puts `number` in the place of `previous` (the number known for the same key), or adds it where that is −1. */
  set(hash: number, number: number, previous: number): void {
    if (previous >= 0) {
      this.replace(hash, previous, number)
      return
    }
    if (this.#used * 2 >= this.#numbers.length) this.#grow()
    this.#insert(hash, number)
  }

  /** `next` −1 removes. */
  replace(hash: number, previous: number, next: number): void {
    const mask = this.#numbers.length - 1
    for (let at = hash & mask; this.#numbers[at] !== empty; at = (at + 1) & mask) {
      if (this.#numbers[at] !== previous) continue
      this.#numbers[at] = next >= 0 ? next : removed
      return
    }
  }

  #insert(hash: number, number: number): void {
    const mask = this.#numbers.length - 1
    let at = hash & mask
    while (this.#numbers[at] !== empty) at = (at + 1) & mask
    this.#numbers[at] = number
    this.#hashes[at] = hash
    this.#used++
  }

  #grow(): void {
    const hashes = this.#hashes
    const numbers = this.#numbers
    this.#hashes = new Int32Array(numbers.length * 2)
    this.#numbers = new Int32Array(numbers.length * 2).fill(empty)
    this.#used = 0
    for (let i = 0; i < numbers.length; i++) if (numbers[i]! >= 0) this.#insert(hashes[i]!, numbers[i]!)
  }
}
