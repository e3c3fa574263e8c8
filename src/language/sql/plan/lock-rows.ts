/**
 * FOR UPDATE: locks the rows that come out, one by one and no more than LIMIT asks for, so that a queue's
 * `LIMIT 1 FOR UPDATE SKIP LOCKED` takes one row. A row that changed since the snapshot makes the kernel run the whole
 * statement again on newer data.
 */
import { sliceOf } from '../../../base/slice.ts'
import type { LockMode, LockPolicy } from '../../../database/contract.ts'
import { lockRow } from '../../../model/table/row-locks.ts'
import { type Batch, batchRows, InputCursor, type Operator, paused } from '../../../query/operator.ts'
import type { Bounds } from '../../../query/row-operators.ts'
import type { SqlRow, SqlRun } from './run.ts'

export interface RowLock {
  /** Where in the row the key stands. */
  readonly place: number
  readonly mode: LockMode
  readonly policy: LockPolicy
}

export class LockRows implements Operator<SqlRow, SqlRun> {
  readonly #input: InputCursor<SqlRow, SqlRun>
  readonly #locks: readonly RowLock[]
  readonly #boundsOf: (run: SqlRun) => Bounds
  #bounds: Bounds | undefined
  #skipped = 0
  #returned = 0
  #out: SqlRow[] = []

  constructor(input: Operator<SqlRow, SqlRun>, locks: readonly RowLock[], boundsOf: (run: SqlRun) => Bounds) {
    this.#input = new InputCursor(input)
    this.#locks = locks
    this.#boundsOf = boundsOf
  }

  next(run: SqlRun): Batch<SqlRow> {
    const { limit, offset } = (this.#bounds ??= this.#boundsOf(run))
    while (this.#returned < limit && this.#out.length < batchRows) {
      const row = this.#input.current(run)
      if (row === paused) return paused
      if (row === undefined) break
      const locked = this.#lock(row, run)
      this.#input.advance()
      if (!locked) continue
      if (this.#skipped < offset) {
        this.#skipped++
        continue
      }
      this.#out.push(row)
      this.#returned++
    }
    const out = this.#out
    this.#out = []
    return out.length > 0 ? out : undefined
  }

  #lock(row: SqlRow, run: SqlRun): boolean {
    for (const { place, mode, policy } of this.#locks) {
      const key = row[place]
      // The missing side of an outer join.
      if (key === null || key === undefined) continue
      if (!lockRow(run.transaction, sliceOf(key as Uint8Array), mode, policy)) return false
    }
    return true
  }

  reset(): void {
    this.#bounds = undefined
    this.#skipped = 0
    this.#returned = 0
    this.#out = []
    this.#input.reset()
  }
}
