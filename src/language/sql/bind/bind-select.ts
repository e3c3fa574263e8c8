/** SELECT, VALUES and the set operations. */
import type { A_Indirection, Node, SelectStmt, SortBy } from 'libpg-query'
import { childrenOf, type Expression, fingerprint, someExpression } from '../expression/expression.ts'
import { failure, notBuilt } from '../failure.ts'
import { oid } from '../types/oids.ts'
import { bindSorted } from './collation.ts'
import { requireBoolean, coerce, commonModifier, commonType, tryCoerce } from './coerce.ts'
import { bindFrom } from './bind-from.ts'
import { columnName, directionOf, settle } from './bind-function.ts'
import type { Binder } from './binder.ts'
import { bindLocking, lockedKeys, lockingName } from './bind-locking.ts'
import { group } from './grouping.ts'
import type { BoundQuery, OrderKey, OutputColumn, QueryTail } from './query.ts'
import { allFields } from './row-values.ts'
import { Scope } from './scope.ts'
import { columnsOfStar, pathBeforeStar } from './stars.ts'
import { bindSetOperation } from './set-operation.ts'
import { itemsOf, locationOf, stringOf, stringsOf } from './tree.ts'
import { bindWith } from './with/bind-with.ts'
import { bindWindows } from './windows/bind-windows.ts'

export function bindQuery(binder: Binder, scope: Scope, statement: SelectStmt): BoundQuery {
  if (statement.withClause === undefined) return bindBody(binder, scope, statement)
  const clause = bindWith(binder, scope, statement.withClause)
  return { ...bindBody(binder, scope, statement), with: clause }
}

function bindBody(binder: Binder, scope: Scope, statement: SelectStmt): BoundQuery {
  const [locking] = statement.lockingClause ?? []
  if (statement.op !== undefined && statement.op !== 'SETOP_NONE') {
    if (locking !== undefined) {
      throw failure('0A000', `${lockingName(locking)} is not allowed with UNION/INTERSECT/EXCEPT`)
    }
    return bindSetOperation(binder, scope, statement, (columns) => tailOf(binder, scope, statement, columns))
  }
  if (statement.valuesLists === undefined) return bindSelect(binder, scope, statement)
  if (locking !== undefined) throw failure('0A000', `${lockingName(locking)} cannot be applied to VALUES`)
  return sortsByExpressions(statement)
    ? bindSelect(binder, scope, selectFromValues(statement))
    : bindValues(binder, scope, statement)
}

interface Target {
  readonly column: OutputColumn
  readonly expression: Expression
}

function bindSelect(binder: Binder, scope: Scope, statement: SelectStmt): BoundQuery {
  if (statement.intoClause !== undefined) throw notBuilt('SELECT INTO')
  scope.lockingClauses = statement.lockingClause ?? []
  scope.reservesKeys = scope.lockingClauses.length > 0
  scope.forbidsAggregates = 'FROM clause of their own query level'
  const from = bindFrom(binder, scope, statement.fromClause ?? [])
  scope.forbidsAggregates = undefined
  scope.allowsWindows = true
  const targets = binder.each(scope, statement.targetList ?? [], (node) => bindTarget(binder, scope, node)).flat()
  const where = bindWhere(binder, scope, statement.whereClause)
  checkTargets(targets.length)
  const visible = targets.length
  const expressions = targets.map(({ expression }) => expression)
  const sorted = bindOrder(binder, scope, statement.sortClause ?? [], targets, expressions)
  const isDistinct = statement.distinctClause !== undefined
  const on = isDistinct ? distinctOn(binder, scope, statement.distinctClause!, targets, expressions) : undefined
  const windows = bindWindows(binder, scope, statement.windowClause, expressions)
  // Last: what was added to be sorted or told apart by is grouped like the rest.
  const grouped = group(binder, scope, statement, { targets, expressions, windows })
  const hasAggregates = grouped.grouping !== undefined
  const [aggregate] = scope.readsItself ? (grouped.grouping?.aggregates ?? []) : []
  if (aggregate !== undefined) {
    const message = "aggregate functions are not allowed in a recursive query's recursive term"
    throw failure('42P19', message, { location: aggregate.location })
  }
  const isGrouped = hasAggregates || isDistinct || windows !== undefined
  const locking = bindLocking(binder, scope, statement, from, { isGrouped, hasAggregates })
  if (isDistinct && on === undefined && expressions.length > visible) {
    const { location } = expressions[visible]!
    throw failure('42P10', 'for SELECT DISTINCT, ORDER BY expressions must appear in select list', { location })
  }
  return {
    columns: targets.map(({ column }) => column),
    body: {
      kind: 'select',
      from,
      where,
      grouping: grouped.grouping,
      windows: grouped.windows,
      targets: [...grouped.targets, ...lockedKeys(from, locking)],
      isDistinct,
      distinctOn: on,
      tail: { ...bindLimits(binder, scope, statement), order: sorted },
      locking,
    },
  }
}

