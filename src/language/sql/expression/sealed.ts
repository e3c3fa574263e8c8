/**
 * Large parts of expressions, closed for those that only look.
 *
 * The planner walks conditions a dozen times: which columns do they read, is anything volatile, where are subqueries. For
 * each part of a long text's expression that has grown large, a `sealed` node answers that from its `witnesses`: one of
 * each column, parameter and captured value in it, and all its subqueries and volatile calls. Only who compiles or prints
 * it goes inside.
 *
 * Invariants: nothing is sealed that others look into: lists of conditions that must all hold, aggregates, functions that
 * give sets.
 */
import { chunksOf, type Progress } from '../progress.ts'
import { childrenOf, type Expression, type LogicExpression, type SealedExpression } from './expression.ts'

const sealable: ReadonlySet<Expression['kind']> = new Set([
  'call',
  'or',
  'not',
  'test',
  'case',
  'coalesce',
  'array',
  'quantified',
])

/** The expression itself where it must stay open. */
export function seal(expression: Expression, progress: Progress): Expression {
  if (expression.kind === 'and') return sealConjuncts(expression, progress)
  return sealable.has(expression.kind) ? sealWhole(expression, progress) : expression
}

function sealWhole(expression: Expression, progress: Progress): Expression {
  const found = progress.once(() => new Witnesses())
  const chunks = chunksOf(childrenOf(expression))
  progress.each(chunks, (chunk) => {
    for (const child of chunk) found.add(child)
    progress.spend(chunk.length)
  })
  if (expression.kind === 'call' && expression.volatile) found.add({ ...expression, arguments: [] })
  if (found.isOpen) return expression
  const { type, modifier, location } = expression
  const sealed: SealedExpression = {
    kind: 'sealed',
    type,
    modifier,
    location,
    inner: expression,
    witnesses: found.list,
    weight: found.weight,
  }
  return sealed
}

/** No index is looked for beyond these many, nor for larger ones. */
const maxOpenConjuncts = 256
const maxOpenWeight = 16

/** A list of conditions stays open, so that each can be tested where it belongs; within bounds. */
function sealConjuncts(expression: LogicExpression, progress: Progress): Expression {
  const { arguments: all } = expression
  const open = progress.each(all.slice(0, maxOpenConjuncts), (one) =>
    sealable.has(one.kind) && weighs(one, maxOpenWeight) ? sealWhole(one, progress) : one,
  )
  if (all.length <= maxOpenConjuncts) return { ...expression, arguments: open }
  const rest = sealWhole({ ...expression, arguments: all.slice(maxOpenConjuncts) }, progress)
  return { ...expression, arguments: [...open, rest] }
}

function weighs(expression: Expression, limit: number): boolean {
  let left = limit
  const walk = (one: Expression): boolean => --left < 0 || childrenOf(one).some(walk)
  return walk(expression)
}

class Witnesses {
  readonly list: Expression[] = []
  readonly #known = new Set<string>()
  weight = 0
  /** There is something in it that must be seen. */
  isOpen = false

  add(expression: Expression): void {
    this.weight += expression.kind === 'sealed' ? expression.weight : 1
    const name = nameOf(expression)
    if (name !== undefined) {
      if (this.#known.has(name)) return
      this.#known.add(name)
      this.list.push(expression)
    } else if (expression.kind === 'subquery') this.list.push(expression)
    else {
      if (expression.kind === 'aggregate' || expression.kind === 'set') this.isOpen = true
      if (expression.kind === 'call' && expression.volatile) this.list.push({ ...expression, arguments: [] })
      for (const child of childrenOf(expression)) this.add(child)
    }
  }
}

function nameOf(expression: Expression): string | undefined {
  switch (expression.kind) {
    case 'column':
      return `c${expression.index}`
    case 'parameter':
      return `p${expression.index}`
    case 'captured':
      return `o${expression.subquery}.${expression.slot}`
    default:
      return undefined
  }
}
