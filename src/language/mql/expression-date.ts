/**
 * Operators on dates, in UTC or at a fixed distance from it (`+05:30`): named time zones need a zone database, and are
 * refused by name.
 */
import { bsonType, bsonTypeName, type BsonValue, getField } from '../../model/document/bson.ts'
import { civilFromMs, daysFromCivil, isoDate, parseIsoDate, type Civil } from '../../model/document/calendar.ts'
import { mongoCode, mongoError } from '../../model/document/mongo-error.ts'
import {
  dateValue,
  int32Value,
  int64Value,
  nullValue,
  readInt64,
  readString,
  stringValue,
  toSafeInteger,
} from '../../model/document/values.ts'
import { namedParts, type Compile, type ExpressionOperator, type OperatorFamily } from './expression-contract.ts'
import type { Scope } from './scope.ts'

/** Minutes east of UTC; `undefined` where the time zone is null, which makes the result null. */
type Zone = (scope: Scope) => number | undefined

function compileZone(name: string, zone: BsonValue | undefined, compile: Compile): Zone {
  if (zone === undefined) return () => 0
  const expression = compile(zone)
  return (scope) => {
    const value = expression(scope)
    if (value.isNullish) return undefined
    if (value.type === bsonType.string) return minutesEast(name, readString(value))
    throw mongoError(40_517, `timezone must evaluate to a string, found ${bsonTypeName(value.type)}`, 'wrong_type')
  }
}

function minutesEast(name: string, text: string): number {
  if (['UTC', 'GMT', 'Etc/UTC', 'Etc/GMT', 'Z'].includes(text)) return 0
  const offset = /^([+-])(\d\d):?(\d\d)?$/.exec(text)
  if (offset !== null) {
    const minutes = Number(offset[2]) * 60 + Number(offset[3] ?? 0)
    return offset[1] === '-' ? -minutes : minutes
  }
  throw mongoError(
    mongoCode.commandNotSupported,
    `${name}: time zone ${text} is not supported, only UTC and offsets such as +02:00`,
    'unsupported',
  )
}

function localCivil(value: BsonValue, minutes: number): Civil {
  return civilFromMs(millisecondsOf(value) + BigInt(minutes) * 60_000n)
}

/** Milliseconds of a date, timestamp or ObjectId. */
function millisecondsOf(value: BsonValue): bigint {
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
      const zone = compileZone(name, parts.get('timezone'), compile)
      const date = compile(single(parts.get('date')!))
      return (scope) => {
        const value = date(scope)
        const minutes = zone(scope)
        return value.isNullish || minutes === undefined ? nullValue : toValue(read(localCivil(value, minutes)))
      }
    },
  ]
}

/** `{ $year: ['$d'] }` is `{ $year: '$d' }`. */
function single(operand: BsonValue): BsonValue {
  return operand.type === bsonType.array ? (getField(operand, '0') ?? operand) : operand
}

function dayOfYear({ year, daysSince1970 }: Civil): number {
  return daysSince1970 - daysFromCivil(year, 1, 1) + 1
}

/** Sunday is 0. */
function weekday(days: number): number {
  return (((days + 4) % 7) + 7) % 7
}

function isoWeek({ daysSince1970 }: Civil): { year: number; week: number } {
  const thursday = daysSince1970 - ((weekday(daysSince1970) + 6) % 7) + 3
  const { year } = civilFromMs(BigInt(thursday) * 86_400_000n)
  return { year, week: Math.floor((thursday - daysFromCivil(year, 1, 1)) / 7) + 1 }
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
  const zone = compileZone('$dateToString', parts.get('timezone'), compile)
  const date = compile(parts.get('date')!)
  const format = parts.has('format') ? compile(parts.get('format')!) : undefined
  const onNull = parts.has('onNull') ? compile(parts.get('onNull')!) : undefined
  return (scope) => {
    const value = date(scope)
    if (value.isNullish) return onNull?.(scope) ?? nullValue
    const minutes = zone(scope)
    const wanted = format?.(scope)
    if (minutes === undefined || wanted?.isNullish === true) return nullValue
    if (wanted === undefined && minutes === 0) return stringValue(isoDate(millisecondsOf(value)))
    if (wanted !== undefined && wanted.type !== bsonType.string) {
      throw mongoError(18_533, '$dateToString requires a format that is a string', 'wrong_type')
    }
    const text = wanted === undefined ? '%Y-%m-%dT%H:%M:%S.%L' : readString(wanted)
    return stringValue(formatDate(localCivil(value, minutes), minutes, text))
  }
}

