/**
 * Geometry of the plane as PostgreSQL computes it: numbers that differ by no more than a millionth are the same, and what does
 * not meet has no point.
 */
import { lineOfSlope, lineThrough } from '../../../../model/table/types/geometry/shape-text.ts'
import { ofPoints, type Point, pointsOf, type Shape } from '../../../../model/table/types/geometry/shape.ts'
import { charge } from '../../../../base/work.ts'

const epsilon = 1e-6
const unitsPerPair = 100

export const isZero = (a: number): boolean => Math.abs(a) <= epsilon
export const same = (a: number, b: number): boolean =>
  a === b || Math.abs(a - b) <= epsilon || (Number.isNaN(a) && Number.isNaN(b))
export const less = (a: number, b: number): boolean => a + epsilon < b
export const atMost = (a: number, b: number): boolean => a <= b + epsilon
export const more = (a: number, b: number): boolean => less(b, a)
export const atLeast = (a: number, b: number): boolean => atMost(b, a)

export function samePoint(a: Point, b: Point): boolean {
  return same(a.x, b.x) && same(a.y, b.y)
}

export function distance(a: Point, b: Point): number {
  return Math.hypot(a.x - b.x, a.y - b.y)
}

export function pointOf({ numbers }: Shape): Point {
  return { x: numbers[0]!, y: numbers[1]! }
}

export function shapeOf(point: Point): Shape {
  return ofPoints('point', [point])
}

/** Two points. */
export type Segment = readonly [Point, Point]

export function segmentOf(shape: Shape): Segment {
  const [a, b] = pointsOf(shape)
  return [a!, b!]
}

export function slope([a, b]: Segment): number {
  if (same(a.x, b.x)) return Infinity
  return same(a.y, b.y) ? 0 : (a.y - b.y) / (a.x - b.x)
}

/** Of what is perpendicular to it. */
export function inverseSlope([a, b]: Segment): number {
  if (same(a.x, b.x)) return 0
  return same(a.y, b.y) ? Infinity : (a.x - b.x) / (b.y - a.y)
}

export function lineSlope({ numbers: [a, b] }: Shape): number {
  if (isZero(a!)) return 0
  return isZero(b!) ? Infinity : a! / -b!
}

function inverseLineSlope({ numbers: [a, b] }: Shape): number {
  if (isZero(a!)) return Infinity
  return isZero(b!) ? 0 : b! / a!
}

const plainZero = (value: number): number => (value === 0 ? 0 : value)

export function lineMeeting(one: Shape, other: Shape): Point | undefined {
  const [a, b, c] = one.numbers as [number, number, number]
  const [d, e, f] = other.numbers as [number, number, number]
  if (!isZero(b)) {
    if (same(d, a * (e / b))) return undefined
    const x = (b * f - e * c) / (a * e - d * b)
    return { x: plainZero(x), y: plainZero(-(a * x + c) / b) }
  }
  if (isZero(e) || same(a, d * (b / e))) return undefined
  const x = (e * c - b * f) / (d * b - a * e)
  return { x: plainZero(x), y: plainZero(-(d * x + f) / e) }
}

export function isOnSegment([a, b]: Segment, point: Point): boolean {
  return same(distance(point, a) + distance(point, b), distance(a, b))
}

export function isOnLine({ numbers: [a, b, c] }: Shape, { x, y }: Point): boolean {
  return isZero(a! * x + b! * y + c!)
}

/** An end of the segment where it is that. */
export function segmentLineMeeting(segment: Segment, line: Shape): Point | undefined {
  const own = samePoint(...segment) ? lineOfSlope(segment[0], slope(segment)) : lineThrough(...segment)
  const met = lineMeeting(own, line)
  if (met === undefined || !isOnSegment(segment, met)) return undefined
  return segment.find((end) => samePoint(end, met)) ?? met
}

export function segmentMeeting(one: Segment, other: Segment): Point | undefined {
  charge(unitsPerPair)
  const met = segmentLineMeeting(one, lineOfSlope(other[0], slope(other)))
  return met === undefined || !isOnSegment(other, met) ? undefined : met
}

/** What is nearest, and how far it is. */
export interface Nearest {
  readonly point: Point
  readonly distance: number
}

export function nearestOnLine(line: Shape, point: Point): Nearest {
  const met = lineMeeting(lineOfSlope(point, inverseLineSlope(line)), line) ?? { x: Number.NaN, y: Number.NaN }
  return { point: met, distance: distance(met, point) }
}

export function nearestToLine(segment: Segment, line: Shape): Nearest {
  const met = segmentLineMeeting(segment, line)
  if (met !== undefined) return { point: met, distance: 0 }
  const [first, second] = segment.map((end) => nearestOnLine(line, end).distance) as [number, number]
  return first < second ? { point: segment[0], distance: first } : { point: segment[1], distance: second }
}

export function nearestOnSegment(segment: Segment, point: Point): Nearest {
  charge(unitsPerPair)
  const across = lineOfSlope(point, inverseSlope(segment))
  const found = nearestToLine(segment, across).point
  return { point: found, distance: distance(found, point) }
}

export function nearestOfSegments(on: Segment, to: Segment): Nearest {
  const met = segmentMeeting(on, to)
  if (met !== undefined) return { point: met, distance: 0 }
  let best = to.map((end) => nearestOnSegment(on, end)).reduce((a, b) => (b.distance < a.distance ? b : a))
  for (const end of on) {
    const { distance: far } = nearestOnSegment(to, end)
    if (far < best.distance) best = { point: end, distance: far }
  }
  return best
}

export interface Corners {
  readonly high: Point
  readonly low: Point
}

