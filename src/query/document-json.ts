/**
 * Documents as jsonb and back (`docs/values.md`).
 *
 * Numbers of all four types are JSON numbers, exact; what JSON cannot say is an object with one `$` name, as relaxed
 * Extended JSON has it: `{"$oid": "…"}`, `{"$date": "…"}`, `{"$binary": {…}}`, `{"$numberDouble": "NaN"}`.
 */
import { Decimal } from '../base/decimal.ts'
import { BsonWriter, indexName } from '../model/document/bson-writer.ts'
import { bsonType, BsonValue, elementsOf, fieldsOf, FieldCursor, getField, valueEnd } from '../model/document/bson.ts'
import { isoDate } from '../model/document/calendar.ts'
import { encodeDecimal128 } from '../model/document/decimal128.ts'
import {
  booleanValue,
  doubleValue,
  int32Value,
  int64Value,
  nullValue,
  readBinary,
  readBoolean,
  readDouble,
  readInt64,
  readNumber,
  readRegex,
  readString,
  stringValue,
  toDecimal,
  toHex,
} from '../model/document/values.ts'
import { formatJsonb, parseJson, type JsonNode } from '../model/table/types/json.ts'

/** jsonb's canonical text. */
export function documentToJsonb(value: BsonValue): string {
  return formatJsonb(toJsonNode(value))
}

function toJsonNode(value: BsonValue): JsonNode {
  switch (value.type) {
    case bsonType.object:
      return objectNode(value)
    case bsonType.array:
      return elementsOf(value).map(toJsonNode)
    case bsonType.string:
      return readString(value)
    case bsonType.boolean:
      return readBoolean(value)
    case bsonType.null:
    case bsonType.missing:
      return null
    case bsonType.int32:
    case bsonType.int64:
    case bsonType.double:
    case bsonType.decimal:
      return numberNode(value)
    default:
      return extendedNode(value)
  }
}

/** The first of equal names counts. */
function objectNode(value: BsonValue): JsonNode {
  const members = new Map<string, JsonNode>()
  const cursor = FieldCursor.of(value)
  while (cursor.next()) if (!members.has(cursor.name)) members.set(cursor.name, toJsonNode(cursor.value.reference()))
  return members
}

function numberNode(value: BsonValue): JsonNode {
  const number = readNumber(value)
  if (typeof number === 'number' && !Number.isFinite(number)) return member('$numberDouble', specialName(number))
  if (typeof number === 'object' && !number.isFinite) return member('$numberDecimal', number.toString())
  return toDecimal(value)
}

function specialName(number: number): string {
  return Number.isNaN(number) ? 'NaN' : number > 0 ? 'Infinity' : '-Infinity'
}

function member(name: string, value: JsonNode): JsonNode {
  return new Map([[name, value]])
}

function extendedNode(value: BsonValue): JsonNode {
  const { bytes, start, end } = value
  switch (value.type) {
    case bsonType.objectId:
      return member('$oid', toHex(bytes, start, end))
    case bsonType.date:
      return dateNode(readInt64(value))
    case bsonType.binary: {
      const { subtype, bytes: content } = readBinary(value)
      const parts = [
        ['base64', Buffer.from(content).toString('base64')],
        ['subType', toHex(new Uint8Array([subtype]), 0, 1)],
      ] as const
      return member('$binary', new Map(parts))
    }
    case bsonType.regex: {
      const { pattern, options } = readRegex(value)
      return member('$regularExpression', new Map(Object.entries({ pattern, options })))
    }
    case bsonType.timestamp: {
      const stamp = BigInt.asUintN(64, readInt64(value))
      const parts = { t: Decimal.of(stamp >> 32n), i: Decimal.of(stamp & 0xffff_ffffn) }
      return member('$timestamp', new Map(Object.entries(parts)))
    }
    case bsonType.symbol:
      return member('$symbol', readString(value))
    case bsonType.code:
      return member('$code', readString(value))
    default:
      return rareNode(value)
  }
}

