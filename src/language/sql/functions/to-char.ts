/** to_char of a point in time: what is no pattern of a template stands for itself. */
import { calendarFromDays, dayOfWeek } from '../../../base/calendar.ts'
import { splitTimestamp } from '../../../model/table/types/date-time.ts'
import { notBuilt } from '../failure.ts'
import { dayOfYear, isoWeek, isoYear } from './date-parts.ts'

const months = 'January February March April May June July August September October November December'.split(' ')
const days = 'Sunday Monday Tuesday Wednesday Thursday Friday Saturday'.split(' ')
const roman = 'I II III IV V VI VII VIII IX X XI XII'.split(' ')

const token =
  /"(?:[^"\\]|\\.)*"|(FM)?(YYYY|YYY|YY|Y,YYY|Y|IYYY|IYY|IY|IW|IDDD|ID|MONTH|Month|month|MON|Mon|mon|MM|DDD|DD|DAY|Day|day|DY|Dy|dy|D|WW|W|CC|Q|J|RM|rm|HH24|HH12|HH|MI|SSSSS|SSSS|SS|MS|US|FF[1-6]|AM|PM|am|pm|A\.M\.|P\.M\.|a\.m\.|p\.m\.|BC|AD|bc|ad|TZH|TZM|TZ|tz|OF)(TH|th)?|([A-Za-z])|([^A-Za-z"]+|")/g

/** As an instant is shown where it has a zone. */
export interface ShownZone {
  readonly abbreviation: string
  readonly offsetSeconds: number
}

const noZone: ShownZone = { abbreviation: '', offsetSeconds: 0 }

/** `us`: local time. */
export function toChar(us: bigint, template: string, zone: ShownZone = noZone): string {
  const { days: day, timeUs } = splitTimestamp(us)
  const fields = fieldsOf(day, timeUs, zone)
  return template.replace(token, (all: string, fill, pattern: string | undefined, suffix: string | undefined) => {
    if (pattern === undefined) {
      return all.startsWith('"') && all.length > 1 ? all.slice(1, -1).replaceAll('\\', '') : all
    }
    const text = renderField(pattern, fields, fill !== undefined)
    return suffix === undefined ? text : text + ordinal(text, suffix === 'TH')
  })
}

interface Fields {
  readonly day: number
  readonly timeUs: bigint
  /** As it is shown: 44 BC is 44. */
  readonly year: number
  readonly isBeforeChrist: boolean
  readonly month: number
  readonly date: number
  readonly hour: number
  readonly minute: number
  readonly second: number
  readonly micros: number
  readonly zone: ShownZone
}

function fieldsOf(day: number, timeUs: bigint, zone: ShownZone): Fields {
  const { year, month, day: date } = calendarFromDays(day)
  const seconds = Number(timeUs / 1_000_000n)
  return {
    day,
    timeUs,
    year: year > 0 ? year : 1 - year,
    isBeforeChrist: year <= 0,
    month,
    date,
    hour: Math.floor(seconds / 3600),
    minute: Math.floor(seconds / 60) % 60,
    second: seconds % 60,
    micros: Number(timeUs % 1_000_000n),
    zone,
  }
}

function renderField(pattern: string, fields: Fields, fillMode: boolean): string {
  const number = (value: number, width: number): string =>
    fillMode ? String(value) : String(value).padStart(width, '0')
  const word = (value: string, width: number): string => (fillMode ? value : value.padEnd(width))
  return renderDay(pattern, fields, number, word) ?? renderTime(pattern, fields, number)
}

type NumberText = (value: number, width: number) => string

