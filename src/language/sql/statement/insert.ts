/**
 * INSERT: rows from VALUES or a query, completed by defaults, stored one by one. ON CONFLICT looks for the row in the way
 * before it stores one, and holds it locked, so that what it decides cannot change under it.
 */
import type { InsertStmt, Node } from 'libpg-query'
import { KeyWriter } from '../../../base/tuple.ts'
import { type Slice, sliceOf } from '../../../base/slice.ts'
import { findConflict } from '../../../model/table/constraints.ts'
import { completeRow, defaultOf, type RowDraft } from '../../../model/table/expressions.ts'
import {
  checkNewRow,
  insertRow,
  planUpdate,
  updateRow,
  type UpdatePlan,
  writePrimaryKey,
} from '../../../model/table/rows.ts'
import { compareText } from '../../../model/table/types/text.ts'
import type { Column, Table, TableIndex } from '../../../model/table/table.ts'
import { paused, takeWait } from '../../../query/operator.ts'
import { Project } from '../../../query/row-operators.ts'
import { TableRelation } from '../../../query/table-relation.ts'
import { bindRelation, findRelation } from '../bind/bind-from.ts'
import { bindWhere, bindWith, unsettledTarget } from '../bind/bind-select.ts'
import type { Binder } from '../bind/binder.ts'
import type { BoundQuery } from '../bind/query.ts'
import { Scope } from '../bind/scope.ts'
import { itemsOf, locationOf } from '../bind/tree.ts'
import type { Row, SqlValue } from '../contract.ts'
import { compile, compilePredicate, type Compiler, type Evaluate, type Predicate } from '../expression/compile.ts'
import type { Expression } from '../expression/expression.ts'
import { failure, notBuilt } from '../failure.ts'
import type { PlanNode } from '../plan/plan-node.ts'
import { Planner } from '../plan/planner.ts'
import type { SqlRow, SqlRun } from '../plan/run.ts'
import { compileRow, planRows } from '../plan/values-scan.ts'
import { inPlace } from '../../../database/wait.ts'
import { assignTo, bindAssignments } from './assignment.ts'
import { pull, settled, type Work } from './execution.ts'
import { planForeignInsert } from './foreign-writes.ts'
import { type Planned, planSteps } from './prepared.ts'
import { bindReturning } from './returning.ts'

export function planInsert(binder: Binder, statement: InsertStmt): Planned {
  const scope = new Scope()
  if (statement.withClause !== undefined) bindWith(binder, scope, statement.withClause)
  const relation = findRelation(binder, statement.relation!)
  if (!(relation instanceof TableRelation)) return planForeignInsert(binder, scope, statement, relation)
  const { table } = relation
  const columns = targetColumns(table, statement.cols)
  const source = planInsertSource(binder, scope, statement, table, columns)
  const target = new Scope(undefined, undefined)
  const alias = statement.relation?.alias?.aliasname ?? table.name
  target.columns = [...bindRelation(target, relation, alias, statement.relation?.alias).columns]
  const conflict =
    statement.onConflictClause === undefined ? undefined : bindConflict(binder, target, statement, table, relation)
  const returning = bindReturning(binder, target, statement.returningClause)
  const work: Work = function* (run) {
    const rows: Row[] = []
    let count = 0
    const touched: TouchedRows = new Set()
    const operator = source.open(run)
    for (;;) {
      const batch = pull(operator, run)
      if (batch === undefined) break
      if (batch === paused) {
        yield takeWait(run)
        continue
      }
      for (const draft of batch) {
        const row = yield* settled(() => completeRow(run.transaction, table, draft))
        const stored = yield* inPlace(run.transaction, () => {
          return conflict === undefined ? storeRow(run, table, row) : conflict(run, row, touched)
        })
        if (stored === undefined) continue
        count++
        if (returning !== undefined) rows.push(yield* settled(() => returning.project(stored, run)))
        if (run.transaction.slice.spend(1)) yield undefined
      }
    }
    return { rows, rowCount: count }
  }
  return planSteps({ kind: 'write' }, 'INSERT', work, returning?.columns)
}

function storeRow(run: SqlRun, table: Table, row: SqlRow): SqlRow {
  insertRow(run.transaction, table, row)
  return row
}

