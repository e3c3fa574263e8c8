/** How geometric values lie to each other: operators that answer yes or no, distances, and the points where they meet. */
import { boxOf, type Point, pointsOf, type Shape } from '../../../../model/table/types/geometry/shape.ts'
import { oid, shapeOid } from '../../types/oids.ts'
import { defineOperator } from '../registry.ts'
import {
  atLeast,
  atMost,
  boundsOf,
  boxesOverlap,
  boxHolds,
  type Corners,
  cornersOf,
  distance,
  inverseSlope,
  isOnLine,
  isOnSegment,
  isZero,
  less,
  lineMeeting,
  lineSlope,
  more,
  nearestOfSegments,
  nearestOnBox,
  nearestOnBoxTo,
  nearestOnLine,
  nearestOnSegment,
  nearestToLine,
  placeIn,
  pointOf,
  polygonHolds,
  polygonsOverlap,
  same,
  samePoint,
  segmentLineMeeting,
  segmentMeeting,
  segmentOf,
  segmentsOf,
  shapeOf,
  sidesOf,
  slope,
} from './plane.ts'
import { areaOfBox, areaOfCircle } from './shape-functions.ts'

const { point, lseg, path, box, polygon, line, circle } = shapeOid
const { float8, bool } = oid

type Test = (a: Shape, b: Shape) => boolean

function test(symbol: string, left: number, right: number, holds: Test): void {
  defineOperator(symbol, [left, right], bool, holds)
}

/** And the other way round, under the symbol of that. */
function both(symbol: string, turned: string, left: number, right: number, holds: Test): void {
  test(symbol, left, right, holds)
  test(turned, right, left, (a, b) => holds(b, a))
}

const orders: readonly (readonly [string, (a: number, b: number) => boolean])[] = [
  ['<', less],
  ['<=', atMost],
  ['=', same],
  ['>=', atLeast],
  ['>', more],
]

function defineOrders(): void {
  const measured = (type: number, of: (shape: Shape) => number): void => {
    for (const [symbol, holds] of orders) test(symbol, type, type, (a, b) => holds(of(a), of(b)))
  }
  measured(box, areaOfBox)
  measured(circle, areaOfCircle)
  test('<>', circle, circle, (a, b) => !same(areaOfCircle(a), areaOfCircle(b)))
  for (const [symbol, holds] of [
    ['<', (a: number, b: number) => a < b],
    ['<=', (a: number, b: number) => a <= b],
    ['=', (a: number, b: number) => a === b],
    ['>=', (a: number, b: number) => a >= b],
    ['>', (a: number, b: number) => a > b],
  ] as const) {
    test(symbol, path, path, (a, b) => holds(a.numbers.length, b.numbers.length))
  }
  for (const [symbol, holds] of orders) {
    if (symbol !== '=') test(symbol, lseg, lseg, (a, b) => holds(distance(...segmentOf(a)), distance(...segmentOf(b))))
  }
  const sameSegment: Test = (a, b) => pointsOf(a).every((one, i) => samePoint(one, pointsOf(b)[i]!))
  test('=', lseg, lseg, sameSegment)
  test('<>', lseg, lseg, (a, b) => !sameSegment(a, b))
  test('=', line, line, sameLine)
}

function sameLine({ numbers: a }: Shape, { numbers: b }: Shape): boolean {
  if ([...a, ...b].some(Number.isNaN))
    return a.every((one, i) => one === b[i] || (Number.isNaN(one) && Number.isNaN(b[i]!)))
  const at = b.findIndex((one) => !isZero(one))
  const ratio = at < 0 ? 1 : a[at]! / b[at]!
  return a.every((one, i) => same(one, ratio * b[i]!))
}

function samePolygon(a: Shape, b: Shape): boolean {
  const [points, others] = [pointsOf(a), pointsOf(b)]
  const { length } = points
  if (length !== others.length) return false
  return others.some((_, start) => {
    const runs = (step: number): boolean =>
      points.every((one, i) => samePoint(one, others[(((start + step * i) % length) + length) % length]!))
    return runs(1) || runs(-1)
  })
}

