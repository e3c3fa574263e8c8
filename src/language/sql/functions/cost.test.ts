/**
 * Every function, operator and cast there is, given its largest arguments: each must be dear or charged for, by what goes
 * in. One that is added without a charge fails here.
 */
import { expect, it } from 'vitest'
import { Decimal } from '../../../base/decimal.ts'
import { beginTurn, dearUnits, unitsDone } from '../../../base/work.ts'
import { allTypes, findType, getType } from '../../../model/table/types/registry.ts'
import type { SqlValue } from '../contract.ts'
import { findCast } from '../types/casts.ts'
import { oid } from '../types/oids.ts'
import { costOfTypes, isWideType } from './cost.ts'
/* oxlint-disable-next-line import/no-unassigned-import -- registers the functions */
import './library.ts'
import { specialFunctions } from '../bind/special-functions.ts'
import type { Binder } from '../bind/binder.ts'
import type { Expression } from '../expression/expression.ts'
import { isDearInput } from '../remote/input-cost.ts'
import { allAggregates, allEntries, allSetFunctions, entryOfTypes, type FunctionEntry } from './registry.ts'

/** They look at no more than a part of bounded size, or charge while they work: each with its reason. */
const free: ReadonlyMap<string, string> = new Map([
  ['ascii(text)', 'one character'],
  ['length(bytea)', 'a field'],
  ['octet_length(bytea)', 'a field'],
  ['bit_length(bytea)', 'a field'],
  ...['length', 'bit_length', 'octet_length'].map((name) => [`${name}(bit)`, 'a field'] as const),
  ...['=', '<>', '<', '<=', '>', '>='].flatMap((symbol) =>
    ['text', 'character'].map((type) => [`${symbol}(${type},${type})`, 'compares by pieces and charges'] as const),
  ),
])

const size = 4_000_000
const large: readonly [number, () => SqlValue][] = [
  [oid.bytea, (): SqlValue => new Uint8Array(size)],
  [oid.numeric, (): SqlValue => Decimal.of(10n ** 120_000n)],
]
const values = new Map<number, SqlValue>()

/** The largest of its kind, as far as it matters to whether a call is dear. */
function largest(type: number): SqlValue {
  let value = values.get(type)
  if (value !== undefined) return value
  const made = large.find(([one]) => one === type)
  if (made !== undefined) value = made[1]()
  else if (type === oid.anyarray || findType(type)?.element !== undefined)
    value = Array.from({ length: 500_000 }, () => 1)
  else if (isWideType(type)) value = 'x'.repeat(size)
  else value = getType(type).category === 'B' ? true : 1
  values.set(type, value)
  return value
}

function signatureOf({ name, takes }: Pick<FunctionEntry, 'name' | 'takes'>): string {
  return `${name}(${takes.map((type) => findType(type)?.title ?? type).join(',')})`
}

it('every function and operator is dear where its arguments are large', () => {
  const uncharged: string[] = []
  const needless = new Set(free.keys())
  for (const entry of allEntries()) {
    if (entry.needsRun || !entry.takes.some(isWideType)) continue
    const signature = signatureOf(entry)
    const cost = entry.cost as ((...given: readonly SqlValue[]) => number) | undefined
    const isDear = cost !== undefined && cost(...entry.takes.map(largest)) >= dearUnits
    if (isDear) continue
    if (!needless.delete(signature) && !free.has(signature)) uncharged.push(signature)
  }
  expect(uncharged).toEqual([])
  expect([...needless]).toEqual([])
})

/** Of a varying length, and yet cheap: each with its reason. */
const shortTypes: ReadonlyMap<string, string> = new Map([
  ['inet', 'an address'],
  ['cidr', 'likewise'],
  ['pg_node_tree', 'made by the server, of expressions; nothing is computed of it'],
  ['aclitem', 'three names'],
  ['refcursor', 'compared by pieces, which charge; nothing else takes one'],
])

