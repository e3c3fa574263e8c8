/** One expression of the grammar to a bound one: the switch over kinds; operators, functions and subqueries have files. */
import type { A_Const, A_Indirection, BoolExpr, CaseExpr, ColumnRef, MinMaxExpr, Node, TypeCast } from 'libpg-query'
import { arrayHolding, findType, formatType, getType } from '../../../model/table/types/registry.ts'
import type { SqlValue } from '../contract.ts'
import { type ArrayExpression, constant, type Expression, plainCall } from '../expression/expression.ts'
import { failure, locate, notBuilt } from '../failure.ts'
import { comparatorOf } from '../functions/comparison.ts'
import { oid } from '../types/oids.ts'
import { bindOperation } from './bind-operation.ts'
import { bindFunctionCall, bindSqlValueFunction } from './bind-function.ts'
import { bindSubquery } from './bind-subquery.ts'
import { chunksOf } from '../progress.ts'
import type { Binder } from './binder.ts'
import {
  coerce,
  coerceAll,
  constantValues,
  firstOfEachType,
  commonModifier,
  commonType,
  fold,
  tryCoerce,
} from './coerce.ts'
import type { Scope } from './scope.ts'
import { kindOf, lastName, stringOf, stringsOf } from './tree.ts'
import { bindTypeName } from './type-name.ts'

export function bindExpression(binder: Binder, scope: Scope, node: Node): Expression {
  if ('A_Const' in node) return bindConstant(node.A_Const)
  if ('ColumnRef' in node) return bindColumn(binder, scope, node.ColumnRef)
  if ('ParamRef' in node) {
    const number = node.ParamRef.number ?? 0
    const type = locate(node.ParamRef.location ?? 0, () => binder.parameterType(number))
    return { kind: 'parameter', type, modifier: -1, location: node.ParamRef.location ?? 0, index: number - 1 }
  }
  if ('A_Expr' in node) return bindOperation(binder, scope, node.A_Expr)
  if ('FuncCall' in node) return bindFunctionCall(binder, scope, node.FuncCall)
  if ('TypeCast' in node) return bindCast(binder, scope, node.TypeCast)
  if ('BoolExpr' in node) return bindLogic(binder, scope, node.BoolExpr)
  if ('NullTest' in node || 'BooleanTest' in node) return bindTest(binder, scope, node)
  if ('CaseExpr' in node) return scope.withoutSets('CASE', () => bindCase(binder, scope, node.CaseExpr))
  if ('SubLink' in node) return bindSubquery(binder, scope, node.SubLink)
  return bindRest(binder, scope, node)
}

function bindRest(binder: Binder, scope: Scope, node: Node): Expression {
  if ('CoalesceExpr' in node) {
    const { args = [] } = node.CoalesceExpr
    const parts = scope.withoutSets('COALESCE', () => binder.each(scope, args, (one) => binder.expression(scope, one)))
    const type = commonType(parts, 'COALESCE')
    const modifier = commonModifier(parts, type)
    const location = node.CoalesceExpr.location
    return { kind: 'coalesce', type, modifier, location, arguments: coerceAll(binder, scope, parts, type) }
  }
  if ('MinMaxExpr' in node) return bindExtreme(binder, scope, node.MinMaxExpr)
  if ('A_ArrayExpr' in node) return bindArray(binder, scope, node.A_ArrayExpr.elements ?? [], node.A_ArrayExpr.location)
  if ('A_Indirection' in node) return bindIndirection(binder, scope, node.A_Indirection)
  if ('SQLValueFunction' in node) return bindSqlValueFunction(binder, node.SQLValueFunction)
  if ('CollateClause' in node) {
    const name = lastName(node.CollateClause.collname)
    // Text is ordered by code point, which is what these three are.
    if (!['C', 'POSIX', 'ucs_basic', 'default'].includes(name)) {
      throw notBuilt(`collation "${name}"`, node.CollateClause.location)
    }
    return binder.expression(scope, node.CollateClause.arg!)
  }
  if ('RowExpr' in node) throw notBuilt('a row as a value', node.RowExpr.location)
  if ('GroupingFunc' in node) throw notBuilt('GROUPING', node.GroupingFunc.location)
  if ('SetToDefault' in node) {
    throw failure('42601', 'DEFAULT is not allowed in this context', { location: node.SetToDefault.location })
  }
  throw notBuilt(`an expression of kind ${kindOf(node)}`)
}

