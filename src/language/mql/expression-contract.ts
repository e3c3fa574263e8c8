/** What the families of expression operators share. */
import { bsonType, BsonValue, elementsOf, fieldsOf } from '../../model/document/bson.ts'
import { buildDocument, indexName } from '../../model/document/bson-writer.ts'
import { mongoError } from '../../model/document/mongo-error.ts'
import type { Scope } from './scope.ts'

/** Answers a value; `type` 0 is a missing one. */
export type Expression = (scope: Scope) => BsonValue

export type Compile = (expression: BsonValue) => Expression

/** Makes an expression of an operator's operand. */
export type ExpressionOperator = (operand: BsonValue, compile: Compile) => Expression

export type OperatorFamily = readonly (readonly [string, ExpressionOperator])[]

/** An operand that is a list of arguments; one that is no array counts as a list of one. */
export function argumentsOf(name: string, operand: BsonValue, least: number, most: number): BsonValue[] {
  const list = operand.type === bsonType.array ? elementsOf(operand) : [operand]
  if (list.length >= least && list.length <= most) return list
  if (least === most) {
    const few = `Expression ${name} takes exactly ${least} arguments. ${list.length} were passed in.`
    throw mongoError(16_020, few)
  }
  const bounds = most === Infinity ? `at least ${least} arguments` : `at least ${least} arguments, and at most ${most}`
  throw mongoError(28_667, `Expression ${name} takes ${bounds}, but ${list.length} were passed in.`)
}

/** An operator of a fixed number of evaluated arguments. */
export function fixed(
  name: string,
  count: number,
  evaluate: (...values: BsonValue[]) => BsonValue,
): readonly [string, ExpressionOperator] {
  return ranged(name, count, count, evaluate)
}

export function ranged(
  name: string,
  least: number,
  most: number,
  evaluate: (...values: BsonValue[]) => BsonValue,
): readonly [string, ExpressionOperator] {
  return [
    name,
    (operand, compile) => {
      const parts = argumentsOf(name, operand, least, most).map(compile)
      if (parts.length === 1) {
        const [only] = parts
        return (scope) => evaluate(only!(scope))
      }
      return (scope) => evaluate(...parts.map((part) => part(scope)))
    },
  ]
}

/** The named parts of an operand such as `$filter`'s; throws for names that are not listed. */
export function namedParts(
  name: string,
  operand: BsonValue,
  required: readonly string[],
  optional: readonly string[] = [],
): ReadonlyMap<string, BsonValue> {
  if (operand.type !== bsonType.object) throw mongoError(28_646, `${name} only supports an object as its argument`)
  const parts = new Map(fieldsOf(operand))
  for (const part of parts.keys()) {
    if (!required.includes(part) && !optional.includes(part)) {
      throw mongoError(28_647, `Unrecognized parameter to ${name}: ${part}`)
    }
  }
  for (const part of required) {
    if (!parts.has(part)) throw mongoError(28_648, `Missing '${part}' parameter to ${name}`)
  }
  return parts
}

export function arrayOf(values: readonly BsonValue[]): BsonValue {
  const bytes = buildDocument((writer) => {
    for (const [index, value] of values.entries()) {
      if (value.type === bsonType.missing) writer.null(indexName(index))
      else writer.value(indexName(index), value)
    }
  })
  return new BsonValue(bsonType.array, bytes)
}

/** An object of the fields that are not missing. */
export function objectOf(fields: Iterable<readonly [string, BsonValue]>): BsonValue {
  const bytes = buildDocument((writer) => {
    for (const [name, value] of fields) writer.value(name, value)
  })
  return new BsonValue(bsonType.object, bytes)
}
