/**
 * A caller: its database, its open transaction, what it has seen.
 *
 * Small statements outside of a transaction are the hot path: begin, run, commit in one turn, no promise.
 */
import type { MemoryAccount } from '../base/memory-account.ts'
import { PolylogError } from '../base/errors.ts'
import type { Moment } from '../base/moment.ts'
import type { KeyRange } from '../base/slice.ts'
import type { Rights } from '../database/access/rights.ts'
import type { Catalog } from '../database/catalog/catalog.ts'
import type { Interruption } from '../database/commit/large-commits.ts'
import { type Isolation, type Sequence, type Statement, TakesTurns } from '../database/contract.ts'
import type { Database } from '../database/database.ts'
import type { KeyWaits } from '../database/transaction/key-waits.ts'
import type { Hub } from '../database/messages/hub.ts'
import { Workspace } from '../database/transaction/workspace.ts'
import type { KernelTransaction } from '../database/transaction/transaction.ts'
import type { StoreStatistics } from '../storage/store.ts'
import type { Durability } from '../log/commit-log.ts'
import { runAtomic } from './atomic-run.ts'
import type {
  BeginOptions,
  DatabaseFacts,
  Outcome,
  RunOptions,
  Session,
  SessionKeeper,
  StatementDescriber,
  TransactionStatus,
} from './contract.ts'
import { evidenceOf, type EvidenceTable } from './evidence.ts'
import type { RunningStatement } from './activity.ts'
import { commitOf } from './faults.ts'
import type { DurabilityWatch, SlowClient } from './outbox.ts'
import type { SessionParts, SessionPlace, SessionRegistry } from './session-parts.ts'
import type { SessionReport } from './session-report.ts'
import { Identity } from './identity.ts'
import type { SessionLimits } from './limits.ts'
import { LookingBack } from './looking-back.ts'
import { Party } from './party.ts'
import { finishPrepared } from './prepared.ts'
import type { SharedTransaction } from './shared-transaction.ts'
import { Sight } from './sight.ts'
import { canceled, Cancellation, type StatementRunner } from './statement-runner.ts'
import { Watches } from './watches.ts'

const asUsual: BeginOptions = {}

export class ClientSession extends Sight implements Session, Interruption {
  readonly id: number
  readonly user: string
  readonly door: string
  readonly remote: string
  readonly sight: Sight
  /** Made for who has something charged to it. */
  #account: MemoryAccount | undefined
  limits: SessionLimits
  readonly isConnection: boolean
  durability: Durability
  defaultIsolation: Isolation = 'read committed'
  keeper: SessionKeeper | undefined
  describer: StatementDescriber | undefined
  #home: Database
  /** Where it reads what was. */
  #past: LookingBack | undefined
  /** Of the last transaction that it has begun. */
  #asked = asUsual
  readonly registry: SessionRegistry
  readonly #place: SessionPlace
  /** Made for the first statement that has to wait. */
  #cancellation: Cancellation | undefined
  readonly identity: Identity
  /** Made for who begins a transaction, or joins one. */
  #party: Party | undefined
  /** The statement that runs as a transaction of its own, while it must wait. */
  #alone: KernelTransaction | undefined
  #busy: Promise<unknown> | undefined
  /** Made for the first one. */
  #watches: Watches | undefined
  #workspaces: Set<Workspace> | undefined
  #closed = false
  readonly report: SessionReport
  readonly openedMs: number
  /** As the client calls itself, for those who look who is there. */
  clientName = ''
  /** What runs and has to wait. */
  running: RunningStatement | undefined

  constructor(parts: SessionParts) {
    super()
    this.id = parts.id
    this.user = parts.user
    this.door = parts.door
    this.remote = parts.remote
    this.durability = parts.durability
    this.#home = parts.database
    this.sight = parts.sight ?? this
    this.limits = parts.limits
    this.identity = new Identity(parts.user, parts.roleId, this)
    this.isConnection = parts.isConnection
    this.registry = parts.registry
    this.#place = parts.place
    this.report = parts.report
    this.openedMs = parts.registry.activity.nowMs()
  }

