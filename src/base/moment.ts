import { calendarFromDays, daysFromCalendar, daysInMonth } from './calendar.ts'

/**
 * A moment of the past, as people write it at every door:
 *
 *   4711                               the state after the transaction of that sequence
 *   -10m, -1h 30m, -1.5 hours          so long ago: ms, s, m, h, d, w, and the words for them
 *   2026-03-01, 2026-03-01 12:00:00    a time; UTC, unless its zone is said: `Z`, `+01`, `+01:00`
 */
export type Moment =
  | { readonly kind: 'sequence'; readonly sequence: number }
  | { readonly kind: 'ago'; readonly ms: number }
  /** Milliseconds since 1970. */
  | { readonly kind: 'time'; readonly timeMs: number }

const unitsMs: ReadonlyMap<string, number> = new Map(
  (
    [
      ['ms millisecond milliseconds', 1],
      ['s sec secs second seconds', 1000],
      ['m min mins minute minutes', 60_000],
      ['h hour hours', 3_600_000],
      ['d day days', 86_400_000],
      ['w week weeks', 604_800_000],
    ] as const
  ).flatMap(([names, ms]) => names.split(' ').map((one) => [one, ms] as const)),
)

const dayMs = 86_400_000
const longest = 64
const span = /^(\d{1,15}(?:\.\d{1,9})?) *([a-z]{1,12}) */
const time =
  /^(\d{4})-(\d\d)-(\d\d)(?:[ T](\d\d):(\d\d)(?::(\d\d(?:\.\d{1,9})?))?(?: ?(Z|UTC|([+-])(\d\d)(?::?(\d\d))?))?)?$/i

/** Undefined where it is none. */
export function parseMoment(text: string): Moment | undefined {
  const given = text.trim()
  if (given.length > longest) return undefined
  if (/^\d{1,16}$/.test(given)) return sequenceMoment(Number(given))
  if (given.startsWith('-')) {
    const ms = parseSpan(given.slice(1))
    return ms === undefined ? undefined : { kind: 'ago', ms }
  }
  return timeMoment(given)
}

function sequenceMoment(sequence: number): Moment | undefined {
  return Number.isSafeInteger(sequence) ? { kind: 'sequence', sequence } : undefined
}

/** Milliseconds of a span, as `1h 30m`; undefined where it is none. */
export function parseSpan(text: string): number | undefined {
  if (text.length > longest) return undefined
  let ms = 0
  let rest = text.trim().toLowerCase()
  do {
    const [whole = '', number, unit = ''] = span.exec(rest) ?? []
    const unitMs = unitsMs.get(unit)
    if (unitMs === undefined) return undefined
    ms += Number(number) * unitMs
    rest = rest.slice(whole.length)
  } while (rest !== '')
  return ms
}

function timeMoment(text: string): Moment | undefined {
  const parts = time.exec(text)
  if (parts === null) return undefined
  const [, year, month, day, hour = 0, minute = 0, second = 0, , sign, zoneHour = 0, zoneMinute = 0] = parts
  const [y, m, d] = [Number(year), Number(month), Number(day)]
  if (m < 1 || m > 12 || d < 1 || d > daysInMonth(y, m)) return undefined
  const isClock = Number(hour) < 24 && Number(minute) < 60 && Number(second) < 60
  if (!isClock || Number(zoneHour) > 15 || Number(zoneMinute) > 59) return undefined
  const eastMinutes = (sign === '-' ? -1 : 1) * (60 * Number(zoneHour) + Number(zoneMinute))
  const minutes = 60 * Number(hour) + Number(minute) - eastMinutes
  const ofDay = minutes * 60_000 + Math.floor(Number(second) * 1000)
  return { kind: 'time', timeMs: daysFromCalendar(y, m, d) * dayMs + ofDay }
}

/** As `parseMoment` reads it. */
export function formatTime(timeMs: number): string {
  const days = Math.floor(timeMs / dayMs)
  const { year, month, day } = calendarFromDays(days)
  const ms = Math.floor(timeMs) - days * dayMs
  const two = (value: number): string => String(Math.floor(value)).padStart(2, '0')
  const clock = [ms / 3_600_000, (ms / 60_000) % 60, (ms / 1000) % 60].map(two).join(':')
  const date = `${String(year).padStart(4, '0')}-${two(month)}-${two(day)}`
  return `${date} ${clock}.${String(ms % 1000).padStart(3, '0')}Z`
}
