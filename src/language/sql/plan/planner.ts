/**
 * Bound queries to plans. A block is built from below: FROM and WHERE, grouping, the SELECT list, DISTINCT, ORDER BY, LIMIT.
 * A sort is left out where an index gives the order already.
 */
import { HashAggregate } from '../../../query/aggregate.ts'
import type { HashKey } from '../../../query/row-format.ts'
import { largeBytes, type Operator } from '../../../query/operator.ts'
import { Concatenate, Limit, Project, RowSource } from '../../../query/row-operators.ts'
import { Distinct, DistinctNeighbors, SetFilter } from '../../../query/set-operators.ts'
import { Sort } from '../../../query/sort.ts'
import type {
  BoundQuery,
  FromItem,
  Grouping,
  OrderKey,
  QueryItem,
  QueryTail,
  SelectBody,
  SetBody,
  SharedItem,
  ValuesBody,
} from '../bind/query.ts'
import { keyPlace } from '../bind/bind-locking.ts'
import type { SqlValue } from '../contract.ts'
import { compile, compileAll, type Compiler, type Evaluate } from '../expression/compile.ts'
import { deparse } from '../expression/deparse.ts'
import { columnsRead, type Expression } from '../expression/expression.ts'
import { failure } from '../failure.ts'
import { comparatorOf } from '../functions/comparison.ts'
import { groupKeyOf } from '../types/hash-key.ts'
import { sqlRows } from '../types/row-format.ts'
import { type AccessPath, orderOf } from './access-path.ts'
import { aggregatePlan } from './aggregation.ts'
import { CountedRows, countsRows } from './counted-rows.ts'
import { conjunctsOf, type Span } from './conditions.ts'
import { expandSets, hasSets } from './expand-sets.ts'
import { describeCondition, subplansOf } from './explain-text.ts'
import { filtered, type FromPlanner, type OrderedAccess } from './from-planner.ts'
import { LockRows } from './lock-rows.ts'
import { planItem } from './plan-from.ts'
import { costOf, metered } from './metered.ts'
import { type ExplainNode, type PlanNode, planNode } from './plan-node.ts'
import { noRow, type SqlRow, type SqlRun } from './run.ts'
import { subqueryEvaluator } from './subquery.ts'
import { compileRow, planRows } from './values-scan.ts'
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

  constructor(progress?: Progress) {
    this.#progress = progress
  }

  compilerAt(base: number): Compiler {
    return {
      base,
      progress: this.#progress,
      compileSubquery: (expression, compiler) => {
        let plan = this.#subqueries.get(expression.id)
        if (plan === undefined) this.#subqueries.set(expression.id, (plan = this.planQuery(expression.query)))
        return subqueryEvaluator(expression, compiler, plan)
      },
    }
  }

  explainSubquery(id: number): ExplainNode | undefined {
    return this.#subqueries.get(id)?.explain
  }

  planQuery(query: BoundQuery): PlanNode {
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
    collectFrom(from, needed)
    return this.#planFrom(from, where, needed, undefined)
  }

  #fromPlanner(needed: ReadonlySet<number>, preferred: FromPlanner['preferred']): FromPlanner {
    return {
      compilerAt: (base) => this.compilerAt(base),
      planQuery: (item) => this.#planDerived(item),
      explainSubquery: (id) => this.explainSubquery(id),
      needed,
      preferred,
      progress: this.#progress,
    }
  }

  #planDerived(item: QueryItem | SharedItem): PlanNode {
    if (item.kind === 'query') return this.planQuery(item.query)
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
    const conditions = conjunctsOf(where)
    // What reads no column at all (a parameter, a subquery) is tested once the rows are there.
    return planItem(planner, from, conditions)
  }

  #planSelect(query: BoundQuery, body: SelectBody): PlanNode {
    const { from, where, grouping, tail } = body
    const ordering = new IndexOrder(body)
    let plan =
      from === undefined ? this.#planNothing(where) : this.#planFrom(from, where, neededColumns(body), ordering)
    const span = grouping === undefined ? (from ?? noColumns) : groupedSpan(grouping)
    if (grouping !== undefined) plan = this.#planGrouping(plan, grouping, from?.width ?? 0)
    plan = this.#planTargets(plan, body.targets, span)
    const types = body.targets.map(({ type }) => type)
    const width = query.columns.length
    if (body.isDistinct && body.distinctOn === undefined) plan = distinct(plan, types)
    if (body.distinctOn !== undefined) {
      if (tail.order.length > 0) {
        plan = this.#planSort(plan, distinctOrder(body.distinctOn, tail.order), types, undefined, body.targets)
      }
      plan = distinct(
        plan,
        body.distinctOn.map((place) => types[place]!),
        body.distinctOn,
        tail.order.length > 0,
      )
    } else if (tail.order.length > 0 && !ordering.isSatisfied) {
      const bounded = body.locking.length === 0 && !tail.withTies ? tail : undefined
      plan = this.#planSort(plan, tail.order, types, bounded, body.targets)
    }
    if (body.locking.length > 0) return this.#planLocking(plan, body, width)
    plan = this.#planLimit(plan, tail, types)
    return types.length > width ? cut(plan, width) : plan
  }

  #planNothing(where: Expression | undefined): PlanNode {
    const explain: ExplainNode = { title: 'Result', details: [], children: [] }
    const one = planNode(explain, () => new RowSource<SqlRow, SqlRun>(() => [[]][Symbol.iterator]()))
    return filtered(this.#fromPlanner(new Set(), undefined), { first: 0, width: 0 }, one, conjunctsOf(where))
  }

  #planGrouping(ungrouped: PlanNode, grouping: Grouping, width: number): PlanNode {
    const { aggregates, having } = grouping
    const { plan: input, expressions: keys } = expandSets(ungrouped, grouping.keys, this.compilerAt(0), width)
    const plan = aggregatePlan(keys, aggregates, this.compilerAt(0))
    const rows = this.#progress === undefined ? input : metered(input, costOf([...keys, ...aggregates]))
    const shown =
      keys.length === 0
        ? []
        : [
            [
              'Group Key',
              () => keys.map((key) => describeCondition(key).replace(/^\((.*)\)$/, '$1')).join(', '),
            ] as const,
          ]
    const explain: ExplainNode = {
      title: keys.length === 0 ? 'Aggregate' : 'HashAggregate',
      details: shown,
      children: [input.explain],
      subplans: [...keys, ...aggregates].flatMap((one) => subplansOf(one, (id) => this.explainSubquery(id))),
    }
    const onlyCounts = keys.length === 0 && aggregates.every(countsRows)
    const grouped = planNode(explain, (run) => {
      const aggregate = new HashAggregate(rows.open(run), plan)
      return onlyCounts && input.count !== undefined && run.profile === undefined
        ? new CountedRows(input.count, aggregates.length, aggregate)
        : aggregate
    })
    return filtered(this.#fromPlanner(new Set(), undefined), groupedSpan(grouping), grouped, conjunctsOf(having))
  }

  #planTargets(given: PlanNode, unexpanded: readonly Expression[], span: Span): PlanNode {
    const compiler = this.compilerAt(span.first)
    const rows = this.#progress === undefined ? given : metered(given, costOf(unexpanded))
    const { plan: input, expressions: targets } = hasSets(unexpanded)
      ? expandSets(rows, unexpanded, compiler, span.width)
      : { plan: rows, expressions: unexpanded }
    const parts = compileAll(targets, compiler)
    const subplans = targets.flatMap((one) => subplansOf(one, (id) => this.explainSubquery(id)))
    const explain =
      subplans.length === 0
        ? input.explain
        : { ...input.explain, subplans: [...(input.explain.subplans ?? []), ...subplans] }
    return {
      explain,
      open: (opening) => {
        const project = projector(parts)
        const open = (run: SqlRun): Operator<SqlRow, SqlRun> => new Project(input.open(run), project, largeBytes)
        // Shown as the node below, it is counted there.
        return explain === input.explain ? open(opening) : planNode(explain, open).open(opening)
      },
    }
  }

  #planSort(
    input: PlanNode,
    order: readonly OrderKey[],
    types: readonly number[],
    tail: QueryTail | undefined,
    targets: readonly Expression[] = [],
  ): PlanNode {
    const compare = rowComparator(order, types)
    const label = (target: number): string =>
      targets[target] === undefined ? String(target + 1) : deparse(targets[target])
    const keys = (): string =>
      order.map(({ target, descending }) => `${label(target)}${descending ? ' DESC' : ''}`).join(', ')
    const explain: ExplainNode = { title: 'Sort', details: [['Sort Key', keys]], children: [input.explain] }
    const bounds = tail?.limit === undefined ? undefined : this.#boundsOf(tail)
    const keep =
      bounds === undefined
        ? undefined
        : (run: SqlRun): number => {
            const { offset, limit } = bounds(run)
            return offset + limit
          }
    return planNode(
      explain,
      (run) => new Sort(input.open(run), { format: sqlRows, keyOf: (row: SqlRow) => row, compare, keep }),
    )
  }

  #boundsOf(tail: QueryTail): (run: SqlRun) => { offset: number; limit: number } {
    const compiler = this.compilerAt(0)
    const limit = tail.limit === undefined ? undefined : compile(tail.limit, compiler)
    const offset = tail.offset === undefined ? undefined : compile(tail.offset, compiler)
    const count = (value: SqlValue, missing: number, word: string): number => {
      if (value === null) return missing
      if ((value as bigint) < 0n) throw failure(word === 'LIMIT' ? '2201W' : '2201X', `${word} must not be negative`)
      return Number(value)
    }
    return (run) => ({
      limit: limit === undefined ? Infinity : count(limit(noRow, run), Infinity, 'LIMIT'),
      offset: offset === undefined ? 0 : count(offset(noRow, run), 0, 'OFFSET'),
    })
  }

  #planLimit(input: PlanNode, tail: QueryTail, types: readonly number[]): PlanNode {
    if (tail.limit === undefined && tail.offset === undefined) return input
    const bounds = this.#boundsOf(tail)
    const explain: ExplainNode = { title: 'Limit', details: [], children: [input.explain] }
    if (!tail.withTies) return planNode(explain, (run) => new Limit(input.open(run), bounds))
    const compare = rowComparator(tail.order, types)
    return planNode(explain, (run) => new Limit(input.open(run), bounds, (a, b) => compare(a, b) === 0))
  }

  /** The keys of the rows to lock stand behind the targets. */
  #planLocking(input: PlanNode, body: SelectBody, width: number): PlanNode {
    const bounds = this.#boundsOf(body.tail)
    const places = new Map(
      body.targets.flatMap((one, i) => (one.kind === 'column' && one.name === '' ? [[one.index, i] as const] : [])),
    )
    const locks = body.locking.flatMap(({ items, mode, policy }) =>
      items.map((item) => ({ place: places.get(keyPlace(body.from!, item))!, mode, policy })),
    )
    const explain: ExplainNode = { title: 'LockRows', details: [], children: [input.explain] }
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
    const sorted =
      tail.order.length === 0 ? input : this.#planSort(input, tail.order, types, tail.withTies ? undefined : tail)
    return this.#planLimit(sorted, tail, types)
  }

  #planSet(query: BoundQuery, body: SetBody): PlanNode {
    const [left, right] = [this.planQuery(body.left), this.planQuery(body.right)]
    const types = query.columns.map(({ type }) => type)
    const children = [left.explain, right.explain]
    let plan: PlanNode
    if (body.operation === 'union') {
      const all = planNode(
        { title: 'Append', details: [], children },
        (run) => new Concatenate([left.open(run), right.open(run)]),
      )
      plan = body.all ? all : distinct(all, types)
    } else {
      const { operation, all } = body
      const keyOf = groupKeyOf(types)
      const title = `HashSetOp ${operation === 'except' ? 'Except' : 'Intersect'}${all ? ' All' : ''}`
      plan = planNode(
        { title, details: [], children },
        (run) => new SetFilter(left.open(run), right.open(run), { keyOf, format: sqlRows, kind: operation, all }),
      )
    }
    return this.#planTail(plan, query, body.tail)
  }
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

