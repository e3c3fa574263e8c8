/**
 * Slows down who guesses passwords: after some failures in a row the answers to a name, or to an address, come later and later.
 *
 * Both are counted, so that neither one address tries many names nor many addresses one name at full speed. Who knows the
 * password waits for its answer as others do, and starts the name anew; the address goes on counting, or one right
 * password would let it try all others. This machine itself is no such address: all who work on it share it, and one of
 * them would make all wait.
 *
 * Tries of one name from one address are looked at one after another, so that the delay of one is that of those behind it,
 * too; of more than a few that wait the next one is refused at once.
 *
 * A failure weighs half after each minute, and all of them no more than the longest delay needs. What is remembered is
 * bounded: who has failed longest ago is forgotten.
 */
import { PolylogError } from '../base/errors.ts'
import type { Host } from '../host/host.ts'
import { isLoopback } from '../host/loopback.ts'

const freeFailures = 3
const firstDelayMs = 100
const mostDelayMs = 2000
const halfLifeMs = 60_000
const mostRemembered = 10_000
/** With it the delay is the longest. */
const mostWeight = freeFailures + Math.log2(mostDelayMs / firstDelayMs)
const mostWaiting = 1000

interface Failures {
  weight: number
  atMs: number
}

export class Throttle {
  readonly #host: Host
  readonly #failures = new Map<string, Failures>()
  /** Tries of a name from an address: those that wait, and the last of them. */
  readonly #tries = new Map<string, { count: number; last: Promise<void> }>()

  constructor(host: Host) {
    this.#host = host
  }

  /** Before a try is looked at: when those before it are done. Answers what says that this one is. Errors: `denied`. */
  async enter(name: string, address: string): Promise<() => void> {
    const key = `${nameKey(name)} ${address}`
    const tries = this.#tries.get(key) ?? { count: 0, last: Promise.resolve() }
    if (tries.count >= mostWaiting) throw new PolylogError('denied', 'too many logins of this name are being looked at')
    this.#tries.set(key, tries)
    tries.count++
    const before = tries.last
    let done: () => void = () => undefined
    tries.last = new Promise((resolve) => (done = resolve))
    await before
    return () => {
      if (--tries.count === 0) this.#tries.delete(key)
      done()
    }
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
    const weight = Math.max(...keysOf(name, address).map((key) => this.#weightOf(key)))
    if (weight < freeFailures) return 0
    return Math.min(firstDelayMs * 2 ** (weight - freeFailures), mostDelayMs)
  }

  failed(name: string, address: string): void {
    for (const key of keysOf(name, address)) {
      const weight = Math.min(this.#weightOf(key) + 1, mostWeight)
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

/** What a failure counts for. */
function keysOf(name: string, address: string): readonly string[] {
  const isHere = isLoopback(address) || address.startsWith('/')
  return isHere ? [nameKey(name)] : [nameKey(name), `address ${address}`]
}
