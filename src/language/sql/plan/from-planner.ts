/** What planning a FROM clause needs of the block around it, and the filter that any of its items may get. */
import type { Estimate } from '../../../query/cost.ts'
import { type NodeEstimate, onceEstimated, streamed } from '../../../query/plan-estimate.ts'
import { Filter } from '../../../query/row-operators.ts'
import type { FromItem, QueryItem, RelationItem, SharedItem } from '../bind/query.ts'
import { type Compiler, compilePredicate } from '../expression/compile.ts'
import type { Expression, SubqueryExpression } from '../expression/expression.ts'
import type { Progress } from '../progress.ts'
import { conjunction, partition, type Span } from './conditions.ts'
import { describeCondition, subplansOf } from './explain-text.ts'
import { filteredRows } from './assumed-rows.ts'
import { costOf, metered } from './metered.ts'
import type { Measures } from './measures.ts'
import { type ExplainNode, type PlanNode, planNode } from './plan-node.ts'
import type { WantedOrder } from './relation-access.ts'
import { isSubqueryTest, planSemiJoin } from './semi-join.ts'

export interface FromPlanner {
  /** A plan for the item whose rows satisfy all conditions; they read columns of the item only. */
  planItem(planner: FromPlanner, item: FromItem, conditions: readonly Expression[]): PlanNode
  /** Of one execution. */
  estimateSubquery(subquery: SubqueryExpression): Estimate
  /** The block is executed for each row of another one. */
  readonly isRepeated: boolean
  compilerAt(base: number): Compiler
  planQuery(item: QueryItem | SharedItem): PlanNode
  /** Columns of the block's row that anything reads. */
  readonly needed: ReadonlySet<number>
  explainSubquery(id: number): ExplainNode | undefined
  readonly progress: Progress | undefined
  readonly measures: Measures
  /** Where the whole FROM is one relation, whose index may give the order of the block. */
  readonly preferred?: PreferredOrder | undefined
}

export interface PreferredOrder {
  /** Undefined: no order, and all rows. */
  wanted(item: RelationItem): WantedOrder | undefined
  /** The item's rows come in it. */
  give(item: RelationItem): void
}

export interface FilterTerms {
  /** Rows that are left, where that is known better than by assumed shares. */
  readonly rows?: () => number
  /** They have to come in the order of the input. */
  readonly keepsOrder?: boolean
}

/** Plain conditions are tested first, then those that are joins (`semi-join.ts`). */
export function filtered(
  planner: FromPlanner,
  { first, width }: Span,
  input: PlanNode,
  conditions: readonly Expression[],
  { rows, keepsOrder = false }: FilterTerms = {},
): PlanNode {
  const [tests, plain] = partition(conditions, isSubqueryTest)
  let node = tested(planner, first, input, plain, rows)
  for (const test of tests) {
    node =
      planSemiJoin(planner, { first, width, node }, test, keepsOrder) ?? tested(planner, first, node, [test], undefined)
  }
  return node
}

function tested(
  planner: FromPlanner,
  first: number,
  input: PlanNode,
  conditions: readonly Expression[],
  rows: (() => number) | undefined,
): PlanNode {
  const condition = conjunction(conditions)
  if (condition === undefined) return input
  const accepts = compilePredicate(condition, planner.compilerAt(first))
  const explain = withFilter(planner, input.explain, condition, () => {
    const below = input.explain.estimate()
    return streamed(below, rows?.() ?? filteredRows(below.rows, conditions))
  })
  const source = planner.progress === undefined ? input : metered(input, costOf(conditions))
  return { explain, open: (run) => planNode(explain, (inner) => new Filter(source.open(inner), accepts)).open(run) }
}

/** PostgreSQL shows a filter on the node that it belongs to. */
function withFilter(
  planner: FromPlanner,
  node: ExplainNode,
  condition: Expression,
  estimate: () => NodeEstimate,
): ExplainNode {
  const details = [...node.details, ['Filter', () => describeCondition(condition)] as const]
  const subplans = [...(node.subplans ?? []), ...subplansOf(condition, (id) => planner.explainSubquery(id))]
  return { ...node, details, subplans, estimate: onceEstimated(estimate) }
}
