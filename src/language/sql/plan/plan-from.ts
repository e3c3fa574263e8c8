/**
 * FROM and WHERE to a plan: conditions go down to the first place where they can be tested, relations are reached by the
 * best index, inner joins are put in order (`join-tree.ts`), and each join runs as index lookups per outer row, as a hash
 * join, or as a nested loop.
 */
import { repeatedCost } from '../../../query/cost.ts'
import { chooseJoin, type JoinMethod } from '../../../query/join-order.ts'
import { NestedLoopJoin } from '../../../query/nested-loop-join.ts'
import type { FromItem, JoinItem, QueryItem, RelationItem, SharedItem } from '../bind/query.ts'
import { compile } from '../expression/compile.ts'
import type { Expression } from '../expression/expression.ts'
import { failure } from '../failure.ts'
import { conjunctsOf, isMovable, isWithin, partition } from './conditions.ts'
import { filtered, type FromPlanner } from './from-planner.ts'
import { filteredRows, joinedRows } from './assumed-rows.ts'
import { estimateItem, joinChoices, joinTerms, lookUpOf } from './join-estimates.ts'
import { equalityOf } from './join-keys.ts'
import { isOrdered, joinTreeOf, planOrdered } from './join-tree.ts'
import { acceptor, combiner, hashJoin, joinNode, lookUpJoin, loopJoin, type PlannedJoin, sideOf } from './joins.ts'
import { lateralItem, type LateralItem } from './lateral.ts'
import { planDerived, planFunction } from './plan-derived.ts'
import { type PlanNode, planNode } from './plan-node.ts'
import { familyIn, planFamily } from './plan-family.ts'
import { planTable } from './plan-relation.ts'
import { pushedDown, readOnce } from './push-down.ts'
import { isSubqueryTest } from './semi-join.ts'
import type { SqlRow, SqlRun } from './run.ts'

/** A plan for the item whose rows satisfy all conditions; they read columns of the item only. */
export function planItem(planner: FromPlanner, item: FromItem, conditions: readonly Expression[]): PlanNode {
  switch (item.kind) {
    case 'relation': {
      const family = familyIn(item)
      return family === undefined ? planTable(planner, item, conditions) : planFamily(planner, item, family, conditions)
    }
    case 'query':
    case 'shared':
      return planQueryItem(planner, item, conditions)
    case 'function':
      return filtered(planner, item, planFunction(planner, item), conditions)
    default:
      return planJoin(planner, item, conditions)
  }
}

function planQueryItem(
  planner: FromPlanner,
  given: QueryItem | SharedItem,
  conditions: readonly Expression[],
): PlanNode {
  const item = readOnce(given)
  if (item.kind === 'shared') return filtered(planner, item, planDerived(planner, item), conditions)
  const { query, rest } = pushedDown(item, conditions)
  return filtered(planner, item, planDerived(planner, { ...item, query }), rest)
}

function planJoin(planner: FromPlanner, item: JoinItem, given: readonly Expression[]): PlanNode {
  if (isOrdered(item) || !planner.measures.wantsCounts()) return planPair(planner, item, given)
  const tree = joinTreeOf(item)
  if (tree === undefined) return planPair(planner, item, given)
  const movable = given.filter(isMovable)
  const rest = given.filter((one) => !movable.includes(one))
  return filtered(planner, item, planOrdered(planner, item, tree, movable), rest)
}

/** Conditions that must hold, each where it can be tested first. */
function planPair(planner: FromPlanner, item: JoinItem, given: readonly Expression[]): PlanNode {
  const { left, right, join } = item
  const on = conjunctsOf(item.condition)
  const isInner = join === 'inner'
  // WHERE conditions go below the join only on a side that the join never fills with nulls.
  const leftGiven = given.filter((one) => (isInner || join === 'left') && isMovable(one) && isWithin(one, left))
  const rightGiven = given.filter(
    (one) => (isInner || join === 'right') && isMovable(one) && isWithin(one, right) && !leftGiven.includes(one),
  )
  const restGiven = given.filter((one) => !leftGiven.includes(one) && !rightGiven.includes(one))
  const leftOn = on.filter((one) => (isInner || join === 'right') && isMovable(one) && isWithin(one, left))
  const rightOn = on.filter(
    (one) => (isInner || join === 'left') && isMovable(one) && isWithin(one, right) && !leftOn.includes(one),
  )
  const between = on.filter((one) => !leftOn.includes(one) && !rightOn.includes(one))
  const [above, tested] = isInner ? partition([...between, ...restGiven], isSubqueryTest) : [restGiven, between]
  const sides = { left: [...leftGiven, ...leftOn], right: [...rightGiven, ...rightOn], between: tested }
  return filtered(planner, item, planSides(planner, item, sides), above)
}

