/**
 * How rows are written into a relation, whatever its home model: what INSERT and COPY store through.
 *
 * A target completes a row by the rules of its model and keeps them. It may be asked again for the same draft where it had
 * to wait: what it has filled in by then stays.
 */
import { PolylogError } from '../base/errors.ts'
import type { Transaction } from '../database/contract.ts'
import { completeRow, type RowDraft } from '../model/table/expressions.ts'
import { insertRow } from '../model/table/rows.ts'
import type { Table } from '../model/table/table.ts'
import type { SqlValue } from '../model/table/types/value.ts'
import { DocumentRelation } from './collection-relation.ts'
import { DocumentTarget } from './document-target.ts'
import { isKeyvalue } from './keyvalue-relation.ts'
import { KeyvalueTarget } from './keyvalue-target.ts'
import type { Relation } from './relation.ts'
import { TableRelation } from './table-relation.ts'

export interface InsertOptions {
  /** A row that is there already is left alone, instead of being an error: for targets that say they can. */
  readonly skipsTaken: boolean
  /** The row as it is stored is asked for; else any array may be answered. */
  readonly isShown: boolean
}

export interface RowTarget {
  /** By the relation's columns, undefined where nothing is given. Answers undefined where the row was left out. */
  insert(transaction: Transaction, draft: RowDraft, options: InsertOptions): SqlValue[] | undefined
}

class TableTarget implements RowTarget {
  readonly #table: Table

  constructor(table: Table) {
    this.#table = table
  }

  insert(transaction: Transaction, draft: RowDraft): SqlValue[] {
    const row = completeRow(transaction, this.#table, draft)
    insertRow(transaction, this.#table, row)
    return row
  }
}

/** Throws for what cannot be written: views. */
export function rowTargetOf(relation: Relation): RowTarget {
  if (relation instanceof TableRelation) return new TableTarget(relation.table)
  if (relation instanceof DocumentRelation) return new DocumentTarget(relation)
  if (isKeyvalue(relation)) return new KeyvalueTarget(relation)
  throw new PolylogError('denied', `cannot insert into view "${relation.name}"`, { detail: { sqlState: '42809' } })
}
