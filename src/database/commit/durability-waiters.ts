/** Who waits until a sequence is in the log, and how much each of them wants of the log. */
import type { PolylogError } from '../../base/errors.ts'
import type { Durability } from '../../log/commit-log.ts'
import type { Sequence } from '../contract.ts'

export interface Waiter {
  /** In the log. */
  readonly sequence: Sequence
  readonly level: Durability
  readonly run: (error?: PolylogError) => void
}

/** From the loosest to the strictest. */
const levels: readonly Durability[] = ['memory', 'written', 'synced']

/** Those of one level, in the order of their sequences: mostly that in which they come. */
class Queue {
  readonly level: Durability
  #waiters: Waiter[] = []
  /** Those before it have been told. */
  #first = 0

  constructor(level: Durability) {
    this.level = level
  }

  get isEmpty(): boolean {
    return this.#first === this.#waiters.length
  }

  add(waiter: Waiter): void {
    const waiters = this.#waiters
    let at = waiters.length
    while (at > this.#first && waiters[at - 1]!.sequence > waiter.sequence) at--
    if (at === waiters.length) waiters.push(waiter)
    else waiters.splice(at, 0, waiter)
  }

  /** Moves those that wait for nothing beyond `through` to `ready`. */
  take(through: Sequence, ready: Waiter[]): void {
    const waiters = this.#waiters
    while (this.#first < waiters.length && waiters[this.#first]!.sequence <= through)
      ready.push(waiters[this.#first++]!)
    if (this.#first === waiters.length) this.#waiters = []
    else if (this.#first * 2 > waiters.length) this.#waiters = waiters.slice(this.#first)
    else return
    this.#first = 0
  }

  /** Moves those that `isLost` says so of. */
  takeLost(isLost: (waiter: Waiter) => boolean): void {
    this.#waiters = this.#waiters.filter((waiter, i) => i >= this.#first && !isLost(waiter))
    this.#first = 0
  }
}

export class DurabilityWaiters {
  readonly #queues = levels.map((level) => new Queue(level))

  get isEmpty(): boolean {
    return this.#queues.every((queue) => queue.isEmpty)
  }

  add(waiter: Waiter): void {
    this.#queues[levels.indexOf(waiter.level)]!.add(waiter)
  }

  /** The strictest level that anybody waits for; of nobody, `memory`. */
  get level(): Durability {
    return this.#queues.findLast((queue) => !queue.isEmpty)?.level ?? 'memory'
  }

  /** Tells those whose sequence is there. */
  tellReached(through: (level: Durability) => Sequence): void {
    const ready: Waiter[] = []
    for (const queue of this.#queues) if (!queue.isEmpty) queue.take(through(queue.level), ready)
    for (const waiter of ready) waiter.run()
  }

  /** Tells those whose sequence is lost; `lossOf` is undefined for who goes on waiting. */
  tellLost(lossOf: (sequence: Sequence) => PolylogError | undefined): void {
    const told: [Waiter, PolylogError][] = []
    const isLost = (waiter: Waiter): boolean => {
      const loss = lossOf(waiter.sequence)
      if (loss !== undefined) told.push([waiter, loss])
      return loss !== undefined
    }
    for (const queue of this.#queues) queue.takeLost(isLost)
    for (const [waiter, loss] of told) waiter.run(loss)
  }
}
