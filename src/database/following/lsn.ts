/**
 * Places in the log as PostgreSQL's clients know them: log sequence numbers. One function from sequence to LSN, and back.
 *
 *   LSN := sequence × 256, of the transaction's first change; + 128, of its commit; (sequence + 1) × 256, behind it
 *
 * They grow with the log and are unique for each transaction, so that whoever says which LSN it has written down says which
 * transactions it needs no more. They count no bytes.
 */
import type { Sequence } from '../contract.ts'

const lsnsPerTransaction = 256n

/** Where the transaction begins; of the next one: where the one before it has ended. */
export function lsnOf(sequence: Sequence): bigint {
  return BigInt(sequence) * lsnsPerTransaction
}

export function commitLsnOf(sequence: Sequence): bigint {
  return lsnOf(sequence) + lsnsPerTransaction / 2n
}

/** The first transaction that is not whole at that place. */
export function sequenceAt(lsn: bigint): Sequence {
  return Number(BigInt.asUintN(64, lsn) / lsnsPerTransaction)
}
