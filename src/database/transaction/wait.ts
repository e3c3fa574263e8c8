/**
 * Waiting in place: how synchronous work that met something to wait for goes on where it was.
 *
 * A statement works in steps, and a step in batches: pieces that may be run again because nothing of them stays when they
 * throw. A batch that reads a page which is not resident, or asks for a lock which is not free, throws the wait. Whoever
 * runs the batch catches it (`waitOf` takes the batch's writes back), yields it to the statement runner, and runs the
 * batch again: the page is pinned until the batch gets through, the lock is held.
 *
 *   a batch                     runs again from          kept for it
 *   one call of a cursor        where the cursor stood   –
 *   `inPlace(tx, batch)`        its beginning            its JavaScript state, as far as it is made at its end
 *   an operator's `next`        the row at hand          everything before that row (see `query/operator.ts`)
 *   a whole statement that
 *   returns at once             its savepoint            nothing
 *
 * So a batch that needs n pages reads at most n times what it reads once, and a statement reads about that: what is done
 * stays done. A batch never waits while it holds something that others wait for outside of the lock table.
 *
 * What a batch calls must not be changed by being called and interrupted: what it draws, from chance or from a sequence, it
 * is dealt again (`draws.ts`), and everything else a function changes lies in the transaction's writes. A batch is therefore
 * a row, not a statement, wherever it evaluates what clients have written.
 *
 * Invariants: a batch that threw a wait has changed nothing that it does not make again; between the throw of a `Miss` and
 * its yield nothing is read from the store, since a store has one `Miss`.
 */
import { leaveResumption, Resumption, suspended } from '../../base/resumption.ts'
import { beginTurn } from '../../base/work.ts'
import { type Cursor, isMiss, type Miss } from '../../storage/store.ts'
import { Draws } from './draws.ts'
import {
  Elsewhere,
  LockWait,
  type StatementSteps,
  type Transaction,
  type TransactionServices,
  type Wait,
} from '../contract.ts'

export { suspended } from '../../base/resumption.ts'

let services: TransactionServices | undefined

/** Of the statement whose turn begins: for what is too deep below it to be handed them. */
export function beginTurnOf(own: TransactionServices): void {
  beginTurn()
  leaveResumption()
  services = own
}

export function servicesOfTurn(): TransactionServices | undefined {
  return services
}

let isInBatch = false

/** Runs what its caller will run again where it throws a wait. */
export function asBatch<T>(batch: () => T): T {
  const outer = isInBatch
  isInBatch = true
  try {
    return batch()
  } finally {
    isInBatch = outer
  }
}

/** Whether somebody takes a wait that is thrown here: who could also go on without one asks before. */
export function canWait(): boolean {
  return isInBatch
}

/** The result of a batch, which is run until it gets through. */
export function* inPlace<T>(transaction: WaitingTransaction, batch: () => T): StatementSteps<T> {
  const attempts = new Attempts(transaction, batch)
  return attempts.succeed() ? attempts.result! : yield* attempts.goOn()
}

/** Those of one batch, which is dealt the same draws each time. */
class Attempts<T> {
  result: T | undefined
  wait: Wait
  readonly #transaction: WaitingTransaction
  readonly #batch: () => T
  readonly #draws = new Draws()

  constructor(transaction: WaitingTransaction, batch: () => T) {
    this.#transaction = transaction
    this.#batch = batch
  }

  /** The next one: whether there is a result now, or a wait. */
  succeed(): boolean {
    const start = this.#transaction.savepoint()
    try {
      this.result = this.#draws.run(() => asBatch(this.#batch))
      this.#transaction.batchDone()
      return true
    } catch (error) {
      this.wait = this.#transaction.waitOf(error, this.#draws.reached ?? start)
      return false
    }
  }

  *goOn(): StatementSteps<T> {
    do yield this.wait
    while (!this.succeed())
    return this.result!
  }
}

/** A batch that goes on where it was suspended, in as many turns as it takes (`base/resumption.ts`). */
export function* resumed<T>(transaction: WaitingTransaction, batch: () => T): StatementSteps<T> {
  const resumption = new Resumption()
  return yield* inPlace(transaction, () => resumption.run(batch))
}

/**
 * The result of a batch that got through at once, or the steps that are left: for what is done for each of many rows, since a
 * generator for each costs as much as a write.
 */
export function atOnce<T>(transaction: WaitingTransaction, batch: () => T | StatementSteps<T>): T | StatementSteps<T> {
  const attempts = new Attempts(transaction, batch)
  return attempts.succeed() ? attempts.result! : toTheEnd(attempts)
}