interface Sides {
  readonly left: readonly Expression[]
  readonly right: readonly Expression[]
  readonly between: readonly Expression[]
}

function planSides(planner: FromPlanner, item: JoinItem, sides: Sides): PlanNode {
  const { join, right } = item
  const lateral = lateralItem(right)
  if (lateral !== undefined) return planLateral(planner, item, lateral, sides)
  const method = isOrdered(item) ? item.method : methodOf(planner, item, sides)
  if (method === 'look up') return planLookUp(planner, item, right as RelationItem, sides)
  if (method === 'loop' && join === 'full') {
    throw failure('0A000', 'FULL JOIN is only supported with merge-joinable or hash-joinable join conditions')
  }
  const { left } = item
  const planned: PlannedJoin = {
    kind: join,
    left: { ...sideOf(planner, left), node: planItem(planner, left, sides.left) },
    right: { ...sideOf(planner, right), node: planItem(planner, right, sides.right) },
    between: sides.between,
    share: () => joinTerms(planner, [left], right, { between: sides.between, own: sides.right }).share,
  }
  return method === 'loop' ? loopJoin(planner, planned) : hashJoin(planner, planned, method === 'hash left')
}

function planLookUp(planner: FromPlanner, item: JoinItem, right: RelationItem, sides: Sides): PlanNode {
  const { left } = item
  const isInner = item.join !== 'left'
  // A subquery is asked once the rows are there, which can be a join as well.
  const [above, own] = isInner ? partition(sides.right, isSubqueryTest) : [[], sides.right]
  const joined = lookUpJoin(planner, {
    kind: isInner ? 'inner' : 'left',
    left: { ...sideOf(planner, left), node: planItem(planner, left, sides.left) },
    right,
    lookUp: lookUpOf(planner, right, sides.between, own)!,
    conditions: [...own, ...sides.between],
  })
  return filtered(planner, item, joined, above)
}

/** By what there is; where that is not known a look-up goes before a hash table, and that before a loop. */
function methodOf(planner: FromPlanner, { left, right, join }: JoinItem, { between, ...own }: Sides): JoinMethod {
  const canLookUp = right.kind === 'relation' && (join === 'inner' || join === 'left')
  if (!planner.measures.wantsCounts()) {
    if (canLookUp && lookUpOf(planner, right, between, own.right) !== undefined) return 'look up'
    return between.some((one) => equalityOf(one, right).length > 0) ? 'hash' : 'loop'
  }
  const outer = estimateItem(planner, left, own.left)
  const inner = estimateItem(planner, right, own.right)
  const choices = joinChoices(outer, inner, joinTerms(planner, [left], right, { between, own: own.right }))
  return chooseJoin(canLookUp ? choices : { ...choices, lookUp: undefined }).method
}

/** The right side is computed for each row of the left one, from what it captures of it. */
function planLateral(planner: FromPlanner, item: JoinItem, right: LateralItem, sides: Sides): PlanNode {
  const { left, join } = item
  if (join !== 'inner' && join !== 'left') {
    throw failure('42P10', `invalid reference to FROM-clause entry for table "${left.alias}"`, {
      detail: 'The combining JOIN type must be INNER or LEFT for a LATERAL reference.',
    })
  }
  const outer = planItem(planner, left, sides.left)
  const inner = planItem(planner, right.item, sides.right)
  const captures = right.captures.map((one) => compile(one, planner.compilerAt(left.first)))
  const accepts = acceptor(planner, left, sides.between)
  const shown = { method: 'Nested Loop', kind: join, conditions: sides.between } as const
  const explain = joinNode(planner, shown, [outer.explain, inner.explain], (rows, each) => {
    const share = filteredRows(each.rows, sides.between) / each.rows
    return {
      rows: joinedRows(join, rows.rows, each.rows, share),
      cost: repeatedCost(rows, each.cost),
      startup: rows.startup,
    }
  })
  return planNode(explain, (opening) => {
    const rows = inner.open(opening)
    return new NestedLoopJoin<SqlRow, SqlRow, SqlRow, SqlRun>(outer.open(opening), {
      kind: join,
      innerOf: (row, run) => {
        run.captures[right.id] = captures.map((capture) => capture(row, run))
        return rows
      },
      combine: combiner({ kind: join, left, right: item.right }),
      accepts,
    })
  })
}
