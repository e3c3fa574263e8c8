/**
 * `CONFIG SET timeout`: clients of this door that have sent nothing for so many seconds have to go, as in Redis: not those whose
 * command runs or waits, nor those within a transaction that others of its parties may go on with.
 */
import type { Cancel, Host } from '../../host/host.ts'
import type { Client } from './client.ts'

const lookMs = 1000

export class IdleClients {
  readonly #host: Host
  readonly #clients: ReadonlyMap<number, Client>
  #limitSeconds = 0
  #timer: Cancel | undefined

  constructor(host: Host, clients: ReadonlyMap<number, Client>) {
    this.#host = host
    this.#clients = clients
  }

  /** 0: they may stay. */
  get limitSeconds(): number {
    return this.#limitSeconds
  }

  set limitSeconds(seconds: number) {
    this.#limitSeconds = seconds
    this.stop()
    if (seconds > 0) this.#watch()
  }

  stop(): void {
    this.#timer?.()
    this.#timer = undefined
  }

  #watch(): void {
    this.#timer = this.#host.at(lookMs, () => {
      const limitMs = this.#host.now() - 1000 * this.#limitSeconds
      for (const client of this.#clients.values()) {
        const isBusy = client.isBlocked || client.session.running !== undefined || client.role === 'replica'
        if (!isBusy && client.lastActiveMs < limitMs) client.kill()
      }
      this.#watch()
    })
  }
}
