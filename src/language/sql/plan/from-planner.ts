/** What planning a FROM clause needs of the block around it, and the filter that any of its items may get. */
import { Filter } from '../../../query/row-operators.ts'
import type { QueryItem, RelationItem, SharedItem } from '../bind/query.ts'
import { type Compiler, compilePredicate } from '../expression/compile.ts'
import type { Expression } from '../expression/expression.ts'
import type { AccessPath } from './access-path.ts'
import type { Progress } from '../progress.ts'
import { conjunction, type Span } from './conditions.ts'
import { describeCondition, subplansOf } from './explain-text.ts'
import { costOf, metered } from './metered.ts'
import { type ExplainNode, type PlanNode, planNode } from './plan-node.ts'

export interface FromPlanner {
  compilerAt(base: number): Compiler
  planQuery(item: QueryItem | SharedItem): PlanNode
  /** Columns of the block's row that anything reads. */
  readonly needed: ReadonlySet<number>
  explainSubquery(id: number): ExplainNode | undefined
  readonly progress: Progress | undefined
  /** The access that gives the order wanted, where the whole FROM is one relation. */
  readonly preferred?: PreferredOrder | undefined
}

export interface PreferredOrder {
  choose(item: RelationItem, path: AccessPath | undefined): { access: OrderedAccess } | undefined
}

export interface OrderedAccess {
  readonly index: AccessPath['index']
  readonly reverse: boolean
}

export function filtered(
  planner: FromPlanner,
  span: Span,
  input: PlanNode,
  conditions: readonly Expression[],
): PlanNode {
  const condition = conjunction(conditions)
  if (condition === undefined) return input
  const accepts = compilePredicate(condition, planner.compilerAt(span.first))
  const explain = withFilter(planner, input.explain, condition)
  const source = planner.progress === undefined ? input : metered(input, costOf(conditions))
  return { explain, open: (run) => planNode(explain, (inner) => new Filter(source.open(inner), accepts)).open(run) }
}

/** PostgreSQL shows a filter on the node that it belongs to. */
function withFilter(planner: FromPlanner, node: ExplainNode, condition: Expression): ExplainNode {
  const details = [...node.details, ['Filter', () => describeCondition(condition)] as const]
  const subplans = [...(node.subplans ?? []), ...subplansOf(condition, (id) => planner.explainSubquery(id))]
  return { ...node, details, subplans }
}
