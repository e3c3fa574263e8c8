/**
 * Rows whose values take long to write: a `bytea` of 15 MB, an array of 200,000 elements. They are written some of it a
 * turn, into a buffer of their own, and reach the outbox when they are whole: what leaves is whole messages, however often
 * the connection's output is flushed meanwhile, and a row that is given up half-way leaves nothing behind.
 */
import type { ByteWriter } from '../../base/bytes.ts'
import { charge, isTurnOver } from '../../base/work.ts'
import { beginBinaryArray, flatElements } from '../../model/table/types/array.ts'
import { quoteElement } from '../../model/table/types/array-text.ts'
import type { SqlType } from '../../model/table/types/type.ts'
import type { SqlValue } from '../../model/table/types/value.ts'

/** Of what is written at once. */
const pieceLength = 64 * 1024
/** Of a character or byte of a piece, copied or converted; of an element of an array, made a text and checked for quotes. */
const unitsPerByte = 2
const unitsPerElement = 250

/** From here on a value is large; an element counts as sixteen bytes. */
const largeLength = 128 * 1024
const largeElements = 4096

/** Nothing is yielded but that the turn is over. */
export type WriteSteps = Generator<undefined, void, void>

export function isLargeRow(row: readonly SqlValue[]): boolean {
  for (const value of row) {
    if (typeof value === 'string' ? value.length > largeLength : isLargeObject(value)) return true
  }
  return false
}

function isLargeObject(value: SqlValue): boolean {
  if (typeof value !== 'object' || value === null) return false
  if (value instanceof Uint8Array) return value.length > largeLength
  if (!Array.isArray(value)) return false
  const values = value as readonly SqlValue[]
  if (values.length > largeElements) return true
  let length = 0
  for (const one of values) {
    if (isLargeObject(one)) return true
    if (typeof one === 'string' || one instanceof Uint8Array) length += one.length
    else if (Array.isArray(one)) length += 16 * flatElements(one as readonly SqlValue[]).length
  }
  return length > largeLength
}

/** About what it takes, so that the buffer need not be made again and again. */
export function roomFor(row: readonly SqlValue[], isBinary: readonly boolean[]): number {
  let bytes = 1024
  for (const [i, value] of row.entries()) {
    if (typeof value === 'string') bytes += value.length + 4 * pieceLength
    else if (value instanceof Uint8Array) bytes += (isBinary[i] === true ? 1 : 2) * value.length + 4 * pieceLength
    else if (Array.isArray(value)) bytes += 8 * value.length
  }
  return bytes
}

export function* writeLarge(type: SqlType, isBinary: boolean, value: SqlValue, writer: ByteWriter): WriteSteps {
  if (value instanceof Uint8Array && type.name === 'bytea') yield* writeBytes(value, isBinary, writer)
  else if (Array.isArray(value) && type.element !== undefined) {
    if (isBinary) yield* writeBinaryArray(type.element, value as readonly SqlValue[], writer)
    else yield* writeTextArray(type.element, value as readonly SqlValue[], writer)
  } else if (typeof value === 'string' && (type.category === 'S' || !isBinary)) {
    yield* writeText(type.category === 'S' ? value : type.formatText(value), writer)
  } else if (isBinary) type.encodeBinary(value, writer)
  else writer.utf8(type.formatText(value))
}

function* writeBytes(bytes: Uint8Array, isBinary: boolean, writer: ByteWriter): WriteSteps {
  if (!isBinary) writer.utf8('\\x')
  for (let at = 0; at < bytes.length; at += pieceLength) {
    const piece = bytes.subarray(at, at + pieceLength)
    if (isBinary) writer.copy(piece)
    else writer.utf8(hexadecimal(piece))
    charge(piece.length * unitsPerByte)
    if (isTurnOver()) yield undefined
  }
}

function hexadecimal({ buffer, byteOffset, length }: Uint8Array): string {
  return Buffer.from(buffer as ArrayBuffer, byteOffset, length).toString('hex')
}

function* writeText(text: string, writer: ByteWriter): WriteSteps {
  for (let at = 0; at < text.length;) {
    let end = Math.min(text.length, at + pieceLength)
    // Both units of a character go into one piece.
    if (end < text.length && (text.charCodeAt(end - 1) & 0xfc00) === 0xd800) end--
    writer.utf8(text.slice(at, end))
    charge((end - at) * unitsPerByte)
    at = end
    if (isTurnOver()) yield undefined
  }
}

function* writeTextArray(element: SqlType, values: readonly SqlValue[], writer: ByteWriter): WriteSteps {
  writer.u8(0x7b)
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!
    if (i > 0) writer.u8(0x2c)
    if (value === null) writer.utf8('NULL')
    else if (Array.isArray(value)) yield* writeTextArray(element, value as readonly SqlValue[], writer)
    else yield* writeElement(element.formatText(value), writer)
    charge(unitsPerElement)
    if (isTurnOver()) yield undefined
  }
  writer.u8(0x7d)
}

function* writeElement(text: string, writer: ByteWriter): WriteSteps {
  const shown = quoteElement(text)
  if (shown.length > pieceLength) yield* writeText(shown, writer)
  else writer.utf8(shown)
}

function* writeBinaryArray(element: SqlType, values: readonly SqlValue[], writer: ByteWriter): WriteSteps {
  for (const value of beginBinaryArray(element, values, writer)) {
    const mark = writer.end
    writer.i32be(-1)
    if (value !== null) {
      yield* writeLarge(element, true, value, writer)
      writer.setU32be(mark, writer.end - mark - 4)
    }
    charge(unitsPerElement)
    if (isTurnOver()) yield undefined
  }
}
