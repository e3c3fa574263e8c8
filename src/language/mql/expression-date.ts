/** Operators on dates: their parts, their texts. Those that count in units of time are in `expression-date-units.ts`. */
import { bsonType, bsonTypeName, type BsonValue, getField } from '../../model/document/bson.ts'
import { type TimeZone, utcZone } from '../../base/time-zones/time-zone.ts'
import { daysFromCalendar } from '../../base/calendar.ts'
import { civilFromMs, isoDate, parseIsoDate, type Civil } from '../../model/document/calendar.ts'
import { mongoError } from '../../model/document/mongo-error.ts'
import {
  dateValue,
  int32Value,
  int64Value,
  nullValue,
  readInt64,
  readString,
  stringValue,
} from '../../model/document/values.ts'
import { namedParts, type ExpressionOperator, type OperatorFamily } from './expression-contract.ts'
import { parseByFormat } from './date-format.ts'
import { compileZone, fromLocal, localCivil, minutesEast } from './date-zone.ts'

/** Milliseconds of a date, timestamp or ObjectId. */
export function millisecondsOf(value: BsonValue): bigint {
  if (value.type === bsonType.date) return readInt64(value)
  if (value.type === bsonType.timestamp) return BigInt.asUintN(32, readInt64(value) >> 32n) * 1000n
  if (value.type === bsonType.objectId) {
    return BigInt(Buffer.from(value.bytes.subarray(value.start, value.start + 4)).readUInt32BE(0)) * 1000n
  }
  throw mongoError(16_006, `can't convert from BSON type ${bsonTypeName(value.type)} to Date`, 'wrong_type')
}

function part(
  name: string,
  read: (civil: Civil) => number,
  toValue: (value: number) => BsonValue = int32Value,
): readonly [string, ExpressionOperator] {
  return [
    name,
    (operand, compile) => {
      const isNamed = operand.type === bsonType.object && getField(operand, 'date') !== undefined
      const parts = isNamed ? namedParts(name, operand, ['date'], ['timezone']) : new Map([['date', operand]])
      const zone = compileZone(parts.get('timezone'), compile)
      const date = compile(single(parts.get('date')!))
      return (scope) => {
        const value = date(scope)
        const place = zone(scope)
        if (value.isNullish || place === undefined) return nullValue
        return toValue(read(localCivil(millisecondsOf(value), place)))
      }
    },
  ]
}

/** `{ $year: ['$d'] }` is `{ $year: '$d' }`. */
function single(operand: BsonValue): BsonValue {
  return operand.type === bsonType.array ? (getField(operand, '0') ?? operand) : operand
}

function dayOfYear({ year, daysSince1970 }: Civil): number {
  return daysSince1970 - daysFromCalendar(year, 1, 1) + 1
}

/** Sunday is 0. */
export function weekday(days: number): number {
  return (((days + 4) % 7) + 7) % 7
}

export function isoWeek({ daysSince1970 }: Civil): { year: number; week: number } {
  const thursday = daysSince1970 - ((weekday(daysSince1970) + 6) % 7) + 3
  const { year } = civilFromMs(BigInt(thursday) * 86_400_000n)
  return { year, week: Math.floor((thursday - daysFromCalendar(year, 1, 1)) / 7) + 1 }
}

function week(civil: Civil): number {
  return Math.floor((dayOfYear(civil) - 1 - weekday(civil.daysSince1970) + 7) / 7)
}

type Show = (civil: Civil, minutesEast: number) => string

const formats: ReadonlyMap<string, Show> = new Map<string, Show>([
  ['Y', (civil: Civil) => pad(civil.year, 4)],
  ['m', (civil: Civil) => pad(civil.month, 2)],
  ['d', (civil: Civil) => pad(civil.day, 2)],
  ['H', (civil: Civil) => pad(civil.hour, 2)],
  ['M', (civil: Civil) => pad(civil.minute, 2)],
  ['S', (civil: Civil) => pad(civil.second, 2)],
  ['L', (civil: Civil) => pad(civil.millisecond, 3)],
  ['j', (civil: Civil) => pad(dayOfYear(civil), 3)],
  ['w', (civil: Civil) => String(weekday(civil.daysSince1970) + 1)],
  ['u', (civil: Civil) => String(((weekday(civil.daysSince1970) + 6) % 7) + 1)],
  ['U', (civil: Civil) => pad(week(civil), 2)],
  ['V', (civil: Civil) => pad(isoWeek(civil).week, 2)],
  ['G', (civil: Civil) => pad(isoWeek(civil).year, 4)],
  ['z', (_, minutes) => `${minutes < 0 ? '-' : '+'}${hoursAndMinutes(Math.abs(minutes))}`],
  ['Z', (_, minutes) => String(minutes)],
  ['%', () => '%'],
])

