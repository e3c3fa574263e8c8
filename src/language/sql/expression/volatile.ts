/**
 * What may answer differently each time it is evaluated, and so is evaluated as often as the text says, and there.
 *
 * A subquery that captures nothing is computed once per execution, whatever it calls (PostgreSQL's InitPlan); so is a WITH
 * query. One that captures something is volatile where anything in it is.
 */
import type { BoundQuery, FromItem } from '../bind/query.ts'
import { type Expression, someExpression } from './expression.ts'

export function isVolatile(expression: Expression): boolean {
  return someExpression(
    expression,
    (one) =>
      (one.kind === 'call' && one.volatile) ||
      (one.kind === 'subquery' && one.captures.length > 0 && isVolatileQuery(one.query)),
  )
}

const known = new WeakMap<BoundQuery, boolean>()

export function isVolatileQuery(query: BoundQuery): boolean {
  let answer = known.get(query)
  if (answer === undefined) known.set(query, (answer = computeVolatile(query)))
  return answer
}

function computeVolatile({ body }: BoundQuery): boolean {
  const { limit, offset } = body.tail
  if (hasVolatile([limit, offset])) return true
  if (body.kind === 'values') return body.rows.some(hasVolatile)
  if (body.kind === 'set') return isVolatileQuery(body.left) || isVolatileQuery(body.right)
  const { from, where, grouping, targets } = body
  if (from !== undefined && isVolatileItem(from)) return true
  const grouped = grouping === undefined ? [] : [...grouping.keys, ...grouping.aggregates, grouping.having]
  return hasVolatile([where, ...grouped, ...targets])
}

function isVolatileItem(item: FromItem): boolean {
  if (item.kind === 'join') {
    return isVolatileItem(item.left) || isVolatileItem(item.right) || hasVolatile([item.condition])
  }
  if (item.kind === 'query') return isVolatileQuery(item.query)
  return item.kind === 'function' && hasVolatile(item.arguments)
}

function hasVolatile(expressions: readonly (Expression | undefined)[]): boolean {
  return expressions.some((one) => one !== undefined && isVolatile(one))
}
