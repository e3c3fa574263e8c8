/**
 * Redis's bytes as text: as they are where they are valid UTF-8 without zero bytes, others as `\\x` and hexadecimal digits, as a
 * bytea would be. The fields of a stream's entry as jsonb: an object, or an array of pairs where a field comes twice.
 */
import { isUtf8 } from 'node:buffer'
import { decodeUtf8 } from '../base/bytes.ts'
import type { KeyBounds } from '../model/keyvalue/entries.ts'
import { formatJsonb, type JsonNode, parseJson } from '../model/table/types/json.ts'
import { Decimal } from '../base/decimal.ts'
import { sqlError } from '../model/table/types/type.ts'

export function shownBytes(bytes: Uint8Array): string {
  if (isUtf8(bytes) && !bytes.includes(0)) return decodeUtf8(bytes, 0, bytes.length)
  return `\\x${Buffer.from(bytes).toString('hex')}`
}

/** The bytes that a text stands for when it is written: what `shownBytes` made comes back as it was. */
export function bytesOfShown(shown: string): Uint8Array {
  return boundsOfShown(shown)[0]!.from!
}

/** The bytes that are shown as this text: a `\\x…` may be either. */
export function boundsOfShown(shown: string): KeyBounds[] {
  const plain = new Uint8Array(Buffer.from(shown))
  const bounds = [{ from: plain, to: plain }]
  if (!/^\\x(?:[0-9a-f]{2})+$/.test(shown)) return bounds
  const bytes = new Uint8Array(Buffer.from(shown.slice(2), 'hex'))
  return shownBytes(bytes) === shown ? [{ from: bytes, to: bytes }, ...bounds] : bounds
}

/** Fields and values in turn, by twos. */
export function pairsOf(strings: readonly Uint8Array[]): (readonly [field: string, value: string])[] {
  const pairs: (readonly [string, string])[] = []
  for (let at = 0; at + 1 < strings.length; at += 2) {
    pairs.push([shownBytes(strings[at]!), shownBytes(strings[at + 1]!)])
  }
  return pairs
}

export function fieldsAsJsonb(strings: readonly Uint8Array[]): string {
  const pairs = pairsOf(strings)
  const byName = new Map(pairs)
  return formatJsonb(byName.size === pairs.length ? byName : pairs)
}

/** The other direction. Numbers and truth values are their texts. */
export function fieldsOfJsonb(text: string): Uint8Array[] {
  const node = parseJson(text)
  const pairs = node instanceof Map ? [...(node as ReadonlyMap<string, JsonNode>)] : pairsOfArray(node)
  if (pairs.length === 0) throw noFields()
  return pairs.flat().map((part) => bytesOfShown(textOf(part)))
}

function pairsOfArray(node: JsonNode): (readonly JsonNode[])[] {
  const isPairs = Array.isArray(node) && node.every((pair) => Array.isArray(pair) && pair.length === 2)
  if (!isPairs) throw noFields()
  return node as (readonly JsonNode[])[]
}

function textOf(node: JsonNode): string {
  if (typeof node === 'string') return node
  if (node instanceof Decimal || typeof node === 'boolean') return node.toString()
  throw noFields()
}

function noFields(): Error {
  return sqlError(
    'invalid_argument',
    '22023',
    'fields of a stream are an object of texts, or an array of pairs of texts',
  )
}
