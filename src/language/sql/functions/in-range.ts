/**
 * RANGE with an offset: whether a value lies on the right side of `base` ± offset, for each type of column that PostgreSQL
 * has a function `in_range` for, by the types of offsets.
 */
import { Decimal } from '../../../base/decimal.ts'
import { getType } from '../../../model/table/types/registry.ts'
import type { InRange } from '../bind/windows/window.ts'
import type { Interval } from '../contract.ts'
import { failure } from '../failure.ts'
import { oid } from '../types/oids.ts'
import { addInterval, addToInstant, sumIntervals } from './date-functions.ts'

export interface RangeOffset {
  readonly type: number
  readonly test: InRange
}

const entries = new Map<number, RangeOffset[]>()

function define(type: number, offset: number, test: InRange): void {
  const known = entries.get(type) ?? []
  entries.set(type, [...known, { type: offset, test: test }])
}

/** What offsets a column of the type takes; none where there is no such function. */
export function rangeOffsetsOf(type: number): readonly RangeOffset[] {
  return entries.get(type === oid.varchar ? oid.text : type) ?? []
}

function invalid(): Error {
  return failure('22013', 'invalid preceding or following size in window function')
}

/** `value` is not above, or not below, the end of the range. */
function onSide(order: number, isUpper: boolean): boolean {
  return isUpper ? order <= 0 : order >= 0
}

function order<T extends number | bigint>(a: T, b: T): number {
  return a < b ? -1 : a > b ? 1 : 0
}

for (const type of [oid.int2, oid.int4]) {
  for (const offset of [oid.int2, oid.int4, oid.int8]) {
    define(
      type,
      offset,
      (value: number, base: number, given: number | bigint, subtracts: boolean, isUpper: boolean) => {
        const by = Number(given)
        if (by < 0) throw invalid()
        return onSide(order(value, subtracts ? base - by : base + by), isUpper)
      },
    )
  }
}
define(oid.int8, oid.int8, (value: bigint, base: bigint, by: bigint, subtracts: boolean, isUpper: boolean) => {
  if (by < 0n) throw invalid()
  return onSide(order(value, subtracts ? base - by : base + by), isUpper)
})

for (const type of [oid.float4, oid.float8]) {
  define(type, oid.float8, (value: number, base: number, by: number, subtracts: boolean, isUpper: boolean) => {
    if (Number.isNaN(by) || by < 0) throw invalid()
    // NaN is above all numbers, and equals itself.
    if (Number.isNaN(value)) return Number.isNaN(base) || !isUpper
    if (Number.isNaN(base)) return isUpper
    // An endless way from the end that it leads away from ends nowhere: all is within.
    if (!Number.isFinite(by) && !Number.isFinite(base) && (subtracts ? base > 0 : base < 0)) return true
    return onSide(order(value, subtracts ? base - by : base + by), isUpper)
  })
}

define(oid.numeric, oid.numeric, (value: Decimal, base: Decimal, by: Decimal, subtracts: boolean, isUpper: boolean) => {
  if (by.kind === 'nan' || by.compare(Decimal.zero) < 0) throw invalid()
  if (value.kind === 'nan') return base.kind === 'nan' || !isUpper
  if (base.kind === 'nan') return isUpper
  if (by.kind === 'infinity' && base.kind === (subtracts ? 'infinity' : '-infinity')) return true
  return onSide(value.compare(subtracts ? base.subtract(by) : base.add(by)), isUpper)
})

const intervals = getType(oid.interval)
const noTime: Interval = { months: 0, days: 0, us: 0n }

function checkSpan(by: Interval): void {
  if (intervals.compare(by, noTime) < 0) throw invalid()
}

function signedSpan({ months, days, us }: Interval, subtracts: boolean): Interval {
  return subtracts ? { months: -months, days: -days, us: -us } : { months, days, us }
}

for (const [type, add] of [
  [oid.timestamp, addInterval],
  [oid.timestamptz, addToInstant],
] as const) {
  define(type, oid.interval, (value: bigint, base: bigint, by: Interval, subtracts: boolean, isUpper: boolean) => {
    checkSpan(by)
    return onSide(order(value, add(base, signedSpan(by, subtracts))), isUpper)
  })
}

const usPerDay = 86_400_000_000n
const lastDay = 0x7fff_ffff
const firstDay = -0x8000_0000

/** As a timestamp at midnight; the ends of time stay what they are. */
function midnight(days: number): bigint {
  if (days === lastDay) return 2n ** 63n - 1n
  return days === firstDay ? -(2n ** 63n) : BigInt(days) * usPerDay
}

define(oid.date, oid.interval, (value: number, base: number, by: Interval, subtracts: boolean, isUpper: boolean) => {
  checkSpan(by)
  return onSide(order(midnight(value), addInterval(midnight(base), signedSpan(by, subtracts))), isUpper)
})

// Of a time of day only the hours count.
define(
  oid.time,
  oid.interval,
  (value: bigint, base: bigint, { us }: Interval, subtracts: boolean, isUpper: boolean) => {
    if (us < 0n) throw invalid()
    return onSide(order(value, subtracts ? base - us : base + us), isUpper)
  },
)

define(
  oid.interval,
  oid.interval,
  (value: Interval, base: Interval, by: Interval, subtracts: boolean, isUpper: boolean) => {
    checkSpan(by)
    const end = sumIntervals(base, signedSpan(by, subtracts))
    return onSide(intervals.compare(value, end), isUpper)
  },
)
