/** EXPLAIN: what a plan does, in the words that PostgreSQL uses for the same. */
import { SampledRelation, type Sampling } from '../bind/sampled-relation.ts'
import { deparse } from '../expression/deparse.ts'
import { childrenOf, type Expression } from '../expression/expression.ts'
import type { RelationItem } from '../bind/query.ts'
import type { RelationPath } from './access-conditions.ts'
import type { ExplainNode, NodeProfile } from './plan-node.ts'

export function describeCondition(expression: Expression): string {
  const text = deparse(expression)
  return text.startsWith('(') ? text : `(${text})`
}

function relationTitle({ relation, alias }: RelationItem, isQualified: boolean): string {
  const isPlain = relation.schema === 'public' || relation.schema === 'pg_catalog'
  const name = isPlain && !isQualified ? relation.name : `${relation.schema}.${relation.name}`
  return alias === relation.name ? name : `${name} ${alias}`
}

export function describeAccess(item: RelationItem, path: RelationPath | undefined): Omit<ExplainNode, 'estimate'> {
  const { relation, alias } = item
  const read = { 'Relation Name': relation.name, Alias: alias }
  const titled = (lead: string) => ({
    title: lead + relationTitle(item, false),
    qualified: { title: lead + relationTitle(item, true), schema: relation.schema },
  })
  if (relation instanceof SampledRelation) {
    const facts = { 'Node Type': 'Sample Scan', ...read }
    const text = (): string => describeSampling(relation.sampling)
    return { ...titled('Sample Scan on '), facts, details: [['Sampling', text]], children: [] }
  }
  if (path === undefined) {
    return { ...titled('Seq Scan on '), facts: { 'Node Type': 'Seq Scan', ...read }, details: [], children: [] }
  }
  const direction = path.reverse ? 'Backward' : 'Forward'
  const type = path.fromEntries === true ? 'Index Only Scan' : 'Index Scan'
  const facts = { 'Node Type': type, 'Scan Direction': direction, 'Index Name': path.index.name, ...read }
  const title = titled(`${type}${path.reverse ? ' Backward' : ''} using ${path.index.name} on `)
  if (path.matched.length === 0) return { ...title, facts, details: [], children: [] }
  const text = (): string => {
    const condition = path.matched.map(describeCondition).join(' AND ')
    return path.matched.length > 1 ? `(${condition})` : condition
  }
  return { ...title, facts, details: [['Index Cond', text]], children: [] }
}

function describeSampling({ method, percent, seed }: Sampling): string {
  const repeatable = seed === undefined ? '' : ` REPEATABLE (${deparse(seed)})`
  return `${method} (${deparse(percent)})${repeatable}`
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

/** What EXPLAIN was asked to show. */
export interface Shown {
  readonly costs: boolean
  readonly verbose: boolean
  readonly timing: boolean
  readonly buffers: boolean
  readonly wal: boolean
  /** The columns that come out, where they are known. */
  readonly output?: readonly string[] | undefined
  /** Of ANALYZE. */
  readonly counts?: ReadonlyMap<ExplainNode, NodeProfile> | undefined
  /** Likewise: what the statement has written. */
  readonly writes?: number
}

/** The plan of a WITH query is below the first of its readers alone: readers may be read several times in their turn. */
export function childrenShown({ children, facts }: ExplainNode, known: Set<ExplainNode>): readonly ExplainNode[] {
  if (facts?.['Node Type'] !== 'CTE Scan') return children
  return children.filter((one) => !known.has(one) && known.add(one))
}

/** The lines of EXPLAIN's text format. */
export function renderPlan(node: ExplainNode, shown: Shown): string[] {
  const lines: string[] = []
  const known = new Set<ExplainNode>()
  const write = (one: ExplainNode, indent: number, isRoot: boolean): void => {
    const lead = isRoot ? ' '.repeat(indent) : `${' '.repeat(indent)}->  `
    const title = shown.verbose ? (one.qualified?.title ?? one.title) : one.title
    lines.push(lead + title + (shown.costs ? estimateText(one) : '') + countText(one, shown))
    const inner = indent + (isRoot ? 2 : 6)
    const detail = (label: string, text: string): void => void lines.push(`${' '.repeat(inner)}${label}: ${text}`)
    if (isRoot && shown.verbose && shown.output !== undefined) detail('Output', shown.output.join(', '))
    for (const [label, text] of one.details) detail(label, text())
    const pagesRead = countsOf(one, shown.counts)?.pagesRead ?? 0
    if (shown.buffers && pagesRead > 0) detail('Buffers', `shared read=${pagesRead}`)
    if (isRoot && shown.wal && (shown.writes ?? 0) > 0) detail('WAL', `records=${shown.writes!}`)
    for (const [label, plan] of one.subplans ?? []) {
      lines.push(`${' '.repeat(inner)}${label}`)
      write(plan, inner + 2, false)
    }
    for (const child of childrenShown(one, known)) write(child, inner, false)
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

export function countsOf(node: ExplainNode, counts: Shown['counts']): NodeProfile | undefined {
  return counts?.get(node.isPart === true ? node.children[0]! : node)
}

/** Of a loop, as PostgreSQL tells it. */
export function shownCounts({ rows, loops, startupUs, totalUs }: NodeProfile): {
  rows: number
  startup: string
  total: string
} {
  const ms = (us: number): string => (us / loops / 1000).toFixed(3)
  return { rows: Math.round(rows / loops), startup: ms(startupUs), total: ms(totalUs) }
}

function countText(node: ExplainNode, { counts, timing }: Shown): string {
  if (counts === undefined) return ''
  const own = countsOf(node, counts)
  if (own === undefined) return ' (never executed)'
  const { rows, startup, total } = shownCounts(own)
  return ` (actual ${timing ? `time=${startup}..${total} ` : ''}rows=${rows} loops=${own.loops})`
}
