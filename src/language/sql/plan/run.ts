/** The state of one execution: what its closures and operators share. */
import type { Operator, Run } from '../../../query/operator.ts'
import type { Materialize } from '../../../query/materialize.ts'
import type { SqlContext, SqlValue } from '../contract.ts'
import type { ExplainNode } from './plan-node.ts'

export type SqlRow = SqlValue[]

export interface SqlRun extends Run {
  context: SqlContext
  readonly parameters: readonly SqlValue[]
  /** By the subquery's id. */
  readonly subqueries: (SubqueryState | undefined)[]
  /** Results of WITH queries that are read more than once, by their id. */
  readonly shared: Map<number, Materialize<SqlRow, SqlRun>>
  /** Of EXPLAIN ANALYZE. */
  profile?: Map<ExplainNode, { rows: number; loops: number }>
}

export interface SubqueryState {
  captures: readonly SqlValue[]
  operator: Operator<SqlRow, SqlRun>
  /** The rows gathered so far, reduced to what the form needs. */
  gathered: SqlValue[]
  rows: number
  complete: boolean
  /** Of `= ANY`: the gathered values by hash key, made at the end. */
  set: Set<unknown> | undefined
}

/**
 * Thrown by an expression whose subquery has to pause; the execution answers `paused`, and the operator evaluates the same
 * row again in its next slice, where the subquery goes on. One instance: nobody reads more of it than what it is.
 */
export const suspended: unique symbol = Symbol('suspended')

export function createRun(
  transaction: Run['transaction'],
  context: SqlContext,
  parameters: readonly SqlValue[],
): SqlRun {
  return { transaction, context, parameters, subqueries: [], shared: new Map() }
}

/** The context with the catalog as the transaction has it now: earlier steps of the statement may have changed it. */
export function currentContext({ context, transaction }: SqlRun): SqlContext {
  return Object.create(context, { catalog: { value: transaction.catalog } }) as SqlContext
}
