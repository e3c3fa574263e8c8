/**
 * Functions and operators over text. Lengths and positions count characters as PostgreSQL does: code points, not the
 * UTF-16 units of JavaScript; texts without surrogates take the short way.
 */
import { createHash } from 'node:crypto'
import { quoteIdentifier } from '../../../model/table/types/identifier.ts'
import { getType } from '../../../model/table/types/registry.ts'
import { countCharacters } from '../../../model/table/types/text.ts'
import type { SqlValue } from '../contract.ts'
import { failure } from '../failure.ts'
import { oid } from '../types/oids.ts'
import { grownCost, perSize } from './cost.ts'
import { compileRegex, likeCost, likeMatcher, regexCost, similarToRegex, substringSimilar } from './pattern.ts'
import { defineFunction, defineOperator } from './registry.ts'
import { checkGrownLength, joinTexts } from './text-length.ts'

export { quoteIdentifier }

const { text, int4, bool, bytea } = oid

const isPlain = (value: string): boolean => !/[\ud800-\udfff]/.test(value)

function characters(value: string): readonly string[] | string {
  return isPlain(value) ? value : [...value]
}

function sliceCharacters(value: string, from: number, to: number): string {
  const all = characters(value)
  return typeof all === 'string' ? all.slice(from, to) : all.slice(from, to).join('')
}

function substring(value: string, start: number, count?: number): string {
  if (count !== undefined && count < 0) throw failure('22011', 'negative substring length not allowed')
  const from = Math.max(0, start - 1)
  return sliceCharacters(value, from, count === undefined ? Infinity : Math.max(from, start - 1 + count))
}

function pad(value: string, length: number, fill: string, atStart: boolean): string {
  const wanted = Math.max(0, length)
  checkGrownLength(wanted)
  const missing = wanted - countCharacters(value)
  if (missing <= 0) return sliceCharacters(value, 0, wanted)
  if (fill === '') return value
  const filler = sliceCharacters(fill.repeat(Math.ceil(missing / countCharacters(fill))), 0, missing)
  return atStart ? filler + value : value + filler
}

function trimmer(atStart: boolean, atEnd: boolean): (value: string, set?: string) => string {
  return (value, set = ' ') => {
    const wanted = new Set(set)
    const all = [...value]
    let from = 0
    let to = all.length
    if (atStart) while (from < to && wanted.has(all[from]!)) from++
    if (atEnd) while (to > from && wanted.has(all[to - 1]!)) to--
    return all.slice(from, to).join('')
  }
}

/** Bytes as characters of the same number, so that texts' functions work on them. */
function latin1(value: Uint8Array): string {
  return Buffer.from(value).toString('latin1')
}

function latin1Bytes(value: string): Uint8Array {
  return new Uint8Array(Buffer.from(value, 'latin1'))
}

function position(value: string, part: string): number {
  const at = value.indexOf(part)
  return at < 0 ? 0 : countCharacters(value.slice(0, at)) + 1
}

function splitPart(value: string, separator: string, field: number): string {
  if (field === 0) throw failure('22023', 'field position must not be zero')
  const parts = separator === '' ? [value] : value.split(separator)
  return parts[field > 0 ? field - 1 : parts.length + field] ?? ''
}

function translate(value: string, from: string, to: string): string {
  const target = [...to]
  const map = new Map<string, string>()
  for (const [i, character] of [...from].entries()) if (!map.has(character)) map.set(character, target[i] ?? '')
  return [...value].map((character) => map.get(character) ?? character).join('')
}

function initcap(value: string): string {
  return value.toLowerCase().replace(/[\p{L}\p{N}]+/gu, (word) => {
    const [first = '', ...rest] = [...word]
    return first.toUpperCase() + rest.join('')
  })
}

export function quoteLiteral(value: string): string {
  const quoted = `'${value.replaceAll("'", "''").replaceAll('\\', '\\\\')}'`
  return value.includes('\\') ? `E${quoted}` : quoted
}

/** Looks at no more than a part of bounded size. */
const constant = { cost: 'own' } as const

