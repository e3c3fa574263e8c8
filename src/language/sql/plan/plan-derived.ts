/** Items of FROM that are computed: subqueries, WITH queries that several places read, and functions that give rows. */
import { Materialize } from '../../../query/materialize.ts'
import { RowSource } from '../../../query/row-operators.ts'
import type { FunctionItem, QueryItem, SharedItem } from '../bind/query.ts'
import type { SqlValue } from '../contract.ts'
import { compile } from '../expression/compile.ts'
import type { FromPlanner } from './from-planner.ts'
import { type ExplainNode, type PlanNode, planNode } from './plan-node.ts'
import type { SqlRow, SqlRun } from './run.ts'

export function planDerived(planner: FromPlanner, item: QueryItem | SharedItem): PlanNode {
  const plan = planner.planQuery(item)
  if (item.kind === 'query') {
    const explain: ExplainNode = { title: `Subquery Scan on ${item.alias}`, details: [], children: [plan.explain] }
    const enter = item.isLateral ? outerCaptures(planner, item) : undefined
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
  const explain: ExplainNode = { title: `CTE Scan on ${item.alias}`, details: [], children: [plan.explain] }
  return planNode(explain, (run) => {
    let shared = run.shared.get(item.id)
    if (shared === undefined) run.shared.set(item.id, (shared = new Materialize(plan.open(run))))
    return cursorOf(shared)
  })
}

/** Each reader of a shared result has a place of its own in it. */
function cursorOf(shared: Materialize<SqlRow, SqlRun>): ReturnType<PlanNode['open']> {
  let at = 0
  return {
    next: (run) => {
      const batch = shared.rowsFrom(at, run)
      if (Array.isArray(batch)) at += batch.length
      return batch
    },
    reset: () => {
      at = 0
    },
  }
}

export function planFunction(planner: FromPlanner, item: FunctionItem): PlanNode {
  const parts = item.arguments.map((one) => compile(one, planner.compilerAt(0)))
  const { rows } = item.entry
  const enter = outerCaptures(planner, item)
  const explain: ExplainNode = {
    title: `Function Scan on ${item.entry.name} ${item.alias}`.replace(/ (\S+) \1$/, ' $1'),
    details: [],
    children: [],
  }
  return planNode(explain, () => {
    return new RowSource<SqlRow, SqlRun>((run) => {
      enter?.(run)
      const values = parts.map((part) => part([], run))
      return numbered(rows(run, values), item.withOrdinality)
    })
  })
}

/** What an item that is joined with nothing needs of enclosing blocks. */
function outerCaptures(planner: FromPlanner, item: FunctionItem | QueryItem): ((run: SqlRun) => void) | undefined {
  if (item.captures.length === 0) return undefined
  const parts = item.captures.map((one) => compile(one, planner.compilerAt(0)))
  return (run) => {
    const captures = parts.map((part) => part([], run))
    run.subqueries[item.id] = {
      captures,
      operator: emptyOperator,
      gathered: [],
      rows: 0,
      complete: false,
      set: undefined,
    }
  }
}

const emptyOperator: ReturnType<PlanNode['open']> = { next: () => undefined, reset: () => undefined }

function* numbered(rows: Iterable<readonly SqlValue[]>, withOrdinality: boolean): Generator<SqlRow> {
  let count = 0n
  for (const row of rows) yield withOrdinality ? [...row, ++count] : [...row]
}
