/**
 * Plain subqueries of FROM become a part of the block that they stand in, so that a view, or a query in parentheses, is planned
 * as if it had been written out: its conditions and those around it choose one access path, its relations are joined
 * in any order (PostgreSQL's `pull_up_subqueries`).
 *
 *   FROM (SELECT a, b + 1 AS c FROM t WHERE b > 0) q WHERE q.c = 5  →  FROM t WHERE t.b + 1 = 5 AND t.b > 0
 *
 * What groups, sorts, cuts, tells rows apart, draws or gives sets stays a query of its own; so does one that hides rows from
 * conditions around it, one within the nulls of an outer join that shows more than columns, since an expression would
 * not be null there, and one that shows a very large expression. Conditions go to where their rows are chosen: WHERE, or the ON of the outer join whose inner side they are of.
 */
import type { FromItem, JoinItem, QueryItem, SelectBody } from '../bind/query.ts'
import { mapWindow } from '../bind/windows/window.ts'
import { type AggregateExpression, type Expression, partsOf, someExpression } from '../expression/expression.ts'
import { isVolatile } from '../expression/volatile.ts'
import { conjunction, conjunctsOf } from './conditions.ts'
import { moveColumns, moveExpression, moveItem } from './from-items.ts'

/** What a side of a join may show: anything, or columns alone; or nothing of it is taken in. */
type Side = 'any' | 'columns' | 'none'

export function flattened(body: SelectBody): SelectBody {
  const { from, grouping, windows, targets, where, locking } = body
  if (from === undefined || !canFlatten(from, 'any')) return body
  const flat = new Flattening()
  const item = flat.place(from, 'any')
  const replace = (one: Expression): Expression => flat.replace(one)
  const conditions = [...conjunctsOf(where && replace(where)), ...item.tests]
  const isGrouped = grouping !== undefined
  return {
    ...body,
    from: item.item,
    where: conjunction(conditions),
    grouping: grouping && {
      ...grouping,
      keys: grouping.keys.map(replace),
      aggregates: grouping.aggregates.map((one) => replace(one) as AggregateExpression),
    },
    // Above the grouping the row is that of a group.
    targets: isGrouped ? targets : targets.map(replace),
    windows: isGrouped ? windows : windows?.map((one) => mapWindow(one, replace)),
    locking: locking.map((one) => ({ ...one, items: one.items.map((first) => flat.newPlace(first)) })),
  }
}

function canFlatten(item: FromItem, side: Side): boolean {
  if (item.kind === 'query') return isPlain(item, side)
  if (item.kind !== 'join') return false
  const [left, right] = sidesOf(item, side)
  return canFlatten(item.left, left) || canFlatten(item.right, right)
}

function sidesOf({ join }: JoinItem, side: Side): readonly [Side, Side] {
  if (join === 'full') return ['none', 'none']
  const inner = side === 'any' ? 'columns' : side
  if (join === 'inner') return [side, side]
  return join === 'left' ? [side, inner] : [inner, side]
}

function isPlain({ query: { body }, captures, isLateral, isBarrier }: QueryItem, side: Side): boolean {
  if (side === 'none' || isLateral || captures.length > 0 || body.kind !== 'select') return false
  const { from, where, grouping, windows, isDistinct, distinctOn, tail, locking, targets } = body
  if (from === undefined || grouping !== undefined || windows !== undefined || isDistinct) return false
  if (distinctOn !== undefined || locking.length > 0 || (isBarrier === true && where !== undefined)) return false
  if (tail.order.length > 0 || tail.limit !== undefined || tail.offset !== undefined) return false
  if (side === 'columns' && targets.some(({ kind }) => kind !== 'column')) return false
  return !targets.some(
    (one) => isVolatile(one) || someExpression(one, ({ kind }) => kind === 'subquery' || kind === 'set'),
  )
}

/** A column that stands for so much is not written out wherever it is read: what reads it twice may itself be read twice. */
const mostParts = 1000

function isLarge(expression: Expression): boolean {
  return partsOf(expression, mostParts) > mostParts
}

interface Placed {
  readonly item: FromItem
  /** Conditions that were within, and have to be tested around it. */
  readonly tests: readonly Expression[]
}

class Flattening {
  /** Where the next item begins. */
  #next = 0
  /** What stands for a column of the block, by its old place. */
  readonly #columns = new Map<number, Expression | number>()

  replace(expression: Expression): Expression {
    return moveExpression(expression, (leaf) => {
      if (leaf.kind !== 'column') return undefined
      const found = this.#columns.get(leaf.index)
      if (found === undefined) return leaf
      return typeof found === 'number' ? { ...leaf, index: found } : found
    })
  }

  newPlace(first: number): number {
    const found = this.#columns.get(first)
    return typeof found === 'number' ? found : first
  }

  place(item: FromItem, side: Side): Placed {
    if (item.kind === 'join') return this.#join(item, side)
    const taken = item.kind === 'query' && isPlain(item, side) ? this.#takeIn(item) : undefined
    if (taken !== undefined) return taken
    const first = this.#next
    for (let i = 0; i < item.width; i++) this.#columns.set(item.first + i, first + i)
    this.#next += item.width
    if (item.kind === 'relation' || item.kind === 'shared') return { item: { ...item, first }, tests: [] }
    return { item: { ...item, first, captures: item.captures.map((one) => this.replace(one)) }, tests: [] }
  }

  #takeIn({ query, first }: QueryItem): Placed | undefined {
    const { from, where, targets } = flattened(query.body as SelectBody)
    if (targets.some(isLarge)) return undefined
    const by = this.#next - from!.first
    const move = moveColumns((index) => index + by)
    const moved = moveItem(from!, (index) => index + by)
    for (const i of query.columns.keys()) this.#columns.set(first + i, moveExpression(targets[i]!, move))
    this.#next += moved.width
    return { item: moved, tests: conjunctsOf(where).map((one) => moveExpression(one, move)) }
  }

  #join(item: JoinItem, side: Side): Placed {
    const { join, condition } = item
    const first = this.#next
    const [leftSide, rightSide] = sidesOf(item, side)
    const left = this.place(item.left, leftSide)
    const right = this.place(item.right, rightSide)
    const on = conjunctsOf(condition && this.replace(condition))
    // Of the side that may be missing they decide what is joined; of the other one, which rows there are.
    const inner = join === 'left' ? right.tests : join === 'right' ? left.tests : []
    const outer = join === 'left' ? left.tests : join === 'right' ? right.tests : [...left.tests, ...right.tests]
    const width = this.#next - first
    const joined = {
      ...item,
      first,
      width,
      left: left.item,
      right: right.item,
      condition: conjunction([...on, ...inner]),
    }
    return { item: joined, tests: outer }
  }
}
