/**
 * One transaction of the kernel: a snapshot, private writes over it, locks, and the commit that makes them one record.
 *
 * It begins `immediate`: everything happens in one turn of the event loop, so nobody can come between; reads go to the
 * store's newest state, no lock is taken (only looked at), nothing is pinned. It becomes `interleaved` when it was begun
 * by hand, when it must wait for a lock, or when its statement outlasts its time slice: from then on it holds locks on
 * what it writes, pins its snapshot when it gives up the thread, and asks the conflict index about what was committed
 * meanwhile. What the levels of isolation promise, and who waits for whom, is taught in `isolation.ts`.
 *
 * Invariants: a transaction that has given up the thread reads only pinned state, but for checks of what is newest under
 * locks; a primary key is written only under a lock that excludes other writers of it (`no key update` to put, `update` to
 * delete), or within the turn that commits it; it commits with an empty agenda; after `end` nothing is pinned and no lock is held.
 */
import { assert, PolylogError } from '../../base/errors.ts'
import type { Payer } from '../../base/memory-account.ts'
import { MutableSlice, sliceLength, sliceOf, type KeyRange, type Slice } from '../../base/slice.ts'
import type { Cursor, Miss, Reader, ScanOptions } from '../../storage/store.ts'
import { TransactionAccess } from '../access/transaction-access.ts'
import { unlimited } from '../access/rights.ts'
import { Agenda, nothingYet } from './agenda.ts'
import { replyKey } from '../catalog/catalog-entries.ts'
import type { CatalogChange, CatalogState } from '../catalog/catalog-state.ts'
import type { Catalog, Collection, Index, JsonObject, Namespace } from '../catalog/catalog.ts'
import { commitTransaction } from '../commit/commit.ts'
import type {
  Author,
  Isolation,
  LockMode,
  LockPolicy,
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
} from '../contract.ts'
import { TakesTurns } from '../contract.ts'
import { newerThanSnapshot } from './isolation.ts'
import type { Kernel, TransactionOptions } from '../kernel.ts'
import type { ObjectAddress } from '../catalog/objects.ts'
import { encodeReply, findReply, type RememberedReply } from './remembered-reply.ts'
import { type Interruption, isLarge } from '../commit/large-commits.ts'
import { nobody } from '../nobody.ts'
import { ReadLog, validateReads } from './read-log.ts'
import { GlobalChanges } from '../catalog/global-changes.ts'
import * as schema from '../catalog/schema-changes.ts'
import { savepointAt } from './savepoints.ts'
import { takeBackInSlices } from './sliced-rollback.ts'
import { StatementClock } from './statement-clock.ts'
import { StatementSlice } from './time-slice.ts'
import { TransactionCatalog } from '../catalog/transaction-catalog.ts'
import { Effects } from '../messages/effects.ts'
import { TransactionCounts } from '../statistics/transaction-counts.ts'
import { TransactionLocks } from './transaction-locks.ts'
import { plainScan, TransactionCursor, type ReadRangeTracker } from './transaction-cursor.ts'
import { TransactionView } from './transaction-view.ts'
import { type CallerLimits, Workspace } from './workspace.ts'
import { asWait } from './wait.ts'
import { checkKey, WriteBudget } from './write-budget.ts'
import { WriteSet } from './write-set.ts'

