/**
 * What one transaction locks: the keys that it writes or was asked to lock, and the schemas of the collections it touches.
 *
 * While the transaction is alone in its turn (`immediate`) nothing is locked: it only looks whether somebody else is in
 * the way, and notes what it would hold. When it becomes `interleaved` it takes all of that, and from then on every lock
 * as it comes. A collection's schema is held in `key share` by everybody who writes to it, in `update` by who changes it.
 *
 * Invariant: whatever was noted before the transaction was interleaved is held, or waited for, after `takeNoted`.
 */
import { PolylogError } from '../../base/errors.ts'
import type { MemoryAccount } from '../../base/memory-account.ts'
import { sliceToLatin1, type Slice } from '../../base/slice.ts'
import { keyspaceOf } from '../../base/tuple.ts'
import type { LockMode, LockPolicy } from '../contract.ts'
import type { LockTable } from './locks.ts'
import { collectionLockKey } from '../catalog/schema-changes.ts'
import { writeKinds, type WriteSet } from './write-set.ts'

/** What the locks ask of their transaction. */
export interface LockingTransaction {
  readonly id: number
  readonly interleaved: boolean
  /** Nothing was committed since its snapshot. */
  readonly seesNewest: boolean
  /** Who pays for its locks: its statement's caller, or its owner where it has one. */
  readonly callerAccount: MemoryAccount
  readonly ownerAccount: MemoryAccount | undefined
  /** It meets somebody, so it can no longer be alone: calls `takeNoted`. */
  interleave(): void
  /** Throws where the key was changed after the transaction's snapshot. */
  checkUnchanged(key: string): void
  /** Throws where the collection's schema was changed after the transaction's snapshot. */
  checkSchema(keyspace: number): void
}

/** Locks that are taken between two charges. */
const chargeEvery = 512

export class TransactionLocks {
  readonly #transaction: LockingTransaction
  readonly #table: LockTable
  #failFast = false
  #taken = 0
  #account: MemoryAccount | undefined
  #noted: { key: string; mode: LockMode }[] = []
  /** The collections written to: the first one, which is mostly the only one, and the others. */
  #firstTouched = -1
  #touched: Set<number> | undefined
  #lastTouched = -1
  /** Collections that nobody else may write to: their keys need no locks. */
  #owned: Set<number> | undefined

  constructor(transaction: LockingTransaction, table: LockTable) {
    this.#transaction = transaction
    this.#table = table
  }

  /** `failFast`: a lock that is not free is a serialization failure. */
  reset(failFast: boolean): void {
    this.#failFast = failFast
    if (this.#noted.length > 0) this.#noted = []
    this.#firstTouched = -1
    this.#touched = undefined
    this.#lastTouched = -1
    this.#owned = undefined
  }

  /** Takes what the transaction has written and noted while it was alone. */
  takeNoted(writes: WriteSet): void {
    writes.forEachEffective((kind, key, operation) => {
      const keyspace = keyspaceOf(key)
      if (kind > writeKinds.delete || writes.isDerived(operation) || writes.isNew(operation)) return
      if (keyspace === 0 || this.#owned?.has(keyspace) === true) return
      this.#acquire(sliceToLatin1(key), kind === writeKinds.put ? 'no key update' : 'update', 'wait')
    })
    for (const { key, mode } of this.#noted) this.#acquire(key, mode, 'wait')
    if (this.#firstTouched >= 0) this.#holdSchema(this.#firstTouched)
    for (const keyspace of this.#touched ?? []) this.#holdSchema(keyspace)
    this.#noted = []
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
    this.touch(key)
    if (this.#owned?.has(keyspaceOf(key)) !== true) this.#lockNamed(sliceToLatin1(key), mode, 'wait')
  }

  lock(key: Slice, mode: LockMode, policy: LockPolicy): boolean {
    this.touch(key)
    const name = sliceToLatin1(key)
    if (this.#owned?.has(keyspaceOf(key)) !== true && !this.#lockNamed(name, mode, policy)) return false
    this.#transaction.checkUnchanged(name)
    return true
  }

  /** Of a name that is not a key: a namespace, a collection's name, its schema. */
  lockName(name: string, mode: LockMode): void {
    this.#lockNamed(name, mode, 'wait')
  }

  #lockNamed(name: string, mode: LockMode, policy: LockPolicy): boolean {
    if (!this.#transaction.interleaved) {
      if (this.#table.isEmpty || !this.#table.blocked(this.#transaction, name, mode)) {
        this.#noted.push({ key: name, mode })
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
    const { ownerAccount, callerAccount } = this.#transaction
    this.#account ??= (ownerAccount ?? callerAccount).child('the locks')
    this.#account.resize(this.#account.usedBytes, this.#table.bytesOf(this.#transaction), 'the locks of a transaction')
  }

  #acquire(name: string, mode: LockMode, policy: LockPolicy): boolean {
    if (this.#failFast && policy === 'wait') {
      if (this.#table.acquire(this.#transaction, name, mode, 'skip')) return true
      throw new PolylogError('serialization_failure', 'another transaction has written or locked this')
    }
    return this.#table.acquire(this.#transaction, name, mode, policy)
  }

  // ---- schemas

  /** On the first write to a collection: holds its schema, or sees that it has changed. */
  touch(key: Slice): void {
    const keyspace = keyspaceOf(key)
    if (keyspace === this.#lastTouched || keyspace === 0) return
    if (keyspace !== this.#firstTouched && this.#touched?.has(keyspace) !== true) {
      if (this.#transaction.interleaved) this.#holdSchema(keyspace)
      else if (!this.#table.isEmpty) this.#lookAtSchema(keyspace)
      this.#transaction.checkSchema(keyspace)
      this.#noteTouched(keyspace)
    }
    this.#lastTouched = keyspace
  }

  #noteTouched(keyspace: number): void {
    if (this.#firstTouched < 0) this.#firstTouched = keyspace
    else (this.#touched ??= new Set()).add(keyspace)
  }

  #holdSchema(keyspace: number): void {
    this.#acquire(collectionLockKey(keyspace), 'key share', 'wait')
  }

  #lookAtSchema(keyspace: number): void {
    if (!this.#table.blocked(this.#transaction, collectionLockKey(keyspace), 'key share')) return
    this.#transaction.interleave()
    this.#holdSchema(keyspace)
  }

  /** The collections written to. */
  get touched(): readonly number[] {
    return this.#firstTouched < 0 ? [] : [this.#firstTouched, ...(this.#touched ?? [])]
  }

  /** Until the end nobody else writes to the collections. */
  excludeWriters(collections: readonly number[]): void {
    for (const id of collections) this.lockName(collectionLockKey(id), 'update')
  }

  /** Of a collection that is changed: nobody else writes to it until the end. */
  lockSchema(collectionId: number): void {
    this.lockName(collectionLockKey(collectionId), 'update')
    this.#transaction.checkSchema(collectionId)
    this.own(collectionId)
  }

  /** Nobody else may write to the collection until the end: it is new, or its schema is locked. */
  own(collectionId: number): void {
    this.#noteTouched(collectionId)
    this.#owned ??= new Set()
    this.#owned.add(collectionId)
  }

  /** What `releaseSince` goes back to. */
  mark(): number {
    return this.#table.mark(this.#transaction)
  }

  /** Keys that were locked since, or locked more strongly, are as they were. */
  releaseSince(mark: number): void {
    this.#table.releaseSince(this.#transaction, mark)
  }

  /** The end: nothing is held any more. */
  release(): void {
    if (this.#transaction.interleaved) this.#table.releaseAll(this.#transaction)
    this.#account?.close()
    this.#account = undefined
  }
}
