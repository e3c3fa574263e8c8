/** The operators on a field: `{ path: { $gt: 1, $in: […] } }`. */
import { charge } from '../../base/work.ts'
import { gatherInParts, mapInParts } from '../../base/resumption.ts'
import {
  bsonType,
  bsonTypeNames,
  type BsonValue,
  elementsOf,
  FieldCursor,
  fieldsOf,
} from '../../model/document/bson.ts'
import { mongoCode, mongoError } from '../../model/document/mongo-error.ts'
import type { LeafArrays } from '../../model/document/path.ts'
import { isTruthy, readNumber, readRegex, readString, toDouble, toSafeInteger } from '../../model/document/values.ts'
import type { Filter, Predicate } from './filter.ts'
import { bitsTest } from './filter-bits.ts'
import type { Near } from './geo-near.ts'
import { parseDistance, parseGeoIntersects, parseGeoWithin, parseNear } from './geo-operators.ts'
import { longElementsOf } from './long-lists.ts'
import {
  badValue,
  comparisonTest,
  type Comparison,
  compileRegex,
  equalityTest,
  inTest,
  regexTest,
  sizeTest,
  typeTest,
  type ValueTest,
} from './filter-values.ts'

export interface Condition {
  readonly test: ValueTest
  readonly leafArrays: LeafArrays
  readonly negated: boolean
  /** Of `$elemMatch`: the test of one element, which the positional operator looks for. */
  readonly elementTest?: ValueTest
  readonly predicate?: Omit<Predicate, 'path'>
  /** Of what is near: documents come by their distance. */
  readonly near?: Near
  /** Of a `$not` of several: each holds for some value of the path, not all of them for the same one. */
  readonly parts?: readonly Condition[]
}

/** Compiles a filter on documents, for `$elemMatch`. */
export type SubFilter = (filter: BsonValue) => Filter

function firstNameOf(value: BsonValue): string | undefined {
  const cursor = FieldCursor.of(value)
  return cursor.next() ? cursor.name : undefined
}

/** A document whose first name begins with `$` is a set of operators (a DBRef is not). */
export function isOperatorDocument(value: BsonValue): boolean {
  if (value.type !== bsonType.object) return false
  const name = firstNameOf(value)
  return name?.startsWith('$') === true && !isOfReference(name)
}

/** A field of a DBRef, which is a document like any other. */
export function isOfReference(name: string): boolean {
  return name === '$ref' || name === '$id' || name === '$db'
}

type OperatorSource = BsonValue | readonly (readonly [string, BsonValue])[]

interface Siblings {
  readonly all: readonly (readonly [string, BsonValue])[]
  readonly subFilter: SubFilter
}

export function parseOperators(source: OperatorSource, subFilter: SubFilter): Condition[] {
  const all = 'bytes' in source ? fieldsOf(source) : source
  const conditions: Condition[] = []
  for (const [name, operand] of all) {
    if (name === '$comment') continue
    if (name === '$options') {
      if (!all.some(([other]) => other === '$regex')) throw badValue('$options needs a $regex')
      continue
    }
    const parse = queryOperators.get(name)
    if (parse === undefined) throw badValue(`unknown operator: ${name}`)
    for (const condition of parse(operand, { all, subFilter })) conditions.push(condition)
  }
  return conditions
}

const unitsPerCondition = 1000

type Parse = (operand: BsonValue, siblings: Siblings) => Condition[]

function anyValue(test: ValueTest, predicate?: Condition['predicate']): Condition[] {
  return [{ test, leafArrays: 'elements and array', negated: false, ...(predicate === undefined ? {} : { predicate }) }]
}

function arrayOnly(test: ValueTest): Condition[] {
  return [{ test, leafArrays: 'array only', negated: false }]
}

function not(conditions: readonly Condition[]): Condition[] {
  if (conditions.some(({ near }) => near !== undefined)) throw nearElsewhere()
  return conditions.map(({ test, leafArrays, negated, parts }) => ({
    test,
    leafArrays,
    negated: !negated,
    ...(parts !== undefined && { parts }),
  }))
}

const parseComparison =
  (operator: Comparison): Parse =>
  (operand) => {
    if (operand.type === bsonType.regex && operator !== '$eq')
      throw badValue(`Can't have RegEx as arg to predicate over field`)
    if (operand.type === bsonType.undefined) throw badValue('cannot compare to undefined')
    return anyValue(comparisonTest(operator, operand), { operator, values: [operand] })
  }

