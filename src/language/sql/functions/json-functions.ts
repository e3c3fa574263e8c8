/** json and jsonb: access, containment, building. Values travel as text and are parsed where a function looks inside. */
import { Decimal } from '../../../base/decimal.ts'
import { compareJson } from '../../../model/table/types/json-type.ts'
import { formatJsonb, type JsonNode, parseJson, quoteJson } from '../../../model/table/types/json.ts'
import { findType, getType } from '../../../model/table/types/registry.ts'
import type { SqlValue } from '../contract.ts'
import { failure } from '../failure.ts'
import { RecentMap } from '../recent-map.ts'
import { oid } from '../types/oids.ts'
import { defineFunction, defineOperator } from './registry.ts'

const { json, jsonb, text, int4, bool } = oid

/** The same document is often asked for several fields in one row. */
const recent = new RecentMap<string, JsonNode>(16)

function parsed(value: string): JsonNode {
  if (value.length > 65_536) return parseJson(value)
  const known = recent.get(value)
  if (known !== undefined) return known
  const node = parseJson(value)
  recent.set(value, node)
  return node
}

function isObject(node: JsonNode): node is ReadonlyMap<string, JsonNode> {
  return node instanceof Map
}

function isArray(node: JsonNode): node is readonly JsonNode[] {
  return Array.isArray(node)
}

function member(node: JsonNode, key: string): JsonNode | undefined {
  return isObject(node) ? node.get(key) : undefined
}

function element(node: JsonNode, index: number): JsonNode | undefined {
  if (!isArray(node)) return undefined
  return node[index < 0 ? node.length + index : index]
}

function step(node: JsonNode, key: string): JsonNode | undefined {
  if (isObject(node)) return node.get(key)
  return isArray(node) && /^-?\d{1,9}$/.test(key) ? element(node, Number(key)) : undefined
}

function follow(node: JsonNode, path: readonly SqlValue[]): JsonNode | undefined {
  let at: JsonNode | undefined = node
  for (const key of path) {
    if (key === null || at === undefined) return undefined
    at = step(at, key as string)
  }
  return at
}

function asJson(node: JsonNode | undefined): SqlValue {
  return node === undefined ? null : formatJsonb(node)
}

export function jsonText(node: JsonNode | undefined): SqlValue {
  if (node === undefined || node === null) return null
  return typeof node === 'string' ? node : formatJsonb(node)
}

function jsonKind(node: JsonNode): string {
  if (node === null) return 'null'
  if (node instanceof Decimal) return 'number'
  if (isArray(node)) return 'array'
  return isObject(node) ? 'object' : typeof node
}

function contains(whole: JsonNode, part: JsonNode): boolean {
  if (isObject(part)) {
    if (!isObject(whole)) return false
    for (const [key, value] of part) {
      const own = whole.get(key)
      if (own === undefined || !contains(own, value)) return false
    }
    return true
  }
  if (isArray(part)) return isArray(whole) && part.every((one) => whole.some((own) => contains(own, one)))
  // A scalar is contained in an array at the top only; PostgreSQL allows it and so does `containsTop`.
  return !isObject(whole) && !isArray(whole) && compareJson(whole, part) === 0
}

function containsTop(whole: JsonNode, part: JsonNode): boolean {
  if (isArray(whole) && !isArray(part) && !isObject(part)) return whole.some((one) => contains(one, part))
  return contains(whole, part)
}

function hasKey(node: JsonNode, key: string): boolean {
  if (isObject(node)) return node.has(key)
  return isArray(node) ? node.includes(key) : node === key
}

