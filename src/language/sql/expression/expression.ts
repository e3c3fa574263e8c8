/**
 * Bound expressions: names are resolved, every node knows its type, every implicit cast is a node of its own.
 *
 * A `column` is a place in the row of its query block, counted over all FROM items in order. What belongs to an enclosing
 * block reaches a subquery only as a `captured` value: the subquery's node lists the outer expressions it needs, so that a
 * rewrite of the outer block (grouping) or its shorter rows (a condition pushed down) need not look inside.
 */
import type { WindowDef } from 'libpg-query'
import type { Collection } from '../../../database/catalog/catalog.ts'
import type { SqlRun } from '../plan/run.ts'
import type { BoundQuery } from '../bind/query.ts'
import type { Decimal } from '../../../base/decimal.ts'
import { BoundedArray } from '../../../model/table/types/array-bounds.ts'
import { StructuredValue } from '../../../model/table/types/structured.ts'
import type { SqlValue } from '../contract.ts'
import type { Cost } from '../functions/cost.ts'
import type { RemoteCall } from '../remote/remote-call.ts'

interface Typed {
  readonly type: number
  readonly modifier: number
  /** Byte offset in the text, for errors. */
  readonly location?: number | undefined
}

export interface ConstantExpression extends Typed {
  readonly kind: 'constant'
  readonly value: SqlValue
  /** It was a literal without a type, settled as text: another context may still give it one. */
  readonly isSettled?: boolean
}

export interface ParameterExpression extends Typed {
  readonly kind: 'parameter'
  /** From 0. */
  readonly index: number
  /** Nothing has said its type: it is text unless another context says otherwise. */
  readonly isSettled?: boolean
}

export interface ColumnExpression extends Typed {
  readonly kind: 'column'
  readonly index: number
  /** `t.x`, for messages. */
  readonly name: string
  /** What a place in a grouped row stands for, for EXPLAIN. */
  readonly text?: string
}

export interface CapturedExpression extends Typed {
  readonly kind: 'captured'
  readonly subquery: number
  readonly slot: number
}

/** How a function or operator works; `never` as parameters lets any typed function in. */
export type Implementation = (...values: never[]) => SqlValue

export interface CallExpression extends Typed {
  readonly kind: 'call'
  /** For EXPLAIN, fingerprints and index matching: `+`, `lower`, `cast`. */
  readonly name: string
  readonly isOperator: boolean
  readonly arguments: readonly Expression[]
  readonly implementation: Implementation
  /** Null in, null out, without a call. */
  readonly strict: boolean
  /** The run comes as the first argument. */
  readonly needsRun: boolean
  readonly volatile: boolean
  /** It depends on settings, or on when and by whom it is called, but not within one statement. */
  readonly stable?: boolean
  /** Of what its values are; undefined where they are always small, or where it charges by itself. */
  readonly cost?: Cost | undefined
  /** Where another thread can make it. */
  readonly remote?: RemoteCall | undefined
  /** Of a function that CREATE FUNCTION has made. */
  readonly routine?: Collection | undefined
  /** As it was written, where that is a word: CURRENT_DATE. */
  readonly keyword?: string
  /** Written by SQL's own syntax: EXTRACT(year FROM x). */
  readonly isSqlSyntax?: boolean
  /** A cast that follows from where its argument stands. */
  readonly isImplied?: boolean
  /** Nobody has written it: what it is a call of is shown alone. */
  readonly isImplicit?: boolean
}

export interface LogicExpression extends Typed {
  readonly kind: 'and' | 'or'
  readonly arguments: readonly Expression[]
}

export interface NotExpression extends Typed {
  readonly kind: 'not'
  readonly argument: Expression
}

export interface TestExpression extends Typed {
  readonly kind: 'test'
  readonly test: 'null' | 'true' | 'false' | 'unknown'
  readonly negated: boolean
  readonly argument: Expression
}

export interface CaseExpression extends Typed {
  readonly kind: 'case'
  /** How it was written: CASE x WHEN y, NULLIF(x, y); left out: CASE WHEN. */
  readonly form?: 'simple' | 'nullif'
  readonly branches: readonly { readonly when: Expression; readonly then: Expression }[]
  readonly otherwise: Expression | undefined
}

export interface CoalesceExpression extends Typed {
  readonly kind: 'coalesce'
  readonly arguments: readonly Expression[]
}

export interface ArrayExpression extends Typed {
  readonly kind: 'array'
  readonly elements: readonly Expression[]
}

/** `x op ANY (array)` and ALL. */
export interface QuantifiedExpression extends Typed {
  readonly kind: 'quantified'
  readonly all: boolean
  readonly left: Expression
  readonly array: Expression
  readonly operator: CallExpression
}

