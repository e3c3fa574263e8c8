/** Calls: plain functions, aggregates, functions that return sets, and the standard's functions without parentheses. */
import type { FuncCall, Node, SortBy, SQLValueFunction } from 'libpg-query'
import { findTypeByName, formatType } from '../../../model/table/types/registry.ts'
import {
  childrenOf,
  type Expression,
  fingerprint,
  type Implementation,
  plainCall,
  type SortKey,
} from '../expression/expression.ts'
import { failure, notBuilt } from '../failure.ts'
import { costOfTypes } from '../functions/cost.ts'
import { aggregatesNamed, functionsNamed, type SetFunctionEntry, setFunctionsNamed } from '../functions/registry.ts'
import { concreteResult, resolve } from '../functions/resolve.ts'
import { oid } from '../types/oids.ts'
import type { Routine } from '../routine/routines.ts'
import { AggregateOwner } from './aggregate-owner.ts'
import { callEntry } from './bind-operation.ts'
import {
  bindArguments,
  bindRoutine,
  type BoundRoutine,
  resolveRoutine,
  resultValue,
  routineCall,
  routineRows,
  routinesOf,
} from './bind-routine.ts'
import { bindBuiltInArguments } from './bind-arguments.ts'
import { bindVariadic } from './bind-variadic.ts'
import { bindOrderedSet, checkWithinGroup } from './bind-ordered-set.ts'
import type { Binder } from './binder.ts'
import { bindSorted } from './collation.ts'
import { coerce, fold, requireBoolean, tryCoerce, settle } from './coerce.ts'
import { aggregateCalls, type Scope } from './scope.ts'
// oxlint-disable-next-line import/no-unassigned-import -- loading it registers them
import './enum-functions.ts'
import { specialFunctions } from './special-functions.ts'
import { lastName, stringsOf } from './tree.ts'
import { bindWindowCall, findWindow, requireOver, withoutArguments } from './windows/bind-window-call.ts'

/** What is built in and writes to the log. */
const writing: ReadonlySet<string> = new Set(['nextval', 'setval', 'polylog_undo', 'pg_logical_emit_message'])

export { settle }

export function bindFunctionCall(binder: Binder, scope: Scope, node: FuncCall): Expression {
  const location = node.location
  const path = stringsOf(node.funcname)
  const name = path[path.length - 1]!
  const routines = routinesOf(binder, path)
  if (routines.length > 0) return bindRoutineCall(binder, scope, node, path, routines)
  if (path.length > 1 && path[0] !== 'pg_catalog' && path[0] !== 'polylog') {
    throw failure('42883', `function ${path.join('.')}() does not exist`, { location })
  }
  if (node.over !== undefined) return bindWindowCall(binder, scope, node, name, bindAggregateCall)
  checkWithinGroup(node, name)
  if (node.agg_within_group !== true) requireOver(node, name)
  if (aggregatesNamed(name).length > 0 || node.agg_within_group === true) {
    return bindAggregate(binder, scope, node, name)
  }
  if (node.agg_distinct === true || node.agg_filter !== undefined || node.agg_star === true) {
    throw failure('42809', `DISTINCT, FILTER and * specified, but ${name} is not an aggregate function`, { location })
  }
  if (node.args !== undefined && node.args.length > maxArguments) {
    throw failure('54023', `cannot pass more than ${maxArguments} arguments to a function`, { location })
  }
  const parts = bindBuiltInArguments(binder, scope, name, node.args ?? [])
  if (setFunctionsNamed(name).length > 0 && functionsNamed(name).length === 0)
    return bindSetCall(binder, scope, name, parts, location)
  const spread = node.func_variadic === true ? bindVariadic(binder, name, parts, location) : undefined
  const call = spread ?? binder.call(name, parts, location)
  return node.funcformat === 'COERCE_SQL_SYNTAX' && call.kind === 'call' ? { ...call, isSqlSyntax: true } : call
}

