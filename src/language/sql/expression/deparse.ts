/** A bound expression as SQL text in PostgreSQL's style: for EXPLAIN, pg_get_expr, and stored defaults and checks. */
import type { Collection } from '../../../database/catalog/catalog.ts'
import { formatType, getType } from '../../../model/table/types/registry.ts'
import type { SqlValue } from '../contract.ts'
import { quoteIdentifier, quoteLiteral } from '../functions/text-functions.ts'
import { asWritten } from '../query-text/expression-text.ts'
import { oid } from '../types/oids.ts'
import type { CallExpression, Expression, SubqueryExpression } from './expression.ts'

export interface DeparseOptions {
  /** How a column is written: its last name by default. */
  readonly column?: (index: number, name: string) => string
  /** The text of a constant of a reg type: its object's name. */
  readonly objectName?: (type: number, value: number) => string | undefined
  /** The text of a constant: as its type has it by default. */
  readonly valueText?: (type: number, value: SqlValue) => string
  /** How a type is written: as `formatType` has it by default. */
  readonly typeName?: (type: number, modifier: number) => string
  /** What a subquery has from outside, and the subquery: numbers by default, as EXPLAIN shows them. */
  readonly captured?: (subquery: number, slot: number) => string
  readonly subquery?: (expression: SubqueryExpression, text: (one: Expression) => string) => string
  /** What stands behind OVER, by a window's id: EXPLAIN leaves it out. */
  readonly window?: (id: string) => string
  /** Columns are asked for whatever text they bring along. */
  readonly isExact?: boolean
  /** Without the conversions that an operator of two types of numbers does not need, as definitions keep their conditions. */
  readonly asWritten?: boolean
}

export function deparse(expression: Expression, options: DeparseOptions = {}): string {
  const text = (one: Expression): string => deparse(one, options)
  switch (expression.kind) {
    case 'constant':
      return constantText(expression.value, expression.type, expression.modifier, options)
    case 'parameter':
      return `$${expression.index + 1}`
    case 'column': {
      const { index, name, text: shown } = expression
      if (shown !== undefined && options.isExact !== true) return shown
      return options.column?.(index, name) ?? quoteIdentifier(name.slice(name.lastIndexOf('.') + 1))
    }
    case 'captured':
      return options.captured?.(expression.subquery, expression.slot) ?? `$outer${expression.slot}`
    case 'call':
      return callText(expression, text, options)
    case 'and':
    case 'or':
      return `(${expression.arguments.map(text).join(` ${expression.kind.toUpperCase()} `)})`
    case 'not':
      return `(NOT ${text(expression.argument)})`
    case 'test':
      return `(${text(expression.argument)} IS ${expression.negated ? 'NOT ' : ''}${expression.test.toUpperCase()})`
    case 'case': {
      const branches = expression.branches.map(({ when, then }) => ` WHEN ${text(when)} THEN ${text(then)}`).join('')
      const otherwise = expression.otherwise === undefined ? '' : ` ELSE ${text(expression.otherwise)}`
      return `CASE${branches}${otherwise} END`
    }
    case 'coalesce':
      return `COALESCE(${expression.arguments.map(text).join(', ')})`
    case 'array':
      if (expression.elements.length === 0) return emptyArray(expression, options)
      return `ARRAY[${expression.elements.map(text).join(', ')}]`
    case 'quantified':
      return `(${text(expression.left)} ${expression.operator.name} ${expression.all ? 'ALL' : 'ANY'} (${text(expression.array)}))`
    case 'subquery':
      return options.subquery?.(expression, text) ?? `(SubPlan ${expression.id + 1})`
    case 'sealed':
      return text(expression.inner)
    case 'window': {
      const { name, arguments: parts, filter, definition } = expression
      const where = filter === undefined ? '' : ` FILTER (WHERE ${text(filter)})`
      const over = options.window?.(expression.window) ?? (definition.name === undefined ? '(?)' : definition.name)
      return `${name}(${parts.map(text).join(', ') || (expression.aggregate === undefined ? '' : '*')})${where} OVER ${over}`
    }
    case 'aggregate':
      return `${expression.aggregate.name}(${expression.arguments.map(text).join(', ') || '*'})`
    default:
      return `${expression.name}(${expression.arguments.map(text).join(', ')})`
  }
}

