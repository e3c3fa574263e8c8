/**
 * Isolation as a whole: what a transaction sees, what it waits for, and when it is told to begin again.
 *
 * One thread orders everything. Between two turns of the event loop nothing else happens, so a statement that is done
 * within its turn is alone in the world: it reads the newest state, takes no lock, and its commit conflicts with nothing
 * (`immediate`, decision 001). Everything below is for those who give up the thread: because their client holds a
 * transaction open, because their slice is over, or because a page or a lock is not there yet (`interleaved`).
 *
 * What is read is a snapshot of the store, pinned when the thread is given up, with the transaction's private writes laid
 * over it (`write-set.ts`). Nobody sees private writes before the commit makes them one record with one sequence.
 *
 *   level             snapshot             a key that it writes or locks,    commit
 *                                          changed since the snapshot
 *   read committed    one a statement      the statement begins again        –
 *   repeatable read   one a transaction    `serialization_failure`           –
 *   serializable      one a transaction    `serialization_failure`           fails where anything that was read changed
 *
 * So lost updates are impossible at every level; write skew is possible below serializable. Whether something has changed
 * since a sequence, the conflict index knows (`conflict-index.ts`), which is fed while somebody may ask. Serializable
 * transactions log the keys and ranges that they read (`read-log.ts`) and look at commit: commit order is the serial
 * order, so every prefix of the log is a state that a serial execution had, and who only reads never fails. One that has
 * written, and cannot commit any more, hears so with the statement after which that is certain.
 *
 * The snapshot of a transaction is that of its first statement that may read rows: SET, SHOW and LOCK TABLE take none.
 *
 * Writers lock keys as they write (`locks.ts`), readers lock none. A lock is held to the end of its transaction. The modes
 * are PostgreSQL's four; collections as a whole are locked in its eight, under names that are no keys: SQL's readers hold
 * them, too, against those who lock or drop them (decision 121).
 *
 *   who                            waits for                      until              then
 *   a write, FOR UPDATE, DDL       another holder of the lock     it commits or      goes on in place; at read committed
 *                                  in a mode that conflicts       rolls back         it begins again if the key changed
 *   the same with NOWAIT           nobody                         –                  `lock_not_available`
 *   the same with SKIP LOCKED      nobody                         –                  passes over the row
 *   a fail-fast transaction        nobody                         –                  `serialization_failure`
 *   whose wait would close a ring  nobody                         –                  `deadlock`, at once
 *   any read                       a page, if it is missing       it is loaded       goes on in place, in its snapshot
 *   a long statement               its next slice                 its turn comes     goes on in place, in its snapshot
 *   a sender of rows               room in its client's buffer    the client reads   goes on in place, in its snapshot
 *   a reply                        the log, for all it has seen   that is durable    is sent (`session/outbox.ts`)
 *   a party's statement            the other parties' statements  they are done      runs (`session/shared-transaction.ts`)
 *   a read                         no writer, ever, but LOCK TABLE and DDL (of SQL)
 *   a commit                       no reader, ever
 *
 * To go on in place is to call the step again that had to wait (`wait.ts`). To begin again (`Restart`) is for read committed
 * alone: the statement's private writes are taken back to where it began, its locks stay, and it runs on the newest state,
 * where it now holds the lock it had waited for. That is also what one does that meets a lock before it has paused, which is
 * what nearly all do: it waits without a snapshot, so that others' commits need not keep one for it
 * (`session/statement-runner.ts`). It has told nobody anything: rows are held back, or taken back, until the statement
 * cannot begin again any more. A transaction's earlier statements are never run again.
 *
 * Invariants: a transaction that has given up the thread reads only pinned state; what a statement has read and what it
 * writes on is one snapshot; a lock wait is always on the lock table, where the search for rings sees it, and whoever waits
 * for anything else that another transaction can keep from it (a page, a slice, room) holds nothing up for good: the first
 * two come by themselves, the third ends with the client's patience (`shared-transaction.ts`, stall).
 */
import { PolylogError } from '../../base/errors.ts'
import { type Isolation, type LockWait, Restart } from '../contract.ts'
import type { TransactionView } from './transaction-view.ts'

/** Data newer than a statement's snapshot is in the way: what it is told. */
export function newerThanSnapshot(isolation: Isolation, what: string): Restart | PolylogError {
  if (isolation === 'read committed') return new Restart(`${what} has changed`)
  return new PolylogError('serialization_failure', 'could not serialize access due to concurrent update', {
    detail: { hint: 'The transaction might succeed if retried.' },
  })
}

interface Reading {
  readonly isolation: Isolation
  readonly view: TransactionView
}

/** After a lock was granted: what the statement has read may be too old to write upon. */
export function isOutdated({ isolation, view }: Reading, { key }: LockWait): boolean {
  return isolation === 'read committed' && view.isChanged(key)
}
