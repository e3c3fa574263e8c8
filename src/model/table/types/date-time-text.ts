/**
 * Reads dates and times as people write them, by PostgreSQL's rules; of `1/2/2024` DateStyle says which is the day.
 *
 * The text is cut into tokens (words, numbers with the separators inside them, signed offsets), and each token fills the
 * fields that it can be: `2024-02-29`, `20240229`, `29-Feb-2024`, `Feb 29, 2024`, `2/29/2024`, `J2460370`, `04:05:06.7`,
 * `040506`, `4 PM`, `BC`, `Z`, `+05:30`, `PST`, `Europe/Rome`, `epoch`, `infinity`. What fills a field twice is an error.
 */
import { findTimeZone, isAbbreviation, offsetOfAbbreviation } from '../../../base/time-zones/time-zone.ts'
import { calendarFromDays, daysFromCalendar, daysInMonth } from '../../../base/calendar.ts'
import { usPerDay } from './calendar.ts'
import { textStyle } from './text-style.ts'
import { sqlError, trimSpace } from './type.ts'

export interface DateTimeFields {
  special: 'epoch' | 'infinity' | '-infinity' | undefined
  /** Days since 1970, where a date was given. */
  days: number | undefined
  /** µs since midnight, where a time was given; 24:00:00 is the next midnight. */
  timeUs: bigint | undefined
  /** Seconds east of UTC. */
  zoneSeconds: number | undefined
}

interface Draft {
  year: number | undefined
  month: number | undefined
  day: number | undefined
  julian: number | undefined
  timeUs: bigint | undefined
  /** East of UTC; of a name, once it is known at which local time. */
  zone: number | ((localSeconds: number) => number) | undefined
  /** The zone's offset is not the same on every day. */
  isZoneOfDay: boolean
  isBeforeChrist: boolean
  half: 'am' | 'pm' | undefined
  /** Only an hour was given: `4 PM`. */
  isBareHour: boolean
  special: DateTimeFields['special']
  /** How many digits the year was written with: two mean 1970–2069. */
  yearDigits: number
  /** The month was given by its name. */
  isMonthNamed: boolean
}

const months = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']
const fullMonths =
  /^(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)$/
const weekdays =
  /^(?:sun(?:day)?|mon(?:day)?|tue(?:s|sday)?|wed(?:nesday|s)?|thu(?:r|rs|rsday)?|fri(?:day)?|sat(?:urday)?)$/
const clockWords = /^(?:now|today|tomorrow|yesterday)$/

/** `title` is the type's, for messages. */
export function readDateTime(text: string, title: string): DateTimeFields {
  if (text.length > 128) throw badText(title, text)
  const draft = emptyDraft()
  const context = new Reading(text, title, draft)
  for (const token of tokenize(text, title)) context.accept(token)
  return context.finish()
}

function emptyDraft(): Draft {
  return {
    year: undefined,
    month: undefined,
    day: undefined,
    julian: undefined,
    timeUs: undefined,
    zone: undefined,
    isZoneOfDay: false,
    isBeforeChrist: false,
    half: undefined,
    isBareHour: false,
    special: undefined,
    yearDigits: 4,
    isMonthNamed: false,
  }
}

export function badText(title: string, text: string): Error {
  return sqlError('invalid_argument', '22007', `invalid input syntax for type ${title}: "${text}"`)
}

function fieldOutOfRange(text: string, isMonth = false): Error {
  const hint = isMonth ? { hint: 'Perhaps you need a different "datestyle" setting.' } : {}
  return sqlError('out_of_range', '22008', `date/time field value out of range: "${text}"`, hint)
}

const tokenPattern =
  /\s+|,|(-?infinity)\b|([+-]\d{1,2}(?::?\d{2}(?::?\d{2})?)?)(?![\d/])|(\d+(?:[-/.][A-Za-z\d]+){1,2}|[A-Za-z]{3,9}-\d+-\d+)|(\d+(?::\d+)+(?:\.\d*)?)|(J?\d+(?:\.\d*)?)|([A-Za-z]+(?:[/_][A-Za-z\d_+\-/]*[A-Za-z\d])?(?:\d{1,2}[A-Za-z]{3,})?)/giy

/** Each with what it looks like; a `T` between date and time and a `-` before an offset are resolved by the patterns. */
type Token = { readonly kind: 'infinity' | 'offset' | 'date' | 'time' | 'number' | 'word'; readonly text: string }
const kinds = ['infinity', 'offset', 'date', 'time', 'number', 'word'] as const

