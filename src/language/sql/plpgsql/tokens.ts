/**
 * The tokens of a PL/pgSQL body. What is between the words of its statements is SQL, and stays text: tokens only tell where it
 * ends. So they are PostgreSQL's as far as quoting, comments and brackets go, and no further.
 */
import { failure } from '../failure.ts'

export interface Token {
  readonly kind: 'word' | 'quoted' | 'string' | 'number' | 'parameter' | 'symbol' | 'end'
  /** As it stands. */
  readonly text: string
  /** Of a word: in lower case; of a quoted one the name itself; else undefined. */
  readonly name: string | undefined
  /** Of a word that is not quoted: in lower case. Keywords are these. */
  readonly word: string | undefined
  readonly start: number
  readonly end: number
}

const blank = /(?:[ \t\n\v\f\r]+|--[^\n\r]*)+/y
const word = /[A-Za-z_\u0080-\uffff][A-Za-z_0-9$\u0080-\uffff]*/y
const number = /(?:\d+(?:\.(?!\.)\d*)?|\.\d+)(?:[eE][+-]?\d+)?/y
const plainString = /[bBxXnN]?'(?:[^']|'')*'/y
/** It goes on in the next line that begins with a quote. */
const escapeString =
  /[eE]'(?:[^'\\]|\\[^]|'')*'(?:(?:[ \t\v\f]*(?:--[^\n\r]*)?[\n\r])+[ \t\v\f]*'(?:[^'\\]|\\[^]|'')*')*/y
const unicodeString = /[uU]&(?:'(?:[^']|'')*'|"(?:[^"]|"")*")/y
const quotedName = /"(?:[^"]|"")*"/y
const dollar = /\$(?:[A-Za-z_\u0080-\uffff][A-Za-z_0-9\u0080-\uffff]*)?\$/y
const parameter = /\$\d+/y
const symbol = /:=|::|=>|\.\.|<<|>>|<=|>=|<>|!=|\|\||[^]/y

export function scanTokens(text: string): Token[] {
  const tokens: Token[] = []
  let at = skipBlank(text, 0)
  while (at < text.length) {
    const token = readToken(text, at)
    tokens.push(token)
    at = skipBlank(text, token.end)
  }
  tokens.push({ kind: 'end', text: '', name: undefined, word: undefined, start: text.length, end: text.length })
  return tokens
}

function skipBlank(text: string, from: number): number {
  let at = from
  for (;;) {
    blank.lastIndex = at
    if (blank.test(text)) at = blank.lastIndex
    if (!text.startsWith('/*', at)) return at
    at = endOfComment(text, at)
  }
}

/** They nest. */
function endOfComment(text: string, from: number): number {
  let depth = 0
  for (let at = from; at < text.length; at++) {
    if (text.startsWith('/*', at)) {
      depth++
      at++
    } else if (text.startsWith('*/', at)) {
      at++
      if (--depth === 0) return at + 1
    }
  }
  throw failure('42601', 'unterminated /* comment')
}

type Kind = Token['kind']

function match(pattern: RegExp, text: string, at: number): string | undefined {
  pattern.lastIndex = at
  return pattern.exec(text)?.[0]
}

const patterns: readonly (readonly [Kind, RegExp])[] = [
  ['string', escapeString],
  ['string', unicodeString],
  ['string', plainString],
  ['word', word],
  ['quoted', quotedName],
  ['number', number],
  ['parameter', parameter],
]

function readToken(text: string, at: number): Token {
  for (const [kind, pattern] of patterns) {
    const found = match(pattern, text, at)
    if (found !== undefined) return tokenOf(kind, found, at)
  }
  const tag = match(dollar, text, at)
  if (tag !== undefined) {
    const end = text.indexOf(tag, at + tag.length)
    if (end < 0) throw failure('42601', 'unterminated dollar-quoted string')
    return tokenOf('string', text.slice(at, end + tag.length), at)
  }
  const one = match(symbol, text, at)!
  if (one === "'" || one === '"') {
    throw failure('42601', `unterminated quoted ${one === "'" ? 'string' : 'identifier'}`)
  }
  return tokenOf('symbol', one, at)
}

function tokenOf(kind: Kind, text: string, start: number): Token {
  const lower = kind === 'word' ? text.toLowerCase() : undefined
  const name = kind === 'quoted' ? text.slice(1, -1).replaceAll('""', '"') : lower
  return { kind, text, name, word: lower, start, end: start + text.length }
}

/** The value of a string literal. */
export function stringValue({ text }: Token): string {
  if (text.startsWith('$')) {
    const tag = text.indexOf('$', 1) + 1
    return text.slice(tag, -tag)
  }
  const quote = text.indexOf("'")
  const inner = text.slice(quote + 1, -1).replaceAll("''", "'")
  return /^[eE]/.test(text) ? unescape(inner) : inner
}

const escapes: Readonly<Record<string, string>> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' }

function unescape(text: string): string {
  return text.replace(/\\(x[0-9A-Fa-f]{1,2}|[0-7]{1,3}|u[0-9A-Fa-f]{4}|[^])/g, (_, code: string) => {
    if (/^[xu]./.test(code)) return String.fromCodePoint(Number.parseInt(code.slice(1), 16))
    if (/^[0-7]/.test(code)) return String.fromCodePoint(Number.parseInt(code, 8))
    return escapes[code] ?? code
  })
}
