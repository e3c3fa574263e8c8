/** `[1,5)`, `("a b",)`, `empty`; `{[1,3), [5,7)}`. */
import { sqlError } from '../type.ts'
import { type MultirangeValue, makeMultirange } from './multirange.ts'
import { emptyRange, makeRange, type Bound, type RangeKind, type RangeValue } from './range.ts'

function malformed(what: string, text: string, detail: string): Error {
  return sqlError('invalid_argument', '22P02', `malformed ${what} literal: "${text}"`, { detail })
}

const space = /\s/

class RangeParser {
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  parse(kind: RangeKind): RangeValue {
    const text = this.#text
    this.#space()
    if (text.slice(this.#at, this.#at + 5).toLowerCase() === 'empty') {
      this.#at += 5
      this.#space()
      if (this.#at < text.length) throw this.#malformed('Junk after "empty" key word.')
      return emptyRange(kind)
    }
    const open = text[this.#at++]
    if (open !== '[' && open !== '(') throw this.#malformed('Missing left parenthesis or bracket.')
    const lower = this.#bound()
    if (text[this.#at++] !== ',') throw this.#malformed('Missing comma after lower bound.')
    const upper = this.#bound()
    const close = text[this.#at++]
    if (close !== ']' && close !== ')') throw this.#malformed('Too many commas.')
    this.#space()
    if (this.#at < text.length) throw this.#malformed('Junk after right parenthesis or bracket.')
    const valueOf = (bound: string | undefined): Bound['value'] => {
      return bound === undefined ? null : kind.subtype.parseText(bound)
    }
    return makeRange(
      kind,
      { value: valueOf(lower), isIncluded: open === '[' },
      { value: valueOf(upper), isIncluded: close === ']' },
    )
  }

  /** Undefined: without end. */
  #bound(): string | undefined {
    const text = this.#text
    if (/[,)\]]/.test(text[this.#at] ?? '')) return undefined
    let built = ''
    let isQuoted = false
    for (;;) {
      const character = text[this.#at]
      if (character === undefined) throw this.#malformed('Unexpected end of input.')
      if (!isQuoted && /[,)\]]/.test(character)) return built
      this.#at++
      if (character === '\\') {
        if (this.#at >= text.length) throw this.#malformed('Unexpected end of input.')
        built += text[this.#at++]!
      } else if (character === '"') {
        if (isQuoted && text[this.#at] === '"') {
          built += '"'
          this.#at++
        } else isQuoted = !isQuoted
      } else built += character
    }
  }

  #space(): void {
    while (space.test(this.#text[this.#at] ?? 'x')) this.#at++
  }

  #malformed(detail: string): Error {
    return malformed('range', this.#text, detail)
  }
}

export function parseRange(kind: RangeKind, text: string): RangeValue {
  return new RangeParser(text).parse(kind)
}

export function formatRange({ kind, isEmpty, lower, upper }: RangeValue): string {
  if (isEmpty) return 'empty'
  const bound = ({ value }: Bound): string => (value === null ? '' : quoteBound(kind.subtype.formatText(value)))
  return `${lower.isIncluded ? '[' : '('}${bound(lower)},${bound(upper)}${upper.isIncluded ? ']' : ')'}`
}

function quoteBound(text: string): string {
  return text !== '' && !/["\\()[\],\s]/.test(text) ? text : `"${text.replace(/["\\]/g, '$&$&')}"`
}

export function parseMultirange(kind: RangeKind, text: string): MultirangeValue {
  let at = skipSpace(text, 0)
  if (text[at] !== '{') throw malformed('multirange', text, 'Missing left brace.')
  const ranges: RangeValue[] = []
  for (let seen = 0; ; seen++) {
    at = skipSpace(text, at + 1)
    const character = text[at]
    if (character === undefined) throw malformed('multirange', text, 'Unexpected end of input.')
    if (character === '}' && seen === 0) break
    if (character === '[' || character === '(') {
      const end = rangeEnd(text, at)
      ranges.push(parseRange(kind, text.slice(at, end)))
      at = end
    } else if (text.slice(at, at + 5).toLowerCase() === 'empty') at += 5
    else throw malformed('multirange', text, 'Expected range start.')
    at = skipSpace(text, at)
    if (text[at] === undefined) throw malformed('multirange', text, 'Unexpected end of input.')
    if (text[at] === '}') break
    if (text[at] !== ',') throw malformed('multirange', text, 'Expected comma or end of multirange.')
  }
  if (skipSpace(text, at + 1) < text.length) throw malformed('multirange', text, 'Junk after closing right brace.')
  return makeMultirange(kind, ranges)
}

/** Behind the bracket that closes the range. */
function rangeEnd(text: string, start: number): number {
  let isQuoted = false
  for (let at = start + 1; at < text.length; at++) {
    const character = text[at]
    if (character === '\\') at++
    else if (character === '"') isQuoted = !isQuoted
    else if (!isQuoted && (character === ']' || character === ')')) return at + 1
  }
  throw malformed('multirange', text, 'Unexpected end of input.')
}

function skipSpace(text: string, from: number): number {
  let at = from
  while (space.test(text[at] ?? 'x')) at++
  return at
}

export function formatMultirange({ ranges }: MultirangeValue): string {
  return `{${ranges.map(formatRange).join(',')}}`
}
