/**
 * What an OR over several items says of one of them alone: (a.x = 1 AND b.y = 2) OR (a.x = 3 AND b.y = 4) can only hold where
 * a.x = 1 OR a.x = 3. Tested beside the OR, where the item is read, it leaves fewer rows to join (PostgreSQL's
 * `extract_restriction_or_clauses`).
 */
import { columnsRead, type Expression, someExpression } from '../expression/expression.ts'
import { conjunction, conjunctsOf, isMovable, isWithin, type Span } from './conditions.ts'

/** Of more alternatives testing them costs more than it spares. */
const mostAlternatives = 32

export function impliedConditions(condition: Expression, items: readonly Span[]): Expression[] {
  if (condition.kind !== 'or' || condition.arguments.length > mostAlternatives || !isMovable(condition)) return []
  const alternatives = condition.arguments.map(conjunctsOf)
  return items.flatMap((item) => {
    if (isWithin(condition, item)) return []
    const parts = alternatives.map((all) => conjunction(all.filter((one) => isPlain(one) && isWithin(one, item))))
    return parts.every((one) => one !== undefined) ? [{ ...condition, arguments: parts }] : []
  })
}

function isPlain(one: Expression): boolean {
  return columnsRead(one).size > 0 && !someExpression(one, ({ kind }) => kind === 'subquery')
}
