/**
 * GEOSEARCH and its older forms: the places of a sorted set within a circle or a box. An area is nine ranges of scores, which
 * are walked in slices; only what lies in the area is kept.
 */
import { copySlice, type Slice, sliceOf } from '../../../base/slice.ts'
import { charge } from '../../../base/work.ts'
import type { StatementSteps } from '../../../database/contract.ts'
import { inPlace } from '../../../database/transaction/wait.ts'
import { type Header, kind } from '../../../model/keyvalue/codec.ts'
import {
  type Area,
  cellsAround,
  distanceWithin,
  endScore,
  firstScore,
  type Point,
  pointOf,
} from '../../../model/keyvalue/geohash.ts'
import { clearKey, newCollection, placeCollection } from '../../../model/keyvalue/keyvalue.ts'
import { scoreRange, walkByScore } from '../../../model/keyvalue/sorted-set-ranges.ts'
import { appendScore } from '../../../model/keyvalue/sorted-sets.ts'
import { eachStep } from '../../../model/keyvalue/walk.ts'
import { SortedRuns } from '../../../query/sorted-runs.ts'
import type { Call, DataHandler } from '../call.ts'
import { CommandError, syntaxError } from '../errors.ts'
import { findPlaces, findPoint, readPoint, readUnit, sentName, writeDistance, writePoint } from './geo.ts'

interface Form {
  /** Where the sorted set stands. */
  readonly source: number
  /** GEOSEARCH says its centre and area by options. */
  readonly centre: 'point' | 'member' | 'option'
  /** Where options begin. */
  readonly options: number
  /** May say by options where to store. */
  readonly mayStore: boolean
  /** Where it stores in any case. */
  readonly target?: number
}

interface Request {
  centre: Point | undefined
  /** By which option of GEOSEARCH. */
  centreBy: 'point' | 'member' | undefined
  /** Without its centre; metres. */
  extent: { radius: number } | { width: number; height: number } | undefined
  /** Metres of the unit. */
  unit: number
  withDistance: boolean
  withHash: boolean
  withPoint: boolean
  order: 'none' | 'asc' | 'desc'
  any: boolean
  count: number
  target: number | undefined
  storesDistance: boolean
}

interface Place {
  readonly member: Uint8Array
  readonly point: Point
  readonly score: number
  readonly distance: number
}

/** Decoding a score and measuring. */
const placeUnits = 500
/** What a place takes that is kept, without its member. */
const placeBytes = 160

function memberPoint(call: Call, places: Header, position: number): Point {
  const point = findPoint(call, places, position)
  if (point === undefined) throw new CommandError('ERR could not decode requested zset member')
  return point
}

function readLength(call: Call, position: number, name: string): number {
  return call.double(position, `ERR need numeric ${name}`)
}

function setRadius(call: Call, request: Request, position: number): void {
  const radius = readLength(call, position, 'radius')
  if (radius < 0) throw new CommandError('ERR radius cannot be negative')
  request.unit = readUnit(call, position + 1)
  request.extent = { radius: radius * request.unit }
}

function setBox(call: Call, request: Request, position: number): void {
  const width = readLength(call, position, 'width')
  const height = readLength(call, position + 1, 'height')
  if (width < 0 || height < 0) throw new CommandError('ERR height or width cannot be negative')
  request.unit = readUnit(call, position + 2)
  request.extent = { width: width * request.unit, height: height * request.unit }
}

function parse(call: Call, form: Form, places: Header | undefined): Request {
  const request: Request = {
    centre: undefined,
    centreBy: undefined,
    extent: undefined,
    unit: 1,
    withDistance: false,
    withHash: false,
    withPoint: false,
    order: 'none',
    any: false,
    count: 0,
    target: form.target,
    storesDistance: false,
  }
  if (form.centre === 'point') request.centre = readPoint(call, 2)
  if (form.centre === 'member' && places !== undefined) request.centre = memberPoint(call, places, 2)
  if (request.centre !== undefined) setRadius(call, request, form.options - 2)
  for (let at = form.options; at < call.count;) at = readOption(call, form, places, request, at)
  check(call, form, request)
  return request
}

/** Where the next one stands. */
function readOption(call: Call, form: Form, places: Header | undefined, request: Request, at: number): number {
  const option = call.option(at)
  const left = call.count - at - 1
  if (option === 'WITHDIST') request.withDistance = true
  else if (option === 'WITHHASH') request.withHash = true
  else if (option === 'WITHCOORD') request.withPoint = true
  else if (option === 'ANY') request.any = true
  else if (option === 'ASC') request.order = 'asc'
  else if (option === 'DESC') request.order = 'desc'
  else if (option === 'STOREDIST' && form.target !== undefined) request.storesDistance = true
  else if (option === 'COUNT' && left >= 1) {
    request.count = call.integer(at + 1)
    if (request.count <= 0) throw new CommandError('ERR COUNT must be > 0')
    return at + 2
  } else if ((option === 'STORE' || option === 'STOREDIST') && left >= 1 && form.mayStore) {
    request.target = at + 1
    request.storesDistance = option === 'STOREDIST'
    return at + 2
  } else if (form.centre === 'option') return readArea(call, places, request, at)
  else throw syntaxError()
  return at + 1
}

