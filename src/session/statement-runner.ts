/**
 * Runs one statement in a transaction: starts it, waits for what it waits for, and lets it go on where it was (rule 3).
 *
 *   - it returns: done, in the same turn and without a promise.
 *   - it yields: its slice is over, or it waits for a page, a lock, a promise. The transaction pins its snapshot, and the
 *     statement goes on in place. After a lock the newest state may have gone on from what the statement has read: at read
 *     committed it is run again then, as after `Restart`, but at once: others wait for what it has been granted.
 *   - the first thing that it yields is a lock, at read committed: mostly the holder has changed the row, and it would have
 *     to be run again anyway. So it lets go of its snapshot, which would make whoever commits meanwhile copy pages and
 *     feed the conflict index, and is run again once it has the lock. A second time it waits in place, and so it does for an
 *     advisory lock, which tells nothing of rows, where it has begun to go through some.
 *   - it throws `Restart` (read committed met newer data): rolled back to its start, run again on the newest state.
 *   - it throws a wait (a page, a lock) and has not yielded yet: it is one batch. Taken back, waited for, run again as if it
 *     began now, with its pages pinned. So what returns at once need not know of waits, nor what comes before the first
 *     yield; that is a slice at most, and after it a statement goes on in place only: a wait that is thrown then is a bug,
 *     and the statement's error.
 *   - it throws anything else: rolled back to its start, and that is its error.
 *   - its transaction `staysInTurn` and it would have to wait, for anything but a first lock: `TakesTurns`, likewise.
 *
 * Slices and pages come from the scheduler, each in a turn of its own; a lock is taken up in the turn that grants it.
 */
import type { Payer } from '../base/memory-account.ts'
import { PolylogError } from '../base/errors.ts'
import {
  Elsewhere,
  LockWait,
  PassingWait,
  Restart,
  TakesTurns,
  type Principal,
  type Savepoint,
  type Statement,
  type StatementSteps,
  type Wait,
} from '../database/contract.ts'
import { advisoryLocked } from '../database/transaction/advisory-locks.ts'
import { joinAuthors } from '../database/history/author.ts'
import { isOutdated } from '../database/transaction/isolation.ts'
import { prepareRollback } from '../database/transaction/sliced-rollback.ts'
import type { KernelTransaction } from '../database/transaction/transaction.ts'
import { isSteps, isThrownWait, type ThrownWait } from '../database/transaction/wait.ts'
import { isMiss } from '../storage/store.ts'
import type { Host } from '../host/host.ts'
import type { SessionLimits } from './limits.ts'
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

function lockTimeout(): PolylogError {
  return new PolylogError('lock_not_available', 'canceling statement due to lock timeout')
}

/** Whose statement it is. */
export interface Caller extends Payer {
  readonly cancellation: Cancellation
  readonly principal: Principal
  /** Told of each state that the statement runs on, before the statement can tell anybody of it. */
  readonly sight: Sight
  readonly limits: SessionLimits
}

/** How often statements were run again, and why. */
export interface RepeatCounts {
  /** Newer data at read committed. */
  restarts: number
  /** Those that had not yielded yet, for a page or a lock. */
  batches: number
}

export class StatementRunner {
  readonly repeats: RepeatCounts = { restarts: 0, batches: 0 }
  readonly #scheduler: Scheduler
  readonly #host: Host

  constructor(slices: Scheduler, host: Host) {
    this.#scheduler = slices
    this.#host = host
  }

  /** The result, or a promise of it where something had to be waited for. The transaction stays open either way. */
  run<T>(transaction: KernelTransaction, statement: Statement<T>, caller: Caller, isRepeat = false): T | Promise<T> {
    transaction.payer = caller
    transaction.callerLimits = caller.limits
    transaction.counts.isOff = !caller.limits.countsRows
    const start = transaction.beginStatement()
    transaction.principal = caller.principal
    noteAuthor(transaction, caller.principal)
    caller.sight.saw(transaction.sequence)
    let steps: StatementSteps<T> | undefined
    let wait: Wait
    try {
      const result = statement(transaction)
      if (isSteps(result)) steps = toItsEnd(transaction, result)
      else {
        const end = transaction.statementEnd()
        if (end === undefined) {
          refuseStaleReads(transaction)
          transaction.endStatement()
          return result
        }
        steps = thenAnswer(end, result)
      }
      const step = steps.next()
      if (step.done === true) {
        refuseStaleReads(transaction)
        transaction.endStatement()
        return step.value
      }
      wait = step.value
    } catch (error) {
      return this.#again(transaction, statement, caller, { start, steps: undefined }, error)
    }
    if (wait instanceof LockWait && !isRepeat && mayLookAgain(transaction, wait)) {
      closeSteps(steps)
      return this.#again(transaction, statement, caller, { start, steps: undefined }, wait)
    }
    if (transaction.staysInTurn) {
      closeSteps(steps)
      return this.#again(transaction, statement, caller, { start, steps: undefined }, new TakesTurns())
    }
    return this.#goOn(transaction, statement, caller, { start, steps }, wait)
  }

