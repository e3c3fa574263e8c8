/**
 * A JSON reader and writer with exact numbers, and the canonical form of jsonb.
 *
 * Canonical text is what PostgreSQL prints: keys ordered by their length in bytes, then by bytes, the last of equal keys
 * kept; `": "` and `", "` between parts; numbers with all their digits and their scale (1.50 stays, 1e3 is 1000); strings
 * with the fewest escapes.
 *
 * Input is hostile: nesting is bounded, so that recursion cannot exhaust the stack, and keys live in a Map, so that
 * `__proto__` is only a name.
 */
import { Decimal } from '../../../base/decimal.ts'
import { compareText } from './text.ts'
import { sqlError } from './type.ts'

export type JsonNode = null | boolean | string | Decimal | readonly JsonNode[] | ReadonlyMap<string, JsonNode>

const maxJsonDepth = 1000

export function parseJson(text: string): JsonNode {
  return new JsonParser(text, true).whole()
}

/** As the type json checks: `\u0000` and lone surrogates are text that nobody has read yet. */
export function checkJsonSyntax(text: string): void {
  new JsonParser(text, false).whole()
}

const numberPattern = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y
const tokenPattern = /[A-Za-z0-9_.+\-\u0080-\uffff]+/y
const escapes: Readonly<Record<string, string>> = {
  '"': '"',
  '\\': '\\',
  '/': '/',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
}

function tooDeep(): Error {
  return sqlError('too_large', '54001', 'stack depth limit exceeded', {
    detail: `JSON values nest at most ${maxJsonDepth} deep here.`,
  })
}

/** Of JSON that was put together as text: throws where `levels` around it would be more than can be read again. */
export function checkJsonDepth(text: string, levels = 0): string {
  const most = maxJsonDepth - levels
  // Each level opens and closes.
  if (text.length <= 2 * most) return text
  let depth = 0
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === 0x22) at = stringEnd(text, at)
    else if (code === 0x5b || code === 0x7b) {
      if (++depth > most) throw tooDeep()
    } else if (code === 0x5d || code === 0x7d) depth--
  }
  return text
}

/** Of the closing quote. */
function stringEnd(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === 0x5c) at++
    else if (code === 0x22) return at
  }
  return text.length
}

class JsonParser {
  readonly #text: string
  readonly #checksUnicode: boolean
  #at = 0
  #depth = 0

  constructor(text: string, checksUnicode: boolean) {
    this.#text = text
    this.#checksUnicode = checksUnicode
  }