function tokenize(text: string, title: string): Token[] {
  const tokens: Token[] = []
  // `…29T04:05` and `…06Z` are written without spaces.
  const source = trimSpace(text).replace(/(\d)T(?=\d)/i, '$1 ')
  tokenPattern.lastIndex = 0
  while (tokenPattern.lastIndex < source.length) {
    const match = tokenPattern.exec(source)
    if (match === null) throw badText(title, text)
    const index = match.slice(1).findIndex((group) => group !== undefined)
    if (index >= 0) tokens.push({ kind: kinds[index]!, text: match[0] })
  }
  if (tokens.length === 0) throw badText(title, text)
  return tokens
}

class Reading {
  readonly #text: string
  readonly #title: string
  readonly #draft: Draft

  constructor(text: string, title: string, draft: Draft) {
    this.#text = text
    this.#title = title
    this.#draft = draft
  }

  accept(token: Token): void {
    if (token.kind === 'infinity') this.#special(token.text.startsWith('-') ? '-infinity' : 'infinity')
    else if (token.kind === 'offset') this.#offset(token.text)
    else if (token.kind === 'date') this.#date(token.text)
    else if (token.kind === 'time') this.#time(token.text)
    else if (token.kind === 'number') this.#number(token.text)
    else this.#word(token.text.toLowerCase())
  }

  finish(): DateTimeFields {
    const draft = this.#draft
    const days = this.#days()
    const timeUs = this.#halfDay()
    if (draft.special !== undefined && (days !== undefined || timeUs !== undefined)) throw this.#bad()
    if (draft.isZoneOfDay && days === undefined && timeUs !== undefined) throw this.#bad()
    return { special: draft.special, days, timeUs, zoneSeconds: zoneSecondsOf(draft, days, timeUs) }
  }

  #bad(): Error {
    return badText(this.#title, this.#text)
  }

  #special(name: 'epoch' | 'infinity' | '-infinity'): void {
    if (this.#draft.special !== undefined) throw this.#bad()
    this.#draft.special = name
  }

