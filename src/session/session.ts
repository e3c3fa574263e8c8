/**
 * A caller: its database, its open transaction, what it has seen.
 *
 * Small statements outside of a transaction are the hot path: begin, run, commit in one turn, no promise.
 */
import type { MemoryAccount } from '../base/memory-account.ts'
import { PolylogError } from '../base/errors.ts'
import type { KeyRange } from '../base/slice.ts'
import type { Rights } from '../database/access/rights.ts'
import type { Catalog } from '../database/catalog/catalog.ts'
import { type Isolation, type Sequence, type Statement, TakesTurns } from '../database/contract.ts'
import type { Database } from '../database/database.ts'
import { Workspace } from '../database/transaction/workspace.ts'
import type { KernelTransaction } from '../database/transaction/transaction.ts'
import type { Durability } from '../log/commit-log.ts'
import type { Principals } from '../principal/principals.ts'
import { runAtomic } from './atomic-run.ts'
import type { BeginOptions, DatabaseFacts, Outcome, RunOptions, Session, TransactionStatus } from './contract.ts'
import { evidenceOf, type EvidenceTable } from './evidence.ts'
import type { Activity, RunningStatement } from './activity.ts'
import { commitOf } from './faults.ts'
import type { DurabilityWatch, SlowClient } from './outbox.ts'
import { SessionReport } from './session-report.ts'
import { Identity, type RightsOf } from './identity.ts'
import type { SessionLimits } from './limits.ts'
import type { SharedTransaction } from './shared-transaction.ts'
import type { Sight } from './sight.ts'
import { canceled, Cancellation, type Caller, type StatementRunner } from './statement-runner.ts'
import { Watches } from './watches.ts'

/** What a session needs of the server: the transactions that can be joined. */
export interface TransactionRegistry {
  share(transaction: KernelTransaction, database: Database): SharedTransaction
  tokenOf(shared: SharedTransaction, database: Database): string
  find(token: string, database: Database): SharedTransaction | undefined
}

export interface SessionParts {
  readonly id: number
  readonly user: string
  readonly roleId: number | undefined
  readonly door: string
  readonly remote: string
  readonly database: Database
  readonly durability: Durability
  readonly runner: StatementRunner
  readonly sight: Sight
  readonly registry: TransactionRegistry
  readonly rightsOf: RightsOf
  /** All sessions of the server, for those who ask who is there. */
  readonly everybody: () => Iterable<ClientSession>
  readonly account: MemoryAccount
  readonly limits: SessionLimits
  readonly isConnection: boolean
  readonly activity: Activity
  readonly principals: Principals
  readonly onClose: () => void
}

export class ClientSession implements Session {
  readonly id: number
  readonly user: string
  readonly door: string
  readonly remote: string
  readonly sight: Sight
  readonly memory: MemoryAccount
  readonly limits: SessionLimits
  readonly isConnection: boolean
  durability: Durability
  defaultIsolation: Isolation = 'read committed'
  describeStatement: (() => string) | undefined
  onTerminated: ((reason: PolylogError) => void) | undefined
  #home: Database
  readonly #runner: StatementRunner
  readonly #registry: TransactionRegistry
  readonly #everybody: () => Iterable<ClientSession>
  readonly #onClose: () => void
  readonly #cancellation = new Cancellation()
  readonly #caller: Caller
  readonly identity: Identity
  #shared: SharedTransaction | undefined
  #isBeginner = false
  /** The statement that runs as a transaction of its own, while it must wait. */
  #alone: KernelTransaction | undefined
  #busy: Promise<unknown> | undefined
  readonly #watches: Watches
  readonly #workspaces = new Set<Workspace>()
  #closed = false
  readonly #activity: Activity
  readonly #principals: Principals
  readonly report: SessionReport

  constructor(parts: SessionParts) {
    this.id = parts.id
    this.user = parts.user
    this.door = parts.door
    this.remote = parts.remote
    this.durability = parts.durability
    this.#home = parts.database
    this.#runner = parts.runner
    this.sight = parts.sight
    this.memory = parts.account
    this.#watches = new Watches(parts.account)
    const { user, roleId, rightsOf, id: sessionId, sight, account, limits } = parts
    const own = { user, roleId, rightsOf, sessionId, database: parts.database.name, token: () => this.token() }
    const principal = (this.identity = new Identity(own))
    this.limits = limits
    this.isConnection = parts.isConnection
    this.#caller = { cancellation: this.#cancellation, sight, account, principal, limits }
    this.#registry = parts.registry
    this.#everybody = parts.everybody
    this.#onClose = parts.onClose
    this.#activity = parts.activity
    this.#principals = parts.principals
    this.report = new SessionReport(parts.activity, parts.door, parts.database.name)
  }

  get database(): string {
    return this.#home.name
  }

