/**
 * UPDATE and DELETE, whatever the rows are of: their target (`query/row-target.ts`) changes them by the rules of its model.
 * All rows are found first and changed then, so that no row is met twice; the conditions are those of a SELECT, FROM and
 * USING included, and a row that joins several times is changed once.
 */
import type { DeleteStmt, Node, UpdateStmt } from 'libpg-query'
import { privilege } from '../../../database/access/privileges.ts'
import type { StatementSteps } from '../../../database/contract.ts'
import { atOnce, inPlace, isSteps } from '../../../database/transaction/wait.ts'
import type { Relation } from '../../../query/relation.ts'
import type { RowTarget } from '../../../query/row-target.ts'
import type { Binder } from '../bind/binder.ts'
import type { Scope } from '../bind/scope.ts'
import { secureAlso } from '../bind/row-security.ts'
import { compile, type Compiler, type Evaluate } from '../expression/compile.ts'
import { drawingOnce } from '../expression/draws.ts'
import type { Expression } from '../expression/expression.ts'
import { isVolatile } from '../expression/volatile.ts'
import { costOf } from '../plan/metered.ts'
import { Planner } from '../plan/planner.ts'
import type { SqlRow, SqlRun } from '../plan/run.ts'
import { assignedValue, bindAssignments, missingColumn, refuseAlways, withRows } from './assignment.ts'
import { settled, type Work } from './execution.ts'
import { bindTargetTable, type BoundTarget, findRows } from './found-rows.ts'
import { type Changed, type ChangeRow, eachFound } from './held-rows.ts'
import { type Planned, planSteps } from './prepared.ts'
import { bindReturning } from './returning.ts'
import { guardOf } from './row-guards.ts'
import { testThrough, viewDefaults, type WriteThrough } from './views/write-through.ts'
import { isUntouched } from './with-writes.ts'
import { getRowTarget } from './written-rows.ts'

export function planUpdateStatement(binder: Binder, statement: UpdateStmt, scope?: Scope): Planned {
  const { relation: name, fromClause = [], whereClause, withClause } = statement
  const target = bindTargetTable(binder, name!, fromClause, whereClause, withClause, 'update', scope)
  const { relation, through, keyPlace } = target
  const rowTarget = getRowTarget(relation, 'update')
  const { changes, rows: rowsOf } = bindChanges(binder, target, statement.targetList ?? [], rowTarget)
  const update = rowTarget.update(changes.map(({ column }) => column))
  const returning = bindReturning(binder, target.scope, statement.returningClause)
  const reads = readsTarget(binder, relation, through)
  const test = testThrough(binder, relation, { command: 'update', reads }, through)
  through?.ask(changes.map(({ column }) => column))
  const [defaults, check] = [viewDefaults(binder, relation, through), through?.checks()]
  const values = [...rowsOf, ...changes.flatMap(({ expression }) => expression ?? [])]
  const finder = findRows(target, [...values, ...(returning?.expressions ?? [])], update.needed)
  const compiler = new Planner(binder.progress).compilerAt(0)
  const compiled = compileChanges(changes, rowTarget, compiler, defaults)
  const seenBy = withRows(rowsOf, target.scope.width, compiler)
  const valuesOf = (row: SqlRow, run: SqlRun): SqlRow => {
    const seen = seenBy(row, run)
    return compiled.map(({ value }) => value(seen, run))
  }
  const valuesOfRow = values.some(isVolatile) ? drawingOnce(valuesOf) : valuesOf
  const width = relation.columns.length
  const cost = 1 + (binder.progress === undefined ? 0 : costOf(values))
  const returned = function* (
    written: SqlRow | undefined | StatementSteps<SqlRow | undefined>,
    row: SqlRow,
    run: SqlRun,
    { rows }: Changed,
  ): StatementSteps<boolean> {
    const stored = isSteps(written) ? yield* written : written
    if (stored === undefined) return false
    if (check !== undefined) yield* settled(() => check(stored, run))
    if (returning === undefined) return true
    // RETURNING sees the new row where the old one stood, with its table where it has another one, and the joined columns behind it.
    const seen = [...stored, ...row.slice(stored.length)]
    rows.push(yield* settled(() => returning.project(seen, run)))
    return true
  }
  const change: ChangeRow = (row, run, all) => {
    const { transaction } = run
    if (target.isShared && !isUntouched(run, row[keyPlace] as Uint8Array)) return false
    const changed = row.slice(0, width)
    const given = row.length - compiled.length
    for (let i = 0; i < compiled.length; i++) changed[compiled[i]!.column] = row[given + i]!
    const one = { key: row[keyPlace] as Uint8Array, row }
    const stored = atOnce<SqlRow | undefined>(transaction, () => {
      return update.apply(transaction, one, changed, guardOf(test, run))
    })
    const isLeft = returning !== undefined || check !== undefined
    return isSteps(stored) || isLeft ? returned(stored, row, run, all) : stored !== undefined
  }
  const work: Work = function* (run) {
    yield* inPlace(run.transaction, () => rowTarget.begin?.(run.transaction, 'update'))
    return yield* eachFound(finder, run, cost, valuesOfRow, change)
  }
  return planSteps({ kind: 'write' }, 'UPDATE', work, returning?.columns)
}

