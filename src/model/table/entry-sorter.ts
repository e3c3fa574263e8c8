/**
 * Entries of an index that is being built, put in the order of their keys: a write set and a store take keys that come in
 * order several times as fast as others.
 *
 *   add ──▶ sort runs of `runEntries`, a call of the engine each ──▶ merge neighbouring runs, some of it a step ──▶ read
 *
 * A key's rank is a number made of the first bytes behind what all keys begin with, which tells most of them apart: ranks
 * lie in typed arrays and are sorted and merged there, and bytes are compared only where ranks are equal. A run is sorted as
 * numbers of rank and place within it, by the engine's own sort of doubles.
 *
 * Invariants: a rank has `rankBytes` and a place `placeBits` bits, together 53, what a double holds exactly.
 */
import { compareSlices, MutableSlice, type Slice } from '../../base/slice.ts'
import { ByteArena } from '../../database/transaction/byte-arena.ts'

const rankBytes = 5
const placeBits = 13
const runEntries = 1 << placeBits
/** Of an entry, beside its bytes: where they are, and twice its rank and place. */
const bytesPerEntry = 40
const placesPerEntry = 4
/** Of merging, before anybody looks at the clock. */
const entriesPerStep = 4096

export class EntrySorter {
  count = 0
  readonly #arena = new ByteArena()
  /** Of each entry its chunk, and where its key begins, its key ends and its value ends. */
  #places = new Int32Array(0)
  /** What all keys begin with: so many bytes of the first one. */
  #sharedBytes = 0
  #ranks = new Float64Array(0)
  #order = new Uint32Array(0)
  #nextRanks = new Float64Array(0)
  #nextOrder = new Uint32Array(0)
  #sortedRuns = 0
  /** Of each stretch that is in order. */
  #width = runEntries
  /** Where the pair of stretches begins that is being merged, and how far each of them and what comes of them is. */
  #start = 0
  #left = 0
  #right = 0
  #out = 0
  readonly #one = new MutableSlice()
  readonly #other = new MutableSlice()

  get heldBytes(): number {
    return this.#arena.sizeBytes + this.count * bytesPerEntry
  }

  add(key: Slice, value: Slice): void {
    const arena = this.#arena
    const keyBytes = key.end - key.start
    arena.reserve(keyBytes + value.end - value.start)
    const at = this.count * placesPerEntry
    if (at === this.#places.length) this.#grow()
    const start = arena.end
    this.#places[at] = arena.chunk
    this.#places[at + 1] = start
    this.#places[at + 2] = start + keyBytes
    arena.append(key)
    arena.append(value)
    this.#places[at + 3] = arena.end
    this.#sharedBytes = this.count === 0 ? keyBytes : sharedLength(this.#keyOf(0, this.#one), key, this.#sharedBytes)
    this.count++
  }

  #grow(): void {
    const places = new Int32Array(Math.max(1024, 2 * this.#places.length))
    places.set(this.#places)
    this.#places = places
  }

  /** Goes on with the sort; about how many entries it moved, 0 when all are in order. No more are added then. */
  step(): number {
    if (this.#sortedRuns * runEntries < this.count) return this.#sortRun()
    if (this.#width >= this.count) return 0
    if (this.#nextOrder.length === 0) this.#beginMerge()
    return this.#mergePair(entriesPerStep)
  }

  /** The entry that comes at a place of the order. */
  read(place: number, key: MutableSlice, value: MutableSlice): void {
    const at = this.#order[place]! * placesPerEntry
    const bytes = this.#arena.chunkAt(this.#places[at]!)
    const keyEnd = this.#places[at + 2]!
    key.set(bytes, this.#places[at + 1]!, keyEnd)
    value.set(bytes, keyEnd, this.#places[at + 3]!)
  }

  #keyOf(entry: number, into: MutableSlice): MutableSlice {
    const at = entry * placesPerEntry
    return into.set(this.#arena.chunkAt(this.#places[at]!), this.#places[at + 1]!, this.#places[at + 2]!)
  }

  #compare(a: number, b: number): number {
    return compareSlices(this.#keyOf(a, this.#one), this.#keyOf(b, this.#other))
  }

  #rankOf(entry: number): number {
    const { bytes, start, end } = this.#keyOf(entry, this.#one)
    const from = start + this.#sharedBytes
    let rank = 0
    for (let i = from; i < from + rankBytes; i++) rank = rank * 256 + (i < end ? bytes[i]! : 0)
    return rank
  }

  // ---- runs

  #sortRun(): number {
    if (this.#sortedRuns === 0) {
      this.#ranks = new Float64Array(this.count)
      this.#order = new Uint32Array(this.count)
    }
    const first = this.#sortedRuns * runEntries
    const end = Math.min(this.count, first + runEntries)
    const numbers = new Float64Array(end - first)
    for (let entry = first; entry < end; entry++)
      numbers[entry - first] = this.#rankOf(entry) * runEntries + entry - first
    numbers.sort()
    for (const [i, number] of numbers.entries()) {
      const rank = Math.floor(number / runEntries)
      this.#ranks[first + i] = rank
      this.#order[first + i] = first + number - rank * runEntries
    }
    this.#sortEqual(first, end)
    this.#sortedRuns++
    return end - first
  }

  /** Those of one rank, by their bytes. */
  #sortEqual(first: number, end: number): void {
    for (let from = first; from < end;) {
      let to = from + 1
      while (to < end && this.#ranks[to] === this.#ranks[from]) to++
      if (to > from + 1) this.#order.subarray(from, to).sort((a, b) => this.#compare(a, b))
      from = to
    }
  }

  // ---- merging

  #beginMerge(): void {
    this.#nextRanks = new Float64Array(this.count)
    this.#nextOrder = new Uint32Array(this.count)
    this.#right = runEntries
  }

  #mergePair(most: number): number {
    const middle = Math.min(this.#start + this.#width, this.count)
    const end = Math.min(middle + this.#width, this.count)
    const before = this.#out
    this.#merge(middle, end, Math.min(end, before + most))
    const moved = this.#out - before
    if (this.#out === end) this.#enterPair(end)
    return Math.max(moved, 1)
  }

  #merge(middle: number, end: number, until: number): void {
    const [ranks, order, nextRanks, nextOrder] = [this.#ranks, this.#order, this.#nextRanks, this.#nextOrder]
    let [left, right, out] = [this.#left, this.#right, this.#out]
    while (out < until) {
      let takesLeft = right >= end
      if (!takesLeft && left < middle) {
        const difference = ranks[left]! - ranks[right]!
        takesLeft = difference < 0 || (difference === 0 && this.#compare(order[left]!, order[right]!) <= 0)
      }
      const from = takesLeft ? left++ : right++
      nextRanks[out] = ranks[from]!
      nextOrder[out++] = order[from]!
    }
    this.#left = left
    this.#right = right
    this.#out = out
  }

  /** The next pair, or the first one of the next round. */
  #enterPair(start: number): void {
    let first = start
    if (first >= this.count) {
      this.#width *= 2
      first = 0
      ;[this.#ranks, this.#nextRanks] = [this.#nextRanks, this.#ranks]
      ;[this.#order, this.#nextOrder] = [this.#nextOrder, this.#order]
    }
    this.#start = first
    this.#left = first
    this.#right = Math.min(first + this.#width, this.count)
    this.#out = first
  }
}

function sharedLength(a: Slice, b: Slice, most: number): number {
  const end = Math.min(most, b.end - b.start)
  let shared = 0
  while (shared < end && a.bytes[a.start + shared] === b.bytes[b.start + shared]) shared++
  return shared
}
