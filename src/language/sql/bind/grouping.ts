/**
 * GROUP BY, HAVING and aggregates: rewrites what stands above the grouping so that it reads the grouped row, which is
 * (keys…, aggregates…). What is neither a key nor inside an aggregate is an error, unless the key contains the primary key
 * of its table, which decides all its columns.
 */
import type { Node, SelectStmt } from 'libpg-query'
import {
  type AggregateExpression,
  childrenOf,
  type Expression,
  fingerprint,
  mapChildren,
  someExpression,
} from '../expression/expression.ts'
import { deparse } from '../expression/deparse.ts'
import { failure, notBuilt } from '../failure.ts'
import { requireBoolean } from './bind-expression.ts'
import { settle } from './bind-function.ts'
import type { Binder } from './binder.ts'
import type { Grouping, OutputColumn } from './query.ts'
import type { Scope } from './scope.ts'

interface Target {
  readonly column: OutputColumn
  readonly expression: Expression
}

export function group(
  binder: Binder,
  scope: Scope,
  statement: SelectStmt,
  targets: readonly Target[],
  expressions: readonly Expression[],
): { grouping: Grouping | undefined; targets: readonly Expression[] } {
  const nodes = statement.groupClause ?? []
  const having =
    statement.havingClause === undefined
      ? undefined
      : scope.withoutSets('HAVING', () =>
          requireBoolean(binder, binder.expression(scope, statement.havingClause!), 'HAVING'),
        )
  const hasAggregate = [...expressions, ...(having === undefined ? [] : [having])].some((one) =>
    someExpression(one, ({ kind }) => kind === 'aggregate'),
  )
  if (nodes.length === 0 && having === undefined && !hasAggregate) return { grouping: undefined, targets: expressions }
  if (nodes.length > maxGroupKeys) {
    throw failure('54011', `target lists can have at most ${maxGroupKeys} entries`)
  }
  const keys = binder.each(scope, nodes, (node) => bindGroupKey(binder, scope, node, targets))
  const rewrite = new GroupedRow([...keys, ...dependentColumns(scope, keys)])
  const rewritten = expressions.map((one) => rewrite.apply(one))
  const condition = having === undefined ? undefined : rewrite.apply(having)
  return { grouping: { keys: rewrite.keys, aggregates: rewrite.aggregates(), having: condition }, targets: rewritten }
}

/** Each is an entry of a target list in PostgreSQL. */
const maxGroupKeys = 1664

function bindGroupKey(binder: Binder, scope: Scope, node: Node, targets: readonly Target[]): Expression {
  if ('GroupingSet' in node) throw notBuilt('GROUPING SETS, ROLLUP and CUBE', node.GroupingSet.location)
  const key = findTarget(scope, node, targets) ?? settle(binder, binder.expression(scope, node))
  if (someExpression(key, ({ kind }) => kind === 'aggregate')) {
    throw failure('42803', 'aggregate functions are not allowed in GROUP BY', { location: key.location })
  }
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
  readonly keys: readonly Expression[]
  readonly #places = new Map<string, number>()
  readonly #aggregates = new Map<string, { place: number; expression: AggregateExpression }>()

  constructor(keys: readonly Expression[]) {
    this.keys = keys
    for (const [i, key] of keys.entries()) {
      const print = fingerprint(key)
      if (!this.#places.has(print)) this.#places.set(print, i)
    }
  }

  aggregates(): AggregateExpression[] {
    return [...this.#aggregates.values()].map(({ expression }) => expression)
  }

  apply(expression: Expression): Expression {
    const place = this.#places.get(fingerprint(expression))
    if (place !== undefined && expression.kind !== 'constant') return this.#read(expression, place)
    if (expression.kind === 'aggregate') return this.#aggregate(expression)
    if (expression.kind === 'column') {
      const message = `column "${expression.name}" must appear in the GROUP BY clause or be used in an aggregate function`
      throw failure('42803', message, { location: expression.location })
    }
    return childrenOf(expression).length === 0
      ? expression
      : mapChildren(expression, (child) => this.#applyChild(expression, child))
  }

  #applyChild(parent: Expression, child: Expression): Expression {
    if (parent.kind === 'subquery' && child.kind === 'column' && !this.#places.has(fingerprint(child))) {
      const message = `subquery uses ungrouped column "${child.name}" from outer query`
      throw failure('42803', message, { location: parent.location })
    }
    return this.apply(child)
  }

  #aggregate(expression: AggregateExpression): Expression {
    const print = fingerprint(expression)
    let known = this.#aggregates.get(print)
    if (known === undefined) {
      known = { place: this.keys.length + this.#aggregates.size, expression }
      this.#aggregates.set(print, known)
    }
    return this.#read(expression, known.place)
  }

  #read(expression: Expression, index: number): Expression {
    const { type, modifier, location } = expression
    return { kind: 'column', type, modifier, location, index, name: 'group', text: deparse(expression) }
  }
}
