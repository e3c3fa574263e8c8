/**
 * ON CONFLICT: looks for the row in the way before it stores one, and holds it locked, so that what it decides cannot change
 * under it.
 */
import type { InsertStmt, Node } from 'libpg-query'
import { privilege } from '../../../database/access/privileges.ts'
import { type Slice, sliceOf } from '../../../base/slice.ts'
import { KeyWriter } from '../../../base/tuple.ts'
import { findConflict } from '../../../model/table/constraints.ts'
import { readFound } from '../../../model/table/codec.ts'
import { defaultOf, type RowDraft } from '../../../model/table/expressions.ts'
import { asOwner } from '../../../model/table/policies.ts'
import { guardThrough, prepareRouted, routeRow } from '../../../model/table/partitions/routing.ts'
import { RowMap } from '../../../model/table/partitions/row-map.ts'
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
import { FamilyRelation } from '../../../query/family-relation.ts'
import { TableRelation } from '../../../query/table-relation.ts'
import { bindRelation } from '../bind/bind-from.ts'
import { bindWhere } from '../bind/bind-select.ts'
import type { Binder } from '../bind/binder.ts'
import { Scope } from '../bind/scope.ts'
import type { SqlValue } from '../contract.ts'
import { compile, compilePredicate, type Compiler, type Evaluate, type Predicate } from '../expression/compile.ts'
import type { Expression } from '../expression/expression.ts'
import { failure } from '../failure.ts'
import { Planner } from '../plan/planner.ts'
import type { SqlRow, SqlRun } from '../plan/run.ts'
import { assignedValue, type Assignments, bindAssignments, refuseAlways, targetOf, withRows } from './assignment.ts'
import { expressionText, predicateTerms } from './indexes/index-parts.ts'
import { guardOf, type InsertTests, planRowTest, type RowTest } from './row-guards.ts'
import type { WriteThrough } from './views/write-through.ts'

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
  through: WriteThrough | undefined,
): Conflict | undefined {
  if (clause === undefined) return undefined
  if (relation instanceof TableRelation || relation instanceof FamilyRelation) {
    return bindTableConflict(binder, target, clause, relation, tests, through)
  }
  if (relation.kind === 'view') {
    // Its triggers do what they do: there is nothing that a row could be in conflict with.
    if (clause.infer === undefined && clause.action !== 'ONCONFLICT_UPDATE') return undefined
    throw failure('42P10', 'there is no unique or exclusion constraint matching the ON CONFLICT specification')
  }
  if (relation.kind === 'documents') throw failure('0A000', 'ON CONFLICT is not supported for documents')
  if (clause.action === 'ONCONFLICT_UPDATE') {
    throw failure('0A000', 'ON CONFLICT DO UPDATE is not supported for Redis data')
  }
  return undefined
}

type StoredRelation = TableRelation | FamilyRelation

/** A table that stores rows of the one that is named, or itself. */
interface Place {
  readonly table: Table
  readonly map: RowMap
  /** Undefined for the primary key. */
  readonly arbiters: readonly (TableIndex | undefined)[]
  /** What stands behind the columns of its rows. */
  readonly system: readonly SqlValue[]
}

/** Places of a family are known as rows come to them. */
function placesOf(relation: StoredRelation, arbiters: readonly (TableIndex | undefined)[]): (table: Table) => Place {
  const { table: root } = relation
  const places = new Map<Table, Place>()
  return (table) => {
    let place = places.get(table)
    if (place === undefined) {
      const own = arbiters.map((one) => (one === undefined || table === root ? one : partOf(table, root, one)))
      const system = relation instanceof FamilyRelation ? [relation.findMember(table.id)?.tableOid ?? null] : []
      place = { table, map: RowMap.between(root, table), arbiters: own, system }
      places.set(table, place)
    }
    return place
  }
}

/** The index of a partition that is a part of the one that was named. */
function partOf(table: Table, root: Table, index: TableIndex): TableIndex {
  const map = RowMap.between(root, table)
  const places = new Set(index.parts.map(({ column }) => map.places[column.ordinal]))
  const own = table.indexes.find(
    (one) =>
      one.isUnique && one.parts.length === places.size && one.parts.every(({ column }) => places.has(column.ordinal)),
  )
  if (own !== undefined) return own
  throw failure('42P10', 'there is no unique or exclusion constraint matching the ON CONFLICT specification')
}

