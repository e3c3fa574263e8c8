/**
 * `a = 1 OR b = 2`, each answered by an index of its own: the rows of both scans, those that both find once, told apart by
 * their keys. What the indexes have found is tested again, by the whole condition.
 */
import { accessCost, entriesOf } from '../../../query/access-path.ts'
import { tableCost } from '../../../query/cost.ts'
import { appended, grouped } from '../../../query/plan-estimate.ts'
import { Concatenate, Project } from '../../../query/row-operators.ts'
import { Distinct } from '../../../query/set-operators.ts'
import type { RelationItem } from '../bind/query.ts'
import type { Expression, LogicExpression } from '../expression/expression.ts'
import { sqlRows } from '../types/row-format.ts'
import { oid } from '../types/oids.ts'
import { relationPath, type ConditionPath } from './access-conditions.ts'
import { conjunctsOf, isMovable } from './conditions.ts'
import type { FromPlanner } from './from-planner.ts'
import { explainNode, type PlanNode, planNode } from './plan-node.ts'
import { planScan, relationAccess } from './relation-scan.ts'
import type { RelationAccess } from './relation-access.ts'
import { groupKey, valuesCompiler } from './row-keys.ts'
import { noRow, type SqlRow } from './run.ts'
import { isSubqueryTest } from './semi-join.ts'

const mostAlternatives = 32

interface Alternative {
  readonly access: RelationAccess
  readonly path: ConditionPath
}

/** Undefined where some alternative has no index, or all of it costs as much as `cost`, which it takes without. */
export function planAlternatives(
  planner: FromPlanner,
  item: RelationItem,
  conditions: readonly Expression[],
  cost: () => number,
): PlanNode | undefined {
  if (item.relation.kind !== 'table' || item.relation.systemColumns !== undefined) return undefined
  const either = conditions.find((one): one is LogicExpression => one.kind === 'or' && isMovable(one))
  if (either === undefined || either.arguments.length > mostAlternatives) return undefined
  const others = conditions.filter((one) => one !== either && !isSubqueryTest(one))
  const found: Alternative[] = []
  for (const alternative of either.arguments) {
    const access = relationAccess(planner, item, [...conjunctsOf(alternative), ...others])
    const path = access.choose()
    if (path === undefined || path.bounds.length === 0) return undefined
    found.push({ access, path })
  }
  const all = found.reduce((sum, { access, path }) => {
    return sum + accessCost(access, path) + tableCost(entriesOf(access, path))
  }, 0)
  return all < cost() ? unionOf(planner, item, found) : undefined
}

function unionOf(planner: FromPlanner, item: RelationItem, alternatives: readonly Alternative[]): PlanNode {
  const { length: keyPlace } = item.relation.columns
  const wantsKeys = item.width > keyPlace
  const withKeys = { ...item, width: keyPlace + 1 }
  const scans = alternatives.map(({ access, path }): PlanNode => {
    const scan = planScan(planner, withKeys, relationPath(path), 0)
    const estimate = () => ({ rows: entriesOf(access, path), cost: accessCost(access, path), startup: 0 })
    return planNode({ ...scan.explain, estimate }, (run) => scan.open(noRow, run))
  })
  const key = groupKey([{ kind: 'column', type: oid.bytea, modifier: -1, index: keyPlace, name: '' }], valuesCompiler)
  const explain = explainNode(
    'BitmapOr',
    scans.map((one) => one.explain),
    (...inputs) => {
      const rows = appended(inputs)
      return grouped(rows, rows.rows)
    },
  )
  return planNode(explain, (run) => {
    const rows = new Distinct(new Concatenate(scans.map((scan) => scan.open(run))), key, sqlRows)
    return wantsKeys ? rows : new Project(rows, (row: SqlRow) => row.slice(0, keyPlace))
  })
}
