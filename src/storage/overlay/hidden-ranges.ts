/**
 * The ranges that were deleted over the base, by the generation in which they were. They hide the base's entries; those of
 * the tree that lay in them are gone from it, and what was put afterwards is there.
 *
 * A value: marks, snapshots and forks keep the one of their moment.
 */
import { RangeSet, type TextRange } from './range-set.ts'
import { unite } from './view.ts'

interface Deleted {
  readonly generation: number
  readonly ranges: RangeSet
}

export class HiddenRanges {
  /** None is empty; generations ascend. */
  readonly #parts: readonly Deleted[]
  readonly sets: readonly RangeSet[]

  private constructor(parts: readonly Deleted[]) {
    this.#parts = parts
    this.sets = parts.map(({ ranges }) => ranges)
  }

  static none(): HiddenRanges {
    return new HiddenRanges([])
  }

  /** How many there are. */
  get size(): number {
    return this.sets.reduce((sum, { size }) => sum + size, 0)
  }

  with(range: TextRange, generation: number): HiddenRanges {
    if (range.start >= range.end) return this
    const last = this.#parts.at(-1)
    if (last?.generation !== generation) {
      return new HiddenRanges([...this.#parts, { generation, ranges: RangeSet.empty().with(range) }])
    }
    return new HiddenRanges([...this.#parts.slice(0, -1), { generation, ranges: last.ranges.with(range) }])
  }

  /** All of them as those of one generation. */
  joined(generation: number): HiddenRanges {
    if (this.#parts.length === 0) return this
    return new HiddenRanges([{ generation, ranges: unite(this.sets) }])
  }

  /** Without those that the base has carried out. */
  after(generation: number): HiddenRanges {
    const left = this.#parts.filter((part) => part.generation > generation)
    return left.length === this.#parts.length ? this : new HiddenRanges(left)
  }
}
