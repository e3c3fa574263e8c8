/** EXPLAIN (FORMAT JSON): the plan as nested values, under the names that PostgreSQL 15 has for them. */
import { childrenShown, countsOf, shownCounts, shownEstimate, type Shown } from './explain-text.ts'
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

const noPlace: Values = {}

function countedAsJson(node: ExplainNode, { counts, timing, buffers }: Shown): Values {
  if (counts === undefined) return {}
  const found = countsOf(node, counts)
  const { rows, startup, total } = found === undefined ? neverRun : shownCounts(found)
  return {
    ...(timing ? { 'Actual Startup Time': Number(startup), 'Actual Total Time': Number(total) } : {}),
    'Actual Rows': rows,
    'Actual Loops': found?.loops ?? 0,
    ...(buffers ? { 'Shared Read Blocks': found?.pagesRead ?? 0 } : {}),
  }
}

const neverRun = { rows: 0, startup: '0', total: '0' }

export function planAsJson(node: ExplainNode, shown: Shown): Values {
  return nodeAsJson(node, shown, noPlace, new Set())
}

function nodeAsJson(node: ExplainNode, shown: Shown, place: Values, known: Set<ExplainNode>): Values {
  const isRoot = place === noPlace
  const plans = [
    ...(node.subplans ?? []).map(([title, plan]) => {
      const at = { 'Parent Relationship': title.split(' ')[0], 'Subplan Name': title }
      return nodeAsJson(plan, shown, at, known)
    }),
    ...childrenShown(node, known).map((one, i) => {
      return nodeAsJson(one, shown, { 'Parent Relationship': relationOf(node, i) }, known)
    }),
  ]
  const { 'Node Type': type, ...facts } = typeOf(node)
  const { rows, startup, total } = shownEstimate(node)
  return {
    'Node Type': type,
    ...place,
    ...facts,
    ...(shown.verbose && node.qualified !== undefined ? { Schema: node.qualified.schema } : {}),
    ...(shown.costs ? { 'Startup Cost': Number(startup), 'Total Cost': Number(total), 'Plan Rows': rows } : {}),
    ...countedAsJson(node, shown),
    ...(isRoot && shown.verbose && shown.output !== undefined ? { Output: shown.output } : {}),
    ...Object.fromEntries(node.details.map(([label, text]) => [label, text()])),
    ...(isRoot && shown.wal ? { 'WAL Records': shown.writes ?? 0 } : {}),
    ...(plans.length === 0 ? {} : { Plans: plans }),
  }
}