function callText(expression: CallExpression, text: (one: Expression) => string, options: DeparseOptions): string {
  const parts = (options.asWritten === true ? asWritten(expression) : comparedAsTexts(expression)).map(text)
  // What stands around it is no call of the query's.
  if (expression.remote?.kind === 'finishing' || expression.remote?.kind === 'list') return parts.join(', ')
  if (expression.routine !== undefined)
    return `${routineName(expression.routine, expression.name)}(${parts.join(', ')})`
  if (expression.name === 'cast') return castText(expression, parts[0]!, options)
  if (isRowCall(expression)) {
    const row = `ROW(${parts.join(', ')})`
    const { made, title } = getType(expression.type)
    return made?.id === 0 ? row : `${row}::${options.typeName?.(expression.type, -1) ?? title}`
  }
  if (expression.name.startsWith('field ')) return `(${parts[0]!}).${quoteIdentifier(expression.name.slice(6))}`
  if (rowTests.has(expression.name)) return `(${parts[0]!} ${expression.name})`
  if (expression.name === 'subscript')
    return `(${parts[0]!})${parts
      .slice(1)
      .map((one) => `[${one}]`)
      .join('')}`
  if (expression.name.startsWith('slice ')) return sliceText(expression.name.slice(6), parts)
  if (expression.name === 'greatest' || expression.name === 'least')
    return `${expression.name.toUpperCase()}(${parts.join(', ')})`
  if (parts.length === 0 && valueFunctions.has(expression.name)) return expression.name.toUpperCase()
  if (!expression.isOperator) return `${quoteIdentifier(expression.name)}(${parts.join(', ')})`
  return parts.length === 1 ? `(${expression.name} ${parts[0]!})` : `(${parts[0]!} ${expression.name} ${parts[1]!})`
}

/** Of rows: what is a test of its own else. */
const rowTests: ReadonlySet<string> = new Set(['IS NULL', 'IS NOT NULL'])

/** Written out, or all of a table. */
function isRowCall({ name, type }: CallExpression): boolean {
  return (name === 'row' || name.startsWith('whole row ')) && getType(type).fields !== undefined
}

/** A column's name needs no parentheses. */
function subscripted(text: string): string {
  return /^(?:[a-z_][a-z0-9_]*\.)*[a-z_][a-z0-9_]*$/.test(text) ? text : `(${text})`
}

/** `shape` has a digit where a bound is given: `0:0,:0` of two dimensions. */
function sliceText(shape: string, [list, ...bounds]: readonly string[]): string {
  const pairs = shape.split(',').map((pair) => pair.split(':'))
  const given = [...pairs.map(([from]) => from !== ''), ...pairs.map(([, to]) => to !== '')]
  let at = 0
  const all = given.map((isGiven) => (isGiven ? bounds[at++]! : ''))
  return `${subscripted(list!)}${pairs.map((_, i) => `[${all[i]!}:${all[pairs.length + i]!}]`).join('')}`
}

const comparisons: ReadonlySet<string> = new Set(['=', '<>', '<', '<=', '>', '>='])

/** A name is compared with a text without a cast, as a client sees it. */
function comparedAsTexts({ isOperator, name, arguments: parts }: CallExpression): readonly Expression[] {
  if (!isOperator || parts.length !== 2 || !comparisons.has(name)) return parts
  const isName = parts.map((one) => one.kind === 'call' && one.name === 'cast' && one.arguments[0]?.type === oid.name)
  return isName[0] === isName[1]
    ? parts
    : parts.map((one, i) => (isName[i] ? (one as CallExpression).arguments[0]! : one))
}

/** Functions that are called without parentheses. */
const valueFunctions: ReadonlySet<string> = new Set(['current_user', 'current_role', 'session_user', 'user'])

function castText(expression: CallExpression, inner: string, { typeName = formatType }: DeparseOptions): string {
  const simple = /^(?:[a-z_][a-z0-9_]*|"[^"]*"|\(.*\)|\$\d+|\w+\([^()]*\))$/s.test(inner)
  return `${simple && !inner.startsWith('(') ? `(${inner})` : simple ? inner : `(${inner})`}::${typeName(expression.type, expression.modifier)}`
}

/** Nothing in it would tell its type. */
function emptyArray({ type, modifier }: Expression, { typeName = formatType }: DeparseOptions): string {
  return `ARRAY[]::${typeName(type, modifier)}`
}

function constantText(value: SqlValue, type: number, modifier: number, options: DeparseOptions): string {
  const { typeName = formatType } = options
  if (value === null) return type === oid.unknown ? 'NULL' : `NULL::${typeName(type, modifier)}`
  if (type === oid.bool) return value === true ? 'true' : 'false'
  if (type === oid.int4) return (value as number) < 0 ? `'${value as number}'::integer` : `${value as number}`
  if (type === oid.numeric) {
    const shown = getType(type).formatText(value)
    return /^\d+(\.\d+)?$/.test(shown) ? shown : `'${shown}'::numeric`
  }
  const name = options.objectName?.(type, value as number)
  const shown = name ?? options.valueText?.(type, value) ?? getType(type).formatText(value)
  return `${quoteLiteral(shown)}::${type === oid.unknown ? 'text' : typeName(type, modifier)}`
}

/** Texts that definitions keep are read with the path `public`. */
function routineName({ namespace }: Collection, name: string): string {
  const own = quoteIdentifier(name)
  return namespace.name === 'public' ? own : `${quoteIdentifier(namespace.name)}.${own}`
}
