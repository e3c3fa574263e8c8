/** Operators on arrays and sets. */
import { mapInParts } from '../../base/resumption.ts'
import { charge } from '../../base/work.ts'
import { bsonType, bsonTypeName, type BsonValue, elementsOf } from '../../model/document/bson.ts'
import { mongoError } from '../../model/document/mongo-error.ts'
import { compareValues, equalValues, keyText } from '../../model/document/order.ts'
import {
  booleanValue,
  int32Value,
  isTruthy,
  missingValue,
  nullValue,
  readString,
  toSafeInteger,
} from '../../model/document/values.ts'
import {
  arrayOf,
  type Compile,
  type Expression,
  type ExpressionOperator,
  fixed,
  namedParts,
  objectOf,
  type OperatorFamily,
  ranged,
} from './expression-contract.ts'
import { countOfN } from './expression-bits.ts'
import { longElementsOf, sortedInParts } from './long-lists.ts'
import { bindVariable, checkVariableName } from './scope.ts'
import { compileComparator } from './sort-order.ts'

const longestRange = 1_000_000

/** The server's numbers for an argument that is no array. */
const notArrayCodes: ReadonlyMap<string, number> = new Map([
  ['$allElementsTrue', 17_040],
  ['$anyElementTrue', 17_041],
  ['$setUnion', 17_043],
  ['$setEquals', 17_044],
  ['$setIsSubset', 17_046],
  ['$setIntersection', 17_047],
  ['$setDifference', 17_048],
  ['$map', 16_883],
  ['$filter', 28_651],
  ['$concatArrays', 28_664],
  ['$slice', 28_724],
  ['$reverseArray', 34_435],
  ['$zip', 34_468],
  ['$reduce', 40_080],
  ['$indexOfArray', 40_090],
  ['$arrayToObject', 40_386],
])

function requireArray(name: string, value: BsonValue): BsonValue[] {
  if (value.type !== bsonType.array) {
    const code = notArrayCodes.get(name) ?? 28_689
    throw mongoError(code, `${name}'s argument must be an array, but is ${bsonTypeName(value.type)}`, 'wrong_type')
  }
  return elementsOf(value)
}

function requireInteger(name: string, value: BsonValue): number {
  const number = toSafeInteger(value)
  if (number !== undefined) return number
  const code = value.isNumber ? 28_691 : 28_690
  throw mongoError(code, `${name} needs an integer, not ${value.isNumber ? 'a fraction' : bsonTypeName(value.type)}`)
}

function size(value: BsonValue): BsonValue {
  if (value.type !== bsonType.array) {
    const found = bsonTypeName(value.type)
    throw mongoError(17_124, `The argument to $size must be an array, but was of type: ${found}`, 'wrong_type')
  }
  return int32Value(elementsOf(value).length)
}

function elementAt(array: BsonValue, position: BsonValue): BsonValue {
  if (array.isNullish || position.isNullish) return nullValue
  return requireArray('$arrayElemAt', array).at(requireInteger('$arrayElemAt', position)) ?? missingValue
}

function slice(array: BsonValue, first: BsonValue, second: BsonValue | undefined): BsonValue {
  if (array.isNullish || first.isNullish || second?.isNullish === true) return nullValue
  const elements = requireArray('$slice', array)
  const position = requireInteger('$slice', first)
  if (second === undefined) return arrayOf(position >= 0 ? elements.slice(0, position) : elements.slice(position))
  const count = requireInteger('$slice', second)
  if (count <= 0) throw mongoError(28_729, `Third argument to $slice must be positive: ${count}`)
  const from = position < 0 ? Math.max(0, elements.length + position) : position
  return arrayOf(elements.slice(from, from + count))
}

function concatenate(...arrays: BsonValue[]): BsonValue {
  if (arrays.some((array) => array.isNullish)) return nullValue
  return arrayOf(arrays.flatMap((array) => requireArray('$concatArrays', array)))
}

