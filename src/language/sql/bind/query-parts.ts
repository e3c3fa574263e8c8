/** Every expression of a bound query, with those of the queries in its FROM. */
import { type Expression, someExpression } from '../expression/expression.ts'
import type { BoundQuery, FromItem } from './query.ts'
import { expressionsOfWindow } from './windows/window.ts'

type Test = (one: Expression) => boolean

/** Subqueries in expressions are seen through what they capture. */
export function someInQuery({ body }: BoundQuery, test: Test): boolean {
  const some = (expressions: readonly (Expression | undefined)[]): boolean =>
    expressions.some((one) => one !== undefined && someExpression(one, test))
  if (some([body.tail.limit, body.tail.offset])) return true
  if (body.kind === 'values') return body.rows.some(some)
  if (body.kind === 'set') return someInQuery(body.left, test) || someInQuery(body.right, test)
  const { from, where, grouping, windows = [], targets } = body
  if (from !== undefined && someInItem(from, test)) return true
  if (grouping !== undefined && some([...grouping.keys, ...grouping.aggregates, grouping.having])) return true
  return some([where, ...targets, ...windows.flatMap(expressionsOfWindow)])
}

export function someInItem(item: FromItem, test: Test): boolean {
  if (item.kind === 'relation') return false
  if (item.kind === 'join') {
    if (item.condition !== undefined && someExpression(item.condition, test)) return true
    return someInItem(item.left, test) || someInItem(item.right, test)
  }
  if (item.captures.some((one) => someExpression(one, test))) return true
  if (item.kind === 'function') return item.arguments.some((one) => someExpression(one, test))
  return someInQuery(item.query, test)
}
