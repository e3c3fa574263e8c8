/** How many rows items of FROM have, and joins of them, for `query/join-order.ts`. */
import { accessCost, assumedSize, entriesOf } from '../../../query/access-path.ts'
import type { Estimate } from '../../../query/cost.ts'
import type { JoinChoices } from '../../../query/join-order.ts'
import type { BoundQuery, FromItem, JoinItem, RelationItem } from '../bind/query.ts'
import { columnsRead, type Expression } from '../expression/expression.ts'
import { comparisonsOf, type ConditionPath } from './access-conditions.ts'
import { assumedGroups, assumedRows, assumedShares, filteredRows } from './assumed-rows.ts'
import { areWithin, conjunctsOf, isMovable, isWithin, type Span } from './conditions.ts'
import type { FromPlanner } from './from-planner.ts'
import { equalityOf, isOutside } from './join-keys.ts'
import { pushedDown, readOnce } from './push-down.ts'
import { relationAccess } from './relation-scan.ts'
import { RelationAccess } from './relation-access.ts'

/** Different values of what no index begins with. */
const assumedDistinct = 200

/** Rows of an item that satisfy the conditions, which read no other. */
export function estimateItem(planner: FromPlanner, item: FromItem, conditions: readonly Expression[]): Estimate {
  switch (item.kind) {
    case 'relation': {
      const access = relationAccess(planner, item, conditions)
      return { rows: access.rows, cost: accessCost(access, access.choose()) }
    }
    case 'join':
      return conditions.length > 0
        ? estimateJoin(planner, item, conditions)
        : planner.measures.estimateOnce(item, () => estimateJoin(planner, item, conditions))
    case 'function':
      return computed(assumedRows, conditions)
    default: {
      const one = readOnce(item)
      if (one.kind === 'shared') {
        const whole = planner.measures.estimateOnce(one.query, () => computed(rowsOf(planner, one.query), []))
        return computed(whole.rows, conditions)
      }
      const { query, rest } = pushedDown(one, conditions)
      return computed(rowsOf(planner, query), rest)
    }
  }
}

function estimateJoin(planner: FromPlanner, item: JoinItem, conditions: readonly Expression[]): Estimate {
  const left = estimateItem(planner, item.left, within(conditions, item.left))
  const right = estimateItem(planner, item.right, within(conditions, item.right))
  const on = conjunctsOf(item.condition)
  const inner = left.rows * right.rows * shareOf(planner, [item.left], item.right, on)
  const kept = item.join === 'inner' ? 0 : item.join === 'left' ? left.rows : Math.max(left.rows, right.rows)
  return { rows: Math.max(inner, kept), cost: left.cost + right.cost + inner }
}

function within(conditions: readonly Expression[], span: Span): Expression[] {
  return conditions.filter((one) => isMovable(one) && isWithin(one, span))
}

function computed(rows: number, conditions: readonly Expression[]): Estimate {
  return { rows: filteredRows(rows, conditions), cost: rows }
}

function rowsOf(planner: FromPlanner, { body }: BoundQuery): number {
  if (body.kind === 'values') return body.rows.length
  if (body.kind === 'set') return rowsOf(planner, body.left) + rowsOf(planner, body.right)
  const { from, where, grouping, tail } = body
  if (from === undefined || grouping?.keys.length === 0) return 1
  const limit = tail.limit?.kind === 'constant' && tail.limit.value !== null ? Number(tail.limit.value) : Infinity
  const { rows } = estimateItem(planner, from, conjunctsOf(where))
  return Math.min(limit, grouping === undefined ? rows : assumedGroups(rows))
}

// ---- joins

/** The share of all pairs that satisfy the conditions between items that are joined already and another one. */
export function shareOf(
  planner: FromPlanner,
  left: readonly FromItem[],
  right: FromItem,
  conditions: readonly Expression[],
): number {
  const pairs: Pair[] = []
  let share = 1
  for (const condition of conditions) {
    const [keys] = equalityOf(condition, right)
    if (keys === undefined) share *= assumedShares.other
    else pairs.push({ other: left.find((one) => isWithin(keys.left, one)), left: keys.left, right: keys.right })
  }
  for (const pair of pairs)
    share /= Math.max(distinctIn(planner, left, pair.left), distinctOf(planner, right, pair.right), 1)
  return Math.max(share, leastShareOf(planner, right, pairs))
}

/** An equality of a column of the right side with what is one of another item's. */
interface Pair {
  readonly other: FromItem | undefined
  readonly left: Expression
  readonly right: Expression
}

/**
 * Columns that an index has together say more of each other than their single values do: of the pairs of rows, no fewer are equal
 * than that index has groups.
 */
function leastShareOf(planner: FromPlanner, right: FromItem, pairs: readonly Pair[]): number {
  const [first] = pairs
  if (first?.other === undefined || pairs.length < 2 || pairs.some(({ other }) => other !== first.other)) return 0
  const ofLeft = tuplesOf(
    planner,
    first.other,
    pairs.map(({ left }) => left),
  )
  const ofRight = tuplesOf(
    planner,
    right,
    pairs.map((pair) => pair.right),
  )
  return ofLeft === undefined && ofRight === undefined ? 0 : 1 / Math.max(ofLeft ?? 1, ofRight ?? 1, 1)
}

