/**
 * Arrays of every type: the array type is made from its element's.
 *
 * Stored: dimensions u8, + 80 where one does not begin at 1 · each one's length, varint · then, each one's lower bound,
 * i32 · each element: 00 for NULL, else varint of its bytes + 1 and its stored form. An empty array has no dimensions.
 * On the wire: dimensions i32 · has nulls i32 · element OID u32 · (length i32 · lower bound i32)* · (bytes i32 or -1 ·
 * element)*.
 */
import { ByteReader, ByteWriter } from '../../../base/bytes.ts'
import { charge } from '../../../base/work.ts'
import type { KeyWriter } from '../../../base/tuple.ts'
import { Decimal } from '../../../base/decimal.ts'
import { BoundedArray, lowerBoundsOf, shapedAs, withBounds } from './array-bounds.ts'
import { formatArray, listDimensions, maxArrayDimensions, parseArray } from './array-text.ts'
import { invalidBinary, type ReadingInTurns, sqlError, type SqlType, type StoringInTurns } from './type.ts'
import type { SqlValue } from './value.ts'

type Values = readonly SqlValue[]

export function arrayTypeOf(element: SqlType): SqlType {
  return {
    oid: element.arrayOid,
    name: `_${element.name}`,
    title: `${element.title}[]`,
    arrayOid: 0,
    element,
    category: 'A',
    lengthBytes: -1,
    storage: 'variable',
    storedBytes: 0,
    isOrdered: element.isOrdered,
    parseText: (text, modifier = -1) =>
      parseArray(text, (part) => element.parseText(part, modifier), element.arrayDelimiter),
    formatText: (value) => formatArray(value as Values, (one) => element.formatText(one), element.arrayDelimiter),
    encodeBinary: (value, writer) => encodeArray(element, value as Values, writer),
    decodeBinary: (bytes, start, end) => decodeArray(element, new ByteReader(bytes, start, end)),
    compare: (a, b) => compareArrays(element, a as Values, b as Values),
    writeKey: (value, writer) => writeArrayKey(element, value as Values, writer),
    writeStored: (value, writer) => writeStoredArray(element, value as Values, writer),
    readStored: (bytes, start, end) => readStoredArray(element, new ByteReader(bytes, start, end)),
    inTurns: {
      isLarge: (value) => isLargeArray(value as Values),
      beginStoring: (value) => new ArrayStoring(element, value as Values),
      beginReading: (stored) => new ArrayReading(element, stored),
    },
    coerce: (value, modifier, explicit) =>
      modifier < 0 ? value : mapElements(value as Values, (one) => element.coerce(one, modifier, explicit)),
    modifierOf: (parameters) => element.modifierOf(parameters),
    formatModifier: (modifier) => element.formatModifier(modifier),
  }
}

/** Another array of the same shape; a null stays one. */
export function mapElements(values: Values, map: (value: SqlValue) => SqlValue): Values {
  const mapped = values.map((value) => {
    return value === null ? null : Array.isArray(value) ? mapElements(value, map) : map(value)
  })
  return shapedAs(values, mapped)
}

/** Length of each dimension; none for an empty array. */
export const arrayDimensions: (values: Values) => number[] = listDimensions

/** Its elements, in rows of these dimensions. */
export function shapeElements(flat: Values, dimensions: readonly number[], lowerBounds?: readonly number[]): Values {
  if (flat.length === 0) return []
  let at = 0
  const values = dimensions.length <= 1 ? flat : readLevel(dimensions, 0, () => flat[at++]!)
  return lowerBounds === undefined ? values : withBounds(values, lowerBounds)
}

/** Elements of an array of any number of dimensions: itself where it has one. */
export function flatElements(values: Values): Values {
  if (!values.some(Array.isArray)) return values
  return values.flatMap((value) => (Array.isArray(value) ? flatElements(value as Values) : [value]))
}

function compareArrays(element: SqlType, a: Values, b: Values): number {
  const left = flatElements(a)
  const right = flatElements(b)
  const common = Math.min(left.length, right.length)
  for (let i = 0; i < common; i++) {
    const difference = compareElements(element, left[i]!, right[i]!)
    if (i % elementsAtOnce === elementsAtOnce - 1) charge(elementsAtOnce * unitsPerCompared)
    if (difference !== 0) return difference
  }
  return left.length - right.length || compareBounds(a, b)
}

/** By the number of dimensions; those that begin at 1 are before others. */
function compareBounds(a: Values, b: Values): number {
  const [own, other] = [arrayDimensions(a), arrayDimensions(b)]
  const isBounded = Number(a instanceof BoundedArray) - Number(b instanceof BoundedArray)
  if (isBounded !== 0 || own.length !== other.length) return isBounded || own.length - other.length
  const [from, to] = [lowerBoundsOf(a, own), lowerBoundsOf(b, other)]
  for (let i = 0; i < from.length; i++) if (from[i] !== to[i]) return from[i]! - to[i]!
  return 0
}

const unitsPerCompared = 25

