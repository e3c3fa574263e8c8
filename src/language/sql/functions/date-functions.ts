/**
 * Dates, times and intervals. All of it is arithmetic on days and microseconds in the proleptic Gregorian calendar; the
 * session's zone is UTC, and a zone given by name is refused, since zone data would have to be versioned with the data.
 */
import type { Decimal } from '../../../base/decimal.ts'
import {
  calendarFromDays,
  dateInfinity,
  dateMinusInfinity,
  daysFromCalendar,
  daysInMonth,
  timestampInfinity,
  timestampMinusInfinity,
  usPerDay,
} from '../../../model/table/types/calendar.ts'
import { checkDate, checkTimestamp, splitTimestamp } from '../../../model/table/types/date-time.ts'
import { checkInterval } from '../../../model/table/types/interval.ts'
import type { Interval, SqlValue } from '../contract.ts'
import { failure } from '../failure.ts'
import type { SqlRun } from '../plan/run.ts'
import { dateToTimestamp, roundHalfEven } from '../types/casts.ts'
import { oid } from '../types/oids.ts'
import { extractField, extractIntervalField, truncateInterval, truncateTimestamp } from './date-parts.ts'
import { defineFunction, defineOperator } from './registry.ts'
import { toChar } from './to-char.ts'

const { date, time, timestamp, timestamptz, interval, float8, numeric, text, int4, bool } = oid
const usPerSecond = 1_000_000

function isEndless(us: bigint): boolean {
  return us === timestampInfinity || us === timestampMinusInfinity
}

export function addInterval(us: bigint, { months, days, us: span }: Interval): bigint {
  if (isEndless(us)) return us
  let at = us
  if (months !== 0) {
    const { days: day, timeUs } = splitTimestamp(at)
    at = BigInt(addMonths(day, months)) * usPerDay + timeUs
  }
  return checkTimestamp(at + BigInt(days) * usPerDay + span)
}

/** The day of the month is cut to the last one that there is. */
function addMonths(days: number, months: number): number {
  const { year, month, day } = calendarFromDays(days)
  const total = year * 12 + (month - 1) + months
  const newYear = Math.floor(total / 12)
  const newMonth = total - newYear * 12 + 1
  return daysFromCalendar(newYear, newMonth, Math.min(day, daysInMonth(newYear, newMonth)))
}

function negate({ months, days, us }: Interval): Interval {
  return checkInterval({ months: -months, days: -days, us: -us })
}

function add(a: Interval, b: Interval): Interval {
  return checkInterval({ months: a.months + b.months, days: a.days + b.days, us: a.us + b.us })
}

/** Fractions of months become days of a 30-day month, fractions of days time, as PostgreSQL's interval_mul does. */
export function multiplyInterval(value: Interval, factor: number): Interval {
  const months = Math.trunc(value.months * factor)
  const dayRest = (value.months * factor - months) * 30
  const days = Math.trunc(value.days * factor)
  const restDays = Math.trunc(dayRest)
  const secondsRest = roundTo6((dayRest - restDays + (value.days * factor - days)) * 86_400)
  const carried = Math.trunc(secondsRest / 86_400)
  const us = roundHalfEven(Number(value.us) * factor + (secondsRest - carried * 86_400) * usPerSecond)
  if (!Number.isFinite(us)) throw failure('22008', 'interval out of range')
  return checkInterval({ months, days: days + restDays + carried, us: BigInt(us) })
}

function roundTo6(seconds: number): number {
  return Math.round(seconds * usPerSecond) / usPerSecond
}

/** A span of time as days and time: what subtracting timestamps gives. */
function span(us: bigint): Interval {
  const days = us / usPerDay
  return { months: 0, days: Number(days), us: us - days * usPerDay }
}

function subtractTimestamps(a: bigint, b: bigint): Interval {
  if (isEndless(a) || isEndless(b)) throw failure('22008', 'cannot subtract infinite timestamps')
  return span(a - b)
}

