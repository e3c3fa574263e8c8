/**
 * Policies for who reads and writes a table as documents: the same expressions that SQL's plans test, compiled by the language
 * that they are in.
 *
 * What is compiled holds for the rights and the definitions that it was made for, and is kept with the version of the table.
 */
import type { Rights } from '../database/access/rights.ts'
import type { Transaction } from '../database/contract.ts'
import { canWait, suspended } from '../database/transaction/wait.ts'
import { compilePolicies, type CompiledPolicies } from '../model/table/expressions.ts'
import type { Values } from '../model/table/keys.ts'
import { isSubject, type RowGuard } from '../model/table/policies.ts'
import type { Table } from '../model/table/table.ts'

/** False: the row is not there, for this caller. */
export type RowFilter = (row: Values, transaction: Transaction) => boolean

export class TablePolicies {
  readonly #table: Table
  readonly #compiled = new WeakMap<Rights, CompiledPolicies>()

  constructor(table: Table) {
    this.#table = table
  }

  /** Undefined: none concern the caller. */
  #of(transaction: Transaction): CompiledPolicies | undefined {
    const table = this.#table
    const { rights } = transaction.principal
    if (table.definition.rowSecurity === undefined || !isSubject(rights, table.collection)) return undefined
    let compiled = this.#compiled.get(rights)
    if (compiled?.isCurrent(transaction.catalog) !== true) {
      compiled = compilePolicies(transaction, table)
      this.#compiled.set(rights, compiled)
    }
    transaction.access.passPolicies(table.id)
    return compiled
  }

  concern(transaction: Transaction): boolean {
    return this.#of(transaction) !== undefined
  }

  /** Of rows that are read, and of those that may be changed or deleted: who changes a document has read it. */
  filter(transaction: Transaction, command: 'select' | 'update' | 'delete'): RowFilter | undefined {
    return this.#of(transaction)?.[command]
  }

  /** Of rows that are read one after another: those that are hidden are work, too. */
  scanFilter(transaction: Transaction): RowFilter | undefined {
    const filter = this.filter(transaction, 'select')
    return filter && pausing(filter)
  }

  guard(transaction: Transaction, command: 'insert' | 'update'): RowGuard | undefined {
    return this.#of(transaction)?.[command === 'insert' ? 'inserted' : 'updated']
  }
}

function pausing(filter: RowFilter): RowFilter {
  let mustPause = false
  return (row, transaction) => {
    if (mustPause && canWait()) {
      mustPause = false
      throw suspended
    }
    const isVisible = filter(row, transaction)
    if (!isVisible) mustPause = transaction.slice.spend(1)
    return isVisible
  }
}
