/**
 * interval: months, days and microseconds, which only compare as if a month had 30 days and a day 24 hours.
 * Input: `1 year 2 mons 3 days 04:05:06`, `@ 3 hours ago`, `1-2 3 4:05`, ISO 8601 `P1Y2M3DT4H5M6S`. Output: by the session's
 * IntervalStyle (`interval-text.ts`).
 */
import { ByteReader } from '../../../base/bytes.ts'
import { Decimal } from '../../../base/decimal.ts'
import { usPerDay } from './calendar.ts'
import {
  allFields,
  cutToFields,
  fieldsOf,
  formatIntervalModifier,
  type IntervalFields,
  intervalModifier,
  precisionOf,
} from './interval-fields.ts'
import { formatInterval } from './interval-text.ts'
import { roundToPrecision } from './precision.ts'
import { textStyle } from './text-style.ts'
import { compareNumbers, needBytes, plainType, sqlError, trimSpace, type SqlType } from './type.ts'
import type { Interval } from './value.ts'

interface Unit {
  readonly months?: number
  readonly days?: number
  readonly us?: number
  /** A text says each no more than once: a bit of its own. */
  readonly place: number
}

const [microsecond, millisecond, second, minute, hour, day, week, month, year, decade, century, millennium] = [
  1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048,
]
/** Said by a number of seconds with a fraction, and by a time of day. */
const fraction = second | millisecond | microsecond
const clock = hour | minute | fraction

const dayUnit: Unit = { days: 1, place: day }

const unitPatterns: readonly (readonly [RegExp, Unit])[] = [
  [/^(?:us|usecs?|microseconds?|microsecon)$/, { us: 1, place: microsecond }],
  [/^(?:ms|msecs?|milliseconds?|millisecon)$/, { us: 1000, place: millisecond }],
  [/^(?:s|secs?|seconds?)$/, { us: 1_000_000, place: second }],
  [/^(?:m|mins?|minutes?)$/, { us: 60_000_000, place: minute }],
  [/^(?:h|hrs?|hours?)$/, { us: 3_600_000_000, place: hour }],
  [/^(?:d|days?)$/, dayUnit],
  [/^(?:w|weeks?)$/, { days: 7, place: week }],
  [/^(?:mons?|months?)$/, { months: 1, place: month }],
  [/^(?:y|yrs?|years?)$/, { months: 12, place: year }],
  [/^(?:dec|decs|decades?)$/, { months: 120, place: decade }],
  [/^(?:c|cent|centur(?:y|ies))$/, { months: 1200, place: century }],
  [/^(?:mil|mils|millenni(?:um|a))$/, { months: 12_000, place: millennium }],
]

class IntervalSum {
  months = 0
  days = 0
  us = 0n
  #said = 0

  /** Of one text: false where it has said one of these before. */
  say(places: number): boolean {
    const isNew = (this.#said & places) === 0
    this.#said |= places
    return isNew
  }

  /** A fraction of a month becomes days of 30 to it, a fraction of a day microseconds, as PostgreSQL spills them. */
  add(amount: number, unit: Omit<Unit, 'place'>): void {
    if (unit.months !== undefined) this.#addMonths(amount * unit.months)
    else if (unit.days !== undefined) this.#addDays(amount * unit.days)
    else this.us += BigInt(Math.round(amount * unit.us!))
  }

  #addMonths(months: number): void {
    const rounded = Math.round(months * 1e9) / 1e9
    const whole = Math.trunc(rounded)
    this.months += whole
    if (rounded !== whole) this.#addDays((rounded - whole) * 30)
  }

  #addDays(days: number): void {
    const rounded = Math.round(days * 1e9) / 1e9
    const whole = Math.trunc(rounded)
    this.days += whole
    if (rounded !== whole) this.us += BigInt(Math.round((rounded - whole) * 86_400_000_000))
  }

  negate(): void {
    this.months = -this.months
    this.days = -this.days
    this.us = -this.us
  }
}