const parseIn: Parse = (operand) => {
  if (operand.type !== bsonType.array) throw badValue('$in needs an array')
  const values = longElementsOf(operand)
  const found = gatherInParts(
    values,
    () => ({ regex: false }),
    (made, value) => {
      if (isOperatorDocument(value)) throw badValue('cannot nest $ under $in')
      if (value.type === bsonType.regex) made.regex = true
    },
  )
  return anyValue(inTest(values), found.regex ? undefined : { operator: '$in', values })
}

const parseNin: Parse = (operand, siblings) => {
  if (operand.type !== bsonType.array) throw badValue('$nin needs an array')
  return not(parseIn(operand, siblings))
}

const parseNe: Parse = (operand, siblings) => {
  if (operand.type === bsonType.regex) throw badValue("Can't have regex as arg to $ne.")
  return not(parseComparison('$eq')(operand, siblings))
}

const parseNot: Parse = (operand, { subFilter }) => {
  if (operand.type === bsonType.regex) return not(anyValue(regexTest(compileRegex(operand))))
  if (operand.type !== bsonType.object) throw badValue('$not needs a regex or a document')
  const conditions = parseOperators(operand, subFilter)
  if (conditions.length === 0) throw badValue('$not cannot be empty')
  if (conditions.length === 1) return not(conditions)
  return [{ test: everyPart(conditions), leafArrays: 'array only', negated: true, parts: conditions }]
}

/** Several operators under one `$not` on a single value: as a whole, its elements looked at by each operator. */
function everyPart(conditions: readonly Condition[]): ValueTest {
  return (value) =>
    conditions.every(({ test, leafArrays, negated }) => {
      const elements = leafArrays === 'elements and array' && value.type === bsonType.array ? elementsOf(value) : []
      return (test(value) || elements.some(test)) !== negated
    })
}

const parseExists: Parse = (operand) => {
  const conditions = arrayOnly((value) => value.type !== bsonType.missing)
  return isTruthy(operand) ? conditions : not(conditions)
}

const parseType: Parse = (operand) => {
  const names = operand.type === bsonType.array ? elementsOf(operand) : [operand]
  if (names.length === 0) throw mongoError(mongoCode.failedToParse, '$type must match at least one type')
  const types = new Set(names.flatMap(typeNumbers))
  return anyValue(typeTest(types))
}

const typeNumbersByName = new Map<string, number>([...bsonTypeNames].map(([type, name]) => [name, type]))

function typeNumbers(named: BsonValue): number[] {
  if (named.type === bsonType.string) {
    const name = readString(named)
    if (name === 'number') return [bsonType.double, bsonType.int32, bsonType.int64, bsonType.decimal]
    const type = typeNumbersByName.get(name)
    if (type === undefined) throw badValue(`Unknown type name alias: ${name}`)
    return [type]
  }
  const number = toSafeInteger(named)
  if (number === undefined) throw mongoError(mongoCode.typeMismatch, 'type must be represented as a number or a string')
  const type = number === -1 ? bsonType.minKey : number
  if (!bsonTypeNames.has(type)) throw badValue(`Invalid numerical type code: ${number}`)
  return [type]
}

const parseRegex: Parse = (operand, { all }) => {
  if (operand.type !== bsonType.string && operand.type !== bsonType.regex) throw badValue('$regex has to be a string')
  const given = all.find(([name]) => name === '$options')?.[1]
  if (given !== undefined && given.type !== bsonType.string) throw badValue('$options has to be a string')
  const options = given === undefined ? '' : readString(given)
  if (options !== '' && operand.type === bsonType.regex && readRegex(operand).options !== '') {
    throw mongoError(51_075, 'options set in both $regex and $options')
  }
  return anyValue(regexTest(compileRegex(operand, options)))
}

const parseSize: Parse = (operand) => {
  if (!operand.isNumber) throw badValue('Failed to parse $size. Expected a number in: $size')
  const size = toSafeInteger(operand)
  if (size === undefined) throw badValue('Failed to parse $size. Expected an integer')
  if (size < 0) throw badValue(`Failed to parse $size. Expected a non-negative number in: $size: ${size}`)
  return arrayOnly(sizeTest(size))
}