function rareNode(value: BsonValue): JsonNode {
  const { bytes, start, end } = value
  switch (value.type) {
    case bsonType.minKey:
      return member('$minKey', Decimal.of(1n))
    case bsonType.maxKey:
      return member('$maxKey', Decimal.of(1n))
    case bsonType.codeWithScope: {
      const codeEnd = valueEnd(bytes, bsonType.string, start + 4)
      const code = readString(new BsonValue(bsonType.code, bytes, start + 4, codeEnd))
      const scope = toJsonNode(new BsonValue(bsonType.object, bytes, codeEnd, end))
      return new Map<string, JsonNode>([
        ['$code', code],
        ['$scope', scope],
      ])
    }
    case bsonType.dbPointer: {
      const name = readString(new BsonValue(bsonType.string, bytes, start, end - 12))
      const parts: [string, JsonNode][] = [
        ['$ref', name],
        ['$id', member('$oid', toHex(bytes, end - 12, end))],
      ]
      return member('$dbPointer', new Map(parts))
    }
    default:
      return member('$undefined', true)
  }
}

/** Years 1970–9999 as text, others as a number of milliseconds: so says Extended JSON. */
function dateNode(ms: bigint): JsonNode {
  if (ms < 0n || ms > 253_402_300_799_999n) return member('$date', member('$numberLong', ms.toString()))
  return member('$date', isoDate(ms).replace('.000Z', 'Z'))
}

/** A jsonb column's value as a document's field. `$` names stay names: nothing is guessed to be Extended JSON. */
export function jsonToBson(text: string): BsonValue {
  return fromJsonNode(parseJson(text))
}

function fromJsonNode(node: JsonNode): BsonValue {
  if (node === null) return nullValue
  if (typeof node === 'boolean') return booleanValue(node)
  if (typeof node === 'string') return stringValue(node)
  if (node instanceof Decimal) return jsonNumber(node)
  const writer = new BsonWriter().begin()
  if (Array.isArray(node)) {
    for (const [i, element] of (node as readonly JsonNode[]).entries())
      writer.value(indexName(i), fromJsonNode(element))
    return new BsonValue(bsonType.array, writer.end().toBytes())
  }
  for (const [name, value] of node as ReadonlyMap<string, JsonNode>) writer.value(name, fromJsonNode(value))
  return new BsonValue(bsonType.object, writer.end().toBytes())
}

/** Integers in the narrowest type; a fraction as a double where the double shows the same digits, else as a decimal. */
function jsonNumber(number: Decimal): BsonValue {
  if (number.scale === 0) {
    if (BigInt.asIntN(32, number.coefficient) === number.coefficient) return int32Value(Number(number.coefficient))
    if (BigInt.asIntN(64, number.coefficient) === number.coefficient) return int64Value(number.coefficient)
  }
  const nearest = number.toNumber()
  if (Number.isFinite(nearest) && Decimal.fromDouble(nearest).compare(number) === 0) return doubleValue(nearest)
  try {
    return new BsonValue(bsonType.decimal, encodeDecimal128(number, true))
  } catch {
    return stringValue(number.toString())
  }
}

/** The other direction, for writing a field into a jsonb column; `undefined` where JSON would lose the value's type. */
export function bsonToJson(value: BsonValue): JsonNode | undefined {
  return isPlainJson(value) ? toJsonNode(value) : undefined
}

function isPlainJson(value: BsonValue): boolean {
  switch (value.type) {
    case bsonType.object:
      return fieldsOf(value).every(
        ([name, field]) => isPlainJson(field) && getField(value, name)?.start === field.start,
      )
    case bsonType.array:
      return elementsOf(value).every(isPlainJson)
    case bsonType.string:
    case bsonType.boolean:
    case bsonType.null:
    case bsonType.int32:
    case bsonType.int64:
      return true
    case bsonType.double:
      return Number.isFinite(readDouble(value))
    case bsonType.decimal:
      return toDecimal(value).isFinite
    default:
      return false
  }
}
