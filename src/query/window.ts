/**
 * Window functions: each row of the input, with values that are computed of the rows around it. The input comes sorted by
 * partition, and within one in the order of the window.
 *
 * What is computed is a `WindowEvaluator`: it is asked for one row after another, from the first of a partition to the last,
 * and looks at the others by their places (`PartitionRows`). Frames and functions are the language's.
 */
import { charge, isTurnOver } from '../base/work.ts'
import { type Batch, batchRows, type Operator, paused, type Run } from './operator.ts'
import { later, type PartitionRows } from './partition-rows.ts'

export interface WindowEvaluator<X extends Run> {
  /** A new partition. */
  begin(): void
  /** Values for the row at this place. What it throws (`later`) interrupts it: it is asked for the same place again. */
  evaluate(at: number, run: X): unknown[]
  /** The first place that it may still look at, for rows behind this one. */
  keepsFrom(at: number): number
}

export interface WindowPlan<R, X extends Run> {
  readonly rows: PartitionRows<R, X>
  readonly evaluator: WindowEvaluator<X>
  readonly extend: (row: R, values: unknown[]) => R
}

const unitsPerRow = 300

export class WindowAggregate<R, X extends Run> implements Operator<R, X> {
  readonly #plan: WindowPlan<R, X>
  #at = -1
  #isEnded = false
  #out: R[] = []

  constructor(plan: WindowPlan<R, X>) {
    this.#plan = plan
  }

  next(run: X): Batch<R> {
    if (this.#isEnded) return undefined
    try {
      while (this.#out.length < batchRows && !this.#isEnded) {
        this.#step(run)
        if (isTurnOver() && this.#out.length > 0) break
      }
    } catch (error) {
      if (error !== later) throw error
      return paused
    }
    const out = this.#out
    this.#out = []
    return out.length > 0 ? out : undefined
  }

  /** The next row, or the next partition. */
  #step(run: X): void {
    const { rows, evaluator, extend } = this.#plan
    if (this.#at < 0) {
      if (!rows.advance(run)) {
        this.#isEnded = true
        return
      }
      evaluator.begin()
      this.#at = 0
    }
    const at = this.#at
    if (!rows.has(at, run)) {
      this.#at = -1
      return
    }
    const values = evaluator.evaluate(at, run)
    this.#out.push(extend(rows.row(at, run), values))
    charge(unitsPerRow)
    this.#at++
    rows.forget(Math.min(this.#at, evaluator.keepsFrom(at)))
  }

  reset(): void {
    this.#at = -1
    this.#isEnded = false
    this.#out = []
    this.#plan.rows.reset()
  }
}