/** Who reads columns of what it changes changes only rows that it may see. */
export function readsTarget(binder: Binder, relation: Relation, through?: WriteThrough): boolean {
  const reads = through?.reads ?? binder.access.readsColumns(relation.collection)
  const secure = (): void => secureAlso(binder, relation, 'select')
  if (reads && through === undefined) secure()
  else if (reads) through!.forTable(secure)
  return reads
}

/** What a column is set to. */
export interface Change {
  readonly column: number
  /** Undefined: DEFAULT. */
  readonly expression: Expression | undefined
}

/** What SET says of the columns of the target, whose row begins at `first`, and the rows of its subqueries (`withRows`). */
export function bindChanges(
  binder: Binder,
  { scope, relation, through }: Pick<BoundTarget, 'scope' | 'relation' | 'through'>,
  nodes: readonly Node[],
  target: RowTarget,
  first = 0,
): { readonly changes: readonly Change[]; readonly rows: readonly Expression[] } {
  const changes = new Map<number, Change>()
  const { list, rows } = bindAssignments(binder, scope, nodes)
  for (const assignment of list) {
    const { name, value, location } = assignment
    const column = through?.ordinalOf(name, location) ?? relation.columns.findIndex((one) => one.name === name)
    if (column < 0) throw missingColumn(relation, name, location)
    const into = relation.columns[column]!
    if (through === undefined) binder.access.column(relation.collection, into.number, privilege.update)
    if (value === undefined) target.defaultOf(column)
    else refuseAlways(into)
    const { type, modifier } = into
    const own: Expression = { kind: 'column', index: first + column, type, modifier, name }
    const base = changes.get(column)?.expression ?? own
    changes.set(column, { column, expression: assignedValue(binder, scope, assignment, into, base) })
  }
  return { changes: [...changes.values()], rows }
}

/** `defaults`: those of the view that the statement names. */
export function compileChanges(
  changes: readonly Change[],
  target: RowTarget,
  compiler: Compiler,
  defaults?: ReadonlyMap<number, Evaluate>,
): readonly { readonly column: number; readonly value: Evaluate }[] {
  return changes.map(({ column, expression }) => {
    const value: Evaluate =
      expression === undefined ? (defaults?.get(column) ?? defaultFor(target, column)) : compile(expression, compiler)
    return { column, value }
  })
}

function defaultFor(target: RowTarget, column: number): Evaluate {
  const value = target.defaultOf(column)
  return (_row, run) => value(run.transaction)
}

export function planDeleteStatement(binder: Binder, statement: DeleteStmt, scope?: Scope): Planned {
  const { relation: name, usingClause = [], whereClause, withClause } = statement
  const target = bindTargetTable(binder, name!, usingClause, whereClause, withClause, 'delete', scope)
  const returning = bindReturning(binder, target.scope, statement.returningClause)
  const { keyPlace, through } = target
  binder.access.any((through?.view ?? target.relation).collection, privilege.delete)
  readsTarget(binder, target.relation, through)
  through?.ask([])
  const rowTarget = getRowTarget(target.relation, 'delete from')
  const removal = rowTarget.delete()
  const finder = findRows(target, returning?.expressions ?? [], removal.needed)
  const returned = function* (
    removed: boolean | StatementSteps<boolean>,
    row: SqlRow,
    run: SqlRun,
    { rows }: Changed,
  ): StatementSteps<boolean> {
    if (!(isSteps(removed) ? yield* removed : removed)) return false
    if (returning !== undefined) rows.push(yield* settled(() => returning.project(row, run)))
    return true
  }
  const change: ChangeRow = (row, run, all) => {
    const { transaction } = run
    if (target.isShared && !isUntouched(run, row[keyPlace] as Uint8Array)) return false
    const one = { key: row[keyPlace] as Uint8Array, row }
    const removed = atOnce<boolean>(transaction, () => removal.apply(transaction, one))
    return isSteps(removed) || returning !== undefined ? returned(removed, row, run, all) : removed
  }
  const work: Work = function* (run) {
    yield* inPlace(run.transaction, () => rowTarget.begin?.(run.transaction, 'delete'))
    return yield* eachFound(finder, run, 1, undefined, change)
  }
  return planSteps({ kind: 'write' }, 'DELETE', work, returning?.columns)
}
