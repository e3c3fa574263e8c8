/** A bound expression as SQL text in PostgreSQL's style: for EXPLAIN, pg_get_expr, and stored defaults and checks. */
import { formatType, getType } from '../../../model/table/types/registry.ts'
import type { SqlValue } from '../contract.ts'
import { quoteIdentifier, quoteLiteral } from '../functions/text-functions.ts'
import { oid } from '../types/oids.ts'
import type { CallExpression, Expression, SubqueryExpression } from './expression.ts'

export interface DeparseOptions {
  /** How a column is written: its last name by default. */
  readonly column?: (index: number, name: string) => string
  /** The text of a constant of a reg type: its object's name. */
  readonly objectName?: (type: number, value: number) => string | undefined
  /** What a subquery has from outside, and the subquery: numbers by default, as EXPLAIN shows them. */
  readonly captured?: (subquery: number, slot: number) => string
  readonly subquery?: (expression: SubqueryExpression, text: (one: Expression) => string) => string
  /** Columns are asked for whatever text they bring along. */
  readonly isExact?: boolean
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
      return callText(expression, text)
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
      return `ARRAY[${expression.elements.map(text).join(', ')}]`
    case 'quantified':
      return `(${text(expression.left)} ${expression.operator.name} ${expression.all ? 'ALL' : 'ANY'} (${text(expression.array)}))`
    case 'subquery':
      return options.subquery?.(expression, text) ?? `(SubPlan ${expression.id + 1})`
    case 'sealed':
      return text(expression.inner)
    case 'aggregate':
      return `${expression.aggregate.name}(${expression.arguments.map(text).join(', ') || '*'})`
    default:
      return `${expression.name}(${expression.arguments.map(text).join(', ')})`
  }
}

function callText(expression: CallExpression, text: (one: Expression) => string): string {
  const parts = comparedAsTexts(expression).map(text)
  // What stands around it is no call of the query's.
  if (expression.remote?.kind === 'finishing' || expression.remote?.kind === 'list') return parts.join(', ')
  if (expression.name === 'cast') return castText(expression, parts[0]!)
  if (expression.name === 'subscript') return `(${parts[0]!})[${parts[1]!}]`
  if (expression.name === 'greatest' || expression.name === 'least')
    return `${expression.name.toUpperCase()}(${parts.join(', ')})`
  if (parts.length === 0 && valueFunctions.has(expression.name)) return expression.name.toUpperCase()
  if (!expression.isOperator) return `${quoteIdentifier(expression.name)}(${parts.join(', ')})`
  return parts.length === 1 ? `(${expression.name} ${parts[0]!})` : `(${parts[0]!} ${expression.name} ${parts[1]!})`
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

function castText(expression: CallExpression, inner: string): string {
  const simple = /^(?:[a-z_][a-z0-9_]*|"[^"]*"|\(.*\)|\$\d+|\w+\([^()]*\))$/s.test(inner)
  return `${simple && !inner.startsWith('(') ? `(${inner})` : simple ? inner : `(${inner})`}::${formatType(expression.type, expression.modifier)}`
}

function constantText(value: SqlValue, type: number, modifier: number, options: DeparseOptions): string {
  if (value === null) return type === oid.unknown ? 'NULL' : `NULL::${formatType(type, modifier)}`
  if (type === oid.bool) return value === true ? 'true' : 'false'
  if (type === oid.int4) return (value as number) < 0 ? `'${value as number}'::integer` : `${value as number}`
  if (type === oid.numeric) {
    const shown = getType(type).formatText(value)
    return /^\d+(\.\d+)?$/.test(shown) ? shown : `'${shown}'::numeric`
  }
  const name = options.objectName?.(type, value as number)
  const shown = name ?? getType(type).formatText(value)
  const typeName = type === oid.unknown ? 'text' : formatType(type, modifier)
  return `${quoteLiteral(shown)}::${typeName}`
}
