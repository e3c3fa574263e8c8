/**
 * The rules that the table model itself keeps, in PostgreSQL's order: generated columns, those of domains, not null, checks, index entries with
 * their unique constraints, and last what is looked at behind the row: a deferrable primary key, what refers to the row, what
 * it refers to, deferrable unique constraints. Of several that fail at the end of a statement the first one of the first
 * row is told, as PostgreSQL's triggers for them come in the order of their names. The primary key is no rule: it is where a row lies (`rows.ts`).
 */
import { checkNotNull, checkRow, checkTwin, type RowCheck } from './constraints.ts'
import { addEntry, removeEntry, updateEntry } from './entries.ts'
import { checksOf } from './expressions.ts'
import { domainRule } from './domains.ts'
import { generatedColumnsRule } from './generated-columns.ts'
import { partitionRule } from './partitions/partition-rule.ts'
import {
  checkChangedReferences,
  checkReferences,
  followLeaving,
  followReferred,
  type RowChanges,
} from './reference-rules.ts'
import type { RowRule } from './row-hooks.ts'
import { materializedRule } from './materialized.ts'
import type { Table, TableIndex } from './table.ts'
import { deleteAtCommitRule } from './temporary.ts'

const notNull: RowRule = {
  name: 'not null',
  onInsert(table) {
    const columns = table.columns.filter(({ isNotNull }) => isNotNull)
    if (columns.length === 0) return undefined
    return { check: (_transaction, row) => checkNotNull(table, columns, row) }
  },
  onUpdate(table, set) {
    const columns = table.columns.filter(({ isNotNull, ordinal }) => isNotNull && set.has(ordinal))
    if (columns.length === 0) return undefined
    return {
      check: (transaction, newRow, key) => {
        if (columns.every(({ ordinal }) => newRow[ordinal] !== null)) return
        // The message shows the whole row, of which the caller may have read a part.
        const whole = table.reader.read(transaction.get(key)!)
        for (const ordinal of set) whole[ordinal] = newRow[ordinal]!
        checkNotNull(table, columns, whole)
      },
    }
  },
}

function allOrdinals(table: Table): number[] {
  return table.columns.map(({ ordinal }) => ordinal)
}

function meets(some: ReadonlySet<number>, others: ReadonlySet<number>): boolean {
  for (const one of some) if (others.has(one)) return true
  return false
}

const checks: RowRule = {
  name: 'checks',
  onInsert(table) {
    if (table.checks.length === 0) return undefined
    return { check: (transaction, row) => checkRow(transaction, table, checksOf(transaction.catalog, table), row) }
  },
  onUpdate(table, set) {
    if (table.checks.length === 0) return undefined
    // Which columns a check reads is known when it is compiled: with the first row.
    let reading: readonly RowCheck[] | undefined
    // A row from before a check that is NOT VALID may break it in columns that stay as they are.
    const pending = new Set(table.checks.flatMap(({ name, notValid }) => (notValid === true ? [name] : [])))
    return {
      needed: allOrdinals(table),
      check: (transaction, newRow) => {
        reading ??= checksOf(transaction.catalog, table).filter(
          ({ name, reads }) => meets(reads, set) || pending.has(name),
        )
        checkRow(transaction, table, reading, newRow)
      },
    }
  },
}

const entries: RowRule = {
  name: 'index entries',
  onInsert(table) {
    const { indexes } = table
    if (indexes.length === 0) return undefined
    return {
      write: (transaction, row, rowKey) => {
        for (const index of indexes) addEntry(transaction, table, index, row, rowKey)
      },
    }
  },
  onUpdate(table, set) {
    const indexes = table.indexes.filter(({ reads }) => reads.some((ordinal) => set.has(ordinal)))
    if (indexes.length === 0) return undefined
    return {
      needed: indexes.flatMap(({ reads }) => reads),
      write: (transaction, newRow, oldRow, rowKey) => {
        for (const index of indexes) updateEntry(transaction, table, index, newRow, oldRow, rowKey)
      },
    }
  },
  onDelete(table) {
    const { indexes } = table
    if (indexes.length === 0) return undefined
    return {
      needed: indexes.flatMap(({ reads }) => reads),
      write: (transaction, oldRow, rowKey) => {
        for (const index of indexes) removeEntry(transaction, table, index, oldRow, rowKey)
      },
    }
  },
}