  // ---- as the caller of its statements

  get principal(): Identity {
    return this.identity
  }

  get account(): MemoryAccount {
    if (this.#account !== undefined) return this.#account
    this.#account = this.registry.accountOf(this, this.#place)
    if (this.#closed) this.#account.close()
    return this.#account
  }

  /** Of it, and what is below. */
  get chargedBytes(): number {
    return this.#account?.usedBytes ?? 0
  }

  get runner(): StatementRunner {
    return this.registry.runner
  }

  get cancellation(): Cancellation {
    return (this.#cancellation ??= new Cancellation())
  }

  get #ownParty(): Party {
    return (this.#party ??= new Party(this))
  }

  ownLimits(): SessionLimits {
    return (this.limits = this.limits.own())
  }

  get database(): string {
    return this.#home.name
  }

  /**
   * Where the next statement runs: after a step down with the successor, once nothing is open here, and the client has heard
   * of what it had seen and was taken back.
   */
  get currentDatabase(): Database {
    if (this.#past !== undefined) return this.#past.database
    return this.#present
  }

  get #present(): Database {
    return this.#home.successor === undefined ? this.#home : this.#moveOn()
  }

  #moveOn(): Database {
    while (this.#home.successor !== undefined) {
      const isOpen = this.#party?.shared !== undefined || this.#alone !== undefined
      const isTold = this.#home.isClosed || this.#home.isDurable(this.sight.sequence, this.durability)
      if (isOpen || !isTold) break
      this.#home.locks.endSession(this.id)
      this.#home.logUse.slots.endSession(this.id)
      this.#home = this.#home.successor
      // Who is content with memory may have seen what is no more.
      this.sight.sequence = Math.min(this.sight.sequence, this.#home.newestSequence)
    }
    return this.#home
  }

  openWorkspace(name: string): Workspace {
    this.#workspaces ??= new Set()
    for (const one of this.#workspaces) if (one.isClosed) this.#workspaces.delete(one)
    const workspace = new Workspace(name, this.account, this.currentDatabase.workspaces, this.limits)
    this.#workspaces.add(workspace)
    return workspace
  }

  /** Also what was taken back since: whoever hears of it next must be told that. */
  get seen(): Sequence {
    return this.sight.sequence
  }

  get durabilityWatch(): DurabilityWatch {
    return this.#present
  }

  /** Of an outbox. */
  forgetRefused(): void {
    this.sight.sequence = this.#home.newestSequence
  }

  /** Of an outbox: it concerns others where a statement of this session keeps them waiting in a transaction. */
  waitsForClient(client: SlowClient, room: Promise<void>): void {
    if (this.#cancellation?.isRunning === true) this.#party?.shared?.waitForClient(client, room)
  }

  get evidence(): readonly EvidenceTable[] {
    return evidenceOf(this.#present, this, () => this.registry.all(), this.registry.activity, this.registry.principals)
  }

  get status(): TransactionStatus {
    return this.#party?.status ?? 'none'
  }

  get joined(): boolean {
    return this.#party?.joined === true
  }

  get hasWritten(): boolean {
    return (this.#party?.shared?.kernel.writes.count ?? 0) > 0
  }

  get isolation(): Isolation {
    return this.#party?.shared?.kernel.isolation ?? this.defaultIsolation
  }

  get readOnly(): boolean {
    return this.#party?.readOnly === true
  }

  /** Whoever looks at it may tell of it (a statement that does not bind, the columns of one that does). */
  get catalog(): Catalog {
    this.sight.saw(this.currentDatabase.newestSequence)
    const shared = this.#party?.shared
    return shared === undefined || shared.outcome !== undefined
      ? this.currentDatabase.catalog
      : shared.kernel.nextCatalog
  }

  get rights(): Rights {
    const past = this.#past
    if (past !== undefined) return past.ownRights((database) => this.identity.rightsIn(database, undefined))
    const open = this.#party?.shared?.outcome === undefined ? this.#party?.shared?.kernel : undefined
    return this.identity.rightsIn(this.currentDatabase, open)
  }

  rightsIn(roleId: number, database: Database, catalog: Catalog): Rights {
    return this.registry.rightsIn(roleId, database, catalog)
  }

  rightsOf(roleId: number): Rights {
    const of = (database: Database): Rights => this.identity.rightsOf(roleId, database)
    return this.#past === undefined ? of(this.currentDatabase) : this.#past.rights(of)
  }

  // ---- looking back

  get lookedBackTo(): Sequence | undefined {
    return this.#past?.sequence
  }

  lookBack(moment: Moment | undefined): Promise<void> {
    return Promise.resolve(this.#inOrder(() => this.#lookBack(moment)))
  }

  async #lookBack(moment: Moment | undefined): Promise<void> {
    if (this.#party?.isUntouched === false) {
      throw new PolylogError('active_transaction', 'a transaction that has begun to read or write stays where it is')
    }
    const rights = this.identity.rightsIn(this.#present, undefined)
    const past = moment === undefined ? undefined : await LookingBack.to(this.#present, rights, moment)
    if (this.#closed) past?.end(this.id)
    if (this.#closed) throw new PolylogError('shutting_down', 'the session is closed')
    this.#ownParty.beginAnew(() => {
      this.#past?.end(this.id)
      this.#past = past
      return this.#options
    })
  }

  settledTime(timeMs?: number): Promise<number> {
    return this.#present.history.settledTime(timeMs)
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
    return this.#track(this.report.watch(result, this, this.describer?.describeStatement() ?? ''))
  }

  get databaseFacts(): DatabaseFacts {
    const { pipeline, isPersistent, checkpoints, limits, newestSequence } = this.#present
    const { preparedTransactions } = limits
    const { last, lastMs: lastCheckpointMs } = checkpoints
    const commitsSinceCheckpoint = newestSequence - last
    return { leads: pipeline.leads, isPersistent, lastCheckpointMs, commitsSinceCheckpoint, preparedTransactions }
  }

  storeFacts(): StoreStatistics {
    return this.#present.noteStored()
  }

  settleStore(): Promise<void> {
    return this.#present.giveBack()
  }

  async checkpoint(): Promise<void> {
    const { pipeline, isPersistent } = this.#present
    if (pipeline.leads && isPersistent) await this.#present.checkpoint()
  }

  get hub(): Hub {
    return this.#present.hub
  }

  /** The one in which its statements run now. */
  get transaction(): KernelTransaction | undefined {
    return this.#alone ?? this.#party?.shared?.kernel
  }

  get transactionStartedMs(): number | undefined {
    return this.#party?.shared?.startedMs ?? this.running?.startedMs
  }

  /** What the running statement waits for, where it is not the processor. */
  get waitsFor(): 'lock' | undefined {
    const { transaction } = this
    return transaction !== undefined && this.currentDatabase.locks.isWaiting(transaction) ? 'lock' : undefined
  }

  #runNow<T>(statement: Statement<T>, options: RunOptions | undefined): T | Promise<T> {
    this.identity.rights = this.rights
    const shared = this.#party?.shared
    return shared === undefined ? this.#runAlone(statement, options) : this.#ownParty.run(shared, statement)
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
    const readOnly = options?.readOnly === true || this.#past !== undefined
    const transaction = this.currentDatabase.beginAlone(this.defaultIsolation, readOnly)
    transaction.staysInTurn = options?.isAtomic === true
    let result: T | Promise<T>
    try {
      result = this.runner.run(transaction, statement, this)
      if (!(result instanceof Promise)) {
        const committed = commitOf(transaction, this)
        if (typeof committed !== 'number') return this.#finishAlone(transaction, result, committed)
        this.sight.saw(committed)
        this.report.databaseCounts.commits++
        this.currentDatabase.recycle(transaction)
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
      begin: (isolation) => this.currentDatabase.beginAlone(isolation, false),
      run: (transaction, statementOfRun) => this.runner.run(transaction, statementOfRun, this),
      commit: (transaction) => commitOf(transaction, this.cancellation),
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
    this.cancellation.begin(() => this.currentDatabase.locks.stopWaiting(transaction, canceled()))
    try {
      const result = await running
      this.sight.saw(await (committing ?? commitOf(transaction, this.cancellation)))
      this.report.databaseCounts.commits++
      return result
    } catch (error) {
      transaction.rollback()
      if (!(error instanceof TakesTurns)) this.report.databaseCounts.rollbacks++
      throw error
    } finally {
      this.#alone = undefined
      this.cancellation.end()
    }
  }

  // ---- as whoever waits for the commit of a single statement

  check(): void {
    this.cancellation.check()
  }

  orWoken(pause: Promise<void>): Promise<void> {
    return this.cancellation.orWoken(pause)
  }

  // ---- transactions

  begin(options: BeginOptions = {}): void {
    this.#asked = options
    this.#ownParty.begin(this.#options)
  }

  configure(options: BeginOptions): void {
    this.#asked = { ...this.#asked, ...options }
    this.#ownParty.configure(options)
  }

  /** Of the transaction that is open, or begins. */
  get #options(): BeginOptions {
    return this.#past === undefined ? this.#asked : { ...this.#asked, readOnly: true }
  }

  commit(): Promise<Outcome> | Outcome {
    return this.#inOrder(() => this.#ownParty.commit())
  }

  prepareTransaction(gid: string, check: Statement<void>): Promise<Outcome> | Outcome {
    const by = { owner: this.identity.user, ownerId: this.identity.roleId }
    return this.#inOrder(() => this.#ownParty.prepare(gid, by, check))
  }

  async finishPrepared(gid: string, commits: boolean): Promise<void> {
    this.identity.rights = this.rights
    await this.#inOrder(() => finishPrepared(this.#present, { gid, commits, by: this.identity, sight: this.sight }))
  }

  rollback(): Promise<void> | void {
    return this.#inOrder(() => this.#ownParty.rollback())
  }

  leave(): Promise<Outcome> | Outcome {
    return this.#inOrder(() => this.#ownParty.leave())
  }

  fail(): void {
    this.#party?.fail()
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
    return this.#inOrder(() => this.#ownParty.onSavepoints(change))
  }

  // ---- watching

  watch(range: KeyRange, isEmpty = false): void {
    this.#watches ??= new Watches(this.account)
    this.#watches.add(range, this.#present, isEmpty)
    this.sight.saw(this.#present.newestSequence)
  }

  watchedChanged(): boolean {
    return this.#watches?.changed(this.#present) === true
  }

  unwatch(): void {
    this.#watches?.clear()
  }

  get keyWaits(): KeyWaits {
    return this.#present.keyWaits
  }

  // ---- joining

  token(): string {
    return this.#ownParty.token()
  }

  join(token: string): void {
    this.#ownParty.join(token)
  }

  // ---- the end

  cancel(): void {
    this.cancellation.request()
  }

  get cancelRequests(): number {
    return this.#cancellation?.requests ?? 0
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#cancellation?.request()
    this.unwatch()
    this.#party?.abort()
    if (this.#alone !== undefined) this.currentDatabase.locks.stopWaiting(this.#alone, canceled())
    this.#home.logUse.slots.endSession(this.id)
    this.#home.locks.endSession(this.id)
    this.#past?.end(this.id)
    this.#past = undefined
    if (this.#workspaces !== undefined) for (const one of this.#workspaces) one.close()
    this.#account?.close()
    this.registry.left(this, this.#place)
  }
}
