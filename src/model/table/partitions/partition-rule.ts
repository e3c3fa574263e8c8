/** The rule that a partition holds rows of its own bound only, whichever way they come. */
import type { Catalog } from '../../../database/catalog/catalog.ts'
import type { RowRule } from '../row-hooks.ts'
import type { Table } from '../table.ts'
import { checkBelongs, routingOrdinals } from './routing.ts'

function sets(catalog: Catalog, table: Table, set: ReadonlySet<number>): boolean {
  for (const ordinal of routingOrdinals(catalog, table)) if (set.has(ordinal)) return true
  return false
}

export const partitionRule: RowRule = {
  name: 'partition bounds',
  onInsert(table) {
    if (table.definition.bound === undefined) return undefined
    return { check: (transaction, row) => checkBelongs(transaction, table, row) }
  },
  onUpdate(table, set) {
    if (table.definition.bound === undefined) return undefined
    // Which columns concern the tables above it is known when the first row comes.
    let concerned: boolean | undefined
    return {
      needed: table.columns.map(({ ordinal }) => ordinal),
      check: (transaction, newRow) => {
        concerned ??= sets(transaction.catalog, table, set)
        if (concerned) checkBelongs(transaction, table, newRow)
      },
    }
  },
}