function compareElements(element: SqlType, a: SqlValue, b: SqlValue): number {
  if (a === null || b === null) return Number(a === null) - Number(b === null)
  return element.compare(a, b)
}

function writeArrayKey(element: SqlType, values: Values, writer: KeyWriter): void {
  writer.beginArray()
  for (const value of flatElements(values)) {
    if (value === null) writer.nullLast()
    else element.writeKey(value, writer)
  }
  writer.endNested()
  const dimensions = arrayDimensions(values)
  if (!(values instanceof BoundedArray)) writer.int64(dimensions.length)
  else writer.numberDecimal(boundsAsNumber(lowerBoundsOf(values, dimensions)))
}

/** Ten digits behind the point for each bound: above every number of dimensions as it is written of plain lists. */
function boundsAsNumber(lowerBounds: readonly number[]): Decimal {
  let digits = BigInt(lowerBounds.length)
  for (const bound of lowerBounds) digits = digits * 10_000_000_000n + BigInt(bound)
  return Decimal.of(digits, 10 * lowerBounds.length)
}

/** One for each array within an array that is being written: a row in an array may hold arrays. */
const scratches: ByteWriter[] = []
let depth = 0

function writeStoredArray(element: SqlType, values: Values, writer: ByteWriter): void {
  const flat = beginStored(values, writer)
  for (let i = 0; i < flat.length; i++) writeStoredElement(element, flat[i]!, writer)
}

/** Writes the dimensions; what has to follow. */
function beginStored(values: Values, writer: ByteWriter): Values {
  const dimensions = arrayDimensions(values)
  const isBounded = values instanceof BoundedArray
  writer.u8(dimensions.length | (isBounded ? hasBounds : 0))
  for (const length of dimensions) writer.varint(length)
  if (isBounded) for (const bound of lowerBoundsOf(values, dimensions)) writer.i32le(bound)
  return flatElements(values)
}

function writeStoredElement(element: SqlType, value: SqlValue, writer: ByteWriter): void {
  const { storedBytes } = element
  if (value === null) writer.u8(0)
  else if (storedBytes > 0) {
    writer.u8(storedBytes + 1)
    element.writeStored(value, writer)
  } else {
    const scratch = (scratches[depth++] ??= new ByteWriter(64))
    scratch.reset()
    try {
      element.writeStored(value, scratch)
    } finally {
      depth--
    }
    writer.varint(scratch.end + 1)
    writer.copy(scratch.bytes, 0, scratch.end)
  }
}

function readStoredArray(element: SqlType, reader: ByteReader): Values {
  const { dimensions, lowerBounds } = readStoredShape(reader)
  const values = readLevel(dimensions, 0, () => readStoredElement(element, reader))
  return lowerBounds === undefined ? values : withBounds(values, lowerBounds)
}

/** In the byte that counts the dimensions. */
const hasBounds = 0x80

interface Shape {
  readonly dimensions: readonly number[]
  readonly lowerBounds: readonly number[] | undefined
}

function readStoredShape(reader: ByteReader): Shape {
  const first = reader.u8()
  const length = first & ~hasBounds
  const dimensions = Array.from({ length }, () => reader.varint())
  const isBounded = (first & hasBounds) !== 0
  return { dimensions, lowerBounds: isBounded ? Array.from({ length }, () => reader.i32le()) : undefined }
}

function readStoredElement(element: SqlType, reader: ByteReader): SqlValue {
  const size = reader.varint()
  if (size === 0) return null
  const { at } = reader
  reader.skip(size - 1)
  return element.readStored(reader.bytes, at, reader.at)
}

/** From here on an array is read and written some elements a turn. */
const manyElements = 4096
const elementsAtOnce = 256
export const manyBytes: number = 64 * 1024
/** Of an element of a known size, and of others: a text, a numeric. */
const unitsPerPlain = 30
const unitsPerOther = 150

function chargeElements(element: SqlType, count: number, bytes: number): void {
  charge(count * (element.storedBytes > 0 ? unitsPerPlain : unitsPerOther) + bytes)
}

/** Whether writing it takes more than a part of a turn. */
function isLargeArray(values: Values): boolean {
  if (values.length > manyElements) return true
  let size = 0
  for (const value of values) {
    if (typeof value === 'string' || value instanceof Uint8Array) size += value.length
    else if (Array.isArray(value) && isLargeArray(value as Values)) return true
  }
  return size > manyBytes || (Array.isArray(values[0]) && flatElements(values).length > manyElements)
}

/** The stored form of a large array. */
class ArrayStoring implements StoringInTurns {
  readonly writer: ByteWriter
  readonly #element: SqlType
  readonly #flat: Values
  #at = 0

  constructor(element: SqlType, values: Values) {
    this.#element = element
    this.writer = new ByteWriter(64 * 1024)
    this.#flat = beginStored(values, this.writer)
  }