export class KernelTransaction implements Transaction {
  id = 0
  readonly kernel: Kernel
  /** Set by whoever runs a statement. */
  principal: Principal = nobody
  writes: WriteSet
  /** Not begun by hand. */
  isSingleStatement = false
  readonly slice: StatementSlice
  isolation: Isolation = 'read committed'
  readOnly = false
  interleaved = false
  /** Begins and ends in one turn, or throws `TakesTurns`: nobody has changed anything in between. */
  staysInTurn = false
  ended = false
  /** Why it can only be rolled back: set from outside, when the state that it has seen is gone. */
  doomed: PolylogError | undefined
  origin: Origin = 'client'
  /** Of its own record, once that is published. */
  committedAt: Sequence | undefined
  /** Where it stands in `kernel.open`, which alone writes it. */
  placeAmongOpen = -1
  /** Collections were created: the record carries their largest number. */
  createdCollections = false
  usedNumbers = false
  /** `history/author.ts` */
  author: Author | undefined
  /** Whoever runs the statement. */
  payer: Payer
  callerLimits: CallerLimits | undefined
  /** Whoever began it, where that is somebody who may outlive a joined caller. */
  lastingPayer: Payer | undefined
  #workspace: Workspace | undefined
  #agenda: Agenda | undefined
  readonly effects: Effects = new Effects(this, () => this.#budget.checkSize())
  #newest: NewestReader | undefined
  readonly #budget = new WriteBudget(this)
  keepsPages = false
  /** Also for the marks of the client's savepoints. */
  readonly locks: TransactionLocks
  readonly #clock: StatementClock
  /** There was no snapshot before the running statement. */
  #isFirst = false
  readonly view: TransactionView
  readonly #catalog: TransactionCatalog
  reads: ReadLog | undefined
  readonly #result = new MutableSlice()
  /** What its cursors read, which changes where they park. */
  readonly #ofView = (): Reader => this.view.base
  readonly counts: TransactionCounts
  readonly access: TransactionAccess = new TransactionAccess(this)

  constructor(kernel: Kernel, options: TransactionOptions) {
    this.kernel = kernel
    this.counts = new TransactionCounts(kernel)
    this.payer = kernel
    this.writes = new WriteSet(kernel.spill)
    this.slice = new StatementSlice(
      kernel.services,
      () => kernel.monotonicUs(),
      kernel.limits.sliceUs,
      kernel.limits.sliceKeys,
    )
    this.#clock = new StatementClock(() => kernel.pipeline.timeMs())
    this.locks = new TransactionLocks(this, kernel.locks)
    this.view = new TransactionView(kernel)
    this.#catalog = new TransactionCatalog(kernel.catalog)
    this.reopen(options)
  }

  /** A new transaction in the same object: the single statements of a busy server would else be mostly garbage. */
  reopen(options: TransactionOptions): this {
    this.id = this.kernel.nextTransactionId()
    this.isolation = options.isolation
    this.readOnly = options.readOnly
    this.interleaved = options.interactive
    this.isSingleStatement = !options.interactive
    this.staysInTurn = this.ended = this.keepsPages = false
    this.locks.reset(options.failFast === true)
    this.origin = 'client'
    this.view.sequence = 0
    this.createdCollections = this.usedNumbers = false
    this.committedAt = this.author = undefined
    this.payer = this.kernel
    this.callerLimits = this.lastingPayer = undefined
    this.#clock.begin(options.interactive)
    this.#catalog.reset()
    this.reads = undefined
    this.access.reset()
    this.principal = nobody
    this.kernel.open.add(this)
    return this
  }

  /** Nothing of it can be referred to by anybody any more. */
  get reusable(): boolean {
    return this.ended && !this.interleaved && this.doomed === undefined
  }

  // ---- statements

  get agenda(): Agenda {
    this.#agenda ??= new Agenda(this, () => this.#budget.checkSize())
    return this.#agenda
  }

  get putOffBytes(): number {
    return (this.#agenda?.sizeBytes ?? 0) + this.effects.sizeBytes
  }

  /** Gives the statement its snapshot and its first slice; returns where to roll back to if it fails. */
  beginStatement(): Savepoint {
    if (this.doomed !== undefined) throw this.doomed
    if (!this.view.isTaken) this.#isFirst = true
    if (!this.view.isTaken || this.isolation === 'read committed') this.#refresh()
    else this.#clock.nextStatement()
    this.slice.renew()
    this.#agenda?.beginStatement()
    return this.savepoint()
  }

  statementEnd(): StatementSteps<void> | undefined {
    const agenda = this.#agenda
    return agenda === undefined || agenda.isEmpty ? undefined : agenda.runStatementEnd(this.isSingleStatement)
  }

  takeBackPart(start: Savepoint): StatementSteps<void> {
    return takeBackInSlices(this, start)
  }

  /** To be run as a statement before `commit`; undefined where nothing was deferred. */
  transactionEnd(): Statement<void> | undefined {
    const agenda = this.#agenda
    return agenda === undefined || agenda.isEmpty ? undefined : () => agenda.runTransactionEnd()
  }

  #refresh(): void {
    this.view.refresh()
    this.#clock.forget()
    if (this.interleaved) void this.timeMs
    this.#catalog.refresh(this.kernel.catalog)
    if (this.isolation === 'serializable' && this.reads === undefined) this.reads = new ReadLog()
  }

  /** Of the snapshot. */
  get sequence(): Sequence {
    return this.view.sequence
  }

  get timeMs(): number {
    return this.#clock.timeMs
  }

  /** Before the thread is given up while a statement or the transaction still needs this snapshot. */
  leaveTurn(statementGoesOn: boolean): void {
    if (this.ended || !this.view.isTaken) return
    void this.timeMs
    if (statementGoesOn) this.interleave()
    else if (this.isolation === 'read committed') return this.view.unpin()
    this.view.pin()
  }

  forgetSnapshot(): void {
    if (!this.#isFirst) return
    this.view.forget()
    this.reads = undefined
  }

  /** The statement is over: its cursors are gone. */
  endStatement(): void {
    this.#isFirst = false
    this.locks.endStatement()
    this.#forgetStatement()
    this.view.releasePages()
  }

  #forgetStatement(): void {
    this.view.forgetCursors()
    this.#workspace?.close()
    this.#workspace = undefined
  }

  get workspace(): Workspace {
    this.#workspace ??= new Workspace('the statement', this.payer.account, this.kernel.workspaces, this.callerLimits)
    return this.#workspace
  }

  /** Takes the statement back to where it began; `isRepeated`: for it to begin again. The pages that it waited for stay. */
  takeBack(start: Savepoint, isRepeated: boolean): void {
    this.#forgetStatement()
    if (!this.ended) this.rollbackTo(start, isRepeated)
  }

  // ---- waits

  waitOf(error: unknown, start?: Savepoint): Wait {
    const wait = asWait(error)
    if (start !== undefined) this.rollbackTo(start, true)
    return wait
  }

  batchDone(): void {
    if (!this.keepsPages) this.view.releasePages()
  }

  /** Brings in a page that was missed; it stays until the batch is done, or its statement is over. */
  load(miss: Miss): Promise<void> {
    return this.view.load(miss)
  }

  /** From here on it may meet others: takes the locks that being alone has spared it. */
  interleave(): void {
    if (this.interleaved) return
    this.interleaved = true
    void this.timeMs
    this.locks.takeNoted(this.writes)
  }

  savepoint(): Savepoint {
    const agenda = this.#agenda === undefined ? nothingYet : this.#agenda.mark
    return savepointAt(this, this.#catalog.changes.length, agenda)
  }

  /** Undoes writes and schema changes made since; locks stay. `isRepeated`: what has made them is run again. */
  rollbackTo(savepoint: Savepoint, isRepeated = false): void {
    this.counts.rollbackTo(savepoint.counted, isRepeated)
    this.writes.rollbackTo(savepoint.writes)
    this.#agenda?.rollbackTo(savepoint.agenda)
    this.#catalog.rollbackTo(savepoint.catalogChanges)
    this.effects.rollbackTo(savepoint.effects)
    this.locks.undoCalls(savepoint.calls)
  }

  // ---- reads

  /** Nobody hears of a state that was refused: any answer does there. */
  get logPosition(): Sequence {
    return this.kernel.pipeline.stateOf(this.sequence) ?? this.sequence
  }

  get catalog(): Catalog {
    return this.#catalog.own
  }

  /** The catalog that the next statement will see, outside of a statement. */
  get nextCatalog(): Catalog {
    const stays = this.view.isTaken && this.isolation !== 'read committed'
    return stays ? this.#catalog.own : this.#catalog.over(this.kernel.catalog)
  }

  /** The newest one, with what this transaction has changed. */
  get newestCatalog(): Catalog {
    return this.#catalog.over(this.kernel.catalog)
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

  get newest(): NewestReader {
    this.#newest ??= {
      get: (key) => this.#getOver(this.kernel.newest, key),
      scan: (range, options = plainScan) => this.#scanOver(() => this.kernel.newest, range, options),
      estimate: (range) => this.kernel.newest.estimate(range) + this.writes.estimate(range),
      committedCatalog: () => this.kernel.catalog,
    }
    return this.#newest
  }

  #mayTouch(key: Slice, writes: boolean): void {
    const { rights } = this.principal
    if (rights !== unlimited) this.access.check(rights, key, writes)
  }

  get(key: Slice): Slice | undefined {
    this.reads?.read(key)
    return this.#getOver(this.view.base, key)
  }

  peek(key: Slice): Slice | undefined {
    return this.#getOver(this.view.base, key)
  }

  #getOver(base: Reader, key: Slice): Slice | undefined {
    this.#mayTouch(key, false)
    if (this.writes.count > 0) {
      const own = this.writes.get(key, this.#result)
      if (own !== undefined) return own ?? undefined
    }
    return base.get(key)
  }

  scan(range: KeyRange, options: ScanOptions = plainScan): Cursor {
    const tracker = this.reads?.scanned(range, options.reverse === true)
    return this.#scanOver(this.#ofView, range, options, tracker)
  }

  #scanOver(base: () => Reader, range: KeyRange, options: ScanOptions, tracker?: ReadRangeTracker): Cursor {
    this.#mayTouch(range.start, false)
    const cursor = new TransactionCursor(base, this.writes, range, options, tracker)
    this.view.opened(cursor)
    return cursor
  }

