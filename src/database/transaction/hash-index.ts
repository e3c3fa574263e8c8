/**
 * An open-addressing table from the hash of a key to the number of an operation: no strings, no objects per key.
 *
 * A table that has become large is divided among many by the hash's high bits, each of which grows by itself: to double
 * a table of a million numbers at once would take a tenth of a second.
 */

/** FNV-1a over the bytes, then mixed; never negative. */
export function hashBytes(bytes: Uint8Array, start: number, end: number): number {
  let hash = 0x811c9dc5
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ bytes[i]!, 0x01000193)
  hash ^= hash >>> 15
  return (hash >>> 0) & 0x7fff_ffff
}

const empty = -1
const removed = -2
const partsLog2 = 8
/** Numbers above which a table is divided. */
const dividedAt = 16_384
/** Places of a table that is emptied for the next transaction; a larger one is let go. */
const emptiedMax = 512

export class HashIndex {
  #table: Table = new Table()
  #parts: Table[] | undefined

  find(hash: number, matches: (number: number) => boolean): number {
    return this.#tableOf(hash).find(hash, matches)
  }

  /** Puts `number` in the place of `previous` (the number known for the same key), or adds it where that is −1. */
  set(hash: number, number: number, previous: number): void {
    const table = this.#tableOf(hash)
    if (previous >= 0) {
      table.replace(hash, previous, number)
      return
    }
    table.add(hash, number)
    if (this.#parts === undefined && table.used > dividedAt) this.#divide()
  }

  /** `next` −1 removes. */
  replace(hash: number, previous: number, next: number): void {
    this.#tableOf(hash).replace(hash, previous, next)
  }

  /** Without its numbers; false where it has become too large to be emptied at once, and is to be let go. */
  empty(): boolean {
    return this.#parts === undefined && this.#table.empty()
  }

  #tableOf(hash: number): Table {
    return this.#parts === undefined ? this.#table : this.#parts[hash >>> (31 - partsLog2)]!
  }

  #divide(): void {
    const parts = Array.from({ length: 1 << partsLog2 }, () => new Table())
    this.#table.each((hash, number) => parts[hash >>> (31 - partsLog2)]!.add(hash, number))
    this.#parts = parts
    this.#table = new Table()
  }
}

class Table {
  #hashes: Int32Array = new Int32Array(64)
  #numbers: Int32Array = new Int32Array(64).fill(empty)
  /** Places that are or were taken. */
  used = 0

  find(hash: number, matches: (number: number) => boolean): number {
    const mask = this.#numbers.length - 1
    for (let at = hash & mask; ; at = (at + 1) & mask) {
      const number = this.#numbers[at]!
      if (number === empty) return -1
      if (number >= 0 && this.#hashes[at] === hash && matches(number)) return number
    }
  }

  add(hash: number, number: number): void {
    if (this.used * 2 >= this.#numbers.length) this.#grow()
    this.#insert(hash, number)
  }

  replace(hash: number, previous: number, next: number): void {
    const mask = this.#numbers.length - 1
    for (let at = hash & mask; this.#numbers[at] !== empty; at = (at + 1) & mask) {
      if (this.#numbers[at] !== previous) continue
      this.#numbers[at] = next >= 0 ? next : removed
      return
    }
  }

  empty(): boolean {
    if (this.#numbers.length > emptiedMax) return false
    this.#numbers.fill(empty)
    this.used = 0
    return true
  }

  each(visit: (hash: number, number: number) => void): void {
    for (let i = 0; i < this.#numbers.length; i++)
      if (this.#numbers[i]! >= 0) visit(this.#hashes[i]!, this.#numbers[i]!)
  }

  #insert(hash: number, number: number): void {
    const mask = this.#numbers.length - 1
    let at = hash & mask
    while (this.#numbers[at] !== empty) at = (at + 1) & mask
    this.#numbers[at] = number
    this.#hashes[at] = hash
    this.used++
  }

  #grow(): void {
    const hashes = this.#hashes
    const numbers = this.#numbers
    this.#hashes = new Int32Array(numbers.length * 2)
    this.#numbers = new Int32Array(numbers.length * 2).fill(empty)
    this.used = 0
    for (let i = 0; i < numbers.length; i++) if (numbers[i]! >= 0) this.#insert(hashes[i]!, numbers[i]!)
  }
}