  async #goOn<T>(
    transaction: KernelTransaction,
    statement: Statement<T>,
    caller: Caller,
    begun: { readonly start: Savepoint; readonly steps: StatementSteps<T> },
    firstWait: Wait,
  ): Promise<T> {
    const { steps } = begun
    let wait = firstWait
    try {
      for (let slices = 1; ; slices++) {
        transaction.leaveTurn(true)
        await this.#whenOver(transaction, wait, caller, slices)
        checkGoesOn(transaction, caller)
        if (wait instanceof LockWait && isOutdated(transaction, wait))
          throw new Restart('what it waited for has changed')
        transaction.slice.renew()
        const step = steps.next()
        if (step.done === true) {
          refuseStaleReads(transaction)
          transaction.endStatement()
          return step.value
        }
        wait = step.value
      }
    } catch (error) {
      if (wait instanceof Elsewhere) wait.abandon()
      closeSteps(steps)
      return this.#again(transaction, statement, caller, begun, error, wait instanceof LockWait)
    }
  }

  /** `count`: of the slices that the statement has had. */
  async #whenOver(transaction: KernelTransaction, wait: Wait, caller: Caller, count = 0): Promise<void> {
    if (wait instanceof LockWait) return this.#granted(transaction, wait, caller.limits.lockTimeoutMs)
    if (wait !== undefined) await caller.cancellation.orWoken(promiseOf(transaction, wait))
    return this.#slice(count)
  }

  /** Of each lock anew, as PostgreSQL's lock_timeout. */
  #granted(transaction: KernelTransaction, { granted }: LockWait, limitMs: number): Promise<void> {
    if (limitMs === 0) return granted
    const stop = this.#host.at(limitMs, () => transaction.kernel.locks.stopWaiting(transaction, lockTimeout()))
    return granted.finally(stop)
  }

  #slice(count: number): Promise<void> {
    return new Promise((resolve) => this.#scheduler.schedule(resolve, count))
  }

  /** After a throw: takes the statement back, then waits and runs it again, or throws. `hasLock`: it was just granted one. */
  #again<T>(
    transaction: KernelTransaction,
    statement: Statement<T>,
    caller: Caller,
    { start, steps }: { readonly start: Savepoint; readonly steps: StatementSteps<T> | undefined },
    error: unknown,
    hasLock = false,
  ): T | Promise<T> {
    const prepared = prepareRollback(transaction, start)
    if (prepared !== undefined) {
      return prepared.then(() => this.#again(transaction, statement, caller, { start, steps }, error, hasLock))
    }
    const isBatch = isThrownWait(error)
    const isRepeated = isBatch || error instanceof Restart || error instanceof TakesTurns
    if (!isRepeated) transaction.locks.keepCalls()
    transaction.takeBack(start, isRepeated)
    if (isBatch && transaction.staysInTurn && !(error instanceof LockWait)) {
      if (error instanceof Elsewhere) error.abandon()
      transaction.endStatement()
      throw new TakesTurns()
    }
    if (!isBatch && !(error instanceof Restart)) {
      transaction.endStatement()
      throw error
    }
    if (isBatch && steps !== undefined) {
      transaction.endStatement()
      throw escaped(error)
    }
    if (isBatch) this.repeats.batches++
    else {
      this.repeats.restarts++
      transaction.interleave()
      if (hasLock) return this.run(transaction, statement, caller, true)
    }
    return this.#whenReady(transaction, isBatch ? error : undefined, caller).then(() => {
      return this.run(transaction, statement, caller, true)
    })
  }

  async #whenReady(transaction: KernelTransaction, wait: Wait, caller: Caller): Promise<void> {
    try {
      transaction.leaveTurn(false)
      await this.#whenOver(transaction, wait, caller)
      checkGoesOn(transaction, caller)
    } catch (error) {
      if (wait instanceof Elsewhere) wait.abandon()
      transaction.endStatement()
      throw error
    }
  }
}

function noteAuthor(transaction: KernelTransaction, { author }: Principal): void {
  if (author === undefined || transaction.author === author) return
  const { author: first } = transaction
  transaction.author =
    first === undefined ? author : { authorBytes: joinAuthors(first.authorBytes, author.authorBytes) }
}

/** Who has waited for `wait` goes on with what is newest then. */
function mayLookAgain({ isolation, view }: KernelTransaction, wait: LockWait): boolean {
  const { key } = wait
  if (wait instanceof PassingWait || isolation !== 'read committed') return false
  return !(view.hasCursors && advisoryLocked(key) !== undefined)
}

/**
 * A serializable transaction that has written, and read what has changed since, cannot commit: it hears so with the statement
 * that made it so, as long as little was read; of more, its commit looks.
 */
function refuseStaleReads(transaction: KernelTransaction): void {
  const { reads, writes, isSingleStatement } = transaction
  if (reads === undefined || isSingleStatement || writes.count === 0 || reads.size > readsLookedAtMax) return
  transaction.validateReads()
}

const readsLookedAtMax = 256

/** A step has thrown what it should have yielded: run again, its statement might never end. */
function escaped(wait: ThrownWait): PolylogError {
  if (wait instanceof Elsewhere) wait.abandon()
  return new PolylogError('internal', 'a step threw what it waits for, after its statement had yielded')
}

function promiseOf(transaction: KernelTransaction, wait: Exclude<Wait, undefined | LockWait>): Promise<void> {
  if (wait instanceof Elsewhere) return wait.done
  return isMiss(wait) ? transaction.load(wait) : wait
}

function checkGoesOn(transaction: KernelTransaction, { cancellation }: Caller): void {
  if (transaction.ended) throw new PolylogError('transaction_aborted', 'the transaction has ended meanwhile')
  if (transaction.doomed !== undefined) throw transaction.doomed
  cancellation.check()
}

/** A statement with what it has put off to its end. */
function* toItsEnd<T>(transaction: KernelTransaction, steps: StatementSteps<T>): StatementSteps<T> {
  const result = yield* steps
  const end = transaction.statementEnd()
  if (end !== undefined) yield* end
  return result
}

function* thenAnswer<T>(end: StatementSteps<void>, result: T): StatementSteps<T> {
  yield* end
  return result
}

/** Lets the statement's `finally` blocks run; what they throw does not replace the error that ended it. */
function closeSteps(steps: StatementSteps<unknown>): void {
  try {
    steps.return(undefined)
  } catch {
    // The first error is the one to tell.
  }
}