function bindTableConflict(
  binder: Binder,
  target: Scope,
  clause: NonNullable<InsertStmt['onConflictClause']>,
  relation: StoredRelation,
  tests: InsertTests,
  through: WriteThrough | undefined,
): Conflict {
  const { table: root } = relation
  const named = through?.view ?? relation
  for (const node of clause.infer?.indexElems ?? []) {
    const number = named.columns.find(({ name }) => 'IndexElem' in node && node.IndexElem.name === name)?.number
    if (number !== undefined) binder.access.column(named.collection, number, privilege.read)
  }
  const infer = clause.infer && through !== undefined ? through.inferred(clause.infer) : clause.infer
  const isUpdate = clause.action === 'ONCONFLICT_UPDATE'
  const placeOf = placesOf(relation, findArbiters(binder, root, infer, isUpdate))
  const update = isUpdate ? bindConflictUpdate(binder, target, clause, relation, through) : undefined
  return (run, draft, touched) => {
    const { transaction } = run
    const guard = guardOf(tests.inserted, run)
    const route =
      root.definition.partitioning === undefined ? undefined : prepareRouted(transaction, root, draft, guard)
    const place = placeOf(route?.leaf ?? root)
    // The row must be one that the table may hold, also where another is in its way.
    const row = prepareRow(transaction, place.table, route?.row ?? draft, route?.leafGuard ?? guard)
    if (row === undefined) return undefined
    const key = findInTheWay(run, place, row)
    const seen = (): SqlRow => withSystem(place, place.map.toParent(row))
    if (key !== undefined) return update?.(run, place, key, seen(), touched)
    const stored = storeRow(transaction, place.table, row)
    if (isUpdate) touched.add(keyText(stored))
    return seen()
  }
}

function withSystem({ system }: Place, row: SqlRow): SqlRow {
  return system.length === 0 ? row : [...row, ...system]
}

function findInTheWay(run: SqlRun, { table, arbiters }: Place, row: SqlRow): Uint8Array | undefined {
  for (const arbiter of arbiters) {
    // Nobody named it, so that it is one is told where a row gets so far.
    if (arbiter?.deferrable !== undefined) throw deferrableArbiter()
    const key = findConflict(run.transaction, table, arbiter, row)
    if (key !== undefined) return key
  }
  return undefined
}

function keyText({ bytes, start, end }: Slice): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('latin1')
}

/** Primary key (undefined) and unique indexes that the clause names by columns or by constraint; all where it names none. */
function findArbiters(
  binder: Binder,
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
  if (infer.conname !== undefined) {
    if (infer.conname === table.primaryKeyName) return [undefined]
    const named = unique.find((index) => index.name === infer.conname)
    if (named !== undefined) return [named]
    if (late.some((index) => index.name === infer.conname)) throw deferrableArbiter()
    throw failure('42704', `constraint "${infer.conname}" for table "${table.name}" does not exist`)
  }
  const names = (infer.indexElems ?? []).map((node) => {
    const { name, expr } = 'IndexElem' in node ? node.IndexElem : {}
    if (name === undefined) return expressionText(binder, table, expr!)
    return table.getColumn(name).name
  })
  const given = infer.whereClause === undefined ? new Set<string>() : predicateTerms(binder, table, infer.whereClause)
  const isImplied = ({ predicate }: TableIndex): boolean => predicate?.terms.every((term) => given.has(term)) !== false
  const wanted = [...names].map(String).sort(compareText).join('\0')
  const matches = (columns: readonly string[]): boolean => [...columns].sort(compareText).join('\0') === wanted
  if (table.primaryKey !== undefined && matches(table.primaryKey.map(({ column }) => column.name))) return [undefined]
  const found = unique.filter((index) => isImplied(index) && matches(index.parts.map(({ column }) => column.name)))
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
  { targetList: list = [], whereClause: whereNode }: NonNullable<InsertStmt['onConflictClause']>,
  relation: StoredRelation,
  through: WriteThrough | undefined,
): (run: SqlRun, place: Place, key: Uint8Array, row: SqlRow, touched: TouchedRows) => SqlRow | undefined {
  const scope = new Scope()
  const [own] = target.tables
  scope.tables.push(own!)
  scope.width = target.width
  const visible = [...target.columns]
  const excluded = { aliasname: 'excluded' }
  if (through === undefined) bindRelation(scope, relation, 'excluded', excluded)
  else through.bindTarget(scope, 'excluded', excluded, relation.columns.length)
  scope.columns = visible
  const assignments = bindAssignments(binder, scope, list)
  const compiler = new Planner(binder.progress).compilerAt(0)
  const changes = compileChanges(binder, scope, assignments, { relation, through, compiler })
  const condition = bindWhere(binder, scope, whereNode)
  const where: Predicate | undefined = condition === undefined ? undefined : compilePredicate(condition, compiler)
  const seenBy = withRows(assignments.rows, scope.width, compiler)
  const ordinals = changes.map(({ ordinal }) => ordinal)
  askForChanges(binder, relation, through, ordinals)
  const plans = new Map<Table, UpdatePlan>()
  const tests = testsThrough(binder, relation, through)
  return (run, place, key, row, touched) => {
    if (touched.has(keyText(sliceOf(key)))) {
      throw failure('21000', 'ON CONFLICT DO UPDATE command cannot affect row a second time', {
        hint: 'Ensure that no rows proposed for insertion within the same command have duplicate constrained values.',
      })
    }
    const { table, map } = place
    let plan = plans.get(table)
    if (plan === undefined) {
      plan = planUpdate(
        table,
        ordinals.map((ordinal) => map.places[ordinal]!),
      )
      plans.set(table, plan)
    }
    const changed = applyConflictUpdate(
      run,
      { place, plan, root: relation.table, seenBy },
      key,
      row,
      changes,
      where,
      tests,
    )
    if (changed === undefined) return undefined
    touched.add(keyText(plan.changesKey ? keyOfRow(table, changed) : sliceOf(key)))
    return withSystem(place, map.toParent(changed))
  }
}

