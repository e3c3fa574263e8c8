/** VALUES: rows of expressions. One of constants alone, which most are, is kept as the row that it is. */
import { RowSource } from '../../../query/row-operators.ts'
import type { SqlValue } from '../contract.ts'
import { compile, type Compiler, type Evaluate } from '../expression/compile.ts'
import type { ConstantExpression, Expression } from '../expression/expression.ts'
import { type PlanNode, planNode } from './plan-node.ts'
import type { SqlRow, SqlRun } from './run.ts'

export type ValuesRow =
  | { readonly values: readonly SqlValue[]; readonly parts: undefined }
  | { readonly values: undefined; readonly parts: readonly Evaluate[] }

export function compileRow(row: readonly Expression[], compiler: Compiler): ValuesRow {
  if (row.every(({ kind }) => kind === 'constant')) {
    return { values: row.map((one) => (one as ConstantExpression).value), parts: undefined }
  }
  return { values: undefined, parts: row.map((one) => compile(one, compiler)) }
}

export function planRows(rows: readonly ValuesRow[]): PlanNode {
  const explain = { title: 'Values Scan', details: [], children: [] }
  return planNode(explain, () => new RowSource<SqlRow, SqlRun>((run) => evaluated(rows, run)))
}

function* evaluated(rows: readonly ValuesRow[], run: SqlRun): Generator<SqlRow> {
  // A copy each time: who gets a row may keep it and add to it.
  for (const { values, parts } of rows) yield values === undefined ? parts.map((part) => part([], run)) : [...values]
}
