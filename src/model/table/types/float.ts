/**
 * float4 and float8: the shortest digits that read back as the same number, with an exponent below 1e-4 and from 1e15
 * (float4: 1e6) on, as PostgreSQL prints since version 12. NaN equals itself and is above everything.
 */
import { textStyle } from './text-style.ts'
import { fixedView, invalidText, plainType, sqlError, trimSpace, type SqlType } from './type.ts'
import type { SqlValue } from './value.ts'

const numberText = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/

function parseFloat8(text: string, title = 'double precision'): number {
  const trimmed = trimSpace(text)
  if (numberText.test(trimmed)) {
    const value = Number(trimmed)
    const underflows = value === 0 && /[1-9]/.test(trimmed.replace(/[eE].*$/, ''))
    if (!Number.isFinite(value) || underflows) throw outOfRange(trimmed, title)
    return value
  }
  const word = trimmed.toLowerCase()
  if (word === 'nan' || word === '+nan' || word === '-nan') return NaN
  const infinite = /^([+-]?)inf(?:inity)?$/.exec(word)
  if (infinite === null) throw invalidText(title, text)
  return infinite[1] === '-' ? -Infinity : Infinity
}

function outOfRange(text: string, title: string): Error {
  return sqlError('out_of_range', '22003', `"${text}" is out of range for type ${title}`)
}

function parseFloat4(text: string): number {
  const value = parseFloat8(text, 'real')
  const rounded = Math.fround(value)
  if ((Number.isFinite(value) && !Number.isFinite(rounded)) || (rounded === 0 && value !== 0)) {
    throw outOfRange(trimSpace(text), 'real')
  }
  return rounded
}

function formatFloat8(value: number): string {
  const { floatDigits } = textStyle()
  if (floatDigits < 1) return formatCut(value, Math.max(1, 15 + floatDigits))
  if (Number.isInteger(value) && Math.abs(value) < 1e15) return Object.is(value, -0) ? '-0' : String(value)
  return Number.isFinite(value) ? layOut(value.toExponential(), 15) : formatSpecial(value)
}

function formatFloat4(value: number): string {
  const { floatDigits } = textStyle()
  if (floatDigits < 1) return formatCut(value, Math.max(1, 6 + floatDigits))
  if (!Number.isFinite(value)) return formatSpecial(value)
  if (value === 0) return Object.is(value, -0) ? '-0' : '0'
  for (let digits = 0; digits < 9; digits++) {
    const text = value.toExponential(digits)
    if (Math.fround(Number(text)) === value) return layOut(text, 6)
  }
  return layOut(value.toExponential(), 6)
}

/** As C's `%.*g`: so many digits, an exponent where it is below -4 or needs more of them. */
function formatCut(value: number, digits: number): string {
  if (!Number.isFinite(value)) return formatSpecial(value)
  if (value === 0) return Object.is(value, -0) ? '-0' : '0'
  return layOut(value.toExponential(digits - 1), digits)
}

function formatSpecial(value: number): string {
  return Number.isNaN(value) ? 'NaN' : value > 0 ? 'Infinity' : '-Infinity'
}

/** From `d.ddde±x` to PostgreSQL's form. */
function layOut(scientific: string, exponentFrom: number): string {
  const [mantissa = '', exponentText = '0'] = scientific.split('e')
  const exponent = Number(exponentText)
  const sign = mantissa.startsWith('-') ? '-' : ''
  const digits = mantissa.replace(/[-.]/g, '').replace(/(?<=.)0+$/, '')
  if (exponent < -4 || exponent >= exponentFrom) {
    const fraction = digits.length > 1 ? `.${digits.slice(1)}` : ''
    const size = String(Math.abs(exponent)).padStart(2, '0')
    return `${sign}${digits[0]}${fraction}e${exponent < 0 ? '-' : '+'}${size}`
  }
  if (exponent < 0) return `${sign}0.${'0'.repeat(-exponent - 1)}${digits}`
  if (digits.length <= exponent + 1) return sign + digits.padEnd(exponent + 1, '0')
  return `${sign}${digits.slice(0, exponent + 1)}.${digits.slice(exponent + 1)}`
}

function compareFloats(a: number, b: number): number {
  if (a < b) return -1
  if (a > b) return 1
  if (a === b) return 0
  return Number.isNaN(a) ? (Number.isNaN(b) ? 0 : 1) : -1
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
}

const common = {
  ...plainType,
  category: 'N',
  isOrdered: true,
  compare: (a: SqlValue, b: SqlValue): number => compareFloats(a as number, b as number),
}

export const float4Type: SqlType = {
  ...common,
  oid: 700,
  name: 'float4',
  title: 'real',
  arrayOid: 1021,
  lengthBytes: 4,
  storage: 'fixed',
  storedBytes: 4,
  parseText: (text) => parseFloat4(text),
  formatText: (value) => formatFloat4(value as number),
  // There are many NaNs and JavaScript may keep any of them; PostgreSQL sends one.
  encodeBinary: (value, writer) => (Number.isNaN(value) ? writer.u32be(0x7fc0_0000) : writer.f32be(value as number)),
  decodeBinary: (bytes, start, end) => fixedView('real', bytes, start, end, 4).getFloat32(0),
  writeKey: (value, writer) => void writer.float8(value as number),
  writeStored: (value, writer) => writer.f32be(value as number),
  readStored: (bytes, start) => viewOf(bytes).getFloat32(start),
}

export const float8Type: SqlType = {
  ...common,
  oid: 701,
  name: 'float8',
  title: 'double precision',
  arrayOid: 1022,
  isPreferred: true,
  lengthBytes: 8,
  storage: 'float8',
  storedBytes: 8,
  parseText: (text) => parseFloat8(text),
  formatText: (value) => formatFloat8(value as number),
  encodeBinary: (value, writer) =>
    Number.isNaN(value) ? writer.u64be(0x7ff8_0000_0000_0000n) : writer.f64be(value as number),
  decodeBinary: (bytes, start, end) => fixedView('double precision', bytes, start, end, 8).getFloat64(0),
  writeKey: (value, writer) => void writer.float8(value as number),
  writeStored: (value, writer) => writer.f64be(value as number),
  readStored: (bytes, start) => viewOf(bytes).getFloat64(start),
}