  count(range: KeyRange): number | undefined {
    this.#mayTouch(range.start, false)
    const own = this.writes.count === 0 ? 0 : this.writes.countChange(range, this.view.base)
    if (own === undefined) return undefined
    const counted = this.view.base.count(range)
    if (counted === undefined) return undefined
    this.reads?.scanned(range, false)?.reached(undefined)
    return counted + own
  }

  // ---- writes

  put(key: Slice, value: Slice, kind: WriteKind = 'primary'): void {
    this.#beforeWrite(key, kind, 'no key update')
    this.writes.put(key, value, kind === 'derived')
    this.#budget.added()
  }

  putNew(key: Slice, value: Slice, kind: WriteKind = 'primary'): void {
    this.#beforeWrite(key, 'derived', 'update')
    this.writes.putNew(key, value, kind === 'derived')
    this.#budget.added()
  }

  delete(key: Slice, kind: WriteKind = 'primary'): void {
    this.#beforeWrite(key, kind, 'update')
    this.writes.delete(key, kind === 'derived')
    this.#budget.deleted(sliceLength(key))
  }

  deleteRange(range: KeyRange, kind: WriteKind = 'primary'): void {
    this.#checkWritable()
    this.#mayTouch(range.start, true)
    this.locks.touch(range.start)
    this.writes.deleteRange(range, kind === 'derived')
    this.#budget.deleted(0)
  }

