/** Operators, and what the grammar writes as one: IN, BETWEEN, LIKE, NULLIF, IS DISTINCT FROM, ANY and ALL. */
import type { A_Expr } from 'libpg-query'
import { findType, formatType } from '../../../model/table/types/registry.ts'
import { isMade } from '../../../model/table/types/user/user-type.ts'
import type { SqlValue } from '../contract.ts'
import type { CallExpression, Expression, Implementation } from '../expression/expression.ts'
import { failure, notBuilt } from '../failure.ts'
import { arrayImplementation } from '../functions/arrays/array-functions.ts'
import { comparatorOf, comparisonOf } from '../functions/comparison.ts'
import { costOfTypes } from '../functions/cost.ts'
import { operatorsNamed, type FunctionEntry } from '../functions/registry.ts'
import { concreteResult, resolve } from '../functions/resolve.ts'
import { oid } from '../types/oids.ts'
import type { Binder } from './binder.ts'
import { bindRowSubquery, isSingleRow } from './bind-subquery.ts'
import {
  coerce,
  coerceAll,
  commonType,
  constantValues,
  firstOfEachType,
  fold,
  tryCoerce,
  withoutDomain,
} from './coerce.ts'
import { bindCollated } from './collation.ts'
import { bindRowComparison } from './row-comparison.ts'
import { compareRowValues } from './row-values.ts'
import type { Scope } from './scope.ts'
import { itemsOf, lastName } from './tree.ts'

export function bindOperation(binder: Binder, scope: Scope, node: A_Expr): Expression {
  const location = node.location
  const name = lastName(node.name)
  switch (node.kind) {
    case 'AEXPR_OP':
      return bindOperator(binder, scope, node, name)
    case 'AEXPR_OP_ANY':
    case 'AEXPR_OP_ALL':
      return bindQuantified(binder, scope, node, name)
    case 'AEXPR_IN':
      return bindIn(binder, scope, node, name === '<>')
    case 'AEXPR_LIKE':
    case 'AEXPR_ILIKE':
      return bindLike(binder, scope, node, name)
    case 'AEXPR_SIMILAR':
      return bindSimilar(binder, scope, node, name === '!~')
    case 'AEXPR_BETWEEN':
    case 'AEXPR_NOT_BETWEEN':
    case 'AEXPR_BETWEEN_SYM':
    case 'AEXPR_NOT_BETWEEN_SYM':
      return bindBetween(binder, scope, node)
    case 'AEXPR_DISTINCT':
    case 'AEXPR_NOT_DISTINCT':
      return bindDistinct(binder, scope, node)
    case 'AEXPR_NULLIF': {
      const [left, right] = [binder.expression(scope, node.lexpr!), binder.expression(scope, node.rexpr!)]
      const equal = applyOperator(binder, '=', [left, right], location)
      const value = coerce(binder, left, typeOfNullif(left, right))
      binder.repetition.shared(left)
      const branch = { when: equal, then: { kind: 'constant', type: value.type, modifier: -1, value: null } as const }
      return {
        kind: 'case',
        form: 'nullif',
        type: value.type,
        modifier: value.modifier,
        location,
        branches: [branch],
        otherwise: value,
      }
    }
    default:
      throw notBuilt(`the operation ${String(node.kind)}`, location)
  }
}

/** Types of which PostgreSQL has an `=` for every pair: the left side stays what it is. */
const comparedAsTheyAre: readonly (readonly number[])[] = [
  [oid.int2, oid.int4, oid.int8],
  [oid.float4, oid.float8],
  [oid.date, oid.timestamp, oid.timestamptz],
]

/** The type that `=` takes its left side as: varchar is compared as text, a literal as what it is compared with. */
function typeOfNullif(left: Expression, right: Expression): number {
  if (comparedAsTheyAre.some((types) => types.includes(left.type) && types.includes(right.type))) return left.type
  const type = commonType([left, right], 'NULLIF')
  return type === oid.varchar || (type === oid.bpchar && right.type !== type) ? oid.text : type
}

function bindOperator(binder: Binder, scope: Scope, node: A_Expr, name: string): Expression {
  const { lexpr, rexpr, location } = node
  if (lexpr !== undefined && rexpr !== undefined && 'RowExpr' in lexpr && isSingleRow(rexpr)) {
    return bindRowSubquery(binder, scope, { operands: lexpr.RowExpr.args ?? [], link: rexpr.SubLink, name, location })
  }
  if (lexpr !== undefined && rexpr !== undefined && 'RowExpr' in lexpr && 'RowExpr' in rexpr) {
    return bindRowComparison(binder, scope, lexpr.RowExpr.args ?? [], rexpr.RowExpr.args ?? [], name, location)
  }
  const collated = lexpr && rexpr && bindCollated(binder, scope, name, lexpr, rexpr)
  const parts =
    collated ?? [lexpr, rexpr].filter((one) => one !== undefined).map((one) => binder.expression(scope, one))
  return applyOperator(binder, name, parts, location)
}