function defineLengths(): void {
  for (const name of ['length', 'char_length', 'character_length']) {
    defineFunction(name, [text], int4, (value: string) => countCharacters(value), { cost: perSize(2) })
  }
  defineFunction('length', [bytea], int4, (value: Uint8Array) => value.length, constant)
  defineFunction('octet_length', [text], int4, (value: string) => Buffer.byteLength(value), { cost: perSize(0.5) })
  // Without the conversion to text, which drops the padding.
  defineFunction('octet_length', [oid.bpchar], int4, (value: string) => Buffer.byteLength(value), {
    cost: perSize(0.5),
  })
  defineFunction('octet_length', [bytea], int4, (value: Uint8Array) => value.length, constant)
  defineFunction('bit_length', [text], int4, (value: string) => 8 * Buffer.byteLength(value), { cost: perSize(0.5) })
  defineFunction('bit_length', [bytea], int4, (value: Uint8Array) => 8 * value.length, constant)
  defineFunction('ascii', [text], int4, (value: string) => value.codePointAt(0) ?? 0, constant)
  defineFunction('chr', [int4], text, (value: number) => {
    if (value === 0) throw failure('54000', 'null character not permitted')
    if (value < 0) throw failure('22023', 'character number must be positive')
    if (value > 0x10_ffff) throw failure('54000', `requested character too large for encoding: ${value}`)
    if (value >= 0xd800 && value <= 0xdfff) {
      throw failure('54000', `requested character not valid for encoding: ${value}`)
    }
    return String.fromCodePoint(value)
  })
}

/** Character by character, as PostgreSQL does: what would become several (ß) stays. */
function mapCase(value: string, change: (text: string) => string): string {
  const changed = change(value)
  if (changed.length === value.length) return changed
  return [...value].map((one) => (countCharacters(change(one)) === 1 ? change(one) : one)).join('')
}

function defineChanges(): void {
  defineFunction('lower', [text], text, (value: string) => mapCase(value, (one) => one.toLowerCase()))
  defineFunction('upper', [text], text, (value: string) => mapCase(value, (one) => one.toUpperCase()))
  defineFunction('initcap', [text], text, initcap)
  defineFunction('reverse', [text], text, (value: string) => [...value].reverse().join(''))
  defineFunction(
    'repeat',
    [text, int4],
    text,
    (value: string, count: number) => {
      checkGrownLength(value.length * Math.max(0, count))
      return value.repeat(Math.max(0, count))
    },
    { cost: (value: string, count: number) => grownCost(value.length * count) },
  )
  defineFunction(
    'replace',
    [text, text, text],
    text,
    (value: string, from: string, to: string) => {
      if (from === '') return value
      const parts = value.split(from)
      checkGrownLength(value.length + parts.length * to.length)
      return parts.join(to)
    },
    {
      cost: (value: string, from: string, to: string) =>
        value.length * 80 + grownCost((value.length / Math.max(1, from.length)) * to.length),
    },
  )
  defineFunction('translate', [text, text, text], text, translate, { cost: perSize(80) })
  definePads()
  for (const [name, start, end] of [
    ['btrim', true, true],
    ['ltrim', true, false],
    ['rtrim', false, true],
  ] as const) {
    const trim = trimmer(start, end)
    defineFunction(name, [text], text, (value: string) => trim(value))
    defineFunction(name, [text, text], text, (value: string, set: string) => trim(value, set))
    // As in PostgreSQL, nothing is trimmed of or by no bytes.
    defineFunction(name, [bytea, bytea], bytea, (value: Uint8Array, set: Uint8Array) =>
      latin1Bytes(trim(latin1(value), latin1(set))),
    )
  }
}

function definePads(): void {
  const cost = (value: string, length: number, fill = ''): number =>
    (value.length + fill.length) * 30 + grownCost(length)
  for (const [name, atStart] of [
    ['lpad', true],
    ['rpad', false],
  ] as const) {
    defineFunction(name, [text, int4], text, (value: string, n: number) => pad(value, n, ' ', atStart), { cost })
    const padded = (value: string, n: number, fill: string): string => pad(value, n, fill, atStart)
    defineFunction(name, [text, int4, text], text, padded, { cost })
  }
}