/** The columns that are given, in the order of the text. */
function targetColumns(table: Table, nodes: readonly Node[] | undefined): readonly Column[] {
  if (nodes === undefined || nodes.length === 0) return table.columns
  const seen = new Set<Column>()
  for (const node of nodes) {
    if (!('ResTarget' in node)) continue
    const { name = '', location, indirection } = node.ResTarget
    if (indirection !== undefined) throw notBuilt('insertion into a part of a column', location)
    const column = table.findColumn(name)
    if (column === undefined) {
      throw failure('42703', `column "${name}" of relation "${table.name}" does not exist`, { location })
    }
    if (seen.has(column)) throw failure('42701', `column "${name}" specified more than once`, { location })
    seen.add(column)
  }
  return [...seen]
}

/** A plan whose rows are drafts of the table's: what the statement does not give is undefined. */
function planInsertSource(
  binder: Binder,
  scope: Scope,
  statement: InsertStmt,
  table: Table,
  columns: readonly Column[],
): PlanNode {
  const overrides = statement.override ?? 'OVERRIDING_NOT_SET'
  const planner = new Planner(binder.progress)
  const select = statement.selectStmt
  const width = table.columns.length
  if (select === undefined) return planRows([compileRow(emptyDraft(width), planner.compilerAt(0))])
  if (!('SelectStmt' in select)) throw notBuilt('this INSERT')
  const lists = select.SelectStmt.valuesLists
  const isValues =
    lists !== undefined && select.SelectStmt.sortClause === undefined && select.SelectStmt.limitCount === undefined
  if (!isValues) {
    refuseGenerated(columns, overrides, () => true)
    return planInsertQuery(binder, binder.query(scope, select.SelectStmt), table, columns)
  }
  const isExplicit = (statement.cols?.length ?? 0) > 0
  const hasGenerated = columns.some(({ definition }) => definition.identity === 'always')
  const targets = columns.map(targetOf)
  const compiler = planner.compilerAt(0)
  // Row by row to what it takes to run it, so that nothing of a long list is ever looked at as a whole.
  const rows = binder.each(scope, lists, (list) => {
    const nodes = itemsOf(list)
    if (nodes.length !== columns.length) {
      checkWidth(nodes.length, columns.length, isExplicit, locationOf(nodes[columns.length]))
    }
    if (hasGenerated) refuseGenerated(columns.slice(0, nodes.length), overrides, (i) => !('SetToDefault' in nodes[i]!))
    const row = emptyDraft(width)
    const place = (node: Node, i: number): void => {
      const column = columns[i]!
      if ('SetToDefault' in node) return
      if (column.definition.identity === 'always' && overrides === 'OVERRIDING_USER_VALUE') return
      row[column.ordinal] = assignTo(binder, binder.expression(scope, node), targets[i]!)
    }
    nodes.forEach(place)
    binder.progress?.spend(nodes.length >> 2)
    return compileRow(row, compiler)
  })
  return planRows(rows)
}

function emptyDraft(width: number): (Expression | undefined)[] {
  return Array.from({ length: width }, () => undefined)
}

export function targetOf(column: Column): { name: string; type: number; modifier: number } {
  return { name: column.name, type: column.type.oid, modifier: column.modifier }
}

function checkWidth(given: number, wanted: number, isExplicit: boolean, location?: number): void {
  if (given > wanted) throw failure('42601', 'INSERT has more expressions than target columns', { location })
  if (given < wanted && isExplicit) throw failure('42601', 'INSERT has more target columns than expressions')
}

function refuseGenerated(columns: readonly Column[], override: string, isGiven: (index: number) => boolean): void {
  if (override !== 'OVERRIDING_NOT_SET') return
  for (const [i, column] of columns.entries()) {
    if (column.definition.identity !== 'always' || !isGiven(i)) continue
    throw failure('428C9', `cannot insert a non-DEFAULT value into column "${column.name}"`, {
      detail: `Column "${column.name}" is an identity column defined as GENERATED ALWAYS.`,
      hint: 'Use OVERRIDING SYSTEM VALUE to override.',
    })
  }
}

