/**
 * What SQL's conditions ask of single columns, in the words of `query/access-path.ts`, and its paths as a relation's scan
 * takes them.
 *
 * What an index has answered exactly need not be tested again. NULL is found by IS NULL alone; a bound that is NULL finds
 * nothing.
 */
import type {
  AccessIndex,
  AccessPart,
  AccessPath,
  AccessRequest,
  FieldConditions,
  PartBound,
  Points,
} from '../../../query/access-path.ts'
import type { Relation, RelationIndex, RelationIndexPart } from '../../../query/relation.ts'
import { SecuredRelation } from '../bind/secured-relation.ts'
import type { SqlValue } from '../contract.ts'
import { deparse } from '../expression/deparse.ts'
import { quoteIdentifier } from '../functions/text-functions.ts'
import { type CallExpression, columnsRead, type ConstantExpression, type Expression } from '../expression/expression.ts'
import { oid } from '../types/oids.ts'
import { conjunctsOf, isMovable } from './conditions.ts'
import { literalMatch, literalPrefix, textBehind } from './text-prefix.ts'

export interface Comparison {
  readonly column: number
  readonly operator: '=' | 'null' | 'any' | '<' | '<=' | '>' | '>='
  readonly value: Expression
  readonly condition: Expression
  /** It holds wherever the condition does, which has to be tested all the same. */
  readonly isLoose?: boolean
}

export interface RelationAccessIndex extends AccessIndex {
  readonly index: RelationIndex
}

export type ConditionPath = AccessPath<Comparison, RelationAccessIndex>

export interface BoundExpression {
  readonly expression: Expression
  readonly isInclusive: boolean
}

/** How a scan reads a relation. */
export interface RelationPath {
  readonly index: RelationIndex
  readonly reverse: boolean
  /** Values of the leading columns; of a list each of its elements. */
  readonly equal: readonly { readonly value: Expression; readonly isList: boolean; readonly isNull: boolean }[]
  readonly lower: BoundExpression | undefined
  readonly upper: BoundExpression | undefined
  /** Conditions that it makes use of. */
  readonly matched: readonly Expression[]
  /** Those of them that hold for everything it finds, so that nothing needs to test them again. */
  readonly answered: readonly Expression[]
  /** All columns of a unique index are pinned to one value. */
  readonly isPoint: boolean
  /** The index's entries tell all that is read. */
  readonly fromEntries?: boolean
}

export function relationPath({ index, bounds, order, isPoint }: ConditionPath): RelationPath {
  const points = bounds.filter((bound) => bound.kind !== 'interval')
  const interval = bounds.find((bound) => bound.kind === 'interval')
  const used = [...points.map(({ value }) => value), ...endsOf(interval)]
  const matched = [...new Set(used.map(({ condition }) => condition))]
  return {
    index: index.index,
    reverse: order === 'reverse',
    equal: points.map(({ kind, value, acceptsNull }) => {
      return { value: value.value, isList: kind === 'list', isNull: acceptsNull }
    }),
    lower: boundOf(interval?.low, '>='),
    upper: boundOf(interval?.high, '<='),
    matched,
    answered: index.isHint ? [] : matched.filter((one) => !used.some((by) => by.condition === one && by.isLoose)),
    isPoint,
  }
}

function endsOf(interval: Extract<PartBound<Comparison>, { kind: 'interval' }> | undefined): Comparison[] {
  return [interval?.low, interval?.high].filter((one) => one !== undefined)
}

function boundOf(found: Comparison | undefined, inclusive: string): BoundExpression | undefined {
  return found === undefined ? undefined : { expression: found.value, isInclusive: found.operator === inclusive }
}

// ---- indexes

const accessIndexes = new WeakMap<RelationIndex, RelationAccessIndex>()

export function accessIndexesOf(relation: Relation): readonly RelationAccessIndex[] {
  return relation.indexes.map((index) => {
    let known = accessIndexes.get(index)
    if (known === undefined) accessIndexes.set(index, (known = accessIndexOf(relation, index)))
    return known
  })
}

