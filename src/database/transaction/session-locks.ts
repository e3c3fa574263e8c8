/**
 * What one session holds beyond the ends of its transactions: PostgreSQL's advisory locks of sessions.
 *
 * A lock is held once in the table of locks, and counted here: asked for twice, it is to be given back twice. Calls stand
 * within statements that may be run again (`wait.ts`), so each call of a statement is noted with its way back: where the
 * statement is taken back to be run again, its calls are undone, last first; where it ends, with an error or not, they
 * stay, and what nobody counts any more is given back. Until then a lock that is no longer counted is held: the statement may
 * turn out to have to run again, and would find it taken.
 *
 * Invariant: between two statements of the session the locks that it holds in the table are those that it counts.
 */
import type { MemoryAccount } from '../../base/memory-account.ts'
import type { LockPolicy, TableLockMode } from '../contract.ts'
import type { LockOwner, LockTable, Session } from './locks.ts'

/** Who asks: for whom it waits, and who notes the way back. */
interface Asker {
  lockForSession(session: SessionLocks, name: string, mode: TableLockMode, policy: LockPolicy): boolean
  noteCall(undo: () => void): void
}

interface Held {
  readonly key: string
  readonly name: string
  readonly mode: TableLockMode
  count: number
}

export class SessionLocks implements LockOwner {
  readonly id = 0
  readonly isSession = true
  readonly principal: Session
  readonly #table: LockTable
  readonly #account: MemoryAccount
  readonly #counts = new Map<string, Held>()
  /** In the running statement. */
  readonly #changed = new Set<Held>()
  #isClosed = false

  constructor(principal: Session, table: LockTable, account: MemoryAccount) {
    this.principal = { sessionId: principal.sessionId }
    this.#table = table
    this.#account = account.child('the locks of the session')
  }

  /** False under `skip`. Errors: those of `LockTable.acquire`, and `out_of_memory`. */
  lock(asker: Asker, name: string, mode: TableLockMode, policy: LockPolicy): boolean {
    const key = `${mode} ${name}`
    let held = this.#counts.get(key)
    if (held === undefined) {
      this.#account.resize(this.#account.usedBytes, (this.#counts.size + 1) * bytesOfOne, 'the locks of the session')
      // Counted before it is held: what is granted while the statement waits is given back at its end.
      this.#counts.set(key, (held = { key, name, mode, count: 0 }))
      this.#changed.add(held)
    }
    if (!asker.lockForSession(this, name, mode, policy)) return false
    this.#add(asker, held, 1)
    return true
  }

  /** False where it does not hold it. */
  unlock(asker: Asker, name: string, mode: TableLockMode): boolean {
    const held = this.#counts.get(`${mode} ${name}`)
    if (held === undefined || held.count === 0) return false
    this.#add(asker, held, -1)
    return true
  }

  unlockAll(asker: Asker): void {
    for (const held of this.#counts.values()) this.#add(asker, held, -held.count)
  }

  #add(asker: Asker, held: Held, change: number): void {
    held.count += change
    this.#changed.add(held)
    asker.noteCall(() => (held.count -= change))
  }

  /** Gives back what is not counted. */
  settle(): void {
    if (this.#isClosed) return
    for (const { key, name, mode, count } of this.#changed) {
      if (count > 0) continue
      this.#counts.delete(key)
      this.#table.release(this, name, mode)
    }
    this.#changed.clear()
    this.#account.resize(this.#account.usedBytes, this.#counts.size * bytesOfOne, 'the locks of the session')
  }

  close(): void {
    this.#isClosed = true
    this.#counts.clear()
    this.#changed.clear()
    this.#account.close()
  }
}

/** In the table and here. */
const bytesOfOne = 1024
