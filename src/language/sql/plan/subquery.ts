/**
 * Subqueries inside of expressions.
 *
 * A subquery's answer depends on its captures alone, so it is kept until they change: one without captures is computed once
 * per execution. One that has captures and is volatile is computed each time. It runs where the expression needs it; when it has to pause it throws `suspended`, and goes on when the
 * same expression is evaluated again.
 */
import { isTurnOver } from '../../../base/work.ts'
import { canWait, suspended } from '../../../database/transaction/wait.ts'
import { entryBytes, type HashKey } from '../../../query/row-format.ts'
import { paused } from '../../../query/operator.ts'
import { compile, type Compiler, type Evaluate } from '../expression/compile.ts'
import { apart } from '../../../database/transaction/draws.ts'
import { Fold } from '../expression/fold.ts'
import type { Expression, SubqueryExpression } from '../expression/expression.ts'
import { isVolatileQuery } from '../expression/volatile.ts'
import { failure } from '../failure.ts'
import { valueBytes } from '../types/row-format.ts'
import type { PlanNode } from './plan-node.ts'
import { columnsOf, joinKey, type KeyOfRow, valueKey, valuesCompiler } from './row-keys.ts'
import { recapture, type SqlRow, type SqlRun, type SubqueryState } from './run.ts'

/** Of a value in the list, and in the set that may be made of it. */
const membershipBytes = entryBytes + 8
/** Of a row that is kept as one. */
const bytesPerRow = 32

