/**
 * ON CONFLICT: looks for the row in the way before it stores one, and holds it locked, so that what it decides cannot change
 * under it.
 */
import type { InsertStmt, Node } from 'libpg-query'
import { privilege } from '../../../database/access/privileges.ts'
import { type Slice, sliceOf } from '../../../base/slice.ts'
import { KeyWriter } from '../../../base/tuple.ts'
import { findConflict } from '../../../model/table/constraints.ts'
import { defaultOf, type RowDraft } from '../../../model/table/expressions.ts'
import {
  planUpdate,
  prepareRow,
  storeRow,
  updateRow,
  type UpdatePlan,
  writePrimaryKey,
} from '../../../model/table/rows.ts'
import type { Column, Table, TableIndex } from '../../../model/table/table.ts'
import { compareText } from '../../../model/table/types/text.ts'
import type { Relation } from '../../../query/relation.ts'
import { TableRelation } from '../../../query/table-relation.ts'
import { bindRelation } from '../bind/bind-from.ts'
import { bindWhere } from '../bind/bind-select.ts'
import type { Binder } from '../bind/binder.ts'
import { Scope } from '../bind/scope.ts'
import type { SqlValue } from '../contract.ts'
import { compile, compilePredicate, type Compiler, type Evaluate, type Predicate } from '../expression/compile.ts'
import type { Expression } from '../expression/expression.ts'
import { failure, notBuilt } from '../failure.ts'
import { Planner } from '../plan/planner.ts'
import type { SqlRow, SqlRun } from '../plan/run.ts'
import { assignTo, bindAssignments, refuseAlways, targetOf } from './assignment.ts'
import { guardOf, type InsertTests, planRowTest, type RowTest } from './row-guards.ts'

/** Keys, as text, of the rows that this statement has stored or updated: none is updated after that. */
export type TouchedRows = Set<string>

export type Conflict = (run: SqlRun, draft: RowDraft, touched: TouchedRows) => SqlRow | undefined

/** Undefined where there is no such clause, or the target does by itself what it says. */
export function bindConflict(
  binder: Binder,
  target: Scope,
  { onConflictClause: clause }: InsertStmt,
  relation: Relation,
  tests: InsertTests,
): Conflict | undefined {
  if (clause === undefined) return undefined
  if (relation instanceof TableRelation) return bindTableConflict(binder, target, clause, relation, tests)
  if (relation.kind === 'documents') throw failure('0A000', 'ON CONFLICT is not supported for documents')
  if (clause.action === 'ONCONFLICT_UPDATE') {
    throw failure('0A000', 'ON CONFLICT DO UPDATE is not supported for Redis data')
  }
  return undefined
}

function bindTableConflict(
  binder: Binder,
  target: Scope,
  clause: NonNullable<InsertStmt['onConflictClause']>,
  relation: TableRelation,
  tests: InsertTests,
): Conflict {
  const { table } = relation
  for (const node of clause.infer?.indexElems ?? []) {
    const number = relation.columns.find(({ name }) => 'IndexElem' in node && node.IndexElem.name === name)?.number
    if (number !== undefined) binder.access.column(relation.collection, number, privilege.read)
  }
  const arbiters = findArbiters(table, clause.infer, clause.action === 'ONCONFLICT_UPDATE')
  const find = (run: SqlRun, row: SqlRow): Uint8Array | undefined => {
    for (const arbiter of arbiters) {
      // Nobody named it, so that it is one is told where a row gets so far.
      if (arbiter?.deferrable !== undefined) throw deferrableArbiter()
      const key = findConflict(run.transaction, table, arbiter, row)
      if (key !== undefined) return key
    }
    return undefined
  }
  if (clause.action !== 'ONCONFLICT_UPDATE') {
    return (run, draft) => {
      // The row must be one that the table may hold, also where another is in its way.
      const row = prepareRow(run.transaction, table, draft, guardOf(tests.inserted, run))
      if (row === undefined || find(run, row) !== undefined) return undefined
      storeRow(run.transaction, table, row)
      return row
    }
  }
  const update = bindConflictUpdate(binder, target, clause.targetList ?? [], clause.whereClause, table, relation)
  return (run, draft, touched) => {
    const row = prepareRow(run.transaction, table, draft, guardOf(tests.inserted, run))
    if (row === undefined) return undefined
    const key = find(run, row)
    if (key !== undefined) return update(run, key, row, touched)
    touched.add(keyText(storeRow(run.transaction, table, row)))
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
  const changes = compileChanges(binder, assignments, relation, compiler)
  const condition = bindWhere(binder, scope, whereNode)
  const where: Predicate | undefined = condition === undefined ? undefined : compilePredicate(condition, compiler)
  const ordinals = changes.map(({ ordinal }) => ordinal)
  for (const at of ordinals) binder.access.column(relation.collection, relation.columns[at]!.number, privilege.update)
  const plan = planUpdate(table, ordinals)
  const tests = planConflictTests(binder, relation)
  return (run, key, row, touched) => {
    if (touched.has(keyText(sliceOf(key)))) {
      throw failure('21000', 'ON CONFLICT DO UPDATE command cannot affect row a second time', {
        hint: 'Ensure that no rows proposed for insertion within the same command have duplicate constrained values.',
      })
    }
    const changed = applyConflictUpdate(run, plan, key, row, changes, where, tests)
    if (changed !== undefined) touched.add(keyText(plan.changesKey ? keyOfRow(table, changed) : sliceOf(key)))
    return changed
  }
}

interface ConflictTests {
  /** Of the row that is there: it must be one that the caller may see and update. */
  readonly old: RowTest | undefined
  readonly changed: RowTest | undefined
}

/** Who names what conflicts reads it. */
function planConflictTests(binder: Binder, relation: TableRelation): ConflictTests {
  return {
    old: planRowTest(binder, relation, { command: 'update', reads: true, isOld: true }),
    changed: planRowTest(binder, relation, { command: 'update', reads: true }),
  }
}

/**
 * A function of its own: what is returned above is kept with the plan, and with it all that any function written beside it
 * there refers to. The binder knows its caller.
 */
function compileChanges(
  binder: Binder,
  assignments: ReturnType<typeof bindAssignments>,
  relation: TableRelation,
  compiler: Compiler,
): ReturnType<typeof compileChange>[] {
  return assignments.map(({ name, value, location }) => {
    const column = relation.table.getColumn(name)
    if (value !== undefined) refuseAlways(relation.columns[column.ordinal]!, location)
    return compileChange(binder, column, value, compiler)
  })
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
  tests: ConflictTests,
): SqlRow | undefined {
  const { table } = plan
  const keySlice = sliceOf(key)
  const value = run.transaction.get(keySlice)
  if (value === undefined) return undefined
  const old = table.reader.read(value)
  // Before the caller's own condition sees it, which in PostgreSQL comes first and tells of hidden rows.
  tests.old?.(old, run)
  const both = [...old, ...row]
  if (where !== undefined && !where(both, run)) return undefined
  const changed: SqlValue[] = [...old]
  for (const change of changes) changed[change.ordinal] = change.value(both, run)
  return updateRow(run.transaction, plan, keySlice, old, changed, guardOf(tests.changed, run))
}
