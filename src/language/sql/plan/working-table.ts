/** The rows that a recursive query has found last, as it reads them itself: a function in FROM, of no arguments. */
import type { OutputColumn } from '../bind/query.ts'
import { paused, type Paused, type SqlValue } from '../contract.ts'
import type { SetFunctionEntry } from '../functions/registry.ts'
import type { SqlRow, SqlRun } from './run.ts'

export function workingTable(name: string, id: number, columns: readonly OutputColumn[]): SetFunctionEntry {
  return {
    name,
    isWorkingTable: true,
    takes: [],
    variadic: false,
    columns,
    rows: () => [],
    slowRows: (run) => new WorkingRows(run, id),
  }
}

class WorkingRows implements Iterator<readonly SqlValue[] | Paused, void> {
  readonly #run: SqlRun
  readonly #id: number
  #batch: readonly SqlRow[] = []
  #next = 0
  #read = 0

  constructor(run: SqlRun, id: number) {
    this.#run = run
    this.#id = id
  }

  next(): IteratorResult<readonly SqlValue[] | Paused, void> {
    if (this.#next === this.#batch.length) {
      const batch = this.#run.working!.get(this.#id)!.rowsFrom(this.#read, this.#run)
      if (batch === paused) return { done: false, value: paused }
      if (batch === undefined) return { done: true, value: undefined }
      this.#batch = batch
      this.#next = 0
      this.#read += batch.length
    }
    return { done: false, value: this.#batch[this.#next++]! }
  }
}