const comparisons: ReadonlySet<string> = new Set(['=', '<>', '<', '<=', '>', '>='])

/** Resolves and applies an operator to bound arguments. */
export function applyOperator(
  binder: Binder,
  symbol: string,
  given: readonly Expression[],
  location: number | undefined,
): Expression {
  const parts = given.map(withoutDomain)
  const name = symbol === '!=' ? '<>' : symbol
  const types = parts.map(({ type }) => type)
  const ofArrays = parts.length === 2 ? arrayOperation(binder, name, parts, location) : undefined
  if (ofArrays !== undefined) return ofArrays
  const ofMade = parts.length === 2 && comparisons.has(name) ? madeComparison(binder, name, parts, location) : undefined
  if (ofMade !== undefined) return ofMade
  const concatenation = name === '||' ? textConcatenation(binder, parts, location) : undefined
  if (concatenation !== undefined) return concatenation
  const found = resolve(operatorsNamed(name), types, true)
  if (found.kind === 'found') return callEntry(binder, found.entry, parts, found.takes, location, true)
  const shown = parts.map(({ type }) => formatType(type, -1))
  const operation = parts.length === 1 ? `${name} ${shown[0]!}` : `${shown[0]!} ${name} ${shown[1]!}`
  if (found.kind === 'ambiguous') {
    throw failure('42725', `operator is not unique: ${operation}`, {
      location,
      hint: 'Could not choose a best candidate operator. You might need to add explicit type casts.',
    })
  }
  throw failure('42883', `operator does not exist: ${operation}`, {
    location,
    hint:
      parts.length === 1
        ? 'No operator matches the given name and argument type. You might need to add an explicit type cast.'
        : 'No operator matches the given name and argument types. You might need to add explicit type casts.',
  })
}

/** A resolved function or operator over its arguments, converted to the types it takes. */
export function callEntry(
  binder: Binder,
  entry: FunctionEntry,
  parts: readonly Expression[],
  takes: readonly number[],
  location: number | undefined,
  isOperator: boolean,
): Expression {
  const converted = parts.map((part, i) => coerce(binder, part, takes[i]!))
  const call: CallExpression = {
    kind: 'call',
    name: entry.name,
    isOperator,
    type: concreteResult(entry.gives, spreadTypes(entry.takes, parts.length), takes),
    modifier: -1,
    location,
    arguments: converted,
    implementation: entry.implementation,
    strict: entry.strict,
    needsRun: entry.needsRun,
    volatile: entry.volatility === 'volatile',
    stable: entry.volatility === 'stable',
    cost: entry.cost,
    remote: entry.remote,
  }
  return fold(call)
}

function spreadTypes(takes: readonly number[], count: number): readonly number[] {
  return takes.length >= count
    ? takes
    : [...takes, ...Array.from({ length: count - takes.length }, () => takes.at(-1)!)]
}

/** Comparison and containment of arrays: by the element's own order. */
function arrayOperation(
  binder: Binder,
  name: string,
  parts: readonly Expression[],
  location: number | undefined,
): Expression | undefined {
  const types = parts.map(({ type }) => type)
  const array = types.find((type) => findType(type)?.element !== undefined && findType(type)?.category === 'A')
  if (array === undefined) return undefined
  if (!comparisons.has(name) && !['@>', '<@', '&&'].includes(name)) return undefined
  const converted = parts.map((part) => tryCoerce(binder, part, array, -1, 'implicit'))
  const [left, right] = converted
  if (left === undefined || right === undefined) return undefined
  const call = operatorCall(name, [left, right], arrayImplementation(name, array), location)
  return fold({ ...call, cost: costOfTypes([array]), remote: { kind: 'array', name, type: array } })
}

/** Comparison of values of a type that a user made: by its own order. */
function madeComparison(
  binder: Binder,
  name: string,
  parts: readonly Expression[],
  location: number | undefined,
): Expression | undefined {
  const ofRows = compareRowValues(name, parts, location)
  if (ofRows !== undefined) return ofRows
  const made = parts.find(({ type }) => isMade(type))?.type
  if (made === undefined || !parts.every(({ type }) => type === made || type === oid.unknown)) return undefined
  const converted = parts.map((part) => coerce(binder, part, made))
  return fold(operatorCall(name, converted, comparisonOf(name, comparatorOf(made)), location))
}

function operatorCall(
  name: string,
  parts: readonly Expression[],
  implementation: Implementation,
  location: number | undefined,
): CallExpression {
  const flags = { strict: true, needsRun: false, volatile: false, isOperator: true }
  return { kind: 'call', name, type: oid.bool, modifier: -1, location, arguments: parts, implementation, ...flags }
}