it('every type whose values may be long is known to be wide', () => {
  const unknown: string[] = []
  for (const { oid: type, title, lengthBytes, category } of allTypes) {
    if (lengthBytes !== -1 || category === 'P' || isWideType(type) || shortTypes.has(title)) continue
    unknown.push(title)
  }
  expect(unknown).toEqual([])
})

it('every cast of what may be large is dear', () => {
  const uncharged: string[] = []
  for (const from of allTypes) {
    if (!isWideType(from.oid) || from.category === 'P') continue
    for (const to of allTypes) {
      if (findCast(from.oid, to.oid, 'explicit')?.convert === undefined) continue
      const cost = costOfTypes([from.oid, to.oid]) as ((value: SqlValue) => number) | undefined
      if (cost === undefined || cost(largest(from.oid)) < dearUnits) uncharged.push(`${from.title} to ${to.title}`)
    }
  }
  expect(uncharged).toEqual([])
})

it('what small arguments ask for is charged', () => {
  const cost = (name: string, ...given: readonly SqlValue[]): number => {
    const entries = [...allEntries()].filter((one) => one.name === name && one.takes.length === given.length)
    return Math.max(
      ...entries.map((one) => (one.cost as ((...all: readonly SqlValue[]) => number) | undefined)?.(...given) ?? 0),
    )
  }
  expect(cost('repeat', 'x', 16_000_000)).toBeGreaterThan(dearUnits)
  expect(cost('lpad', 'x', 16_000_000)).toBeGreaterThan(dearUnits)
  expect(cost('exp', Decimal.of(5999n))).toBeGreaterThan(dearUnits)
  expect(cost('~', 'aaaa', '((a{1,30}){1,30}){1,30}')).toBeGreaterThan(dearUnits)
  expect(cost('~~', 'a'.repeat(10_000), '%a'.repeat(1000))).toBeGreaterThan(dearUnits)
  expect(cost('lower', 'Anna')).toBeLessThan(1000)
  expect(cost('+', Decimal.of(12n), Decimal.of(30n, 2))).toBeLessThan(1000)
})

type AnyCost = ((...given: readonly SqlValue[]) => number) | undefined

function isDear(cost: unknown, ...given: readonly SqlValue[]): boolean {
  return ((cost as AnyCost)?.(...given) ?? 0) >= dearUnits
}

/** Aggregates look at a value's bytes in no row and at no end, or in calls that have a cost: each with its reason. */
const freeAggregates: ReadonlyMap<string, string> = new Map([
  ['count(any)', 'does not look at it'],
  ['sum(numeric)', 'one addition of digits a row, which is native and linear'],
  ['avg(numeric)', 'likewise, and one quotient by a small number'],
  ['array_agg(anyelement)', 'keeps it'],
  ...['and', 'or', 'xor'].map((word) => [`bit_${word}(bit)`, 'charges for each digit, four in a word'] as const),
  ['range_intersect_agg(anyrange)', 'compares bounds, which charge'],
  ['range_intersect_agg(anymultirange)', 'charges for each range'],
  ['string_agg(text,text)', 'joins as it comes: a native copy'],
  ['string_agg(bytea,bytea)', 'likewise'],
  ...['min', 'max'].flatMap((name) =>
    ['anyelement', 'text', 'character'].map((type) => [`${name}(${type})`, 'comparisons charge'] as const),
  ),
])

it('every aggregate of what may be large goes through calls that are dear, or is listed', () => {
  const uncharged: string[] = []
  const needless = new Set(freeAggregates.keys())
  for (const { name, takes, through, finishing } of allAggregates()) {
    if (!takes.some(isWideType)) continue
    const list =
      finishing === undefined
        ? []
        : [Array.from({ length: 200_000 }, () => (finishing.of === oid.textArray ? 'x' : largest(oid.numeric)))]
    const isFinishDear = finishing !== undefined && isDear(finishing.cost, list[0]!)
    const isThrough = through?.some((by) => by !== undefined && specialFunctions.has(by)) === true
    if (isFinishDear || isThrough) continue
    const signature = signatureOf({ name, takes })
    if (!needless.delete(signature) && !freeAggregates.has(signature)) uncharged.push(signature)
  }
  expect(uncharged).toEqual([])
  expect([...needless]).toEqual([])
})

