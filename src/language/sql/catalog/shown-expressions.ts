/**
 * Expressions that definitions keep as text, as clients see them: bound anew where they are shown, and written with schemas only
 * where the caller's search path does not find a name. How, tells who binds them (`statement/shown-expressions.ts`).
 */
import type { Table } from '../../../model/table/table.ts'
import type { Triggered } from '../../../model/table/triggers.ts'
import type { SqlType } from '../../../model/table/types/type.ts'
import type { SqlRun } from '../plan/run.ts'

/** What its columns are of: a table, the rows before and after a change of one, a domain's value, or nothing. */
export type ShownOver =
  | { readonly kind: 'table'; readonly table: Table }
  | { readonly kind: 'change'; readonly table: Triggered }
  | { readonly kind: 'value'; readonly type: SqlType }
  | { readonly kind: 'nothing' }

export interface ShownText {
  readonly text: string
  /** A call of a function, which needs no parentheses where another expression does. */
  readonly isCall: boolean
}

export type ShowExpression = (run: SqlRun, over: ShownOver, text: string, isPretty: boolean) => ShownText

let show: ShowExpression = (_run, _over, text) => ({ text, isCall: false })

export function showExpressionsBy(shown: ShowExpression): void {
  show = shown
}

export const shownExpression: ShowExpression = (run, over, text, isPretty) => show(run, over, text, isPretty)
