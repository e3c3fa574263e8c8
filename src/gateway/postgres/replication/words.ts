/** The words of a replication command: plain ones, names in double quotes, texts in single ones, and marks. */
import { sqlError } from '../errors.ts'

export interface Word {
  readonly kind: 'plain' | 'name' | 'text' | 'mark'
  readonly text: string
}

const pattern = /\s*(?:"((?:[^"]|"")*)"|'((?:[^']|'')*)'|([(),;])|([^\s"'(),;]+))/y

/** Errors: 42601 for a quote that does not end. */
export function readWords(text: string): readonly Word[] {
  const words: Word[] = []
  pattern.lastIndex = 0
  const end = text.trimEnd().length
  while (pattern.lastIndex < end) {
    const at = pattern.lastIndex
    const found = pattern.exec(text)
    if (found === null) throw sqlError('syntax', '42601', `syntax error at or near "${text.slice(at, at + 20).trim()}"`)
    const [, name, quoted, mark, plain] = found
    if (name !== undefined) words.push({ kind: 'name', text: name.replaceAll('""', '"') })
    else if (quoted !== undefined) words.push({ kind: 'text', text: quoted.replaceAll("''", "'") })
    else words.push(mark === undefined ? { kind: 'plain', text: plain! } : { kind: 'mark', text: mark })
  }
  return words
}
