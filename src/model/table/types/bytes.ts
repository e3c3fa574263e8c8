/** bytea: input in hexadecimal (`\x…`) or escape form, output in the form that the session has set. */
import { textStyle } from './text-style.ts'
import { plainType, sqlError, type SqlType } from './type.ts'

function parseBytea(text: string): Uint8Array {
  return text.startsWith('\\x') ? parseHexadecimal(text) : parseEscaped(text)
}

function parseHexadecimal(text: string): Uint8Array {
  const bytes = new Uint8Array((text.length - 2) >> 1)
  let count = 0
  for (let at = 2; at < text.length; at++) {
    if (/\s/.test(text[at]!)) continue
    const high = hexadecimalDigit(text, at)
    if (at + 1 >= text.length) {
      throw sqlError('invalid_argument', '22023', 'invalid hexadecimal data: odd number of digits')
    }
    bytes[count++] = high * 16 + hexadecimalDigit(text, ++at)
  }
  return bytes.subarray(0, count)
}

function hexadecimalDigit(text: string, at: number): number {
  const code = text.charCodeAt(at)
  if (code >= 0x30 && code <= 0x39) return code - 0x30
  const letter = code | 0x20
  if (letter >= 0x61 && letter <= 0x66) return letter - 0x57
  const shown = String.fromCodePoint(text.codePointAt(at)!)
  throw sqlError('invalid_argument', '22023', `invalid hexadecimal digit: "${shown}"`)
}

function parseEscaped(text: string): Uint8Array {
  const source = Buffer.from(text)
  const bytes = new Uint8Array(source.length)
  let count = 0
  for (let at = 0; at < source.length; at++) {
    const byte = source[at]!
    if (byte !== 0x5c) {
      bytes[count++] = byte
    } else if (source[at + 1] === 0x5c) {
      bytes[count++] = 0x5c
      at++
    } else {
      const octal = /^[0-3][0-7][0-7]$/.exec(source.toString('latin1', at + 1, at + 4))
      if (octal === null) throw sqlError('invalid_argument', '22P02', 'invalid input syntax for type bytea')
      bytes[count++] = Number.parseInt(octal[0], 8)
      at += 3
    }
  }
  return bytes.subarray(0, count)
}

function formatBytea(value: Uint8Array): string {
  if (textStyle().byteaOutput === 'escape') return formatEscaped(value)
  return `\\x${Buffer.from(value.buffer as ArrayBuffer, value.byteOffset, value.length).toString('hex')}`
}

/** A backslash twice, what is no printable ASCII by its three octal digits. */
function formatEscaped(value: Uint8Array): string {
  let text = ''
  for (const byte of value) {
    if (byte === 0x5c) text += '\\\\'
    else if (byte >= 0x20 && byte <= 0x7e) text += String.fromCharCode(byte)
    else text += `\\${byte.toString(8).padStart(3, '0')}`
  }
  return text
}

export const byteaType: SqlType = {
  ...plainType,
  oid: 17,
  name: 'bytea',
  title: 'bytea',
  arrayOid: 1001,
  category: 'U',
  lengthBytes: -1,
  storage: 'variable',
  storedBytes: 0,
  isOrdered: true,
  parseText: (text) => parseBytea(text),
  formatText: (value) => formatBytea(value as Uint8Array),
  encodeBinary: (value, writer) => writer.copy(value as Uint8Array),
  decodeBinary: copyBytes,
  compare: (a, b) => Buffer.compare(a as Uint8Array, b as Uint8Array),
  writeKey: (value, writer) => void writer.byteString(value as Uint8Array),
  writeStored: (value, writer) => writer.copy(value as Uint8Array),
  readStored: copyBytes,
}

/** Stores and sockets reuse their buffers: a value that lives on needs bytes of its own. */
function copyBytes(bytes: Uint8Array, start: number, end: number): Uint8Array {
  return new Uint8Array(bytes.subarray(start, end))
}
