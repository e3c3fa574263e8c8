/** Keeps its input's rows, so that the inner side of a nested loop can be read again without being computed again. */
import { checkRowsKept } from './memory-limit.ts'
import { type Batch, batchRows, type Operator, paused, type Run } from './operator.ts'

export class Materialize<R, X extends Run> implements Operator<R, X> {
  readonly #input: Operator<R, X>
  #rows: R[] = []
  #complete = false
  #at = 0

  constructor(input: Operator<R, X>) {
    this.#input = input
  }

  next(run: X): Batch<R> {
    const batch = this.rowsFrom(this.#at, run)
    if (Array.isArray(batch)) this.#at += batch.length
    return batch
  }

  /** The batch that begins with row number `at`, for readers that keep their own place. */
  rowsFrom(at: number, run: X): Batch<R> {
    while (!this.#complete && at >= this.#rows.length) {
      const batch = this.#input.next(run)
      if (batch === paused) return paused
      if (batch === undefined) {
        this.#complete = true
        break
      }
      checkRowsKept(this.#rows.length + batch.length, 'Materialize')
      for (const row of batch) this.#rows.push(row)
    }
    return at >= this.#rows.length ? undefined : this.#rows.slice(at, at + batchRows)
  }

  /** Forgets the rows as well: what they were computed from has changed. */
  reset(): void {
    this.#rows = []
    this.#complete = false
    this.#at = 0
    this.#input.reset()
  }

  /** Back to the first row, without computing anything again. */
  rewind(): void {
    this.#at = 0
  }

  /** The same rows as an operator whose `reset` only rewinds. */
  replay(): Operator<R, X> {
    return { next: (run) => this.next(run), reset: () => this.rewind() }
  }
}
