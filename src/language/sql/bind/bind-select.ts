/** SELECT, VALUES and the set operations. */
import type { Node, SelectStmt, SortBy, WithClause } from 'libpg-query'
import {
  type ConstantExpression,
  type Expression,
  fingerprint,
  type ParameterExpression,
  someExpression,
} from '../expression/expression.ts'
import { failure, notBuilt } from '../failure.ts'
import { oid } from '../types/oids.ts'
import { missingTable, requireBoolean } from './bind-expression.ts'
import { bindFrom } from './bind-from.ts'
import { columnName, directionOf, settle } from './bind-function.ts'
import type { Binder } from './binder.ts'
import { bindLocking, lockedKeys } from './bind-locking.ts'
import { beginningOf, coerce, commonModifier, commonType, tryCoerce } from './coerce.ts'
import { group } from './grouping.ts'
import { type BoundQuery, emptyTail, type OrderKey, type OutputColumn, type QueryTail } from './query.ts'
import { Frame, Scope, type ScopeColumn } from './scope.ts'
import { itemsOf, stringOf, stringsOf } from './tree.ts'
import { eachOf } from '../progress.ts'

export function bindQuery(binder: Binder, scope: Scope, statement: SelectStmt): BoundQuery {
  if (statement.withClause !== undefined) bindWith(binder, scope, statement.withClause)
  if (statement.op !== undefined && statement.op !== 'SETOP_NONE') return bindSetOperation(binder, scope, statement)
  if (statement.valuesLists !== undefined) return bindValues(binder, scope, statement)
  return bindSelect(binder, scope, statement)
}

export function bindWith(binder: Binder, scope: Scope, clause: WithClause): void {
  if (clause.recursive === true) throw notBuilt('WITH RECURSIVE', clause.location)
  for (const node of clause.ctes ?? []) {
    if (!('CommonTableExpr' in node)) continue
    const { ctename, ctequery, aliascolnames, location } = node.CommonTableExpr
    if (ctequery === undefined || !('SelectStmt' in ctequery))
      throw notBuilt('a statement that writes in WITH', location)
    const name = ctename ?? ''
    if (scope.commonTables.has(name)) {
      throw failure('42712', `WITH query name "${name}" specified more than once`, { location })
    }
    const frame = new Frame(binder.nextSubquery())
    const bound = binder.query(new Scope(scope.beside(), frame), ctequery.SelectStmt)
    scope.commonTables.set(name, { name, frame, bound, columnNames: stringsOf(aliascolnames) })
  }
}

interface Target {
  readonly column: OutputColumn
  readonly expression: Expression
}

function bindSelect(binder: Binder, scope: Scope, statement: SelectStmt): BoundQuery {
  if (statement.windowClause !== undefined) throw notBuilt('WINDOW')
  if (statement.intoClause !== undefined) throw notBuilt('SELECT INTO')
  scope.reservesKeys = statement.lockingClause !== undefined
  scope.forbidsAggregates = 'FROM clause of their own query level'
  const from = bindFrom(binder, scope, statement.fromClause ?? [])
  scope.forbidsAggregates = undefined
  const targets = binder.each(scope, statement.targetList ?? [], (node) => bindTarget(binder, scope, node)).flat()
  const where = bindWhere(binder, scope, statement.whereClause)
  checkTargets(targets.length)
  const visible = targets.length
  const expressions = targets.map(({ expression }) => expression)
  const sorted = bindOrder(binder, scope, statement.sortClause ?? [], targets, expressions)
  const isDistinct = statement.distinctClause !== undefined
  const on = isDistinct ? distinctOn(binder, scope, statement.distinctClause!, targets, expressions) : undefined
  // Last: what was added to be sorted or told apart by is grouped like the rest.
  const grouped = group(binder, scope, statement, targets, expressions)
  const locking = bindLocking(binder, scope, statement, from, grouped.grouping !== undefined || isDistinct)
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
    const fields = val.ColumnRef.fields ?? []
    const last = fields[fields.length - 1]
    if (last !== undefined && 'A_Star' in last)
      return bindStar(binder, scope, fields.slice(0, -1).map(stringOf), val.ColumnRef.location)
  }
  const expression = settle(binder, binder.expression(scope, val!))
  const { type, modifier } = expression
  const origin = val !== undefined && 'ColumnRef' in val ? originOf(scope, val.ColumnRef.fields ?? []) : undefined
  return [{ column: { name: name ?? columnName(val!), type, modifier, origin }, expression }]
}

function originOf(scope: Scope, fields: readonly Node[]): OutputColumn['origin'] {
  return scope.findColumn(fields.map(stringOf), undefined)?.origin
}

