/**
 * What a serializable transaction has read: keys, ranges as far as its scans came, and the catalog. Commit asks the
 * conflict index whether any of it has changed since the snapshot. Beyond a bound everything counts as read: more aborts,
 * no more memory.
 */
import { sliceToLatin1, type KeyRange, type Slice } from '../base/slice.ts'
import { definitionsRange } from './catalog-state.ts'
import type { ConflictIndex } from './conflict-index.ts'
import type { Sequence } from './contract.ts'
import type { ReadRangeTracker } from './transaction-cursor.ts'

const maxEntries = 100_000
/** Every statement looks names up. */
const definitions = {
  start: sliceToLatin1(definitionsRange.start),
  end: sliceToLatin1(definitionsRange.end),
}

/** Above every key: no keyspace number begins with FF. */
const afterAllKeys = '\xff'

class ReadRange implements ReadRangeTracker {
  readonly #range: KeyRange
  readonly #reverse: boolean
  start: string
  end: string

  constructor(range: KeyRange, reverse: boolean) {
    this.#range = range
    this.#reverse = reverse
    this.start = sliceToLatin1(reverse ? range.end : range.start)
    this.end = this.start
  }

  /** A cursor may be sought back: what it has read stays read. */
  reached(key: Slice | undefined): void {
    if (this.#reverse) {
      const start = sliceToLatin1(key ?? this.#range.start)
      if (start < this.start) this.start = start
    } else {
      const end = key === undefined ? sliceToLatin1(this.#range.end) : `${sliceToLatin1(key)}\0`
      if (end > this.end) this.end = end
    }
  }
}

export class ReadLog {
  #points = new Set<string>()
  #ranges: ReadRange[] = []
  #everything = false

  read(key: Slice): void {
    if (this.#everything) return
    this.#points.add(sliceToLatin1(key))
    this.#bound()
  }

  /** Told by the cursor how far it came. */
  scanned(range: KeyRange, reverse: boolean): ReadRangeTracker | undefined {
    if (this.#everything) return undefined
    const tracker = new ReadRange(range, reverse)
    this.#ranges.push(tracker)
    this.#bound()
    return tracker
  }

  #bound(): void {
    if (this.#points.size + this.#ranges.length <= maxEntries) return
    this.#everything = true
    this.#points = new Set()
    this.#ranges = []
  }

  changedSince(sequence: Sequence, conflicts: ConflictIndex): boolean {
    if (conflicts.changed(definitions.start, definitions.end, sequence)) return true
    if (this.#everything) return conflicts.changed('', afterAllKeys, sequence)
    for (const key of this.#points) if (conflicts.lastChange(key) > sequence) return true
    return this.#ranges.some((range) => range.start < range.end && conflicts.changed(range.start, range.end, sequence))
  }
}