function pad(value: number, width: number): string {
  return String(value).padStart(width, '0')
}

function hoursAndMinutes(minutes: number): string {
  return pad(Math.floor(minutes / 60), 2) + pad(minutes % 60, 2)
}

function formatDate(civil: Civil, minutes: number, format: string): string {
  return format.replace(/%(.?)/g, (_, letter: string) => {
    const show = formats.get(letter)
    if (show === undefined) throw mongoError(18_536, `Invalid format character '%${letter}' in format string`)
    return show(civil, minutes)
  })
}

const dateToString: ExpressionOperator = (operand, compile) => {
  const parts = namedParts('$dateToString', operand, ['date'], ['format', 'timezone', 'onNull'])
  const zone = compileZone(parts.get('timezone'), compile)
  const date = compile(parts.get('date')!)
  const format = parts.has('format') ? compile(parts.get('format')!) : undefined
  const onNull = parts.has('onNull') ? compile(parts.get('onNull')!) : undefined
  return (scope) => {
    const value = date(scope)
    if (value.isNullish) return onNull?.(scope) ?? nullValue
    const place = zone(scope)
    const wanted = format?.(scope)
    if (place === undefined || wanted?.isNullish === true) return nullValue
    const ms = millisecondsOf(value)
    if (wanted === undefined && place === utcZone) return stringValue(isoDate(ms))
    if (wanted !== undefined && wanted.type !== bsonType.string) {
      throw mongoError(18_533, '$dateToString requires a format that is a string', 'wrong_type')
    }
    const text = wanted === undefined ? '%Y-%m-%dT%H:%M:%S.%L' : readString(wanted)
    return stringValue(formatDate(localCivil(ms, place), minutesEast(ms, place), text))
  }
}

const dateFromString: ExpressionOperator = (operand, compile) => {
  const parts = namedParts('$dateFromString', operand, ['dateString'], ['format', 'timezone', 'onNull', 'onError'])
  const zone = compileZone(parts.get('timezone'), compile)
  const input = compile(parts.get('dateString')!)
  const [onNull, onError, format] = ['onNull', 'onError', 'format'].map((name) => {
    return parts.has(name) ? compile(parts.get(name)!) : undefined
  })
  return (scope) => {
    const value = input(scope)
    if (value.isNullish) return onNull?.(scope) ?? nullValue
    const place = zone(scope)
    const wanted = format?.(scope)
    if (place === undefined || wanted?.isNullish === true) return nullValue
    const text = value.type === bsonType.string ? readString(value) : ''
    const ms = instantOf(text, place, parts.has('timezone'), wanted === undefined ? undefined : readString(wanted))
    if (ms !== undefined) return dateValue(ms)
    if (onError !== undefined) return onError(scope)
    throw mongoError(241, `Error parsing date string '${text}'`)
  }
}

function instantOf(text: string, place: TimeZone, isGiven: boolean, format: string | undefined): bigint | undefined {
  if (format !== undefined) return parseByFormat(text, format, place)
  // A zone in the text and one beside it are a contradiction.
  const hasZone = /(?:Z|[T ].*[+-]\d\d:?\d\d)$/.test(text)
  const ms = isGiven && hasZone ? undefined : parseIsoDate(text)
  return ms === undefined || hasZone ? ms : fromLocal(ms, place)
}

export const dateOperators: OperatorFamily = [
  part('$year', ({ year }) => year),
  part('$month', ({ month }) => month),
  part('$dayOfMonth', ({ day }) => day),
  part('$hour', ({ hour }) => hour),
  part('$minute', ({ minute }) => minute),
  part('$second', ({ second }) => second),
  part('$millisecond', ({ millisecond }) => millisecond),
  part('$dayOfYear', dayOfYear),
  part('$dayOfWeek', ({ daysSince1970 }) => weekday(daysSince1970) + 1),
  part('$isoDayOfWeek', ({ daysSince1970 }) => ((weekday(daysSince1970) + 6) % 7) + 1),
  part('$week', week),
  part('$isoWeek', (civil) => isoWeek(civil).week),
  part(
    '$isoWeekYear',
    (civil) => isoWeek(civil).year,
    (year) => int64Value(BigInt(year)),
  ),
  ['$dateToString', dateToString],
  ['$dateFromString', dateFromString],
]
