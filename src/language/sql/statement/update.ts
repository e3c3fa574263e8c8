/**
 * UPDATE and DELETE. All rows are found first and changed then, so that no row is met twice; the conditions are those of a
 * SELECT, FROM and USING included, and a row that joins several times is changed once.
 */
import type { DeleteStmt, Node, UpdateStmt } from 'libpg-query'
import { sliceOf } from '../../../base/slice.ts'
import { defaultOf } from '../../../model/table/expressions.ts'
import { deleteRow, ordinalsForDelete, planUpdate, updateRow } from '../../../model/table/rows.ts'
import type { Table } from '../../../model/table/table.ts'
import { TableRelation } from '../../../query/table-relation.ts'
import type { Binder } from '../bind/binder.ts'
import type { Scope } from '../bind/scope.ts'
import type { Row } from '../contract.ts'
import { compile, type Evaluate } from '../expression/compile.ts'
import type { Expression } from '../expression/expression.ts'
import { failure } from '../failure.ts'
import { costOf } from '../plan/metered.ts'
import { Planner } from '../plan/planner.ts'
import type { SqlRow, SqlRun } from '../plan/run.ts'
import { inPlace } from '../../../database/wait.ts'
import { assignTo, bindAssignments, targetOf } from './assignment.ts'
import { settled, type Work } from './execution.ts'
import { planForeignDelete, planForeignUpdate } from './foreign-writes.ts'
import { bindTargetTable, findRows } from './found-rows.ts'
import { type Planned, planSteps } from './prepared.ts'
import { bindReturning, type Returning } from './returning.ts'

export function planUpdateStatement(binder: Binder, statement: UpdateStmt): Planned {
  const target = bindTargetTable(
    binder,
    statement.relation!,
    statement.fromClause ?? [],
    statement.whereClause,
    statement.withClause,
  )
  if (!(target.relation instanceof TableRelation)) return planForeignUpdate(binder, target, statement)
  const { table } = target.relation
  const changes = bindChanges(binder, target.scope, statement.targetList ?? [], table)
  const ordinals = changes.map(({ ordinal }) => ordinal)
  const plan = planUpdate(table, ordinals)
  const returning = bindReturning(binder, target.scope, statement.returningClause)
  const values = changes.flatMap(({ expression }) => expression ?? [])
  const finder = findRows(target, [...values, ...(returning?.expressions ?? [])], plan.needed)
  const compiler = new Planner(binder.progress).compilerAt(0)
  const compiled = changes.map(({ ordinal, expression }) => {
    const column = table.columns[ordinal]!
    const value: Evaluate =
      expression === undefined ? (_row, run) => defaultOf(run.transaction, column) : compile(expression, compiler)
    return { ordinal, value }
  })
  const width = table.columns.length
  const cost = 1 + (binder.progress === undefined ? 0 : costOf(values))
  const work: Work = function* (run) {
    const rows: Row[] = []
    const found = yield* finder(run)
    const pending: { key: Uint8Array; old: SqlRow; changed: SqlRow }[] = []
    for (const { key, row } of found) {
      const changed = row.slice(0, width)
      yield* settled(() => {
        for (const { ordinal, value } of compiled) changed[ordinal] = value(row, run)
      })
      pending.push({ key, old: row, changed })
      if (run.transaction.slice.spend(cost)) yield undefined
    }
    for (const { key, old, changed } of pending) {
      yield* inPlace(run.transaction, () => updateRow(run.transaction, plan, sliceOf(key), old, changed))
      if (returning !== undefined) rows.push(yield* projectWritten(returning, changed, old, width, run))
      if (run.transaction.slice.spend(1)) yield undefined
    }
    return { rows, rowCount: found.length }
  }
  return planSteps({ kind: 'write' }, 'UPDATE', work, returning?.columns)
}

/** RETURNING sees the new row where the old one stood, and the joined columns behind it. */
function* projectWritten(returning: Returning, written: SqlRow, joined: SqlRow, width: number, run: SqlRun) {
  const row = [...written, ...joined.slice(width)]
  return yield* settled(() => returning.project(row, run))
}

interface Change {
  readonly ordinal: number
  /** Undefined: DEFAULT. */
  readonly expression: Expression | undefined
}

function bindChanges(binder: Binder, scope: Scope, nodes: readonly Node[], table: Table): Change[] {
  return bindAssignments(binder, scope, nodes).map(({ name, value, location }) => {
    const column = table.findColumn(name)
    if (column === undefined) {
      throw failure('42703', `column "${name}" of relation "${table.name}" does not exist`, { location })
    }
    if (column.definition.identity === 'always' && value !== undefined) {
      throw failure('428C9', `column "${name}" can only be updated to DEFAULT`, {
        location,
        detail: `Column "${name}" is an identity column defined as GENERATED ALWAYS.`,
      })
    }
    const expression = value === undefined ? undefined : assignTo(binder, value, targetOf(column))
    return { ordinal: column.ordinal, expression }
  })
}

export function planDeleteStatement(binder: Binder, statement: DeleteStmt): Planned {
  const target = bindTargetTable(
    binder,
    statement.relation!,
    statement.usingClause ?? [],
    statement.whereClause,
    statement.withClause,
  )
  const returning = bindReturning(binder, target.scope, statement.returningClause)
  if (!(target.relation instanceof TableRelation)) return planForeignDelete(target, returning)
  const { table } = target.relation
  const finder = findRows(target, returning?.expressions ?? [], ordinalsForDelete(table))
  const work: Work = function* (run) {
    const found = yield* finder(run)
    const rows: Row[] = []
    for (const { key, row } of found) {
      yield* inPlace(run.transaction, () => deleteRow(run.transaction, table, sliceOf(key), row))
      if (returning !== undefined) rows.push(yield* settled(() => returning.project(row, run)))
      if (run.transaction.slice.spend(1)) yield undefined
    }
    return { rows, rowCount: found.length }
  }
  return planSteps({ kind: 'write' }, 'DELETE', work, returning?.columns)
}
