/**
 * Inner joins in the order that costs least.
 *
 * A tree of inner joins is taken apart into its members (relations, computed items, outer joins with what is within them)
 * and its conditions, and put together again as a left-deep tree. Rows are the members' columns side by side, so in another
 * order columns have other places: the members and all conditions are moved to them, and the rows that come out are put back
 * into the order of the text.
 *
 * Lateral items need what stands before them, so a join with one is a member itself, and stays as it is. Without counts
 * (`measures.ts`) nothing is put into another order.
 */
import { Project } from '../../../query/row-operators.ts'
import { chooseJoin, type JoinMethod, type JoinOrder, orderJoins } from '../../../query/join-order.ts'
import type { FromItem, JoinItem } from '../bind/query.ts'
import { type Expression, columnsRead } from '../expression/expression.ts'
import { conjunctsOf, isMovable, isWithin, partition, type Span } from './conditions.ts'
import { moveColumns, moveExpression, moveItem } from './from-items.ts'
import { EqualColumns } from './equal-columns.ts'
import { filtered, type FromPlanner } from './from-planner.ts'
import { impliedConditions } from './implied-conditions.ts'
import { estimateItem, joinChoices, type JoinTerms, joinTerms } from './join-estimates.ts'
import { lateralItem } from './lateral.ts'
import type { PlanNode } from './plan-node.ts'
import type { SqlRow, SqlRun } from './run.ts'
import { isSubqueryTest } from './semi-join.ts'

/** More than this stay in the order of the text: sets of them are bits of a number. */
const mostMembers = 30

/** A join whose place and method are decided. */
export interface OrderedJoin extends JoinItem {
  readonly method: JoinMethod
}

export function isOrdered(item: JoinItem): item is OrderedJoin {
  return 'method' in item
}

export interface JoinTree {
  readonly members: readonly FromItem[]
  readonly conditions: readonly Expression[]
}

/** Undefined where there is nothing to put in order. */
export function joinTreeOf(item: JoinItem): JoinTree | undefined {
  const members: FromItem[] = []
  const conditions: Expression[] = []
  let joins = 0
  const takeApart = (one: FromItem): void => {
    // Asked at each level of many joins, it answers without looking at all of them.
    if (joins > mostMembers) return
    if (!isInner(one)) {
      members.push(one)
      return
    }
    joins++
    takeApart(one.left)
    takeApart(one.right)
    conditions.push(...conjunctsOf(one.condition))
  }
  takeApart(item)
  return members.length < 2 || joins >= mostMembers ? undefined : { members, conditions }
}

function isInner(item: FromItem): item is JoinItem {
  if (item.kind !== 'join' || item.join !== 'inner') return false
  return lateralItem(item.right) === undefined && conjunctsOf(item.condition).every(isMovable)
}

/** `given` can be tested anywhere. */
export function planOrdered(
  planner: FromPlanner,
  item: JoinItem,
  tree: JoinTree,
  given: readonly Expression[],
): PlanNode {
  const { members } = tree
  const stated = [...tree.conditions, ...given]
  const all = [...stated, ...stated.flatMap((one) => impliedConditions(one, members))]
  const late = testedLate(planner, members, all)
  const early = all.filter((one) => !late.includes(one))
  const equal = new EqualColumns(early, members)
  const { order, methods } = chooseOrder(planner, members, early, equal)
  const conditions = conditionsInOrder(members, [...early, ...equal.derived], order, equal)
  const layout = new Layout(item, members, order)
  const moved = order.map((member) => layout.item(members[member]!))
  const [first, ...others] = moved
  const joined = others.reduce<FromItem>((left, right, i): OrderedJoin => {
    const placed = { first: item.first, width: left.width + right.width, alias: item.alias, id: item.id }
    return { kind: 'join', ...placed, join: 'inner', left, right, condition: undefined, method: methods[i]! }
  }, first!)
  const inPlace = { ...planner, needed: layout.columns(planner.needed) }
  const node = planner.planItem(
    inPlace,
    joined,
    conditions.map((one) => layout.expression(one)),
  )
  const places = layout.places
  if (places === undefined) return filtered(planner, item, node, late)
  const inTextOrder = (row: SqlRow): SqlRow => places.map((place) => row[place]!)
  const placed = { explain: node.explain, open: (run: SqlRun) => new Project(node.open(run), inTextOrder) }
  return filtered(planner, item, placed, late)
}

