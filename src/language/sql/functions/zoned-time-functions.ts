/** time with time zone, and what else counts rather than measures: log positions, transaction numbers, row places. */
import { Decimal } from '../../../base/decimal.ts'
import { usPerDay } from '../../../model/table/types/calendar.ts'
import { checkTimestamp } from '../../../model/table/types/date-time.ts'
import { ZonedTime } from '../../../model/table/types/zoned-time.ts'
import type { Interval } from '../contract.ts'
import { failure } from '../failure.ts'
import { dateToTimestamp } from '../types/casts.ts'
import { oid } from '../types/oids.ts'
import type { SqlRun } from '../plan/run.ts'
import { localIn } from './date-functions.ts'
import { extractField } from './date-parts.ts'
import { defineFunction, defineOperator } from './registry.ts'

const { timetz, date, interval, timestamptz, text, numeric, float8, lsn } = oid

function ofDay(us: bigint): bigint {
  return ((us % usPerDay) + usPerDay) % usPerDay
}

function moved(value: ZonedTime, span: bigint): ZonedTime {
  return new ZonedTime(ofDay(value.timeUs + span), value.westSeconds)
}

function atZone(value: ZonedTime, westSeconds: number): ZonedTime {
  return new ZonedTime(ofDay(value.utcUs - BigInt(westSeconds) * 1_000_000n), westSeconds)
}

function westOf({ months, days, us }: Interval): number {
  if (months !== 0 || days !== 0) {
    throw failure('22023', 'interval time zone must not include months or days')
  }
  return -Number(us / 1_000_000n)
}

function instant(days: number, time: ZonedTime): bigint {
  return checkTimestamp(dateToTimestamp(days) + time.utcUs)
}

const zoneFields: Readonly<Record<string, (east: number) => number>> = {
  timezone: (east) => east,
  timezone_hour: (east) => Math.trunc(east / 3600),
  timezone_h: (east) => Math.trunc(east / 3600),
  timezone_minute: (east) => Math.trunc(east / 60) % 60,
  timezone_m: (east) => Math.trunc(east / 60) % 60,
}

function extract(field: string, value: ZonedTime): Decimal | null {
  const name = field.toLowerCase()
  if (Object.hasOwn(zoneFields, name)) return Decimal.of(BigInt(zoneFields[name]!(-value.westSeconds)))
  if (name === 'epoch') return Decimal.of(value.utcUs, 6)
  return extractField(field, value.timeUs, 'time', 'time with time zone')
}

function defineZonedTimes(): void {
  const add = (value: ZonedTime, by: Interval): ZonedTime => moved(value, by.us)
  defineOperator('+', [timetz, interval], timetz, add)
  defineOperator('+', [interval, timetz], timetz, (by: Interval, value: ZonedTime) => add(value, by))
  defineOperator('-', [timetz, interval], timetz, (value: ZonedTime, by: Interval) => moved(value, -by.us))
  defineOperator('+', [date, timetz], timestamptz, instant)
  defineOperator('+', [timetz, date], timestamptz, (time: ZonedTime, days: number) => instant(days, time))
  defineFunction('timestamptz', [date, timetz], timestamptz, instant)
  defineFunction('timezone', [interval, timetz], timetz, (zone: Interval, value: ZonedTime) =>
    atZone(value, westOf(zone)),
  )
  const inZone = (run: SqlRun, zone: string, value: ZonedTime): ZonedTime => {
    const now = run.transaction.startTimeUs
    return atZone(value, Number((now - localIn(zone, now)) / 1_000_000n))
  }
  defineFunction('timezone', [text, timetz], timetz, inZone, { needsRun: true, volatility: 'stable' })
  defineFunction('extract', [text, timetz], numeric, extract)
  defineFunction('date_part', [text, timetz], float8, (field: string, value: ZonedTime) => {
    return extract(field, value)?.toNumber() ?? null
  })
}

function defineLogPositions(): void {
  const moved = (position: bigint, by: Decimal, sign: bigint): bigint => {
    if (by.kind === 'nan')
      throw failure('0A000', `cannot ${sign > 0n ? 'add' : 'subtract'} NaN ${sign > 0n ? 'to' : 'from'} pg_lsn`)
    const to = position + sign * by.round(0).coefficient
    if (BigInt.asUintN(64, to) !== to) throw failure('22023', 'pg_lsn out of range')
    return to
  }
  defineOperator('-', [lsn, lsn], numeric, (a: bigint, b: bigint) => Decimal.of(a - b))
  defineOperator('+', [lsn, numeric], lsn, (position: bigint, by: Decimal) => moved(position, by, 1n))
  defineOperator('+', [numeric, lsn], lsn, (by: Decimal, position: bigint) => moved(position, by, 1n))
  defineOperator('-', [lsn, numeric], lsn, (position: bigint, by: Decimal) => moved(position, by, -1n))
  defineFunction('pg_wal_lsn_diff', [lsn, lsn], numeric, (a: bigint, b: bigint) => Decimal.of(a - b))
}

defineZonedTimes()
defineLogPositions()
