/** The store bounds its garbage by itself as it is written to; this is for what is left when writing stops. */
import type { Host } from '../host/host.ts'
import type { OrderedStore } from '../storage/store.ts'

const afterMs = 20
const sliceUs = 500

export class Reclaimer {
  readonly #host: Host
  readonly #store: OrderedStore
  #isScheduled = false
  #isStopped = false

  constructor(host: Host, store: OrderedStore) {
    this.#host = host
    this.#store = store
  }

  /** Something was written. */
  schedule(): void {
    if (!this.#isScheduled) this.#start()
  }

  /** By itself, so that those who find it scheduled make no context for the closure. */
  #start(): void {
    this.#isScheduled = true
    this.#host.at(afterMs, () => this.#reclaim())
  }

  stop(): void {
    this.#isStopped = true
  }

  #reclaim(): void {
    this.#isScheduled = false
    if (this.#isStopped || !this.#store.reclaim(sliceUs)) return
    this.#isScheduled = true
    this.#host.turn(() => this.#reclaim())
  }
}
