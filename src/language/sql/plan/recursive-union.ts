/**
 * WITH RECURSIVE: the rows of the first term, then round by round what the second one makes of the rows of the round before,
 * until a round gives none. Rows of a round are kept, in a file where there are many (`query/materialize.ts`), and forgotten
 * after the next one.
 *
 * Without ALL a row that was there before is left out, and the keys of all rows are kept in memory: as in PostgreSQL they
 * are not divided, and too many of them are `out_of_memory`.
 */
import { charge, isTurnOver } from '../../../base/work.ts'
import { Materialize } from '../../../query/materialize.ts'
import { type Batch, InputCursor, type Operator, paused } from '../../../query/operator.ts'
import { OperatorMemory } from '../../../query/operator-memory.ts'
import { type HashKey, keyBytes } from '../../../query/row-format.ts'
import { sqlRows } from '../types/row-format.ts'
import type { KeyOfRow } from './row-keys.ts'
import type { SqlRow, SqlRun } from './run.ts'

const unitsPerRound = 5000

export class RecursiveUnion implements Operator<SqlRow, SqlRun> {
  readonly #id: number
  readonly #first: Operator<SqlRow, SqlRun>
  readonly #following: Operator<SqlRow, SqlRun>
  readonly #seen: Seen | undefined
  /** Never the same again, so that nothing is taken for known which was computed in an earlier execution. */
  #round = 0
  /** Of the round that is being computed, and how many of its rows are handed out. */
  #rows: Materialize<SqlRow, SqlRun> | undefined
  #at = 0
  #last: Materialize<SqlRow, SqlRun> | undefined
  #isEnded = false

  /** `keyOf`: equal for rows of which one is enough. */
  constructor(
    id: number,
    first: Operator<SqlRow, SqlRun>,
    following: Operator<SqlRow, SqlRun>,
    keyOf: KeyOfRow | undefined,
  ) {
    this.#id = id
    this.#first = first
    this.#following = following
    this.#seen = keyOf && new Seen(keyOf)
  }

  next(run: SqlRun): Batch<SqlRow> {
    for (;;) {
      if (this.#isEnded) return undefined
      if (this.#last !== undefined) this.#setWorking(run, this.#last)
      const rows = (this.#rows ??= this.#materialized(this.#first))
      const batch = rows.rowsFrom(this.#at, run)
      if (batch === paused) return paused
      if (batch !== undefined) {
        this.#at += batch.length
        return batch
      }
      this.#last?.close()
      if (this.#at === 0) {
        this.#isEnded = true
        rows.close()
        return undefined
      }
      this.#beginRound(rows, run)
      // Rounds of a row each ask nobody else whether the turn is over.
      if (isTurnOver()) return paused
    }
  }

  #beginRound(last: Materialize<SqlRow, SqlRun>, run: SqlRun): void {
    charge(unitsPerRound)
    this.#last = last
    this.#round++
    this.#setWorking(run, last)
    this.#following.reset()
    this.#rows = this.#materialized(this.#following)
    this.#at = 0
  }

  /** Whoever reads the query by another reader meanwhile has rounds of his own. */
  #setWorking(run: SqlRun, rows: Materialize<SqlRow, SqlRun>): void {
    run.captures[this.#id] = [this.#round]
    const working = (run.working ??= new Map<number, Materialize<SqlRow, SqlRun>>())
    working.set(this.#id, rows)
  }

  #materialized(input: Operator<SqlRow, SqlRun>): Materialize<SqlRow, SqlRun> {
    return new Materialize(this.#seen === undefined ? input : this.#seen.newIn(input), sqlRows)
  }

  reset(): void {
    this.#last?.close()
    this.#rows?.close()
    this.#last = undefined
    this.#rows = undefined
    this.#at = 0
    this.#isEnded = false
    this.#seen?.forget()
    this.#first.reset()
    this.#following.reset()
  }
}

/** The keys of all rows so far. */
class Seen {
  readonly #keyOf: KeyOfRow
  readonly #memory = new OperatorMemory('Recursive Union')
  #keys = new Set<HashKey>()

  constructor(keyOf: KeyOfRow) {
    this.#keyOf = keyOf
  }

  /** The rows of the input that are new. */
  newIn(input: Operator<SqlRow, SqlRun>): Operator<SqlRow, SqlRun> {
    const cursor = new InputCursor(input)
    let out: SqlRow[] = []
    return {
      next: (run) => {
        for (;;) {
          const row = cursor.current(run)
          if (row === paused) return paused
          if (row === undefined) break
          const key = this.#keyOf(row, run)
          if (!this.#keys.has(key)) {
            this.#memory.hold(run, keyBytes(key))
            this.#keys.add(key)
            out.push(row)
          }
          cursor.advance()
          if (cursor.drained && out.length > 0) break
        }
        const batch = out
        out = []
        return batch.length > 0 ? batch : undefined
      },
      reset: () => cursor.reset(),
    }
  }

  forget(): void {
    this.#keys = new Set()
    this.#memory.releaseAll()
  }
}
