/**
 * The relations that a statement names are held as PostgreSQL holds them, before it does anything: those that it changes in
 * `row exclusive`, those of which it locks rows in `row share`, the others in `access share`. So it waits for who has locked one
 * as a whole, or is changing it, and who wants to do so waits for the transactions that use it.
 */
import { privilege } from '../../../database/access/privileges.ts'
import type { StatementSteps, TableLockMode, Transaction, Wait } from '../../../database/contract.ts'
import { inPlace } from '../../../database/transaction/wait.ts'
import { isSequence } from '../../../model/table/sequence.ts'
import type { Binder } from '../bind/binder.ts'
import {
  type Execution,
  type Notice,
  paused,
  type Paused,
  type Row,
  type SqlContext,
  type StatementEffect,
} from '../contract.ts'
import type { SqlRun } from '../plan/run.ts'
import type { Planned } from './prepared.ts'
import type { StandingAlone } from '../routine/standing-alone.ts'

export interface TableLock {
  readonly id: number
  readonly mode: TableLockMode
}

const usingRows: ReadonlySet<StatementEffect['kind']> = new Set(['read', 'write', 'join', 'copy in', 'copy out'])
const changing = privilege.insert | privilege.update | privilege.delete

export function locksOf(
  binder: Binder,
  { effect, command }: Pick<Planned, 'effect' | 'command'>,
): readonly TableLock[] {
  if (!usingRows.has(effect.kind)) return []
  const changed = new Set<number>()
  for (const { access } of [binder, ...binder.owners]) {
    for (const [id, wanted] of access.wanted()) if ((wanted & changing) !== 0) changed.add(id)
  }
  // What a query may change, where nothing in it writes, is what it locks.
  const strong = command === 'SELECT' && !binder.writes ? 'row share' : 'row exclusive'
  return binder.dependencies.flatMap(({ collection, isValue }): TableLock[] => {
    if (collection === undefined || isValue === true || collection.space !== undefined || isSequence(collection))
      return []
    return [{ id: collection.id, mode: changed.has(collection.id) ? strong : 'access share' }]
  })
}

/** Waits until those who use the collection now, in a way that `mode` conflicts with, are done; keeps nobody from coming. */
export function* passUsers({ transaction }: SqlRun, id: number, mode: TableLockMode): StatementSteps<void> {
  for (const user of transaction.locks.usersOf(id, mode)) {
    yield* inPlace(transaction, () => transaction.locks.passUser(user))
  }
}

/** The same of all who use it, and of those who have come meanwhile, where others who ask for this take their turn. */
export function* passUsersAlone(run: SqlRun, id: number): StatementSteps<void> {
  const { transaction } = run
  yield* inPlace(transaction, () => transaction.locks.passCollection(id, 'share update exclusive', 'wait'))
  yield* passUsers(run, id, 'access exclusive')
  yield* passUsers(run, id, 'access exclusive')
}

export class LockedExecution implements Execution {
  readonly #inner: Execution
  readonly #locks: readonly TableLock[]
  #isLocked = false
  #waitFor: Wait = undefined

  constructor(inner: Execution, locks: readonly TableLock[]) {
    this.#inner = inner
    this.#locks = locks
  }

  next(transaction: Transaction, context: SqlContext): Row[] | Paused | undefined {
    if (!this.#isLocked) {
      try {
        for (const { id, mode } of this.#locks) transaction.locks.lockCollection(id, mode)
      } catch (error) {
        this.#waitFor = transaction.waitOf(error)
        return paused
      }
      this.#isLocked = true
    }
    return this.#inner.next(transaction, context)
  }

  get waitFor(): Wait {
    return this.#isLocked ? this.#inner.waitFor : this.#waitFor
  }

  get rowCount(): number {
    return this.#inner.rowCount
  }

  get notices(): readonly Notice[] {
    return this.#inner.notices
  }

  standAlone(alone: StandingAlone): void {
    this.#inner.standAlone?.(alone)
  }

  reset(): void {
    this.#isLocked = false
    this.#inner.reset()
  }
}