  /**
   * Where the next statement runs: after a step down with the successor, once nothing is open here, and the client has heard
   * of what it had seen and was taken back.
   */
  get #database(): Database {
    return this.#home.successor === undefined ? this.#home : this.#moveOn()
  }

  #moveOn(): Database {
    while (this.#home.successor !== undefined) {
      const isOpen = this.#shared !== undefined || this.#alone !== undefined
      const isTold = this.#home.isClosed || this.#home.isDurable(this.sight.sequence, this.durability)
      if (isOpen || !isTold) break
      this.#home = this.#home.successor
      // Who is content with memory may have seen what is no more.
      this.sight.sequence = Math.min(this.sight.sequence, this.#home.newestSequence)
    }
    return this.#home
  }

  openWorkspace(name: string): Workspace {
    for (const one of this.#workspaces) if (one.isClosed) this.#workspaces.delete(one)
    const workspace = new Workspace(name, this.memory, this.#database.workspaces, this.limits)
    this.#workspaces.add(workspace)
    return workspace
  }

  /** Also what was taken back since: whoever hears of it next must be told that. */
  get seen(): Sequence {
    return this.sight.sequence
  }

  get durabilityWatch(): DurabilityWatch {
    return this.#database
  }

  /** Of an outbox. */
  forgetRefused(): void {
    this.sight.sequence = this.#home.newestSequence
  }

  /** Of an outbox: it concerns others where a statement of this session keeps them waiting in a transaction. */
  waitsForClient(client: SlowClient, room: Promise<void>): void {
    if (this.#cancellation.isRunning) this.#shared?.waitForClient(client, room)
  }

  get evidence(): readonly EvidenceTable[] {
    return evidenceOf(this.#database, this, this.#everybody, this.#activity, this.#principals)
  }

  get status(): TransactionStatus {
    const shared = this.#shared
    if (shared === undefined) return 'none'
    return shared.failed || shared.outcome !== undefined ? 'failed' : 'open'
  }

  get joined(): boolean {
    return this.#shared !== undefined && !this.#isBeginner
  }

  get isolation(): Isolation {
    return this.#shared?.kernel.isolation ?? this.defaultIsolation
  }

  get readOnly(): boolean {
    return this.#shared?.readsOnly(this) === true
  }

  /** Whoever looks at it may tell of it (a statement that does not bind, the columns of one that does). */
  get catalog(): Catalog {
    this.sight.saw(this.#database.newestSequence)
    const shared = this.#shared
    return shared === undefined || shared.outcome !== undefined ? this.#database.catalog : shared.kernel.nextCatalog
  }

  get rights(): Rights {
    const open = this.#shared?.outcome === undefined ? this.#shared?.kernel : undefined
    return this.identity.rightsIn(this.#database, open)
  }

  rightsOf(roleId: number): Rights {
    return this.identity.rightsOf(roleId, this.#database, this.#database.catalog)
  }

  // ---- statements

  run<T>(statement: Statement<T>, options?: RunOptions): T | Promise<T> {
    this.report.statement()
    if (this.#busy !== undefined) return this.#inOrder(() => this.#runNow(statement, options))
    let result: T | Promise<T>
    try {
      result = this.#runNow(statement, options)
    } catch (error) {
      this.report.failed(error)
      throw error
    }
    if (!(result instanceof Promise)) return result
    return this.#track(this.report.watch(result, this, this.describeStatement?.() ?? ''))
  }

  /** What runs and has to wait. */
  get running(): RunningStatement | undefined {
    return this.report.running
  }

  get clientName(): string {
    return this.report.clientName
  }

  get databaseFacts(): DatabaseFacts {
    const { pipeline, isPersistent } = this.#database
    return { leads: pipeline.leads, isPersistent }
  }

  /** The one in which its statements run now. */
  get transaction(): KernelTransaction | undefined {
    return this.#alone ?? this.#shared?.kernel
  }

  get transactionStartedMs(): number | undefined {
    return this.#shared?.startedMs ?? this.running?.startedMs
  }

  /** What the running statement waits for, where it is not the processor. */
  get waitsFor(): 'lock' | undefined {
    const { transaction } = this
    return transaction !== undefined && this.#database.locks.isWaiting(transaction) ? 'lock' : undefined
  }

  #runNow<T>(statement: Statement<T>, options: RunOptions | undefined): T | Promise<T> {
    this.identity.rights = this.rights
    return this.#shared === undefined ? this.#runAlone(statement, options) : this.#runShared(this.#shared, statement)
  }

  /**
   * Runs `task` when everything that was asked for before is done. What waits is the session's newest promise, so that
   * nothing that comes later can slip in before it: a statement that a rollback overtook would run on its own.
   */
  #inOrder<T>(task: () => T | Promise<T>): T | Promise<T> {
    return this.#track(this.#busy === undefined ? task() : this.#busy.then(task, task))
  }

  /** While a promise is open the session is busy. */
  #track<T>(result: T | Promise<T>): T | Promise<T> {
    if (!(result instanceof Promise)) return result
    const busy: Promise<T> = result.finally(() => {
      if (this.#busy === busy) this.#busy = undefined
    })
    this.#busy = busy
    return busy
  }

  #runAlone<T>(statement: Statement<T>, options: RunOptions | undefined): T | Promise<T> {
    if (this.#closed) throw new PolylogError('shutting_down', 'the session is closed')
    const transaction = this.#database.beginAlone(this.defaultIsolation, options?.readOnly === true)
    transaction.staysInTurn = options?.isAtomic === true
    let result: T | Promise<T>
    try {
      result = this.#runner.run(transaction, statement, this.#caller)
      if (!(result instanceof Promise)) {
        const committed = commitOf(transaction, this.#cancellation)
        if (typeof committed !== 'number') return this.#finishAlone(transaction, result, committed)
        this.sight.saw(committed)
        this.report.databaseCounts.commits++
        this.#database.recycle(transaction)
        return result
      }
    } catch (error) {
      transaction.rollback()
      if (error instanceof TakesTurns) return this.#runAtomic(statement)
      this.report.databaseCounts.rollbacks++
      throw error
    }
    const finished = this.#finishAlone(transaction, result)
    if (options?.isAtomic !== true) return finished
    return finished.catch((error: unknown) => {
      if (error instanceof TakesTurns) return this.#runAtomic(statement)
      throw error
    })
  }

  #runAtomic<T>(statement: Statement<T>): Promise<T> {
    return runAtomic({
      begin: (isolation) => this.#database.beginAlone(isolation, false),
      run: (transaction, statementOfRun) => this.#runner.run(transaction, statementOfRun, this.#caller),
      commit: (transaction) => commitOf(transaction, this.#cancellation),
      finish: (transaction, running, committing) => this.#finishAlone(transaction, running, committing),
      statement,
    })
  }

  /** `committing`: where the statement has ended already, but its commit takes several turns. */
  async #finishAlone<T>(
    transaction: KernelTransaction,
    running: T | Promise<T>,
    committing?: Sequence | Promise<Sequence>,
  ): Promise<T> {
    this.#alone = transaction
    this.#cancellation.begin(() => this.#database.locks.stopWaiting(transaction, canceled()))
    try {
      const result = await running
      this.sight.saw(await (committing ?? commitOf(transaction, this.#cancellation)))
      this.report.databaseCounts.commits++
      return result
    } catch (error) {
      transaction.rollback()
      if (!(error instanceof TakesTurns)) this.report.databaseCounts.rollbacks++
      throw error
    } finally {
      this.#alone = undefined
      this.#cancellation.end()
    }
  }

  #runShared<T>(shared: SharedTransaction, statement: Statement<T>): T | Promise<T> {
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
    this.#cancellation.begin(() => this.#database.locks.stopWaiting(kernel, canceled()))
    try {
      const result = this.#runner.run(kernel, statement, this.#caller)
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
    this.sight.saw(shared.committedAt)
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

  // ---- transactions

  begin(options: BeginOptions = {}): void {
    if (this.#shared !== undefined) {
      throw new PolylogError('active_transaction', 'there is already a transaction in progress')
    }
    const kernel = this.#database.begin({
      isolation: options.isolation ?? this.defaultIsolation,
      readOnly: options.readOnly ?? false,
      interactive: true,
      failFast: options.failFast ?? false,
    })
    kernel.ownerAccount = this.memory
    this.#shared = this.#registry.share(kernel, this.#database)
    this.#isBeginner = true
  }

  configure(options: BeginOptions): void {
    const shared = this.#open()
    const changes = options.isolation !== undefined && options.isolation !== shared.kernel.isolation
    const isTooLate = shared.started || !this.#isBeginner
    if (changes && isTooLate) {
      throw new PolylogError('active_transaction', 'SET TRANSACTION ISOLATION LEVEL must be called before any query')
    }
    if (options.isolation !== undefined) shared.kernel.isolation = options.isolation
    if (options.readOnly === false && this.readOnly && isTooLate) {
      throw new PolylogError('active_transaction', 'transaction read-write mode must be set before any query')
    }
    if (options.readOnly === undefined) return
    if (this.#isBeginner) shared.restrictAll(options.readOnly)
    else shared.restrictParty(this, options.readOnly)
  }

  #open(): SharedTransaction {
    if (this.#shared === undefined) throw new PolylogError('no_transaction', 'there is no transaction in progress')
    return this.#shared
  }

  commit(): Promise<Outcome> | Outcome {
    return this.#inOrder(() => {
      const shared = this.#open()
      if (!this.#isBeginner) return this.#leaveNow()
      const { requests } = this.#cancellation
      return shared.inTurn(() => {
        if (this.#cancellation.requests === requests) return this.#checkAndDecide(shared)
        this.#shared = undefined
        shared.abort()
        throw canceled()
      })
    })
  }

  /** Deferred constraints are checked by a last statement; where one is violated, nothing stays. */
  #checkAndDecide(shared: SharedTransaction): Outcome | Promise<Outcome> {
    const last = shared.outcome === undefined && !shared.failed ? shared.kernel.transactionEnd() : undefined
    if (last === undefined) return this.#decide(shared)
    const violated = (error: unknown): never => {
      this.#shared = undefined
      shared.abort()
      throw error
    }
    try {
      const checked = this.#runInTurn(shared, last)
      if (checked instanceof Promise) return checked.then(() => this.#decide(shared), violated)
    } catch (error) {
      return violated(error)
    }
    return this.#decide(shared)
  }

  #decide(shared: SharedTransaction): Outcome | Promise<Outcome> {
    try {
      const outcome = shared.commit(this.#cancellation)
      if (!(outcome instanceof Promise)) return this.#decided(shared, outcome)
      this.#cancellation.begin(() => undefined)
      return outcome
        .then((decided) => this.#decided(shared, decided))
        .finally(() => {
          this.#cancellation.end()
          this.#shared = undefined
        })
    } catch (error) {
      this.#shared = undefined
      throw error
    }
  }

  #decided(shared: SharedTransaction, outcome: Outcome): Outcome {
    this.#shared = undefined
    this.sight.saw(shared.committedAt)
    if (shared.parties > 1) {
      this.#database.whenDurable(shared.committedAt, 'synced', (error) => (shared.lost = error))
    }
    return outcome
  }

  rollback(): Promise<void> | void {
    return this.#inOrder(() => {
      const shared = this.#open()
      this.#shared = undefined
      if (shared.outcome !== undefined) return undefined
      return shared.inTurn(() => shared.abort())
    })
  }

  leave(): Promise<Outcome> | Outcome {
    return this.#inOrder(() => this.#leaveNow())
  }

  #leaveNow(): Promise<Outcome> | Outcome {
    const shared = this.#open()
    if (this.#isBeginner) throw new PolylogError('active_transaction', 'the party that began a transaction ends it')
    if (shared.outcome !== undefined) return this.#left(shared, shared.outcome)
    return shared.whenDecided().then((outcome) => this.#left(shared, outcome))
  }

  #left(shared: SharedTransaction, outcome: Outcome): Outcome {
    if (this.#shared === shared) this.#shared = undefined
    this.#hear(shared)
    return outcome
  }

  fail(): void {
    this.#shared?.fail()
  }

  savepoint(name: string): Promise<void> | void {
    return this.#onSavepoints((shared) => shared.savepoint(name))
  }

  rollbackTo(name: string): Promise<void> | void {
    return this.#onSavepoints((shared) => shared.rollbackTo(name))
  }

  releaseSavepoint(name: string): Promise<void> | void {
    return this.#onSavepoints((shared) => shared.release(name))
  }

  #onSavepoints(change: (shared: SharedTransaction) => void | Promise<void>): Promise<void> | void {
    return this.#inOrder(() => {
      const shared = this.#open()
      return shared.inTurn(() => {
        this.#hear(shared)
        return change(shared)
      })
    })
  }

  // ---- watching

  watch(range: KeyRange): void {
    this.#watches.add(range, this.#database)
    this.sight.saw(this.#database.newestSequence)
  }

  watchedChanged(): boolean {
    return this.#watches.changed(this.#database)
  }

  unwatch(): void {
    this.#watches.clear()
  }

  // ---- joining

  token(): string {
    const shared = this.#open()
    this.#checkOpen(shared)
    return this.#registry.tokenOf(shared, this.#database)
  }

  join(token: string): void {
    if (this.#shared !== undefined) {
      throw new PolylogError('active_transaction', 'a transaction is open here: joining comes first')
    }
    const shared = this.#registry.find(token, this.#database)
    if (shared === undefined) throw new PolylogError('no_transaction', 'no open transaction has this token')
    shared.join()
    this.#shared = shared
    this.#isBeginner = false
  }

  // ---- the end

  cancel(): void {
    this.#cancellation.request()
  }

  get cancelRequests(): number {
    return this.#cancellation.requests
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#cancellation.request()
    this.unwatch()
    const shared = this.#shared
    this.#shared = undefined
    shared?.abort()
    if (this.#alone !== undefined) this.#database.locks.stopWaiting(this.#alone, canceled())
    for (const one of this.#workspaces) one.close()
    this.memory.close()
    this.#onClose()
  }
}