/** Different values of several columns together, where an index begins with them. */
function tuplesOf(planner: FromPlanner, item: FromItem, expressions: readonly Expression[]): number | undefined {
  if (item.kind !== 'relation') return undefined
  const columns = new Set(expressions.map((one) => (one.kind === 'column' ? one.index - item.first : -1)))
  const { relation } = item
  const index = relation.indexes.find(({ parts, isHint }) => {
    const begun = parts.slice(0, columns.size)
    return isHint !== true && begun.length === columns.size && begun.every(({ column }) => columns.has(column))
  })
  if (index === undefined) return undefined
  const size = sizeOf(planner, item)
  if (index.isUnique && index.parts.length === columns.size) return size
  const groups = planner.measures.groupsOf(relation, index, columns.size)
  return groups === undefined || groups.mean === 0 ? undefined : size / groups.mean
}

function distinctIn(planner: FromPlanner, items: readonly FromItem[], expression: Expression): number {
  const read = [...columnsRead(expression)]
  let item = items.find((one) => areWithin(read, one))
  while (item?.kind === 'join') {
    const { left, right }: JoinItem = item
    item = areWithin(read, left) ? left : areWithin(read, right) ? right : undefined
  }
  return item === undefined ? assumedDistinct : distinctOf(planner, item, expression)
}

/** Different values of an expression over an item's columns. */
function distinctOf(planner: FromPlanner, item: FromItem, expression: Expression): number {
  if (item.kind === 'join') return distinctIn(planner, [item], expression)
  if (item.kind !== 'relation' || expression.kind !== 'column') return assumedDistinct
  const { relation, first } = item
  const column = expression.index - first
  const size = sizeOf(planner, item)
  const index = relation.indexes.find(({ parts, isHint }) => isHint !== true && parts[0]?.column === column)
  const isColumn = column < relation.columns.length
  if (index === undefined) {
    return (isColumn ? planner.measures.distinctOf(relation, column) : undefined) ?? Math.min(size, assumedDistinct)
  }
  if (index.isUnique && index.parts.length === 1) return size
  const groups = planner.measures.groupsOf(relation, index, 1)
  return groups === undefined || groups.mean === 0 ? Math.min(size, assumedDistinct) : size / groups.mean
}

/** Of the whole relation. */
export function sizeOf(planner: FromPlanner, item: RelationItem): number {
  return planner.measures.sizeOf(item.relation) ?? assumedSize
}

export interface LookUp {
  readonly path: ConditionPath
  readonly entries: number
}

/**
 * An item looked up by an index for rows of others: undefined where none begins with what the conditions between them, which
 * read nothing else, say.
 */
export function lookUpOf(
  planner: FromPlanner,
  right: RelationItem,
  between: readonly Expression[],
  own: readonly Expression[],
): LookUp | undefined {
  const usable = between.filter(isMovable)
  const isKnown = (one: Expression): boolean => isMovable(one) && isOutside(one, right)
  const all = [...usable, ...own]
  const comparisons = comparisonsOf(all, right.first, right.relation, isKnown)
  const counts = { measures: planner.measures, accesses: undefined }
  const access = new RelationAccess(right.relation, { all, comparisons, first: right.first }, counts)
  const path = access.choose()
  const points = path?.bounds.filter(({ kind }) => kind !== 'interval') ?? []
  if (path === undefined || points.length === 0) return undefined
  const usesJoin = path.bounds.some((bound) => {
    const used = bound.kind === 'interval' ? [bound.low, bound.high] : [bound.value]
    return used.some((one) => one !== undefined && usable.includes(one.condition))
  })
  return usesJoin ? { path, entries: entriesOf(access, path) } : undefined
}

/** What conditions make of a join, whatever the number of rows on both sides. */
export interface JoinTerms extends Pick<JoinChoices, 'lookUp' | 'hasKeys' | 'isCounted'> {
  /** Of all pairs. */
  readonly share: number
}

/** `between`: conditions on the right item and others of `left`; `own`: on the right item alone. */
export function joinTerms(
  planner: FromPlanner,
  left: readonly FromItem[],
  right: FromItem,
  { between, own }: { readonly between: readonly Expression[]; readonly own: readonly Expression[] },
): JoinTerms {
  const found = right.kind === 'relation' ? lookUpOf(planner, right, between, own) : undefined
  const isUnique = found?.path.isPoint === true
  return {
    share: isUnique ? 1 / Math.max(1, sizeOf(planner, right as RelationItem)) : shareOf(planner, left, right, between),
    lookUp: found && { entries: found.entries, isPrimary: found.path.index.isPrimary },
    isCounted: right.kind !== 'relation' || right.relation.estimateRows !== undefined,
    hasKeys: between.some((one) => equalityOf(one, right).length > 0),
  }
}

export function joinChoices(left: Estimate, right: Estimate, terms: JoinTerms): JoinChoices {
  const { share, lookUp, hasKeys, isCounted } = terms
  return { left, right, rows: left.rows * right.rows * share, lookUp, hasKeys, isCounted }
}