function cut(input: PlanNode, width: number): PlanNode {
  return { explain: input.explain, open: (run) => new Project(input.open(run), (row: SqlRow) => row.slice(0, width)) }
}

/** `isSorted`: by `places`, whose order it keeps. */
function distinct(input: PlanNode, types: readonly number[], places?: readonly number[], isSorted = false): PlanNode {
  const keyOf = groupKeyOf(types)
  const key = places === undefined ? keyOf : (row: SqlRow): HashKey => keyOf(places.map((place) => row[place]!))
  const explain: ExplainNode = {
    title: places === undefined ? 'HashAggregate' : 'Unique',
    details: [],
    children: [input.explain],
  }
  return planNode(explain, (run) =>
    isSorted ? new DistinctNeighbors(input.open(run), key) : new Distinct(input.open(run), key, sqlRows),
  )
}

function missingKeys(places: readonly number[], order: readonly OrderKey[]): OrderKey[] {
  const sorted = new Set(order.map(({ target }) => target))
  return places
    .filter((place) => !sorted.has(place))
    .map((target) => ({ target, descending: false, nullsFirst: false }))
}

/** DISTINCT ON keeps the first row in ORDER BY, whose leading keys must be the distinct ones. */
function distinctOrder(places: readonly number[], order: readonly OrderKey[]): readonly OrderKey[] {
  const wanted = new Set(places)
  const leading = order.slice(0, wanted.size)
  if (leading.some(({ target }) => !wanted.has(target))) {
    throw failure('42P10', 'SELECT DISTINCT ON expressions must match initial ORDER BY expressions')
  }
  return [...order, ...missingKeys(places, order)]
}

