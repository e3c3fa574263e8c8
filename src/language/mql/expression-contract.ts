/** What the families of expression operators share. */
import { ByteWriter } from '../../base/bytes.ts'
import { mapInParts, part } from '../../base/resumption.ts'
import { charge } from '../../base/work.ts'
import { bsonType, BsonValue, fieldsOf } from '../../model/document/bson.ts'
import { BsonWriter, buildDocument, indexName } from '../../model/document/bson-writer.ts'
import { mongoError } from '../../model/document/mongo-error.ts'
import { missingValue } from '../../model/document/values.ts'
import { longElementsOf } from './long-lists.ts'
import type { Scope } from './scope.ts'

/** Answers a value; `type` 0 is a missing one. */
export type Expression = (scope: Scope) => BsonValue

export type Compile = (expression: BsonValue) => Expression

/** Makes an expression of an operator's operand. */
export type ExpressionOperator = (operand: BsonValue, compile: Compile) => Expression

export type OperatorFamily = readonly (readonly [string, ExpressionOperator])[]

/** An operand that is a list of arguments; one that is no array counts as a list of one. */
export function argumentsOf(name: string, operand: BsonValue, least: number, most: number): BsonValue[] {
  const list = operand.type === bsonType.array ? longElementsOf(operand) : [operand]
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
      const parts = mapInParts(argumentsOf(name, operand, least, most), compile)
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

/** Of more the array is written in parts. */
const elementsAtOnce = 256
const unitsPerElement = 100

export function arrayOf(values: readonly BsonValue[]): BsonValue {
  if (values.length > elementsAtOnce) return longArrayOf(values)
  const bytes = buildDocument((writer) => {
    for (const [index, value] of values.entries()) {
      if (value.type === bsonType.missing) writer.null(indexName(index))
      else writer.value(indexName(index), value)
    }
  })
  return new BsonValue(bsonType.array, bytes)
}

function longArrayOf(values: readonly BsonValue[]): BsonValue {
  const { bytes, start, end } = part(
    () => ({ writer: new BsonWriter(new ByteWriter(roomOf(values))).begin(), at: 0, made: missingValue }),
    (state) => {
      const before = state.writer.out.end
      const stop = Math.min(values.length, state.at + elementsAtOnce)
      for (; state.at < stop; state.at++) {
        const value = values[state.at]!
        if (value.type === bsonType.missing) state.writer.null(indexName(state.at))
        else state.writer.value(indexName(state.at), value)
      }
      charge(unitsPerElement * elementsAtOnce + state.writer.out.end - before)
      if (stop < values.length) return false
      state.made = state.writer.end().takeValue()
      return true
    },
  ).made
  return new BsonValue(bsonType.array, bytes, start, end)
}

/** So that what is written need not be moved. */
function roomOf(values: readonly BsonValue[]): number {
  const headBytes = 2 + String(values.length).length
  let bytes = 16
  for (const { start, end } of values) bytes += headBytes + end - start
  return bytes
}

/** An object of the fields that are not missing. */
export function objectOf(fields: Iterable<readonly [string, BsonValue]>): BsonValue {
  const bytes = buildDocument((writer) => {
    for (const [name, value] of fields) writer.value(name, value)
  })
  return new BsonValue(bsonType.object, bytes)
}