export function subqueryEvaluator(expression: SubqueryExpression, compiler: Compiler, plan: PlanNode): Evaluate {
  const { id, form } = expression
  const captures = expression.captures.map((one) => compile(one, compiler))
  const isKept = captures.length === 0 || !isVolatileQuery(expression.query)
  const keep = keeper(expression)
  const gather = (row: SqlRow, run: SqlRun): SubqueryState => {
    const state = stateFor({ id, captures, plan, isKept }, row, run)
    if (!state.complete) advance(state, form, keep, run)
    return state
  }
  switch (form) {
    case 'exists':
      return (row, run) => gather(row, run).rows > 0
    case 'scalar':
      return (row, run) => {
        const state = gather(row, run)
        checkOne(state)
        return state.gathered[0] ?? null
      }
    case 'array':
      return (row, run) => gather(row, run).gathered
    case 'row':
      return rowComparison(expression, compiler, gather)
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
  const state = run.subqueries[id]
  if (state === undefined) return (run.subqueries[id] = { operator: plan.open(run), ...nothing() })
  if (isKnown && (isKept || !state.complete)) return state
  run.transaction.workspace.memory.release(state.heldBytes)
  state.operator.reset()
  return Object.assign(state, nothing())
}

function nothing(): Omit<SubqueryState, 'operator'> {
  return { gathered: [], rows: 0, complete: false, set: new Set(), partial: [], batch: [], at: 0, heldBytes: 0 }
}

function checkOne({ rows }: SubqueryState): void {
  if (rows > 1) throw failure('21000', 'more than one row returned by a subquery used as an expression')
}

/** Keeps a row; the bytes that it takes. May be interrupted before it has. */
type Keep = (state: SubqueryState, row: SqlRow, run: SqlRun) => number

function advance(state: SubqueryState, form: SubqueryExpression['form'], keep: Keep, run: SqlRun): void {
  const { memory } = run.transaction.workspace
  for (;;) {
    if (state.at === state.batch.length) {
      const batch = apart(() => state.operator.next(run))
      if (batch === paused) throw suspended
      if (batch === undefined) break
      state.rows += batch.length
      if (form === 'exists') break
      state.batch = batch
      state.at = 0
    }
    while (state.at < state.batch.length) {
      if (isTurnOver() && canWait()) throw suspended
      const bytes = keep(state, state.batch[state.at]!, run)
      state.at++
      memory.charge(bytes, 'SubPlan')
      state.heldBytes += bytes
    }
    if ((form === 'scalar' || form === 'row') && state.rows > 1) break
  }
  state.batch = []
  state.at = 0
  state.complete = true
}

function keeper({ isEquality, left, form }: SubqueryExpression): Keep {
  const isOfRows = left.length > 1
  if (isEquality) {
    const columns = columnsOf(left.map(({ type }) => type))
    return isOfRows ? rowKeeper(columns) : valueKeeper(columns[0]!)
  }
  const isRow = isOfRows || form === 'row'
  return ({ gathered }, row) => {
    gathered.push(isRow ? row : row[0]!)
    return isRow ? bytesOfRow(row) : membershipBytes + valueBytes(row[0]!)
  }
}

function valueKeeper(column: Expression): Keep {
  const keyOf = valueKey(column, valuesCompiler)
  return ({ set }, row, run) => {
    set.add(keyOf(row, run))
    return membershipBytes + valueBytes(row[0]!)
  }
}

function rowKeeper(columns: readonly Expression[]): Keep {
  const keyOf = joinKey(columns, valuesCompiler)
  return ({ set, gathered, partial }, row, run) => {
    const key = keyOf(row, run)
    gathered.push(row)
    if (key === undefined) partial.push(row)
    else set.add(key)
    return bytesOfRow(row)
  }
}

function bytesOfRow(row: SqlRow): number {
  return row.reduce<number>((sum, value) => sum + valueBytes(value), membershipBytes + bytesPerRow)
}

type Gather = (row: SqlRow, run: SqlRun) => SubqueryState

function comparison(expression: SubqueryExpression, compiler: Compiler, gather: Gather): Evaluate {
  const { left: given, form, isEquality } = expression
  const isOfRows = given.length > 1
  if (isEquality && !isOfRows) return membership(valueKey(given[0]!, compiler), gather)
  const left = leftOf(expression, compiler)
  const operator = compile(expression.operator!, { ...compiler, base: 0 })
  const fold = new Fold(form === 'all', operator, isOfRows)
  if (isEquality) return rowMembership(joinKey(given, compiler), left, gather, fold)
  return (row, run) => {
    const { gathered } = gather(row, run)
    return fold.over(left(row, run), gathered, run)
  }
}

/** One value as it is, several as a row of them. */
function leftOf({ left }: SubqueryExpression, compiler: Compiler): Evaluate {
  const parts = left.map((one) => compile(one, compiler))
  return parts.length === 1 ? parts[0]! : (row, run) => parts.map((part) => part(row, run))
}

/** x IN (SELECT …), as a set: null where x is not in it and either side has a null. */
function membership(keyOf: KeyOfRow<HashKey | null>, gather: Gather): Evaluate {
  return (row, run) => {
    const { rows, set } = gather(row, run)
    if (rows === 0) return false
    const key = keyOf(row, run)
    if (key === null) return null
    if (set.has(key)) return true
    return set.has(null) ? null : false
  }
}

/**
 * (x, y) IN (SELECT …): a row without nulls equals none but those of the set; what else it may be told apart from, or not,
 * is a row that has a null. One that has a null itself is compared with all.
 */
function rowMembership(keyOf: KeyOfRow<HashKey | undefined>, left: Evaluate, gather: Gather, fold: Fold): Evaluate {
  return (row, run) => {
    const { set, gathered, partial } = gather(row, run)
    const key = keyOf(row, run)
    if (key !== undefined && set.has(key)) return true
    const others = key === undefined ? gathered : partial
    return others.length === 0 ? false : fold.over(left(row, run), others, run)
  }
}

/** (x, y) = (SELECT …). */
function rowComparison(expression: SubqueryExpression, compiler: Compiler, gather: Gather): Evaluate {
  const left = expression.left.map((one) => compile(one, compiler))
  const operator = compile(expression.operator!, { ...compiler, base: 0 })
  return (row, run) => {
    const state = gather(row, run)
    checkOne(state)
    const found = state.gathered[0] as SqlRow | undefined
    return found === undefined ? null : operator([...left.map((part) => part(row, run)), ...found], run)
  }
}
