/** `= <> < <= > >=` for every type that has an order, in the order that its indexes have. */
import { sameText } from '../../../model/table/types/text.ts'
import { allTypes, getType } from '../../../model/table/types/registry.ts'
import type { SqlValue } from '../contract.ts'
import { oid } from '../types/oids.ts'
import { defineOperator } from './registry.ts'

type Compare = (a: never, b: never) => number

/** Compared by JavaScript's own operators: the order is the same and no call is needed. */
const direct: readonly number[] = [
  oid.bool,
  oid.int2,
  oid.int4,
  oid.int8,
  oid.oid,
  oid.date,
  oid.time,
  oid.timestamp,
  oid.timestamptz,
]

for (const type of direct) {
  const pair = [type, type]
  defineOperator('=', pair, oid.bool, (a: number, b: number) => a === b)
  defineOperator('<>', pair, oid.bool, (a: number, b: number) => a !== b)
  defineOperator('<', pair, oid.bool, (a: number, b: number) => a < b)
  defineOperator('<=', pair, oid.bool, (a: number, b: number) => a <= b)
  defineOperator('>', pair, oid.bool, (a: number, b: number) => a > b)
  defineOperator('>=', pair, oid.bool, (a: number, b: number) => a >= b)
}

function defineOrder(pair: readonly number[], compare: Compare, isEqual?: (a: never, b: never) => boolean): void {
  const order = compare as (a: SqlValue, b: SqlValue) => number
  const options = ownCost.has(pair[0]!) ? ({ cost: 'own' } as const) : {}
  const equal = (isEqual ?? ((a: SqlValue, b: SqlValue) => order(a, b) === 0)) as (a: SqlValue, b: SqlValue) => boolean
  defineOperator('=', pair, oid.bool, (a: SqlValue, b: SqlValue) => equal(a, b), options)
  defineOperator('<>', pair, oid.bool, (a: SqlValue, b: SqlValue) => !equal(a, b), options)
  defineOperator('<', pair, oid.bool, (a: SqlValue, b: SqlValue) => order(a, b) < 0, options)
  defineOperator('<=', pair, oid.bool, (a: SqlValue, b: SqlValue) => order(a, b) <= 0, options)
  defineOperator('>', pair, oid.bool, (a: SqlValue, b: SqlValue) => order(a, b) > 0, options)
  defineOperator('>=', pair, oid.bool, (a: SqlValue, b: SqlValue) => order(a, b) >= 0, options)
}

const same = sameText as (a: SqlValue, b: SqlValue) => boolean
const textual: ReadonlySet<number> = new Set<number>([oid.text, oid.name, oid.char, oid.uuid])
/** Their comparisons charge while they work, and a page of text takes a microsecond. */
const ownCost: ReadonlySet<number> = new Set<number>([oid.text, oid.bpchar, oid.name, oid.char, oid.uuid])
/** varchar has no operators of its own: its values are text's. Object numbers are compared as oid. */
const borrowed: ReadonlySet<number> = new Set<number>([oid.varchar, oid.int2vector, oid.unknown])

for (const entry of allTypes) {
  if (!entry.isOrdered || entry.element !== undefined || direct.includes(entry.oid) || borrowed.has(entry.oid)) continue
  if (['regclass', 'regtype', 'regproc', 'regnamespace', 'regrole'].includes(entry.name)) continue
  if (entry.category === 'P') continue
  defineOrder([entry.oid, entry.oid], (a, b) => entry.compare(a, b), textual.has(entry.oid) ? same : undefined)
}

for (const pair of [
  [oid.float4, oid.float8],
  [oid.float8, oid.float4],
])
  defineOrder(pair, (a, b) => getType(oid.float8).compare(a, b))

/** How two values of a type are ordered: for ORDER BY, min and max. Nulls are the caller's. */
export function comparatorOf(type: number): (a: SqlValue, b: SqlValue) => number {
  if (direct.includes(type)) return (a, b) => (a! < b! ? -1 : a! > b! ? 1 : 0)
  const entry = getType(type)
  return (a, b) => entry.compare(a, b)
}

/** The operator of that name, by an order. */
export function comparisonOf(
  name: string,
  compare: (a: SqlValue, b: SqlValue) => number,
): (a: SqlValue, b: SqlValue) => boolean {
  switch (name) {
    case '=':
      return (a, b) => compare(a, b) === 0
    case '<>':
      return (a, b) => compare(a, b) !== 0
    case '<':
      return (a, b) => compare(a, b) < 0
    case '<=':
      return (a, b) => compare(a, b) <= 0
    case '>':
      return (a, b) => compare(a, b) > 0
    default:
      return (a, b) => compare(a, b) >= 0
  }
}
