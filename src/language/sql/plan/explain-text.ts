/** EXPLAIN: what a plan does, in the words that PostgreSQL uses for the same. */
import { deparse } from '../expression/deparse.ts'
import { childrenOf, type Expression } from '../expression/expression.ts'
import type { RelationItem } from '../bind/query.ts'
import type { AccessPath } from './access-path.ts'
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

export function describeAccess(
  item: RelationItem,
  path: AccessPath | undefined,
  ordered: { readonly index: AccessPath['index']; readonly reverse: boolean } | undefined,
): ExplainNode {
  const index = path?.index ?? ordered?.index
  const name = relationTitle(item)
  if (index === undefined) return { title: `Seq Scan on ${name}`, details: [], children: [] }
  const direction = ordered?.reverse === true ? ' Backward' : ''
  const title = `Index Scan${direction} using ${index.name} on ${name}`
  if (path === undefined) return { title, details: [], children: [] }
  const text = (): string => {
    const condition = path.matched.map(describeCondition).join(' AND ')
    return path.matched.length > 1 ? `(${condition})` : condition
  }
  return { title, details: [['Index Cond', text]], children: [] }
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

/** The lines of EXPLAIN's text format. */
export function renderPlan(node: ExplainNode, counts?: ReadonlyMap<ExplainNode, NodeCounts>): string[] {
  const lines: string[] = []
  const write = (one: ExplainNode, indent: number, isRoot: boolean): void => {
    const lead = isRoot ? ' '.repeat(indent) : `${' '.repeat(indent)}->  `
    lines.push(lead + one.title + countText(counts?.get(one), counts !== undefined))
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

function countText(counts: NodeCounts | undefined, wanted: boolean): string {
  if (!wanted) return ''
  return counts === undefined ? ' (never executed)' : ` (actual rows=${counts.rows} loops=${counts.loops})`
}

/** The same as nested values, for FORMAT JSON. */
export function planAsJson(
  node: ExplainNode,
  counts?: ReadonlyMap<ExplainNode, NodeCounts>,
): { [name: string]: unknown } {
  const found = counts?.get(node)
  const plans = [...(node.subplans ?? []).map(([, plan]) => plan), ...node.children].map((one) =>
    planAsJson(one, counts),
  )
  return {
    'Node Type': node.title,
    ...Object.fromEntries(node.details.map(([label, text]) => [label, text()])),
    ...(found === undefined ? {} : { 'Actual Rows': found.rows, 'Actual Loops': found.loops }),
    ...(plans.length === 0 ? {} : { Plans: plans }),
  }
}
