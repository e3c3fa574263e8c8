/** The days that PostgreSQL's types know, and from when they count. */
import { daysFromCalendar } from '../../../base/calendar.ts'

/** Days between 1970-01-01 and PostgreSQL's epoch, 2000-01-01. */
export const postgresEpochDays = 10_957
export const usPerDay = 86_400_000_000n
export const postgresEpochUs: bigint = BigInt(postgresEpochDays) * usPerDay

/** ±infinity of date, and of the types that count microseconds. */
export const dateInfinity = 0x7fff_ffff
export const dateMinusInfinity = -0x8000_0000
export const timestampInfinity: bigint = (1n << 63n) - 1n
export const timestampMinusInfinity: bigint = -(1n << 63n)

/** 4714-11-24 BC, Julian day 0, and the first day that is too late for a date. */
export const firstDay: number = daysFromCalendar(-4713, 11, 24)
export const dateEndDay: number = daysFromCalendar(5_874_898, 1, 1)
