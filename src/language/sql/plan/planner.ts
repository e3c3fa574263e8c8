/**
 * Bound queries to plans. A block is built from below: FROM and WHERE, grouping, the SELECT list, DISTINCT, ORDER BY, LIMIT.
 * A sort is left out where an index gives the order already.
 */
import { HashAggregate } from '../../../query/aggregate.ts'
import { largeBytes, type Operator } from '../../../query/operator.ts'
import { appended, grouped as estimateGroups, oneRow } from '../../../query/plan-estimate.ts'
import { Concatenate, Project, RowSource } from '../../../query/row-operators.ts'
import { SetFilter } from '../../../query/set-operators.ts'
import type {
  BoundQuery,
  FromItem,
  Grouping,
  QueryItem,
  QueryTail,
  SelectBody,
  SetBody,
  SharedItem,
  ValuesBody,
} from '../bind/query.ts'
import { keyPlace } from '../bind/bind-locking.ts'
import { expressionsOfWindow } from '../bind/windows/window.ts'
import { compileAll, type Compiler, type Evaluate } from '../expression/compile.ts'
import { drawingOnce } from '../expression/draws.ts'
import { columnsRead, type Expression, type SubqueryExpression } from '../expression/expression.ts'
import { isVolatile } from '../expression/volatile.ts'
import { notBuilt } from '../failure.ts'
import { sqlRows } from '../types/row-format.ts'
import { adaptive } from './adaptive-plan.ts'
import { aggregatePlan } from './aggregation.ts'
import { CountedRows, countsRows } from './counted-rows.ts'
import { conjunctsOf, partition, type Span } from './conditions.ts'
import { countSets, expandSets, hasSets } from './expand-sets.ts'
import { type ExpandedGroupings, expandGroupings } from './grouping-sets.ts'
import { describeCondition, subplansOf } from './explain-text.ts'
import { extremesOf, extremesPlan } from './extremes.ts'
import { columnsReadIn } from './from-items.ts'
import { flattened } from './flatten.ts'
import { filtered, type FromPlanner } from './from-planner.ts'
import { IndexOrder } from './index-order.ts'
import { assumedGroups } from './assumed-rows.ts'
import { LockRows } from './lock-rows.ts'
import { gated, isOneTime } from './one-time-filter.ts'
import { planItem } from './plan-from.ts'
import { costOf, metered } from './metered.ts'
import { Measures } from './measures.ts'
import { type ExplainNode, explainNode, type PlanNode, planNode } from './plan-node.ts'
import { type Bounds, boundsOf, distinct, distinctOrder, limited, sorted } from './plan-tail.ts'
import { RecursiveUnion } from './recursive-union.ts'
import { columnsOf, groupKey, valuesCompiler } from './row-keys.ts'
import type { SqlRow, SqlRun } from './run.ts'
import { subqueryEvaluator } from './subquery.ts'
import { withoutUnreadKeys } from './unread-parts.ts'
import { compileRow, planRows } from './values-scan.ts'
import { isPrefix, type PlannedWindows, planWindows } from './windows/plan-windows.ts'
import { eachOf, type Progress } from '../progress.ts'

const noColumns: Span = { first: 0, width: 0 }

/** Rows of a grouped block are (keys…, aggregates…). */
function groupedSpan({ keys, aggregates }: Grouping): Span {
  return { first: 0, width: keys.length + aggregates.length }
}

export class Planner {
  readonly #subqueries = new Map<number, PlanNode>()
  readonly #shared = new Map<number, PlanNode>()
  readonly #progress: Progress | undefined
  readonly #measures: Measures | undefined
  #isRepeated: boolean

  /** Without `measures` its plans are made by counts when they are opened, those of long texts without any. */
  constructor(progress?: Progress, measures?: Measures, isRepeated = false) {
    this.#progress = progress
    this.#isRepeated = isRepeated
    this.#measures = measures ?? (isLong(progress) ? new Measures() : undefined)
  }

