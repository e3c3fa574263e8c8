/**
 * Runs one statement in a transaction: starts it, lets it pause, waits for what it waits for, and runs it again where it
 * must (rule 3).
 *
 *   - it returns: done, in the same turn and without a promise.
 *   - it yields: its slice is over, or it waits for a promise. The transaction pins its snapshot; the next slice comes
 *     from the scheduler.
 *   - it throws `LockWait`: rolled back to its start, waited, run again, with the lock held.
 *   - it throws `Restart` (read committed met newer data): rolled back, run again on the newest state.
 *   - it throws a `Miss`: rolled back, the page is loaded, run again.
 *   - it throws anything else: rolled back to its start, and that is its error.
 */
import type { MemoryAccount } from '../base/memory-account.ts'
import { PolylogError } from '../base/errors.ts'
import { LockWait, Restart, type Pause, type Statement, type StatementSteps } from '../database/contract.ts'
import type { KernelTransaction, Savepoint } from '../database/transaction.ts'
import { isMiss } from '../storage/store.ts'
import type { Scheduler } from './scheduler.ts'
import type { Sight } from './sight.ts'

/** Told by `Session.cancel`. */
export class Cancellation {
  #requested = false
  #onRequest: (() => void) | undefined
  #wake: (() => void) | undefined
  /** How many there were: a statement that waits for its turn sees by it that one concerns it. */
  requests = 0

  request(): void {
    this.#requested = true
    this.requests++
    this.#onRequest?.()
    this.wake()
  }

  /** A request from before the statement began does not count. */
  begin(onRequest: () => void): void {
    this.#requested = false
    this.#onRequest = onRequest
  }

  end(): void {
    this.#onRequest = undefined
    this.#wake = undefined
  }

  /** Between `begin` and `end`. */
  get isRunning(): boolean {
    return this.#onRequest !== undefined
  }

  /** Waits for what a statement pauses for, but no longer than until `wake`: its client may never read again. */
  orWoken(pause: Promise<void>): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#wake = resolve
      pause.then(resolve, reject)
    })
  }

  /** A statement that pauses looks again whether it may go on. */
  wake(): void {
    this.#wake?.()
  }

  check(): void {
    if (this.#requested) throw canceled()
  }
}

export function canceled(): PolylogError {
  return new PolylogError('canceled', 'canceling statement due to user request')
}

/** Whose statement it is. */
export interface Caller {
  readonly cancellation: Cancellation
  /** Told of each state that the statement runs on, before the statement can tell anybody of it. */
  readonly sight: Sight
  /** What its statements keep is charged there. */
  readonly account: MemoryAccount
}

export class StatementRunner {
  readonly #scheduler: Scheduler

  constructor(slices: Scheduler) {
    this.#scheduler = slices
  }

  /** The result, or a promise of it where something had to be waited for. The transaction stays open either way. */
  run<T>(transaction: KernelTransaction, statement: Statement<T>, caller: Caller): T | Promise<T> {
    transaction.callerAccount = caller.account
    const start = transaction.beginStatement()
    caller.sight.saw(transaction.sequence)
    let steps: StatementSteps<T>
    let pause: Pause
    try {
      const result = statement(transaction)
      if (!isSteps(result)) {
        transaction.endStatement()
        return result
      }
      steps = result
      const step = steps.next()
      if (step.done === true) {
        transaction.endStatement()
        return step.value
      }
      pause = step.value
    } catch (error) {
      return this.#again(transaction, statement, caller, start, error)
    }
    return this.#goOn(transaction, statement, caller, start, steps, pause)
  }

  async #goOn<T>(
    transaction: KernelTransaction,
    statement: Statement<T>,
    caller: Caller,
    start: Savepoint,
    steps: StatementSteps<T>,
    firstPause: Pause,
  ): Promise<T> {
    const { cancellation } = caller
    let pause = firstPause
    try {
      for (;;) {
        transaction.leaveTurn(true)
        if (pause !== undefined) await cancellation.orWoken(pause)
        await this.#slice()
        if (transaction.ended) throw new PolylogError('transaction_aborted', 'the transaction has ended meanwhile')
        if (transaction.doomed !== undefined) throw transaction.doomed
        cancellation.check()
        transaction.slice.renew()
        const step = steps.next()
        if (step.done === true) {
          transaction.endStatement()
          return step.value
        }
        pause = step.value
      }
    } catch (error) {
      closeSteps(steps)
      return this.#again(transaction, statement, caller, start, error)
    }
  }

  #slice(): Promise<void> {
    return new Promise((resolve) => this.#scheduler.schedule(resolve))
  }

  /** After a throw: rolls back to the statement's start, then waits and runs it again, or throws. */
  #again<T>(
    transaction: KernelTransaction,
    statement: Statement<T>,
    caller: Caller,
    start: Savepoint,
    error: unknown,
  ): T | Promise<T> {
    transaction.endStatement()
    if (!transaction.ended) transaction.rollbackTo(start)
    const wait = this.#waitFor(transaction, error)
    if (wait === undefined) throw error
    transaction.leaveTurn(false)
    return wait.then(() => {
      caller.cancellation.check()
      if (transaction.ended) throw new PolylogError('transaction_aborted', 'the transaction has ended meanwhile')
      return this.run(transaction, statement, caller)
    })
  }

  #waitFor(transaction: KernelTransaction, error: unknown): Promise<void> | undefined {
    if (error instanceof LockWait) return error.granted
    if (error instanceof Restart) {
      transaction.interleave()
      return this.#slice()
    }
    return isMiss(error) ? transaction.loadMissing(error) : undefined
  }
}

function isSteps<T>(result: T | StatementSteps<T>): result is StatementSteps<T> {
  return (
    typeof result === 'object' &&
    result !== null &&
    typeof (result as { next?: unknown }).next === 'function' &&
    Symbol.iterator in result
  )
}

/** Lets the statement's `finally` blocks run; what they throw does not replace the error that ended it. */
function closeSteps(steps: StatementSteps<unknown>): void {
  try {
    steps.return(undefined)
  } catch {
    // The first error is the one to tell.
  }
}