/** Of a name that functions have which CREATE FUNCTION has made. */
function bindRoutineCall(
  binder: Binder,
  scope: Scope,
  node: FuncCall,
  path: readonly string[],
  routines: readonly Routine[],
): Expression {
  const { location } = node
  const bound = bindRoutineOf(binder, scope, node, path, routines)
  if (!('routine' in bound)) return bound.plain
  if (bound.routine.definition.kind === 'procedure') {
    const shown = signature(bound.routine.definition.name, bound.types)
    throw failure('42809', `${shown} is a procedure`, { location, hint: 'To call a procedure, use CALL.' })
  }
  if (bound.routine.definition.returns?.isSet !== true) return routineCall(bound, location)
  scope.checkSet(location)
  const rows = routineRows(bound)
  const { columns } = bound
  const type = bound.row ?? columns[0]?.type ?? oid.void
  const shown: typeof rows = (run, values) => [...rows(run, values)].map((row) => [resultValue(bound, row)])
  const mayWrite = bound.routine.definition.volatility === 'volatile'
  const { collection: routine, definition } = bound.routine
  const own = { name: definition.name, routine, arguments: bound.arguments }
  return { kind: 'set', type, modifier: -1, location, ...own, rows: shown, mayWrite }
}

/** The function that a call means, or what it is where one that is built in is meant. */
export function bindRoutineOf(
  binder: Binder,
  scope: Scope,
  node: FuncCall,
  path: readonly string[],
  routines: readonly Routine[],
): BoundRoutine | { readonly plain: Expression } {
  const { location } = node
  const name = path.at(-1)!
  if (node.args !== undefined && node.args.length > maxArguments) {
    throw failure('54023', `cannot pass more than ${maxArguments} arguments to a function`, { location })
  }
  const given = bindArguments(binder, scope, node.args ?? [])
  const builtIn = path.length > 1 ? [] : functionsNamed(name)
  const found = resolveRoutine(routines, builtIn, given, node.func_variadic === true)
  if (found.kind !== 'found') {
    const types = given.map(({ value, name: title }) => ({ type: value.type, name: title }))
    throw noSuchFunction(path.join('.'), types, location, found.kind === 'ambiguous')
  }
  const { fitting } = found.entry
  if (fitting === undefined) {
    const parts = given.map(({ value }) => value)
    return { plain: callEntry(binder, found.entry.entry!, parts, found.takes, location, false) }
  }
  return bindRoutine(binder, fitting, found.takes, given, location)
}

/** PostgreSQL's FUNC_MAX_ARGS. */
const maxArguments = 100

/** A plain function over bound arguments. */
export function applyFunction(
  binder: Binder,
  name: string,
  parts: readonly Expression[],
  location: number | undefined,
): Expression {
  if (writing.has(name)) binder.writes = true
  const special = specialFunctions.get(name)
  if (special !== undefined) return special(binder, parts, location)
  const types = parts.map(({ type }) => type)
  // As PostgreSQL has it: a literal of no type that is called by a type's name is a literal of that.
  const literal = types[0] === oid.unknown ? functionalCast(binder, name, parts) : undefined
  if (literal !== undefined) return literal
  const found = resolve(functionsNamed(name), types)
  if (found.kind === 'found') return callEntry(binder, found.entry, parts, found.takes, location, false)
  const cast = functionalCast(binder, name, parts)
  if (cast !== undefined) return cast
  throw noSuchFunction(name, plainly(types), location, found.kind === 'ambiguous')
}

interface ShownArgument {
  readonly type: number
  readonly name?: string | undefined
}

function plainly(types: readonly number[]): ShownArgument[] {
  return types.map((type) => ({ type }))
}

export function signature(name: string, types: readonly number[]): string {
  return `${name}(${types.map((type) => formatType(type, -1)).join(', ')})`
}

export function noSuchFunction(
  name: string,
  given: readonly ShownArgument[],
  location: number | undefined,
  ambiguous: boolean,
  word = 'function',
): Error {
  const types = given.map(
    ({ type, name: title }) => `${title === undefined ? '' : `${title} => `}${formatType(type, -1)}`,
  )
  const shown = `${name.startsWith('like ') ? 'like' : name}(${types.join(', ')})`
  if (ambiguous) {
    return failure('42725', `${word} ${shown} is not unique`, {
      location,
      hint: 'Could not choose a best candidate function. You might need to add explicit type casts.',
    })
  }
  return failure('42883', `${word} ${shown} does not exist`, {
    location,
    hint: `No ${word} matches the given name and argument types. You might need to add explicit type casts.`,
  })
}

