/**
 * INSERT, whatever it goes into: rows from VALUES or a query become drafts of the relation's rows, in which what is not given
 * is undefined; its target (`query/row-target.ts`) completes them by the rules of its model and stores them, one by one.
 */
import type { InsertStmt, Node, SelectStmt } from 'libpg-query'
import { privilege } from '../../../database/access/privileges.ts'
import { inPlace, toItsEnd } from '../../../database/transaction/wait.ts'
import type { RowDraft } from '../../../model/table/expressions.ts'
import { paused, takeWait } from '../../../query/operator.ts'
import type { Relation } from '../../../query/relation.ts'
import { Project } from '../../../query/row-operators.ts'
import { getRowTarget } from './written-rows.ts'
import { bindRelation, findRelation } from '../bind/bind-from.ts'
import { unsettledTarget } from '../bind/set-operation.ts'
import { bindWith } from '../bind/with/bind-with.ts'
import type { Binder } from '../bind/binder.ts'
import { withoutStars } from '../bind/variables.ts'
import type { BoundQuery } from '../bind/query.ts'
import { Scope } from '../bind/scope.ts'
import { itemsOf } from '../bind/tree.ts'
import type { Row } from '../contract.ts'
import { columnsRead, type Expression, someExpression } from '../expression/expression.ts'
import { notBuilt } from '../failure.ts'
import type { PlanNode } from '../plan/plan-node.ts'
import { Planner } from '../plan/planner.ts'
import type { SqlRow } from '../plan/run.ts'
import { compileRow, planRows } from '../plan/values-scan.ts'
import { pull, settled, type Work } from './execution.ts'
import {
  checkWidth,
  draftOf,
  emptyDraft,
  hasGenerated,
  type InsertColumn,
  insertedValue,
  isIgnored,
  refuseGenerated,
  targetColumns,
} from './inserted-columns.ts'
import { bindConflict, type TouchedRows } from './on-conflict.ts'
import { type Planned, planSteps } from './prepared.ts'
import { bindReturning } from './returning.ts'
import { guardOf, type InsertTests } from './row-guards.ts'
import { fillDefaults, testThrough, viewDefaults, writeThrough } from './views/write-through.ts'

export function planInsert(binder: Binder, statement: InsertStmt, scope: Scope = new Scope()): Planned {
  if (statement.withClause !== undefined) bindWith(binder, scope, statement.withClause)
  const named = findRelation(binder, statement.relation!)
  const through = writeThrough(binder, named, 'insert')
  const relation = through?.base ?? named
  const rows = getRowTarget(relation, 'insert into')
  const own = targetColumns(named, statement.cols)
  // DEFAULT VALUES names none.
  const given = statement.selectStmt === undefined ? [] : own
  for (const { number } of given) binder.access.column(named.collection, number, privilege.insert)
  binder.access.any(named.collection, privilege.insert)
  const columns = through?.placed(own) ?? own
  const source = planInsertSource(binder, scope, statement, relation, columns)
  const target = new Scope(undefined, undefined)
  const alias = statement.relation?.alias?.aliasname ?? named.name
  const names = statement.relation?.alias
  const bound = through === undefined ? bindRelation(target, relation, alias, names).columns : undefined
  target.columns = [...(bound ?? through!.bindTarget(target, alias, names))]
  if (bound === undefined) target.width = relation.columns.length
  const { onConflictClause: clause } = statement
  const tests: InsertTests = { inserted: undefined }
  const conflict = bindConflict(binder, target, statement, relation, tests, through)
  const returning = bindReturning(binder, target, statement.returningClause)
  const reads = clause?.infer !== undefined || returning?.expressions.some((one) => columnsRead(one).size > 0) === true
  tests.inserted = testThrough(binder, relation, { command: 'insert', reads }, through)
  through?.ask(columns.slice(0, given.length).flatMap(({ ordinal }) => (ordinal < 0 ? [] : [ordinal])))
  const [defaults, check] = [viewDefaults(binder, relation, through), through?.checks()]
  const options = { skipsTaken: clause !== undefined, isShown: returning !== undefined || check !== undefined }
  const work: Work = function* (run) {
    const shown: Row[] = []
    let count = 0
    const touched: TouchedRows = new Set()
    yield* inPlace(run.transaction, () => rows.begin?.(run.transaction, 'insert'))
    const operator = source.open(run)
    const guard = guardOf(tests.inserted, run)
    const guarded = guard === undefined ? options : { ...options, guard }
    for (;;) {
      const batch = pull(operator, run)
      if (batch === undefined) break
      if (batch === paused) {
        yield takeWait(run)
        continue
      }
      for (const draft of batch) {
        if (defaults !== undefined && defaults.size > 0) yield* settled(() => fillDefaults(defaults, draft, run))
        const stored = yield* toItsEnd<SqlRow | undefined>(run.transaction, () => {
          return conflict === undefined ? rows.insert(run.transaction, draft, guarded) : conflict(run, draft, touched)
        })
        if (stored === undefined) continue
        count++
        if (check !== undefined) yield* settled(() => check(stored, run))
        if (returning !== undefined) shown.push(yield* settled(() => returning.project(stored, run)))
        if (run.transaction.slice.spend(1)) yield undefined
      }
    }
    return { rows: shown, rowCount: count }
  }
  return planSteps({ kind: 'write' }, 'INSERT', work, returning?.columns)
}

