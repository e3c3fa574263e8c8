/** Conditions that are equalities of two items of FROM: what a hash join goes by. */
import { columnsRead, type Expression } from '../expression/expression.ts'
import { isMovable, isWithin, type Span } from './conditions.ts'

export interface Equality {
  readonly left: Expression
  readonly right: Expression
  readonly condition: Expression
}

/** One, or none. The condition reads nothing but columns of the left side and of the right one. */
export function equalityOf(condition: Expression, right: Span): Equality[] {
  if (condition.kind !== 'call' || !condition.isOperator || condition.name !== '=') return []
  const [a, b] = condition.arguments
  if (a === undefined || b === undefined || a.type !== b.type || !isMovable(condition)) return []
  const reads = (one: Expression): boolean => columnsRead(one).size > 0
  if (!reads(a) || !reads(b)) return []
  if (isOutside(a, right) && isWithin(b, right)) return [{ left: a, right: b, condition }]
  if (isOutside(b, right) && isWithin(a, right)) return [{ left: b, right: a, condition }]
  return []
}

/** Reads no column of the span. */
export function isOutside(expression: Expression, { first, width }: Span): boolean {
  for (const index of columnsRead(expression)) if (index >= first && index < first + width) return false
  return true
}
