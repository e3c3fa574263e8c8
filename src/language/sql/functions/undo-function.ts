/**
 * SELECT polylog_undo(transaction): writes the inverse of what a transaction has changed, in the caller's own transaction, and
 * answers how many rows, documents and keys that were. Errors: 55000 where something of it has been changed since.
 *
 * Who undoes needs HISTORY, and the right to read, insert, update and delete in all that was changed.
 */
import { PolylogError } from '../../../base/errors.ts'
import { requireHistory, rightsThen } from '../../../database/access/past-rights.ts'
import { privilege } from '../../../database/access/privileges.ts'
import type { StatementSteps, Transaction } from '../../../database/contract.ts'
import { Changed, type CheckMayUndo, laterChange, undo } from '../../../query/undo.ts'
import { failure } from '../failure.ts'
import type { SqlRun } from '../plan/run.ts'
import { callAt } from '../routine/call.ts'
import { oid } from '../types/oids.ts'
import { jsonOf } from './history-functions.ts'
import { defineFunction } from './registry.ts'

const needed = privilege.read | privilege.insert | privilege.update | privilege.delete

function mayUndo(transaction: Transaction): CheckMayUndo {
  const { principal } = transaction
  requireHistory(principal.rights, principal.database)
  return (collection, past) => {
    principal.rights.require(collection, needed)
    rightsThen(transaction, past).require(past.catalog.collectionById(collection.id) ?? collection, privilege.read)
  }
}

function* undone(run: SqlRun, given: bigint): StatementSteps<bigint> {
  const { transaction } = run
  if (transaction.readOnly) {
    throw failure('25006', 'cannot execute polylog_undo() in a read-only transaction')
  }
  const sequence = Number(given)
  if (!Number.isSafeInteger(sequence) || sequence < 1) throw failure('22003', `there is no transaction ${given}`)
  try {
    return BigInt(yield* undo(transaction, sequence, mayUndo(transaction)))
  } catch (error) {
    if (!(error instanceof Changed)) throw error
    const { row, by } = yield* laterChange(transaction, error)
    const what = row === undefined ? '' : `${row.schema}.${row.name} ${jsonOf(row.key)!} `
    const who = by === undefined ? 'in this transaction' : `by transaction ${by}`
    throw new PolylogError('conflict', error.message, { detail: { detail: `${what}was changed ${who}.` } })
  }
}

/** Of each transaction that is undone in a statement its own. */
const places = new WeakMap<SqlRun, Map<bigint, object>>()

function placeOf(run: SqlRun, sequence: bigint): object {
  let ofRun = places.get(run)
  if (ofRun === undefined) places.set(run, (ofRun = new Map<bigint, object>()))
  let place = ofRun.get(sequence)
  if (place === undefined) ofRun.set(sequence, (place = {}))
  return place
}

defineFunction(
  'polylog_undo',
  [oid.int8],
  oid.int8,
  (run: SqlRun, sequence: bigint) => callAt(placeOf(run, sequence), run, [sequence], true, () => undone(run, sequence)),
  { needsRun: true, volatility: 'volatile' },
)