  #adaptive(make: (planner: Planner) => PlanNode): PlanNode {
    if (this.#measures !== undefined) return make(this)
    const isRepeated = this.#isRepeated
    return adaptive((measures) => {
      return make(new Planner(measures.isCounting ? undefined : this.#progress, measures, isRepeated))
    })
  }

  compilerAt(base: number): Compiler {
    return {
      base,
      progress: this.#progress,
      compileSubquery: (expression, compiler) => {
        return subqueryEvaluator(expression, compiler, this.#planSubquery(expression))
      },
    }
  }

  #planSubquery({ id, query, captures }: SubqueryExpression): PlanNode {
    let plan = this.#subqueries.get(id)
    if (plan === undefined) {
      plan = this.#repeatedIf(captures.length > 0, () => this.planQuery(query))
      this.#subqueries.set(id, plan)
    }
    return plan
  }

  /** What `plan` plans is executed for each row of another block. */
  #repeatedIf<T>(isRepeated: boolean, plan: () => T): T {
    const outer = this.#isRepeated
    this.#isRepeated ||= isRepeated
    const planned = plan()
    this.#isRepeated = outer
    return planned
  }

  explainSubquery(id: number): ExplainNode | undefined {
    return this.#subqueries.get(id)?.explain
  }

  planQuery(query: BoundQuery): PlanNode {
    return this.#adaptive((planner) => planner.#planBody(query))
  }

  #planBody(query: BoundQuery): PlanNode {
    const { body } = query
    if (body.kind === 'values') return this.#planValues(query, body)
    if (body.kind === 'set') return this.#planSet(query, body)
    return this.#planSelect(query, body)
  }

  /** FROM and WHERE alone, for UPDATE and DELETE; `extra` are the other expressions that read the row. */
  planSource(
    from: FromItem,
    where: Expression | undefined,
    extra: readonly Expression[],
    alsoNeeded: Iterable<number>,
  ): PlanNode {
    const needed = new Set(alsoNeeded)
    for (const one of [...extra, ...(where === undefined ? [] : [where])]) columnsRead(one, needed)
    columnsReadIn(from, needed)
    return this.#adaptive((planner) => planner.#planFrom(from, where, needed, undefined))
  }