export interface SubqueryExpression extends Typed {
  readonly kind: 'subquery'
  /** `row`: the one row that there is, compared with the left side. */
  readonly form: 'scalar' | 'exists' | 'array' | 'any' | 'all' | 'row'
  readonly id: number
  readonly query: BoundQuery
  readonly captures: readonly Expression[]
  /** Of any, all and row: the left side, and the operator over its columns with the subquery's behind them. */
  readonly left: readonly Expression[]
  readonly operator: Expression | undefined
  /** `=` of any and all: it is an equality for each column. */
  readonly isMembership: boolean
  /** The types on both sides are the same ones as well: a set answers it. */
  readonly isEquality: boolean
}

export interface AggregateExpression extends Typed {
  readonly kind: 'aggregate'
  readonly aggregate: Aggregate
  readonly arguments: readonly Expression[]
  readonly distinct: boolean
  readonly filter: Expression | undefined
  readonly order: readonly SortKey[]
  /** WITHIN GROUP: so many of its arguments are given directly, and are the same in a group's rows. */
  readonly direct?: number
}

/** A function that returns a set, in a SELECT list. */
export interface SetExpression extends Typed {
  readonly kind: 'set'
  readonly name: string
  readonly arguments: readonly Expression[]
  readonly rows: (run: SqlRun, values: readonly SqlValue[]) => Iterable<readonly SqlValue[]>
  /** That users made. */
  readonly routine?: Collection | undefined
  /** What it does must come about once for each row. */
  readonly mayWrite?: boolean
}

/** A call with OVER: an aggregate, or a function of rows and frames. Its window is one of its block's. */
export interface WindowExpression extends Typed {
  readonly kind: 'window'
  readonly name: string
  /** Undefined: one of `functions/window-functions.ts`. */
  readonly aggregate: Aggregate | undefined
  readonly arguments: readonly Expression[]
  readonly filter: Expression | undefined
  /** The window's `id`, and what stands behind OVER. */
  readonly window: string
  readonly definition: WindowDef
}

/** A large part of a long text's expression: see `sealed.ts`. */
export interface SealedExpression extends Typed {
  readonly kind: 'sealed'
  readonly inner: Expression
  readonly witnesses: readonly Expression[]
  /** How many expressions it stands for. */
  readonly weight: number
}

export type Expression =
  | ConstantExpression
  | ParameterExpression
  | ColumnExpression
  | CapturedExpression
  | CallExpression
  | LogicExpression
  | NotExpression
  | TestExpression
  | CaseExpression
  | CoalesceExpression
  | ArrayExpression
  | QuantifiedExpression
  | SubqueryExpression
  | AggregateExpression
  | SetExpression
  | WindowExpression
  | SealedExpression

export interface SortKey {
  readonly expression: Expression
  readonly descending: boolean
  readonly nullsFirst: boolean
}

export interface Aggregate {
  readonly name: string
  readonly result: number
  /** Rows where the (first) argument is null are left out. */
  readonly strict: boolean
  /** Its state keeps the values of all rows, or of one; else it is small. */
  readonly keeps: 'nothing' | 'one' | 'all'
  readonly begin: () => unknown
  readonly add: (state: unknown, values: readonly SqlValue[]) => unknown
  /** The same of its only argument, or of none (null); where there is no list of values to make. */
  readonly addOne?: ((state: unknown, value: SqlValue) => unknown) | undefined
  readonly finish: (state: unknown) => SqlValue
  /** A call that makes the result of what `finish` gives, which then is of the type `result`. */
  readonly finishing?: { readonly type: number; readonly call: Implementation; readonly cost: Cost } | undefined
}

/** The expressions directly below, subqueries seen only through what they capture. */
export function childrenOf(expression: Expression): readonly Expression[] {
  switch (expression.kind) {
    case 'call':
    case 'and':
    case 'or':
    case 'coalesce':
    case 'set':
      return expression.arguments
    case 'not':
    case 'test':
      return [expression.argument]
    case 'case': {
      const parts = expression.branches.flatMap(({ when, then }) => [when, then])
      return expression.otherwise === undefined ? parts : [...parts, expression.otherwise]
    }
    case 'array':
      return expression.elements
    case 'quantified':
      return [expression.left, expression.array]
    case 'subquery':
      return expression.left.length === 0 ? expression.captures : [...expression.captures, ...expression.left]
    case 'aggregate': {
      const parts = [...expression.arguments, ...expression.order.map((key) => key.expression)]
      return expression.filter === undefined ? parts : [...parts, expression.filter]
    }
    case 'window':
      return expression.filter === undefined ? expression.arguments : [...expression.arguments, expression.filter]
    case 'sealed':
      return expression.witnesses
    default:
      return []
  }
}