  notify(channel: string, payload: string): void {
    this.#checkWritable()
    this.writes.notify(sliceOf(Buffer.from(channel)), sliceOf(Buffer.from(payload)))
    this.#budget.checkSize()
  }

  #checkWritable(): void {
    if (this.readOnly) throw new PolylogError('read_only', 'cannot write in a read-only transaction')
  }

  #beforeWrite(key: Slice, kind: WriteKind, mode: LockMode): void {
    this.#checkWritable()
    this.#mayTouch(key, true)
    checkKey(key)
    this.writes.waitForRoom()
    this.locks.touch(key)
    if (kind !== 'derived') this.locks.beforeWrite(key, mode)
  }

  /** Throws where the schema of the collection was changed after the snapshot. */
  checkSchema(keyspace: number): void {
    if (this.#catalog.isOutdated(keyspace, this.kernel.catalog)) this.changedMeanwhile('the schema of the collection')
  }

  lock(key: Slice, mode: LockMode, policy: LockPolicy = 'wait', isStill?: () => boolean): boolean {
    return this.locks.lock(key, mode, policy, isStill)
  }

  hold(key: Slice, mode: LockMode): void {
    this.locks.hold(key, mode)
  }

  get seesNewest(): boolean {
    return this.sequence === this.kernel.newestSequence
  }

  checkUnchanged(key: string, isStill?: () => boolean): void {
    if (this.view.isChanged(key) && isStill?.() !== true) this.changedMeanwhile('the row')
  }

  /** Data newer than this statement's snapshot is in the way. */
  changedMeanwhile(what: string): never {
    throw newerThanSnapshot(this.isolation, what)
  }

  get ownCatalog(): CatalogState {
    return this.#catalog.own
  }

  /** The newest committed catalog when this statement began. */
  get baseCatalog(): CatalogState {
    return this.#catalog.base
  }

  get catalogChanges(): readonly CatalogChange[] {
    return this.#catalog.changes
  }

  /** `needsRoom`: false of what is smaller than what it replaces. */
  changeCatalog(key: Slice, value: Slice | undefined, needsRoom = true): void {
    this.#checkWritable()
    if (value === undefined) {
      this.writes.delete(key, false)
      this.#budget.deleted(sliceLength(key))
    } else {
      this.writes.put(key, value, false)
      if (needsRoom) this.#budget.added()
    }
    this.#catalog.change(key, value)
  }

  get globals(): GlobalChanges {
    return new GlobalChanges(this)
  }

  createNamespace(name: string, hasOwner = true): Namespace {
    return schema.createNamespace(this, name, hasOwner)
  }

  dropNamespace(namespace: Namespace): void {
    schema.dropNamespace(this, namespace)
  }

  createCollection(...given: Parameters<Transaction['createCollection']>): Collection {
    const [namespace, name, kind, definition, engine] = given
    return schema.createCollection(this, { namespace, name, kind, definition, engine })
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

  // ---- retried writes

  rememberReply(sessionKey: string, operation: bigint, reply: Slice): void {
    this.writes.put(replyKey(sessionKey), encodeReply(operation, this.timeMs, reply), false)
  }

  rememberedReply(sessionKey: string): RememberedReply | undefined {
    return findReply(this, sessionKey)
  }

  // ---- the end

  /**
   * Makes everything one record. Its sequence, or the newest that was seen where nothing was written; a promise of it where
   * so much was written that it takes several turns. Those may be stopped: by the interruption, and by `rollback`.
   */
  commit(interruption?: Interruption): Sequence | Promise<Sequence> {
    if (this.doomed !== undefined) throw this.doomed
    assert(!this.ended, 'a transaction is committed twice')
    assert(this.#agenda?.isEmpty !== false, 'a transaction commits before its deferred constraints were checked')
    if (this.writes.count === 0) {
      const seen = this.view.isTaken ? this.sequence : this.kernel.newestSequence
      this.end(seen)
      return seen
    }
    const large = isLarge(this)
    // Between the end of a statement that had to wait and its commit others may have come in.
    if (this.staysInTurn && (large || this.sequence !== this.kernel.newestSequence)) throw new TakesTurns()
    if (large) return this.kernel.largeCommits.run(this, interruption)
    this.committedAt = commitTransaction(this)
    this.end(this.committedAt)
    return this.committedAt
  }

  /** Told by a commit in slices, in the turn in which everybody sees it. What was written belongs to the log now. */
  published(sequence: Sequence): void {
    this.committedAt = sequence
    this.writes.forgetValues()
    this.writes = new WriteSet(this.kernel.spill)
    this.end(sequence)
  }

  validateReads(): void {
    if (this.reads !== undefined) validateReads(this, this.reads)
  }

  rollback(): void {
    if (!this.ended) this.end()
  }

  end(committed?: Sequence): void {
    this.ended = true
    this.view.forget()
    this.endStatement()
    this.locks.release()
    if (this.interleaved) this.writes.release()
    else this.writes.reset()
    this.#budget.reset()
    this.#agenda?.reset()
    this.kernel.open.delete(this)
    this.effects.end(committed)
    this.counts.end(committed !== undefined)
    if (this.committedAt !== undefined) this.kernel.keyWaits.deliver()
  }
}
