/**
 * Locks of interleaved transactions and of sessions, in PostgreSQL's modes (`lock-modes.ts`), first in first out, deadlocks
 * found at each wait.
 *
 * A lock is a key or a name (latin1), its holders with the modes that they have, and a queue. A request is granted when it
 * conflicts with no other holder and with no request before it in the queue; a holder that asks for more goes to the front.
 * Who must wait gets a promise and, once it is granted, holds the lock: asked for again, it is there.
 *
 * A session holds locks of its own (`session-locks.ts`), for which a transaction waits in its place: the one in which its
 * statement runs. What a session holds and what that transaction holds do not conflict, and who waits for either waits for both.
 *
 * A waiter waits for the holders that conflict with it and for conflicting requests ahead of it. Before it starts to
 * wait that graph is searched; where it leads back to the requester, the requester gets `deadlock`.
 *
 * Whoever holds many keys that nobody else asks for has them in a table (`key-numbers.ts`) instead of a lock each: an
 * UPDATE of a million rows would make a million objects and end them one by one. The lock of such a key is made when
 * somebody asks for it. While nobody else holds or wants a key, that table is all that has to be looked at (`acquireAlone`).
 *
 * A transaction with savepoints notes what it takes from its first mark on, so that what was taken or strengthened since a
 * mark can be given back to what it was; beyond some thousands of keys it keeps them instead.
 *
 * Who must wait until some transactions are over, and keep nobody from coming in meanwhile, waits for each one's end: a lock
 * that is made for it, held by that transaction whatever it rolls back, and never noted on the disk.
 *
 * Invariants: holders of one lock are pairwise compatible; every request in a queue conflicts with a holder or with a
 * request ahead of it; a transaction waits for at most one lock; locks without holders and queue do not exist;
 * a key of such a table has no lock, or one that the table's owner holds.
 */
import { PolylogError } from '../../base/errors.ts'
import { latin1ToBytes, sliceOf, type Slice } from '../../base/slice.ts'
import { LockWait, type LockMode, type LockPolicy } from '../contract.ts'
import type { MemoryAccount } from '../../base/memory-account.ts'
import { KeyNumbers } from './key-numbers.ts'
import { SessionLocks } from './session-locks.ts'
import {
  type AnyLockMode,
  conflicts,
  covers,
  modeNamed,
  modesIn,
  numberOf,
  strongestOf,
  withMode,
} from './lock-modes.ts'
import { endOf, isEnd, isName, nameOf, sessionOf, shownKey, wayTo } from './lock-texts.ts'

/** Whoever holds locks: a transaction, or a session. */
export interface LockOwner {
  /** Of the transaction; 0 of a session. */
  readonly id: number
  readonly isSession?: true
  /** Whose statement the transaction has run last; 0 or undefined: nobody's. */
  readonly principal?: Session
}

export interface Session {
  readonly sessionId: number
}

interface Request {
  readonly owner: LockOwner
  /** Who waits for it: a transaction. */
  readonly waiter: LockOwner
  readonly mode: number
  readonly grant: () => void
  readonly fail: (error: PolylogError) => void
}

interface Lock {
  readonly key: string
  /** The modes of each, as a set. */
  readonly holders: Map<LockOwner, number>
  readonly queue: Request[]
}

export interface LockRow {
  readonly key: string
  /** 0: a session's own. */
  readonly transaction: number
  readonly session: number
  readonly mode: AnyLockMode
  readonly granted: boolean
}

/** By transactions. */
export interface LockWaitRow {
  readonly transaction: number
  readonly session: number
  readonly blocker: number
  readonly blockingSession: number
}

/** Of a lock that is an object, with its holders and its entry in the table. */
const lockBytes = 512

/** In an owner's table: it was given back. */
const givenBack = 4

/** What was held of a key before, since an owner's first mark. */
interface Journal {
  readonly entries: { readonly key: string; readonly before: number | undefined }[]
  isFull: boolean
}

const journalEntriesMax = 16_384

/** Locks of one owner that are objects, before further keys go into its table. */
const lockObjectsMax = 256

export class LockTable {
  readonly #lockObjectsMax: number
  readonly #locks = new Map<string, Lock>()
  /** Of those, locks of keys: not of names. */
  #keyLocks = 0
  /** Of those who hold many keys: the mode of each. */
  readonly #tables = new Map<LockOwner, KeyNumbers>()
  readonly #held = new Map<LockOwner, Set<Lock>>()
  readonly #waiting = new Map<LockOwner, Lock>()
  readonly #journals = new Map<LockOwner, Journal>()
  readonly #sessions = new Map<number, SessionLocks>()
  deadlocks = 0
  waits = 0

