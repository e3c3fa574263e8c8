/**
 * A bound expression as PostgreSQL's `ruleutils.c` writes it in views, policies and rules: operators in parentheses, casts
 * behind a double colon, constants with their types. Read again it is bound to the same expression.
 *
 * Where the text is to be pretty, parentheses are left out that precedence makes needless, by PostgreSQL's own rules
 * (`isSimpleNode`), which know + - * / % and the logical operators, and nothing else.
 */
import type { Collection } from '../../../database/catalog/catalog.ts'
import { findType } from '../../../model/table/types/registry.ts'
import type { TypeTexts } from '../bind/type-texts.ts'
import type { SqlValue } from '../contract.ts'
import {
  type AggregateExpression,
  type CallExpression,
  type CaseExpression,
  type Expression,
  fingerprint,
  type SortKey,
  type SubqueryExpression,
  type WindowExpression,
} from '../expression/expression.ts'
import { sortKeyFunction } from '../functions/collation-functions.ts'
import { quoteIdentifier, quoteLiteral } from '../functions/text-functions.ts'
import { oid } from '../types/oids.ts'
import { indent, type Printer } from './printer.ts'
import { keywordText, sqlSyntax } from './sql-syntax.ts'

/** What a place in the row of a block stands for: a text, or an expression of the block below. */
export type Meaning = string | { readonly expression: Expression; readonly scope: TextScope }

/** How columns of a block are written. */
export interface TextScope {
  column(index: number, name: string): Meaning
  /** What a subquery has from outside. */
  captured(subquery: number, slot: number): Meaning
  /** A column that a join has merged. */
  readonly merged?: (expression: Expression) => string | undefined
  subquery(expression: SubqueryExpression): void
  /** What stands behind OVER, by a window's id. */
  readonly over?: (window: string) => void
  /** The text of a constant of a reg type: its object's name. */
  readonly objectName?: (type: number, value: number) => string | undefined
  /** A user's function, with its schema where that is to be shown. */
  readonly routine?: ((collection: Collection, name: string) => string) | undefined
  readonly types: TypeTexts
}

export class ExpressionText {
  readonly printer: Printer

  constructor(printer: Printer) {
    this.printer = printer
  }

  /** Several, with commas. */
  list(all: readonly Expression[], scope: TextScope, separator = ', '): void {
    for (const [i, one] of all.entries()) {
      if (i > 0) this.printer.put(separator)
      this.print(one, scope)
    }
  }

