/** Values of documents as the texts that go into the sandbox and come out of it; `prelude.ts` has the other side. */
import { Decimal } from '../../../base/decimal.ts'
import { bsonType, bsonTypeName, BsonValue, FieldCursor } from '../../../model/document/bson.ts'
import { mongoCode, mongoError } from '../../../model/document/mongo-error.ts'
import {
  binaryValue,
  booleanValue,
  dateValue,
  decimalValue,
  doubleValue,
  int32Value,
  int64Value,
  nullValue,
  objectIdValue,
  readBinary,
  readBoolean,
  readInt64,
  readRegex,
  readString,
  stringValue,
  toDecimal,
  toDouble,
  toHex,
} from '../../../model/document/values.ts'
import { arrayOf, objectOf } from '../expression-contract.ts'

type Place = readonly (string | number)[]
type Special = readonly [Place, ...unknown[]]

/** What a script is given, as a text. */
export function opened(...values: readonly BsonValue[]): string {
  const specials: Special[] = []
  const written = values.map((value, i) => plain(value, [i], specials))
  return JSON.stringify([written, specials])
}

function plain(value: BsonValue, place: Place, specials: Special[]): unknown {
  const special = (...content: unknown[]): null => {
    specials.push([place, ...content])
    return null
  }
  switch (value.type) {
    case bsonType.missing:
    case bsonType.undefined:
      return special('u')
    case bsonType.null:
      return null
    case bsonType.boolean:
      return readBoolean(value)
    case bsonType.int32:
    case bsonType.double: {
      const number = toDouble(value)
      return Number.isFinite(number) && !Object.is(number, -0) ? number : special('n', textOfDouble(number))
    }
    case bsonType.int64:
      return special('l', String(readInt64(value)))
    case bsonType.decimal:
      return special('m', toDecimal(value).toString())
    case bsonType.string:
    case bsonType.symbol:
      return readString(value)
    case bsonType.date:
      return special('d', Number(readInt64(value)))
    case bsonType.objectId:
      return special('o', toHex(value.bytes, value.start, value.end))
    case bsonType.binary: {
      const { subtype, bytes } = readBinary(value)
      return special('b', subtype, Buffer.from(bytes).toString('base64'))
    }
    case bsonType.regex: {
      const { pattern, options } = readRegex(value)
      return special('r', pattern, options.replaceAll(/[^imsu]/g, ''))
    }
    case bsonType.timestamp: {
      const both = BigInt.asUintN(64, readInt64(value))
      return special('t', Number(both >> 32n), Number(both & 0xffffffffn))
    }
    case bsonType.minKey:
      return special('<')
    case bsonType.maxKey:
      return special('>')
    case bsonType.code:
      return special('c', readString(value))
    case bsonType.object:
    case bsonType.array:
      return nested(value, place, specials)
    default:
      throw mongoError(mongoCode.badValue, `a script cannot be given a value of type ${bsonTypeName(value.type)}`)
  }
}

function nested(value: BsonValue, place: Place, specials: Special[]): unknown {
  const cursor = FieldCursor.of(value)
  if (value.type === bsonType.array) {
    const list: unknown[] = []
    while (cursor.next()) list.push(plain(cursor.value.reference(), [...place, list.length], specials))
    return list
  }
  const fields: [string, unknown][] = []
  while (cursor.next()) {
    const name = cursor.name
    fields.push([name, plain(cursor.value.reference(), [...place, name], specials)])
  }
  // `__proto__` is a name, which only this way of making an object knows.
  return Object.fromEntries(fields)
}

function textOfDouble(number: number): string {
  return Object.is(number, -0) ? '-0' : String(number)
}

const mostBytes = 16 * 1024 * 1024

/** What a script has answered. Errors: it is no value of a document. */
export function received(text: string): BsonValue {
  const value = valueOf(JSON.parse(text))
  if (value.end - value.start <= mostBytes) return value
  throw mongoError(mongoCode.documentTooLarge, 'the result of a script is larger than 16 MB', 'too_large')
}

function valueOf(value: unknown): BsonValue {
  switch (typeof value) {
    case 'number':
      return doubleValue(value)
    case 'string':
      return stringValue(value)
    case 'boolean':
      return booleanValue(value)
    default:
      if (value === null) return nullValue
      if (Array.isArray(value)) return arrayOf(value.map(valueOf))
      return objectValue(value as Record<string, unknown>)
  }
}

function objectValue(value: Record<string, unknown>): BsonValue {
  const content = value['\0']
  if (Array.isArray(content)) return specialValue(content)
  return objectOf(Object.entries(value).map(([name, inner]) => [name, valueOf(inner)] as const))
}

function specialValue([tag, ...content]: unknown[]): BsonValue {
  const make = typeof tag === 'string' ? specialValues.get(tag) : undefined
  if (make === undefined) throw mongoError(mongoCode.badValue, 'a script has answered what is no value')
  return make(content[0], content[1])
}

/** Scripts may have made what is in them. */
const specialValues: ReadonlyMap<string, (a: unknown, b: unknown) => BsonValue> = new Map<
  string,
  (a: unknown, b: unknown) => BsonValue
>([
  ['u', () => new BsonValue(bsonType.undefined)],
  ['<', () => new BsonValue(bsonType.minKey)],
  ['>', () => new BsonValue(bsonType.maxKey)],
  ['n', (text) => doubleValue(Number(text))],
  ['i', (number) => int32Value(Number(number) | 0)],
  ['l', (text) => int64Value(BigInt.asIntN(64, BigInt(/^-?\d{1,19}$/.test(String(text)) ? String(text) : 0)))],
  ['m', (text) => decimalValue(decimalOf(String(text)))],
  ['d', (ms) => dateValue(Number.isFinite(ms) ? BigInt(Math.trunc(Number(ms))) : invalidDate())],
  ['o', (hex) => objectIdValue(Buffer.from(String(hex).padEnd(24, '0').slice(0, 24), 'hex'))],
  ['b', (subtype, text) => binaryValue(Number(subtype) & 255, Buffer.from(String(text), 'base64'))],
  ['r', (source, flags) => regexValue(String(source), String(flags))],
  ['t', (t, i) => timestampValue(Number(t), Number(i))],
  ['c', (code) => codeValue(String(code))],
])

function invalidDate(): never {
  throw mongoError(mongoCode.badValue, 'a script has answered an invalid date')
}

function decimalOf(text: string): Decimal {
  const decimal = Decimal.parse(text)
  if (decimal !== undefined) return decimal
  throw mongoError(mongoCode.badValue, 'a script has answered a NumberDecimal that is no number')
}

function regexValue(source: string, flags: string): BsonValue {
  const options = [...flags].filter((flag) => 'imsu'.includes(flag)).join('')
  if (source.includes('\0')) throw mongoError(mongoCode.badValue, 'a regular expression may hold no NUL')
  return new BsonValue(bsonType.regex, Buffer.from(`${source}\0${options}\0`))
}

function timestampValue(t: number, i: number): BsonValue {
  const bytes = Buffer.alloc(8)
  bytes.writeUInt32LE(i >>> 0, 0)
  bytes.writeUInt32LE(t >>> 0, 4)
  return new BsonValue(bsonType.timestamp, bytes)
}

function codeValue(code: string): BsonValue {
  const { bytes, start, end } = stringValue(code)
  return new BsonValue(bsonType.code, bytes, start, end)
}
