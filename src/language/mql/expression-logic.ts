/** Comparison, boolean and conditional operators, and `$let`. */
import { mapInParts } from '../../base/resumption.ts'
import { bsonType, type BsonValue, fieldsOf, isEmptyDocument } from '../../model/document/bson.ts'
import { mongoCode, mongoError } from '../../model/document/mongo-error.ts'
import { compareValues } from '../../model/document/order.ts'
import { booleanValue, int32Value, isTruthy, missingValue } from '../../model/document/values.ts'
import { argumentsOf, fixed, namedParts, type ExpressionOperator, type OperatorFamily } from './expression-contract.ts'
import { longElementsOf } from './long-lists.ts'
import { bindVariable, checkVariableName } from './scope.ts'

/** Missing is below null, which only expressions tell apart. */
export function compareOperands(a: BsonValue, b: BsonValue): number {
  if (a.type === bsonType.missing || b.type === bsonType.missing) {
    const difference = Number(b.type === bsonType.missing) - Number(a.type === bsonType.missing)
    if (difference === 0 || a.isNullish || b.isNullish) return difference
  }
  return compareValues(a, b)
}

function comparison(name: string, isRight: (sign: number) => boolean): readonly [string, ExpressionOperator] {
  return fixed(name, 2, (a, b) => booleanValue(isRight(compareOperands(a, b))))
}

const and: ExpressionOperator = (operand, compile) => {
  const parts = mapInParts(argumentsOf('$and', operand, 0, Infinity), compile)
  return (scope) => booleanValue(parts.every((part) => isTruthy(part(scope))))
}

const or: ExpressionOperator = (operand, compile) => {
  const parts = mapInParts(argumentsOf('$or', operand, 0, Infinity), compile)
  return (scope) => booleanValue(parts.some((part) => isTruthy(part(scope))))
}

const cond: ExpressionOperator = (operand, compile) => {
  const list =
    operand.type === bsonType.object
      ? [...orderedCond(namedParts('$cond', operand, ['if', 'then', 'else']))]
      : argumentsOf('$cond', operand, 3, 3)
  const [test, yes, no] = list.map(compile)
  return (scope) => (isTruthy(test!(scope)) ? yes!(scope) : no!(scope))
}

function orderedCond(parts: ReadonlyMap<string, BsonValue>): BsonValue[] {
  return ['if', 'then', 'else'].map((name) => parts.get(name)!)
}

const ifNull: ExpressionOperator = (operand, compile) => {
  const parts = mapInParts(argumentsOf('$ifNull', operand, 2, Infinity), compile)
  return (scope) => {
    let value = missingValue
    for (const part of parts) {
      value = part(scope)
      if (!value.isNullish) return value
    }
    return value
  }
}

const switchOperator: ExpressionOperator = (operand, compile) => {
  const parts = namedParts('$switch', operand, ['branches'], ['default'])
  const given = parts.get('branches')!
  if (given.type !== bsonType.array) throw mongoError(40_060, "$switch expected an array for 'branches'", 'wrong_type')
  if (isEmptyDocument(given)) throw mongoError(40_068, '$switch requires at least one branch.')
  const branches = mapInParts(longElementsOf(given), (branch) => {
    const named = namedParts('$switch', branch, ['case', 'then'])
    return { test: compile(named.get('case')!), then: compile(named.get('then')!) }
  })
  const otherwise = parts.get('default')
  const fallback = otherwise === undefined ? undefined : compile(otherwise)
  return (scope) => {
    const branch = branches.find(({ test }) => isTruthy(test(scope)))
    if (branch !== undefined) return branch.then(scope)
    if (fallback !== undefined) return fallback(scope)
    throw mongoError(40_066, '$switch could not find a matching branch for an input, and no default was specified.')
  }
}

const letOperator: ExpressionOperator = (operand, compile) => {
  const parts = namedParts('$let', operand, ['vars', 'in'])
  const variables = fieldsOf(parts.get('vars')!).map(([name, value]) => ({
    name: checkVariableName(name),
    value: compile(value),
  }))
  const body = compile(parts.get('in')!)
  return (scope) => {
    let inner = scope
    for (const { name, value } of variables) inner = bindVariable(inner, name, value(scope))
    return body(inner)
  }
}

const refusedRandom: readonly [string, ExpressionOperator] = [
  '$rand',
  () => {
    throw mongoError(mongoCode.commandNotSupported, '$rand is not supported', 'unsupported')
  },
]

export const logicOperators: OperatorFamily = [
  comparison('$eq', (sign) => sign === 0),
  comparison('$ne', (sign) => sign !== 0),
  comparison('$gt', (sign) => sign > 0),
  comparison('$gte', (sign) => sign >= 0),
  comparison('$lt', (sign) => sign < 0),
  comparison('$lte', (sign) => sign <= 0),
  fixed('$cmp', 2, (a, b) => int32Value(Math.sign(compareOperands(a, b)))),
  ['$and', and],
  ['$or', or],
  fixed('$not', 1, (value) => booleanValue(!isTruthy(value))),
  ['$cond', cond],
  ['$ifNull', ifNull],
  ['$switch', switchOperator],
  ['$let', letOperator],
  refusedRandom,
]
