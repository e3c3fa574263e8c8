/** A relation in FROM: by its best index, in the block's order where that index gives it, and what no index answers tested. */
import { accessCost, entriesOf } from '../../../query/access-path.ts'
import { onceEstimated } from '../../../query/plan-estimate.ts'
import type { RelationItem } from '../bind/query.ts'
import type { Expression } from '../expression/expression.ts'
import { relationPath } from './access-conditions.ts'
import { planAlternatives } from './alternatives.ts'
import { filtered, type FromPlanner } from './from-planner.ts'
import { type ExplainNode, type PlanNode, planNode } from './plan-node.ts'
import { planMembers } from './members.ts'
import { planScan, relationAccess } from './relation-scan.ts'
import { noRow } from './run.ts'
import { canKeepOrder, isSubqueryTest } from './semi-join.ts'

/** One relation, that is no family of tables. */
export function planTable(planner: FromPlanner, item: RelationItem, conditions: readonly Expression[]): PlanNode {
  const { preferred } = planner
  const wanted = preferred !== undefined && canKeepOrder(planner, item, conditions) ? preferred.wanted(item) : undefined
  const access = relationAccess(planner, item, conditions, wanted)
  const chosen = access.choose()
  if (chosen?.order === undefined) {
    const cost = (): number => accessCost(access, chosen)
    const members = planMembers(planner, item, conditions, cost)
    if (members !== undefined) return members
    const alternatives = planAlternatives(planner, item, conditions, cost)
    if (alternatives !== undefined)
      return filtered(planner, item, alternatives, conditions, { rows: () => access.rows })
  }
  if (chosen?.order !== undefined) preferred?.give(item)
  const path = chosen === undefined ? undefined : relationPath(chosen)
  const rest = conditions.filter((one) => path === undefined || !path.answered.includes(one))
  const scan = planScan(planner, item, path, 0)
  const estimate = onceEstimated(() => {
    return { rows: entriesOf(access, chosen), cost: accessCost(access, chosen), startup: 0 }
  })
  const explain: ExplainNode = { ...scan.explain, estimate }
  const node: PlanNode = { ...planNode(explain, (run) => scan.open(noRow, run)), count: scan.count }
  const keepsOrder = chosen?.order !== undefined
  // Subqueries are tested behind the other conditions.
  const plain = (): Expression[] => conditions.filter((one) => !isSubqueryTest(one))
  return filtered(planner, item, node, rest, { rows: () => relationAccess(planner, item, plain()).rows, keepsOrder })
}
