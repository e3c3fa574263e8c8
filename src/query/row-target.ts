/**
 * How rows of a relation are written, whatever its home model: what the statements of a language write through.
 *
 * A target completes a row by the rules of its model and keeps them. It may be asked again for the same draft where it had
 * to wait: what it has filled in by then stays. What a statement asks of it is known before it runs: which columns an
 * update sets, and what has to be read of a row for that.
 */
import type { StatementSteps, Transaction } from '../database/contract.ts'
import { sliceOf } from '../base/slice.ts'
import { defaultOf, type RowDraft } from '../model/table/expressions.ts'
import type { RowGuard } from '../model/table/policies.ts'
import { beginEvents, type RowEvent } from '../model/table/row-hooks.ts'
import { deleteRow, insertRow, ordinalsForDelete, planUpdate, updateRow } from '../model/table/rows.ts'
import type { Table } from '../model/table/table.ts'
import type { SqlValue } from '../model/table/types/value.ts'
import { DocumentRelation } from './collection-relation.ts'
import { DocumentTarget } from './document-target.ts'
import { FamilyRelation } from './family-relation.ts'
import { FamilyTarget } from './family-target.ts'
import { isKeyvalue } from './keyvalue-relation.ts'
import { KeyvalueTarget } from './keyvalue-target.ts'
import type { Relation } from './relation.ts'
import { TableRelation } from './table-relation.ts'

export interface InsertOptions {
  /** A row that is there already is left alone, instead of being an error: for targets that say they can. */
  readonly skipsTaken: boolean
  /** The row as it is stored is asked for; else any array may be answered. */
  readonly isShown: boolean
  /** What policies ask of the row as it is stored. */
  readonly guard?: RowGuard | undefined
}

/** A row that is to be changed, by the key that its relation's source gave (`RowSourceHandle.rowKey`). */
export interface FoundRow {
  readonly key: Uint8Array
  /** By the relation's columns; others may stand behind them. */
  readonly row: readonly SqlValue[]
}

/** What a write comes to, or the steps that are left of a large one: for `toItsEnd` (`database/transaction/wait.ts`). */
export type Applied<T> = T | StatementSteps<T>

/** An update of certain columns. */
export interface RowUpdate {
  /** Ordinals that a found row must hold. */
  readonly needed: Iterable<number>
  /** `changed`: the row with other values in those columns. Answers it as it is stored; undefined: it is gone, or was left alone. */
  apply(
    transaction: Transaction,
    found: FoundRow,
    changed: SqlValue[],
    guard?: RowGuard,
  ): Applied<SqlValue[] | undefined>
}

export interface RowDelete {
  readonly needed: Iterable<number>
  /** False: it is gone, or was left alone. */
  apply(transaction: Transaction, found: FoundRow): Applied<boolean>
}

export interface RowTarget {
  /** A statement begins that may change rows, perhaps none. */
  begin?(transaction: Transaction, ...events: readonly RowEvent[]): void
  /** By the relation's columns, undefined where nothing is given. Answers undefined where the row was left out. */
  insert(transaction: Transaction, draft: RowDraft, options: InsertOptions): Applied<SqlValue[] | undefined>
  /** What a column gets that is set to DEFAULT; throws where the model has no defaults. */
  defaultOf(column: number): (transaction: Transaction) => SqlValue
  /** Throws for a column that is never set. */
  update(columns: readonly number[]): RowUpdate
  delete(): RowDelete
}

class TableTarget implements RowTarget {
  readonly #table: Table

  constructor(table: Table) {
    this.#table = table
  }

  begin(transaction: Transaction, ...events: readonly RowEvent[]): void {
    beginEvents(transaction, this.#table, events)
  }

  insert(transaction: Transaction, draft: RowDraft, { guard }: InsertOptions): SqlValue[] | undefined {
    return insertRow(transaction, this.#table, draft, guard)
  }

  defaultOf(column: number): (transaction: Transaction) => SqlValue {
    return (transaction) => defaultOf(transaction, this.#table.columns[column]!)
  }

  update(columns: readonly number[]): RowUpdate {
    const plan = planUpdate(this.#table, columns)
    return {
      needed: plan.needed,
      apply: (transaction, { key, row }, changed, guard) => {
        return updateRow(transaction, plan, sliceOf(key), row, changed, guard)
      },
    }
  }

  delete(): RowDelete {
    const table = this.#table
    return {
      needed: ordinalsForDelete(table),
      apply: (transaction, { key, row }) => deleteRow(transaction, table, sliceOf(key), row),
    }
  }
}

/** Undefined for what cannot be written: views. */
export function findRowTarget(relation: Relation): RowTarget | undefined {
  if (relation instanceof TableRelation) return new TableTarget(relation.table)
  if (relation instanceof FamilyRelation) return new FamilyTarget(relation)
  if (relation instanceof DocumentRelation) return new DocumentTarget(relation)
  if (isKeyvalue(relation)) return new KeyvalueTarget(relation)
  return undefined
}
