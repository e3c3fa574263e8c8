/** `SELECT count(*)` where the store can tell the number of rows of a scan, of a whole table or of a part of an index. */
import type { Batch, Operator } from '../../../query/operator.ts'
import type { AggregateExpression } from '../expression/expression.ts'
import type { SqlRow, SqlRun } from './run.ts'

/** Whether the aggregate is the number of rows, whatever is in them. */
export function countsRows({ aggregate, arguments: given, distinct, filter }: AggregateExpression): boolean {
  return aggregate.name === 'count' && given.length === 0 && !distinct && filter === undefined
}

export class CountedRows implements Operator<SqlRow, SqlRun> {
  readonly #count: (run: SqlRun) => number | undefined
  readonly #width: number
  readonly #scanned: Operator<SqlRow, SqlRun>
  #state: 'fresh' | 'scanning' | 'ended' = 'fresh'

  /** `width`: how many columns show the count. `scanned` counts by reading, where only that can tell. */
  constructor(count: (run: SqlRun) => number | undefined, width: number, scanned: Operator<SqlRow, SqlRun>) {
    this.#count = count
    this.#width = width
    this.#scanned = scanned
  }

  next(run: SqlRun): Batch<SqlRow> {
    if (this.#state === 'ended') return undefined
    if (this.#state === 'fresh') {
      const count = this.#count(run)
      this.#state = count === undefined ? 'scanning' : 'ended'
      if (count !== undefined) return [Array.from({ length: this.#width }, () => BigInt(count))]
    }
    return this.#scanned.next(run)
  }

  reset(): void {
    this.#state = 'fresh'
    this.#scanned.reset()
  }
}
