/**
 * numeric(p,s). A value keeps its scale: 1.50 prints as 1.50.
 *
 * Stored: kind u8 (0 positive or zero, 1 negative, 2 NaN, 3 infinity, 4 -infinity) · of a finite one: varint scale ·
 * magnitude of the coefficient, little endian, without leading zero bytes.
 * On the wire: digits i16 · weight i16 · sign u16 · scale u16 · base-10000 digits u16, of which the first counts
 * 10000^weight.
 */
import { ByteReader, type ByteWriter } from '../../../base/bytes.ts'
import { Decimal } from '../../../base/decimal.ts'
import { invalidBinary, invalidText, sqlError, trimSpace, type SqlType } from './type.ts'

function parseNumeric(text: string): Decimal {
  const value = Decimal.parse(trimSpace(text))
  if (value === undefined) throw invalidText('numeric', text)
  if (value.scale > 16_383) throw overflow()
  return value
}

function overflow(detail?: string): Error {
  return sqlError('out_of_range', '22003', 'numeric field overflow', detail === undefined ? {} : { detail })
}

/** Precision and scale of a modifier; a scale may be negative. */
export function unpackNumericModifier(modifier: number): { precision: number; scale: number } {
  const packed = modifier - 4
  return { precision: (packed >> 16) & 0xffff, scale: ((packed & 0x7ff) ^ 1024) - 1024 }
}

const powers: readonly number[] = Array.from({ length: 16 }, (_, exponent) => Number(`1e${exponent}`))

function coerceNumeric(value: Decimal, modifier: number): Decimal {
  if (modifier < 4 || value.kind === 'nan') return value
  const { precision, scale } = unpackNumericModifier(modifier)
  if (!value.isFinite)
    throw overflow(`A field with precision ${precision}, scale ${scale} cannot hold an infinite value.`)
  const rounded = value.round(scale)
  // NaN, where the coefficient is no safe integer, is not below it.
  if (rounded.scale === scale && precision < powers.length && Math.abs(rounded.small) < powers[precision]!)
    return rounded
  const limit = Decimal.of(10n ** BigInt(Math.max(0, precision - scale)), Math.max(0, scale - precision))
  const magnitude = rounded.coefficient < 0n ? rounded.negate() : rounded
  if (magnitude.compare(limit) < 0) return rounded
  const bound = precision === scale ? '1' : `10^${precision - scale}`
  throw overflow(
    `A field with precision ${precision}, scale ${scale} must round to an absolute value less than ${bound}.`,
  )
}

function numericModifierOf(parameters: readonly number[]): number {
  const [precision = 0, scale = 0] = parameters
  if (parameters.length === 0 || parameters.length > 2)
    throw sqlError('syntax', '22023', 'invalid NUMERIC type modifier')
  if (precision < 1 || precision > 1000) {
    throw sqlError('out_of_range', '22023', `NUMERIC precision ${precision} must be between 1 and 1000`)
  }
  if (scale < -1000 || scale > 1000) {
    throw sqlError('out_of_range', '22023', `NUMERIC scale ${scale} must be between -1000 and 1000`)
  }
  return ((precision << 16) | (scale & 0x7ff)) + 4
}

const specialKinds = ['nan', 'infinity', '-infinity'] as const
const specialValues = [Decimal.nan, Decimal.infinity, Decimal.negativeInfinity] as const

function writeStoredNumeric(value: Decimal, writer: ByteWriter): void {
  if (value.kind !== 'finite') {
    writer.u8(2 + specialKinds.indexOf(value.kind))
    return
  }
  writer.u8(value.sign < 0 ? 1 : 0)
  writer.varint(value.scale)
  if (!Number.isNaN(value.small)) {
    for (let low = Math.abs(value.small); low > 0; low = Math.floor(low / 256)) writer.u8(low % 256)
    return
  }
  const hex = (value.coefficient < 0n ? -value.coefficient : value.coefficient).toString(16)
  for (let at = hex.length; at > 0; at -= 2) writer.u8(Number.parseInt(hex.slice(Math.max(0, at - 2), at), 16))
}

function readStoredNumeric(bytes: Uint8Array, start: number, end: number): Decimal {
  const kind = bytes[start]!
  // Nearly all: one byte of scale, and a coefficient of 48 bits at most.
  if (kind < 2 && end - start >= 2 && end - start <= 8 && bytes[start + 1]! < 0x80) {
    let value = 0
    for (let at = end - 1; at >= start + 2; at--) value = value * 256 + bytes[at]!
    return Decimal.ofSmall(kind === 1 ? -value : value, bytes[start + 1]!)
  }
  if (kind >= 2) return specialValues[kind - 2] ?? Decimal.nan
  const reader = new ByteReader(bytes, start + 1, end)
  const scale = reader.varint()
  const magnitude = readMagnitude(bytes, reader.at, end)
  return Decimal.of(kind === 1 ? -magnitude : magnitude, scale)
}