/** Constraints of which two rows may have the same values for a while: looked at once the row has its entries. */
function lateUnique(name: string, isPrimary: boolean): RowRule {
  const lateIndexes = (table: Table): TableIndex[] =>
    table.indexes.filter((index) => index.deferrable !== undefined && index.isPrimary === isPrimary)
  return {
    name,
    onInsert(table) {
      const indexes = lateIndexes(table)
      if (indexes.length === 0) return undefined
      return {
        after: (transaction, row) => {
          for (const index of indexes) checkTwin(transaction, table, index, row)
        },
      }
    },
    onUpdate(table, set) {
      const indexes = lateIndexes(table).filter(({ parts }) => parts.some(({ column }) => set.has(column.ordinal)))
      if (indexes.length === 0) return undefined
      return {
        after: (transaction, newRow, oldRow) => {
          for (const index of indexes) {
            const isSame = index.parts.every(({ column: { ordinal } }) => newRow[ordinal] === oldRow[ordinal])
            if (!isSame) checkTwin(transaction, table, index, newRow)
          }
        },
      }
    },
  }
}

/** What rows of other tables, or of this one, may refer to: the primary key and the unique indexes. */
export function referableOrdinals(table: Table): number[] {
  const unique = table.indexes.filter((one) => one.isUnique && one.isPlain && one.deferrable === undefined)
  const parts = [...(table.primaryKey ?? []), ...unique.flatMap((index) => index.parts)]
  return parts.map(({ column }) => column.ordinal)
}

/** Rows that refer to this one follow its change, or forbid it. */
function referred(changes: RowChanges): RowRule {
  return {
    name: 'referred to',
    onUpdate(table, set) {
      if (!table.isReferenced || !referableOrdinals(table).some((ordinal) => set.has(ordinal))) return undefined
      return {
        needed: allOrdinals(table),
        after: (transaction, newRow, oldRow) => followReferred(transaction, table, oldRow, newRow, changes),
      }
    },
    onDelete(table) {
      if (!table.isReferenced) return undefined
      return {
        needed: referableOrdinals(table),
        after: (transaction, oldRow, _key, isMoved) => {
          if (isMoved) followLeaving(transaction, table, oldRow, changes)
          else followReferred(transaction, table, oldRow, undefined, changes)
        },
      }
    },
  }
}

/** The rows that this one refers to are there. */
const references: RowRule = {
  name: 'references',
  onInsert(table) {
    if (table.foreignKeys.length === 0) return undefined
    return { after: (transaction, row, key) => checkReferences(transaction, table, row, key) }
  },
  onUpdate(table, set) {
    if (table.foreignKeys.length === 0) return undefined
    const sets = (number: number): boolean => set.has(table.columnByNumber(number).ordinal)
    const changesReference = table.foreignKeys.some(({ columns }) => columns.some(sets))
    const mayMove = table.primaryKey?.some(({ column }) => set.has(column.ordinal)) === true
    if (!changesReference && !mayMove) return undefined
    return {
      needed: allOrdinals(table),
      after: (transaction, newRow, oldRow, key, isMoved) => {
        if (!changesReference && !isMoved) return
        checkChangedReferences(transaction, table, oldRow, newRow, key, isMoved)
      },
    }
  },
}

/** `changes`: by which an action changes the rows that refer. */
export function builtInRules(changes: RowChanges): readonly RowRule[] {
  return [
    generatedColumnsRule,
    domainRule,
    notNull,
    checks,
    partitionRule,
    entries,
    lateUnique('deferrable primary key', true),
    referred(changes),
    references,
    lateUnique('deferrable unique constraints', false),
    deleteAtCommitRule,
    materializedRule,
  ]
}
