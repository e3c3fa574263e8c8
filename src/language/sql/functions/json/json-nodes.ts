/** Parsed json, and what all functions ask of it. */
import { Decimal } from '../../../../base/decimal.ts'
import { type JsonNode, parseJson } from '../../../../model/table/types/json.ts'
import { RecentMap } from '../../recent-map.ts'

/** The same document is often asked for several fields in one row. */
const recent = new RecentMap<string, JsonNode>(16)

export function parsed(value: string): JsonNode {
  if (value.length > 65_536) return parseJson(value)
  const known = recent.get(value)
  if (known !== undefined) return known
  const node = parseJson(value)
  recent.set(value, node)
  return node
}

export type JsonObject = ReadonlyMap<string, JsonNode>
export type JsonArray = readonly JsonNode[]

export function isObject(node: JsonNode | undefined): node is JsonObject {
  return node instanceof Map
}

export function isArray(node: JsonNode | undefined): node is JsonArray {
  return Array.isArray(node)
}

export function element(node: JsonNode, index: number): JsonNode | undefined {
  if (!isArray(node)) return undefined
  return node[index < 0 ? node.length + index : index]
}

/** As C's strtol reads a whole text into an int. */
export function wholeInteger(text: string): number | undefined {
  if (!/^\s*[+-]?\d{1,10}$/.test(text)) return undefined
  const value = Number(text)
  return (value | 0) === value ? value : undefined
}

export function jsonKind(node: JsonNode): string {
  if (node === null) return 'null'
  if (node instanceof Decimal) return 'number'
  if (isArray(node)) return 'array'
  return isObject(node) ? 'object' : typeof node
}
