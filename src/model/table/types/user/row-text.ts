/** Rows as texts, `(1,"a b",)`: PostgreSQL's record_in and record_out. */
import { sqlError } from '../type.ts'
import type { SqlValue } from '../value.ts'
import type { RowField } from './composite.ts'

export function formatRow(values: readonly SqlValue[], fields: readonly RowField[]): string {
  const parts = fields.map(({ type }, i) => {
    const value = values[i]!
    return value === null ? '' : quoted(type.formatText(value))
  })
  return `(${parts.join(',')})`
}

function quoted(text: string): string {
  return text === '' || /["\\(),\s]/.test(text) ? `"${text.replace(/["\\]/g, '$&$&')}"` : text
}

function malformed(text: string, detail: string): Error {
  return sqlError('invalid_argument', '22P02', `malformed record literal: "${text}"`, { detail })
}

export function parseRow(text: string, fields: readonly RowField[]): SqlValue[] {
  let at = skipSpace(text, 0)
  if (text[at] !== '(') throw malformed(text, 'Missing left parenthesis.')
  at++
  const values: SqlValue[] = []
  for (const [i, { type, modifier }] of fields.entries()) {
    if (i > 0) {
      if (text[at] !== ',') throw malformed(text, 'Too few columns.')
      at++
    }
    const part = readPart(text, at)
    at = part.end
    const parsed = part.value === undefined ? null : type.parseText(part.value, modifier)
    values.push(parsed === null || modifier < 0 ? parsed : type.coerce(parsed, modifier, false))
  }
  if (text[at] !== ')') {
    if (at >= text.length) throw malformed(text, 'Unexpected end of input.')
    throw malformed(text, 'Too many columns.')
  }
  if (skipSpace(text, at + 1) < text.length) throw malformed(text, 'Junk after right parenthesis.')
  return values
}

function skipSpace(text: string, from: number): number {
  let at = from
  while (at < text.length && /\s/.test(text[at]!)) at++
  return at
}

/** Up to a comma or the end of the row that no quotes are around; nothing at all is NULL. */
function readPart(text: string, from: number): { readonly value: string | undefined; readonly end: number } {
  let value = ''
  let isQuoted = false
  let at = from
  if (text[at] === ',' || text[at] === ')') return { value: undefined, end: at }
  for (; isQuoted || (text[at] !== ',' && text[at] !== ')'); at++) {
    if (at >= text.length) throw malformed(text, 'Unexpected end of input.')
    const character = text[at]!
    if (character === '\\') {
      at++
      if (at >= text.length) throw malformed(text, 'Unexpected end of input.')
      value += text[at]!
    } else if (character === '"') {
      if (isQuoted && text[at + 1] === '"') value += text[++at]!
      else isQuoted = !isQuoted
    } else value += character
  }
  return { value, end: at }
}
