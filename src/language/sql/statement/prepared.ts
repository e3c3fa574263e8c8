/** What statements answer to `prepare`, and how their parts become the contract's `PreparedStatement`. */
import { noOwner } from '../../../database/access/access-list.ts'
import type { Rights } from '../../../database/access/rights.ts'
import type { Catalog } from '../../../database/catalog/catalog.ts'
import type { StatementSteps, Transaction } from '../../../database/contract.ts'
import { isSteps } from '../../../database/transaction/wait.ts'
import { plainStyle, type TextStyle } from '../../../model/table/types/text-style.ts'
import { type Binder, type Dependency, holdsIn, type Owner } from '../bind/binder.ts'
import type { OutputColumn } from '../bind/query.ts'
import type {
  CopyDescription,
  Execution,
  PreparedStatement,
  ResultColumn,
  SqlValue,
  StatementEffect,
} from '../contract.ts'
import { failure } from '../failure.ts'
import type { SqlRun } from '../plan/run.ts'
import { type Work, StepsExecution } from './execution.ts'
import { LockedExecution, locksOf, type TableLock } from './table-locks.ts'
import { OwnersExecution } from './owners-execution.ts'

/** What one kind of statement makes of its tree. */
export interface Planned {
  readonly effect: StatementEffect
  readonly command: string
  readonly columns?: readonly OutputColumn[] | undefined
  execute(parameters: readonly SqlValue[]): Execution
  readonly copy?: CopyDescription
  readonly outputs?: readonly number[]
  readonly endsTransactions?: true
  /** What it does, where that is done in steps: for a statement around it. */
  readonly work?: Work
}

export function planSteps(
  effect: StatementEffect,
  command: string,
  work: Work,
  columns?: readonly OutputColumn[],
): Planned {
  const whole = effect.kind === 'session' ? withoutSnapshot(work) : work
  return { effect, command, columns, work: whole, execute: (parameters) => new StepsExecution(whole, parameters) }
}

/** SET, SHOW, LOCK TABLE and their like: the transaction's snapshot is that of its first statement that reads rows. */
function withoutSnapshot(work: Work): Work {
  return (run) => {
    const done = work(run)
    if (isSteps(done)) return thenWithoutSnapshot(run, done)
    run.transaction.forgetSnapshot()
    return done
  }
}

function* thenWithoutSnapshot<T>({ transaction }: SqlRun, steps: StatementSteps<T>): StatementSteps<T> {
  const result = yield* steps
  transaction.forgetSnapshot()
  return result
}

/** A statement that the door itself carries out: nothing is left to execute. */
export function planEffect(effect: StatementEffect, command: string): Planned {
  return planSteps(effect, command, () => ({ rowCount: 0 }))
}

export class Prepared implements PreparedStatement {
  readonly effect: StatementEffect
  readonly command: string
  readonly parameterTypes: readonly number[]
  readonly columns: readonly ResultColumn[] | undefined
  readonly copy?: CopyDescription
  readonly outputs?: readonly number[]
  readonly endsTransactions?: true
  readonly #planned: Planned
  readonly #dependencies: readonly Dependency[]
  /** Under which it was seen to be allowed. */
  readonly #rights: Rights
  /** As who views are read, and what those might then. */
  readonly #owners: readonly Owner[]
  readonly #readForOwners: readonly number[]
  /** In which its literals were read. */
  readonly #style: TextStyle
  readonly #locks: readonly TableLock[]
  /** The newest catalog under which the plan was seen to hold. */
  #checkedCatalog: Catalog

  constructor(planned: Planned, binder: Binder) {
    binder.checkParameters()
    binder.checkAccess()
    this.#rights = binder.rights
    this.#owners = binder.owners
    const isAsked = !binder.rights.areUnlimited
    this.#readForOwners = isAsked ? binder.owners.flatMap(({ access }) => access.named()) : []
    this.#style = binder.context.textStyle ?? plainStyle
    this.#planned = planned
    this.effect = planned.effect
    this.command = planned.command
    this.parameterTypes = binder.parameterTypes
    this.columns = planned.columns?.map(resultColumn)
    if (planned.copy !== undefined) this.copy = planned.copy
    if (planned.outputs !== undefined) this.outputs = planned.outputs
    if (planned.endsTransactions === true) this.endsTransactions = true
    this.#dependencies = binder.dependencies
    this.#locks = locksOf(binder, planned)
    this.#checkedCatalog = binder.catalog
  }

  hold(transaction: Transaction): void {
    for (const { id, mode } of this.#locks) transaction.locks.lockCollection(id, mode)
  }

  uses(collection: number): boolean {
    return this.#dependencies.some((one) => one.collection?.id === collection)
  }

  isCurrent(
    catalog: Catalog,
    rights: Rights,
    style: TextStyle = plainStyle,
    rightsOf?: (roleId: number) => Rights,
  ): boolean {
    if (rights !== this.#rights || style !== this.#style) return false
    for (const owner of this.#owners) {
      if (owner.roleId !== noOwner && rightsOf?.(owner.roleId) !== owner.rights) return false
    }
    if (catalog === this.#checkedCatalog) return true
    if (!this.#dependencies.every((one) => holdsIn(catalog, one))) return false
    this.#checkedCatalog = catalog
    return true
  }

  execute(parameters: readonly SqlValue[]): Execution {
    const wanted = this.parameterTypes.length
    if (parameters.length !== wanted) {
      throw failure(
        '08P01',
        `bind message supplies ${parameters.length} parameters, but prepared statement requires ${wanted}`,
      )
    }
    const planned = this.#planned.execute(parameters)
    const execution = this.#locks.length === 0 ? planned : new LockedExecution(planned, this.#locks)
    return this.#readForOwners.length === 0 ? execution : new OwnersExecution(execution, this.#readForOwners)
  }
}

function resultColumn({ name, type, modifier, origin }: OutputColumn): ResultColumn {
  return {
    name,
    typeOid: type,
    typeModifier: modifier,
    tableOid: origin?.tableOid ?? 0,
    columnNumber: origin?.columnNumber ?? 0,
  }
}
