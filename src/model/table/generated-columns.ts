/**
 * GENERATED ALWAYS AS (…) STORED: columns that follow from others of their row.
 *
 * They are computed where the row is as its writer wants it, before it is checked, so checks, keys and references see them
 * as any other column. A row is computed anew where a column that its expression reads is set. Expressions are immutable and read no
 * generated column, so their order does not matter, and the verifier can compute them again.
 */
import { generatedOf } from './expressions.ts'
import type { RowRule } from './row-hooks.ts'
import type { Column, Table } from './table.ts'

export function generatedColumns(table: Table): Column[] {
  return table.columns.filter(({ generated }) => generated !== undefined)
}

function ordinalsRead(table: Table, { generated }: Column): number[] {
  return generated!.reads.map((number) => table.columnByNumber(number).ordinal)
}

/** Also those that are set by themselves: to DEFAULT, or by a writer who has no say in it. */
function derivedBy(table: Table, set: ReadonlySet<number>): Column[] {
  return generatedColumns(table).filter(
    (column) => set.has(column.ordinal) || ordinalsRead(table, column).some((ordinal) => set.has(ordinal)),
  )
}

export const generatedColumnsRule: RowRule = {
  name: 'generated columns',
  onInsert(table) {
    const columns = generatedColumns(table)
    if (columns.length === 0) return undefined
    return {
      derive: (transaction, row) => {
        for (const column of columns) row[column.ordinal] = generatedOf(transaction, table, column, row)
      },
    }
  },
  alsoSets: (table, set) => derivedBy(table, set).map(({ ordinal }) => ordinal),
  onUpdate(table, set) {
    const columns = derivedBy(table, set)
    if (columns.length === 0) return undefined
    return {
      needed: columns.flatMap((column) => [column.ordinal, ...ordinalsRead(table, column)]),
      derive: (transaction, row) => {
        for (const column of columns) row[column.ordinal] = generatedOf(transaction, table, column, row)
      },
    }
  },
}
