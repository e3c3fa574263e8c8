/** What functions inside of transactions may ask of the world: randomness, the clock, numbers that never repeat. */
import type { Host, JobName, Transfer } from '../host/host.ts'
import type { TransactionServices } from './contract.ts'

/** How many numbers one record makes good for: after a crash at most so many are skipped. */
const reservation = 1_000

export class DatabaseServices implements TransactionServices {
  readonly #host: Host
  #next: number
  #reserved: number

  /** `numbers`: all below it may have been given out. */
  constructor(host: Host, numbers: number) {
    this.#host = host
    this.#next = numbers
    this.#reserved = numbers
  }

  random(into: Uint8Array): void {
    this.#host.random(into)
  }

  nowUs(): bigint {
    return BigInt(Math.floor(this.#host.now() * 1000))
  }

  nextNumber(): number {
    return this.#next++
  }

  worker(job: JobName, input: Transfer, signal?: AbortSignal): Promise<Transfer> {
    return this.#host.worker(job, input, signal)
  }

  turn(): Promise<void> {
    return new Promise((resolve) => this.#host.turn(resolve))
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
