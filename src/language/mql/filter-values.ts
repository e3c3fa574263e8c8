/** Tests of single values, as the query operators define them. Comparisons stay within the operand's type class. */
import { RE2JS } from 're2js'
import { charge } from '../../base/work.ts'
import { gatherInParts } from '../../base/resumption.ts'
import { bsonType, type BsonValue, FieldCursor } from '../../model/document/bson.ts'
import { mongoCode, mongoError } from '../../model/document/mongo-error.ts'
import { compareValues, equalValues, keyText, typeClass } from '../../model/document/order.ts'
import { readDouble, readRegex, readString } from '../../model/document/values.ts'

export type ValueTest = (value: BsonValue) => boolean

export type Comparison = '$eq' | '$gt' | '$gte' | '$lt' | '$lte'

export function comparisonTest(operator: Comparison, operand: BsonValue): ValueTest {
  if (operator === '$eq') return equalityTest(operand)
  if (operand.type === bsonType.minKey || operand.type === bsonType.maxKey) return edgeTest(operator, operand)
  const isRight = signTest(operator)
  if (isNaNValue(operand)) return operator === '$gte' || operator === '$lte' ? equalityTest(operand) : () => false
  if (operand.isNullish) return operator === '$gte' || operator === '$lte' ? equalityTest(operand) : () => false
  const wanted = typeClass(operand.type)
  return (value) =>
    typeClass(value.type) === wanted &&
    value.type !== bsonType.missing &&
    !isNaNValue(value) &&
    isRight(compareValues(value, operand))
}

function signTest(operator: Comparison): (sign: number) => boolean {
  if (operator === '$gt') return (sign) => sign > 0
  if (operator === '$gte') return (sign) => sign >= 0
  return operator === '$lt' ? (sign) => sign < 0 : (sign) => sign <= 0
}

/** MinKey and MaxKey compare with every type. */
function edgeTest(operator: Comparison, operand: BsonValue): ValueTest {
  const isRight = signTest(operator)
  return (value) => value.type !== bsonType.missing && isRight(compareValues(value, operand))
}

/** NaN is in no range, though it sorts below all numbers. */
function isNaNValue(value: BsonValue): boolean {
  if (value.type === bsonType.double) return Number.isNaN(readDouble(value))
  return value.type === bsonType.decimal && (value.bytes[value.start + 15]! & 0x7c) === 0x7c
}

/** null equals what is missing or undefined. */
export function equalityTest(operand: BsonValue): ValueTest {
  if (operand.isNullish) return (value) => value.isNullish
  return (value) => value.type !== bsonType.missing && equalValues(value, operand)
}

/** In a set. */
const unitsPerKey = 300
const fewOperands = 4

export function inTest(operands: readonly BsonValue[]): ValueTest {
  if (operands.length <= fewOperands) {
    const tests = operands.flatMap((one) =>
      one.type === bsonType.regex ? [equalityTest(one), regexTest(compileRegex(one))] : [equalityTest(one)],
    )
    return (value) => tests.some((test) => test(value))
  }
  const { keys, patterns } = gatherInParts(
    operands,
    () => ({ keys: new Set<string>(), patterns: [] as ValueTest[] }),
    (made, one) => {
      charge(unitsPerKey)
      made.keys.add(one.isNullish ? nullKey : keyText(one))
      if (one.type === bsonType.regex) made.patterns.push(regexTest(compileRegex(one)))
    },
  )
  return (value) => keys.has(value.isNullish ? nullKey : keyText(value)) || patterns.some((matches) => matches(value))
}

/** Of all that is null; no value has it. */
const nullKey = ''

export function typeTest(types: ReadonlySet<number>): ValueTest {
  return (value) => types.has(value.type)
}

export function sizeTest(size: number): ValueTest {
  return (value) => {
    if (value.type !== bsonType.array) return false
    const cursor = FieldCursor.of(value)
    let count = 0
    while (count <= size && cursor.next()) count++
    return count === size
  }
}

/** Strings and symbols that match, and the same regular expression as a value. */
export function regexTest(pattern: CompiledRegex): ValueTest {
  const { source, options } = pattern
  return (value) => {
    if (value.type === bsonType.string || value.type === bsonType.symbol) return matchesText(pattern, readString(value))
    if (value.type !== bsonType.regex) return false
    const stored = readRegex(value)
    return stored.pattern === source && stored.options === options
  }
}

/** `$` also stands before a newline that ends the text, as in PCRE; RE2 knows it at the very end only. */
export function matchesText({ regex, source, options }: CompiledRegex, text: string): boolean {
  charge(text.length * (10 + 6 * source.length))
  if (regex.matcher(text).find()) return true
  if (!text.endsWith('\n') || !source.includes('$') || options.includes('m')) return false
  return regex.matcher(text.slice(0, -1)).find()
}

export interface CompiledRegex {
  readonly regex: RE2JS
  readonly source: string
  readonly options: string
}

export function compileRegex(value: BsonValue, extraOptions = ''): CompiledRegex {
  if (value.type === bsonType.regex) {
    const { pattern, options } = readRegex(value)
    return compilePattern(pattern, options + extraOptions)
  }
  return compilePattern(readString(value), extraOptions)
}

const longestPattern = 16_384

/** Linear in the text, whatever the pattern: look-around and back references do not exist there and are refused. */
export function compilePattern(source: string, options: string): CompiledRegex {
  if (source.length > longestPattern) {
    throw mongoError(51_091, 'Regular expression is invalid: regular expression is too large')
  }
  let flags = 0
  for (const option of options) {
    if (option === 'i') flags |= RE2JS.CASE_INSENSITIVE
    else if (option === 'm') flags |= RE2JS.MULTILINE
    else if (option === 's') flags |= RE2JS.DOTALL
    else if (option !== 'u') throw mongoError(51_108, `invalid flag in regex options: ${option}`)
  }
  charge(source.length * 12_000)
  try {
    return { regex: RE2JS.compile(source, flags), source, options }
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw mongoError(51_091, `Regular expression is invalid: ${reason}`)
  }
}

/** A pattern without options, as a test of texts. */
export function compileRegexText(pattern: string): (text: string) => boolean {
  const compiled = compilePattern(pattern, '')
  return (text) => matchesText(compiled, text)
}

export function badValue(message: string): Error {
  return mongoError(mongoCode.badValue, message)
}
