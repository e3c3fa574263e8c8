/**
 * Checks a BSON document from a socket before anything else looks at it, so that all other code may trust lengths.
 *
 * Checked: every length against its container, terminators, known types, booleans of 0 or 1, UTF-8 of names and strings,
 * nesting. Array names are not looked at: readers go by position, as the server does.
 *
 * A document that is stored is nested at most 100 deep; a command has levels of its own around documents, and filters and
 * pipelines nest faster than documents, so a message may be nested 200 deep, the server's limit for both. All other code
 * may call itself once a level.
 */
import { isUtf8 } from 'node:buffer'
import { charge } from '../../base/work.ts'
import type { Slice } from '../../base/slice.ts'
import { mongoCode, mongoError } from './mongo-error.ts'
import { bsonType, cstringEnd, isNestedType, readInt32, valueEnd } from './bson.ts'

const maxStoredNesting = 100
export const maxMessageNesting = 200
export const maxDocumentBytes: number = 16 * 1024 * 1024
/** What is longer is looked through by a native call. */
const nativeBytes = 256
const elementsPerStep = 1024
const unitsPerElement = 10
/** A command may be a little larger than the largest document in it. */
export const maxMessageDocumentBytes: number = maxDocumentBytes + 16 * 1024

/** Throws InvalidBSON or Overflow, or answers where the document ends (at most `limit`). */
export function validateDocument(
  bytes: Uint8Array,
  start: number,
  limit: number,
  maxNesting: number = maxStoredNesting,
): number {
  const validation = new Validation(bytes, start, limit, maxNesting)
  while (!validation.step());
  return validation.end
}

/** The same, step by step. */
export class Validation {
  readonly #bytes: Uint8Array
  /** Where the documents that are open end, the outermost first. */
  readonly #ends: number[] = []
  readonly #maxNesting: number
  #at: number
  end = 0

  constructor(bytes: Uint8Array, start: number, limit: number, maxNesting: number) {
    this.#bytes = bytes
    this.#maxNesting = maxNesting
    this.#at = start
    this.end = this.#enter(start, limit)
  }