function bindConstant(value: A_Const): Expression {
  const location = value.location ?? 0
  if (value.isnull === true) return constant(null, oid.unknown, location)
  if (value.sval !== undefined) return constant(value.sval.sval ?? '', oid.unknown, location)
  if (value.ival !== undefined) return constant(value.ival.ival ?? 0, oid.int4, location)
  if (value.boolval !== undefined) return constant(value.boolval.boolval ?? false, oid.bool, location)
  if (value.fval !== undefined) return bindNumber(value.fval.fval ?? '0', location)
  throw notBuilt('a bit string', location)
}

function bindNumber(text: string, location: number): Expression {
  const plain = text.replaceAll('_', '')
  if (/^0[xXoObB]/.test(plain) || /^-?\d+$/.test(plain)) {
    const value = BigInt(plain)
    if (BigInt.asIntN(32, value) === value) return constant(Number(value), oid.int4, location)
    if (BigInt.asIntN(64, value) === value) return constant(value, oid.int8, location)
    return constant(getType(oid.numeric).parseText(String(value)), oid.numeric, location)
  }
  return constant(getType(oid.numeric).parseText(plain), oid.numeric, location)
}

function bindColumn(binder: Binder, scope: Scope, reference: ColumnRef): Expression {
  const fields = reference.fields ?? []
  const location = reference.location
  if (fields.some((field) => 'A_Star' in field)) {
    throw failure('42601', 'row expansion via "*" is not supported here', { location })
  }
  const path = fields.map(stringOf)
  const found = scope.findColumn(path, location)
  binder.access.reads(found?.source)
  if (found !== undefined) return { ...found.expression, location }
  if (path.length === 1) {
    if (scope.findTable(path) !== undefined) throw notBuilt(`the whole row "${path[0]!}" as a value`, location)
    throw failure('42703', `column "${path[0]!}" does not exist`, { location })
  }
  throw missingTable(scope, path[path.length - 2]!, location)
}

export function missingTable(scope: Scope, table: string, location: number | undefined): Error {
  if (!scope.hidesTable(table)) return failure('42P01', `missing FROM-clause entry for table "${table}"`, { location })
  const detail = `There is an entry for table "${table}", but it cannot be referenced from this part of the query.`
  return failure('42P01', `invalid reference to FROM-clause entry for table "${table}"`, { location, detail })
}

function bindCast(binder: Binder, scope: Scope, cast: TypeCast): Expression {
  const target = bindTypeName(cast.typeName)
  const argument = cast.arg!
  const element = findType(target.type)?.element
  // ARRAY[…]::type[] says what the elements are, also where there are none.
  if ('A_ArrayExpr' in argument && element !== undefined) {
    const elements = binder.each(scope, argument.A_ArrayExpr.elements ?? [], (one) => {
      return coerce(binder, binder.expression(scope, one), element.oid, target.modifier, 'explicit')
    })
    const { location } = argument.A_ArrayExpr
    return arrayOf(binder, { kind: 'array', type: target.type, modifier: target.modifier, location, elements })
  }
  const value = binder.expression(scope, argument)
  const converted = tryCoerce(binder, value, target.type, target.modifier, 'explicit')
  if (converted !== undefined) return converted
  const at = cast.location === undefined || cast.location < 0 ? value.location : cast.location
  throw failure('42846', `cannot cast type ${formatType(value.type, -1)} to ${formatType(target.type, -1)}`, {
    location: at,
  })
}

/** What must be true or false. `clause` names it in the error. */
export function requireBoolean(binder: Binder, expression: Expression, clause: string): Expression {
  const converted = tryCoerce(binder, expression, oid.bool, -1, 'implicit')
  if (converted !== undefined) return converted
  const message = `argument of ${clause} must be type boolean, not type ${formatType(expression.type, -1)}`
  throw failure('42804', message, { location: expression.location })
}

function bindLogic(binder: Binder, scope: Scope, node: BoolExpr): Expression {
  const kind = node.boolop === 'OR_EXPR' ? 'or' : node.boolop === 'NOT_EXPR' ? 'not' : 'and'
  const clause = kind.toUpperCase()
  const parts = binder.each(scope, node.args ?? [], (one) =>
    requireBoolean(binder, binder.expression(scope, one), clause),
  )
  const common = { type: oid.bool, modifier: -1, location: node.location } as const
  if (kind === 'not') return { ...common, kind, argument: parts[0]! }
  const isFlat = parts.every((one) => one.kind !== kind)
  const all = isFlat ? parts : parts.flatMap((one) => (one.kind === kind ? one.arguments : [one]))
  return { ...common, kind, arguments: all }
}

