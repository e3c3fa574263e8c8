/**
 * Looking into a json value without changing it: unlike jsonb, json keeps its text, so a part of it is the piece of text
 * that stands there, with its spaces, duplicate keys and spelling of numbers.
 *
 * Invariants: the text has been checked to be JSON.
 */
import { parseJson, quoteJson } from '../../../../model/table/types/json.ts'

interface Part {
  /** Of an object's member. */
  readonly key: string | undefined
  readonly text: string
}

const isSpace = (character: string | undefined): boolean =>
  character === ' ' || character === '\n' || character === '\t' || character === '\r'

/** The members or elements in order; undefined for a scalar. */
export function partsOfJson(text: string): { readonly isObject: boolean; readonly parts: readonly Part[] } | undefined {
  let at = skipSpace(text, 0)
  const isObject = text[at] === '{'
  if (!isObject && text[at] !== '[') return undefined
  const parts: Part[] = []
  at = skipSpace(text, at + 1)
  while (text[at] !== '}' && text[at] !== ']') {
    let key: string | undefined
    if (isObject) {
      const end = endOfString(text, at)
      key = parseJson(text.slice(at, end)) as string
      at = skipSpace(text, skipSpace(text, end) + 1)
    }
    const end = endOfValue(text, at)
    parts.push({ key, text: text.slice(at, end) })
    at = skipSpace(text, end)
    if (text[at] === ',') at = skipSpace(text, at + 1)
  }
  return { isObject, parts }
}

function skipSpace(text: string, from: number): number {
  let at = from
  while (isSpace(text[at])) at++
  return at
}

function endOfString(text: string, from: number): number {
  let at = from + 1
  while (text[at] !== '"') at += text[at] === '\\' ? 2 : 1
  return at + 1
}

function endOfValue(text: string, from: number): number {
  let depth = 0
  let at = from
  for (;;) {
    const character = text[at]
    if (character === undefined) return at
    if (character === '"') {
      at = endOfString(text, at)
      continue
    }
    if (depth === 0 && (character === ',' || character === '}' || character === ']' || isSpace(character))) return at
    if (character === '{' || character === '[') depth++
    if (character === '}' || character === ']') depth--
    at++
    if (depth === 0 && (character === '}' || character === ']')) return at
  }
}

/** The last one of equal keys. */
export function memberOfJson(text: string, key: string): string | undefined {
  const found = partsOfJson(text)
  return found?.isObject === true ? found.parts.findLast((part) => part.key === key)?.text : undefined
}

export function elementOfJson(text: string, index: number): string | undefined {
  const found = partsOfJson(text)
  if (found === undefined || found.isObject) return undefined
  return found.parts[index < 0 ? found.parts.length + index : index]?.text
}

/** Keys and indexes, one a step. */
export function followJson(text: string, path: readonly (string | null)[]): string | undefined {
  let at: string | undefined = text
  for (const key of path) {
    if (key === null || at === undefined) return undefined
    const isIndex: boolean = /^[+-]?\d{1,9}$/.test(key)
    at = memberOfJson(at, key) ?? (isIndex ? elementOfJson(at, Number(key)) : undefined)
  }
  return at
}

/** As text: strings without quotes and escapes, null as SQL's. */
export function unquoteJson(text: string | undefined): string | null {
  if (text === undefined) return null
  const trimmed = text.trim()
  if (trimmed === 'null') return null
  return trimmed.startsWith('"') ? (parseJson(trimmed) as string) : text
}

/** Without members that are null, and without spaces. */
export function stripJsonNulls(text: string): string {
  const found = partsOfJson(text)
  if (found === undefined) {
    const scalar = text.trim()
    return scalar.startsWith('"') ? quoteJson(parseJson(scalar) as string) : scalar
  }
  if (!found.isObject) return `[${found.parts.map((part) => stripJsonNulls(part.text)).join(',')}]`
  const kept = found.parts.filter((part) => part.text !== 'null')
  return `{${kept.map((part) => `${quoteJson(part.key!)}:${stripJsonNulls(part.text)}`).join(',')}}`
}
