/**
 * The statement of SQL that runs for somebody, for what is called from far below it: a trigger of the rows that it changes sees the
 * session's settings, and what it raises is told with the statement.
 */
import type { Principal, Transaction } from '../../../database/contract.ts'
import type { SqlRun } from '../plan/run.ts'

const running = new WeakMap<Principal, SqlRun>()

/** A stretch of it. Statements of functions run within those that call them. */
export function asRunning<T>(run: SqlRun, stretch: () => T): T {
  const { principal } = run.transaction
  const outer = running.get(principal)
  running.set(principal, run)
  try {
    return stretch()
  } finally {
    if (outer === undefined) running.delete(principal)
    else running.set(principal, outer)
  }
}

/** Undefined where what runs came by another door. */
export function runningStatement(transaction: Transaction): SqlRun | undefined {
  const run = running.get(transaction.principal)
  return run?.transaction === transaction ? run : undefined
}
