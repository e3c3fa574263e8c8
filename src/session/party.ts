/**
 * A session's part in a transaction that is open across its statements: it has begun it, or has joined it by token.
 *
 * Who has begun it decides; a party that has joined leaves, and hears what was decided. What all parties share, and the
 * queue in which their statements run, is in `shared-transaction.ts`; that what one session asks for is done in the order
 * in which it asks is the session's.
 */
import { PolylogError } from '../base/errors.ts'
import type { Isolation, Sequence, Statement } from '../database/contract.ts'
import type { Interruption } from '../database/commit/large-commits.ts'
import type { Database } from '../database/database.ts'
import type { Preparer } from '../database/prepared/prepared-transactions.ts'
import { toItsEnd } from '../database/transaction/wait.ts'
import type { KernelTransaction } from '../database/transaction/transaction.ts'
import type { BeginOptions, Outcome, TransactionStatus } from './contract.ts'
import type { SharedTransaction } from './shared-transaction.ts'
import { canceled, type Caller, type Cancellation, type StatementRunner } from './statement-runner.ts'

/** What a session needs of the server: the transactions that can be joined. */
export interface TransactionRegistry {
  share(transaction: KernelTransaction, database: Database): SharedTransaction
  tokenOf(shared: SharedTransaction, database: Database): string
  find(token: string, database: Database): SharedTransaction | undefined
}

/** The session whose part it is. */
export interface PartyOwner extends Caller {
  /** Where it is now. */
  readonly currentDatabase: Database
  readonly defaultIsolation: Isolation
  readonly runner: StatementRunner
  readonly registry: TransactionRegistry
}

export class Party {
  /** Undefined where none is open. */
  shared: SharedTransaction | undefined
  isBeginner = false
  readonly #owner: PartyOwner

  constructor(owner: PartyOwner) {
    this.#owner = owner
  }

