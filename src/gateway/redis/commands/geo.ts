/** Places: members of sorted sets whose scores are geohashes (`model/keyvalue/geohash.ts`). Searches: `geo-search.ts`. */
import { decodeUtf8 } from '../../../base/bytes.ts'
import { kind, type Header } from '../../../model/keyvalue/codec.ts'
import {
  distanceBetween,
  geohashText,
  latitudeLimit,
  longitudeLimit,
  type Point,
  pointOf,
  scoreOf,
} from '../../../model/keyvalue/geohash.ts'
import { findCollection } from '../../../model/keyvalue/keyvalue.ts'
import { formatLongDouble, longDoubleOf } from '../../../model/keyvalue/long-double.ts'
import { findScore } from '../../../model/keyvalue/sorted-sets.ts'
import type { Call, DataHandler, Steps } from '../call.ts'
import { CommandError, syntaxError } from '../errors.ts'
import { addMembers } from './sorted-sets.ts'

export function findPlaces(call: Call, position: number): Header | undefined {
  return findCollection(call.tx, call.space, call.arg(position), kind.sortedSet)
}

/** A longitude and a latitude behind it. */
export function readPoint(call: Call, position: number): Point {
  const longitude = call.double(position)
  const latitude = call.double(position + 1)
  if (Math.abs(longitude) > longitudeLimit || Math.abs(latitude) > latitudeLimit) {
    throw new CommandError(`ERR invalid longitude,latitude pair ${withSixDigits(longitude)},${withSixDigits(latitude)}`)
  }
  return { longitude, latitude }
}

/** C's `%f`. */
function withSixDigits(value: number): string {
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf'
  return Math.abs(value) < 1e21 ? value.toFixed(6) : `${BigInt(value)}.000000`
}

const metresOf: ReadonlyMap<string, number> = new Map([
  ['M', 1],
  ['KM', 1000],
  ['FT', 0.3048],
  ['MI', 1609.34],
])

/** Of one of a unit. */
export function readUnit(call: Call, position: number): number {
  const metres = metresOf.get(call.option(position))
  if (metres === undefined) throw new CommandError('ERR unsupported unit provided. please use M, KM, FT, MI')
  return metres
}

/** Four digits, halves to even. */
export function writeDistance(call: Call, distance: number): void {
  const scaled = distance * 10_000
  const rounded = Math.round(scaled)
  const isHalf = scaled - Math.floor(scaled) === 0.5
  const digits = String(isHalf && rounded % 2 === 1 ? rounded - 1 : rounded).padStart(5, '0')
  call.reply.bulkText(`${digits.slice(0, -4)}.${digits.slice(-4)}`)
}

export function writePoint(call: Call, { longitude, latitude }: Point): void {
  call.reply.array(2)
  call.reply.double(formatLongDouble(longDoubleOf(longitude)))
  call.reply.double(formatLongDouble(longDoubleOf(latitude)))
}

/** The place of a member; undefined where there is none. */
export function findPoint(call: Call, places: Header | undefined, position: number): Point | undefined {
  if (places === undefined) return undefined
  const score = findScore(call.tx, call.space, places, call.arg(position))
  return score === undefined ? undefined : pointOf(score)
}

const addOptions: ReadonlySet<string> = new Set(['NX', 'XX', 'CH'])

/** Each may be said again. */
const mostOptions = 1024

function add(call: Call): Steps {
  const found = new Set<string>()
  let first = 2
  for (; first < call.count && addOptions.has(call.option(first)); first++) {
    if (first > mostOptions) throw syntaxError()
    found.add(call.option(first))
  }
  const others = call.count - first
  if (others === 0 || others % 3 !== 0 || (found.has('NX') && found.has('XX'))) throw syntaxError()
  const options = {
    conditions: { onlyNew: found.has('NX'), onlyExisting: found.has('XX') },
    countChanged: found.has('CH'),
    first,
  }
  // All places are checked before the first is stored.
  const check = (at: number): void => void readPoint(call, at)
  const score = (at: number): number => scoreOf(readPoint(call, at))
  return call.each(first, 3, check, () => addMembers(call, options, 3, score))
}

function eachPlace(call: Call, write: (point: Point | undefined) => void): Steps {
  const places = findPlaces(call, 1)
  call.reply.array(call.count - 2)
  return call.each(
    2,
    1,
    (at) => write(findPoint(call, places, at)),
    () => undefined,
  )
}

function positions(call: Call): Steps {
  return eachPlace(call, (point) => {
    if (point === undefined) call.reply.nullArray()
    else writePoint(call, point)
  })
}

function hashes(call: Call): Steps {
  return eachPlace(call, (point) => {
    if (point === undefined) call.reply.null()
    else call.reply.bulkText(geohashText(point))
  })
}

function distance(call: Call): void {
  if (call.count > 5) throw syntaxError()
  const unit = call.count === 5 ? readUnit(call, 4) : 1
  const places = findPlaces(call, 1)
  const from = findPoint(call, places, 2)
  const to = findPoint(call, places, 3)
  if (from === undefined || to === undefined) call.reply.null()
  else writeDistance(call, distanceBetween(from, to) / unit)
}

/** A command's name as it was sent. */
export function sentName(call: Call): string {
  const { bytes, start, end } = call.arg(0)
  return decodeUtf8(bytes, start, end)
}

export const geoCommands: Readonly<Record<string, DataHandler>> = {
  geoadd: add,
  geopos: positions,
  geohash: hashes,
  geodist: distance,
}
