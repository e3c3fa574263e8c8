/**
 * One transaction of the kernel: a snapshot, private writes over it, locks, and the commit that makes them one record.
 *
 * It begins `immediate`: everything happens in one turn of the event loop, so nobody can come between; reads go to the
 * store's newest state, no lock is taken (only looked at), nothing is pinned. It becomes `interleaved` when it was begun
 * by hand, when it must wait for a lock, or when its statement outlasts its time slice: from then on it holds locks on
 * what it writes, pins its snapshot when it gives up the thread, and asks the conflict index about what was committed
 * meanwhile.
 *
 * What the levels of isolation promise, and who waits for whom, is taught in `isolation.ts`.
 *
 * Invariants: a transaction that has given up the thread reads only pinned state, but for checks of what is newest under
 * locks; a primary key is written only under a lock that excludes other writers of it (`no key update` to put, `update` to
 * delete), or within the turn that commits it; it commits with an empty agenda; after `end` nothing is pinned and no lock is held.
 */
import { assert, PolylogError } from '../base/errors.ts'
import type { MemoryAccount } from '../base/memory-account.ts'
import { MutableSlice, sliceOf, type KeyRange, type Slice } from '../base/slice.ts'
import type { Cursor, Miss, Reader, ScanOptions, Snapshot } from '../storage/store.ts'
import { Agenda } from './agenda.ts'
import type { CatalogChange, CatalogState } from './catalog-state.ts'
import { replyKey } from './catalog-state.ts'
import type { Catalog, Collection, Index, JsonObject, Namespace } from './catalog.ts'
import { commitTransaction } from './commit.ts'
import type {
  Isolation,
  LockMode,
  LockPolicy,
  LockWait,
  NewestReader,
  Origin,
  Principal,
  Savepoint,
  Sequence,
  Statement,
  StatementSteps,
  Transaction,
  TransactionServices,
  Wait,
  WriteKind,
} from './contract.ts'
import { newerThanSnapshot } from './isolation.ts'
import type { Kernel, TransactionOptions } from './kernel.ts'
import type { ObjectAddress } from './objects.ts'
import { PinnedPages } from './pinned-pages.ts'
import { encodeReply, findReply, type RememberedReply } from './remembered-reply.ts'
import { isLarge } from './large-commits.ts'
import { nobody } from './nobody.ts'
import { ReadLog, readsChanged, type ReadValidation } from './read-log.ts'
import * as schema from './schema-changes.ts'
import { StatementClock } from './statement-clock.ts'
import { StatementSlice } from './time-slice.ts'
import { TransactionLocks } from './transaction-locks.ts'
import { TransactionCursor, type ReadRangeTracker } from './transaction-cursor.ts'
import { Workspace } from './workspace.ts'
import { asWait } from './wait.ts'
import { checkKey, WriteBudget } from './write-budget.ts'
import { WriteSet } from './write-set.ts'

