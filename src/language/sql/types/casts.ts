/**
 * Which casts there are, how freely each is applied, and what it does: PostgreSQL's `pg_cast`.
 *
 * `implicit` happens anywhere, `assignment` where a value is stored in a column, `explicit` only where the text asks. Every
 * type casts to the string types by its output function (assignment) and from them by its input function (explicit).
 */
import { Decimal } from '../../../base/decimal.ts'
import { mapElements } from '../../../model/table/types/array.ts'
import {
  dateInfinity,
  dateMinusInfinity,
  timestampInfinity,
  timestampMinusInfinity,
  usPerDay,
} from '../../../model/table/types/calendar.ts'
import { checkTimestamp, isTimestamp, splitTimestamp } from '../../../model/table/types/date-time.ts'
import { fromLocal, toLocal } from '../../../model/table/types/text-style.ts'
import { findType, getType } from '../../../model/table/types/registry.ts'
import { makeMultirange } from '../../../model/table/types/ranges/multirange.ts'
import { rangeTypes } from '../../../model/table/types/ranges/range-types.ts'
import type { RangeValue } from '../../../model/table/types/ranges/range.ts'
import { isMade } from '../../../model/table/types/user/user-type.ts'
import { parseJson } from '../../../model/table/types/json.ts'
import { sessionWest, ZonedTime } from '../../../model/table/types/zoned-time.ts'
import { formatAddress, maskedAddress, networkValue } from '../../../model/table/types/network.ts'
import { trimPadding } from '../../../model/table/types/text.ts'
import type { Interval, SqlValue } from '../contract.ts'
import { failure } from '../failure.ts'
import { oid, objectTypes } from './oids.ts'

export type CastContext = 'implicit' | 'assignment' | 'explicit'

export interface Cast {
  readonly context: CastContext
  /** In place of `convert`: what it makes depends on the modifier of the type, as the bits of a number do. */
  readonly sized?: (value: never, modifier: number) => SqlValue
  /** Undefined: the representation is the same. */
  readonly convert: ((value: never) => SqlValue) | undefined
}

const rank: Readonly<Record<CastContext, number>> = { implicit: 0, assignment: 1, explicit: 2 }

const casts = new Map<number, Cast>()
// Type numbers stay below 2^16 in this table's keys.
const keyOf = (from: number, to: number): number => from * 65_536 + to

function cast(from: number, to: number, context: CastContext, convert?: (value: never) => SqlValue): void {
  casts.set(keyOf(from, to), { context, convert })
}

/** A cast that is made of a function. */
export const defineCast: typeof cast = cast

export interface ListedCast extends Cast {
  readonly from: number
  readonly to: number
}

/** Of built-in types, without those that every type has. */
export function* allCasts(): Generator<ListedCast> {
  for (const [key, one] of casts) yield { ...one, from: Math.floor(key / 65_536), to: key % 65_536 }
}

/** The cast from one type to another, if `context` allows it. Same types need none and are not asked for. */
export function findCast(from: number, to: number, context: CastContext): Cast | undefined {
  const found = builtInCast(from, to) ?? arrayCast(from, to) ?? textCast(from, to)
  return found !== undefined && rank[found.context] <= rank[context] ? found : undefined
}

function builtInCast(from: number, to: number): Cast | undefined {
  return isMade(from) || isMade(to) ? undefined : casts.get(keyOf(from, to))
}

function arrayCast(from: number, to: number): Cast | undefined {
  const source = findType(from)?.element
  const target = findType(to)?.element
  if (source === undefined || target === undefined) return undefined
  if (source.oid === target.oid) return { context: 'implicit', convert: undefined }
  const element = builtInCast(source.oid, target.oid) ?? textCast(source.oid, target.oid)
  if (element === undefined) return undefined
  const { context, sized } = element
  if (sized !== undefined) {
    const ofEach = (values: readonly SqlValue[], modifier: number): SqlValue =>
      mapElements(values, (value) => sized(value as never, modifier))
    return { context, convert: undefined, sized: ofEach }
  }
  const convert = element.convert as ((value: SqlValue) => SqlValue) | undefined
  if (convert === undefined) return element
  const each = (values: readonly SqlValue[]): SqlValue => mapElements(values, convert)
  return { context: element.context, convert: each }
}