function bindStar(binder: Binder, scope: Scope, path: readonly string[], location: number | undefined): Target[] {
  let columns: readonly ScopeColumn[] = scope.columns
  if (path.length > 0) {
    const found = scope.findTable(path)
    if (found === undefined) {
      throw missingTable(scope, path[path.length - 1]!, location)
    }
    columns = found.columns
  } else if (scope.tables.length === 0) {
    throw failure('42601', 'SELECT * with no tables specified is not valid', { location })
  }
  return columns
    .filter((column) => column.isHidden !== true)
    .map(({ name, expression, origin, source }) => {
      binder.access.reads(source)
      return { column: { name, type: expression.type, modifier: expression.modifier, origin }, expression }
    })
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
  return settle(binder, binder.expression(scope, node))
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
    const value = within.withoutSets(clause, () => binder.expression(within, node))
    if (someExpression(value, ({ kind }) => kind === 'column' || kind === 'aggregate')) {
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
  const tail = { ...bindLimits(binder, scope, statement), order: bindOutputOrder(statement, columns) }
  return { columns, body: { kind: 'values', rows: converted, tail } }
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
    })
  })
}

const operations: Readonly<Record<string, 'union' | 'intersect' | 'except'>> = {
  SETOP_UNION: 'union',
  SETOP_INTERSECT: 'intersect',
  SETOP_EXCEPT: 'except',
}

function bindSetOperation(binder: Binder, scope: Scope, statement: SelectStmt): BoundQuery {
  const operation = operations[statement.op!]!
  const left = binder.query(scope.beside(), statement.larg!)
  const right = binder.query(scope.beside(), statement.rarg!)
  const name = operation.toUpperCase()
  if (left.columns.length !== right.columns.length) {
    const location = right.body.kind === 'select' ? right.body.targets[0]?.location : undefined
    throw failure('42601', `each ${name} query must have the same number of columns`, { location })
  }
  const columns = left.columns.map((column, i): OutputColumn => {
    const sides = [left, right].map((side) => probe(side, i))
    const type = commonType(sides, name)
    return { name: column.name, type, modifier: commonModifier(sides, type) }
  })
  const tail = { ...bindLimits(binder, scope, statement), order: bindOutputOrder(statement, columns) }
  const body = {
    kind: 'set',
    operation,
    all: statement.all === true,
    left: convertColumns(binder, left, columns),
    right: convertColumns(binder, right, columns),
    tail,
  } as const
  return { columns, body }
}

function probe(query: BoundQuery, index: number): Expression {
  const { type, modifier, name } = query.columns[index]!
  const open = openTarget(query, index)
  if (open !== undefined) return { ...open, type: oid.unknown }
  const target = query.body.kind === 'select' ? query.body.targets[index] : undefined
  const location = target === undefined ? undefined : beginningOf(target)
  return { kind: 'column', index, type, modifier, name, location }
}

/** A literal or parameter that was settled as text, and may still become what takes the query's column. */
function openTarget(query: BoundQuery, index: number): ConstantExpression | ParameterExpression | undefined {
  if (query.body.kind !== 'select') return undefined
  const { targets, isDistinct, tail } = query.body
  const target = targets[index]
  if (target?.kind === 'constant' && target.isSettled === true) return target
  if (target?.kind !== 'parameter' || target.isSettled !== true) return undefined
  return isDistinct || tail.order.some((key) => key.target === index) ? undefined : target
}

/** The same to be converted by what takes it, in the column's place. */
export function unsettledTarget(binder: Binder, query: BoundQuery, index: number): Expression | undefined {
  const open = openTarget(query, index)
  if (open === undefined || (open.kind === 'parameter' && !binder.takeSettled(open))) return undefined
  return { ...open, type: oid.unknown, isSettled: false }
}

/** The same query with its columns cast to the result's types. */
function convertColumns(binder: Binder, query: BoundQuery, columns: readonly OutputColumn[]): BoundQuery {
  const changes = columns.some((column, i) => column.type !== query.columns[i]!.type)
  if (!changes) return query
  const { body } = query
  const retyped = query.columns.map((column, i) => ({
    ...column,
    type: columns[i]!.type,
    modifier: columns[i]!.modifier,
  }))
  if (body.kind === 'values') {
    const rows = eachOf(binder.progress, body.rows, (row) =>
      row.map((one, i) => coerce(binder, one, columns[i]!.type, -1, 'explicit')),
    )
    return { columns: retyped, body: { ...body, rows } }
  }
  // Around anything else: a block that only converts, so that its own ORDER BY and DISTINCT stay what they were.
  const placed = { first: 0, width: query.columns.length, alias: '' }
  const targets = query.columns.map(({ type, modifier, name }, index) =>
    coerce(
      binder,
      unsettledTarget(binder, query, index) ?? { kind: 'column', index, type, modifier, name },
      columns[index]!.type,
      -1,
      'explicit',
    ),
  )
  const from = { kind: 'query', ...placed, query, id: binder.nextSubquery(), captures: [], isLateral: false } as const
  return {
    columns: retyped,
    body: {
      kind: 'select',
      from,
      where: undefined,
      grouping: undefined,
      targets,
      isDistinct: false,
      distinctOn: undefined,
      tail: emptyTail(),
      locking: [],
    },
  }
}
