/**
 * Nested-loop join: for each row of the outer input, the rows of the inner one. The inner input is opened anew per outer
 * row by `innerOf`, so it may be an index lookup by the outer row's values, or a replay of a materialised input.
 *
 * `left` keeps outer rows without a match, joined with `combine(row, undefined)`; `semi` and `anti` hand out the outer row
 * itself where there is a match, or none.
 */
import { type Batch, batchRows, InputCursor, type Operator, paused, type Run } from './operator.ts'

export type JoinKind = 'inner' | 'left' | 'right' | 'full' | 'semi' | 'anti'

const examinedPerSpend = 512

export interface NestedLoopPlan<L, R, O, X extends Run> {
  readonly kind: 'inner' | 'left' | 'semi' | 'anti'
  /** The inner input for an outer row; it may be the same operator every time. */
  readonly innerOf: (outer: L, run: X) => Operator<R, X>
  readonly combine: (outer: L, inner: R | undefined) => O
  readonly accepts: ((joined: O, run: X) => boolean) | undefined
}

export class NestedLoopJoin<L, R, O, X extends Run> implements Operator<O, X> {
  readonly #outer: InputCursor<L, X>
  readonly #plan: NestedLoopPlan<L, R, O, X>
  #inner: InputCursor<R, X> | undefined
  #matched = false
  #out: O[] = []
  #pauseNext = false
  #examined = 0

  constructor(outer: Operator<L, X>, plan: NestedLoopPlan<L, R, O, X>) {
    this.#outer = new InputCursor(outer)
    this.#plan = plan
  }

  next(run: X): Batch<O> {
    if (this.#pauseNext) {
      this.#pauseNext = false
      return paused
    }
    for (;;) {
      const outer = this.#outer.current(run)
      if (outer === paused) return paused
      if (outer === undefined) break
      if (this.#joinOne(outer, run) === paused) return paused
      if (this.#out.length >= batchRows || (this.#outer.drained && this.#out.length > 0)) break
    }
    const out = this.#out
    this.#out = []
    this.#pauseNext = run.transaction.slice.spend(out.length)
    return out.length > 0 ? out : undefined
  }

  /** Goes on with the outer row at hand until its inner rows end or the batch is full. */
  #joinOne(outer: L, run: X): typeof paused | undefined {
    const { kind, accepts, combine } = this.#plan
    if (this.#inner === undefined) {
      const inner = new InputCursor(this.#plan.innerOf(outer, run))
      inner.reset()
      this.#inner = inner
      this.#matched = false
    }
    for (;;) {
      const row = this.#inner.current(run)
      if (row === paused) return paused
      if (row === undefined) break
      const joined = combine(outer, row)
      const accepted = accepts === undefined || accepts(joined, run)
      this.#inner.advance()
      this.#examined++
      if (!accepted) {
        if (this.#examined >= examinedPerSpend && this.#spendExamined(run)) return paused
        continue
      }
      this.#matched = true
      if (kind === 'semi' || kind === 'anti') break
      if (this.#out.push(joined) >= batchRows) return undefined
    }
    if (kind === 'semi' ? this.#matched : kind !== 'inner' && !this.#matched) this.#out.push(combine(outer, undefined))
    this.#inner = undefined
    this.#outer.advance()
    return this.#examined >= examinedPerSpend && this.#spendExamined(run) ? paused : undefined
  }

  /** A materialised inner input costs no keys, yet looking at its rows takes time. */
  #spendExamined(run: X): boolean {
    const examined = this.#examined
    this.#examined = 0
    return run.transaction.slice.spend(examined >> 3)
  }

  reset(): void {
    this.#outer.reset()
    this.#inner = undefined
    this.#matched = false
    this.#out = []
    this.#pauseNext = false
  }
}