/** Subqueries about rows of one member that are asked of fewer rows once all are joined. */
function testedLate(
  planner: FromPlanner,
  members: readonly FromItem[],
  conditions: readonly Expression[],
): readonly Expression[] {
  const [tests, plain] = partition(conditions, isSubqueryTest)
  if (tests.length === 0) return tests
  const { rows } = chooseOrder(planner, members, plain, new EqualColumns(plain, members))
  return tests.filter((test) => {
    const member = members.find((one) => isWithin(test, one))
    if (member === undefined) return false
    const own = plain.filter((one) => isWithin(one, member))
    return rows < estimateItem(planner, member, own).rows
  })
}

/** Where columns are when the members stand in another order. */
class Layout {
  readonly #first: number
  /** By a column's place in the row of the text. */
  readonly #moved: readonly number[]
  /** By the place in the row of the text: where its value is; undefined where nothing has moved. */
  readonly places: readonly number[] | undefined

  constructor({ first, width }: Span, members: readonly FromItem[], order: readonly number[]) {
    this.#first = first
    const moved = Array.from({ length: width }, (_, i) => i)
    let next = 0
    for (const member of order) {
      const { first: from, width: count } = members[member]!
      for (let i = 0; i < count; i++) moved[from - first + i] = next++
    }
    this.#moved = moved
    this.places = moved.every((place, i) => place === i) ? undefined : moved
  }

  #place(index: number): number {
    const moved = this.#moved[index - this.#first]
    return moved === undefined ? index : moved + this.#first
  }

  columns(needed: ReadonlySet<number>): ReadonlySet<number> {
    return this.places === undefined ? needed : new Set([...needed].map((index) => this.#place(index)))
  }

  expression(one: Expression): Expression {
    if (this.places === undefined || columnsRead(one).size === 0) return one
    return moveExpression(
      one,
      moveColumns((index) => this.#place(index)),
    )
  }

  item(item: FromItem): FromItem {
    return this.places === undefined ? item : moveItem(item, (index) => this.#place(index))
  }
}

function chooseOrder(
  planner: FromPlanner,
  members: readonly FromItem[],
  stated: readonly Expression[],
  equal: EqualColumns,
): JoinOrder {
  const conditions = [...stated, ...equal.derived]
  const owners = conditions.map((condition) => ownersOf(condition, members))
  const own = members.map((_, member) => conditions.filter((_condition, i) => owners[i] === 1 << member))
  const estimates = members.map((member, i) => estimateItem(planner, member, own[i]!))
  const neighbors = members.map((_, member) => {
    const bit = 1 << member
    return owners.reduce((set, owner) => ((owner & bit) === 0 ? set : set | owner), 0) & ~bit
  })
  const known = new Map<number, JoinTerms>()
  const termsOf = (set: number, member: number): JoinTerms => {
    const near = set & neighbors[member]!
    const key = near * members.length + member
    let terms = known.get(key)
    if (terms === undefined) {
      const between = equal.needed(conditions.filter((_, i) => isBetween(owners[i]!, near | (1 << member), member)))
      known.set(key, (terms = joinTerms(planner, members, members[member]!, { between, own: own[member]! })))
    }
    return terms
  }
  return orderJoins({
    members: estimates,
    neighbors,
    step: (set, joined, member) => {
      const choices = joinChoices(joined, estimates[member]!, termsOf(set, member))
      const { method, cost } = chooseJoin(choices)
      return { method, cost, rows: choices.rows }
    },
  })
}

/** Those that are tested where the members are joined in this order. */
function conditionsInOrder(
  members: readonly FromItem[],
  conditions: readonly Expression[],
  order: readonly number[],
  equal: EqualColumns,
): Expression[] {
  if (equal.derived.length === 0) return [...conditions]
  const owners = conditions.map((condition) => ownersOf(condition, members))
  const needed = new Set(conditions.filter((_, i) => !order.some((member) => isBetween(owners[i]!, -1, member))))
  let set = 0
  for (const member of order) {
    set |= 1 << member
    const between = conditions.filter((_, i) => isBetween(owners[i]!, set, member))
    for (const one of equal.needed(between)) needed.add(one)
  }
  return conditions.filter((one) => needed.has(one))
}

/** The members whose columns it reads, a bit for each. */
function ownersOf(condition: Expression, members: readonly FromItem[]): number {
  let owners = 0
  for (const index of columnsRead(condition)) {
    owners |= 1 << members.findIndex(({ first, width }) => index >= first && index < first + width)
  }
  return owners
}

/** Can be tested once the member has joined the others of `all`, and not before. */
function isBetween(owners: number, all: number, member: number): boolean {
  return (owners & ~all) === 0 && (owners & (1 << member)) !== 0 && owners !== 1 << member
}
