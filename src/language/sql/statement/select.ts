/**
 * SELECT, VALUES and TABLE as statements.
 *
 * A lookup of one row by its whole primary key, the most frequent query there is, runs without operators: key, get, decode,
 * project.
 */
import type { SelectStmt } from 'libpg-query'
import type { Transaction, Wait } from '../../../database/contract.ts'
import { Draws } from '../../../database/transaction/draws.ts'
import { asBatch } from '../../../database/transaction/wait.ts'
import type { RelationReader } from '../../../query/relation.ts'
import { Project } from '../../../query/row-operators.ts'
import type { Binder } from '../bind/binder.ts'
import { objectName } from '../bind/coerce.ts'
import type { BoundQuery, OutputColumn, RelationItem, SelectBody } from '../bind/query.ts'
import { Scope } from '../bind/scope.ts'
import {
  type Execution,
  type Paused,
  paused,
  type Row,
  type SqlContext,
  type SqlValue,
  type StatementEffect,
} from '../contract.ts'
import { compile, compilePredicate, type Evaluate, type Predicate } from '../expression/compile.ts'
import { columnsRead, type Expression, someExpression } from '../expression/expression.ts'
import { conjunction, conjunctsOf } from '../plan/conditions.ts'
import { flattened } from '../plan/flatten.ts'
import type { Measures } from '../plan/measures.ts'
import type { PlanNode } from '../plan/plan-node.ts'
import { compileProjector, Planner, projector } from '../plan/planner.ts'
import { findPointPath } from '../plan/relation-access.ts'
import { noRow, createRun, type SqlRow, type SqlRun } from '../plan/run.ts'
import { openReader } from '../plan/sampled-reader.ts'
import type { Progress } from '../progress.ts'
import { objectTypes, oid } from '../types/oids.ts'
import { collect, QueryExecution, StepsExecution } from './execution.ts'
import type { Planned } from './prepared.ts'

export function planSelect(binder: Binder, statement: SelectStmt): Planned {
  const query = binder.query(new Scope(), statement)
  const locks = binder.locksRows
  const effect: StatementEffect = joinEffect(query) ?? {
    kind: locks || binder.writes || binder.calls ? 'write' : 'read',
    ...(!locks && !binder.writes && binder.calls && { mayOnlyRead: true }),
  }
  const point = binder.writes || binder.calls || effect.kind === 'join' ? undefined : findPoint(query, binder.progress)
  if (point !== undefined) {
    return {
      effect,
      command: 'SELECT',
      columns: query.columns,
      execute: (parameters) => new PointExecution(point, parameters),
    }
  }
  const { plan, columns } = planOutput(query, binder.progress)
  const base = { effect, command: 'SELECT', columns }
  if (effect.kind === 'write') {
    // Rows of a statement that locks or writes wait until it is done: it may have to run again.
    const work = function* (run: SqlRun) {
      const rows = yield* collect(plan, run)
      return { rows, rowCount: rows.length }
    }
    return { ...base, work, execute: (parameters) => new StepsExecution(work, parameters) }
  }
  return { ...base, execute: (parameters) => new QueryExecution(plan, parameters) }
}

/** The plan of a query as a client gets it: numbers of objects shown by their names. `measures`: as `Planner` has it. */
export function planOutput(
  query: BoundQuery,
  progress?: Progress,
  measures?: Measures,
): { plan: PlanNode; columns: readonly OutputColumn[] } {
  const plan = new Planner(progress, measures).planQuery(query)
  if (!query.columns.some(({ type }) => objectTypes.has(type))) return { plan, columns: query.columns }
  const parts = query.columns.map(({ type, modifier, name }, index) => {
    const column: Expression = { kind: 'column', type, modifier, index, name }
    return compile(objectTypes.has(type) ? objectName(column) : column, new Planner(progress).compilerAt(0))
  })
  const project = projector(parts)
  const columns = query.columns.map((column) => (objectTypes.has(column.type) ? { ...column, type: oid.text } : column))
  return { plan: { explain: plan.explain, open: (run) => new Project(plan.open(run), project) }, columns }
}

