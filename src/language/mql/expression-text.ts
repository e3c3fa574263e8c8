/** Operators on strings. Positions and lengths are code points (CP) or bytes of UTF-8. */
import { bsonType, bsonTypeName, type BsonValue } from '../../model/document/bson.ts'
import { mongoError } from '../../model/document/mongo-error.ts'
import {
  booleanValue,
  int32Value,
  nullValue,
  readString,
  stringValue,
  toSafeInteger,
} from '../../model/document/values.ts'
import {
  arrayOf,
  type ExpressionOperator,
  fixed,
  namedParts,
  objectOf,
  type OperatorFamily,
  ranged,
} from './expression-contract.ts'
import { textOf } from './expression-conversion.ts'
import { compilePattern, compileRegex, matchesText, type CompiledRegex } from './filter-values.ts'

function requireText(name: string, value: BsonValue, code = 34_471): string {
  if (value.type === bsonType.string || value.type === bsonType.symbol) return readString(value)
  throw mongoError(code, `${name} requires a string argument, found: ${bsonTypeName(value.type)}`, 'wrong_type')
}

function requirePosition(name: string, value: BsonValue): number {
  const number = toSafeInteger(value)
  if (number === undefined) throw mongoError(34_450, `${name}: a position must be an integer`)
  return number
}

function concat(...values: BsonValue[]): BsonValue {
  if (values.some((value) => value.isNullish)) return nullValue
  return stringValue(
    values
      .map((value) => {
        if (value.type === bsonType.string) return readString(value)
        throw mongoError(16_702, `$concat only supports strings, not ${bsonTypeName(value.type)}`)
      })
      .join(''),
  )
}

function changed(name: string, change: (text: string) => string): readonly [string, ExpressionOperator] {
  return fixed(name, 1, (value) => stringValue(value.isNullish ? '' : change(textOf(value))))
}

/** ASCII only, as the server has it. */
function toLower(text: string): string {
  return text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase())
}

function toUpper(text: string): string {
  return text.replace(/[a-z]+/g, (letters) => letters.toUpperCase())
}

function split(value: BsonValue, separator: BsonValue): BsonValue {
  if (value.isNullish || separator.isNullish) return nullValue
  const by = requireText('$split', separator)
  if (by === '') throw mongoError(40_087, '$split requires a non-empty separator')
  return arrayOf(requireText('$split', value).split(by).map(stringValue))
}

function substringCodePoints(value: BsonValue, from: BsonValue, count: BsonValue): BsonValue {
  const points = value.isNullish ? [] : [...textOf(value)]
  const start = requirePosition('$substrCP', from)
  const length = requirePosition('$substrCP', count)
  if (length < 0) throw mongoError(34_454, '$substrCP: length must be a nonnegative integer')
  if (start < 0) throw mongoError(34_455, '$substrCP: the starting index must be nonnegative integer')
  return stringValue(points.slice(start, start + length).join(''))
}

function substringBytes(value: BsonValue, from: BsonValue, count: BsonValue): BsonValue {
  const bytes = Buffer.from(value.isNullish ? '' : textOf(value))
  const start = requirePosition('$substrBytes', from)
  const length = requirePosition('$substrBytes', count)
  if (start < 0) throw mongoError(50_752, '$substrBytes: starting index must be non-negative')
  const end = length < 0 ? bytes.length : Math.min(bytes.length, start + length)
  if (isContinuation(bytes[start]))
    throw mongoError(28_656, '$substrBytes: Invalid range, starting index is a UTF-8 continuation byte.')
  if (isContinuation(bytes[end]))
    throw mongoError(28_657, '$substrBytes: Invalid range, ending index is in the middle of a UTF-8 character.')
  return stringValue(bytes.toString('utf8', start, end))
}

function isContinuation(byte: number | undefined): boolean {
  return byte !== undefined && (byte & 0xc0) === 0x80
}

/** `unitsOf`: what positions count. */
function finder(name: string, unitsOf: (text: string) => readonly unknown[]): readonly [string, ExpressionOperator] {
  return ranged(name, 2, 4, (value, wanted, from, to) => {
    if (value.isNullish) return nullValue
    const units = unitsOf(requireText(name, value, name === '$indexOfBytes' ? 40_091 : 40_093))
    const sought = unitsOf(requireText(name, wanted, name === '$indexOfBytes' ? 40_092 : 40_094))
    const start = from === undefined ? 0 : requireIndex(name, from)
    const end = to === undefined ? units.length : requireIndex(name, to)
    return int32Value(unitIndex(units, sought, start, Math.min(end, units.length)))
  })
}

function requireIndex(name: string, value: BsonValue): number {
  const index = requirePosition(name, value)
  if (index < 0) throw mongoError(40_097, `${name} requires a nonnegative index, found: ${index}`)
  return index
}

function unitIndex(points: readonly unknown[], sought: readonly unknown[], start: number, end: number): number {
  for (let at = start; at + sought.length <= end; at++) {
    if (sought.every((point, i) => points[at + i] === point)) return at
  }
  return -1
}

