/** A binder with the rules of this folder. */
import type { SqlContext } from '../contract.ts'
import type { Progress } from '../progress.ts'
import { bindExpression } from './bind-expression.ts'
import { applyFunction } from './bind-function.ts'
import { applyOperator } from './bind-operation.ts'
import { bindQuery } from './bind-select.ts'
import { Binder } from './binder.ts'

export function createBinder(context: SqlContext, parameterTypes: readonly number[], progress?: Progress): Binder {
  const rules = {
    expression: bindExpression,
    query: bindQuery,
    operator: applyOperator,
    callFunction: applyFunction,
  }
  return new Binder(context, parameterTypes, rules, progress)
}
