/**
 * Going back to a savepoint behind which there are very many writes: some thousands a turn, the last ones first, so that
 * nobody is held up. What is left after each turn is an earlier moment of the transaction. Where few writes stay it takes
 * no time, since the write set then forgets the others at once.
 */
import type { Savepoint, StatementSteps } from '../contract.ts'
import type { KernelTransaction } from './transaction.ts'

const writesPerTurn = 2_000

/**
 * Forgets writes until few are left to be forgotten by `rollbackTo` or `takeBack`, which is to follow: a promise where that
 * takes several turns. Nobody may run a statement of the transaction meanwhile.
 */
export function prepareRollback(transaction: KernelTransaction, savepoint: Savepoint): Promise<void> | undefined {
  return isFar(transaction, savepoint) ? goBack(transaction, savepoint) : undefined
}

/** `rollbackTo`, in as many turns as it takes. */
export function* takeBackInSlices(transaction: KernelTransaction, savepoint: Savepoint): StatementSteps<void> {
  const prepared = prepareRollback(transaction, savepoint)
  if (prepared !== undefined) yield prepared
  transaction.rollbackTo(savepoint)
}

function isFar({ ended, writes }: KernelTransaction, savepoint: Savepoint): boolean {
  return !ended && savepoint.writes > writesPerTurn && writes.count - savepoint.writes > 2 * writesPerTurn
}

async function goBack(transaction: KernelTransaction, savepoint: Savepoint): Promise<void> {
  while (isFar(transaction, savepoint)) {
    transaction.writes.rollbackTo(transaction.writes.count - writesPerTurn)
    await new Promise<void>((resolve) => transaction.kernel.turn(resolve))
  }
}
