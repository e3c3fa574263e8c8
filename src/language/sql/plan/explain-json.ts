/** EXPLAIN (FORMAT JSON): the plan as nested values, under the names that PostgreSQL 15 has for them. */
import { countsOf, shownEstimate, type Shown } from './explain-text.ts'
import type { ExplainNode } from './plan-node.ts'

type Values = Readonly<Record<string, unknown>>

const strategies: Readonly<Record<string, string>> = {
  Aggregate: 'Plain',
  HashAggregate: 'Hashed',
  GroupAggregate: 'Sorted',
}

/** What the text format has in a node's title. */
function typeOf({ title, facts }: ExplainNode): Values {
  if (facts !== undefined) return facts
  const strategy = strategies[title]
  if (strategy !== undefined) return { 'Node Type': 'Aggregate', Strategy: strategy }
  const join = /^(Hash|Nested Loop)(?: (Left|Right|Full|Semi|Anti))?( Join)?$/.exec(title)
  if (join === null || title === 'Hash') return { 'Node Type': title }
  const [, method, type = 'Inner'] = join
  return { 'Node Type': method === 'Hash' ? 'Hash Join' : method, 'Join Type': type }
}

/** Which of the plans below it one is to a node. */
function relationOf({ title, children }: ExplainNode, at: number): string {
  if (title === 'Append') return 'Member'
  if (title.startsWith('Subquery Scan')) return 'Subquery'
  return at === 0 || children.length === 1 ? 'Outer' : 'Inner'
}

export function planAsJson(node: ExplainNode, shown: Shown, place: Values = {}): Values {
  const { costs, counts } = shown
  const found = countsOf(node, counts)
  const plans = [
    ...(node.subplans ?? []).map(([title, plan]) => {
      return planAsJson(plan, shown, { 'Parent Relationship': title.split(' ')[0], 'Subplan Name': title })
    }),
    ...node.children.map((one, i) => planAsJson(one, shown, { 'Parent Relationship': relationOf(node, i) })),
  ]
  const { 'Node Type': type, ...facts } = typeOf(node)
  const { rows, startup, total } = shownEstimate(node)
  return {
    'Node Type': type,
    ...place,
    ...facts,
    ...(costs ? { 'Startup Cost': Number(startup), 'Total Cost': Number(total), 'Plan Rows': rows } : {}),
    ...Object.fromEntries(node.details.map(([label, text]) => [label, text()])),
    ...(found === undefined ? {} : { 'Actual Rows': found.rows, 'Actual Loops': found.loops }),
    ...(plans.length === 0 ? {} : { Plans: plans }),
  }
}