/** SELECT polylog_join('…') alone: the door joins before anything else of the transaction runs. */
function joinEffect(query: BoundQuery): StatementEffect | undefined {
  const [target, ...others] = query.body.kind === 'select' ? query.body.targets : []
  if (target?.kind !== 'call' || target.name !== 'polylog_join' || others.length > 0) return undefined
  const token = compile(target.arguments[0]!, new Planner().compilerAt(0))
  return { kind: 'join', token: (parameters) => (token(noRow, { parameters } as SqlRun) ?? '') as string }
}

interface Point {
  readonly reader: RelationReader
  readonly key: readonly Evaluate[]
  readonly rest: Predicate | undefined
  readonly project: (row: SqlRow, run: SqlRun) => SqlRow
}

/** One relation, its primary key pinned, and nothing behind it but the SELECT list. */
function findPoint(query: BoundQuery, progress: Progress | undefined): Point | undefined {
  if (query.body.kind !== 'select') return undefined
  const body = flattened(query.body)
  if (body.from?.kind !== 'relation' || !isPlain(body)) return undefined
  const item: RelationItem = body.from
  const conditions = conjunctsOf(body.where)
  const all = [...body.targets, ...conditions]
  if (all.some((one) => someExpression(one, ({ kind }) => kind === 'subquery' || kind === 'set'))) return undefined
  const path = findPointPath(item.relation, item.first, conditions)
  if (path === undefined) return undefined
  const needed = new Set<number>()
  for (const one of all) columnsRead(one, needed)
  const compiler = new Planner(progress).compilerAt(0)
  const reader = openReader(item.relation, needed, compiler)
  if (reader.find === undefined) return undefined
  const rest = conjunction(conditions.filter((one) => !path.answered.includes(one)))
  return {
    reader,
    key: path.equal.map(({ value }) => compile(value, compiler)),
    rest: rest === undefined ? undefined : compilePredicate(rest, compiler),
    project: compileProjector(body.targets, compiler),
  }
}

function isPlain({ grouping, windows, isDistinct, tail, locking, targets }: SelectBody): boolean {
  if (windows !== undefined) return false
  if (grouping !== undefined || isDistinct || locking.length > 0 || tail.limit !== undefined) return false
  return tail.offset === undefined && !targets.some(({ type }) => objectTypes.has(type))
}

class PointExecution implements Execution {
  waitFor: Wait = undefined
  readonly notices = []
  rowCount = 0
  readonly #point: Point
  readonly #parameters: readonly SqlValue[]
  #run: SqlRun | undefined
  #draws = new Draws()
  #isDone = false

  constructor(point: Point, parameters: readonly SqlValue[]) {
    this.#point = point
    this.#parameters = parameters
  }

  next(transaction: Transaction, context: SqlContext): Row[] | Paused | undefined {
    if (this.#isDone) return undefined
    const run = (this.#run ??= createRun(transaction, context, this.#parameters))
    run.transaction = transaction
    run.context = context
    try {
      const row = this.#draws.run(() => asBatch(() => this.#find(run)))
      transaction.batchDone()
      this.#isDone = true
      this.waitFor = undefined
      if (row === undefined) return undefined
      this.rowCount = 1
      return [row]
    } catch (error) {
      this.waitFor = transaction.waitOf(error)
      return paused
    }
  }

  #find(run: SqlRun): SqlRow | undefined {
    const { key, reader, rest, project } = this.#point
    const values: SqlValue[] = []
    for (const part of key) {
      const value = part(noRow, run)
      if (value === null) return undefined
      values.push(value)
    }
    const row = reader.find!(run, values)
    if (row === undefined || (rest !== undefined && !rest(row, run))) return undefined
    return project(row, run)
  }

  reset(): void {
    this.#run = undefined
    // Of a run that has come to its end nothing is left.
    if (!this.#isDone) this.#draws = new Draws()
    this.#isDone = false
    this.waitFor = undefined
    this.rowCount = 0
  }
}
