/** EXPLAIN: what a plan does, in the words that PostgreSQL uses for the same. */
import { deparse } from '../expression/deparse.ts'
import { childrenOf, type Expression } from '../expression/expression.ts'
import type { RelationItem } from '../bind/query.ts'
import type { RelationPath } from './access-conditions.ts'
import type { ExplainNode } from './plan-node.ts'

export function describeCondition(expression: Expression): string {
  const text = deparse(expression)
  return text.startsWith('(') ? text : `(${text})`
}

function relationTitle({ relation, alias }: RelationItem): string {
  const name =
    relation.schema === 'public' || relation.schema === 'pg_catalog'
      ? relation.name
      : `${relation.schema}.${relation.name}`
  return alias === relation.name ? name : `${name} ${alias}`
}

export function describeAccess(item: RelationItem, path: RelationPath | undefined): Omit<ExplainNode, 'estimate'> {
  const name = relationTitle(item)
  const { relation, alias } = item
  const read = { 'Relation Name': relation.name, Alias: alias }
  if (path === undefined) {
    return { title: `Seq Scan on ${name}`, facts: { 'Node Type': 'Seq Scan', ...read }, details: [], children: [] }
  }
  const direction = path.reverse ? 'Backward' : 'Forward'
  const type = path.fromEntries === true ? 'Index Only Scan' : 'Index Scan'
  const facts = { 'Node Type': type, 'Scan Direction': direction, 'Index Name': path.index.name, ...read }
  const title = `${type}${path.reverse ? ' Backward' : ''} using ${path.index.name} on ${name}`
  if (path.matched.length === 0) return { title, facts, details: [], children: [] }
  const text = (): string => {
    const condition = path.matched.map(describeCondition).join(' AND ')
    return path.matched.length > 1 ? `(${condition})` : condition
  }
  return { title, facts, details: [['Index Cond', text]], children: [] }
}

/** The plans of an expression's subqueries, each once. */
export function subplansOf(
  expression: Expression,
  find: (id: number) => ExplainNode | undefined,
): (readonly [string, ExplainNode])[] {
  const own: (readonly [string, ExplainNode])[] = []
  if (expression.kind === 'subquery') {
    const node = find(expression.id)
    const title = expression.captures.length === 0 ? `InitPlan ${expression.id + 1}` : `SubPlan ${expression.id + 1}`
    if (node !== undefined) own.push([title, node])
  }
  return [...own, ...childrenOf(expression).flatMap((child) => subplansOf(child, find))]
}

export interface NodeCounts {
  readonly rows: number
  readonly loops: number
}

/** What EXPLAIN was asked to show. */
export interface Shown {
  readonly costs: boolean
  /** Of ANALYZE. */
  readonly counts?: ReadonlyMap<ExplainNode, NodeCounts> | undefined
}

/** The lines of EXPLAIN's text format. */
export function renderPlan(node: ExplainNode, { costs, counts }: Shown): string[] {
  const lines: string[] = []
  const write = (one: ExplainNode, indent: number, isRoot: boolean): void => {
    const lead = isRoot ? ' '.repeat(indent) : `${' '.repeat(indent)}->  `
    const estimated = costs ? estimateText(one) : ''
    lines.push(lead + one.title + estimated + countText(countsOf(one, counts), counts !== undefined))
    const inner = indent + (isRoot ? 2 : 6)
    for (const [label, text] of one.details) lines.push(`${' '.repeat(inner)}${label}: ${text()}`)
    for (const [title, plan] of one.subplans ?? []) {
      lines.push(`${' '.repeat(inner)}${title}`)
      write(plan, inner + 2, false)
    }
    for (const child of one.children) write(child, inner, false)
  }
  write(node, 0, true)
  return lines
}

/**
 * A row of a scan, which is the unit of `query/cost.ts`, is shown as 0.01: what PostgreSQL's cpu_tuple_cost has for it. So
 * costs are of a similar size as there, and compare with each other only.
 */
const shownUnit = 0.01

export function shownEstimate({ estimate }: ExplainNode): { rows: number; startup: string; total: string } {
  const { rows, startup, cost } = estimate()
  const text = (units: number): string => (units * shownUnit).toFixed(2)
  return { rows: Math.round(rows), startup: text(startup), total: text(cost) }
}

function estimateText(node: ExplainNode): string {
  const { rows, startup, total } = shownEstimate(node)
  return `  (cost=${startup}..${total} rows=${rows})`
}

export function countsOf(node: ExplainNode, counts: Shown['counts']): NodeCounts | undefined {
  return counts?.get(node.isPart === true ? node.children[0]! : node)
}

function countText(counts: NodeCounts | undefined, wanted: boolean): string {
  if (!wanted) return ''
  return counts === undefined ? ' (never executed)' : ` (actual rows=${counts.rows} loops=${counts.loops})`
}
