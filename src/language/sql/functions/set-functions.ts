/** Functions that return rows: in FROM, and in a SELECT list. */
import { Decimal } from '../../../base/decimal.ts'
import { flatElements } from '../../../model/table/types/array.ts'
import { formatJsonb, type JsonNode, parseJson, sortedMembers } from '../../../model/table/types/json.ts'
import type { Interval, SqlValue } from '../contract.ts'
import { failure } from '../failure.ts'
import { oid } from '../types/oids.ts'
import type { SqlRun } from '../plan/run.ts'
import { addInterval } from './date-functions.ts'
import { jsonText } from './json-functions.ts'
import { partsOfJson, unquoteJson } from './json-text.ts'
import { compileRegex } from './pattern.ts'
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

function* countDecimals(from: Decimal, to: Decimal, step: Decimal = Decimal.of(1n)): Generator<readonly SqlValue[]> {
  if (step.compare(Decimal.zero) === 0) throw zeroStep()
  const up = step.compare(Decimal.zero) > 0
  for (let value = from; up ? value.compare(to) <= 0 : value.compare(to) >= 0; value = value.add(step)) yield [value]
}

function* countTimes(from: bigint, to: bigint, step: Interval): Generator<readonly SqlValue[]> {
  const next = addInterval(from, step)
  if (next === from) throw zeroStep()
  const up = next > from
  for (let value = from; up ? value <= to : value >= to; value = addInterval(value, step)) yield [value]
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
  define('generate_series', [timestamp, timestamp, interval], one(timestamp), countTimes)
  define('generate_series', [timestamptz, timestamptz, interval], one(timestamptz), countTimes)
  define(
    'generate_subscripts',
    [oid.anyarray, int4],
    [['generate_subscripts', int4]],
    (list: readonly SqlValue[], dimension: number) => (dimension === 1 ? list.map((_, i) => [i + 1]) : []),
  )
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

function defineJson(): void {
  for (const [prefix, type] of [
    ['json', oid.json],
    ['jsonb', oid.jsonb],
  ] as const) {
    define(`${prefix}_array_elements`, [type], [['value', type]], (text: string) =>
      type === oid.json ? textElements(text) : elementsOf(text).map((one) => [formatJsonb(one)]),
    )
    define(`${prefix}_array_elements_text`, [type], [['value', oid.text]], (text: string) =>
      type === oid.json
        ? textElements(text).map(([one]) => [unquoteJson(one)])
        : elementsOf(text).map((one) => [jsonText(one)]),
    )
    define(
      `${prefix}_each`,
      [type],
      [
        ['key', oid.text],
        ['value', type],
      ],
      (text: string) =>
        type === oid.json ? textMembers(text) : membersOf(text).map(([key, value]) => [key, formatJsonb(value)]),
    )
    define(
      `${prefix}_each_text`,
      [type],
      [
        ['key', oid.text],
        ['value', oid.text],
      ],
      (text: string) =>
        type === oid.json
          ? textMembers(text).map(([key, value]) => [key, unquoteJson(value)])
          : membersOf(text).map(([key, value]) => [key, jsonText(value)]),
    )
    define(`${prefix}_object_keys`, [type], [[`${prefix}_object_keys`, oid.text]], (text: string) =>
      type === oid.json ? textMembers(text).map(([key]) => [key]) : membersOf(text).map(([key]) => [key]),
    )
  }
}

// Nothing is partitioned, and PostgreSQL answers no rows for what is not.
define('pg_partition_ancestors', [oid.regclass], [['relid', oid.regclass]], () => [])
defineSeries()
defineJson()
define('unnest', [oid.anyarray], [['unnest', oid.anyelement]], elementRows)
defineElements('regexp_split_to_table', 'regexp_split_to_array')
defineElements('string_to_table', 'string_to_array')
define('regexp_matches', [oid.text, oid.text], [['regexp_matches', oid.textArray]], (text: string, pattern: string) =>
  matches(text, pattern, ''),
)
define('regexp_matches', [oid.text, oid.text, oid.text], [['regexp_matches', oid.textArray]], matches)

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

function* matches(text: string, pattern: string, flags: string): Generator<readonly SqlValue[]> {
  const matcher = compileRegex(pattern, flags).matcher(text)
  while (matcher.find()) {
    const count = matcher.groupCount()
    yield [count === 0 ? [matcher.group()] : Array.from({ length: count }, (_, i) => matcher.group(i + 1))]
    if (!flags.includes('g')) return
  }
}