function rowComparator(
  order: readonly OrderKey[],
  types: readonly number[],
): (a: readonly SqlValue[], b: readonly SqlValue[]) => number {
  const keys = order.map(({ target, descending, nullsFirst }) => {
    return { target, sign: descending ? -1 : 1, nulls: nullsFirst ? -1 : 1, compare: comparatorOf(types[target]!) }
  })
  return (a, b) => {
    for (const { target, sign, nulls, compare } of keys) {
      const x = a[target]!
      const y = b[target]!
      if (x === null || y === null) {
        if (x === y) continue
        return x === null ? nulls : -nulls
      }
      const difference = compare(x, y)
      if (difference !== 0) return difference * sign
    }
    return 0
  }
}

function neededColumns(body: SelectBody): Set<number> {
  const needed = new Set<number>()
  const expressions = body.grouping === undefined ? body.targets : [...body.grouping.keys, ...body.grouping.aggregates]
  for (const one of expressions) columnsRead(one, needed)
  if (body.where !== undefined) columnsRead(body.where, needed)
  if (body.from !== undefined) collectFrom(body.from, needed)
  return needed
}

function collectFrom(item: FromItem, needed: Set<number>): void {
  if (item.kind === 'join') {
    if (item.condition !== undefined) columnsRead(item.condition, needed)
    collectFrom(item.left, needed)
    collectFrom(item.right, needed)
  } else if (item.kind === 'query' || item.kind === 'function') {
    for (const capture of item.captures) columnsRead(capture, needed)
  }
}