function planInsertQuery(binder: Binder, query: BoundQuery, table: Table, columns: readonly Column[]): PlanNode {
  checkWidth(query.columns.length, columns.length, columns !== table.columns)
  const targets = query.columns.map(({ type, modifier, name }, index) => {
    const given: Expression = { kind: 'column', index, type, modifier, name }
    return assignTo(binder, unsettledTarget(binder, query, index) ?? given, targetOf(columns[index]!))
  })
  const placed = { first: 0, width: query.columns.length, alias: 'query' }
  const from = { kind: 'query', ...placed, query, id: binder.nextSubquery(), captures: [], isLateral: false } as const
  const tail = { order: [], limit: undefined, offset: undefined, withTies: false }
  const body = { where: undefined, grouping: undefined, isDistinct: false, distinctOn: undefined, locking: [] }
  const outputs = targets.map(({ type, modifier }, i) => ({ name: columns[i]!.name, type, modifier }))
  const plan = new Planner(binder.progress).planQuery({
    columns: outputs,
    body: { kind: 'select', from, targets, tail, ...body },
  })
  const isWhole = columns.length === table.columns.length && columns.every(({ ordinal }, i) => ordinal === i)
  return isWhole && targets.length === columns.length ? plan : planDrafts(plan, table, columns)
}

/** A query's rows as drafts of the table's. */
function planDrafts(plan: PlanNode, table: Table, columns: readonly Column[]): PlanNode {
  const toDraft = (row: SqlRow): SqlRow => {
    const draft: RowDraft = Array.from({ length: table.columns.length }, () => undefined)
    for (const [i, value] of row.entries()) draft[columns[i]!.ordinal] = value
    return draft as SqlRow
  }
  return { explain: plan.explain, open: (run) => new Project(plan.open(run), toDraft) }
}

/** Keys, as text, of the rows that this statement has stored or updated: none is updated after that. */
type TouchedRows = Set<string>

type Conflict = (run: SqlRun, row: SqlRow, touched: TouchedRows) => SqlRow | undefined

function bindConflict(
  binder: Binder,
  target: Scope,
  statement: InsertStmt,
  table: Table,
  relation: TableRelation,
): Conflict {
  const clause = statement.onConflictClause!
  const arbiters = findArbiters(table, clause.infer, clause.action === 'ONCONFLICT_UPDATE')
  const find = (run: SqlRun, row: SqlRow): Uint8Array | undefined => {
    // The row must be one that the table may hold, also where another is in its way.
    checkNewRow(run.transaction, table, row)
    for (const arbiter of arbiters) {
      // Nobody named it, so that it is one is told where a row gets so far.
      if (arbiter?.deferrable !== undefined) throw deferrableArbiter()
      const key = findConflict(run.transaction, table, arbiter, row)
      if (key !== undefined) return key
    }
    return undefined
  }
  if (clause.action !== 'ONCONFLICT_UPDATE') {
    return (run, row) => (find(run, row) === undefined ? storeRow(run, table, row) : undefined)
  }
  const update = bindConflictUpdate(binder, target, clause.targetList ?? [], clause.whereClause, table, relation)
  return (run, row, touched) => {
    const key = find(run, row)
    if (key !== undefined) return update(run, key, row, touched)
    touched.add(keyText(insertRow(run.transaction, table, row)))
    return row
  }
}

function keyText({ bytes, start, end }: Slice): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('latin1')
}

/** Primary key (undefined) and unique indexes that the clause names by columns or by constraint; all where it names none. */
function findArbiters(
  table: Table,
  infer: { readonly indexElems?: Node[]; readonly conname?: string; readonly whereClause?: Node } | undefined,
  isUpdate: boolean,
): readonly (TableIndex | undefined)[] {
  const unique = table.indexes.filter((index) => index.isUnique && index.deferrable === undefined)
  const late = table.indexes.filter((index) => index.isUnique && index.deferrable !== undefined)
  if (infer === undefined) {
    if (isUpdate) throw failure('42601', 'ON CONFLICT DO UPDATE requires inference specification or constraint name')
    return [...(table.primaryKey === undefined ? [] : [undefined]), ...table.indexes.filter((index) => index.isUnique)]
  }
  if (infer.whereClause !== undefined) throw notBuilt('ON CONFLICT with a predicate')
  if (infer.conname !== undefined) {
    if (infer.conname === table.primaryKeyName) return [undefined]
    const named = unique.find((index) => index.name === infer.conname)
    if (named !== undefined) return [named]
    if (late.some((index) => index.name === infer.conname)) throw deferrableArbiter()
    throw failure('42704', `constraint "${infer.conname}" for table "${table.name}" does not exist`)
  }
  const names = (infer.indexElems ?? []).map((node) => ('IndexElem' in node ? node.IndexElem.name : undefined))
  for (const name of names) if (name !== undefined) table.getColumn(name)
  const wanted = [...names].map(String).sort(compareText).join('\0')
  const matches = (columns: readonly string[]): boolean => [...columns].sort(compareText).join('\0') === wanted
  if (table.primaryKey !== undefined && matches(table.primaryKey.map(({ column }) => column.name))) return [undefined]
  const found = unique.filter((index) => matches(index.parts.map(({ column }) => column.name)))
  if (found.length > 0) return found
  if (late.some((index) => matches(index.parts.map(({ column }) => column.name)))) throw deferrableArbiter()
  throw failure('42P10', 'there is no unique or exclusion constraint matching the ON CONFLICT specification')
}

