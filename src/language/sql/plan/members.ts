/** `x IN (SELECT …)` the other way round: the subquery's values lead to the rows by an index, instead of being asked for each row. */
import { lookUpJoinCost } from '../../../query/cost.ts'
import { Project } from '../../../query/row-operators.ts'
import type { QueryItem, RelationItem } from '../bind/query.ts'
import type { Expression } from '../expression/expression.ts'
import { filtered, type FromPlanner } from './from-planner.ts'
import { lookUpOf } from './join-estimates.ts'
import { lookUpJoin } from './joins.ts'
import type { PlanNode } from './plan-node.ts'
import { distinct } from './plan-tail.ts'
import type { SqlRow } from './run.ts'
import { columnsOfQuery, equalityTo, isSubqueryTest, testOf } from './semi-join.ts'

/**
 * The item's rows that `x IN (SELECT …)` lets through, looked up by an index for each value that the subquery gives, once: where
 * few of many rows are, this reads only them. Undefined where no index begins so, or `cost` is less, which it takes otherwise.
 */
export function planMembers(
  planner: FromPlanner,
  item: RelationItem,
  conditions: readonly Expression[],
  cost: () => number,
): PlanNode | undefined {
  if (planner.progress !== undefined || planner.isRepeated || !planner.measures.wantsCounts()) return undefined
  const plain = conditions.filter((one) => !isSubqueryTest(one))
  for (const condition of conditions) {
    const test = testOf(condition)
    if (test?.kind !== 'semi' || test.subquery.captures.length > 0) continue
    const { query, id } = test.subquery
    const width = query.columns.length
    // Its values stand before the item's columns.
    const first = item.first - width
    const members: QueryItem = { kind: 'query', first, width, alias: 'IN', query, id, captures: [], isLateral: false }
    const equality = equalityTo(columnsOfQuery(members), test)
    const lookUp = lookUpOf(planner, item, equality, plain)
    if (lookUp === undefined) continue
    const types = query.columns.map(({ type }) => type)
    const left = { first, width, node: distinct(planner.planQuery(members), types) }
    if (lookUpJoinCost(left.node.explain.estimate(), lookUp.entries, lookUp.path.index.isPrimary) >= cost()) continue
    const joined = lookUpJoin(planner, {
      kind: 'inner',
      left,
      right: item,
      lookUp,
      conditions: [...equality, ...plain],
    })
    const node: PlanNode = {
      explain: joined.explain,
      open: (run) => new Project(joined.open(run), (row: SqlRow) => row.slice(width)),
    }
    return filtered(
      planner,
      item,
      node,
      conditions.filter((one) => one !== condition && !plain.includes(one)),
    )
  }
  return undefined
}