function defineParts(): void {
  for (const name of ['substring', 'substr']) {
    defineFunction(name, [text, int4], text, (value: string, start: number) => substring(value, start))
    defineFunction(name, [text, int4, int4], text, substring)
    defineFunction(name, [bytea, int4], bytea, (value: Uint8Array, start: number) =>
      value.slice(Math.max(0, start - 1)),
    )
    defineFunction(name, [bytea, int4, int4], bytea, (value: Uint8Array, start: number, count: number) => {
      if (count < 0) throw failure('22011', 'negative substring length not allowed')
      return value.slice(Math.max(0, start - 1), Math.max(0, start - 1 + count))
    })
  }
  defineFunction('substring', [text, text, text], text, substringSimilar, { cost: regexCost })
  const substringMatched = (value: string, pattern: string): string | null => {
    const matcher = compileRegex(pattern).matcher(value)
    if (!matcher.find()) return null
    return matcher.groupCount() > 0 ? matcher.group(1) : matcher.group()
  }
  defineFunction('substring', [text, text], text, substringMatched, { cost: regexCost })
  defineFunction('left', [text, int4], text, (value: string, n: number) =>
    n >= 0 ? sliceCharacters(value, 0, n) : sliceCharacters(value, 0, Math.max(0, countCharacters(value) + n)),
  )
  defineFunction('right', [text, int4], text, (value: string, n: number) => {
    const length = countCharacters(value)
    return sliceCharacters(value, n >= 0 ? Math.max(0, length - n) : Math.min(length, -n), length)
  })
  defineFunction('split_part', [text, text, int4], text, splitPart)
  defineFunction('strpos', [text, text], int4, position)
  defineFunction('position', [text, text], int4, position)
  defineFunction('starts_with', [text, text], bool, (value: string, prefix: string) => value.startsWith(prefix))
  defineOperator('^@', [text, text], bool, (value: string, prefix: string) => value.startsWith(prefix))
  defineFunction('overlay', [text, text, int4], text, (value: string, part: string, start: number) =>
    overlay(value, part, start, countCharacters(part)),
  )
  defineFunction('overlay', [text, text, int4, int4], text, overlay)
  const overlayBytes = (value: Uint8Array, part: Uint8Array, start: number, count: number = part.length): Uint8Array =>
    latin1Bytes(overlay(latin1(value), latin1(part), start, count))
  defineFunction('overlay', [bytea, bytea, int4], bytea, overlayBytes)
  defineFunction('overlay', [bytea, bytea, int4, int4], bytea, overlayBytes)
}

function overlay(value: string, part: string, start: number, count: number): string {
  if (start <= 0) throw failure('22011', 'negative substring length not allowed')
  if (start + count > 2_147_483_647) throw failure('22003', 'integer out of range')
  const rest = Math.max(0, start - 1 + count)
  return sliceCharacters(value, 0, start - 1) + part + sliceCharacters(value, rest, Infinity)
}

function defineJoins(): void {
  defineOperator('||', [text, text], text, (a: string, b: string) => joinTexts([a, b]), { cost: perSize(1) })
  defineOperator('||', [bytea, bytea], bytea, (a: Uint8Array, b: Uint8Array) => new Uint8Array(Buffer.concat([a, b])))
  defineFunction('md5', [text], text, (value: string) => createHash('md5').update(value).digest('hex'))
  defineFunction('md5', [bytea], text, (value: Uint8Array) => createHash('md5').update(value).digest('hex'))
  for (const name of ['sha224', 'sha256', 'sha384', 'sha512']) {
    defineFunction(name, [bytea], bytea, (value: Uint8Array) => new Uint8Array(createHash(name).update(value).digest()))
  }
  defineFunction('quote_ident', [text], text, quoteIdentifier)
  defineFunction('quote_literal', [text], text, quoteLiteral)
  defineFunction(
    'quote_nullable',
    [text],
    text,
    (value: SqlValue) => (value === null ? 'NULL' : quoteLiteral(value as string)),
    {
      strict: false,
    },
  )
  defineFunction('to_hex', [int4], text, (value: number) => (value >>> 0).toString(16))
  defineFunction('to_hex', [oid.int8], text, (value: bigint) => BigInt.asUintN(64, value).toString(16))
  defineFunction('encode', [bytea, text], text, encode)
  defineFunction('decode', [text, text], bytea, decode)
}

