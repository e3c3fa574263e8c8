/**
 * The time limits that a client sets for itself: statement_timeout and idle_in_transaction_session_timeout.
 *
 * Only what waits is timed: a statement that ends in the turn in which it came has used no time worth measuring.
 */
import type { Cancel, Host } from '../../host/host.ts'

const unitsMs: Readonly<Record<string, number>> = {
  us: 0.001,
  ms: 1,
  s: 1000,
  min: 60_000,
  h: 3_600_000,
  d: 86_400_000,
}

/** `30s`, `5min`, `0`, as the language keeps durations; a bare number is milliseconds. 0 is no limit. */
export function durationMs(text: string | undefined): number {
  if (text === undefined || text === '0') return 0
  const match = /^(\d+(?:\.\d+)?)(us|ms|s|min|h|d)?$/.exec(text)
  return match === null ? 0 : Math.ceil(Number(match[1]) * unitsMs[match[2] ?? 'ms']!)
}

/** One timer, set anew each time. */
export class Timeout {
  readonly #host: Host
  #cancel: Cancel | undefined

  constructor(host: Host) {
    this.#host = host
  }

  start(delayMs: number, run: () => void): void {
    this.stop()
    if (delayMs === 0) return
    this.#cancel = this.#host.at(delayMs, () => {
      this.#cancel = undefined
      run()
    })
  }

  stop(): void {
    this.#cancel?.()
    this.#cancel = undefined
  }
}
