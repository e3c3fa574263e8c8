/** Operators that count in units of time: adding, differences, truncation; and dates by their parts. */
import type { TimeZone } from '../../base/time-zones/time-zone.ts'
import { bsonType, bsonTypeName, type BsonValue, getField } from '../../model/document/bson.ts'
import { daysFromCalendar } from '../../base/calendar.ts'
import { civilFromMs } from '../../model/document/calendar.ts'
import { mongoCode, mongoError } from '../../model/document/mongo-error.ts'
import {
  dateValue,
  int32Value,
  int64Value,
  isTruthy,
  nullValue,
  readString,
  toSafeInteger,
} from '../../model/document/values.ts'
import { isoDays } from './date-format.ts'
import { compileZone, fromLocal, toLocal } from './date-zone.ts'
import { isoWeek, millisecondsOf, weekday } from './expression-date.ts'
import { type ExpressionOperator, namedParts, objectOf, type OperatorFamily } from './expression-contract.ts'

const dayMs = 86_400_000n

const unitMs: ReadonlyMap<string, bigint> = new Map([
  ['millisecond', 1n],
  ['second', 1000n],
  ['minute', 60_000n],
  ['hour', 3_600_000n],
  ['day', dayMs],
  ['week', 7n * dayMs],
])

const unitMonths: ReadonlyMap<string, number> = new Map([
  ['month', 1],
  ['quarter', 3],
  ['year', 12],
])

export function checkUnit(unit: string): string {
  if (unitMs.has(unit) || unitMonths.has(unit)) return unit
  throw mongoError(mongoCode.failedToParse, `unknown time unit value: ${unit}`)
}

/** Of units that always last as long. */
export function fixedUnitMs(unit: string): bigint | undefined {
  return unitMs.get(checkUnit(unit))
}

/** Hours and less are the same everywhere; days and more are those of the clocks of a place. */
function isOfClocks(unit: string): boolean {
  return unit === 'day' || unit === 'week' || unitMonths.has(unit)
}

/** Milliseconds since 1970, so many units later. */
export function addUnits(ms: bigint, unit: string, amount: number, zone: TimeZone): bigint {
  if (!isOfClocks(unit)) return ms + unitMs.get(unit)! * BigInt(amount)
  return fromLocal(addToLocal(toLocal(ms, zone), unit, amount), zone)
}

function addToLocal(ms: bigint, unit: string, amount: number): bigint {
  const fixed = unitMs.get(unit)
  if (fixed !== undefined) return ms + fixed * BigInt(amount)
  const civil = civilFromMs(ms)
  const total = civil.year * 12 + civil.month - 1 + unitMonths.get(unit)! * amount
  const [year, month] = [Math.floor(total / 12), (((total % 12) + 12) % 12) + 1]
  const lastDay =
    daysFromCalendar(month === 12 ? year + 1 : year, (month % 12) + 1, 1) - daysFromCalendar(year, month, 1)
  const days = daysFromCalendar(year, month, Math.min(civil.day, lastDay))
  return ms + BigInt(days - civil.daysSince1970) * dayMs
}

function shifter(name: string, sign: number): readonly [string, ExpressionOperator] {
  return [
    name,
    (operand, compile) => {
      const parts = namedParts(name, operand, ['startDate', 'unit', 'amount'], ['timezone'])
      const zone = compileZone(parts.get('timezone'), compile)
      const [date, unit, amount] = ['startDate', 'unit', 'amount'].map((one) => compile(parts.get(one)!))
      return (scope) => {
        const values = [date!(scope), unit!(scope), amount!(scope)]
        const place = zone(scope)
        if (place === undefined || values.some((value) => value.isNullish)) return nullValue
        const count = toSafeInteger(values[2]!)
        if (count === undefined) throw mongoError(5_166_405, `${name} expects an integer amount of time units`)
        const ms = addUnits(millisecondsOf(values[0]!), checkUnit(readString(values[1]!)), count * sign, place)
        if (BigInt.asIntN(64, ms) === ms) return dateValue(ms)
        throw mongoError(5_976_500, `${name} overflowed`)
      }
    },
  ]
}

const weekdays = ['monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday', 'sunday']

