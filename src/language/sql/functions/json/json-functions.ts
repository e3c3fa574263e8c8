/** json and jsonb: access, containment, building. Values travel as text and are parsed where a function looks inside. */
import { arrayDimensions } from '../../../../model/table/types/array.ts'
import { compareJson } from '../../../../model/table/types/json-type.ts'
import { checkJsonDepth, formatJsonb, type JsonNode, parseJson, quoteJson } from '../../../../model/table/types/json.ts'
import { inStyle, isoStyle } from '../../../../model/table/types/text-style.ts'
import { findType, getType } from '../../../../model/table/types/registry.ts'
import type { RowValue } from '../../../../model/table/types/user/row-value.ts'
import type { SqlValue } from '../../contract.ts'
import { failure } from '../../failure.ts'
import { oid } from '../../types/oids.ts'
import { element, isArray, isObject, jsonKind, parsed } from './json-nodes.ts'
import { elementOfJson, followJson, memberOfJson, stripJsonNulls, unquoteJson } from './json-text.ts'
import { defineFunction, defineOperator } from '../registry.ts'

const { json, jsonb, text, int4, bool } = oid

function member(node: JsonNode, key: string): JsonNode | undefined {
  return isObject(node) ? node.get(key) : undefined
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

function asJson(node: JsonNode | undefined): string | undefined {
  return node === undefined ? undefined : formatJsonb(node)
}

export function jsonText(node: JsonNode | undefined): SqlValue {
  if (node === undefined || node === null) return null
  return typeof node === 'string' ? node : formatJsonb(node)
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

interface Access {
  readonly member: (value: string, key: string) => string | undefined
  readonly element: (value: string, at: number) => string | undefined
  readonly follow: (value: string, path: readonly SqlValue[]) => string | undefined
  /** Of what one of them found. */
  readonly toText: (found: string | undefined) => SqlValue
}

/** json keeps its text; jsonb has one for each value. */
const accesses: readonly (readonly [type: number, access: Access])[] = [
  [
    json,
    {
      member: memberOfJson,
      element: elementOfJson,
      follow: (value, path) => followJson(value, path as readonly (string | null)[]),
      toText: unquoteJson,
    },
  ],
  [
    jsonb,
    {
      member: (value, key) => asJson(member(parsed(value), key)),
      element: (value, at) => {
        const node = parsed(value)
        // jsonb stores a scalar as an array of it alone, and PostgreSQL lets that be seen here.
        const isScalar = !isArray(node) && !isObject(node)
        return asJson(isScalar && (at === 0 || at === -1) ? node : element(node, at))
      },
      follow: (value, path) => asJson(follow(parsed(value), path)),
      toText: unquoteJson,
    },
  ],
]

function defineAccess(): void {
  for (const [type, access] of accesses) {
    const { toText } = access
    defineOperator('->', [type, text], type, (value: string, key: string) => access.member(value, key) ?? null)
    defineOperator('->', [type, int4], type, (value: string, at: number) => access.element(value, at) ?? null)
    defineOperator('->>', [type, text], text, (value: string, key: string) => toText(access.member(value, key)))
    defineOperator('->>', [type, int4], text, (value: string, at: number) => toText(access.element(value, at)))
    const path = [type, oid.textArray]
    defineOperator('#>', path, type, (value: string, keys: SqlValue[]) => access.follow(value, keys) ?? null)
    defineOperator('#>>', path, text, (value: string, keys: SqlValue[]) => toText(access.follow(value, keys)))
    const prefix = type === json ? 'json' : 'jsonb'
    const keys = { variadic: true }
    const list = [type, text]
    defineFunction(
      `${prefix}_extract_path`,
      list,
      type,
      (value: string, ...way: string[]) => access.follow(value, way) ?? null,
      keys,
    )
    defineFunction(
      `${prefix}_extract_path_text`,
      list,
      text,
      (value: string, ...way: string[]) => toText(access.follow(value, way)),
      keys,
    )
    defineFunction(`${prefix}_typeof`, [type], text, (value: string) => jsonKind(parsed(value)))
    defineFunction(`${prefix}_array_length`, [type], int4, (value: string) => {
      const node = parsed(value)
      if (isArray(node)) return node.length
      throw failure('22023', `cannot get array length of a ${isObject(node) ? 'non-array' : 'scalar'}`)
    })
  }
  defineFunction('json_strip_nulls', [json], json, stripJsonNulls)
  defineFunction('jsonb_strip_nulls', [jsonb], jsonb, (value: string) => formatJsonb(stripNulls(parsed(value))))
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

/** Arrays of paths have one dimension. */
function checkPath(path: readonly SqlValue[]): void {
  if (arrayDimensions(path).length > 1) throw failure('2202E', 'wrong number of array subscripts')
}

function checkStep(node: JsonNode, key: SqlValue, position: number): void {
  if (key === null) throw failure('22004', `path element at position ${position} is null`)
  if (isArray(node) && !/^\s*[+-]?\d{1,9}$/.test(key as string)) {
    throw failure('22P02', `path element at position ${position} is not an integer: "${key as string}"`)
  }
}

function deletePath(node: JsonNode, path: readonly string[]): JsonNode {
  checkPath(path)
  if (!isObject(node) && !isArray(node)) throw failure('22023', 'cannot delete path in scalar')
  return isEmpty(node) ? node : withoutPath(node, path, 1)
}

function isEmpty(node: JsonNode): boolean {
  return isObject(node) ? node.size === 0 : isArray(node) && node.length === 0
}

function withoutPath(node: JsonNode, path: readonly string[], position: number): JsonNode {
  const [key, ...rest] = path
  if (key === undefined || (!isObject(node) && !isArray(node))) return node
  checkStep(node, key, position)
  const below = step(node, key)
  if (below === undefined) return node
  if (rest.length > 0) return replaced(node, key, withoutPath(below, rest, position + 1))
  return isArray(node) ? withoutIndex(node, Number(key)) : without(node, [key])
}

function replaced(node: JsonNode, key: string, value: JsonNode): JsonNode {
  if (isObject(node)) return new Map([...node, [key, value]])
  const list = [...(node as readonly JsonNode[])]
  const at = Number(key)
  list[at < 0 ? list.length + at : at] = value
  return list
}

function setAt(node: JsonNode, path: readonly string[], value: JsonNode, create: boolean): JsonNode {
  checkPath(path)
  if (!isObject(node) && !isArray(node)) throw failure('22023', 'cannot set path in scalar')
  return isEmpty(node) && !create ? node : setPath(node, path, value, create, 1)
}

function setPath(
  node: JsonNode,
  path: readonly string[],
  value: JsonNode,
  create: boolean,
  position: number,
): JsonNode {
  const [key, ...rest] = path
  if (key === undefined || (!isObject(node) && !isArray(node))) return node
  checkStep(node, key, position)
  const below = step(node, key)
  if (below !== undefined) {
    return replaced(node, key, rest.length === 0 ? value : setPath(below, rest, value, create, position + 1))
  }
  if (rest.length > 0 || !create) return node
  if (isObject(node)) return replaced(node, key, value)
  const list = node
  return Number(key) < 0 ? [value, ...list] : [...list, value]
}

function defineChanges(): void {
  defineOperator('||', [jsonb, jsonb], jsonb, (a: string, b: string) => formatJsonb(concatenate(parsed(a), parsed(b))))
  defineOperator('-', [jsonb, text], jsonb, (value: string, key: string) => formatJsonb(without(parsed(value), [key])))
  defineOperator('-', [jsonb, oid.textArray], jsonb, (value: string, keys: string[]) => {
    checkPath(keys)
    return formatJsonb(without(parsed(value), keys))
  })
  defineOperator('-', [jsonb, int4], jsonb, (value: string, at: number) => formatJsonb(withoutIndex(parsed(value), at)))
  defineOperator('#-', [jsonb, oid.textArray], jsonb, (value: string, path: string[]) =>
    formatJsonb(deletePath(parsed(value), path)),
  )
  const set = (value: string, path: string[], to: string, create = true): string =>
    formatJsonb(setAt(parsed(value), path, parsed(to), create))
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
  if (entry.base !== undefined) return toJsonText(entry.base.oid, value)
  if (entry.fields !== undefined) {
    const parts = entry.fields.map(({ name, type: field }, i) => {
      return `${quoteJson(name)}:${toJsonText(field.oid, (value as RowValue).values[i]!)}`
    })
    return `{${parts.join(',')}}`
  }
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
      const shown = inStyle(isoStyle(), () => entry.formatText(value))
      return quoteJson(shown.includes(' ') ? shown.replace(' ', 'T').replace(/([+-]\d{2})( BC)?$/, '$1:00$2') : shown)
    }
    default: {
      const shown = type === oid.date ? inStyle(isoStyle(), () => entry.formatText(value)) : entry.formatText(value)
      const isNumber = entry.category === 'N' && /^-?[\d.]+(e[+-]?\d+)?$/i.test(shown)
      return isNumber ? shown : quoteJson(shown)
    }
  }
}

export function toJsonb(type: number, value: SqlValue): string {
  if (type === oid.jsonb && value !== null) return value as string
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
    if (values[i] === null) {
      throw failure('22023', `argument ${i + 1}${canonical ? ': key must not' : ' cannot'} be null`)
    }
    const key = quoteJson(findType(types[i]!)!.formatText(values[i]!))
    parts.push(`${key} : ${toJsonText(types[i + 1]!, values[i + 1]!)}`)
  }
  const built = `{${parts.join(', ')}}`
  return canonical ? formatJsonb(parseJson(built)) : checkJsonDepth(built)
}

export function buildJsonArray(types: readonly number[], values: readonly SqlValue[], canonical: boolean): string {
  const built = `[${values.map((value, i) => toJsonText(types[i]!, value)).join(', ')}]`
  return canonical ? formatJsonb(parseJson(built)) : checkJsonDepth(built)
}

defineAccess()
defineTests()
defineChanges()
