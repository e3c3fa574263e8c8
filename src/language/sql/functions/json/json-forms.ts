/** json and jsonb made of arrays of texts, jsonb_insert, and the operators of jsonb under the names of their functions. */
import { arrayDimensions, flatElements } from '../../../../model/table/types/array.ts'
import { formatJsonb, type JsonNode, quoteJson } from '../../../../model/table/types/json.ts'
import type { SqlValue } from '../../contract.ts'
import type { Implementation } from '../../expression/expression.ts'
import { failure } from '../../failure.ts'
import { oid } from '../../types/oids.ts'
import { defineFunction, entryOfTypes } from '../registry.ts'
import { isArray, isObject, parsed, wholeInteger } from './json-nodes.ts'

const { json, jsonb, text, textArray, int4, bool } = oid

type List = readonly SqlValue[]

function insertAt(node: JsonNode, path: List, level: number, value: JsonNode, isAfter: boolean): JsonNode {
  const key = path[level]
  if (key === undefined) return node
  if (key === null) throw failure('22004', `path element at position ${level + 1} is null`)
  const isLast = level === path.length - 1
  if (isObject(node)) {
    const below = node.get(key as string)
    if (!isLast) {
      return below === undefined
        ? node
        : new Map([...node, [key as string, insertAt(below, path, level + 1, value, isAfter)]])
    }
    if (below === undefined) return new Map([...node, [key as string, value]])
    throw failure('22023', 'cannot replace existing key', {
      hint: 'Try using the function jsonb_set to replace key value.',
    })
  }
  if (!isArray(node)) return node
  const index = wholeInteger(key as string)
  if (index === undefined) {
    throw failure('22P02', `path element at position ${level + 1} is not an integer: "${key as string}"`)
  }
  const at = index < 0 ? node.length + index : index
  const copy = [...node]
  if (!isLast) {
    if (node[at] !== undefined) copy[at] = insertAt(node[at], path, level + 1, value, isAfter)
  } else if (at < 0) copy.unshift(value)
  else copy.splice(at >= node.length ? node.length : at + (isAfter ? 1 : 0), 0, value)
  return copy
}

function insert(target: string, path: List, value: string, isAfter = false): string {
  if (arrayDimensions(path).length > 1) throw failure('2202E', 'wrong number of array subscripts')
  const node = parsed(target)
  if (!isObject(node) && !isArray(node)) throw failure('22023', 'cannot set path in scalar')
  return formatJsonb(insertAt(node, path, 0, parsed(value), isAfter))
}

/** Keys and values in turn, or in rows of two. */
function pairsOf(list: List): [SqlValue, SqlValue][] {
  const dimensions = arrayDimensions(list)
  if (dimensions.length > 2) throw failure('2202E', 'wrong number of array subscripts')
  if (dimensions.length === 2 && dimensions[1] !== 2) throw failure('2202E', 'array must have two columns')
  const flat = flatElements(list)
  if (flat.length % 2 !== 0) throw failure('2202E', 'array must have even number of elements')
  return Array.from({ length: flat.length / 2 }, (_, i) => [flat[2 * i]!, flat[2 * i + 1]!])
}

function zipped(keys: List, values: List): [SqlValue, SqlValue][] {
  if (arrayDimensions(keys).length > 1 || arrayDimensions(values).length > 1) {
    throw failure('2202E', 'wrong number of array subscripts')
  }
  if (keys.length !== values.length) throw failure('2202E', 'mismatched array dimensions')
  return keys.map((key, i) => [key, values[i]!])
}

function keyOf(key: SqlValue): string {
  if (key === null) throw failure('22004', 'null value not allowed for object key')
  return key as string
}

function asText(pairs: readonly [SqlValue, SqlValue][]): string {
  const parts = pairs.map(([key, value]) => {
    return `${quoteJson(keyOf(key))} : ${value === null ? 'null' : quoteJson(value as string)}`
  })
  return `{${parts.join(', ')}}`
}

function asObject(pairs: readonly [SqlValue, SqlValue][]): string {
  return formatJsonb(new Map(pairs.map(([key, value]) => [keyOf(key), value as JsonNode])))
}

