/** Tokens of a path. Words are keys as well as keywords; the parser knows which. */
import { sqlError } from '../type.ts'

export interface PathToken {
  readonly kind: 'word' | 'string' | 'variable' | 'number' | 'symbol' | 'end'
  readonly text: string
  /** As it stands in the path, for messages. */
  readonly shown: string
}

export function pathError(message: string, near: string | undefined): Error {
  const place = near === undefined ? 'at end of jsonpath input' : `at or near "${near}" of jsonpath input`
  return sqlError('syntax', '42601', `${message} ${place}`)
}

const space = /[ \t\n\r\f]/
const special = /[?%$.[\]{}()|&!=<>@#,*:\-+/]/
const symbols = /&&|\|\||\*\*|==|!=|<>|<=|>=|[?%.[\]{}()|&!=<>@#,*:\-+/]/y
const number = /(?:(?:0|[1-9]\d*)(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?/y

/** A character of a word. */
function isOther(character: string | undefined): boolean {
  return character !== undefined && !space.test(character) && !special.test(character) && !/["\\]/.test(character)
}

export function readPathTokens(text: string): readonly PathToken[] {
  if (text.includes('\0')) {
    throw sqlError('invalid_argument', '22021', 'invalid byte sequence for encoding "UTF8": 0x00')
  }
  const lexer = new PathLexer(text)
  const tokens: PathToken[] = []
  for (;;) {
    const token = lexer.next()
    tokens.push(token)
    if (token.kind === 'end') return tokens
  }
}

const shortEscapes: Readonly<Record<string, string>> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' }

class PathLexer {
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  next(): PathToken {
    this.#skip()
    const text = this.#text
    const start = this.#at
    const character = text[start]
    if (character === undefined) return { kind: 'end', text: '', shown: '' }
    if (character === '"') return { kind: 'string', text: this.#quoted(), shown: text.slice(start, this.#at) }
    if (character === '$') return this.#dollar(start)
    if (/\d/.test(character) || (character === '.' && /\d/.test(text[start + 1] ?? ''))) return this.#number()
    symbols.lastIndex = start
    const symbol = symbols.exec(text)?.[0]
    if (symbol !== undefined) {
      this.#at += symbol.length
      return { kind: 'symbol', text: symbol, shown: symbol }
    }
    return { kind: 'word', text: this.#word(), shown: text.slice(start, this.#at) }
  }

  #skip(): void {
    const text = this.#text
    for (;;) {
      while (space.test(text[this.#at] ?? 'x')) this.#at++
      if (!text.startsWith('/*', this.#at)) return
      const end = text.indexOf('*/', this.#at + 2)
      if (end < 0) throw pathError('unexpected end of comment', undefined)
      this.#at = end + 2
    }
  }

  #dollar(start: number): PathToken {
    this.#at++
    const next = this.#text[this.#at]
    if (next === '"') return { kind: 'variable', text: this.#quoted(), shown: this.#text.slice(start, this.#at) }
    if (isOther(next)) return { kind: 'variable', text: this.#word(), shown: this.#text.slice(start, this.#at) }
    return { kind: 'symbol', text: '$', shown: '$' }
  }

  #number(): PathToken {
    number.lastIndex = this.#at
    const found = number.exec(this.#text)![0]
    this.#at += found.length
    if (isOther(this.#text[this.#at])) {
      throw pathError('trailing junk after numeric literal', found + this.#text[this.#at]!)
    }
    return { kind: 'number', text: found, shown: found }
  }

  #word(): string {
    let word = ''
    for (;;) {
      const character = this.#text[this.#at]
      if (character === '\\') word += this.#escape()
      else if (isOther(character)) {
        word += character!
        this.#at++
      } else return word
    }
  }

  #quoted(): string {
    let built = ''
    this.#at++
    for (;;) {
      const character = this.#text[this.#at]
      if (character === undefined) throw pathError('unexpected end of quoted string', undefined)
      if (character === '"') break
      if (character === '\\') built += this.#escape()
      else {
        built += character
        this.#at++
      }
    }
    this.#at++
    return built
  }

  #escape(): string {
    const text = this.#text
    const letter = text[this.#at + 1]
    if (letter === undefined) throw pathError('unexpected end after backslash', undefined)
    if (letter === 'u') return this.#unicode()
    if (letter === 'x') {
      const digits = /^[0-9a-f]{2}/i.exec(text.slice(this.#at + 2, this.#at + 4))?.[0]
      if (digits === undefined)
        throw pathError('invalid hexadecimal character sequence', text.slice(this.#at, this.#at + 3))
      this.#at += 4
      return this.#character(Number.parseInt(digits, 16))
    }
    this.#at += 2
    return Object.hasOwn(shortEscapes, letter) ? shortEscapes[letter]! : letter
  }

  #unicode(): string {
    const code = this.#unicodeUnit()
    if (code >= 0xdc00 && code <= 0xdfff) throw badSurrogate('Unicode low surrogate must follow a high surrogate.')
    if (code < 0xd800 || code > 0xdfff) return this.#character(code)
    if (!this.#text.startsWith('\\u', this.#at))
      throw badSurrogate('Unicode low surrogate must follow a high surrogate.')
    const low = this.#unicodeUnit()
    if (low < 0xdc00 || low > 0xdfff) throw badSurrogate('Unicode low surrogate must follow a high surrogate.')
    return String.fromCharCode(code, low)
  }

  #unicodeUnit(): number {
    const rest = this.#text.slice(this.#at + 2, this.#at + 10)
    const match = /^(?:([0-9a-f]{4})|\{([0-9a-f]{1,6})\})/i.exec(rest)
    if (match === null) throw pathError('invalid Unicode escape sequence', this.#text.slice(this.#at, this.#at + 2))
    this.#at += 2 + match[0].length
    return Number.parseInt(match[1] ?? match[2]!, 16)
  }

  #character(code: number): string {
    if (code === 0) {
      throw sqlError('invalid_argument', '22P05', 'unsupported Unicode escape sequence', {
        detail: '\\u0000 cannot be converted to text.',
      })
    }
    if (code > 0x10_ffff) throw pathError('invalid Unicode escape sequence', undefined)
    return String.fromCodePoint(code)
  }
}

function badSurrogate(detail: string): Error {
  return sqlError('invalid_argument', '22P02', 'invalid input syntax for type jsonpath', { detail })
}
