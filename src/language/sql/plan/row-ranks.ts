/** Rows' ranks by the first column that they are sorted by: see `query/ranked-rows.ts`. */
import type { Decimal } from '../../../base/decimal.ts'
import type { OrderKey } from '../bind/query.ts'
import type { SqlValue } from '../contract.ts'
import { oid } from '../types/oids.ts'
import type { SqlRow } from './run.ts'

/** Undefined where the column's type has no such numbers. */
export function rankOfRow(
  { target, descending, nullsFirst }: OrderKey,
  types: readonly number[],
): ((row: SqlRow) => number) | undefined {
  const rankOf = ranks.get(types[target]!)
  if (rankOf === undefined) return undefined
  const ofNull = nullsFirst ? -Infinity : Infinity
  if (descending) return (row) => (row[target] === null ? ofNull : -rankOf(row[target]!))
  return (row) => (row[target] === null ? ofNull : rankOf(row[target]!))
}

const ofNumber = (value: SqlValue): number => Number(value)
/** NaN is above all numbers. */
const ofFloat = (value: SqlValue): number => (Number.isNaN(value) ? Infinity : (value as number))

function ofDecimal(value: SqlValue): number {
  const number = (value as Decimal).toNumber()
  return Number.isNaN(number) ? Infinity : number
}

/** By its first three characters, in the order of code points: surrogates stand for those behind all others. */
function ofText(value: SqlValue): number {
  const text = value as string
  return (unitRank(text, 0) * 0x10000 + unitRank(text, 1)) * 0x10000 + unitRank(text, 2)
}

function unitRank(text: string, at: number): number {
  if (at >= text.length) return 0
  const unit = text.charCodeAt(at)
  return unit < 0xd800 ? unit : unit < 0xe000 ? unit + 0x2000 : unit - 0x800
}

const ranks: ReadonlyMap<number, (value: SqlValue) => number> = new Map([
  ...[oid.bool, oid.int2, oid.int4, oid.int8, oid.oid, oid.date, oid.time, oid.timestamp, oid.timestamptz].map(
    (type) => [type, ofNumber] as const,
  ),
  [oid.float4, ofFloat],
  [oid.float8, ofFloat],
  [oid.numeric, ofDecimal],
  [oid.text, ofText],
  [oid.varchar, ofText],
])