function textCast(from: number, to: number): Cast | undefined {
  const source = findType(from)
  const target = findType(to)
  if (source === undefined || target === undefined) return undefined
  // What ROW(…) makes is shown, and never read.
  if ((source.category === 'P' && source.fields === undefined) || target.category === 'P') return undefined
  if (target.category === 'S') return { context: 'assignment', convert: (value) => source.formatText(value) }
  if (source.category === 'S') return { context: 'explicit', convert: (value) => target.parseText(value) }
  return undefined
}

function outOfRange(title: string): Error {
  return failure('22003', `${title} out of range`)
}

function toInt2(value: number): number {
  if (value < -32_768 || value > 32_767) throw outOfRange('smallint')
  return value
}

function toInt4(value: number): number {
  if (value < -2_147_483_648 || value > 2_147_483_647) throw outOfRange('integer')
  return value
}

function toInt8(value: bigint): bigint {
  if (BigInt.asIntN(64, value) !== value) throw outOfRange('bigint')
  return value
}

/** Half to even, as C's rint. */
export function roundHalfEven(value: number): number {
  const floor = Math.floor(value)
  const rest = value - floor
  if (rest < 0.5) return floor
  if (rest > 0.5) return floor + 1
  return floor % 2 === 0 ? floor : floor + 1
}

function floatToInteger(value: number, title: string, low: number, high: number): number {
  const rounded = roundHalfEven(value)
  if (!(rounded >= low && rounded < high)) throw outOfRange(title)
  return rounded === 0 ? 0 : rounded
}

function decimalToBigint(value: Decimal, title: string): bigint {
  if (!value.isFinite) {
    throw failure('0A000', `cannot convert ${value.kind === 'nan' ? 'NaN' : 'infinity'} to ${title}`)
  }
  return value.round(0).coefficient
}

/** numeric from a float: 15 significant digits for float8, 6 for float4, as PostgreSQL prints them for the purpose. */
function floatToDecimal(digits: number): (value: number) => Decimal {
  return (value) =>
    Number.isFinite(value) ? Decimal.parse(String(Number(value.toPrecision(digits))))! : Decimal.fromDouble(value)
}

function toFloat4(value: number): number {
  const rounded = Math.fround(value)
  if (!Number.isFinite(rounded) && Number.isFinite(value)) throw failure('22003', 'value out of range: overflow')
  if (rounded === 0 && value !== 0) throw failure('22003', 'value out of range: underflow')
  return rounded
}

function decimalToFloat8(value: Decimal): number {
  const number = value.toNumber()
  if (value.isFinite && !Number.isFinite(number)) {
    throw failure('22003', `"${value.toString()}" is out of range for type double precision`)
  }
  return number
}