/** text || anything that is no array: the other side becomes text. */
function textConcatenation(
  binder: Binder,
  parts: readonly Expression[],
  location: number | undefined,
): Expression | undefined {
  const categories = parts.map(({ type }) => findType(type)?.category)
  if (parts.length !== 2) return undefined
  if (categories.includes('A')) return concatenateArrays(binder, parts, location)
  const isText = (i: number): boolean => categories[i] === 'S' || parts[i]!.type === oid.unknown
  const binary = parts.some(({ type }) => type === oid.bytea || type === oid.jsonb)
  if (isText(0) === isText(1) ? parts.some(({ type }) => type !== oid.unknown) : binary) return undefined
  const texts = parts.map((part) => coerce(binder, part, oid.text, -1, 'explicit'))
  const found = resolve(operatorsNamed('||'), [oid.text, oid.text], true)
  return found.kind === 'found' ? callEntry(binder, found.entry, texts, found.takes, location, true) : undefined
}

/** array || array, array || element, element || array. */
function concatenateArrays(binder: Binder, parts: readonly Expression[], location: number | undefined): Expression {
  const [left, right] = parts.map(({ type }) => findType(type)?.element !== undefined || type === oid.unknown)
  const name = left === right ? 'array_cat' : left === true ? 'array_append' : 'array_prepend'
  const call = binder.call(name, parts, location)
  return call.kind === 'call' ? { ...call, name: '||', isOperator: true } : call
}

function bindQuantified(binder: Binder, scope: Scope, node: A_Expr, name: string): Expression {
  const left = binder.expression(scope, node.lexpr!)
  let array = binder.expression(scope, node.rexpr!)
  const location = node.location
  if (array.type === oid.unknown) {
    const type = findType(left.type === oid.unknown ? oid.text : left.type)?.arrayOid
    if (type === undefined || type === 0)
      throw failure('42809', 'op ANY/ALL (array) requires array on right side', { location })
    array = coerce(binder, array, type)
  }
  const element = vectorElement(array.type) ?? findType(array.type)?.element?.oid
  if (element === undefined) throw failure('42809', 'op ANY/ALL (array) requires array on right side', { location })
  return quantify(binder, left, array, element, name, node.kind === 'AEXPR_OP_ALL', location)
}

function vectorElement(type: number): number | undefined {
  return type === oid.oidvector ? oid.oid : type === oid.int2vector ? oid.int2 : undefined
}

/** The operator is bound over two columns: the left side and an element. */
function quantify(
  binder: Binder,
  left: Expression,
  array: Expression,
  element: number,
  name: string,
  all: boolean,
  location: number | undefined,
): Expression {
  const types = [left.type, element]
  const found = resolve(operatorsNamed(name === '!=' ? '<>' : name), types, true)
  const probe = (type: number, index: number): Expression => ({ kind: 'column', type, modifier: -1, index, name: '' })
  const leftType = left.type === oid.unknown ? (found.kind === 'found' ? found.takes[0]! : element) : left.type
  const operator = applyOperator(binder, name, [probe(leftType, 0), probe(element, 1)], location)
  if (operator.kind !== 'call' || operator.type !== oid.bool) {
    throw failure('42809', 'op ANY/ALL (array) requires operator to yield boolean', { location })
  }
  const value = coerce(binder, left, leftType)
  return { kind: 'quantified', type: oid.bool, modifier: -1, location, all, left: value, array, operator }
}

function bindIn(binder: Binder, scope: Scope, node: A_Expr, negated: boolean): Expression {
  const location = node.location
  const items = itemsOf(node.rexpr)
  const symbol = negated ? '<>' : '='
  const left = node.lexpr!
  if ('RowExpr' in left) {
    const parts = binder.each(scope, items, (item) => {
      if (!('RowExpr' in item)) throw failure('42601', 'a row was expected in IN', { location })
      for (const one of left.RowExpr.args ?? []) binder.repetition.written(one)
      return bindRowComparison(binder, scope, left.RowExpr.args ?? [], item.RowExpr.args ?? [], symbol, location)
    })
    if (parts.length === 1) return parts[0]!
    return { kind: negated ? 'and' : 'or', type: oid.bool, modifier: -1, location, arguments: parts }
  }
  const value = binder.expression(scope, left)
  const bound = binder.each(scope, items, (item) => binder.expression(scope, item))
  const ofType = firstOfEachType(binder, bound)
  // As PostgreSQL does: what has no column in it becomes one array, if the types agree on one.
  const type = sameCategory([value, ...ofType]) ? commonType([value, ...ofType], 'IN') : undefined
  const arrayType = type === undefined ? undefined : findType(type)?.arrayOid
  if (bound.length > 1 && type !== undefined && arrayType !== undefined && arrayType !== 0) {
    const elements = coerceAll(binder, scope, bound, type, ofType)
    const values = constantValues(binder, elements)
    const array: Expression =
      values === undefined
        ? { kind: 'array', type: arrayType, modifier: -1, location, elements }
        : { kind: 'constant', type: arrayType, modifier: -1, value: values }
    return quantify(binder, coerce(binder, value, type), array, type, symbol, negated, location)
  }
  binder.repetition.shared(value, bound.length - 1)
  const tests = binder.each(scope, bound, (one) => applyOperator(binder, symbol, [value, one], location))
  if (tests.length === 1) return tests[0]!
  return { kind: negated ? 'and' : 'or', type: oid.bool, modifier: -1, location, arguments: tests }
}