function parseInterval(text: string, modifier = -1): Interval {
  const source = trimSpace(text)
  if (source === '' || source.length > 256) throw badInterval(text)
  const sum = /^P/i.test(source) ? readIso(source, text) : readVerbose(source, text, fieldsOf(modifier))
  return coerceInterval(checkInterval(sum, text), modifier)
}

function coerceInterval(value: Interval, modifier: number): Interval {
  const { months, days, us } = cutToFields(value, modifier)
  return { months, days, us: roundToPrecision(us, precisionOf(modifier)) }
}

function badInterval(text: string): Error {
  return sqlError('invalid_argument', '22007', `invalid input syntax for type interval: "${text}"`)
}

function isInt32(value: number): boolean {
  return (value | 0) === value
}

export function checkInterval(value: Interval, text?: string): Interval {
  const isInRange = isInt32(value.months) && isInt32(value.days) && BigInt.asIntN(64, value.us) === value.us
  if (isInRange) return { months: value.months + 0, days: value.days + 0, us: value.us }
  const message = text === undefined ? 'interval out of range' : `interval field value out of range: "${text}"`
  throw sqlError('out_of_range', text === undefined ? '22008' : '22015', message)
}

const verbosePattern =
  /\s+|@|([+-]?)(\d+):(\d+)(?::(\d+(?:\.\d*)?))?|([+-]?)(\d+)-(\d+)(?![\d:])|([+-]?(?:\d+\.?\d*|\.\d+))\s*([a-z]*)|ago\b/giy

function readVerbose(source: string, text: string, named: IntervalFields | undefined): IntervalSum {
  const sum = new IntervalSum()
  const signs = new Signs(source)
  let isAgo = false
  let fields = 0
  verbosePattern.lastIndex = 0
  while (verbosePattern.lastIndex < source.length) {
    const match = verbosePattern.exec(source)
    if (match === null || isAgo) throw badInterval(text)
    if (match[2] !== undefined) addClock(sum, match, signs, named?.isShort === true, text)
    else if (match[6] !== undefined) addYearMonth(sum, match, signs, source[verbosePattern.lastIndex], text)
    else if (match[8] !== undefined) addAmount(sum, match, signs, source.slice(verbosePattern.lastIndex), text, named)
    else if (match[0].toLowerCase() === 'ago') isAgo = true
    else continue
    fields++
  }
  if (fields === 0) throw badInterval(text)
  if (isAgo) sum.negate()
  return sum
}

/** In the style of the SQL standard a sign at the beginning is that of all parts, where no other has one. */
class Signs {
  readonly #areNegative: boolean

  constructor(source: string) {
    this.#areNegative = textStyle().intervalStyle === 'sql_standard' && source.startsWith('-') && !/\s[+-]/.test(source)
  }

  of(sign: string | undefined): 1 | -1 {
    return sign === '-' || this.#areNegative ? -1 : 1
  }
}

function addClock(sum: IntervalSum, match: RegExpExecArray, signs: Signs, isShort: boolean, text: string): void {
  if (!sum.say(clock)) throw badInterval(text)
  const sign = BigInt(signs.of(match[1]))
  const [hours, minutes, seconds] =
    isShort && match[4] === undefined ? ['0', match[2]!, match[3]!] : [match[2]!, match[3]!, match[4] ?? '0']
  const minuteUs = BigInt(hours) * 3_600_000_000n + BigInt(minutes) * 60_000_000n
  sum.us += sign * (minuteUs + BigInt(Math.round(Number(seconds) * 1e6)))
}

function addYearMonth(
  sum: IntervalSum,
  match: RegExpExecArray,
  signs: Signs,
  next: string | undefined,
  text: string,
): void {
  if (Number(match[7]) > 11) throw sqlError('out_of_range', '22015', `interval field value out of range: "${text}"`)
  if ((next !== undefined && !/\s/.test(next)) || !sum.say(month)) throw badInterval(text)
  const months = Number(match[6]) * 12 + Number(match[7])
  sum.months += signs.of(match[5]) * months
}

