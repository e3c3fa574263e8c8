/** One expression of the grammar to a bound one: the switch over kinds; operators, functions and subqueries have files. */
import type { A_Const, A_Indirection, BoolExpr, CaseExpr, ColumnRef, MinMaxExpr, Node, TypeCast } from 'libpg-query'
import { arrayHolding, findType, formatType, getType } from '../../../model/table/types/registry.ts'
import type { SqlValue } from '../contract.ts'
import { type ArrayExpression, constant, type Expression, plainCall } from '../expression/expression.ts'
import { failure, locate, notBuilt } from '../failure.ts'
import { comparatorOf } from '../functions/comparison.ts'
import { oid } from '../types/oids.ts'
import { bindCollate } from './collation.ts'
import { bindOperation } from './bind-operation.ts'
import { bindFunctionCall, bindSqlValueFunction } from './bind-function.ts'
import { bindGroupingCall } from './grouping-call.ts'
import { bindSubquery } from './bind-subquery.ts'
import { routinesOf } from './bind-routine.ts'
import { bindSubscripts } from './bind-subscript.ts'
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
  requireBoolean,
  tryCoerce,
} from './coerce.ts'
import { bindField, bindRow, rowNullTest, wholeRow } from './row-values.ts'
import { missingTable, type Scope, type ScopeColumn } from './scope.ts'
import { columnsOfStar, pathBeforeStar } from './stars.ts'
import type { Variables } from './variables.ts'
import { kindOf, locationOf, stringOf } from './tree.ts'
import { bindTypeName } from './type-name.ts'

export function bindExpression(binder: Binder, scope: Scope, node: Node): Expression {
  if ('A_Const' in node) return bindConstant(node.A_Const)
  if ('ColumnRef' in node) return bindColumn(binder, scope, node.ColumnRef)
  if ('ParamRef' in node) {
    const number = node.ParamRef.number ?? 0
    const variable = binder.variables?.parameter(number, node.ParamRef.location)
    if (variable !== undefined) return variable
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
  if ('CollateClause' in node) return bindCollate(binder, scope, node.CollateClause)
  if ('RowExpr' in node) {
    const { args = [], location } = node.RowExpr
    return bindRow(binder, partsOfRow(binder, scope, args), location)
  }
  if ('GroupingFunc' in node) return bindGroupingCall(binder, scope, node.GroupingFunc)
  if ('SetToDefault' in node) {
    throw failure('42601', 'DEFAULT is not allowed in this context', { location: node.SetToDefault.location })
  }
  throw notBuilt(`an expression of kind ${kindOf(node)}`)
}

/** A star among them stands for all that it names. */
function partsOfRow(binder: Binder, scope: Scope, nodes: readonly Node[]): readonly Expression[] {
  const each = (node: Node): readonly Expression[] => {
    const path = pathBeforeStar(node)
    if (path === undefined) return [binder.expression(scope, node)]
    return columnsOfStar(binder, scope, path, locationOf(node)).map(({ expression }) => expression)
  }
  return binder.each(scope, nodes, each).flat()
}

function bindConstant(value: A_Const): Expression {
  const location = value.location ?? 0
  if (value.isnull === true) return constant(null, oid.unknown, location)
  if (value.sval !== undefined) return constant(value.sval.sval ?? '', oid.unknown, location)
  if (value.ival !== undefined) return constant(value.ival.ival ?? 0, oid.int4, location)
  if (value.boolval !== undefined) return constant(value.boolval.boolval ?? false, oid.bool, location)
  if (value.fval !== undefined) return bindNumber(value.fval.fval ?? '0', location)
  if (value.bsval !== undefined) {
    return locate(location, () => constant(getType(oid.bit).parseText(value.bsval?.bsval ?? ''), oid.bit, location))
  }
  throw notBuilt('this constant', location)
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
  const row = pathBeforeStar({ ColumnRef: reference })
  if (row?.length === 0) throw failure('42601', 'row expansion via "*" is not supported here', { location })
  const path = row ?? fields.map(stringOf)
  const { variables } = binder
  if (variables?.conflict === 'variable') {
    const variable = variables.find(path, location)
    if (variable !== undefined) return variable
  }
  const found = row === undefined ? findColumn(binder, scope, path, location) : undefined
  if (found !== undefined && 'kind' in found) return found
  binder.access.reads(found?.source)
  if (found !== undefined) {
    if (variables?.conflict === 'error') checkOne(variables, path, location)
    return { ...found.expression, location }
  }
  const variable = variables?.find(path, location)
  if (variable !== undefined) return variable
  if (path.length === 1 || row !== undefined) {
    const table = scope.findTable(path)
    if (table !== undefined) return wholeRow(binder, table.columns, path.at(-1)!, location)
    if (row !== undefined) throw missingTable(scope, path.at(-1)!, location)
    throw failure('42703', `column "${path[0]!}" does not exist`, { location })
  }
  throw missingTable(scope, path[path.length - 2]!, location)
}

/** Or what a function makes of the row, where one is called so and no column. */
function findColumn(
  binder: Binder,
  scope: Scope,
  path: readonly string[],
  location: number | undefined,
): ScopeColumn | Expression | undefined {
  try {
    return scope.findColumn(path, location)
  } catch (error) {
    const name = path.at(-1)!
    if (path.length < 2 || !routinesOf(binder, [name]).some(({ inputs }) => inputs.length === 1)) throw error
    const table: Node = { ColumnRef: { fields: path.slice(0, -1).map((sval): Node => ({ String: { sval } })) } }
    return bindFunctionCall(binder, scope, {
      funcname: [{ String: { sval: name } }],
      args: [table],
      ...(location !== undefined && { location }),
    })
  }
}

function checkOne(variables: Variables, path: readonly string[], location: number | undefined): void {
  if (variables.find(path, location) === undefined) return
  throw failure('42702', `column reference "${path.join('.')}" is ambiguous`, {
    location,
    detail: 'It could refer to either a PL/pgSQL variable or a table column.',
  })
}

function bindCast(binder: Binder, scope: Scope, cast: TypeCast): Expression {
  const target = bindTypeName(binder, cast.typeName)
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
    const negated = nulltesttype === 'IS_NOT_NULL'
    return rowNullTest(argument, negated) ?? { ...common, location, test: 'null', negated, argument }
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
    if (node.arg !== undefined) binder.repetition.written(node.arg)
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
    ...(node.arg !== undefined && { form: 'simple' as const }),
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
  const steps = [...(node.indirection ?? [])]
  while (steps.length > 0) {
    const end = steps.findIndex((step) => !('A_Indices' in step))
    const subscripts = steps.splice(0, end < 0 ? steps.length : end)
    if (subscripts.length > 0) {
      const indices = subscripts.flatMap((step) => ('A_Indices' in step ? [step.A_Indices] : []))
      value = bindSubscripts(binder, scope, value, indices)
      continue
    }
    const step = steps.shift()!
    if (!('String' in step)) {
      throw failure('42601', 'row expansion via "*" is not supported here', { location: value.location })
    }
    value = bindField(value, stringOf(step), value.location)
  }
  return value
}
