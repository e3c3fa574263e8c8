/**
 * A database: one log, one store, one catalog, and the transactions that order everything.
 *
 * One thread, the kernel's, applies transactions. `begin` gives transactions; the statement runner of the session layer
 * drives them. The newest state is what was committed last, durable or not; replies wait (`whenDurable`).
 */
import { PolylogError } from '../base/errors.ts'
import type { MemoryAccount } from '../base/memory-account.ts'
import type { Host } from '../host/host.ts'
import { type CommitLog, type Durability, type Leader, LogError } from '../log/commit-log.ts'
import { openMemoryLog } from '../log/memory-log.ts'
import type { OrderedStore, Reader, Snapshot, StoreStatistics } from '../storage/store.ts'
import { firstCollectionId } from './catalog/catalog-entries.ts'
import type { CatalogState } from './catalog/catalog-state.ts'
import { Checkpointing } from './directory/checkpointing.ts'
import type { Batch } from './commit/batch-queue.ts'
import { CommitPipeline } from './commit/commit-pipeline.ts'
import { ConflictIndex } from './transaction/conflict-index.ts'
import { Consumers } from './following/consumers.ts'
import type { Isolation, Sequence, Transaction, TransactionServices } from './contract.ts'
import type { DatabaseParts } from './database-parts.ts'
import type { Engines } from './engines.ts'
import { clockMs } from './history/commit-times.ts'
import { History, type HistoryParts } from './history/history.ts'
import { followFeed, type FeedOptions, type FeedTransaction } from './following/feed.ts'
import { defaultKernelLimits, type KernelLimits, type TransactionOptions } from './kernel.ts'
import { KeyWaits } from './transaction/key-waits.ts'
import { Hub } from './messages/hub.ts'
import { LargeCommits } from './commit/large-commits.ts'
import { LogUse } from './following/log-use.ts'
import { Role, soleLeadership } from './following/leadership.ts'
import { LockTable } from './transaction/locks.ts'
import { isEmpty, migrate, type MigrationStep, requirePresentFormat } from './directory/migrations/migrations.ts'
import { noteRefused } from './commit/note-refused.ts'
import { PreparedTransactions, type PreparingKernel } from './prepared/prepared-transactions.ts'
import { DatabaseStatistics } from './statistics/statistics.ts'
import { ExportedSnapshots } from './transaction/exported-snapshots.ts'
import { OpenTransactions } from './transaction/open-transactions.ts'
import { ProcessMemory } from './process-memory.ts'
import { throughMisses } from './transaction/pinned-pages.ts'
import { Reclaimer } from './reclaimer.ts'
import { loadCatalog, replay, sharedCatalog, type LoadedCatalog, type Recovered } from './directory/recovery.ts'
import { DatabaseServices } from './services.ts'
import { shared } from './transaction/shared-snapshot.ts'
import type { Marked } from './commit/state-marks.ts'
import type { SpillOptions } from './transaction/spilled-values.ts'
import { KernelTransaction } from './transaction/transaction.ts'
import type { FilesReport } from './verification/verify-files.ts'
import type { WorkspaceParts } from './transaction/workspace.ts'

/** How long the end waits for what was committed to be synced. */
const closeTimeoutMs = 5_000
/** After so many bytes of records the store is asked what it holds. */
const storedLookEveryBytes = 256 * 1024
/** Who waits for memory looks again then. */
const mostReclaimSlices = 16
const mostRecycled = 2