function defineSameness(): void {
  test('~=', point, point, (a, b) => samePoint(pointOf(a), pointOf(b)))
  test('<>', point, point, (a, b) => !samePoint(pointOf(a), pointOf(b)))
  test('~=', box, box, (a, b) => pointsOf(a).every((one, i) => samePoint(one, pointsOf(b)[i]!)))
  test('~=', polygon, polygon, samePolygon)
  test('~=', circle, circle, (a, b) => a.numbers.every((one, i) => same(one, b.numbers[i]!)))
}

/** The sides of what a value takes, for `<<` and its kin. */
function definePlaces(): void {
  const places = (type: number, cornersOfType: (shape: Shape) => Corners, isExact: boolean): void => {
    const lt = isExact ? (a: number, b: number): boolean => a < b : less
    const le = isExact ? (a: number, b: number): boolean => a <= b : atMost
    const place = (symbol: string, holds: (a: Corners, b: Corners) => boolean): void => {
      test(symbol, type, type, (a, b) => holds(cornersOfType(a), cornersOfType(b)))
    }
    place('<<', (a, b) => lt(a.high.x, b.low.x))
    place('>>', (a, b) => lt(b.high.x, a.low.x))
    place('<<|', (a, b) => lt(a.high.y, b.low.y))
    place('|>>', (a, b) => lt(b.high.y, a.low.y))
    if (type === point) return
    place('&<', (a, b) => le(a.high.x, b.high.x))
    place('&>', (a, b) => le(b.low.x, a.low.x))
    place('&<|', (a, b) => le(a.high.y, b.high.y))
    place('|&>', (a, b) => le(b.low.y, a.low.y))
  }
  const around = ({ numbers }: Shape): Corners => {
    const [x, y, radius] = numbers as [number, number, number]
    return { high: { x: x + radius, y: y + radius }, low: { x: x - radius, y: y - radius } }
  }
  places(point, (shape) => ({ high: pointOf(shape), low: pointOf(shape) }), false)
  places(box, cornersOf, false)
  places(circle, around, false)
  places(polygon, (shape) => boundsOf(pointsOf(shape)), true)
  test('<^', point, point, (a, b) => less(pointOf(a).y, pointOf(b).y))
  test('>^', point, point, (a, b) => more(pointOf(a).y, pointOf(b).y))
  test('<^', box, box, (a, b) => atMost(cornersOf(a).high.y, cornersOf(b).low.y))
  test('>^', box, box, (a, b) => atLeast(cornersOf(a).low.y, cornersOf(b).high.y))
}

function isOnPath(shape: Shape, at: Point): boolean {
  if (shape.isClosed) return placeIn(pointsOf(shape), at) !== 'outside'
  return segmentsOf(shape).some((segment) => isOnSegment(segment, at))
}

function defineContainment(): void {
  const holds = (whole: number, part: number, test: Test): void => both('@>', '<@', whole, part, test)
  holds(box, point, (a, b) => boxHolds(cornersOf(a), pointOf(b)))
  holds(box, box, (a, b) => {
    const [whole, part] = [cornersOf(a), cornersOf(b)]
    return (
      atLeast(whole.high.x, part.high.x) &&
      atMost(whole.low.x, part.low.x) &&
      atLeast(whole.high.y, part.high.y) &&
      atMost(whole.low.y, part.low.y)
    )
  })
  holds(path, point, (a, b) => isOnPath(a, pointOf(b)))
  holds(polygon, point, (a, b) => placeIn(pointsOf(a), pointOf(b)) !== 'outside')
  holds(polygon, polygon, polygonHolds)
  holds(circle, point, (a, b) => distance(pointOf(a), pointOf(b)) <= a.numbers[2]!)
  holds(circle, circle, (a, b) => atMost(distance(pointOf(a), pointOf(b)), a.numbers[2]! - b.numbers[2]!))
  test('<@', point, line, (a, b) => isOnLine(b, pointOf(a)))
  test('<@', point, lseg, (a, b) => isOnSegment(segmentOf(b), pointOf(a)))
  test('<@', lseg, line, (a, b) => segmentOf(a).every((end) => isOnLine(b, end)))
  test('<@', lseg, box, (a, b) => segmentOf(a).every((end) => boxHolds(cornersOf(b), end)))
  test('&&', box, box, (a, b) => boxesOverlap(cornersOf(a), cornersOf(b)))
  test('&&', polygon, polygon, polygonsOverlap)
  test('&&', circle, circle, (a, b) => atMost(distance(pointOf(a), pointOf(b)), a.numbers[2]! + b.numbers[2]!))
}

