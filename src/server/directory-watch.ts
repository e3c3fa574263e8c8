/**
 * Looks twice a second whether the data directory is still there. A process whose files were removed goes on writing to
 * them, and everything is gone at its end; so it is said at once, writes are refused, and a stop is no clean one.
 */
import type { PolylogError } from '../base/errors.ts'
import type { Instance } from '../database/instance.ts'
import type { Cancel, Host } from '../host/host.ts'

const everyMs = 500

export class DirectoryWatch {
  readonly #host: Host
  readonly #instance: Instance
  #timer: Cancel | undefined
  #lost: PolylogError | undefined
  #looking: Promise<void> = Promise.resolve()
  #stopped = false

  constructor(host: Host, instance: Instance) {
    this.#host = host
    this.#instance = instance
    this.#watch()
  }

  #watch(): void {
    this.#timer = this.#host.at(everyMs, () => {
      this.#looking = this.#look().then(() => {
        if (!this.#stopped) this.#watch()
      })
    })
  }

  async #look(): Promise<void> {
    if (this.#lost !== undefined) return
    this.#lost = await this.#instance.checkDirectory()
    if (this.#lost !== undefined) this.#host.log('error', `${this.#lost.message}: writes are refused`)
  }

  /** After a last look, before the directory is closed: what a stop must end with where it is lost. */
  async stop(): Promise<PolylogError | undefined> {
    this.#stopped = true
    this.#timer?.()
    await this.#looking
    await this.#look()
    return this.#lost
  }
}
