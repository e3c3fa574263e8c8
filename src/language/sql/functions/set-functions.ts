/** Functions that return rows: in FROM, and in a SELECT list. */
import { Decimal } from '../../../base/decimal.ts'
import { lowerBoundsOf } from '../../../model/table/types/array-bounds.ts'
import { arrayDimensions, flatElements } from '../../../model/table/types/array.ts'
import { formatJsonb, type JsonNode, parseJson, sortedMembers } from '../../../model/table/types/json.ts'
import type { Interval, SqlValue } from '../contract.ts'
import { failure } from '../failure.ts'
import { oid } from '../types/oids.ts'
import type { SqlRun } from '../plan/run.ts'
import { addInterval, addToInstant } from './date-functions.ts'
import { jsonText } from './json/json-functions.ts'
import { partsOfJson, unquoteJson } from './json/json-text.ts'
import type { Cost } from './cost.ts'
import { compileRegex, regexCost } from './pattern.ts'
import { defineSetFunction } from './registry.ts'

type Rows = Iterable<readonly SqlValue[]>

function define(
  name: string,
  takes: readonly number[],
  columns: readonly (readonly [name: string, type: number])[],
  rows: (...values: never[]) => Rows,
): void {
  const call = rows as (...values: SqlValue[]) => Rows
  defineSetFunction({
    name,
    takes,
    variadic: false,
    columns: columns.map(([column, type]) => ({ name: column, type })),
    // Null in: no rows.
    rows: (_run, values) => (values.includes(null) ? [] : call(...values)),
  })
}

const zeroStep = (): Error => failure('22023', 'step size cannot equal zero')

function* countNumbers(from: number, to: number, step = 1): Generator<readonly SqlValue[]> {
  if (step === 0) throw zeroStep()
  for (let value = from; step > 0 ? value <= to : value >= to; value += step) {
    yield [value]
    if (value + step > 2_147_483_647 || value + step < -2_147_483_648) return
  }
}

function* countBigints(from: bigint, to: bigint, step = 1n): Generator<readonly SqlValue[]> {
  if (step === 0n) throw zeroStep()
  for (let value = from; step > 0n ? value <= to : value >= to; value += step) {
    yield [value]
    if (BigInt.asIntN(64, value + step) !== value + step) return
  }
}

function checkFinite(what: string, { isFinite, kind }: Decimal): void {
  if (!isFinite) throw failure('22023', `${what} cannot be ${kind === 'nan' ? 'NaN' : 'infinity'}`)
}

function* countDecimals(from: Decimal, to: Decimal, step: Decimal = Decimal.of(1n)): Generator<readonly SqlValue[]> {
  checkFinite('start value', from)
  checkFinite('stop value', to)
  checkFinite('step size', step)
  if (step.compare(Decimal.zero) === 0) throw zeroStep()
  const up = step.compare(Decimal.zero) > 0
  for (let value = from; up ? value.compare(to) <= 0 : value.compare(to) >= 0; value = value.add(step)) yield [value]
}

type Add = (us: bigint, by: Interval) => bigint

function* countTimes(add: Add, from: bigint, to: bigint, step: Interval): Generator<readonly SqlValue[]> {
  const next = add(from, step)
  if (next === from) throw zeroStep()
  const up = next > from
  for (let value = from; up ? value <= to : value >= to; value = add(value, step)) yield [value]
}

function defineSeries(): void {
  const { int4, int8, numeric, timestamp, timestamptz, interval } = oid
  const one = (type: number): readonly (readonly [string, number])[] => [['generate_series', type]]
  for (const [type, count] of [
    [int4, countNumbers],
    [int8, countBigints],
    [numeric, countDecimals],
  ] as const) {
    define('generate_series', [type, type], one(type), count as (...values: never[]) => Rows)
    define('generate_series', [type, type, type], one(type), count as (...values: never[]) => Rows)
  }
  for (const [type, add] of [
    [timestamp, addInterval],
    [timestamptz, addToInstant],
  ] as const) {
    const count = (from: bigint, to: bigint, step: Interval): Rows => countTimes(add, from, to, step)
    define('generate_series', [type, type, interval], one(type), count as (...values: never[]) => Rows)
  }
  const subscripts = (list: readonly SqlValue[], dimension: number, isReversed = false): Rows => {
    const dimensions = arrayDimensions(list)
    const length = dimensions[dimension - 1]
    if (length === undefined) return []
    const lower = lowerBoundsOf(list, dimensions)[dimension - 1]!
    const upper = lower + length - 1
    return isReversed ? countNumbers(upper, lower, -1) : countNumbers(lower, upper)
  }
  define('generate_subscripts', [oid.anyarray, int4], [['generate_subscripts', int4]], subscripts)
  define('generate_subscripts', [oid.anyarray, int4, oid.bool], [['generate_subscripts', int4]], subscripts)
}

