/**
 * time with time zone: a time of day and how far its zone is from UTC. Sorted by the time in UTC, then by the zone, as seconds
 * west of UTC, which is how PostgreSQL counts them.
 */
import { ByteReader } from '../../../base/bytes.ts'
import { usPerDay } from './calendar.ts'
import { badText, readDateTime } from './date-time-text.ts'
import { formatOffset, formatTime, precisionModifierOf } from './date-time.ts'
import { roundToPrecision } from './precision.ts'
import { defineStructure, structure, StructuredValue } from './structured.ts'
import { fromLocal } from './text-style.ts'
import { compareNumbers, fixedView, sqlError, type SqlType } from './type.ts'
import type { SqlValue } from './value.ts'

export class ZonedTime extends StructuredValue {
  readonly structure: number = structure.zonedTime
  readonly timeUs: bigint
  readonly westSeconds: number

  constructor(timeUs: bigint, westSeconds: number) {
    super()
    this.timeUs = timeUs
    this.westSeconds = westSeconds
  }

  parts(): readonly SqlValue[] {
    return [this.timeUs, this.westSeconds]
  }

  /** Its time in UTC, which may be on another day. */
  get utcUs(): bigint {
    return this.timeUs + BigInt(this.westSeconds) * 1_000_000n
  }
}

defineStructure(structure.zonedTime, ([timeUs, westSeconds]) => new ZonedTime(timeUs as bigint, westSeconds as number))

const title = 'time with time zone'

/** Where a zone's offset depends on the day and none is given: this one. */
const assumedDay = 10_957n

/** Seconds west of UTC, of a local time in the session's zone. */
export function sessionWest(localUs: bigint): number {
  return Number((fromLocal(localUs) - localUs) / 1_000_000n)
}

function parseZonedTime(text: string, modifier = -1): ZonedTime {
  const { timeUs, zoneSeconds, days } = readDateTime(text, title)
  if (timeUs === undefined) throw badText(title, text)
  const rounded = roundToPrecision(timeUs, modifier)
  const west = zoneSeconds === undefined ? sessionWest(BigInt(days ?? assumedDay) * usPerDay + timeUs) : -zoneSeconds
  // PostgreSQL takes further ones of a zone's name, and prints what it does not read.
  if (zoneSeconds !== undefined) checkDisplacement(west)
  return new ZonedTime(rounded, west)
}

function compare(a: ZonedTime, b: ZonedTime): number {
  return compareNumbers(a.utcUs, b.utcUs) || a.westSeconds - b.westSeconds
}

function checked(timeUs: bigint, westSeconds: number): ZonedTime {
  if (timeUs < 0n || timeUs > usPerDay) throw sqlError('out_of_range', '22008', 'time out of range')
  checkDisplacement(westSeconds)
  return new ZonedTime(timeUs, westSeconds)
}

function checkDisplacement(westSeconds: number): void {
  if (Math.abs(westSeconds) < 16 * 3600) return
  throw sqlError('out_of_range', '22009', 'time zone displacement out of range')
}

export const timetzType: SqlType = {
  oid: 1266,
  name: 'timetz',
  title,
  arrayOid: 1270,
  category: 'D',
  lengthBytes: 12,
  storage: 'fixed',
  storedBytes: 12,
  isOrdered: true,
  parseText: parseZonedTime,
  formatText: (value) => {
    const { timeUs, westSeconds } = value as ZonedTime
    return formatTime(timeUs) + formatOffset(-westSeconds)
  },
  encodeBinary: (value, writer) => {
    writer.i64be((value as ZonedTime).timeUs)
    writer.i32be((value as ZonedTime).westSeconds)
  },
  decodeBinary: (bytes, start, end) => {
    const view = fixedView('timetz', bytes, start, end, 12)
    return checked(view.getBigInt64(0), view.getInt32(8))
  },
  compare: (a, b) => compare(a as ZonedTime, b as ZonedTime),
  writeKey: (value, writer) => {
    writer.int64((value as ZonedTime).utcUs)
    writer.int64((value as ZonedTime).westSeconds)
  },
  writeStored: (value, writer) => {
    writer.i64le((value as ZonedTime).timeUs)
    writer.i32le((value as ZonedTime).westSeconds)
  },
  readStored: (bytes, start, end) => {
    const reader = new ByteReader(bytes, start, end)
    return new ZonedTime(reader.i64le(), reader.i32le())
  },
  coerce: (value, modifier) => {
    const { timeUs, westSeconds } = value as ZonedTime
    return new ZonedTime(roundToPrecision(timeUs, modifier), westSeconds)
  },
  modifierOf: (parameters) => precisionModifierOf(parameters, 'TIME'),
  formatModifier: (modifier) => (modifier < 0 ? '' : `(${modifier})`),
}