function trimmer(name: string, atStart: boolean, atEnd: boolean): readonly [string, ExpressionOperator] {
  return [
    name,
    (operand, compile) => {
      const parts = namedParts(name, operand, ['input'], ['chars'])
      const input = compile(parts.get('input')!)
      const chars = parts.has('chars') ? compile(parts.get('chars')!) : undefined
      return (scope) => {
        const value = input(scope)
        const set = chars?.(scope)
        if (value.isNullish || set?.isNullish === true) return nullValue
        const removed = set === undefined ? whitespace : new Set(requireText(name, set))
        return stringValue(trim([...requireText(name, value)], removed, atStart, atEnd))
      }
    },
  ]
}

const whitespace = new Set(
  '\u0000\t\n\v\f\r \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a',
)

function trim(points: readonly string[], removed: ReadonlySet<string>, atStart: boolean, atEnd: boolean): string {
  let from = 0
  let to = points.length
  if (atStart) while (from < to && removed.has(points[from]!)) from++
  if (atEnd) while (to > from && removed.has(points[to - 1]!)) to--
  return points.slice(from, to).join('')
}

function replacer(name: string, isAll: boolean): readonly [string, ExpressionOperator] {
  return [
    name,
    (operand, compile) => {
      const parts = namedParts(name, operand, ['input', 'find', 'replacement'])
      const [input, find, replacement] = ['input', 'find', 'replacement'].map((part) => compile(parts.get(part)!))
      return (scope) => {
        const values = [input!(scope), find!(scope), replacement!(scope)]
        if (values.some((value) => value.isNullish)) return nullValue
        const [text, wanted, by] = values.map((value) => requireText(name, value)) as [string, string, string]
        return stringValue(isAll ? text.replaceAll(wanted, () => by) : text.replace(wanted, () => by))
      }
    },
  ]
}

function regexOperator(
  name: string,
  none: BsonValue,
  evaluate: (pattern: CompiledRegex, text: string) => BsonValue,
): readonly [string, ExpressionOperator] {
  return [
    name,
    (operand, compile) => {
      const parts = namedParts(name, operand, ['input', 'regex'], ['options'])
      const [input, regex] = ['input', 'regex'].map((part) => compile(parts.get(part)!))
      const options = parts.has('options') ? compile(parts.get('options')!) : undefined
      return (scope) => {
        const [text, pattern] = [input!(scope), regex!(scope)]
        if (text.isNullish || pattern.isNullish) return none
        const given = options?.(scope) ?? nullValue
        const flags = given.isNullish ? '' : requireText(name, given)
        const isRegex = pattern.type === bsonType.regex
        const compiled = isRegex ? compileRegex(pattern, flags) : compilePattern(requireText(name, pattern), flags)
        return evaluate(compiled, requireText(name, text))
      }
    },
  ]
}

function findMatches(pattern: CompiledRegex, text: string, most: number): BsonValue[] {
  const matcher = pattern.regex.matcher(text)
  const found: BsonValue[] = []
  while (found.length < most && matcher.find()) {
    const captures = Array.from({ length: matcher.groupCount() }, (_, i) => matcher.group(i + 1))
    found.push(
      objectOf([
        ['match', stringValue(matcher.group() ?? '')],
        ['idx', int32Value(codePointCount(text.slice(0, matcher.start())))],
        ['captures', arrayOf(captures.map((one) => (one === null ? nullValue : stringValue(one))))],
      ]),
    )
  }
  return found
}

function codePointCount(text: string): number {
  return [...text].length
}

function compareIgnoringCase(a: BsonValue, b: BsonValue): BsonValue {
  const [left, right] = [a, b].map((value) => (value.isNullish ? '' : toUpper(textOf(value)))) as [string, string]
  return int32Value(Math.sign(Buffer.compare(Buffer.from(left), Buffer.from(right))))
}

function length(name: string, code: number, measure: (text: string) => number): readonly [string, ExpressionOperator] {
  return fixed(name, 1, (value) => int32Value(measure(requireText(name, value, code))))
}

export const textOperators: OperatorFamily = [
  ranged('$concat', 0, Infinity, concat),
  changed('$toLower', toLower),
  changed('$toUpper', toUpper),
  fixed('$split', 2, (value, separator) => split(value, separator)),
  fixed('$substrCP', 3, (value, from, count) => substringCodePoints(value, from, count)),
  fixed('$substrBytes', 3, (value, from, count) => substringBytes(value, from, count)),
  fixed('$substr', 3, (value, from, count) => substringBytes(value, from, count)),
  finder('$indexOfCP', (text) => [...text]),
  finder('$indexOfBytes', (text) => [...Buffer.from(text)]),
  length('$strLenCP', 34_471, codePointCount),
  length('$strLenBytes', 34_473, (text) => Buffer.byteLength(text)),
  trimmer('$trim', true, true),
  trimmer('$ltrim', true, false),
  trimmer('$rtrim', false, true),
  replacer('$replaceOne', false),
  replacer('$replaceAll', true),
  fixed('$strcasecmp', 2, (a, b) => compareIgnoringCase(a, b)),
  regexOperator('$regexMatch', booleanValue(false), (pattern, text) => booleanValue(matchesText(pattern, text))),
  regexOperator('$regexFind', nullValue, (pattern, text) => findMatches(pattern, text, 1)[0] ?? nullValue),
  regexOperator('$regexFindAll', arrayOf([]), (pattern, text) => arrayOf(findMatches(pattern, text, Infinity))),
]