export class Database implements PreparingKernel {
  readonly host: Host
  readonly name: string
  readonly log: CommitLog
  readonly store: OrderedStore
  readonly engines: Engines | undefined
  readonly locks: LockTable = new LockTable()
  readonly conflicts: ConflictIndex = new ConflictIndex()
  readonly keyWaits: KeyWaits = new KeyWaits(this)
  readonly largeCommits: LargeCommits = new LargeCommits(this)
  readonly limits: KernelLimits
  readonly open: OpenTransactions = new OpenTransactions()
  readonly exported: ExportedSnapshots = new ExportedSnapshots()
  readonly statistics: DatabaseStatistics = new DatabaseStatistics(this)
  readonly prepared: PreparedTransactions = new PreparedTransactions(this)
  readonly services: TransactionServices
  readonly pipeline: CommitPipeline<CatalogState>
  readonly recovered: Recovered
  readonly memory: ProcessMemory
  readonly account: MemoryAccount
  readonly workspaces: WorkspaceParts
  readonly hub: Hub
  readonly spill: SpillOptions | undefined
  catalog: CatalogState
  lastCollectionId: number
  isEmpty: boolean
  readonly role: Role
  readonly logUse: LogUse
  readonly checkpoints: Checkpointing
  readonly history: History
  readonly isPast: boolean
  /** How often the newest state went back, because the log refused records or failed. */
  returns = 0
  /** Who goes on after this one has stepped down. */
  successor: Database | undefined
  readonly #consumers: Consumers
  #lastVersion: number
  #lastTransaction = 0
  #frozen: Snapshot | undefined
  #services: DatabaseServices
  /** It has a directory. */
  readonly isPersistent: boolean
  #stored: MemoryAccount | undefined
  /** Those that have stepped down before, and on which something is still open. */
  readonly #retired: Database[]
  readonly #onFollowFailed: ((error: unknown) => void) | undefined
  readonly #migrationSteps: readonly MigrationStep[] | undefined
  #isFull = false
  #storedLookAt = 0
  readonly #reclaimer: Reclaimer
  /** One for the statement at hand, and one for who is served behind its commit. */
  readonly #recycled: KernelTransaction[] = []
  readonly #alone: { isolation: Isolation; readOnly: boolean; readonly interactive: false } = {
    isolation: 'read committed',
    readOnly: false,
    interactive: false,
  }
  #closing: Promise<void> | undefined

  private constructor(
    parts: DatabaseParts,
    leader: Leader | undefined,
    recovered: Recovered,
    loaded: LoadedCatalog,
    consumers: Consumers,
  ) {
    this.host = parts.host
    this.isPast = parts.isPast === true
    this.name = parts.name
    this.log = parts.log
    this.store = parts.store
    this.#reclaimer = new Reclaimer(parts.host, parts.store, (bytes) => this.memory.pressure.givenBack(bytes))
    this.engines = parts.engines
    this.limits = { ...defaultKernelLimits, ...parts.limits }
    this.recovered = recovered
    const { memory = ProcessMemory.unlimited(), temporary, predecessor } = parts
    this.memory = memory
    this.account = predecessor?.account ?? memory.work.child(`the database ${parts.name}`)
    this.hub = predecessor?.hub ?? new Hub((run) => parts.host.turn(run), this.account.child('messages'))
    this.#retired = predecessor === undefined ? [] : [...predecessor.#stillUsed(), predecessor]
    this.returns = predecessor === undefined ? 0 : predecessor.returns + 1
    this.#stored = parts.sharesStore === true ? undefined : memory.stored.child(`data of ${parts.name}`)
    const fromBytes = this.limits.spillWritesFromBytes
    this.spill = temporary && { createFile: () => temporary.create(), fromBytes }
    this.workspaces = { temporary, operatorBytes: memory.operatorBytes, statementBytes: memory.statementBytes }
    this.catalog = loaded.catalog
    this.lastCollectionId = loaded.lastCollectionId
    this.isEmpty = isEmpty(parts.store)
    this.#lastVersion = loaded.lastVersion
    this.#services = this.services = new DatabaseServices(this, loaded.numbers)
    this.isPersistent = parts.checkpointFolder !== undefined
    const database = this
    const { leadership = soleLeadership } = parts
    const { patienceMs } = leadership
    this.pipeline = new CommitPipeline<CatalogState>({
      host: parts.host,
      log: parts.log,
      leader,
      end: recovered.end,
      clock: recovered.clock,
      ...(patienceMs !== undefined && { patienceMs }),
      ...(parts.maxWaitingBytes !== undefined && { maxWaitingBytes: parts.maxWaitingBytes }),
      owner: {
        mark: () => database.store.mark(),
        get state(): CatalogState {
          return database.catalog
        },
        revert: (marked, refused, sequence, error) => database.#revert(marked, refused, sequence, error),
        freeze: (marked, error) => database.#freeze(marked, error),
        appends: (first, clock) => database.history.noteTime(first, clockMs(clock)),
        steppedDown: (reason) => parts.onSteppedDown?.(reason),
      },
    })
    this.#migrationSteps = parts.migrationSteps
    this.#onFollowFailed = parts.onFollowFailed
    this.#consumers = consumers
    this.logUse = new LogUse(this, consumers, parts.consumers?.folder)
    this.checkpoints = new Checkpointing(this, parts.checkpointFolder, parts.checkpointEveryBytes)
    this.role = new Role(this, leadership)
    this.history = new History({ owner: this, parts, open: Database.#past })
    if (leader !== undefined) this.role.keepLease(leader)
    this.noteStored()
    this.engines?.handOverFor(parts.name, this.pipeline)
  }

  /** Replays the log over the store's state, and leads it. Errors: `data_corrupted` with the position. */
  static async open(parts: DatabaseParts): Promise<Database> {
    const { owner, ttlMs } = parts.leadership ?? soleLeadership
    const leader = await parts.log.acquire(owner, ttlMs)
    const database = await Database.#replayed(parts, leader)
    try {
      await database.#migrate()
      await database.prepared.load()
      return database
    } catch (error) {
      await database.pipeline.close()
      throw error
    }
  }

  /**
   * Replays the log as far as it goes now, and follows it: what another one commits is shown here as soon as it is
   * durable, and writes are refused until `lead`. Errors: as `open`.
   */
  static async follow(parts: DatabaseParts): Promise<Database> {
    const database = await Database.#replayed(parts, undefined)
    database.role.follow()
    return database
  }

  /** A follower that goes on where `predecessor` was frozen. */
  static succeed(parts: DatabaseParts, predecessor: Database): Database {
    const { store } = parts
    const recovered = { end: store.current.sequence, clock: predecessor.pipeline.clock.last, replayed: 0 }
    const { catalog, lastCollectionId } = predecessor
    predecessor.#leaveStore()
    const loaded = { catalog, lastCollectionId, lastVersion: predecessor.#lastVersion, numbers: 1 }
    const database = new Database({ ...parts, predecessor }, undefined, recovered, loaded, predecessor.#consumers)
    predecessor.successor = database
    predecessor.keyWaits.disturb()
    database.role.follow()
    return database
  }

  /** As the log has it at `to`, for good: `parts.store` holds that of `before`, or of a checkpoint. It takes no writes. */
  static readonly #past: HistoryParts['open'] = async (parts, to, before) => {
    const { sequence: end } = parts.store.current
    const loaded = before === undefined ? await loadCatalog(parts.store, firstCollectionId) : sharedCatalog(before)
    const consumers = await Consumers.open(undefined)
    const database = new Database(parts, undefined, { end, clock: 0n, replayed: 0 }, loaded, consumers)
    try {
      await database.role.catchUp(to)
      await requirePresentFormat(parts.store)
      database.pipeline.refuseWrites(new PolylogError('read_only', `it shows what was at sequence ${to}`))
      return database
    } catch (error) {
      await database.close()
      throw error
    }
  }

  static async #replayed(parts: DatabaseParts, leader: Leader | undefined): Promise<Database> {
    const recovered = await replay(parts.log, parts.store, parts.engines)
    const loaded = await loadCatalog(parts.store, firstCollectionId)
    const consumers = await Consumers.open(parts.consumers)
    return new Database(parts, leader, recovered, loaded, consumers)
  }

  /** A follower takes over from whoever leads: see `Role.lead`. */
  async lead(): Promise<void> {
    await this.role.lead()
    await this.#migrate()
  }

  get leads(): boolean {
    return this.pipeline.leads
  }

  followFailed(error: unknown): void {
    this.#onFollowFailed?.(error)
  }

  async takeOver(): Promise<void> {
    const loaded = await loadCatalog(this.store, firstCollectionId)
    this.catalog = loaded.catalog
    this.lastCollectionId = Math.max(this.lastCollectionId, loaded.lastCollectionId)
    this.#lastVersion = Math.max(this.#lastVersion, loaded.lastVersion)
    this.#services.restart(loaded.numbers)
    this.isEmpty = isEmpty(this.store)
    await this.prepared.load()
    await this.logUse.takeOver()
    await this.engines?.lead()
  }

  async #migrate(): Promise<void> {
    const isChanged = await migrate(this.store, (work) => this.#runDurably(work), this.#migrationSteps)
    if (isChanged) this.catalog = (await loadCatalog(this.store, firstCollectionId)).catalog
  }

  /** As no caller's: nobody else is here yet. */
  #runDurably<T>(work: (transaction: Transaction) => T): Promise<T> {
    return throughMisses(this.store, () => {
      const transaction = this.begin({ isolation: 'read committed', readOnly: false, interactive: false })
      transaction.origin = 'system'
      transaction.beginStatement()
      try {
        const result = work(transaction)
        const committed = transaction.commit()
        return Promise.resolve(committed)
          .then((sequence) => this.synced(sequence))
          .then(() => result)
      } catch (error) {
        transaction.rollback()
        throw error
      }
    })
  }

  // ---- Kernel

  get newest(): Reader {
    return this.#frozen ?? this.store.current
  }

  get newestSequence(): Sequence {
    return this.#frozen?.sequence ?? this.pipeline.lastSequence
  }

  /** Of the newest state: as `Transaction.logPosition`. */
  get logPosition(): Sequence {
    return this.pipeline.stateOf(this.newestSequence) ?? this.newestSequence
  }

  /** Pinned until released; a frozen database has one pin for all. */
  pin(): Snapshot {
    return this.#frozen === undefined ? this.store.snapshot() : shared(this.#frozen)
  }

  monotonicUs(): number {
    return this.host.monotonic()
  }

  turn(run: () => void): void {
    this.host.turn(run)
  }

  nextTransactionId(): number {
    return ++this.#lastTransaction
  }

  nextCollectionId(): number {
    this.pipeline.checkLeads()
    return ++this.lastCollectionId
  }

  nextVersion(): number {
    this.pipeline.checkLeads()
    return ++this.#lastVersion
  }

  noteGiven(transactionId: number, version: number): void {
    this.#lastTransaction = Math.max(this.#lastTransaction, transactionId)
    this.#lastVersion = Math.max(this.#lastVersion, version)
  }

  unreservedNumbers(): number | undefined {
    return this.#services.unreserved()
  }

  reserveNumbers(bound: number): void {
    this.#services.reserve(bound)
  }

  noteCommit(): void {
    this.#reclaimer.schedule()
    this.engines?.look()
    if (this.pipeline.recordBytes >= this.#storedLookAt) this.noteStored()
    this.checkpoints.noteCommit()
  }

  /** What the store has is there already: it is charged whatever the limit says, and refuses the next writes. */
  noteStored(): StoreStatistics {
    const statistics = this.store.statistics()
    const { reservedBytes, usedBytes } = statistics
    this.#stored?.force(reservedBytes + this.catalog.heapBytes)
    this.memory.pressure.look()
    this.#isFull = this.memory.isFull(reservedBytes - usedBytes)
    this.#storedLookAt = this.pipeline.recordBytes + storedLookEveryBytes
    return statistics
  }

  /** Until the store has let go of what was removed so far: once the log has it, and as far as no snapshot needs it. */
  async giveBack(): Promise<void> {
    await this.synced(this.newestSequence)
    for (let slices = 0; slices < mostReclaimSlices && this.store.reclaim(this.limits.sliceUs); slices++) {
      await new Promise<void>((resolve) => this.turn(resolve))
    }
  }

  /** Once there is none, each who asks looks again: anybody may have made some. */
  hasRoomFor(bytes: number): boolean {
    if (this.#isFull) this.noteStored()
    if (this.#isFull || bytes === 0) return !this.#isFull
    const { reservedBytes, usedBytes } = this.store.statistics()
    return !this.memory.isFull(reservedBytes - usedBytes - bytes)
  }

  // ---- transactions

  begin(options: TransactionOptions): KernelTransaction {
    if (this.#closing !== undefined) throw new PolylogError('shutting_down', 'the database is closed')
    return new KernelTransaction(this, options)
  }

  /** For one statement of its own; give it back with `recycle` where it could end in one turn. */
  beginAlone(isolation: Isolation, readOnly: boolean): KernelTransaction {
    const options = this.#alone
    options.isolation = isolation
    options.readOnly = readOnly
    const recycled = this.#closing === undefined ? this.#recycled.pop() : undefined
    return recycled === undefined ? this.begin(options) : recycled.reopen(options)
  }

  recycle(transaction: KernelTransaction): void {
    if (transaction.reusable && this.#recycled.length < mostRecycled) this.#recycled.push(transaction)
  }

  durableThrough(level: Durability): Sequence {
    return this.pipeline.durableThrough(level)
  }

  /** Whether `whenDurable` would call at once, and without an error. */
  isDurable(sequence: Sequence, level: Durability): boolean {
    const state = this.pipeline.stateOf(sequence)
    return state !== undefined && this.durableThrough(level) >= state
  }

  whenDurable(sequence: Sequence, level: Durability, run: (error?: PolylogError) => void): void {
    this.pipeline.whenDurable(sequence, level, run)
  }

  commitTimeMs(sequence: Sequence): number | undefined {
    return this.history.recentTimeOf(sequence)
  }

  /** Committed transactions from `from` on, in order, each when it is synced. */
  feed(options: FeedOptions): AsyncIterable<FeedTransaction> {
    return followFeed(this.log, options, () => new Promise((resolve) => this.turn(resolve)))
  }

  /**
   * A database of its own, in memory, that begins with this one's committed state and shares it until one of them
   * writes. It lives on when this one is closed, and therefore waits until what it holds cannot be taken back any more.
   */
  async fork(name: string): Promise<Database> {
    const { failure } = this.pipeline
    if (failure !== undefined) throw new PolylogError('read_only', `the database is read-only: ${failure.message}`)
    const engines = this.engines?.fork()
    const store = engines?.store ?? this.store.fork()
    try {
      await this.synced(store.current.sequence)
    } catch (error) {
      store.close()
      throw error
    }
    const log = openMemoryLog({ startAfter: store.current.sequence })
    return Database.open({
      host: this.host,
      name,
      log,
      store,
      engines,
      limits: this.limits,
      memory: this.memory,
      sharesStore: true,
    })
  }

  // ---- checkpoints, failure, end

  get lastCheckpoint(): Sequence {
    return this.checkpoints.last
  }

  /** Writes a checkpoint and trims the log. Its sequence. */
  checkpoint(): Promise<Sequence> {
    return this.checkpoints.write()
  }

  verifyFiles(): Promise<FilesReport> {
    return this.checkpoints.verifyFiles()
  }

  /** Rejects where the sequence is lost. */
  synced(sequence: Sequence): Promise<void> {
    return new Promise((resolve, reject) => {
      this.whenDurable(sequence, 'synced', (error) => (error === undefined ? resolve() : reject(error)))
    })
  }

  /**
   * The store says `marked.sequence` until the next commit: that is what the log holds of it, so that a checkpoint which
   * is written while the disk is full knows no more than the log does.
   */
  #revert(marked: Marked<CatalogState>, refused: readonly Batch[], sequence: Sequence, error: PolylogError): void {
    marked.mark.rollback()
    noteRefused(this.conflicts, refused, sequence)
    this.isEmpty = isEmpty(this.store)
    this.#services.reserve(0)
    this.#returnTo(marked, error)
  }

  /** Nothing is written any more, so whoever asks for changes may be told of one everywhere. */
  #freeze(marked: Marked<CatalogState>, error: PolylogError): void {
    this.role.ended()
    marked.mark.rollback()
    this.#frozen = this.store.snapshot()
    if (this.conflicts.active) this.conflicts.addRange('', '\xff', this.pipeline.lastSequence + 1)
    this.#returnTo(marked, error)
  }

  /** Who has seen what is gone now can only roll back. */
  #returnTo(marked: Marked<CatalogState>, error: PolylogError): void {
    this.catalog = marked.state
    this.returns++
    this.keyWaits.disturb()
    for (const transaction of this.open) {
      const state = this.pipeline.stateOf(transaction.sequence)
      const isThere = state !== undefined && state <= marked.sequence
      // Who has written, where another one may lead by now, need not find that out at its end.
      if (isThere && (error.code !== 'not_leading' || transaction.writes.count === 0)) continue
      transaction.doomed = error
      this.locks.stopWaiting(transaction, error)
    }
  }

  /** Waits for what was committed, writes a checkpoint where there is something new, and lets go of everything. */
  close(): Promise<void> {
    this.#closing ??= this.#end(true)
    return this.#closing
  }

  /** As `close`, of a database whose files nobody will read again. */
  discard(): Promise<void> {
    this.#closing ??= this.#end(false)
    return this.#closing
  }

  async #end(isKept: boolean): Promise<void> {
    const closing = new PolylogError('shutting_down', 'the database is being closed')
    for (const transaction of this.open) {
      // Whoever holds it may not know yet, and go on with it.
      transaction.doomed ??= closing
      this.locks.stopWaiting(transaction, closing)
      transaction.rollback()
    }
    await this.role.close()
    await this.history.close()
    for (const retired of this.#retired) await retired.close()
    const settled = isKept && (await this.#settledSoon())
    if (settled) await this.checkpoints.writeLast()
    await this.logUse.close().catch(() => undefined)
    this.#reclaimer.stop()
    // Those of one that has stepped down are its successor's.
    if (this.successor === undefined) {
      this.engines?.stop()
      await this.engines?.idle()
    }
    await this.pipeline.close()
    this.#frozen?.release()
    if (this.successor?.store === this.store) return
    await this.log.close()
    this.store.close()
    this.account.close()
    this.#stored?.close()
  }

  /** It has stepped down: store, log and accounts are a successor's. Who is still here may end, until that ends too. */
  #leaveStore(): void {
    this.#stored?.close()
    this.#stored = undefined
  }

  /** Closes those before it on which nothing is open any more. */
  #stillUsed(): Database[] {
    return this.#retired.filter((retired) => {
      const isUsed = retired.open.size > 0
      if (!isUsed) void retired.close()
      return isUsed
    })
  }

  /** Nothing is open here, and nothing is missing in the log: nobody would notice if it were closed and opened again. */
  get isIdle(): boolean {
    const { pipeline, newestSequence } = this
    if (this.#closing !== undefined || this.#retired.length > 0 || this.open.size > 0) return false
    return pipeline.state === 'leading' && this.isDurable(newestSequence, 'synced')
  }

  /** Nothing more can begin here. */
  get isClosed(): boolean {
    return this.#closing !== undefined
  }

  /** Leads no longer, once all that was committed is in the log. */
  async resign(): Promise<void> {
    await this.pipeline.settled()
    this.pipeline.stepDown(new LogError('unavailable', 'it was told to lead no longer'))
  }

  /** A disk that stays full must not keep the process from ending: what nobody was told of may be lost. */
  #settledSoon(): Promise<boolean> {
    return new Promise((resolve) => {
      const cancel = this.host.at(closeTimeoutMs, () => resolve(false))
      void this.pipeline.settled().then(() => {
        cancel()
        resolve(true)
      })
    })
  }
}
