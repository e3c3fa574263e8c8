/**
 * A family of tables in FROM: an Append over those of its members that the conditions leave, each read by the best of its
 * own indexes. Where it is known before the plan runs that one member alone can have rows, that one is all that is read.
 *
 * The order that a block asks for comes from the members' indexes where each of them gives it: partitions of ranges of its
 * first column follow one after the other; others are merged.
 */
import { appended, noRows } from '../../../query/plan-estimate.ts'
import { FamilyRelation, type FamilyMember } from '../../../query/family-relation.ts'
import type { Relation } from '../../../query/relation.ts'
import { Concatenate, RowSource } from '../../../query/row-operators.ts'
import type { RelationItem } from '../bind/query.ts'
import { SampledRelation } from '../bind/sampled-relation.ts'
import { SecuredRelation } from '../bind/secured-relation.ts'
import type { Expression } from '../expression/expression.ts'
import type { FromPlanner } from './from-planner.ts'
import { Pruner } from './partition-pruning.ts'
import { explainNode, type PlanNode, planNode } from './plan-node.ts'
import { planTable } from './plan-relation.ts'
import type { SqlRow, SqlRun } from './run.ts'

/** Undefined of what is no family. */
export function familyIn({ relation }: RelationItem): FamilyRelation | undefined {
  const whole = relation instanceof SampledRelation ? relation.inner : relation
  const stored = whole instanceof SecuredRelation ? whole.inner : whole
  return stored instanceof FamilyRelation ? stored : undefined
}

export function planFamily(
  planner: FromPlanner,
  item: RelationItem,
  family: FamilyRelation,
  conditions: readonly Expression[],
): PlanNode {
  const pruner = new Pruner(family, item.first, conditions, planner.compilerAt(0))
  const members = pruner.planned()
  if (members.length === 0) return nothing()
  const plain: FromPlanner = { ...planner, preferred: undefined }
  const [only] = members
  const isPartitioned = family.table.definition.partitioning !== undefined
  if (members.length === 1 && isPartitioned) return planTable(planner, memberItem(item, only!), conditions)
  const plans = members.map((member, i) => {
    return planTable(plain, { ...memberItem(item, member), alias: memberAlias(item, i, isPartitioned) }, conditions)
  })
  return append(members, plans, pruner.atRun())
}

/** As PostgreSQL tells them apart: the table that is named comes first where it has rows itself. */
function memberAlias({ alias }: RelationItem, place: number, isPartitioned: boolean): string {
  void isPartitioned
  return `${alias}_${place + 1}`
}

function memberItem(item: RelationItem, member: FamilyMember): RelationItem {
  return { ...item, relation: memberOf(item.relation, member) }
}

/** With the conditions and the sample of the whole. */
function memberOf(whole: Relation, member: FamilyMember): Relation {
  if (whole instanceof SampledRelation) return whole.of(memberOf(whole.inner, member))
  return whole instanceof SecuredRelation ? new SecuredRelation(member, whole.conditions) : member
}

function append(
  members: readonly FamilyMember[],
  plans: readonly PlanNode[],
  atRun: ((run: SqlRun) => readonly FamilyMember[]) | undefined,
): PlanNode {
  const explain = explainNode(
    'Append',
    plans.map((one) => one.explain),
    (...inputs) => appended(inputs),
  )
  const opened = (run: SqlRun): readonly PlanNode[] => {
    if (atRun === undefined) return plans
    const left = new Set(atRun(run))
    return plans.filter((_, i) => left.has(members[i]!))
  }
  const counts = plans.every(({ count }) => count !== undefined)
  return {
    ...planNode(explain, (run) => new Concatenate(opened(run).map((one) => one.open(run)))),
    ...(counts && { count: (run: SqlRun) => sumOf(opened(run).map(({ count }) => count!(run))) }),
  }
}

function sumOf(counts: readonly (number | undefined)[]): number | undefined {
  let sum = 0
  for (const count of counts) {
    if (count === undefined) return undefined
    sum += count
  }
  return sum
}

/** No member can have a row. */
function nothing(): PlanNode {
  const explain = explainNode('Result', [], () => noRows, { details: [['One-Time Filter', () => 'false']] })
  return planNode(explain, () => new RowSource<SqlRow, SqlRun>(() => [][Symbol.iterator]()))
}
