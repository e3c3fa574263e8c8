/** How geometries lie to each other: distance from a place, meeting, lying within. What is compared is charged for. */
import { charge } from '../../../base/work.ts'
import type { Area, Geometry } from './geometry.ts'
import { angle, distanceToArc, doArcsCross, isWithinLoop, nearby, unit, type Vector } from './sphere.ts'

const unitsPerEdge = 120

/** A cap of the sphere: what is within `radius` of its center. */
export interface Cap {
  readonly center: Vector
  readonly radius: number
}

type Edge = readonly [Vector, Vector]

function* edgesOfLoop(corners: readonly Vector[]): Generator<Edge> {
  let before = corners.at(-1)!
  for (const corner of corners) {
    yield [before, corner]
    before = corner
  }
}

function* edgesOfLine(places: readonly Vector[]): Generator<Edge> {
  for (let i = 1; i < places.length; i++) yield [places[i - 1]!, places[i]!]
}

function* edgesOfArea({ shell, holes }: Area): Generator<Edge> {
  yield* edgesOfLoop(shell)
  for (const hole of holes) yield* edgesOfLoop(hole)
}

function* edgesOf({ lines, areas }: Geometry): Generator<Edge> {
  for (const line of lines) yield* edgesOfLine(line)
  for (const area of areas) yield* edgesOfArea(area)
}

function distanceToEdges(place: Vector, edges: Iterable<Edge>): number {
  let least = Infinity
  for (const [a, b] of edges) {
    charge(unitsPerEdge)
    least = Math.min(least, distanceToArc(place, a, b))
  }
  return least
}

/** Of areas that many places are asked of. */
const caps = new WeakMap<Area, { readonly cap: Cap | undefined }>()
/** With fewer corners it is as soon asked itself. */
const fewCorners = 8

function isFarFrom(place: Vector, area: Area): boolean {
  if (area.shell.length < fewCorners) return false
  let known = caps.get(area)
  if (known === undefined) {
    charge(unitsPerEdge * area.shell.length)
    known = { cap: boundingCap({ places: area.shell, lines: [], areas: [] }) }
    caps.set(area, known)
  }
  const { cap } = known
  return cap !== undefined && angle(place, cap.center) > cap.radius + nearby
}

/** Its border included. */
function isInArea(place: Vector, area: Area): boolean {
  if (isFarFrom(place, area)) return false
  charge(unitsPerEdge * area.shell.length)
  const isInside = isWithinLoop(place, area.shell) && !area.holes.some((hole) => isWithinLoop(place, hole))
  return isInside || distanceToEdges(place, edgesOfArea(area)) <= nearby
}

/** Zero of a place within. */
export function distanceTo(place: Vector, geometry: Geometry): number {
  let least = Infinity
  for (const other of geometry.places) least = Math.min(least, angle(place, other))
  for (const line of geometry.lines) least = Math.min(least, distanceToEdges(place, edgesOfLine(line)))
  for (const area of geometry.areas) {
    if (isInArea(place, area)) return 0
    least = Math.min(least, distanceToEdges(place, edgesOfArea(area)))
  }
  return least
}

/** Whether all within `radius` of a place lies in one of the areas. */
export function isDeepInside({ center, radius }: Cap, { areas }: Geometry): boolean {
  return areas.some((area) => isInArea(center, area) && distanceToEdges(center, edgesOfArea(area)) > radius)
}

function* vertices({ places, lines, areas }: Geometry): Generator<Vector> {
  yield* places
  for (const line of lines) yield* line
  for (const { shell, holes } of areas) {
    yield* shell
    for (const hole of holes) yield* hole
  }
}

export function countVertices({ places, lines, areas }: Geometry): number {
  const ofAreas = areas.reduce((sum, { shell, holes }) => {
    return sum + shell.length + holes.reduce((all, hole) => all + hole.length, 0)
  }, 0)
  return places.length + lines.reduce((sum, line) => sum + line.length, 0) + ofAreas
}

export function doMeet(a: Geometry, b: Geometry): boolean {
  for (const place of vertices(a)) if (distanceTo(place, b) <= nearby) return true
  for (const place of vertices(b)) if (distanceTo(place, a) <= nearby) return true
  for (const [from, to] of edgesOf(a)) if (crossesAny(from, to, edgesOf(b))) return true
  return false
}

function crossesAny(from: Vector, to: Vector, edges: Iterable<Edge>): boolean {
  for (const [c, d] of edges) {
    charge(unitsPerEdge)
    if (doArcsCross(from, to, c, d)) return true
  }
  return false
}

/** Whether each part of a geometry lies in one of the areas. */
export function liesWithin(geometry: Geometry, areas: readonly Area[]): boolean {
  const { places, lines } = geometry
  if (!places.every((place) => areas.some((area) => isInArea(place, area)))) return false
  if (!lines.every((line) => areas.some((area) => areEdgesIn(line, edgesOfLine(line), area)))) return false
  return geometry.areas.every((one) => areas.some((area) => isAreaIn(one, area)))
}

function areEdgesIn(corners: Iterable<Vector>, edges: Iterable<Edge>, area: Area): boolean {
  for (const corner of corners) if (!isInArea(corner, area)) return false
  for (const [from, to] of edges) {
    if (crossesAny(from, to, edgesOfArea(area))) return false
    // One from border to border may lie outside between them.
    if (!isInArea(middle(from, to), area)) return false
  }
  return true
}

function middle(a: Vector, b: Vector): Vector {
  const sum = { x: a.x + b.x, y: a.y + b.y, z: a.z + b.z }
  return Math.hypot(sum.x, sum.y, sum.z) === 0 ? a : unit(sum)
}

function isAreaIn(inner: Area, outer: Area): boolean {
  if (!areEdgesIn(inner.shell, edgesOfLoop(inner.shell), outer)) return false
  return !outer.holes.some((hole) => hole.some((corner) => isStrictlyIn(corner, inner)))
}

function isStrictlyIn(place: Vector, area: Area): boolean {
  return isInArea(place, area) && distanceToEdges(place, edgesOfArea(area)) > nearby
}

/** Of a cap that is smaller than half the sphere: then what lies between two places in it is in it, too. */
export function liesWithinCap(geometry: Geometry, { center, radius }: Cap): boolean {
  for (const place of vertices(geometry)) {
    charge(unitsPerEdge)
    if (angle(place, center) > radius + nearby) return false
  }
  return true
}

/** In which all of it lies; undefined where it may be more than half of the sphere. */
export function boundingCap(geometry: Geometry): Cap | undefined {
  let [x, y, z] = [0, 0, 0]
  for (const place of vertices(geometry)) {
    x += place.x
    y += place.y
    z += place.z
  }
  if (Math.hypot(x, y, z) < 1e-9) return undefined
  const center = unit({ x, y, z })
  let radius = 0
  for (const place of vertices(geometry)) radius = Math.max(radius, angle(place, center))
  return radius > 1.5 ? undefined : { center, radius: radius + nearby }
}
