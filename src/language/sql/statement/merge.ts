/**
 * MERGE: each row of a source is joined with the rows of the target that its condition finds, and the first WHEN clause that
 * applies says what becomes of the pair.
 *
 * The source is joined on the left, so that a row of it without a partner has NULL in the place of the target's key. All pairs are
 * found first, each with the number of its clause and what that needs computed behind it (`held-rows.ts`), and done then:
 * no clause sees what the statement itself has written. A row that was changed since the statement's snapshot makes the statement
 * run again, as it does any other, so conditions are always tested on the newest row.
 *
 * Invariants: a row of the target is changed once; a second clause that would is an error.
 */
import type { MergeStmt, MergeWhenClause, Node } from 'libpg-query'
import { privilege } from '../../../database/access/privileges.ts'
import { sliceOf, sliceToLatin1 } from '../../../base/slice.ts'
import type { StatementSteps } from '../../../database/contract.ts'
import { atOnce, inPlace, isSteps } from '../../../database/transaction/wait.ts'
import type { RowEvent } from '../../../model/table/row-hooks.ts'
import { keyBytes } from '../../../query/row-format.ts'
import type { Relation } from '../../../query/relation.ts'
import type { Applied, RowTarget } from '../../../query/row-target.ts'
import { bindFrom, bindRelation, findRelation, joinItems } from '../bind/bind-from.ts'
import type { Binder } from '../bind/binder.ts'
import { requireBoolean } from '../bind/coerce.ts'
import type { FromItem } from '../bind/query.ts'
import { type ChecksWanted, securedFor } from '../bind/row-security.ts'
import { Scope } from '../bind/scope.ts'
import { itemsOf } from '../bind/tree.ts'
import { withoutStars } from '../bind/variables.ts'
import { ViewRelation } from '../bind/view-relation.ts'
import { bindWith } from '../bind/with/bind-with.ts'
import { freeze, isWrittenTwice } from '../bind/with/freezing.ts'
import type { SqlValue } from '../contract.ts'
import { compile, type Compiler, compilePredicate, type Evaluate } from '../expression/compile.ts'
import { drawingOnce } from '../expression/draws.ts'
import type { Expression } from '../expression/expression.ts'
import { isVolatile } from '../expression/volatile.ts'
import { failure, notBuilt } from '../failure.ts'
import { costOf } from '../plan/metered.ts'
import { Planner } from '../plan/planner.ts'
import type { SqlRow, SqlRun } from '../plan/run.ts'
import { withRows } from './assignment.ts'
import type { Work } from './execution.ts'
import { type ChangeRow, eachFound, RowsOfPlan } from './held-rows.ts'
import { draftOf, emptyDraft, hasGenerated, targetColumns } from './inserted-columns.ts'
import { type Planned, planSteps } from './prepared.ts'
import { guardOf, planRowTest, type RowTest } from './row-guards.ts'
import { bindChanges, compileChanges } from './update.ts'
import { isUntouched } from './with-writes.ts'
import { getRowTarget, isMaterializedView } from './written-rows.ts'

interface MergeTarget {
  readonly scope: Scope
  readonly relation: Relation
  readonly rows: RowTarget
  /** Where its row begins, and where its key stands. */
  readonly first: number
  readonly keyPlace: number
  /** Another statement of the same WITH writes it as well. */
  readonly isShared: boolean
  readonly from: FromItem
}

/** A WHEN clause, bound. */
interface BoundClause {
  readonly isMatched: boolean
  /** Undefined: DO NOTHING. */
  readonly event: RowEvent | undefined
  readonly condition: Expression | undefined
  /** All that it evaluates, the condition included. */
  readonly reads: readonly Expression[]
  /** Ordinals of the target that a row which it changes must hold. */
  readonly needed: Iterable<number>
  /** What the clause has to know of a pair before anything is changed. */
  readonly compute: (row: SqlRow, run: SqlRun) => SqlRow
  /** `old`: the target's row. */
  apply(run: SqlRun, found: Pair): Applied<unknown>
}

interface Pair {
  readonly key: Uint8Array
  readonly old: SqlRow
  readonly values: SqlRow
}

const nothingComputed: readonly SqlValue[] = []