function lineMeetsBox(one: Shape, corners: Corners): boolean {
  return sidesOf(corners).some((side) => segmentLineMeeting(side, one) !== undefined)
}

function pathsMeet(a: Shape, b: Shape): boolean {
  if (!boxesOverlap(boundsOf(pointsOf(a)), boundsOf(pointsOf(b)))) return false
  const others = segmentsOf(b)
  return segmentsOf(a).some((one) => others.some((other) => segmentMeeting(one, other) !== undefined))
}

function defineMeetings(): void {
  test('?#', lseg, lseg, (a, b) => segmentMeeting(segmentOf(a), segmentOf(b)) !== undefined)
  test('?#', lseg, line, (a, b) => segmentLineMeeting(segmentOf(a), b) !== undefined)
  test('?#', lseg, box, (a, b) => nearestOnBoxTo(cornersOf(b), segmentOf(a)).distance === 0)
  test('?#', line, line, (a, b) => lineMeeting(a, b) !== undefined)
  test('?#', line, box, (a, b) => lineMeetsBox(a, cornersOf(b)))
  test('?#', box, box, (a, b) => boxesOverlap(cornersOf(a), cornersOf(b)))
  test('?#', path, path, pathsMeet)
  const shapeOr = (found: Point | undefined): Shape | null => (found === undefined ? null : shapeOf(found))
  defineOperator('#', [lseg, lseg], point, (a: Shape, b: Shape) => shapeOr(segmentMeeting(segmentOf(a), segmentOf(b))))
  defineOperator('#', [line, line], point, (a: Shape, b: Shape) => shapeOr(lineMeeting(a, b)))
  defineOperator('#', [box, box], box, (a: Shape, b: Shape) => {
    const [one, other] = [cornersOf(a), cornersOf(b)]
    if (!boxesOverlap(one, other)) return null
    return boxOf(
      { x: Math.min(one.high.x, other.high.x), y: Math.min(one.high.y, other.high.y) },
      { x: Math.max(one.low.x, other.low.x), y: Math.max(one.low.y, other.low.y) },
    )
  })
}

function linesArePerpendicular({ numbers: one }: Shape, { numbers: other }: Shape): boolean {
  const [a, b] = one as [number, number]
  const [c, d] = other as [number, number]
  if (isZero(a)) return isZero(d)
  if (isZero(c)) return isZero(b)
  if (isZero(b)) return isZero(c)
  if (isZero(d)) return isZero(a)
  return same((a * c) / (b * d), -1)
}

function defineDirections(): void {
  const lies = (symbol: string, holds: (a: Point, b: Point) => boolean, zero: 0 | 1): void => {
    test(symbol, point, point, (a, b) => holds(pointOf(a), pointOf(b)))
    defineOperator(symbol, [lseg], bool, (a: Shape) => holds(...segmentOf(a)))
    defineOperator(symbol, [line], bool, ({ numbers }: Shape) => isZero(numbers[zero]!))
  }
  lies('?-', (a, b) => same(a.y, b.y), 0)
  lies('?|', (a, b) => same(a.x, b.x), 1)
  test('?||', lseg, lseg, (a, b) => same(slope(segmentOf(a)), slope(segmentOf(b))))
  test('?||', line, line, (a, b) => lineMeeting(a, b) === undefined)
  test('?-|', lseg, lseg, (a, b) => same(slope(segmentOf(a)), inverseSlope(segmentOf(b))))
  test('?-|', line, line, linesArePerpendicular)
}

function fromPoints(segments: readonly (readonly [Point, Point])[], at: Point): number {
  let best = Infinity
  for (const segment of segments) best = Math.min(best, nearestOnSegment(segment, at).distance)
  return best
}

function betweenSegments(a: Shape, b: Shape): number {
  let best = Infinity
  const others = segmentsOf(b)
  for (const one of segmentsOf(a)) {
    for (const other of others) best = Math.min(best, nearestOfSegments(one, other).distance)
  }
  return best
}