function range(from: BsonValue, to: BsonValue, step: BsonValue | undefined): BsonValue {
  const [start, end] = [requireInteger('$range', from), requireInteger('$range', to)]
  const by = step === undefined ? 1 : requireInteger('$range', step)
  if (by === 0) throw mongoError(34_449, '$range requires a non-zero step value')
  if (Math.abs((end - start) / by) > longestRange) throw mongoError(34_450, '$range is too large', 'too_large')
  charge(100 * Math.max(0, Math.ceil((end - start) / by)))
  const values: BsonValue[] = []
  for (let at = start; by > 0 ? at < end : at > end; at += by) values.push(int32Value(at))
  return arrayOf(values)
}

function indexOfArray(array: BsonValue, wanted: BsonValue, from?: BsonValue, to?: BsonValue): BsonValue {
  if (array.isNullish) return nullValue
  const elements = requireArray('$indexOfArray', array)
  const [start = 0, end = elements.length] = [from, to].map((bound) => {
    const position = bound === undefined ? undefined : requireInteger('$indexOfArray', bound)
    if (position === undefined || position >= 0) return position
    throw mongoError(40_097, `$indexOfArray requires a nonnegative index, found: ${position}`)
  })
  return int32Value(elements.findIndex((one, i) => i >= start && i < end && equalValues(one, wanted)))
}

function isIn(value: BsonValue, array: BsonValue): BsonValue {
  if (array.type !== bsonType.array) {
    throw mongoError(40_081, `$in requires an array as a second argument, found: ${bsonTypeName(array.type)}`)
  }
  return booleanValue(elementsOf(array).some((element) => equalValues(element, value)))
}

/** Of a loop: binding the variables. */
const unitsPerTurn = 200

/** What the server's own buffers grow to. */
const maxResultBytes = 64 * 1024 * 1024

function tooLarge(name: string): Error {
  return mongoError(13_548, `${name} makes more than the ${maxResultBytes} bytes that a value may have`, 'too_large')
}

/** Binds each element to `as` and evaluates. */
function elementLoop(name: string, parts: ReadonlyMap<string, BsonValue>, body: string, compile: Compile) {
  const input = compile(parts.get('input')!)
  const as = parts.get('as')
  const variable = as === undefined ? 'this' : checkVariableName(readString(as))
  const inner = compile(parts.get(body)!)
  return {
    each: (scope: Parameters<Expression>[0]): { element: BsonValue; result: BsonValue }[] | undefined => {
      const array = input(scope)
      if (array.isNullish) return undefined
      let bytes = 0
      return requireArray(name, array).map((element) => {
        charge(unitsPerTurn)
        const result = inner(bindVariable(scope, variable, element))
        bytes += result.end - result.start
        if (bytes > maxResultBytes) throw tooLarge(name)
        return { element, result }
      })
    },
  }
}

const map: ExpressionOperator = (operand, compile) => {
  const { each } = elementLoop('$map', namedParts('$map', operand, ['input', 'in'], ['as']), 'in', compile)
  return (scope) => {
    const results = each(scope)
    return results === undefined ? nullValue : arrayOf(results.map(({ result }) => result))
  }
}

const filter: ExpressionOperator = (operand, compile) => {
  const parts = namedParts('$filter', operand, ['input', 'cond'], ['as', 'limit'])
  const { each } = elementLoop('$filter', parts, 'cond', compile)
  const limit = parts.has('limit') ? compile(parts.get('limit')!) : undefined
  return (scope) => {
    const results = each(scope)
    if (results === undefined) return nullValue
    const kept = results.filter(({ result }) => isTruthy(result)).map(({ element }) => element)
    return arrayOf(limit === undefined ? kept : kept.slice(0, requireInteger('$filter', limit(scope))))
  }
}

