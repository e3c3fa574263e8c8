/**
 * UPDATE and DELETE. All rows are found first and changed then, so that no row is met twice; the conditions are those of a
 * SELECT, FROM and USING included, and a row that joins several times is changed once.
 */
import type { DeleteStmt, Node, RangeVar, UpdateStmt } from 'libpg-query'
import { sliceOf, sliceToLatin1 } from '../../../base/slice.ts'
import { KeyWriter } from '../../../base/tuple.ts'
import { deleteRow, indexedOrdinals, planUpdate, updateRow, writePrimaryKey } from '../../../model/table/rows.ts'
import type { Table } from '../../../model/table/table.ts'
import type { Relation } from '../../../query/relation.ts'
import { TableRelation } from '../../../query/table-relation.ts'
import { bindFrom, bindRelation, findRelation } from '../bind/bind-from.ts'
import { bindWhere, bindWith } from '../bind/bind-select.ts'
import type { Binder } from '../bind/binder.ts'
import type { FromItem, JoinItem } from '../bind/query.ts'
import { Scope } from '../bind/scope.ts'
import type { Row, SqlValue } from '../contract.ts'
import { compile, compilePredicate, type Evaluate, type Predicate } from '../expression/compile.ts'
import { columnsRead, type Expression, someExpression } from '../expression/expression.ts'
import { failure } from '../failure.ts'
import { chooseAccess } from '../plan/access-path.ts'
import { conjunction, conjunctsOf } from '../plan/conditions.ts'
import type { PlanNode } from '../plan/plan-node.ts'
import { Planner } from '../plan/planner.ts'
import type { SqlRow, SqlRun } from '../plan/run.ts'
import { assignTo, bindAssignments } from './assignment.ts'
import { collect, settled, type Work } from './execution.ts'
import { planForeignDelete, planForeignUpdate } from './foreign-writes.ts'
import { targetOf } from './insert.ts'
import { type Planned, planSteps } from './prepared.ts'
import { bindReturning, type Returning } from './returning.ts'
import { bindDefault, compileChecks } from './stored-expressions.ts'

/** The target and what is joined with it, bound in one scope. */
export interface BoundTarget {
  readonly scope: Scope
  readonly relation: Relation
  readonly from: FromItem
  readonly where: Expression | undefined
  /** Where the row's key stands: behind the target's columns. */
  readonly keyPlace: number
}

export function bindTargetTable(
  binder: Binder,
  name: RangeVar,
  others: readonly Node[],
  whereNode: Node | undefined,
  withClause: Parameters<typeof bindWith>[2] | undefined,
): BoundTarget {
  const scope = new Scope()
  if (withClause !== undefined) bindWith(binder, scope, withClause)
  scope.reservesKeys = true
  const relation = findRelation(binder, name)
  const alias = name.alias?.aliasname ?? relation.name
  const target = bindRelation(scope, relation, alias, name.alias)
  scope.columns = [...target.columns]
  scope.reservesKeys = false
  const joined = others.length === 0 ? undefined : bindFrom(binder, scope, others)
  scope.columns = [...target.columns, ...(joined === undefined ? [] : scope.columns)]
  const where = bindWhere(binder, scope, whereNode)
  const from = joined === undefined ? target.item : joinOf(target.item, joined)
  return { scope, relation, from, where, keyPlace: relation.columns.length }
}

function joinOf(left: FromItem, right: FromItem): JoinItem {
  const width = right.first + right.width
  return { kind: 'join', join: 'inner', left, right, condition: undefined, first: 0, width, alias: '' }
}

export function planUpdateStatement(binder: Binder, statement: UpdateStmt): Planned {
  const target = bindTargetTable(binder, statement.relation!, statement.fromClause ?? [], statement.whereClause, statement.withClause)
  if (!(target.relation instanceof TableRelation)) return planForeignUpdate(binder, target, statement)
  const { table } = target.relation
  const checks = compileChecks(binder, table)
  const changes = bindChanges(binder, target.scope, statement.targetList ?? [], table)
  const ordinals = changes.map(({ ordinal }) => ordinal)
  const plan = planUpdate(table, ordinals, checks.reading(new Set(ordinals)))
  const returning = bindReturning(binder, target.scope, statement.returningClause)
  const values = changes.map(({ expression }) => expression)
  const finder = findRows(target, [...values, ...(returning?.expressions ?? [])], plan.needed)
  const compiler = new Planner().compilerAt(0)
  const compiled = changes.map(({ ordinal, expression }) => ({ ordinal, value: compile(expression, compiler) }))
  const width = table.columns.length
  const work: Work = function* (run) {
    checks.enter(run)
    const rows: Row[] = []
    const found = yield* finder(run)
    const pending: { key: Uint8Array; old: SqlRow; changed: SqlRow }[] = []
    for (const { key, row } of found) {
      const changed = row.slice(0, width)
      yield* settled(() => {
        for (const { ordinal, value } of compiled) changed[ordinal] = value(row, run)
      })
      pending.push({ key, old: row, changed })
      if (run.transaction.slice.spend(1)) yield undefined
    }
    checks.enter(run)
    for (const { key, old, changed } of pending) {
      updateRow(run.transaction, plan, sliceOf(key), old, changed)
      if (returning !== undefined) rows.push(yield* projectWritten(returning, changed, old, width, run))
      if (run.transaction.slice.spend(1)) {
        yield undefined
        checks.enter(run)
      }
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
  readonly expression: Expression
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
    const expression = value === undefined ? bindDefault(binder, column) : assignTo(binder, value, targetOf(column))
    return { ordinal: column.ordinal, expression }
  })
}

