/** EXTRACT, date_part and date_trunc: fields of a point in time or of an interval. */
import { Decimal } from '../../../base/decimal.ts'
import { calendarFromDays, dayOfWeek, daysFromCalendar } from '../../../base/calendar.ts'
import { timestampInfinity, timestampMinusInfinity, usPerDay } from '../../../model/table/types/calendar.ts'
import { checkTimestamp, splitTimestamp } from '../../../model/table/types/date-time.ts'
import type { Interval } from '../contract.ts'
import { failure } from '../failure.ts'

const usPerSecond = 1_000_000n
const usPerMinute = 60n * usPerSecond
const usPerHour = 60n * usPerMinute

const synonyms: Readonly<Record<string, string>> = {
  years: 'year',
  yr: 'year',
  yrs: 'year',
  y: 'year',
  months: 'month',
  mon: 'month',
  mons: 'month',
  days: 'day',
  d: 'day',
  hours: 'hour',
  hr: 'hour',
  hrs: 'hour',
  h: 'hour',
  minutes: 'minute',
  min: 'minute',
  mins: 'minute',
  m: 'minute',
  seconds: 'second',
  sec: 'second',
  secs: 'second',
  s: 'second',
  millisecond: 'milliseconds',
  msec: 'milliseconds',
  msecs: 'milliseconds',
  ms: 'milliseconds',
  microsecond: 'microseconds',
  usec: 'microseconds',
  usecs: 'microseconds',
  us: 'microseconds',
  weeks: 'week',
  w: 'week',
  decades: 'decade',
  dec: 'decade',
  decs: 'decade',
  centuries: 'century',
  c: 'century',
  cent: 'century',
  millenniums: 'millennium',
  millennia: 'millennium',
  mil: 'millennium',
  mils: 'millennium',
  qtr: 'quarter',
  j: 'julian',
  jd: 'julian',
  timezone_h: 'timezone_hour',
  timezone_m: 'timezone_minute',
}

function canonical(field: string): string {
  const lower = field.toLowerCase()
  return Object.hasOwn(synonyms, lower) ? synonyms[lower]! : lower
}

/** Fields that a point in time or a span has, though not each of them every one. */
const units: ReadonlySet<string> = new Set(
  (
    'microseconds milliseconds second minute hour day week month quarter year decade century millennium ' +
    'timezone timezone_hour timezone_minute'
  ).split(' '),
)
/** Fields that can be asked for, but not be cut to. */
const readOnlyUnits: ReadonlySet<string> = new Set(['dow', 'doy', 'isodow', 'isoyear', 'julian', 'epoch'])

function unknownUnit(field: string, title: string, cuts = false): Error {
  const name = canonical(field)
  const isKnown = units.has(name) || (!cuts && readOnlyUnits.has(name))
  const shown = field.toLowerCase()
  if (isKnown) return failure('0A000', `unit "${shown}" not supported for type ${title}`)
  return failure('22023', `unit "${shown}" not recognized for type ${title}`)
}

const whole = (value: number | bigint): Decimal => Decimal.of(BigInt(value))

/** Monday's day number of the ISO week 1 of a year. */
function firstIsoWeek(year: number): number {
  const january4 = daysFromCalendar(year, 1, 4)
  return january4 - ((dayOfWeek(january4) + 6) % 7)
}

export function isoYear(days: number): number {
  const { year } = calendarFromDays(days)
  if (days >= firstIsoWeek(year + 1)) return year + 1
  return days < firstIsoWeek(year) ? year - 1 : year
}

export function isoWeek(days: number): number {
  return Math.floor((days - firstIsoWeek(isoYear(days))) / 7) + 1
}

export function dayOfYear(days: number): number {
  return days - daysFromCalendar(calendarFromDays(days).year, 1, 1) + 1
}

const titles = { timestamp: 'timestamp without time zone', date: 'date', time: 'time without time zone' } as const

/** `us` is the time of day where `kind` is time. Null for a field that infinity does not have. */
export function extractField(
  name: string,
  us: bigint,
  kind: 'timestamp' | 'date' | 'time' = 'timestamp',
  title: string = titles[kind],
): Decimal | null {
  const field = canonical(name)
  if (us === timestampInfinity || us === timestampMinusInfinity) return extractEndless(field, us, name, title)
  const { days, timeUs } = kind === 'time' ? { days: 0, timeUs: us } : splitTimestamp(us)
  if (kind !== 'date') {
    const ofTime = extractTime(field, timeUs)
    if (ofTime !== undefined) return ofTime
  }
  if (field === 'epoch') return kind === 'date' ? whole(us / usPerSecond) : Decimal.of(us, 6)
  const ofDay = kind === 'time' ? undefined : extractDay(field, days)
  if (ofDay !== undefined) return whole(ofDay)
  if (field === 'julian' && kind !== 'time') {
    return kind === 'date'
      ? whole(days + 2_440_588)
      : whole(days + 2_440_588).add(Decimal.of(timeUs).divide(Decimal.of(usPerDay), 20))
  }
  throw unknownUnit(name, title)
}

/** Of an instant, where local time is so far east of UTC. */
export function extractZoned(name: string, us: bigint, offsetSeconds: number): Decimal | null {
  const field = canonical(name)
  const title = 'timestamp with time zone'
  const isEndless = us === timestampInfinity || us === timestampMinusInfinity
  if (isEndless || field === 'epoch') return extractField(name, us, 'timestamp', title)
  if (field === 'timezone') return whole(offsetSeconds)
  if (field === 'timezone_hour') return whole(Math.trunc(offsetSeconds / 3600))
  if (field === 'timezone_minute') return whole(Math.trunc(offsetSeconds / 60) % 60)
  return extractField(name, us + BigInt(offsetSeconds) * usPerSecond, 'timestamp', title)
}

