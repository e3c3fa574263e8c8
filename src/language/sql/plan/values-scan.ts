/** VALUES: rows of expressions. One of constants alone, which most are, is kept as the row that it is. */
import { RowSource } from '../../../query/row-operators.ts'
import type { SqlValue } from '../contract.ts'
import { compile, type Compiler, type Evaluate } from '../expression/compile.ts'
import type { Expression } from '../expression/expression.ts'
import { type PlanNode, planNode } from './plan-node.ts'
import { noRow, type SqlRow, type SqlRun } from './run.ts'

export type ValuesRow =
  | { readonly values: readonly SqlValue[]; readonly parts: undefined }
  | { readonly values: undefined; readonly parts: readonly Evaluate[] }

/** Where an expression is missing, so is the value: INSERT's defaults are filled in later. */
export function compileRow(row: readonly (Expression | undefined)[], compiler: Compiler): ValuesRow {
  const constants: (SqlValue | undefined)[] = []
  for (const one of row) if (one === undefined || one.kind === 'constant') constants.push(one?.value)
  if (constants.length === row.length) return { values: constants as SqlValue[], parts: undefined }
  return { values: undefined, parts: row.map((one) => (one === undefined ? absent : compile(one, compiler))) }
}

const absent = (() => undefined) as unknown as Evaluate

export function planRows(rows: readonly ValuesRow[]): PlanNode {
  const explain = { title: 'Values Scan', details: [], children: [] }
  return planNode(explain, () => new RowSource<SqlRow, SqlRun>((run) => evaluated(rows, run)))
}

/** A row whose subquery has to pause is evaluated again. */
function evaluated(rows: readonly ValuesRow[], run: SqlRun): Iterator<SqlRow> {
  let at = 0
  return {
    next: () => {
      const row = rows[at]
      if (row === undefined) return { done: true, value: undefined }
      // A copy each time: who gets a row may keep it and add to it.
      const value = row.values === undefined ? row.parts.map((part) => part(noRow, run)) : [...row.values]
      at++
      return { done: false, value }
    },
  }
}
