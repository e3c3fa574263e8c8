/**
 * Conditions on the rows of a query in FROM, tested within it, so that its own indexes and joins can use them. Below a
 * grouping go those that read what it is grouped by, and both sides of a set operation get them; past LIMIT, windows,
 * DISTINCT ON and functions that return sets none goes, since it would change which rows those see.
 */
import type { BoundQuery, QueryItem, SelectBody, SharedItem } from '../bind/query.ts'
import { columnsRead, type Expression, mapChildren, someExpression } from '../expression/expression.ts'
import { isVolatile, isVolatileQuery } from '../expression/volatile.ts'
import { conjunction, conjunctsOf, isMovable } from './conditions.ts'

export interface PushedDown {
  readonly query: BoundQuery
  /** Conditions that are still to be tested behind it. */
  readonly rest: readonly Expression[]
}

/** A WITH query that one place reads is planned there, as if it was written there. */
export function readOnce(item: QueryItem | SharedItem): QueryItem | SharedItem {
  if (item.kind === 'query' || item.isMaterialized || item.readers.count !== 1) return item
  if (item.captures.length > 0 || isVolatileQuery(item.query)) return item
  const { first, width, alias, id, query } = item
  return { kind: 'query', first, width, alias, id, query, captures: [], isLateral: false }
}

/** `conditions` read the item's columns. What a view with a barrier hides, no condition of its reader sees. */
export function pushedDown(item: QueryItem, conditions: readonly Expression[]): PushedDown {
  const { query, first, isBarrier } = item
  if (isBarrier === true) return { query, rest: conditions }
  let within = query
  const rest: Expression[] = []
  for (const condition of conditions) {
    const pushed = canMove(condition) ? pushInto(within, first, condition) : undefined
    if (pushed === undefined) rest.push(condition)
    else within = pushed
  }
  return { query: within, rest }
}

/** A subquery's plan and state are one: it is not tested in two places. */
function canMove(condition: Expression): boolean {
  return isMovable(condition) && !someExpression(condition, ({ kind }) => kind === 'subquery')
}

function pushInto(query: BoundQuery, first: number, condition: Expression): BoundQuery | undefined {
  const { body } = query
  if (body.kind === 'values' || body.tail.limit !== undefined || body.tail.offset !== undefined) return undefined
  if (body.kind === 'set') {
    // What follows from rows that are not wanted may be.
    if (body.recursive !== undefined) return undefined
    const left = pushInto(body.left, first, condition)
    const right = left && pushInto(body.right, first, condition)
    return right && { ...query, body: { ...body, left, right } }
  }
  const where = conditionWithin(body, first, condition)
  return where && { ...query, body: { ...body, where: conjunction([...conjunctsOf(body.where), where]) } }
}

/** The condition over the rows of the block's FROM; undefined where it cannot be tested there. */
function conditionWithin(body: SelectBody, first: number, condition: Expression): Expression | undefined {
  const { targets, grouping, windows, distinctOn } = body
  if (windows !== undefined || distinctOn !== undefined) return undefined
  // A row of a coarser set has nulls in place of what is grouped by.
  if (grouping?.sets !== undefined) return undefined
  if (targets.some((target) => someExpression(target, ({ kind }) => kind === 'set'))) return undefined
  const sources = new Map<number, Expression>()
  for (const index of columnsRead(condition)) {
    const source = sourceOf(targets[index - first]!, grouping)
    if (source === undefined || isVolatile(source) || someExpression(source, ({ kind }) => kind === 'subquery')) {
      return undefined
    }
    sources.set(index, source)
  }
  const replaced = (one: Expression): Expression =>
    one.kind === 'column' ? sources.get(one.index)! : mapChildren(one, replaced)
  return replaced(condition)
}

/** What a target is over the rows of FROM. Of a grouped block only what it is grouped by is. */
function sourceOf(target: Expression, grouping: SelectBody['grouping']): Expression | undefined {
  if (grouping === undefined) return target
  return target.kind === 'column' ? grouping.keys[target.index] : undefined
}
