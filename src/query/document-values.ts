/**
 * BSON values as SQL values and back, by SQL type (`docs/values.md` is the table of it).
 *
 * Reading never fails: what a type of the other side cannot hold is shown as text. Writing fails where anything would be
 * lost.
 */
import { Decimal } from '../base/decimal.ts'
import { PolylogError } from '../base/errors.ts'
import { bsonType, bsonTypeName, BsonValue } from '../model/document/bson.ts'
import { BsonWriter, indexName } from '../model/document/bson-writer.ts'
import { describeKey } from '../model/document/describe-key.ts'
import { encodeDecimal128 } from '../model/document/decimal128.ts'
import {
  binaryValue,
  booleanValue,
  dateValue,
  doubleValue,
  int32Value,
  int64Value,
  nullValue,
  readBinary,
  readBoolean,
  readInt64,
  readNumber,
  readString,
  stringValue,
  toDecimal,
  toDouble,
  toHex,
} from '../model/document/values.ts'
import { formatJsonb } from '../model/table/types/json.ts'
import type { SqlType } from '../model/table/types/type.ts'
import { RowValue } from '../model/table/types/user/row-value.ts'
import type { SqlValue } from '../model/table/types/value.ts'
import { bsonToJson, documentToJsonb, jsonToBson } from './document-json.ts'

const usPerMs = 1000n
const msPerDay = 86_400_000n
/** Of SQL's timestamps, in milliseconds: 4714 BC to 294276. */
const firstTimestampMs = -210_866_803_200_000n
const timestampEndMs = 9_224_318_016_000_000n

// ---- a document's field as a column

/** The SQL type of a field that has held these BSON types. */
export function columnTypeOf(types: ReadonlySet<string>): string {
  const held = [...types].filter((type) => type !== 'null' && type !== 'undefined')
  if (held.every((type) => numberTypes.has(type)) && held.length > 0) return numberColumn(new Set(held))
  if (held.length !== 1) return 'jsonb'
  return columnTypes.get(held[0]!) ?? 'jsonb'
}

const numberTypes = new Set(['int', 'long', 'double', 'decimal'])

const columnTypes: ReadonlyMap<string, string> = new Map([
  ['string', 'text'],
  ['symbol', 'text'],
  ['bool', 'bool'],
  ['objectId', 'text'],
  ['date', 'timestamptz'],
  ['binData', 'bytea'],
])

/** The narrowest type that holds all of them exactly. */
function numberColumn(held: ReadonlySet<string>): string {
  if (held.has('decimal') || (held.has('long') && held.has('double'))) return 'numeric'
  if (held.has('double')) return 'float8'
  return held.has('long') ? 'int8' : 'int4'
}

/** A field's value in a column of the type that `columnTypeOf` gave. A value of another type, written since, is null. */
export function fieldToSql(value: BsonValue, type: string): SqlValue {
  if (type === 'jsonb') return value.isMissing ? null : documentToJsonb(value)
  if (value.isNullish) return null
  switch (type) {
    case 'int4':
      return value.type === bsonType.int32 ? toDouble(value) : null
    case 'int8':
      return value.type === bsonType.int32 || value.type === bsonType.int64
        ? BigInt(readNumber(value) as number | bigint)
        : null
    case 'float8':
      return value.type === bsonType.int32 || value.type === bsonType.double ? toDouble(value) : null
    case 'numeric':
      return value.isNumber ? toDecimal(value) : null
    case 'text':
      return textOf(value)
    case 'bool':
      return value.type === bsonType.boolean ? readBoolean(value) : null
    case 'timestamptz':
      return value.type === bsonType.date ? timestampOf(readInt64(value)) : null
    case 'bytea':
      return value.type === bsonType.binary ? readBinary(value).bytes.slice() : null
    default:
      return null
  }
}

function textOf(value: BsonValue): string | null {
  if (value.type === bsonType.string || value.type === bsonType.symbol) return readString(value)
  return value.type === bsonType.objectId ? toHex(value.bytes, value.start, value.end) : null
}

/** Dates beyond SQL's calendar are its infinities. */
function timestampOf(ms: bigint): bigint {
  if (ms >= timestampEndMs) return (1n << 63n) - 1n
  return ms < firstTimestampMs ? -(1n << 63n) : ms * usPerMs
}

