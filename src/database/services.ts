/** What functions inside of transactions may ask of the world: randomness, the clock, numbers that never repeat. */
import type { Cancel, Host, JobName, Transfer } from '../host/host.ts'
import { PolylogError } from '../base/errors.ts'
import type { Past, TransactionServices } from './contract.ts'
import type { Slots } from './following/slots.ts'
import type { FilesReport } from './verification/verify-files.ts'

/** How many numbers one record makes good for: after a crash at most so many are skipped. */
const reservation = 1_000

/** The database that they are of: what of it is asked for is there when it is asked for. */
export interface ServicesOwner extends Past {
  readonly isPast: boolean
  readonly host: Host
  /** `checkLeads` throws where another one leads, who gives numbers out. */
  readonly pipeline: { checkLeads(): void }
  readonly logUse: { readonly areChangesNoted: boolean; readonly areRowsNoted: boolean; readonly slots: Slots }
  verifyFiles(): Promise<FilesReport>
}

export class DatabaseServices implements TransactionServices {
  readonly #owner: ServicesOwner
  readonly #host: Host
  #next: number
  #reserved: number

  /** `numbers`: all below it may have been given out. */
  constructor(owner: ServicesOwner, numbers: number) {
    this.#owner = owner
    this.#host = owner.host
    this.#next = numbers
    this.#reserved = numbers
  }

  get past(): Past {
    if (this.#owner.isPast)
      throw new PolylogError('unsupported', 'the past is looked at from the present: not from within it')
    return this.#owner
  }

  verifyFiles(): Promise<FilesReport> {
    return this.#owner.verifyFiles()
  }

  random(into: Uint8Array): void {
    this.#host.random(into)
  }

  nowUs(): bigint {
    return BigInt(Math.floor(this.#host.now() * 1000))
  }

  get areChangesNoted(): boolean {
    return this.#owner.logUse.areChangesNoted
  }

  get areRowsNoted(): boolean {
    return this.#owner.logUse.areRowsNoted
  }

  get slots(): Slots {
    return this.#owner.logUse.slots
  }

  nextNumber(): number {
    this.#owner.pipeline.checkLeads()
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