function accessIndexOf({ columns }: Relation, index: RelationIndex): RelationAccessIndex {
  const isHint = index.isHint === true
  const partOf = ({ column, isDescending, nullsFirst }: RelationIndexPart): AccessPart => {
    const hasNulls = !index.isPrimary && columns[column]?.isNotNull !== true
    return { field: column, isDescending, nullsFirst: hasNulls ? nullsFirst : undefined, arrays: undefined }
  }
  return {
    index,
    parts: index.parts.map(partOf),
    ...(index.thenBy && { thenBy: index.thenBy.map(partOf) }),
    isUnique: index.isUnique,
    isPrimary: index.isPrimary,
    isOrdered: !isHint,
    isHint,
    isSparse: false,
  }
}

// ---- conditions

/** Those that have an entry of every row that satisfies the conditions. */
export function usableIndexes(
  relation: Relation,
  first: number | undefined,
  conditions: readonly Expression[],
): readonly RelationAccessIndex[] {
  const all = accessIndexesOf(relation)
  if (all.every(({ index }) => index.terms === undefined)) return all
  if (first === undefined) return all.filter(({ index }) => index.terms === undefined)
  const texts = new Set(conditions.map((one) => textOver(one, relation, first)))
  const strict = new Set(conditions.flatMap((one) => [...strictlyCompared(one)]))
  const notNull = (term: string): boolean =>
    relation.columns.some(({ name }, i) => term === `(${quoteIdentifier(name)} IS NOT NULL)` && strict.has(first + i))
  return all.filter(({ index }) => (index.terms ?? []).every((term) => texts.has(term) || notNull(term)))
}

/** Columns that are not NULL where the condition holds. */
function strictlyCompared(condition: Expression): ReadonlySet<number> {
  const isComparison = condition.kind === 'call' && condition.isOperator && mirrored[condition.name] !== undefined
  const sides = isComparison ? condition.arguments : []
  return new Set(sides.flatMap((one) => underlyingColumn(one) ?? []))
}

/** Of comparisons with each column the best; the same for all indexes of a request. */
export function fieldConditions(
  comparisons: readonly Comparison[],
): AccessRequest<Comparison, RelationAccessIndex>['conditionsOn'] {
  const known = new Map<number | string, FieldConditions<Comparison> | undefined>()
  return (field) => {
    if (!known.has(field)) known.set(field, conditionsOn(comparisons.filter(({ column }) => column === field)))
    return known.get(field)
  }
}

function conditionsOn(comparisons: readonly Comparison[]): FieldConditions<Comparison> | undefined {
  if (comparisons.length === 0) return undefined
  const find = (operator: Comparison['operator']): Comparison | undefined =>
    comparisons.find((one) => one.operator === operator)
  return {
    point: pointsOf(find('='), 1, false),
    isNull: pointsOf(find('null'), 1, true),
    list: listOf(find('any')),
    low: find('>') ?? find('>='),
    high: find('<') ?? find('<='),
  }
}

function pointsOf(
  value: Comparison | undefined,
  count: number | undefined,
  acceptsNull: boolean,
): Points<Comparison> | undefined {
  return value === undefined ? undefined : { value, count, acceptsNull }
}

function listOf(found: Comparison | undefined): Points<Comparison> | undefined {
  const value = found?.value
  const count =
    value?.kind === 'constant' && value.value !== null ? (value.value as readonly SqlValue[]).length : undefined
  return pointsOf(found, count, false)
}

export const mirrored: Readonly<Record<string, Comparison['operator']>> = {
  '=': '=',
  '<': '>',
  '<=': '>=',
  '>': '<',
  '>=': '<=',
}

/**
 * Of the columns of a relation that begins at `first`. `isKnown`: the expression has a value before the relation is read.
 */
export function comparisonsOf(
  conditions: readonly Expression[],
  first: number,
  relation: Relation,
  isKnown: (expression: Expression) => boolean,
): Comparison[] {
  const { length: width } = relation.columns
  const expressions = relation.indexedExpressions ?? []
  const columnFrom =
    (start: number) =>
    (expression: Expression): number | undefined => {
      const column = underlyingColumn(expression)
      if (column !== undefined) return column >= start && column < start + width ? column - start : undefined
      if (expressions.length === 0) return undefined
      const place = expressions.indexOf(textOver(expression, relation, start) ?? '')
      return place < 0 ? undefined : width + place
    }
  const asked = conditions.flatMap((condition) => comparisonOf(condition, columnFrom(first), isKnown))
  if (!(relation instanceof SecuredRelation)) return asked
  const own = relation.conditions.flatMap(conjunctsOf).filter(isMovable)
  return [...own.flatMap((condition) => comparisonOf(condition, columnFrom(0), isConstant)), ...asked]
}