export function planMerge(binder: Binder, statement: MergeStmt): Planned {
  const target = bindMergeTarget(binder, statement)
  const { scope, first, keyPlace, relation } = target
  const clauses = whenClauses(statement).map((clause) => bindClause(binder, target, clause))
  const width = relation.columns.length
  const reads = clauses.flatMap((clause) => clause.reads)
  const needed = new Set(clauses.flatMap((clause) => [...clause.needed]).map((ordinal) => first + ordinal))
  const plan = new Planner(binder.progress).planSource(target.from, undefined, reads, needed)
  const cost = 1 + (binder.progress === undefined ? 0 : costOf(reads))
  const choose = chooser(binder, clauses, keyPlace)
  const place = scope.width
  const events = (['insert', 'update', 'delete'] as const).filter((event) => clauses.some((one) => one.event === event))
  const work: Work = function* (run) {
    yield* inPlace(run.transaction, () => target.rows.begin?.(run.transaction, ...events))
    const touched = new Set<string>()
    const change: ChangeRow = (row) => {
      const clause = clauses[row[place] as number]
      if (clause?.event === undefined) return false
      const key = row[keyPlace] as Uint8Array
      if (clause.isMatched) {
        if (target.isShared && !isUntouched(run, key)) return false
        touch(run, touched, key)
      }
      const pair = { key, old: row.slice(first, first + width), values: row.slice(place + 1) }
      const done = atOnce<unknown>(run.transaction, () => clause.apply(run, pair))
      return isSteps(done) ? toItsCount(done) : isDone(done)
    }
    return yield* eachFound({ open: (at) => new RowsOfPlan(plan, at) }, run, cost, choose, change)
  }
  return planSteps({ kind: 'write' }, 'MERGE', work)
}

/** Of an insert and an update the row, of a delete whether there was one. */
function isDone(done: unknown): boolean {
  return done !== undefined && done !== false
}

function* toItsCount(steps: StatementSteps<unknown>): StatementSteps<boolean> {
  return isDone(yield* steps)
}

function touch({ transaction }: SqlRun, touched: Set<string>, key: Uint8Array): void {
  const text = sliceToLatin1(sliceOf(key))
  if (touched.has(text)) {
    throw failure('21000', 'MERGE command cannot affect row a second time', {
      hint: 'Ensure that not more than one source row matches any one target row.',
    })
  }
  transaction.workspace.memory.charge(keyBytes(text), 'the keys of a statement that writes')
  touched.add(text)
}

/** Behind a pair: the number of its clause, −1 where none applies, and what that computes. */
function chooser(
  binder: Binder,
  clauses: readonly BoundClause[],
  keyPlace: number,
): (row: SqlRow, run: SqlRun) => SqlRow {
  const compiler = new Planner(binder.progress).compilerAt(0)
  const applies = clauses.map(({ condition }) => condition && compilePredicate(condition, compiler))
  const choose = (row: SqlRow, run: SqlRun): SqlRow => {
    const isMatched = row[keyPlace] !== null
    const at = clauses.findIndex((clause, i) => clause.isMatched === isMatched && applies[i]?.(row, run) !== false)
    return at < 0 ? [-1] : [at, ...clauses[at]!.compute(row, run)]
  }
  return clauses.some(({ reads }) => reads.some(isVolatile)) ? drawingOnce(choose) : choose
}

// ---- what is joined

