/**
 * How values are written as text, and read, where that is a matter of settings: PostgreSQL's TimeZone, DateStyle, IntervalStyle,
 * extra_float_digits and bytea_output.
 *
 * The style in force is ambient: whoever runs a statement of a session puts the session's in force for each stretch of it that
 * runs without a pause (`inStyle`, `stepsInStyle`), and types and functions ask `textStyle()`. A stretch never gives the
 * thread away, so that nobody meets the style of another. What is derived and stored (checks, defaults, indexes) is always
 * computed in the plain style: it must not depend on who writes.
 */
import { inStretches } from '../../../base/stretches.ts'
import { type LocalKind, type TimeZone, utcZone } from '../../../base/time-zones/time-zone.ts'
import { timestampInfinity, timestampMinusInfinity } from './calendar.ts'

export type DateStyle = 'ISO' | 'SQL' | 'Postgres' | 'German'
export type DateOrder = 'MDY' | 'DMY' | 'YMD'
export type IntervalStyle = 'postgres' | 'postgres_verbose' | 'sql_standard' | 'iso_8601'

export interface TextStyle {
  /** Tells it from every other one. */
  readonly key: string
  readonly zone: TimeZone
  readonly dateStyle: DateStyle
  readonly dateOrder: DateOrder
  readonly intervalStyle: IntervalStyle
  /** Digits of a float beyond 15 (float4: 6); from 1 on as many as tell it from others. */
  readonly floatDigits: number
  readonly byteaOutput: 'hex' | 'escape'
}

export const plainStyle: TextStyle = {
  key: '',
  zone: utcZone,
  dateStyle: 'ISO',
  dateOrder: 'MDY',
  intervalStyle: 'postgres',
  floatDigits: 1,
  byteaOutput: 'hex',
}

let current: TextStyle = plainStyle

/** The one in force. */
export function textStyle(): TextStyle {
  return current
}

/** The one in force, with dates as JSON has them. */
export function isoStyle(): TextStyle {
  return current.dateStyle === 'ISO' ? current : { ...current, dateStyle: 'ISO' }
}

/** Runs `task`, which returns without a pause, in a style. */
export function inStyle<T>(style: TextStyle, task: () => T): T {
  if (style === current) return task()
  const before = current
  current = style
  try {
    return task()
  } finally {
    current = before
  }
}

/** Each step of them in a style. */
export function stepsInStyle<Y, R>(style: TextStyle, steps: Iterator<Y, R, void>): Generator<Y, R, void> {
  return inStretches(steps, (stretch) => inStyle(style, stretch))
}

const usPerSecond = 1_000_000n

function secondsOf(us: bigint): number {
  const seconds = us / usPerSecond
  return Number(us % usPerSecond < 0n ? seconds - 1n : seconds)
}

function isEndless(us: bigint): boolean {
  return us === timestampInfinity || us === timestampMinusInfinity
}

/** The kind of local time that holds at an instant in the session's zone. */
export function localKind(us: bigint, zone: TimeZone = current.zone): LocalKind {
  return zone.kindAt(secondsOf(us))
}

/** An instant as the clocks of a zone show it, µs as if they were UTC. */
export function toLocal(us: bigint, zone: TimeZone = current.zone): bigint {
  if (zone === utcZone || isEndless(us)) return us
  return us + BigInt(localKind(us, zone).offsetSeconds) * usPerSecond
}

/** The instant that a local time means. */
export function fromLocal(us: bigint, zone: TimeZone = current.zone): bigint {
  if (zone === utcZone || isEndless(us)) return us
  return us - BigInt(zone.kindOfLocal(secondsOf(us)).offsetSeconds) * usPerSecond
}