/** PostgreSQL's MaxTupleAttributeNumber: what is sorted and grouped by counts too. */
const maxTargets = 1664

export function checkTargets(count: number): void {
  if (count > maxTargets) throw failure('54011', `target lists can have at most ${maxTargets} entries`)
}

export function bindWhere(binder: Binder, scope: Scope, node: Node | undefined): Expression | undefined {
  if (node === undefined) return undefined
  const outer = scope.forbidsAggregates
  scope.forbidsAggregates = 'WHERE'
  const bound = scope.withoutSets('WHERE', () => requireBoolean(binder, binder.expression(scope, node), 'WHERE'))
  scope.forbidsAggregates = outer
  return bound
}

/** One entry of a SELECT or RETURNING list; a star gives several. */
export function bindTarget(binder: Binder, scope: Scope, node: Node): Target[] {
  if (!('ResTarget' in node)) throw notBuilt('this target')
  const { name, val } = node.ResTarget
  if (val !== undefined && 'ColumnRef' in val) {
    const path = pathBeforeStar(val)
    if (path !== undefined) {
      return columnsOfStar(binder, scope, path, val.ColumnRef.location).map(({ name, expression, origin }) => {
        return { column: { name, type: expression.type, modifier: expression.modifier, origin }, expression }
      })
    }
  }
  const fields = val !== undefined && 'A_Indirection' in val ? starFields(binder, scope, val.A_Indirection) : undefined
  if (fields !== undefined) return fields
  const expression = settle(binder, binder.expression(scope, val!))
  const { type, modifier } = expression
  const isCall = expression.kind === 'call' || expression.kind === 'set'
  const origin =
    val !== undefined && 'ColumnRef' in val && !isCall ? originOf(scope, val.ColumnRef.fields ?? []) : undefined
  return [{ column: { name: name ?? columnName(val!, expression), type, modifier, origin }, expression }]
}

/** `(row).*`. */
function starFields(binder: Binder, scope: Scope, { arg, indirection = [] }: A_Indirection): Target[] | undefined {
  const last = indirection.at(-1)
  if (last === undefined || !('A_Star' in last)) return undefined
  const before = indirection.slice(0, -1)
  const node: Node = before.length === 0 ? arg! : { A_Indirection: { arg: arg!, indirection: before } }
  const row = binder.expression(scope, node)
  const all = allFields(row, row.location)
  // A table's columns are but columns.
  if (!childrenOf(row).every(({ kind }) => kind === 'column')) binder.repetition.shared(row)
  return all.map(({ name, value: expression }) => {
    const { type, modifier } = expression
    return { column: { name, type, modifier, origin: undefined }, expression }
  })
}

function originOf(scope: Scope, fields: readonly Node[]): OutputColumn['origin'] {
  return scope.findColumn(fields.map(stringOf), undefined)?.origin
}