  #fromPlanner(needed: ReadonlySet<number>, preferred: FromPlanner['preferred']): FromPlanner {
    return {
      planItem,
      estimateSubquery: (subquery) => this.#planSubquery(subquery).explain.estimate(),
      isRepeated: this.#isRepeated,
      compilerAt: (base) => this.compilerAt(base),
      planQuery: (item) => this.#planDerived(item),
      explainSubquery: (id) => this.explainSubquery(id),
      needed,
      preferred,
      progress: this.#progress,
      measures: this.#measures ?? new Measures(),
    }
  }

  #planDerived(item: QueryItem | SharedItem): PlanNode {
    if (item.kind === 'query') return this.#repeatedIf(item.isLateral, () => this.planQuery(item.query))
    let plan = this.#shared.get(item.id)
    if (plan === undefined) this.#shared.set(item.id, (plan = this.planQuery(item.query)))
    return plan
  }

  #planFrom(
    from: FromItem,
    where: Expression | undefined,
    needed: ReadonlySet<number>,
    preferred: FromPlanner['preferred'],
  ): PlanNode {
    const planner = this.#fromPlanner(needed, preferred)
    const [once, conditions] = partition(conjunctsOf(where), isOneTime)
    const plan = (): PlanNode => planItem(planner, from, conditions)
    return once.length === 0 ? plan() : gated(planner, once, plan)
  }

  #planSelect(query: BoundQuery, written: SelectBody): PlanNode {
    const body = withoutUnreadKeys(flattened(written))
    const { from, grouping, tail } = body
    const ordering = new IndexOrder(body, this.#measures!)
    const span = grouping === undefined ? (from ?? noColumns) : groupedSpan(grouping)
    let plan = this.#planExtremes(body) ?? this.#planRows(body, ordering)
    const windowed = body.windows === undefined ? undefined : this.#planWindows(plan, body, span)
    plan =
      windowed === undefined
        ? this.#planTargets(plan, body.targets, span)
        : this.#planTargets(windowed.plan, windowed.targets, { first: 0, width: windowed.width })
    const types = body.targets.map(({ type }) => type)
    const width = query.columns.length
    if (body.isDistinct && body.distinctOn === undefined) plan = distinct(plan, types)
    if (body.distinctOn !== undefined) {
      if (tail.order.length > 0) {
        plan = sorted(plan, { order: distinctOrder(body.distinctOn, tail.order), types, targets: body.targets })
      }
      plan = distinct(plan, types, body.distinctOn, tail.order.length > 0)
    } else if (tail.order.length > 0 && !ordering.isSatisfied && !isSortedByWindows(windowed, tail)) {
      const bounds = body.locking.length === 0 && !tail.withTies ? this.#boundsOf(tail) : undefined
      plan = sorted(plan, { order: tail.order, types, targets: body.targets, bounds })
    }
    if (body.locking.length > 0) return this.#planLocking(plan, body, width)
    plan = limited(plan, tail, types, this.compilerAt(0))
    return types.length > width ? cut(plan, width) : plan
  }

  /** FROM, WHERE and GROUP BY. */
  #planRows(body: SelectBody, ordering: IndexOrder): PlanNode {
    const { from, where, grouping } = body
    const rows =
      from === undefined ? this.#planNothing(where) : this.#planFrom(from, where, neededColumns(body), ordering)
    return grouping === undefined ? rows : this.#planGrouping(rows, grouping, from?.width ?? 0)
  }

  /** Undefined where not all of them are the first of an index's order. */
  #planExtremes(body: SelectBody): PlanNode | undefined {
    const plans: PlanNode[] = []
    for (const one of extremesOf(body) ?? []) {
      const ordering = new IndexOrder(one, this.#measures!)
      const rows = this.#planRows(one, ordering)
      if (!ordering.isSatisfied) return undefined
      const targets = this.#planTargets(rows, one.targets, one.from!)
      plans.push(limited(targets, one.tail, [one.targets[0]!.type], this.compilerAt(0)))
    }
    const grouping = body.grouping!
    if (plans.length === 0) return undefined
    return filtered(
      this.#fromPlanner(new Set(), undefined),
      groupedSpan(grouping),
      extremesPlan(plans),
      conjunctsOf(grouping.having),
    )
  }

  #planNothing(where: Expression | undefined): PlanNode {
    const planner = this.#fromPlanner(new Set(), undefined)
    const [once, conditions] = partition(conjunctsOf(where), isOneTime)
    if (once.length > 0 && conditions.length === 0) return gated(planner, once, undefined)
    const explain = explainNode('Result', [], () => oneRow)
    const one = planNode(explain, () => new RowSource<SqlRow, SqlRun>(() => [[]][Symbol.iterator]()))
    return filtered(planner, noColumns, one, [...once, ...conditions])
  }

  /** Keys over the rows of the plan, in which sets are expanded and rows repeated for each of several groupings. */
  #planKeys(ungrouped: PlanNode, grouping: Grouping, width: number): ExpandedGroupings {
    const compiler = this.compilerAt(0)
    const given = grouping.sets === undefined ? grouping.keys : grouping.keys.slice(0, -1)
    const { plan, expressions: keys } = expandSets(ungrouped, given, compiler, width)
    if (grouping.sets === undefined) return { plan, keys, whole: [] }
    return expandGroupings(plan, grouping, keys, compiler, width + countSets(given))
  }

  #planGrouping(ungrouped: PlanNode, grouping: Grouping, width: number): PlanNode {
    const { aggregates, having } = grouping
    const { plan: input, keys, whole } = this.#planKeys(ungrouped, grouping, width)
    const written = grouping.sets === undefined ? grouping.written : keys.length
    const plan = aggregatePlan({ keys, written, aggregates }, this.compilerAt(0), whole)
    const rows = this.#progress === undefined ? input : metered(input, costOf([...keys, ...aggregates]))
    const shownKeys = grouping.sets === undefined ? keys.slice(0, written) : grouping.keys.slice(0, -1)
    const shown =
      keys.length === 0
        ? []
        : [
            [
              'Group Key',
              () => shownKeys.map((key) => describeCondition(key).replace(/^\((.*)\)$/, '$1')).join(', '),
            ] as const,
          ]
    const isWhole = keys.length === 0
    const explain = explainNode(
      isWhole ? 'Aggregate' : 'HashAggregate',
      [input.explain],
      (rows) => estimateGroups(rows, isWhole ? 1 : assumedGroups(rows.rows)),
      {
        details: shown,
        subplans: [...keys, ...aggregates].flatMap((one) => subplansOf(one, (id) => this.explainSubquery(id))),
      },
    )
    const onlyCounts = keys.length === 0 && aggregates.every(countsRows)
    const grouped = planNode(explain, (run) => {
      const aggregate = new HashAggregate(rows.open(run), plan)
      return onlyCounts && input.count !== undefined && run.profile === undefined
        ? new CountedRows(input.count, aggregates.length, aggregate)
        : aggregate
    })
    return filtered(this.#fromPlanner(new Set(), undefined), groupedSpan(grouping), grouped, conjunctsOf(having))
  }

  #planWindows(input: PlanNode, body: SelectBody, { first, width }: Span): PlannedWindows {
    const compiler = this.compilerAt(first)
    const planner = {
      compiler,
      width,
      projectorOf: (expressions: readonly Expression[]) => compileProjector(expressions, compiler),
      explainSubquery: (id: number) => this.explainSubquery(id),
    }
    const firstKeys = keysOfBlock(body)
    return planWindows(planner, input, { targets: body.targets, windows: body.windows!, firstKeys })
  }

  #planTargets(given: PlanNode, unexpanded: readonly Expression[], span: Span): PlanNode {
    const compiler = this.compilerAt(span.first)
    const rows = this.#progress === undefined ? given : metered(given, costOf(unexpanded))
    const { plan: input, expressions: targets } = hasSets(unexpanded)
      ? expandSets(rows, unexpanded, compiler, span.width)
      : { plan: rows, expressions: unexpanded }
    const parts = compileAll(targets, compiler)
    const isDrawing = targets.some(isVolatile)
    const subplans = targets.flatMap((one) => subplansOf(one, (id) => this.explainSubquery(id)))
    const explain =
      subplans.length === 0
        ? input.explain
        : { ...input.explain, subplans: [...(input.explain.subplans ?? []), ...subplans] }
    return {
      explain,
      open: (opening) => {
        const project = isDrawing ? drawingOnce(projector(parts)) : projector(parts)
        const open = (run: SqlRun): Operator<SqlRow, SqlRun> => new Project(input.open(run), project, largeBytes)
        // Shown as the node below, it is counted there.
        return explain === input.explain ? open(opening) : planNode(explain, open).open(opening)
      },
    }
  }

  /** Undefined where all rows are wanted. */
  #boundsOf(tail: QueryTail): Bounds | undefined {
    return tail.limit === undefined ? undefined : boundsOf(tail, this.compilerAt(0))
  }

  /** The keys of the rows to lock stand behind the targets. */
  #planLocking(input: PlanNode, body: SelectBody, width: number): PlanNode {
    if (body.tail.withTies) throw notBuilt('locking of rows WITH TIES')
    const bounds = boundsOf(body.tail, this.compilerAt(0))
    const places = new Map(
      body.targets.flatMap((one, i) => (one.kind === 'column' && one.name === '' ? [[one.index, i] as const] : [])),
    )
    const locks = body.locking.flatMap(({ items, mode, policy }) =>
      items.map((item) => ({ place: places.get(keyPlace(body.from!, item))!, mode, policy })),
    )
    const explain = explainNode('LockRows', [input.explain], (rows) => rows)
    return cut(
      planNode(explain, (run) => new LockRows(input.open(run), locks, bounds)),
      width,
    )
  }

  #planValues(query: BoundQuery, body: ValuesBody): PlanNode {
    const compiler = this.compilerAt(0)
    const rows = eachOf(this.#progress, body.rows, (row) => compileRow(row, compiler))
    return this.#planTail(planRows(rows), query, body.tail)
  }

  #planTail(input: PlanNode, query: BoundQuery, tail: QueryTail): PlanNode {
    const types = query.columns.map(({ type }) => type)
    const bounds = tail.withTies ? undefined : this.#boundsOf(tail)
    const rows = tail.order.length === 0 ? input : sorted(input, { order: tail.order, types, bounds })
    return limited(rows, tail, types, this.compilerAt(0))
  }

  #planSet(query: BoundQuery, body: SetBody): PlanNode {
    const types = query.columns.map(({ type }) => type)
    if (body.recursive !== undefined) return this.#planRecursive(body, body.recursive, types)
    const [left, right] = [this.planQuery(body.left), this.planQuery(body.right)]
    const children = [left.explain, right.explain]
    let plan: PlanNode
    if (body.operation === 'union') {
      const all = planNode(
        explainNode('Append', children, (...inputs) => appended(inputs)),
        (run) => new Concatenate([left.open(run), right.open(run)]),
      )
      plan = body.all ? all : distinct(all, types)
    } else {
      const { operation, all } = body
      const keyOf = groupKey(columnsOf(types), valuesCompiler)
      const title = `HashSetOp ${operation === 'except' ? 'Except' : 'Intersect'}${all ? ' All' : ''}`
      const hashed = explainNode(title, children, (rows, others) => estimateGroups(appended([rows, others]), rows.rows))
      plan = planNode(
        hashed,
        (run) => new SetFilter(left.open(run), right.open(run), { keyOf, format: sqlRows, kind: operation, all }),
      )
    }
    return this.#planTail(plan, query, body.tail)
  }

  #planRecursive({ left, right, all }: SetBody, id: number, types: readonly number[]): PlanNode {
    const first = this.planQuery(left)
    const following = this.#repeatedIf(true, () => this.planQuery(right))
    const keyOf = all ? undefined : groupKey(columnsOf(types), valuesCompiler)
    const explain = explainNode('Recursive Union', [first.explain, following.explain], (rows, each) => ({
      rows: rows.rows + assumedRounds * each.rows,
      cost: rows.cost + assumedRounds * each.cost,
      startup: rows.startup,
    }))
    return planNode(explain, (run) => new RecursiveUnion(id, first.open(run), following.open(run), keyOf))
  }
}

