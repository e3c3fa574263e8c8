/**
 * Prepared transactions of one database: PREPARE TRANSACTION, and what ends it, COMMIT PREPARED or ROLLBACK PREPARED (decision 149).
 *
 *   open ──prepare──▶ an entry of the catalog, and an owner of the locks here
 *   that ──commit───▶ one record: the writes, and the entry deleted      ──synced──▶ the locks are given back
 *        ──rollback─▶ one record: the entry deleted                      ──synced──▶ the locks are given back
 *
 * All three are ordinary records of transactions of their own, so that the log, checkpoints and followers know nothing of it. Who leads
 * the log holds the locks; `load` puts them back.
 *
 * Invariant: while this process leads, each head in the store has an owner here which holds the locks of its parts. Where a record is
 * refused after it was published, the owner comes back, or goes, as its entry does.
 */
import { PolylogError } from '../../base/errors.ts'
import type { MemoryAccount } from '../../base/memory-account.ts'
import { type KeyRange, latin1ToBytes, sliceOf } from '../../base/slice.ts'
import type { Cursor } from '../../storage/store.ts'
import { encodeOperation } from '../commit/commit.ts'
import type { Interruption } from '../commit/large-commits.ts'
import { Elsewhere, type Sequence } from '../contract.ts'
import type { Kernel, TransactionOptions } from '../kernel.ts'
import type { KeyChange } from '../messages/effects.ts'
import type { RowJournal } from '../statistics/transaction-counts.ts'
import type { LockOwner } from '../transaction/locks.ts'
import { throughMisses } from '../transaction/pinned-pages.ts'
import { ReadLog, readsChanged } from '../transaction/read-log.ts'
import type { KernelTransaction } from '../transaction/transaction.ts'
import {
  decodeHead,
  encodeHead,
  gidOf,
  headKey,
  heads,
  keysOf,
  openPart,
  partKey,
  type PartKind,
  partKinds,
  PartsWriter,
  type PreparedHead,
  readLock,
  type StoredTouch,
  writeLock,
} from './prepared-entries.ts'
import { RestoredWrites } from './restored-writes.ts'

export interface PreparingKernel extends Kernel {
  begin(options: TransactionOptions): KernelTransaction
  /** Numbers up to these have been given out. */
  noteGiven(transactionId: number, version: number): void
}

/** Who prepares. */
export interface Preparer {
  readonly owner: string
  readonly ownerId: number | undefined
}

/** As `pg_prepared_xacts` shows one. */
export interface ShownPrepared extends PreparedHead {
  readonly gid: string
}

const gidBytesMax = 199
/** Operations between two looks at how much this turn has done. */
const operationsPerSlice = 1000
/** Of more that was read, all counts as read by those who look key by key. */
const readsLookedAtMax = 1000
const ownTransaction: TransactionOptions = { isolation: 'read committed', readOnly: false, interactive: true }

/** The owner of the locks. */
class Prepared implements LockOwner {
  readonly id: number
  readonly gid: string
  readonly account: MemoryAccount
  /** Of a serializable one. */
  reads: ReadLog | undefined
  /** Of this process: what was counted before a restart is lost. */
  rows: RowJournal | undefined
  /** It is being prepared, or ended. */
  isBusy = true

  constructor(id: number, gid: string, account: MemoryAccount) {
    this.id = id
    this.gid = gid
    this.account = account
  }
}

export class PreparedTransactions {
  readonly #kernel: PreparingKernel
  readonly #byGid = new Map<string, Prepared>()
  /** Whose reads others must not write to: also of those that are ended, and not synced. */
  readonly #readers = new Set<Prepared>()
  #account: MemoryAccount | undefined

  constructor(kernel: PreparingKernel) {
    this.#kernel = kernel
  }

  get size(): number {
    return this.#byGid.size
  }

  /** As the newest state has them. */
  *list(): Generator<ShownPrepared> {
    const cursor = this.#kernel.newest.scan(heads)
    while (cursor.next()) yield { gid: gidOf(cursor.key), ...decodeHead(cursor.value) }
  }

  find(gid: string): PreparedHead {
    const head = this.#kernel.newest.get(headKey(gid))
    if (head !== undefined) return decodeHead(head)
    throw new PolylogError('undefined_object', `prepared transaction with identifier "${gid}" does not exist`, {
      detail: { sqlState: '42704' },
    })
  }

