/**
 * What a piece of work draws, from chance or from a sequence, and is dealt again where it is run again.
 *
 * A batch that meets a missing page, or whose slice ends within a dear call, is run again from its beginning (`wait.ts`).
 * What it has drawn is noted until it has come to its end, and the repeated run is dealt what the interrupted one was, in
 * its order. So rows come out the same whatever was resident, and no number of a sequence is skipped.
 *
 * The same goes for what has been begun and takes more than a turn (`keptForBatch`).
 *
 * A routine that the work calls goes on where it was, too, and what it has written stays (`callsOfBatch`): the work is taken
 * back no further than to where the last of them had come (`reached`). So work calls what it calls before it writes itself.
 *
 * Work nests. What is evaluated within other work that is run again as a whole is part of it. A subquery is not: its
 * operators keep what they have and go on behind it, so each of its rows has an evaluation of its own (`apart`).
 *
 * Invariant: work that was interrupted is the next that is done at its place.
 */
import { PolylogError } from '../../base/errors.ts'
import type { Savepoint, TransactionServices } from '../contract.ts'

interface Kept {
  readonly kept: object
}

interface Numbered {
  readonly from: number
  readonly number: bigint
}

/** Chance is drawn in bytes; numbers by the collection that they are drawn from; work that goes on is kept as it is. */
type Drawn = Uint8Array | Numbered | Kept

export class Draws {
  #dealt: Drawn[] | undefined
  #at = 0
  /** Calls that the work has made, by their places. */
  calls: Map<object, object> | undefined
  /** What the last of them has written and put off ends there. */
  reached: Savepoint | undefined

  /** One run of the work, from its beginning; the draws are forgotten where it gets through, or fails. */
  run<T>(work: () => T): T {
    this.#at = 0
    try {
      const value = within(this, work)
      this.#forget()
      return value
    } catch (error) {
      if (error instanceof PolylogError) this.#forget()
      throw error
    }
  }

  #forget(): void {
    this.#dealt = undefined
    if (this.calls === undefined) return
    this.calls = undefined
    this.reached = undefined
  }

  /** What the run before drew here; undefined where it drew nothing or something else. */
  next<D extends Drawn>(isSame: (drawn: Drawn) => drawn is D): D | undefined {
    const drawn = this.#dealt?.[this.#at]
    if (drawn === undefined || !isSame(drawn)) return undefined
    this.#at++
    return drawn
  }

  note(drawn: Drawn): void {
    this.#dealt ??= []
    this.#dealt.length = this.#at++
    this.#dealt.push(drawn)
  }
}

let current: Draws | undefined

function within<T>(draws: Draws | undefined, work: () => T): T {
  const outer = current
  current = draws
  try {
    return work()
  } finally {
    current = outer
  }
}

/** Whether the work at hand is part of one that is dealt its draws again. */
export function isDealing(): boolean {
  return current !== undefined
}

/** Runs what keeps what it has when it is interrupted, and so has evaluations of its own. */
export function apart<T>(work: () => T): T {
  return current === undefined ? work() : within(undefined, work)
}

/** Of the work at hand: whose calls go on where they were. Undefined where nothing is run again. */
export function callsOfBatch(): Pick<Draws, 'calls' | 'reached'> | undefined {
  return current
}

/** Random bytes for the work at hand. */
export function draw(into: Uint8Array, services: Pick<TransactionServices, 'random'>): void {
  const dealt = current?.next((drawn): drawn is Uint8Array => {
    return drawn instanceof Uint8Array && drawn.length === into.length
  })
  if (dealt !== undefined) {
    into.set(dealt)
    return
  }
  services.random(into)
  current?.note(into.slice())
}

/** A number of a sequence: what was drawn before, for which `again` does what must be done again, or what `take` gives. */
export function drawNumber(from: number, take: () => bigint, again: () => void): bigint {
  const dealt = current?.next((drawn): drawn is Numbered => 'from' in drawn && drawn.from === from)
  if (dealt !== undefined) {
    again()
    return dealt.number
  }
  const number = take()
  current?.note({ from, number })
  return number
}

/**
 * What a batch has begun that takes more than a turn, such as the bytes of a large array: made once, and found again where
 * the batch is run again, so that it goes on where it was. Undefined where nothing is run again.
 */
export function keptForBatch<T extends object>(begin: () => T): T | undefined {
  if (current === undefined) return undefined
  const dealt = current.next((drawn): drawn is Kept => 'kept' in drawn)
  if (dealt !== undefined) return dealt.kept as T
  const kept = begin()
  current.note({ kept })
  return kept
}
