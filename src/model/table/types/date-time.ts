/**
 * date, time, timestamp and timestamptz. All count from 1970 in UTC; the wire's binary form counts from 2000.
 * How they are written as text is the session's (`text-style.ts`).
 */
import { roundToPrecision } from './precision.ts'
import { calendarFromDays, dayOfWeek, daysFromCalendar, daysInMonth } from '../../../base/calendar.ts'
import {
  dateEndDay,
  dateInfinity,
  dateMinusInfinity,
  firstDay,
  postgresEpochDays,
  postgresEpochUs,
  timestampInfinity,
  timestampMinusInfinity,
  usPerDay,
} from './calendar.ts'
import { badText, readDateTime } from './date-time-text.ts'
import { readInt32, readInt64 } from './integer.ts'
import { localKind, type TextStyle, textStyle, toLocal } from './text-style.ts'
import { compareNumbers, fixedView, plainType, sqlError, type SqlType } from './type.ts'
import type { SqlValue } from './value.ts'

const isoLength = 'YYYY-MM-DD'.length

/** As dates are mostly written, whatever the style of the session; undefined for any other text. */
function parseIsoDate(text: string): number | undefined {
  if (text.length !== isoLength || text.charCodeAt(4) !== 0x2d || text.charCodeAt(7) !== 0x2d) return undefined
  const year = 100 * twoDigits(text, 0) + twoDigits(text, 2)
  const month = twoDigits(text, 5)
  const day = twoDigits(text, 8)
  // What is no digit is NaN.
  const isPlain = year >= 1000 && month >= 1 && month <= 12 && day >= 1 && day <= daysInMonth(year, month)
  return isPlain ? daysFromCalendar(year, month, day) : undefined
}

function twoDigits(text: string, at: number): number {
  const tens = text.charCodeAt(at) - 0x30
  const ones = text.charCodeAt(at + 1) - 0x30
  return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 ? 10 * tens + ones : NaN
}

function parseDate(text: string): number {
  const iso = parseIsoDate(text)
  if (iso !== undefined) return iso
  const fields = readDateTime(text, 'date')
  if (fields.special === 'infinity') return dateInfinity
  if (fields.special === '-infinity') return dateMinusInfinity
  if (fields.special === 'epoch') return 0
  if (fields.days === undefined) throw badText('date', text)
  if (fields.days < firstDay || fields.days >= dateEndDay) {
    throw sqlError('out_of_range', '22008', `date out of range: "${text}"`)
  }
  return fields.days
}

function parseTime(text: string, modifier = -1): bigint {
  const fields = readDateTime(text, 'time')
  if (fields.timeUs === undefined || fields.special !== undefined) throw badText('time', text)
  return roundToPrecision(fields.timeUs, modifier)
}

/** timestamp ignores a zone in its text; timestamptz applies it. */
function parseTimestamp(text: string, modifier = -1, withZone = false): bigint {
  const title = withZone ? 'timestamp with time zone' : 'timestamp'
  const fields = readDateTime(text, title)
  if (fields.special === 'infinity') return timestampInfinity
  if (fields.special === '-infinity') return timestampMinusInfinity
  if (fields.special === 'epoch') return 0n
  if (fields.days === undefined) throw badText(title, text)
  const local = BigInt(fields.days) * usPerDay + (fields.timeUs ?? 0n)
  const us = withZone ? local - BigInt(fields.zoneSeconds ?? zoneSecondsOf(local)) * 1_000_000n : local
  if (!isTimestamp(us)) throw sqlError('out_of_range', '22008', `timestamp out of range: "${text}"`)
  return roundToPrecision(us, modifier)
}

/** East of UTC, of a local time in the session's zone. */
function zoneSecondsOf(localUs: bigint): number {
  return textStyle().zone.kindOfLocal(Number(localUs / 1_000_000n)).offsetSeconds
}

const firstTimestamp = BigInt(firstDay) * usPerDay

/**
 * Counting from 1970, 64 bits end on 294247-01-10; PostgreSQL, which counts from 2000, goes on to the end of 294276.
 */
export function isTimestamp(us: bigint): boolean {
  return us >= firstTimestamp && us < timestampInfinity
}