function defineDateArithmetic(): void {
  const plusDays = (days: number, count: number): number => {
    if (days === dateInfinity || days === dateMinusInfinity) return days
    return checkDate(days + count)
  }
  defineOperator('+', [date, int4], date, plusDays)
  defineOperator('+', [int4, date], date, (count: number, days: number) => plusDays(days, count))
  defineOperator('-', [date, int4], date, (days: number, count: number) => plusDays(days, -count))
  defineOperator('-', [date, date], int4, (a: number, b: number) => {
    if (Math.abs(a) >= dateInfinity || Math.abs(b) >= dateInfinity)
      throw failure('22008', 'cannot subtract infinite dates')
    return a - b
  })
  defineOperator('+', [date, interval], timestamp, (days: number, by: Interval) =>
    addInterval(dateToTimestamp(days), by),
  )
  defineOperator('+', [interval, date], timestamp, (by: Interval, days: number) =>
    addInterval(dateToTimestamp(days), by),
  )
  defineOperator('-', [date, interval], timestamp, (days: number, by: Interval) =>
    addInterval(dateToTimestamp(days), negate(by)),
  )
  const join = (days: number, us: bigint): bigint => dateToTimestamp(days) + us
  defineOperator('+', [date, time], timestamp, join)
  defineOperator('+', [time, date], timestamp, (us: bigint, days: number) => join(days, us))
}

function defineTimestampArithmetic(): void {
  for (const type of [timestamp, timestamptz]) {
    defineOperator('+', [type, interval], type, addInterval)
    defineOperator('+', [interval, type], type, (by: Interval, us: bigint) => addInterval(us, by))
    defineOperator('-', [type, interval], type, (us: bigint, by: Interval) => addInterval(us, negate(by)))
    defineOperator('-', [type, type], interval, subtractTimestamps)
    defineFunction('age', [type, type], interval, age)
    defineFunction(
      'age',
      [type],
      interval,
      (run: SqlRun, us: bigint) => {
        const now = run.transaction.startTimeUs
        return age(now - (((now % usPerDay) + usPerDay) % usPerDay), us)
      },
      { needsRun: true, volatility: 'stable' },
    )
  }
  const wrap = (us: bigint): bigint => ((us % usPerDay) + usPerDay) % usPerDay
  defineOperator('+', [time, interval], time, (us: bigint, by: Interval) => wrap(us + by.us))
  defineOperator('+', [interval, time], time, (by: Interval, us: bigint) => wrap(us + by.us))
  defineOperator('-', [time, interval], time, (us: bigint, by: Interval) => wrap(us - by.us))
  defineOperator('-', [time, time], interval, (a: bigint, b: bigint) => ({ months: 0, days: 0, us: a - b }))
}

function defineIntervalArithmetic(): void {
  defineOperator('+', [interval, interval], interval, add)
  defineOperator('-', [interval, interval], interval, (a: Interval, b: Interval) => add(a, negate(b)))
  defineOperator('-', [interval], interval, negate)
  defineOperator('*', [interval, float8], interval, multiplyInterval)
  defineOperator('*', [float8, interval], interval, (factor: number, value: Interval) =>
    multiplyInterval(value, factor),
  )
  defineOperator('/', [interval, float8], interval, (value: Interval, divisor: number) => {
    if (divisor === 0) throw failure('22012', 'division by zero')
    return multiplyInterval(value, 1 / divisor)
  })
  defineFunction('justify_days', [interval], interval, justifyDays)
  defineFunction('justify_hours', [interval], interval, justifyHours)
  defineFunction('justify_interval', [interval], interval, (value: Interval) => justifyDays(justifyHours(value)))
  defineFunction('make_interval', [int4, int4, int4, int4, int4, int4, float8], interval, makeInterval)
}

