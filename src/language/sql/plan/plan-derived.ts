/** Items of FROM that are computed: subqueries, WITH queries that several places read, and functions that give rows. */
import { Materialize } from '../../../query/materialize.ts'
import type { Batch, Operator } from '../../../query/operator.ts'
import { kept } from '../../../query/plan-estimate.ts'
import { RowSource } from '../../../query/row-operators.ts'
import type { FunctionItem, QueryItem, SharedItem } from '../bind/query.ts'
import { paused, type Paused, type SqlValue } from '../contract.ts'
import { compile } from '../expression/compile.ts'
import { drawingOnce } from '../expression/draws.ts'
import { isVolatile } from '../expression/volatile.ts'
import { sqlRows } from '../types/row-format.ts'
import type { FromPlanner } from './from-planner.ts'
import { estimateItem } from './join-estimates.ts'
import { explainNode, type PlanNode, planNode } from './plan-node.ts'
import { withoutUnreadColumns } from './unread-parts.ts'
import { noRow, recapture, type SqlRow, type SqlRun } from './run.ts'

export function planDerived(planner: FromPlanner, item: QueryItem | SharedItem): PlanNode {
  const plan = planner.planQuery(readOf(planner, item))
  const enter = takeCaptures(planner, item)
  if (item.kind === 'query') {
    const explain = explainNode(`Subquery Scan on ${item.alias}`, [plan.explain], (rows) => rows, {
      facts: { 'Node Type': 'Subquery Scan', Alias: item.alias },
    })
    if (enter === undefined) return planNode(explain, (run) => plan.open(run))
    return planNode(explain, (opening) => {
      const rows = plan.open(opening)
      return {
        next: (run) => {
          enter(run)
          return rows.next(run)
        },
        reset: () => rows.reset(),
      }
    })
  }
  const explain = explainNode(`CTE Scan on ${item.alias}`, [plan.explain], (rows) => kept(rows), {
    facts: { 'Node Type': 'CTE Scan', Alias: item.alias },
  })
  return planNode(explain, () => new SharedReader(item.id, plan, enter))
}

function readOf({ needed }: FromPlanner, item: QueryItem | SharedItem): QueryItem | SharedItem {
  if (item.kind === 'shared') return item
  return { ...item, query: withoutUnreadColumns(item.query, (place) => needed.has(item.first + place)) }
}

/**
 * One reader of a WITH query's rows, at a place of its own in them. The first one that begins after what the query captures
 * has changed has them computed again; the others of the same turn of the enclosing block find them there.
 */
class SharedReader implements Operator<SqlRow, SqlRun> {
  readonly #id: number
  readonly #plan: PlanNode
  readonly #enter: ((run: SqlRun) => boolean) | undefined
  #rows: Materialize<SqlRow, SqlRun> | undefined
  #at = 0

  constructor(id: number, plan: PlanNode, enter: ((run: SqlRun) => boolean) | undefined) {
    this.#id = id
    this.#plan = plan
    this.#enter = enter
  }

  next(run: SqlRun): Batch<SqlRow> {
    this.#rows ??= this.#begin(run)
    const batch = this.#rows.rowsFrom(this.#at, run)
    if (Array.isArray(batch)) this.#at += batch.length
    return batch
  }

  #begin(run: SqlRun): Materialize<SqlRow, SqlRun> {
    const isKnown = this.#enter === undefined || this.#enter(run)
    const shared = run.shared.get(this.#id)
    if (shared !== undefined) {
      if (!isKnown) shared.reset()
      return shared
    }
    const rows = new Materialize(this.#plan.open(run), sqlRows)
    run.shared.set(this.#id, rows)
    return rows
  }

  reset(): void {
    this.#rows = undefined
    this.#at = 0
  }
}

export function planFunction(planner: FromPlanner, item: FunctionItem): PlanNode {
  const parts = item.arguments.map((one) => compile(one, planner.compilerAt(0)))
  const evaluateAll = (row: SqlRow, run: SqlRun): SqlRow => parts.map((part) => part(row, run))
  const evaluate = item.arguments.some(isVolatile) ? drawingOnce(evaluateAll) : evaluateAll
  const { rows, slowRows } = item.entry
  const enter = takeCaptures(planner, item)
  const what = item.entry.isWorkingTable === true ? 'WorkTable Scan' : 'Function Scan'
  const title = `${what} on ${item.entry.name} ${item.alias}`.replace(/ (\S+) \1$/, ' $1')
  const explain = explainNode(title, [], () => ({ ...estimateItem(planner, item, []), startup: 0 }))
  return planNode(explain, () => {
    return new RowSource<SqlRow, SqlRun>((run) => {
      enter?.(run)
      const values = evaluate(noRow, run)
      if (slowRows !== undefined) return numberedSlowly(slowRows(run, values), item.withOrdinality)
      return numbered(rows(run, values), item.withOrdinality)
    })
  })
}

/**
 * What an item needs of enclosing blocks, and of nothing beside it in its own. Tells whether that is the same as before.
 */
function takeCaptures(
  planner: FromPlanner,
  { id, captures }: FunctionItem | QueryItem | SharedItem,
): ((run: SqlRun) => boolean) | undefined {
  if (captures.length === 0) return undefined
  const parts = captures.map((one) => compile(one, planner.compilerAt(0)))
  return (run) =>
    recapture(
      run,
      id,
      parts.map((part) => part(noRow, run)),
    )
}

function* numbered(rows: Iterable<readonly SqlValue[]>, withOrdinality: boolean): Generator<SqlRow> {
  let count = 0n
  for (const row of rows) yield withOrdinality ? [...row, ++count] : [...row]
}

/** Not a generator: what is thrown to wait for something would end it. */
function numberedSlowly(
  rows: Iterator<readonly SqlValue[] | Paused, void>,
  withOrdinality: boolean,
): Iterator<SqlRow | Paused, void> {
  let count = 0n
  const next = (): IteratorResult<SqlRow | Paused, void> => {
    const step = rows.next()
    if (step.done === true) return step
    const { value } = step
    if (value === paused) return { done: false, value }
    return { done: false, value: withOrdinality ? [...value, ++count] : [...value] }
  }
  return { next }
}
