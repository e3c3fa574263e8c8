/** What functions inside of transactions may ask of the world: randomness, the clock, numbers that never repeat. */
import type { Cancel, Host, JobName, Transfer } from '../host/host.ts'
import type { Past, TransactionServices } from './contract.ts'
import type { FilesReport } from './verification/verify-files.ts'

/** How many numbers one record makes good for: after a crash at most so many are skipped. */
const reservation = 1_000

export interface ServicesParts {
  readonly host: Host
  /** All below it may have been given out. */
  readonly numbers: number
  /** Throws where another one leads, who gives numbers out. */
  readonly checkLeads: () => void
  readonly readFiles: () => Promise<FilesReport>
  readonly areChangesNoted: () => boolean
  readonly past: () => Past
}

export class DatabaseServices implements TransactionServices {
  readonly verifyFiles: () => Promise<FilesReport>
  readonly past: () => Past
  readonly #host: Host
  readonly #checkLeads: () => void
  readonly #areChangesNoted: () => boolean
  #next: number
  #reserved: number

  constructor({ host, numbers, checkLeads, readFiles, areChangesNoted, past }: ServicesParts) {
    this.#areChangesNoted = areChangesNoted
    this.#host = host
    this.#checkLeads = checkLeads
    this.verifyFiles = readFiles
    this.past = past
    this.#next = numbers
    this.#reserved = numbers
  }

  random(into: Uint8Array): void {
    this.#host.random(into)
  }

  nowUs(): bigint {
    return BigInt(Math.floor(this.#host.now() * 1000))
  }

  get areChangesNoted(): boolean {
    return this.#areChangesNoted()
  }

  nextNumber(): number {
    this.#checkLeads()
    return this.#next++
  }

  worker(job: JobName, input: Transfer, signal?: AbortSignal): Promise<Transfer> {
    return this.#host.worker(job, input, signal)
  }

  turn(): Promise<void> {
    return new Promise((resolve) => this.#host.turn(resolve))
  }

  monotonic(): number {
    return this.#host.monotonic()
  }

  at(delayMs: number, run: () => void): Cancel {
    return this.#host.at(delayMs, run)
  }

  /** A follower leads from now on: all below `numbers` may have been given out by another one. */
  restart(numbers: number): void {
    this.#next = Math.max(this.#next, numbers)
    this.#reserved = numbers
  }

  /** The bound that the next record must carry, where numbers were given out beyond the last one that is known of. */
  unreserved(): number | undefined {
    return this.#next <= this.#reserved ? undefined : this.#next + reservation
  }

  /** A record that carries `bound` was committed; 0: records were taken back, and one of them may have carried it. */
  reserve(bound: number): void {
    this.#reserved = bound
  }
}
