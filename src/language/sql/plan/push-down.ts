/**
 * Conditions on the rows of a query in FROM, tested within it, so that its own indexes and joins can use them. Below a
 * grouping go those that read what it is grouped by, and both sides of a set operation get them; past LIMIT, windows,
 * DISTINCT ON and functions that return sets none goes, since it would change which rows those see.
 */
import type { BoundQuery, QueryItem, SelectBody, SetBody, SharedItem } from '../bind/query.ts'
import { columnsRead, type Expression, mapChildren, partsOf, someExpression } from '../expression/expression.ts'
import { isVolatile, isVolatileQuery } from '../expression/volatile.ts'
import { conjunction, conjunctsOf, isMovable, partition } from './conditions.ts'

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
  if (isBarrier === true || conditions.length === 0) return { query, rest: conditions }
  const pushing = pushingInto(query, first)
  if (pushing === undefined) return { query, rest: conditions }
  const [moved, rest] = partition(conditions, (one) => canMove(one) && pushing.takes(one))
  return { query: moved.length === 0 ? query : pushing.with(moved), rest }
}

/** A subquery's plan and state are one: it is not tested in two places. */
function canMove(condition: Expression): boolean {
  return isMovable(condition) && !someExpression(condition, ({ kind }) => kind === 'subquery')
}

/** A query that may take conditions in: which, and what it is with them. Looked at once, however many there are. */
interface Pushing {
  takes(condition: Expression): boolean
  with(conditions: readonly Expression[]): BoundQuery
}

function pushingInto(query: BoundQuery, first: number): Pushing | undefined {
  const { body } = query
  if (body.kind === 'values' || body.tail.limit !== undefined || body.tail.offset !== undefined) return undefined
  return body.kind === 'set' ? pushingIntoSet(query, body, first) : pushingIntoSelect(query, body, first)
}

function pushingIntoSet(query: BoundQuery, body: SetBody, first: number): Pushing | undefined {
  // What follows from rows that are not wanted may be.
  if (body.recursive !== undefined) return undefined
  const left = pushingInto(body.left, first)
  const right = left && pushingInto(body.right, first)
  if (right === undefined) return undefined
  return {
    takes: (one) => left!.takes(one) && right.takes(one),
    with: (all) => ({ ...query, body: { ...body, left: left!.with(all), right: right.with(all) } }),
  }
}

function pushingIntoSelect(query: BoundQuery, body: SelectBody, first: number): Pushing | undefined {
  const { targets, grouping, windows, distinctOn } = body
  if (windows !== undefined || distinctOn !== undefined) return undefined
  // A row of a coarser set has nulls in place of what is grouped by.
  if (grouping?.sets !== undefined) return undefined
  if (targets.some((target) => someExpression(target, ({ kind }) => kind === 'set'))) return undefined
  const sourceOf = sourcesOf(body, first)
  const replaced = (one: Expression): Expression =>
    one.kind === 'column' ? sourceOf(one.index)! : mapChildren(one, replaced)
  return {
    takes: (one) => {
      return [...columnsRead(one)].every((index) => sourceOf(index) !== undefined) && staysSmall(one, sourceOf)
    },
    with: (all) => {
      const where = conjunction([...conjunctsOf(body.where), ...all.map(replaced)])
      return { ...query, body: { ...body, where } }
    },
  }
}

/** A condition on `a + a`, a sum of which each part is one, is twice as long with each query that it goes into. */
const mostParts = 1000

function staysSmall(condition: Expression, sourceOf: (index: number) => Expression | undefined): boolean {
  let own = 0
  let within = 0
  const count = (one: Expression): boolean => {
    own++
    within += one.kind === 'column' ? partsOf(sourceOf(one.index)!, mostParts) : 1
    return false
  }
  someExpression(condition, count)
  return within <= Math.max(own, mostParts)
}

/** What a column is over the rows of the block's FROM; undefined where no condition on it can be tested there. */
function sourcesOf({ targets, grouping }: SelectBody, first: number): (index: number) => Expression | undefined {
  const known = new Map<number, Expression | undefined>()
  return (index) => {
    if (known.has(index)) return known.get(index)
    const source = groupedSource(targets[index - first]!, grouping)
    const isTested =
      source !== undefined && !isVolatile(source) && !someExpression(source, ({ kind }) => kind === 'subquery')
    known.set(index, isTested ? source : undefined)
    return known.get(index)
  }
}

/** Of a grouped block only what it is grouped by is there. */
function groupedSource(target: Expression, grouping: SelectBody['grouping']): Expression | undefined {
  if (grouping === undefined) return target
  return target.kind === 'column' ? grouping.keys[target.index] : undefined
}
