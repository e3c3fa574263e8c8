/**
 * The store bounds its garbage by itself as it is written to; this is for what is left when writing stops. Nor does anybody else
 * see that chunks are gone: buffers that threads share are nothing to V8, and are the process's until garbage is collected.
 *
 * What a snapshot needs, or a transaction whose record the log has not yet, cannot go at once, and nobody says when it can: it is
 * looked at again, less and less often, for some twenty seconds or until somebody writes.
 */
import type { Cancel, Host } from '../host/host.ts'
import type { OrderedStore } from '../storage/store.ts'

const afterMs = 20
const sliceUs = 500
/** Each after twice the time of the one before. */
const mostLooks = 10

export class Reclaimer {
  readonly #host: Host
  readonly #store: OrderedStore
  readonly #givenBack: (bytes: number) => void
  /** What the store had when it had the most since it was last told of. */
  #mostBytes = 0
  #isScheduled = false
  #isStopped = false
  #looks = 0
  #cancelLook: Cancel | undefined

  /** `givenBack`: the store has let go of so many bytes. */
  constructor(host: Host, store: OrderedStore, givenBack: (bytes: number) => void) {
    this.#host = host
    this.#store = store
    this.#givenBack = givenBack
  }

  /** Something was written. */
  schedule(): void {
    if (!this.#isScheduled) this.#start()
  }

  /** By itself, so that those who find it scheduled make no context for the closure. */
  #start(): void {
    this.#endLooks()
    this.#isScheduled = true
    this.#host.at(afterMs, () => this.#reclaim())
  }

  stop(): void {
    this.#isStopped = true
    this.#endLooks()
  }

  #reclaim(): void {
    this.#isScheduled = false
    if (this.#isStopped) return
    this.#mostBytes = Math.max(this.#mostBytes, this.#store.statistics().reservedBytes)
    if (this.#store.reclaim(sliceUs)) {
      this.#isScheduled = true
      this.#host.turn(() => this.#reclaim())
    } else this.#compare()
  }

  #compare(): void {
    const { reservedBytes, retiredObjects = 0, undoEntries = 0 } = this.#store.statistics()
    if (reservedBytes < this.#mostBytes) this.#givenBack(this.#mostBytes - reservedBytes)
    this.#mostBytes = reservedBytes
    if (retiredObjects + undoEntries > 0 && this.#looks < mostLooks) this.#lookLater()
  }

  #lookLater(): void {
    const delayMs = afterMs * 2 ** this.#looks++
    this.#cancelLook = this.#host.at(delayMs, () => {
      this.#cancelLook = undefined
      this.#reclaim()
    })
  }

  #endLooks(): void {
    this.#looks = 0
    this.#cancelLook?.()
    this.#cancelLook = undefined
  }
}