/** A plan whose rows are drafts of the table's: what the statement does not give is undefined. */
function planInsertSource(
  binder: Binder,
  scope: Scope,
  statement: InsertStmt,
  relation: Relation,
  columns: readonly InsertColumn[],
): PlanNode {
  const overrides = statement.override ?? 'OVERRIDING_NOT_SET'
  const planner = new Planner(binder.progress)
  const select = statement.selectStmt
  const width = relation.columns.length
  if (select === undefined) return planRows([compileRow(emptyDraft(width), planner.compilerAt(0))])
  if (!('SelectStmt' in select)) throw notBuilt('this INSERT')
  const isExplicit = (statement.cols?.length ?? 0) > 0
  const lists = select.SelectStmt.valuesLists
  const isValues =
    lists !== undefined && select.SelectStmt.sortClause === undefined && select.SelectStmt.limitCount === undefined
  const fromQuery = (source: SelectStmt): PlanNode => {
    const query = binder.query(scope.beside(), source)
    checkWidth(query.columns.length, columns.length, isExplicit)
    refuseGenerated(columns.slice(0, query.columns.length), overrides, () => true)
    return planInsertQuery(binder, scope, query, width, columns, (column) => isIgnored(column, overrides))
  }
  if (!isValues) return fromQuery(select.SelectStmt)
  const compiler = planner.compilerAt(0)
  const given = { columns, width, isExplicit, overrides, hasGenerated: hasGenerated(columns) }
  const bound = (list: Node): { row: ReturnType<typeof draftOf>; nodes: readonly Node[] } => {
    const nodes = withoutStars(binder.variables, itemsOf(list))
    return { row: draftOf(binder, scope, nodes, given), nodes }
  }
  scope.forbidsAggregates = 'VALUES'
  if (lists.length === 1) {
    const { row, nodes } = bound(lists[0]!)
    scope.forbidsAggregates = undefined
    // A row for each that it returns, as SELECT without FROM gives them.
    if (row.some((one) => one !== undefined && someExpression(one, ({ kind }) => kind === 'set')))
      return fromQuery({ targetList: nodes.map((val) => ({ ResTarget: { val } })) })
    return planRows([compileRow(row, compiler)])
  }
  // Row by row to what it takes to run it, so that nothing of a long list is ever looked at as a whole.
  const rows = scope.withoutSets('VALUES', () =>
    binder.each(scope, lists, (list) => {
      const { row, nodes } = bound(list)
      binder.progress?.spend(nodes.length >> 2)
      return compileRow(row, compiler)
    }),
  )
  scope.forbidsAggregates = undefined
  return planRows(rows)
}

/** What `isIgnored` columns are given is computed, and then their default is taken. */
function planInsertQuery(
  binder: Binder,
  scope: Scope,
  query: BoundQuery,
  width: number,
  given: readonly InsertColumn[],
  isIgnored: (column: InsertColumn) => boolean,
): PlanNode {
  const values = new Map<number, { column: InsertColumn; value: Expression }>()
  for (const [index, { type, modifier, name }] of query.columns.entries()) {
    const column = given[index]!
    const shown: Expression = unsettledTarget(binder, query, index) ?? { kind: 'column', index, type, modifier, name }
    const value = insertedValue(binder, scope, column, shown, values.get(column.ordinal)?.value)
    values.set(column.ordinal, { column, value })
  }
  const columns = [...values.values()].map(({ column }) => column)
  const targets = [...values.values()].map(({ value }) => value)
  const placed = { first: 0, width: query.columns.length, alias: 'query' }
  const from = { kind: 'query', ...placed, query, id: binder.nextSubquery(), captures: [], isLateral: false } as const
  const tail = { order: [], limit: undefined, offset: undefined, withTies: false }
  const body = { where: undefined, grouping: undefined, isDistinct: false, distinctOn: undefined, locking: [] }
  const outputs = targets.map(({ type, modifier }, i) => ({ name: columns[i]!.name, type, modifier }))
  const plan = new Planner(binder.progress).planQuery({
    columns: outputs,
    body: { kind: 'select', from, targets, tail, ...body },
  })
  const isWhole = targets.length === width && columns.every((column, i) => column.ordinal === i && !isIgnored(column))
  const ordinals = targets.map((_, i) => (isIgnored(columns[i]!) ? undefined : columns[i]!.ordinal))
  return isWhole ? plan : planDrafts(plan, width, ordinals)
}

/** A query's rows as drafts of the table's. */
function planDrafts(plan: PlanNode, width: number, ordinals: readonly (number | undefined)[]): PlanNode {
  const toDraft = (row: SqlRow): SqlRow => {
    const draft: RowDraft = Array.from({ length: width }, () => undefined)
    for (const [i, value] of row.entries()) {
      const ordinal = ordinals[i]
      if (ordinal !== undefined) draft[ordinal] = value
    }
    return draft as SqlRow
  }
  return { explain: plan.explain, open: (run) => new Project(plan.open(run), toDraft) }
}