function makeInterval(
  years: number,
  months: number,
  weeks: number,
  days: number,
  hours: number,
  minutes: number,
  seconds: number,
): Interval {
  const us = BigInt(hours * 3600 + minutes * 60) * 1_000_000n + BigInt(Math.round(seconds * usPerSecond))
  return checkInterval({ months: years * 12 + months, days: weeks * 7 + days, us })
}

function justifyDays({ months, days, us }: Interval): Interval {
  const whole = Math.trunc(days / 30)
  let newMonths = months + whole
  let rest = days - whole * 30
  if (newMonths > 0 && rest < 0) {
    rest += 30
    newMonths--
  } else if (newMonths < 0 && rest > 0) {
    rest -= 30
    newMonths++
  }
  return { months: newMonths, days: rest, us }
}

function justifyHours({ months, days, us }: Interval): Interval {
  const whole = us / usPerDay
  let newDays = days + Number(whole)
  let rest = us - whole * usPerDay
  if (newDays > 0 && rest < 0n) {
    rest += usPerDay
    newDays--
  } else if (newDays < 0 && rest > 0n) {
    rest -= usPerDay
    newDays++
  }
  return { months, days: newDays, us: rest }
}

/** The difference in years, months, days and time, as a person counts it. */
function age(later: bigint, earlier: bigint): Interval {
  if (later < earlier) return negate(age(earlier, later))
  const a = splitTimestamp(later)
  const b = splitTimestamp(earlier)
  const from = calendarFromDays(b.days)
  const to = calendarFromDays(a.days)
  let months = (to.year - from.year) * 12 + to.month - from.month
  let days = to.day - from.day
  let us = a.timeUs - b.timeUs
  if (us < 0n) {
    us += usPerDay
    days--
  }
  if (days < 0) {
    days += daysInMonth(from.year, from.month)
    months--
  }
  return { months, days, us }
}

/** Offsets are given as `+02`, `-05:30` or `UTC`; a name needs zone data. */
export function zoneOffsetUs(zone: string): bigint {
  if (/^(utc|gmt|z|zulu|universal|etc\/(utc|gmt|zulu|universal))$/i.test(zone)) return 0n
  const found = /^([+-])(\d{1,2})(?::?(\d{2}))?(?::?(\d{2}))?$/.exec(zone)
  if (found === null) {
    throw failure('0A000', `time zone "${zone}" is not supported: only UTC and offsets such as +02 are`)
  }
  const seconds = Number(found[2]) * 3600 + Number(found[3] ?? 0) * 60 + Number(found[4] ?? 0)
  // The POSIX sign: a zone of +02 lies west of Greenwich.
  return BigInt(found[1] === '-' ? seconds : -seconds) * 1_000_000n
}

function defineZones(): void {
  defineFunction('timezone', [text, timestamptz], timestamp, (zone: string, us: bigint) =>
    checkTimestamp(us + zoneOffsetUs(zone)),
  )
  defineFunction('timezone', [text, timestamp], timestamptz, (zone: string, us: bigint) =>
    checkTimestamp(us - zoneOffsetUs(zone)),
  )
  defineFunction('timezone', [interval, timestamptz], timestamp, (zone: Interval, us: bigint) =>
    checkTimestamp(us + zone.us),
  )
  defineFunction('timezone', [interval, timestamp], timestamptz, (zone: Interval, us: bigint) =>
    checkTimestamp(us - zone.us),
  )
}

function defineClock(): void {
  const stable = { needsRun: true, volatility: 'stable' } as const
  const begin = (run: SqlRun): bigint => run.transaction.startTimeUs
  for (const name of ['now', 'transaction_timestamp']) defineFunction(name, [], timestamptz, begin, stable)
  defineFunction('statement_timestamp', [], timestamptz, (run: SqlRun) => run.transaction.statementTimeUs, stable)
  defineFunction('clock_timestamp', [], timestamptz, (run: SqlRun) => run.transaction.services.nowUs(), {
    needsRun: true,
    volatility: 'volatile',
  })
}