function defineNumbers(): void {
  const { int2, int4, int8, float4, float8, numeric } = oid
  cast(int2, int4, 'implicit')
  for (const small of [int2, int4]) {
    cast(small, int8, 'implicit', (value: number) => BigInt(value))
    cast(small, numeric, 'implicit', (value: number) => Decimal.of(BigInt(value)))
    cast(small, float8, 'implicit')
    cast(small, float4, 'implicit', (value: number) => Math.fround(value))
  }
  cast(int4, int2, 'assignment', toInt2)
  cast(int8, int2, 'assignment', (value: bigint) => toInt2(Number(value)))
  cast(int8, int4, 'assignment', (value: bigint) => toInt4(Number(value)))
  cast(int8, numeric, 'implicit', (value: bigint) => Decimal.of(value))
  cast(int8, float8, 'implicit', (value: bigint) => Number(value))
  cast(int8, float4, 'implicit', (value: bigint) => Math.fround(Number(value)))
  cast(numeric, int2, 'assignment', (value: Decimal) => toInt2(Number(decimalToBigint(value, 'smallint'))))
  cast(numeric, int4, 'assignment', (value: Decimal) => toInt4(Number(decimalToBigint(value, 'integer'))))
  cast(numeric, int8, 'assignment', (value: Decimal) => toInt8(decimalToBigint(value, 'bigint')))
  cast(numeric, float8, 'implicit', decimalToFloat8)
  cast(numeric, float4, 'implicit', (value: Decimal) => toFloat4(value.toNumber()))
  for (const float of [float4, float8]) {
    cast(float, int2, 'assignment', (value: number) => floatToInteger(value, 'smallint', -32_768, 32_768))
    cast(float, int4, 'assignment', (value: number) => floatToInteger(value, 'integer', -2_147_483_648, 2_147_483_648))
    cast(float, int8, 'assignment', (value: number) => BigInt(floatToInteger(value, 'bigint', -(2 ** 63), 2 ** 63)))
    cast(float, numeric, 'assignment', floatToDecimal(float === float4 ? 6 : 15))
  }
  cast(float4, float8, 'implicit')
  cast(float8, float4, 'assignment', toFloat4)
  cast(int4, oid.bool, 'explicit', (value: number) => value !== 0)
  cast(oid.bool, int4, 'explicit', (value: boolean) => Number(value))
}

function defineStrings(): void {
  const { text, varchar, bpchar, name, char } = oid
  for (const [from, to] of [
    [text, varchar],
    [text, bpchar],
    [varchar, text],
    [varchar, bpchar],
    [name, text],
  ] as const) {
    cast(from, to, 'implicit')
  }
  cast(bpchar, text, 'implicit', (value: string) => trimPadding(value))
  cast(bpchar, varchar, 'implicit', (value: string) => trimPadding(value))
  for (const from of [text, varchar]) cast(from, name, 'implicit', (value: string) => getType(name).parseText(value))
  cast(bpchar, name, 'implicit', (value: string) => getType(name).parseText(trimPadding(value)))
  cast(name, varchar, 'assignment')
  cast(name, bpchar, 'assignment')
  cast(text, char, 'assignment', (value: string) => getType(char).parseText(value))
  cast(char, text, 'implicit', (value: string) => getType(char).formatText(value))
  cast(char, oid.int4, 'explicit', (value: string) => ((value.charCodeAt(0) || 0) << 24) >> 24)
  cast(oid.int4, char, 'explicit', (value: number) => {
    if (value < -128 || value > 127) throw outOfRange('"char"')
    return value === 0 ? '' : String.fromCharCode(value & 0xff)
  })
  cast(oid.bool, text, 'assignment', (value: boolean) => (value ? 'true' : 'false'))
  cast(oid.bool, varchar, 'assignment', (value: boolean) => (value ? 'true' : 'false'))
  cast(oid.bool, bpchar, 'assignment', (value: boolean) => (value ? 'true' : 'false'))
  cast(oid.xid8, oid.xid, 'explicit', (value: bigint) => Number(value & 0xffff_ffffn))
  cast(oid.json, oid.jsonb, 'assignment', (value: string) => getType(oid.jsonb).parseText(value))
  cast(oid.jsonb, oid.json, 'assignment')
}

function defineObjects(): void {
  const isOid = (value: number): number => value
  for (const one of [...objectTypes, oid.oid]) {
    cast(oid.int2, one, 'implicit', isOid)
    cast(oid.int4, one, 'implicit', (value: number) => value >>> 0)
    cast(oid.int8, one, 'implicit', (value: bigint) => {
      if (value < 0n || value > 0xffff_ffffn) throw failure('22003', 'OID out of range')
      return Number(value)
    })
    cast(one, oid.int4, 'assignment', (value: number) => value | 0)
    cast(one, oid.int8, 'assignment', (value: number) => BigInt(value))
    if (one === oid.oid) continue
    cast(one, oid.oid, 'implicit')
    cast(oid.oid, one, 'implicit')
  }
}

