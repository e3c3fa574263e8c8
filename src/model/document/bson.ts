/**
 * BSON read in place: a document is stored, filtered, indexed and sent as the bytes that the client gave, and a value is
 * a type and a run of them. Nothing is decoded to a JavaScript object, so 1, 1.0, Long(1) and Decimal(1.0) stay what
 * they are, and `__proto__` is a name like any other.
 *
 *   document := size i32 le, element*, 00          size counts itself and the 00
 *   element  := type u8, name cstring, value
 *
 * | type | value                                  | type | value                                    |
 * |------|----------------------------------------|------|------------------------------------------|
 * | 01   | double, 8 bytes                        | 0B   | regex: pattern cstring, options cstring  |
 * | 02   | string: size i32, UTF-8, 00            | 0C   | DBPointer: string, 12 bytes              |
 * | 03   | document                               | 0D   | code: as string                          |
 * | 04   | array: document named "0", "1" …       | 0E   | symbol: as string                        |
 * | 05   | binary: size i32, subtype u8, bytes    | 0F   | code with scope: size, string, document  |
 * | 06   | undefined, 0 bytes                     | 10   | int32                                    |
 * | 07   | ObjectId, 12 bytes                     | 11   | timestamp: counter u32, seconds u32      |
 * | 08   | boolean, 1 byte                        | 12   | int64                                    |
 * | 09   | date: ms i64                           | 13   | decimal128, 16 bytes                     |
 * | 0A   | null                                   | 7F/FF| MaxKey / MinKey                          |
 *
 * Invariants: functions here trust their input, which `validate.ts` has checked when it came in. Where a document names a
 * field twice, the first one counts, everywhere.
 */
import { charge } from '../../base/work.ts'
import type { Slice } from '../../base/slice.ts'
import { mongoCode, mongoError } from './mongo-error.ts'
import { decodeName } from './names.ts'

export const bsonType = {
  missing: 0x00,
  double: 0x01,
  string: 0x02,
  object: 0x03,
  array: 0x04,
  binary: 0x05,
  undefined: 0x06,
  objectId: 0x07,
  boolean: 0x08,
  date: 0x09,
  null: 0x0a,
  regex: 0x0b,
  dbPointer: 0x0c,
  code: 0x0d,
  symbol: 0x0e,
  codeWithScope: 0x0f,
  int32: 0x10,
  timestamp: 0x11,
  int64: 0x12,
  decimal: 0x13,
  maxKey: 0x7f,
  minKey: 0xff,
} as const

/** Names that `$type` and the catalog use. */
export const bsonTypeNames: ReadonlyMap<number, string> = new Map<number, string>([
  [bsonType.double, 'double'],
  [bsonType.string, 'string'],
  [bsonType.object, 'object'],
  [bsonType.array, 'array'],
  [bsonType.binary, 'binData'],
  [bsonType.undefined, 'undefined'],
  [bsonType.objectId, 'objectId'],
  [bsonType.boolean, 'bool'],
  [bsonType.date, 'date'],
  [bsonType.null, 'null'],
  [bsonType.regex, 'regex'],
  [bsonType.dbPointer, 'dbPointer'],
  [bsonType.code, 'javascript'],
  [bsonType.symbol, 'symbol'],
  [bsonType.codeWithScope, 'javascriptWithScope'],
  [bsonType.int32, 'int'],
  [bsonType.timestamp, 'timestamp'],
  [bsonType.int64, 'long'],
  [bsonType.decimal, 'decimal'],
  [bsonType.minKey, 'minKey'],
  [bsonType.maxKey, 'maxKey'],
])

export function bsonTypeName(type: number): string {
  return bsonTypeNames.get(type) ?? 'missing'
}

/** A value where it lies. `type` 0 is a missing one. Loops move one instance along; `copy` what must stay. */
export class BsonValue implements Slice {
  type: number
  bytes: Uint8Array
  start: number
  end: number

