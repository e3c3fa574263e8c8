/**
 * What one transaction locks: the keys that it writes or was asked to lock, and the schemas of the collections it touches.
 *
 * While the transaction is alone in its turn (`immediate`) nothing is locked: it only looks whether somebody else is in
 * the way, and notes what it would hold. When it becomes `interleaved` it takes all of that, and from then on every lock
 * as it comes. Collections are held in PostgreSQL's modes of tables: in `row exclusive` by everybody who writes to one, in
 * `row share` by who locks keys of one, in `access share` by SQL's readers, in `share row exclusive` and `access exclusive` by
 * who changes its definition (decision 121).
 *
 * Invariants: whatever was noted before the transaction was interleaved is held, or waited for, after `takeNoted`; what is
 * in `#written`, `#looked` and `#owned` is held, or noted.
 */
import { PolylogError } from '../../base/errors.ts'
import type { MemoryAccount, Payer } from '../../base/memory-account.ts'
import { sliceToLatin1, type Slice } from '../../base/slice.ts'
import { keyspaceOf } from '../../base/tuple.ts'
import {
  type Isolation,
  type LockMode,
  type LockPolicy,
  LockWait,
  PassingWait,
  type Principal,
  type TableLockMode,
} from '../contract.ts'
import { AdvisoryLocks } from './advisory-locks.ts'
import type { AnyLockMode } from './lock-modes.ts'
import { endOf } from './lock-texts.ts'
import type { LockOwner, LockTable } from './locks.ts'
import { NotedLocks } from './noted-locks.ts'
import type { SessionLocks } from './session-locks.ts'
import { collectionLockKey } from '../catalog/schema-changes.ts'
import { writeKinds, type WriteSet } from './write-set.ts'

/** What the locks ask of their transaction. */
export interface LockingTransaction {
  readonly id: number
  readonly principal: Principal
  readonly isolation: Isolation
  readonly interleaved: boolean
  /** Nothing was committed since its snapshot. */
  readonly seesNewest: boolean
  /** Who pays for its locks: its statement's caller, or its owner where it has one. */
  readonly payer: Payer
  readonly lastingPayer: Payer | undefined
  /** It meets somebody, so it can no longer be alone: calls `takeNoted`. */
  interleave(): void
  /** Throws where the key was changed after the transaction's snapshot, and `isStill` does not say that it may stay so. */
  checkUnchanged(key: string, isStill?: () => boolean): void
  /** Throws where the collection's schema was changed after the transaction's snapshot. */
  checkSchema(keyspace: number): void
}

/** What was held at a savepoint, as counts. */
export interface LocksMark {
  readonly journal: number
  readonly written: number
  readonly looked: number
  readonly owned: number
}

/** Locks that are taken between two charges. */
const chargeEvery = 512

export class TransactionLocks {
  readonly #transaction: LockingTransaction
  readonly #table: LockTable
  #failFast = false
  #taken = 0
  #account: MemoryAccount | undefined
  readonly #noted = new NotedLocks()
  /** The collections written to: the first one, which is mostly the only one, and the others. */
  #firstWritten = -1
  #written: Set<number> | undefined
  #lastWritten = -1
  /** Those of which only keys were locked. */
  #looked: Set<number> | undefined
  /** Collections that nobody else may write to, nor lock keys of: their keys need no locks. */
  #owned: Set<number> | undefined
  /** Has asked for locks of its own in this statement. */
  #session: SessionLocks | undefined
  /** Ways back from what the running statement has done beside its writes. */
  #calls: (() => void)[] | undefined

  constructor(transaction: LockingTransaction, table: LockTable) {
    this.#transaction = transaction
    this.#table = table
  }

  /** `failFast`: a lock that is not free is a serialization failure. */
  reset(failFast: boolean): void {
    this.#failFast = failFast
    this.#noted.clear()
    this.#firstWritten = -1
    this.#written = this.#looked = this.#owned = undefined
    this.#lastWritten = -1
  }

