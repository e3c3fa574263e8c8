/**
 * `doc['a'][0]` of jsonb, read and assigned. Assigning is stricter and more helpful than `jsonb_set`: a scalar on the way is an
 * error, what lacks on the way is made (an array where the subscript is a number), and gaps are filled with null.
 */
import { formatJsonb, type JsonNode } from '../../../../model/table/types/json.ts'
import type { SqlValue } from '../../contract.ts'
import { failure } from '../../failure.ts'
import { element, isArray, isObject, parsed, wholeInteger } from './json-nodes.ts'

const mostFilled = 1_000_000

export function jsonAt(json: string, path: readonly (string | number)[]): SqlValue {
  let at: JsonNode | undefined = parsed(json)
  for (const key of path) {
    if (isObject(at)) at = at.get(String(key))
    else if (isArray(at)) {
      const index = wholeInteger(String(key))
      at = index === undefined ? undefined : element(at, index)
    } else at = undefined
    if (at === undefined) return null
  }
  return formatJsonb(at)
}

/** Numbers in `path` are subscripts of arrays where nothing is there yet. A null to assign is json's. */
export function withJsonAt(json: string | null, path: readonly (string | number)[], to: string | null): string {
  const value = to === null ? null : parsed(to)
  const whole = json === null ? (typeof path[0] === 'number' ? [] : new Map<string, JsonNode>()) : parsed(json)
  return formatJsonb(put(whole, path.map(String), 0, value))
}

function put(node: JsonNode, path: readonly string[], level: number, value: JsonNode): JsonNode {
  const key = path[level]
  if (key === undefined) return value
  if (isObject(node)) {
    const below = node.get(key)
    return new Map([
      ...node,
      [key, below === undefined ? made(path, level + 1, value) : put(below, path, level + 1, value)],
    ])
  }
  if (isArray(node)) return putInArray(node, path, level, value)
  throw failure('22023', 'cannot replace existing key', {
    detail: 'The path assumes key is a composite object, but it is a scalar value.',
  })
}

function putInArray(list: readonly JsonNode[], path: readonly string[], level: number, value: JsonNode): JsonNode {
  const key = path[level]!
  const index = wholeInteger(key)
  if (index === undefined) {
    throw failure('22P02', `path element at position ${level + 1} is not an integer: "${key}"`)
  }
  const at = index < 0 ? list.length + index : index
  if (at < 0) throw failure('22023', `path element at position ${level + 1} is out of range: ${index}`)
  const copy = [...list, ...nulls(at - list.length)]
  copy[at] = at < list.length ? put(list[at]!, path, level + 1, value) : made(path, level + 1, value)
  return copy
}

/** What the rest of a path asks for where nothing is. */
function made(path: readonly string[], level: number, value: JsonNode): JsonNode {
  const key = path[level]
  if (key === undefined) return value
  const inner = made(path, level + 1, value)
  const index = wholeInteger(key)
  return index === undefined ? new Map([[key, inner]]) : [...nulls(index), inner]
}

function nulls(count: number): null[] {
  if (count > mostFilled) throw failure('54000', 'requested length too large')
  return Array.from({ length: Math.max(0, count) }, () => null)
}