export function cornersOf({ numbers }: Shape): Corners {
  return { high: { x: numbers[0]!, y: numbers[1]! }, low: { x: numbers[2]!, y: numbers[3]! } }
}

export function sidesOf({ high, low }: Corners): Segment[] {
  const [upper, right] = [
    { x: low.x, y: high.y },
    { x: high.x, y: low.y },
  ]
  return [
    [low, upper],
    [high, upper],
    [low, right],
    [high, right],
  ]
}

export function boxHolds({ high, low }: Corners, { x, y }: Point): boolean {
  return high.x >= x && low.x <= x && high.y >= y && low.y <= y
}

export function nearestOnBox(box: Corners, point: Point): Nearest {
  if (boxHolds(box, point)) return { point, distance: 0 }
  return sidesOf(box)
    .map((side) => nearestOnSegment(side, point))
    .reduce((best, one) => (one.distance < best.distance ? one : best))
}

export function nearestOnBoxTo(box: Corners, segment: Segment): Nearest {
  if (
    segment.every((end) => boxHolds(box, end)) ||
    sidesOf(box).some((side) => segmentMeeting(side, segment) !== undefined)
  ) {
    const center = { x: (box.high.x + box.low.x) / 2, y: (box.high.y + box.low.y) / 2 }
    return { point: nearestOnSegment(segment, center).point, distance: 0 }
  }
  return sidesOf(box)
    .map((side) => nearestOfSegments(side, segment))
    .reduce((best, one) => (one.distance < best.distance ? one : best))
}

/** From each point to the next one, and of what is closed from the last to the first. */
export function segmentsOf(shape: Shape): Segment[] {
  const points = pointsOf(shape)
  const segments = points.slice(1).map((point, i): Segment => [points[i]!, point])
  if (shape.isClosed && points.length > 0) segments.unshift([points.at(-1)!, points[0]!])
  return segments
}

export function boundsOf(points: readonly Point[]): Corners {
  let [left, right, bottom, top] = [Infinity, -Infinity, Infinity, -Infinity]
  for (const { x, y } of points) {
    if (x < left) left = x
    if (x > right) right = x
    if (y < bottom) bottom = y
    if (y > top) top = y
  }
  return { high: { x: right, y: top }, low: { x: left, y: bottom } }
}

export function boxesOverlap(a: Corners, b: Corners): boolean {
  return (
    atMost(a.low.x, b.high.x) && atMost(b.low.x, a.high.x) && atMost(a.low.y, b.high.y) && atMost(b.low.y, a.high.y)
  )
}

/** Outside, inside, or on the border: how often, and how, its border goes around the point. */
export function placeIn(points: readonly Point[], { x, y }: Point): 'outside' | 'inside' | 'border' {
  let crossings = 0
  charge(points.length * 30)
  for (let i = 0; i < points.length; i++) {
    const [from, to] = [points[(i + points.length - 1) % points.length]!, points[i]!]
    const crossing = crossingOf(to.x - x, to.y - y, from.x - x, from.y - y)
    if (crossing === undefined) return 'border'
    crossings += crossing
  }
  return crossings === 0 ? 'outside' : 'inside'
}

/** Of a step seen from the origin over the positive x axis: twice for a whole one; undefined where it goes through the origin. */
function crossingOf(x: number, y: number, fromX: number, fromY: number): number | undefined {
  if (isZero(y)) {
    if (isZero(x)) return undefined
    if (more(x, 0)) {
      if (isZero(fromY)) return more(fromX, 0) ? 0 : undefined
      return less(fromY, 0) ? 1 : -1
    }
    return isZero(fromY) && !less(fromX, 0) ? undefined : 0
  }
  const sign = more(y, 0) ? 1 : -1
  if (isZero(fromY)) return less(fromX, 0) ? 0 : sign
  if ((sign < 0 && less(fromY, 0)) || (sign > 0 && more(fromY, 0))) return 0
  if (atLeast(x, 0) && more(fromX, 0)) return 2 * sign
  if (less(x, 0) && atMost(fromX, 0)) return 0
  const z = (x - fromX) * y - (y - fromY) * x
  if (isZero(z)) return undefined
  return (sign < 0 && less(z, 0)) || (sign > 0 && more(z, 0)) ? 0 : 2 * sign
}

/** Whether all of a segment lies in a polygon: its ends, and what lies between any two places where it meets the border. */
function segmentIsIn(points: readonly Point[], border: readonly Segment[], segment: Segment): boolean {
  const [a, b] = segment
  if (placeIn(points, a) === 'outside' || placeIn(points, b) === 'outside') return false
  const stops = [a, b, ...border.flatMap((side) => segmentMeeting(segment, side) ?? [])]
  stops.sort((one, other) => distance(a, one) - distance(a, other))
  return stops.slice(1).every((stop, i) => {
    const before = stops[i]!
    return placeIn(points, { x: (before.x + stop.x) / 2, y: (before.y + stop.y) / 2 }) !== 'outside'
  })
}

export function polygonHolds(whole: Shape, part: Shape): boolean {
  const points = pointsOf(whole)
  const border = segmentsOf(whole)
  return segmentsOf(part).every((segment) => segmentIsIn(points, border, segment))
}

export function polygonsOverlap(a: Shape, b: Shape): boolean {
  const [points, others] = [pointsOf(a), pointsOf(b)]
  if (!boxesOverlap(boundsOf(points), boundsOf(others))) return false
  const [sides, otherSides] = [segmentsOf(a), segmentsOf(b)]
  if (sides.some((side) => otherSides.some((other) => segmentMeeting(side, other) !== undefined))) return true
  return placeIn(others, points[0]!) !== 'outside' || placeIn(points, others[0]!) !== 'outside'
}
