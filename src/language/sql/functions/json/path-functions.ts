/** `jsonb_path_*`, `@?` and `@@`. */
import { parsePath } from '../../../../model/table/types/json-path/path-parser.ts'
import type { JsonPath } from '../../../../model/table/types/json-path/path-nodes.ts'
import { formatJsonb, type JsonNode } from '../../../../model/table/types/json.ts'
import type { SqlValue } from '../../contract.ts'
import { failure } from '../../failure.ts'
import { RecentMap } from '../../recent-map.ts'
import { oid } from '../../types/oids.ts'
import { defineFunction, defineOperator, defineSetFunction } from '../registry.ts'
import { isObject, parsed } from './json-nodes.ts'
import { DateTimeItem } from './path-datetime.ts'
import { PathFailure } from './path-failure.ts'
import { type Item, type Items, runPath } from './path-run.ts'

const { jsonb, jsonpath, bool } = oid

const paths = new RecentMap<string, JsonPath>(64 * 1024)

function pathOf(text: string): JsonPath {
  const known = paths.get(text)
  if (known !== undefined) return known
  const path = parsePath(text)
  paths.set(text, path, text.length + 64)
  return path
}

const noVariables: ReadonlyMap<string, JsonNode> = new Map()

function variablesOf(text: string | undefined): ReadonlyMap<string, JsonNode> {
  if (text === undefined) return noVariables
  const node = parsed(text)
  if (isObject(node)) return node
  throw failure('22023', '"vars" argument is not an object', {
    detail: 'Jsonpath parameters should be encoded as key-value pairs of "vars" object.',
  })
}

type Answer = (items: Items, path: JsonPath) => SqlValue

/** Silent ones answer `missing` in place of an error that a path can have. */
function answer(of: Answer, missing: SqlValue, usesZone: boolean) {
  return (target: string, text: string, variables?: string, isSilent = false): SqlValue => {
    const path = pathOf(text)
    try {
      return of(runPath({ path, root: parsed(target), variables: variablesOf(variables), usesZone }), path)
    } catch (error) {
      if (!(error instanceof PathFailure)) throw error
      if (isSilent) return missing
      throw error.error
    }
  }
}

const exists: Answer = (items, { isLax }) => (isLax ? items.next().done !== true : [...items].length > 0)

const match: Answer = (items) => {
  const found = [...items]
  const [only] = found
  if (found.length === 1 && (typeof only === 'boolean' || only === null)) return only
  throw new PathFailure(failure('22038', 'single boolean result is expected'))
}

function shown(item: Item): string {
  return formatJsonb(item instanceof DateTimeItem ? item.toText() : item)
}

const list: Answer = (items) => [...items].map(shown)
const array: Answer = (items) => `[${[...items].map(shown).join(', ')}]`
const first: Answer = (items, { isLax }) => {
  if (!isLax) return [...items].map(shown)[0] ?? null
  const found = items.next()
  return found.done === true ? null : shown(found.value)
}

/** Where a path goes through everything twice, the work grows with the square of the document. */
function pathCost(target: string, path: string, variables = ''): number {
  const size = target.length + variables.length
  const walks = path.split('*').length - 1
  return (size + path.length) * 150 + (walks > 1 ? size * size * 2 : 0)
}

function define(name: string, of: Answer, gives: number, missing: SqlValue): void {
  for (const usesZone of [false, true]) {
    const call = answer(of, missing, usesZone)
    const options = { cost: pathCost, ...(usesZone && { volatility: 'stable' as const }) }
    const own = usesZone ? `${name}_tz` : name
    defineFunction(own, [jsonb, jsonpath], gives, (target: string, path: string) => call(target, path), options)
    defineFunction(
      own,
      [jsonb, jsonpath, jsonb],
      gives,
      (target: string, path: string, variables: string) => {
        return call(target, path, variables)
      },
      options,
    )
    defineFunction(own, [jsonb, jsonpath, jsonb, bool], gives, call, options)
  }
}

function defineRows(): void {
  for (const usesZone of [false, true]) {
    const name = usesZone ? 'jsonb_path_query_tz' : 'jsonb_path_query'
    const call = answer(list, [], usesZone)
    for (const takes of [
      [jsonb, jsonpath],
      [jsonb, jsonpath, jsonb],
      [jsonb, jsonpath, jsonb, bool],
    ]) {
      defineSetFunction({
        name,
        takes,
        variadic: false,
        columns: [{ name, type: jsonb }],
        rows: (_run, [all]) => oneByOne((all ?? []) as readonly SqlValue[]),
        list: call as (...values: never[]) => readonly SqlValue[],
        cost: pathCost,
      })
    }
  }
}

function* oneByOne(values: readonly SqlValue[]): Generator<readonly SqlValue[]> {
  for (const value of values) yield [value]
}

define('jsonb_path_exists', exists, bool, null)
define('jsonb_path_match', match, bool, null)
define('jsonb_path_query_array', array, jsonb, '[]')
define('jsonb_path_query_first', first, jsonb, null)
defineRows()
const silently = (of: Answer) => {
  const call = answer(of, null, false)
  return (target: string, path: string): SqlValue => call(target, path, undefined, true)
}
defineOperator('@?', [jsonb, jsonpath], bool, silently(exists), { cost: pathCost })
defineOperator('@@', [jsonb, jsonpath], bool, silently(match), { cost: pathCost })
