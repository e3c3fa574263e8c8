/**
 * How to reach the rows of a relation: which index, with which bounds.
 *
 * From the conditions that must all hold, each index takes equalities on its leading columns and then one range. The best
 * is the one that pins most; a unique index that is pinned whole beats all. What an index has answered exactly need not be
 * tested again.
 */
import type { Relation, RelationIndex } from '../../../query/relation.ts'
import type { CallExpression, Expression } from '../expression/expression.ts'
import { oid } from '../types/oids.ts'
import type { OrderKey } from '../bind/query.ts'

export interface BoundExpression {
  readonly expression: Expression
  readonly isInclusive: boolean
}

export interface AccessPath {
  readonly index: RelationIndex
  /** Values of the leading columns. */
  readonly equal: readonly Expression[]
  /** The last of `equal` is an array: one lookup per element. */
  readonly hasList: boolean
  readonly lower: BoundExpression | undefined
  readonly upper: BoundExpression | undefined
  /** Conditions that it makes use of. */
  readonly matched: readonly Expression[]
  /** Those of them that hold for everything it finds, so that nothing needs to test them again. */
  readonly answered: readonly Expression[]
  /** All columns of a unique index are pinned to one value. */
  readonly isPoint: boolean
}

interface Comparison {
  readonly column: number
  readonly operator: string
  readonly value: Expression
  readonly condition: Expression
}

const mirrored: Readonly<Record<string, string>> = { '=': '=', '<': '>', '<=': '>=', '>': '<', '>=': '<=' }

/** `isKnown`: the expression has a value before the relation is read. */
export function chooseAccess(
  relation: Relation,
  first: number,
  conditions: readonly Expression[],
  isKnown: (expression: Expression) => boolean,
): AccessPath | undefined {
  const comparisons = conditions.flatMap((condition) =>
    comparisonsOf(condition, first, relation.columns.length, isKnown),
  )
  let best: AccessPath | undefined
  let bestScore = 0
  for (const index of relation.indexes) {
    const path = matchIndex(index, comparisons)
    const score = path === undefined ? 0 : scoreOf(path)
    if (score > bestScore) {
      best = path
      bestScore = score
    }
  }
  return best
}

function scoreOf(path: AccessPath): number {
  const bounds = Number(path.lower !== undefined) + Number(path.upper !== undefined)
  const primary = path.index.isPrimary ? 1 : 0
  return (path.isPoint ? 1000 : 0) + path.equal.length * 20 + bounds * 5 + primary - (path.hasList ? 8 : 0)
}

function matchIndex(index: RelationIndex, comparisons: readonly Comparison[]): AccessPath | undefined {
  const equal: Expression[] = []
  const matched: Expression[] = []
  let hasList = false
  for (const { column } of index.parts) {
    const found =
      find(comparisons, column, '=') ??
      (index.isHint === true ? undefined : find(comparisons, column, 'null')) ??
      find(comparisons, column, 'any')
    if (found === undefined) break
    equal.push(found.value)
    matched.push(found.condition)
    if (found.operator === 'any') {
      hasList = true
      break
    }
  }
  const isHint = index.isHint === true
  const next = hasList || isHint ? undefined : index.parts[equal.length]
  const lower =
    next === undefined ? undefined : (find(comparisons, next.column, '>') ?? find(comparisons, next.column, '>='))
  const upper =
    next === undefined ? undefined : (find(comparisons, next.column, '<') ?? find(comparisons, next.column, '<='))
  if (equal.length === 0 && lower === undefined && upper === undefined) return undefined
  for (const bound of [lower, upper]) if (bound !== undefined) matched.push(bound.condition)
  const pinsNull = equal.some((one) => one.kind === 'constant' && one.value === null)
  return {
    index,
    equal,
    hasList,
    lower: boundOf(lower, '>='),
    upper: boundOf(upper, '<='),
    matched,
    answered: isHint ? [] : matched,
    isPoint: index.isUnique && equal.length === index.parts.length && !hasList && !pinsNull,
  }
}

function find(comparisons: readonly Comparison[], column: number, operator: string): Comparison | undefined {
  return comparisons.find((one) => one.column === column && one.operator === operator)
}

function boundOf(found: Comparison | undefined, inclusive: string): BoundExpression | undefined {
  return found === undefined ? undefined : { expression: found.value, isInclusive: found.operator === inclusive }
}