function deferrableArbiter(): Error {
  const message = 'ON CONFLICT does not support deferrable unique constraints/exclusion constraints as arbiters'
  return failure('55000', message)
}

/** The row is (the existing row, excluded): the clause's own scope. */
function bindConflictUpdate(
  binder: Binder,
  target: Scope,
  list: readonly Node[],
  whereNode: Node | undefined,
  table: Table,
  relation: TableRelation,
): (run: SqlRun, key: Uint8Array, row: SqlRow, touched: TouchedRows) => SqlRow | undefined {
  const scope = new Scope()
  const [own] = target.tables
  scope.tables.push(own!)
  scope.width = target.width
  const visible = [...target.columns]
  bindRelation(scope, relation, 'excluded', { aliasname: 'excluded' })
  scope.columns = visible
  const assignments = bindAssignments(binder, scope, list)
  const compiler = new Planner(binder.progress).compilerAt(0)
  const changes = assignments.map(({ name, value }) => {
    return compileChange(binder, table.getColumn(name), value, compiler)
  })
  const condition = bindWhere(binder, scope, whereNode)
  const where: Predicate | undefined = condition === undefined ? undefined : compilePredicate(condition, compiler)
  const ordinals = changes.map(({ ordinal }) => ordinal)
  const plan = planUpdate(table, ordinals)
  return (run, key, row, touched) => {
    if (touched.has(keyText(sliceOf(key)))) {
      throw failure('21000', 'ON CONFLICT DO UPDATE command cannot affect row a second time', {
        hint: 'Ensure that no rows proposed for insertion within the same command have duplicate constrained values.',
      })
    }
    const changed = applyConflictUpdate(run, plan, key, row, changes, where)
    if (changed !== undefined) touched.add(keyText(plan.changesKey ? keyOfRow(table, changed) : sliceOf(key)))
    return changed
  }
}

/** What an update puts into a column; `value` undefined is its default. */
function compileChange(
  binder: Binder,
  column: Column,
  value: Expression | undefined,
  compiler: Compiler,
): { readonly ordinal: number; readonly value: Evaluate } {
  const { ordinal } = column
  if (value === undefined) return { ordinal, value: (_row, run) => defaultOf(run.transaction, column) }
  return { ordinal, value: compile(assignTo(binder, value, targetOf(column)), compiler) }
}

function keyOfRow(table: Table, row: SqlRow): Slice {
  const primaryKey = table.primaryKey!.map(({ column }) => row[column.ordinal]!)
  return writePrimaryKey(table, primaryKey, new KeyWriter(64))
}

function applyConflictUpdate(
  run: SqlRun,
  plan: UpdatePlan,
  key: Uint8Array,
  row: SqlRow,
  changes: readonly { ordinal: number; value: Evaluate }[],
  where: Predicate | undefined,
): SqlRow | undefined {
  const { table } = plan
  const keySlice = sliceOf(key)
  const value = run.transaction.get(keySlice)
  if (value === undefined) return undefined
  const old = table.reader.read(value)
  const both = [...old, ...row]
  if (where !== undefined && !where(both, run)) return undefined
  const changed: SqlValue[] = [...old]
  for (const change of changes) changed[change.ordinal] = change.value(both, run)
  updateRow(run.transaction, plan, keySlice, old, changed)
  return changed
}
