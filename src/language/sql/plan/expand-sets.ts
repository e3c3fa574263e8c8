/**
 * Functions that return sets, inside of a SELECT list's expressions: `abs(generate_series(-2, 2)) + 1`.
 *
 * Each becomes a column behind those of the input row, and the expressions read that column. Those whose arguments hold no
 * other are expanded first, side by side until the longest has ended, the shorter ones giving nulls; then those over the
 * columns that are there now, and so on (PostgreSQL's ProjectSet nodes, one above the other).
 */
import { largeBytes } from '../../../query/operator.ts'
import { Expand } from '../../../query/row-operators.ts'
import type { SqlValue } from '../contract.ts'
import { compile, type Compiler, type Evaluate } from '../expression/compile.ts'
import {
  childrenOf,
  type Expression,
  mapChildren,
  type SetExpression,
  someExpression,
} from '../expression/expression.ts'
import { drawingOnce } from '../expression/draws.ts'
import { expandedBySets } from './assumed-rows.ts'
import { explainNode, type PlanNode, planNode } from './plan-node.ts'
import type { SqlRow, SqlRun } from './run.ts'

export function hasSets(expressions: readonly Expression[]): boolean {
  return expressions.some((one) => someExpression(one, ({ kind }) => kind === 'set'))
}

/** Columns that they make. */
export function countSets(expressions: readonly Expression[]): number {
  const levels: SetExpression[][] = []
  for (const one of expressions) collect(one, levels)
  return levels.flat().length
}

/** `width`: of the input's rows, whose first column has the place `compiler.base`. */
export function expandSets(
  input: PlanNode,
  expressions: readonly Expression[],
  compiler: Compiler,
  width: number,
): { plan: PlanNode; expressions: readonly Expression[] } {
  const levels: SetExpression[][] = []
  for (const one of expressions) collect(one, levels)
  const columns = new Map<SetExpression, number>()
  let plan = input
  for (const sets of levels) {
    plan = expanded(
      plan,
      sets.map(({ rows, arguments: parts, mayWrite = false }) => {
        return { rows, mayWrite, parts: parts.map((one) => compile(replace(one), compiler)) }
      }),
    )
    for (const set of sets) columns.set(set, compiler.base + width + columns.size)
  }
  return { plan, expressions: expressions.map(replace) }

  function replace(expression: Expression): Expression {
    if (expression.kind !== 'set')
      return childrenOf(expression).length === 0 ? expression : mapChildren(expression, replace)
    const { type, modifier, location, name } = expression
    return { kind: 'column', type, modifier, location, index: columns.get(expression)!, name }
  }
}

/** Puts each set at its level, and tells how many levels the expression has. */
function collect(expression: Expression, levels: SetExpression[][]): number {
  let depth = 0
  for (const child of childrenOf(expression)) depth = Math.max(depth, collect(child, levels))
  if (expression.kind !== 'set') return depth
  const sets = (levels[depth] ??= [])
  if (!sets.includes(expression)) sets.push(expression)
  return depth + 1
}

interface CompiledSet {
  readonly rows: SetExpression['rows']
  readonly mayWrite: boolean
  readonly parts: readonly Evaluate[]
}

function expanded(input: PlanNode, sets: readonly CompiledSet[]): PlanNode {
  const explain = explainNode('ProjectSet', [input.explain], expandedBySets)
  const expandRow = (row: SqlRow, run: SqlRun): Iterator<SqlRow> => {
    const columns = sets.map(({ rows, parts }) => {
      const values = parts.map((part) => part(row, run))
      return rows(run, values)[Symbol.iterator]()
    })
    return sideBySide(row, columns)
  }
  const expand = sets.some(({ mayWrite }) => mayWrite) ? drawingOnce(expandRow) : expandRow
  // What the row has from below it shares with the others that are made of the same one.
  const ownBytes = (row: SqlRow): number => largeBytes(row, row.length - sets.length)
  return planNode(explain, (run) => new Expand(input.open(run), expand, ownBytes))
}

function* sideBySide(row: SqlRow, columns: readonly Iterator<readonly SqlValue[]>[]): Generator<SqlRow> {
  for (;;) {
    let isOver = true
    const values = columns.map((column) => {
      const step = column.next()
      if (step.done === true) return null
      isOver = false
      return step.value[0]!
    })
    if (isOver) return
    yield row.concat(values)
  }
}
