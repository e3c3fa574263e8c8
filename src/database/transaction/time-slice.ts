/**
 * A statement's share of the thread: so many keys or microseconds, whichever is over first. What code has charged to the
 * thread's meter counts as the keys that could have been read meanwhile.
 */
import { turnUnits, unitsDone } from '../../base/work.ts'
import type { TimeSlice, TransactionServices } from '../contract.ts'
import { beginTurnOf } from './wait.ts'

/** Reading the clock costs about as much as this many keys of a scan do. */
const keysPerClock = 64

export class StatementSlice implements TimeSlice {
  readonly #clockUs: () => number
  readonly #maxUs: number
  readonly #maxKeys: number
  readonly #keysPerUnit: number
  readonly #services: TransactionServices
  #keys = 0
  #nextClock = keysPerClock
  #deadlineUs = 0

  constructor(services: TransactionServices, clockUs: () => number, maxUs: number, maxKeys: number) {
    this.#services = services
    this.#clockUs = clockUs
    this.#maxUs = maxUs
    this.#maxKeys = maxKeys
    this.#keysPerUnit = maxKeys / turnUnits
  }

  renew(): void {
    beginTurnOf(this.#services)
    this.#keys = 0
    this.#nextClock = keysPerClock
    this.#deadlineUs = -1
  }

  spend(keys: number): boolean {
    this.#keys += keys
    if (this.#keys + unitsDone() * this.#keysPerUnit >= this.#maxKeys) return true
    if (this.#keys < this.#nextClock) return false
    this.#nextClock = this.#keys + keysPerClock
    const now = this.#clockUs()
    if (this.#deadlineUs < 0) this.#deadlineUs = now + this.#maxUs
    return now >= this.#deadlineUs
  }
}
