/**
 * Waiting for a log that cannot be reached: tries come at growing distances, and after a while nobody waits any more.
 *
 *   trouble ─▶ 5 ms ─▶ try ─▶ 10 ms ─▶ try ─▶ … at most 500 ms apart … ─▶ the patience is over
 *
 * Invariants: at most one wait at a time; after `stop` none begins, and the one that goes on ends at once.
 */
import type { Cancel, Host } from '../../host/host.ts'

const firstDelayMs = 5
const longestDelayMs = 500

export class Outage {
  readonly #host: Host
  readonly #patienceMs: number
  #sinceUs: number | undefined
  #delayMs = firstDelayMs
  #isStopped = false
  #wake: ((goesOn: boolean) => void) | undefined
  /** Tries that have come to nothing since the start. */
  tries = 0

  constructor(host: Host, patienceMs: number) {
    this.#host = host
    this.#patienceMs = patienceMs
  }

  get isOn(): boolean {
    return this.#sinceUs !== undefined
  }

  /** A try has come to nothing. Resolves to true when it is time for another one, to false where there shall be none. */
  next(): Promise<boolean> {
    this.tries++
    const nowUs = this.#host.monotonic()
    this.#sinceUs ??= nowUs
    const leftMs = this.#patienceMs - (nowUs - this.#sinceUs) / 1000
    if (this.#isStopped || leftMs <= 0) return Promise.resolve(false)
    const delayMs = Math.min(this.#delayMs, Math.ceil(leftMs))
    this.#delayMs = Math.min(this.#delayMs * 2, longestDelayMs)
    return new Promise((resolve) => {
      const cancel: Cancel = this.#host.at(delayMs, () => this.#wake?.(true))
      this.#wake = (goesOn) => {
        this.#wake = undefined
        cancel()
        resolve(goesOn)
      }
    })
  }

  /** The log has answered. */
  over(): void {
    this.#sinceUs = undefined
    this.#delayMs = firstDelayMs
  }

  /** Nobody waits any longer. */
  stop(): void {
    this.#isStopped = true
    this.#wake?.(false)
  }
}