function defineObjects(): void {
  defineFunction('json_object', [textArray], json, (list: List) => asText(pairsOf(list)))
  defineFunction('json_object', [textArray, textArray], json, (keys: List, values: List) =>
    asText(zipped(keys, values)),
  )
  defineFunction('jsonb_object', [textArray], jsonb, (list: List) => asObject(pairsOf(list)))
  defineFunction('jsonb_object', [textArray, textArray], jsonb, (keys: List, values: List) => {
    return asObject(zipped(keys, values))
  })
}

const setLaxActions: ReadonlySet<string> = new Set(['raise_exception', 'use_json_null', 'delete_key', 'return_target'])

/** jsonb_set, where the new value may be null. */
function setLax(
  target: string | null,
  path: List | null,
  value: string | null,
  create: boolean | null = true,
  action: string | null = 'use_json_null',
): SqlValue {
  if (target === null || path === null || create === null) return null
  if (action === null || !setLaxActions.has(action)) {
    throw failure(
      '22023',
      'null_value_treatment must be "delete_key", "return_target", "use_json_null", or "raise_exception"',
    )
  }
  const set = formOf('function', 'jsonb_set', [jsonb, textArray, jsonb, bool]) as (...values: SqlValue[]) => SqlValue
  if (value !== null) return set(target, path, value, create)
  switch (action) {
    case 'raise_exception':
      throw failure('22004', 'JSON value must not be null', {
        detail: 'Exception was raised because null_value_treatment is "raise_exception".',
        hint: 'To avoid, either change the null_value_treatment argument or ensure that an SQL NULL is not passed.',
      })
    case 'return_target':
      return target
    case 'delete_key':
      return (formOf('operator', '#-', [jsonb, textArray]) as (...values: SqlValue[]) => SqlValue)(target, path)
    default:
      return set(target, path, 'null', create)
  }
}

function formOf(kind: 'function' | 'operator', name: string, takes: readonly number[]): Implementation {
  return entryOfTypes(kind, name, takes).implementation
}

/** Each operator's function, as PostgreSQL calls it. */
const operatorFunctions: readonly (readonly [name: string, symbol: string, takes: readonly number[], gives: number])[] =
  [
    ['jsonb_contains', '@>', [jsonb, jsonb], bool],
    ['jsonb_contained', '<@', [jsonb, jsonb], bool],
    ['jsonb_exists', '?', [jsonb, text], bool],
    ['jsonb_exists_any', '?|', [jsonb, textArray], bool],
    ['jsonb_exists_all', '?&', [jsonb, textArray], bool],
    ['jsonb_concat', '||', [jsonb, jsonb], jsonb],
    ['jsonb_delete', '-', [jsonb, text], jsonb],
    ['jsonb_delete', '-', [jsonb, textArray], jsonb],
    ['jsonb_delete', '-', [jsonb, int4], jsonb],
    ['jsonb_delete_path', '#-', [jsonb, textArray], jsonb],
    ...[json, jsonb].flatMap((type) => {
      const prefix = type === json ? 'json' : 'jsonb'
      return [
        [`${prefix}_object_field`, '->', [type, text], type],
        [`${prefix}_object_field_text`, '->>', [type, text], text],
        [`${prefix}_array_element`, '->', [type, int4], type],
        [`${prefix}_array_element_text`, '->>', [type, int4], text],
      ] as const
    }),
  ]

function defineForms(): void {
  for (const [name, symbol, takes, gives] of operatorFunctions) {
    defineFunction(name, takes, gives, formOf('operator', symbol, takes))
  }
  defineFunction('jsonb_insert', [jsonb, textArray, jsonb], jsonb, (target: string, path: List, value: string) => {
    return insert(target, path, value)
  })
  defineFunction('jsonb_insert', [jsonb, textArray, jsonb, bool], jsonb, insert)
  const lenient = { strict: false } as const
  const types = [jsonb, textArray, jsonb, bool, text]
  for (const count of [3, 4, 5]) defineFunction('jsonb_set_lax', types.slice(0, count), jsonb, setLax, lenient)
}

defineObjects()
defineForms()
