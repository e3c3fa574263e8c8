/** When the commit pipeline appends next: in the turn after this one, or a little later where nobody waits for it. */
import type { Cancel, Host } from '../../host/host.ts'

export class AppendTurns {
  readonly #host: Host
  readonly #run: () => void
  #isScheduled = false
  #lazy: Cancel | undefined
  #isRetrying = false
  /** An append is in flight: what is scheduled meanwhile is nothing, since whoever made it looks again at its end. */
  isHeld = false

  constructor(host: Host, run: () => void) {
    this.#host = host
    this.#run = run
  }

  // Asked by every commit: what makes a closure stands by itself, or its context would be made before the question is answered.
  schedule(): void {
    if (!this.#isScheduled && !this.isHeld) this.#scheduleNow()
  }

  #scheduleNow(): void {
    this.stopLazy()
    this.#isScheduled = true
    this.#host.turn(() => {
      this.#isScheduled = false
      if (!this.isHeld) this.#run()
    })
  }

  /** For records that nobody waits for: an append costs the same for one as for many. */
  scheduleLazily(afterMs: number): void {
    if (this.#lazy === undefined && !this.#isScheduled && !this.isHeld) this.#startLazy(afterMs)
  }

  #startLazy(afterMs: number): void {
    this.#lazy = this.#host.at(afterMs, () => {
      this.#lazy = undefined
      this.schedule()
    })
  }

  /** What the log has accepted but found no space for waits until there is some. */
  retry(afterMs: number, isWanted: () => boolean): void {
    if (this.#isRetrying) return
    this.#isRetrying = true
    this.#host.at(afterMs, () => {
      this.#isRetrying = false
      if (isWanted()) this.schedule()
    })
  }

  stopLazy(): void {
    this.#lazy?.()
    this.#lazy = undefined
  }
}
