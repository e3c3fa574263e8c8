/**
 * text and its kin. The order is that of UTF-8 bytes (collation C): the order of code points, which differs from that of
 * JavaScript's UTF-16 units where a surrogate pair meets U+E000–U+FFFF.
 */
import { charge } from '../../../base/work.ts'
import { decodeUtf8 } from '../../../base/bytes.ts'
import type { ByteWriter } from '../../../base/bytes.ts'
import type { KeyWriter } from '../../../base/tuple.ts'
import { compareNumbers, needBytes, plainType, sqlError, type SqlType } from './type.ts'
import type { SqlValue } from './value.ts'

/** Shorter ones are walked unit by unit; of longer ones, equal pieces are told by the engine's own comparison. */
const pieceLength = 4096

export function compareText(a: string, b: string): number {
  const shared = Math.min(a.length, b.length)
  for (let i = shared < pieceLength ? 0 : equalUpTo(a, b, shared); i < shared; i++) {
    const left = a.charCodeAt(i)
    const right = b.charCodeAt(i)
    if (left !== right) return surrogateLast(left) - surrogateLast(right)
  }
  return a.length - b.length
}

/** Where the first piece begins that differs; `shared` where none does. */
function equalUpTo(a: string, b: string, shared: number): number {
  let at = 0
  while (at < shared && a.slice(at, at + pieceLength) === b.slice(at, at + pieceLength)) at += pieceLength
  charge(Math.min(at, shared) >> 2)
  return Math.min(at, shared)
}

/** `a === b`, charged. */
export function sameText(a: string, b: string): boolean {
  if (a.length === b.length && a.length >= pieceLength) charge(a.length >> 2)
  return a === b
}

/** A unit's place in code point order: surrogates stand for code points above all others. */
function surrogateLast(unit: number): number {
  return unit < 0xd800 ? unit : unit < 0xe000 ? unit + 0x2000 : unit - 0x800
}

/** A zero character cannot be stored in PostgreSQL, and drivers that read C strings would be misled by one. */
function checkText(text: string): string {
  if (text.includes('\0'))
    throw sqlError('invalid_argument', '22021', 'invalid byte sequence for encoding "UTF8": 0x00')
  return text
}

/** Text from the wire must be UTF-8: what is not is an error, never a replacement character. */
export function decodeText(bytes: Uint8Array, start: number, end: number): string {
  const text = decodeUtf8(bytes, start, end)
  if (text.includes('\0') || text.includes('�')) checkUtf8(bytes, start, end)
  return text
}

function checkUtf8(bytes: Uint8Array, start: number, end: number): void {
  const at = firstInvalidUtf8(bytes, start, end)
  if (at === end) return
  const length = Math.min(end, at + Math.max(1, sequenceLength(bytes[at]!)))
  const shown = [...bytes.subarray(at, length)].map((byte) => `0x${byte.toString(16).padStart(2, '0')}`).join(' ')
  throw sqlError('invalid_argument', '22021', `invalid byte sequence for encoding "UTF8": ${shown}`)
}

function sequenceLength(lead: number): number {
  return lead < 0x80 ? 1 : lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 0
}

function firstInvalidUtf8(bytes: Uint8Array, start: number, end: number): number {
  let at = start
  while (at < end) {
    const lead = bytes[at]!
    const length = lead === 0 ? 0 : sequenceLength(lead)
    if (length === 0 || at + length > end) return at
    for (let i = 1; i < length; i++) if ((bytes[at + i]! & 0xc0) !== 0x80) return at
    const second = bytes[at + 1]!
    const isOverlong = (lead === 0xe0 && second < 0xa0) || (lead === 0xf0 && second < 0x90)
    const isBeyond = (lead === 0xed && second > 0x9f) || (lead === 0xf4 && second > 0x8f)
    if (length > 1 && (isOverlong || isBeyond)) return at
    at += length
  }
  return end
}

/** Characters as SQL counts them: code points. */
export function countCharacters(text: string): number {
  let count = text.length
  if (count >= pieceLength) charge(count)
  for (let i = 0; i < text.length; i++) if ((text.charCodeAt(i) & 0xfc00) === 0xdc00) count--
  return count
}

function cutCharacters(text: string, count: number): string {
  let at = 0
  for (let i = 0; i < count && at < text.length; i++) at += (text.charCodeAt(at) & 0xfc00) === 0xd800 ? 2 : 1
  return text.slice(0, at)
}

function coerceLength(text: string, modifier: number, explicit: boolean, title: string): string {
  const limit = modifier - 4
  if (modifier < 4 || text.length <= limit || countCharacters(text) <= limit) return text
  const cut = cutCharacters(text, limit)
  if (!explicit && !/^ *$/.test(text.slice(cut.length))) {
    throw sqlError('out_of_range', '22001', `value too long for type ${title}(${limit})`)
  }
  return cut
}

function coercePadded(text: string, modifier: number, explicit: boolean): string {
  if (modifier < 4) return text
  const cut = coerceLength(text, modifier, explicit, 'character')
  return cut + ' '.repeat(modifier - 4 - countCharacters(cut))
}

