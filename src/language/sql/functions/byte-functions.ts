/** Bytes and bits of bytea, texts as bytes of an encoding, and texts by the rules of Unicode. */
import type { SqlValue } from '../contract.ts'
import { failure } from '../failure.ts'
import { oid } from '../types/oids.ts'
import { perSize } from './cost.ts'
import { defineFunction } from './registry.ts'

const { bytea, int4, int8, text, bool, textArray } = oid

function checkIndex(at: number | bigint, length: number): void {
  if (at < 0 || at >= length) throw failure('2202E', `index ${at} out of valid range, 0..${length - 1}`)
}

function changed(bytes: Uint8Array, at: number, value: number): Uint8Array {
  const copy = new Uint8Array(bytes)
  copy[at] = value
  return copy
}

function defineBytes(): void {
  defineFunction('get_byte', [bytea, int4], int4, (bytes: Uint8Array, at: number) => {
    checkIndex(at, bytes.length)
    return bytes[at]!
  })
  defineFunction('set_byte', [bytea, int4, int4], bytea, (bytes: Uint8Array, at: number, value: number) => {
    checkIndex(at, bytes.length)
    return changed(bytes, at, value & 0xff)
  })
  // The first bit of a byte is its lowest.
  defineFunction('get_bit', [bytea, int8], int4, (bytes: Uint8Array, at: bigint) => {
    checkIndex(at, bytes.length * 8)
    return (bytes[Number(at >> 3n)]! >> Number(at & 7n)) & 1
  })
  defineFunction('set_bit', [bytea, int8, int4], bytea, (bytes: Uint8Array, at: bigint, value: number) => {
    checkIndex(at, bytes.length * 8)
    if (value !== 0 && value !== 1) throw failure('22023', 'new bit must be 0 or 1')
    const place = Number(at >> 3n)
    const mask = 1 << Number(at & 7n)
    return changed(bytes, place, value === 1 ? bytes[place]! | mask : bytes[place]! & ~mask)
  })
  defineFunction('bit_count', [bytea], int8, (bytes: Uint8Array) => {
    let count = 0
    for (const byte of bytes) for (let rest = byte; rest > 0; rest &= rest - 1) count++
    return BigInt(count)
  })
}

type Encoding = 'utf8' | 'latin1'

/** As PostgreSQL spells them, letters and digits alone. */
const encodings: ReadonlyMap<string, Encoding> = new Map([
  ['utf8', 'utf8'],
  ['unicode', 'utf8'],
  ['sqlascii', 'utf8'],
  ['latin1', 'latin1'],
  ['iso88591', 'latin1'],
])

function encodingOf(name: string, role: 'source' | 'destination'): Encoding {
  const found = encodings.get(name.toLowerCase().replace(/[^a-z0-9]/g, ''))
  if (found !== undefined) return found
  throw failure('22023', `invalid ${role} encoding name "${name}"`)
}

function decoded(bytes: Uint8Array, encoding: Encoding): string {
  if (encoding === 'latin1') return Buffer.from(bytes).toString('latin1')
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    const shown = Array.from(bytes.subarray(0, 4), (byte) => `0x${byte.toString(16).padStart(2, '0')}`).join(' ')
    throw failure('22021', `invalid byte sequence for encoding "UTF8": ${shown}`)
  }
}

function encoded(value: string, encoding: Encoding): Uint8Array {
  if (encoding === 'utf8') return new Uint8Array(Buffer.from(value))
  const wide = Array.from(value).find((character) => character.codePointAt(0)! > 0xff)
  if (wide === undefined) return new Uint8Array(Buffer.from(value, 'latin1'))
  const shown = Array.from(Buffer.from(wide), (byte) => `0x${byte.toString(16).padStart(2, '0')}`).join(' ')
  throw failure(
    '22P05',
    `character with byte sequence ${shown} in encoding "UTF8" has no equivalent in encoding "LATIN1"`,
  )
}

