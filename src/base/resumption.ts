/**
 * Synchronous work that is given up where a turn is over and begun again in the next one, finding done what it has done.
 *
 * For work that is a pure function of what a client has sent, is written plainly, and is mostly short: a filter that is
 * compiled, ranges that are made of a list. Where a list may be long, the work goes through it as a `part`, some elements
 * at a time, and looks at the meter between them. Within a `Resumption` a part that finds the turn over throws
 * `suspended`; the work is run again from its beginning, and goes quickly to where it was, because each part kept its
 * state. Outside of one a part is a plain loop.
 *
 * Parts are told apart by the order in which the work comes to them, not by what they are of: what the work makes on its
 * way (a document around several conditions) is made anew each time. A part that is come to within a step of another one
 * belongs to that step, and is forgotten with it.
 *
 * Invariants: the work comes to the same parts in the same order each time; a step that is interrupted by a part within it
 * has not changed its own part's state. Each run does one step at least, however much the work does between its parts.
 */
import { charge, isBounded, isTurnOver } from './work.ts'

/**
 * Thrown by what cannot yield, deep inside work that somebody runs again, where the turn is over: it goes on in the next
 * one. Only for those who keep what they have done so far: what starts over each time would never end.
 */
export const suspended: unique symbol = Symbol('suspended')

interface Part {
  readonly state: unknown
  isDone: boolean
  within: Part[]
}

interface Place {
  parts: Part[]
  next: number
}

let place: Place | undefined
/** Of the run at hand: it has come further than the one before. */
let hasStepped = false

export class Resumption {
  readonly #parts: Part[] = []

  /** Throws `suspended` where it has to go on in another turn: by this method. */
  run<T>(work: () => T): T {
    hasStepped = false
    return within({ parts: this.#parts, next: 0 }, work)
  }
}

function within<T>(own: Place | undefined, work: () => T): T {
  const outer = place
  place = own
  try {
    return work()
  } finally {
    place = outer
  }
}

/** Of one argument after another: what is suspended is called again with the same one, and goes on with it. */
export function resumable<A extends object, R extends unknown[], T>(
  work: (argument: A, ...rest: R) => T,
): (argument: A, ...rest: R) => T {
  let kept: { readonly argument: A; readonly resumption: Resumption } | undefined
  return (argument, ...rest) => {
    if (kept?.argument !== argument) kept = { argument, resumption: new Resumption() }
    const made = kept.resumption.run(() => work(argument, ...rest))
    kept = undefined
    return made
  }
}

/** What begins now keeps its own place: a statement within the work that leads to it. */
export function leaveResumption(): void {
  place = undefined
}

/** Beside what it charges itself. */
const unitsPerStep = 300

/** Steps until one answers true. */
export function part<S>(begin: () => S, step: (state: S) => boolean): S {
  const here = place
  // In an attempt nobody takes a pause: it ends by its bound.
  if (here === undefined || isBounded()) {
    const state = begin()
    while (!step(state));
    return state
  }
  const own = (here.parts[here.next] ??= { state: begin(), isDone: false, within: [] })
  here.next++
  const state = own.state as S
  while (!own.isDone) {
    if (hasStepped && isTurnOver()) throw suspended
    charge(unitsPerStep)
    own.isDone = within({ parts: own.within, next: 0 }, () => step(state))
    own.within = []
    hasStepped = true
  }
  return state
}

/** Of shorter lists nothing is kept. */
const fewElements = 64

/** What `add` has made of all elements, one after another; it charges for what it does. */
export function gatherInParts<T, S>(list: readonly T[], begin: () => S, add: (state: S, element: T) => void): S {
  if (list.length <= fewElements) {
    const state = begin()
    for (const element of list) add(state, element)
    return state
  }
  return part(
    () => ({ made: begin(), at: 0 }),
    (state) => {
      add(state.made, list[state.at]!)
      return ++state.at >= list.length
    },
  ).made
}

/** As `map`; `make` charges for what it does. */
export function mapInParts<T, U>(list: readonly T[], make: (element: T) => U): U[] {
  return gatherInParts<T, U[]>(
    list,
    () => [],
    (made, element) => void made.push(make(element)),
  )
}