export function trimPadding(text: string): string {
  let end = text.length
  while (end > 0 && text.charCodeAt(end - 1) === 0x20) end--
  return end === text.length ? text : text.slice(0, end)
}

function lengthModifierOf(name: string, parameters: readonly number[]): number {
  const [length = 0] = parameters
  if (parameters.length !== 1) throw sqlError('syntax', '22023', 'invalid type modifier')
  if (length < 1) throw sqlError('invalid_argument', '22023', `length for type ${name} must be at least 1`)
  if (length > 10_485_760) {
    throw sqlError('invalid_argument', '22023', `length for type ${name} cannot exceed 10485760`)
  }
  return length + 4
}

const stringType = {
  ...plainType,
  category: 'S',
  lengthBytes: -1,
  storage: 'text' as const,
  storedBytes: 0,
  isOrdered: true,
  parseText: checkText,
  formatText: (value: SqlValue): string => value as string,
  encodeBinary: (value: SqlValue, writer: ByteWriter): void => void writer.utf8(value as string),
  decodeBinary: decodeText,
  compare: (a: SqlValue, b: SqlValue): number => compareText(a as string, b as string),
  writeKey: (value: SqlValue, writer: KeyWriter): void => void writer.string(value as string),
  writeStored: (value: SqlValue, writer: ByteWriter): void => void writer.utf8(value as string),
  readStored: decodeUtf8,
}

export const textType: SqlType = {
  ...stringType,
  oid: 25,
  name: 'text',
  title: 'text',
  arrayOid: 1009,
  isPreferred: true,
}

export const unknownType: SqlType = {
  ...stringType,
  oid: 705,
  name: 'unknown',
  title: 'unknown',
  arrayOid: 0,
  category: 'X',
  lengthBytes: -2,
}

export const varcharType: SqlType = {
  ...stringType,
  oid: 1043,
  name: 'varchar',
  title: 'character varying',
  arrayOid: 1015,
  parseText: (text, modifier = -1) => coerceLength(checkText(text), modifier, false, 'character varying'),
  coerce: (value, modifier, explicit) => coerceLength(value as string, modifier, explicit, 'character varying'),
  modifierOf: (parameters) => lengthModifierOf('varchar', parameters),
  formatModifier: (modifier) => (modifier < 4 ? '' : `(${modifier - 4})`),
}

export const bpcharType: SqlType = {
  ...stringType,
  oid: 1042,
  name: 'bpchar',
  title: 'character',
  arrayOid: 1014,
  parseText: (text, modifier = -1) => coercePadded(checkText(text), modifier, false),
  compare: (a, b) => compareText(trimPadding(a as string), trimPadding(b as string)),
  writeKey: (value, writer) => void writer.string(trimPadding(value as string)),
  coerce: (value, modifier, explicit) => coercePadded(value as string, modifier, explicit),
  modifierOf: (parameters) => lengthModifierOf('char', parameters),
  formatModifier: (modifier) => (modifier < 4 ? '' : `(${modifier - 4})`),
}

/** Identifiers of the system catalog: at most 63 bytes, longer ones are cut between characters. */
export const nameType: SqlType = {
  ...stringType,
  oid: 19,
  name: 'name',
  title: 'name',
  arrayOid: 1003,
  lengthBytes: 64,
  parseText: (text) => cutName(checkText(text)),
}

function cutName(text: string): string {
  if (text.length <= 21 || Buffer.byteLength(text) <= 63) return text
  let cut = text.slice(0, 63)
  while (Buffer.byteLength(cut) > 63) cut = cut.slice(0, -1)
  return (cut.charCodeAt(cut.length - 1) & 0xfc00) === 0xd800 ? cut.slice(0, -1) : cut
}

/** "char": one byte of the system catalog, kept as a string of at most one character. */
/** One byte: `\\ooo` in octal, else the first byte of the text. The byte 0 is an empty text. */
function parseByte(text: string): string {
  const octal = /^\\([0-3][0-7]{2})$/.exec(text)
  const byte = octal === null ? Buffer.from(text.slice(0, 2))[0] : Number.parseInt(octal[1]!, 8)
  return byte === undefined || byte === 0 ? '' : String.fromCharCode(byte)
}

function formatByte(value: string): string {
  const code = value.charCodeAt(0)
  return code >= 0x80 ? `\\${code.toString(8)}` : value
}

export const charType: SqlType = {
  ...stringType,
  oid: 18,
  name: 'char',
  title: '"char"',
  arrayOid: 1002,
  category: 'Z',
  lengthBytes: 1,
  parseText: parseByte,
  formatText: (value) => formatByte(value as string),
  compare: (a, b) => compareNumbers((a as string).charCodeAt(0) || 0, (b as string).charCodeAt(0) || 0),
  encodeBinary: (value, writer) => writer.u8((value as string).charCodeAt(0) || 0),
  decodeBinary: (bytes, start, end) => {
    needBytes('"char"', start, end, 1)
    return bytes[start] === 0 ? '' : String.fromCharCode(bytes[start]!)
  },
}
