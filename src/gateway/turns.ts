/**
 * Whose turn it is: connections share the thread by what they have had of it, so that who asks for little waits for those
 * who ask for much no longer than a moment of each.
 *
 * What arrives is carried out as it arrives, until a turn of the event loop has had its budget. Whoever comes then, and
 * whoever has had its share of one turn and has more to do, waits in a queue, and its socket is not read. The next turn
 * serves the queue, who has had least first:
 *
 *     arrive ──▶ carried out at once ──▶ budget is gone ──▶ queue, least had first ──▶ the next turn: up to a budget of it
 *
 * What a connection has had counts only while somebody waits, and as a distance from who is being served: a client that
 * was busy yesterday pays nothing for it, and one that has rested is a little ahead of those who never do, never more
 * (start-time fair queueing, with a lag that is bounded on one side).
 *
 * Node accepts one connection in a turn of the event loop. So turns are short while connections come, of this queue and of
 * slices, or the thousandth of a thousand would wait for seconds before anybody heard of it.
 *
 * Counted are microseconds of the thread; bytes that arrive count as the time that it takes to read and keep them, and a
 * request as one at least. The slices of statements that go on have a queue of their own (`session/scheduler.ts`).
 *
 * Invariants: of 16 turns one serves the queue at least, and in it one who waits at least; who waits is in the queue once; of those who have had the same,
 * who came first is served first.
 */
import type { Host } from '../host/host.ts'

/** As much as a slice of a statement. */
const usualBudgetUs = 2000
/** Of a turn's budget, for one connection, where its requests are many. */
const shareOfOne = 1 / 2
/** Who has rested is so much ahead: of a thousand, a fair share would be a request in a second. */
const mostAheadUs = 100_000
/** Reading a chunk and keeping it, measured with chunks of 64 KiB. */
const bytesPerUs = 1000
/**
 * More is not counted, of a request and of what arrives for it: a collection of garbage takes many times what a small
 * request takes, and would cost whom it meets its place.
 */
const mostRequestUs = 100
/** Likewise of one that has not ended in its first slice. */
const mostSliceUs = 4000
const mostBeyondBytes = 10
/** So many requests are carried out without a look at the clock, once as many have not taken long. */
const unlookedRequests = 16

/** Turns without the queue, one after the other, while connections come. */
export const mostShortTurns = 15
/** Of the budget, for what arrives in them. */
const hurriedShare = 1 / 8

/** Who has a place. */
export interface Served {
  proceed(): void
}

export class Turns {
  readonly #host: Pick<Host, 'turn' | 'monotonic'>
  /** Who has had least is last. */
  readonly #queue: Place[] = []
  readonly #budgetUs: number
  #leftUs: number
  /** What those have had who are being served. */
  #virtualUs = mostAheadUs
  #isScheduled = false
  #isHurried = false
  #shortTurns = 0

  /** `budgetUs`: of a turn. */
  constructor(host: Pick<Host, 'turn' | 'monotonic'>, budgetUs: number = usualBudgetUs) {
    this.#host = host
    this.#budgetUs = budgetUs
    this.#leftUs = budgetUs
  }

  get shareUs(): number {
    return this.#budgetUs * shareOfOne
  }

