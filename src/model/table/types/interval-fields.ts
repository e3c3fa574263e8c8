/**
 * Fields of an interval's type, as in `interval day to minute`: which one a number without a unit is of, and what is cut off.
 * They stand in the high half of the type's modifier as a mask, all bits set where none are named; the low half is the
 * precision, 0xffff where there is none.
 */
import { sqlError } from './type.ts'
import type { Interval } from './value.ts'

const [month, year, day, hour, minute, second] = [1 << 1, 1 << 2, 1 << 3, 1 << 10, 1 << 11, 1 << 12]
export const allFields = 0x7fff
const noPrecision = 0xffff
const mostPrecision = 6

export interface IntervalFields {
  readonly text: string
  /** A number without a unit is of it. */
  readonly last: 'year' | 'month' | 'day' | 'hour' | 'minute' | 'second'
  /** `a:b` is minutes and seconds. */
  readonly isShort?: true
}

const known: ReadonlyMap<number, IntervalFields> = new Map([
  [year, { text: 'year', last: 'year' }],
  [month, { text: 'month', last: 'month' }],
  [year | month, { text: 'year to month', last: 'month' }],
  [day, { text: 'day', last: 'day' }],
  [hour, { text: 'hour', last: 'hour' }],
  [day | hour, { text: 'day to hour', last: 'hour' }],
  [minute, { text: 'minute', last: 'minute' }],
  [hour | minute, { text: 'hour to minute', last: 'minute' }],
  [day | hour | minute, { text: 'day to minute', last: 'minute' }],
  [second, { text: 'second', last: 'second' }],
  [minute | second, { text: 'minute to second', last: 'second', isShort: true }],
  [hour | minute | second, { text: 'hour to second', last: 'second' }],
  [day | hour | minute | second, { text: 'day to second', last: 'second' }],
])

/** Undefined where a modifier names none. */
export function fieldsOf(modifier: number): IntervalFields | undefined {
  return modifier < 0 ? undefined : known.get(modifier >>> 16)
}

/** -1: none. */
export function precisionOf(modifier: number): number {
  return modifier < 0 || (modifier & 0xffff) === noPrecision ? -1 : modifier & 0xffff
}

export function intervalModifier(mask: number, precision: number | undefined): number {
  if (mask !== allFields && !known.has(mask)) {
    throw sqlError('invalid_argument', '22023', 'invalid INTERVAL type modifier')
  }
  if (precision === undefined) return mask === allFields ? -1 : (mask << 16) | noPrecision
  if (precision < 0) {
    throw sqlError('invalid_argument', '22023', `INTERVAL(${precision}) precision must not be negative`)
  }
  return (mask << 16) | Math.min(precision, mostPrecision)
}

export function formatIntervalModifier(modifier: number): string {
  const fields = fieldsOf(modifier)
  const precision = precisionOf(modifier)
  return `${fields === undefined ? '' : ` ${fields.text}`}${precision < 0 ? '' : `(${precision})`}`
}

const usPerHour = 3_600_000_000n
const usPerMinute = 60_000_000n

/** Without what is smaller than the last field. */
export function cutToFields(value: Interval, modifier: number): Interval {
  const { months, days, us } = value
  switch (fieldsOf(modifier)?.last) {
    case 'year':
      return { months: months - (months % 12), days: 0, us: 0n }
    case 'month':
      return { months, days: 0, us: 0n }
    case 'day':
      return { months, days, us: 0n }
    case 'hour':
      return { months, days, us: us - (us % usPerHour) }
    case 'minute':
      return { months, days, us: us - (us % usPerMinute) }
    default:
      return value
  }
}
