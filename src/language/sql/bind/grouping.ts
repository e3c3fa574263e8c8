/**
 * GROUP BY, HAVING and aggregates: rewrites what stands above the grouping so that it reads the grouped row, which is
 * (keys…, aggregates…). What is neither a key nor inside an aggregate is an error, unless the key contains the primary key
 * of its table, which decides all its columns.
 */
import type { Node, SelectStmt } from 'libpg-query'
import {
  type AggregateExpression,
  type CallExpression,
  childrenOf,
  type Expression,
  fingerprint,
  mapChildren,
  someExpression,
} from '../expression/expression.ts'
import { PrintNumbers } from '../expression/print-numbers.ts'
import { deparse } from '../expression/deparse.ts'
import { failure } from '../failure.ts'
import { requireBoolean } from './coerce.ts'
import { settle } from './bind-function.ts'
import { groupingBits, isGroupingCall } from './grouping-call.ts'
import { groupingSets, hasGroupingSets, keyNodes } from './grouping-sets.ts'
import { oid } from '../types/oids.ts'
import type { Binder } from './binder.ts'
import type { Grouping, OutputColumn } from './query.ts'
import type { Scope } from './scope.ts'
import { findWindow } from './windows/bind-window-call.ts'
import { type BoundWindow, expressionsOfWindow, mapWindow } from './windows/window.ts'

interface Target {
  readonly column: OutputColumn
  readonly expression: Expression
}

/** What a block selects and sorts by, before it is grouped and after. */
interface Above {
  readonly expressions: readonly Expression[]
  readonly windows: readonly BoundWindow[] | undefined
}

export function group(
  binder: Binder,
  scope: Scope,
  statement: SelectStmt,
  { targets, expressions, windows }: Above & { readonly targets: readonly Target[] },
): { grouping: Grouping | undefined; targets: readonly Expression[]; windows: Above['windows'] } {
  const nodes = statement.groupClause ?? []
  const having = statement.havingClause === undefined ? undefined : bindHaving(binder, scope, statement.havingClause)
  const above = [...expressions, ...(windows ?? []).flatMap(expressionsOfWindow)]
  const hasAggregate = [...above, ...(having === undefined ? [] : [having])].some((one) =>
    someExpression(one, (part) => part.kind === 'aggregate' || isGroupingCall(part)),
  )
  if (nodes.length === 0 && having === undefined && !hasAggregate) {
    return { grouping: undefined, targets: expressions, windows }
  }
  if (nodes.length > maxGroupKeys) {
    throw failure('54011', `target lists can have at most ${maxGroupKeys} entries`)
  }
  const rewrite = new GroupedRow(bindKeys(binder, scope, statement, targets))
  const apply = (one: Expression): Expression => rewrite.apply(one)
  const rewritten = expressions.map(apply)
  const condition = having === undefined ? undefined : apply(having)
  const overGroups = windows?.map((one) => mapWindow(one, apply))
  return {
    grouping: { ...rewrite.keys, aggregates: rewrite.aggregates(), having: condition },
    targets: rewritten,
    windows: overGroups,
  }
}

type Keys = Pick<Grouping, 'keys' | 'written' | 'sets'>

/** All keys, with the columns that they decide. Of several groupings only keys of all of them decide any. */
function bindKeys(binder: Binder, scope: Scope, statement: SelectStmt, targets: readonly Target[]): Keys {
  const nodes = statement.groupClause ?? []
  const parts = keyNodes(nodes)
  const bound = binder.each(scope, parts, (node) => bindGroupKey(binder, scope, node, targets))
  if (!hasGroupingSets(nodes)) return { keys: [...bound, ...dependentColumns(scope, bound)], written: bound.length }
  const prints = [...new Set(bound.map(fingerprint))]
  const keys = prints.map((print) => bound.find((one) => fingerprint(one) === print)!)
  const places = new Map(parts.map((node, i) => [node, prints.indexOf(fingerprint(bound[i]!))]))
  const sets = groupingSets(nodes, (node) => places.get(node)!, statement.groupDistinct === true)
  const [first, ...others] = sets
  if (others.length === 0) {
    const only = keys.filter((_, i) => first!.includes(i))
    return { keys: [...only, ...dependentColumns(scope, only)], written: only.length }
  }
  const common = keys.filter((_, i) => sets.every((set) => set.includes(i)))
  const dependent = dependentColumns(scope, common)
  const behind = dependent.map((_, i) => keys.length + i)
  const number: Expression = { kind: 'constant', type: oid.int4, modifier: -1, value: 0 }
  const written = keys.length
  return { keys: [...keys, ...dependent, number], written, sets: sets.map((set) => [...set, ...behind]) }
}

function bindHaving(binder: Binder, scope: Scope, node: Node): Expression {
  const having = scope.withoutSets('HAVING', () => requireBoolean(binder, binder.expression(scope, node), 'HAVING'))
  refuseWindows(having, 'HAVING')
  return having
}

function refuseWindows(expression: Expression, clause: string): void {
  const window = findWindow([expression])
  if (window === undefined) return
  throw failure('42P20', `window functions are not allowed in ${clause}`, { location: window.location })
}

/** Each is an entry of a target list in PostgreSQL. */
const maxGroupKeys = 1664

