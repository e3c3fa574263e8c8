/**
 * Advisory locks: of numbers that mean what their users say they mean. A statement asks for one for its transaction, which
 * gives it back at its end or with a savepoint, or for its session, which keeps it until it gives it back or ends.
 */
import type { LockPolicy, TableLockMode } from '../contract.ts'
import type { TransactionLocks } from './transaction-locks.ts'

/** As PostgreSQL's pg_locks shows one: the halves of one number (`part` 1), or two numbers (`part` 2). */
export interface AdvisoryKey {
  readonly high: number
  readonly low: number
  readonly part: 1 | 2
}

export interface AdvisoryLock {
  readonly key: AdvisoryKey
  readonly isShared: boolean
  readonly ofSession: boolean
}

const prefix = '\xffadvisory '

function nameOf({ high, low, part }: AdvisoryKey): string {
  return `${prefix}${high} ${low} ${part}`
}

/** The key that a lock of that name is on. */
export function advisoryLocked(name: string): AdvisoryKey | undefined {
  if (!name.startsWith(prefix)) return undefined
  const [high, low, part] = name.slice(prefix.length).split(' ').map(Number)
  return { high: high!, low: low!, part: part === 2 ? 2 : 1 }
}

function modeOf({ isShared }: AdvisoryLock): TableLockMode {
  return isShared ? 'table share' : 'exclusive'
}

export class AdvisoryLocks {
  readonly #locks: TransactionLocks

  constructor(locks: TransactionLocks) {
    this.#locks = locks
  }

  /** False under `skip`. Errors: those of any lock, and `out_of_memory`. */
  lock(lock: AdvisoryLock, policy: LockPolicy): boolean {
    const locks = this.#locks
    const [name, mode] = [nameOf(lock.key), modeOf(lock)]
    return lock.ofSession ? locks.ofSession.lock(locks, name, mode, policy) : locks.lockName(name, mode, policy)
  }

  /** Of the session. False where it does not hold it. */
  unlock(key: AdvisoryKey, isShared: boolean): boolean {
    return this.#locks.ofSession.unlock(this.#locks, nameOf(key), modeOf({ key, isShared, ofSession: true }))
  }

  /** All of the session's. */
  unlockAll(): void {
    this.#locks.ofSession.unlockAll(this.#locks)
  }
}
