/** The functions of users that an expression calls, which it cannot be without. */
import type { RoutineCalls } from '../../../model/table/definition.ts'
import { type Expression, someExpression } from './expression.ts'

/** By their collections; nothing where there are none. */
export function routinesCalled(expression: Expression): RoutineCalls {
  const found = new Set<number>()
  someExpression(expression, (one) => {
    if (one.kind === 'call' && one.routine !== undefined) found.add(one.routine.id)
    return false
  })
  return found.size === 0 ? {} : { calls: [...found] }
}