  whole(): JsonNode {
    const node = this.#value('Expected JSON value, but found ')
    this.#space()
    if (this.#at < this.#text.length) throw this.#unexpected('Expected end of input, but found ')
    return node
  }

  #value(expectation: string): JsonNode {
    this.#space()
    const character = this.#text[this.#at]
    if (character === '{' || character === '[') return this.#nested(character)
    if (character === '"') return this.#string()
    if (character !== undefined && (character === '-' || (character >= '0' && character <= '9'))) return this.#number()
    if (this.#word('true')) return true
    if (this.#word('false')) return false
    if (this.#word('null')) return null
    throw this.#unexpected(expectation)
  }

  #nested(open: string): JsonNode {
    if (++this.#depth > maxJsonDepth) throw tooDeep()
    this.#at++
    const node = open === '{' ? this.#object() : this.#array()
    this.#depth--
    return node
  }

  #object(): JsonNode {
    const members = new Map<string, JsonNode>()
    this.#space()
    if (this.#take('}')) return members
    for (;;) {
      this.#space()
      if (this.#text[this.#at] !== '"') {
        throw this.#unexpected(
          members.size === 0 ? 'Expected string or "}", but found ' : 'Expected string, but found ',
        )
      }
      const key = this.#string()
      this.#space()
      if (!this.#take(':')) throw this.#unexpected('Expected ":", but found ')
      const value = this.#value('Expected JSON value, but found ')
      members.set(key, value)
      this.#space()
      if (this.#take('}')) return members
      if (!this.#take(',')) throw this.#unexpected('Expected "," or "}", but found ')
    }
  }

  #array(): JsonNode {
    const elements: JsonNode[] = []
    this.#space()
    if (this.#take(']')) return elements
    for (;;) {
      elements.push(this.#value('Expected JSON value, but found '))
      this.#space()
      if (this.#take(']')) return elements
      if (!this.#take(',')) throw this.#unexpected('Expected "," or "]", but found ')
    }
  }

  #number(): Decimal {
    numberPattern.lastIndex = this.#at
    const found = numberPattern.exec(this.#text)?.[0]
    if (found === undefined || /[A-Za-z0-9_.+-]/.test(this.#text[this.#at + found.length] ?? '')) throw this.#badToken()
    this.#at += found.length
    const value = Decimal.parse(found)
    if (value === undefined) throw sqlError('out_of_range', '22003', 'value overflows numeric format')
    return value
  }

  #string(): string {
    const from = ++this.#at
    const text = this.#text
    for (;;) {
      const code = text.charCodeAt(this.#at)
      if (Number.isNaN(code)) throw this.#badToken(from - 1)
      if (code === 0x22) return text.slice(from, this.#at++)
      if (code === 0x5c) return this.#escapedString(from)
      if (code < 0x20) throw this.#controlCharacter(code)
      this.#at++
    }
  }

  #escapedString(from: number): string {
    const text = this.#text
    let built = text.slice(from, this.#at)
    for (;;) {
      const character = text[this.#at]
      if (character === undefined) throw this.#badToken(from - 1)
      if (character === '"') break
      if (character === '\\') built += this.#escape(from)
      else if (character < ' ') throw this.#controlCharacter(character.charCodeAt(0))
      else built += text[this.#at++]
    }
    this.#at++
    return built
  }

  #escape(from: number): string {
    const letter = this.#text[this.#at + 1] ?? ''
    if (letter === 'u') return this.#unicodeEscape()
    const plain = Object.hasOwn(escapes, letter) ? escapes[letter] : undefined
    if (letter === '') throw this.#badToken(from - 1)
    if (plain === undefined) throw this.#invalid(`Escape sequence "\\${letter}" is invalid.`)
    this.#at += 2
    return plain
  }

  #unicodeEscape(): string {
    const unit = this.#unicodeUnit()
    if (!this.#checksUnicode) return ''
    if (unit === 0) {
      throw sqlError('invalid_argument', '22P05', 'unsupported Unicode escape sequence', {
        detail: '\\u0000 cannot be converted to text.',
      })
    }
    if (unit >= 0xdc00 && unit <= 0xdfff) throw this.#invalid('Unicode low surrogate must follow a high surrogate.')
    if (unit < 0xd800 || unit > 0xdfff) return String.fromCharCode(unit)
    const low = this.#text.startsWith('\\u', this.#at) ? this.#unicodeUnit() : 0
    if (low < 0xdc00 || low > 0xdfff) throw this.#invalid('Unicode low surrogate must follow a high surrogate.')
    return String.fromCharCode(unit, low)
  }

  #unicodeUnit(): number {
    const digits = this.#text.slice(this.#at + 2, this.#at + 6)
    if (!/^[0-9a-fA-F]{4}$/.test(digits)) throw this.#invalid('"\\u" must be followed by four hexadecimal digits.')
    this.#at += 6
    return Number.parseInt(digits, 16)
  }

  #space(): void {
    for (;;) {
      const code = this.#text.charCodeAt(this.#at)
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return
      this.#at++
    }
  }

  #take(character: string): boolean {
    if (this.#text[this.#at] !== character) return false
    this.#at++
    return true
  }

  #word(word: string): boolean {
    if (!this.#text.startsWith(word, this.#at)) return false
    if (/[A-Za-z0-9_]/.test(this.#text[this.#at + word.length] ?? '')) return false
    this.#at += word.length
    return true
  }

  #invalid(detail: string): Error {
    return sqlError('invalid_argument', '22P02', 'invalid input syntax for type json', { detail })
  }

  #controlCharacter(code: number): Error {
    return this.#invalid(`Character with value 0x${code.toString(16).padStart(2, '0')} must be escaped.`)
  }

  #badToken(from: number = this.#at): Error {
    tokenPattern.lastIndex = from
    const found = tokenPattern.exec(this.#text)?.[0]
    const token = this.#text[from] === '"' ? this.#text.slice(from) : (found ?? this.#text[from])
    return this.#invalid(`Token "${token}" is invalid.`)
  }

  #unexpected(expectation: string): Error {
    const character = this.#text[this.#at]
    if (character === undefined) return this.#invalid('The input string ended unexpectedly.')
    if (!/[{}[\]:,"]/.test(character)) {
      const isValue = /^(?:true|false|null)$/.test(this.#text.slice(this.#at).split(/[^A-Za-z0-9_]/, 1)[0] ?? '')
      const isNumber = /[-0-9]/.test(character)
      if (!isValue && !isNumber) return this.#badToken()
    }
    return this.#invalid(`${expectation}"${this.#foundToken()}".`)
  }

  #foundToken(): string {
    const text = this.#text
    if (text[this.#at] === '"') return text.slice(this.#at, text.indexOf('"', this.#at + 1) + 1 || text.length)
    tokenPattern.lastIndex = this.#at
    return tokenPattern.exec(text)?.[0] ?? text[this.#at]!
  }
}

/** jsonb's canonical text. */
export function formatJsonb(node: JsonNode): string {
  return formatted(node, 0)
}

function formatted(node: JsonNode, depth: number): string {
  if (node === null) return 'null'
  if (typeof node === 'boolean') return node ? 'true' : 'false'
  if (typeof node === 'string') return quoteJson(node)
  if (node instanceof Decimal) return node.toString()
  if (depth === maxJsonDepth) throw tooDeep()
  if (Array.isArray(node)) {
    return `[${(node as readonly JsonNode[]).map((element) => formatted(element, depth + 1)).join(', ')}]`
  }
  const members = sortedMembers(node as ReadonlyMap<string, JsonNode>)
  return `{${members.map(([key, value]) => `${quoteJson(key)}: ${formatted(value, depth + 1)}`).join(', ')}}`
}

/** In jsonb's order of keys. */
export function sortedMembers(object: ReadonlyMap<string, JsonNode>): [string, JsonNode][] {
  return sortedByKey([...object])
}

/** Members by jsonb's order of keys. */
export function sortedByKey<T>(members: readonly [string, T][]): [string, T][] {
  const measured = members.map((member) => ({ member, bytes: Buffer.byteLength(member[0]) }))
  measured.sort((a, b) => a.bytes - b.bytes || compareText(a.member[0], b.member[0]))
  return measured.map(({ member }) => member)
}

const shortEscapes: Readonly<Record<string, string>> = {
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '"': '\\"',
  '\\': '\\\\',
}

export function quoteJson(text: string): string {
  // oxlint-disable-next-line no-control-regex -- control characters are what must be escaped
  return `"${text.replace(/[\u0000-\u001f"\\]/g, escapeJson)}"`
}

function escapeJson(character: string): string {
  return shortEscapes[character] ?? `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
}
