/**
 * How much of a relation's rows conditions leave that no index sees: tried on a sample of rows, all together, since columns of
 * a row go together more often than not. What takes long, has to wait or is told by parameters is assumed instead.
 */
import type { RelationItem } from '../bind/query.ts'
import { compilePredicate } from '../expression/compile.ts'
import { columnsRead, type Expression, someExpression } from '../expression/expression.ts'
import { isVolatile } from '../expression/volatile.ts'
import { restShareOf } from './access-conditions.ts'
import { conjunction, partition } from './conditions.ts'
import type { FromPlanner } from './from-planner.ts'

const triedKinds: ReadonlySet<Expression['kind']> = new Set([
  'constant',
  'column',
  'and',
  'or',
  'not',
  'test',
  'case',
  'coalesce',
  'array',
  'quantified',
])

export function sampledShare(planner: FromPlanner, item: RelationItem, rest: readonly Expression[]): number {
  if (rest.length === 0 || planner.progress !== undefined) return restShareOf(rest)
  const [tried, assumed] = partition(rest, (one) => isTried(one, item))
  const condition = conjunction(tried)
  if (condition === undefined) return restShareOf(rest)
  const accepts = compilePredicate(condition, planner.compilerAt(item.first))
  const share = planner.measures.sampledShare(item.relation, accepts)
  return share === undefined ? restShareOf(rest) : restShareOf(assumed, share)
}

function isTried(condition: Expression, { first, relation }: RelationItem): boolean {
  const isOther = (one: Expression): boolean =>
    !triedKinds.has(one.kind) && !(one.kind === 'call' && (one.isOperator || one.name === 'cast'))
  if (someExpression(condition, isOther) || isVolatile(condition)) return false
  return [...columnsRead(condition)].every((index) => index >= first && index < first + relation.columns.length)
}