/** A copy with each child replaced by what `change` makes of it. */
export function mapChildren(expression: Expression, change: (child: Expression) => Expression): Expression {
  switch (expression.kind) {
    case 'call':
    case 'and':
    case 'or':
    case 'coalesce':
    case 'set':
      return { ...expression, arguments: expression.arguments.map(change) }
    case 'not':
    case 'test':
      return { ...expression, argument: change(expression.argument) }
    case 'case':
      return {
        ...expression,
        branches: expression.branches.map(({ when, then }) => ({ when: change(when), then: change(then) })),
        otherwise: expression.otherwise === undefined ? undefined : change(expression.otherwise),
      }
    case 'array':
      return { ...expression, elements: expression.elements.map(change) }
    case 'quantified':
      return { ...expression, left: change(expression.left), array: change(expression.array) }
    case 'subquery':
      return {
        ...expression,
        captures: expression.captures.map(change),
        left: expression.left.map(change),
      }
    case 'aggregate':
      return {
        ...expression,
        arguments: expression.arguments.map(change),
        order: expression.order.map((key) => ({ ...key, expression: change(key.expression) })),
        filter: expression.filter === undefined ? undefined : change(expression.filter),
      }
    case 'window':
      return {
        ...expression,
        arguments: expression.arguments.map(change),
        filter: expression.filter === undefined ? undefined : change(expression.filter),
      }
    case 'sealed':
      return mapChildren(expression.inner, change)
    default:
      return expression
  }
}

export function someExpression(expression: Expression, matches: (one: Expression) => boolean): boolean {
  return matches(expression) || childrenOf(expression).some((child) => someExpression(child, matches))
}

/** Of how many it is made, itself included; what is counted ends behind `most`. */
export function partsOf(expression: Expression, most: number): number {
  let parts = 0
  someExpression(expression, () => ++parts > most)
  return parts
}

/** Columns of its own block that it reads. */
export function columnsRead(expression: Expression, into: Set<number> = new Set()): Set<number> {
  if (expression.kind === 'column') into.add(expression.index)
  for (const child of childrenOf(expression)) columnsRead(child, into)
  return into
}

export function constant(value: SqlValue, type: number, location?: number): ConstantExpression {
  return { kind: 'constant', type, modifier: -1, value, location }
}

/** A function of its arguments alone, which neither reads the run nor changes between calls. */
export function plainCall(
  name: string,
  type: number,
  parts: readonly Expression[],
  implementation: Implementation,
  location?: number,
  strict = true,
): CallExpression {
  return {
    kind: 'call',
    name,
    isOperator: false,
    type,
    modifier: -1,
    location,
    arguments: parts,
    implementation,
    strict,
    needsRun: false,
    volatile: false,
  }
}

/** Equal texts mean equal expressions; what is not comparable is never equal. */
export function fingerprint(expression: Expression): string {
  if (expression.kind === 'sealed') return fingerprint(expression.inner)
  const children = childrenOf(expression).map(fingerprint).join(',')
  return `${ownFingerprint(expression)}(${children})`
}

/** What is equal to nothing but itself: a set and a volatile call, which a position or a name may mean a second time. */
const identities = new WeakMap<Expression, number>()
let lastIdentity = 0

function identityOf(expression: Expression): number {
  let identity = identities.get(expression)
  if (identity === undefined) identities.set(expression, (identity = ++lastIdentity))
  return identity
}

/** Without its parts. */
export function ownFingerprint(expression: Expression): string {
  const { kind, type } = expression
  switch (expression.kind) {
    case 'constant':
      return `k${type}:${fingerprintValue(expression.value)}`
    case 'parameter':
      return `p${expression.index}:${type}`
    case 'column':
      return `c${expression.index}`
    case 'captured':
      return `o${expression.subquery}.${expression.slot}`
    case 'call':
      return `${expression.volatile ? `volatile${identityOf(expression)}` : ''}${expression.routine?.id ?? ''}${expression.name}:${type}:${expression.modifier}`
    case 'test':
      return `test:${expression.test}:${expression.negated}`
    case 'quantified':
      return `quantified:${expression.all}:${expression.operator.name}`
    case 'subquery':
      return `subquery${expression.id}`
    case 'aggregate':
      return `aggregate:${expression.aggregate.name}:${expression.distinct}:${expression.order.map(({ descending, nullsFirst }) => `${descending}${nullsFirst}`).join()}:${expression.filter !== undefined}:${expression.direct ?? ''}`
    case 'set':
      return `set${identityOf(expression)}`
    case 'window':
      return `window:${expression.name}:${expression.type}:${expression.filter !== undefined}:${expression.window}`
    default:
      return `${kind}:${type}`
  }
}

function fingerprintArray(values: readonly SqlValue[]): string {
  const bounds = values instanceof BoundedArray ? `${values.lowerBounds.join(':')}=` : ''
  return `${bounds}[${values.map(fingerprintValue).join(',')}]`
}

function fingerprintValue(value: SqlValue): string {
  if (typeof value === 'object' && value !== null) {
    if (value instanceof Uint8Array) return Buffer.from(value).toString('hex')
    if (Array.isArray(value)) return fingerprintArray(value as readonly SqlValue[])
    if (value instanceof StructuredValue) return `s${value.structure}${fingerprintArray(value.parts())}`
    if ('us' in value) return `${value.months}/${value.days}/${value.us}`
    return (value as Decimal).toString()
  }
  return `${typeof value}${String(value)}`
}