function bindGroupKey(binder: Binder, scope: Scope, node: Node, targets: readonly Target[]): Expression {
  const key = findTarget(scope, node, targets) ?? settle(binder, binder.expression(scope, node))
  if (someExpression(key, ({ kind }) => kind === 'aggregate')) {
    throw failure('42803', 'aggregate functions are not allowed in GROUP BY', { location: key.location })
  }
  refuseWindows(key, 'GROUP BY')
  return key
}

/** A position, or the name of an output column that is no input column's. */
function findTarget(scope: Scope, node: Node, targets: readonly Target[]): Expression | undefined {
  if ('A_Const' in node) {
    const position = node.A_Const.ival?.ival ?? 0
    if (node.A_Const.ival === undefined) {
      throw failure('42601', 'non-integer constant in GROUP BY', { location: node.A_Const.location })
    }
    const target = targets[position - 1]
    if (target !== undefined) return target.expression
    throw failure('42P10', `GROUP BY position ${position} is not in select list`, { location: node.A_Const.location })
  }
  if (!('ColumnRef' in node) || node.ColumnRef.fields?.length !== 1) return undefined
  const [field] = node.ColumnRef.fields
  const name = field !== undefined && 'String' in field ? (field.String.sval ?? '') : ''
  if (scope.columns.some((column) => column.name === name)) return undefined
  return targets.find(({ column }) => column.name === name)?.expression
}

/** All columns of tables whose primary key is among the keys. */
function dependentColumns(scope: Scope, keys: readonly Expression[]): Expression[] {
  const grouped = new Set(keys.flatMap((key) => (key.kind === 'column' ? [key.index] : [])))
  return scope.tables.flatMap(({ primaryKey, first, columns }) => {
    if (primaryKey === undefined || !primaryKey.every((ordinal) => grouped.has(first + ordinal))) return []
    return columns.map(({ expression }) => expression).filter((one) => one.kind === 'column' && !grouped.has(one.index))
  })
}

class GroupedRow {
  readonly keys: Keys
  readonly #prints = new PrintNumbers()
  readonly #places = new Map<number, number>()
  readonly #aggregates = new Map<number, { place: number; expression: AggregateExpression }>()

  constructor(keys: Keys) {
    this.keys = keys
    for (const [i, key] of keys.keys.entries()) {
      const print = this.#prints.of(key)
      if (!this.#places.has(print)) this.#places.set(print, i)
    }
  }

  aggregates(): AggregateExpression[] {
    return [...this.#aggregates.values()].map(({ expression }) => expression)
  }

  apply(expression: Expression): Expression {
    const place = this.#places.get(this.#prints.of(expression))
    if (place !== undefined && expression.kind !== 'constant') return this.#read(expression, place)
    if (expression.kind === 'aggregate') return this.#aggregate(expression)
    if (isGroupingCall(expression)) return this.#grouping(expression)
    if (expression.kind === 'column') {
      const message = `column "${expression.name}" must appear in the GROUP BY clause or be used in an aggregate function`
      throw failure('42803', message, { location: expression.location })
    }
    return childrenOf(expression).length === 0
      ? expression
      : mapChildren(expression, (child) => this.#applyChild(expression, child))
  }

  #applyChild(parent: Expression, child: Expression): Expression {
    if (parent.kind === 'subquery' && child.kind === 'column' && !this.#places.has(this.#prints.of(child))) {
      const message = `subquery uses ungrouped column "${child.name}" from outer query`
      throw failure('42803', message, { location: parent.location })
    }
    return this.apply(child)
  }

  #grouping(call: CallExpression): Expression {
    const { keys, sets } = this.keys
    const places = call.arguments.map((one) => this.#places.get(this.#prints.of(one)))
    const missing = places.indexOf(undefined)
    if (missing >= 0) {
      const message = 'arguments to GROUPING must be grouping expressions of the associated query level'
      throw failure('42803', message, { location: call.arguments[missing]!.location })
    }
    const number = sets && this.#read(keys.at(-1)!, keys.length - 1)
    return groupingBits(call, places as number[], sets, number)
  }

  #aggregate(expression: AggregateExpression): Expression {
    // Given directly, and so the same for all rows of a group.
    for (const one of expression.arguments.slice(0, expression.direct ?? 0)) this.#checkDirect(one)
    const print = this.#prints.of(expression)
    let known = this.#aggregates.get(print)
    if (known === undefined) {
      known = { place: this.keys.keys.length + this.#aggregates.size, expression }
      this.#aggregates.set(print, known)
    }
    return this.#read(expression, known.place)
  }

  #checkDirect(expression: Expression): void {
    if (this.#places.has(this.#prints.of(expression))) return
    if (expression.kind === 'column') {
      const message = `column "${expression.name}" must appear in the GROUP BY clause or be used in an aggregate function`
      const detail = 'Direct arguments of an ordered-set aggregate must use only grouped columns.'
      throw failure('42803', message, { location: expression.location, detail })
    }
    for (const child of childrenOf(expression)) this.#checkDirect(child)
  }

  #read(expression: Expression, index: number): Expression {
    const { type, modifier, location } = expression
    return { kind: 'column', type, modifier, location, index, name: 'group', text: deparse(expression) }
  }
}