export function planDeleteStatement(binder: Binder, statement: DeleteStmt): Planned {
  const target = bindTargetTable(binder, statement.relation!, statement.usingClause ?? [], statement.whereClause, statement.withClause)
  const returning = bindReturning(binder, target.scope, statement.returningClause)
  if (!(target.relation instanceof TableRelation)) return planForeignDelete(binder, target, returning)
  const { table } = target.relation
  const finder = findRows(target, returning?.expressions ?? [], indexedOrdinals(table))
  const work: Work = function* (run) {
    const found = yield* finder(run)
    const rows: Row[] = []
    for (const { key, row } of found) {
      deleteRow(run.transaction, table, sliceOf(key), row)
      if (returning !== undefined) rows.push(yield* settled(() => returning.project(row, run)))
      if (run.transaction.slice.spend(1)) yield undefined
    }
    return { rows, rowCount: found.length }
  }
  return planSteps({ kind: 'write' }, 'DELETE', work, returning?.columns)
}

export interface FoundRow {
  readonly key: Uint8Array
  readonly row: SqlRow
}

export type RowFinder = (run: SqlRun) => Generator<Promise<void> | undefined, FoundRow[], void>

/** All rows to change, with their keys. `extra`: what else will be read of the rows. */
export function findRows(target: BoundTarget, extra: readonly Expression[], ordinals: readonly number[]): RowFinder {
  const point = findPoint(target, extra, ordinals)
  if (point !== undefined) return pointFinder(point)
  const plan = planFound(target, extra, ordinals)
  const joins = target.from.kind === 'join'
  const { keyPlace } = target
  return function* (run) {
    const rows = yield* collect(plan, run)
    const found = rows.map((row) => ({ key: row[keyPlace] as Uint8Array, row }))
    return joins ? firstOfEach(found) : found
  }
}

function pointFinder(point: (run: SqlRun) => FoundRow[]): RowFinder {
  // oxlint-disable-next-line require-yield -- one get never pauses
  return function* (run) {
    return point(run)
  }
}

function planFound(target: BoundTarget, extra: readonly Expression[], ordinals: readonly number[]): PlanNode {
  return new Planner().planSource(target.from, target.where, extra, ordinals)
}

function firstOfEach(rows: readonly FoundRow[]): FoundRow[] {
  const seen = new Set<string>()
  return rows.filter(({ key }) => {
    const text = sliceToLatin1(sliceOf(key))
    if (seen.has(text)) return false
    seen.add(text)
    return true
  })
}

const pointWriter = new KeyWriter(64)

/** `WHERE pk = …` of a table: one get, no operators. */
function findPoint(
  target: BoundTarget,
  extra: readonly Expression[],
  ordinals: readonly number[],
): ((run: SqlRun) => FoundRow[]) | undefined {
  const { relation, from, where } = target
  if (!(relation instanceof TableRelation) || from.kind !== 'relation') return undefined
  const conditions = conjunctsOf(where)
  if ([...conditions, ...extra].some((one) => someExpression(one, ({ kind }) => kind === 'subquery'))) return undefined
  const path = chooseAccess(relation, 0, conditions, (one) => columnsRead(one).size === 0)
  if (path === undefined || !path.isPoint || !path.index.isPrimary) return undefined
  const compiler = new Planner().compilerAt(0)
  const rest = conjunction(conditions.filter((one) => !path.answered.includes(one)))
  const accepts: Predicate | undefined = rest === undefined ? undefined : compilePredicate(rest, compiler)
  const parts: Evaluate[] = path.equal.map((one) => compile(one, compiler))
  const needed = new Set(ordinals)
  for (const one of [...extra, ...conditions]) columnsRead(one, needed)
  const reader = relation.table.readerOf(needed)
  return (run) => {
    const values: SqlValue[] = parts.map((part) => part([], run))
    if (values.includes(null)) return []
    writePrimaryKey(relation.table, values, pointWriter)
    const value = run.transaction.get(pointWriter)
    if (value === undefined) return []
    const row = reader.read(value)
    return accepts !== undefined && !accepts(row, run) ? [] : [{ key: pointWriter.toBytes(), row }]
  }
}