  constructor(type: number = bsonType.missing, bytes: Uint8Array = noBytes, start = 0, end: number = bytes.length) {
    this.type = type
    this.bytes = bytes
    this.start = start
    this.end = end
  }

  set(type: number, bytes: Uint8Array, start: number, end: number): this {
    this.type = type
    this.bytes = bytes
    this.start = start
    this.end = end
    return this
  }

  setTo(other: BsonValue): this {
    return this.set(other.type, other.bytes, other.start, other.end)
  }

  /** Another reference to the same bytes. */
  reference(): BsonValue {
    return new BsonValue(this.type, this.bytes, this.start, this.end)
  }

  /** The same value in memory of its own. */
  copy(): BsonValue {
    const bytes = new Uint8Array(this.end - this.start)
    bytes.set(this.bytes.subarray(this.start, this.end))
    return new BsonValue(this.type, bytes)
  }

  get isMissing(): boolean {
    return this.type === bsonType.missing
  }

  get isNumber(): boolean {
    return isNumberType(this.type)
  }

  get isNullish(): boolean {
    return this.type === bsonType.null || this.type === bsonType.missing || this.type === bsonType.undefined
  }
}

const noBytes = new Uint8Array(0)

export function documentValue(bytes: Uint8Array, start = 0): BsonValue {
  return new BsonValue(bsonType.object, bytes, start, start + readInt32(bytes, start))
}

function isNumberType(type: number): boolean {
  return type === bsonType.int32 || type === bsonType.double || type === bsonType.int64 || type === bsonType.decimal
}

export function isNestedType(type: number): boolean {
  return type === bsonType.object || type === bsonType.array
}

export function readInt32(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)
}

/** Where the value of `type` that begins at `start` ends. */
export function valueEnd(bytes: Uint8Array, type: number, start: number): number {
  switch (type) {
    case bsonType.double:
    case bsonType.date:
    case bsonType.timestamp:
    case bsonType.int64:
      return start + 8
    case bsonType.int32:
      return start + 4
    case bsonType.string:
    case bsonType.code:
    case bsonType.symbol:
      return start + 4 + readInt32(bytes, start)
    case bsonType.object:
    case bsonType.array:
    case bsonType.codeWithScope:
      return start + readInt32(bytes, start)
    case bsonType.binary:
      return start + 5 + readInt32(bytes, start)
    case bsonType.objectId:
      return start + 12
    case bsonType.boolean:
      return start + 1
    case bsonType.decimal:
      return start + 16
    case bsonType.regex:
      return cstringEnd(bytes, cstringEnd(bytes, start))
    case bsonType.dbPointer:
      return start + 4 + readInt32(bytes, start) + 12
    default:
      return start
  }
}

/** The position behind the 00 that ends a cstring. */
export function cstringEnd(bytes: Uint8Array, start: number): number {
  let at = start
  while (bytes[at] !== 0) at++
  return at + 1
}

/** Of a walk, for each field. */
const unitsPerStep = 15

/** Moves `into` to a field of the document at `start`; false, and missing, where there is none. 0.06 µs near the front. */
export function findField(bytes: Uint8Array, start: number, name: Uint8Array, into: BsonValue): boolean {
  const length = name.length
  let at = start + 4
  let passed = 0
  for (;;) {
    const type = bytes[at++]!
    if (type === 0) {
      charge(unitsPerStep * passed)
      into.set(bsonType.missing, bytes, at, at)
      return false
    }
    let i = 0
    while (i < length && bytes[at + i] === name[i]) i++
    const isSame = i === length && bytes[at + i] === 0
    // A name that ran into the 00 early stops there: no byte of `name` is 00.
    at = cstringEnd(bytes, at + i)
    const end = valueEnd(bytes, type, at)
    if (isSame) {
      charge(unitsPerStep * passed)
      into.set(type, bytes, at, end)
      return true
    }
    passed++
    at = end
  }
}