/** 0 is Monday. */
function firstDay(value: BsonValue | undefined): number {
  if (value === undefined) return 6
  const name = value.type === bsonType.string ? readString(value).toLowerCase() : ''
  const at = weekdays.findIndex((one) => one === name || one.slice(0, 3) === name)
  if (at >= 0) return at
  throw mongoError(mongoCode.failedToParse, `unknown day of week value: ${name}`)
}

const difference: ExpressionOperator = (operand, compile) => {
  const parts = namedParts('$dateDiff', operand, ['startDate', 'endDate', 'unit'], ['timezone', 'startOfWeek'])
  const zone = compileZone(parts.get('timezone'), compile)
  const [start, end, unit] = ['startDate', 'endDate', 'unit'].map((one) => compile(parts.get(one)!))
  const week = parts.has('startOfWeek') ? compile(parts.get('startOfWeek')!) : undefined
  return (scope) => {
    const [from, to, of] = [start!(scope), end!(scope), unit!(scope)]
    const place = zone(scope)
    const first = week?.(scope)
    if (place === undefined || from.isNullish || to.isNullish || of.isNullish) return nullValue
    const name = checkUnit(readString(of))
    if (name === 'week' && first?.isNullish === true) return nullValue
    const [low, high] = [from, to].map((date) => toLocal(millisecondsOf(date), place)) as [bigint, bigint]
    return int64Value(unitsBetween(low, high, name, name === 'week' ? firstDay(first) : 0))
  }
}

/** How many beginnings of units lie between. */
function unitsBetween(from: bigint, to: bigint, unit: string, firstDayOfWeek: number): bigint {
  const months = unitMonths.get(unit)
  if (months !== undefined) {
    const [a, b] = [from, to].map((ms) => {
      const { year, month } = civilFromMs(ms)
      return Math.floor((year * 12 + month - 1) / months)
    }) as [number, number]
    return BigInt(b - a)
  }
  const width = unitMs.get(unit)!
  const origin = unit === 'week' ? mondayMs + BigInt(firstDayOfWeek) * dayMs : 0n
  return floored(to - origin, width) - floored(from - origin, width)
}

/** 1970-01-05. */
const mondayMs = 4n * dayMs

function floored(value: bigint, by: bigint): bigint {
  const quotient = value / by
  return value % by < 0n ? quotient - 1n : quotient
}

const truncation: ExpressionOperator = (operand, compile) => {
  const parts = namedParts('$dateTrunc', operand, ['date', 'unit'], ['binSize', 'timezone', 'startOfWeek'])
  const zone = compileZone(parts.get('timezone'), compile)
  const [date, unit] = ['date', 'unit'].map((one) => compile(parts.get(one)!))
  const [size, week] = ['binSize', 'startOfWeek'].map((one) => (parts.has(one) ? compile(parts.get(one)!) : undefined))
  return (scope) => {
    const [value, of] = [date!(scope), unit!(scope)]
    const place = zone(scope)
    const [bins, first] = [size?.(scope), week?.(scope)]
    if (place === undefined || value.isNullish || of.isNullish || bins?.isNullish === true) return nullValue
    const name = checkUnit(readString(of))
    if (name === 'week' && first?.isNullish === true) return nullValue
    const count = bins === undefined ? 1 : toSafeInteger(bins)
    if (count === undefined || count < 1) {
      throw mongoError(5_439_018, '$dateTrunc requires "binSize" to be greater than 0')
    }
    const local = toLocal(millisecondsOf(value), place)
    return dateValue(fromLocal(truncated(local, name, count, name === 'week' ? firstDay(first) : 0), place))
  }
}

/** Bins are counted from 2000-01-01, weeks from the first such day then. */
function truncated(ms: bigint, unit: string, size: number, firstDayOfWeek: number): bigint {
  const months = unitMonths.get(unit)
  if (months !== undefined) {
    const { year, month } = civilFromMs(ms)
    const width = months * size
    const since = (year - 2000) * 12 + month - 1
    const total = Math.floor(since / width) * width
    return BigInt(daysFromCalendar(2000 + Math.floor(total / 12), (((total % 12) + 12) % 12) + 1, 1)) * dayMs
  }
  const width = unitMs.get(unit)! * BigInt(size)
  const origin = unit === 'week' ? year2000 + ((BigInt(firstDayOfWeek) + 7n - saturday) % 7n) * dayMs : year2000
  return origin + floored(ms - origin, width) * width
}

