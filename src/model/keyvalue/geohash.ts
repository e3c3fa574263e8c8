/**
 * Places as Redis stores them: the score of a sorted set's member is a geohash of 52 bits, so that a square of the map is a
 * range of scores.
 *
 * The map is cut in two 26 times in each direction. A *cell* of step `s` is a square of 2^s by 2^s, told by its column and
 * row; its score begins with the bits of both, interleaved, the longitude's first. Latitudes end at ±85.05112878, where
 * the projection of web maps is square.
 *
 * A search looks through the cell of its centre and the eight around it, of the largest step at which these nine hold all of
 * the area, and tests each place that it meets there.
 */

export interface Point {
  readonly longitude: number
  readonly latitude: number
}

export const longitudeLimit = 180
export const latitudeLimit = 85.05112878
const poleLatitude = 90
export const finestStep = 26

/** Metres, as Redis takes it. */
const earthRadius = 6_372_797.560856
const mercatorLimit = 20_037_726.37
const radian = Math.PI / 180

export interface Cell {
  readonly column: number
  readonly row: number
  readonly step: number
}

interface Bounds {
  readonly west: number
  readonly east: number
  readonly south: number
  readonly north: number
}

/** The cell that a point lies in. */
export function cellOf({ longitude, latitude }: Point, step: number, highestLatitude: number = latitudeLimit): Cell {
  const size = 2 ** step
  const column = Math.floor(((longitude + longitudeLimit) / (2 * longitudeLimit)) * size)
  const row = Math.floor(((latitude + highestLatitude) / (2 * highestLatitude)) * size)
  return { column, row, step }
}

function boundsOf({ column, row, step }: Cell): Bounds {
  const size = 2 ** step
  // Columns and rows are 32 bits in Redis: the last one's end is its beginning, of what no place has for a score.
  const end = (from: number): number => (from + 1) >>> 0
  return {
    west: -longitudeLimit + (column / size) * 2 * longitudeLimit,
    east: -longitudeLimit + (end(column) / size) * 2 * longitudeLimit,
    south: -latitudeLimit + (row / size) * 2 * latitudeLimit,
    north: -latitudeLimit + (end(row) / size) * 2 * latitudeLimit,
  }
}

/** The first score of a cell; as the cell of the finest step, its only one. */
export function firstScore({ column, row, step }: Cell): number {
  return interleave(column, row) * 2 ** (2 * (finestStep - step))
}

/** The score behind the last one of a cell. */
export function endScore({ column, row, step }: Cell): number {
  return (interleave(column, row) + 1) * 2 ** (2 * (finestStep - step))
}

export function scoreOf(point: Point): number {
  return firstScore(cellOf(point, finestStep))
}

/** The middle of the cell that any score stands for. */
export function pointOf(score: number): Point {
  const [high, low] = halvesOf(score)
  const row = (evenBits(low) | (evenBits(high) << 16)) >>> 0
  const column = (evenBits(low >>> 1) | (evenBits(high >>> 1) << 16)) >>> 0
  const { west, east, south, north } = boundsOf({ column, row, step: finestStep })
  return {
    longitude: within((west + east) / 2, longitudeLimit),
    latitude: within((south + north) / 2, latitudeLimit),
  }
}

function within(value: number, limit: number): number {
  return Math.min(limit, Math.max(-limit, value))
}

/** Of a score as C makes an unsigned integer of it. */
function halvesOf(score: number): [high: number, low: number] {
  if (score >= 0 && score < Number.MAX_SAFE_INTEGER) return [Math.floor(score / 2 ** 32), (score % 2 ** 32) >>> 0]
  const bits = integerOf(score)
  return [Number(bits >> 32n), Number(bits & 0xffff_ffffn)]
}

function integerOf(score: number): bigint {
  if (score >= 2 ** 63) return score < 2 ** 64 ? BigInt(score) : 0n
  return score < -(2 ** 63) ? 1n << 63n : BigInt.asUintN(64, BigInt(Math.trunc(score)))
}

/** Bits of `column` and `row` by turns, the lowest is the row's. Both have at most 27. */
function interleave(column: number, row: number): number {
  const low = spread(row & 0xffff) + spread(column & 0xffff) * 2
  const high = spread(row >>> 16) + spread(column >>> 16) * 2
  return high * 2 ** 32 + low
}

/** 16 bits with a zero before each. */
function spread(value: number): number {
  let bits = value
  bits = (bits | (bits << 8)) & 0x00ff_00ff
  bits = (bits | (bits << 4)) & 0x0f0f_0f0f
  bits = (bits | (bits << 2)) & 0x3333_3333
  return (bits | (bits << 1)) & 0x5555_5555
}

/** Of 32 bits, those at even places. */
function evenBits(value: number): number {
  let bits = value & 0x5555_5555
  bits = (bits | (bits >>> 1)) & 0x3333_3333
  bits = (bits | (bits >>> 2)) & 0x0f0f_0f0f
  bits = (bits | (bits >>> 4)) & 0x00ff_00ff
  return (bits | (bits >>> 8)) & 0xffff
}

const alphabet = '0123456789bcdefghjkmnpqrstuvwxyz'

