/**
 * JavaScript's Date and SQL's types of time. A Date is an instant in whole milliseconds; all of SQL's times are UTC here,
 * so `timestamp` is the clock of UTC and `date` its midnight. What a Date cannot hold exactly is PostgreSQL's text.
 *
 * Nothing here reads the clock.
 */
import { types } from 'node:util'
import { checkDate, checkTimestamp, isTimestamp } from '../model/table/types/date-time.ts'

const msPerDay = 86_400_000
/** The ends of JavaScript's Date. */
const lastMs = 8_640_000_000_000_000n

/** Undefined for what is no valid Date. */
export function millisecondsOf(value: unknown): number | undefined {
  if (!types.isDate(value)) return undefined
  const ms = value.getTime()
  return Number.isInteger(ms) ? ms : undefined
}

/** Microseconds since 1970. Errors: `out_of_range`. */
export function timestampOf(ms: number): bigint {
  return checkTimestamp(BigInt(ms) * 1000n)
}

/** Days since 1970; undefined where it is not midnight. Errors: `out_of_range`. */
export function dateOf(ms: number): number | undefined {
  return ms % msPerDay === 0 ? checkDate(ms / msPerDay) : undefined
}

/** Undefined for ±infinity, and for what has microseconds or is beyond a Date's years. */
export function timestampToDate(us: bigint): Date | undefined {
  if (!isTimestamp(us) || us % 1000n !== 0n) return undefined
  const ms = us / 1000n
  return ms > lastMs || ms < -lastMs ? undefined : new Date(Number(ms))
}

/** Undefined for ±infinity, and for what is beyond a Date's years. */
export function daysToDate(days: number): Date | undefined {
  const ms = days * msPerDay
  return Math.abs(ms) > Number(lastMs) ? undefined : new Date(ms)
}
