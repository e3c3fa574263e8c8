/**
 * A part of a statement that fails alone: one document of a command that says of each how it went.
 *
 * What the part has put off to the end of its statement, and is due, is done before the next part begins, so that a check that fails
 * is the part's own error; what is deferred, or stands behind the whole statement, stays. Where the part fails, what it did
 * and put off is taken back, and the statement goes on with what was there before. Locks stay: they are the transaction's.
 */
import type { StatementSteps, Transaction } from '../contract.ts'
import { inPlace } from './wait.ts'

/** `failsAlone`: whether an error is the part's, and no matter of the transaction. It is thrown in either case. */
export function* asPart<T>(
  transaction: Transaction,
  batch: () => T,
  failsAlone: (error: unknown) => boolean,
): StatementSteps<T> {
  const start = transaction.savepoint()
  try {
    const result = yield* inPlace(transaction, batch)
    const end = transaction.agenda.partEnd(start.agenda)
    if (end !== undefined) yield* end
    return result
  } catch (error) {
    if (failsAlone(error)) yield* transaction.takeBackPart(start)
    throw error
  }
}
