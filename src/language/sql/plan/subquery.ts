/**
 * Subqueries inside of expressions.
 *
 * A subquery's answer depends on its captures alone, so it is kept until they change: one without captures is computed once
 * per execution. One that has captures and is volatile is computed each time. It runs where the expression needs it; when it has to pause it throws `suspended`, and goes on when the
 * same expression is evaluated again.
 */
import { suspended } from '../../../database/transaction/wait.ts'
import { entryBytes, type HashKey } from '../../../query/row-format.ts'
import { paused } from '../../../query/operator.ts'
import type { SqlValue } from '../contract.ts'
import { compile, type Compiler, type Evaluate } from '../expression/compile.ts'
import { apart } from '../../../database/transaction/draws.ts'
import { Fold } from '../expression/fold.ts'
import type { SubqueryExpression } from '../expression/expression.ts'
import { isVolatileQuery } from '../expression/volatile.ts'
import { failure } from '../failure.ts'
import { hashKeyOf } from '../types/hash-key.ts'
import { valueBytes } from '../types/row-format.ts'
import type { PlanNode } from './plan-node.ts'
import { recapture, type SqlRow, type SqlRun, type SubqueryState } from './run.ts'

/** Of a value in the list, and in the set that may be made of it. */
const membershipBytes = entryBytes + 8

export function subqueryEvaluator(expression: SubqueryExpression, compiler: Compiler, plan: PlanNode): Evaluate {
  const { id, form } = expression
  const captures = expression.captures.map((one) => compile(one, compiler))
  const isKept = captures.length === 0 || !isVolatileQuery(expression.query)
  const gather = (row: SqlRow, run: SqlRun): SubqueryState => {
    const state = stateFor({ id, captures, plan, isKept }, row, run)
    if (!state.complete) advance(state, form, run)
    return state
  }
  switch (form) {
    case 'exists':
      return (row, run) => gather(row, run).rows > 0
    case 'scalar':
      return (row, run) => {
        const state = gather(row, run)
        if (state.rows > 1) throw failure('21000', 'more than one row returned by a subquery used as an expression')
        return state.gathered[0] ?? null
      }
    case 'array':
      return (row, run) => gather(row, run).gathered
    default:
      return comparison(expression, compiler, gather)
  }
}

interface Asked {
  readonly id: number
  readonly captures: readonly Evaluate[]
  readonly plan: PlanNode
  /** Its answer for the same captures is the same. */
  readonly isKept: boolean
}

function stateFor({ id, captures, plan, isKept }: Asked, row: SqlRow, run: SqlRun): SubqueryState {
  const isKnown = recapture(
    run,
    id,
    captures.map((capture) => capture(row, run)),
  )
  let state = run.subqueries[id]
  if (state === undefined) {
    state = { operator: plan.open(run), gathered: [], rows: 0, complete: false, set: undefined, heldBytes: 0 }
    run.subqueries[id] = state
    return state
  }
  if (isKnown && (isKept || !state.complete)) return state
  run.transaction.workspace.memory.release(state.heldBytes)
  state.heldBytes = 0
  state.gathered = []
  state.rows = 0
  state.complete = false
  state.set = undefined
  state.operator.reset()
  return state
}

function advance(state: SubqueryState, form: SubqueryExpression['form'], run: SqlRun): void {
  for (;;) {
    const batch = apart(() => state.operator.next(run))
    if (batch === paused) throw suspended
    if (batch === undefined) break
    state.rows += batch.length
    if (form === 'exists') break
    for (const row of batch) state.gathered.push(row[0]!)
    if (form === 'scalar' && state.rows > 1) break
    const bytes = batch.length * membershipBytes + batch.reduce((sum, [value]) => sum + valueBytes(value!), 0)
    run.transaction.workspace.memory.charge(bytes, 'SubPlan')
    state.heldBytes += bytes
  }
  state.complete = true
}

function comparison(
  expression: SubqueryExpression,
  compiler: Compiler,
  gather: (row: SqlRow, run: SqlRun) => SubqueryState,
): Evaluate {
  const left = compile(expression.left!, compiler)
  const all = expression.form === 'all'
  if (expression.isEquality && !all) return membership(hashKeyOf(expression.left!.type), left, gather)
  const operator = compile(expression.operator!, { ...compiler, base: 0 })
  const fold = new Fold(all, operator)
  return (row, run) => {
    const { gathered } = gather(row, run)
    return fold.over(left(row, run), gathered, run)
  }
}

/** x IN (SELECT …), as a set: null where x is not in it and either side has a null. */
function membership(
  keyOf: (value: SqlValue) => HashKey,
  left: Evaluate,
  gather: (row: SqlRow, run: SqlRun) => SubqueryState,
): Evaluate {
  return (row, run) => {
    const state = gather(row, run)
    if (state.rows === 0) return false
    state.set ??= new Set<unknown>(state.gathered.map((value) => (value === null ? null : keyOf(value))))
    const value = left(row, run)
    if (value === null) return null
    if (state.set.has(keyOf(value))) return true
    return state.set.has(null) ? null : false
  }
}
