/** Operators on dates, in UTC: other time zones need a zone database, which is refused by name. */
import { bsonType, bsonTypeName, type BsonValue, getField } from '../../model/document/bson.ts'
import { civilFromMs, daysFromCivil, isoDate, parseIsoDate, type Civil } from '../../model/document/calendar.ts'
import { mongoCode, mongoError } from '../../model/document/mongo-error.ts'
import {
  dateValue,
  int32Value,
  nullValue,
  readInt64,
  readString,
  stringValue,
  toSafeInteger,
} from '../../model/document/values.ts'
import { namedParts, type ExpressionOperator, type OperatorFamily } from './expression-contract.ts'

function requireUtc(name: string, zone: BsonValue): void {
  const text = zone.type === bsonType.string ? readString(zone) : ''
  if (['UTC', 'GMT', 'Etc/UTC', 'Z', '+00:00', '+0000'].includes(text)) return
  throw mongoError(
    mongoCode.commandNotSupported,
    `${name}: time zone ${text} is not supported, only UTC`,
    'unsupported',
  )
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

function part(name: string, read: (civil: Civil) => number): readonly [string, ExpressionOperator] {
  return [
    name,
    (operand, compile) => {
      const isNamed = operand.type === bsonType.object && getField(operand, 'date') !== undefined
      const parts = isNamed ? namedParts(name, operand, ['date'], ['timezone']) : new Map([['date', operand]])
      const zone = parts.get('timezone')
      if (zone !== undefined) requireUtc(name, zone)
      const date = compile(single(parts.get('date')!))
      return (scope) => {
        const value = date(scope)
        return value.isNullish ? nullValue : int32Value(read(civilFromMs(millisecondsOf(value))))
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

const formats: ReadonlyMap<string, (civil: Civil) => string> = new Map([
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
  ['z', () => '+0000'],
  ['Z', () => '0'],
  ['%', () => '%'],
])

function pad(value: number, width: number): string {
  return String(value).padStart(width, '0')
}

function formatDate(civil: Civil, format: string): string {
  return format.replace(/%(.?)/g, (_, letter: string) => {
    const show = formats.get(letter)
    if (show === undefined) throw mongoError(18_536, `Invalid format character '%${letter}' in format string`)
    return show(civil)
  })
}

const dateToString: ExpressionOperator = (operand, compile) => {
  const parts = namedParts('$dateToString', operand, ['date'], ['format', 'timezone', 'onNull'])
  const zone = parts.get('timezone')
  if (zone !== undefined) requireUtc('$dateToString', zone)
  const date = compile(parts.get('date')!)
  const format = parts.has('format') ? compile(parts.get('format')!) : undefined
  const onNull = parts.has('onNull') ? compile(parts.get('onNull')!) : undefined
  return (scope) => {
    const value = date(scope)
    if (value.isNullish) return onNull?.(scope) ?? nullValue
    const ms = millisecondsOf(value)
    if (format === undefined) return stringValue(isoDate(ms))
    return stringValue(formatDate(civilFromMs(ms), readString(format(scope))))
  }
}

const dateFromString: ExpressionOperator = (operand, compile) => {
  const parts = namedParts('$dateFromString', operand, ['dateString'], ['timezone', 'onNull', 'onError'])
  const zone = parts.get('timezone')
  if (zone !== undefined) requireUtc('$dateFromString', zone)
  const input = compile(parts.get('dateString')!)
  return (scope) => {
    const value = input(scope)
    if (value.isNullish) return parts.has('onNull') ? compile(parts.get('onNull')!)(scope) : nullValue
    const ms = value.type === bsonType.string ? parseIsoDate(readString(value)) : undefined
    if (ms !== undefined) return dateValue(ms)
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
      const zone = parts.get('timezone')
      if (zone !== undefined) requireUtc(name, zone)
      const [date, unit, amount] = ['startDate', 'unit', 'amount'].map((one) => compile(parts.get(one)!))
      return (scope) => {
        const values = [date!(scope), unit!(scope), amount!(scope)]
        if (values.some((value) => value.isNullish)) return nullValue
        const count = toSafeInteger(values[2]!)
        if (count === undefined) throw mongoError(5_166_405, `${name} expects an integer amount of time units`)
        return dateValue(addUnits(millisecondsOf(values[0]!), readString(values[1]!), count * sign))
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
  part('$isoWeekYear', (civil) => isoWeek(civil).year),
  ['$dateToString', dateToString],
  ['$dateFromString', dateFromString],
  shifter('$dateAdd', 1),
  shifter('$dateSubtract', -1),
]
