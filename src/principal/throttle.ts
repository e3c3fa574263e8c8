/**
 * Slows down who guesses passwords: after some failures in a row the answers to a name, or to an address, come later and later.
 *
 * Both are counted, so that neither one address tries many names nor many addresses one name at full speed. Who knows the
 * password waits for its answer as others do, and starts the name anew; the address goes on counting, or one right
 * password would let it try all others.
 *
 * A failure weighs half after each minute. What is remembered is bounded: who has failed longest ago is forgotten.
 */
import type { Host } from '../host/host.ts'

const freeFailures = 3
const firstDelayMs = 100
const mostDelayMs = 2000
const halfLifeMs = 60_000
const mostRemembered = 10_000

interface Failures {
  weight: number
  atMs: number
}

export class Throttle {
  readonly #host: Host
  readonly #failures = new Map<string, Failures>()

  constructor(host: Host) {
    this.#host = host
  }

  #weightOf(key: string): number {
    const failures = this.#failures.get(key)
    return failures === undefined ? 0 : failures.weight * 0.5 ** ((this.#nowMs() - failures.atMs) / halfLifeMs)
  }

  #nowMs(): number {
    return this.#host.monotonic() / 1000
  }

  /** Before the answer to a try. */
  delayMs(name: string, address: string): number {
    const weight = Math.max(this.#weightOf(nameKey(name)), this.#weightOf(addressKey(address)))
    if (weight < freeFailures) return 0
    return Math.min(firstDelayMs * 2 ** (weight - freeFailures), mostDelayMs)
  }

  failed(name: string, address: string): void {
    for (const key of [nameKey(name), addressKey(address)]) {
      const weight = this.#weightOf(key) + 1
      // Anew at the end: the first of the map is who has failed longest ago.
      this.#failures.delete(key)
      this.#failures.set(key, { weight, atMs: this.#nowMs() })
    }
    for (const key of this.#failures.keys()) {
      if (this.#failures.size <= mostRemembered) break
      this.#failures.delete(key)
    }
  }

  succeeded(name: string): void {
    this.#failures.delete(nameKey(name))
  }
}

function nameKey(name: string): string {
  return `name ${name.slice(0, 256)}`
}

function addressKey(address: string): string {
  return `address ${address}`
}
