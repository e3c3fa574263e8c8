/**
 * Rows in front of expressions so large that a few of them fill a time slice: handed out few at a time, with a pause where
 * what they will cost is spent. Only where a long text's expression was sealed; all others cost little per row.
 */
import { type Batch, type Operator, paused } from '../../../query/operator.ts'
import type { Expression } from '../expression/expression.ts'
import { childrenOf } from '../expression/expression.ts'
import type { PlanNode } from './plan-node.ts'
import type { SqlRow, SqlRun } from './run.ts'

/** Reading a row takes as long as evaluating about so many expressions. */
const weightPerKey = 32
/** Of work between two looks at the slice. */
const keysPerBatch = 128

/** What a row costs those who evaluate these, in keys; 0 where nothing of them was sealed. */
export function costOf(expressions: readonly Expression[]): number {
  let weight = 0
  const add = (one: Expression): void => {
    if (one.kind === 'sealed') weight += one.weight
    else childrenOf(one).forEach(add)
  }
  expressions.forEach(add)
  return Math.ceil(weight / weightPerKey)
}

export function metered(input: PlanNode, cost: number): PlanNode {
  if (cost === 0) return input
  return { explain: input.explain, open: (run) => new Metered(input.open(run), cost) }
}

export class Metered implements Operator<SqlRow, SqlRun> {
  readonly #input: Operator<SqlRow, SqlRun>
  readonly #cost: number
  readonly #rowsAtOnce: number
  #rows: SqlRow[] = []
  #at = 0
  #pauseNext = false

  constructor(input: Operator<SqlRow, SqlRun>, cost: number) {
    this.#input = input
    this.#cost = cost
    this.#rowsAtOnce = Math.max(1, Math.floor(keysPerBatch / cost))
  }

  next(run: SqlRun): Batch<SqlRow> {
    if (this.#pauseNext) {
      this.#pauseNext = false
      return paused
    }
    if (this.#at >= this.#rows.length) {
      const batch = this.#input.next(run)
      if (batch === paused || batch === undefined) return batch
      this.#rows = batch
      this.#at = 0
    }
    const some = this.#rows.slice(this.#at, this.#at + this.#rowsAtOnce)
    this.#at += some.length
    this.#pauseNext = run.transaction.slice.spend(some.length * this.#cost)
    return some
  }

  reset(): void {
    this.#rows = []
    this.#at = 0
    this.#pauseNext = false
    this.#input.reset()
  }
}