/** Asked by the relation's planning for an index that gives the order wanted; knows afterwards whether one does. */
class IndexOrder {
  isSatisfied = false
  readonly #body: SelectBody

  constructor(body: SelectBody) {
    this.#body = body
  }

  choose(
    item: Extract<FromItem, { kind: 'relation' }>,
    path: AccessPath | undefined,
  ): { access: OrderedAccess } | undefined {
    const { tail, grouping, isDistinct, targets, from } = this.#body
    if (from !== item || tail.order.length === 0 || grouping !== undefined || isDistinct) return undefined
    const columnOf = (key: OrderKey): number | undefined => {
      const target = targets[key.target]!
      return target.kind === 'column' ? target.index - item.first : undefined
    }
    const candidates = path === undefined ? item.relation.indexes : [path.index]
    // Without a bound to stop at, reading every row through an index costs more than sorting them.
    const worthwhile = tail.limit !== undefined || path !== undefined
    for (const index of candidates) {
      if (!worthwhile && !index.isPrimary) continue
      const equal = path === undefined || path.hasList ? [] : path.equal
      if (path?.hasList === true) continue
      const pinned = new Set(equal.map((_, i) => index.parts[i]!.column))
      const direction = orderOf(index, pinned, tail.order, columnOf)
      if (direction === undefined) continue
      this.isSatisfied = true
      return { access: { index, reverse: direction === 'reverse' } }
    }
    return undefined
  }
}
