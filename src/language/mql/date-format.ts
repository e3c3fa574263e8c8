/** Dates by a format: what `$dateFromString` reads. */
import type { TimeZone } from '../../base/time-zones/time-zone.ts'
import { daysFromCalendar } from '../../base/calendar.ts'
import { civilFromMs } from '../../model/document/calendar.ts'
import { mongoError } from '../../model/document/mongo-error.ts'
import { fromLocal } from './date-zone.ts'

interface Read {
  year: number
  month: number
  day: number
  hour: number
  minute: number
  second: number
  millisecond: number
  dayOfYear: number | undefined
  isoYear: number | undefined
  isoWeek: number | undefined
  isoDay: number | undefined
  /** Minutes east of UTC, where the text says so. */
  east: number | undefined
}

interface Part {
  readonly pattern: RegExp
  take(read: Read, text: string): void
}

const months = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']

const parts: ReadonlyMap<string, Part> = new Map<string, Part>([
  ['Y', { pattern: /^\d{4}/, take: (read, text) => void (read.year = Number(text)) }],
  ['m', { pattern: /^\d{1,2}/, take: (read, text) => void (read.month = Number(text)) }],
  ['d', { pattern: /^\d{1,2}/, take: (read, text) => void (read.day = Number(text)) }],
  ['H', { pattern: /^\d{1,2}/, take: (read, text) => void (read.hour = Number(text)) }],
  ['M', { pattern: /^\d{1,2}/, take: (read, text) => void (read.minute = Number(text)) }],
  ['S', { pattern: /^\d{1,2}/, take: (read, text) => void (read.second = Number(text)) }],
  ['L', { pattern: /^\d{1,3}/, take: (read, text) => void (read.millisecond = Number(text.padEnd(3, '0'))) }],
  ['j', { pattern: /^\d{1,3}/, take: (read, text) => void (read.dayOfYear = Number(text)) }],
  ['G', { pattern: /^\d{4}/, take: (read, text) => void (read.isoYear = Number(text)) }],
  ['V', { pattern: /^\d{1,2}/, take: (read, text) => void (read.isoWeek = Number(text)) }],
  ['u', { pattern: /^[1-7]/, take: (read, text) => void (read.isoDay = Number(text)) }],
  ['b', { pattern: /^[A-Za-z]{3}/, take: (read, text) => void (read.month = months.indexOf(text.toLowerCase()) + 1) }],
  ['z', { pattern: /^(?:[+-]\d\d:?\d\d|[+-]\d\d|Z)/, take: (read, text) => void (read.east = eastOf(text)) }],
  ['Z', { pattern: /^[+-]\d+/, take: (read, text) => void (read.east = Number(text)) }],
])

function eastOf(text: string): number {
  if (text === 'Z') return 0
  const digits = text.slice(1).replace(':', '').padEnd(4, '0')
  const minutes = Number(digits.slice(0, 2)) * 60 + Number(digits.slice(2))
  return text.startsWith('-') ? -minutes : minutes
}

/** Milliseconds since 1970; undefined where the text is not as the format says. */
export function parseByFormat(text: string, format: string, place: TimeZone): bigint | undefined {
  const read: Read = {
    year: 1970,
    month: 1,
    day: 1,
    hour: 0,
    minute: 0,
    second: 0,
    millisecond: 0,
    dayOfYear: undefined,
    isoYear: undefined,
    isoWeek: undefined,
    isoDay: undefined,
    east: undefined,
  }
  let at = 0
  for (let i = 0; i < format.length; i++) {
    if (format[i] !== '%') {
      if (text[at++] !== format[i]) return undefined
      continue
    }
    const letter = format[++i] ?? ''
    if (letter === '%') {
      if (text[at++] !== '%') return undefined
      continue
    }
    const part = parts.get(letter)
    if (part === undefined) throw mongoError(18_536, `Invalid format character '%${letter}' in format string`)
    const [found] = part.pattern.exec(text.slice(at)) ?? []
    if (found === undefined) return undefined
    part.take(read, found)
    at += found.length
  }
  return at === text.length ? instantOf(read, place) : undefined
}

function instantOf(read: Read, place: TimeZone): bigint | undefined {
  const { hour, minute, second, millisecond, east } = read
  const days = daysOf(read)
  if (days === undefined || hour > 23 || minute > 59 || second > 59) return undefined
  const ms = BigInt(days) * 86_400_000n + BigInt(((hour * 60 + minute) * 60 + second) * 1000 + millisecond)
  return east === undefined ? fromLocal(ms, place) : ms - BigInt(east) * 60_000n
}

function daysOf({ year, month, day, dayOfYear, isoYear, isoWeek, isoDay }: Read): number | undefined {
  if (isoYear !== undefined) return isoDays(isoYear, isoWeek ?? 1, isoDay ?? 1)
  if (dayOfYear !== undefined) return daysFromCalendar(year, 1, 1) + dayOfYear - 1
  const days = daysFromCalendar(year, month, day)
  const back = civilFromMs(BigInt(days) * 86_400_000n)
  return back.month === month && back.day === day ? days : undefined
}

/** Of a day of a week of a year of ISO 8601; Monday is 1. */
export function isoDays(year: number, week: number, day: number): number {
  const fourth = daysFromCalendar(year, 1, 4)
  const monday = fourth - ((fourth + 3) % 7)
  return monday + (week - 1) * 7 + day - 1
}