  get #cancellation(): Cancellation {
    return this.#owner.cancellation
  }

  get status(): TransactionStatus {
    const { shared } = this
    if (shared === undefined) return 'none'
    return shared.failed || shared.outcome !== undefined ? 'failed' : 'open'
  }

  get joined(): boolean {
    return this.shared !== undefined && !this.isBeginner
  }

  get readOnly(): boolean {
    return this.shared?.readsOnly(this) === true
  }

  run<T>(shared: SharedTransaction, statement: Statement<T>): T | Promise<T> {
    const { requests } = this.#cancellation
    return shared.inTurn(() => {
      this.#checkOpen(shared)
      if (this.#cancellation.requests !== requests) throw canceled()
      return this.#runInTurn(shared, statement)
    })
  }

  #runInTurn<T>(shared: SharedTransaction, statement: Statement<T>): T | Promise<T> {
    const { kernel } = shared
    shared.begin(this.#cancellation, this)
    this.#cancellation.begin(() => this.#owner.currentDatabase.locks.stopWaiting(kernel, canceled()))
    try {
      const result = this.#owner.runner.run(kernel, statement, this.#owner)
      if (!(result instanceof Promise)) {
        this.#statementEnded(shared)
        return result
      }
      return result.then(
        (value) => {
          this.#statementEnded(shared)
          return value
        },
        (error: unknown) => this.#statementFailed(shared, error),
      )
    } catch (error) {
      return this.#statementFailed(shared, error)
    }
  }

  /** An answer that tells of the decision waits until that is durable. */
  #checkOpen(shared: SharedTransaction): void {
    this.#hear(shared)
    shared.checkOpen()
  }

  /** Throws where the commit was lost after all: nobody may be told of it any more. */
  #hear(shared: SharedTransaction): void {
    this.#owner.sight.saw(shared.committedAt)
    if (shared.lost !== undefined) throw shared.lost
  }

  #statementEnded(shared: SharedTransaction): void {
    this.#cancellation.end()
    shared.ended()
    shared.kernel.leaveTurn(false)
  }

  #statementFailed(shared: SharedTransaction, error: unknown): never {
    this.#cancellation.end()
    shared.ended()
    if (error instanceof PolylogError && (error.retryable || shared.kernel.doomed !== undefined)) shared.fail()
    if (shared.outcome === undefined) shared.kernel.leaveTurn(false)
    // Another party has ended the transaction under it: it hears what any later statement will hear.
    else if (error instanceof PolylogError && error.code === 'transaction_aborted') this.#checkOpen(shared)
    throw error
  }

  begin(options: BeginOptions = {}): void {
    if (this.shared !== undefined) {
      throw new PolylogError('active_transaction', 'there is already a transaction in progress')
    }
    const kernel = this.#owner.currentDatabase.begin({
      isolation: options.isolation ?? this.#owner.defaultIsolation,
      readOnly: options.readOnly ?? false,
      interactive: true,
      failFast: options.failFast ?? false,
    })
    kernel.lastingPayer = this.#owner
    this.shared = this.#owner.registry.share(kernel, this.#owner.currentDatabase)
    this.isBeginner = true
  }

  /** Nothing was done yet in what was begun here, or nothing is open. */
  get isUntouched(): boolean {
    return this.shared === undefined || (this.isBeginner && this.shared.isUntouched)
  }

  /** What is open, and untouched, begins again after `change`, which says how. */
  beginAnew(change: () => BeginOptions): void {
    const { shared } = this
    const options = change()
    if (shared === undefined) return
    this.shared = undefined
    shared.abort()
    this.begin({ ...options, isolation: shared.kernel.isolation })
  }

  configure(options: BeginOptions): void {
    const shared = this.#open()
    const changes = options.isolation !== undefined && options.isolation !== shared.kernel.isolation
    const isTooLate = shared.kernel.view.isTaken || !this.isBeginner
    if (changes && isTooLate) {
      throw new PolylogError('active_transaction', 'SET TRANSACTION ISOLATION LEVEL must be called before any query')
    }
    if (options.isolation !== undefined) shared.kernel.isolation = options.isolation
    if (options.readOnly === false && this.readOnly && isTooLate) {
      throw new PolylogError('active_transaction', 'transaction read-write mode must be set before any query')
    }
    if (options.readOnly === undefined) return
    if (this.isBeginner) shared.restrictAll(options.readOnly)
    else shared.restrictParty(this, options.readOnly)
  }

  #open(): SharedTransaction {
    if (this.shared === undefined) throw new PolylogError('no_transaction', 'there is no transaction in progress')
    return this.shared
  }

  commit(): Promise<Outcome> | Outcome {
    const shared = this.#open()
    if (!this.isBeginner) return this.leave()
    return this.#end(shared, (cancellation) => shared.commit(cancellation))
  }

  /** Answers `aborted` of a failed one. */
  prepare(gid: string, by: Preparer, check: Statement<void>): Promise<Outcome> | Outcome {
    const shared = this.#open()
    const { prepared } = this.#owner.currentDatabase
    const prepare = async (interruption: Interruption): Promise<Sequence> => {
      if (shared.parties === 1) return prepared.prepare(shared.kernel, gid, by, interruption)
      throw new PolylogError('unsupported', 'a transaction that others have joined cannot be prepared')
    }
    return this.#end(shared, (cancellation) => shared.prepare(prepare, cancellation), check)
  }

  #end(shared: SharedTransaction, end: End, check?: Statement<void>): Promise<Outcome> | Outcome {
    const { requests } = this.#cancellation
    return shared.inTurn(() => {
      if (this.#cancellation.requests === requests) return this.#checkAndDecide(shared, end, check)
      this.shared = undefined
      shared.abort()
      throw canceled()
    })
  }

  /** Deferred constraints are checked by a last statement, and then `check`; where one is violated, nothing stays. */
  #checkAndDecide(shared: SharedTransaction, end: End, check?: Statement<void>): Outcome | Promise<Outcome> {
    const last = shared.outcome === undefined && !shared.failed ? lastStatement(shared.kernel, check) : undefined
    if (last === undefined) return this.#decide(shared, end)
    const violated = (error: unknown): never => {
      this.shared = undefined
      shared.abort()
      throw error
    }
    try {
      const checked = this.#runInTurn(shared, last)
      if (checked instanceof Promise) return checked.then(() => this.#decide(shared, end), violated)
    } catch (error) {
      return violated(error)
    }
    return this.#decide(shared, end)
  }

  #decide(shared: SharedTransaction, end: End): Outcome | Promise<Outcome> {
    try {
      const outcome = end(this.#cancellation)
      if (!(outcome instanceof Promise)) return this.#decided(shared, outcome)
      this.#cancellation.begin(() => undefined)
      return outcome
        .then((decided) => this.#decided(shared, decided))
        .finally(() => {
          this.#cancellation.end()
          this.shared = undefined
        })
    } catch (error) {
      this.shared = undefined
      throw error
    }
  }

  #decided(shared: SharedTransaction, outcome: Outcome): Outcome {
    this.shared = undefined
    this.#owner.sight.saw(shared.committedAt)
    if (shared.parties > 1) {
      this.#owner.currentDatabase.whenDurable(shared.committedAt, 'synced', (error) => (shared.lost = error))
    }
    return outcome
  }

  rollback(): Promise<void> | void {
    const shared = this.#open()
    this.shared = undefined
    if (shared.outcome !== undefined) return undefined
    return shared.inTurn(() => shared.abort())
  }

  leave(): Promise<Outcome> | Outcome {
    const shared = this.#open()
    if (this.isBeginner) throw new PolylogError('active_transaction', 'the party that began a transaction ends it')
    if (shared.outcome !== undefined) return this.#left(shared, shared.outcome)
    return shared.whenDecided().then((outcome) => this.#left(shared, outcome))
  }

  #left(shared: SharedTransaction, outcome: Outcome): Outcome {
    if (this.shared === shared) this.shared = undefined
    this.#hear(shared)
    return outcome
  }

  fail(): void {
    this.shared?.fail()
  }

  onSavepoints(change: (shared: SharedTransaction) => void | Promise<void>): Promise<void> | void {
    const shared = this.#open()
    return shared.inTurn(() => {
      this.#hear(shared)
      return change(shared)
    })
  }

  token(): string {
    const shared = this.#open()
    this.#checkOpen(shared)
    return this.#owner.registry.tokenOf(shared, this.#owner.currentDatabase)
  }

  join(token: string): void {
    if (this.shared !== undefined) {
      throw new PolylogError('active_transaction', 'a transaction is open here: joining comes first')
    }
    const shared = this.#owner.registry.find(token, this.#owner.currentDatabase)
    if (shared === undefined) throw new PolylogError('no_transaction', 'no open transaction has this token')
    shared.join()
    this.shared = shared
    this.isBeginner = false
  }

  /** The session ends. */
  abort(): void {
    const { shared } = this
    this.shared = undefined
    shared?.abort()
  }
}

/** How the transaction ends, in its turn. */
type End = (cancellation: Cancellation) => Outcome | Promise<Outcome>

function lastStatement(kernel: KernelTransaction, check: Statement<void> | undefined): Statement<void> | undefined {
  const deferred = kernel.transactionEnd()
  if (check === undefined || deferred === undefined) return deferred ?? check
  return function* (transaction) {
    yield* toItsEnd(transaction, () => deferred(transaction))
    yield* toItsEnd(transaction, () => check(transaction))
  }
}