function encode(value: Uint8Array, encoding: string): string {
  const format = encoding.toLowerCase()
  const buffer = Buffer.from(value)
  if (format === 'hex') return buffer.toString('hex')
  if (format === 'base64') return buffer.toString('base64').replace(/(.{76})(?=.)/g, '$1\n')
  if (format === 'escape') {
    let out = ''
    for (const byte of value) {
      if (byte === 0 || byte >= 0x80) out += `\\${byte.toString(8).padStart(3, '0')}`
      else out += byte === 0x5c ? '\\\\' : String.fromCharCode(byte)
    }
    return out
  }
  throw failure('22023', `unrecognized encoding: "${encoding}"`)
}

function decode(value: string, encoding: string): Uint8Array {
  const format = encoding.toLowerCase()
  if (format === 'base64') {
    const compact = value.replace(/\s/g, '')
    const bad = /[^A-Za-z0-9+/=]/u.exec(compact)
    if (bad !== null) throw failure('22023', `invalid symbol "${bad[0]}" found while decoding base64 sequence`)
    if (!/^[A-Za-z0-9+/]*={0,2}$/.test(compact) || compact.length % 4 !== 0) {
      throw failure('22023', 'invalid base64 end sequence')
    }
    return new Uint8Array(Buffer.from(compact, 'base64'))
  }
  if (format === 'hex') {
    const compact = value.replace(/\s/g, '')
    const bad = /[^0-9a-fA-F]/.exec(compact)
    if (bad !== null) throw failure('22023', `invalid hexadecimal digit: "${bad[0]}"`)
    if (compact.length % 2 === 1) throw failure('22023', 'invalid hexadecimal data: odd number of digits')
    return new Uint8Array(Buffer.from(compact, 'hex'))
  }
  if (format === 'escape') return getType(bytea).parseText(value) as Uint8Array
  throw failure('22023', `unrecognized encoding: "${encoding}"`)
}

function defineMatches(): void {
  const like =
    (ignoreCase: boolean, negated: boolean) =>
    (value: string, pattern: string, escape = '\\'): boolean =>
      likeMatcher(pattern, escape, ignoreCase)(value) !== negated
  for (const [symbol, ignoreCase, negated] of [
    ['~~', false, false],
    ['!~~', false, true],
    ['~~*', true, false],
    ['!~~*', true, true],
  ] as const) {
    const match = like(ignoreCase, negated)
    // A bpchar is matched with its padding: no conversion to text comes between.
    for (const type of [text, oid.bpchar]) {
      defineOperator(symbol, [type, text], bool, (value: string, pattern: string) => match(value, pattern), {
        cost: likeCost,
      })
    }
    defineFunction(`like ${symbol}`, [text, text, text], bool, match, { cost: likeCost })
  }
  for (const [symbol, flags, negated] of [
    ['~', '', false],
    ['!~', '', true],
    ['~*', 'i', false],
    ['!~*', 'i', true],
  ] as const) {
    const find = (value: string, pattern: string): boolean =>
      compileRegex(pattern, flags).matcher(value).find() !== negated
    for (const type of [text, oid.bpchar]) defineOperator(symbol, [type, text], bool, find, { cost: regexCost })
  }
  const matched = { cost: regexCost } as const
  const similar = (value: string, pattern: string, escape = '\\'): boolean =>
    compileRegex(similarToRegex(pattern, escape)).matcher(value).find()
  defineFunction('similar_to', [text, text], bool, (value: string, pattern: string) => similar(value, pattern), matched)
  defineFunction('similar_to', [text, text, text], bool, similar, matched)
  defineFunction('regexp_replace', [text, text, text], text, regexpReplaceFirst, { cost: replaceCost })
  defineFunction('regexp_replace', [text, text, text, text], text, regexpReplace, { cost: replaceCost })
  for (const more of [[], [int4], [int4, text]]) {
    defineFunction('regexp_replace', [text, text, text, int4, ...more], text, regexpReplaceFrom, { cost: replaceCost })
  }
  defineFunction(
    'regexp_match',
    [text, text],
    oid.textArray,
    (value: string, pattern: string) => regexpMatch(value, pattern),
    matched,
  )
  defineFunction('regexp_match', [text, text, text], oid.textArray, regexpMatch, matched)
  defineFunction(
    'regexp_split_to_array',
    [text, text],
    oid.textArray,
    (value: string, pattern: string) => regexpSplit(value, pattern),
    matched,
  )
  defineFunction('regexp_split_to_array', [text, text, text], oid.textArray, regexpSplit, matched)
  defineFunction('string_to_array', [text, text], oid.textArray, stringToArray, { strict: false, cost: perSize(60) })
  defineFunction('string_to_array', [text, text, text], oid.textArray, stringToArray, {
    strict: false,
    cost: perSize(60),
  })
}