function* toTheEnd<T>(attempts: Attempts<T | StatementSteps<T>>): StatementSteps<T> {
  const begun = yield* attempts.goOn()
  return isSteps(begun) ? yield* begun : begun
}

/** A batch that answers what it has done, or the steps that are left of it: they wait in place by themselves. */
export function* toItsEnd<T>(transaction: WaitingTransaction, batch: () => T | StatementSteps<T>): StatementSteps<T> {
  const begun = yield* inPlace(transaction, batch)
  return isSteps(begun) ? yield* begun : begun
}

/**
 * A part of a statement that is written like a whole one: what it does before its first yield, or all of it where it
 * returns at once, is one batch; after that it waits in place by itself.
 */
export function* beginInPlace<T>(
  transaction: WaitingTransaction,
  begin: () => T | StatementSteps<T>,
): StatementSteps<T> {
  const begun = yield* inPlace(transaction, () => {
    const steps = begin()
    return isSteps(steps) ? { steps, first: steps.next() } : { steps: undefined, result: steps }
  })
  if (begun.steps === undefined) return begun.result
  const { steps, first } = begun
  if (first.done === true) return first.value
  yield first.value
  return yield* steps
}

/** Runs steps to their end within the batch that they are a part of: what they wait for is what it waits for. */
export function asOneBatch<T>(steps: StatementSteps<T>): T {
  for (;;) {
    const step = steps.next()
    if (step.done === true) return step.value
    if (step.value !== undefined) throw step.value
  }
}

export function isSteps<T>(result: T | StatementSteps<T>): result is StatementSteps<T> {
  return (
    typeof result === 'object' &&
    result !== null &&
    typeof (result as { next?: unknown }).next === 'function' &&
    Symbol.iterator in result
  )
}

/** What a transaction must offer for others to wait in place. */
export type WaitingTransaction = Pick<Transaction, 'savepoint' | 'waitOf' | 'batchDone'>

export type ThrownWait = Miss | LockWait | Elsewhere

/**
 * `cursor.next()`, or the page that it waits for, without a generator per entry:
 *
 *     for (let found = advance(tx, cursor); found !== false; found = advance(tx, cursor)) {
 *       if (found !== true) {
 *         yield found
 *         continue
 *       }
 *       …
 *     }
 */
export function advance(reader: Pick<Transaction, 'batchDone'>, cursor: Pick<Cursor, 'next'>): boolean | Miss {
  try {
    const found = cursor.next()
    reader.batchDone()
    return found
  } catch (error) {
    if (isMiss(error)) return error
    throw error
  }
}

export const done: unique symbol = Symbol('done')

/**
 * Runs a piece of work that waits before its first change, so that it needs no way back: `done`, or what it waits for.
 *
 *     for (let wait = attempt(step, at); wait !== done; wait = attempt(step, at)) yield wait
 */
export function attempt<A>(step: (argument: A) => void, argument: A): ThrownWait | typeof done {
  try {
    step(argument)
    return done
  } catch (error) {
    if (isThrownWait(error)) return error
    throw error
  }
}

/** The same for what answers something that is no object: the answer, or what it waits for. */
export function orWait<A, B, T extends number | boolean | void>(step: (a: A, b: B) => T, a: A, b: B): T | ThrownWait {
  try {
    return step(a, b)
  } catch (error) {
    if (isThrownWait(error)) return error
    throw error
  }
}

/** What interrupted a batch; anything else is thrown again. */
export function asWait(error: unknown): Wait {
  if (error === suspended) return undefined
  if (isThrownWait(error)) return error
  throw error
}

export function isThrownWait(error: unknown): error is ThrownWait {
  return error instanceof LockWait || error instanceof Elsewhere || isMiss(error)
}

/** The result of what goes on outside of any transaction; `signal` tells it that nobody waits any more. */
export function* awaited<T>(work: (signal: AbortSignal) => Promise<T>): StatementSteps<T> {
  const abort = new AbortController()
  const came: { outcome?: { readonly value: T } | { readonly error: unknown } } = {}
  const done = work(abort.signal).then(
    (value) => void (came.outcome = { value }),
    (error: unknown) => void (came.outcome = { error }),
  )
  while (came.outcome === undefined) yield new Elsewhere(done, () => abort.abort())
  if ('error' in came.outcome) throw came.outcome.error
  return came.outcome.value
}
