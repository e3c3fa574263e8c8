/**
 * An interactive transaction as its parties share it: the one that began it, and those that joined by token.
 *
 * Statements of all parties run one at a time in the order in which they arrive; the commit takes its turn in that queue.
 * The beginner decides; anybody's rollback, dooming error or drop aborts the whole. After the decision every party but
 * the one that decided still hears of it: its statements get `transaction_ended` until it leaves.
 *
 * Two timers keep a silent party from holding up the others: `idle` runs while no statement does, `stall` while one waits
 * for its client to read what it was sent and others wait behind it, or for the decision. Either aborts the whole.
 *
 *   open ──fail (in a savepoint, or alone)──▶ failed ──rollbackTo──▶ open
 *   open ──commit──▶ committed        open, failed ──rollback, drop, doom, idle, stall──▶ aborted
 */
import { PolylogError } from '../base/errors.ts'
import type { Savepoint, Sequence } from '../database/contract.ts'
import type { Interruption } from '../database/commit/large-commits.ts'
import { prepareRollback } from '../database/transaction/sliced-rollback.ts'
import type { LocksMark } from '../database/transaction/transaction-locks.ts'
import type { KernelTransaction } from '../database/transaction/transaction.ts'
import type { Cancel, Host } from '../host/host.ts'
import type { DatabaseCounts } from './activity.ts'
import type { Outcome } from './contract.ts'
import { asFault, commitOf } from './faults.ts'
import type { SlowClient } from './outbox.ts'
import type { Cancellation } from './statement-runner.ts'

interface NamedSavepoint {
  readonly name: string
  readonly at: Savepoint
  /** What was locked then. */
  readonly locks: LocksMark
  readonly reading: Reading
}

/** Who may only read. A value: a savepoint keeps the one of its time. */
interface Reading {
  readonly all: boolean
  /** Parties that have joined and restrict their own statements beyond that. */
  readonly parties: ReadonlySet<object>
}

export class SharedTransaction {
  readonly kernel: KernelTransaction
  readonly startedMs: number
  readonly #counts: DatabaseCounts
  /** Given out on demand: most transactions are nobody else's business. */
  token: string | undefined
  readonly #decision: Promise<Outcome>
  outcome: Outcome | undefined
  /** Of the commit: what replies that report it wait for. */
  committedAt: Sequence = 0
  /** Why the commit did not last: the log failed before it was synced. */
  lost: PolylogError | undefined
  failed = false
  parties = 1
  readonly #host: Host
  readonly #idleTimeoutMs: number
  #reading: Reading
  #withdraw: (() => void) | undefined
  #decide: (outcome: Outcome) => void = () => undefined
  #savepoints: NamedSavepoint[] = []
  /** Tasks that wait for their turn; the running one is not among them. */
  #queue: (() => void)[] = []
  #running = false
  /** Parties that have done their part and wait for the decision. */
  #leaving = 0
  /** Of the statement that runs. */
  #cancellation: Cancellation | undefined
  #slow: { readonly client: SlowClient; readonly room: Promise<void> } | undefined
  #idle: Cancel | undefined
  #stall: Cancel | undefined

  constructor(kernel: KernelTransaction, host: Host, idleTimeoutMs: number, counts: DatabaseCounts) {
    this.kernel = kernel
    this.startedMs = host.now()
    this.#counts = counts
    this.#reading = { all: kernel.readOnly, parties: new Set() }
    this.#host = host
    this.#idleTimeoutMs = idleTimeoutMs
    this.#decision = new Promise((resolve) => (this.#decide = resolve))
  }

  /** Others may join by `token` until `withdraw` is called, which is at the end. */
  offer(token: string, withdraw: () => void): void {
    this.token = token
    this.#withdraw = withdraw
  }

  /** Nobody has joined it, or done anything in it. */
  get isUntouched(): boolean {
    const { kernel } = this
    const isNew = !kernel.view.isTaken && kernel.writes.count === 0 && this.#savepoints.length === 0
    return isNew && this.parties === 1 && this.outcome === undefined && !this.failed
  }