function renderDay(
  pattern: string,
  { year, month, date, day }: Fields,
  number: NumberText,
  word: (value: string, width: number) => string,
): string | undefined {
  const lower = pattern.toLowerCase()
  const cased = (value: string): string =>
    pattern === lower ? value.toLowerCase() : pattern[1] === lower[1] ? value : value.toUpperCase()
  const isoYears = isoYear(day)
  const iso = isoYears > 0 ? isoYears : 1 - isoYears
  switch (lower) {
    case 'yyyy':
      return number(year, 4)
    case 'y,yyy':
      return `${Math.floor(year / 1000)},${String(year % 1000).padStart(3, '0')}`
    case 'yyy':
    case 'yy':
    case 'y':
      return number(year % 10 ** pattern.length, pattern.length)
    case 'iyyy':
      return number(iso, 4)
    case 'iyy':
    case 'iy':
      return number(iso % 10 ** pattern.length, pattern.length)
    case 'iw':
      return number(isoWeek(day), 2)
    case 'id':
      return String(dayOfWeek(day) === 0 ? 7 : dayOfWeek(day))
    case 'month':
      return word(cased(months[month - 1]!), 9)
    case 'mon':
      return cased(months[month - 1]!.slice(0, 3))
    case 'mm':
      return number(month, 2)
    case 'rm':
      return word(cased(roman[month - 1]!), 4)
    case 'ddd':
      return number(dayOfYear(day), 3)
    case 'dd':
      return number(date, 2)
    case 'day':
      return word(cased(days[dayOfWeek(day)]!), 9)
    case 'dy':
      return cased(days[dayOfWeek(day)]!.slice(0, 3))
    case 'd':
      return String(dayOfWeek(day) + 1)
    case 'ww':
      return number(Math.floor((dayOfYear(day) - 1) / 7) + 1, 2)
    case 'w':
      return String(Math.floor((date - 1) / 7) + 1)
    case 'cc':
      return number(Math.floor((year + 99) / 100), 2)
    case 'q':
      return String(Math.floor((month - 1) / 3) + 1)
    case 'j':
      return String(day + 2_440_588)
    default:
      return undefined
  }
}

function renderTime(
  pattern: string,
  { hour, minute, second, micros, timeUs, isBeforeChrist, zone }: Fields,
  number: NumberText,
): string {
  switch (pattern) {
    case 'HH24':
      return number(hour, 2)
    case 'HH12':
    case 'HH':
      return number(hour % 12 === 0 ? 12 : hour % 12, 2)
    case 'MI':
      return number(minute, 2)
    case 'SS':
      return number(second, 2)
    case 'SSSS':
    case 'SSSSS':
      return String(timeUs / 1_000_000n)
    case 'MS':
      return number(Math.floor(micros / 1000), 3)
    case 'US':
      return number(micros, 6)
    case 'TZ':
      return zone.abbreviation
    case 'tz':
      return zone.abbreviation.toLowerCase()
    case 'TZH':
    case 'TZM':
    case 'OF':
      return renderOffset(pattern, zone)
    default:
      return renderMark(pattern, hour, micros, isBeforeChrist)
  }
}

function renderOffset(pattern: string, { offsetSeconds }: ShownZone): string {
  const two = (value: number): string => String(value).padStart(2, '0')
  const size = Math.abs(offsetSeconds)
  const minutes = two(Math.floor(size / 60) % 60)
  if (pattern === 'TZM') return minutes
  const hours = `${offsetSeconds < 0 ? '-' : '+'}${two(Math.floor(size / 3600))}`
  return pattern === 'OF' && minutes !== '00' ? `${hours}:${minutes}` : hours
}

function renderMark(pattern: string, hour: number, micros: number, isBeforeChrist: boolean): string {
  if (/^FF[1-6]$/.test(pattern)) return String(micros).padStart(6, '0').slice(0, Number(pattern[2]))
  const mark = hour < 12 ? 'am' : 'pm'
  if (/^[ap]m$/i.test(pattern)) return pattern === pattern.toUpperCase() ? mark.toUpperCase() : mark
  if (/^[ap]\.m\.$/i.test(pattern)) {
    const dotted = `${mark[0]}.m.`
    return pattern === pattern.toUpperCase() ? dotted.toUpperCase() : dotted
  }
  const era = isBeforeChrist ? 'bc' : 'ad'
  if (/^(ad|bc)$/i.test(pattern)) return pattern === pattern.toUpperCase() ? era.toUpperCase() : era
  throw notBuilt(`the to_char pattern "${pattern}"`)
}

function ordinal(text: string, upper: boolean): string {
  const last = Number(text.slice(-1))
  const teen = text.length > 1 && text.at(-2) === '1'
  const suffix = teen || last > 3 || last === 0 ? 'th' : (['st', 'nd', 'rd'][last - 1] ?? 'th')
  return upper ? suffix.toUpperCase() : suffix
}
