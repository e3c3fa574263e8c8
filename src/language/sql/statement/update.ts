/**
 * UPDATE and DELETE, whatever the rows are of: their target (`query/row-target.ts`) changes them by the rules of its model.
 * All rows are found first and changed then, so that no row is met twice; the conditions are those of a SELECT, FROM and
 * USING included, and a row that joins several times is changed once.
 */
import type { DeleteStmt, Node, UpdateStmt } from 'libpg-query'
import { inPlace, toItsEnd } from '../../../database/transaction/wait.ts'
import type { Relation } from '../../../query/relation.ts'
import { type FoundRow, type RowTarget, rowTargetOf } from '../../../query/row-target.ts'
import type { Binder } from '../bind/binder.ts'
import type { Scope } from '../bind/scope.ts'
import type { Row } from '../contract.ts'
import { compile, type Evaluate } from '../expression/compile.ts'
import { drawingOnce } from '../expression/draws.ts'
import type { Expression } from '../expression/expression.ts'
import { isVolatile } from '../expression/volatile.ts'
import { costOf } from '../plan/metered.ts'
import { Planner } from '../plan/planner.ts'
import type { SqlRow, SqlRun } from '../plan/run.ts'
import { assignTo, bindAssignments, missingColumn, refuseAlways } from './assignment.ts'
import { settled, type Work } from './execution.ts'
import { bindTargetTable, findRows } from './found-rows.ts'
import { type Planned, planSteps } from './prepared.ts'
import { bindReturning } from './returning.ts'

export function planUpdateStatement(binder: Binder, statement: UpdateStmt): Planned {
  const { relation: name, fromClause = [], whereClause, withClause } = statement
  const target = bindTargetTable(binder, name!, fromClause, whereClause, withClause)
  const { relation } = target
  const rowTarget = rowTargetOf(relation, 'update')
  const changes = bindChanges(binder, target.scope, statement.targetList ?? [], relation, rowTarget)
  const update = rowTarget.update(changes.map(({ column }) => column))
  const returning = bindReturning(binder, target.scope, statement.returningClause)
  const values = changes.flatMap(({ expression }) => expression ?? [])
  const finder = findRows(target, [...values, ...(returning?.expressions ?? [])], update.needed)
  const compiler = new Planner(binder.progress).compilerAt(0)
  const compiled = changes.map(({ column, expression }) => {
    const value: Evaluate = expression === undefined ? defaultFor(rowTarget, column) : compile(expression, compiler)
    return { column, value }
  })
  const valuesOf = (row: SqlRow, run: SqlRun): SqlRow => compiled.map(({ value }) => value(row, run))
  const valuesOfRow = values.some(isVolatile) ? drawingOnce(valuesOf) : valuesOf
  const width = relation.columns.length
  const cost = 1 + (binder.progress === undefined ? 0 : costOf(values))
  const work: Work = function* (run) {
    const rows: Row[] = []
    yield* inPlace(run.transaction, () => rowTarget.begin?.(run.transaction, 'update'))
    const found = yield* finder(run)
    const pending: { one: FoundRow; changed: SqlRow }[] = []
    for (const one of found) {
      const changed = one.row.slice(0, width)
      const given = yield* settled(() => valuesOfRow(one.row as SqlRow, run))
      for (const [i, { column }] of compiled.entries()) changed[column] = given[i]!
      pending.push({ one, changed })
      if (run.transaction.slice.spend(cost)) yield undefined
    }
    let count = 0
    for (const { one, changed } of pending) {
      const stored = yield* toItsEnd<SqlRow | undefined>(run.transaction, () =>
        update.apply(run.transaction, one, changed),
      )
      if (stored === undefined) continue
      count++
      // RETURNING sees the new row where the old one stood, and the joined columns behind it.
      const seen = returning === undefined ? stored : [...stored, ...one.row.slice(width)]
      if (returning !== undefined) rows.push(yield* settled(() => returning.project(seen, run)))
      if (run.transaction.slice.spend(1)) yield undefined
    }
    return { rows, rowCount: count }
  }
  return planSteps({ kind: 'write' }, 'UPDATE', work, returning?.columns)
}

function defaultFor(target: RowTarget, column: number): Evaluate {
  const value = target.defaultOf(column)
  return (_row, run) => value(run.transaction)
}

interface Change {
  readonly column: number
  /** Undefined: DEFAULT. */
  readonly expression: Expression | undefined
}

function bindChanges(
  binder: Binder,
  scope: Scope,
  nodes: readonly Node[],
  relation: Relation,
  target: RowTarget,
): Change[] {
  return bindAssignments(binder, scope, nodes).map(({ name, value, location }) => {
    const column = relation.columns.findIndex((one) => one.name === name)
    if (column < 0) throw missingColumn(relation, name, location)
    const into = relation.columns[column]!
    if (value === undefined) target.defaultOf(column)
    else refuseAlways(into, location)
    return { column, expression: value === undefined ? undefined : assignTo(binder, value, into) }
  })
}

export function planDeleteStatement(binder: Binder, statement: DeleteStmt): Planned {
  const { relation: name, usingClause = [], whereClause, withClause } = statement
  const target = bindTargetTable(binder, name!, usingClause, whereClause, withClause)
  const returning = bindReturning(binder, target.scope, statement.returningClause)
  const rowTarget = rowTargetOf(target.relation, 'delete from')
  const removal = rowTarget.delete()
  const finder = findRows(target, returning?.expressions ?? [], removal.needed)
  const work: Work = function* (run) {
    yield* inPlace(run.transaction, () => rowTarget.begin?.(run.transaction, 'delete'))
    const found = yield* finder(run)
    const rows: Row[] = []
    let count = 0
    for (const one of found) {
      if (!(yield* toItsEnd<boolean>(run.transaction, () => removal.apply(run.transaction, one)))) continue
      count++
      if (returning !== undefined) rows.push(yield* settled(() => returning.project(one.row as SqlRow, run)))
      if (run.transaction.slice.spend(1)) yield undefined
    }
    return { rows, rowCount: count }
  }
  return planSteps({ kind: 'write' }, 'DELETE', work, returning?.columns)
}