/** The source, and behind it the target, as one row. */
export function bindMergeTarget(binder: Binder, statement: MergeStmt): MergeTarget {
  const { relation: name, sourceRelation, joinCondition, withClause } = statement
  if (statement.returningClause !== undefined) throw notBuilt('RETURNING of MERGE')
  const clauses = whenClauses(statement)
  const scope = new Scope()
  if (withClause?.recursive === true) {
    throw failure('42601', 'WITH RECURSIVE is not supported for MERGE statement')
  }
  if (withClause !== undefined) bindWith(binder, scope, withClause)
  refuseUnreachable(clauses)
  const named = findRelation(binder, name!)
  refuseView(named)
  const rows = getRowTarget(named, 'merge into')
  const relation = securedFor(binder, named, 'select')
  const source = bindFrom(binder, scope, [sourceRelation!])!
  const alias = name!.alias?.aliasname ?? named.name
  if (scope.tables.some((table) => table.alias === alias)) {
    const detail = 'The name is used both as MERGE target table and data source.'
    throw failure('42712', `name "${alias}" specified more than once`, { detail })
  }
  const sourceColumns = [...scope.columns]
  const isShared = isWrittenTwice(binder, relation)
  scope.reservesKeys = true
  const bound = bindRelation(scope, isShared ? freeze(binder, relation) : relation, alias, name!.alias)
  scope.reservesKeys = false
  scope.columns = [...bound.columns, ...sourceColumns]
  scope.forbidsAggregates = 'JOIN conditions'
  const condition = scope.withoutSets('JOIN conditions', () =>
    requireBoolean(binder, binder.expression(scope, joinCondition!), 'JOIN/ON'),
  )
  scope.forbidsAggregates = undefined
  // What has no partner is only of interest where something is said of it.
  const kind = clauses.some((clause) => !isMatchedClause(clause)) ? 'left' : 'inner'
  const from = joinItems(binder, kind, source, bound.item, condition)
  const { first, width } = bound.item
  return { scope, relation, rows, first, keyPlace: first + width - 1, isShared, from }
}

function refuseView(relation: Relation): void {
  const isMaterialized = isMaterializedView(relation)
  if (!isMaterialized && !(relation instanceof ViewRelation)) return
  throw failure('42809', `cannot execute MERGE on relation "${relation.name}"`, {
    detail: `This operation is not supported for ${isMaterialized ? 'materialized ' : ''}views.`,
  })
}

function whenClauses({ mergeWhenClauses = [] }: MergeStmt): readonly MergeWhenClause[] {
  return mergeWhenClauses.flatMap((node) => ('MergeWhenClause' in node ? [node.MergeWhenClause] : []))
}

function isMatchedClause({ matchKind }: MergeWhenClause): boolean {
  if (matchKind === 'MERGE_WHEN_NOT_MATCHED_BY_SOURCE') throw notBuilt('WHEN NOT MATCHED BY SOURCE')
  return matchKind === undefined || matchKind === 'MERGE_WHEN_MATCHED'
}

/** Errors: 42601 for a clause that one before it leaves nothing to. */
function refuseUnreachable(clauses: readonly MergeWhenClause[]): void {
  const closed = new Set<boolean>()
  for (const clause of clauses) {
    const isMatched = isMatchedClause(clause)
    if (closed.has(isMatched)) {
      throw failure('42601', 'unreachable WHEN clause specified after unconditional WHEN clause')
    }
    if (clause.condition === undefined) closed.add(isMatched)
  }
}

// ---- what is done

function bindClause(binder: Binder, target: MergeTarget, clause: MergeWhenClause): BoundClause {
  const isMatched = isMatchedClause(clause)
  const bind = (): BoundClause => {
    const condition = bindCondition(binder, target.scope, clause.condition)
    const base = { isMatched, condition, reads: condition === undefined ? [] : [condition] }
    if (clause.commandType === 'CMD_UPDATE') return bindUpdate(binder, target, clause, base)
    if (clause.commandType === 'CMD_DELETE') return bindDelete(binder, target, base)
    if (clause.commandType === 'CMD_INSERT') return bindInsert(binder, target, clause, base)
    return { ...base, event: undefined, needed: [], compute: nothingToCompute, apply: () => undefined }
  }
  // Where there is no row of the target none of its columns can be named.
  return isMatched ? bind() : target.scope.withoutTable(target.scope.tables.length - 1, bind)
}

type Base = Pick<BoundClause, 'isMatched' | 'condition' | 'reads'>

function nothingToCompute(): SqlRow {
  return nothingComputed as SqlRow
}

function bindCondition(binder: Binder, scope: Scope, node: Node | undefined): Expression | undefined {
  if (node === undefined) return undefined
  scope.forbidsAggregates = 'MERGE WHEN conditions'
  return scope.withoutSets('MERGE WHEN conditions', () =>
    requireBoolean(binder, binder.expression(scope, node), 'WHEN'),
  )
}

function compilerOf(binder: Binder): Compiler {
  return new Planner(binder.progress).compilerAt(0)
}