  // ---- preparing

  /**
   * The sequence with which the transaction is prepared; it has ended then. Its deferred checks were made. Errors: those of
   * a commit, and what cannot be prepared: then it goes on, for its caller to roll back.
   */
  async prepare(
    transaction: KernelTransaction,
    gid: string,
    by: Preparer,
    interruption?: Interruption,
  ): Promise<Sequence> {
    this.#checkNew(gid)
    checkCanBePrepared(transaction, this.#kernel)
    const prepared = this.#begun(transaction.id, gid)
    this.#byGid.set(gid, prepared)
    const record = this.#kernel.begin(ownTransaction)
    try {
      record.beginStatement()
      const parts = await this.#copy(transaction, gid, record, interruption)
      prepared.account.resize(0, this.#kernel.locks.bytesOf(transaction), 'the locks of a prepared transaction')
      checkGoesOn(transaction)
      transaction.validateReads()
      const head = this.#headOf(transaction, by, parts)
      record.writes.put(headKey(gid), encodeHead(head), false)
      record.createdCollections = transaction.createdCollections
      record.usedNumbers = transaction.usedNumbers
      record.endStatement()
      this.#takeOver(transaction, prepared)
      const sequence = await record.commit(interruption)
      prepared.isBusy = false
      this.#whenSynced(sequence, (isLost) => {
        if (isLost) this.#forget(prepared)
      })
      return sequence
    } catch (error) {
      record.rollback()
      this.#forget(prepared)
      throw error
    }
  }

  #begun(id: number, gid: string): Prepared {
    this.#account ??= this.#kernel.account.child('prepared transactions')
    return new Prepared(id, gid, this.#account.child(`the prepared transaction "${gid}"`))
  }

