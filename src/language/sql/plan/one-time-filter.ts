/**
 * Conditions that read no column: the same for all rows of an execution, so they are tested once, before the first row is
 * made. Where one does not hold, nothing below runs. PostgreSQL calls that a One-Time Filter, on a Result.
 */
import { type NodeEstimate, noRows, oneRow } from '../../../query/plan-estimate.ts'
import { Gate, RowSource } from '../../../query/row-operators.ts'
import { type Compiler, compilePredicate } from '../expression/compile.ts'
import { columnsRead, type Expression } from '../expression/expression.ts'
import { conjunction, isMovable } from './conditions.ts'
import { describeCondition, subplansOf } from './explain-text.ts'
import { type ExplainNode, explainNode, type PlanNode, planNode } from './plan-node.ts'
import { noRow, type SqlRow, type SqlRun } from './run.ts'

export function isOneTime(condition: Expression): boolean {
  return isMovable(condition) && columnsRead(condition).size === 0
}

interface GatePlanner {
  compilerAt(base: number): Compiler
  explainSubquery(id: number): ExplainNode | undefined
}

/** `input`: undefined where its rows are one that has no columns, which is then not shown apart. */
export function gated(
  planner: GatePlanner,
  conditions: readonly Expression[],
  input: (() => PlanNode) | undefined,
): PlanNode {
  const condition = conjunction(conditions)!
  const isNever = conditions.some(({ kind, ...one }) => kind === 'constant' && 'value' in one && one.value !== true)
  const below = isNever ? undefined : input?.()
  const passes = compilePredicate(condition, planner.compilerAt(0))
  const rows = (...[only]: NodeEstimate[]): NodeEstimate => (isNever ? noRows : (only ?? oneRow))
  const explain = explainNode('Result', below === undefined ? [] : [below.explain], rows, {
    details: [['One-Time Filter', () => (isNever ? 'false' : describeCondition(condition))]],
    subplans: subplansOf(condition, (id) => planner.explainSubquery(id)),
  })
  return planNode(explain, (run) => {
    const source = below?.open(run) ?? new RowSource<SqlRow, SqlRun>(() => [[]][Symbol.iterator]())
    return new Gate(source, (own: SqlRun) => passes(noRow, own))
  })
}
