/** Operators on documents. */
import { bsonType, bsonTypeName, type BsonValue, fieldsOf, getField } from '../../model/document/bson.ts'
import { mongoError } from '../../model/document/mongo-error.ts'
import { missingValue, nullValue, readString, stringValue } from '../../model/document/values.ts'
import {
  arrayOf,
  type ExpressionOperator,
  fixed,
  namedParts,
  objectOf,
  type OperatorFamily,
  ranged,
} from './expression-contract.ts'

function mergeObjects(...values: BsonValue[]): BsonValue {
  const merged = new Map<string, BsonValue>()
  for (const value of values) mergeInto(merged, value)
  return objectOf(merged)
}

export function mergeInto(merged: Map<string, BsonValue>, value: BsonValue): void {
  if (value.isNullish) return
  if (value.type !== bsonType.object) {
    throw mongoError(40_400, `$mergeObjects requires object inputs, but input is of type ${bsonTypeName(value.type)}`)
  }
  for (const [name, field] of fieldsOf(value)) merged.set(name, field)
}

function objectToArray(value: BsonValue): BsonValue {
  if (value.isNullish) return nullValue
  if (value.type !== bsonType.object) {
    throw mongoError(40_390, `$objectToArray requires a document input, found: ${bsonTypeName(value.type)}`)
  }
  return arrayOf(
    fieldsOf(value).map(([name, field]) =>
      objectOf([
        ['k', stringValue(name)],
        ['v', field],
      ]),
    ),
  )
}

const fieldReader: ExpressionOperator = (operand, compile) => {
  const parts =
    operand.type === bsonType.object && getField(operand, 'field') !== undefined
      ? namedParts('$getField', operand, ['field'], ['input'])
      : new Map([['field', operand]])
  const name = compile(parts.get('field')!)
  const given = parts.get('input')
  const input = given === undefined ? undefined : compile(given)
  return (scope) => {
    const value = input === undefined ? (scope.variables.get('CURRENT') ?? scope.root) : input(scope)
    const field = name(scope)
    if (field.type !== bsonType.string) throw mongoError(3_041_704, '$getField requires a string field')
    if (value.isNullish) return value
    return value.type === bsonType.object ? (getField(value, readString(field)) ?? missingValue) : missingValue
  }
}

const fieldWriter: ExpressionOperator = (operand, compile) => {
  const parts = namedParts('$setField', operand, ['field', 'input', 'value'])
  const [name, input, value] = ['field', 'input', 'value'].map((part) => compile(parts.get(part)!))
  return (scope) => {
    const document = input!(scope)
    if (document.isNullish) return nullValue
    if (document.type !== bsonType.object) throw mongoError(4_161_105, '$setField requires input to be an object')
    const fields = new Map(fieldsOf(document))
    fields.set(readString(name!(scope)), value!(scope))
    return objectOf(fields)
  }
}

const fieldRemover: ExpressionOperator = (operand, compile) => {
  const parts = namedParts('$unsetField', operand, ['field', 'input'])
  const [name, input] = ['field', 'input'].map((part) => compile(parts.get(part)!))
  return (scope) => {
    const document = input!(scope)
    if (document.isNullish) return nullValue
    if (document.type !== bsonType.object) throw mongoError(4_161_105, '$unsetField requires input to be an object')
    const removed = readString(name!(scope))
    return objectOf(fieldsOf(document).filter(([field]) => field !== removed))
  }
}

export const objectOperators: OperatorFamily = [
  ranged('$mergeObjects', 0, Infinity, mergeObjects),
  fixed('$objectToArray', 1, (value) => objectToArray(value)),
  ['$getField', fieldReader],
  ['$setField', fieldWriter],
  ['$unsetField', fieldRemover],
]
