/**
 * The time of a transaction's snapshot, of its statement, and of the transaction.
 *
 * Few statements ask, and reading the clock costs as much as a tenth of a small one: so one that runs in a single turn reads
 * it when somebody asks, in any case before it gives up the thread.
 */

/** A time that has not been asked for. */
const unread = -1

export class StatementClock {
  readonly #now: () => number
  #startMs = unread
  #statementMs = unread
  #timeMs = unread

  constructor(now: () => number) {
    this.#now = now
  }

  /** A transaction begins. `isRead`: by hand, so that its beginning is now and not with its first statement. */
  begin(isRead: boolean): void {
    this.#startMs = this.#statementMs = this.#timeMs = unread
    if (isRead) this.#startMs = this.#statementMs = this.#now()
  }

  /** A statement begins on the snapshot that there is. */
  nextStatement(): void {
    this.#statementMs = this.#now()
  }

  /** A statement begins on a new snapshot. */
  forget(): void {
    this.#timeMs = this.#statementMs = unread
  }

  #read(): number {
    this.#timeMs = this.#statementMs = this.#now()
    if (this.#startMs < 0) this.#startMs = this.#timeMs
    return this.#timeMs
  }

  /** Milliseconds, of the snapshot. */
  get timeMs(): number {
    return this.#timeMs < 0 ? this.#read() : this.#timeMs
  }

  get startTimeUs(): bigint {
    if (this.#startMs < 0) this.#read()
    return BigInt(Math.floor(this.#startMs * 1000))
  }

  get statementTimeUs(): bigint {
    if (this.#statementMs < 0) this.#read()
    return BigInt(Math.floor(this.#statementMs * 1000))
  }
}