/** Sort keys may be a position, an output name, or any expression over the input; new ones become hidden targets. */
function bindOrder(
  binder: Binder,
  scope: Scope,
  nodes: readonly Node[],
  targets: readonly Target[],
  expressions: Expression[],
): OrderKey[] {
  const prints = new PrintedTargets(expressions)
  return binder
    .each(scope, nodes, (node): [Expression | number, SortBy] => {
      if (!('SortBy' in node)) throw notBuilt('this ORDER BY')
      return [
        findNamedTarget(node.SortBy.node!, targets, 'ORDER BY') ?? bindKey(binder, scope, node.SortBy.node!),
        node.SortBy,
      ]
    })
    .map(([found, sort]) => ({ target: typeof found === 'number' ? found : prints.place(found), ...directionOf(sort) }))
}

function bindKey(binder: Binder, scope: Scope, node: Node): Expression {
  return settle(binder, bindSorted(binder, scope, node))
}

/** The place in the list of targets that an expression of ORDER BY or DISTINCT ON means; adds one where it is new. */
class PrintedTargets {
  readonly #expressions: Expression[]
  #places: Map<string, number> | undefined

  constructor(expressions: Expression[]) {
    this.#expressions = expressions
  }

  place(bound: Expression): number {
    const places = (this.#places ??= placesOf(this.#expressions))
    const print = fingerprint(bound)
    const known = places.get(print)
    if (known !== undefined) return known
    const place = this.#expressions.push(bound) - 1
    checkTargets(place + 1)
    places.set(print, place)
    return place
  }
}

function placesOf(expressions: readonly Expression[]): Map<string, number> {
  const places = new Map<string, number>()
  for (const [i, one] of expressions.entries()) {
    const print = fingerprint(one)
    if (!places.has(print)) places.set(print, i)
  }
  return places
}

function findNamedTarget(node: Node, targets: readonly Target[], clause: string): number | undefined {
  if ('A_Const' in node && node.A_Const.isnull !== true) {
    const value = node.A_Const
    if (value.ival === undefined) {
      throw failure('42601', `non-integer constant in ${clause}`, { location: value.location })
    }
    const position = value.ival.ival ?? 0
    if (position >= 1 && position <= targets.length) return position - 1
    throw failure('42P10', `${clause} position ${position} is not in select list`, { location: value.location })
  }
  if (!('ColumnRef' in node) || node.ColumnRef.fields?.length !== 1) return undefined
  const [field] = node.ColumnRef.fields
  if (field === undefined || !('String' in field)) return undefined
  const name = field.String.sval
  const places = targets.flatMap(({ column }, i) => (column.name === name ? [i] : []))
  const [first, ...rest] = places
  if (first === undefined) return undefined
  const print = fingerprint(targets[first]!.expression)
  if (rest.some((place) => fingerprint(targets[place]!.expression) !== print)) {
    throw failure('42702', `${clause} "${name}" is ambiguous`, { location: node.ColumnRef.location })
  }
  return first
}

function distinctOn(
  binder: Binder,
  scope: Scope,
  nodes: readonly Node[],
  targets: readonly Target[],
  expressions: Expression[],
): number[] | undefined {
  const keys = nodes.filter((node) => Object.keys(node).length > 0)
  if (keys.length === 0) return undefined
  checkTargets(keys.length)
  const prints = new PrintedTargets(expressions)
  return keys.map((node) => findNamedTarget(node, targets, 'DISTINCT ON') ?? prints.place(bindKey(binder, scope, node)))
}

function bindLimits(binder: Binder, scope: Scope, statement: SelectStmt): Omit<QueryTail, 'order'> {
  const bound = (node: Node | undefined, clause: string): Expression | undefined => {
    if (node === undefined) return undefined
    const within = new Scope(scope.parent, scope.frame)
    within.forbidsAggregates = clause
    const value = within.withoutSets(clause, () => binder.expression(within, node))
    if (someExpression(value, ({ kind }) => kind === 'column')) {
      throw failure('42P10', `argument of ${clause} must not contain variables`, { location: value.location })
    }
    const converted = tryCoerce(binder, value, oid.int8, -1, 'assignment')
    if (converted !== undefined) return converted
    throw failure('42804', `argument of ${clause} must be type bigint`, { location: value.location })
  }
  return {
    limit: bound(statement.limitCount, 'LIMIT'),
    offset: bound(statement.limitOffset, 'OFFSET'),
    withTies: statement.limitOption === 'LIMIT_OPTION_WITH_TIES',
  }
}

function bindValues(binder: Binder, scope: Scope, statement: SelectStmt): BoundQuery {
  scope.forbidsAggregates = 'VALUES'
  const rows = scope.withoutSets('VALUES', () =>
    binder.each(scope, statement.valuesLists ?? [], (list) =>
      binder.each(scope, itemsOf(list), (one) => binder.expression(scope, one)),
    ),
  )
  const width = rows[0]?.length ?? 0
  checkTargets(width)
  const uneven = rows.find((row) => row.length !== width)
  if (uneven !== undefined) {
    throw failure('42601', 'VALUES lists must all be the same length', { location: uneven[0]?.location })
  }
  const columns = binder.each(scope, [...(rows[0] ?? []).keys()], (i): OutputColumn => {
    const parts = rows.map((row) => row[i]!)
    binder.progress?.spend(parts.length >> 4)
    const type = commonType(parts, 'VALUES')
    return { name: `column${i + 1}`, type, modifier: commonModifier(parts, type) }
  })
  const converted = binder.each(scope, rows, (row) => row.map((one, i) => coerce(binder, one, columns[i]!.type)))
  return { columns, body: { kind: 'values', rows: converted, tail: tailOf(binder, scope, statement, columns) } }
}

/** By more than the names and places of its columns, which VALUES for itself has. */
function sortsByExpressions({ sortClause = [] }: SelectStmt): boolean {
  return sortClause.some((node) => {
    const key = 'SortBy' in node ? node.SortBy.node : undefined
    return key !== undefined && !('A_Const' in key || 'ColumnRef' in key)
  })
}

/** As PostgreSQL does: VALUES as the only item of a FROM, by the name that it gives that. */
function selectFromValues({ valuesLists = [], ...rest }: SelectStmt): SelectStmt {
  const subquery: Node = { SelectStmt: { valuesLists } }
  return {
    ...rest,
    targetList: [{ ResTarget: { val: { ColumnRef: { fields: [{ A_Star: {} }] } } } }],
    fromClause: [{ RangeSubselect: { subquery, alias: { aliasname: '*VALUES*' } } }],
  }
}

function tailOf(binder: Binder, scope: Scope, statement: SelectStmt, columns: readonly OutputColumn[]): QueryTail {
  return { ...bindLimits(binder, scope, statement), order: bindOutputOrder(statement, columns) }
}

/** After VALUES and UNION only output columns can be sorted by. */
function bindOutputOrder(statement: SelectStmt, columns: readonly OutputColumn[]): OrderKey[] {
  const targets = columns.map((column, index): Target => {
    const { type, modifier, name } = column
    return { column, expression: { kind: 'column', type, modifier, index, name } }
  })
  return (statement.sortClause ?? []).map((node) => {
    if (!('SortBy' in node)) throw notBuilt('this ORDER BY')
    const target = findNamedTarget(node.SortBy.node!, targets, 'ORDER BY')
    if (target !== undefined) return { target, ...directionOf(node.SortBy) }
    const field = node.SortBy.node
    if (field !== undefined && 'ColumnRef' in field) {
      const name = stringsOf(field.ColumnRef.fields).join('.')
      throw failure('42703', `column "${name}" does not exist`, { location: field.ColumnRef.location })
    }
    throw failure('0A000', 'invalid UNION/INTERSECT/EXCEPT ORDER BY clause', {
      detail: 'Only result column names can be used, not expressions or functions.',
      hint: 'Add the expression/function to every SELECT, or move the UNION into a FROM clause.',
      location: locationOf(node.SortBy.node),
    })
  })
}
