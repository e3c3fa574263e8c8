/**
 * A leader's lease, renewed for as long as the database leads: three times within `ttlMs`, more often where that fails.
 *
 * Whoever could not renew it for the whole of `ttlMs` must assume that another one leads, although nobody has said so, and
 * stops. The log's fence is what keeps two leaders apart; this is so that nobody goes on for long in vain.
 */
import type { Cancel, Host } from '../../host/host.ts'
import { LogError, type Leader } from '../../log/commit-log.ts'

export class Lease {
  readonly #host: Host
  readonly #leader: Leader
  readonly #ttlMs: number
  readonly #onLapse: (reason: LogError) => void
  #renewedUs: number
  #timer: Cancel | undefined
  #isOver = false

  /** `ttlMs` 0: it never lapses. `onLapse` is called once, and not where `leader.lost` says it already. */
  constructor(host: Host, leader: Leader, ttlMs: number, onLapse: (reason: LogError) => void) {
    this.#host = host
    this.#leader = leader
    this.#ttlMs = ttlMs
    this.#onLapse = onLapse
    this.#renewedUs = host.monotonic()
    this.#after(ttlMs / 3)
  }

  end(): void {
    this.#isOver = true
    this.#timer?.()
  }

  #after(delayMs: number): void {
    this.#timer?.()
    if (this.#ttlMs === 0 || this.#isOver) return
    this.#timer = this.#host.at(delayMs, () => this.#renew())
  }

  #renew(): void {
    const askedUs = this.#host.monotonic()
    let isAnswered = false
    this.#leader.renew().then(
      () => {
        isAnswered = true
        this.#renewedUs = askedUs
        this.#after(this.#ttlMs / 3)
      },
      () => {
        isAnswered = true
        this.#again()
      },
    )
    // One that is never answered must not keep the lease.
    const leftMs = this.#ttlMs - (askedUs - this.#renewedUs) / 1000
    this.#timer = this.#host.at(Math.max(0, leftMs), () => {
      if (!isAnswered) this.#lapse()
    })
  }

  #again(): void {
    if (this.#isOver) return
    if (this.#host.monotonic() - this.#renewedUs >= this.#ttlMs * 1000) this.#lapse()
    else this.#after(this.#ttlMs / 10)
  }

  #lapse(): void {
    if (this.#isOver || this.#leader.lost.aborted) return
    this.end()
    this.#onLapse(new LogError('unavailable', `the lease could not be renewed for ${this.#ttlMs} ms`))
  }
}
