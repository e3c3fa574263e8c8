/** What statements answer to `prepare`, and how their parts become the contract's `PreparedStatement`. */
import type { Rights } from '../../../database/access/rights.ts'
import type { Catalog } from '../../../database/catalog/catalog.ts'
import type { Binder, Dependency } from '../bind/binder.ts'
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
import { type Work, StepsExecution } from './execution.ts'

/** What one kind of statement makes of its tree. */
export interface Planned {
  readonly effect: StatementEffect
  readonly command: string
  readonly columns?: readonly OutputColumn[] | undefined
  execute(parameters: readonly SqlValue[]): Execution
  readonly copy?: CopyDescription
}

export function planSteps(
  effect: StatementEffect,
  command: string,
  work: Work,
  columns?: readonly OutputColumn[],
): Planned {
  return { effect, command, columns, execute: (parameters) => new StepsExecution(work, parameters) }
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
  readonly #planned: Planned
  readonly #dependencies: readonly Dependency[]
  /** Under which it was seen to be allowed. */
  readonly #rights: Rights
  /** The newest catalog under which the plan was seen to hold. */
  #checkedCatalog: Catalog

  constructor(planned: Planned, binder: Binder) {
    binder.checkParameters()
    binder.access.check(binder.rights)
    this.#rights = binder.rights
    this.#planned = planned
    this.effect = planned.effect
    this.command = planned.command
    this.parameterTypes = binder.parameterTypes
    this.columns = planned.columns?.map(resultColumn)
    if (planned.copy !== undefined) this.copy = planned.copy
    this.#dependencies = binder.dependencies
    this.#checkedCatalog = binder.catalog
  }

  uses(collection: number): boolean {
    return this.#dependencies.some((one) => one.collection?.id === collection)
  }

  isCurrent(catalog: Catalog, rights: Rights): boolean {
    if (rights !== this.#rights) return false
    if (catalog === this.#checkedCatalog) return true
    for (const { namespace, name, collection } of this.#dependencies) {
      if (catalog.findCollection(namespace, name) !== collection) return false
    }
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
    return this.#planned.execute(parameters)
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