export function dateToTimestamp(days: number): bigint {
  if (days === dateInfinity) return timestampInfinity
  if (days === dateMinusInfinity) return timestampMinusInfinity
  const us = BigInt(days) * usPerDay
  if (!isTimestamp(us)) throw failure('22008', 'date out of range for timestamp')
  return us
}

function timestampToDate(us: bigint): number {
  if (us === timestampInfinity) return dateInfinity
  return us === timestampMinusInfinity ? dateMinusInfinity : splitTimestamp(us).days
}

function timestampToTime(us: bigint): SqlValue {
  return us === timestampInfinity || us === timestampMinusInfinity ? null : splitTimestamp(us).timeUs
}

/** Of a local time in the session's zone. */
export function instantOf(localUs: bigint): bigint {
  return checkTimestamp(fromLocal(localUs))
}

/** The zoned types convert by the session's zone. */
function defineTimes(): void {
  const { date, time, timestamp, timestamptz, interval } = oid
  cast(date, timestamp, 'implicit', dateToTimestamp)
  cast(date, timestamptz, 'implicit', (days: number) => instantOf(dateToTimestamp(days)))
  cast(timestamp, timestamptz, 'implicit', instantOf)
  cast(timestamptz, timestamp, 'assignment', (us: bigint) => toLocal(us))
  cast(timestamp, date, 'assignment', timestampToDate)
  cast(timestamp, time, 'assignment', timestampToTime)
  cast(timestamptz, date, 'assignment', (us: bigint) => timestampToDate(toLocal(us)))
  cast(timestamptz, time, 'assignment', (us: bigint) => timestampToTime(toLocal(us)))
  cast(time, interval, 'implicit', (us: bigint) => ({ months: 0, days: 0, us }))
  cast(interval, time, 'assignment', ({ us }: Interval) => ((us % usPerDay) + usPerDay) % usPerDay)
}

/** jsonb scalars to SQL scalars; anything else names what it found. */
function defineJson(): void {
  const fromJson = (title: string, kinds: string, convert: (node: Decimal | boolean) => SqlValue) => (text: string) => {
    const node = parseJson(text)
    const found =
      node === null
        ? 'null'
        : node instanceof Decimal
          ? 'numeric'
          : typeof node === 'boolean'
            ? 'boolean'
            : typeof node === 'string'
              ? 'string'
              : Array.isArray(node)
                ? 'array'
                : 'object'
    if (found !== kinds) throw failure('22023', `cannot cast jsonb ${found} to type ${title}`)
    return convert(node as Decimal | boolean)
  }
  cast(
    oid.jsonb,
    oid.bool,
    'explicit',
    fromJson('boolean', 'boolean', (node) => node),
  )
  cast(
    oid.jsonb,
    oid.numeric,
    'explicit',
    fromJson('numeric', 'numeric', (node) => node),
  )
  for (const target of [oid.int2, oid.int4, oid.int8, oid.float4, oid.float8]) {
    const convert = casts.get(keyOf(oid.numeric, target))!.convert as (value: Decimal) => SqlValue
    const { title } = getType(target)
    cast(
      oid.jsonb,
      target,
      'explicit',
      fromJson(title, 'numeric', (node) => convert(node as Decimal)),
    )
  }
}