const year2000 = BigInt(daysFromCalendar(2000, 1, 1)) * dayMs
/** Of 2000-01-01, where Monday is 0. */
const saturday = 5n

const timeParts = ['hour', 'minute', 'second', 'millisecond'] as const

const fromParts: ExpressionOperator = (operand, compile) => {
  const isIso = operand.type === bsonType.object && getField(operand, 'isoWeekYear') !== undefined
  const [first, second, third] = isIso ? ['isoWeekYear', 'isoWeek', 'isoDayOfWeek'] : ['year', 'month', 'day']
  const parts = namedParts('$dateFromParts', operand, [first], [second, third, ...timeParts, 'timezone'])
  const zone = compileZone(parts.get('timezone'), compile)
  const names = [first, second, third, ...timeParts]
  const expressions = names.map((name) => (parts.has(name) ? compile(parts.get(name)!) : undefined))
  return (scope) => {
    const place = zone(scope)
    const values = expressions.map((expression) => expression?.(scope))
    if (place === undefined || values.some((value) => value?.isNullish === true)) return nullValue
    const numbers = values.map((value, i) => partNumber(names[i]!, value, i > 2 ? 0 : 1))
    const [year, two, three, hour, minute, secondOf, ms] = numbers as [
      number,
      number,
      number,
      number,
      number,
      number,
      number,
    ]
    if (year < 1 || year > 9999) {
      throw mongoError(40_523, `'${first}' must evaluate to an integer in the range 1 to 9999, found ${year}`)
    }
    const days = isIso ? isoDays(year, two, three) : daysOfParts(year, two, three)
    const seconds = BigInt(hour) * 3600n + BigInt(minute) * 60n + BigInt(secondOf)
    return dateValue(fromLocal(BigInt(days) * dayMs + seconds * 1000n + BigInt(ms), place))
  }
}

function partNumber(name: string, value: BsonValue | undefined, otherwise: number): number {
  if (value === undefined) return otherwise
  const number = toSafeInteger(value)
  if (number !== undefined && Math.abs(number) <= 2 ** 40) return number
  throw mongoError(40_515, `'${name}' must evaluate to an integer, found ${bsonTypeName(value.type)}`, 'wrong_type')
}

/** Months and days beyond their ends go on into the next ones. */
function daysOfParts(year: number, month: number, day: number): number {
  const total = year * 12 + month - 1
  return daysFromCalendar(Math.floor(total / 12), (((total % 12) + 12) % 12) + 1, 1) + day - 1
}

const toParts: ExpressionOperator = (operand, compile) => {
  const parts = namedParts('$dateToParts', operand, ['date'], ['timezone', 'iso8601'])
  const zone = compileZone(parts.get('timezone'), compile)
  const date = compile(parts.get('date')!)
  const iso = parts.has('iso8601') ? compile(parts.get('iso8601')!) : undefined
  return (scope) => {
    const value = date(scope)
    const place = zone(scope)
    const isIso = iso?.(scope)
    if (value.isNullish || place === undefined || isIso?.isNullish === true) return nullValue
    const civil = civilFromMs(toLocal(millisecondsOf(value), place))
    const { year, week } = isoWeek(civil)
    const days: [string, number][] =
      isIso !== undefined && isTruthy(isIso)
        ? [
            ['isoWeekYear', year],
            ['isoWeek', week],
            ['isoDayOfWeek', ((weekday(civil.daysSince1970) + 6) % 7) + 1],
          ]
        : [
            ['year', civil.year],
            ['month', civil.month],
            ['day', civil.day],
          ]
    const times = timeParts.map((name): [string, number] => [name, civil[name]])
    return objectOf([...days, ...times].map(([name, number]) => [name, int32Value(number)] as const))
  }
}

export const dateUnitOperators: OperatorFamily = [
  shifter('$dateAdd', 1),
  shifter('$dateSubtract', -1),
  ['$dateDiff', difference],
  ['$dateTrunc', truncation],
  ['$dateFromParts', fromParts],
  ['$dateToParts', toParts],
]