const reduce: ExpressionOperator = (operand, compile) => {
  const parts = namedParts('$reduce', operand, ['input', 'initialValue', 'in'])
  const [input, initial, body] = ['input', 'initialValue', 'in'].map((name) => compile(parts.get(name)!))
  return (scope) => {
    const array = input!(scope)
    if (array.isNullish) return nullValue
    let value = initial!(scope)
    for (const element of requireArray('$reduce', array)) {
      charge(unitsPerTurn)
      value = body!(bindVariable(bindVariable(scope, 'this', element), 'value', value))
    }
    return value
  }
}

const sortArray: ExpressionOperator = (operand, compile) => {
  const parts = namedParts('$sortArray', operand, ['input', 'sortBy'])
  const input = compile(parts.get('input')!)
  const sortBy = parts.get('sortBy')!
  const compare =
    sortBy.type === bsonType.object ? compileComparator(sortBy) : byValue(requireInteger('$sortArray', sortBy))
  return (scope) => {
    const array = input(scope)
    return array.isNullish ? nullValue : arrayOf(requireArray('$sortArray', array).sort(compare))
  }
}

function byValue(sign: number): (a: BsonValue, b: BsonValue) => number {
  return (a, b) => compareValues(a, b) * sign
}

/** By value, the first of equals. */
function distinct(values: readonly BsonValue[]): Map<string, BsonValue> {
  const byKey = new Map<string, BsonValue>()
  for (const value of values) {
    const key = keyText(value)
    if (!byKey.has(key)) byKey.set(key, value)
  }
  return byKey
}

function sets(name: string, values: readonly BsonValue[]): Map<string, BsonValue>[] {
  return values.map((value) => distinct(requireArray(name, value)))
}

function setUnion(...values: BsonValue[]): BsonValue {
  if (values.some((value) => value.isNullish)) return nullValue
  return arrayOf([...distinct(values.flatMap((value) => requireArray('$setUnion', value))).values()])
}

function setIntersection(...values: BsonValue[]): BsonValue {
  if (values.some((value) => value.isNullish)) return nullValue
  const [first, ...others] = sets('$setIntersection', values)
  if (first === undefined) return arrayOf([])
  return arrayOf([...first].filter(([key]) => others.every((other) => other.has(key))).map(([, value]) => value))
}

function setDifference(a: BsonValue, b: BsonValue): BsonValue {
  if (a.isNullish || b.isNullish) return nullValue
  const [left, right] = sets('$setDifference', [a, b])
  return arrayOf([...left!].filter(([key]) => !right!.has(key)).map(([, value]) => value))
}

function isSubset(a: BsonValue, b: BsonValue): BsonValue {
  const [left, right] = sets('$setIsSubset', [a, b])
  return booleanValue([...left!.keys()].every((key) => right!.has(key)))
}

function setEquals(...values: BsonValue[]): BsonValue {
  const [first, ...others] = sets('$setEquals', values)
  return booleanValue(
    others.every((other) => other.size === first!.size && [...first!.keys()].every((key) => other.has(key))),
  )
}

function arrayToObject(array: BsonValue): BsonValue {
  if (array.isNullish) return nullValue
  const fields = new Map<string, BsonValue>()
  for (const element of requireArray('$arrayToObject', array)) {
    const [name, value] =
      element.type === bsonType.array
        ? elementsOf(element)
        : ['k', 'v'].map((part) => namedParts('$arrayToObject', element, ['k', 'v']).get(part)!)
    if (name?.type !== bsonType.string || value === undefined) {
      throw mongoError(40_394, '$arrayToObject requires pairs of a string key and a value')
    }
    fields.set(readString(name), value)
  }
  return objectOf(fields)
}