  #checkNew(gid: string): void {
    const { preparedTransactions: most } = this.#kernel.limits
    if (Buffer.byteLength(gid) > gidBytesMax) {
      throw new PolylogError('invalid_argument', `transaction identifier "${gid}" is too long`)
    }
    if (most === 0) {
      throw new PolylogError('active_transaction', 'prepared transactions are disabled', {
        detail: { sqlState: '55000', hint: 'Set max_prepared_transactions to a nonzero value.' },
      })
    }
    if (this.#byGid.has(gid)) {
      throw new PolylogError('duplicate_object', `transaction identifier "${gid}" is already in use`, {
        detail: { sqlState: '42710' },
      })
    }
    if (this.#byGid.size >= most) {
      throw new PolylogError('out_of_memory', 'maximum number of prepared transactions reached', {
        detail: { sqlState: '53200', hint: `Increase max_prepared_transactions (currently ${most}).` },
      })
    }
  }

  /** The parts, into the record; how many there are of each kind. */
  async #copy(
    transaction: KernelTransaction,
    gid: string,
    record: KernelTransaction,
    interruption: Interruption | undefined,
  ): Promise<number[]> {
    const give = (kind: PartKind, number: number, part: { bytes: Uint8Array; start: number; end: number }): void =>
      record.writes.put(partKey(gid, kind, number), part, false)
    const steps = [
      copyWrites(transaction, new PartsWriter(partKinds.operations, give)),
      copyLocks(this.#kernel.locks.heldBy(transaction), new PartsWriter(partKinds.locks, give)),
      copyReads(transaction.reads, new PartsWriter(partKinds.reads, give)),
    ]
    const counts: number[] = []
    for (const one of steps) counts.push(await this.#inSlices(transaction, one, interruption))
    return counts
  }

  /** Gives the thread up at each yield. */
  async #inSlices(
    transaction: KernelTransaction,
    steps: Generator<Promise<void> | undefined, number>,
    interruption: Interruption | undefined,
  ): Promise<number> {
    for (;;) {
      const step = steps.next()
      if (step.done === true) return step.value
      await (step.value ?? new Promise<void>((resolve) => this.#kernel.turn(resolve)))
      checkGoesOn(transaction)
      interruption?.check()
    }
  }

  #headOf(transaction: KernelTransaction, { owner, ownerId }: Preparer, parts: readonly number[]): PreparedHead {
    const { id, isolation } = transaction
    const preparedMs = this.#kernel.pipeline.timeMs()
    const touches = transaction.effects
      .since(0)
      .flatMap((effect): StoredTouch[] =>
        'touch' in effect
          ? [
              [
                effect.touch.keyspace,
                effect.touch.key === undefined ? null : Buffer.from(effect.touch.key).toString('base64'),
                effect.touch.change,
                effect.touch.kind,
                effect.touch.isNew,
              ],
            ]
          : [],
      )
    const version = this.#kernel.nextVersion()
    return { id, owner, ...(ownerId !== undefined && { ownerId }), preparedMs, isolation, version, parts, touches }
  }

  /** In one turn: the transaction is over, and nobody has come to its locks. */
  #takeOver(transaction: KernelTransaction, prepared: Prepared): void {
    prepared.reads = transaction.reads
    prepared.rows = transaction.counts.handOverRows()
    if (prepared.reads !== undefined) this.#readers.add(prepared)
    this.#kernel.locks.transfer(transaction, prepared)
    transaction.rollback()
  }

  // ---- the end

  /** The sequence of the end; `check` may refuse it. Errors: `undefined_object`, `active_transaction` where somebody else is ending it, those of a commit. */
  async finish(
    gid: string,
    commits: boolean,
    check: (head: PreparedHead) => void = () => undefined,
    interruption?: Interruption,
  ): Promise<Sequence> {
    const head = await throughMisses(this.#kernel.store, () => this.find(gid))
    check(head)
    const prepared = this.#byGid.get(gid)
    if (prepared === undefined || prepared.isBusy) {
      throw new PolylogError('active_transaction', `prepared transaction with identifier "${gid}" is busy`, {
        detail: { sqlState: '55000' },
      })
    }
    prepared.isBusy = true
    const record = this.#kernel.begin(ownTransaction)
    try {
      record.beginStatement()
      if (commits) await this.#restore(record, gid, head, interruption)
      for (const key of keysOf(gid, head)) record.writes.delete(key, false)
      record.endStatement()
      const sequence = await record.commit(interruption)
      this.#byGid.delete(gid)
      prepared.rows?.addTo(this.#kernel.statistics, commits ? 'commit' : 'rollback')
      this.#whenSynced(sequence, (isLost) => (isLost ? this.#comeBack(prepared) : this.#forget(prepared)))
      return sequence
    } catch (error) {
      record.rollback()
      prepared.isBusy = false
      throw error
    }
  }

  async #restore(
    record: KernelTransaction,
    gid: string,
    head: PreparedHead,
    interruption: Interruption | undefined,
  ): Promise<void> {
    const restored = new RestoredWrites(record)
    for (let number = 0; number < head.parts[partKinds.operations]!; number++) {
      // What it finds lies in a page, which stays where it is for this turn only.
      await throughMisses(this.#kernel.store, () => {
        restored.add(openPart(this.#kernel.newest, gid, partKinds.operations, number))
      })
      if (number % 2 === 1) await new Promise<void>((resolve) => this.#kernel.turn(resolve))
      interruption?.check()
    }
    for (const [keyspace, key, change, kind, isNew] of head.touches) {
      const bytes = key === null ? undefined : Buffer.from(key, 'base64')
      if (record.effects.areObserved) record.effects.touched(keyspace, bytes, change as KeyChange, kind, isNew)
    }
  }

  #whenSynced(sequence: Sequence, then: (isLost: boolean) => void): void {
    this.#kernel.pipeline.whenDurable(sequence, 'synced', (error) => {
      then(error !== undefined)
    })
  }

  #comeBack(prepared: Prepared): void {
    prepared.isBusy = false
    this.#byGid.set(prepared.gid, prepared)
  }

  #forget(prepared: Prepared): void {
    if (this.#byGid.get(prepared.gid) === prepared) this.#byGid.delete(prepared.gid)
    this.#readers.delete(prepared)
    this.#kernel.locks.releaseAll(prepared)
    prepared.account.close()
  }

  // ---- what was read

  /** Whether a prepared transaction has read what others must not write. */
  get guardsReads(): boolean {
    return this.#readers.size > 0
  }

  /** Throws where a serializable transaction has written what a prepared one has read. */
  checkWrites({ writes }: KernelTransaction): void {
    for (const { reads } of this.#readers) {
      if (reads!.size > readsLookedAtMax) {
        if (writes.count > 0) throw readsChanged()
        continue
      }
      for (const { start, end } of reads!.parts()) {
        if (start < end && writes.touchesRange(start, end)) throw readsChanged()
      }
    }
  }

  // ---- who leads

  /** From what the store holds: before anybody else asks for a lock. */
  async load(): Promise<void> {
    const { store } = this.#kernel
    for (const prepared of [...this.#byGid.values(), ...this.#readers]) this.#forget(prepared)
    const found = await throughMisses(store, () => [...entries(store.current.scan(heads))])
    for (const [gid, head] of found) {
      const prepared = this.#begun(head.id, gid)
      this.#kernel.noteGiven(head.id, head.version)
      await throughMisses(store, () => this.#hold(prepared, head))
      prepared.account.force(this.#kernel.locks.bytesOf(prepared))
      prepared.isBusy = false
      this.#byGid.set(gid, prepared)
    }
  }

  #hold(prepared: Prepared, { parts, isolation }: PreparedHead): void {
    const { store, locks } = this.#kernel
    for (let number = 0; number < parts[partKinds.locks]!; number++) {
      const part = openPart(store.current, prepared.gid, partKinds.locks, number)
      while (part.next()) {
        const { key, held } = readLock(part)
        locks.restore(prepared, key, held)
      }
    }
    if (isolation !== 'serializable') return
    const reads = new ReadLog()
    for (let number = 0; number < parts[partKinds.reads]!; number++) {
      const part = openPart(store.current, prepared.gid, partKinds.reads, number)
      while (part.next()) reads.scanned({ start: part.key, end: part.endKey }, false)?.reached(undefined)
    }
    prepared.reads = reads
    this.#readers.add(prepared)
  }
}

function* entries(cursor: Cursor): Generator<[string, PreparedHead]> {
  while (cursor.next()) yield [gidOf(cursor.key), decodeHead(cursor.value)]
}

function rangeOf(start: string, end: string): KeyRange {
  return { start: sliceOf(latin1ToBytes(start)), end: sliceOf(latin1ToBytes(end)) }
}

function checkCanBePrepared(transaction: KernelTransaction, { locks }: Kernel): void {
  if (transaction.effects.since(0).some((effect) => !('touch' in effect))) {
    throw cannot('cannot PREPARE a transaction that has executed LISTEN, UNLISTEN, or NOTIFY')
  }
  if (locks.isSharedWithSession(transaction)) {
    throw cannot('cannot PREPARE while holding both session-level and transaction-level locks on the same object')
  }
}

function cannot(message: string): PolylogError {
  return new PolylogError('unsupported', message, { detail: { sqlState: '0A000' } })
}

function checkGoesOn({ ended, doomed }: KernelTransaction): void {
  if (doomed !== undefined) throw doomed
  if (ended) throw new PolylogError('transaction_aborted', 'the transaction has ended meanwhile')
}

// Generators: what they yield is waited for, or the next turn.

function* copyWrites({ writes }: KernelTransaction, parts: PartsWriter): Generator<Promise<void> | undefined, number> {
  for (let at = 0; at < writes.count;) {
    try {
      if (writes.isEffective(at)) encodeOperation(parts.writer, writes, at)
    } catch (error) {
      if (!(error instanceof Elsewhere)) throw error
      yield error.done
      continue
    }
    parts.added()
    if (++at % operationsPerSlice === 0) yield
  }
  parts.end()
  return parts.count
}

function* copyLocks(
  locks: Iterable<{ readonly key: string; readonly held: number }>,
  parts: PartsWriter,
): Generator<undefined, number> {
  let count = 0
  for (const { key, held } of locks) {
    writeLock(parts.writer, sliceOf(latin1ToBytes(key)), held)
    parts.added()
    if (++count % operationsPerSlice === 0) yield
  }
  parts.end()
  return parts.count
}

function* copyReads(reads: ReadLog | undefined, parts: PartsWriter): Generator<undefined, number> {
  let count = 0
  for (const { start, end } of reads?.parts() ?? []) {
    if (start >= end) continue
    const range = rangeOf(start, end)
    parts.writer.deleteRange(0, range.start, range.end)
    parts.added()
    if (++count % operationsPerSlice === 0) yield
  }
  parts.end()
  return parts.count
}