function defineAccess(): void {
  for (const type of [json, jsonb]) {
    defineOperator('->', [type, text], type, (value: string, key: string) => asJson(member(parsed(value), key)))
    defineOperator('->', [type, int4], type, (value: string, at: number) => asJson(element(parsed(value), at)))
    defineOperator('->>', [type, text], text, (value: string, key: string) => jsonText(member(parsed(value), key)))
    defineOperator('->>', [type, int4], text, (value: string, at: number) => jsonText(element(parsed(value), at)))
    const path = [type, oid.textArray]
    defineOperator('#>', path, type, (value: string, keys: SqlValue[]) => asJson(follow(parsed(value), keys)))
    defineOperator('#>>', path, text, (value: string, keys: SqlValue[]) => jsonText(follow(parsed(value), keys)))
    const prefix = type === json ? 'json' : 'jsonb'
    const keys = { variadic: true }
    const list = [type, text]
    defineFunction(
      `${prefix}_extract_path`,
      list,
      type,
      (value: string, ...way: string[]) => asJson(follow(parsed(value), way)),
      keys,
    )
    defineFunction(
      `${prefix}_extract_path_text`,
      list,
      text,
      (value: string, ...way: string[]) => jsonText(follow(parsed(value), way)),
      keys,
    )
    defineFunction(`${prefix}_typeof`, [type], text, (value: string) => jsonKind(parsed(value)))
    defineFunction(`${prefix}_array_length`, [type], int4, (value: string) => {
      const node = parsed(value)
      if (isArray(node)) return node.length
      throw failure('22023', `cannot get array length of a ${isObject(node) ? 'non-array' : 'scalar'}`)
    })
    defineFunction(`${prefix}_strip_nulls`, [type], type, (value: string) => formatJsonb(stripNulls(parsed(value))))
  }
}

function stripNulls(node: JsonNode): JsonNode {
  if (isArray(node)) return node.map(stripNulls)
  if (!isObject(node)) return node
  return new Map([...node].filter(([, value]) => value !== null).map(([key, value]) => [key, stripNulls(value)]))
}

function defineTests(): void {
  defineOperator('@>', [jsonb, jsonb], bool, (a: string, b: string) => containsTop(parsed(a), parsed(b)))
  defineOperator('<@', [jsonb, jsonb], bool, (a: string, b: string) => containsTop(parsed(b), parsed(a)))
  defineOperator('?', [jsonb, text], bool, (value: string, key: string) => hasKey(parsed(value), key))
  defineOperator('?|', [jsonb, oid.textArray], bool, (value: string, keys: string[]) =>
    keys.some((key) => hasKey(parsed(value), key)),
  )
  defineOperator('?&', [jsonb, oid.textArray], bool, (value: string, keys: string[]) =>
    keys.every((key) => hasKey(parsed(value), key)),
  )
}

function concatenate(a: JsonNode, b: JsonNode): JsonNode {
  if (isObject(a) && isObject(b)) return new Map([...a, ...b])
  const list = (node: JsonNode): readonly JsonNode[] => (isArray(node) ? node : [node])
  return [...list(a), ...list(b)]
}

function without(node: JsonNode, keys: readonly string[]): JsonNode {
  if (isObject(node)) return new Map([...node].filter(([key]) => !keys.includes(key)))
  if (isArray(node)) return node.filter((one) => typeof one !== 'string' || !keys.includes(one))
  throw failure('22023', 'cannot delete from scalar')
}

function withoutIndex(node: JsonNode, at: number): JsonNode {
  if (isObject(node)) throw failure('22023', 'cannot delete from object using integer index')
  if (!isArray(node)) throw failure('22023', 'cannot delete from scalar')
  const place = at < 0 ? node.length + at : at
  return node.filter((_, i) => i !== place)
}

function withoutPath(node: JsonNode, path: readonly string[]): JsonNode {
  const [key, ...rest] = path
  if (key === undefined) return node
  const below = step(node, key)
  if (below === undefined) return node
  if (rest.length > 0) return replaced(node, key, withoutPath(below, rest))
  return isArray(node) ? withoutIndex(node, Number(key)) : without(node, [key])
}

function replaced(node: JsonNode, key: string, value: JsonNode): JsonNode {
  if (isObject(node)) return new Map([...node, [key, value]])
  const list = [...(node as readonly JsonNode[])]
  const at = Number(key)
  list[at < 0 ? list.length + at : at] = value
  return list
}

function setPath(node: JsonNode, path: readonly string[], value: JsonNode, create: boolean): JsonNode {
  const [key, ...rest] = path
  if (key === undefined) return node
  if (!isObject(node) && !isArray(node)) throw failure('22023', 'cannot set path in scalar')
  if (isArray(node) && !/^-?\d{1,9}$/.test(key)) {
    throw failure('22P02', `path element at position 1 is not an integer: "${key}"`)
  }
  const below = step(node, key)
  if (below !== undefined) return replaced(node, key, rest.length === 0 ? value : setPath(below, rest, value, create))
  if (rest.length > 0 || !create) return node
  if (isObject(node)) return replaced(node, key, value)
  const list = node
  return Number(key) < 0 ? [value, ...list] : [...list, value]
}