const parseAll: Parse = (operand, siblings) => {
  if (operand.type !== bsonType.array) throw badValue('$all needs an array')
  const values = longElementsOf(operand)
  if (values.length === 0) return arrayOnly(() => false)
  const isElemMatch = (one: BsonValue): boolean => one.type === bsonType.object && firstNameOf(one) === '$elemMatch'
  if (values.some(isElemMatch)) {
    if (!values.every(isElemMatch)) throw badValue('no $ expressions in $all')
    return values.flatMap((one) => parseOperators(one, siblings.subFilter))
  }
  return mapInParts(values, (one) => {
    charge(unitsPerCondition)
    return one.type === bsonType.regex ? anyValue(regexTest(compileRegex(one))) : equals(one)
  }).flat()
}

function equals(operand: BsonValue): Condition[] {
  return anyValue(equalityTest(operand), { operator: '$eq', values: [operand] })
}

const parseElemMatch: Parse = (operand, { subFilter }) => {
  if (operand.type !== bsonType.object) throw badValue('$elemMatch needs an Object')
  const [first] = fieldsOf(operand)
  const isOfValues = isOperatorDocument(operand) && !['$and', '$or', '$nor', '$expr'].includes(first![0])
  const matches = isOfValues ? valueElement(operand, subFilter) : documentElement(subFilter(operand))
  return [
    {
      test: (value) => value.type === bsonType.array && elementsOf(value).some(matches),
      leafArrays: 'array only',
      negated: false,
      elementTest: matches,
    },
  ]
}

function valueElement(operand: BsonValue, subFilter: SubFilter): ValueTest {
  const conditions = parseOperators(operand, subFilter)
  if (conditions.some(({ near }) => near !== undefined)) throw nearElsewhere()
  return (element) => conditions.every(({ test, negated }) => test(element) !== negated)
}

function documentElement(filter: Filter): ValueTest {
  if (filter.near !== undefined) throw nearElsewhere()
  return (element) => (element.type === bsonType.object || element.type === bsonType.array) && filter.matches(element)
}

/** What is near orders the documents of a query, so that it stands beside its other conditions. */
export function nearElsewhere(): Error {
  return badValue('geo $near must be top-level expr')
}

const parseMod: Parse = (operand) => {
  if (operand.type !== bsonType.array) throw badValue('malformed mod, needs to be an array')
  const parts = elementsOf(operand)
  if (parts.length < 2) throw badValue('malformed mod, not enough elements')
  if (parts.length > 2) throw badValue('malformed mod, too many elements')
  const [divisor, remainder] = parts.map(modNumber) as [bigint, bigint]
  if (divisor === 0n) throw badValue('divisor cannot be 0')
  return anyValue((value) => {
    if (!value.isNumber || !Number.isFinite(toDouble(value))) return false
    return truncated(value) % divisor === remainder
  })
}

function modNumber(value: BsonValue): bigint {
  if (!value.isNumber || !Number.isFinite(toDouble(value))) throw badValue('malformed mod, divisor is not a number')
  return truncated(value)
}

function truncated(value: BsonValue): bigint {
  const number = readNumber(value)
  if (typeof number === 'bigint') return number
  return typeof number === 'number' ? BigInt(Math.trunc(number)) : number.truncate(0).coefficient
}

const parseBits =
  (operator: string): Parse =>
  (operand) =>
    anyValue(bitsTest(operator, operand))

export const queryOperators: ReadonlyMap<string, Parse> = new Map<string, Parse>([
  ['$eq', parseComparison('$eq')],
  ['$gt', parseComparison('$gt')],
  ['$gte', parseComparison('$gte')],
  ['$lt', parseComparison('$lt')],
  ['$lte', parseComparison('$lte')],
  ['$ne', parseNe],
  ['$in', parseIn],
  ['$nin', parseNin],
  ['$not', parseNot],
  ['$exists', parseExists],
  ['$type', parseType],
  ['$regex', parseRegex],
  ['$size', parseSize],
  ['$all', parseAll],
  ['$elemMatch', parseElemMatch],
  ['$mod', parseMod],
  ['$geoWithin', parseGeoWithin],
  ['$within', parseGeoWithin],
  ['$geoIntersects', parseGeoIntersects],
  ['$near', (operand, { all }) => parseNear(false, operand, all)],
  ['$nearSphere', (operand, { all }) => parseNear(true, operand, all)],
  ['$maxDistance', (_, { all }) => parseDistance('$maxDistance', all)],
  ['$minDistance', (_, { all }) => parseDistance('$minDistance', all)],
  ['$bitsAllSet', parseBits('$bitsAllSet')],
  ['$bitsAnySet', parseBits('$bitsAnySet')],
  ['$bitsAllClear', parseBits('$bitsAllClear')],
  ['$bitsAnyClear', parseBits('$bitsAnyClear')],
])
