/** A place in the tokens of a body: what stands there, and pieces of SQL from there up to a word that ends them. */
import { failure } from '../failure.ts'
import { scanTokens, stringValue, type Token } from './tokens.ts'
import type { Body, Fragment } from './tree.ts'

/** Blocks hold statements, and these hold blocks. */
export type ParseStatements = (reader: TokenReader, ends: readonly string[]) => Body

export class TokenReader {
  readonly text: string
  readonly #tokens: readonly Token[]
  readonly #statements: ParseStatements
  #at = 0

  constructor(text: string, statements: ParseStatements) {
    this.text = text
    this.#statements = statements
    this.#tokens = scanTokens(text)
  }

  /** Up to one of these words. */
  statements(ends: readonly string[]): Body {
    return this.#statements(this, ends)
  }

  get token(): Token {
    return this.#tokens[this.#at]!
  }

  ahead(count: number): Token {
    return this.#tokens[Math.min(this.#at + count, this.#tokens.length - 1)]!
  }

  get line(): number {
    return this.lineOf(this.token.start)
  }

  lineOf(start: number): number {
    let line = 1
    for (let at = this.text.indexOf('\n'); at >= 0 && at < start; at = this.text.indexOf('\n', at + 1)) line++
    return line
  }

  skip(): Token {
    const { token } = this
    if (token.kind !== 'end') this.#at++
    return token
  }

  is(word: string): boolean {
    return this.token.word === word
  }

  isSymbol(text: string): boolean {
    return this.token.kind === 'symbol' && this.token.text === text
  }

  /** Takes the words where they stand here. */
  take(...words: readonly string[]): boolean {
    if (!words.every((word, i) => this.ahead(i).word === word)) return false
    this.#at += words.length
    return true
  }

  takeSymbol(text: string): boolean {
    if (!this.isSymbol(text)) return false
    this.#at++
    return true
  }

  expect(...words: readonly string[]): void {
    for (const word of words) if (!this.take(word)) throw this.unexpected()
  }

  expectSymbol(text: string): void {
    if (!this.takeSymbol(text)) throw this.unexpected()
  }

  /** A name that may be quoted. */
  name(): string {
    const { name } = this.token
    if (name === undefined) throw this.unexpected()
    this.skip()
    return name
  }

  string(): string {
    if (this.token.kind !== 'string') throw this.unexpected()
    return stringValue(this.skip())
  }

  unexpected(token: Token = this.token): Error {
    const where = token.kind === 'end' ? 'at end of input' : `at or near "${token.text}"`
    return failure('42601', `syntax error ${where}`)
  }

  /**
   * What stands from here up to one of these words or symbols, outside of all brackets; that one is not taken. `what`: `expression`
   * or `statement`, for messages.
   */
  until(ends: readonly string[], what: 'expression' | 'statement' = 'expression'): Fragment {
    const first = this.token
    let depth = 0
    let last: Token | undefined
    for (;;) {
      const { token } = this
      if (depth === 0 && ends.includes(token.word ?? (token.kind === 'symbol' ? token.text : ''))) break
      if (token.kind === 'end' || (token.kind === 'symbol' && token.text === ';')) {
        if (depth > 0) throw failure('42601', 'mismatched parentheses')
        const wanted = ends[0]!
        const shown = wanted === ';' ? ';' : wanted.toUpperCase()
        if (token.kind === 'end' && wanted === ';') throw this.unexpected()
        throw failure('42601', `missing "${shown}" at end of SQL ${what}`)
      }
      if (token.kind === 'symbol' && (token.text === '(' || token.text === '[')) depth++
      if (token.kind === 'symbol' && (token.text === ')' || token.text === ']')) {
        depth--
        if (depth < 0) throw failure('42601', 'mismatched parentheses')
      }
      last = this.skip()
    }
    if (last === undefined) throw failure('42601', `missing ${what}`)
    return this.fragment(first, last)
  }

  fragment(first: Token, last: Token): Fragment {
    return { text: this.text.slice(first.start, last.end), line: this.lineOf(first.start) }
  }

  /** Whether a symbol or word stands before one of these, outside of all brackets. */
  findsBefore(wanted: string, ends: readonly string[]): boolean {
    let depth = 0
    for (let i = 0; ; i++) {
      const { kind, word, text } = this.ahead(i)
      if (kind === 'end') return false
      const shown = word ?? (kind === 'symbol' ? text : '')
      if (depth === 0 && shown === wanted) return true
      if (depth === 0 && ends.includes(shown)) return false
      if (kind === 'symbol' && (text === '(' || text === '[')) depth++
      if (kind === 'symbol' && (text === ')' || text === ']')) depth--
    }
  }
}
