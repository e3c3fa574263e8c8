/**
 * Hash aggregation: one accumulator per group, groups in order of their first row. Without grouping keys there is exactly
 * one group, also for no rows at all.
 */
import type { HashKey } from './hash-join.ts'
import { checkRowsKept } from './memory-limit.ts'
import { type Batch, batchRows, InputCursor, type Operator, paused, type Run } from './operator.ts'

export interface AggregatePlan<R, G, O, X extends Run> {
  /** `undefined`: one group for everything. */
  readonly keyOf: ((row: R, run: X) => HashKey) | undefined
  /** A new group; `row` is its first one, and missing where there is no row at all. */
  readonly begin: (row: R | undefined, run: X) => G
  /** Evaluates what the accumulators need of a row; may be interrupted, so it changes nothing. */
  readonly evaluate: (row: R, run: X) => unknown[]
  /** Takes what `evaluate` gave. */
  readonly add: (group: G, values: unknown[], run: X) => void
  readonly finish: (group: G, run: X) => O
}

export class HashAggregate<R, G, O, X extends Run> implements Operator<O, X> {
  readonly #input: InputCursor<R, X>
  readonly #plan: AggregatePlan<R, G, O, X>
  #groups = new Map<HashKey, G>()
  #loaded = false
  #results: Iterator<G> | undefined

  constructor(input: Operator<R, X>, plan: AggregatePlan<R, G, O, X>) {
    this.#input = new InputCursor(input)
    this.#plan = plan
  }

  next(run: X): Batch<O> {
    if (!this.#loaded && this.#load(run) === paused) return paused
    const results = (this.#results ??= this.#groups.values())
    const out: O[] = []
    while (out.length < batchRows) {
      const step = results.next()
      if (step.done === true) break
      out.push(this.#plan.finish(step.value, run))
    }
    return out.length > 0 ? out : undefined
  }

  #load(run: X): typeof paused | undefined {
    const { keyOf, begin, evaluate, add } = this.#plan
    for (;;) {
      const row = this.#input.current(run)
      if (row === paused) return paused
      if (row === undefined) break
      const key = keyOf === undefined ? '' : keyOf(row, run)
      const values = evaluate(row, run)
      let group = this.#groups.get(key)
      if (group === undefined) {
        group = begin(row, run)
        this.#groups.set(key, group)
        checkRowsKept(this.#groups.size, 'HashAggregate')
      }
      this.#input.advance()
      add(group, values, run)
    }
    if (keyOf === undefined && this.#groups.size === 0) this.#groups.set('', begin(undefined, run))
    this.#loaded = true
    return undefined
  }

  reset(): void {
    this.#groups = new Map()
    this.#loaded = false
    this.#results = undefined
    this.#input.reset()
  }
}
