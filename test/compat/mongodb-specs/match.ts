/**
 * Whether a value is as a test expects: the matching rules of the unified test format.
 *
 * A document at the root may have more fields than are expected, one within another may not. Numbers are compared by what
 * they are worth. An expected document whose one field begins with `$$` asks something else of the value.
 */
import { Binary, BSON, Double, Int32, Long, ObjectId, Timestamp, type Document } from 'mongodb-of-specs'
import { isDeepStrictEqual } from 'node:util'

export interface Matching {
  entity(name: string): unknown
  sessionId(name: string): unknown
}

/** What is wrong with it, in words; undefined where it is as expected. */
export function difference(
  expected: unknown,
  actual: unknown,
  context: Matching,
  isRoot = true,
  path = '',
): string | undefined {
  const special = operatorOf(expected)
  if (special !== undefined) return specialDifference(special, expected as Document, actual, context, isRoot, path)
  if (Array.isArray(expected)) return arrayDifference(expected, actual, context, isRoot, path)
  if (isPlain(expected)) return documentDifference(expected, actual, context, isRoot, path)
  return isSame(expected, actual) ? undefined : differs(path, expected, actual)
}

function operatorOf(expected: unknown): string | undefined {
  if (!isPlain(expected)) return undefined
  const [name, ...more] = Object.keys(expected)
  return more.length === 0 && name?.startsWith('$$') === true ? name : undefined
}

function arrayDifference(
  expected: readonly unknown[],
  actual: unknown,
  context: Matching,
  isRoot: boolean,
  path: string,
) {
  if (!Array.isArray(actual)) return differs(path, expected, actual)
  if (expected.length !== actual.length) return differs(`${path}.length`, expected, actual)
  for (const [i, one] of expected.entries()) {
    const found = difference(one, actual[i], context, isRoot && isPlain(one), `${path}.${i}`)
    if (found !== undefined) return found
  }
  return undefined
}

function documentDifference(expected: Document, actual: unknown, context: Matching, isRoot: boolean, path: string) {
  if (typeof actual !== 'object' || actual === null || Array.isArray(actual)) return differs(path, expected, actual)
  // Of orders of fields the driver makes a map.
  const found = (actual instanceof Map ? Object.fromEntries(actual) : actual) as Document
  for (const [name, value] of Object.entries(expected)) {
    const problem = difference(value, found[name], context, false, `${path}.${name}`)
    if (problem !== undefined) return problem
  }
  if (isRoot) return undefined
  const more = Object.keys(found).filter((name) => found[name] !== undefined && !(name in expected))
  return more.length === 0 ? undefined : `${path || 'it'} has ${more.join(', ')}, too`
}

function specialDifference(
  name: string,
  holder: Document,
  actual: unknown,
  context: Matching,
  isRoot: boolean,
  path: string,
): string | undefined {
  const expected: unknown = holder[name]
  const isThere = actual !== undefined
  switch (name) {
    case '$$exists':
      return isThere === expected ? undefined : `${path} ${isThere ? 'is there' : 'is missing'}`
    case '$$unsetOrMatches':
      // The driver writes null where it has nothing.
      return actual === undefined || actual === null ? undefined : difference(expected, actual, context, isRoot, path)
    case '$$type': {
      const types = Array.isArray(expected) ? (expected as string[]) : [expected as string]
      return types.some((type) => hasType(type, actual)) ? undefined : differs(path, types.join(' or '), actual)
    }
    case '$$sessionLsid':
      return isDeepStrictEqual(plain(context.sessionId(expected as string)), plain(actual))
        ? undefined
        : differs(path, 'the session id', actual)
    case '$$matchesEntity':
      return difference(context.entity(expected as string), actual, context, isRoot, path)
    case '$$matchesHexBytes':
      return Buffer.isBuffer(actual) && actual.toString('hex') === expected
        ? undefined
        : differs(path, expected, actual)
    case '$$matchAsDocument': {
      const parsed: unknown = typeof actual === 'string' ? BSON.EJSON.parse(actual, { relaxed: true }) : actual
      return difference(expected, parsed, context, false, path)
    }
    case '$$matchAsRoot':
      return difference(expected, actual, context, true, path)
    case '$$lte':
      return Number(actual) <= Number(expected) ? undefined : differs(path, `at most ${String(expected)}`, actual)
    default:
      throw new Error(`unknown operator ${name}`)
  }
}

function hasType(type: string, value: unknown): boolean {
  switch (type) {
    case 'double':
    case 'number':
      return isNumber(value)
    case 'int':
    case 'long':
      return isNumber(value) && Number.isInteger(Number(value))
    case 'string':
      return typeof value === 'string'
    case 'bool':
      return typeof value === 'boolean'
    case 'object':
      return isPlain(value)
    case 'array':
      return Array.isArray(value)
    case 'objectId':
      return value instanceof ObjectId
    case 'binData':
      return value instanceof Binary || Buffer.isBuffer(value)
    case 'date':
      return value instanceof Date
    case 'timestamp':
      return value instanceof Timestamp
    case 'null':
      return value === null
    default:
      throw new Error(`unknown type ${type}`)
  }
}

function isNumber(value: unknown): boolean {
  if (typeof value === 'number' || typeof value === 'bigint') return true
  if (value instanceof Timestamp) return false
  return value instanceof Long || value instanceof Int32 || value instanceof Double
}

function isSame(expected: unknown, actual: unknown): boolean {
  if (isNumber(expected) && isNumber(actual)) return String(Number(expected)) === String(Number(actual))
  if (expected === undefined || expected === null) return actual === undefined || actual === null
  return isDeepStrictEqual(plain(expected), plain(actual))
}

/** Of classes of BSON what they are as text. */
function plain(value: unknown): unknown {
  return typeof value === 'object' && value !== null ? BSON.EJSON.stringify(value, { relaxed: true }) : value
}

export function isPlain(value: unknown): value is Document {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  return !('_bsontype' in value) && !(value instanceof Date) && !(value instanceof RegExp) && !Buffer.isBuffer(value)
}

function differs(path: string, expected: unknown, actual: unknown): string {
  return `${path === '' ? '' : `${path.replace(/^\./, '')}: `}expected ${shown(expected)}, got ${shown(actual)}`
}

export function shown(value: unknown): string {
  if (value === undefined) return 'nothing'
  const text = typeof value === 'string' ? value : textOf(value)
  return text.length > 200 ? `${text.slice(0, 200)}…` : text
}

function textOf(value: unknown): string {
  try {
    return BSON.EJSON.stringify(value, { relaxed: true }) ?? String(value)
  } catch {
    // A cursor or a stream, which holds its client.
    return `a ${(value as object).constructor.name}`
  }
}