  #word(word: string): void {
    const draft = this.#draft
    if (word === 'epoch') this.#special('epoch')
    else if (fullMonths.test(word)) this.#monthName(word)
    else if (word === 'bc') draft.isBeforeChrist = true
    else if (word === 'am' || word === 'pm') draft.half = word
    else if (word === 'allballs') this.#setTime(0, 0, 0, '')
    else if (clockWords.test(word)) {
      const message = `date/time value "${word}" is not supported as text: use now() or CURRENT_DATE`
      throw sqlError('unsupported', '0A000', message)
    } else if (isAbbreviation(word)) this.#zone((local) => offsetOfAbbreviation(word, local)!)
    else if (word !== 'ad' && word !== 't' && !weekdays.test(word)) this.#zoneName(word)
  }

  #zoneName(word: string): void {
    const zone = findTimeZone(word)
    if (zone !== undefined) {
      this.#zone(zone.fixedSeconds ?? ((local) => zone.kindOfLocal(local).offsetSeconds))
      this.#draft.isZoneOfDay = zone.fixedSeconds === undefined
    } else if (word.includes('/')) throw sqlError('invalid_argument', '22023', `time zone "${word}" not recognized`)
    else throw this.#bad()
  }

  #monthName(word: string): void {
    const draft = this.#draft
    // `8 Jan 1999`: a lone number before was taken for a month.
    if (draft.month !== undefined && draft.day === undefined) draft.day = draft.month
    else if (draft.month !== undefined) throw this.#bad()
    draft.month = months.indexOf(word.slice(0, 3)) + 1
    draft.isMonthNamed = true
  }

  #zone(zone: number | ((localSeconds: number) => number)): void {
    if (this.#draft.zone !== undefined) throw this.#bad()
    this.#draft.zone = zone
  }

  #offset(text: string): void {
    if (this.#draft.timeUs === undefined) throw this.#bad()
    const digits = text.slice(1).replace(/:/g, '')
    const padded = digits.length % 2 === 1 ? `0${digits}` : digits
    const [hours = 0, minutes = 0, seconds = 0] = (padded.match(/\d\d/g) ?? []).map(Number)
    if (hours > 15 || minutes > 59 || seconds > 59) {
      throw sqlError('out_of_range', '22009', `time zone displacement out of range: "${this.#text}"`)
    }
    const magnitude = hours * 3600 + minutes * 60 + seconds
    this.#zone(text.startsWith('-') ? -magnitude : magnitude)
  }

  #date(text: string): void {
    const parts = text.split(/[-/.]/)
    const named = parts.findIndex((part) => /^[A-Za-z]+$/.test(part))
    if (named >= 0) {
      this.#namedDate(parts, named)
      return
    }
    if (parts.some((part) => !/^\d+$/.test(part))) throw this.#bad()
    if (parts.length === 2) this.#twoParts(text, parts)
    else if (parts[0]!.length > 2) this.#setDate(parts[0]!, parts[1]!, parts[2]!)
    else this.#setByOrder(parts)
  }

  #setByOrder([first = '', second = '', third = '']: readonly string[]): void {
    const { dateOrder } = textStyle()
    if (dateOrder === 'YMD') this.#setDate(first, second, third)
    else if (dateOrder === 'DMY') this.#setDate(third, second, first)
    else this.#setDate(third, first, second)
  }

  #twoParts(text: string, parts: readonly string[]): void {
    const [first = '', second = ''] = parts
    if (first.length > 2 && text.includes('.') && second.length === 3) {
      const days = daysFromCalendar(Number(first), 1, 1) + Number(second) - 1
      const date = calendarFromDays(days)
      this.#setDate(first, String(date.month), String(date.day))
    } else if (text.includes('.') && first.length >= 6) {
      this.#number(text)
    } else throw this.#bad()
  }

  #namedDate(parts: readonly string[], named: number): void {
    const word = parts[named]!.toLowerCase()
    if (!fullMonths.test(word) || parts.length !== 3) throw this.#bad()
    const month = String(months.indexOf(word.slice(0, 3)) + 1)
    const [a = '', b = ''] = parts.filter((_, index) => index !== named)
    // `99-Jan-08` begins with the year only where dates do.
    if (a.length > 2 || (textStyle().dateOrder === 'YMD' && b.length <= 2)) this.#setDate(a, month, b)
    else this.#setDate(b, month, a)
  }

  #setDate(year: string, month: string, day: string): void {
    const draft = this.#draft
    if (draft.year !== undefined || draft.month !== undefined || draft.day !== undefined) throw this.#bad()
    this.#setYear(year)
    draft.month = Number(month)
    draft.day = Number(day)
  }

  #setYear(text: string): void {
    this.#draft.yearDigits = text.length
    this.#draft.year = Number(text)
  }

  #time(text: string): void {
    if (this.#draft.timeUs !== undefined) throw this.#bad()
    const [clock = '', fraction = ''] = text.split('.')
    const parts = clock.split(':')
    if (parts.length > 3) throw this.#bad()
    // `04:05.5` is minutes and seconds.
    if (parts.length === 2 && text.includes('.')) parts.unshift('0')
    const [hours = 0, minutes = 0, seconds = 0] = parts.map(Number)
    this.#setTime(hours, minutes, seconds, fraction)
  }

  #setTime(hours: number, minutes: number, seconds: number, fraction: string): void {
    const us = BigInt(hours * 3600 + minutes * 60 + seconds) * 1_000_000n + roundFraction(fraction)
    if (hours > 24 || minutes > 59 || seconds > 60 || us > usPerDay) throw fieldOutOfRange(this.#text)
    this.#draft.timeUs = us
  }

  #number(text: string): void {
    const draft = this.#draft
    const [digits = '', fraction = ''] = text.split('.')
    const hasDate = draft.day !== undefined || draft.julian !== undefined
    if (/^j/i.test(text)) {
      this.#julianDay(text)
    } else if (digits.length === 8 && !hasDate) {
      this.#setDate(digits.slice(0, 4), digits.slice(4, 6), digits.slice(6))
    } else if (digits.length === 6 && (hasDate || this.#isTimeOnly()) && draft.timeUs === undefined) {
      this.#setTime(Number(digits.slice(0, 2)), Number(digits.slice(2, 4)), Number(digits.slice(4)), fraction)
    } else if (digits.length === 6 && !hasDate) {
      this.#setDate(digits.slice(0, 2), digits.slice(2, 4), digits.slice(4))
    } else if (text.includes('.') || digits.length > 7) {
      throw this.#bad()
    } else this.#smallNumber(digits)
  }

  /** Julian day 0 is 4714-11-24 BC. */
  #julianDay(text: string): void {
    const { year, month, day, julian } = this.#draft
    const isTaken = year !== undefined || month !== undefined || day !== undefined || julian !== undefined
    if (isTaken || !/^j\d{1,8}$/i.test(text)) throw this.#bad()
    this.#draft.julian = Number(text.slice(1)) - 2_440_588
  }

  #smallNumber(digits: string): void {
    const draft = this.#draft
    if (this.#partOfDate(digits)) return
    if (draft.timeUs === undefined && digits.length <= 2) {
      draft.isBareHour = true
      this.#setTime(Number(digits), 0, 0, '')
    } else if (draft.timeUs === undefined && digits.length === 4 && this.#isTimeOnly()) {
      this.#setTime(Number(digits.slice(0, 2)), Number(digits.slice(2)), 0, '')
    } else throw this.#bad()
  }

  /**
   * Whether a lone number is a day, a month or a year: by what is there already, by its length and by DateOrder, as
   * PostgreSQL's DecodeNumber decides.
   */
  #partOfDate(digits: string): boolean {
    const draft = this.#draft
    const { year, month, day } = draft
    const { dateOrder } = textStyle()
    const isLong = digits.length > 2
    if (this.#isTimeOnly() || (year !== undefined && month !== undefined && day !== undefined)) return false
    if (year !== undefined && month !== undefined) this.#dayBehind(digits)
    else if (month !== undefined && day !== undefined) this.#setYear(digits)
    else if (day !== undefined && !isLong) draft.month = Number(digits)
    else if (year !== undefined && !isLong) draft.month = Number(digits)
    else if (month !== undefined) {
      if (draft.isMonthNamed && (isLong || dateOrder === 'YMD')) this.#setYear(digits)
      else if (!isLong) draft.day = Number(digits)
      else return false
    } else if (day !== undefined || year !== undefined) return false
    else if (isLong && !draft.isBareHour && draft.timeUs === undefined) return false
    else if (dateOrder === 'YMD') this.#setYear(digits)
    else if (dateOrder === 'DMY') draft.day = Number(digits)
    else draft.month = Number(digits)
    return true
  }

  /** `08 Jan 1999`: what was taken for a year of two digits is the day. */
  #dayBehind(digits: string): void {
    const draft = this.#draft
    if (digits.length > 2 && draft.isMonthNamed && draft.yearDigits <= 2) {
      draft.day = draft.year
      this.#setYear(digits)
    } else draft.day = Number(digits)
  }

  #isTimeOnly(): boolean {
    return this.#title === 'time'
  }

  #days(): number | undefined {
    const { year, month, day, julian } = this.#draft
    if (julian !== undefined) return julian
    if (year === undefined && month === undefined && day === undefined) return undefined
    if (year === undefined || month === undefined || day === undefined) throw this.#bad()
    const full = this.#fullYear(year)
    if (month < 1 || month > 12) throw fieldOutOfRange(this.#text, true)
    if (day < 1 || day > 31) throw fieldOutOfRange(this.#text, true)
    if (day > daysInMonth(full, month)) throw fieldOutOfRange(this.#text)
    return daysFromCalendar(full, month, day)
  }

  #fullYear(year: number): number {
    const draft = this.#draft
    if (draft.isBeforeChrist) {
      if (year === 0) throw fieldOutOfRange(this.#text)
      return 1 - year
    }
    if (draft.yearDigits <= 2) return year < 70 ? year + 2000 : year + 1900
    if (year === 0) throw fieldOutOfRange(this.#text)
    return year
  }

  #halfDay(): bigint | undefined {
    const { half, timeUs, isBareHour } = this.#draft
    if (half === undefined && isBareHour) throw this.#bad()
    if (half === undefined) return timeUs
    if (timeUs === undefined) throw this.#bad()
    const hours = timeUs / 3_600_000_000n
    if (hours < 1n || hours > 12n) throw fieldOutOfRange(this.#text)
    const base = hours === 12n ? timeUs - 43_200_000_000n : timeUs
    return half === 'pm' ? base + 43_200_000_000n : base
  }
}

/** Without a date nobody knows what a name means: UTC then. */
function zoneSecondsOf({ zone }: Draft, days = 0, timeUs = 0n): number | undefined {
  return typeof zone === 'function' ? zone(days * 86_400 + Number(timeUs / 1_000_000n)) : zone
}

/** The digits after the point as µs, rounded to the nearest, ties to even as a double's rint does. */
function roundFraction(fraction: string): bigint {
  if (fraction === '') return 0n
  return BigInt(Math.round(Number(`0.${fraction}`) * 1e6))
}
