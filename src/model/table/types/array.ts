/**
 * Arrays of every type: the array type is made from its element's.
 *
 * Stored: dimensions u8 · each one's length, varint · each element: 00 for NULL, else varint of its bytes + 1 and its
 * stored form. An empty array has no dimensions.
 * On the wire: dimensions i32 · has nulls i32 · element OID u32 · (length i32 · lower bound i32)* · (bytes i32 or -1 ·
 * element)*.
 */
import { ByteReader, ByteWriter } from '../../../base/bytes.ts'
import { charge } from '../../../base/work.ts'
import type { KeyWriter } from '../../../base/tuple.ts'
import { formatArray, maxArrayDimensions, parseArray } from './array-text.ts'
import { invalidBinary, sqlError, type SqlType } from './type.ts'
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
    parseText: (text, modifier = -1) => parseArray(text, (part) => element.parseText(part, modifier)),
    formatText: (value) => formatArray(value as Values, (one) => element.formatText(one)),
    encodeBinary: (value, writer) => encodeArray(element, value as Values, writer),
    decodeBinary: (bytes, start, end) => decodeArray(element, new ByteReader(bytes, start, end)),
    compare: (a, b) => compareArrays(element, a as Values, b as Values),
    writeKey: (value, writer) => writeArrayKey(element, value as Values, writer),
    writeStored: (value, writer) => writeStoredArray(element, value as Values, writer),
    readStored: (bytes, start, end) => readStoredArray(element, new ByteReader(bytes, start, end)),
    coerce: (value, modifier, explicit) =>
      modifier < 0 ? value : mapElements(value as Values, (one) => element.coerce(one, modifier, explicit)),
    modifierOf: (parameters) => element.modifierOf(parameters),
    formatModifier: (modifier) => element.formatModifier(modifier),
  }
}

function mapElements(values: Values, map: (value: SqlValue) => SqlValue): Values {
  return values.map((value) => (value === null ? null : Array.isArray(value) ? mapElements(value, map) : map(value)))
}

/** Length of each dimension; none for an empty array. */
export function arrayDimensions(values: Values): number[] {
  const dimensions: number[] = []
  for (let level: SqlValue = values; Array.isArray(level) && level.length > 0; level = (level as Values)[0]!) {
    dimensions.push(level.length)
  }
  return dimensions
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
  return left.length - right.length || arrayDimensions(a).length - arrayDimensions(b).length
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
  writer.int64(arrayDimensions(values).length)
}

const scratch = new ByteWriter(64)

function writeStoredArray(element: SqlType, values: Values, writer: ByteWriter): void {
  const flat = beginStored(values, writer)
  for (let i = 0; i < flat.length; i++) writeStoredElement(element, flat[i]!, writer)
}

/** Writes the dimensions; what has to follow. */
function beginStored(values: Values, writer: ByteWriter): Values {
  const dimensions = arrayDimensions(values)
  writer.u8(dimensions.length)
  for (const length of dimensions) writer.varint(length)
  return flatElements(values)
}

function writeStoredElement(element: SqlType, value: SqlValue, writer: ByteWriter): void {
  const { storedBytes } = element
  if (value === null) writer.u8(0)
  else if (storedBytes > 0) {
    writer.u8(storedBytes + 1)
    element.writeStored(value, writer)
  } else {
    scratch.reset()
    element.writeStored(value, scratch)
    writer.varint(scratch.end + 1)
    writer.copy(scratch.bytes, 0, scratch.end)
  }
}

function readStoredArray(element: SqlType, reader: ByteReader): Values {
  const dimensions = readStoredDimensions(reader)
  return readLevel(dimensions, 0, () => readStoredElement(element, reader))
}

function readStoredDimensions(reader: ByteReader): number[] {
  return Array.from({ length: reader.u8() }, () => reader.varint())
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
export function isLargeArray(values: Values): boolean {
  if (values.length > manyElements) return true
  let size = 0
  for (const value of values) {
    if (typeof value === 'string' || value instanceof Uint8Array) size += value.length
    else if (Array.isArray(value) && isLargeArray(value as Values)) return true
  }
  return size > manyBytes || (Array.isArray(values[0]) && flatElements(values).length > manyElements)
}

/** The stored form of a large array: `step` writes some of its elements, and answers whether that was all. */
export class ArrayStoring {
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

/** The other way round, of bytes that stay as they are. */
export class ArrayReading {
  readonly #element: SqlType
  readonly #reader: ByteReader
  readonly #dimensions: readonly number[]
  readonly #count: number
  readonly #flat: SqlValue[] = []

  constructor(element: SqlType, bytes: Uint8Array, start: number, end: number) {
    this.#element = element
    this.#reader = new ByteReader(bytes, start, end)
    this.#dimensions = readStoredDimensions(this.#reader)
    this.#count = this.#dimensions.reduce((product, length) => product * length, this.#dimensions.length === 0 ? 0 : 1)
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
    if (this.#dimensions.length <= 1) return this.#flat
    let at = 0
    return readLevel(this.#dimensions, 0, () => this.#flat[at++]!)
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
  writer.u32be(element.oid)
  for (const length of dimensions) {
    writer.i32be(length)
    writer.i32be(1)
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
  if (oid !== element.oid) {
    throw sqlError(
      'wrong_type',
      '42804',
      `binary data has array element type ${oid} instead of expected ${element.oid}`,
    )
  }
  const dimensions = readDimensions(reader, count, title)
  const values = readLevel(dimensions, 0, () => decodeElement(element, reader, title))
  if (reader.remaining > 0) throw invalidBinary(title)
  return values
}

/** Every element takes four bytes at least, so that the product cannot exceed what was sent. */
function readDimensions(reader: ByteReader, count: number, title: string): number[] {
  if (reader.remaining < count * 8) throw invalidBinary(title)
  const dimensions: number[] = []
  let elements = 1
  for (let i = 0; i < count; i++) {
    const length = reader.i32be()
    const lowerBound = reader.i32be()
    if (lowerBound !== 1 && length > 0) {
      throw sqlError('unsupported', '0A000', `array lower bound ${lowerBound} is not supported: arrays begin at 1`)
    }
    elements *= length
    if (length < 0 || elements * 4 > reader.remaining) throw invalidBinary(title)
    dimensions.push(length)
  }
  return elements === 0 ? [] : dimensions
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
