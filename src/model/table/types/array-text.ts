/**
 * The text form of arrays: `{1,2,NULL}`, `{"a b",{…}}`. Elements are quoted where they are empty, spell NULL, or hold
 * white space, braces, commas, quotes or backslashes.
 */
import { lowerBoundsOf, BoundedArray, withBounds } from './array-bounds.ts'
import { sqlError } from './type.ts'
import type { SqlValue } from './value.ts'

export const maxArrayDimensions = 6

export function formatArray(
  values: readonly SqlValue[],
  formatElement: (value: SqlValue) => string,
  delimiter = ',',
): string {
  const format = (list: readonly SqlValue[]): string => {
    const parts = list.map((value) => {
      if (value === null) return 'NULL'
      if (Array.isArray(value)) return format(value as readonly SqlValue[])
      return quoteElement(formatElement(value), delimiter)
    })
    return `{${parts.join(delimiter)}}`
  }
  return formatBounds(values) + format(values)
}

/** `[0:2][1:2]=` where a dimension does not begin at 1. */
function formatBounds(values: readonly SqlValue[]): string {
  if (!(values instanceof BoundedArray)) return ''
  const dimensions = listDimensions(values)
  const bounds = lowerBoundsOf(values, dimensions)
  return `${formatDimensions(dimensions, bounds)}=`
}

export function formatDimensions(dimensions: readonly number[], lowerBounds: readonly number[]): string {
  return dimensions.map((length, i) => `[${lowerBounds[i]!}:${lowerBounds[i]! + length - 1}]`).join('')
}

/** Length of each dimension; none for an empty array. */
export function listDimensions(values: readonly SqlValue[]): number[] {
  const dimensions: number[] = []
  for (let level: SqlValue = values; Array.isArray(level) && level.length > 0;) {
    dimensions.push(level.length)
    level = (level as readonly SqlValue[])[0]!
  }
  return dimensions
}

export function quoteElement(text: string, delimiter = ','): string {
  if (text !== '' && !/[{}"\\\s]/.test(text) && !text.includes(delimiter) && !/^null$/i.test(text)) return text
  return `"${text.replace(/["\\]/g, '\\$&')}"`
}

export function parseArray(
  text: string,
  parseElement: (text: string) => SqlValue,
  delimiter = ',',
): readonly SqlValue[] {
  return new ArrayParser(text, parseElement, delimiter).whole()
}

export function tooManyDimensions(count: number): Error {
  const message = `number of array dimensions (${count}) exceeds the maximum allowed (${maxArrayDimensions})`
  return sqlError('too_large', '54000', message)
}

/** What two texts of one array share: each level's length, and at which depth the elements stand. */
class ArrayParser {
  readonly #text: string
  readonly #parseElement: (text: string) => SqlValue
  readonly #delimiter: string
  #at = 0
  #elementDepth = 0

  constructor(text: string, parseElement: (text: string) => SqlValue, delimiter: string) {
    this.#text = text
    this.#parseElement = parseElement
    this.#delimiter = delimiter
  }

  whole(): readonly SqlValue[] {
    this.#space()
    const bounds = this.#text[this.#at] === '[' ? this.#bounds() : undefined
    if (this.#text[this.#at] !== '{') {
      throw this.#malformed(
        bounds === undefined
          ? 'Array value must start with "{" or dimension information.'
          : 'Array contents must start with "{".',
      )
    }
    const values = this.#array(1)
    this.#space()
    if (this.#at < this.#text.length) throw this.#malformed('Junk after closing right brace.')
    if (bounds === undefined) return values
    if (listDimensions(values).join() !== bounds.map(({ length }) => length).join()) {
      throw this.#malformed('Specified array dimensions do not match array contents.')
    }
    return withBounds(
      values,
      bounds.map(({ lower }) => lower),
    )
  }

  /** `[1:3][2]=`: where each dimension begins, and its length. */
  #bounds(): { lower: number; length: number }[] {
    const bounds: { lower: number; length: number }[] = []
    for (;;) {
      this.#space()
      if (this.#text[this.#at] !== '[') break
      this.#at++
      if (bounds.length >= maxArrayDimensions) throw tooManyDimensions(bounds.length + 1)
      let upper = this.#digits('"[" must introduce explicitly-specified array dimensions.')
      let lower = 1
      if (this.#text[this.#at] === ':') {
        this.#at++
        lower = upper
        upper = this.#digits('Missing array dimension value.')
      }
      if (this.#text[this.#at++] !== ']') throw this.#malformed('Missing "]" after array dimensions.')
      if (upper < lower) {
        throw sqlError('invalid_argument', '2202E', 'upper bound cannot be less than lower bound')
      }
      bounds.push({ lower, length: upper - lower + 1 })
    }
    if (this.#text[this.#at++] !== '=') throw this.#malformed('Missing "=" after array dimensions.')
    this.#space()
    return bounds
  }

  #digits(missing: string): number {
    const start = this.#at
    while (/[0-9+-]/.test(this.#text[this.#at] ?? '')) this.#at++
    if (this.#at === start) throw this.#malformed(missing)
    return Number.parseInt(this.#text.slice(start, this.#at), 10) | 0
  }

  #array(depth: number): readonly SqlValue[] {
    if (depth > maxArrayDimensions) throw tooManyDimensions(depth)
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
      if (next !== this.#delimiter) throw this.#malformed('Unexpected array element.')
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
      if (character === this.#delimiter || character === '}') break
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
