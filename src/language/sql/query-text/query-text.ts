/**
 * A bound query as SQL text, as PostgreSQL's `ruleutils.c` writes the queries of views and the subqueries of rules: what
 * `pg_get_viewdef` shows, and what a definition keeps, with all names in full.
 *
 * Things are named by what they are, not by how the text called them, so that a text can be written anew after a rename:
 * `names` says what they are called. Read again, the text is bound to the same query. What no text is made of is refused.
 */
import type { Collection } from '../../../database/catalog/catalog.ts'
import type { Relation } from '../../../query/relation.ts'
import type { BoundQuery, OrderKey, QueryTail, SelectBody, SetBody, ValuesBody } from '../bind/query.ts'
import type { TypeTexts } from '../bind/type-texts.ts'
import type { Expression, SubqueryExpression } from '../expression/expression.ts'
import { notBuilt } from '../failure.ts'
import { quoteIdentifier } from '../functions/text-functions.ts'
import { directionText, ExpressionText, withoutCast, type Meaning, type TextScope } from './expression-text.ts'
import { FromText } from './from-text.ts'
import { printWindow, windowWriter } from './window-text.ts'
import { Printer } from './printer.ts'

export interface ObjectNames {
  /** With its schema, where that is to be shown. */
  relation(relation: Relation): string
  column(relation: Relation, ordinal: number): string
  /** A relation that has no alias keeps the name that it had, as one. */
  readonly keepsAliases?: boolean
  /** Columns that nothing can name are left without names: to compare texts. */
  readonly hidesNames?: boolean
  /** The text of a constant of a reg type. */
  readonly object?: (type: number, value: number) => string | undefined
  /** A user's function, with its schema where that is to be shown. */
  readonly routine?: (collection: Collection, name: string) => string
  /** Types, and texts of their values. */
  readonly types: TypeTexts
}

export type Captured = TextScope['captured']

const nothingCaptured: Captured = () => ''

/** An expression over the columns of `relation`, which subqueries call `alias`. */
export function deparseOver(
  expression: Expression,
  relation: Relation,
  alias: string,
  names: ObjectNames,
  isPretty = false,
): string {
  const column = (index: number): string => quoteIdentifier(names.column(relation, index))
  const writer = new QueryText(new Printer(isPretty), names)
  const inner = writer.scope((index) => `${quoteIdentifier(alias)}.${column(index)}`, nothingCaptured)
  const outer: TextScope = { ...inner, column, subquery: (one) => writer.subquery(one, inner, outer) }
  writer.expressions.print(expression, outer)
  return writer.printer.text
}

/** An expression without subqueries, whose columns are written as `column` has them. */
export function deparseColumns(
  expression: Expression,
  column: (index: number) => string,
  names: ObjectNames,
  isPretty: boolean,
): string {
  const writer = new QueryText(new Printer(isPretty), names)
  writer.expressions.print(expression, writer.scope(column, nothingCaptured))
  return writer.printer.text
}

/** A whole query, whose columns are called as its own are. */
export function deparseQuery(query: BoundQuery, names: ObjectNames, isPretty = false): string {
  const writer = new QueryText(new Printer(isPretty), names)
  writer.query(query, nothingCaptured, { isShown: true })
  return writer.printer.text
}

interface QueryOptions {
  /** Each column has its name, also where it is the one that it would get. */
  readonly isShown: boolean
  /** Other names of its columns. */
  readonly columnNames?: readonly string[] | undefined
}

export class QueryText {
  readonly printer: Printer
  readonly names: ObjectNames
  readonly expressions: ExpressionText

  constructor(printer: Printer, names: ObjectNames) {
    this.printer = printer
    this.names = names
    this.expressions = new ExpressionText(printer)
  }

  scope(column: (index: number) => Meaning, captured: Captured): TextScope {
    const scope: TextScope = {
      column,
      captured,
      subquery: (expression) => this.subquery(expression, scope),
      types: this.names.types,
      routine: this.names.routine,
      ...(this.names.object && { objectName: this.names.object }),
    }
    return scope
  }

