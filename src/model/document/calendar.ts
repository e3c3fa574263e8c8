/** Milliseconds since 1970, in UTC, as dates of the calendar and as text of ISO 8601. */
import { calendarFromDays, daysFromCalendar } from '../../base/calendar.ts'

export interface Civil {
  readonly year: number
  /** From 1. */
  readonly month: number
  readonly day: number
  readonly hour: number
  readonly minute: number
  readonly second: number
  readonly millisecond: number
  readonly daysSince1970: number
}

const dayMs = 86_400_000n

export function civilFromMs(ms: bigint): Civil {
  const rest = Number(((ms % dayMs) + dayMs) % dayMs)
  const days = Number((ms - BigInt(rest)) / dayMs)
  return {
    ...calendarFromDays(days),
    hour: Math.floor(rest / 3_600_000),
    minute: Math.floor(rest / 60_000) % 60,
    second: Math.floor(rest / 1000) % 60,
    millisecond: rest % 1000,
    daysSince1970: days,
  }
}

function pad(value: number, width: number): string {
  return String(value).padStart(width, '0')
}

/** `2024-01-31T12:00:00.000Z`; years outside 0–9999 have a sign and six digits, or as many as they need. */
export function isoDate(ms: bigint): string {
  const { year, month, day, hour, minute, second, millisecond } = civilFromMs(ms)
  const shownYear = year >= 0 && year <= 9999 ? pad(year, 4) : `${year < 0 ? '-' : '+'}${pad(Math.abs(year), 6)}`
  const date = `${shownYear}-${pad(month, 2)}-${pad(day, 2)}`
  return `${date}T${pad(hour, 2)}:${pad(minute, 2)}:${pad(second, 2)}.${pad(millisecond, 3)}Z`
}

const isoPattern =
  /^([+-]\d{6}|\d{4})-(\d\d)(?:-(\d\d))?(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?)?(Z|[+-]\d\d:?\d\d)?$/

/** Milliseconds since 1970; `undefined` for what is not a date. A text without a zone is UTC. */
export function parseIsoDate(text: string): bigint | undefined {
  const match = isoPattern.exec(text)
  if (match === null) return undefined
  const [, year, month, day = '1', hour = '0', minute = '0', second = '0', fraction = '0', zone = 'Z'] = match
  const y = Number(year)
  const [m, d, h, min, s] = [month, day, hour, minute, second].map(Number) as [number, number, number, number, number]
  const days = daysFromCalendar(y, m, d)
  const back = civilFromMs(BigInt(days) * dayMs)
  if (m < 1 || m > 12 || back.month !== m || back.day !== d || h > 23 || min > 59 || s > 59) return undefined
  const ms = h * 3_600_000 + min * 60_000 + s * 1000 + Number(fraction.slice(0, 3).padEnd(3, '0'))
  return BigInt(days) * dayMs + BigInt(ms - zoneOffsetMs(zone))
}

function zoneOffsetMs(zone: string): number {
  if (zone === 'Z') return 0
  const digits = zone.slice(1).replace(':', '')
  const ms = Number(digits.slice(0, 2)) * 3_600_000 + Number(digits.slice(2)) * 60_000
  return zone.startsWith('-') ? -ms : ms
}