  #meaning(meaning: Meaning): void {
    if (typeof meaning === 'string') this.printer.put(meaning)
    else this.print(meaning.expression, meaning.scope)
  }

  print(expression: Expression, scope: TextScope): void {
    const { printer } = this
    switch (expression.kind) {
      case 'constant':
        return printer.put(constantText(expression.value, expression.type, expression.modifier, scope))
      case 'parameter':
        return printer.put(`$${expression.index + 1}`)
      case 'column':
        return this.#meaning(scope.column(expression.index, expression.name))
      case 'captured':
        return this.#meaning(scope.captured(expression.subquery, expression.slot))
      case 'call':
        return this.#call(expression, scope)
      case 'and':
      case 'or':
        return printer.wrapped(() => {
          for (const [i, one] of expression.arguments.entries()) {
            if (i > 0) printer.put(` ${expression.kind.toUpperCase()} `)
            this.operand(one, expression, scope)
          }
        })
      case 'not':
        return printer.wrapped(() => {
          printer.put('NOT ')
          this.operand(expression.argument, expression, scope)
        })
      case 'test':
        return printer.wrapped(() => {
          this.operand(expression.argument, expression, scope)
          printer.put(` IS ${expression.negated ? 'NOT ' : ''}${expression.test.toUpperCase()}`)
        })
      case 'quantified':
        return printer.wrapped(() => {
          this.operand(expression.left, expression, scope)
          printer.put(` ${expression.operator.name} ${expression.all ? 'ALL' : 'ANY'} (`)
          this.operand(expression.array, expression, scope)
          printer.put(')')
        })
      case 'subquery':
        return scope.subquery(expression)
      case 'sealed':
        return this.print(expression.inner, scope)
      default:
        return this.#functionLike(expression, scope)
    }
  }

  #functionLike(
    expression: Extract<Expression, { kind: 'case' | 'coalesce' | 'array' | 'aggregate' | 'window' | 'set' }>,
    scope: TextScope,
  ): void {
    const { printer } = this
    if (expression.kind === 'window') return this.#window(expression, scope)
    if (expression.kind === 'case') return this.#case(expression, scope)
    if (expression.kind === 'aggregate') return this.#aggregate(expression, scope)
    if (expression.kind === 'coalesce') {
      const merged = scope.merged?.(expression)
      if (merged !== undefined) return printer.put(merged)
      printer.put('COALESCE(')
      this.list(expression.arguments.map(withoutCast), scope)
      return printer.put(')')
    }
    if (expression.kind === 'array') {
      if (expression.elements.length === 0) return printer.put(emptyArray(expression, scope))
      printer.put('ARRAY[')
      this.list(expression.elements, scope)
      return printer.put(']')
    }
    const { name, routine } = expression
    printer.put(`${this.#functionName(name, routine, scope)}(`)
    this.list(expression.arguments, scope)
    return printer.put(')')
  }

  #functionName(name: string, routine: CallExpression['routine'], scope: TextScope): string {
    return (routine && scope.routine?.(routine, name)) ?? quoteIdentifier(name)
  }

  /** Below another one: a pretty text has parentheses where they are needed. */
  operand(expression: Expression, parent: Expression, scope: TextScope): void {
    const needs = this.printer.isPretty && !isSimple(this.#shown(expression, scope), parent)
    if (needs) this.printer.put('(')
    this.print(expression, scope)
    if (needs) this.printer.put(')')
  }

  /** What is really written in its place. */
  #shown(expression: Expression, scope: TextScope): Expression {
    if (expression.kind === 'sealed') return this.#shown(expression.inner, scope)
    if (expression.kind !== 'column' && expression.kind !== 'captured') return expression
    const meaning =
      expression.kind === 'column'
        ? scope.column(expression.index, expression.name)
        : scope.captured(expression.subquery, expression.slot)
    return typeof meaning === 'string' ? expression : this.#shown(meaning.expression, meaning.scope)
  }

  #call(expression: CallExpression, scope: TextScope): void {
    const { printer } = this
    const { name, isOperator } = expression
    const parts = asWritten(expression)
    const only = parts[0]
    if (expression.routine !== undefined) {
      printer.put(`${this.#functionName(name, expression.routine, scope)}(`)
      this.list(parts, scope)
      return printer.put(')')
    }
    // What stands around it is no call of the query's.
    if (expression.isImplicit === true) return this.print(only!, scope)
    if (expression.remote?.kind === 'finishing' || expression.remote?.kind === 'list') return this.list(parts, scope)
    const keyword = keywordText(expression)
    if (keyword !== undefined) return printer.put(keyword)
    if (name === 'cast') return this.#cast(expression, only!, scope)
    if (name === 'row') return this.#row(expression, scope)
    if (name.startsWith('field ')) {
      printer.wrapped(() => this.print(only!, scope))
      return printer.put(`.${quoteIdentifier(name.slice(6))}`)
    }
    if (name === sortKeyFunction && this.#collated(expression, scope)) return undefined
    if (name === 'subscript' || name.startsWith('slice ')) return this.#subscript(expression, scope)
    const syntax = sqlSyntax(expression)
    if (syntax !== undefined) {
      for (const piece of syntax) {
        if (typeof piece === 'string') printer.put(piece)
        else this.operand(withoutCast(piece), expression, scope)
      }
      return undefined
    }
    if (!isOperator) {
      printer.put(`${name === 'greatest' || name === 'least' ? name.toUpperCase() : quoteIdentifier(name)}(`)
      this.list(parts, scope)
      return printer.put(')')
    }
    if (name === 'IS NOT DISTINCT FROM') return this.#notDistinct(expression, scope)
    return printer.wrapped(() => {
      if (parts.length === 1) printer.put(`${name} `)
      this.operand(only!, expression, scope)
      if (parts.length === 1) return
      printer.put(` ${name} `)
      this.operand(parts[1]!, expression, scope)
    })
  }

  /** A text that stands for its key was written with a collation. */
  #collated({ arguments: [text, collation], ...call }: CallExpression, scope: TextScope): boolean {
    if (collation?.kind !== 'constant') return false
    const { printer } = this
    printer.wrapped(() => {
      this.operand(text!, { ...call, arguments: [text!, collation] }, scope)
      printer.put(` COLLATE ${quoteIdentifier(collation.value as string)}`)
    })
    return true
  }

  #notDistinct(expression: CallExpression, scope: TextScope): void {
    const argument = { ...expression, name: 'IS DISTINCT FROM' }
    this.print({ kind: 'not', type: oid.bool, modifier: -1, argument }, scope)
  }

  #cast(expression: CallExpression, argument: Expression, scope: TextScope): void {
    const { printer } = this
    const { type, modifier } = expression
    const shown = scope.types.typeName(type, modifier)
    // A length that a literal is given is the literal's.
    if (argument.kind === 'constant' && argument.type === type && argument.modifier < 0 && argument.value !== null) {
      const literal = { ...argument, modifier }
      return printer.put(labelled(plainConstant(literal.value, type, scope).text, shown))
    }
    printer.wrapped(() => this.operand(argument, expression, scope))
    return printer.put(`::${shown}`)
  }

  /** ROW(…), of a type of its own or of one that has a name. */
  #row({ type, arguments: parts }: CallExpression, scope: TextScope): void {
    this.printer.put('ROW(')
    this.list(parts, scope)
    this.printer.put(')')
    if (findType(type)?.made?.id !== 0) this.printer.put(`::${scope.types.typeName(type, -1)}`)
  }

  #subscript({ name, arguments: parts }: CallExpression, scope: TextScope): void {
    const { printer } = this
    const [value, ...places] = parts as [Expression, ...Expression[]]
    const isPlain = this.#shown(value, scope).kind === 'column' || (value.kind === 'call' && value.name === 'subscript')
    if (!isPlain) printer.put('(')
    this.print(value, scope)
    if (!isPlain) printer.put(')')
    if (name !== 'subscript') return this.#slice(name.slice(6), places, scope)
    for (const place of places) {
      printer.put('[')
      this.print(place, scope)
      printer.put(']')
    }
    return undefined
  }

  /** `shape` has a digit where a bound is given: `0:0,:0` of two dimensions. */
  #slice(shape: string, bounds: readonly Expression[], scope: TextScope): void {
    const pairs = shape.split(',').map((pair) => pair.split(':'))
    const given = [...pairs.map(([from]) => from !== ''), ...pairs.map(([, to]) => to !== '')]
    let at = 0
    const all = given.map((isGiven) => (isGiven ? bounds[at++]! : undefined))
    const { printer } = this
    for (const i of pairs.keys()) {
      const [from, to] = [all[i], all[pairs.length + i]]
      printer.put('[')
      if (from !== undefined) this.print(from, scope)
      printer.put(':')
      if (to !== undefined) this.print(to, scope)
      printer.put(']')
    }
  }

  #case(expression: CaseExpression, scope: TextScope): void {
    const { printer } = this
    const { branches, otherwise, form } = expression
    const tested = branches.map(({ when }) => (when.kind === 'call' && when.name === '=' ? when.arguments : undefined))
    const subject = tested[0]?.[0]
    const print = subject && fingerprint(subject)
    const isWhole = tested.every((pair) => pair !== undefined && fingerprint(pair[0]!) === print)
    if (form === 'nullif' && isWhole) {
      printer.put('NULLIF(')
      this.list(tested[0]!, scope)
      return printer.put(')')
    }
    const isSimpleCase = form === 'simple' && isWhole
    printer.line('CASE', 0, indent.list, 0)
    if (isSimpleCase) {
      printer.put(' ')
      this.print(subject!, scope)
    }
    for (const [i, { when, then }] of branches.entries()) {
      printer.line('WHEN ', 0, 0, 0)
      this.print(isSimpleCase ? tested[i]![1]! : when, scope)
      printer.put(' THEN ')
      this.print(then, scope)
    }
    printer.line('ELSE ', 0, 0, 0)
    const { type, modifier } = expression
    this.print(otherwise ?? { kind: 'constant', type, modifier, value: null }, scope)
    return printer.line('END', -indent.list, 0, 0)
  }

  #aggregate(expression: AggregateExpression, scope: TextScope): void {
    const { printer } = this
    const { aggregate, arguments: all, distinct, filter, order, direct } = expression
    const parts = direct === undefined ? all : all.slice(0, direct)
    printer.put(`${quoteIdentifier(aggregate.name)}(${distinct ? 'DISTINCT ' : ''}`)
    if (parts.length === 0 && direct === undefined) printer.put('*')
    this.list(parts, scope)
    if (order.length > 0) {
      printer.put(direct === undefined ? ' ORDER BY ' : ') WITHIN GROUP (ORDER BY ')
      this.order(order, scope)
    }
    printer.put(')')
    if (filter === undefined) return
    printer.put(' FILTER (WHERE ')
    this.print(filter, scope)
    printer.put(')')
  }

  #window({ name, aggregate, arguments: parts, filter, window }: WindowExpression, scope: TextScope): void {
    const { printer } = this
    printer.put(`${quoteIdentifier(name)}(`)
    if (parts.length === 0 && aggregate !== undefined) printer.put('*')
    this.list(parts, scope)
    printer.put(')')
    if (filter !== undefined) {
      printer.put(' FILTER (WHERE ')
      this.print(filter, scope)
      printer.put(')')
    }
    printer.put(' OVER ')
    scope.over?.(window)
  }

  /** `ORDER BY`: what looks like a call is in parentheses. */
  order(keys: readonly SortKey[], scope: TextScope): void {
    for (const [i, { expression, descending, nullsFirst }] of keys.entries()) {
      if (i > 0) this.printer.put(', ')
      this.key(expression, scope)
      this.printer.put(directionText(descending, nullsFirst))
    }
  }

  /** Of GROUP BY and ORDER BY. */
  key(expression: Expression, scope: TextScope): void {
    const shown = this.#shown(expression, scope)
    const isWord = shown.kind === 'column' || shown.kind === 'captured'
    if (isWord || shown.kind === 'constant') {
      if (shown.kind === 'constant') this.printer.put(typedConstant(shown, scope))
      else this.print(expression, scope)
      return
    }
    const isCall =
      shown.kind === 'aggregate' ||
      shown.kind === 'window' ||
      (shown.kind === 'call' && !shown.isOperator && shown.name !== 'cast')
    const needs = this.printer.isPretty || isCall
    if (needs) this.printer.put('(')
    this.print(expression, scope)
    if (needs) this.printer.put(')')
  }
}

