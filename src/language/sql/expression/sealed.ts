/**
 * Large parts of expressions, closed for those that only look.
 *
 * The planner walks conditions a dozen times: which columns do they read, is anything volatile, where are subqueries. For
 * each part of a long text's expression that has grown large, a `sealed` node answers that from its `witnesses`: one of
 * each column, parameter and captured value in it, and all its subqueries and volatile calls. Only who compiles or prints
 * it goes inside.
 *
 * Invariants: nothing is sealed that others look into: lists of conditions that must all hold, aggregates, functions that
 * give sets, window functions.
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
  addChildren(found, expression, progress)
  if (expression.kind === 'call' && expression.volatile) found.list.push({ ...expression, arguments: [] })
  if (found.isOpen) return expression
  const { type, modifier, location } = expression
  const sealed: SealedExpression = {
    kind: 'sealed',
    type,
    modifier,
    location,
    inner: expression,
    witnesses: [...found.list],
    weight: found.weight,
  }
  return sealed
}

/** The list that `x IN (…)` is has one above it. */
function addChildren(found: Witnesses, expression: Expression, progress: Progress): void {
  const children = childrenOf(expression)
  const isLong = (one: Expression): boolean => childrenOf(one).length > minLongList
  const long = children.length > minLongList ? [] : children.filter(isLong)
  const rest = long.length === 0 ? children : children.filter((one) => !long.includes(one))
  progress.each(chunksOf(rest, 64), (chunk) => {
    const before = found.weight
    for (const child of chunk) found.add(child)
    progress.spend((found.weight - before) >> 1)
  })
  progress.each(long, (child) => addChildren(found, child, progress))
}

const minLongList = 64

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
  readonly #columns = new Set<number>()
  readonly #others = new Set<string>()
  weight = 0
  /** There is something in it that must be seen. */
  isOpen = false

  add(expression: Expression): void {
    this.weight += expression.kind === 'sealed' ? expression.weight : 1
    switch (expression.kind) {
      case 'constant':
        return
      case 'column':
        this.#once(this.#columns, expression.index, expression)
        return
      case 'parameter':
        this.#once(this.#others, `$${expression.index}`, expression)
        return
      case 'captured':
        this.#once(this.#others, `${expression.subquery}.${expression.slot}`, expression)
        return
      case 'subquery':
        this.list.push(expression)
        return
      case 'aggregate':
      case 'set':
      case 'window':
        this.isOpen = true
        return
      case 'call':
        if (expression.volatile) this.list.push({ ...expression, arguments: [] })
    }
    for (const child of childrenOf(expression)) this.add(child)
  }

  #once<K>(known: Set<K>, key: K, expression: Expression): void {
    if (known.has(key)) return
    known.add(key)
    this.list.push(expression)
  }
}
