/**
 * An OR as conditions of which each must hold: (A AND B) OR (A AND C) is A AND (B OR C), of nulls too, and an index or a join
 * can use A. What is left of one that has more than it takes to be useful stays as it is.
 */
import { type Expression, fingerprint, type LogicExpression } from '../expression/expression.ts'
import { isVolatile } from '../expression/volatile.ts'

/** Of alternatives, and of conditions in all of them: comparing costs as much as all of them are long. */
const mostCompared = 256

const known = new WeakMap<Expression, readonly Expression[]>()

/** The same expressions each time. `conjunctsOf`: of an alternative. */
export function factored(
  condition: LogicExpression,
  conjunctsOf: (alternative: Expression) => readonly Expression[],
): readonly Expression[] {
  let parts = known.get(condition)
  if (parts === undefined) known.set(condition, (parts = factor(condition, conjunctsOf)))
  return parts
}

function factor(
  condition: LogicExpression,
  conjunctsOf: (alternative: Expression) => readonly Expression[],
): readonly Expression[] {
  if (condition.arguments.length > mostCompared) return [condition]
  const alternatives = condition.arguments.map(conjunctsOf)
  const count = alternatives.reduce((sum, { length }) => sum + length, 0)
  if (count > mostCompared || alternatives.some(({ length }) => length === 0)) return [condition]
  const [first, ...others] = alternatives.map((parts) => new Map(parts.map((one) => [fingerprint(one), one])))
  const common = [...first!].filter(([name, one]) => others.every((other) => other.has(name)) && !isVolatile(one))
  if (common.length === 0) return [condition]
  const names = new Set(common.map(([name]) => name))
  const shared = common.map(([, one]) => one)
  const rests = alternatives.map((parts) => parts.filter((one) => !names.has(fingerprint(one))))
  // A OR (A AND C) is A.
  if (rests.some(({ length }) => length === 0)) return shared
  const rest = rests.map((parts): Expression =>
    parts.length === 1 ? parts[0]! : { ...condition, kind: 'and', arguments: parts },
  )
  return [...shared, { ...condition, arguments: rest }]
}