  /** `served` goes on when it is the turn of one that waits. */
  place(served: Served): Place {
    // Who was there before, and has been served while nobody waited, is ahead of who comes.
    return new Place(this, served, this.#virtualUs - mostAheadUs / 2)
  }

  get waiting(): number {
    return this.#queue.length
  }

  now(): number {
    return this.#host.monotonic()
  }

  mayServe(place: Place): boolean {
    const hadUs = this.#hadBy(place)
    // Who asks for little is not kept waiting by the last chunk of another.
    const leftUs = hadUs < this.#virtualUs ? this.#leftUs + this.#budgetUs : this.#leftUs
    if (leftUs <= 0) return false
    const first = this.#queue.at(-1)
    return first === undefined || hadUs <= first.hadUs
  }

  /** A connection was accepted: of those that wait for it a turn accepts one, so turns are short while there may be more. */
  accepted(): void {
    this.#isHurried = true
  }

  #hadBy(place: Place): number {
    place.hadUs = Math.max(place.hadUs, this.#virtualUs - mostAheadUs)
    return place.hadUs
  }

  /** `countedUs`: of what the place is counted to have had of it. */
  spend(place: Place, us: number, countedUs: number): void {
    this.#leftUs -= us
    if (this.#queue.length > 0) place.hadUs += countedUs
    else place.hadUs = Math.min(place.hadUs, this.#virtualUs - mostAheadUs)
  }

  enqueue(place: Place): void {
    const hadUs = this.#hadBy(place)
    let low = 0
    let high = this.#queue.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.#queue[middle]!.hadUs > hadUs) low = middle + 1
      else high = middle
    }
    this.#queue.splice(low, 0, place)
    this.#schedule()
  }

  #schedule(): void {
    if (this.#isScheduled) return
    this.#isScheduled = true
    this.#host.turn(() => {
      this.#isScheduled = false
      this.#shortTurns = this.#isHurried && this.#shortTurns < mostShortTurns ? this.#shortTurns + 1 : 0
      this.#isHurried = false
      this.#leftUs = this.#budgetUs
      if (this.#shortTurns === 0) this.#serve()
      // What arrives meanwhile has a budget of its own.
      this.#leftUs = this.#shortTurns === 0 ? this.#budgetUs : this.#budgetUs * hurriedShare
      if (this.#queue.length > 0) this.#schedule()
    })
  }

  #serve(): void {
    let left = this.#queue.length
    for (; left > 0 && this.#leftUs > 0; left--) {
      const place = this.#queue.pop()
      if (place === undefined) return
      this.#virtualUs = Math.max(this.#virtualUs, place.hadUs)
      place.serve()
    }
  }
}

/** Of one connection. */
export class Place {
  /** In microseconds of the thread, since `virtualUs` began. */
  hadUs: number
  #isWaiting = false
  #beganUs = 0
  #requests = 0
  /** For what has arrived since. */
  #mostUs = 0
  readonly #turns: Turns
  readonly #served: Served

  constructor(turns: Turns, served: Served, hadUs: number) {
    this.hadUs = hadUs
    this.#turns = turns
    this.#served = served
  }

  /** Until it is called. */
  get isWaiting(): boolean {
    return this.#isWaiting
  }

  get mayBegin(): boolean {
    return this.#turns.mayServe(this)
  }

  wait(): void {
    if (this.#isWaiting) return
    this.#isWaiting = true
    this.#turns.enqueue(this)
  }

  serve(): void {
    this.#isWaiting = false
    this.#served.proceed()
  }

  received(bytes: number): void {
    const us = bytes / bytesPerUs
    this.#mostUs += us * mostBeyondBytes
    this.#turns.spend(this, us, us)
  }

  /** A request goes on in further slices, or waits. */
  goesOn(): void {
    this.#mostUs += mostSliceUs
  }

  begin(): void {
    this.#requests = 0
    this.#beganUs = this.#turns.now()
  }

  /** A request was carried out: whether it has had its share of this turn. */
  get isOver(): boolean {
    const count = ++this.#requests
    const isPowerOfTwo = (count & (count - 1)) === 0
    if (count < unlookedRequests ? !isPowerOfTwo : count % unlookedRequests !== 0) return false
    return this.#turns.now() - this.#beganUs >= this.#turns.shareUs
  }

  end(): void {
    const us = Math.max(this.#turns.now() - this.#beganUs, this.#requests)
    this.#turns.spend(this, us, Math.min(us, this.#requests * mostRequestUs + this.#mostUs))
    this.#mostUs = 0
  }
}