function comparisonsOf(
  condition: Expression,
  first: number,
  width: number,
  isKnown: (expression: Expression) => boolean,
): Comparison[] {
  const columnOf = (expression: Expression): number | undefined => {
    const column = underlyingColumn(expression)
    return column !== undefined && column >= first && column < first + width ? column - first : undefined
  }
  if (condition.kind === 'test' && condition.test === 'null' && !condition.negated) {
    const column = condition.argument.kind === 'column' ? columnOf(condition.argument) : undefined
    if (column === undefined) return []
    const value: Expression = { kind: 'constant', type: condition.argument.type, modifier: -1, value: null }
    return [{ column, operator: 'null', value, condition }]
  }
  if (condition.kind === 'column' && condition.type === oid.bool) {
    const value: Expression = { kind: 'constant', type: oid.bool, modifier: -1, value: true }
    const column = columnOf(condition)
    return column === undefined ? [] : [{ column, operator: '=', value, condition }]
  }
  if (condition.kind === 'quantified' && !condition.all && condition.operator.name === '=') {
    const column = columnOf(condition.left)
    const [left, right] = condition.operator.arguments
    const plain = left?.kind === 'column' && right?.kind === 'column'
    return column !== undefined && plain && isKnown(condition.array)
      ? [{ column, operator: 'any', value: condition.array, condition }]
      : []
  }
  return condition.kind === 'call' ? callComparisons(condition, columnOf, isKnown) : []
}

function callComparisons(
  condition: CallExpression,
  columnOf: (expression: Expression) => number | undefined,
  isKnown: (expression: Expression) => boolean,
): Comparison[] {
  const flipped = mirrored[condition.name]
  const [left, right] = condition.arguments
  if (!condition.isOperator || flipped === undefined || left === undefined || right === undefined) return []
  const found: Comparison[] = []
  const a = columnOf(left)
  if (a !== undefined && isKnown(right)) found.push({ column: a, operator: condition.name, value: right, condition })
  const b = columnOf(right)
  if (b !== undefined && isKnown(left)) found.push({ column: b, operator: flipped, value: left, condition })
  return found
}

const wideningCasts: ReadonlySet<string> = new Set(
  [
    [oid.int2, oid.int4],
    [oid.int2, oid.int8],
    [oid.int4, oid.int8],
    [oid.varchar, oid.text],
    [oid.regclass, oid.oid],
  ].map(([from, to]) => `${from}>${to}`),
)

/** A column, or one under a cast that keeps its order and its key's bytes. */
function underlyingColumn(expression: Expression): number | undefined {
  if (expression.kind === 'column') return expression.index
  if (expression.kind !== 'call' || expression.name !== 'cast') return undefined
  const [inner] = expression.arguments
  if (inner?.kind !== 'column' || !wideningCasts.has(`${inner.type}>${expression.type}`)) return undefined
  return inner.index
}

/**
 * Whether reading by an index gives rows in this order: `forward`, `reverse`, or not. Leading columns that are pinned to one
 * value do not matter. `columnOf` gives the ordinal that a sort key shows.
 */
export function orderOf(
  index: RelationIndex,
  pinned: ReadonlySet<number>,
  order: readonly OrderKey[],
  columnOf: (key: OrderKey) => number | undefined,
): 'forward' | 'reverse' | undefined {
  if (index.isHint === true) return undefined
  let direction: 'forward' | 'reverse' | undefined
  let part = 0
  for (const key of order) {
    const column = columnOf(key)
    if (column === undefined) return undefined
    if (pinned.has(column)) continue
    while (part < index.parts.length && pinned.has(index.parts[part]!.column)) part++
    const at = index.parts[part++]
    if (at === undefined || at.column !== column) return undefined
    const isForward = at.isDescending === key.descending && at.nullsFirst === key.nullsFirst
    const isReverse = at.isDescending !== key.descending && at.nullsFirst !== key.nullsFirst
    // A primary key has no nulls, so where they would go does not matter.
    const found = index.isPrimary
      ? at.isDescending === key.descending
        ? 'forward'
        : 'reverse'
      : isForward
        ? 'forward'
        : isReverse
          ? 'reverse'
          : undefined
    if (found === undefined || (direction !== undefined && direction !== found)) return undefined
    direction = found
  }
  return direction ?? 'forward'
}