/** Of a row that policies are to be asked of everything is needed. */
function neededFor(test: RowTest | undefined, relation: Relation, needed: Iterable<number>): Iterable<number> {
  return test === undefined ? needed : relation.columns.keys()
}

function bindUpdate(
  binder: Binder,
  target: MergeTarget,
  { targetList = [] }: MergeWhenClause,
  base: Base,
): BoundClause {
  const { scope, relation, rows, first } = target
  scope.forbidsAggregates = 'UPDATE'
  const bound = bindChanges(binder, { scope, relation, through: undefined }, targetList, rows, first)
  const update = rows.update(bound.changes.map(({ column }) => column))
  const compiler = compilerOf(binder)
  const changes = compileChanges(bound.changes, rows, compiler)
  const seenBy = withRows(bound.rows, scope.width, compiler)
  const test = planRowTest(binder, relation, { command: 'update', reads: true })
  const oldTest = planTargetTest(binder, relation, 'update')
  const values = [...bound.rows, ...bound.changes.flatMap(({ expression }) => expression ?? [])]
  return {
    ...base,
    event: 'update',
    reads: [...base.reads, ...values],
    needed: neededFor(test, relation, update.needed),
    compute: (row, run) => {
      const seen = seenBy(row, run)
      return changes.map(({ value }) => value(seen, run))
    },
    apply: (run, { key, old, values: given }) => {
      oldTest?.(old, run)
      const changed = [...old]
      for (const [i, { column }] of changes.entries()) changed[column] = given[i]!
      return update.apply(run.transaction, { key, row: old }, changed, guardOf(test, run))
    },
  }
}

function bindDelete(binder: Binder, { relation, rows }: MergeTarget, base: Base): BoundClause {
  binder.access.any(relation.collection, privilege.delete)
  const removal = rows.delete()
  const oldTest = planTargetTest(binder, relation, 'delete')
  return {
    ...base,
    event: 'delete',
    needed: neededFor(oldTest, relation, removal.needed),
    compute: nothingToCompute,
    apply: (run, { key, old }) => {
      oldTest?.(old, run)
      return removal.apply(run.transaction, { key, row: old })
    },
  }
}

/** Whoever may not do so with a row is told, where UPDATE and DELETE would not find it. */
function planTargetTest(binder: Binder, relation: Relation, command: ChecksWanted['command']): RowTest | undefined {
  return planRowTest(binder, relation, { command, reads: false, of: 'target' })
}

function bindInsert(
  binder: Binder,
  { scope, relation, rows }: MergeTarget,
  { targetList, values = [], override: overrides = 'OVERRIDING_NOT_SET' }: MergeWhenClause,
  base: Base,
): BoundClause {
  const width = relation.columns.length
  const columns = targetColumns(relation, targetList)
  const nodes = withoutStars(binder.variables, itemsOf({ List: { items: values } }))
  scope.forbidsAggregates = 'VALUES'
  const given = { columns, width, isExplicit: (targetList?.length ?? 0) > 0, overrides }
  const draft = scope.withoutSets('VALUES', () =>
    nodes.length === 0
      ? emptyDraft(width)
      : draftOf(binder, scope, nodes, { ...given, hasGenerated: hasGenerated(columns) }),
  )
  for (const { number } of nodes.length === 0 ? [] : columns) {
    binder.access.column(relation.collection, number, privilege.insert)
  }
  binder.access.any(relation.collection, privilege.insert)
  const compiler = compilerOf(binder)
  const set = draft.flatMap((expression, ordinal) => (expression === undefined ? [] : [{ ordinal, expression }]))
  const compiled: readonly Evaluate[] = set.map(({ expression }) => compile(expression, compiler))
  const test = planRowTest(binder, relation, { command: 'insert', reads: false })
  const options = { skipsTaken: false, isShown: false }
  return {
    ...base,
    event: 'insert',
    reads: [...base.reads, ...set.map(({ expression }) => expression)],
    needed: [],
    compute: (row, run) => compiled.map((value) => value(row, run)),
    apply: (run, { values: row }) => {
      const one: (SqlValue | undefined)[] = Array.from({ length: width }, () => undefined)
      for (const [i, { ordinal }] of set.entries()) one[ordinal] = row[i]!
      return rows.insert(run.transaction, one, { ...options, guard: guardOf(test, run) })
    },
  }
}
