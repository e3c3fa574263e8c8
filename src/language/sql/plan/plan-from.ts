/**
 * FROM and WHERE to a plan: conditions go down to the first place where they can be tested, relations are reached by the
 * best index, joins keep the order of the text and run as index lookups per outer row, as a hash join, or as a nested loop.
 */
import { HashJoin } from '../../../query/hash-join.ts'
import { Materialize } from '../../../query/materialize.ts'
import { NestedLoopJoin } from '../../../query/nested-loop-join.ts'
import type { FromItem, JoinItem, RelationItem } from '../bind/query.ts'
import { compile, compilePredicate } from '../expression/compile.ts'
import { columnsRead, type Expression } from '../expression/expression.ts'
import { failure } from '../failure.ts'
import { joinKeyOf } from '../types/hash-key.ts'
import { sqlRows } from '../types/row-format.ts'
import { chooseAccess } from './access-path.ts'
import { conjunction, isMovable, isWithin } from './conditions.ts'
import { describeCondition, subplansOf } from './explain-text.ts'
import { filtered, type FromPlanner } from './from-planner.ts'
import { lateralItem, type LateralItem } from './lateral.ts'
import { planDerived, planFunction } from './plan-derived.ts'
import { costOf, Metered } from './metered.ts'
import { type ExplainNode, type PlanNode, planNode } from './plan-node.ts'
import { planRelation, planScan } from './plan-relation.ts'
import type { SqlRow, SqlRun } from './run.ts'

/** A plan for the item whose rows satisfy all conditions; they read columns of the item only. */
export function planItem(planner: FromPlanner, item: FromItem, conditions: readonly Expression[]): PlanNode {
  switch (item.kind) {
    case 'relation':
      return planRelation(planner, item, conditions)
    case 'query':
    case 'shared':
      return filtered(planner, item, planDerived(planner, item), conditions)
    case 'function':
      return filtered(planner, item, planFunction(planner, item), conditions)
    default:
      return planJoin(planner, item, conditions)
  }
}

function planJoin(planner: FromPlanner, item: JoinItem, given: readonly Expression[]): PlanNode {
  const { left, right, join } = item
  const on = item.condition === undefined ? [] : conjunctsOfJoin(item.condition)
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
  const sides = {
    left: [...leftGiven, ...leftOn],
    right: [...rightGiven, ...rightOn],
    between: isInner ? [...between, ...restGiven] : between,
  }
  const joined = planSides(planner, item, sides)
  return isInner ? joined : filtered(planner, item, joined, restGiven)
}

function conjunctsOfJoin(condition: Expression): readonly Expression[] {
  if (condition.kind === 'and') return condition.arguments.flatMap(conjunctsOfJoin)
  return condition.kind === 'constant' && condition.value === true ? [] : [condition]
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
  if (join === 'inner' || join === 'left') {
    const indexed = right.kind === 'relation' ? planIndexed(planner, item, right, sides) : undefined
    if (indexed !== undefined) return indexed
  }
  const equalities = sides.between.flatMap((one) => equalityOf(one, item))
  if (equalities.length > 0) return planHash(planner, item, sides, equalities)
  if (join === 'full') {
    throw failure('0A000', 'FULL JOIN is only supported with merge-joinable or hash-joinable join conditions')
  }
  return planLoop(planner, item, sides)
}

const joinWords = { inner: '', left: ' Left', right: ' Right', full: ' Full' } as const

function combiner(item: JoinItem): (left: SqlRow | undefined, right: SqlRow | undefined) => SqlRow {
  const noLeft: SqlRow = Array.from({ length: item.left.width }, () => null)
  const noRight: SqlRow = Array.from({ length: item.right.width }, () => null)
  return (left, right) => (left ?? noLeft).concat(right ?? noRight)
}

function acceptor(
  planner: FromPlanner,
  item: JoinItem,
  conditions: readonly Expression[],
): ((row: SqlRow, run: SqlRun) => boolean) | undefined {
  const condition = conjunction(conditions)
  return condition === undefined ? undefined : compilePredicate(condition, planner.compilerAt(item.first))
}

/** The right side is looked up by an index for each row of the left one. */
function planIndexed(planner: FromPlanner, item: JoinItem, right: RelationItem, sides: Sides): PlanNode | undefined {
  const { left } = item
  const usable = sides.between.filter(isMovable)
  const isKnown = (one: Expression): boolean => isMovable(one) && isWithin(one, left)
  const path = chooseAccess(right.relation, right.first, [...usable, ...sides.right], isKnown)
  const usesJoin = path?.matched.some((one) => usable.includes(one)) === true
  if (path === undefined || !usesJoin || path.equal.length === 0) return undefined
  const outer = planItem(planner, left, sides.left)
  const scan = planScan(planner, right, path, left.first, undefined)
  const rest = [...sides.right, ...sides.between].filter((one) => !path.answered.includes(one))
  const accepts = acceptor(planner, item, rest)
  const combine = combiner(item)
  const kind = item.join === 'left' ? 'left' : 'inner'
  const explain = joinNode(planner, 'Nested Loop', item, rest, outer.explain, scan.explain)
  return planNode(explain, (run) => {
    return new NestedLoopJoin<SqlRow, SqlRow, SqlRow, SqlRun>(outer.open(run), {
      kind,
      innerOf: (row, inner) => planNode(scan.explain, () => scan.open(row, inner)).open(inner),
      combine,
      accepts,
    })
  })
}