  join(): void {
    this.parties++
    this.#watchIdle()
  }

  /** For a party that has done its part. */
  whenDecided(): Promise<Outcome> {
    this.#leaving++
    this.#watchStall()
    return this.#decision
  }

  /** Runs `task` when its turn comes: at once, and with its own result, where nobody is ahead. */
  inTurn<T>(task: () => T | Promise<T>): T | Promise<T> {
    if (!this.#running) return this.#take(task)
    const result = new Promise<T>((resolve, reject) => {
      this.#queue.push(() => {
        try {
          const result = this.#take(task)
          if (result instanceof Promise) result.then(resolve, reject)
          else resolve(result)
        } catch (error) {
          reject(error)
        }
      })
    })
    this.#watchStall()
    return result
  }

  #take<T>(task: () => T | Promise<T>): T | Promise<T> {
    this.#running = true
    this.#idle?.()
    let result: T | Promise<T>
    try {
      result = task()
    } catch (error) {
      this.#passOn()
      throw error
    }
    if (!(result instanceof Promise)) {
      this.#passOn()
      return result
    }
    return result.finally(() => this.#passOn())
  }

  #passOn(): void {
    this.#running = false
    this.#roomFound()
    if (this.outcome === undefined) this.#watchIdle()
    this.#queue.shift()?.()
  }

  /** Only a transaction that others wait for must not be forgotten by its parties. */
  #watchIdle(): void {
    this.#idle?.()
    this.#idle = undefined
    if (this.parties > 1 && this.outcome === undefined)
      this.#idle = this.#host.at(this.#idleTimeoutMs, () => this.abort())
  }

  /** Whether the party's statements may only read: because all may, or because it said so for its own. */
  readsOnly(party: object): boolean {
    return this.#reading.all || this.#reading.parties.has(party)
  }

  /** For the statements of all parties that begin from now on. */
  restrictAll(readOnly: boolean): void {
    this.#restrict({ ...this.#reading, all: readOnly })
  }

  /** For those of one party. */
  restrictParty(party: object, readOnly: boolean): void {
    const parties = new Set(this.#reading.parties)
    if (readOnly) parties.add(party)
    else parties.delete(party)
    this.#restrict({ ...this.#reading, parties })
  }

  #restrict(reading: Reading): void {
    this.#reading = reading
    if (this.#cancellation === undefined) this.kernel.readOnly = reading.all
  }

  /** A statement of `party` begins, in its turn. */
  begin(cancellation: Cancellation, party: object): void {
    this.#cancellation = cancellation
    this.kernel.readOnly = this.readsOnly(party)
  }

  ended(): void {
    this.#cancellation = undefined
    this.kernel.readOnly = this.#reading.all
  }

  /** The running statement has to wait until its client has read: no longer than an idle party may, if others wait for it. */
  waitForClient(client: SlowClient, room: Promise<void>): void {
    this.#slow = { client, room }
    void room.then(() => {
      if (this.#slow?.room === room) this.#roomFound()
    })
    this.#watchStall()
  }

  #roomFound(): void {
    this.#slow = undefined
    this.#stall?.()
    this.#stall = undefined
  }

  #watchStall(): void {
    if (this.#slow === undefined || this.#stall !== undefined || this.outcome !== undefined) return
    if (this.#queue.length === 0 && this.#leaving === 0) return
    const { client } = this.#slow
    const before = client.untakenBytes
    this.#stall = this.#host.at(this.#idleTimeoutMs, () => {
      this.#stall = undefined
      const now = client.untakenBytes
      if (now > 0 && now >= before) this.abort()
      else this.#watchStall()
    })
  }

  /** Throws what a statement of `party` must hear instead of running. */
  checkOpen(): void {
    if (this.outcome !== undefined) {
      throw new PolylogError('transaction_ended', `the transaction has been ${this.outcome}`, {
        detail: { outcome: this.outcome },
      })
    }
    if (!this.failed) return
    throw new PolylogError(
      'transaction_aborted',
      'current transaction is aborted, commands ignored until end of transaction block',
    )
  }

  /** An error that only a rollback mends: to a savepoint where there is one, else of the whole. */
  fail(): void {
    if (this.outcome !== undefined) return
    if (this.parties > 1 && this.#savepoints.length === 0) this.abort()
    else this.failed = true
    // Nothing can bring it back: others need not wait for its locks until somebody has said ROLLBACK.
    if (this.#savepoints.length === 0) this.kernel.rollback()
  }

  /**
   * The beginner's commit, in its turn. Throws the validation's error, or that it was canceled before it was published:
   * nothing stays then.
   */
  commit(cancellation: Cancellation): Outcome | Promise<Outcome> {
    const decided = this.#decided()
    if (decided !== undefined) return decided
    try {
      const committed = commitOf(this.kernel, cancellation)
      if (typeof committed === 'number') return this.#committed(committed)
      this.#cancellation = cancellation
      return committed.then(
        (sequence) => this.#committed(sequence),
        (error: unknown) => {
          this.abort()
          throw error
        },
      )
    } catch (error) {
      this.abort()
      throw error
    }
  }

  /** Likewise where another transaction keeps what this one has done, for somebody to commit it later. */
  prepare(
    prepare: (interruption: Interruption) => Promise<Sequence>,
    cancellation: Cancellation,
  ): Outcome | Promise<Outcome> {
    const decided = this.#decided()
    if (decided !== undefined) return decided
    this.#cancellation = cancellation
    return prepare(cancellation).then(
      (sequence) => (this.outcome === undefined ? this.#committed(sequence) : 'committed'),
      (error: unknown) => {
        this.abort()
        throw asFault(error)
      },
    )
  }

  /** Whatever its end is to be: it has ended, or has failed and is rolled back now. */
  #decided(): Outcome | undefined {
    if (this.outcome !== undefined) return this.outcome
    if (this.failed) {
      this.abort()
      return 'aborted'
    }
    return undefined
  }

  #committed(sequence: Sequence): Outcome {
    this.committedAt = sequence
    this.#end('committed')
    return 'committed'
  }

  /** Of a commit in slices that may be stopped until it is published. */
  abort(): void {
    if (this.outcome !== undefined) return
    if (this.kernel.committedAt !== undefined) {
      this.#committed(this.kernel.committedAt)
      return
    }
    this.kernel.rollback()
    this.#end('aborted')
  }

  #end(outcome: Outcome): void {
    this.outcome = outcome
    if (outcome === 'committed') this.#counts.commits++
    else this.#counts.rollbacks++
    this.#idle?.()
    this.#roomFound()
    this.#withdraw?.()
    this.#decide(outcome)
    this.#cancellation?.wake()
    this.#cancellation = undefined
  }

  savepoint(name: string): void {
    this.checkOpen()
    const locks = this.kernel.locks.mark()
    this.#savepoints.push({ name, at: this.kernel.savepoint(), locks, reading: this.#reading })
  }

  rollbackTo(name: string): void | Promise<void> {
    if (this.outcome !== undefined) this.checkOpen()
    const position = this.#positionOf(name)
    const prepared = prepareRollback(this.kernel, this.#savepoints[position]!.at)
    if (prepared === undefined) this.#goBackTo(position)
    else return prepared.then(() => this.rollbackTo(name))
    return undefined
  }

  #goBackTo(position: number): void {
    const { at, locks, reading } = this.#savepoints[position]!
    this.kernel.rollbackTo(at)
    // As PostgreSQL does; a statement that is run again keeps its locks.
    this.kernel.locks.releaseSince(locks)
    this.#restrict(reading)
    this.#savepoints.length = position + 1
    this.failed = false
  }

  release(name: string): void {
    this.checkOpen()
    this.#savepoints.length = this.#positionOf(name)
  }

  #positionOf(name: string): number {
    const position = this.#savepoints.findLastIndex((savepoint) => savepoint.name === name)
    if (position >= 0) return position
    throw new PolylogError('invalid_argument', `savepoint "${name}" does not exist`, { detail: { sqlState: '3B001' } })
  }
}