function readMagnitude(bytes: Uint8Array, start: number, end: number): bigint {
  if (start === end) return 0n
  let hex = '0x'
  for (let at = end - 1; at >= start; at--) hex += bytes[at]!.toString(16).padStart(2, '0')
  return BigInt(hex)
}

const wireSign = { positive: 0, negative: 0x4000, nan: 0xc000, infinity: 0xd000, '-infinity': 0xf000 } as const

function encodeNumeric(value: Decimal, writer: ByteWriter): void {
  if (value.kind !== 'finite') {
    writer.u16be(0)
    writer.u16be(0)
    writer.u16be(wireSign[value.kind])
    // The server gives infinities this scale; readers ignore it.
    writer.u16be(value.kind === 'nan' ? 0 : 32)
    return
  }
  const { digits, weight } = toBase10000(value)
  writer.u16be(digits.length)
  writer.u16be(weight & 0xffff)
  writer.u16be(value.coefficient < 0n ? wireSign.negative : wireSign.positive)
  writer.u16be(value.scale)
  for (const digit of digits) writer.u16be(digit)
}

function toBase10000(value: Decimal): { digits: number[]; weight: number } {
  if (value.coefficient === 0n) return { digits: [], weight: 0 }
  const text = (value.coefficient < 0n ? -value.coefficient : value.coefficient).toString()
  const right = (4 - (value.scale % 4)) % 4
  const aligned = text + '0'.repeat(right)
  const padded = aligned.padStart(Math.ceil(aligned.length / 4) * 4, '0')
  const digits: number[] = []
  for (let at = 0; at < padded.length; at += 4) digits.push(Number(padded.slice(at, at + 4)))
  const weight = digits.length - 1 - (value.scale + right) / 4
  while (digits.at(-1) === 0) digits.pop()
  return { digits, weight }
}

function decodeNumeric(bytes: Uint8Array, start: number, end: number): Decimal {
  if (end - start < 8) throw invalidBinary('numeric')
  const reader = new ByteReader(bytes, start, end)
  const count = reader.u16be()
  const weight = reader.i16be()
  const sign = reader.u16be()
  const scale = reader.u16be() & 0x3fff
  if (sign === wireSign.nan) return Decimal.nan
  if (sign === wireSign.infinity) return Decimal.infinity
  if (sign === wireSign['-infinity']) return Decimal.negativeInfinity
  if ((sign !== 0 && sign !== wireSign.negative) || reader.remaining !== count * 2) throw invalidBinary('numeric')
  let text = ''
  for (let i = 0; i < count; i++) {
    const digit = reader.u16be()
    if (digit > 9999) throw sqlError('invalid_argument', '22P03', 'invalid digit in external "numeric" value')
    text += digit.toString().padStart(4, '0')
  }
  // The digits' own scale: 4 places for each digit after the first weight + 1.
  const ownScale = (count - 1 - weight) * 4
  const magnitude = Decimal.of(BigInt(text === '' ? '0' : text), count === 0 ? 0 : ownScale)
  const scaled = magnitude.truncate(scale)
  return sign === 0 ? scaled : scaled.negate()
}

export const numericType: SqlType = {
  oid: 1700,
  name: 'numeric',
  title: 'numeric',
  arrayOid: 1231,
  category: 'N',
  lengthBytes: -1,
  storage: 'variable',
  storedBytes: 0,
  isOrdered: true,
  parseText: (text, modifier = -1) => coerceNumeric(parseNumeric(text), modifier),
  formatText: (value) => (value as Decimal).toString(),
  encodeBinary: (value, writer) => encodeNumeric(value as Decimal, writer),
  decodeBinary: decodeNumeric,
  compare: (a, b) => (a as Decimal).compare(b as Decimal),
  writeKey: (value, writer) => void writer.numberDecimal(value as Decimal, true),
  writeStored: (value, writer) => writeStoredNumeric(value as Decimal, writer),
  readStored: readStoredNumeric,
  coerce: (value, modifier) => coerceNumeric(value as Decimal, modifier),
  modifierOf: numericModifierOf,
  formatModifier: (modifier) => {
    if (modifier < 4) return ''
    const { precision, scale } = unpackNumericModifier(modifier)
    return `(${precision},${scale})`
  },
}