/** Bit strings: the lowest bits of a number, as many as the type has; or a number of bits. */
function defineBits(): void {
  const { bit, varbit, int4, int8 } = oid
  cast(bit, varbit, 'implicit')
  cast(varbit, bit, 'implicit')
  for (const [type, width] of [
    [int4, 32],
    [int8, 64],
  ] as const) {
    const sized = (value: number | bigint, modifier: number): SqlValue => {
      const wanted = modifier < 0 ? 1 : modifier
      const own = BigInt.asUintN(width, BigInt(value)).toString(2).padStart(width, '0')
      return own.padStart(wanted, own[0]).slice(-wanted)
    }
    casts.set(keyOf(type, bit), { context: 'explicit', convert: undefined, sized })
    cast(bit, type, 'explicit', (bits: string) => {
      if (bits.length > width) throw failure('22003', `${width === 32 ? 'integer' : 'bigint'} out of range`)
      const value = BigInt.asIntN(width, BigInt(`0b${bits === '' ? '0' : bits}`))
      return width === 32 ? Number(value) : value
    })
  }
}

function defineMoney(): void {
  const { money, numeric, int4, int8 } = oid
  const cents = (value: bigint): bigint => {
    if (BigInt.asIntN(64, value) !== value) throw outOfRange('money')
    return value
  }
  cast(money, numeric, 'assignment', (value: bigint) => Decimal.of(value, 2))
  cast(numeric, money, 'assignment', (value: Decimal) => {
    if (!value.isFinite) throw failure('0A000', `cannot convert ${value.kind === 'nan' ? 'NaN' : 'infinity'} to money`)
    return cents(value.multiply(Decimal.of(100n)).round(0).coefficient)
  })
  for (const type of [int4, int8]) {
    cast(type, money, 'assignment', (value: number | bigint) => cents(BigInt(value) * 100n))
  }
}

function defineNetworks(): void {
  const { inet, cidr, macaddr, macaddr8 } = oid
  cast(cidr, inet, 'implicit')
  cast(inet, cidr, 'assignment', (value: Uint8Array) => networkValue(maskedAddress(value), value[1]!))
  // The text of an address names its network, however wide.
  const slash = (value: Uint8Array): string => `${formatAddress(value)}/${value[1]!}`
  for (const from of [inet, cidr]) {
    for (const to of [oid.text, oid.varchar, oid.bpchar]) cast(from, to, 'assignment', slash)
  }
  cast(macaddr, macaddr8, 'implicit', (value: Uint8Array) => {
    return Uint8Array.from([...value.subarray(0, 3), 0xff, 0xfe, ...value.subarray(3)])
  })
  cast(macaddr8, macaddr, 'implicit', (value: Uint8Array) => {
    if (value[3] !== 0xff || value[4] !== 0xfe) {
      throw failure('22003', 'macaddr8 data out of range to convert to macaddr', {
        hint: 'Only addresses that have FF and FE as values in the 4th and 5th bytes from the left, for example xx:xx:xx:ff:fe:xx:xx:xx, are eligible to be converted from macaddr8 to macaddr.',
      })
    }
    return Uint8Array.from([...value.subarray(0, 3), ...value.subarray(5)])
  })
}

function defineZonedTimes(): void {
  const { time, timetz, timestamptz } = oid
  const zoned = (us: bigint, day = 10_957n): ZonedTime => new ZonedTime(us, sessionWest(day * usPerDay + us))
  cast(time, timetz, 'implicit', (us: bigint) => zoned(us))
  cast(timetz, time, 'assignment', ({ timeUs }: ZonedTime) => timeUs)
  cast(timestamptz, timetz, 'assignment', (us: bigint) => {
    if (us === timestampInfinity || us === timestampMinusInfinity) return null
    const { days, timeUs } = splitTimestamp(toLocal(us))
    return zoned(timeUs, BigInt(days))
  })
}

function defineRanges(): void {
  for (const { oid: from, range } of rangeTypes) {
    if (range === undefined) continue
    cast(from, range.multirangeOid, 'explicit', (value: RangeValue) => makeMultirange(range, [value]))
  }
}

defineNumbers()
defineStrings()
defineObjects()
defineTimes()
defineJson()
defineBits()
defineMoney()
defineNetworks()
defineZonedTimes()
defineRanges()
