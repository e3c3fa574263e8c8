/**
 * A ring of plain integers, in entries of some words: pushed and popped at one end, shifted at the other. Positions are
 * numbers of entries, which only `pop` takes back; offsets are into `words`, which is replaced when the ring grows.
 *
 * Invariant: head ≤ tail ≤ head + capacity.
 */
const smallestEntries = 1024
/** So much stays: a ring that empties with every batch must not grow anew with every batch. */
const keptWords = 128 * 1024

export class WordRing {
  words: Int32Array
  head = 0
  tail = 0
  readonly #wordsPerEntry: number
  #mask = smallestEntries - 1

  constructor(wordsPerEntry: number) {
    this.#wordsPerEntry = wordsPerEntry
    this.words = new Int32Array(smallestEntries * wordsPerEntry)
  }

  /** The offset of a new last entry. */
  push(): number {
    if (this.tail - this.head > this.#mask) this.#resize(2 * (this.#mask + 1))
    return (this.tail++ & this.#mask) * this.#wordsPerEntry
  }

  /** Entries of one word each, from an array. */
  pushAll(source: Int32Array, from: number, count: number): void {
    while (this.tail - this.head + count > this.#mask + 1) this.#resize(2 * (this.#mask + 1))
    const { words, tail } = this
    const mask = this.#mask
    for (let i = 0; i < count; i++) words[(tail + i) & mask] = source[from + i]!
    this.tail = tail + count
  }

  /** The offset of the last entry, which is taken; it holds until the next push. */
  pop(): number {
    return (--this.tail & this.#mask) * this.#wordsPerEntry
  }

  /** The same for the first. */
  shift(): number {
    return (this.head++ & this.#mask) * this.#wordsPerEntry
  }

  each(visit: (at: number) => void): void {
    for (let position = this.head; position < this.tail; position++) {
      visit((position & this.#mask) * this.#wordsPerEntry)
    }
  }

  /** Halves a ring that has become much too large. */
  shrink(): void {
    if (this.words.length > keptWords && this.tail - this.head < this.#mask >> 3) this.#resize((this.#mask + 1) >> 1)
  }

  #resize(entries: number): void {
    const size = this.#wordsPerEntry
    const words = new Int32Array(entries * size)
    const mask = entries - 1
    for (let position = this.head; position < this.tail; position++) {
      const from = (position & this.#mask) * size
      const to = (position & mask) * size
      for (let i = 0; i < size; i++) words[to + i] = this.words[from + i]!
    }
    this.words = words
    this.#mask = mask
  }
}
