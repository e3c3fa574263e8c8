/**
 * Rows' ranks by the first columns that they are sorted by: see `query/ranked-rows.ts`. An integer of 21 bits leaves room for
 * the 32 highest bits of what follows it.
 */
import type { Decimal } from '../../../base/decimal.ts'
import type { OrderKey } from '../bind/query.ts'
import type { SqlValue } from '../contract.ts'
import { oid } from '../types/oids.ts'
import type { SqlRow } from './run.ts'

type RankOf = (row: SqlRow) => number

/** Undefined where the first column's type has no such numbers. */
export function rankOfRow([first, second]: readonly OrderKey[], types: readonly number[]): RankOf | undefined {
  const rankOf = rankOfKey(first!, types)
  const next = second === undefined ? undefined : rankOfKey(second, types)
  if (rankOf === undefined || next === undefined || !narrow.has(types[first!.target]!)) return rankOf
  // Where the sum is rounded it still never falls along the order.
  return (row) => rankOf(row) * rooms + highBits(next(row))
}

const narrow: ReadonlySet<number> = new Set<number>([oid.bool, oid.int2, oid.int4, oid.date])
const rooms = 2 ** 32

const float = new Float32Array(1)
const bits = new Uint32Array(float.buffer)

/** A number of 32 bits that grows with the given one. */
function highBits(value: number): number {
  // −0 is 0.
  float[0] = value + 0
  const own = bits[0]!
  return own >= 0x8000_0000 ? 0xffff_ffff - own : own + 0x8000_0000
}

function rankOfKey({ target, descending, nullsFirst }: OrderKey, types: readonly number[]): RankOf | undefined {
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
