/**
 * bit(n) and bit varying(n): a value is a text of 0s and 1s. They sort as such texts do.
 *
 * Stored: varint number of bits · the bits, eight a byte, the first one highest, the last byte filled with zeros. On the wire the
 * same with the number as i32. In keys the packed bytes, then the number of bits.
 */
import { ByteReader, ByteWriter } from '../../../base/bytes.ts'
import { charge } from '../../../base/work.ts'
import { compareText } from './text.ts'
import {
  type InTurns,
  invalidBinary,
  type ReadingInTurns,
  sqlError,
  type SqlType,
  type StoringInTurns,
} from './type.ts'

const mostBits = 83_886_080

/** Packed or unpacked at once: a whole number of bytes. */
const pieceBits = 256 * 1024
/** Of a bit. */
const unitsPerBit = 2
/** Longer ones are stored some of it a turn. */
const manyBits = 512 * 1024

const hexadecimalDigits: ReadonlyMap<string, string> = new Map(
  Array.from('0123456789abcdefABCDEF', (digit) => [digit, Number.parseInt(digit, 16).toString(2).padStart(4, '0')]),
)

function parseBits(text: string): string {
  const isHexadecimal = /^x/i.test(text)
  const digits = /^[bx]/i.test(text) ? text.slice(1) : text
  const wrong = isHexadecimal ? /[^0-9a-f]/iu.exec(digits) : /[^01]/u.exec(digits)
  if (wrong !== null) {
    const kind = isHexadecimal ? 'hexadecimal' : 'binary'
    throw sqlError('invalid_argument', '22P02', `"${wrong[0]}" is not a valid ${kind} digit`)
  }
  if (!isHexadecimal) return digits
  return Array.from(digits, (digit) => hexadecimalDigits.get(digit)!).join('')
}

export function packBits(bits: string): Uint8Array {
  const bytes = new Uint8Array((bits.length + 7) >> 3)
  packPiece(bits, 0, bits.length, bytes, 0)
  return bytes
}

/** `from`: where a byte begins. */
function packPiece(bits: string, from: number, to: number, into: Uint8Array, at: number): void {
  charge((to - from) * unitsPerBit)
  for (let place = from; place < to; place++) {
    if (bits.charCodeAt(place) === 0x31) into[at + ((place - from) >> 3)]! |= 0x80 >> (place & 7)
  }
}

function unpackBits(bytes: Uint8Array, start: number, count: number): string {
  let bits = ''
  for (let at = 0; at < count; at += pieceBits) bits += unpackPiece(bytes, start + (at >> 3), count - at)
  return bits
}

/** So many bits as are left, or a piece of them. */
function unpackPiece(bytes: Uint8Array, start: number, left: number): string {
  const count = Math.min(left, pieceBits)
  charge(count * unitsPerBit)
  const digits = Buffer.alloc(count)
  for (let at = 0; at < count; at++) digits[at] = 0x30 | ((bytes[start + (at >> 3)]! >> (7 - (at & 7))) & 1)
  return digits.toString('latin1')
}

class BitsReading implements ReadingInTurns {
  result = ''
  readonly #bytes: Uint8Array
  readonly #start: number
  readonly #count: number

  constructor(stored: Uint8Array) {
    const reader = new ByteReader(stored, 0, stored.length)
    this.#count = reader.varint()
    this.#bytes = stored
    this.#start = reader.at
  }

  step(): boolean {
    const { length } = this.result
    this.result += unpackPiece(this.#bytes, this.#start + (length >> 3), this.#count - length)
    return this.result.length === this.#count
  }
}

class BitsStoring implements StoringInTurns {
  readonly writer: ByteWriter
  readonly #bits: string
  #at = 0

  constructor(bits: string) {
    const byteCount = (bits.length + 7) >> 3
    this.writer = new ByteWriter(byteCount + 10)
    this.writer.varint(bits.length)
    this.#bits = bits
  }

  step(): boolean {
    const [from, to] = [this.#at, Math.min(this.#bits.length, this.#at + pieceBits)]
    const { bytes, end } = this.writer
    packPiece(this.#bits, from, to, bytes, end)
    this.writer.end = end + ((to - from + 7) >> 3)
    this.#at = to
    return to === this.#bits.length
  }
}

const inTurns: InTurns = {
  isLarge: (value) => (value as string).length > manyBits,
  beginStoring: (value) => new BitsStoring(value as string),
  beginReading: (stored) => new BitsReading(stored),
}

function readStored(bytes: Uint8Array, start: number, end: number): string {
  const reader = new ByteReader(bytes, start, end)
  const count = reader.varint()
  return unpackBits(bytes, reader.at, count)
}

function decodeBinary(title: string, bytes: Uint8Array, start: number, end: number): string {
  if (end - start < 4) throw invalidBinary(title)
  const count = new ByteReader(bytes, start, end).i32be()
  if (count < 0 || end - start - 4 !== (count + 7) >> 3) {
    throw sqlError('invalid_argument', '22P03', 'invalid length in external bit string')
  }
  return unpackBits(bytes, start + 4, count)
}

function wrongLength(length: number, wanted: number): Error {
  return sqlError('invalid_argument', '22026', `bit string length ${length} does not match type bit(${wanted})`)
}

function tooLong(wanted: number): Error {
  return sqlError('invalid_argument', '22001', `bit string too long for type bit varying(${wanted})`)
}

function bitTypeOf(oid: number, name: string, title: string, arrayOid: number): SqlType {
  const isVarying = name === 'varbit'
  return {
    oid,
    name,
    title,
    arrayOid,
    category: 'V',
    isPreferred: isVarying,
    lengthBytes: -1,
    storage: 'variable',
    storedBytes: 0,
    isOrdered: true,
    parseText: parseBits,
    formatText: (value) => value as string,
    encodeBinary: (value, writer) => {
      writer.i32be((value as string).length)
      writer.copy(packBits(value as string))
    },
    decodeBinary: (bytes, start, end) => decodeBinary(name, bytes, start, end),
    compare: (a, b) => compareText(a as string, b as string),
    writeKey: (value, writer) => {
      writer.byteString(packBits(value as string))
      writer.int64((value as string).length)
    },
    writeStored: (value, writer: ByteWriter) => {
      writer.varint((value as string).length)
      writer.copy(packBits(value as string))
    },
    readStored,
    inTurns,
    coerce: (value, modifier, explicit) => {
      const bits = value as string
      if (modifier < 0 || bits.length === modifier || (isVarying && bits.length < modifier)) return bits
      if (explicit) return bits.slice(0, modifier).padEnd(isVarying ? 0 : modifier, '0')
      throw isVarying ? tooLong(modifier) : wrongLength(bits.length, modifier)
    },
    modifierOf: ([length, ...more]) => {
      if (length === undefined || more.length > 0) throw sqlError('syntax', '22023', 'invalid type modifier')
      if (length < 1)
        throw sqlError(
          'invalid_argument',
          '22023',
          `length for type ${title === 'bit' ? 'bit' : 'varbit'} must be at least 1`,
        )
      if (length > mostBits) {
        throw sqlError(
          'invalid_argument',
          '22023',
          `length for type ${isVarying ? 'varbit' : 'bit'} cannot exceed ${mostBits}`,
        )
      }
      return length
    },
    formatModifier: (modifier) => (modifier < 0 ? '' : `(${modifier})`),
  }
}

export const bitType: SqlType = bitTypeOf(1560, 'bit', 'bit', 1561)
export const varbitType: SqlType = bitTypeOf(1562, 'varbit', 'bit varying', 1563)