/** Of a computed timestamp. */
export function checkTimestamp(us: bigint): bigint {
  if (isTimestamp(us) || us === timestampInfinity || us === timestampMinusInfinity) return us
  throw sqlError('out_of_range', '22008', 'timestamp out of range')
}

export function checkDate(days: number): number {
  const isInfinite = days === dateInfinity || days === dateMinusInfinity
  if (isInfinite || (days >= firstDay && days < dateEndDay)) return days
  throw sqlError('out_of_range', '22008', 'date out of range')
}

function two(value: number): string {
  return value < 10 ? `0${value}` : String(value)
}

/** Of a day: years before Christ are counted from 1, and shown with a ` BC` at the end. */
interface ShownDay {
  readonly year: string
  readonly month: string
  readonly day: string
  readonly era: '' | ' BC'
}

function shownDay(days: number): ShownDay {
  const { year, month, day } = calendarFromDays(days)
  const isBeforeChrist = year <= 0
  const shown = String(isBeforeChrist ? 1 - year : year).padStart(4, '0')
  return { year: shown, month: two(month), day: two(day), era: isBeforeChrist ? ' BC' : '' }
}

function inOrder({ year, month, day }: ShownDay, separator: string, { dateOrder }: TextStyle): string {
  return dateOrder === 'DMY'
    ? `${day}${separator}${month}${separator}${year}`
    : `${month}${separator}${day}${separator}${year}`
}

function formatDate(days: number): string {
  if (days === dateInfinity) return 'infinity'
  if (days === dateMinusInfinity) return '-infinity'
  const shown = shownDay(days)
  const style = textStyle()
  const { year, month, day, era } = shown
  if (style.dateStyle === 'ISO') return `${year}-${month}-${day}${era}`
  if (style.dateStyle === 'German') return `${day}.${month}.${year}${era}`
  return `${inOrder(shown, style.dateStyle === 'SQL' ? '/' : '-', style)}${era}`
}

/** `04:05:06.789`: fractions without trailing zeros. Hours may go beyond 24 in intervals. */
export function formatTime(us: bigint): string {
  const seconds = Number(us / 1_000_000n)
  const fraction = Number(us % 1_000_000n)
  const clock = `${two(Math.floor(seconds / 3600))}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`
  return fraction === 0 ? clock : `${clock}.${String(fraction).padStart(6, '0').replace(/0+$/, '')}`
}

const weekdays = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat']
const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

function formatTimestamp(us: bigint, withZone = false): string {
  if (us === timestampInfinity) return 'infinity'
  if (us === timestampMinusInfinity) return '-infinity'
  const style = textStyle()
  const { days, timeUs } = splitTimestamp(withZone ? toLocal(us) : us)
  const shown = shownDay(days)
  const { year, month, day, era } = shown
  const time = formatTime(timeUs)
  const zone = withZone ? shownZone(us, style) : ''
  if (style.dateStyle === 'ISO') return `${year}-${month}-${day} ${time}${zone}${era}`
  if (style.dateStyle === 'German') return `${day}.${month}.${year} ${time}${zone}${era}`
  if (style.dateStyle === 'SQL') return `${inOrder(shown, '/', style)} ${time}${zone}${era}`
  const name = months[Number(month) - 1]!
  const date = style.dateOrder === 'DMY' ? `${day} ${name}` : `${name} ${day}`
  return `${weekdays[dayOfWeek(days)]!} ${date} ${time} ${year}${zone}${era}`
}

/** `+05:30` in the style ISO, the zone's abbreviation in the others. */
function shownZone(us: bigint, { dateStyle }: TextStyle): string {
  const { offsetSeconds, abbreviation } = localKind(us)
  return dateStyle === 'ISO' ? formatOffset(offsetSeconds) : ` ${abbreviation}`
}

/** `+05`, `+05:30`, `-04:56:02`: east of UTC is positive. */
export function formatOffset(seconds: number): string {
  const size = Math.abs(seconds)
  const [hours, minutes, rest] = [Math.floor(size / 3600), Math.floor(size / 60) % 60, size % 60]
  const tail = rest > 0 ? `:${two(minutes)}:${two(rest)}` : minutes > 0 ? `:${two(minutes)}` : ''
  return `${seconds < 0 ? '-' : '+'}${two(hours)}${tail}`
}

