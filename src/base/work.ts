/**
 * The meter of the thread: how much synchronous code has done in this turn, told by what it did and not by a clock.
 *
 * One unit is about a nanosecond of one core of the machine that the rates were measured on; rates are rounded up. Code
 * whose work grows with its input charges for it: by bytes, characters, elements. The meter is one variable of the module
 * because the code that works (a comparison, a walk through BSON) is deep below whoever may pause, and is called too often
 * to be handed something; it is sound because a turn runs one thing at a time.
 *
 * Three kinds of code look at it:
 *   - a statement's `TimeSlice` counts the units together with its keys, and begins each slice with `beginTurn`;
 *   - operators ask `isTurnOver` between two rows, comparisons of a sort, elements of a loop;
 *   - `attempt` runs something that cannot pause within a bound, and answers `tooMuch` where it charged beyond it.
 *
 * Invariants: charging never throws outside of `attempt`; the meter changes nothing but when work is done, never what
 * comes of it, so the simulation replays.
 */

/** What a turn should do at most; a single step within it may go beyond by at most `dearUnits`. */
export const turnUnits = 2_000_000

/** What is dearer than this is not done on the kernel's thread in one piece. */
export const dearUnits = 2_000_000

let units = 0
let bound = Infinity

/** So many units were done, or are about to be. */
export function charge(amount: number): void {
  units += amount
  if (units > bound) throw beyond
}

/** What has been charged since the turn began. */
export function unitsDone(): number {
  return units
}

export function isTurnOver(): boolean {
  return units >= turnUnits
}

/** Of a statement that goes on: nothing is charged to it yet. */
export function beginTurn(): void {
  units = 0
}

/** Within an attempt, or where work goes on to its end. */
export function isBounded(): boolean {
  return bound !== Infinity
}

export const tooMuch: unique symbol = Symbol('too much')

/** Thrown through the work; nobody but `attempt` keeps it. */
const beyond: unique symbol = Symbol('beyond')

/** Who catches whatever his work throws lets this one pass. */
export function passBeyond(error: unknown): void {
  if (error === beyond) throw error
}

/**
 * Runs work that has no effects as long as it charges no more than `limit`. What it has done till then is charged all the
 * same. Attempts nest: the innermost bound that is nearest counts.
 */
export function attempt<T>(limit: number, work: () => T): T | typeof tooMuch {
  const outer = bound
  const own = units + limit
  bound = Math.min(outer, own)
  try {
    return work()
  } catch (error) {
    if (error !== beyond || units > outer) throw error
    return tooMuch
  } finally {
    bound = outer
  }
}

/** What may be done only where it is the thread's, or the turn's, one work: an attempt has done too much with it. */
export function onOwnThread(): void {
  if (bound !== Number.MAX_VALUE) throw beyond
}

/** Runs work to its end, whatever it charges: on a thread, or in a turn, that is its own. */
export function toItsEnd<T>(work: () => T): T {
  const outer = bound
  bound = Number.MAX_VALUE
  try {
    return work()
  } finally {
    bound = outer
  }
}
