/** interval as text, in the four styles of PostgreSQL's IntervalStyle. */
import { formatTime } from './date-time.ts'
import { textStyle } from './text-style.ts'
import type { Interval } from './value.ts'

/** What is shown: its signs may differ. */
interface Parts {
  readonly years: number
  readonly months: number
  readonly days: number
  readonly hours: number
  readonly minutes: number
  /** Seconds in µs, less than a minute. */
  readonly us: number
}

function partsOf({ months, days, us }: Interval): Parts {
  return {
    years: Math.trunc(months / 12),
    months: months % 12,
    days,
    hours: Number(us / 3_600_000_000n),
    minutes: Number((us / 60_000_000n) % 60n),
    us: Number(us % 60_000_000n),
  }
}

export function formatInterval(value: Interval): string {
  switch (textStyle().intervalStyle) {
    case 'postgres_verbose':
      return formatVerbose(partsOf(value))
    case 'sql_standard':
      return formatStandard(partsOf(value))
    case 'iso_8601':
      return formatIso(partsOf(value))
    default:
      return formatPostgres(value)
  }
}

function formatPostgres(value: Interval): string {
  const parts: string[] = []
  let wasNegative = false
  const add = (amount: number, unit: string): void => {
    if (amount === 0) return
    parts.push(`${wasNegative && amount > 0 ? '+' : ''}${amount} ${unit}${amount === 1 ? '' : 's'}`)
    wasNegative = amount < 0
  }
  add(Math.trunc(value.months / 12), 'year')
  add(value.months % 12, 'mon')
  add(value.days, 'day')
  if (value.us !== 0n || parts.length === 0) {
    const isNegative = value.us < 0n
    const clock = formatTime(isNegative ? -value.us : value.us)
    parts.push(`${isNegative ? '-' : wasNegative ? '+' : ''}${clock}`)
  }
  return parts.join(' ')
}

/** Seconds with what they have of a fraction. */
function seconds(us: number): string {
  const size = Math.abs(us)
  const fraction = size % 1_000_000
  const whole = String(Math.floor(size / 1_000_000))
  return fraction === 0 ? whole : `${whole}.${String(fraction).padStart(6, '0').replace(/0+$/, '')}`
}

/** `@ 1 year 2 mons -3 days 4.5 secs ago`: the sign of the first part is all's. */
function formatVerbose({ years, months, days, hours, minutes, us }: Parts): string {
  const signs: readonly (readonly [number, string])[] = [
    [years, 'year'],
    [months, 'mon'],
    [days, 'day'],
    [hours, 'hour'],
    [minutes, 'min'],
  ]
  let text = '@'
  let isFirst = true
  let isAgo = false
  const signOf = (amount: number): string => {
    if (isFirst) isAgo = amount < 0
    const isNegative = isFirst ? false : amount < 0 !== isAgo
    isFirst = false
    return isNegative ? '-' : ''
  }
  for (const [amount, unit] of signs) {
    if (amount === 0) continue
    const sign = signOf(amount)
    const shown = `${sign}${Math.abs(amount)}`
    text += ` ${shown} ${unit}${shown === '1' ? '' : 's'}`
  }
  if (us !== 0) {
    const sign = signOf(us)
    text += ` ${sign}${seconds(us)} sec${Math.abs(us) === 1_000_000 ? '' : 's'}`
  }
  return `${isFirst ? `${text} 0` : text}${isAgo ? ' ago' : ''}`
}

/** `1-2`, `3 4:05:06`; where that would say something else, each part with its sign: `+1-2 -3 +4:05:06`. */
function formatStandard({ years, months, days, hours, minutes, us }: Parts): string {
  const all = [years, months, days, hours, minutes, us]
  const [hasNegative, hasPositive] = [all.some((one) => one < 0), all.some((one) => one > 0)]
  const hasYears = years !== 0 || months !== 0
  const hasTime = days !== 0 || hours !== 0 || minutes !== 0 || us !== 0
  if (!hasNegative && !hasPositive) return '0'
  const two = (text: string): string => (/^\d(?:\.|$)/.test(text) ? `0${text}` : text)
  const clock = `${Math.abs(hours)}:${two(String(Math.abs(minutes)))}:${two(seconds(us))}`
  if ((hasNegative && hasPositive) || (hasYears && hasTime)) {
    const sign = (isNegative: boolean): string => (isNegative ? '-' : '+')
    const ofYears = `${sign(years < 0 || months < 0)}${Math.abs(years)}-${Math.abs(months)}`
    const ofTime = `${sign(hours < 0 || minutes < 0 || us < 0)}${clock}`
    return `${ofYears} ${sign(days < 0)}${Math.abs(days)} ${ofTime}`
  }
  const lead = hasNegative ? '-' : ''
  if (hasYears) return `${lead}${Math.abs(years)}-${Math.abs(months)}`
  return `${lead}${days === 0 ? '' : `${Math.abs(days)} `}${clock}`
}

function formatIso({ years, months, days, hours, minutes, us }: Parts): string {
  const part = (amount: number, letter: string): string => (amount === 0 ? '' : `${amount}${letter}`)
  const date = part(years, 'Y') + part(months, 'M') + part(days, 'D')
  const rest = us === 0 ? '' : `${us < 0 ? '-' : ''}${seconds(us)}S`
  const time = part(hours, 'H') + part(minutes, 'M') + rest
  if (date === '' && time === '') return 'PT0S'
  return `P${date}${time === '' ? '' : `T${time}`}`
}