export function splitTimestamp(us: bigint): { days: number; timeUs: bigint } {
  let days = us / usPerDay
  if (us < 0n && days * usPerDay !== us) days--
  return { days: Number(days), timeUs: us - days * usPerDay }
}

export function precisionModifierOf(parameters: readonly number[], title: string): number {
  const [precision = -1] = parameters
  if (parameters.length !== 1) throw sqlError('syntax', '22023', 'invalid type modifier')
  if (precision < 0)
    throw sqlError('invalid_argument', '22023', `${title}(${precision}) precision must not be negative`)
  return Math.min(precision, 6)
}

const ordered = {
  ...plainType,
  category: 'D',
  isOrdered: true,
  compare: (a: SqlValue, b: SqlValue): number => compareNumbers(a as number, b as number),
}

export const dateType: SqlType = {
  ...ordered,
  oid: 1082,
  name: 'date',
  title: 'date',
  arrayOid: 1182,
  lengthBytes: 4,
  storage: 'fixed',
  storedBytes: 4,
  parseText: (text) => parseDate(text),
  formatText: (value) => formatDate(value as number),
  encodeBinary: (value, writer) => {
    const days = value as number
    const isInfinite = days === dateInfinity || days === dateMinusInfinity
    writer.i32be(isInfinite ? days : days - postgresEpochDays)
  },
  decodeBinary: (bytes, start, end) => {
    const days = fixedView('date', bytes, start, end, 4).getInt32(0)
    if (days === dateInfinity || days === dateMinusInfinity) return days
    return checkDate(days + postgresEpochDays)
  },
  writeKey: (value, writer) => void writer.int64(value as number),
  writeStored: (value, writer) => writer.i32le(value as number),
  readStored: readInt32,
}

const counted = {
  ...ordered,
  lengthBytes: 8,
  storage: 'fixed' as const,
  storedBytes: 8,
  writeStored: (value: SqlValue, writer: { i64le(value: bigint): void }): void => writer.i64le(value as bigint),
  readStored: readInt64,
  coerce: (value: SqlValue, modifier: number): SqlValue => {
    const us = value as bigint
    return us === timestampInfinity || us === timestampMinusInfinity ? us : roundToPrecision(us, modifier)
  },
}

export const timeType: SqlType = {
  ...counted,
  oid: 1083,
  name: 'time',
  title: 'time without time zone',
  arrayOid: 1183,
  parseText: parseTime,
  formatText: (value) => formatTime(value as bigint),
  encodeBinary: (value, writer) => writer.i64be(value as bigint),
  decodeBinary: (bytes, start, end) => {
    const us = fixedView('time', bytes, start, end, 8).getBigInt64(0)
    if (us < 0n || us > usPerDay) throw sqlError('out_of_range', '22008', 'time out of range')
    return us
  },
  writeKey: (value, writer) => void writer.int64(value as bigint),
  modifierOf: (parameters) => precisionModifierOf(parameters, 'TIME'),
  formatModifier: (modifier) => (modifier < 0 ? '' : `(${modifier})`),
}

function timestampOf(withZone: boolean): SqlType {
  return {
    ...counted,
    oid: withZone ? 1184 : 1114,
    name: withZone ? 'timestamptz' : 'timestamp',
    title: withZone ? 'timestamp with time zone' : 'timestamp without time zone',
    arrayOid: withZone ? 1185 : 1115,
    isPreferred: withZone,
    parseText: (text, modifier = -1) => parseTimestamp(text, modifier, withZone),
    formatText: (value) => formatTimestamp(value as bigint, withZone),
    encodeBinary: (value, writer) => {
      const us = value as bigint
      writer.i64be(us === timestampInfinity || us === timestampMinusInfinity ? us : us - postgresEpochUs)
    },
    decodeBinary: (bytes, start, end) => {
      const us = fixedView('timestamp', bytes, start, end, 8).getBigInt64(0)
      if (us === timestampInfinity || us === timestampMinusInfinity) return us
      return checkTimestamp(us + postgresEpochUs)
    },
    writeKey: (value, writer) => void writer.timestamp(value as bigint),
    modifierOf: (parameters) => precisionModifierOf(parameters, 'TIMESTAMP'),
    formatModifier: (modifier) => (modifier < 0 ? '' : `(${modifier})`),
  }
}

export const timestampType: SqlType = timestampOf(false)
export const timestamptzType: SqlType = timestampOf(true)