/** It has a value before anything is read. */
function isConstant(expression: Expression): boolean {
  return columnsRead(expression).size === 0 && isMovable(expression)
}

/** The text of an expression as a definition has it; undefined where it reads anything else than the relation's columns. */
export function textOver(expression: Expression, { columns }: Relation, first: number): string | undefined {
  const read = columnsRead(expression)
  if (read.size === 0) return undefined
  for (const index of read) if (index < first || index >= first + columns.length) return undefined
  return deparse(expression, { column: (index) => quoteIdentifier(columns[index - first]!.name), isExact: true })
}

function comparisonOf(
  condition: Expression,
  columnOf: (expression: Expression) => number | undefined,
  isKnown: (expression: Expression) => boolean,
): Comparison[] {
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
  if (condition.kind !== 'call') return []
  if (condition.name === '~~') return prefixComparisons(condition, columnOf)
  return condition.name === '~' ? matchComparisons(condition, columnOf) : callComparisons(condition, columnOf, isKnown)
}

/** A column, and the text that it is matched with. */
function patternOf(
  { arguments: [left, pattern] }: CallExpression,
  columnOf: (expression: Expression) => number | undefined,
): { readonly column: number; readonly pattern: ConstantExpression; readonly text: string } | undefined {
  const column = left === undefined ? undefined : columnOf(left)
  if (column === undefined || pattern?.kind !== 'constant' || typeof pattern.value !== 'string') return undefined
  return { column, pattern, text: pattern.value }
}

/** ~ '^(abc)$' is = 'abc'. */
function matchComparisons(
  condition: CallExpression,
  columnOf: (expression: Expression) => number | undefined,
): Comparison[] {
  const asked = patternOf(condition, columnOf)
  const value = asked && literalMatch(asked.text)
  if (asked === undefined || value === undefined) return []
  return [{ column: asked.column, operator: '=', value: { ...asked.pattern, value }, condition, isLoose: true }]
}

/** LIKE 'abc%' is within ['abc', 'abd'). */
function prefixComparisons(
  condition: CallExpression,
  columnOf: (expression: Expression) => number | undefined,
): Comparison[] {
  const asked = patternOf(condition, columnOf)
  const prefix = asked === undefined ? '' : literalPrefix(asked.text)
  if (asked === undefined || prefix === '') return []
  const { column, pattern } = asked
  const bound = (operator: '>=' | '<', value: string): Comparison => {
    return { column, operator, value: { ...pattern, value }, condition, isLoose: true }
  }
  const end = textBehind(prefix)
  return [bound('>=', prefix), ...(end === undefined ? [] : [bound('<', end)])]
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
  const operator = mirrored[flipped]!
  if (a !== undefined && isKnown(right)) found.push({ column: a, operator, value: right, condition })
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
    [oid.name, oid.text],
    [oid.regclass, oid.oid],
  ].map(([from, to]) => `${from}>${to}`),
)

/** A column, or one under a cast that keeps its order and its key's bytes. */
export function underlyingColumn(expression: Expression): number | undefined {
  if (expression.kind === 'column') return expression.index
  if (expression.kind !== 'call' || expression.name !== 'cast') return undefined
  const [inner] = expression.arguments
  if (inner?.kind !== 'column' || !wideningCasts.has(`${inner.type}>${expression.type}`)) return undefined
  return inner.index
}

/** Of conditions that no index sees: how much of the rows they leave is assumed. */
const restShares = { equality: 0.1, other: 0.3, least: 0.001 }

/** Of conditions on the relation's own columns, those that no index sees. */
export function restOf(
  conditions: readonly Expression[],
  comparisons: readonly Comparison[],
  relation: Relation,
): Expression[] {
  const indexed = new Set(relation.indexes.flatMap(({ parts }) => parts.map(({ column }) => column)))
  const seen = new Set(comparisons.filter(({ column }) => indexed.has(column)).map(({ condition }) => condition))
  return conditions.filter((one) => !seen.has(one) && columnsRead(one).size > 0)
}

/** `assumed`: of those that nothing else is known about. */
export function restShareOf(assumed: readonly Expression[], known = 1): number {
  let share = known
  for (const condition of assumed) {
    const isEquality = condition.kind === 'call' && condition.isOperator && condition.name === '='
    share *= isEquality ? restShares.equality : restShares.other
  }
  return Math.max(share, restShares.least)
}
