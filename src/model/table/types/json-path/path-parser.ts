/**
 * The grammar of paths, by descent. Predicates and values are kept apart, as in PostgreSQL's grammar: `$.a == 1` is no operand of
 * `+`, and `&&` takes no value.
 */
import { Decimal } from '../../../../base/decimal.ts'
import { sqlError } from '../type.ts'
import { pathError, type PathToken, readPathTokens } from './path-lexer.ts'
import {
  type Arithmetic,
  type Comparison,
  isPredicate,
  type JsonPath,
  type PathItem,
  type PathMethod,
} from './path-nodes.ts'

const greatestLevel = 2 ** 31 - 1
const maxDepth = 400
const methods: ReadonlySet<string> = new Set<PathMethod>([
  'abs',
  'size',
  'type',
  'floor',
  'double',
  'ceiling',
  'keyvalue',
])
const comparisons: ReadonlySet<string> = new Set(['==', '!=', '<>', '<', '<=', '>', '>='])

export function parsePath(text: string): JsonPath {
  return new PathParser(text).whole()
}

function unsupportedSyntax(message: string): Error {
  return sqlError('syntax', '42601', message)
}

/** What is done with the results of an item, behind all that is done already. */
function withNext(item: PathItem, next: PathItem): PathItem {
  return { ...item, next: item.next === undefined ? next : withNext(item.next, next) }
}

function chain(first: PathItem, rest: readonly PathItem[]): PathItem {
  const last = rest.reduceRight<PathItem | undefined>(
    (next, one) => (next === undefined ? one : { ...one, next }),
    undefined,
  )
  return last === undefined ? first : withNext(first, last)
}

class PathParser {
  readonly #text: string
  readonly #tokens: readonly PathToken[]
  #at = 0
  #depth = 0
  #filters = 0
  #subscripts = 0

  constructor(text: string) {
    this.#text = text
    this.#tokens = readPathTokens(text)
  }

  whole(): JsonPath {
    if (this.#peek().kind === 'end') {
      throw sqlError('invalid_argument', '22P02', `invalid input syntax for type jsonpath: "${this.#text}"`)
    }
    const isStrict = this.#takeWord('strict')
    if (!isStrict) this.#takeWord('lax')
    const item = this.#any()
    if (this.#peek().kind !== 'end') throw this.#unexpected()
    return { isLax: !isStrict, item }
  }

  /** A value or a predicate. */
  #any(): PathItem {
    if (++this.#depth > maxDepth) throw sqlError('too_large', '54001', 'stack depth limit exceeded')
    let left = this.#and()
    while (this.#isSymbol('||')) {
      this.#need(isPredicate(left))
      this.#at++
      const right = this.#and()
      this.#need(isPredicate(right))
      left = { kind: 'or', left, right }
    }
    this.#depth--
    return left
  }

  #and(): PathItem {
    let left = this.#comparison()
    while (this.#isSymbol('&&')) {
      this.#need(isPredicate(left))
      this.#at++
      const right = this.#comparison()
      this.#need(isPredicate(right))
      left = { kind: 'and', left, right }
    }
    return left
  }

  #comparison(): PathItem {
    if (this.#takeSymbol('!')) {
      const argument = this.#delimited()
      return { kind: 'not', argument }
    }
    const left = this.#sum()
    if (isPredicate(left)) return left
    const { kind, text } = this.#peek()
    if (kind === 'symbol' && comparisons.has(text)) {
      this.#at++
      const right = this.#sum()
      this.#need(!isPredicate(right))
      return { kind: 'compare', operator: (text === '<>' ? '!=' : text) as Comparison, left, right }
    }
    if (this.#takeWord('starts')) {
      if (!this.#takeWord('with')) throw this.#unexpected()
      const { kind: of, text: value } = this.#peek()
      if (of !== 'string' && of !== 'variable') throw this.#unexpected()
      this.#at++
      return { kind: 'startsWith', left, right: { kind: of, value } }
    }
    if (this.#takeWord('like_regex')) return this.#likeRegex(left)
    return left
  }

  /** `(predicate)` or `exists (value)`. */
  #delimited(): PathItem {
    if (this.#takeWord('exists')) return this.#exists()
    this.#expect('(')
    const argument = this.#any()
    this.#need(isPredicate(argument))
    this.#expect(')')
    return argument
  }

  #exists(): PathItem {
    this.#expect('(')
    const argument = this.#any()
    this.#need(!isPredicate(argument))
    this.#expect(')')
    return { kind: 'exists', argument }
  }