/** As PostgreSQL assumes: ten rounds like the first one. */
const assumedRounds = 10

/** Binding it has taken more than a part of a turn: it is not planned in one. */
const longElements = 1000

export function isLong(progress: Progress | undefined): boolean {
  return progress !== undefined && progress.total > longElements
}

export function projector(parts: readonly Evaluate[]): (row: SqlRow, run: SqlRun) => SqlRow {
  const [a, b] = parts
  if (parts.length === 1) return (row, run) => [a!(row, run)]
  if (parts.length === 2) return (row, run) => [a!(row, run), b!(row, run)]
  return (row, run) => {
    const out: SqlRow = []
    for (const part of parts) out.push(part(row, run))
    return out
  }
}

/** A row of these expressions. */
export function compileProjector(
  expressions: readonly Expression[],
  compiler: Compiler,
): (row: SqlRow, run: SqlRun) => SqlRow {
  const project = projector(compileAll(expressions, compiler))
  return expressions.some(isVolatile) ? drawingOnce(project) : project
}

/** What windows count after: what the block sorts by, its groups, and what it tells rows apart by. */
function keysOfBlock({ tail, targets, grouping, isDistinct, distinctOn }: SelectBody): readonly Expression[] {
  const sortedBy = tail.order.map(({ target }) => targets[target]!)
  const groups = (grouping?.keys ?? []).map(({ type, modifier }, index): Expression => {
    return { kind: 'column', type, modifier, index, name: '' }
  })
  const distinctBy = isDistinct ? (distinctOn?.map((place) => targets[place]!) ?? targets) : []
  return [...sortedBy, ...groups, ...distinctBy]
}

/** The last window has left the rows in the block's order. */
function isSortedByWindows(windowed: PlannedWindows | undefined, { order }: QueryTail): boolean {
  if (windowed === undefined) return false
  const keys = order.map((key) => {
    const shown = windowed.targets[key.target]!
    return { ...key, target: shown.kind === 'column' ? shown.index : -1 }
  })
  return isPrefix(keys, windowed.order) && !hasSets(windowed.targets)
}

function cut(input: PlanNode, width: number): PlanNode {
  return { explain: input.explain, open: (run) => new Project(input.open(run), (row: SqlRow) => row.slice(0, width)) }
}

function neededColumns(body: SelectBody): Set<number> {
  const needed = new Set<number>()
  const expressions =
    body.grouping === undefined
      ? [...body.targets, ...(body.windows ?? []).flatMap(expressionsOfWindow)]
      : [...body.grouping.keys, ...body.grouping.aggregates]
  for (const one of expressions) columnsRead(one, needed)
  if (body.where !== undefined) columnsRead(body.where, needed)
  if (body.from !== undefined) columnsReadIn(body.from, needed)
  return needed
}