  step(): boolean {
    const [begun, from] = [this.#at, this.writer.end]
    const end = Math.min(this.#flat.length, begun + elementsAtOnce)
    while (this.#at < end && this.writer.end - from < manyBytes) {
      writeStoredElement(this.#element, this.#flat[this.#at++]!, this.writer)
    }
    chargeElements(this.#element, this.#at - begun, this.writer.end - from)
    return this.#at === this.#flat.length
  }
}

class ArrayReading implements ReadingInTurns {
  readonly #element: SqlType
  readonly #reader: ByteReader
  readonly #shape: Shape
  readonly #count: number
  readonly #flat: SqlValue[] = []

  constructor(element: SqlType, stored: Uint8Array) {
    this.#element = element
    this.#reader = new ByteReader(stored, 0, stored.length)
    this.#shape = readStoredShape(this.#reader)
    const { dimensions } = this.#shape
    this.#count = dimensions.reduce((product, length) => product * length, dimensions.length === 0 ? 0 : 1)
  }

  step(): boolean {
    const [begun, from] = [this.#flat.length, this.#reader.at]
    const end = Math.min(this.#count, begun + elementsAtOnce)
    while (this.#flat.length < end && this.#reader.at - from < manyBytes) {
      this.#flat.push(readStoredElement(this.#element, this.#reader))
    }
    chargeElements(this.#element, this.#flat.length - begun, this.#reader.at - from)
    return this.#flat.length === this.#count
  }

  get result(): Values {
    return shapeElements(this.#flat, this.#shape.dimensions, this.#shape.lowerBounds)
  }
}

function readLevel(dimensions: readonly number[], level: number, read: () => SqlValue): Values {
  const length = dimensions[level]
  if (length === undefined) return []
  const isInnermost = level === dimensions.length - 1
  const values: SqlValue[] = []
  for (let i = 0; i < length; i++) values.push(isInnermost ? read() : readLevel(dimensions, level + 1, read))
  return values
}

/** What stands before the elements of an array in PostgreSQL's binary format; those, to be written behind it. */
export function beginBinaryArray(element: SqlType, values: Values, writer: ByteWriter): Values {
  const dimensions = arrayDimensions(values)
  const flat = flatElements(values)
  writer.i32be(dimensions.length)
  writer.i32be(flat.includes(null) ? 1 : 0)
  writer.u32be(element.catalogOid ?? element.oid)
  const lowerBounds = lowerBoundsOf(values, dimensions)
  for (const [i, length] of dimensions.entries()) {
    writer.i32be(length)
    writer.i32be(lowerBounds[i]!)
  }
  return flat
}

function encodeArray(element: SqlType, values: Values, writer: ByteWriter): void {
  for (const value of beginBinaryArray(element, values, writer)) {
    const mark = writer.end
    writer.i32be(-1)
    if (value === null) continue
    element.encodeBinary(value, writer)
    writer.setU32be(mark, writer.end - mark - 4)
  }
}

function decodeArray(element: SqlType, reader: ByteReader): Values {
  const title = `${element.title}[]`
  if (reader.remaining < 12) throw invalidBinary(title)
  const count = reader.i32be()
  if (count < 0 || count > maxArrayDimensions) {
    throw sqlError('invalid_argument', '22P03', `invalid number of dimensions: ${count}`)
  }
  reader.i32be()
  const oid = reader.u32be()
  const wanted = element.catalogOid ?? element.oid
  if (oid !== wanted) {
    throw sqlError('wrong_type', '42804', `binary data has array element type ${oid} instead of expected ${wanted}`)
  }
  const { dimensions, lowerBounds } = readShape(reader, count, title)
  const values = readLevel(dimensions, 0, () => decodeElement(element, reader, title))
  if (reader.remaining > 0) throw invalidBinary(title)
  return withBounds(values, lowerBounds)
}

/** Every element takes four bytes at least, so that the product cannot exceed what was sent. */
function readShape(reader: ByteReader, count: number, title: string): Required<Shape> & { lowerBounds: number[] } {
  if (reader.remaining < count * 8) throw invalidBinary(title)
  const dimensions: number[] = []
  const lowerBounds: number[] = []
  let elements = 1
  for (let i = 0; i < count; i++) {
    const length = reader.i32be()
    const lower = reader.i32be()
    elements *= length
    if (length < 0 || elements * 4 > reader.remaining) throw invalidBinary(title)
    if (lower + length - 1 > 0x7fff_ffff) {
      throw sqlError('too_large', '54000', `array lower bound is too large: ${lower}`)
    }
    dimensions.push(length)
    lowerBounds.push(lower)
  }
  return elements === 0 ? { dimensions: [], lowerBounds: [] } : { dimensions, lowerBounds }
}

function decodeElement(element: SqlType, reader: ByteReader, title: string): SqlValue {
  if (reader.remaining < 4) throw invalidBinary(title)
  const size = reader.i32be()
  if (size === -1) return null
  if (size < 0 || size > reader.remaining) throw invalidBinary(title)
  const at = reader.at
  reader.skip(size)
  return element.decodeBinary(reader.bytes, at, reader.at)
}
