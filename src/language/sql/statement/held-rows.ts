/**
 * What a statement that writes has found before it changes anything: all its rows, each with what was computed of it, so
 * that no row is met twice and none is computed from what the statement itself has written.
 */
import type { StatementSteps, Wait } from '../../../database/contract.ts'
import { Draws } from '../../../database/transaction/draws.ts'
import { isSteps } from '../../../database/transaction/wait.ts'
import { type Operator, paused, takeWait } from '../../../query/operator.ts'
import { PackedRows } from '../../../query/packed-rows.ts'
import type { PlanNode } from '../plan/plan-node.ts'
import type { SqlRow, SqlRun } from '../plan/run.ts'
import { sqlRows } from '../types/row-format.ts'
import { pull, settled } from './execution.ts'

export interface RowsOnTheirWay {
  /** A few of them; undefined behind the last one. */
  next(): StatementSteps<SqlRow[] | undefined>
}

/** One row by its key, where it is there: a get, no operators. */
export type PointFinder = (run: SqlRun) => SqlRow | undefined

/** What a statement changes: each row once, with its key behind the columns of its relation. */
export type RowFinder = { readonly point: PointFinder } | { readonly open: (run: SqlRun) => RowsOnTheirWay }

type Compute = (row: SqlRow, run: SqlRun) => SqlRow

/** What has become of the rows by now. */
export interface Changed {
  readonly rows: SqlRow[]
  rowCount: number
}

/** Answers whether the row counts, or the steps that are left until it is known. Made once per plan. */
export type ChangeRow = (row: SqlRow, run: SqlRun, changed: Changed) => boolean | StatementSteps<boolean>

/** Finds all rows, each with what `compute` makes of it behind it, and then changes one after the other. */
export function* eachFound(
  finder: RowFinder,
  run: SqlRun,
  cost: number,
  compute: Compute | undefined,
  change: ChangeRow,
): StatementSteps<Changed> {
  if ('open' in finder) return yield* eachHeld(yield* holdRows(finder.open(run), run, cost, compute), run, change)
  const changed: Changed = { rows: [], rowCount: 0 }
  const draws = new Draws()
  const row = yield* settled(() => draws.run(() => finder.point(run)))
  if (row === undefined) return changed
  const whole = compute === undefined ? row : row.concat(yield* settled(() => compute(row, run)))
  const counts = change(whole, run, changed)
  if (isSteps(counts) ? yield* counts : counts) changed.rowCount++
  return changed
}

export class RowsOfPlan implements RowsOnTheirWay {
  readonly #operator: Operator<SqlRow, SqlRun>
  readonly #run: SqlRun
  readonly #isWanted: ((row: SqlRow) => boolean) | undefined

  constructor(plan: PlanNode, run: SqlRun, isWanted?: (row: SqlRow) => boolean) {
    this.#operator = plan.open(run)
    this.#run = run
    this.#isWanted = isWanted
  }

  *next(): StatementSteps<SqlRow[] | undefined> {
    for (;;) {
      const batch = pull(this.#operator, this.#run)
      if (batch === undefined) return undefined
      if (batch === paused) {
        yield takeWait(this.#run)
        continue
      }
      const rows = this.#isWanted === undefined ? batch : batch.filter(this.#isWanted)
      if (rows.length > 0) return rows
    }
  }
}

/** All rows, each with what `compute` makes of it behind it. `cost`: of a row, for the time slice. */
export function* holdRows(
  source: RowsOnTheirWay,
  run: SqlRun,
  cost: number,
  compute?: Compute,
): StatementSteps<PackedRows<SqlRow>> {
  const held = new PackedRows(sqlRows, 'the rows of a statement that writes')
  for (let batch = yield* source.next(); batch !== undefined; batch = yield* source.next()) {
    const rows = batch
    let at = 0
    let wait: Wait
    // Goes on at the row that had to wait.
    const holdSome = (): boolean => {
      while (at < rows.length) {
        const row = rows[at]!
        const whole = compute === undefined ? row : row.concat(compute(row, run))
        at++
        wait = held.put(whole, run)
        if (run.transaction.slice.spend(cost) || wait !== undefined) return true
      }
      return false
    }
    while (yield* settled(holdSome)) yield wait
  }
  return held
}

/** Changes each of them, once. */
export function* eachHeld(held: PackedRows<SqlRow>, run: SqlRun, change: ChangeRow): StatementSteps<Changed> {
  const changed: Changed = { rows: [], rowCount: 0 }
  for (let rows = yield* held.take(run); rows !== undefined; rows = yield* held.take(run)) {
    for (const row of rows) {
      const counts = change(row, run, changed)
      if (isSteps(counts) ? yield* counts : counts) changed.rowCount++
      if (run.transaction.slice.spend(1)) yield undefined
    }
  }
  held.close()
  return changed
}
