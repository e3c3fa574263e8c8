/**
 * Places on the unit sphere and the arcs between them, which are geodesics. Angles and distances are radians.
 *
 * Every test has a tolerance of `nearby`, some tenths of a millimetre on the earth: what touches counts as meeting.
 */
export interface Vector {
  readonly x: number
  readonly y: number
  readonly z: number
}

/** As the server has it. */
export const earthRadiusMeters = 6_378_100

export const nearby = 1e-11

const radians = Math.PI / 180

export function vectorOf(longitude: number, latitude: number): Vector {
  const [lambda, phi] = [longitude * radians, latitude * radians]
  return { x: Math.cos(phi) * Math.cos(lambda), y: Math.cos(phi) * Math.sin(lambda), z: Math.sin(phi) }
}

export function unit({ x, y, z }: Vector): Vector {
  const length = Math.hypot(x, y, z)
  return { x: x / length, y: y / length, z: z / length }
}

export function dot(a: Vector, b: Vector): number {
  return a.x * b.x + a.y * b.y + a.z * b.z
}

export function cross(a: Vector, b: Vector): Vector {
  return { x: a.y * b.z - a.z * b.y, y: a.z * b.x - a.x * b.z, z: a.x * b.y - a.y * b.x }
}

/** Exact for near places too, where the arc cosine is not. */
export function angle(a: Vector, b: Vector): number {
  const { x, y, z } = cross(a, b)
  return Math.atan2(Math.hypot(x, y, z), dot(a, b))
}

/** From a place to the nearest of the arc from `a` to `b`. */
export function distanceToArc(place: Vector, a: Vector, b: Vector): number {
  const normal = cross(a, b)
  const length = Math.hypot(normal.x, normal.y, normal.z)
  const ends = Math.min(angle(place, a), angle(place, b))
  if (length < 1e-15) return ends
  // The foot of the perpendicular lies on the arc where the place is between the planes through its ends.
  const isBeside = dot(cross(normal, a), place) > 0 && dot(cross(b, normal), place) > 0
  return isBeside ? Math.asin(Math.min(1, Math.abs(dot(normal, place)) / length)) : ends
}

/** Whether they cross between their ends. */
export function doArcsCross(a: Vector, b: Vector, c: Vector, d: Vector): boolean {
  const first = cross(a, b)
  const [ofC, ofD] = [-dot(first, c), dot(first, d)]
  if (ofC * ofD <= 0) return false
  const second = cross(c, d)
  const [ofB, ofA] = [-dot(second, b), dot(second, a)]
  return ofC * ofB > 0 && ofC * ofA > 0
}

/** Of the triangle, positive where its corners go around to the left. */
function triangleArea(a: Vector, b: Vector, c: Vector): number {
  return 2 * Math.atan2(dot(a, cross(b, c)), 1 + dot(a, b) + dot(b, c) + dot(c, a))
}

/** So that the smaller of the two areas that the loop divides the sphere into is on its left. */
export function orientedLoop(corners: readonly Vector[]): readonly Vector[] {
  let area = 0
  for (let i = 2; i < corners.length; i++) area += triangleArea(corners[0]!, corners[i - 1]!, corners[i]!)
  const whole = 4 * Math.PI
  const within = area - whole * Math.round(area / whole)
  return within < 0 ? [...corners].reverse() : corners
}

/**
 * Whether a place lies on the left of an oriented loop: seen from there the corners go once around to the left. Seen from
 * the place opposite to one within they go around to the right.
 */
export function isWithinLoop(place: Vector, corners: readonly Vector[]): boolean {
  const across = unit(Math.abs(place.z) < 0.9 ? cross(place, north) : cross(place, east))
  const up = cross(place, across)
  let turned = 0
  let before = bearing(corners.at(-1)!, across, up)
  for (const corner of corners) {
    const now = bearing(corner, across, up)
    let step = now - before
    if (step > Math.PI) step -= 2 * Math.PI
    else if (step < -Math.PI) step += 2 * Math.PI
    turned += step
    before = now
  }
  return turned > Math.PI
}

const north: Vector = { x: 0, y: 0, z: 1 }
const east: Vector = { x: 1, y: 0, z: 0 }

function bearing(corner: Vector, across: Vector, up: Vector): number {
  return Math.atan2(dot(corner, up), dot(corner, across))
}
