/**
 * A database: one log, one store, one catalog, and the transactions that order everything.
 *
 * One thread, the kernel's, applies transactions. `begin` gives transactions; the statement runner of the session layer
 * drives them. The newest state is what was committed last, durable or not; replies wait (`whenDurable`).
 */
import { PolylogError } from '../base/errors.ts'
import type { MemoryAccount } from '../base/memory-account.ts'
import type { Host } from '../host/host.ts'
import type { CommitLog, Durability, Leader } from '../log/commit-log.ts'
import { openMemoryLog } from '../log/memory-log.ts'
import type { OrderedStore, Reader, Snapshot } from '../storage/store.ts'
import { type CatalogState, firstCollectionId } from './catalog-state.ts'
import { checkpointGap, writeCheckpoint } from './checkpoints.ts'
import { CommitPipeline, type Batch, type Marked } from './commit-pipeline.ts'
import { ConflictIndex } from './conflict-index.ts'
import type { Isolation, Sequence, Transaction, TransactionServices } from './contract.ts'
import { followFeed, type FeedOptions, type FeedTransaction } from './feed.ts'
import { defaultKernelLimits, type Kernel, type KernelLimits, type TransactionOptions } from './kernel.ts'
import { LargeCommits } from './large-commits.ts'
import { LockTable } from './locks.ts'
import { isEmpty, migrate, type MigrationStep } from './migrations/migrations.ts'
import { noteRefused } from './note-refused.ts'
import { OpenTransactions } from './open-transactions.ts'
import { ProcessMemory } from './process-memory.ts'
import { throughMisses } from './pinned-pages.ts'
import { loadCatalog, replay, type LoadedCatalog, type Recovered } from './recovery.ts'
import { DatabaseServices } from './services.ts'
import type { TemporaryFiles } from './temporary-files.ts'
import { KernelTransaction } from './transaction.ts'
import { verifyFiles, type FilesReport } from './verify-files.ts'
import type { WorkspaceParts } from './workspace.ts'

export interface DatabaseParts {
  readonly host: Host
  readonly name: string
  readonly log: CommitLog
  readonly store: OrderedStore
  /** Where checkpoints go; left out, none are written. */
  readonly checkpointFolder?: string
  readonly limits?: Partial<KernelLimits>
  /** A checkpoint is written after so many bytes of records. */
  readonly checkpointEveryBytes?: number
  /** Left out: those that are registered. */
  readonly migrationSteps?: readonly MigrationStep[]
  /** That of the process; left out, there is no limit. */
  readonly memory?: ProcessMemory
  /** Another database's memory account has what the store holds: of a fork. */
  readonly sharesStore?: boolean
  /** Where statements spill to; left out, they do not. */
  readonly temporary?: TemporaryFiles
}

const defaultCheckpointEveryBytes = 64 * 1024 * 1024
/** How long the end waits for what was committed to be synced. */
const closeTimeoutMs = 5_000
/** Reclaiming what nobody sees any more gets this much of a turn, when there is something. */
const reclaimSliceUs = 500
const reclaimAfterMs = 20
/** After so many bytes of records the store is asked what it holds. */
const storedLookEveryBytes = 256 * 1024

