/**
 * Binding and planning a long text in several turns.
 *
 * Both are plain recursion over the tree, which cannot stop in the middle. So they stop by throwing `unfinished` out of a
 * list, and begin anew in the next turn: every list remembers which of its elements are done, and goes on behind them.
 * What is done again is only the way down to where it stopped.
 *
 *   turn 1   WHERE → OR → [a=1 ✓  a=2 ✓  a IN (…  unfinished
 *   turn 2   WHERE → OR →  ✓      ✓      a IN (…  continued
 *
 * A list is known again by its place: the n-th one that is begun inside of the same element of the same list. That needs
 * the same work to be done in the same order each time, and `Marked` state (what binding has counted and decided so far)
 * to be what it was at that place: each list notes it before the element at hand, and sets it when it goes on.
 *
 * Invariants: nobody catches `unfinished` but who runs the turns; at least one element is done each turn; an element's
 * inner lists are forgotten when it is done.
 */
export const unfinished: unique symbol = Symbol('unfinished')

/** What the work changes beside its results. */
export interface Marked<M> {
  mark(): M
  /** Begins again from there; never further ahead than the work had been. */
  restore(mark: M): void
}

/** A list, and those that are begun within its current element. */
interface Place {
  readonly results: unknown[]
  inner: Place[]
  /** Of `inner`: the next to be begun. */
  next: number
  mark: unknown
}

export interface ProgressLimits {
  /** How much is done in a turn. */
  readonly elements: number
  /** Parts of so many expressions are sealed: see `expression/sealed.ts`. */
  readonly openWeight: number
}

/** A thousand elements are 1 or 2 ms. */
const usualLimits: ProgressLimits = { elements: 1000, openWeight: 256 }

export class Progress {
  readonly limits: ProgressLimits
  readonly #root: Place = newPlace()
  #at: Place = this.#root
  #spent = 0
  #extra = 0
  /** Elements done in all. */
  total = 0
  turns = 0

  constructor(limits: ProgressLimits = usualLimits) {
    this.limits = limits
  }

  /** Before the work is begun, or begun again. */
  beginTurn(): void {
    this.#spent = 0
    this.#extra = 0
    this.turns++
    this.#at = this.#root
    this.#root.next = 0
  }

  /** `items.map(work)`, from where it stopped. */
  each<T, R, M>(items: readonly T[], work: (item: T, index: number) => R, marked?: Marked<M>): readonly R[] {
    const outer = this.#at
    const place = (outer.inner[outer.next++] ??= newPlace())
    const { results } = place
    this.#at = place
    place.next = 0
    if (place.mark !== undefined) marked?.restore(place.mark as M)
    while (results.length < items.length) {
      if (this.#spent >= this.limits.elements) throw unfinished
      results.push(work(items[results.length]!, results.length))
      if (place.inner.length > 0) place.inner = []
      place.next = 0
      place.mark = marked?.mark()
      this.#count(1 + this.#extra)
    }
    this.#at = outer
    return results as R[]
  }

  /** Made once, however often the work begins again. */
  once<R>(make: () => R): R {
    return this.each([undefined], make)[0]!
  }

  /** For an element that is more work than most: it counts when it is done, since it would be met again if it stopped here. */
  spend(elements: number): void {
    this.#extra += elements
  }

  #count(elements: number): void {
    this.#extra = 0
    this.#spent += elements
    this.total += elements
  }
}

function newPlace(): Place {
  return { results: [], inner: [], next: 0, mark: undefined }
}

const chunkLength = 256

/** A long list in pieces, for work that is too little per element to be counted by them. */
export function chunksOf<T>(items: readonly T[], length: number = chunkLength): (readonly T[])[] {
  const chunks: (readonly T[])[] = []
  for (let from = 0; from < items.length; from += length) chunks.push(items.slice(from, from + length))
  return chunks
}

/** `items.map(work)`, in turns where there is a progress to note. */
export function eachOf<T, R>(
  progress: Progress | undefined,
  items: readonly T[],
  work: (item: T, index: number) => R,
): readonly R[] {
  return progress === undefined || items.length < 2 ? items.map(work) : progress.each(items, work)
}