function bindTest(binder: Binder, scope: Scope, node: Node): Expression {
  const common = { kind: 'test', type: oid.bool, modifier: -1 } as const
  if ('NullTest' in node) {
    const { arg, nulltesttype, location } = node.NullTest
    let argument = binder.expression(scope, arg!)
    // A parameter of which nothing else is said is an error, as in PostgreSQL.
    if (argument.type === oid.unknown && argument.kind !== 'parameter') argument = coerce(binder, argument, oid.text)
    return { ...common, location, test: 'null', negated: nulltesttype === 'IS_NOT_NULL', argument }
  }
  if (!('BooleanTest' in node)) throw new Error('invariant broken: not a test')
  const { arg, booltesttype, location } = node.BooleanTest
  const [, not, what] = /^IS_(NOT_)?(TRUE|FALSE|UNKNOWN)$/.exec(booltesttype ?? 'IS_TRUE') ?? []
  const clause = `IS ${not === undefined ? '' : 'NOT '}${what}`
  const argument = requireBoolean(binder, binder.expression(scope, arg!), clause)
  return { ...common, location, test: what!.toLowerCase() as 'true', negated: not !== undefined, argument }
}

function bindCase(binder: Binder, scope: Scope, node: CaseExpr): Expression {
  // A parameter that is compared by CASE is text, whatever it is compared with.
  const subject = node.arg !== undefined && 'ParamRef' in node.arg ? binder.expression(scope, node.arg) : undefined
  if (subject?.type === oid.unknown) coerce(binder, subject, oid.text)
  const branches = binder.each(scope, node.args ?? [], (branch) => {
    if (!('CaseWhen' in branch)) throw notBuilt('this CASE')
    const { expr, result, location } = branch.CaseWhen
    const when =
      node.arg === undefined
        ? binder.expression(scope, expr!)
        : binder.expression(scope, {
            A_Expr: {
              kind: 'AEXPR_OP',
              name: equalsName,
              lexpr: node.arg,
              rexpr: expr!,
              ...(location !== undefined && { location }),
            },
          })
    return { when: requireBoolean(binder, when, 'CASE/WHEN'), then: binder.expression(scope, result!) }
  })
  const otherwise = node.defresult === undefined ? undefined : binder.expression(scope, node.defresult)
  // The default decides the type first, as in PostgreSQL.
  const results = [...(otherwise === undefined ? [] : [otherwise]), ...branches.map(({ then }) => then)]
  const type = commonType(results, 'CASE')
  return {
    kind: 'case',
    type,
    modifier: commonModifier(results, type),
    location: node.location,
    branches: branches.every(({ then }) => then.type === type)
      ? branches
      : binder.each(scope, branches, ({ when, then }) => ({ when, then: coerce(binder, then, type) })),
    otherwise: otherwise === undefined ? undefined : coerce(binder, otherwise, type),
  }
}

const equalsName: Node[] = [{ String: { sval: '=' } }]

/** GREATEST and LEAST leave nulls out. */
function bindExtreme(binder: Binder, scope: Scope, node: MinMaxExpr): Expression {
  const isGreatest = node.op !== 'IS_LEAST'
  const name = isGreatest ? 'greatest' : 'least'
  const parts = binder.each(scope, node.args ?? [], (one) => binder.expression(scope, one))
  const type = commonType(parts, name.toUpperCase())
  const compare = comparatorOf(type)
  const sign = isGreatest ? 1 : -1
  const implementation = (...values: SqlValue[]): SqlValue => {
    let best: SqlValue = null
    for (const value of values) {
      if (value !== null && (best === null || compare(value, best) * sign > 0)) best = value
    }
    return best
  }
  const modifier = commonModifier(parts, type)
  const among = (some: readonly Expression[]): Expression =>
    fold({ ...plainCall(name, type, some, implementation, node.location, false), modifier })
  const converted = coerceAll(binder, scope, parts, type)
  if (converted.length <= maxArguments) return among(converted)
  // No call takes any number of arguments: the greatest of the greatest.
  const groups = Math.ceil(converted.length / maxArguments) > maxArguments ? maxArguments ** 2 : maxArguments
  return among(
    binder.each(scope, chunksOf(converted, groups), (some) => among(chunksOf(some, maxArguments).map(among))),
  )
}