const zip: ExpressionOperator = (operand, compile) => {
  const parts = namedParts('$zip', operand, ['inputs'], ['useLongestLength', 'defaults'])
  const inputs = mapInParts(longElementsOf(parts.get('inputs')!), compile)
  const longest = parts.has('useLongestLength') && isTruthy(parts.get('useLongestLength')!)
  const given = parts.get('defaults')
  if (given !== undefined && !longest) {
    throw mongoError(34_467, 'cannot specify defaults unless useLongestLength is true')
  }
  const defaults = given === undefined ? [] : mapInParts(longElementsOf(given), compile)
  if (given !== undefined && defaults.length !== inputs.length) {
    throw mongoError(34_468, 'defaults and inputs must have the same length')
  }
  return (scope) => {
    const values = inputs.map((input) => input(scope))
    if (values.some((value) => value.isNullish)) return nullValue
    const fill = defaults.map((one) => one(scope))
    const arrays = values.map((value) => requireArray('$zip', value))
    const lengths = arrays.map((array) => array.length)
    const count = longest ? Math.max(...lengths) : Math.min(...lengths)
    return arrayOf(
      Array.from({ length: count }, (_, i) => arrayOf(arrays.map((array, j) => array[i] ?? fill[j] ?? nullValue))),
    )
  }
}

/** `{ n, input }`: some elements of an array. */
function someOf(
  name: string,
  pick: (values: BsonValue[], count: number) => readonly BsonValue[],
): readonly [string, ExpressionOperator] {
  return [
    name,
    (operand, compile) => {
      const parts = namedParts(name, operand, ['n', 'input'])
      const [n, input] = ['n', 'input'].map((part) => compile(parts.get(part)!))
      return (scope) => {
        const array = input!(scope)
        const count = countOfN(name, n!(scope))
        if (array.type === bsonType.array) return arrayOf(pick(elementsOf(array), count))
        throw mongoError(5_788_200, `${name} 'input' must be an array, found ${bsonTypeName(array.type)}`, 'wrong_type')
      }
    },
  ]
}

function ordered(values: readonly BsonValue[], sign: number): readonly BsonValue[] {
  const there = values.filter((value) => !value.isNullish)
  return sortedInParts(there, (a, b) => sign * compareValues(a, b))
}

export const arrayOperators: OperatorFamily = [
  fixed('$size', 1, (value) => size(value)),
  fixed('$isArray', 1, (value) => booleanValue(value.type === bsonType.array)),
  fixed('$arrayElemAt', 2, (array, position) => elementAt(array, position)),
  fixed('$first', 1, (array) => (array.isNullish ? nullValue : (requireArray('$first', array)[0] ?? missingValue))),
  fixed('$last', 1, (array) => (array.isNullish ? nullValue : (requireArray('$last', array).at(-1) ?? missingValue))),
  ranged('$slice', 2, 3, (array, first, second) => slice(array, first, second)),
  ranged('$concatArrays', 0, Infinity, concatenate),
  ranged('$range', 2, 3, (from, to, step) => range(from, to, step)),
  fixed('$reverseArray', 1, (array) =>
    array.isNullish ? nullValue : arrayOf(requireArray('$reverseArray', array).reverse()),
  ),
  fixed('$in', 2, (value, array) => isIn(value, array)),
  ranged('$indexOfArray', 2, 4, (array, wanted, from, to) => indexOfArray(array, wanted, from, to)),
  ['$map', map],
  ['$filter', filter],
  ['$reduce', reduce],
  ['$sortArray', sortArray],
  ['$zip', zip],
  ranged('$setUnion', 0, Infinity, setUnion),
  ranged('$setIntersection', 0, Infinity, setIntersection),
  fixed('$setDifference', 2, (a, b) => setDifference(a, b)),
  fixed('$setIsSubset', 2, (a, b) => isSubset(a, b)),
  ranged('$setEquals', 2, Infinity, setEquals),
  fixed('$anyElementTrue', 1, (array) => booleanValue(requireArray('$anyElementTrue', array).some(isTruthy))),
  fixed('$allElementsTrue', 1, (array) => booleanValue(requireArray('$allElementsTrue', array).every(isTruthy))),
  someOf('$firstN', (values, count) => values.slice(0, count)),
  someOf('$lastN', (values, count) => values.slice(-count)),
  someOf('$minN', (values, count) => ordered(values, 1).slice(0, count)),
  someOf('$maxN', (values, count) => ordered(values, -1).slice(0, count)),
  fixed('$arrayToObject', 1, (array) => arrayToObject(array)),
]
