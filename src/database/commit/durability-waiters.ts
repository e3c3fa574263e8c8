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

const strictness: Record<Durability, number> = { memory: 0, written: 1, synced: 2 }

export class DurabilityWaiters {
  #waiters: Waiter[] = []

  get isEmpty(): boolean {
    return this.#waiters.length === 0
  }

  add(waiter: Waiter): void {
    this.#waiters.push(waiter)
  }

  /** The strictest level that anybody waits for; of nobody, `memory`. */
  get level(): Durability {
    let level: Durability = 'memory'
    for (const waiter of this.#waiters) if (strictness[waiter.level] > strictness[level]) level = waiter.level
    return level
  }

  /** Tells those whose sequence is there. */
  tellReached(through: (level: Durability) => Sequence): void {
    if (this.#waiters.length === 0) return
    const ready: Waiter[] = []
    const rest: Waiter[] = []
    for (const waiter of this.#waiters) (through(waiter.level) >= waiter.sequence ? ready : rest).push(waiter)
    if (ready.length === 0) return
    this.#waiters = rest
    for (const waiter of ready) waiter.run()
  }

  /** Tells those whose sequence is lost; `lossOf` is undefined for who goes on waiting. */
  tellLost(lossOf: (sequence: Sequence) => PolylogError | undefined): void {
    const told: [Waiter, PolylogError][] = []
    const rest: Waiter[] = []
    for (const waiter of this.#waiters) {
      const loss = lossOf(waiter.sequence)
      if (loss === undefined) rest.push(waiter)
      else told.push([waiter, loss])
    }
    this.#waiters = rest
    for (const [waiter, loss] of told) waiter.run(loss)
  }
}