  /** `outer`: how what it has from outside is written; `beside`: what it is compared with. */
  subquery(expression: SubqueryExpression, outer: TextScope, beside: TextScope = outer): void {
    const { form, left, query, captures, id, isMembership, operator } = expression
    const { printer } = this
    const captured: Captured = (subquery, slot) =>
      subquery === id ? { expression: captures[slot]!, scope: outer } : outer.captured(subquery, slot)
    const isPlain = form === 'scalar' || form === 'array'
    printer.put(form === 'array' ? 'ARRAY(' : '(')
    if (left.length > 1) printer.put('(')
    this.expressions.list(left, beside)
    if (left.length > 1) printer.put(')')
    if (form === 'exists') printer.put('EXISTS (')
    else if (!isPlain) printer.put(`${isMembership ? ' IN' : ` ${operatorName(operator)}${quantifiers[form]}`} (`)
    this.#nested(query, captured, { isShown: false })
    printer.put(isPlain ? ')' : '))')
  }

  /** At the indentation of where it stands, which is then as before. */
  #nested(query: BoundQuery, captured: Captured, options: QueryOptions): void {
    const { level } = this.printer
    this.query(query, captured, options)
    this.printer.level = level
  }

  /** In FROM or WITH. */
  derived(query: BoundQuery, captured: Captured): void {
    this.#nested(query, captured, { isShown: true })
  }

  query(query: BoundQuery, captured: Captured, options: QueryOptions): void {
    const { printer } = this
    if (query.with !== undefined && query.with.length > 0) this.#with(query.with, captured)
    const { body } = query
    if (body.kind === 'set') return this.#setQuery(query, body, captured, options)
    if (body.kind === 'values') return this.#values(query, body, captured, options)
    printer.level += 8
    printer.put(' SELECT')
    return this.#select(query, body, captured, options)
  }

  #with(queries: NonNullable<BoundQuery['with']>, captured: Captured): void {
    const { printer } = this
    printer.level += 8
    printer.put(' ')
    const isRecursive = queries.some(({ query }) => query.body.kind === 'set' && query.body.recursive !== undefined)
    const word = isRecursive ? 'WITH RECURSIVE ' : 'WITH '
    for (const [i, { name, columnNames, query, materialized }] of queries.entries()) {
      const columns = columnNames.length === 0 ? '' : `(${columnNames.map(quoteIdentifier).join(', ')})`
      const how = materialized === undefined ? '' : materialized ? 'MATERIALIZED ' : 'NOT MATERIALIZED '
      printer.put(`${i === 0 ? word : ', '}${quoteIdentifier(name)}${columns} AS ${how}(`)
      printer.line('', 0, 0, 0)
      this.derived(query, captured)
      printer.line('', 0, 0, 0)
      printer.put(')')
    }
    printer.level -= 8
    printer.line('', 0, 0, 0)
  }

  #select(query: BoundQuery, body: SelectBody, captured: Captured, options: QueryOptions): void {
    const { printer, expressions } = this
    const from = new FromText(this, body.from, captured)
    const over: TextScope = { ...this.scope((index) => from.column(index), captured), ...from.merged }
    const windows = body.windows ?? []
    const belowWindows = this.#overGroups(body, over)
    const grouped = { ...belowWindows, over: windowWriter(expressions, windows, belowWindows) }
    if (body.distinctOn !== undefined) {
      printer.put(' DISTINCT ON (')
      for (const [i, place] of body.distinctOn.entries()) {
        if (i > 0) printer.put(', ')
        expressions.key(body.targets[place]!, grouped)
      }
      printer.put(')')
    } else if (body.isDistinct) printer.put(' DISTINCT')
    this.#targets(query, body, { grouped, from }, options)
    if (body.from !== undefined) from.print()
    if (body.where !== undefined) {
      printer.clause(' WHERE ', 1)
      expressions.print(body.where, over)
    }
    if (body.grouping !== undefined) this.#grouping(body.grouping, over, grouped)
    const named = windows.filter(({ name }) => name !== undefined)
    for (const [i, window] of named.entries()) {
      if (i === 0) printer.clause(' WINDOW ', 1)
      printer.put(`${i === 0 ? '' : ', '}${quoteIdentifier(window.name!)} AS `)
      printWindow(expressions, window, belowWindows)
    }
    this.#order(body.tail.order, (place) => expressions.key(body.targets[place]!, grouped))
    this.#limits(body.tail, over)
    if (body.locking.length > 0) throw notBuilt('FOR UPDATE in a stored query')
  }

  #targets(
    { columns }: BoundQuery,
    { targets, grouping }: SelectBody,
    { grouped, from }: { grouped: TextScope; from: FromText },
    { isShown, columnNames }: QueryOptions,
  ): void {
    const { printer } = this
    for (const [i, column] of columns.entries()) {
      const target = targets[i]!
      const own = from.nameOf(target, grouping) ?? (isShown ? undefined : '?column?')
      const name = columnNames?.[i] ?? column.name
      const { level } = printer
      const text = printer.aside(() => {
        this.expressions.print(target, grouped)
        const isHidden = !isShown && this.names.hidesNames === true
        if (own !== name && !isHidden) printer.put(` AS ${quoteIdentifier(name)}`)
      })
      printer.level = level
      printer.put(i === 0 ? ' ' : ', ')
      // Each on a line of its own; what begins with a line break has one.
      if (text.startsWith('\n')) printer.trimEnd()
      else if (i > 0) printer.clause('', 4)
      printer.put(text)
    }
  }

  /** What stands above the grouping reads the row of a group: keys, then aggregates. */
  #overGroups({ grouping }: SelectBody, over: TextScope): TextScope {
    if (grouping === undefined) return over
    const { keys, aggregates } = grouping
    const column = (index: number): Meaning => {
      return { expression: keys[index] ?? aggregates[index - keys.length]!, scope: over }
    }
    return {
      ...this.scope(column, (subquery, slot) => over.captured(subquery, slot)),
      ...(over.merged && { merged: over.merged }),
    }
  }

  #grouping(
    { keys, written, sets, having }: NonNullable<SelectBody['grouping']>,
    over: TextScope,
    grouped: TextScope,
  ): void {
    const { printer, expressions } = this
    if (sets !== undefined) throw notBuilt('GROUPING SETS in what is stored')
    if (written > 0) printer.clause(' GROUP BY ', 1)
    for (const [i, key] of keys.slice(0, written).entries()) {
      if (i > 0) printer.put(', ')
      expressions.key(key, over)
    }
    if (having === undefined) return
    printer.clause(' HAVING ', 0)
    expressions.print(having, grouped)
  }

  #order(order: readonly OrderKey[], key: (place: number) => void): void {
    if (order.length === 0) return
    this.printer.clause(' ORDER BY ', 1)
    for (const [i, { target, descending, nullsFirst }] of order.entries()) {
      if (i > 0) this.printer.put(', ')
      key(target)
      this.printer.put(directionText(descending, nullsFirst))
    }
  }

  #limits({ limit, offset, withTies }: QueryTail, over: TextScope): void {
    const { printer, expressions } = this
    if (offset !== undefined) {
      printer.clause(' OFFSET ', 0)
      expressions.print(withoutCast(offset), over)
    }
    if (limit === undefined) return
    printer.clause(withTies ? ' FETCH FIRST ' : ' LIMIT ', 0)
    if (!withTies && limit.kind === 'constant' && limit.value === null) return printer.put('ALL')
    // Only a simple expression may stand before ROWS.
    if (withTies) printer.put('(')
    expressions.print(withoutCast(limit), over)
    if (withTies) printer.put(') ROWS WITH TIES')
  }

  #values(query: BoundQuery, body: ValuesBody, captured: Captured, { columnNames }: QueryOptions): void {
    const { printer } = this
    const over = this.scope(() => '', captured)
    const isRenamed = query.columns.some(({ name }, i) => (columnNames?.[i] ?? name) !== `column${i + 1}`)
    printer.level += 8
    if (isRenamed) {
      const targets = query.columns.map(({ name }, i) => {
        return `"*VALUES*".column${i + 1} AS ${quoteIdentifier(columnNames?.[i] ?? name)}`
      })
      printer.put(` SELECT ${targets[0]!}`)
      for (const target of targets.slice(1)) {
        printer.put(', ')
        printer.clause('', 4)
        printer.put(target)
      }
      printer.clause(' FROM (', 2)
    }
    printer.put(' VALUES ')
    for (const [i, row] of body.rows.entries()) {
      printer.put(i > 0 ? ', (' : '(')
      this.expressions.list(row, over, ',')
      printer.put(')')
    }
    if (isRenamed) printer.put(') "*VALUES*"')
    this.#order(body.tail.order, (place) => printer.put(String(place + 1)))
    this.#limits(body.tail, over)
  }

  #setQuery(query: BoundQuery, body: SetBody, captured: Captured, options: QueryOptions): void {
    this.#set(query, body, captured, options)
    this.#order(body.tail.order, (place) => this.printer.put(String(place + 1)))
    this.#limits(
      body.tail,
      this.scope(() => '', captured),
    )
  }

  #set(query: BoundQuery, body: SetBody, captured: Captured, options: QueryOptions): void {
    const { printer } = this
    const [left, right] = [unconverted(body.left), unconverted(body.right)]
    const columnNames = options.columnNames ?? query.columns.map(({ name }) => name)
    const nested = setOf(left)
    const isApart = nested !== undefined && (nested.operation !== body.operation || nested.all !== body.all)
    if (isApart) {
      printer.put('(')
      printer.line('', 8, 0, 0)
    }
    this.#operand(left, captured, { ...options, columnNames })
    if (isApart) printer.line(') ', -8, 0, 0)
    else printer.line('', 0, 0, 0)
    printer.put(`${body.operation.toUpperCase()} ${body.all ? 'ALL ' : ''}`)
    const isSet = setOf(right) !== undefined
    if (isSet) printer.put('(')
    printer.line('', isSet ? 8 : 0, 0, 0)
    this.#operand(right, captured, { isShown: false, columnNames })
    if (!isSet) return
    printer.level -= 8
    printer.line(')', 0, 0, 0)
  }

  #operand(query: BoundQuery, captured: Captured, options: QueryOptions): void {
    const set = setOf(query)
    if (set !== undefined) return this.#set(query, set, captured, options)
    const { tail } = query.body
    const isApart =
      query.with !== undefined || tail.order.length > 0 || tail.limit !== undefined || tail.offset !== undefined
    if (isApart) this.printer.put('(')
    this.#nested(query, captured, options)
    if (isApart) this.printer.put(')')
    return undefined
  }
}

const quantifiers: Readonly<Record<string, string>> = { any: ' ANY', all: ' ALL', row: '' }

function operatorName(operator: Expression | undefined): string {
  if (operator?.kind === 'call') return operator.name
  const first = operator?.kind === 'and' || operator?.kind === 'or' ? operator.arguments[0] : undefined
  if (first?.kind === 'call') return first.name
  throw notBuilt('this comparison with a subquery in a stored query')
}

/** A set operation that needs no parentheses around all of it. */
function setOf(query: BoundQuery): SetBody | undefined {
  const { body } = query
  if (body.kind !== 'set' || query.with !== undefined) return undefined
  const { order, limit, offset } = body.tail
  return order.length > 0 || limit !== undefined || offset !== undefined ? undefined : body
}

/** What was put around an operand to convert its columns is no part of the text. */
function unconverted(query: BoundQuery): BoundQuery {
  const { body } = query
  const isConversion = body.kind === 'select' && body.from?.kind === 'query' && body.from.alias === ''
  return isConversion && body.from?.kind === 'query' ? body.from.query : query
}