// ---- a column as a document's field

export function sqlToBson(value: SqlValue, declared: SqlType): BsonValue {
  if (value === null) return nullValue
  const type = declared.base ?? declared
  switch (builtInName(type)) {
    case 'bool':
      return booleanValue(value as boolean)
    case 'int2':
    case 'int4':
      return int32Value(value as number)
    case 'oid':
      return int64Value(BigInt(value as number))
    case 'int8':
      return int64Value(value as bigint)
    case 'float4':
    case 'float8':
      return doubleValue(value as number)
    case 'numeric':
      return decimalOrText(value as Decimal)
    case 'bytea':
      return binaryValue(0, value as Uint8Array)
    case 'uuid':
      return binaryValue(4, new Uint8Array(Buffer.from((value as string).replaceAll('-', ''), 'hex')))
    case 'json':
    case 'jsonb':
      return jsonToBson(value as string)
    case 'date':
      return dayOrText(value as number, type)
    case 'timestamp':
    case 'timestamptz':
      return dateOrText(value as bigint, type)
    default:
      if (value instanceof RowValue) return rowToBson(value, type)
      return type.element !== undefined && Array.isArray(value)
        ? arrayToBson(value as readonly SqlValue[], type.element)
        : stringValue(type.formatText(value))
  }
}

/** None of a type that a user made, whatever it is called. */
function builtInName({ made, name }: SqlType): string {
  return made === undefined ? name : ''
}

/** A document of its fields. */
function rowToBson({ values }: RowValue, { fields = [] }: SqlType): BsonValue {
  const writer = new BsonWriter().begin()
  for (const [i, field] of fields.entries()) writer.value(field.name, sqlToBson(values[i]!, field.type))
  return new BsonValue(bsonType.object, writer.end().toBytes())
}

/** Decimal128 has 34 digits. */
function decimalOrText(value: Decimal): BsonValue {
  try {
    return new BsonValue(bsonType.decimal, encodeDecimal128(value, true))
  } catch {
    return stringValue(value.toString())
  }
}

function dayOrText(days: number, type: SqlType): BsonValue {
  return Math.abs(days) >= 0x7fff_ffff ? stringValue(type.formatText(days)) : dateValue(BigInt(days) * msPerDay)
}

function dateOrText(us: bigint, type: SqlType): BsonValue {
  const isInfinite = us === (1n << 63n) - 1n || us === -(1n << 63n)
  return isInfinite || us % usPerMs !== 0n ? stringValue(type.formatText(us)) : dateValue(us / usPerMs)
}

function arrayToBson(values: readonly SqlValue[], element: SqlType): BsonValue {
  const writer = new BsonWriter().begin()
  for (const [i, value] of values.entries()) {
    const item = Array.isArray(value) ? arrayToBson(value as readonly SqlValue[], element) : sqlToBson(value, element)
    writer.value(indexName(i), item)
  }
  return new BsonValue(bsonType.array, writer.end().toBytes())
}

// ---- a document's field into a column

/** Throws `foreign_model_violation` (121) where the column's type cannot hold exactly this value. */
export function bsonToSql(value: BsonValue, type: SqlType, modifier: number, name: string): SqlValue {
  const converted = exactSql(value, type)
  if (converted === undefined) throw lossy(value, type, name)
  if (converted === null || modifier < 0) return converted
  const coerced = type.coerce(converted, modifier, false)
  if (type.isOrdered && type.compare(coerced, converted) !== 0) throw lossy(value, type, name)
  return coerced
}

function lossy(value: BsonValue, type: SqlType, name: string): PolylogError {
  const shown = `${bsonTypeName(value.type)} ${describeKey(value)}`.slice(0, 200)
  const message = `the column "${name}" is of type ${type.title} and cannot hold ${shown} without loss`
  return new PolylogError('foreign_model_violation', message, { detail: { column: name, mongoCode: 121 } })
}

