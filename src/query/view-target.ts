/** Rows of a view whose triggers do what a statement says of them (`model/table/view-triggers.ts`). */
import type { Transaction } from '../database/contract.ts'
import type { RowDraft } from '../model/table/expressions.ts'
import { beginViewEvent, type RowEvent } from '../model/table/row-hooks.ts'
import { placed, runOnRow } from '../model/table/triggers.ts'
import type { SqlValue } from '../model/table/types/value.ts'
import type { TriggeredView } from '../model/table/view-triggers.ts'
import type { RowDelete, RowTarget, RowUpdate } from './row-target.ts'

export class ViewTarget implements RowTarget {
  readonly #view: TriggeredView
  readonly #inserting

  constructor(view: TriggeredView) {
    this.#view = view
    this.#inserting = placed(view.due('insert'))
  }

  begin(transaction: Transaction, ...events: readonly RowEvent[]): void {
    for (const event of events) beginViewEvent(transaction, this.#view.id, this.#view.statement, event)
  }

  insert(transaction: Transaction, draft: RowDraft): SqlValue[] | undefined {
    const newRow = this.#view.columns.map(({ ordinal }) => draft[ordinal] ?? null)
    const isDone = runOnRow(transaction, this.#view, this.#inserting, 'insert', { oldRow: undefined, newRow })
    return isDone ? newRow : undefined
  }

  defaultOf(): () => SqlValue {
    return () => null
  }

  update(): RowUpdate {
    const triggers = placed(this.#view.due('update'))
    return {
      needed: this.#view.columns.keys(),
      apply: (transaction, { row }, changed) => {
        const oldRow = row.slice(0, changed.length)
        const newRow = [...changed]
        return runOnRow(transaction, this.#view, triggers, 'update', { oldRow, newRow }) ? newRow : undefined
      },
    }
  }

  delete(): RowDelete {
    const triggers = placed(this.#view.due('delete'))
    return {
      needed: this.#view.columns.keys(),
      apply: (transaction, { row }) => {
        const oldRow = row.slice(0, this.#view.columns.length)
        return runOnRow(transaction, this.#view, triggers, 'delete', { oldRow, newRow: undefined })
      },
    }
  }
}