  constructor(objectsMax: number = lockObjectsMax) {
    this.#lockObjectsMax = objectsMax
  }

  get size(): number {
    let size = this.#locks.size
    if (this.#tables.size > 0) for (const keys of this.#tables.values()) size += keys.size
    return size
  }

  /** Whether nobody holds anything. */
  get isEmpty(): boolean {
    return this.#locks.size === 0 && this.#tables.size === 0
  }

  #lockOf(key: string): Lock | undefined {
    return this.#locks.get(key) ?? (this.#tables.size === 0 || isName(key) ? undefined : this.#lockFromTable(key))
  }

  #lockFromTable(key: string): Lock | undefined {
    for (const [owner, keys] of this.#tables) {
      const mode = modeIn(keys, key)
      if (mode === undefined) continue
      const lock = this.#newLock(key)
      this.#hold(lock, owner, 1 << mode)
      return lock
    }
    return undefined
  }

  #newLock(key: string): Lock {
    const lock: Lock = { key, holders: new Map(), queue: [] }
    this.#locks.set(key, lock)
    if (!isName(key)) this.#keyLocks++
    return lock
  }

  #forget({ key }: Lock): void {
    this.#locks.delete(key)
    if (!isName(key)) this.#keyLocks--
  }

  /** Of a key without a lock: held in the owner's table, or put into it. */
  #heldInTable(owner: LockOwner, key: string, mode: number): boolean {
    const keys = isName(key) ? undefined : (this.#tables.get(owner) ?? this.#beginTable(owner))
    if (keys === undefined) return false
    const held = modeIn(keys, key)
    if (held !== undefined && held >= mode) return true
    if (held === undefined) {
      for (const others of this.#tables.values()) if (others !== keys && modeIn(others, key) !== undefined) return false
    }
    this.#note(owner, key, held === undefined ? undefined : 1 << held)
    keys.set(sliceOf(latin1ToBytes(key)), mode)
    return true
  }

  /** For one who holds so many locks, with those of keys that nobody else is asking for. */
  #beginTable(owner: LockOwner): KeyNumbers | undefined {
    const held = this.#held.get(owner)
    if (held === undefined || held.size < this.#lockObjectsMax) return undefined
    const keys = new KeyNumbers()
    for (const lock of held) {
      if (isName(lock.key) || lock.holders.size > 1 || lock.queue.length > 0) continue
      keys.set(sliceOf(latin1ToBytes(lock.key)), strongestOf(lock.holders.get(owner)!))
      held.delete(lock)
      this.#forget(lock)
    }
    this.#tables.set(owner, keys)
    return keys
  }

  /** What `acquire` does of a key where nobody but the owner can hold or want any; false where that is not known. */
  acquireAlone(owner: LockOwner, key: Slice, mode: LockMode): boolean {
    if (this.#keyLocks > 0 || this.#tables.size !== 1) return false
    const keys = this.#tables.get(owner)
    if (keys === undefined || this.#journals.get(owner)?.isFull === false) return false
    raise(keys, key, numberOf(mode))
    return true
  }

  /** The strongest mode in which `owner` holds it. */
  holds(owner: LockOwner, key: string): AnyLockMode | undefined {
    const held = this.#lockOf(key)?.holders.get(owner)
    return held === undefined ? undefined : modeNamed(strongestOf(held))
  }

  /** Whether another than `owner` holds `key` against `mode`, or waits for it ahead. */
  blocked(owner: LockOwner, key: string, mode: AnyLockMode): boolean {
    const lock = this.#lockOf(key)
    return lock !== undefined && !this.#grantable(lock, owner, numberOf(mode), lock.queue.length)
  }

  /**
   * True where it is held now, false under `skip`. Throws `LockWait`, `lock_not_available` or `deadlock`. `waiter`: the
   * transaction that waits, where the owner is a session.
   */
  acquire(owner: LockOwner, key: string, mode: AnyLockMode, policy: LockPolicy, waiter: LockOwner = owner): boolean {
    const wanted = numberOf(mode)
    let lock = this.#locks.get(key)
    if (lock === undefined && this.#heldInTable(owner, key, wanted)) return true
    lock ??= this.#lockOf(key)
    lock ??= this.#newLock(key)
    const held = lock.holders.get(owner)
    if (held !== undefined && covers(held, wanted)) return true
    // Whoever holds the lock already may pass the queue: waiting behind it would be a deadlock.
    if (this.#grantable(lock, owner, wanted, held === undefined ? lock.queue.length : 0)) {
      this.#grant(lock, owner, wanted)
      return true
    }
    if (policy === 'skip') return false
    if (policy === 'nowait') throw new PolylogError('lock_not_available', 'could not obtain lock on row')
    throw this.#wait(lock, { owner, waiter, mode: wanted }, held !== undefined)
  }

  #wait(lock: Lock, asked: Pick<Request, 'owner' | 'waiter' | 'mode'>, holding: boolean): LockWait | PolylogError {
    const { owner, waiter, mode } = asked
    const position = holding ? 0 : lock.queue.length
    const granted = new Promise<void>((grant, fail) => {
      lock.queue.splice(position, 0, { ...asked, grant, fail })
    })
    // Queued before the search: whoever it passes waits for it too, and that may be what closes a circle.
    this.#waiting.set(waiter, lock)
    const circle = this.#circleOf(waiter, this.#blockers(lock, owner, mode, position))
    if (circle !== undefined) {
      this.deadlocks++
      const detail = circle.map((each, at) => this.#waitText(each, circle[at + 1] ?? waiter)).join('\n')
      this.#waiting.delete(waiter)
      lock.queue.splice(position, 1)
      return new PolylogError('deadlock', 'deadlock detected', {
        detail: { detail, hint: 'Run the transaction again.' },
      })
    }
    this.waits++
    granted.catch(() => undefined)
    return new LockWait(lock.key, granted)
  }

  #grantable(lock: Lock, owner: LockOwner, mode: number, position: number): boolean {
    for (const [holder, held] of lock.holders) if (conflicts(mode, held) && !areOne(holder, owner)) return false
    for (let i = 0; i < position; i++) {
      const request = lock.queue[i]!
      if (conflicts(mode, 1 << request.mode) && !areOne(request.owner, owner)) return false
    }
    return true
  }

  #grant(lock: Lock, owner: LockOwner, mode: number): void {
    const held = lock.holders.get(owner)
    this.#note(owner, lock.key, held)
    this.#hold(lock, owner, withMode(held ?? 0, mode))
  }

  #hold(lock: Lock, owner: LockOwner, held: number): void {
    lock.holders.set(owner, held)
    let locks = this.#held.get(owner)
    if (locks === undefined) {
      locks = new Set()
      this.#held.set(owner, locks)
    }
    locks.add(lock)
  }

  /** Depth-first through who waits for whom: where that leads back to `waiter`, who is on the way, each waiting for the next. */
  #circleOf(waiter: LockOwner, blockers: readonly LockOwner[]): readonly LockOwner[] | undefined {
    const from = new Map<LockOwner, LockOwner>(blockers.map((blocker) => [blocker, waiter]))
    const seen = new Set<LockOwner>()
    const left = [...blockers]
    for (let next = left.pop(); next !== undefined; next = left.pop()) {
      if (areOne(next, waiter)) return wayTo(next, waiter, from)
      if (seen.has(next)) continue
      seen.add(next)
      for (const blocker of this.#waitedFor(next)) {
        if (!from.has(blocker)) from.set(blocker, next)
        left.push(blocker)
      }
    }
    return undefined
  }

  /** Who waits for what, and for whom: of keys the collection alone, since what stands in them need not be everybody's. */
  #waitText(waiter: LockOwner, blocker: LockOwner): string {
    const lock = this.#waiting.get(waiter)
    const request = lock?.queue.find((each) => each.waiter === waiter)
    const asked = request === undefined ? 'a lock' : `${modeNamed(request.mode)} of ${shownKey(lock!.key)}`
    return `${nameOf(waiter)} waits for ${asked}; blocked by ${nameOf(blocker)}.`
  }

  /** None where it does not wait. A session waits where its statement does. */
  #waitedFor(owner: LockOwner): LockOwner[] {
    if (owner.isSession !== true) return this.#waitedForBy(owner)
    return [...this.#waiting.keys()].filter((one) => areOne(one, owner)).flatMap((one) => this.#waitedForBy(one))
  }

  #waitedForBy(waiter: LockOwner): LockOwner[] {
    const lock = this.#waiting.get(waiter)
    if (lock === undefined) return []
    const at = lock.queue.findIndex((request) => request.waiter === waiter)
    const { owner, mode } = lock.queue[at]!
    return this.#blockers(lock, owner, mode, at)
  }

  #blockers(lock: Lock, owner: LockOwner, mode: number, position: number): LockOwner[] {
    const blockers: LockOwner[] = []
    for (const [holder, held] of lock.holders) {
      if (conflicts(mode, held) && !areOne(holder, owner)) blockers.push(holder)
    }
    for (let i = 0; i < position; i++) {
      const request = lock.queue[i]!
      if (conflicts(mode, 1 << request.mode) && !areOne(request.owner, owner)) blockers.push(request.waiter)
    }
    return blockers
  }

  // ---- sessions

  /** Made for the first lock. */
  ofSession(principal: Session, account: MemoryAccount): SessionLocks {
    const { sessionId } = principal
    let session = this.#sessions.get(sessionId)
    if (session === undefined) this.#sessions.set(sessionId, (session = new SessionLocks(principal, this, account)))
    return session
  }

  endSession(sessionId: number): void {
    const session = this.#sessions.get(sessionId)
    if (session === undefined) return
    this.#sessions.delete(sessionId)
    this.releaseAll(session)
    session.close()
  }

  /** Whether the session holds something itself that the transaction which runs its statements holds, too. */
  isSharedWithSession(owner: LockOwner): boolean {
    const session = this.#sessions.get(sessionOf(owner))
    const held = session === undefined ? undefined : this.#held.get(session)
    return held !== undefined && [...held].some((lock) => lock.holders.has(owner))
  }

  // ---- prepared transactions

  /** Everything that the owner holds, with its modes as a set; some of it twice. */
  *heldBy(owner: LockOwner): Generator<{ readonly key: string; readonly held: number }> {
    for (const { key, holders } of this.#held.get(owner) ?? []) {
      const held = holders.get(owner)
      if (held !== undefined && !isEnd(key)) yield { key, held }
    }
    for (const { key, number } of this.#tables.get(owner) ?? []) {
      if (number !== givenBack) yield { key, held: 1 << number }
    }
  }

  /** All that one holds is the other's from now on: who holds nothing yet and waits for nothing. */
  transfer(from: LockOwner, to: LockOwner): void {
    this.#journals.delete(from)
    const keys = this.#tables.get(from)
    if (keys !== undefined) {
      this.#tables.delete(from)
      this.#tables.set(to, keys)
    }
    const locks = this.#held.get(from)
    if (locks === undefined) return
    this.#held.delete(from)
    this.#held.set(to, locks)
    for (const { holders } of locks) {
      const held = holders.get(from)!
      holders.delete(from)
      holders.set(to, held)
    }
  }

  /** What was held before this process led the log: readers that are there already do not keep it from being held again. */
  restore(owner: LockOwner, key: string, held: number): void {
    const lock = this.#lockOf(key) ?? this.#newLock(key)
    const before = lock.holders.get(owner) ?? 0
    this.#hold(lock, owner, modesIn(held).map(numberOf).reduce(withMode, before))
  }

  // ---- ends

  /** The others whose transactions hold it in a way that conflicts with `mode`. */
  usersOf(owner: LockOwner, key: string, mode: AnyLockMode): LockOwner[] {
    const against = (holder: LockOwner, held: number): boolean =>
      conflicts(numberOf(mode), held) && holder.isSession !== true && !areOne(holder, owner)
    return [...(this.#lockOf(key)?.holders ?? [])].flatMap(([holder, held]) => (against(holder, held) ? [holder] : []))
  }

  /** Makes the lock that a transaction holds until its end, whatever it rolls back: false where it holds nothing any more. */
  holdEnd(user: LockOwner): boolean {
    if (!this.#held.has(user)) return false
    const name = endOf(user)
    if (!this.#locks.has(name)) this.#hold(this.#newLock(name), user, 1 << numberOf('access exclusive'))
    return true
  }

  /** What the owner's locks take. */
  bytesOf(owner: LockOwner): number {
    return (this.#held.get(owner)?.size ?? 0) * lockBytes + (this.#tables.get(owner)?.sizeBytes ?? 0)
  }

  isWaiting(owner: LockOwner): boolean {
    return this.#waiting.has(owner)
  }

  /** Ends a wait without the lock: cancelled, timed out, or its transaction aborted by somebody else. */
  stopWaiting(waiter: LockOwner, error: PolylogError): void {
    const lock = this.#waiting.get(waiter)
    if (lock === undefined) return
    this.#waiting.delete(waiter)
    const at = lock.queue.findIndex((request) => request.waiter === waiter)
    const [request] = lock.queue.splice(at, 1)
    this.#advance(lock)
    request?.fail(error)
  }

  // ---- savepoints

  /** What `releaseSince` goes back to: what the owner holds now. */
  mark(owner: LockOwner): number {
    let journal = this.#journals.get(owner)
    if (journal === undefined) this.#journals.set(owner, (journal = { entries: [], isFull: false }))
    return journal.entries.length
  }

  #note(owner: LockOwner, key: string, before: number | undefined): void {
    const journal = this.#journals.get(owner)
    if (journal === undefined || journal.isFull) return
    if (journal.entries.length >= journalEntriesMax) journal.isFull = true
    else journal.entries.push({ key, before })
  }

  /** Gives back what was taken since the mark, and to each lock that was strengthened what it had. False: all of it is kept. */
  releaseSince(owner: LockOwner, mark: number): boolean {
    const journal = this.#journals.get(owner)
    if (journal === undefined || journal.isFull) return false
    while (journal.entries.length > mark) {
      const { key, before } = journal.entries.pop()!
      const table = this.#tables.get(owner)
      const bytes = sliceOf(latin1ToBytes(key))
      if (table?.get(bytes) !== undefined) table.set(bytes, before === undefined ? givenBack : strongestOf(before))
      const lock = this.#locks.get(key)
      if (lock !== undefined) this.#goBack(lock, owner, before)
    }
    return true
  }

  #goBack(lock: Lock, owner: LockOwner, held: number | undefined): void {
    if (held === undefined) this.#drop(lock, owner)
    else lock.holders.set(owner, held)
    this.#advance(lock)
  }

  /** One mode of what is held of a name. */
  release(owner: LockOwner, name: string, mode: AnyLockMode): void {
    const lock = this.#locks.get(name)
    const held = lock?.holders.get(owner)
    if (lock === undefined || held === undefined) return
    const left = held & ~(1 << numberOf(mode))
    this.#goBack(lock, owner, left === 0 ? undefined : left)
  }

  #drop(lock: Lock, owner: LockOwner): void {
    lock.holders.delete(owner)
    this.#held.get(owner)?.delete(lock)
  }

  releaseAll(owner: LockOwner): void {
    this.#journals.delete(owner)
    if (this.#waiting.has(owner)) {
      this.stopWaiting(owner, new PolylogError('transaction_aborted', 'the transaction has ended'))
    }
    this.#tables.delete(owner)
    const locks = this.#held.get(owner)
    if (locks === undefined) return
    this.#held.delete(owner)
    for (const lock of locks) {
      lock.holders.delete(owner)
      this.#advance(lock)
    }
  }

  /** Grants what may be granted now, also behind a request that must wait but does not conflict with it. */
  #advance(lock: Lock): void {
    for (let at = 0; at < lock.queue.length;) {
      const request = lock.queue[at]!
      if (!this.#grantable(lock, request.owner, request.mode, at)) {
        at++
        continue
      }
      lock.queue.splice(at, 1)
      this.#waiting.delete(request.waiter)
      this.#grant(lock, request.owner, request.mode)
      request.grant()
    }
    if (lock.holders.size === 0 && lock.queue.length === 0) this.#forget(lock)
  }

  rows(): LockRow[] {
    const rows: LockRow[] = []
    for (const lock of this.#locks.values()) {
      for (const [owner, held] of lock.holders)
        for (const mode of modesIn(held)) rows.push(row(lock.key, owner, mode, true))
      for (const { waiter, mode } of lock.queue) rows.push(row(lock.key, waiter, modeNamed(mode), false))
    }
    for (const [owner, keys] of this.#tables) {
      for (const { key, number } of keys) {
        if (number !== givenBack && !this.#locks.has(key)) rows.push(row(key, owner, modeNamed(number), true))
      }
    }
    return rows
  }

  /** Who waits for whom. */
  waitRows(): LockWaitRow[] {
    return [...this.#waiting.keys()].flatMap((waiter) =>
      this.#waitedForBy(waiter).map((blocker) => ({
        transaction: waiter.id,
        session: sessionOf(waiter),
        blocker: blocker.id,
        blockingSession: sessionOf(blocker),
      })),
    )
  }
}

/** The same, or a session and what runs its statement. */
function areOne(a: LockOwner, b: LockOwner): boolean {
  if (a === b) return true
  return a.isSession !== b.isSession && sessionOf(a) === sessionOf(b)
}

function modeIn(keys: KeyNumbers, key: string): number | undefined {
  const mode = keys.get(sliceOf(latin1ToBytes(key)))
  return mode === givenBack ? undefined : mode
}

function raise(keys: KeyNumbers, key: Slice, mode: number): void {
  const place = keys.placeOf(key, mode)
  const held = keys.at(place)
  if (held < mode || held === givenBack) keys.setAt(place, mode)
}

function row(key: string, owner: LockOwner, mode: AnyLockMode, granted: boolean): LockRow {
  return { key, transaction: owner.id, session: sessionOf(owner), mode, granted }
}
