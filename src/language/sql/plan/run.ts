/** The state of one execution: what its closures and operators share. */
import { isDeepStrictEqual } from 'node:util'
import type { Operator, Run } from '../../../query/operator.ts'
import type { Materialize } from '../../../query/materialize.ts'
import type { KeptResults } from '../expression/costed.ts'
import type { Draws } from '../../../database/transaction/draws.ts'
import type { Fold, FoldProgress } from '../expression/fold.ts'
import type { KnownArrays } from '../expression/membership.ts'
import type { Notice, SqlContext, SqlValue } from '../contract.ts'
import type { ExplainNode, NodeProfile } from './plan-node.ts'
import type { FrozenRelation } from '../bind/with/frozen-relation.ts'
import type { StandingAlone } from '../routine/standing-alone.ts'

export type SqlRow = SqlValue[]

/** Of what reads no row. One for all: what is evaluated again after a wait tells by the row that it is the same. */
export const noRow: SqlRow = []

export interface SqlRun extends Run {
  context: SqlContext
  readonly parameters: readonly SqlValue[]
  /** What each subquery, lateral item and WITH query takes from outside, by its id: set before it is asked for a row. */
  readonly captures: (readonly SqlValue[] | undefined)[]
  /** By the subquery's id. */
  readonly subqueries: (SubqueryState | undefined)[]
  /** Results of WITH queries, by their id. */
  readonly shared: Map<number, Materialize<SqlRow, SqlRun>>
  /** Relations as they were before the statement wrote anything, each row with its key behind it. */
  frozen?: Map<FrozenRelation, readonly SqlRow[]>
  /** Keys of rows that one of several statements has changed. */
  touched?: Set<string>
  /** What recursive queries have found last, by their id. */
  working?: Map<number, Materialize<SqlRow, SqlRun>>
  /** What dear calls gave for the row at hand, and how far folds have come: see `expression/costed.ts`. */
  kept?: KeptResults | undefined
  folds?: Map<Fold, FoldProgress>
  /** Sets of arrays that rows are asked to be among: see `expression/membership.ts`. */
  arraySets?: KnownArrays
  /** What evaluations that were interrupted have drawn: see `expression/draws.ts`. */
  drawsOfPlaces?: Map<object, Draws>
  /** What functions have raised. */
  notices?: Notice[]
  /** Of a CALL or DO that stands alone. */
  alone?: StandingAlone
  /** Of EXPLAIN ANALYZE. */
  profile?: Map<ExplainNode, NodeProfile>
}

export interface SubqueryState {
  operator: Operator<SqlRow, SqlRun>
  /** The rows gathered so far, reduced to what the form needs: their one value, or those of a row. */
  gathered: SqlValue[]
  rows: number
  complete: boolean
  /** Of `= ANY`: the values or rows by hash key; a null among them as itself, rows that have one apart. */
  set: Set<unknown>
  partial: SqlValue[]
  /** Rows that are being gathered, and how many of them have been. */
  batch: readonly SqlRow[]
  at: number
  /** Charged for them. */
  heldBytes: number
}

export function createRun(
  transaction: Run['transaction'],
  context: SqlContext,
  parameters: readonly SqlValue[],
): SqlRun {
  return { transaction, context, parameters, captures: [], subqueries: [], shared: new Map(), waitFor: undefined }
}

/** Whether `values` are what the subquery, lateral item or WITH query has from outside already; if not, they are now. */
export function recapture(run: SqlRun, id: number, values: readonly SqlValue[]): boolean {
  const known = run.captures[id]
  if (known !== undefined && sameValues(known, values)) return true
  run.captures[id] = values
  return false
}

function sameValues(a: readonly SqlValue[], b: readonly SqlValue[]): boolean {
  for (let i = 0; i < b.length; i++) if (!isSame(a[i]!, b[i]!)) return false
  return true
}

/** What a row is evaluated for a second time may be another object of the same value. */
function isSame(a: SqlValue, b: SqlValue): boolean {
  return Object.is(a, b) || (typeof a === 'object' && typeof b === 'object' && isDeepStrictEqual(a, b))
}

/** The context with the catalog as the transaction has it now: earlier steps of the statement may have changed it. */
export function currentContext({ context, transaction }: SqlRun): SqlContext {
  return Object.create(context, { catalog: { value: transaction.catalog } }) as SqlContext
}