function defineEncodings(): void {
  defineFunction('convert_from', [bytea, text], text, (bytes: Uint8Array, name: string) => {
    return decoded(bytes, encodingOf(name, 'source'))
  })
  defineFunction('convert_to', [text, text], bytea, (value: string, name: string) => {
    return encoded(value, encodingOf(name, 'destination'))
  })
  defineFunction('convert', [bytea, text, text], bytea, (bytes: Uint8Array, from: string, to: string) => {
    return encoded(decoded(bytes, encodingOf(from, 'source')), encodingOf(to, 'destination'))
  })
}

function normalForm(name: string): string {
  const form = name.toUpperCase()
  if (['NFC', 'NFD', 'NFKC', 'NFKD'].includes(form)) return form
  throw failure('22023', `invalid normalization form: ${name}`)
}

const escape = /\\(?:\\|([0-9a-fA-F]{4})|\+([0-9a-fA-F]{6})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|)/g

function unescaped(value: string): string {
  const built = value.replace(escape, (all: string, ...found: (string | undefined)[]) => {
    if (all === '\\\\') return '\\'
    const digits = found.slice(0, 4).find((one) => one !== undefined)
    if (digits === undefined) {
      throw failure('42601', 'invalid Unicode escape', {
        hint: 'Unicode escapes must be \\XXXX, \\+XXXXXX, \\uXXXX, or \\UXXXXXXXX.',
      })
    }
    const code = Number.parseInt(digits, 16)
    if (code === 0 || code > 0x10_ffff) throw failure('22023', `invalid Unicode code point: ${digits.padStart(4, '0')}`)
    return code > 0xffff ? String.fromCodePoint(code) : String.fromCharCode(code)
  })
  if (!built.isWellFormed()) throw failure('42601', 'invalid Unicode surrogate pair')
  return built
}

/** `a."B c".d` as its parts; what is not quoted in lower case. */
function identifierParts(value: string, isStrict = true): SqlValue {
  const parts: string[] = []
  const fail = (detail?: string): Error =>
    failure('22023', `string is not a valid identifier: "${value}"`, detail === undefined ? {} : { detail })
  let rest = value.trimStart()
  let isAfterDot = false
  for (;;) {
    const quoted = /^"((?:[^"]|"")*)"/.exec(rest)
    const plain = /^[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*/.exec(rest)
    if (rest.startsWith('"')) {
      if (quoted === null) throw fail('String has unclosed double quotes.')
      if (quoted[1] === '') throw fail('Quoted identifier must not be empty.')
      parts.push(quoted[1]!.replaceAll('""', '"'))
      rest = rest.slice(quoted[0].length)
    } else if (plain === null) {
      if (rest.startsWith('.')) throw fail('No valid identifier before ".".')
      throw isAfterDot ? fail('No valid identifier after ".".') : fail()
    } else {
      parts.push(plain[0].toLowerCase())
      rest = rest.slice(plain[0].length)
    }
    rest = rest.trimStart()
    if (rest.startsWith('.')) {
      rest = rest.slice(1).trimStart()
      isAfterDot = true
    } else if (rest === '' || !isStrict) return parts
    else throw fail()
  }
}

function defineTexts(): void {
  const cost = perSize(100)
  for (const takes of [[text], [text, text]]) {
    defineFunction('normalize', takes, text, (value: string, form = 'NFC') => value.normalize(normalForm(form)), {
      cost,
    })
    defineFunction(
      'is_normalized',
      takes,
      bool,
      (value: string, form = 'NFC') => {
        return value.normalize(normalForm(form)) === value
      },
      { cost },
    )
  }
  defineFunction('unistr', [text], text, unescaped, { cost })
  defineFunction('parse_ident', [text], textArray, (value: string) => identifierParts(value), { cost })
  defineFunction('parse_ident', [text, bool], textArray, identifierParts, { cost })
}

defineBytes()
defineEncodings()
defineTexts()