const dateFromString: ExpressionOperator = (operand, compile) => {
  const parts = namedParts('$dateFromString', operand, ['dateString'], ['timezone', 'onNull', 'onError'])
  const zone = compileZone('$dateFromString', parts.get('timezone'), compile)
  const input = compile(parts.get('dateString')!)
  return (scope) => {
    const value = input(scope)
    if (value.isNullish) return parts.has('onNull') ? compile(parts.get('onNull')!)(scope) : nullValue
    const minutes = zone(scope)
    if (minutes === undefined) return nullValue
    const text = value.type === bsonType.string ? readString(value) : ''
    // A zone in the text and one beside it are a contradiction.
    const isTwice = parts.has('timezone') && /(Z|[T ].*[+-]\d\d:?\d\d)$/.test(text)
    const ms = isTwice ? undefined : parseIsoDate(text)
    if (ms !== undefined) return dateValue(ms - BigInt(minutes) * 60_000n)
    if (parts.has('onError')) return compile(parts.get('onError')!)(scope)
    throw mongoError(241, `Error parsing date string '${value.type === bsonType.string ? readString(value) : ''}'`)
  }
}

const unitMs: ReadonlyMap<string, number> = new Map([
  ['millisecond', 1],
  ['second', 1000],
  ['minute', 60_000],
  ['hour', 3_600_000],
  ['day', 86_400_000],
  ['week', 604_800_000],
])

const unitMonths: ReadonlyMap<string, number> = new Map([
  ['month', 1],
  ['quarter', 3],
  ['year', 12],
])

function addUnits(ms: bigint, unit: string, amount: number): bigint {
  const fixed = unitMs.get(unit)
  if (fixed !== undefined) return ms + BigInt(fixed) * BigInt(amount)
  const months = unitMonths.get(unit)
  if (months === undefined) throw mongoError(mongoCode.failedToParse, `unknown time unit value: ${unit}`)
  const civil = civilFromMs(ms)
  const total = civil.year * 12 + civil.month - 1 + months * amount
  const [year, month] = [Math.floor(total / 12), (((total % 12) + 12) % 12) + 1]
  const lastDay = daysFromCivil(month === 12 ? year + 1 : year, (month % 12) + 1, 1) - daysFromCivil(year, month, 1)
  const days = daysFromCivil(year, month, Math.min(civil.day, lastDay))
  return ms + BigInt(days - civil.daysSince1970) * 86_400_000n
}

function shifter(name: string, sign: number): readonly [string, ExpressionOperator] {
  return [
    name,
    (operand, compile) => {
      const parts = namedParts(name, operand, ['startDate', 'unit', 'amount'], ['timezone'])
      const zone = compileZone(name, parts.get('timezone'), compile)
      const [date, unit, amount] = ['startDate', 'unit', 'amount'].map((one) => compile(parts.get(one)!))
      return (scope) => {
        const values = [date!(scope), unit!(scope), amount!(scope)]
        const minutes = zone(scope)
        if (minutes === undefined || values.some((value) => value.isNullish)) return nullValue
        const count = toSafeInteger(values[2]!)
        if (count === undefined) throw mongoError(5_166_405, `${name} expects an integer amount of time units`)
        const east = BigInt(minutes) * 60_000n
        const ms = addUnits(millisecondsOf(values[0]!) + east, readString(values[1]!), count * sign) - east
        if (BigInt.asIntN(64, ms) === ms) return dateValue(ms)
        throw mongoError(5_976_500, `${name} overflowed`)
      }
    },
  ]
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
  shifter('$dateAdd', 1),
  shifter('$dateSubtract', -1),
]
