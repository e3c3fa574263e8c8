/**
 * EXISTS and IN over a subquery, and their negations, as joins of which one side alone comes out.
 *
 * The subquery's block is laid behind the columns of the rows that it tests: its FROM item is moved there, and in its WHERE
 * stand the outer expressions themselves in place of what it captures. From there on it is the right side of a join like any
 * other, with conditions of its own and conditions between the sides.
 *
 * What NULL means:
 * - EXISTS: a row for which all conditions are true. `semi`; NOT EXISTS is `anti` by the same conditions.
 * - x IN, where only true counts: one more condition, x = value. `semi`.
 * - (x, y) IN: a condition for each, as every AND is. `semi`.
 * - NOT x IN: true where for no row of the subquery x = value is true or unknown. `anti`, where a row matches as soon as
 *   x = value IS NOT FALSE; so that can be no key, and the join needs another one.
 *
 * It stays a subquery where it is volatile, groups or limits its rows, locks them, or captures something elsewhere than in
 * its WHERE; where it captures nothing and is computed once for many executions of its block; and where no condition is an
 * equality. One that captures nothing and is any query behind IN is joined as it is.
 */
import { type Estimate, hashJoinCost, repeatedCost } from '../../../query/cost.ts'
import { chooseJoin } from '../../../query/join-order.ts'
import type { FromItem, QueryItem, RelationItem, SelectBody } from '../bind/query.ts'
import { someInItem } from '../bind/query-parts.ts'
import { columnsRead, type Expression, type SubqueryExpression } from '../expression/expression.ts'
import { isVolatile, isVolatileQuery } from '../expression/volatile.ts'
import { oid } from '../types/oids.ts'
import { conjunctsOf, isWithin, partition, type Span } from './conditions.ts'
import { hasSets } from './expand-sets.ts'
import { columnsReadIn, moveColumns, moveExpression, moveItem } from './from-items.ts'
import type { FromPlanner } from './from-planner.ts'
import { joinedRows } from './assumed-rows.ts'
import { estimateItem, joinTerms, type LookUp, lookUpOf } from './join-estimates.ts'
import { equalityOf } from './join-keys.ts'
import { hashJoin, lookUpJoin, type PlannedSide } from './joins.ts'
import type { PlanNode } from './plan-node.ts'

export interface Test {
  readonly subquery: SubqueryExpression
  readonly kind: 'semi' | 'anti'
}

/** A condition that may be such a join. */
export function isSubqueryTest(condition: Expression): boolean {
  return testOf(condition) !== undefined
}

export function testOf(condition: Expression): Test | undefined {
  const isNegated = condition.kind === 'not'
  const subquery = isNegated ? condition.argument : condition
  if (subquery.kind !== 'subquery') return undefined
  const { form, captures, query } = subquery
  if (form !== 'exists' && !subquery.isMembership) return undefined
  if (captures.length === 0 && (form === 'exists' || isNegated)) return undefined
  if (isVolatile(condition) || isVolatileQuery(query)) return undefined
  return { subquery, kind: isNegated ? 'anti' : 'semi' }
}

interface Inner {
  readonly item: FromItem
  readonly conditions: readonly Expression[]
}

/** The subquery's block with its columns from `first` on; undefined where it is more than FROM and WHERE. */
function innerOf({ subquery, kind }: Test, first: number): Inner | undefined {
  const { body } = subquery.query
  const plain = body.kind === 'select' ? plainBlock(body, subquery) : undefined
  if (plain !== undefined) return flattened(plain, { subquery, kind }, first)
  if (subquery.captures.length > 0) return undefined
  const { query, id } = subquery
  const width = query.columns.length
  const item: QueryItem = { kind: 'query', first, width, alias: 'IN', query, id, captures: [], isLateral: false }
  return { item, conditions: equalityTo(columnsOfQuery(item), { subquery, kind }) }
}

interface PlainBlock extends SelectBody {
  readonly from: FromItem
}

/** Rows are neither grouped nor cut off: each stands for itself, in any order and however often. */
function plainBlock(body: SelectBody, { id, form }: SubqueryExpression): PlainBlock | undefined {
  const { from, grouping, windows, distinctOn, locking, tail, targets } = body
  if (from === undefined || grouping !== undefined || distinctOn !== undefined || locking.length > 0) return undefined
  if (windows !== undefined) return undefined
  const { limit, offset, withTies } = tail
  if (offset !== undefined || withTies) return undefined
  const cutsNothing = form === 'exists' && limit?.kind === 'constant' && limit.value !== null && Number(limit.value) > 0
  if (limit !== undefined && !cutsNothing) return undefined
  if (hasSets(targets)) return undefined
  if (someInItem(from, (one) => one.kind === 'captured' && one.subquery === id)) return undefined
  return { ...body, from }
}

function flattened({ from, where, targets }: PlainBlock, test: Test, first: number): Inner {
  const { subquery } = test
  const place = (index: number): number => index - from.first + first
  const moved = moveColumns(place)
  const into = (expression: Expression): Expression =>
    moveExpression(expression, (leaf) =>
      leaf.kind === 'captured' && leaf.subquery === subquery.id ? subquery.captures[leaf.slot] : moved(leaf),
    )
  const item = moveItem(from, place)
  const all = conjunctsOf(where).map(into)
  return { item, conditions: subquery.form === 'exists' ? all : [...all, ...equalityTo(targets.map(into), test)] }
}