function sameCategory(parts: readonly Expression[]): boolean {
  const types = new Set(parts.map(({ type }) => type))
  types.delete(oid.unknown)
  return new Set([...types].map((type) => findType(type)?.category)).size <= 1
}

function bindLike(binder: Binder, scope: Scope, node: A_Expr, name: string): Expression {
  const left = binder.expression(scope, node.lexpr!)
  const pattern = node.rexpr!
  const location = node.location
  if ('FuncCall' in pattern && lastName(pattern.FuncCall.funcname) === 'like_escape') {
    const parts = (pattern.FuncCall.args ?? []).map((one) => binder.expression(scope, one))
    return binder.call(`like ${name}`, [left, ...parts], location)
  }
  return applyOperator(binder, name, [left, binder.expression(scope, pattern)], location)
}

function bindSimilar(binder: Binder, scope: Scope, node: A_Expr, negated: boolean): Expression {
  const left = binder.expression(scope, node.lexpr!)
  const pattern = node.rexpr!
  const location = node.location
  const parts =
    'FuncCall' in pattern && lastName(pattern.FuncCall.funcname).startsWith('similar')
      ? (pattern.FuncCall.args ?? []).map((one) => binder.expression(scope, one))
      : [binder.expression(scope, pattern)]
  const match = binder.call('similar_to', [left, ...parts], location)
  return negated ? { kind: 'not', type: oid.bool, modifier: -1, location, argument: match } : match
}

function bindBetween(binder: Binder, scope: Scope, node: A_Expr): Expression {
  const location = node.location
  const value = (): Expression => binder.repeated(scope, node.lexpr!)
  const [low, high] = itemsOf(node.rexpr).map((one) => binder.expression(scope, one)) as [Expression, Expression]
  const negated = node.kind === 'AEXPR_NOT_BETWEEN' || node.kind === 'AEXPR_NOT_BETWEEN_SYM'
  const symmetric = node.kind === 'AEXPR_BETWEEN_SYM' || node.kind === 'AEXPR_NOT_BETWEEN_SYM'
  const logic = (kind: 'and' | 'or', parts: readonly Expression[]): Expression => {
    return { kind, type: oid.bool, modifier: -1, location, arguments: parts }
  }
  const compare = (symbol: string, bound: Expression): Expression =>
    applyOperator(binder, symbol, [value(), bound], location)
  const range = (from: Expression, to: Expression): Expression =>
    negated
      ? logic('or', [compare('<', from), compare('>', to)])
      : logic('and', [compare('>=', from), compare('<=', to)])
  if (!symmetric) return range(low, high)
  for (const one of [low, high]) binder.repetition.shared(one)
  return logic(negated ? 'and' : 'or', [range(low, high), range(high, low)])
}

function bindDistinct(binder: Binder, scope: Scope, node: A_Expr): Expression {
  const location = node.location
  const parts = [binder.expression(scope, node.lexpr!), binder.expression(scope, node.rexpr!)]
  const negated = node.kind === 'AEXPR_NOT_DISTINCT'
  const literal = parts.find((one) => one.kind === 'constant' && one.value === null)
  if (literal !== undefined) {
    const other = parts.find((one) => one !== literal)!
    const argument = other.type === oid.unknown ? coerce(binder, other, oid.text) : other
    return { kind: 'test', type: oid.bool, modifier: -1, location, test: 'null', negated: !negated, argument }
  }
  const equal = applyOperator(binder, '=', parts, location)
  // Both sides were constants, and neither null.
  if (equal.kind === 'constant') return { ...equal, value: equal.value === negated }
  if (equal.kind !== 'call') return equal
  const test = equal.implementation as (a: SqlValue, b: SqlValue) => boolean
  const implementation = (a: SqlValue, b: SqlValue): boolean => {
    const same = a === null || b === null ? a === b : test(a, b)
    return same === negated
  }
  return {
    ...equal,
    name: negated ? 'IS NOT DISTINCT FROM' : 'IS DISTINCT FROM',
    strict: false,
    implementation: implementation,
  }
}
