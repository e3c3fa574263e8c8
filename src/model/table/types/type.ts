/**
 * What every SQL type can do. The names, numbers and texts are PostgreSQL's, because drivers know them by heart.
 *
 * A type modifier is the number that PostgreSQL stores beside a column (`atttypmod`): -1 is none, varchar(n) is n + 4,
 * numeric(p,s) is (p << 16 | s) + 4, timestamp(p) is p.
 */
import type { ByteWriter } from '../../../base/bytes.ts'
import { PolylogError, type ErrorCode } from '../../../base/errors.ts'
import type { KeyWriter } from '../../../base/tuple.ts'
import type { RangeKind } from './ranges/range.ts'
import type { RowField } from './user/composite.ts'
import type { TypeContent, TypeContents } from './user/content.ts'
import type { SqlValue } from './value.ts'

/** How a value lies in a row: the row codec reads the frequent ones without calling the type. */
export type StorageKind = 'bool' | 'int2' | 'int4' | 'int8' | 'float8' | 'text' | 'fixed' | 'variable'

export interface SqlType {
  /** What plans call it: PostgreSQL's number of a built-in type, a number of this process of one that a user made. */
  readonly oid: number
  /** What clients and definitions call it, where that is another number: see `user/user-type.ts`. */
  readonly catalogOid?: number
  /** Of a type that a user made, and of arrays of it. */
  readonly made?: MadeType
  /** `pg_type.typname`: int4. */
  readonly name: string
  /** What `format_type` says without a modifier: integer. */
  readonly title: string
  /** 0 where there is none. */
  readonly arrayOid: number
  /** Of a domain: what it is declared over, and what that is over in the end. */
  readonly over?: SqlType
  readonly base?: SqlType
  /** Of a composite type. */
  readonly fields?: readonly RowField[]
  /** Of an array type. */
  readonly element?: SqlType
  /** Of a range type and of a multirange type: what they are of. */
  readonly range?: RangeKind
  readonly multirange?: RangeKind
  /** Between the elements of an array's text: a comma where it is left out. */
  readonly arrayDelimiter?: string
  /**
   * `pg_type.typcategory`: B boolean, N numeric, S string, D date/time, T timespan, A array, E enum, R range,
   * C composite, U user, X unknown, P pseudo.
   */
  readonly category: string
  /** `pg_type.typispreferred`. */
  readonly isPreferred?: boolean
  /** `pg_type.typlen`: -1 is variable. */
  readonly lengthBytes: number
  readonly storage: StorageKind
  /** Bytes that a stored value takes, 0 where each says its own length. */
  readonly storedBytes: number
  /** False for json and pseudo types: no order, hence no index and no ORDER BY. */
  readonly isOrdered: boolean

  /** PostgreSQL's input function; throws with its message and SQLSTATE. */
  parseText(text: string, modifier?: number): SqlValue
  /** PostgreSQL's output function. */
  formatText(value: SqlValue): string
  /** Appends the wire's binary form, without its length. */
  encodeBinary(value: SqlValue, writer: ByteWriter): void
  /** From the wire: throws 22P03 for what is not of this type. */
  decodeBinary(bytes: Uint8Array, start: number, end: number): SqlValue
  /** The order of ORDER BY and of indexes; text by code point. */
  compare(a: SqlValue, b: SqlValue): number
  /** Appends one key element, which sorts as `compare` does and is equal where it is 0. */
  writeKey(value: SqlValue, writer: KeyWriter): void
  writeStored(value: SqlValue, writer: ByteWriter): void
  readStored(bytes: Uint8Array, start: number, end: number): SqlValue
  /** Of a type whose large values take turns to read and to write. */
  readonly inTurns?: InTurns
  /** Applies a modifier: rounds, pads, cuts (`explicit`: a cast) or refuses (an assignment). */
  coerce(value: SqlValue, modifier: number, explicit: boolean): SqlValue
  /** From the numbers between the parentheses of a type's name. */
  modifierOf(parameters: readonly number[]): number
  /** `(10,2)`, or nothing for -1. */
  formatModifier(modifier: number): string
}

export interface InTurns {
  isLarge(value: SqlValue): boolean
  beginStoring(value: SqlValue): StoringInTurns
  /** `stored` is a value's whole stored form, and stays as it is. */
  beginReading(stored: Uint8Array): ReadingInTurns
}

/** `step` reads some of the value, charges for it, and answers whether that was all. */
export interface ReadingInTurns {
  step(): boolean
  /** Once it was. */
  readonly result: SqlValue
}

export interface StoringInTurns {
  step(): boolean
  readonly writer: ByteWriter
}

/** What is known of a type that lies in a catalog. */
export interface MadeType {
  /** Its collection; 0 of a row that has no type of its own. */
  readonly id: number
  readonly content: TypeContent
  /** It, and all that it is made of. */
  readonly contents: TypeContents
}

/** Fields that most types leave as they are. */
export const plainType: Pick<SqlType, 'coerce' | 'modifierOf' | 'formatModifier'> = {
  coerce: (value) => value,
  modifierOf: () => {
    throw sqlError('syntax', '42601', 'type modifier is not allowed for this type')
  },
  formatModifier: () => '',
}

export function sqlError(
  code: ErrorCode,
  sqlState: string,
  message: string,
  more: { readonly detail?: string; readonly hint?: string } = {},
): PolylogError {
  return new PolylogError(code, message, { detail: { sqlState, ...more } })
}

export function invalidText(title: string, text: string, detail?: string): PolylogError {
  const message = `invalid input syntax for type ${title}: "${text}"`
  return sqlError('invalid_argument', '22P02', message, detail === undefined ? {} : { detail })
}

export function valueOutOfRange(title: string, text: string): PolylogError {
  return sqlError('out_of_range', '22003', `value "${text}" is out of range for type ${title}`)
}

export function invalidBinary(title: string): PolylogError {
  return sqlError('invalid_argument', '22P03', `incorrect binary data format for type ${title}`)
}

/** Checks the length of a wire value before anything of it is read. */
export function needBytes(title: string, start: number, end: number, count: number): void {
  if (end - start !== count) throw invalidBinary(title)
}

/** A wire value of exactly `count` bytes, from 0 on. */
export function fixedView(title: string, bytes: Uint8Array, start: number, end: number, count: number): DataView {
  needBytes(title, start, end, count)
  return new DataView(bytes.buffer, bytes.byteOffset + start, count)
}

export function compareNumbers(a: number | bigint, b: number | bigint): number {
  return a < b ? -1 : a > b ? 1 : 0
}

/** PostgreSQL's isspace in the C locale. */
export function trimSpace(text: string): string {
  if (!isSpace(text.charCodeAt(0)) && !isSpace(text.charCodeAt(text.length - 1))) return text
  return text.replace(/^[ \t\n\v\f\r]+/, '').replace(/[ \t\n\v\f\r]+$/, '')
}

function isSpace(code: number): boolean {
  return code === 0x20 || (code >= 0x09 && code <= 0x0d)
}