/** A type's name called with one argument is a cast: int4('5'), date(now()). */
function functionalCast(binder: Binder, name: string, parts: readonly Expression[]): Expression | undefined {
  const type = parts.length === 1 ? findTypeByName(name) : undefined
  return type === undefined ? undefined : tryCoerce(binder, parts[0]!, type.oid, -1, 'explicit')
}

function bindSetCall(
  binder: Binder,
  scope: Scope,
  name: string,
  parts: readonly Expression[],
  location: number | undefined,
): Expression {
  const types = parts.map(({ type }) => type)
  const found = resolve(setFunctionsNamed(name), types)
  if (found.kind !== 'found') throw noSuchFunction(name, plainly(types), location, found.kind === 'ambiguous')
  if (found.entry.columns.length !== 1) throw notBuilt(`${name} outside of FROM`, location)
  scope.checkSet(location)
  const type = concreteResult(found.entry.columns[0]!.type, found.entry.takes, found.takes)
  const converted = setArguments(binder, found.entry, found.takes, parts, location)
  return { kind: 'set', type, modifier: -1, location, name, arguments: converted, rows: found.entry.rows }
}

/** What a function that returns rows is called with. */
export function setArguments(
  binder: Binder,
  entry: SetFunctionEntry,
  takes: readonly number[],
  parts: readonly Expression[],
  location: number | undefined,
): readonly Expression[] {
  const converted = parts.map((part, i) => coerce(binder, part, takes[i]!))
  if (entry.ofArray !== undefined) return [binder.call(entry.ofArray, converted, location)]
  return entry.list === undefined ? converted : [listCall(entry, converted, location)]
}

function listCall(
  { name, takes, list, cost }: SetFunctionEntry,
  parts: readonly Expression[],
  location: number | undefined,
): Expression {
  const call = plainCall(name, oid.anyarray, parts, list as Implementation, location)
  return fold({ ...call, cost: cost ?? costOfTypes(takes), remote: { kind: 'list', name, takes } })
}

function bindAggregate(binder: Binder, scope: Scope, node: FuncCall, name: string): Expression {
  const location = node.location
  if (node.args === undefined && node.agg_star !== true && name === 'count') throw withoutArguments(name, location)
  const owned = new AggregateOwner(scope)
  const aggregate = scope.withoutSets(aggregateCalls, () => bindAggregateCall(binder, scope, node, name))
  const own = owned.lift(aggregate)
  owned.check(location)
  const nested = childrenOf(own)
    .map(findAggregate)
    .find((one) => one !== undefined)
  if (nested !== undefined) {
    throw failure('42803', 'aggregate function calls cannot be nested', { location: nested.location })
  }
  const window = findWindow(childrenOf(own))
  if (window !== undefined) {
    const message = 'aggregate function calls cannot contain window function calls'
    throw failure('42803', message, { location: window.location })
  }
  const gathered = owned.bring(own)
  const finishing = own.kind === 'aggregate' ? own.aggregate.finishing : undefined
  if (finishing === undefined) return gathered
  const { type, call, cost } = finishing
  return { ...plainCall(name, type, [gathered], call, location), cost, remote: { kind: 'finishing', name } }
}