function extractEndless(field: string, us: bigint, name: string, title: string): Decimal | null {
  const endless = ['year', 'isoyear', 'decade', 'century', 'millennium', 'epoch', 'julian']
  if (endless.includes(field)) return us > 0n ? Decimal.infinity : Decimal.negativeInfinity
  if (extractTime(field, 0n) !== undefined || extractDay(field, 0) !== undefined || field.startsWith('timezone')) {
    if (units.has(field) || readOnlyUnits.has(field)) return null
  }
  throw unknownUnit(name, title)
}

function extractTime(field: string, timeUs: bigint): Decimal | undefined {
  const seconds = timeUs % usPerMinute
  switch (field) {
    case 'hour':
      return whole(timeUs / usPerHour)
    case 'minute':
      return whole((timeUs / usPerMinute) % 60n)
    case 'second':
      return Decimal.of(seconds, 6)
    case 'milliseconds':
      return Decimal.of(seconds, 3)
    case 'microseconds':
      return whole(seconds)
    default:
      return undefined
  }
}

function extractDay(field: string, days: number): number | undefined {
  const { year, month, day } = calendarFromDays(days)
  // There is no year 0: the calendar's 0 is 1 BC.
  const shown = year > 0 ? year : year - 1
  switch (field) {
    case 'year':
      return shown
    case 'month':
      return month
    case 'day':
      return day
    case 'quarter':
      return Math.floor((month - 1) / 3) + 1
    case 'week':
      return isoWeek(days)
    case 'isoyear': {
      const iso = isoYear(days)
      return iso > 0 ? iso : iso - 1
    }
    case 'dow':
      return dayOfWeek(days)
    case 'isodow':
      return dayOfWeek(days) === 0 ? 7 : dayOfWeek(days)
    case 'doy':
      return dayOfYear(days)
    case 'decade':
      return Math.floor(year / 10)
    case 'century':
      return shown > 0 ? Math.floor((shown + 99) / 100) : -Math.floor((99 - (shown - 1)) / 100)
    case 'millennium':
      return shown > 0 ? Math.floor((shown + 999) / 1000) : -Math.floor((999 - (shown - 1)) / 1000)
    default:
      return undefined
  }
}

export function extractIntervalField(name: string, { months, days, us }: Interval): Decimal {
  const field = canonical(name)
  const years = Math.trunc(months / 12)
  switch (field) {
    case 'year':
      return whole(years)
    case 'month':
      return whole(months % 12)
    case 'day':
      return whole(days)
    case 'quarter':
      return whole(Math.trunc((months % 12) / 3) + 1)
    case 'decade':
      return whole(Math.trunc(years / 10))
    case 'century':
      return whole(Math.trunc(years / 100))
    case 'millennium':
      return whole(Math.trunc(years / 1000))
    case 'epoch':
      // A year counts 365.25 days, a month 30.
      return Decimal.of(
        BigInt(years) * 31_557_600n * usPerSecond + BigInt((months % 12) * 30 + days) * usPerDay + us,
        6,
      )
    default: {
      const ofTime = extractTime(field, us)
      if (ofTime === undefined) throw unknownUnit(name, 'interval')
      return ofTime
    }
  }
}

const timeUnits: Readonly<Record<string, bigint>> = {
  microseconds: 1n,
  milliseconds: 1000n,
  second: usPerSecond,
  minute: usPerMinute,
  hour: usPerHour,
  day: usPerDay,
}

export function truncateTimestamp(name: string, us: bigint, isZoned = false): bigint {
  const field = canonical(name)
  if (us === timestampInfinity || us === timestampMinusInfinity) return us
  const { days, timeUs } = splitTimestamp(us)
  const unit = Object.hasOwn(timeUnits, field) ? timeUnits[field] : undefined
  if (unit !== undefined) return us - (timeUs % unit)
  const start = truncateDay(field, days)
  if (start === undefined) throw unknownUnit(name, isZoned ? 'timestamp with time zone' : titles.timestamp, true)
  return checkTimestamp(BigInt(start) * usPerDay)
}

function truncateDay(field: string, days: number): number | undefined {
  const { year, month } = calendarFromDays(days)
  switch (field) {
    case 'week':
      return days - ((dayOfWeek(days) + 6) % 7)
    case 'month':
      return daysFromCalendar(year, month, 1)
    case 'quarter':
      return daysFromCalendar(year, month - ((month - 1) % 3), 1)
    case 'year':
      return daysFromCalendar(year, 1, 1)
    case 'decade':
      return daysFromCalendar(Math.floor(year / 10) * 10, 1, 1)
    case 'century':
      return daysFromCalendar(Math.floor((year - 1) / 100) * 100 + 1, 1, 1)
    case 'millennium':
      return daysFromCalendar(Math.floor((year - 1) / 1000) * 1000 + 1, 1, 1)
    default:
      return undefined
  }
}

export function truncateInterval(name: string, { months, days, us }: Interval): Interval {
  const field = canonical(name)
  const unit = Object.hasOwn(timeUnits, field) ? timeUnits[field] : undefined
  if (field === 'day') return { months, days, us: 0n }
  if (unit !== undefined) return { months, days, us: us - (us % unit) }
  const span = { month: 1, quarter: 3, year: 12, decade: 120, century: 1200, millennium: 12_000 }[field]
  if (span === undefined) {
    const hint = 'Months usually have fractional weeks.'
    if (field === 'week')
      throw failure('0A000', `unit "${name.toLowerCase()}" not supported for type interval`, { detail: hint })
    throw unknownUnit(name, 'interval', true)
  }
  return { months: months - (months % span), days: 0, us: 0n }
}