  /** Whether that was the last one; then `end` is right. */
  step(): boolean {
    const bytes = this.#bytes
    const ends = this.#ends
    const from = this.#at
    let limit = ends.at(-1)! - 1
    let left = elementsPerStep
    for (; left > 0 && ends.length > 0; left--) {
      if (this.#at >= limit) {
        this.#at = ends.pop()!
        limit = ends.length === 0 ? 0 : ends.at(-1)! - 1
        continue
      }
      const type = bytes[this.#at]!
      if (type === 0) throw invalid(this.#at, 'a document ends before its length')
      const start = validateCstring(bytes, this.#at + 1, limit)
      if (isNestedType(type)) limit = this.#enter(start, limit) - 1
      else if (type === bsonType.codeWithScope) limit = this.#enterScope(start, limit) - 1
      else this.#at = validateValue(bytes, type, start, limit)
    }
    charge(unitsPerElement * (elementsPerStep - left) + Math.ceil((this.#at - from) / bytesPerUnit))
    return ends.length === 0
  }

  /** Of a document that begins at `start`: where it ends. */
  #enter(start: number, limit: number): number {
    const bytes = this.#bytes
    if (this.#ends.length >= this.#maxNesting) {
      throw mongoError(mongoCode.overflow, 'BSONObj exceeds maximum nested object depth', 'too_large')
    }
    if (limit - start < 5) throw invalid(start, 'a document is cut short')
    const end = start + readInt32(bytes, start)
    if (end < start + 5 || end > limit) throw invalid(start, 'a document has an invalid length')
    if (bytes[end - 1] !== 0) throw invalid(start, 'a document does not end with 00')
    this.#ends.push(end)
    this.#at = start + 4
    return end
  }

  #enterScope(start: number, limit: number): number {
    const bytes = this.#bytes
    if (start + 14 > limit) throw invalid(start, 'a code with scope is cut short')
    const end = start + readInt32(bytes, start)
    if (end > limit || end < start + 14) throw invalid(start, 'a code with scope has an invalid length')
    const scope = validateString(bytes, start + 4, end)
    if (this.#enter(scope, end) !== end) throw invalid(start, 'a scope does not fill its length')
    return end
  }
}

/** Looking at the bytes of texts. */
const bytesPerUnit = 8

function validateValue(bytes: Uint8Array, type: number, start: number, limit: number): number {
  switch (type) {
    case bsonType.string:
    case bsonType.code:
    case bsonType.symbol:
      return validateString(bytes, start, limit)
    case bsonType.binary:
      return validateBinary(bytes, start, limit)
    case bsonType.boolean:
      if (start < limit && bytes[start]! > 1) throw invalid(start, 'a boolean is neither 0 nor 1')
      return fixed(start, 1, limit)
    case bsonType.regex:
      return validateCstring(bytes, validateCstring(bytes, start, limit), limit)
    case bsonType.dbPointer:
      return fixed(validateString(bytes, start, limit), 12, limit)
    default:
      return fixed(start, fixedWidth(type, start), limit)
  }
}

function fixedWidth(type: number, at: number): number {
  switch (type) {
    case bsonType.double:
    case bsonType.date:
    case bsonType.timestamp:
    case bsonType.int64:
      return 8
    case bsonType.int32:
      return 4
    case bsonType.objectId:
      return 12
    case bsonType.decimal:
      return 16
    case bsonType.null:
    case bsonType.undefined:
    case bsonType.minKey:
    case bsonType.maxKey:
      return 0
    default:
      throw invalid(at, `an element has the unknown type 0x${type.toString(16)}`)
  }
}

function fixed(start: number, width: number, limit: number): number {
  if (start + width > limit) throw invalid(start, 'a value is cut short')
  return start + width
}

function validateCstring(bytes: Uint8Array, start: number, limit: number): number {
  let at = start
  let isAscii = true
  const near = Math.min(limit, start + nativeBytes)
  for (; at < near && bytes[at] !== 0; at++) if (bytes[at]! >= 0x80) isAscii = false
  if (at === near && near < limit) {
    at = bytes.indexOf(0, at)
    isAscii = false
  }
  if (at < 0 || at >= limit) throw invalid(start, 'a name is not terminated')
  if (!isAscii && !isUtf8(bytes.subarray(start, at))) throw invalid(start, 'a name is not valid UTF-8')
  return at + 1
}

function validateString(bytes: Uint8Array, start: number, limit: number): number {
  if (start + 5 > limit) throw invalid(start, 'a string is cut short')
  const size = readInt32(bytes, start)
  const end = start + 4 + size
  if (size < 1 || end > limit) throw invalid(start, 'a string has an invalid length')
  if (bytes[end - 1] !== 0) throw invalid(start, 'a string does not end with 00')
  let at = start + 4
  if (size <= nativeBytes) while (at < end && bytes[at]! < 0x80) at++
  if (at < end && !isUtf8(bytes.subarray(at, end - 1))) throw invalid(start, 'a string is not valid UTF-8')
  return end
}

function validateBinary(bytes: Uint8Array, start: number, limit: number): number {
  if (start + 5 > limit) throw invalid(start, 'a binary is cut short')
  const size = readInt32(bytes, start)
  if (size < 0 || start + 5 + size > limit) throw invalid(start, 'a binary has an invalid length')
  return start + 5 + size
}

/** Throws Overflow for a valid document that is nested too deep to be stored. Step by step, for a large one. */
export class NestingCheck {
  readonly #bytes: Uint8Array
  #at: number
  #depth: number

  constructor({ bytes, start, end }: Slice) {
    this.#bytes = bytes
    this.#at = start + 4
    // A level takes size, type, the end of a name, and its own end.
    this.#depth = end - start <= maxStoredNesting * 7 ? 0 : 1
  }

  /** Whether that was the last one. */
  step(): boolean {
    const bytes = this.#bytes
    let left = elementsPerStep
    for (; left > 0 && this.#depth > 0; left--) {
      const type = bytes[this.#at++]!
      if (type === 0) {
        // Behind the end of what is nested its parent goes on.
        this.#depth--
        continue
      }
      this.#at = cstringEnd(bytes, this.#at)
      if (isNestedType(type)) this.#enter(this.#at)
      else if (type === bsonType.codeWithScope) this.#enter(valueEnd(bytes, bsonType.string, this.#at + 4))
      else this.#at = valueEnd(bytes, type, this.#at)
    }
    charge(unitsPerElement * (elementsPerStep - left))
    return this.#depth === 0
  }

  #enter(start: number): void {
    this.#at = start + 4
    if (++this.#depth <= maxStoredNesting) return
    const message = `Document exceeds maximum nesting depth of ${maxStoredNesting}`
    throw mongoError(mongoCode.overflow, message, 'too_large')
  }
}

function invalid(at: number, what: string): Error {
  return mongoError(mongoCode.invalidBson, `Invalid BSON: ${what}, at offset ${at}`, 'syntax')
}
