/**
 * bit(n) and bit varying(n): a value is a text of 0s and 1s. They sort as such texts do.
 *
 * Stored: varint number of bits · the bits, eight a byte, the first one highest, the last byte filled with zeros. On the wire the
 * same with the number as i32. In keys the packed bytes, then the number of bits.
 */
import { ByteReader, type ByteWriter } from '../../../base/bytes.ts'
import { charge } from '../../../base/work.ts'
import { compareNumbers, invalidBinary, sqlError, type SqlType } from './type.ts'

const mostBits = 83_886_080

function parseBits(text: string): string {
  const isHexadecimal = /^x/i.test(text)
  const digits = /^[bx]/i.test(text) ? text.slice(1) : text
  const wrong = isHexadecimal ? /[^0-9a-f]/iu.exec(digits) : /[^01]/u.exec(digits)
  if (wrong !== null) {
    const kind = isHexadecimal ? 'hexadecimal' : 'binary'
    throw sqlError('invalid_argument', '22P02', `"${wrong[0]}" is not a valid ${kind} digit`)
  }
  if (!isHexadecimal) return digits
  return Array.from(digits, (digit) => Number.parseInt(digit, 16).toString(2).padStart(4, '0')).join('')
}

export function packBits(bits: string): Uint8Array {
  const bytes = new Uint8Array((bits.length + 7) >> 3)
  charge(bits.length)
  for (let at = 0; at < bits.length; at++) if (bits.charCodeAt(at) === 0x31) bytes[at >> 3]! |= 0x80 >> (at & 7)
  return bytes
}

function unpackBits(bytes: Uint8Array, start: number, count: number): string {
  let bits = ''
  charge(count)
  for (let at = start; bits.length < count; at++) bits += bytes[at]!.toString(2).padStart(8, '0')
  return bits.slice(0, count)
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
    compare: (a, b) => compareNumbers(a as unknown as number, b as unknown as number),
    writeKey: (value, writer) => {
      writer.byteString(packBits(value as string))
      writer.int64((value as string).length)
    },
    writeStored: (value, writer: ByteWriter) => {
      writer.varint((value as string).length)
      writer.copy(packBits(value as string))
    },
    readStored,
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