/** The eleven characters that others know a place by; the last one is always 0, since there are 52 bits. */
export function geohashText(point: Point): string {
  const bits = firstScore(cellOf(point, finestStep, poleLatitude))
  let text = ''
  for (let at = 1; at <= 10; at++) text += alphabet[Math.floor(bits / 2 ** (52 - at * 5)) % 32]!
  return `${text}0`
}

// ---- distances

function latitudeDistance(a: number, b: number): number {
  return earthRadius * Math.abs(b * radian - a * radian)
}

/** Metres along a great circle, by the haversine formula. */
export function distanceBetween(a: Point, b: Point): number {
  const v = Math.sin((b.longitude * radian - a.longitude * radian) / 2)
  if (v === 0) return latitudeDistance(a.latitude, b.latitude)
  const first = a.latitude * radian
  const second = b.latitude * radian
  const u = Math.sin((second - first) / 2)
  return 2 * earthRadius * Math.asin(Math.sqrt(u * u + Math.cos(first) * Math.cos(second) * v * v))
}

// ---- searches

/** Around a centre: all within a radius, or within a box of a width and a height; metres. */
export type Area = { readonly centre: Point } & (
  | { readonly radius: number }
  | { readonly width: number; readonly height: number }
)

/** How far a point of the area is from its centre; undefined where it is not in it. */
export function distanceWithin(area: Area, point: Point): number | undefined {
  const { centre } = area
  if ('radius' in area) {
    const distance = distanceBetween(centre, point)
    return distance > area.radius ? undefined : distance
  }
  if (latitudeDistance(point.latitude, centre.latitude) > area.height / 2) return undefined
  const beside = { longitude: centre.longitude, latitude: point.latitude }
  return distanceBetween(point, beside) > area.width / 2 ? undefined : distanceBetween(centre, point)
}

function boundsOfArea(area: Area): Bounds {
  const { longitude, latitude } = area.centre
  const height = 'radius' in area ? area.radius : area.height / 2
  const width = 'radius' in area ? area.radius : area.width / 2
  const up = height / earthRadius / radian
  const wider = latitude < 0 ? latitude - up : latitude + up
  const aside = width / earthRadius / Math.cos(wider * radian) / radian
  return { west: longitude - aside, east: longitude + aside, south: latitude - up, north: latitude + up }
}

/** The finest step at which nine cells should hold what lies so near. */
function stepFor(metres: number, latitude: number): number {
  if (metres === 0) return finestStep
  let step = 1
  for (let range = metres; range < mercatorLimit; range *= 2) step++
  step -= 2
  // Meridians come together towards the poles.
  if (Math.abs(latitude) > 66) step--
  if (Math.abs(latitude) > 80) step--
  return Math.min(finestStep, Math.max(1, step))
}

/** Columns and rows to go from the centre's cell, in the order in which Redis looks through them. */
const directions: readonly (readonly [east: number, north: number])[] = [
  [0, 0],
  [0, 1],
  [0, -1],
  [1, 0],
  [-1, 0],
  [1, 1],
  [-1, 1],
  [1, -1],
  [-1, -1],
]

function neighbour({ column, row, step }: Cell, east: number, north: number): Cell {
  const size = 2 ** step
  // What does not move stays, even at the very edge of the map.
  const moved = (from: number, by: number): number => (by === 0 ? from : (from + by + size) % size)
  return { column: moved(column, east), row: moved(row, north), step }
}

/** The cells that hold all of the area, in the order in which they are looked through. */
export function cellsAround(area: Area): Cell[] {
  const wanted = boundsOfArea(area)
  const metres = 'radius' in area ? area.radius : Math.sqrt((area.width / 2) ** 2 + (area.height / 2) ** 2)
  let step = stepFor(metres, area.centre.latitude)
  if (step > 1 && !reachesAround(cellOf(area.centre, step), wanted)) step--
  const middle = cellOf(area.centre, step)
  const { west, east, south, north } = boundsOf(middle)
  const isNeeded = ([toEast, toNorth]: readonly [number, number]): boolean => {
    if (step < 2) return true
    // What the middle alone goes beyond needs no neighbour on that side.
    if ((toNorth < 0 && south < wanted.south) || (toNorth > 0 && north > wanted.north)) return false
    return !((toEast < 0 && west < wanted.west) || (toEast > 0 && east > wanted.east))
  }
  const cells: Cell[] = []
  let last: Cell | undefined
  for (const direction of directions.filter(isNeeded)) {
    const cell = neighbour(middle, ...direction)
    // Of few large cells, two neighbours may be the same. Redis compares with the one before, but for the middle.
    if (cells.length > 1 && last!.column === cell.column && last!.row === cell.row) continue
    cells.push(cell)
    last = cell
  }
  return cells
}

function reachesAround(middle: Cell, wanted: Bounds): boolean {
  return (
    boundsOf(neighbour(middle, 0, 1)).north >= wanted.north &&
    boundsOf(neighbour(middle, 0, -1)).south <= wanted.south &&
    boundsOf(neighbour(middle, 1, 0)).east >= wanted.east &&
    boundsOf(neighbour(middle, -1, 0)).west <= wanted.west
  )
}