export function directionText(descending: boolean, nullsFirst: boolean): string {
  return `${descending ? ' DESC' : ''}${nullsFirst === descending ? '' : nullsFirst ? ' NULLS FIRST' : ' NULLS LAST'}`
}

/** Where a conversion goes without saying. */
export function withoutCast(expression: Expression): Expression {
  return expression.kind === 'call' && expression.isImplied === true ? expression.arguments[0]! : expression
}

const comparisons: ReadonlySet<string> = new Set(['=', '<>', '<', '<=', '>', '>='])
const arithmetic: ReadonlySet<string> = new Set(['+', '-', '*', '/'])

/** Types between which PostgreSQL has operators of their own, in place of a conversion. */
const integers: readonly number[] = [oid.int2, oid.int4, oid.int8]
const floats: readonly number[] = [oid.float4, oid.float8]
const moments: readonly number[] = [oid.date, oid.timestamp, oid.timestamptz]

export function asWritten(call: CallExpression): readonly Expression[] {
  const parts = comparedAsTexts(call)
  if (!call.isOperator || parts.length !== 2) return parts
  const families = comparisons.has(call.name) ? [integers, floats, moments] : [integers, floats]
  if (!comparisons.has(call.name) && !arithmetic.has(call.name)) return parts
  return parts.map((part) => {
    const inner = withoutCast(part)
    return families.some((types) => types.includes(part.type) && types.includes(inner.type)) ? inner : part
  })
}

