/**
 * Hash join: builds a table of the inner (right) input by key, then streams the outer (left) one past it. A key of
 * `undefined` matches nothing: SQL's null. `right` and `full` also hand out inner rows that no outer row matched, at the
 * end, in the order of the inner input.
 */
import { checkRowsKept } from './memory-limit.ts'
import type { JoinKind } from './nested-loop-join.ts'
import { type Batch, batchRows, InputCursor, type Operator, paused, type Paused, type Run } from './operator.ts'

/** What a Map compares by value. Languages make one key of several columns. */
export type HashKey = string | number | bigint | boolean

export interface HashJoinPlan<L, R, O, X extends Run> {
  readonly kind: JoinKind
  readonly outerKey: (row: L, run: X) => HashKey | undefined
  readonly innerKey: (row: R, run: X) => HashKey | undefined
  /** At least one side is there; which may be missing depends on the kind. */
  readonly combine: (outer: L | undefined, inner: R | undefined) => O
  readonly accepts: ((joined: O, run: X) => boolean) | undefined
}

interface Entry<R> {
  readonly row: R
  matched: boolean
}

export class HashJoin<L, R, O, X extends Run> implements Operator<O, X> {
  readonly #outer: InputCursor<L, X>
  readonly #inner: InputCursor<R, X>
  readonly #plan: HashJoinPlan<L, R, O, X>
  readonly #keepsInner: boolean
  #table = new Map<HashKey, Entry<R>[]>()
  /** In order of input, where unmatched inner rows are wanted. */
  #entries: Entry<R>[] = []
  #built = false
  #builtRows = 0
  #candidates: readonly Entry<R>[] | undefined
  #candidateAt = 0
  #matched = false
  #unmatchedAt = 0
  #out: O[] = []
  #pauseNext = false

  constructor(outer: Operator<L, X>, inner: Operator<R, X>, plan: HashJoinPlan<L, R, O, X>) {
    this.#outer = new InputCursor(outer)
    this.#inner = new InputCursor(inner)
    this.#plan = plan
    this.#keepsInner = plan.kind === 'right' || plan.kind === 'full'
  }

  next(run: X): Batch<O> {
    if (this.#pauseNext) {
      this.#pauseNext = false
      return paused
    }
    if (!this.#built && this.#build(run) === paused) return paused
    for (;;) {
      const outer = this.#outer.current(run)
      if (outer === paused) return paused
      if (outer === undefined) break
      this.#probe(outer, run)
      if (this.#out.length >= batchRows || (this.#outer.drained && this.#out.length > 0)) return this.#handOut(run)
    }
    if (this.#keepsInner) this.#collectUnmatched()
    return this.#handOut(run)
  }

  #handOut(run: X): Batch<O> {
    const out = this.#out
    this.#out = []
    this.#pauseNext = run.transaction.slice.spend(out.length)
    return out.length > 0 ? out : undefined
  }

  #build(run: X): Paused | undefined {
    for (;;) {
      const row = this.#inner.current(run)
      if (row === paused) return paused
      if (row === undefined) break
      const key = this.#plan.innerKey(row, run)
      this.#inner.advance()
      const entry = { row, matched: false }
      if (this.#keepsInner) this.#entries.push(entry)
      checkRowsKept(++this.#builtRows, 'Hash Join')
      if (key === undefined) continue
      const entries = this.#table.get(key)
      if (entries === undefined) this.#table.set(key, [entry])
      else entries.push(entry)
    }
    this.#built = true
    return undefined
  }

  /** Goes on with the outer row at hand until its candidates end or the batch is full. */
  #probe(outer: L, run: X): void {
    const { kind, accepts, combine } = this.#plan
    if (this.#candidates === undefined) {
      const key = this.#plan.outerKey(outer, run)
      this.#candidates = (key === undefined ? undefined : this.#table.get(key)) ?? []
      this.#candidateAt = 0
      this.#matched = false
    }
    while (this.#candidateAt < this.#candidates.length) {
      const entry = this.#candidates[this.#candidateAt]!
      const joined = combine(outer, entry.row)
      const accepted = accepts === undefined || accepts(joined, run)
      this.#candidateAt++
      if (!accepted) continue
      this.#matched = true
      entry.matched = true
      if (kind === 'semi' || kind === 'anti') break
      if (this.#out.push(joined) >= batchRows) return
    }
    const keepsOuter = kind === 'left' || kind === 'full' || kind === 'anti'
    if (kind === 'semi' ? this.#matched : keepsOuter && !this.#matched) this.#out.push(combine(outer, undefined))
    this.#candidates = undefined
    this.#outer.advance()
  }

  #collectUnmatched(): void {
    while (this.#unmatchedAt < this.#entries.length && this.#out.length < batchRows) {
      const entry = this.#entries[this.#unmatchedAt++]!
      if (!entry.matched) this.#out.push(this.#plan.combine(undefined, entry.row))
    }
  }

  reset(): void {
    this.#outer.reset()
    this.#inner.reset()
    this.#table = new Map()
    this.#entries = []
    this.#built = false
    this.#builtRows = 0
    this.#candidates = undefined
    this.#matched = false
    this.#unmatchedAt = 0
    this.#out = []
    this.#pauseNext = false
  }
}
