/** The settings by which values are written as text, and read: as texts, and as the style that they make together. */
import { findTimeZone, type TimeZone } from '../../../base/time-zones/time-zone.ts'
import {
  type DateOrder,
  type DateStyle,
  type IntervalStyle,
  plainStyle,
  type TextStyle,
} from '../../../model/table/types/text-style.ts'
import { failure } from '../failure.ts'
import { offsetZone } from '../functions/date-functions.ts'
import { invalidValue } from './parameter.ts'

/** Names in lower case. */
export const textSettings: ReadonlySet<string> = new Set([
  'timezone',
  'datestyle',
  'intervalstyle',
  'extra_float_digits',
  'bytea_output',
])

/** Texts as they were accepted; undefined where one has its default. The same text styles are the same object. */
export function textStyleOf(setting: (name: string) => string | undefined): TextStyle {
  return textStyleOfKey([...textSettings].map((name) => setting(name) ?? '').join('\0'))
}

/** By `TextStyle.key`, which can be sent to another thread. */
export function textStyleOfKey(key: string): TextStyle {
  if (/^\0*$/.test(key)) return plainStyle
  let style = styles.get(key)
  if (style === undefined) {
    style = styleOf(key)
    // There are few in use at a time.
    if (styles.size >= mostStyles) styles.clear()
    styles.set(key, style)
  }
  return style
}

const mostStyles = 1000
const styles = new Map<string, TextStyle>()

function styleOf(key: string): TextStyle {
  const texts = key.split('\0').map((text) => (text === '' ? undefined : text))
  const [zone = 'UTC', dates = 'ISO, MDY', intervalStyle = 'postgres', digits = '1', byteaOutput = 'hex'] = texts
  const [dateStyle, dateOrder] = dates.split(', ') as [DateStyle, DateOrder]
  return {
    key,
    zone: zoneOfSetting(zone),
    dateStyle,
    dateOrder,
    intervalStyle: intervalStyle as IntervalStyle,
    floatDigits: Number(digits),
    byteaOutput: byteaOutput as 'hex' | 'escape',
  }
}

/**
 * TimeZone: a name, or hours (and minutes) east of UTC, which is how SET TIME ZONE means a number; also as it is shown,
 * `<+05:30>-05:30`. Throws 22023.
 */
export function zoneOfSetting(value: string): TimeZone {
  const [, sign = '', hours, minutes = '0'] =
    /^\s*([+-])?(\d{1,3}(?:\.\d+)?)(?::(\d{2}))?(?::00)?\s*$/.exec(value) ?? []
  if (hours !== undefined) {
    const seconds = Math.round(Number(hours) * 3600) + Number(minutes) * 60
    if (seconds > 167 * 3600) throw invalidValue('TimeZone', value)
    return offsetZone(sign === '-' ? -seconds : seconds)
  }
  const zone = findTimeZone(value)
  if (zone === undefined) throw invalidValue('TimeZone', value)
  return zone
}

const styleNames: Readonly<Record<string, DateStyle>> = {
  iso: 'ISO',
  sql: 'SQL',
  postgres: 'Postgres',
  german: 'German',
  default: 'ISO',
}

/** Of a word what it says of the order: `us` and its likes are synonyms. */
function orderNamed(word: string): DateOrder | undefined {
  if (word === 'ymd') return 'YMD'
  if (word === 'dmy' || word.startsWith('euro')) return 'DMY'
  return word === 'mdy' || word === 'us' || word.startsWith('noneuro') ? 'MDY' : undefined
}

/** DateStyle: what is left out stays as it was. Throws 22023. */
export function dateStyleOf(value: string, before: string): string {
  let [style, order] = before.split(', ') as [DateStyle, DateOrder]
  let [hasStyle, hasOrder] = [false, false]
  for (const part of value.split(',')) {
    const word = part.trim().toLowerCase().replaceAll('"', '')
    const name = Object.hasOwn(styleNames, word)
      ? styleNames[word]
      : word.startsWith('postgres')
        ? ('Postgres' as const)
        : undefined
    const named = orderNamed(word)
    if (name !== undefined && (!hasStyle || name === style)) {
      style = name
      hasStyle = true
      if (word === 'default' && !hasOrder) order = 'MDY'
      // As in PostgreSQL.
      if (name === 'German' && !hasOrder) order = 'DMY'
    } else if (named !== undefined && (!hasOrder || named === order)) {
      order = named
      hasOrder = true
    } else throw badDateStyle(value, name ?? named, part.trim())
  }
  return `${style}, ${order}`
}

function badDateStyle(value: string, known: string | undefined, word: string): Error {
  const detail = known === undefined ? `Unrecognized key word: "${word}".` : 'Conflicting "datestyle" specifications.'
  return failure('22023', `invalid value for parameter "DateStyle": "${value}"`, { detail })
}