/** A name is compared with a text without a cast, as a client sees it. */
function comparedAsTexts({ isOperator, name, arguments: parts }: CallExpression): readonly Expression[] {
  if (!isOperator || parts.length !== 2 || !comparisons.has(name)) return parts
  const isName = parts.map((one) => one.kind === 'call' && one.name === 'cast' && one.arguments[0]?.type === oid.name)
  return isName[0] === isName[1]
    ? parts
    : parts.map((one, i) => (isName[i] === true ? (one as CallExpression).arguments[0]! : one))
}

function labelled(text: string, type: string): string {
  return `${text}::${type}`
}

/** A value, and whether its text alone says the type. */
function plainConstant(value: SqlValue, type: number, scope: TextScope): { text: string; isTyped: boolean } {
  if (type === oid.bool) return { text: value === true ? 'true' : 'false', isTyped: true }
  const shown = scope.objectName?.(type, value as number) ?? scope.types.valueText(type, value)
  if (type === oid.int4 && !shown.startsWith('-')) return { text: shown, isTyped: true }
  if (type === oid.numeric && /^\d.*[eE.]/.test(shown)) return { text: shown, isTyped: true }
  return { text: quoteLiteral(shown), isTyped: false }
}

function constantText(value: SqlValue, type: number, modifier: number, scope: TextScope): string {
  const shownType = scope.types.typeName(type === oid.unknown ? oid.text : type, modifier)
  if (value === null) return `NULL::${shownType}`
  const { text, isTyped } = plainConstant(value, type, scope)
  const isBare = type === oid.numeric ? isTyped && modifier < 0 : isTyped
  return isBare ? text : labelled(text, shownType)
}

