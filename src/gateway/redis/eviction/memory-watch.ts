/**
 * What nobody's command looks after: while `maxmemory` or `maxmemory-clients` is set, it is looked every 100 ms
 *
 * - whether what other doors have written, or replies and queries hold, is above `maxmemory`: keys go then, though no client of
 *   this door writes;
 * - whether the clients of this door hold more than `maxmemory-clients` together: those that hold most are cut off, but for those
 *   that have said `CLIENT NO-EVICT on`, as in Redis.
 */
import type { Cancel, Host } from '../../../host/host.ts'
import type { Client } from '../client.ts'
import type { Eviction } from './eviction.ts'

const lookMs = 100

/** Bytes, or a percentage of `maxmemory`. */
export interface ClientLimit {
  readonly bytes: number
  readonly percent: number
}

const noLimit: ClientLimit = { bytes: 0, percent: 0 }

export class MemoryWatch {
  readonly #host: Host
  readonly #eviction: Eviction
  readonly #clients: ReadonlyMap<number, Client>
  #ofClients = noLimit
  #timer: Cancel | undefined
  evictedClients = 0

  constructor(host: Host, eviction: Eviction, clients: ReadonlyMap<number, Client>) {
    this.#host = host
    this.#eviction = eviction
    this.#clients = clients
  }

  /** `maxmemory-clients`; 0: none. */
  set ofClients(limit: ClientLimit) {
    this.#ofClients = limit
    this.look()
  }

  /** A limit is another one: looks now, and from now on as long as there is any. */
  look(): void {
    this.#timer?.()
    this.#timer = undefined
    const { limitBytes } = this.#eviction
    const { bytes, percent } = this.#ofClients
    const mostOfClients = bytes > 0 ? bytes : (limitBytes * percent) / 100
    if (mostOfClients > 0) this.#evictClients(mostOfClients)
    if (limitBytes > 0) this.#eviction.makeRoomForOthers()
    if (mostOfClients > 0 || limitBytes > 0) this.#timer = this.#host.at(lookMs, () => this.look())
  }

  stop(): void {
    this.#timer?.()
    this.#timer = undefined
  }

  #evictClients(mostBytes: number): void {
    let usedBytes = 0
    const mayGo: { client: Client; bytes: number }[] = []
    for (const client of this.#clients.values()) {
      const bytes = client.memoryBytes
      if (client.hasEnded || client.isExemptFromEviction) continue
      usedBytes += bytes
      mayGo.push({ client, bytes })
    }
    if (usedBytes <= mostBytes) return
    mayGo.sort((a, b) => b.bytes - a.bytes)
    for (const { client, bytes } of mayGo) {
      client.kill()
      this.evictedClients++
      usedBytes -= bytes
      if (usedBytes <= mostBytes) return
    }
  }
}