export class KernelTransaction implements Transaction {
  id = 0
  readonly kernel: Kernel
  /** Set by whoever runs a statement. */
  principal: Principal = nobody
  writes: WriteSet
  readonly agenda: Agenda = new Agenda(this, () => this.#budget.checkSize())
  /** Not begun by hand. */
  isSingleStatement = false
  readonly newest: NewestReader
  readonly slice: StatementSlice
  isolation: Isolation = 'read committed'
  readOnly = false
  interleaved = false
  ended = false
  /** Why it can only be rolled back: set from outside, when the state that it has seen is gone. */
  doomed: PolylogError | undefined
  origin: Origin = 'client'
  sequence: Sequence = 0
  /** Of its own record, once that is published. */
  committedAt: Sequence | undefined
  /** Where it stands in `kernel.open`, which alone writes it. */
  placeAmongOpen = -1
  /** Collections were created: the record carries their largest number. */
  createdCollections = false
  usedNumbers = false
  sessionKey: Uint8Array | undefined
  /** Of whoever runs the statement. */
  callerAccount: MemoryAccount
  /** Of whoever began it, where that is somebody who may outlive a joined caller. */
  ownerAccount: MemoryAccount | undefined
  #workspace: Workspace | undefined
  readonly #pages = new PinnedPages()
  readonly #budget = new WriteBudget(this)
  /** Also for the marks of the client's savepoints. */
  readonly locks: TransactionLocks
  readonly #clock: StatementClock
  #base: Reader
  #pinned: Snapshot | undefined
  #hasSnapshot = false
  /** The conflict index keeps what is committed after `sequence` for this transaction. */
  #asking = false
  #baseCatalog: CatalogState
  #catalog: CatalogState
  #catalogChanges: CatalogChange[] = []
  /** `nextCatalog`, as long as it is the same: plans are compared with it. */
  #next: { base: CatalogState; own: CatalogState; catalog: CatalogState } | undefined
  #openCursors: TransactionCursor[] = []
  #reads: ReadLog | undefined
  readonly #result = new MutableSlice()

  constructor(kernel: Kernel, options: TransactionOptions) {
    this.kernel = kernel
    this.callerAccount = kernel.account
    this.writes = new WriteSet()
    this.slice = new StatementSlice(
      kernel.services,
      () => kernel.monotonicUs(),
      kernel.limits.sliceUs,
      kernel.limits.sliceKeys,
    )
    this.#clock = new StatementClock(() => kernel.pipeline.timeMs())
    this.locks = new TransactionLocks(this, kernel.locks)
    this.#base = kernel.newest
    this.#baseCatalog = this.#catalog = kernel.catalog
    this.newest = {
      get: (key) => this.#getOver(this.kernel.newest, key),
      scan: (range, options = {}) => this.#scanOver(() => this.kernel.newest, range, options),
    }
    this.reopen(options)
  }

  /** A new transaction in the same object: the single statements of a busy server would else be mostly garbage. */
  reopen(options: TransactionOptions): this {
    this.id = this.kernel.nextTransactionId()
    this.isolation = options.isolation
    this.readOnly = options.readOnly
    this.interleaved = options.interactive
    this.isSingleStatement = !options.interactive
    this.locks.reset(options.failFast === true)
    this.ended = false
    this.origin = 'client'
    this.sequence = 0
    this.committedAt = undefined
    this.createdCollections = false
    this.usedNumbers = false
    this.sessionKey = undefined
    this.callerAccount = this.kernel.account
    this.ownerAccount = undefined
    this.#clock.begin(options.interactive)
    if (this.#catalogChanges.length > 0) this.#catalogChanges = []
    this.#catalog = this.#baseCatalog
    this.#reads = undefined
    this.kernel.open.add(this)
    return this
  }

  /** Nothing of it can be referred to by anybody any more. */
  get reusable(): boolean {
    return this.ended && !this.interleaved && this.doomed === undefined
  }

  // ---- statements

  /** Gives the statement its snapshot and its first slice; returns where to roll back to if it fails. */
  beginStatement(): Savepoint {
    if (this.doomed !== undefined) throw this.doomed
    if (!this.#hasSnapshot || this.isolation === 'read committed') this.#refresh()
    else this.#clock.nextStatement()
    this.slice.renew()
    this.agenda.beginStatement()
    return this.savepoint()
  }

  statementEnd(): StatementSteps<void> | undefined {
    return this.agenda.isEmpty ? undefined : this.agenda.runStatementEnd(this.isSingleStatement)
  }

  /** To be run as a statement before `commit`; undefined where nothing was deferred. */
  transactionEnd(): Statement<void> | undefined {
    return this.agenda.isEmpty ? undefined : () => this.agenda.runTransactionEnd()
  }

  #refresh(): void {
    this.#unpin()
    this.#hasSnapshot = true
    this.#base = this.kernel.newest
    this.sequence = this.kernel.newestSequence
    this.#clock.forget()
    if (this.interleaved) void this.timeMs
    this.#baseCatalog = this.kernel.catalog
    this.#catalog = this.#over(this.#baseCatalog)
    if (this.isolation === 'serializable' && this.#reads === undefined) this.#reads = new ReadLog()
  }

  /** Milliseconds, of the snapshot. */
  get timeMs(): number {
    return this.#clock.timeMs
  }

  /** Before the thread is given up while a statement or the transaction still needs this snapshot. */
  leaveTurn(statementGoesOn: boolean): void {
    if (this.ended || !this.#hasSnapshot) return
    void this.timeMs
    if (statementGoesOn) this.interleave()
    else if (this.isolation === 'read committed') return this.#unpin()
    if (this.#pinned !== undefined) return
    this.#pinned = this.kernel.pin()
    this.#base = this.#pinned
    this.kernel.conflicts.open(this.sequence)
    this.#asking = true
    for (const cursor of this.#openCursors) cursor.park()
    this.#openCursors = []
  }

  /** The statement is over: its cursors are gone. */
  endStatement(): void {
    this.#forgetStatement()
    this.#pages.release()
  }

  #forgetStatement(): void {
    if (this.#openCursors.length > 0) this.#openCursors = []
    if (this.#workspace !== undefined) this.#closeWorkspace()
  }

  #closeWorkspace(): void {
    this.#workspace!.close()
    this.#workspace = undefined
  }

  /** Few statements need one. */
  get workspace(): Workspace {
    this.#workspace ??= new Workspace('the statement', this.callerAccount, this.kernel.workspaces)
    return this.#workspace
  }

  /** Takes the statement back to where it began, for it to begin again. The pages that it waited for stay. */
  takeBack(start: Savepoint): void {
    this.#forgetStatement()
    if (!this.ended) this.rollbackTo(start)
  }

  // ---- waits

  waitOf(error: unknown, start?: Savepoint): Wait {
    const wait = asWait(error)
    if (start !== undefined) this.rollbackTo(start)
    return wait
  }

  batchDone(): void {
    this.#pages.release()
  }

  /** Brings in a page that was missed; it stays until the batch is done, or its statement is over. */
  load(miss: Miss): Promise<void> {
    const kept = this.#pinned
    if (kept !== undefined) return this.#pages.load(kept, miss)
    const snapshot = this.kernel.pin()
    return this.#pages.load(snapshot, miss).finally(() => snapshot.release())
  }

  /** After a lock was granted: what the statement has read may be too old to write upon. */
  isOutdated({ key }: LockWait): boolean {
    return this.isolation === 'read committed' && this.#isChanged(key)
  }

  #unpin(): void {
    if (this.#asking) {
      this.kernel.conflicts.close(this.sequence)
      this.#asking = false
    }
    this.#pinned?.release()
    this.#pinned = undefined
  }

  /** From here on it may meet others: takes the locks that being alone has spared it. */
  interleave(): void {
    if (this.interleaved) return
    this.interleaved = true
    void this.timeMs
    this.locks.takeNoted(this.writes)
  }

  savepoint(): Savepoint {
    return { writes: this.writes.count, catalogChanges: this.#catalogChanges.length, agenda: this.agenda.mark }
  }

  /** Undoes writes and schema changes made since; locks stay. */
  rollbackTo(savepoint: Savepoint): void {
    this.writes.rollbackTo(savepoint.writes)
    this.agenda.rollbackTo(savepoint.agenda)
    if (this.#catalogChanges.length === savepoint.catalogChanges) return
    this.#catalogChanges.length = savepoint.catalogChanges
    this.#catalog = this.#over(this.#baseCatalog)
  }

  // ---- reads

  /** Nobody hears of a state that was refused: any answer does there. */
  get logPosition(): Sequence {
    return this.kernel.pipeline.stateOf(this.sequence) ?? this.sequence
  }

  get catalog(): Catalog {
    return this.#catalog
  }

  /** The catalog that the next statement will see, outside of a statement. */
  get nextCatalog(): Catalog {
    if (this.#hasSnapshot && this.isolation !== 'read committed') return this.#catalog
    const base = this.kernel.catalog
    if (base === this.#baseCatalog) return this.#catalog
    const next = this.#next
    if (next?.base === base && next.own === this.#catalog) return next.catalog
    this.#next = { base, own: this.#catalog, catalog: this.#over(base) }
    return this.#next.catalog
  }

  #over(base: CatalogState): CatalogState {
    if (this.#catalogChanges.length === 0) return base
    let catalog = base
    for (const { key, value } of this.#catalogChanges) catalog = catalog.applied(key, value)
    return catalog
  }

  get startTimeUs(): bigint {
    return this.#clock.startTimeUs
  }

  get statementTimeUs(): bigint {
    return this.#clock.statementTimeUs
  }

  get services(): TransactionServices {
    this.usedNumbers = true
    return this.kernel.services
  }

  get(key: Slice): Slice | undefined {
    this.#reads?.read(key)
    return this.#getOver(this.#base, key)
  }

  peek(key: Slice): Slice | undefined {
    return this.#getOver(this.#base, key)
  }

  #getOver(base: Reader, key: Slice): Slice | undefined {
    if (this.writes.count > 0) {
      const own = this.writes.get(key, this.#result)
      if (own !== undefined) return own ?? undefined
    }
    return base.get(key)
  }

  scan(range: KeyRange, options: ScanOptions = {}): Cursor {
    const tracker = this.#reads?.scanned(range, options.reverse === true)
    return this.#scanOver(() => this.#base, range, options, tracker)
  }

  #scanOver(base: () => Reader, range: KeyRange, options: ScanOptions, tracker?: ReadRangeTracker): Cursor {
    const cursor = new TransactionCursor(base, this.writes, range, options, tracker)
    if (this.#pinned === undefined) this.#openCursors.push(cursor)
    return cursor
  }

  count(range: KeyRange): number | undefined {
    const own = this.writes.count === 0 ? 0 : this.writes.countChange(range, this.#base)
    if (own === undefined) return undefined
    this.#reads?.scanned(range, false)?.reached(undefined)
    return this.#base.count(range) + own
  }

  // ---- writes

  put(key: Slice, value: Slice, kind: WriteKind = 'primary'): void {
    this.#beforeWrite(key, kind, 'no key update')
    this.writes.put(key, value, kind === 'derived')
    this.#budget.added()
  }

  delete(key: Slice, kind: WriteKind = 'primary'): void {
    this.#beforeWrite(key, kind, 'update')
    this.writes.delete(key, kind === 'derived')
    this.#budget.deleted()
  }

  deleteRange(range: KeyRange, kind: WriteKind = 'primary'): void {
    this.#checkWritable()
    this.locks.touch(range.start)
    this.writes.deleteRange(range, kind === 'derived')
    this.#budget.deleted()
  }

  notify(channel: string, payload: string): void {
    this.#checkWritable()
    this.writes.notify(sliceOf(Buffer.from(channel)), sliceOf(Buffer.from(payload)))
    this.#budget.checkSize()
  }

  setOrigin(origin: Origin): void {
    this.origin = origin
  }

  #checkWritable(): void {
    if (this.readOnly) throw new PolylogError('read_only', 'cannot write in a read-only transaction')
  }

  #beforeWrite(key: Slice, kind: WriteKind, mode: LockMode): void {
    this.#checkWritable()
    checkKey(key)
    this.locks.touch(key)
    if (kind !== 'derived') this.locks.beforeWrite(key, mode)
  }

  /** Throws where the schema of the collection was changed after the snapshot. */
  checkSchema(keyspace: number): void {
    if (this.#baseCatalog === this.kernel.catalog) return
    const mine = this.#baseCatalog.collectionById(keyspace)
    const newest = this.kernel.catalog.collectionById(keyspace)
    if (mine?.version !== newest?.version) this.changedMeanwhile('the schema of the collection')
  }

  lock(key: Slice, mode: LockMode, policy: LockPolicy = 'wait'): boolean {
    return this.locks.lock(key, mode, policy)
  }

  hold(key: Slice, mode: LockMode): void {
    this.locks.hold(key, mode)
  }

  /** Throws where the key was changed after the snapshot. */
  checkUnchanged(key: string): void {
    if (this.#isChanged(key)) this.changedMeanwhile('the row')
  }

  #isChanged(key: string): boolean {
    return this.#asking && this.kernel.conflicts.lastChange(key) > this.sequence
  }

  /** Of a name that is not a key: a namespace, a collection's name, its schema. */
  lockName(name: string, mode: LockMode): void {
    this.locks.lockName(name, mode)
  }

  /** Data newer than this statement's snapshot is in the way. */
  changedMeanwhile(what: string): never {
    throw newerThanSnapshot(this.isolation, what)
  }

  // ---- the catalog

  get ownCatalog(): CatalogState {
    return this.#catalog
  }

  /** The newest committed catalog when this statement began. */
  get baseCatalog(): CatalogState {
    return this.#baseCatalog
  }

  get catalogChanges(): readonly CatalogChange[] {
    return this.#catalogChanges
  }

  changeCatalog(key: Slice, value: Slice | undefined): void {
    this.#checkWritable()
    if (value === undefined) this.writes.delete(key, false)
    else this.writes.put(key, value, false)
    this.#catalogChanges.push({ key, value })
    this.#catalog = this.#catalog.applied(key, value)
  }

  createNamespace(name: string): Namespace {
    return schema.createNamespace(this, name)
  }

  dropNamespace(namespace: Namespace): void {
    schema.dropNamespace(this, namespace)
  }

  createCollection(namespace: Namespace, name: string, kind: string, definition: JsonObject): Collection {
    return schema.createCollection(this, { namespace, name, kind, definition })
  }

  alterCollection(collection: Collection, change: schema.CollectionChange): Collection {
    return schema.alterCollection(this, collection, change)
  }

  dropCollection(collection: Collection, together: readonly Collection[] = []): void {
    schema.dropCollections(this, [collection, ...together])
  }

  setComment(address: ObjectAddress, text: string | undefined): void {
    schema.setComment(this, address, text)
  }

  clearCollection(collection: Collection): void {
    schema.clearCollection(this, collection)
  }

  createIndex(collection: Collection, index: { name: string; unique: boolean; definition: JsonObject }): Index {
    return schema.createIndex(this, collection, index)
  }

  dropIndex(collection: Collection, index: Index): void {
    schema.dropIndex(this, collection, index)
  }

  widenCollection(collection: Collection, field: string, type: string): void {
    schema.widenCollection(this, collection, field, type)
  }

  /** The schema lock of a collection for one who changes it. */
  lockSchema(collection: Collection): void {
    this.locks.lockSchema(collection.id)
  }

  /** Nobody else may write to the collection until the end: it is new. */
  own(collectionId: number): void {
    this.locks.own(collectionId)
  }

  // ---- retried writes

  rememberReply(sessionKey: string, operation: bigint, reply: Slice): void {
    this.sessionKey = Buffer.from(sessionKey)
    this.writes.put(replyKey(sessionKey), encodeReply(operation, this.timeMs, reply), false)
  }

  rememberedReply(sessionKey: string): RememberedReply | undefined {
    return findReply(this, sessionKey)
  }

  // ---- the end

  /**
   * Makes everything one record. Its sequence, or the newest that was seen where nothing was written; a promise of it where
   * so much was written that it takes several turns. Those may be stopped: by `check`, which throws, and by `rollback`.
   */
  commit(check?: () => void): Sequence | Promise<Sequence> {
    assert(!this.ended, 'a transaction is committed twice')
    assert(this.agenda.isEmpty, 'a transaction commits before its deferred constraints were checked')
    if (this.doomed !== undefined) throw this.doomed
    if (this.writes.count === 0) {
      const seen = this.#hasSnapshot ? this.sequence : this.kernel.newestSequence
      this.end()
      return seen
    }
    if (isLarge(this)) return this.kernel.largeCommits.run(this, check)
    this.committedAt = commitTransaction(this)
    this.end()
    return this.committedAt
  }

  /** Told by a commit in slices, in the turn in which everybody sees it. What was written belongs to the log now. */
  published(sequence: Sequence): void {
    this.committedAt = sequence
    this.writes = new WriteSet()
    this.end()
  }

  validateReads(): void {
    if (!this.#asking || this.#reads === undefined) return
    if (this.#reads.changedSince(this.sequence, this.kernel.conflicts)) throw readsChanged()
  }

  /** The same, bit by bit. */
  validation(): ReadValidation | undefined {
    return this.#asking ? this.#reads?.validation(this.sequence, this.kernel.conflicts) : undefined
  }

  rollback(): void {
    if (!this.ended) this.end()
  }

  end(): void {
    this.ended = true
    this.#unpin()
    this.#hasSnapshot = false
    this.endStatement()
    this.locks.release()
    this.writes.reset()
    this.#budget.reset()
    this.agenda.reset()
    this.kernel.open.delete(this)
  }
}
