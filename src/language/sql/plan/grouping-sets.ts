/**
 * A block with several groupings: each row goes into a group of each of them. So it is handed on once for each, with the keys
 * that are not in the grouping as nulls and the grouping's number behind them, which is a key like the others.
 */
import { Expand } from '../../../query/row-operators.ts'
import type { Grouping } from '../bind/query.ts'
import { compileAll, type Compiler } from '../expression/compile.ts'
import type { Expression } from '../expression/expression.ts'
import { oid } from '../types/oids.ts'
import { explainNode, type PlanNode, planNode } from './plan-node.ts'
import type { SqlRow, SqlRun } from './run.ts'

export interface ExpandedGroupings {
  readonly plan: PlanNode
  readonly keys: readonly Expression[]
  /** Groups that are there without a row, by their keys: those of everything. */
  readonly whole: readonly SqlRow[]
}

/** `keys` of the grouping but the last, which is the number. `width`: of the input's rows. */
export function expandGroupings(
  input: PlanNode,
  { sets }: Grouping,
  keys: readonly Expression[],
  compiler: Compiler,
  width: number,
): ExpandedGroupings {
  const groupings = sets!
  const parts = compileAll(keys, compiler)
  const masks = groupings.map((set) => keys.map((_, i) => set.includes(i)))
  const expand = (row: SqlRow, run: SqlRun): Iterator<SqlRow> => {
    const values = parts.map((part) => part(row, run))
    return masks
      .map((mask, number) => [...row, ...values.map((value, i) => (mask[i] === true ? value : null)), number])
      .values()
  }
  const explain = explainNode('Grouping Sets', [input.explain], (rows) => ({
    ...rows,
    rows: rows.rows * groupings.length,
    cost: rows.cost + rows.rows * groupings.length,
  }))
  const plan = planNode(explain, (run) => new Expand(input.open(run), expand))
  const columns = [...keys, { type: oid.int4, modifier: -1 }].map(({ type, modifier }, i): Expression => {
    return { kind: 'column', type, modifier, index: compiler.base + width + i, name: 'group' }
  })
  const whole = groupings.flatMap((set, number) => (set.length === 0 ? [[...keys.map(() => null), number]] : []))
  return { plan, keys: columns, whole }
}
