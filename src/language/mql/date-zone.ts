/**
 * The time zones of operators on dates: names of the IANA data (`base/time-zones`), or a fixed distance from UTC such as
 * `+05:30`. A local time that clocks skip or show twice is read as `base/time-zones` reads it.
 */
import { findTimeZone, fixedZone, type TimeZone, utcZone } from '../../base/time-zones/time-zone.ts'
import { bsonType, bsonTypeName, type BsonValue } from '../../model/document/bson.ts'
import { type Civil, civilFromMs } from '../../model/document/calendar.ts'
import { mongoError } from '../../model/document/mongo-error.ts'
import { readString } from '../../model/document/values.ts'
import type { Compile } from './expression-contract.ts'
import type { Scope } from './scope.ts'

/** Undefined where the time zone is null, which makes the result null. */
export type ZoneOf = (scope: Scope) => TimeZone | undefined

export function compileZone(zone: BsonValue | undefined, compile: Compile): ZoneOf {
  if (zone === undefined) return () => utcZone
  const expression = compile(zone)
  return (scope) => {
    const value = expression(scope)
    if (value.isNullish) return undefined
    if (value.type === bsonType.string) return zoneNamed(readString(value))
    throw mongoError(40_517, `timezone must evaluate to a string, found ${bsonTypeName(value.type)}`, 'wrong_type')
  }
}

const known = new Map<string, TimeZone>()
const mostKnown = 1000

function zoneNamed(text: string): TimeZone {
  let zone = known.get(text)
  if (zone !== undefined) return zone
  zone = offsetZone(text) ?? (/^[A-Za-z][\w+/-]*$/.test(text) ? findTimeZone(text) : undefined)
  if (zone === undefined) throw mongoError(40_485, `unrecognized time zone identifier: "${text}"`)
  if (known.size >= mostKnown) known.clear()
  known.set(text, zone)
  return zone
}

function offsetZone(text: string): TimeZone | undefined {
  if (text === 'Z') return utcZone
  const [, sign, hours, minutes = '0'] = /^([+-])(\d\d):?(\d\d)?$/.exec(text) ?? []
  if (sign === undefined) return undefined
  const seconds = Number(hours) * 3600 + Number(minutes) * 60
  return fixedZone(text, sign === '-' ? -seconds : seconds)
}

/** What clocks show at an instant, as if it were UTC. */
export function toLocal(ms: bigint, zone: TimeZone): bigint {
  return zone === utcZone ? ms : ms + offsetMs(ms, zone)
}

function offsetMs(ms: bigint, zone: TimeZone): bigint {
  return BigInt(zone.kindAt(secondsOf(ms)).offsetSeconds) * 1000n
}

/** East of UTC at an instant; whole ones, towards zero. */
export function minutesEast(ms: bigint, zone: TimeZone): number {
  return Math.trunc(zone.kindAt(secondsOf(ms)).offsetSeconds / 60)
}

/** Likewise back: which instant a local time means. */
export function fromLocal(localMs: bigint, zone: TimeZone): bigint {
  if (zone === utcZone) return localMs
  return localMs - BigInt(zone.kindOfLocal(secondsOf(localMs)).offsetSeconds) * 1000n
}

function secondsOf(ms: bigint): number {
  return Math.floor(Number(ms) / 1000)
}

export function localCivil(ms: bigint, zone: TimeZone): Civil {
  return civilFromMs(toLocal(ms, zone))
}
