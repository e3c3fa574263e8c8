/**
 * One scheduler for every paused statement of the server: at most one slice per turn of the event loop, first come first
 * served. Ten scans that each rescheduled their own slices would delay a point read by ten slices; so it waits for one.
 */
import type { Host } from '../host/host.ts'

export class Scheduler {
  readonly #host: Host
  readonly #queue: (() => void)[] = []
  #scheduled = false

  constructor(host: Host) {
    this.#host = host
  }

  get waiting(): number {
    return this.#queue.length
  }

  /** Runs `slice` in a turn of its own, after those that asked before. */
  schedule(slice: () => void): void {
    this.#queue.push(slice)
    this.#next()
  }

  #next(): void {
    if (this.#scheduled || this.#queue.length === 0) return
    this.#scheduled = true
    this.#host.turn(() => {
      this.#scheduled = false
      const slice = this.#queue.shift()
      this.#next()
      slice?.()
    })
  }
}