function readArea(call: Call, places: Header | undefined, request: Request, at: number): number {
  const option = call.option(at)
  const left = call.count - at - 1
  const hasRadius = request.extent !== undefined && 'radius' in request.extent
  if (option === 'FROMMEMBER' && left >= 1 && request.centreBy !== 'point') {
    request.centreBy = 'member'
    if (places !== undefined) request.centre = memberPoint(call, places, at + 1)
    return at + 2
  }
  if (option === 'FROMLONLAT' && left >= 2 && request.centreBy !== 'member') {
    request.centreBy = 'point'
    request.centre = readPoint(call, at + 1)
    return at + 3
  }
  if (option === 'BYRADIUS' && left >= 2 && (request.extent === undefined || hasRadius)) {
    setRadius(call, request, at + 1)
    return at + 3
  }
  if (option !== 'BYBOX' || left < 3 || hasRadius) throw syntaxError()
  setBox(call, request, at + 1)
  return at + 4
}

function check(call: Call, form: Form, request: Request): void {
  if (request.target !== undefined && (request.withDistance || request.withHash || request.withPoint)) {
    const name = form.target === undefined ? 'STORE option in GEORADIUS' : 'GEOSEARCHSTORE'
    throw new CommandError(`ERR ${name} is not compatible with WITHDIST, WITHHASH and WITHCOORD options`)
  }
  const wanted = (what: string): CommandError =>
    new CommandError(`ERR exactly one of ${what} can be specified for ${sentName(call)}`)
  if (form.centre === 'option' && request.centreBy === undefined) throw wanted('FROMMEMBER or FROMLONLAT')
  if (form.centre === 'option' && request.extent === undefined) throw wanted('BYRADIUS and BYBOX')
  if (request.any && request.count === 0) throw new CommandError('ERR the ANY argument requires COUNT argument')
}

/** Those in the area, in order where one is wanted, and as many as are wanted. */
function* findWithin(call: Call, places: Header, area: Area, request: Request): StatementSteps<Place[]> {
  const { count, any } = request
  const order = request.order === 'none' && count > 0 && !any ? 'asc' : request.order
  const { memory } = call.tx.workspace
  const bytesOf = ({ member }: Place): number => placeBytes + member.length
  const unordered: Place[] = []
  const sorting = new SortedRuns(order === 'desc' ? furthestFirst : nearestFirst, (place: Place) =>
    memory.release(bytesOf(place)),
  )
  if (count > 0) sorting.limit(count)
  let found = 0
  const visit = (member: Slice, score: number): boolean => {
    charge(placeUnits)
    const point = pointOf(score)
    const distance = distanceWithin(area, point)
    if (distance === undefined) return true
    const place = { member: copySlice(member), point, score, distance }
    memory.charge(bytesOf(place), 'the places that were found')
    found++
    if (order === 'none') unordered.push(place)
    else sorting.add(place)
    return !(any && found >= count)
  }
  for (const cell of cellsAround(area)) {
    if (any && found >= count) break
    const bounds = { min: firstScore(cell), max: endScore(cell), minExclusive: false, maxExclusive: true }
    yield* walkByScore(call.tx, call.space, places, scoreRange(call.space, places, bounds), visit)
  }
  if (order === 'none') return unordered
  for (let moved = sorting.step(); moved > 0; moved = sorting.step()) {
    if (call.tx.slice.spend(moved)) yield undefined
  }
  const all = sorting.takeAll()
  return count > 0 ? all.slice(0, count) : all
}

const nearestFirst = (a: Place, b: Place): number => a.distance - b.distance
const furthestFirst = (a: Place, b: Place): number => b.distance - a.distance

function* write(call: Call, found: readonly Place[], request: Request): StatementSteps<void> {
  const { reply } = call
  const { withDistance, withHash, withPoint, unit } = request
  const more = Number(withDistance) + Number(withHash) + Number(withPoint)
  reply.array(found.length)
  yield* eachStep(call.tx, 0, found.length, 1, (at) => {
    const { member, distance, score, point } = found[at]!
    if (more > 0) reply.array(1 + more)
    reply.bulk(sliceOf(member))
    if (withDistance) writeDistance(call, distance / unit)
    if (withHash) reply.integer(BigInt(Math.trunc(score)))
    if (withPoint) writePoint(call, point)
  })
}

function* store(call: Call, found: readonly Place[], { target, storesDistance, unit }: Request): StatementSteps<void> {
  const { tx } = call
  const space = yield* inPlace(tx, () => call.writableSpace)
  const stored = newCollection(tx, kind.sortedSet)
  yield* eachStep(tx, 0, found.length, 1, (at) => {
    const { member, distance, score } = found[at]!
    appendScore(tx, space, stored, sliceOf(member), storesDistance ? distance / unit : score)
  })
  yield* inPlace(tx, () => {
    clearKey(tx, space, call.arg(target!))
    if (stored.count > 0) placeCollection(tx, space, call.arg(target!), stored)
  })
  call.reply.integer(stored.count)
}

function search(form: Form): DataHandler {
  return function* (call: Call): StatementSteps<void> {
    const places = findPlaces(call, form.source)
    const request = parse(call, form, places)
    const { centre, extent } = request
    const hasArea = places !== undefined && centre !== undefined && extent !== undefined
    const found = hasArea ? yield* findWithin(call, places, { centre, ...extent }, request) : []
    if (request.target === undefined) yield* write(call, found, request)
    else yield* store(call, found, request)
  }
}

const byPoint: Form = { source: 1, centre: 'point', options: 6, mayStore: true }
const byMember: Form = { source: 1, centre: 'member', options: 5, mayStore: true }

export const geoSearchCommands: Readonly<Record<string, DataHandler>> = {
  georadius: search(byPoint),
  georadius_ro: search({ ...byPoint, mayStore: false }),
  georadiusbymember: search(byMember),
  georadiusbymember_ro: search({ ...byMember, mayStore: false }),
  geosearch: search({ source: 1, centre: 'option', options: 2, mayStore: false }),
  geosearchstore: search({ source: 2, centre: 'option', options: 3, mayStore: false, target: 1 }),
}
