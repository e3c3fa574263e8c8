/**
 * A statement of several turns that must have seen what is there when it is committed: what it has read is looked at again
 * before it is published, as of a serializable transaction, and it is run anew where others have changed that. Where they do
 * so again and again, they have to wait for once: it holds the collections that it has read from or written to, for itself.
 * Those are the collections of the runs before; what it would come to for the first time then could still be changed.
 */
import { PolylogError } from '../base/errors.ts'
import type { Isolation, Sequence, Statement } from '../database/contract.ts'
import type { KernelTransaction } from '../database/transaction/transaction.ts'

/** Runs that others may overtake. */
const optimisticAttempts = 3

export interface AtomicRun<T> {
  readonly statement: Statement<T>
  begin(isolation: Isolation): KernelTransaction
  run<R>(transaction: KernelTransaction, statement: Statement<R>): R | Promise<R>
  commit(transaction: KernelTransaction): Sequence | Promise<Sequence>
  /** Waits for the statement, and for its commit, which is made where there is none yet. */
  finish(transaction: KernelTransaction, running: T | Promise<T>, committing?: Sequence | Promise<Sequence>): Promise<T>
}

export async function runAtomic<T>(parts: AtomicRun<T>): Promise<T> {
  const used = new Set<number>()
  for (let attempt = 1; ; attempt++) {
    const excludes = attempt > optimisticAttempts
    const transaction = parts.begin(excludes ? 'read committed' : 'serializable')
    try {
      if (excludes) await parts.run(transaction, () => transaction.locks.excludeWriters(inOrder(used)))
      const running = parts.run(transaction, parts.statement)
      // In the same turn, if it is over.
      const committing = running instanceof Promise ? undefined : parts.commit(transaction)
      return await parts.finish(transaction, running, committing)
    } catch (error) {
      transaction.rollback()
      const isOvertaken = error instanceof PolylogError && error.code === 'serialization_failure'
      if (excludes || !isOvertaken) throw error
      for (const id of transaction.locks.touched) used.add(id)
      for (const id of transaction.reads?.collections ?? []) used.add(id)
    }
  }
}

/** Two that hold the same ones do not wait for each other in a circle. */
function inOrder(collections: ReadonlySet<number>): readonly number[] {
  return [...collections].sort((a, b) => a - b)
}
