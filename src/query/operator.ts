/**
 * What every batch operator of a plan offers: pull the next rows, or begin again.
 *
 * A plan is a tree of operators made per execution; each pulls batches of rows from those below it. `R` is what the
 * language calls a row (an array of values, a document), so operators take functions over it.
 *
 * Two things interrupt an operator. `paused` is returned where the time slice is over, or what `run.waitFor` says is not
 * there yet (its temporary file): whoever gets it from below returns it at once. Anything thrown (a page that is not
 * resident, a lock, a subquery inside an expression that has to pause) passes through, to whoever pulls the plan, who
 * waits and calls `next` again.
 *
 * Invariants: an operator changes its state only after the functions it was given have returned, so that `next` may be
 * called again after either interruption and goes on where it was; between two rows it pauses where what they charged to
 * the thread's meter (`base/work.ts`) fills the turn; no operator returns an empty batch; after `undefined`
 * it stays at its end until `reset`.
 */
import { charge, isTurnOver } from '../base/work.ts'
import type { Transaction, Wait } from '../database/contract.ts'

export const paused: unique symbol = Symbol('paused')
export type Paused = typeof paused

/** What a running plan knows; languages add their parameters and context. */
export interface Run {
  transaction: Transaction
  /** What an operator that answered `paused` waits for; undefined: its next slice. Whoever drives the plan takes it. */
  waitFor?: Wait
}

/** What the pause that a plan has just answered is for. */
export function takeWait(run: Run): Wait {
  const wait = run.waitFor
  run.waitFor = undefined
  return wait
}

/** The next rows (at most a few hundred, never none), `paused`, or `undefined` at the end. */
export type Batch<R> = R[] | Paused | undefined

export interface Operator<R, X extends Run = Run> {
  next(run: X): Batch<R>
  /** Back to the beginning; sources read the transaction's newest state again. */
  reset(): void
}

/** Rows that an operator aims to hand out at once: enough to spread the cost of a call, little enough to pause between. */
export const batchRows = 128

/** Rows that together hold more are handed out before the batch is full: a row may have megabytes. */
export const batchBytes: number = 256 * 1024
const leastCountedLength = 256

/** Roughly, and only what is large, from a place on: what small values hold does not matter to a batch. */
export function largeBytes(row: readonly unknown[], from = 0): number {
  let bytes = 0
  for (let i = from; i < row.length; i++) {
    const value = row[i]
    if (typeof value === 'string') {
      if (value.length > leastCountedLength) bytes += value.length
    } else if (typeof value === 'object' && value !== null) {
      const { length } = value as { readonly length?: number }
      if (length !== undefined && length > 0) {
        bytes += value instanceof Uint8Array ? length : 8 * length + largeBytes(value as readonly unknown[])
      }
    }
  }
  return bytes
}

/** What an operator does with a row at least, beside what its functions charge. */
const unitsPerRow = 150

/**
 * Walks the rows of an input one at a time and remembers where it is, so that an operator interrupted within a row takes
 * the same row again.
 */
export class InputCursor<R, X extends Run> {
  readonly #input: Operator<R, X>
  #batch: R[] = []
  #at = 0
  #ended = false

  constructor(input: Operator<R, X>) {
    this.#input = input
  }

  /** The row at hand, pulled from the input where need be: stays the same until `advance`. */
  current(run: X): R | Paused | undefined {
    if (this.#at < this.#batch.length) return isTurnOver() ? paused : this.#batch[this.#at]
    if (this.#ended) return undefined
    const batch = this.#input.next(run)
    if (batch === paused) return paused
    if (batch === undefined) {
      this.#ended = true
      this.#batch = []
      this.#at = 0
      return undefined
    }
    this.#batch = batch
    this.#at = 0
    return batch[0]
  }

  advance(): void {
    charge(unitsPerRow)
    this.#at++
  }

  /** Another `current` would pull: a good moment to hand out what has been made. */
  get drained(): boolean {
    return this.#at >= this.#batch.length
  }

  reset(): void {
    this.#batch = []
    this.#at = 0
    this.#ended = false
    this.#input.reset()
  }
}