function defineParts(): void {
  for (const type of [timestamp, timestamptz]) {
    const zoned = type === timestamptz
    const part = (field: string, us: bigint): Decimal | null => extractField(field, us, zoned)
    defineFunction('extract', [text, type], numeric, part)
    defineFunction(
      'date_part',
      [text, type],
      float8,
      (field: string, us: bigint) => part(field, us)?.toNumber() ?? null,
    )
    defineFunction('date_trunc', [text, type], type, truncateTimestamp)
    defineFunction('to_char', [type, text], text, toChar)
    defineFunction('isfinite', [type], bool, (us: bigint) => !isEndless(us))
  }
  defineFunction('extract', [text, date], numeric, (field: string, days: number) =>
    extractField(field, dateToTimestamp(days), false, 'date'),
  )
  defineFunction(
    'date_part',
    [text, date],
    float8,
    (field: string, days: number) => extractField(field, dateToTimestamp(days), false, 'date')?.toNumber() ?? null,
  )
  const ofTime = (field: string, us: bigint): Decimal | null => extractField(field, us, false, 'time')
  defineFunction('extract', [text, time], numeric, ofTime)
  defineFunction(
    'date_part',
    [text, time],
    float8,
    (field: string, us: bigint) => ofTime(field, us)?.toNumber() ?? null,
  )
  defineFunction('extract', [text, interval], numeric, extractIntervalField)
  defineFunction('date_part', [text, interval], float8, (field: string, value: Interval) =>
    extractIntervalField(field, value).toNumber(),
  )
  defineFunction('date_trunc', [text, interval], interval, truncateInterval)
  defineFunction('isfinite', [date], bool, (days: number) => days !== dateInfinity && days !== dateMinusInfinity)
  defineFunction('isfinite', [interval], bool, () => true)
}

function defineMakers(): void {
  defineFunction('make_date', [int4, int4, int4], date, (year: number, month: number, day: number) => {
    if (month < 1 || month > 12 || year === 0 || day < 1 || day > daysInMonth(year, month)) {
      throw failure('22008', `date field value out of range: ${year}-${pad2(month)}-${pad2(day)}`)
    }
    return daysFromCalendar(year < 0 ? year + 1 : year, month, day)
  })
  defineFunction('make_time', [int4, int4, float8], time, makeTime)
  defineFunction('make_timestamp', [int4, int4, int4, int4, int4, float8], timestamp, (...parts: never[]) => {
    const [year, month, day, hours, minutes, seconds] = parts as unknown as number[]
    if (month! < 1 || month! > 12 || day! < 1 || day! > daysInMonth(year!, month!)) {
      throw failure('22008', `date field value out of range: ${year}-${pad2(month!)}-${pad2(day!)}`)
    }
    return BigInt(daysFromCalendar(year!, month!, day!)) * usPerDay + makeTime(hours!, minutes!, seconds!)
  })
  defineFunction('to_timestamp', [float8], timestamptz, (seconds: number): SqlValue => {
    if (Number.isNaN(seconds)) throw failure('22008', 'timestamp cannot be NaN')
    if (!Number.isFinite(seconds)) return seconds > 0 ? timestampInfinity : timestampMinusInfinity
    return checkTimestamp(BigInt(roundHalfEven(seconds * usPerSecond)))
  })
}

function makeTime(hours: number, minutes: number, seconds: number): bigint {
  if (hours < 0 || hours > 24 || minutes < 0 || minutes > 59 || seconds < 0 || seconds > 60) {
    throw failure('22008', `time field value out of range: ${hours}:${pad2(minutes)}:${pad2(seconds)}`)
  }
  return BigInt(hours * 3600 + minutes * 60) * 1_000_000n + BigInt(Math.round(seconds * usPerSecond))
}

function pad2(value: number): string {
  return String(value).padStart(2, '0')
}

defineDateArithmetic()
defineTimestampArithmetic()
defineIntervalArithmetic()
defineZones()
defineClock()
defineParts()
defineMakers()