const maxArguments = 512

/** PostgreSQL's MAXDIM. */
const maxDimensions = 6

function bindArray(
  binder: Binder,
  scope: Scope,
  nodes: readonly Node[],
  location: number | undefined,
  dimension = 1,
): Expression {
  if (dimension > maxDimensions) {
    const message = `number of array dimensions (${dimension}) exceeds the maximum allowed (${maxDimensions})`
    throw failure('54000', message, { location })
  }
  const parts = binder.each(scope, nodes, (one) => {
    // Inner brackets of a multidimensional ARRAY[[…],[…]].
    return 'A_ArrayExpr' in one
      ? bindArray(binder, scope, one.A_ArrayExpr.elements ?? [], one.A_ArrayExpr.location, dimension + 1)
      : binder.expression(scope, one)
  })
  if (parts.length === 0) {
    throw failure('42P18', 'cannot determine type of empty array', {
      location,
      hint: 'Explicitly cast to the desired type, for example ARRAY[]::integer[].',
    })
  }
  const firsts = firstOfEachType(binder, parts)
  const type = commonType(firsts, 'ARRAY')
  const array = arrayHolding(type)
  if (array === undefined) {
    throw failure('42704', `could not find array type for data type ${formatType(type, -1)}`, { location })
  }
  const elements = coerceAll(binder, scope, parts, type, firsts)
  return arrayOf(binder, { kind: 'array', type: array, modifier: -1, location, elements })
}

/** In a long text, one of constants is one itself, which nobody needs to walk any more. */
function arrayOf(binder: Binder, array: ArrayExpression): Expression {
  const { elements, type, modifier, location } = array
  const value = binder.progress === undefined ? undefined : constantValues(binder, elements)
  return value === undefined ? array : { kind: 'constant', type, modifier, location, value }
}

function bindIndirection(binder: Binder, scope: Scope, node: A_Indirection): Expression {
  let value = binder.expression(scope, node.arg!)
  for (const step of node.indirection ?? []) {
    if (!('A_Indices' in step)) {
      throw notBuilt(`field selection ${'String' in step ? `".${stringsOf([step])[0]!}"` : ''}`.trim(), value.location)
    }
    value = bindSubscript(binder, scope, value, step.A_Indices)
  }
  return value
}

interface Indices {
  is_slice?: boolean
  lidx?: Node
  uidx?: Node
}

function bindSubscript(binder: Binder, scope: Scope, value: Expression, indices: Indices): Expression {
  const element = findType(value.type)?.element
  const bound = (node: Node | undefined, missing: number): Expression => {
    const at = node === undefined ? constant(missing, oid.int4) : binder.expression(scope, node)
    return coerce(binder, at, oid.int4, -1, 'assignment')
  }
  if (value.type === oid.jsonb && indices.is_slice !== true && indices.uidx !== undefined) {
    return bindJsonSubscript(binder, value, binder.expression(scope, indices.uidx))
  }
  if (element === undefined) {
    const message = `cannot subscript type ${formatType(value.type, -1)} because it does not support subscripting`
    throw failure('42804', message, { location: value.location })
  }
  if (indices.is_slice === true) {
    const slice = (list: readonly SqlValue[], from: number, to: number): SqlValue =>
      list.slice(Math.max(0, from - 1), Math.max(0, to))
    const parts = [value, bound(indices.lidx, 1), bound(indices.uidx, 2_147_483_647)]
    return plainCall('slice', value.type, parts, slice, value.location)
  }
  const at = (list: readonly SqlValue[], index: number): SqlValue => {
    const found = list[index - 1] ?? null
    return found
  }
  return plainCall('subscript', element.oid, [value, bound(indices.uidx, 1)], at, value.location)
}

function bindJsonSubscript(binder: Binder, value: Expression, key: Expression): Expression {
  const isText = key.type === oid.unknown || key.type === oid.text
  const type = isText ? oid.text : oid.int4
  const parts = [value, coerce(binder, key, type)]
  return binder.operator('->', parts, value.location)
}