/** Walks the elements of a document or array. */
export class FieldCursor {
  readonly value: BsonValue = new BsonValue()
  #bytes: Uint8Array
  #at: number
  #nameStart = 0
  #nameEnd = 0

  constructor(bytes: Uint8Array = emptyDocument, start = 0) {
    this.#bytes = bytes
    this.#at = start + 4
  }

  static of(value: Slice): FieldCursor {
    return new FieldCursor(value.bytes, value.start)
  }

  reset(bytes: Uint8Array, start: number): this {
    this.#bytes = bytes
    this.#at = start + 4
    return this
  }

  next(): boolean {
    const bytes = this.#bytes
    const type = bytes[this.#at]!
    if (type === 0) return false
    charge(unitsPerStep)
    this.#nameStart = this.#at + 1
    const start = cstringEnd(bytes, this.#nameStart)
    this.#nameEnd = start - 1
    this.#at = valueEnd(bytes, type, start)
    this.value.set(type, bytes, start, this.#at)
    return true
  }

  get name(): string {
    return decodeName(this.#bytes, this.#nameStart, this.#nameEnd)
  }

  get nameStart(): number {
    return this.#nameStart
  }

  get nameEnd(): number {
    return this.#nameEnd
  }

  /** Where the element, its type byte included, begins. */
  get elementStart(): number {
    return this.#nameStart - 1
  }
}

export const emptyDocument: Uint8Array = new Uint8Array([5, 0, 0, 0, 0])

/** The fields of a document, or of an array, with references into its bytes. For small things: commands, operators. */
export function fieldsOf(value: Slice): [string, BsonValue][] {
  requireNested(value)
  const fields: [string, BsonValue][] = []
  const cursor = FieldCursor.of(value)
  while (cursor.next()) {
    charge(2 * unitsPerElement)
    fields.push([cursor.name, cursor.value.reference()])
  }
  return fields
}

export function countFields(value: Slice): number {
  requireNested(value)
  const cursor = FieldCursor.of(value)
  let count = 0
  while (cursor.next()) count++
  return count
}

/** Of `base/work.ts`: reading one, and what is mostly done with it. */
const unitsPerElement = 60

export function elementsOf(value: Slice): BsonValue[] {
  requireNested(value)
  const elements: BsonValue[] = []
  const cursor = FieldCursor.of(value)
  while (cursor.next()) {
    charge(unitsPerElement)
    elements.push(cursor.value.reference())
  }
  return elements
}

/** An operand of another type than its reader expects is the caller's mistake, not a run of bytes to read on in. */
function requireNested(value: Slice): void {
  if (!(value instanceof BsonValue) || isNestedType(value.type)) return
  throw wrongValueType(value, 'an object or an array')
}

export function wrongValueType(value: BsonValue, wanted: string): Error {
  return mongoError(mongoCode.typeMismatch, `expected ${wanted}, found ${bsonTypeName(value.type)}`, 'wrong_type')
}

export function isEmptyDocument(value: Slice): boolean {
  return value.end - value.start <= 5
}

const nameEncoder = new TextEncoder()

/** The same few names come again and again; who reads the bytes never changes them. */
const encodedNames = new Map<string, Uint8Array>()
const mostEncodedNames = 2000
const longestEncodedName = 64

export function encodeName(name: string): Uint8Array {
  const known = encodedNames.get(name)
  if (known !== undefined) return known
  const encoded = nameEncoder.encode(name)
  if (name.length > longestEncodedName) return encoded
  if (encodedNames.size >= mostEncodedNames) encodedNames.clear()
  encodedNames.set(name, encoded)
  return encoded
}

/** A field by name, for commands; `undefined` where it is missing. */
export function getField(document: Slice, name: string): BsonValue | undefined {
  requireNested(document)
  const value = new BsonValue()
  return findField(document.bytes, document.start, encodeName(name), value) ? value : undefined
}