  /** Takes what the transaction has written and noted while it was alone. */
  takeNoted(writes: WriteSet): void {
    writes.forEachEffective((kind, key, operation) => {
      const keyspace = keyspaceOf(key)
      if (kind > writeKinds.delete || writes.isDerived(operation) || writes.isNew(operation)) return
      if (keyspace === 0 || this.#owned?.has(keyspace) === true) return
      this.#acquire(sliceToLatin1(key), kind === writeKinds.put ? 'no key update' : 'update', 'wait')
    })
    this.#noted.each((name, mode) => this.#acquire(name, mode, 'wait'))
    for (const keyspace of this.#writtenTo()) this.#holdSchema(keyspace, 'row exclusive')
    for (const keyspace of this.#looked ?? []) this.#holdSchema(keyspace, 'row share')
    this.#noted.clear()
  }

  // ---- keys

  /** Of a primary key that is about to be written. */
  beforeWrite(key: Slice, mode: LockMode): void {
    if (this.#transaction.interleaved) this.#lockBeforeWrite(key, mode)
    else if (!this.#table.isEmpty) this.#lookBeforeWrite(key, mode)
  }

  #lockBeforeWrite(key: Slice, mode: LockMode): void {
    const isOwned = this.#owned?.has(keyspaceOf(key)) === true
    if (isOwned || !this.#transaction.seesNewest || !this.#table.acquireAlone(this.#transaction, key, mode)) {
      this.lock(key, mode, 'wait')
    } else this.#chargeTaken()
  }

  #lookBeforeWrite(key: Slice, mode: LockMode): void {
    const name = sliceToLatin1(key)
    if (!this.#table.blocked(this.#transaction, name, mode)) return
    this.#transaction.interleave()
    this.#acquire(name, mode, 'wait')
  }

  /** Whatever has become of the key since the snapshot. */
  hold(key: Slice, mode: LockMode): void {
    this.#look(keyspaceOf(key))
    if (this.#owned?.has(keyspaceOf(key)) !== true) this.#lockNamed(sliceToLatin1(key), mode, 'wait')
  }

  lock(key: Slice, mode: LockMode, policy: LockPolicy, isStill?: () => boolean): boolean {
    this.#look(keyspaceOf(key))
    const { interleaved, seesNewest } = this.#transaction
    if (!interleaved && seesNewest && this.#table.isEmpty) {
      if (this.#owned?.has(keyspaceOf(key)) !== true) this.#noted.addKey(key, mode)
      return true
    }
    const name = sliceToLatin1(key)
    if (this.#owned?.has(keyspaceOf(key)) !== true && !this.#lockNamed(name, mode, policy)) return false
    this.#transaction.checkUnchanged(name, isStill)
    return true
  }

  /** Of a name that is not a key: a namespace, a collection's name, its schema. False under `skip`. */
  lockName(name: string, mode: AnyLockMode, policy: LockPolicy = 'wait'): boolean {
    return this.#lockNamed(name, mode, policy)
  }

  #lockNamed(name: string, mode: AnyLockMode, policy: LockPolicy): boolean {
    if (!this.#transaction.interleaved) {
      if (this.#table.isEmpty || !this.#table.blocked(this.#transaction, name, mode)) {
        this.#noted.addName(name, mode)
        return true
      }
      this.#transaction.interleave()
    }
    const isHeld = this.#acquire(name, mode, policy)
    this.#chargeTaken()
    return isHeld
  }

  #chargeTaken(): void {
    if (++this.#taken % chargeEvery === 0) this.#charge()
  }

  /** Throws `out_of_memory`: the statement's error, with which the locks that it took are given back. */
  #charge(): void {
    const { lastingPayer, payer } = this.#transaction
    this.#account ??= (lastingPayer ?? payer).account.child('the locks')
    this.#account.resize(this.#account.usedBytes, this.#table.bytesOf(this.#transaction), 'the locks of a transaction')
  }

  #acquire(name: string, mode: AnyLockMode, policy: LockPolicy): boolean {
    if (this.#failFast && policy === 'wait') {
      if (this.#table.acquire(this.#transaction, name, mode, 'skip')) return true
      throw new PolylogError('serialization_failure', 'another transaction has written or locked this')
    }
    return this.#table.acquire(this.#transaction, name, mode, policy)
  }

  // ---- collections

  /** On the first write to a collection: holds its schema, or sees that it has changed. */
  touch(key: Slice): void {
    const keyspace = keyspaceOf(key)
    if (keyspace === this.#lastWritten || keyspace === 0) return
    if (keyspace !== this.#firstWritten && this.#written?.has(keyspace) !== true) {
      this.#use(keyspace, 'row exclusive')
      this.#noteWritten(keyspace)
    }
    this.#lastWritten = keyspace
  }

  /** On the first lock of a key of it. */
  #look(keyspace: number): void {
    if (keyspace === this.#firstWritten || keyspace === 0 || this.#looked?.has(keyspace) === true) return
    if (this.#written?.has(keyspace) === true) return
    this.#use(keyspace, 'row share')
    this.#looked ??= new Set()
    this.#looked.add(keyspace)
  }

  #use(keyspace: number, mode: TableLockMode): void {
    if (this.#transaction.interleaved) this.#holdSchema(keyspace, mode)
    else if (!this.#table.isEmpty) this.#lookAtSchema(keyspace, mode)
    this.#transaction.checkSchema(keyspace)
  }

  #noteWritten(keyspace: number): void {
    if (this.#firstWritten < 0) this.#firstWritten = keyspace
    else (this.#written ??= new Set()).add(keyspace)
  }

  #holdSchema(keyspace: number, mode: TableLockMode): void {
    this.#acquire(collectionLockKey(keyspace), mode, 'wait')
  }

  #lookAtSchema(keyspace: number, mode: TableLockMode): void {
    if (!this.#table.blocked(this.#transaction, collectionLockKey(keyspace), mode)) return
    this.#transaction.interleave()
    this.#holdSchema(keyspace, mode)
  }

  #writtenTo(): readonly number[] {
    return this.#firstWritten < 0 ? [] : [this.#firstWritten, ...(this.#written ?? [])]
  }

  /** The collections written to, or of which keys were locked. */
  get touched(): readonly number[] {
    return [...this.#writtenTo(), ...(this.#looked ?? [])]
  }

  /** Everything that is locked, keys among it. */
  *heldNames(): Generator<string> {
    for (const { key } of this.#table.heldBy(this.#transaction)) yield key
  }

  /** Until the end nobody else writes to the collections. */
  excludeWriters(collections: readonly number[]): void {
    for (const id of collections) this.lockName(collectionLockKey(id), 'exclusive')
  }

  /**
   * Of a collection as a whole, as SQL's LOCK TABLE and its statements do. Its schema is the one of the snapshot then, or the
   * statement begins again. What is read by one that is alone in its turn is only looked at. False under `skip`.
   */
  lockCollection(id: number, mode: TableLockMode, policy: LockPolicy = 'wait'): boolean {
    const { interleaved, isolation } = this.#transaction
    if (mode === 'access share' && !interleaved) {
      if (!this.#table.isEmpty) this.#lookAtSchema(id, mode)
      return true
    }
    if (!this.#lockNamed(collectionLockKey(id), mode, policy)) return false
    // A reader's snapshot may be as old as it likes, unless its statement can begin again.
    if (mode !== 'access share' || isolation === 'read committed') this.#transaction.checkSchema(id)
    if (mode === 'exclusive' || mode === 'access exclusive') this.own(id)
    return true
  }

  /** Waits until it could lock a collection that it has not locked yet, and does not hold it then. False under `skip`. */
  passCollection(id: number, mode: TableLockMode, policy: LockPolicy): boolean {
    const name = collectionLockKey(id)
    if (this.#table.blocked(this.#transaction, name, mode)) {
      if (policy === 'skip') return false
      this.#transaction.interleave()
      this.#acquireInPassing(name, mode)
    }
    if (this.#transaction.interleaved) this.#table.release(this.#transaction, name, mode)
    return true
  }

  /** Whose transactions use the collection in a way that conflicts with `mode`: for `passUser`, of each. */
  usersOf(id: number, mode: TableLockMode): readonly LockOwner[] {
    return this.#table.usersOf(this.#transaction, collectionLockKey(id), mode)
  }

  /** Waits until that one's transaction is over. Who comes after it is not kept waiting. */
  passUser(user: LockOwner): void {
    if (this.#table.holdEnd(user)) {
      this.#transaction.interleave()
      this.#acquireInPassing(endOf(user), 'access share')
    }
    this.#table.release(this.#transaction, endOf(user), 'access share')
  }

  #acquireInPassing(name: string, mode: TableLockMode): void {
    try {
      this.#acquire(name, mode, 'wait')
    } catch (error) {
      throw error instanceof LockWait ? new PassingWait(error.key, error.granted) : error
    }
  }

  /** Nobody else may write to the collection, nor lock keys of it, until the end: it is new, or locked as a whole. */
  own(collectionId: number): void {
    this.#noteWritten(collectionId)
    this.#owned ??= new Set()
    this.#owned.add(collectionId)
  }

  // ---- sessions

  /** Of the session whose statement runs, beyond the end of the transaction: see `session-locks.ts`. */
  get ofSession(): SessionLocks {
    return (this.#session ??= this.#table.ofSession(this.#transaction.principal, this.#transaction.payer.account))
  }

  /** A lock that a session gets: who is alone in his turn may have to wait for it. */
  lockForSession(session: SessionLocks, name: string, mode: TableLockMode, policy: LockPolicy): boolean {
    if (!this.#transaction.interleaved && policy === 'wait' && this.#table.blocked(session, name, mode)) {
      this.#transaction.interleave()
    }
    return this.#table.acquire(session, name, mode, policy, this.#transaction)
  }

  get advisory(): AdvisoryLocks {
    return new AdvisoryLocks(this)
  }

  /** Something that is no write: `undo` where the statement is taken back to before it, to be run again. */
  noteCall(undo: () => void): void {
    this.#calls ??= []
    this.#calls.push(undo)
  }

  /** How many were noted in the running statement. */
  get calls(): number {
    return this.#calls?.length ?? 0
  }

  undoCalls(count: number): void {
    while (this.calls > count) this.#calls!.pop()!()
  }

  /** The statement will not be run again: what it has done beside its writes stays. */
  keepCalls(): void {
    this.#calls = undefined
  }

  /** The running statement is over, and has asked for nothing that it has not got. */
  endStatement(): void {
    this.#calls = undefined
    this.#session?.settle()
    this.#session = undefined
  }

  // ---- savepoints

  /** What `releaseSince` goes back to. */
  mark(): LocksMark {
    return {
      journal: this.#table.mark(this.#transaction),
      written: this.#writtenTo().length,
      looked: this.#looked?.size ?? 0,
      owned: this.#owned?.size ?? 0,
    }
  }

  /** What was locked since, or locked more strongly, is as it was. */
  releaseSince({ journal, written, looked, owned }: LocksMark): void {
    if (!this.#table.releaseSince(this.#transaction, journal)) return
    const kept = this.#writtenTo().slice(0, written)
    this.#firstWritten = kept[0] ?? -1
    this.#written = new Set(kept.slice(1))
    this.#lastWritten = -1
    this.#looked = new Set([...(this.#looked ?? [])].slice(0, looked))
    this.#owned = new Set([...(this.#owned ?? [])].slice(0, owned))
  }

  /** The end: nothing is held any more. */
  release(): void {
    if (this.#transaction.interleaved) this.#table.releaseAll(this.#transaction)
    this.#account?.close()
    this.#account = undefined
  }
}