function joinNode(
  planner: FromPlanner,
  title: string,
  item: JoinItem,
  conditions: readonly Expression[],
  ...children: ExplainNode[]
): ExplainNode {
  const condition = conjunction(conditions)
  const word = joinWords[item.join]
  const shown = title === 'Hash' ? `Hash${word} Join` : word === '' ? title : `${title}${word} Join`
  if (condition === undefined) return { title: shown, details: [], children }
  const label = title === 'Hash' ? 'Hash Cond' : 'Join Filter'
  return {
    title: shown,
    details: [[label, () => describeCondition(condition)]],
    children,
    subplans: subplansOf(condition, (id) => planner.explainSubquery(id)),
  }
}

interface Equality {
  readonly left: Expression
  readonly right: Expression
  readonly condition: Expression
}

function equalityOf(condition: Expression, item: JoinItem): Equality[] {
  if (condition.kind !== 'call' || !condition.isOperator || condition.name !== '=') return []
  const [a, b] = condition.arguments
  if (a === undefined || b === undefined || a.type !== b.type || !isMovable(condition)) return []
  const reads = (one: Expression): boolean => columnsRead(one).size > 0
  if (!reads(a) || !reads(b)) return []
  if (isWithin(a, item.left) && isWithin(b, item.right)) return [{ left: a, right: b, condition }]
  if (isWithin(b, item.left) && isWithin(a, item.right)) return [{ left: b, right: a, condition }]
  return []
}

function planHash(planner: FromPlanner, item: JoinItem, sides: Sides, equalities: readonly Equality[]): PlanNode {
  const { left, right } = item
  const outer = planItem(planner, left, sides.left)
  const inner = planItem(planner, right, sides.right)
  const keyOf = joinKeyOf(equalities.map((one) => one.left.type))
  const keys = (parts: readonly Expression[], base: number) => {
    const evaluators = parts.map((one) => compile(one, planner.compilerAt(base)))
    return (row: SqlRow, run: SqlRun) => keyOf(evaluators.map((one) => one(row, run)))
  }
  const answered = new Set(equalities.map(({ condition }) => condition))
  const plan = {
    kind: item.join,
    outerFormat: sqlRows,
    innerFormat: sqlRows,
    outerKey: keys(
      equalities.map((one) => one.left),
      left.first,
    ),
    innerKey: keys(
      equalities.map((one) => one.right),
      right.first,
    ),
    combine: combiner(item),
    accepts: acceptor(
      planner,
      item,
      sides.between.filter((one) => !answered.has(one)),
    ),
  } as const
  const hash: ExplainNode = { title: 'Hash', details: [], children: [inner.explain] }
  const explain = joinNode(planner, 'Hash', item, sides.between, outer.explain, hash)
  return planNode(
    explain,
    (run) => new HashJoin<SqlRow, SqlRow, SqlRow, SqlRun>(outer.open(run), inner.open(run), plan),
  )
}

function planLoop(planner: FromPlanner, item: JoinItem, sides: Sides): PlanNode {
  const isRight = item.join === 'right'
  const [outerItem, innerItem] = isRight ? [item.right, item.left] : [item.left, item.right]
  const outer = planItem(planner, outerItem, isRight ? sides.right : sides.left)
  const inner = planItem(planner, innerItem, isRight ? sides.left : sides.right)
  const accepts = acceptor(planner, item, sides.between)
  const join = combiner(item)
  const combine = isRight ? (a: SqlRow, b: SqlRow | undefined) => join(b, a) : join
  const cost = planner.progress === undefined ? 0 : costOf(sides.between)
  const kept: ExplainNode = { title: 'Materialize', details: [], children: [inner.explain] }
  const explain = joinNode(planner, 'Nested Loop', item, sides.between, outer.explain, kept)
  const kind = item.join === 'inner' ? 'inner' : 'left'
  return planNode(explain, (run) => {
    const rows = new Materialize(inner.open(run), sqlRows)
    const replay = cost === 0 ? rows.replay() : new Metered(rows.replay(), cost)
    const loop = new NestedLoopJoin<SqlRow, SqlRow, SqlRow, SqlRun>(outer.open(run), {
      kind,
      innerOf: () => replay,
      combine,
      accepts,
    })
    return {
      next: (inside) => loop.next(inside),
      reset: () => {
        rows.reset()
        loop.reset()
      },
    }
  })
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
  const accepts = acceptor(planner, item, sides.between)
  const explain = joinNode(planner, 'Nested Loop', item, sides.between, outer.explain, inner.explain)
  return planNode(explain, (opening) => {
    const rows = inner.open(opening)
    return new NestedLoopJoin<SqlRow, SqlRow, SqlRow, SqlRun>(outer.open(opening), {
      kind: join,
      innerOf: (row, run) => {
        run.captures[right.id] = captures.map((capture) => capture(row, run))
        return rows
      },
      combine: combiner(item),
      accepts,
    })
  })
}