function bindAggregateCall(binder: Binder, scope: Scope, node: FuncCall, name: string): Expression {
  const { location } = node
  if (node.agg_within_group === true) {
    const filter = node.agg_filter === undefined ? undefined : bindFilter(binder, scope, node.agg_filter)
    return bindOrderedSet(binder, scope, node, name, { filter, directionOf })
  }
  const parts = (node.args ?? []).map((one) => binder.expression(scope, one))
  const types = parts.map(({ type }) => type)
  const found = resolve(aggregatesNamed(name), types)
  if (found.kind !== 'found') throw noSuchFunction(name, plainly(types), location, found.kind === 'ambiguous')
  const { entry, takes } = found
  const type = concreteResult(entry.gives, entry.takes, takes)
  const distinct = node.agg_distinct === true
  const values = parts.map((part, i) => {
    const converted = coerce(binder, part, takes[i]!)
    const by = distinct || converted.type === oid.unknown ? undefined : entry.through?.[i]
    return by === undefined ? converted : implicit(binder.call(by, [converted], location))
  })
  const { finishing } = entry
  const result = finishing?.of ?? type
  const order = (node.agg_order ?? []).map((one) => bindAggregateOrder(binder, scope, one))
  if (distinct) checkDistinctOrder([...parts, ...values], order)
  return {
    kind: 'aggregate',
    type: result,
    modifier: -1,
    location,
    aggregate: {
      ...entry.make(values.map((value, i) => (value.type === oid.unknown ? takes[i]! : value.type))),
      result,
      finishing: finishing && { type, call: finishing.call, cost: finishing.cost },
    },
    arguments: values,
    distinct,
    filter: node.agg_filter === undefined ? undefined : bindFilter(binder, scope, node.agg_filter),
    order,
  }
}

function implicit(expression: Expression): Expression {
  return expression.kind === 'call' ? { ...expression, isImplicit: true } : expression
}

/** Rows of equal arguments are one: what they are sorted by must be the same for them. */
function checkDistinctOrder(values: readonly Expression[], order: readonly SortKey[]): void {
  const prints = new Set(values.map(fingerprint))
  const other = order.find(({ expression }) => !prints.has(fingerprint(expression)))
  if (other === undefined) return
  const message = 'in an aggregate with DISTINCT, ORDER BY expressions must appear in argument list'
  throw failure('42P10', message, { location: other.expression.location })
}

function bindFilter(binder: Binder, scope: Scope, node: Node): Expression {
  const filter = requireBoolean(binder, binder.expression(scope, node), 'FILTER')
  const aggregate = findAggregate(filter)
  if (aggregate !== undefined) {
    throw failure('42803', 'aggregate functions are not allowed in FILTER', { location: aggregate.location })
  }
  return filter
}

function findAggregate(expression: Expression): Expression | undefined {
  if (expression.kind === 'aggregate') return expression
  for (const child of childrenOf(expression)) {
    const found = findAggregate(child)
    if (found !== undefined) return found
  }
  return undefined
}

function bindAggregateOrder(binder: Binder, scope: Scope, node: Node): SortKey {
  if (!('SortBy' in node)) throw notBuilt('this ORDER BY')
  const expression = bindSorted(binder, scope, node.SortBy.node!)
  return { expression: settle(binder, expression), ...directionOf(node.SortBy) }
}

export function directionOf(node: SortBy): { descending: boolean; nullsFirst: boolean } {
  if (node.sortby_dir === 'SORTBY_USING') throw notBuilt('ORDER BY USING', node.location)
  const descending = node.sortby_dir === 'SORTBY_DESC'
  const nulls = node.sortby_nulls
  const nullsFirst = nulls === 'SORTBY_NULLS_FIRST' || (nulls !== 'SORTBY_NULLS_LAST' && descending)
  return { descending, nullsFirst }
}

export function bindSqlValueFunction(binder: Binder, node: SQLValueFunction): Expression {
  const location = node.location
  const modifier = node.typmod ?? -1
  const clock = (type: number): Expression => {
    const value = coerce(binder, binder.call('now', [], location), type, modifier, 'explicit')
    const word = (node.op ?? '').replace('SVFOP_', '').replace(/_N$/, '')
    const keyword = modifier < 0 ? word : `${word}(${modifier})`
    return value.kind === 'call' ? { ...value, keyword } : value
  }
  switch (node.op) {
    case 'SVFOP_CURRENT_DATE':
      return clock(oid.date)
    case 'SVFOP_CURRENT_TIMESTAMP':
    case 'SVFOP_CURRENT_TIMESTAMP_N':
      return clock(oid.timestamptz)
    case 'SVFOP_LOCALTIMESTAMP':
    case 'SVFOP_LOCALTIMESTAMP_N':
      return clock(oid.timestamp)
    case 'SVFOP_LOCALTIME':
    case 'SVFOP_LOCALTIME_N':
      return clock(oid.time)
    case 'SVFOP_CURRENT_CATALOG':
      return binder.call('current_database', [], location)
    case 'SVFOP_CURRENT_SCHEMA':
      return binder.call('current_schema', [], location)
    case 'SVFOP_CURRENT_USER':
      return binder.call('current_user', [], location)
    case 'SVFOP_CURRENT_ROLE':
      return binder.call('current_role', [], location)
    case 'SVFOP_USER':
      return binder.call('user', [], location)
    case 'SVFOP_SESSION_USER':
      return binder.call('session_user', [], location)
    default:
      return clock(oid.timetz)
  }
}

