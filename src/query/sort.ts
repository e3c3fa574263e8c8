/**
 * Sort: reads all of its input, sorts it and hands it out. With a `keep` bound (ORDER BY … LIMIT n) it keeps only the
 * first n rows, pruning whenever it holds twice as many.
 *
 * The sort itself is stable and runs as a merge of sorted runs, so that no single step occupies the thread for longer than
 * the sort of one run of `runRows` rows.
 */
import { checkRowsKept } from './memory-limit.ts'
import { type Batch, batchRows, InputCursor, type Operator, paused, type Paused, type Run } from './operator.ts'

const runRows = 2048

interface Keyed<R, K> {
  readonly row: R
  readonly key: K
}

export class Sort<R, K, X extends Run> implements Operator<R, X> {
  readonly #input: InputCursor<R, X>
  readonly #keyOf: (row: R, run: X) => K
  readonly #compare: (a: K, b: K) => number
  readonly #keep: ((run: X) => number) | undefined
  #keepRows = Infinity
  #started = false
  #loaded = false
  #current: Keyed<R, K>[] = []
  #runs: Keyed<R, K>[][] = []
  /** What this round of merging has made so far. */
  #round: Keyed<R, K>[][] = []
  #kept = 0
  #at = 0

  constructor(
    input: Operator<R, X>,
    keyOf: (row: R, run: X) => K,
    compare: (a: K, b: K) => number,
    keep?: (run: X) => number,
  ) {
    this.#input = new InputCursor(input)
    this.#keyOf = keyOf
    this.#compare = compare
    this.#keep = keep
  }

  next(run: X): Batch<R> {
    if (!this.#loaded) {
      if (this.#load(run) === paused) return paused
      this.#loaded = true
    }
    while (this.#runs.length > 1) {
      const merged = this.#mergeStep()
      if (run.transaction.slice.spend(merged)) return paused
    }
    const sorted = this.#runs[0]
    if (sorted === undefined || this.#at >= sorted.length) return undefined
    const out = sorted.slice(this.#at, this.#at + batchRows).map((one) => one.row)
    this.#at += out.length
    return out
  }

  #load(run: X): Paused | undefined {
    if (!this.#started) {
      this.#keepRows = this.#keep === undefined ? Infinity : this.#keep(run)
      this.#started = true
    }
    for (;;) {
      const row = this.#input.current(run)
      if (row === paused) return paused
      if (row === undefined) break
      const key = this.#keyOf(row, run)
      this.#input.advance()
      checkRowsKept(++this.#kept, 'Sort')
      this.#current.push({ row, key })
      if (this.#keepRows <= runRows && this.#current.length >= 2 * Math.max(this.#keepRows, 64)) this.#prune()
      else if (this.#current.length >= runRows) this.#closeRun()
    }
    this.#closeRun()
    return undefined
  }

  #prune(): void {
    this.#current.sort((a, b) => this.#compare(a.key, b.key))
    this.#current.length = Math.min(this.#current.length, this.#keepRows)
    this.#kept = this.#current.length
  }

  #closeRun(): void {
    if (this.#current.length === 0) return
    this.#current.sort((a, b) => this.#compare(a.key, b.key))
    if (this.#current.length > this.#keepRows) this.#current.length = this.#keepRows
    this.#runs.push(this.#current)
    this.#current = []
  }

  /**
   * Merges the next two neighbours; a round over all runs halves their number. Neighbours only, earlier input first, so
   * equal keys keep their order. Returns the rows that it moved.
   */
  #mergeStep(): number {
    const at = this.#round.length * 2
    const a = this.#runs[at]!
    const b = this.#runs[at + 1] ?? []
    this.#round.push(b.length === 0 ? a : this.#merge(a, b))
    if (at + 2 >= this.#runs.length) {
      this.#runs = this.#round
      this.#round = []
    }
    return a.length + b.length
  }

  #merge(a: Keyed<R, K>[], b: Keyed<R, K>[]): Keyed<R, K>[] {
    const merged: Keyed<R, K>[] = []
    const limit = Math.min(a.length + b.length, this.#keepRows)
    let i = 0
    let j = 0
    while (merged.length < limit) {
      const takeA = j >= b.length || (i < a.length && this.#compare(a[i]!.key, b[j]!.key) <= 0)
      merged.push(takeA ? a[i++]! : b[j++]!)
    }
    return merged
  }

  reset(): void {
    this.#started = false
    this.#loaded = false
    this.#current = []
    this.#runs = []
    this.#round = []
    this.#kept = 0
    this.#at = 0
    this.#input.reset()
  }
}
