/** A time limit of what waits: what ends in the turn in which it came has used no time worth measuring. */
import type { Cancel, Host } from '../host/host.ts'

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
