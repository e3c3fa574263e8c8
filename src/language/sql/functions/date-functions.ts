/**
 * Dates, times and intervals. All of it is arithmetic on days and microseconds in the proleptic Gregorian calendar; where a
 * zone has a say, what is done is done to the local time.
 */
import type { Decimal } from '../../../base/decimal.ts'
import { calendarFromDays, daysFromCalendar, daysInMonth } from '../../../base/calendar.ts'
import {
  dateEndDay,
  dateInfinity,
  dateMinusInfinity,
  firstDay,
  timestampInfinity,
  timestampMinusInfinity,
  usPerDay,
} from '../../../model/table/types/calendar.ts'
import {
  checkDate,
  checkTimestamp,
  formatOffset,
  isTimestamp,
  splitTimestamp,
} from '../../../model/table/types/date-time.ts'
import { checkInterval } from '../../../model/table/types/interval.ts'
import {
  findTimeZone,
  fixedZone,
  isAbbreviation,
  offsetOfAbbreviation,
  type TimeZone,
} from '../../../base/time-zones/time-zone.ts'
import { fromLocal, localKind, textStyle, toLocal } from '../../../model/table/types/text-style.ts'
import { getType } from '../../../model/table/types/registry.ts'
import type { Interval, SqlValue } from '../contract.ts'
import { failure } from '../failure.ts'
import type { SqlRun } from '../plan/run.ts'
import { dateToTimestamp, instantOf, roundHalfEven } from '../types/casts.ts'
import { oid } from '../types/oids.ts'
import { extractField, extractIntervalField, extractZoned, truncateInterval, truncateTimestamp } from './date-parts.ts'
import { defineFunction, defineOperator } from './registry.ts'
import { type ShownZone, toChar } from './to-char.ts'

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