function betweenLines(one: Shape, other: Shape): number {
  if (lineMeeting(one, other) !== undefined) return 0
  const [a, b, c] = one.numbers as [number, number, number]
  const [d, e, f] = other.numbers as [number, number, number]
  const ratio = !isZero(a) && !isZero(d) ? a / d : !isZero(b) && !isZero(e) ? b / e : 1
  return Math.abs(c - ratio * f) / Math.hypot(a, b)
}

function toPolygon(at: Point, shape: Shape): number {
  return placeIn(pointsOf(shape), at) === 'outside' ? fromPoints(segmentsOf(shape), at) : 0
}

function defineDistances(): void {
  const far = (left: number, right: number, of: (a: Shape, b: Shape) => number): void => {
    defineOperator('<->', [left, right], float8, of)
    if (left !== right) defineOperator('<->', [right, left], float8, (a: Shape, b: Shape) => of(b, a))
  }
  const outside = (value: number): number => Math.max(0, value)
  far(point, point, (a, b) => distance(pointOf(a), pointOf(b)))
  far(point, line, (a, b) => nearestOnLine(b, pointOf(a)).distance)
  far(point, lseg, (a, b) => nearestOnSegment(segmentOf(b), pointOf(a)).distance)
  far(point, box, (a, b) => nearestOnBox(cornersOf(b), pointOf(a)).distance)
  far(point, path, (a, b) => {
    const segments = segmentsOf(b)
    return segments.length === 0 ? distance(pointOf(a), pointOf(b)) : fromPoints(segments, pointOf(a))
  })
  far(point, polygon, (a, b) => toPolygon(pointOf(a), b))
  far(point, circle, (a, b) => outside(distance(pointOf(a), pointOf(b)) - b.numbers[2]!))
  far(lseg, lseg, (a, b) => nearestOfSegments(segmentOf(a), segmentOf(b)).distance)
  far(lseg, line, (a, b) => nearestToLine(segmentOf(a), b).distance)
  far(lseg, box, (a, b) => nearestOnBoxTo(cornersOf(b), segmentOf(a)).distance)
  far(line, line, betweenLines)
  const center = (shape: Shape): Point => {
    const { high, low } = cornersOf(shape)
    return { x: (high.x + low.x) / 2, y: (high.y + low.y) / 2 }
  }
  far(box, box, (a, b) => distance(center(a), center(b)))
  far(path, path, betweenSegments)
  far(polygon, polygon, (a, b) => (polygonsOverlap(a, b) ? 0 : betweenSegments(a, b)))
  far(circle, circle, (a, b) => outside(distance(pointOf(a), pointOf(b)) - a.numbers[2]! - b.numbers[2]!))
  far(circle, polygon, (a, b) => outside(toPolygon(pointOf(a), b) - a.numbers[2]!))
}

function defineNearest(): void {
  const nearest = (left: number, right: number, of: (a: Shape, b: Shape) => Point | null): void => {
    defineOperator('##', [left, right], point, (a: Shape, b: Shape) => {
      const found = of(a, b)
      return found === null || Number.isNaN(found.x) ? null : shapeOf(found)
    })
  }
  nearest(point, line, (a, b) => nearestOnLine(b, pointOf(a)).point)
  nearest(point, lseg, (a, b) => nearestOnSegment(segmentOf(b), pointOf(a)).point)
  nearest(point, box, (a, b) => nearestOnBox(cornersOf(b), pointOf(a)).point)
  nearest(lseg, box, (a, b) => nearestOnBoxTo(cornersOf(b), segmentOf(a)).point)
  nearest(lseg, lseg, (a, b) => {
    const [from, on] = [segmentOf(a), segmentOf(b)]
    return slope(from) === slope(on) ? null : nearestOfSegments(on, from).point
  })
  nearest(line, lseg, (a, b) => {
    return slope(segmentOf(b)) === lineSlope(a) ? null : nearestToLine(segmentOf(b), a).point
  })
}

defineOrders()
defineSameness()
definePlaces()
defineContainment()
defineMeetings()
defineDirections()
defineDistances()
defineNearest()