/** Where a bare number would be a position. */
function typedConstant({ value, type, modifier }: Extract<Expression, { kind: 'constant' }>, scope: TextScope): string {
  if (value === null) return constantText(value, type, modifier, scope)
  return labelled(plainConstant(value, type, scope).text, scope.types.typeName(type, modifier))
}

/** PostgreSQL's isSimpleNode. */
function isSimple(node: Expression, parent: Expression): boolean {
  switch (node.kind) {
    case 'and':
    case 'or':
    case 'not':
      if (parent.kind === 'and') return node.kind !== 'or'
      return parent.kind === 'or' ? true : isWithinCall(parent)
    case 'quantified':
      return false
    case 'subquery':
    case 'test':
      return isLogic(parent) || isWithinCall(parent)
    case 'call':
      if (node.name === 'cast') return isSimpleCast(node)
      if (!node.isOperator) return true
      if (isOperation(parent)) return bindsTighter(node, parent)
      return isLogic(parent) || isWithinCall(parent)
    default:
      return true
  }
}

/** A function's call is one, a change of the type alone is as simple as what it changes. */
function isSimpleCast(_node: CallExpression): boolean {
  return true
}

function isLogic({ kind }: Expression): boolean {
  return kind === 'and' || kind === 'or' || kind === 'not'
}

function isOperation(one: Expression): one is CallExpression {
  return one.kind === 'call' && one.isOperator
}

/** Its parentheses, or its commas, keep what is in it apart. */
function isWithinCall(parent: Expression): boolean {
  if (parent.kind === 'call') return !parent.isOperator && parent.name !== 'cast' && parent.isSqlSyntax !== true
  return ['coalesce', 'array', 'aggregate', 'window', 'case', 'set'].includes(parent.kind)
}

function bindsTighter(node: CallExpression, parent: CallExpression): boolean {
  if (node.arguments.length !== 2 || parent.arguments.length !== 2) return false
  const [own, outer] = [priority(node.name), priority(parent.name)]
  if (own === 0 || outer === 0) return false
  return own === outer ? node === parent.arguments[0] : own > outer
}

function priority(operator: string): number {
  if (operator === '+' || operator === '-') return 1
  return operator === '*' || operator === '/' || operator === '%' ? 2 : 0
}

function emptyArray({ type, modifier }: Expression, { types }: TextScope): string {
  const empty = `ARRAY[]::${types.typeName(type, -1)}`
  return modifier < 0 ? empty : `(${empty})::${types.typeName(type, modifier)}`
}