function defineChanges(): void {
  defineOperator('||', [jsonb, jsonb], jsonb, (a: string, b: string) => formatJsonb(concatenate(parsed(a), parsed(b))))
  defineOperator('-', [jsonb, text], jsonb, (value: string, key: string) => formatJsonb(without(parsed(value), [key])))
  defineOperator('-', [jsonb, oid.textArray], jsonb, (value: string, keys: string[]) =>
    formatJsonb(without(parsed(value), keys)),
  )
  defineOperator('-', [jsonb, int4], jsonb, (value: string, at: number) => formatJsonb(withoutIndex(parsed(value), at)))
  defineOperator('#-', [jsonb, oid.textArray], jsonb, (value: string, path: string[]) =>
    formatJsonb(withoutPath(parsed(value), path)),
  )
  const set = (value: string, path: string[], to: string, create = true): string =>
    formatJsonb(setPath(parsed(value), path, parsed(to), create))
  defineFunction('jsonb_set', [jsonb, oid.textArray, jsonb], jsonb, (value: string, path: string[], to: string) =>
    set(value, path, to),
  )
  defineFunction('jsonb_set', [jsonb, oid.textArray, jsonb, bool], jsonb, set)
  defineFunction('jsonb_pretty', [jsonb], text, (value: string) => pretty(parsed(value), ''))
}

function pretty(node: JsonNode, indent: string): string {
  const inner = `${indent}    `
  if (isArray(node)) {
    return node.length === 0
      ? '[\n' + indent + ']'
      : `[\n${node.map((one) => inner + pretty(one, inner)).join(',\n')}\n${indent}]`
  }
  if (!isObject(node)) return formatJsonb(node)
  const members = [...node].map(([key, value]) => `${inner}${quoteJson(key)}: ${pretty(value, inner)}`)
  return members.length === 0 ? `{\n${indent}}` : `{\n${members.join(',\n')}\n${indent}}`
}

/** A value as JSON text, as to_json makes it: compact separators are PostgreSQL's for composite JSON only. */
export function toJsonText(type: number, value: SqlValue): string {
  if (value === null) return 'null'
  const entry = getType(type)
  if (entry.element !== undefined) {
    const one = (part: SqlValue): string =>
      Array.isArray(part) ? `[${part.map(one).join(',')}]` : toJsonText(entry.element!.oid, part)
    return one(value)
  }
  switch (type) {
    case oid.bool:
      return value === true ? 'true' : 'false'
    case oid.json:
    case oid.jsonb:
      return value as string
    case oid.timestamp:
    case oid.timestamptz: {
      const shown = entry.formatText(value)
      return quoteJson(shown.includes(' ') ? shown.replace(' ', 'T').replace(/([+-]\d{2})$/, '$1:00') : shown)
    }
    default: {
      const shown = entry.formatText(value)
      const isNumber = entry.category === 'N' && /^-?[\d.]+(e[+-]?\d+)?$/i.test(shown)
      return isNumber ? shown : quoteJson(shown)
    }
  }
}

export function toJsonb(type: number, value: SqlValue): string {
  return formatJsonb(parseJson(toJsonText(type, value)))
}

/** Functions over values of any type get those types when they are bound: see `bind/special-functions.ts`. */
export function buildJsonObject(types: readonly number[], values: readonly SqlValue[], canonical: boolean): string {
  if (values.length % 2 !== 0) {
    throw failure('22023', 'argument list must have even number of elements', {
      hint: `The arguments of ${canonical ? 'jsonb' : 'json'}_build_object() must consist of alternating keys and values.`,
    })
  }
  const parts: string[] = []
  for (let i = 0; i < values.length; i += 2) {
    if (values[i] === null) throw failure(canonical ? '22023' : '22004', `argument ${i + 1}: key must not be null`)
    const key = quoteJson(findType(types[i]!)!.formatText(values[i]!))
    parts.push(`${key} : ${toJsonText(types[i + 1]!, values[i + 1]!)}`)
  }
  const built = `{${parts.join(', ')}}`
  return canonical ? formatJsonb(parseJson(built)) : built
}

export function buildJsonArray(types: readonly number[], values: readonly SqlValue[], canonical: boolean): string {
  const built = `[${values.map((value, i) => toJsonText(types[i]!, value)).join(', ')}]`
  return canonical ? formatJsonb(parseJson(built)) : built
}

defineAccess()
defineTests()
defineChanges()
