/**
 * The text form of arrays: `{1,2,NULL}`, `{"a b",{…}}`. Elements are quoted where they are empty, spell NULL, or hold
 * white space, braces, commas, quotes or backslashes.
 */
import { sqlError } from './type.ts'
import type { SqlValue } from './value.ts'

export const maxArrayDimensions = 6

export function formatArray(values: readonly SqlValue[], formatElement: (value: SqlValue) => string): string {
  const parts = values.map((value) => {
    if (value === null) return 'NULL'
    if (Array.isArray(value)) return formatArray(value as readonly SqlValue[], formatElement)
    return quoteElement(formatElement(value))
  })
  return `{${parts.join(',')}}`
}

export function quoteElement(text: string): string {
  if (text !== '' && !/[{}",\\\s]/.test(text) && !/^null$/i.test(text)) return text
  return `"${text.replace(/["\\]/g, '\\$&')}"`
}

export function parseArray(text: string, parseElement: (text: string) => SqlValue): readonly SqlValue[] {
  return new ArrayParser(text, parseElement).whole()
}

/** What two texts of one array share: each level's length, and at which depth the elements stand. */
class ArrayParser {
  readonly #text: string
  readonly #parseElement: (text: string) => SqlValue
  #at = 0
  #elementDepth = 0

  constructor(text: string, parseElement: (text: string) => SqlValue) {
    this.#text = text
    this.#parseElement = parseElement
  }

  whole(): readonly SqlValue[] {
    this.#space()
    if (this.#text[this.#at] === '[') this.#bounds()
    if (this.#text[this.#at] !== '{') {
      throw this.#malformed('Array value must start with "{" or dimension information.')
    }
    const values = this.#array(1)
    this.#space()
    if (this.#at < this.#text.length) throw this.#malformed('Junk after closing right brace.')
    return values
  }

  /** `[1:3]=`: bounds that begin at 1 say nothing new; others cannot be kept here. */
  #bounds(): void {
    const match = /^(?:\[(?:[+-]?\d+:)?[+-]?\d+\])+\s*=\s*/.exec(this.#text.slice(this.#at))
    if (match === null) throw this.#malformed('Array value must start with "{" or dimension information.')
    for (const [, lower] of match[0].matchAll(/\[(?:([+-]?\d+):)?[+-]?\d+\]/g)) {
      if (lower !== undefined && Number(lower) !== 1) {
        throw sqlError('unsupported', '0A000', `array lower bound ${lower} is not supported: arrays begin at 1`)
      }
    }
    this.#at += match[0].length
  }

  #array(depth: number): readonly SqlValue[] {
    if (depth > maxArrayDimensions) {
      const message = `number of array dimensions (${depth}) exceeds the maximum allowed (${maxArrayDimensions})`
      throw sqlError('too_large', '54000', message)
    }
    this.#at++
    const values: SqlValue[] = []
    this.#space()
    if (this.#text[this.#at] === '}' && depth === 1) {
      this.#at++
      return values
    }
    for (;;) {
      this.#space()
      values.push(this.#text[this.#at] === '{' ? this.#subarray(depth, values) : this.#element(depth))
      this.#space()
      const next = this.#text[this.#at++]
      if (next === '}') return values
      if (next === undefined) throw this.#malformed('Unexpected end of input.')
      if (next !== ',') throw this.#malformed('Unexpected array element.')
    }
  }

  #subarray(depth: number, before: readonly SqlValue[]): readonly SqlValue[] {
    if (this.#elementDepth !== 0 && this.#elementDepth <= depth) throw this.#malformed('Unexpected "{" character.')
    const values = this.#array(depth + 1)
    const first = before[0] as readonly SqlValue[] | undefined
    if (first !== undefined && first.length !== values.length) {
      throw this.#malformed('Multidimensional arrays must have sub-arrays with matching dimensions.')
    }
    return values
  }

  #element(depth: number): SqlValue {
    if (this.#elementDepth === 0) this.#elementDepth = depth
    if (this.#elementDepth !== depth) throw this.#malformed('Unexpected array element.')
    if (this.#text[this.#at] === '"') return this.#parseElement(this.#quoted())
    const { text, isEscaped } = this.#unquoted()
    if (!isEscaped && /^null$/i.test(text)) return null
    return this.#parseElement(text)
  }

  #quoted(): string {
    let built = ''
    for (this.#at++; ; this.#at++) {
      const character = this.#text[this.#at]
      if (character === undefined) throw this.#malformed('Unexpected end of input.')
      if (character === '"') break
      if (character === '\\') this.#at++
      built += this.#text[this.#at] ?? ''
    }
    this.#at++
    return built
  }

  #unquoted(): { text: string; isEscaped: boolean } {
    let built = ''
    let isEscaped = false
    let keep = 0
    for (; ; this.#at++) {
      const character = this.#text[this.#at]
      if (character === undefined) throw this.#malformed('Unexpected end of input.')
      if (character === ',' || character === '}') break
      if (character === '{' || character === '"') {
        throw this.#malformed(character === '{' ? 'Unexpected "{" character.' : 'Unexpected array element.')
      }
      if (character === '\\') {
        isEscaped = true
        built += this.#text[++this.#at] ?? ''
        keep = built.length
      } else built += character
    }
    const trimmed = built.slice(0, keep) + built.slice(keep).replace(/\s+$/, '')
    if (trimmed === '') throw this.#malformed(`Unexpected "${this.#text[this.#at]}" character.`)
    return { text: trimmed, isEscaped }
  }

  #space(): void {
    while (/\s/.test(this.#text[this.#at] ?? 'x')) this.#at++
  }

  #malformed(detail: string): Error {
    return sqlError('invalid_argument', '22P02', `malformed array literal: "${this.#text}"`, { detail })
  }
}
