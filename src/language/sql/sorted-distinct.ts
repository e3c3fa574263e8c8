/**
 * The elements of an array in order, each once, nulls left out. A list may be as long as a message: it is sorted in runs, which
 * are merged some values at a step, as a `part` of whoever resumes (`base/resumption.ts`).
 */
import { part } from '../../base/resumption.ts'
import { charge } from '../../base/work.ts'
import { flatElements } from '../../model/table/types/array.ts'
import type { SqlValue } from './contract.ts'

const runLength = 1024
/** Of a comparison in a merge, of one in a sort with its share of moving values about. */
const unitsPerMerged = 60
const unitsPerSorted = 600

type Compare = (a: SqlValue, b: SqlValue) => number

export function sortedDistinct(values: readonly SqlValue[], compare: Compare): readonly SqlValue[] {
  if (values.length <= runLength && !values.some(Array.isArray)) return sortedRun(values, compare)
  return part(
    () => new RunMerge(flatElements(values), compare),
    (merge) => merge.step(),
  ).result
}

function sortedRun(values: readonly SqlValue[], compare: Compare): readonly SqlValue[] {
  charge(values.length * unitsPerSorted)
  const sorted = values.filter((value) => value !== null).sort(compare)
  return sorted.filter((value, i) => i === 0 || compare(sorted[i - 1]!, value) !== 0)
}

/** Sorts all runs first; then merges two of a level at a time, until there is one. */
class RunMerge {
  readonly #values: readonly SqlValue[]
  readonly #compare: Compare
  #at = 0
  /** Of this level, to be merged; and those that the next one has so far. */
  #runs: (readonly SqlValue[])[] = []
  #merged: (readonly SqlValue[])[] = []
  /** What the first two of `#runs` have given, and how far each has been taken. */
  #target: SqlValue[] = []
  #left = 0
  #right = 0

  constructor(values: readonly SqlValue[], compare: Compare) {
    this.#values = values
    this.#compare = compare
  }

  get result(): readonly SqlValue[] {
    return this.#runs[0] ?? []
  }

  /** True when it is done. */
  step(): boolean {
    if (this.#at < this.#values.length) {
      this.#runs.push(sortedRun(this.#values.slice(this.#at, this.#at + runLength), this.#compare))
      this.#at += runLength
    } else if (this.#runs.length > 0) this.#mergeOn()
    return this.#at >= this.#values.length && this.#runs.length <= 1 && this.#merged.length === 0
  }

  #mergeOn(): void {
    const [a, b] = this.#runs
    if (b === undefined) this.#runs = [...this.#merged.splice(0), ...this.#runs]
    else if (this.#mergeSome(a!, b)) {
      this.#merged.push(this.#target)
      this.#runs.splice(0, 2)
      this.#target = []
      this.#left = 0
      this.#right = 0
      if (this.#runs.length === 0) this.#runs = this.#merged.splice(0)
    }
  }

  /** Of equal values the first run's stays. True where both have come to their end. */
  #mergeSome(a: readonly SqlValue[], b: readonly SqlValue[]): boolean {
    const target = this.#target
    let i = this.#left
    let j = this.#right
    const stop = target.length + runLength
    while (target.length < stop && (i < a.length || j < b.length)) {
      const order = i === a.length ? 1 : j === b.length ? -1 : this.#compare(a[i]!, b[j]!)
      target.push(order <= 0 ? a[i]! : b[j]!)
      if (order <= 0) i++
      if (order >= 0) j++
    }
    this.#left = i
    this.#right = j
    charge(runLength * unitsPerMerged)
    return i === a.length && j === b.length
  }
}