/** They hand out rows one by one, of which each is little work. */
const freeSetFunctions: ReadonlySet<string> = new Set([
  'unnest(anyarray)',
  'generate_subscripts(anyarray,integer)',
  'unnest(anymultirange)',
  'aclexplode(aclitem[])',
  'pg_options_to_table(text[])',
  'pg_get_publication_tables(text)',
  'generate_subscripts(anyarray,integer,boolean)',
  'generate_series(numeric,numeric)',
  'generate_series(numeric,numeric,numeric)',
])

it('every function that returns rows makes them of a call that is dear, or hands them out one by one', () => {
  const uncharged: string[] = []
  for (const { name, takes, ofArray, list, cost, slowRows } of allSetFunctions()) {
    // In turns, whatever it is given.
    if (slowRows !== undefined) continue
    if (!takes.some(isWideType) || freeSetFunctions.has(signatureOf({ name, takes }))) continue
    const own =
      ofArray === undefined ? list && (cost ?? costOfTypes(takes)) : entryOfTypes('function', ofArray, takes).cost
    if (!isDear(own, ...takes.map(largest))) uncharged.push(signatureOf({ name, takes }))
  }
  expect(uncharged).toEqual([])
})

/** Look at no value, or at nothing in it. */
const freeSpecials: ReadonlySet<string> = new Set([
  'enum_first',
  'enum_last',
  'enum_range',
  'pg_typeof',
  'num_nulls',
  'num_nonnulls',
  // Of a row alone: it is to_json's.
  'row_to_json',
  // Of a row and a text, whose length they charge before they read it (`populated-rows.ts`).
  'json_populate_record',
  'jsonb_populate_record',
  'json_populate_recordset',
  'jsonb_populate_recordset',
])
const specialArguments: readonly (readonly number[])[] = [
  [oid.textArray, oid.text],
  [oid.textArray, oid.text, oid.text],
  [oid.text, oid.text],
  [oid.text],
]

it('every function that is bound by its types alone is dear where its arguments are large', () => {
  const uncharged: string[] = []
  for (const [name, bind] of specialFunctions) {
    if (freeSpecials.has(name)) continue
    const bound = specialArguments.flatMap((types) => {
      const columns = types.map((type, index): Expression => ({ kind: 'column', type, modifier: -1, index, name: '' }))
      try {
        const call = bind({} as Binder, columns, undefined)
        return call.kind === 'call' ? [isDear(call.cost, ...types.map(largest)) && call.remote !== undefined] : []
      } catch {
        return []
      }
    })
    if (bound.length === 0 || bound.includes(false)) uncharged.push(name)
  }
  expect(uncharged).toEqual([])
})

/** In binary form it is copied as it is. */
const freeInputs: ReadonlySet<string> = new Set(['bytea binary'])

it('every type reads a large value of a client elsewhere', () => {
  const uncharged: string[] = []
  const given = Buffer.from(`é${'x'.repeat(1_000_000)}`)
  for (const { oid: type, title, category } of allTypes) {
    if (category === 'P') continue
    for (const isBinary of [false, true]) {
      const what = `${title} ${isBinary ? 'binary' : 'text'}`
      if (!isDearInput(type, given, isBinary) && !freeInputs.has(what)) uncharged.push(what)
    }
  }
  expect(uncharged).toEqual([])
})

it('what says that it charges while it works does so, by what it is given', () => {
  const text = 'x'.repeat(size)
  for (const symbol of ['=', '<>', '<', '<=', '>', '>=']) {
    const { implementation } = entryOfTypes('operator', symbol, [oid.text, oid.text])
    beginTurn()
    ;(implementation as (a: SqlValue, b: SqlValue) => SqlValue)(`${text}a`, `${text}b`)
    expect(unitsDone(), symbol).toBeGreaterThan(size / 8)
  }
})