function refuseGlobal(name: string, flags: string): void {
  if (flags.includes('g')) throw failure('22023', `${name}() does not support the "global" option`)
}

export function regexpSplit(value: string, pattern: string, flags = ''): string[] {
  refuseGlobal('regexp_split_to_array', flags)
  const matcher = compileRegex(pattern, flags).matcher(value)
  const parts: string[] = []
  let from = 0
  while (matcher.find()) {
    if (matcher.end() === matcher.start() && (matcher.start() === 0 || matcher.start() >= value.length)) continue
    parts.push(value.slice(from, matcher.start()))
    from = matcher.end()
  }
  parts.push(value.slice(from))
  return parts
}

export function stringToArray(value: SqlValue, separator: SqlValue, missing: SqlValue = null): SqlValue {
  if (value === null) return null
  if (value === '') return []
  const text = value as string
  const parts = separator === null ? [...text] : separator === '' ? [text] : text.split(separator as string)
  return missing === null ? parts : parts.map((part) => (part === missing ? null : part))
}

function regexpMatch(value: string, pattern: string, flags = ''): SqlValue {
  refuseGlobal('regexp_match', flags)
  const matcher = compileRegex(pattern, flags).matcher(value)
  if (!matcher.find()) return null
  if (matcher.groupCount() === 0) return [matcher.group()]
  return Array.from({ length: matcher.groupCount() }, (_, i) => matcher.group(i + 1))
}

/** From the `start`th character on; `nth` 0 replaces every match. */
function regexpReplaceFrom(value: string, pattern: string, to: string, start: number, nth = 1, flags = ''): string {
  if (start <= 0) throw failure('22023', `invalid value for parameter "start": ${start}`)
  if (nth < 0) throw failure('22023', `invalid value for parameter "n": ${nth}`)
  return regexpReplace(value, pattern, to, flags, start, nth)
}

/** Each match may be replaced by the whole text. */
function replaceCost(value: string, pattern: string, to: string): number {
  return regexCost(value, pattern) + grownCost(value.length * to.length)
}

function regexpReplaceFirst(value: string, pattern: string, to: string): string {
  return regexpReplace(value, pattern, to, '')
}

function regexpReplace(value: string, pattern: string, to: string, flags: string, start = 1, nth?: number): string {
  if (/^\d/.test(flags)) {
    throw failure('22023', `invalid regular expression option: "${flags[0]!}"`, {
      hint: 'If you meant to use regexp_replace() with a start parameter, cast the fourth argument to integer explicitly.',
    })
  }
  const matcher = compileRegex(pattern, flags).matcher(value)
  const wanted = nth ?? (flags.includes('g') ? 0 : 1)
  const startAt = sliceCharacters(value, 0, start - 1).length
  let out = ''
  let from = 0
  let found = 0
  while (matcher.find()) {
    if (matcher.start() < startAt) continue
    if (++found < wanted) continue
    out += value.slice(from, matcher.start())
    out += to.replace(/\\([0-9&\\])/g, (_, what: string) => {
      if (what === '\\') return '\\'
      const group = what === '&' ? 0 : Number(what)
      return group <= matcher.groupCount() ? (matcher.group(group) ?? '') : ''
    })
    from = matcher.end()
    checkGrownLength(out.length)
    if (wanted > 0) break
  }
  return out + value.slice(from)
}

defineLengths()
defineChanges()
defineParts()
defineJoins()
defineMatches()