function addAmount(
  sum: IntervalSum,
  match: RegExpExecArray,
  signs: Signs,
  rest: string,
  text: string,
  named: IntervalFields | undefined,
): void {
  const word = match[9]!.toLowerCase()
  // A number without a unit is of the type's last field at the end, seconds where it names none, and days before a time of day.
  const isBeforeTime = word === '' && /^\s*[+-]?\d+:/.test(rest)
  if (word === '' && !isBeforeTime && rest.trim() !== '') throw badInterval(text)
  const unit = isBeforeTime ? dayUnit : findUnit(word === '' ? (named?.last ?? 'second') : word)
  const amount = match[8]!
  const hasFraction = unit?.place === second && Number(amount) % 1 !== 0
  if (unit === undefined || !sum.say(hasFraction ? fraction : unit.place)) throw badInterval(text)
  sum.add(signs.of(amount[0]) * Math.abs(Number(amount)), unit)
}

function findUnit(word: string): Unit | undefined {
  return unitPatterns.find(([pattern]) => pattern.test(word))?.[1]
}

type IsoUnit = Omit<Unit, 'place'>

const isoDateUnits: Readonly<Record<string, IsoUnit>> = {
  Y: { months: 12 },
  M: { months: 1 },
  W: { days: 7 },
  D: { days: 1 },
}
const isoTimeUnits: Readonly<Record<string, IsoUnit>> = {
  H: { us: 3_600_000_000 },
  M: { us: 60_000_000 },
  S: { us: 1_000_000 },
}

function readIso(source: string, text: string): IntervalSum {
  const sum = new IntervalSum()
  const [datePart = '', timePart] = source.slice(1).toUpperCase().split('T', 2)
  if (datePart === '' && (timePart ?? '') === '') throw badInterval(text)
  addIsoPart(sum, datePart, isoDateUnits, text)
  if (timePart !== undefined) addIsoPart(sum, timePart, isoTimeUnits, text)
  return sum
}

function addIsoPart(sum: IntervalSum, part: string, units: Readonly<Record<string, IsoUnit>>, text: string): void {
  const pattern = /([+-]?\d+(?:\.\d*)?)([A-Z])/y
  while (pattern.lastIndex < part.length) {
    const match = pattern.exec(part)
    const unit = match === null ? undefined : units[match[2]!]
    if (match === null || unit === undefined) throw badInterval(text)
    sum.add(Number(match[1]), unit)
  }
}

/** The order's measure: µs, a month as 30 days. */
function intervalSpanUs(value: Interval): bigint {
  return BigInt(value.months * 30 + value.days) * usPerDay + value.us
}

export const intervalType: SqlType = {
  ...plainType,
  oid: 1186,
  name: 'interval',
  title: 'interval',
  arrayOid: 1187,
  category: 'T',
  isPreferred: true,
  lengthBytes: 16,
  storage: 'fixed',
  storedBytes: 16,
  isOrdered: true,
  parseText: parseInterval,
  formatText: (value) => formatInterval(value as Interval),
  encodeBinary: (value, writer) => {
    const interval = value as Interval
    writer.i64be(interval.us)
    writer.i32be(interval.days)
    writer.i32be(interval.months)
  },
  decodeBinary: (bytes, start, end) => {
    needBytes('interval', start, end, 16)
    const reader = new ByteReader(bytes, start, end)
    return { us: reader.i64be(), days: reader.i32be(), months: reader.i32be() }
  },
  compare: (a, b) => compareNumbers(intervalSpanUs(a as Interval), intervalSpanUs(b as Interval)),
  // The span exceeds 64 bits.
  writeKey: (value, writer) => void writer.numberDecimal(Decimal.of(intervalSpanUs(value as Interval)), true),
  writeStored: (value, writer) => {
    const interval = value as Interval
    writer.i32le(interval.months)
    writer.i32le(interval.days)
    writer.i64le(interval.us)
  },
  readStored: (bytes, start, end) => {
    const reader = new ByteReader(bytes, start, end)
    return { months: reader.i32le(), days: reader.i32le(), us: reader.i64le() }
  },
  coerce: (value, modifier) => coerceInterval(value as Interval, modifier),
  modifierOf: (parameters) => intervalModifier(allFields, parameters.at(-1)),
  formatModifier: formatIntervalModifier,
}