/** Months and days are of the session's calendar, hours are hours. */
export function addToInstant(us: bigint, by: Interval): bigint {
  if (by.months === 0 && by.days === 0) return addInterval(us, by)
  const day = instantOf(addInterval(toLocal(us), { ...by, us: 0n }))
  return addInterval(day, { months: 0, days: 0, us: by.us })
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

export function sumIntervals(a: Interval, b: Interval): Interval {
  return checkInterval({ months: a.months + b.months, days: a.days + b.days, us: a.us + b.us })
}

/** Fractions of months become days of a 30-day month, fractions of days time, as PostgreSQL's interval_mul does. */
function multiplyInterval(value: Interval, factor: number): Interval {
  return scaleInterval(value, (part) => part * factor)
}

/** A share of the way from one to another. */
export function mixIntervals(low: Interval, high: Interval, share: number): Interval {
  return sumIntervals(multiplyInterval(sumIntervals(high, negate(low)), share), low)
}

export function divideInterval(value: Interval, divisor: number): Interval {
  if (divisor === 0) throw failure('22012', 'division by zero')
  return scaleInterval(value, (part) => part / divisor)
}

function scaleInterval(value: Interval, scale: (part: number) => number): Interval {
  const months = Math.trunc(scale(value.months))
  const dayRest = roundTo6((scale(value.months) - months) * 30)
  const days = Math.trunc(scale(value.days))
  const restDays = Math.trunc(dayRest)
  const secondsRest = roundTo6((scale(value.days) - days + dayRest - restDays) * 86_400)
  const carried = Math.trunc(secondsRest / 86_400)
  const us = roundHalfEven(scale(Number(value.us)) + (secondsRest - carried * 86_400) * usPerSecond)
  if (![months, days, us].every(Number.isFinite)) throw failure('22008', 'interval out of range')
  return checkInterval({ months, days: days + restDays + carried, us: BigInt(us) })
}

function roundTo6(seconds: number): number {
  return roundHalfEven(seconds * usPerSecond) / usPerSecond
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
  const join = (days: number, us: bigint): bigint => {
    const start = dateToTimestamp(days)
    return isEndless(start) ? start : checkTimestamp(start + us)
  }
  defineOperator('+', [date, time], timestamp, join)
  defineOperator('+', [time, date], timestamp, (us: bigint, days: number) => join(days, us))
}

function defineTimestampArithmetic(): void {
  for (const type of [timestamp, timestamptz]) {
    // A day is as long as the zone makes it.
    const zoned = type === timestamptz
    const ofZone = { volatility: zoned ? 'stable' : 'immutable' } as const
    const add = zoned ? addToInstant : addInterval
    defineOperator('+', [type, interval], type, add, ofZone)
    defineOperator('+', [interval, type], type, (by: Interval, us: bigint) => add(us, by), ofZone)
    defineOperator('-', [type, interval], type, (us: bigint, by: Interval) => add(us, negate(by)), ofZone)
    defineOperator('-', [type, type], interval, subtractTimestamps)
    const ageOf = (later: bigint, earlier: bigint): Interval =>
      zoned ? age(toLocal(later), toLocal(earlier)) : age(later, earlier)
    defineFunction('age', [type, type], interval, ageOf, ofZone)
    defineFunction(
      'age',
      [type],
      interval,
      (run: SqlRun, us: bigint) => {
        const now = toLocal(run.transaction.startTimeUs)
        return age(now - (((now % usPerDay) + usPerDay) % usPerDay), zoned ? toLocal(us) : us)
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
  defineOperator('+', [interval, interval], interval, sumIntervals)
  defineOperator('-', [interval, interval], interval, (a: Interval, b: Interval) => sumIntervals(a, negate(b)))
  defineOperator('-', [interval], interval, negate)
  defineOperator('*', [interval, float8], interval, multiplyInterval)
  defineOperator('*', [float8, interval], interval, (factor: number, value: Interval) =>
    multiplyInterval(value, factor),
  )
  defineOperator('/', [interval, float8], interval, divideInterval)
  defineFunction('justify_days', [interval], interval, justifyDays)
  defineFunction('justify_hours', [interval], interval, justifyHours)
  defineFunction('justify_interval', [interval], interval, justifyInterval)
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
  const secondsUs = roundHalfEven(seconds * usPerSecond)
  if (!Number.isFinite(secondsUs)) throw failure('22008', 'interval out of range')
  const us = BigInt(hours * 3600 + minutes * 60) * 1_000_000n + BigInt(secondsUs)
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

/** Days, months and time of one sign, as far as whole days and months of 30 days go. */
function justifyInterval({ months, days, us }: Interval): Interval {
  const wholeDays = us / usPerDay
  let time = us - wholeDays * usPerDay
  let day = days + Number(wholeDays)
  let month = months + Math.trunc(day / 30)
  day %= 30
  if (month > 0 && (day < 0 || (day === 0 && time < 0n))) {
    day += 30
    month--
  } else if (month < 0 && (day > 0 || (day === 0 && time > 0n))) {
    day -= 30
    month++
  }
  if (day > 0 && time < 0n) {
    time += usPerDay
    day--
  } else if (day < 0 && time > 0n) {
    time -= usPerDay
    day++
  }
  return checkInterval({ months: month, days: day, us: time })
}

/** The difference in years, months, days and time, as a person counts it. */
function age(later: bigint, earlier: bigint): Interval {
  if (isEndless(later) || isEndless(earlier)) throw failure('22008', 'timestamp out of range')
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

/**
 * A zone by its name, an abbreviation, or an offset that counts to the west as in POSIX: `Europe/Rome`, `PST`, `-05:30`.
 * Throws 22023.
 */
export function zoneOf(name: string): TimeZone {
  const fixed = /^([+-])?(\d{1,2})(?::?(\d{2}))?(?::?(\d{2}))?$/.exec(name)
  if (fixed !== null) {
    const seconds = Number(fixed[2]) * 3600 + Number(fixed[3] ?? 0) * 60 + Number(fixed[4] ?? 0)
    return offsetZone(fixed[1] === '-' ? seconds : -seconds)
  }
  const found = findTimeZone(name)
  if (found !== undefined) return found
  throw failure('22023', `time zone "${name}" not recognized`)
}

/** As PostgreSQL names it: `<+05:30>-05:30`. */
export function offsetZone(seconds: number): TimeZone {
  const shown = formatOffset(seconds)
  return fixedZone(`<${shown}>${formatOffset(-seconds)}`, seconds, shown)
}

/** An abbreviation comes before a zone of the same name. */
function instantIn(zone: string, localUs: bigint): bigint {
  if (!isAbbreviation(zone)) return fromLocal(localUs, zoneOf(zone))
  const local = Number((localUs - (((localUs % 1_000_000n) + 1_000_000n) % 1_000_000n)) / 1_000_000n)
  return localUs - BigInt(offsetOfAbbreviation(zone, local)!) * 1_000_000n
}

export function localIn(zone: string, us: bigint): bigint {
  if (!isAbbreviation(zone)) return toLocal(us, zoneOf(zone))
  return us + BigInt(offsetOfAbbreviation(zone, Number(us / 1_000_000n))!) * 1_000_000n
}

/** Whole seconds of an interval that says nothing but a time. */
function intervalOffsetUs(zone: Interval): bigint {
  if (zone.months !== 0 || zone.days !== 0) {
    const shown = getType(interval).formatText(zone)
    throw failure('22023', `interval time zone "${shown}" must not include months or days`)
  }
  return (zone.us / 1_000_000n) * 1_000_000n
}

function defineZones(): void {
  const shift = (us: bigint, by: () => bigint): bigint => (isEndless(us) ? us : checkTimestamp(us + by()))
  defineFunction('timezone', [text, timestamptz], timestamp, (zone: string, us: bigint) =>
    isEndless(us) ? us : checkTimestamp(localIn(zone, us)),
  )
  defineFunction('timezone', [text, timestamp], timestamptz, (zone: string, us: bigint) =>
    isEndless(us) ? us : checkTimestamp(instantIn(zone, us)),
  )
  defineFunction('timezone', [interval, timestamptz], timestamp, (zone: Interval, us: bigint) =>
    shift(us, () => intervalOffsetUs(zone)),
  )
  defineFunction('timezone', [interval, timestamp], timestamptz, (zone: Interval, us: bigint) =>
    shift(us, () => -intervalOffsetUs(zone)),
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

function localOffset(us: bigint): number {
  return isEndless(us) ? 0 : localKind(us).offsetSeconds
}

function shownZone(us: bigint): ShownZone {
  const { abbreviation, offsetSeconds } = localKind(us)
  return { abbreviation, offsetSeconds }
}

function truncateIn(field: string, us: bigint, zone: TimeZone): bigint {
  return checkTimestamp(fromLocal(truncateTimestamp(field, toLocal(us, zone), true), zone))
}

function defineParts(): void {
  for (const type of [timestamp, timestamptz]) {
    const zoned = type === timestamptz
    const part = (field: string, us: bigint): Decimal | null =>
      zoned ? extractZoned(field, us, localOffset(us)) : extractField(field, us)
    // What day it is at a point in time is a matter of the zone.
    const ofZone = { volatility: zoned ? 'stable' : 'immutable' } as const
    defineFunction('extract', [text, type], numeric, part, ofZone)
    const partOf = (field: string, us: bigint): SqlValue => part(field, us)?.toNumber() ?? null
    defineFunction('date_part', [text, type], float8, partOf, ofZone)
    const truncate = (field: string, us: bigint): SqlValue =>
      zoned ? truncateIn(field, us, textStyle().zone) : truncateTimestamp(field, us, false)
    defineFunction('date_trunc', [text, type], type, truncate, ofZone)
    const shown = (us: bigint, template: string): SqlValue => {
      if (template === '' || isEndless(us)) return null
      return zoned ? toChar(toLocal(us), template, shownZone(us)) : toChar(us, template)
    }
    defineFunction('to_char', [type, text], text, shown, { volatility: 'stable' })
    defineFunction('isfinite', [type], bool, (us: bigint) => !isEndless(us))
  }
  const truncateInNamed = (field: string, us: bigint, zone: string): SqlValue => {
    return isEndless(us) ? us : truncateIn(field, us, zoneOf(zone))
  }
  defineFunction('date_trunc', [text, timestamptz, text], timestamptz, truncateInNamed, { volatility: 'stable' })
  defineFunction('extract', [text, date], numeric, (field: string, days: number) =>
    extractField(field, dateToTimestamp(days), 'date'),
  )
  defineFunction(
    'date_part',
    [text, date],
    float8,
    (field: string, days: number) => extractField(field, dateToTimestamp(days))?.toNumber() ?? null,
  )
  const ofTime = (field: string, us: bigint): Decimal | null => extractField(field, us, 'time')
  defineFunction('extract', [text, time], numeric, ofTime)
  defineFunction(
    'date_part',
    [text, time],
    float8,
    (field: string, us: bigint) => ofTime(field, us)?.toNumber() ?? null,
  )
  defineFunction('extract', [text, interval], numeric, extractIntervalField)
  defineFunction('date_part', [text, interval], float8, (field: string, value: Interval) =>
    /^epoch$/i.test(field) ? epochOf(value) : extractIntervalField(field, value).toNumber(),
  )
  defineFunction('date_trunc', [text, interval], interval, truncateInterval)
  defineFunction('isfinite', [date], bool, (days: number) => days !== dateInfinity && days !== dateMinusInfinity)
  defineFunction('isfinite', [interval], bool, () => true)
}

function dateOutOfRange(year: number, month: number, day: number): Error {
  return failure('22008', `date field value out of range: ${year}-${pad2(month)}-${pad2(day)}`)
}

/** Years before Christ are negative; there is no year 0. Undefined where there is no such day. */
function dayOf(year: number, month: number, day: number): number | undefined {
  const ofCalendar = year < 0 ? year + 1 : year
  if (year === 0 || month < 1 || month > 12 || day < 1 || day > daysInMonth(ofCalendar, month)) return undefined
  return daysFromCalendar(ofCalendar, month, day)
}

/** Seconds, summed as doubles in PostgreSQL's order. */
function epochOf({ months, days, us }: Interval): number {
  const years = Math.trunc(months / 12)
  return Number(us) / usPerSecond + 365.25 * 86_400 * years + 30 * 86_400 * (months % 12) + 86_400 * days
}

function defineMakers(): void {
  defineFunction('make_date', [int4, int4, int4], date, (year: number, month: number, day: number) => {
    const shownYear = year < 0 ? year + 1 : year
    const days = dayOf(year, month, day)
    if (days === undefined) throw dateOutOfRange(shownYear, month, day)
    if (days >= firstDay && days < dateEndDay) return days
    throw failure('22008', `date out of range: ${shownYear}-${pad2(month)}-${pad2(day)}`)
  })
  defineFunction('make_time', [int4, int4, float8], time, makeTime)
  defineFunction('make_timestamp', [int4, int4, int4, int4, int4, float8], timestamp, (...parts: never[]) => {
    const [year, month, day, hours, minutes, seconds] = parts as unknown as number[]
    const days = dayOf(year!, month!, day!)
    if (days === undefined) throw dateOutOfRange(year!, month!, day!)
    return checkTimestamp(BigInt(days) * usPerDay + makeTime(hours!, minutes!, seconds!))
  })
  defineFunction('to_timestamp', [float8], timestamptz, (seconds: number): SqlValue => {
    if (Number.isNaN(seconds)) throw failure('22008', 'timestamp cannot be NaN')
    if (!Number.isFinite(seconds)) return seconds > 0 ? timestampInfinity : timestampMinusInfinity
    const us = BigInt(roundHalfEven(seconds * usPerSecond))
    if (isTimestamp(us)) return us
    throw failure('22008', `timestamp out of range: "${toGeneral(seconds)}"`)
  })
}

function makeTime(hours: number, minutes: number, seconds: number): bigint {
  const us = roundHalfEven(seconds * usPerSecond)
  const isInRange = hours >= 0 && hours <= 24 && minutes >= 0 && minutes <= 59 && us >= 0 && us <= 60 * usPerSecond
  const total = isInRange ? BigInt(hours * 3600 + minutes * 60) * 1_000_000n + BigInt(us) : -1n
  if (total >= 0n && total <= usPerDay) return total
  throw failure(
    '22008',
    `time field value out of range: ${hours}:${pad2(minutes)}:${toGeneral(seconds).padStart(2, '0')}`,
  )
}

/** As C's %g shows it: six significant digits. */
function toGeneral(value: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'nan' : value > 0 ? 'inf' : '-inf'
  const [mantissa = '', exponent = '0'] = value.toExponential(5).split('e')
  const power = Number(exponent)
  if (power >= -4 && power < 6) return String(Number(value.toPrecision(6)))
  return `${Number(mantissa)}e${power < 0 ? '-' : '+'}${String(Math.abs(power)).padStart(2, '0')}`
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
