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

/** For what is kept, and for statements that only define something: nobody gives those parameters. */
export function createBareBinder(context: SqlContext): Binder {
  const binder = createBinder(context, [])
  binder.takesParameters = false
  return binder
}