  #likeRegex(argument: PathItem): PathItem {
    const pattern = this.#string()
    const given = this.#takeWord('flag') ? this.#string() : ''
    const flags = new Set<string>()
    for (const flag of given) {
      if (!'ismxq'.includes(flag)) {
        throw sqlError('syntax', '42601', 'invalid input syntax for type jsonpath', {
          detail: `Unrecognized flag character "${flag}" in LIKE_REGEX predicate.`,
        })
      }
      flags.add(flag)
    }
    if (flags.has('x') && !flags.has('q')) {
      throw sqlError('unsupported', '0A000', 'XQuery "x" flag (expanded regular expressions) is not implemented')
    }
    const ordered = [...'ismxq'].filter((flag) => flags.has(flag)).join('')
    return { kind: 'likeRegex', argument, pattern, flags: ordered }
  }

  #string(): string {
    const { kind, text } = this.#peek()
    if (kind !== 'string') throw this.#unexpected()
    this.#at++
    return text
  }

  #sum(): PathItem {
    return this.#operation(['+', '-'], () => this.#operation(['*', '/', '%'], () => this.#signed()))
  }

  #operation(operators: readonly Arithmetic[], operand: () => PathItem): PathItem {
    let left = operand()
    for (;;) {
      const operator = operators.find((one) => this.#isSymbol(one))
      if (operator === undefined || isPredicate(left)) return left
      this.#at++
      const right = operand()
      this.#need(!isPredicate(right))
      left = { kind: 'arithmetic', operator, left, right }
    }
  }

  #signed(): PathItem {
    const sign = this.#takeSymbol('+') ? '+' : this.#takeSymbol('-') ? '-' : undefined
    if (sign === undefined) return this.#accessors()
    if (++this.#depth > maxDepth) throw sqlError('too_large', '54001', 'stack depth limit exceeded')
    const argument = this.#signed()
    this.#depth--
    this.#need(!isPredicate(argument))
    if (argument.kind === 'number' && argument.next === undefined) {
      return sign === '+' ? argument : { kind: 'number', value: argument.value.negate() }
    }
    return { kind: 'sign', sign, argument }
  }

  #accessors(): PathItem {
    const primary = this.#primary()
    const rest: PathItem[] = []
    for (;;) {
      const next = this.#accessor()
      if (next === undefined) return chain(primary, rest)
      rest.push(next)
    }
  }

  #primary(): PathItem {
    const token = this.#peek()
    this.#at++
    switch (token.kind) {
      case 'string':
      case 'variable':
        return { kind: token.kind, value: token.text }
      case 'number':
        return { kind: 'number', value: Decimal.parse(token.text.replace(/\.(?=$|[eE])/, ''))! }
      case 'word':
        return this.#wordItem(token)
      default:
    }
    if (token.text === '$') return { kind: 'root' }
    if (token.text === '@') {
      if (this.#filters === 0) throw unsupportedSyntax('@ is not allowed in root expressions')
      return { kind: 'current' }
    }
    if (token.text === '(') return this.#parenthesized()
    this.#at--
    throw this.#unexpected()
  }

  #wordItem({ text }: PathToken): PathItem {
    if (text === 'null') return { kind: 'null' }
    if (text === 'true' || text === 'false') return { kind: 'boolean', value: text === 'true' }
    if (text.toLowerCase() === 'exists') return this.#exists()
    if (text.toLowerCase() === 'last') {
      if (this.#subscripts === 0) throw unsupportedSyntax('LAST is allowed only in array subscripts')
      return { kind: 'last' }
    }
    this.#at--
    throw this.#unexpected()
  }

  #parenthesized(): PathItem {
    const inner = this.#any()
    this.#expect(')')
    if (!isPredicate(inner) || !this.#isWord('is')) return inner
    this.#at++
    if (!this.#takeWord('unknown')) throw this.#unexpected()
    return { kind: 'isUnknown', argument: inner }
  }

  #accessor(): PathItem | undefined {
    if (this.#takeSymbol('[')) return this.#elements()
    if (this.#takeSymbol('?')) {
      this.#expect('(')
      this.#filters++
      const argument = this.#any()
      this.#filters--
      this.#need(isPredicate(argument))
      this.#expect(')')
      return { kind: 'filter', argument }
    }
    if (!this.#takeSymbol('.')) return undefined
    if (this.#takeSymbol('*')) return { kind: 'anyKey' }
    if (this.#takeSymbol('**')) return this.#levels()
    const token = this.#peek()
    if (token.kind !== 'word' && token.kind !== 'string') throw this.#unexpected()
    this.#at++
    if (token.kind === 'word' && this.#isSymbol('(')) {
      const name = token.text.toLowerCase()
      if (methods.has(name)) {
        this.#at++
        this.#expect(')')
        return { kind: 'method', name: name as PathMethod }
      }
      if (name === 'datetime') {
        this.#at++
        const template = this.#peek().kind === 'string' ? this.#string() : undefined
        this.#expect(')')
        return { kind: 'datetime', template }
      }
    }
    return { kind: 'key', value: token.text }
  }

  #elements(): PathItem {
    if (this.#takeSymbol('*')) {
      this.#expect(']')
      return { kind: 'anyElement' }
    }
    const ranges: (readonly [PathItem, PathItem | undefined])[] = []
    this.#subscripts++
    do {
      const from = this.#value()
      ranges.push([from, this.#takeWord('to') ? this.#value() : undefined])
    } while (this.#takeSymbol(','))
    this.#subscripts--
    this.#expect(']')
    return { kind: 'elements', ranges }
  }

  #value(): PathItem {
    const value = this.#any()
    this.#need(!isPredicate(value))
    return value
  }

  #levels(): PathItem {
    if (!this.#takeSymbol('{')) return { kind: 'any', first: 0, last: Infinity }
    const first = this.#level()
    const last = this.#takeWord('to') ? this.#level() : first
    this.#expect('}')
    return { kind: 'any', first, last }
  }

  #level(): number {
    if (this.#takeWord('last')) return Infinity
    const { kind, text } = this.#peek()
    if (kind !== 'number' || !/^\d+$/.test(text)) throw this.#unexpected()
    this.#at++
    const level = Number(text)
    if (level <= greatestLevel) return level
    throw sqlError('out_of_range', '22003', `value "${text}" is out of range for type integer`)
  }

  #peek(): PathToken {
    return this.#tokens[this.#at]!
  }

  #isSymbol(text: string): boolean {
    const token = this.#peek()
    return token.kind === 'symbol' && token.text === text
  }

  #isWord(word: string): boolean {
    const token = this.#peek()
    return token.kind === 'word' && token.text.toLowerCase() === word
  }

  #takeSymbol(text: string): boolean {
    if (!this.#isSymbol(text)) return false
    this.#at++
    return true
  }

  #takeWord(word: string): boolean {
    if (!this.#isWord(word)) return false
    this.#at++
    return true
  }

  #expect(symbol: string): void {
    if (!this.#takeSymbol(symbol)) throw this.#unexpected()
  }

  #need(holds: boolean): void {
    if (!holds) throw this.#unexpected()
  }

  #unexpected(): Error {
    const { kind, shown } = this.#peek()
    return pathError('syntax error', kind === 'end' ? undefined : shown)
  }
}