/** `undefined`: not without loss. */
export function exactSql(value: BsonValue, declared: SqlType): SqlValue | undefined {
  if (value.isNullish) return null
  const type = declared.base ?? declared
  if (value.isNumber) return exactNumber(value, type)
  if (type.made?.content.kind === 'enum' && value.type === bsonType.string) return exactLabel(readString(value), type)
  switch (builtInName(type)) {
    case 'bool':
      return value.type === bsonType.boolean ? readBoolean(value) : undefined
    case 'text':
    case 'varchar':
    case 'bpchar':
    case 'name':
      return value.type === bsonType.string ? exactText(readString(value)) : undefined
    case 'bytea':
      return exactBytes(value)
    case 'uuid':
      return exactUuid(value)
    case 'json':
    case 'jsonb':
      return exactJson(value)
    case 'date':
      return value.type === bsonType.date ? exactDay(readInt64(value)) : undefined
    case 'timestamp':
    case 'timestamptz':
      return value.type === bsonType.date ? exactTimestamp(readInt64(value)) : undefined
    default:
      return undefined
  }
}

function exactLabel(label: string, type: SqlType): string | undefined {
  const { content } = type.made!
  const isMember = content.kind === 'enum' && content.members.some((member) => member.label === label)
  return isMember && type.element === undefined ? (type.parseText(label) as string) : undefined
}

/** SQL's text has no NUL. */
function exactText(text: string): string | undefined {
  return text.includes('\0') ? undefined : text
}

function exactNumber(value: BsonValue, type: SqlType): SqlValue | undefined {
  switch (builtInName(type)) {
    case 'int2':
      return exactInteger(value, 16)
    case 'int4':
      return exactInteger(value, 32)
    case 'int8': {
      const integer = integerOf(value)
      return integer !== undefined && BigInt.asIntN(64, integer) === integer ? integer : undefined
    }
    case 'float8': {
      const double = toDouble(value)
      const isExact = value.type === bsonType.double || Decimal.fromDoubleExact(double).compare(toDecimal(value)) === 0
      return isExact ? double : undefined
    }
    case 'float4': {
      const double = toDouble(value)
      return Object.is(Math.fround(double), double) && exactDouble(value, double) ? double : undefined
    }
    case 'numeric':
      return value.type === bsonType.double ? exactDecimal(toDouble(value)) : toDecimal(value)
    case 'json':
    case 'jsonb':
      return exactJson(value)
    default:
      return undefined
  }
}

function exactDouble(value: BsonValue, double: number): boolean {
  return value.type === bsonType.double || Decimal.fromDoubleExact(double).compare(toDecimal(value)) === 0
}

function exactInteger(value: BsonValue, bits: number): number | undefined {
  const integer = integerOf(value)
  return integer !== undefined && BigInt.asIntN(bits, integer) === integer ? Number(integer) : undefined
}

/** The value, where it is a whole number: drivers send large ones as doubles. */
function integerOf(value: BsonValue): bigint | undefined {
  const number = readNumber(value)
  if (typeof number === 'bigint') return number
  if (typeof number === 'number') return Number.isInteger(number) && !Object.is(number, -0) ? BigInt(number) : undefined
  const whole = number.normalize()
  return whole.isFinite && whole.scale === 0 ? whole.coefficient : undefined
}

/** 10.5 is 10.5; 0.1 is not a double, so it must come as a decimal. */
function exactDecimal(value: number): Decimal | undefined {
  const shortest = Decimal.fromDouble(value)
  return Decimal.fromDoubleExact(value).compare(shortest) === 0 ? shortest : undefined
}

function exactBytes(value: BsonValue): Uint8Array | undefined {
  if (value.type !== bsonType.binary) return undefined
  const { subtype, bytes } = readBinary(value)
  return subtype === 0 ? bytes.slice() : undefined
}

function exactUuid(value: BsonValue): string | undefined {
  if (value.type !== bsonType.binary) return undefined
  const { subtype, bytes } = readBinary(value)
  if (subtype !== 4 || bytes.length !== 16) return undefined
  return toHex(bytes, 0, 16).replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
}

function exactJson(value: BsonValue): string | undefined {
  const node = bsonToJson(value)
  return node === undefined ? undefined : formatJsonb(node)
}

function exactDay(ms: bigint): number | undefined {
  return ms % msPerDay === 0n && ms >= firstTimestampMs && ms < timestampEndMs ? Number(ms / msPerDay) : undefined
}

function exactTimestamp(ms: bigint): bigint | undefined {
  return ms >= firstTimestampMs && ms < timestampEndMs ? ms * usPerMs : undefined
}