function askForChanges(
  binder: Binder,
  { collection, columns }: StoredRelation,
  through: WriteThrough | undefined,
  ordinals: readonly number[],
): void {
  if (through !== undefined) return through.askFor(privilege.update, ordinals)
  for (const at of ordinals) binder.access.column(collection, columns[at]!.number, privilege.update)
  return undefined
}

function testsThrough(binder: Binder, relation: StoredRelation, through: WriteThrough | undefined): ConflictTests {
  const plan = (): ConflictTests => planConflictTests(binder, relation)
  return through === undefined ? plan() : through.forTable(plan)
}

interface ConflictTests {
  /** Of the row that is there: it must be one that the caller may see and update. */
  readonly old: RowTest | undefined
  readonly changed: RowTest | undefined
}

/** Who names what conflicts reads it. */
function planConflictTests(binder: Binder, relation: StoredRelation): ConflictTests {
  return {
    old: planRowTest(binder, relation, { command: 'update', reads: true, of: 'conflicting' }),
    changed: planRowTest(binder, relation, { command: 'update', reads: true }),
  }
}

/**
 * A function of its own: what is returned above is kept with the plan, and with it all that any function written beside it
 * there refers to. The binder knows its caller.
 */
function compileChanges(
  binder: Binder,
  scope: Scope,
  { list }: Assignments,
  { relation, through, compiler }: { relation: StoredRelation; through: WriteThrough | undefined; compiler: Compiler },
): { readonly ordinal: number; readonly value: Evaluate }[] {
  const values = new Map<Column, Expression | undefined>()
  for (const assignment of list) {
    const { name, value, location } = assignment
    const at = through?.ordinalOf(name, location)
    const column = at === undefined ? relation.table.getColumn(name) : relation.table.columns[at]!
    if (value !== undefined) refuseAlways(relation.columns[column.ordinal]!)
    const target = targetOf(column)
    const { type, modifier } = target
    const base: Expression = values.get(column) ?? { kind: 'column', index: column.ordinal, type, modifier, name }
    values.set(column, assignedValue(binder, scope, assignment, target, base))
  }
  return [...values].map(([column, value]) => ({
    ordinal: column.ordinal,
    value: compileChange(column, value, compiler),
  }))
}

/** What an update puts into a column; `value` undefined is its default. */
function compileChange(column: Column, value: Expression | undefined, compiler: Compiler): Evaluate {
  return value === undefined ? (_row, run) => defaultOf(run.transaction, column) : compile(value, compiler)
}

function keyOfRow(table: Table, row: SqlRow): Slice {
  const primaryKey = table.primaryKey!.map(({ column }) => row[column.ordinal]!)
  return writePrimaryKey(table, primaryKey, new KeyWriter(64))
}

interface ConflictPlan {
  readonly place: Place
  readonly plan: UpdatePlan
  readonly root: Table
  readonly seenBy: (row: SqlRow, run: SqlRun) => SqlRow
}

/** Conditions and values see rows as the table that is named has them. Answers the row as it is stored. */
function applyConflictUpdate(
  run: SqlRun,
  { place: { table, map, system }, plan, root, seenBy }: ConflictPlan,
  key: Uint8Array,
  row: SqlRow,
  changes: readonly { ordinal: number; value: Evaluate }[],
  where: Predicate | undefined,
  tests: ConflictTests,
): SqlRow | undefined {
  const keySlice = sliceOf(key)
  const value = run.transaction.get(keySlice)
  if (value === undefined) return undefined
  const old = readFound(table.reader, value)
  const shown = map.toParent(old)
  // Before the caller's own condition sees it, which in PostgreSQL comes first and tells of hidden rows.
  tests.old?.(shown, run)
  const both = [...shown, ...system, ...row]
  if (where !== undefined && !where(both, run)) return undefined
  const changed: SqlValue[] = [...shown]
  const seen = seenBy(both, run)
  for (const change of changes) changed[change.ordinal] = change.value(seen, run)
  if (root !== table && routeRow(run.transaction, root, changed) !== table) {
    throw failure('0A000', 'invalid ON UPDATE specification', {
      detail: 'The result tuple would appear in a different partition than the original tuple.',
    })
  }
  const guard = guardOf(tests.changed, run)
  const through = root === table ? guard : guardThrough(map, guard ?? asOwner)
  return updateRow(run.transaction, plan, keySlice, old, map.toChild(changed, null), through)
}
