/**
 * Ranges of keys of which it is known that nothing is there: one deleted key after another, over the same in the base. A scan
 * finds that out one by one, in pauses (`merged-cursor.ts`), and remembers it here for the scans of the same state, which
 * go over such a range in one step. They begin at a deleted key, where a scan looks for them.
 *
 * Of a state that is written to, what is put takes its range away.
 */
import type { Slice } from '../../base/slice.ts'
import { RangeSet, textOfKey, type TextRange } from './range-set.ts'

export class DeadRuns {
  /**
   * How much a scan passes over before its first pause. Who begins anew after a pause, as a batch that is run again does, gets
   * further each time; who goes on where it was shows that it need not.
   */
  firstBudget: number = passedBetweenPauses
  #ranges: RangeSet

  constructor(ranges: RangeSet = RangeSet.empty()) {
    this.#ranges = ranges
  }

  /** Goes on by itself. */
  copy(): DeadRuns {
    return new DeadRuns(this.#ranges)
  }

  get size(): number {
    return this.#ranges.size
  }

  note(range: TextRange): void {
    this.#ranges = this.#ranges.with(range)
  }

  around(key: string): TextRange | undefined {
    return this.#ranges.around(key)
  }

  /** Something is at the key now. */
  put(key: Slice): void {
    if (this.#ranges.size > 0) this.#ranges = this.#ranges.withoutAround(textOfKey(key))
  }

  clear(): void {
    this.#ranges = RangeSet.empty()
  }
}

/** Deleted keys, one after another: some 300 µs. */
export const passedBetweenPauses = 1_000

/** In a `Miss`: no page is missing, somebody else is to have the thread. */
export const pausePage: number = -1