function elementsOf(text: string): readonly JsonNode[] {
  const node = parseJson(text)
  if (Array.isArray(node)) return node as readonly JsonNode[]
  throw failure('22023', `cannot extract elements from ${node instanceof Map ? 'an object' : 'a scalar'}`)
}

function membersOf(text: string): [string, JsonNode][] {
  const node = parseJson(text)
  if (node instanceof Map) return sortedMembers(node)
  throw failure('22023', `cannot deconstruct ${Array.isArray(node) ? 'an array' : 'a scalar'} as an object`)
}

/** json keeps the text of its parts, their order, and keys that come twice. */
function textElements(text: string): [string][] {
  elementsOf(text)
  return partsOfJson(text)!.parts.map((part) => [part.text])
}

function textMembers(text: string): [string, string][] {
  membersOf(text)
  return partsOfJson(text)!.parts.map((part) => [part.key!, part.text])
}

/**
 * A function whose rows are all known once its argument has been walked through: that is a call with a cost, and the rows
 * are handed out of the list that it answers.
 */
function defineListed(
  name: string,
  takes: readonly number[],
  columns: readonly (readonly [name: string, type: number])[],
  list: (...values: never[]) => readonly SqlValue[],
  cost?: Cost,
): void {
  const width = columns.length
  defineSetFunction({
    name,
    takes,
    variadic: false,
    columns: columns.map(([column, type]) => ({ name: column, type })),
    rows: (_run, [all]) => (all === null ? [] : rowsOfList(all as readonly SqlValue[], width)),
    list,
    ...(cost !== undefined && { cost }),
  })
}

function* rowsOfList(list: readonly SqlValue[], width: number): Generator<readonly SqlValue[]> {
  for (let i = 0; i < list.length; i += width) yield width === 1 ? [list[i]!] : list.slice(i, i + width)
}

function defineJson(): void {
  for (const [prefix, type] of [
    ['json', oid.json],
    ['jsonb', oid.jsonb],
  ] as const) {
    const isText = type === oid.json
    defineListed(`${prefix}_array_elements`, [type], [['value', type]], (text: string) =>
      isText ? textElements(text).flat() : elementsOf(text).map(formatJsonb),
    )
    defineListed(`${prefix}_array_elements_text`, [type], [['value', oid.text]], (text: string) =>
      isText ? textElements(text).map(([one]) => unquoteJson(one)) : elementsOf(text).map(jsonText),
    )
    const key = ['key', oid.text] as const
    defineListed(`${prefix}_each`, [type], [key, ['value', type]], (text: string) =>
      isText ? textMembers(text).flat() : membersOf(text).flatMap(([name, value]) => [name, formatJsonb(value)]),
    )
    defineListed(`${prefix}_each_text`, [type], [key, ['value', oid.text]], (text: string) =>
      isText
        ? textMembers(text).flatMap(([name, value]) => [name, unquoteJson(value)])
        : membersOf(text).flatMap(([name, value]) => [name, jsonText(value)]),
    )
    defineListed(`${prefix}_object_keys`, [type], [[`${prefix}_object_keys`, oid.text]], (text: string) =>
      isText ? textMembers(text).map(([name]) => name) : membersOf(text).map(([name]) => name),
    )
  }
}

defineSeries()
defineJson()
define('unnest', [oid.anyarray], [['unnest', oid.anyelement]], elementRows)
defineElements('regexp_split_to_table', 'regexp_split_to_array')
defineElements('string_to_table', 'string_to_array')
for (const takes of [
  [oid.text, oid.text],
  [oid.text, oid.text, oid.text],
])
  defineListed('regexp_matches', takes, [['regexp_matches', oid.textArray]], matches, regexCost)

function* elementRows(list: readonly SqlValue[]): Generator<readonly SqlValue[]> {
  for (const one of flatElements(list)) yield [one]
}

/** The elements of what another function of a text and its separator answers, as rows. */
function defineElements(name: string, array: string): void {
  const columns = [{ name, type: oid.text }]
  const rows = (_run: SqlRun, [list]: readonly SqlValue[]): Rows =>
    list === null ? [] : elementRows(list as readonly SqlValue[])
  defineSetFunction({ name, takes: [oid.text, oid.text], variadic: false, columns, rows, ofArray: array })
}

function matches(text: string, pattern: string, flags = ''): SqlValue[] {
  const found: SqlValue[] = []
  const matcher = compileRegex(pattern, flags).matcher(text)
  while (matcher.find()) {
    const count = matcher.groupCount()
    found.push(count === 0 ? [matcher.group()] : Array.from({ length: count }, (_, i) => matcher.group(i + 1)))
    if (!flags.includes('g')) break
  }
  return found
}
