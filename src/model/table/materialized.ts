/**
 * Materialized views: tables whose rows are those that a query gave when it was last asked. Nobody writes to them, by
 * whichever door, but the statement that asks it.
 */
import type { Transaction } from '../../database/contract.ts'
import type { RowRule } from './row-hooks.ts'
import type { Table } from './table.ts'
import { sqlError } from './types/type.ts'

const refreshing = new WeakMap<Transaction, number>()

/** From here on to `endRefresh` rows may be written. */
export function beginRefresh(transaction: Transaction, { id }: Table): void {
  refreshing.set(transaction, id)
}

export function endRefresh(transaction: Transaction): void {
  refreshing.delete(transaction)
}

export const materializedRule: RowRule = {
  name: 'materialized',
  onStatement(table) {
    if (table.definition.materialized === undefined) return undefined
    return { before: (transaction) => refuseChange(transaction, table) }
  },
}

function refuseChange(transaction: Transaction, { id, name }: Table): void {
  if (refreshing.get(transaction) === id) return
  throw sqlError('wrong_type', '42809', `cannot change materialized view "${name}"`)
}