/** Of the left side of IN and what the subquery selects, over the columns of both. */
export function equalityTo(values: readonly Expression[], { subquery, kind }: Test): readonly Expression[] {
  const { left, operator } = subquery
  const equality = moveExpression(operator!, (leaf) => {
    return leaf.kind === 'column' ? (left[leaf.index] ?? values[leaf.index - left.length]) : undefined
  })
  if (kind === 'semi') return conjunctsOf(equality)
  return [{ kind: 'test', test: 'false', negated: true, type: oid.bool, modifier: -1, argument: equality }]
}

/** The join that a condition on rows of the span is. */
interface Found {
  readonly test: Test
  readonly item: FromItem
  readonly conditions: readonly Expression[]
  /** Of the right side alone, and the others. */
  readonly own: readonly Expression[]
  readonly between: readonly Expression[]
  readonly lookUp: LookUp | undefined
  readonly hasKeys: boolean
}

/** Undefined where it stays a subquery. */
function findJoin(planner: FromPlanner, span: Span, condition: Expression): Found | undefined {
  const test = testOf(condition)
  if (test === undefined || planner.progress !== undefined) return undefined
  if (test.subquery.captures.length === 0 && planner.isRepeated) return undefined
  const inner = innerOf(test, span.first + span.width)
  if (inner === undefined) return undefined
  const { item, conditions } = inner
  const [own, between] = partition(conditions, (one) => isWithin(one, item))
  const lookUp = item.kind === 'relation' ? lookUpOf(planner, item, between, own) : undefined
  const hasKeys = between.some((one) => equalityOf(one, item).length > 0)
  return lookUp === undefined && !hasKeys ? undefined : { test, item, conditions, own, between, lookUp, hasKeys }
}

export function columnsOfQuery({ query, first }: QueryItem): Expression[] {
  return query.columns.map(({ type, modifier }, i) => {
    return { kind: 'column', type, modifier, index: first + i, name: 'IN' }
  })
}

/** Whether joins for these conditions can go by an index, which leaves the rows in their order. */
export function canKeepOrder(planner: FromPlanner, span: Span, conditions: readonly Expression[]): boolean {
  return conditions.every((one) => {
    const found = findJoin(planner, span, one)
    return found === undefined || found.lookUp !== undefined
  })
}

/**
 * The rows of `input` for which the condition holds, where a join costs less than asking the subquery for each; else
 * undefined. `keepsOrder`: they have to come in the order of the input, which a hash join that spills does not keep.
 */
export function planSemiJoin(
  planner: FromPlanner,
  input: PlannedSide,
  condition: Expression,
  keepsOrder: boolean,
): PlanNode | undefined {
  const found = findJoin(planner, input, condition)
  if (found === undefined) return undefined
  const { test, item, conditions, own, between, lookUp } = found
  const { kind } = test
  const method = methodOf(planner, input.node, found)
  const inside = needing(planner, found)
  if (lookUp !== undefined && (method === 'look up' || (method === 'hash' && keepsOrder))) {
    return lookUpJoin(inside, { kind, left: input, right: item as RelationItem, lookUp, conditions })
  }
  if (method !== 'hash' || keepsOrder) return undefined
  const right = { first: item.first, width: item.width, node: inside.planItem(inside, item, own) }
  const share = (): number => joinTerms(planner, [], item, { between, own }).share
  return hashJoin(inside, { kind, left: input, right, between, share })
}

/** Of the right side's columns, those that something reads. */
function needing(planner: FromPlanner, { item, conditions }: Found): FromPlanner {
  const needed = new Set<number>()
  for (const one of conditions) columnsRead(one, needed)
  columnsReadIn(item, needed)
  return { ...planner, needed, preferred: undefined }
}

function methodOf(planner: FromPlanner, input: PlanNode, found: Found): 'look up' | 'hash' | undefined {
  const { test, item, own, between, lookUp, hasKeys } = found
  if (!planner.measures.wantsCounts()) return lookUp === undefined ? 'hash' : 'look up'
  const left = input.explain.estimate()
  const right = estimateItem(planner, item, own)
  const { share } = joinTerms(planner, [], item, { between, own })
  const rows = joinedRows(test.kind, left.rows, right.rows, share)
  // Not a table of the rows that are tested: it would give them in another order.
  const isCounted = false
  const looked = lookUp && { entries: lookUp.entries, isPrimary: lookUp.path.index.isPrimary }
  const { method, cost } = chooseJoin({ left, right, rows, hasKeys, isCounted, lookUp: looked })
  if (method === 'loop') return undefined
  // The subquery would go by the same index.
  if (method === 'look up') return 'look up'
  return askingCost(planner, left, test, rows) < cost ? undefined : 'hash'
}

/** Of the subquery where it stays one. */
function askingCost(planner: FromPlanner, left: Estimate, { subquery }: Test, rows: number): number {
  const each = planner.estimateSubquery(subquery)
  // Without captures: a set, made once.
  if (subquery.captures.length === 0) return hashJoinCost(left, each, rows)
  // It is read to its first row, or to its end where it has none.
  return repeatedCost(left, each.cost / Math.max(1, Math.min(each.rows, 2)))
}
