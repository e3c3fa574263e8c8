/**
 * How a zone goes on, as a TZ text of POSIX says it: `EST5EDT,M3.2.0,M11.1.0`.
 *
 *   standard offset [daylight [offset] [, start [/time], end [/time]]]
 *
 * Offsets count to the west. A day is `Mm.w.d` (day d of week w of month m; week 5 is the last), `Jn` (day 1 to 365, without
 * February 29th) or `n` (day 0 to 365). A time is of the local clock, 02:00 where none is given, and may lie within a week of
 * the day (RFC 8536). Without days those of the United States are meant, as in the reference code.
 */
import { dayOfWeek, daysFromCalendar, isLeapYear } from '../calendar.ts'
import type { LocalKind } from './time-zone.ts'

export interface DaylightRule {
  readonly standard: LocalKind
  /** None: it is the same time all year. */
  readonly daylight: LocalKind | undefined
  readonly start: RuleDay
  readonly end: RuleDay
}

interface RuleDay {
  readonly kind: 'month' | 'julian' | 'zero'
  readonly month: number
  readonly week: number
  /** Of the week, or of the year. */
  readonly day: number
  readonly seconds: number
}

const pattern =
  /^(<[\w+:-]{1,}>|[A-Za-z]{3,})([+-]?\d{1,3}(?::\d{1,2}){0,2})(?:(<[\w+:-]{1,}>|[A-Za-z]{3,})([+-]?\d{1,3}(?::\d{1,2}){0,2})?(?:,([^,]+),([^,]+))?)?$/

/** Undefined for what is none. */
export function parseRule(text: string): DaylightRule | undefined {
  const [, name, offset, daylightName, daylightOffset, start = 'M3.2.0', end = 'M11.1.0'] = pattern.exec(text) ?? []
  if (name === undefined || offset === undefined) return undefined
  const standardSeconds = -secondsOf(offset)
  const [startDay, endDay] = [parseDay(start), parseDay(end)]
  if (startDay === undefined || endDay === undefined || Math.abs(standardSeconds) > 168 * 3600) return undefined
  const standard = { offsetSeconds: standardSeconds, isDaylight: false, abbreviation: bare(name) }
  if (daylightName === undefined) return { standard, daylight: undefined, start: startDay, end: endDay }
  const offsetSeconds = daylightOffset === undefined ? standardSeconds + 3600 : -secondsOf(daylightOffset)
  const daylight = { offsetSeconds, isDaylight: true, abbreviation: bare(daylightName) }
  return { standard, daylight, start: startDay, end: endDay }
}

function bare(name: string): string {
  return name.startsWith('<') ? name.slice(1, -1) : name
}

function secondsOf(text: string): number {
  const [hours = 0, minutes = 0, seconds = 0] = text.replace(/^[+-]/, '').split(':').map(Number)
  return (text.startsWith('-') ? -1 : 1) * (hours * 3600 + minutes * 60 + seconds)
}

function parseDay(text: string): RuleDay | undefined {
  const [day = '', time = '2'] = text.split('/')
  if (!/^[+-]?\d{1,3}(?::\d{1,2}){0,2}$/.test(time)) return undefined
  const seconds = secondsOf(time)
  const [, month, week, weekday] = /^M(\d{1,2})\.([1-5])\.([0-6])$/.exec(day) ?? []
  if (month !== undefined && Number(month) >= 1 && Number(month) <= 12) {
    return { kind: 'month', month: Number(month), week: Number(week), day: Number(weekday), seconds }
  }
  const [, julian, count] = /^(J?)(\d{1,3})$/.exec(day) ?? []
  if (count === undefined) return undefined
  return { kind: julian === 'J' ? 'julian' : 'zero', month: 0, week: 0, day: Number(count), seconds }
}

/** The changes to daylight saving time and back in one year. */
export function changesOfYear(rule: DaylightRule, year: number): { at: number; kind: LocalKind }[] {
  const { standard, daylight = standard, start, end } = rule
  return [
    { at: dayIn(start, year) * 86_400 + start.seconds - standard.offsetSeconds, kind: daylight },
    { at: dayIn(end, year) * 86_400 + end.seconds - daylight.offsetSeconds, kind: standard },
  ]
}

/** Days since 1970. */
function dayIn(rule: RuleDay, year: number): number {
  const first = daysFromCalendar(year, 1, 1)
  if (rule.kind === 'zero') return first + rule.day
  if (rule.kind === 'julian') return first + rule.day - 1 + (isLeapYear(year) && rule.day > 59 ? 1 : 0)
  const month = daysFromCalendar(year, rule.month, 1)
  const next = rule.month === 12 ? daysFromCalendar(year + 1, 1, 1) : daysFromCalendar(year, rule.month + 1, 1)
  const day = month + ((rule.day - dayOfWeek(month) + 7) % 7) + (rule.week - 1) * 7
  return day < next ? day : day - 7
}