/** What an unnamed column of the result is called: PostgreSQL's FigureColname. */
export function columnName(node: Node, bound?: Expression): string {
  return strongName(node) ?? starName(node, bound) ?? weakName(node) ?? '?column?'
}

/** Of `(SELECT * …)`: only what is bound has it. */
function starName(node: Node, bound: Expression | undefined): string | undefined {
  return 'SubLink' in node && bound?.kind === 'subquery' && bound.form === 'scalar'
    ? bound.query.columns[0]?.name
    : undefined
}

function strongName(node: Node): string | undefined {
  if ('ColumnRef' in node) {
    const last = node.ColumnRef.fields?.at(-1)
    return last !== undefined && 'String' in last ? last.String.sval : undefined
  }
  if ('FuncCall' in node) return lastName(node.FuncCall.funcname)
  if ('A_Indirection' in node) {
    const field = node.A_Indirection.indirection?.findLast((one) => 'String' in one)
    return field !== undefined && 'String' in field ? field.String.sval : strongName(node.A_Indirection.arg!)
  }
  if ('CollateClause' in node) return strongName(node.CollateClause.arg!)
  if ('TypeCast' in node) return strongName(node.TypeCast.arg!)
  if ('CoalesceExpr' in node) return 'coalesce'
  if ('RowExpr' in node) return 'row'
  if ('GroupingFunc' in node) return 'grouping'
  if ('MinMaxExpr' in node) return node.MinMaxExpr.op === 'IS_LEAST' ? 'least' : 'greatest'
  if ('A_ArrayExpr' in node) return 'array'
  if ('A_Expr' in node) return node.A_Expr.kind === 'AEXPR_NULLIF' ? 'nullif' : undefined
  if ('SQLValueFunction' in node) return valueFunctionName(node.SQLValueFunction)
  if ('SubLink' in node) return subqueryName(node.SubLink)
  if ('CaseExpr' in node) return node.CaseExpr.defresult === undefined ? undefined : strongName(node.CaseExpr.defresult)
  return undefined
}

function weakName(node: Node): string | undefined {
  if ('TypeCast' in node) return lastName(node.TypeCast.typeName?.names)
  if ('CaseExpr' in node) return 'case'
  return 'A_Indirection' in node ? weakName(node.A_Indirection.arg!) : undefined
}

function valueFunctionName(node: SQLValueFunction): string {
  return (node.op ?? 'SVFOP_CURRENT_DATE').replace('SVFOP_', '').replace(/_N$/, '').toLowerCase()
}

function subqueryName(link: { subLinkType?: string; subselect?: Node }): string | undefined {
  if (link.subLinkType === 'EXISTS_SUBLINK') return 'exists'
  if (link.subLinkType === 'ARRAY_SUBLINK') return 'array'
  if (link.subLinkType !== 'EXPR_SUBLINK' || link.subselect === undefined) return undefined
  if (!('SelectStmt' in link.subselect)) return undefined
  let first = link.subselect.SelectStmt
  while (first.larg !== undefined) first = first.larg
  const { targetList, valuesLists } = first
  if (valuesLists !== undefined) return 'column1'
  const target = targetList?.[0]
  if (target === undefined || !('ResTarget' in target)) return undefined
  const { name, val } = target.ResTarget
  const isStar = val !== undefined && 'ColumnRef' in val && 'A_Star' in (val.ColumnRef.fields?.at(-1) ?? {})
  return isStar ? undefined : (name ?? columnName(val!))
}