export class Database implements Kernel {
  readonly host: Host
  readonly name: string
  readonly log: CommitLog
  readonly store: OrderedStore
  readonly locks: LockTable = new LockTable()
  readonly conflicts: ConflictIndex = new ConflictIndex()
  readonly largeCommits: LargeCommits = new LargeCommits(this)
  readonly limits: KernelLimits
  readonly open: OpenTransactions = new OpenTransactions()
  readonly services: TransactionServices
  readonly pipeline: CommitPipeline<CatalogState>
  readonly recovered: Recovered
  readonly memory: ProcessMemory
  readonly account: MemoryAccount
  readonly workspaces: WorkspaceParts
  catalog: CatalogState
  lastCollectionId: number
  isEmpty: boolean
  /** How often the newest state went back, because the log refused records or failed. */
  returns = 0
  #lastVersion: number
  #lastTransaction = 0
  #frozen: Snapshot | undefined
  #services: DatabaseServices
  #checkpointFolder: string | undefined
  #checkpointEveryBytes: number
  readonly #stored: MemoryAccount | undefined
  #isFull = false
  #storedLookAt = 0
  #bytesAtCheckpoint = 0
  #checkpointing: Promise<Sequence> | undefined
  #verifying: Promise<FilesReport> | undefined
  #lastCheckpoint: Sequence
  #reclaiming = false
  #recycled: KernelTransaction | undefined
  readonly #alone: { isolation: Isolation; readOnly: boolean; readonly interactive: false } = {
    isolation: 'read committed',
    readOnly: false,
    interactive: false,
  }
  #closing: Promise<void> | undefined
  #closed = false

  private constructor(parts: DatabaseParts, leader: Leader, recovered: Recovered, loaded: LoadedCatalog) {
    this.host = parts.host
    this.name = parts.name
    this.log = parts.log
    this.store = parts.store
    this.limits = { ...defaultKernelLimits, ...parts.limits }
    this.recovered = recovered
    const { memory = ProcessMemory.unlimited(), temporary } = parts
    this.memory = memory
    this.account = memory.work.child(`the database ${parts.name}`)
    this.#stored = parts.sharesStore === true ? undefined : memory.stored.child(`data of ${parts.name}`)
    this.workspaces = { temporary, operatorBytes: memory.operatorBytes, statementBytes: memory.statementBytes }
    this.catalog = loaded.catalog
    this.lastCollectionId = loaded.lastCollectionId
    this.isEmpty = isEmpty(parts.store)
    this.#lastVersion = loaded.lastVersion
    this.#services = this.services = new DatabaseServices(parts.host, loaded.numbers)
    this.#checkpointFolder = parts.checkpointFolder
    this.#checkpointEveryBytes = parts.checkpointEveryBytes ?? defaultCheckpointEveryBytes
    this.#lastCheckpoint = parts.checkpointFolder === undefined ? 0 : parts.store.persistedThrough
    const database = this
    this.pipeline = new CommitPipeline<CatalogState>(parts.host, leader, recovered.end, recovered.clock, {
      mark: () => database.store.mark(),
      get state(): CatalogState {
        return database.catalog
      },
      revert: (marked, refused, sequence, error) => database.#revert(marked, refused, sequence, error),
      freeze: (marked, error) => database.#freeze(marked, error),
    })
    this.#noteStored()
  }

  /** Replays the log over the store's state. Errors: `data_corrupted` with the position. */
  static async open(parts: DatabaseParts): Promise<Database> {
    const leader = await parts.log.acquire('kernel', 0)
    const { end, oldest } = await parts.log.end()
    const from = parts.store.current.sequence
    if (end < from || (end > from && oldest > from + 1)) throw checkpointGap(from, oldest, end)
    const recovered = await replay(parts.log, parts.store)
    const loaded = await loadCatalog(parts.store, firstCollectionId)
    const database = new Database(parts, leader, recovered, loaded)
    try {
      await database.#migrate(parts.migrationSteps)
      return database
    } catch (error) {
      await database.pipeline.close()
      throw error
    }
  }

  async #migrate(steps: readonly MigrationStep[] | undefined): Promise<void> {
    const isChanged = await migrate(this.store, (work) => this.#runDurably(work), steps)
    if (isChanged) this.catalog = (await loadCatalog(this.store, firstCollectionId)).catalog
  }

  /** As no caller's: nobody else is here yet. */
  #runDurably<T>(work: (transaction: Transaction) => T): Promise<T> {
    return throughMisses(this.store, () => {
      const transaction = this.begin({ isolation: 'read committed', readOnly: false, interactive: false })
      transaction.setOrigin('system')
      transaction.beginStatement()
      try {
        const result = work(transaction)
        const committed = transaction.commit()
        return Promise.resolve(committed)
          .then((sequence) => this.#synced(sequence))
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
    return ++this.lastCollectionId
  }

  nextVersion(): number {
    return ++this.#lastVersion
  }

  unreservedNumbers(): number | undefined {
    return this.#services.unreserved()
  }

  reserveNumbers(bound: number): void {
    this.#services.reserve(bound)
  }

  noteCommit(): void {
    this.#scheduleReclaim()
    if (this.pipeline.recordBytes >= this.#storedLookAt) this.#noteStored()
    if (this.#checkpointFolder === undefined) return
    const grown = this.pipeline.recordBytes - this.#bytesAtCheckpoint
    if (grown < this.#checkpointEveryBytes || this.#checkpointing !== undefined) return
    this.checkpoint().catch(() => undefined)
  }

  /** What the store has is there already: it is charged whatever the limit says, and refuses the next writes. */
  #noteStored(): void {
    const { reservedBytes, usedBytes } = this.store.statistics()
    this.#stored?.force(reservedBytes)
    this.memory.relieve(this.host)
    this.#isFull = this.memory.isFull(reservedBytes - usedBytes)
    this.#storedLookAt = this.pipeline.recordBytes + storedLookEveryBytes
  }

  /** The store bounds its garbage by itself as it is written to; this is for what is left when writing stops. */
  #scheduleReclaim(): void {
    if (this.#reclaiming) return
    this.#reclaiming = true
    this.host.at(reclaimAfterMs, () => this.#reclaim())
  }

  #reclaim(): void {
    this.#reclaiming = false
    if (this.#closed || !this.store.reclaim(reclaimSliceUs)) return
    this.#reclaiming = true
    this.host.turn(() => this.#reclaim())
  }

  /** Once it is, each who asks looks again: anybody may have made room. */
  get isFull(): boolean {
    if (this.#isFull) this.#noteStored()
    return this.#isFull
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
    const recycled = this.#recycled
    if (recycled === undefined || this.#closing !== undefined) return this.begin(options)
    this.#recycled = undefined
    return recycled.reopen(options)
  }

  recycle(transaction: KernelTransaction): void {
    if (transaction.reusable) this.#recycled = transaction
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
    const store = this.store.fork()
    try {
      await this.#synced(store.current.sequence)
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
      limits: this.limits,
      memory: this.memory,
      sharesStore: true,
    })
  }

  // ---- checkpoints, failure, end

  get lastCheckpoint(): Sequence {
    return this.#lastCheckpoint
  }

  /** Writes a checkpoint and trims the log; one at a time. Its sequence. */
  checkpoint(): Promise<Sequence> {
    this.#checkpointing ??= this.#writeCheckpoint().finally(() => (this.#checkpointing = undefined))
    return this.#checkpointing
  }

  async #writeCheckpoint(): Promise<Sequence> {
    const folder = this.#checkpointFolder
    if (folder === undefined) throw new PolylogError('unsupported', 'a database in memory has no checkpoints')
    await this.#verifying?.catch(() => undefined)
    this.#bytesAtCheckpoint = this.pipeline.recordBytes
    const synced = (sequence: Sequence): Promise<void> => this.#synced(sequence)
    const sequence = await writeCheckpoint({ host: this.host, folder, store: this.store, synced })
    this.#lastCheckpoint = sequence
    await this.log.trim(sequence + 1)
    return sequence
  }

  /** Reads the log and the checkpoint on the disk again (`verify-files.ts`); one at a time, and no checkpoint meanwhile. */
  async verifyFiles(): Promise<FilesReport> {
    while (this.#checkpointing !== undefined) await this.#checkpointing.catch(() => undefined)
    const { host, log } = this
    this.#verifying ??= verifyFiles({
      host,
      log,
      syncedThrough: this.durableThrough('synced'),
      checkpointFolder: this.#checkpointFolder,
    }).finally(() => {
      this.#verifying = undefined
    })
    return this.#verifying
  }

  /** Rejects where the sequence is lost. */
  #synced(sequence: Sequence): Promise<void> {
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
    marked.mark.rollback()
    this.#frozen = this.store.snapshot()
    if (this.conflicts.active) this.conflicts.addRange('', '\xff', this.pipeline.lastSequence + 1)
    this.#returnTo(marked, error)
  }

  /** Who has seen what is gone now can only roll back. */
  #returnTo(marked: Marked<CatalogState>, error: PolylogError): void {
    this.catalog = marked.state
    this.returns++
    for (const transaction of this.open) {
      const state = this.pipeline.stateOf(transaction.sequence)
      if (state !== undefined && state <= marked.sequence) continue
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
    for (const transaction of this.open) transaction.rollback()
    const settled = isKept && (await this.#settledSoon())
    const grown = this.store.current.sequence > this.#lastCheckpoint
    if (settled && this.#checkpointFolder !== undefined && grown && this.pipeline.failure === undefined) {
      await this.checkpoint().catch(() => undefined)
    }
    this.#closed = true
    await this.pipeline.close()
    this.#frozen?.release()
    await this.log.close()
    this.store.close()
    this.account.close()
    this.#stored?.close()
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

/** The same snapshot for one more user, whose release does nothing. */
function shared(snapshot: Snapshot): Snapshot {
  return {
    sequence: snapshot.sequence,
    get: (key) => snapshot.get(key),
    count: (range) => snapshot.count(range),
    scan: (range, options) => snapshot.scan(range, options),
    load: (miss) => snapshot.load(miss),
    release: () => undefined,
  }
}
