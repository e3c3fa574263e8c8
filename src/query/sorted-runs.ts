/**
 * A stable sort in small steps: rows are gathered in runs of `runRows`, each sorted by one call, and neighbouring runs are
 * merged round by round, so that no step occupies the thread for longer than a run takes. Where items are large a run is
 * closed by their bytes, and a merge pauses by what its comparisons charge.
 */
import { isTurnOver } from '../base/work.ts'

const runRows = 2048
const leastPrunedRows = 128
/** Of items in a run, together: those that are compared byte by byte. */
const runBytes = 1024 * 1024
/** Rows that a merge moves before it looks at the time slice. */
const rowsPerStep = 4096

export class SortedRuns<T> {
  readonly #compare: (a: T, b: T) => number
  readonly #dropped: (item: T) => void
  #keepRows = Infinity
  #current: T[] = []
  #currentBytes = 0
  #runs: T[][] = []
  /** What this round of merging has made so far. */
  #round: T[][] = []
  #merged: T[] = []
  #leftAt = 0
  #rightAt = 0

  /** `dropped` is told of each that lies beyond the limit. */
  constructor(compare: (a: T, b: T) => number, dropped: (item: T) => void) {
    this.#compare = compare
    this.#dropped = dropped
  }

  /** Only so many first ones matter. */
  limit(rows: number): void {
    this.#keepRows = rows
  }

  get isEmpty(): boolean {
    return this.#current.length === 0 && this.#runs.length === 0
  }

  /** `bytes`: of what is compared; nothing where that is little. */
  add(item: T, bytes = 0): void {
    this.#current.push(item)
    this.#currentBytes += bytes
    if (this.#current.length >= runRows) this.#closeRun()
    else if (this.#currentBytes >= runBytes) this.#closeLargeRun()
    else if (this.#current.length >= 2 * this.#keepRows && this.#current.length >= leastPrunedRows) this.prune()
  }

  /** With a small limit, what lies beyond it may go at once. */
  prune(): void {
    if (this.#current.length <= this.#keepRows) return
    this.#current.sort(this.#compare)
    this.#cut(this.#current)
  }

  #cut(sorted: T[]): void {
    for (let i = this.#keepRows; i < sorted.length; i++) this.#dropped(sorted[i]!)
    if (sorted.length > this.#keepRows) sorted.length = this.#keepRows
  }

  /** A run keeps as many as are wanted at all: with a small limit there had better be one. */
  #closeLargeRun(): void {
    if (this.#keepRows >= runRows) return this.#closeRun()
    this.prune()
    this.#currentBytes = 0
  }

  #closeRun(): void {
    if (this.#current.length === 0) return
    this.#current.sort(this.#compare)
    this.#cut(this.#current)
    this.#runs.push(this.#current)
    this.#current = []
    this.#currentBytes = 0
  }

  /** Goes on with the merge; the rows that it moved, 0 when all are in one run. */
  step(): number {
    this.#closeRun()
    if (this.#runs.length <= 1) return 0
    const at = this.#round.length * 2
    const left = this.#runs[at]!
    const right = this.#runs[at + 1]
    const before = this.#merged.length
    const moved = right === undefined ? this.#take(left) : this.#merge(left, right) - before
    if (right !== undefined && !this.#isMerged(left, right)) return moved
    if (right !== undefined) this.#dropRest(left, right)
    this.#round.push(this.#merged)
    this.#merged = []
    this.#leftAt = 0
    this.#rightAt = 0
    if (at + 2 >= this.#runs.length) {
      this.#runs = this.#round
      this.#round = []
    }
    return Math.max(moved, 1)
  }

  #take(only: T[]): number {
    this.#merged = only
    return 1
  }

  /** Neighbours only, earlier input first, so equal ones keep their order. */
  #merge(left: T[], right: T[]): number {
    const merged = this.#merged
    const until = merged.length + rowsPerStep
    let i = this.#leftAt
    let j = this.#rightAt
    while (merged.length < until && merged.length < this.#keepRows && (i < left.length || j < right.length)) {
      const takeLeft = j >= right.length || (i < left.length && this.#compare(left[i]!, right[j]!) <= 0)
      merged.push(takeLeft ? left[i++]! : right[j++]!)
      if (isTurnOver()) break
    }
    this.#leftAt = i
    this.#rightAt = j
    return merged.length
  }

  /** With a limit, what lies beyond it. */
  #dropRest(left: T[], right: T[]): void {
    for (let i = this.#leftAt; i < left.length; i++) this.#dropped(left[i]!)
    for (let i = this.#rightAt; i < right.length; i++) this.#dropped(right[i]!)
  }

  #isMerged(left: T[], right: T[]): boolean {
    return this.#merged.length >= this.#keepRows || this.#leftAt + this.#rightAt >= left.length + right.length
  }

  /** All of them, after `step` has said 0; it is empty then. */
  takeAll(): T[] {
    const all = this.#runs[0] ?? []
    this.#runs = []
    return all
  }

  clear(): void {
    this.#current = []
    this.#currentBytes = 0
    this.#runs = []
    this.#round = []
    this.#merged = []
    this.#leftAt = 0
    this.#rightAt = 0
  }
}
