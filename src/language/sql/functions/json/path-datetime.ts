/** Dates and times within a path: what `.datetime()` reads, how they compare, and how they are shown. */
import { formatOffset, formatTime } from '../../../../model/table/types/date-time.ts'
import { usPerDay } from '../../../../model/table/types/calendar.ts'
import { getType } from '../../../../model/table/types/registry.ts'
import { fromLocal, inStyle, plainStyle } from '../../../../model/table/types/text-style.ts'
import { ZonedTime } from '../../../../model/table/types/zoned-time.ts'
import type { SqlValue } from '../../contract.ts'
import { failure } from '../../failure.ts'
import { oid } from '../../types/oids.ts'
import { localOf, readByTemplate, type ReadParts } from '../from-char.ts'
import { PathFailure } from './path-failure.ts'

type Kind = 'date' | 'time' | 'timetz' | 'timestamp' | 'timestamptz'

export class DateTimeItem {
  readonly kind: Kind
  /** As a value of the SQL type. */
  readonly value: SqlValue
  /** East of UTC, of the zoned ones. */
  readonly zoneSeconds: number

  constructor(kind: Kind, value: SqlValue, zoneSeconds = 0) {
    this.kind = kind
    this.value = value
    this.zoneSeconds = zoneSeconds
  }

  get title(): string {
    return getType(oid[this.kind]).title
  }

  /** As JSON has it. */
  toText(): string {
    const zone = formatOffset(this.zoneSeconds)
    const long = zone.length === 3 ? `${zone}:00` : zone
    if (this.kind === 'timetz') return formatTime((this.value as ZonedTime).timeUs) + long
    const type = getType(this.kind === 'timestamptz' ? oid.timestamp : oid[this.kind])
    const shift = this.kind === 'timestamptz' ? BigInt(this.zoneSeconds) * 1_000_000n : 0n
    const value = shift === 0n ? this.value : (this.value as bigint) + shift
    const shown = inStyle(plainStyle, () => type.formatText(value)).replace(' ', 'T')
    return this.kind === 'timestamptz' ? shown + long : shown
  }
}

const dateText = String.raw`(?<date>\d{1,7}-\d{1,2}-\d{1,2})`
const timeText = String.raw`(?<time>\d{1,2}:\d{1,2}:\d{1,2}(?:\.\d{1,6})?)(?: ?(?<zone>[+-]\d{1,2}(?::\d{2})?))?`
const formats = [new RegExp(`^${dateText}(?:[ T]${timeText})?$`), new RegExp(`^${timeText}$`)]

export function readDateTimeItem(text: string, template: string | undefined): DateTimeItem {
  if (template !== undefined) return readTemplated(text, template)
  const groups = formats.map((format) => format.exec(text)?.groups).find((found) => found !== undefined)
  const { date, time, zone } = groups ?? {}
  if (date === undefined && time === undefined) {
    throw new PathFailure(
      failure('22031', `datetime format is not recognized: "${text}"`, {
        hint: 'Use a datetime template argument to specify the input data format.',
      }),
    )
  }
  const zoneSeconds = zone === undefined ? undefined : secondsOf(zone)
  const kind = kindOf(date !== undefined, time !== undefined, zone !== undefined)
  const read = (type: number, value: string): SqlValue => {
    try {
      return inStyle(plainStyle, () => getType(type).parseText(value))
    } catch (error) {
      throw new PathFailure(error as Error)
    }
  }
  if (kind === 'date') return new DateTimeItem(kind, read(oid.date, date!))
  if (kind === 'time') return new DateTimeItem(kind, read(oid.time, time!))
  if (kind === 'timetz') {
    return new DateTimeItem(kind, new ZonedTime(read(oid.time, time!) as bigint, -zoneSeconds!), zoneSeconds)
  }
  const local = read(oid.timestamp, `${date!} ${time!}`) as bigint
  if (zoneSeconds === undefined) return new DateTimeItem(kind, local)
  return new DateTimeItem(kind, local - BigInt(zoneSeconds) * 1_000_000n, zoneSeconds)
}

function readTemplated(text: string, template: string): DateTimeItem {
  let parts: ReadParts
  try {
    parts = readByTemplate(text, template, { isStandard: true })
  } catch (error) {
    throw new PathFailure(error as Error)
  }
  const { days, timeUs, hasDate, hasTime, hasZone, zoneSeconds } = parts
  if (!hasDate && !hasTime) {
    throw new PathFailure(failure('22007', 'datetime formatted cannot be used without date or time'))
  }
  const kind = kindOf(hasDate, hasTime, hasZone && zoneSeconds !== undefined)
  if (kind === 'date') return new DateTimeItem(kind, days)
  if (kind === 'time') return new DateTimeItem(kind, timeUs)
  if (kind === 'timetz') return new DateTimeItem(kind, new ZonedTime(timeUs, -zoneSeconds!), zoneSeconds)
  const local = localOf(parts)
  if (kind === 'timestamp') return new DateTimeItem(kind, local)
  return new DateTimeItem(kind, local - BigInt(zoneSeconds!) * 1_000_000n, zoneSeconds)
}

function secondsOf(zone: string): number {
  const [hours = '', minutes = '0'] = zone.slice(1).split(':')
  return (zone.startsWith('-') ? -1 : 1) * (Number(hours) * 3600 + Number(minutes) * 60)
}

function kindOf(hasDate: boolean, hasTime: boolean, hasZone: boolean): Kind {
  if (!hasTime) return 'date'
  return hasDate ? (hasZone ? 'timestamptz' : 'timestamp') : hasZone ? 'timetz' : 'time'
}

/** Undefined: a time and a date are not comparable. */
export function compareDateTimes(a: DateTimeItem, b: DateTimeItem, usesZone: boolean): number | undefined {
  const isTime = ({ kind }: DateTimeItem): boolean => kind === 'time' || kind === 'timetz'
  if (isTime(a) !== isTime(b)) return undefined
  const common = wider(a.kind, b.kind)
  const [left, right] = [converted(a, common, usesZone), converted(b, common, usesZone)]
  return getType(oid[common]).compare(left, right)
}

const widths: readonly Kind[] = ['date', 'timestamp', 'timestamptz']

function wider(a: Kind, b: Kind): Kind {
  if (a === b) return a
  if (a === 'time' || a === 'timetz') return 'timetz'
  return widths[Math.max(widths.indexOf(a), widths.indexOf(b))]!
}

function converted({ kind, value }: DateTimeItem, to: Kind, usesZone: boolean): SqlValue {
  if (kind === to) return value
  if (to === 'timestamp') return BigInt(value as number) * usPerDay
  if (!usesZone) {
    throw failure('0A000', `cannot convert value from ${kind} to ${to} without time zone usage`, {
      hint: 'Use *_tz() function for time zone support.',
    })
  }
  if (to === 'timetz') {
    const us = value as bigint
    const day = 10_957n * usPerDay
    return new ZonedTime(us, Number((fromLocal(day + us) - day - us) / 1_000_000n))
  }
  return fromLocal(kind === 'date' ? BigInt(value as number) * usPerDay : (value as bigint))
}
