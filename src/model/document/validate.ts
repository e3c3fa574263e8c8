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
import type { Slice } from '../../base/slice.ts'
import { mongoCode, mongoError } from './mongo-error.ts'
import { bsonType, cstringEnd, isNestedType, readInt32, valueEnd } from './bson.ts'

const maxStoredNesting = 100
export const maxMessageNesting = 200
export const maxDocumentBytes: number = 16 * 1024 * 1024
/** A command may be a little larger than the largest document in it. */
export const maxMessageDocumentBytes: number = maxDocumentBytes + 16 * 1024

/** Throws InvalidBSON or Overflow, or answers where the document ends (at most `limit`). */
export function validateDocument(
  bytes: Uint8Array,
  start: number,
  limit: number,
  maxNesting: number = maxStoredNesting,
): number {
  return validateNested(bytes, start, limit, maxNesting)
}

/** `levels`: so many are allowed from here on. */
function validateNested(bytes: Uint8Array, start: number, limit: number, levels: number): number {
  if (levels === 0) throw mongoError(mongoCode.overflow, 'BSONObj exceeds maximum nested object depth', 'too_large')
  if (limit - start < 5) throw invalid(start, 'a document is cut short')
  const end = start + readInt32(bytes, start)
  if (end < start + 5 || end > limit) throw invalid(start, 'a document has an invalid length')
  if (bytes[end - 1] !== 0) throw invalid(start, 'a document does not end with 00')
  let at = start + 4
  while (at < end - 1) {
    const type = bytes[at]!
    if (type === 0) throw invalid(at, 'a document ends before its length')
    const nameEnd = validateCstring(bytes, at + 1, end - 1)
    at = validateValue(bytes, type, nameEnd, end - 1, levels)
  }
  return end
}

function validateValue(bytes: Uint8Array, type: number, start: number, limit: number, levels: number): number {
  switch (type) {
    case bsonType.object:
    case bsonType.array:
      return validateNested(bytes, start, limit, levels - 1)
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
    case bsonType.codeWithScope:
      return validateScope(bytes, start, limit, levels)
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
  for (; at < limit && bytes[at] !== 0; at++) if (bytes[at]! >= 0x80) isAscii = false
  if (at >= limit) throw invalid(start, 'a name is not terminated')
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
  while (at < end && bytes[at]! < 0x80) at++
  if (at < end && !isUtf8(bytes.subarray(at, end - 1))) throw invalid(start, 'a string is not valid UTF-8')
  return end
}

function validateBinary(bytes: Uint8Array, start: number, limit: number): number {
  if (start + 5 > limit) throw invalid(start, 'a binary is cut short')
  const size = readInt32(bytes, start)
  if (size < 0 || start + 5 + size > limit) throw invalid(start, 'a binary has an invalid length')
  return start + 5 + size
}

function validateScope(bytes: Uint8Array, start: number, limit: number, levels: number): number {
  if (start + 14 > limit) throw invalid(start, 'a code with scope is cut short')
  const end = start + readInt32(bytes, start)
  if (end > limit || end < start + 14) throw invalid(start, 'a code with scope has an invalid length')
  const scope = validateString(bytes, start + 4, end)
  if (validateNested(bytes, scope, end, levels - 1) !== end) throw invalid(start, 'a scope does not fill its length')
  return end
}

/** Throws Overflow for a valid document that is nested too deep to be stored. */
export function checkNesting({ bytes, start, end }: Slice): void {
  // A level takes size, type, the end of a name, and its own end.
  if (end - start <= maxStoredNesting * 7 || !isNestedDeeper(bytes, start, maxStoredNesting)) return
  const message = `Document exceeds maximum nesting depth of ${maxStoredNesting}`
  throw mongoError(mongoCode.overflow, message, 'too_large')
}

function isNestedDeeper(bytes: Uint8Array, start: number, levels: number): boolean {
  if (levels === 0) return true
  let at = start + 4
  for (;;) {
    const type = bytes[at]!
    if (type === 0) return false
    at = cstringEnd(bytes, at + 1)
    if (isNestedType(type) && isNestedDeeper(bytes, at, levels - 1)) return true
    if (type === bsonType.codeWithScope && isNestedDeeper(bytes, scopeStart(bytes, at), levels - 1)) return true
    at = valueEnd(bytes, type, at)
  }
}

/** Behind the size of the whole and the code. */
function scopeStart(bytes: Uint8Array, start: number): number {
  return valueEnd(bytes, bsonType.string, start + 4)
}

function invalid(at: number, what: string): Error {
  return mongoError(mongoCode.invalidBson, `Invalid BSON: ${what}, at offset ${at}`, 'syntax')
}
