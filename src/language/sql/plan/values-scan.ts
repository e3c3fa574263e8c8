/** VALUES: rows of expressions. One of constants alone, which most are, is kept as the row that it is. */
import { RowSource } from '../../../query/row-operators.ts'
import type { SqlValue } from '../contract.ts'
import { compile, type Compiler, type Evaluate } from '../expression/compile.ts'
import { drawingOnce } from '../expression/draws.ts'
import type { Expression } from '../expression/expression.ts'
import { isVolatile } from '../expression/volatile.ts'
import { explainNode, type PlanNode, planNode } from './plan-node.ts'
import { noRow, type SqlRow, type SqlRun } from './run.ts'

export type ValuesRow =
  | { readonly values: readonly SqlValue[] }
  | { readonly values: undefined; readonly evaluate: (row: SqlRow, run: SqlRun) => SqlRow }

/** Where an expression is missing, so is the value: INSERT's defaults are filled in later. */
export function compileRow(row: readonly (Expression | undefined)[], compiler: Compiler): ValuesRow {
  const constants: (SqlValue | undefined)[] = []
  for (const one of row) if (one === undefined || one.kind === 'constant') constants.push(one?.value)
  if (constants.length === row.length) return { values: constants as SqlValue[] }
  const parts = row.map((one) => (one === undefined ? absent : compile(one, compiler)))
  const evaluate = (from: SqlRow, run: SqlRun): SqlRow => parts.map((part) => part(from, run))
  const isDrawing = row.some((one) => one !== undefined && isVolatile(one))
  return { values: undefined, evaluate: isDrawing ? drawingOnce(evaluate) : evaluate }
}

const absent = (() => undefined) as unknown as Evaluate

export function planRows(rows: readonly ValuesRow[]): PlanNode {
  const explain = explainNode('Values Scan', [], () => ({ rows: rows.length, cost: rows.length, startup: 0 }))
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
      const value = row.values === undefined ? row.evaluate(noRow, run) : [...row.values]
      at++
      return { done: false, value }
    },
  }
}
