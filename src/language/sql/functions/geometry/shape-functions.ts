/** Geometric values made of others, and their measures (PostgreSQL's chapter 9.11). */
import { lineThrough } from '../../../../model/table/types/geometry/shape-text.ts'
import { boxOf, ofPoints, type Point, pointsOf, Shape } from '../../../../model/table/types/geometry/shape.ts'
import { failure } from '../../failure.ts'
import { defineCast } from '../../types/casts.ts'
import { oid, shapeOid } from '../../types/oids.ts'
import { defineFunction, defineOperator } from '../registry.ts'
import { boundsOf, cornersOf, distance, pointOf, samePoint, segmentOf, segmentsOf, shapeOf, slope } from './plane.ts'

const { point, lseg, path, box, polygon, line, circle } = shapeOid
const { float8, int4, bool } = oid

/** A sum that has no place among finite numbers is an error. */
function checked(value: number, ...from: readonly number[]): number {
  if (Number.isFinite(value) || from.some((one) => !Number.isFinite(one))) return value
  throw failure('22003', 'value out of range: overflow')
}

function add(a: Point, b: Point): Point {
  return { x: checked(a.x + b.x, a.x, b.x), y: checked(a.y + b.y, a.y, b.y) }
}

function subtract(a: Point, b: Point): Point {
  return { x: checked(a.x - b.x, a.x, b.x), y: checked(a.y - b.y, a.y, b.y) }
}

function multiply(a: Point, b: Point): Point {
  return {
    x: checked(a.x * b.x - a.y * b.y, a.x, a.y, b.x, b.y),
    y: checked(a.x * b.y + a.y * b.x, a.x, a.y, b.x, b.y),
  }
}

function divide(a: Point, b: Point): Point {
  const size = b.x * b.x + b.y * b.y
  if (size === 0) throw failure('22012', 'division by zero')
  return { x: (a.x * b.x + a.y * b.y) / size, y: (a.y * b.x - a.x * b.y) / size }
}

function defineMoves(): void {
  for (const [symbol, move] of [
    ['+', add],
    ['-', subtract],
    ['*', multiply],
    ['/', divide],
  ] as const) {
    defineOperator(symbol, [point, point], point, (a: Shape, b: Shape) => shapeOf(move(pointOf(a), pointOf(b))))
    defineOperator(symbol, [path, point], path, (a: Shape, b: Shape) => {
      const by = pointOf(b)
      return ofPoints(
        'path',
        pointsOf(a).map((one) => move(one, by)),
        a.isClosed,
      )
    })
    defineOperator(symbol, [box, point], box, (a: Shape, b: Shape) => {
      const { high, low } = cornersOf(a)
      return boxOf(move(high, pointOf(b)), move(low, pointOf(b)))
    })
    defineOperator(symbol, [circle, point], circle, (a: Shape, b: Shape) => {
      const center = move(pointOf(a), pointOf(b))
      const size = Math.hypot(...(b.numbers as [number, number]))
      const radius = a.numbers[2]!
      const changed = symbol === '*' ? radius * size : symbol === '/' ? radius / size : radius
      return new Shape('circle', [center.x, center.y, changed])
    })
  }
  defineOperator('+', [path, path], path, (a: Shape, b: Shape) => {
    return a.isClosed || b.isClosed ? null : ofPoints('path', [...pointsOf(a), ...pointsOf(b)], false)
  })
}

function middle([a, b]: readonly [Point, Point]): Point {
  return { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 }
}

function centerOfBox(shape: Shape): Point {
  const { high, low } = cornersOf(shape)
  return middle([high, low])
}

/** The mean of its points, and their mean distance from there. */
function circleAround(shape: Shape): Shape {
  const points = pointsOf(shape)
  let [x, y] = [0, 0]
  for (const one of points) {
    x += one.x
    y += one.y
  }
  const center = { x: x / points.length, y: y / points.length }
  let radius = 0
  for (const one of points) radius += distance(one, center)
  return new Shape('circle', [center.x, center.y, radius / points.length])
}

function lengthOf(shape: Shape): number {
  let length = 0
  for (const [a, b] of segmentsOf(shape)) length += distance(a, b)
  return length
}

function areaOfPath(shape: Shape): number | null {
  if (!shape.isClosed) return null
  const points = pointsOf(shape)
  let area = 0
  for (const [i, { x, y }] of points.entries()) {
    const next = points[(i + 1) % points.length]!
    area += x * next.y - y * next.x
  }
  return Math.abs(area) / 2
}

export function areaOfBox(shape: Shape): number {
  const { high, low } = cornersOf(shape)
  return (high.x - low.x) * (high.y - low.y)
}

export function areaOfCircle({ numbers }: Shape): number {
  return numbers[2]! ** 2 * Math.PI
}

function defineMeasures(): void {
  const measure = (name: string, type: number, of: (shape: Shape) => number | null, symbol?: string): void => {
    defineFunction(name, [type], float8, of)
    if (symbol !== undefined) defineOperator(symbol, [type], float8, of)
  }
  measure('area', box, areaOfBox)
  measure('area', path, areaOfPath)
  measure('area', circle, areaOfCircle)
  measure('diameter', circle, ({ numbers }) => 2 * numbers[2]!)
  measure('radius', circle, ({ numbers }) => numbers[2]!)
  measure('height', box, ({ numbers }) => numbers[1]! - numbers[3]!)
  measure('width', box, ({ numbers }) => numbers[0]! - numbers[2]!)
  measure('length', lseg, (shape) => distance(...segmentOf(shape)), '@-@')
  measure('length', path, lengthOf, '@-@')
  defineFunction('slope', [point, point], float8, (a: Shape, b: Shape) => slope([pointOf(a), pointOf(b)]))
  for (const type of [path, polygon]) {
    defineFunction('npoints', [type], int4, ({ numbers }: Shape) => numbers.length / 2)
    defineOperator('#', [type], int4, ({ numbers }: Shape) => numbers.length / 2)
  }
  defineFunction('isclosed', [path], bool, ({ isClosed }: Shape) => isClosed)
  defineFunction('isopen', [path], bool, ({ isClosed }: Shape) => !isClosed)
}

function defineCenters(): void {
  const center = (type: number, of: (shape: Shape) => Point, names: readonly string[]): void => {
    for (const name of names) defineFunction(name, [type], point, (shape: Shape) => shapeOf(of(shape)))
    defineCast(type, point, 'explicit', (shape: Shape) => shapeOf(of(shape)))
    defineOperator('@@', [type], point, (shape: Shape) => shapeOf(of(shape)))
  }
  center(box, centerOfBox, ['center', 'point'])
  center(circle, pointOf, ['center', 'point'])
  center(lseg, (shape) => middle(segmentOf(shape)), ['point'])
  center(polygon, (shape) => pointOf(circleAround(shape)), ['point'])
}

function roundPolygon(count: number, { numbers }: Shape): Shape {
  const [x, y, radius] = numbers as [number, number, number]
  if (radius <= 1e-6) throw failure('0A000', 'cannot convert circle with radius zero to polygon')
  if (count < 2) throw failure('22023', 'must request at least 2 points')
  if (count > 1_000_000) throw failure('22023', 'too many points requested')
  const step = (2 * Math.PI) / count
  return ofPoints(
    'polygon',
    Array.from({ length: count }, (_, i) => ({
      x: x - radius * Math.cos(step * i),
      y: y + radius * Math.sin(step * i),
    })),
  )
}

/** What a type's name called with one value is: a cast, too. */
function conversion(
  name: keyof typeof shapeOid,
  from: number,
  context: 'assignment' | 'explicit',
  convert: (shape: Shape) => Shape,
): void {
  defineFunction(name, [from], shapeOid[name], convert)
  defineCast(from, shapeOid[name], context, convert)
}

function defineConversions(): void {
  defineFunction('point', [float8, float8], point, (x: number, y: number) => new Shape('point', [x, y]))
  defineFunction('lseg', [point, point], lseg, (a: Shape, b: Shape) => ofPoints('lseg', [pointOf(a), pointOf(b)]))
  conversion('lseg', box, 'explicit', ({ numbers }) => new Shape('lseg', numbers))
  defineFunction('diagonal', [box], lseg, ({ numbers }: Shape) => new Shape('lseg', numbers))
  defineFunction('line', [point, point], line, (a: Shape, b: Shape) => {
    if (!samePoint(pointOf(a), pointOf(b))) return lineThrough(pointOf(a), pointOf(b))
    throw failure('22023', 'invalid line specification: must be two distinct points')
  })
  conversion('box', point, 'assignment', (a) => boxOf(pointOf(a), pointOf(a)))
  defineFunction('box', [point, point], box, (a: Shape, b: Shape) => boxOf(pointOf(a), pointOf(b)))
  conversion('box', circle, 'explicit', ({ numbers }) => {
    const [x, y, radius] = numbers as [number, number, number]
    const side = radius / Math.SQRT2
    return boxOf({ x: x + side, y: y + side }, { x: x - side, y: y - side })
  })
  conversion('box', polygon, 'explicit', (shape) => {
    const { high, low } = boundsOf(pointsOf(shape))
    return boxOf(high, low)
  })
  defineFunction('bound_box', [box, box], box, (a: Shape, b: Shape) => {
    const { high, low } = boundsOf([...pointsOf(a), ...pointsOf(b)])
    return boxOf(high, low)
  })
  defineFunction('circle', [point, float8], circle, ({ numbers }: Shape, radius: number) => {
    return new Shape('circle', [...numbers, radius])
  })
  conversion('circle', box, 'explicit', (shape) => {
    const center = centerOfBox(shape)
    return new Shape('circle', [center.x, center.y, distance(center, cornersOf(shape).high)])
  })
  conversion('circle', polygon, 'explicit', circleAround)
  conversion('path', polygon, 'assignment', ({ numbers }) => new Shape('path', numbers))
  conversion('polygon', path, 'assignment', ({ numbers, isClosed }) => {
    if (!isClosed) throw failure('22023', 'open path cannot be converted to polygon')
    return new Shape('polygon', numbers)
  })
  conversion('polygon', box, 'assignment', ({ numbers }) => {
    const [x, y, left, bottom] = numbers as [number, number, number, number]
    return new Shape('polygon', [left, bottom, left, y, x, y, x, bottom])
  })
  defineFunction('polygon', [int4, circle], polygon, roundPolygon)
  conversion('polygon', circle, 'explicit', (shape) => roundPolygon(12, shape))
  defineFunction('pclose', [path], path, ({ numbers }: Shape) => new Shape('path', numbers))
  defineFunction('popen', [path], path, ({ numbers }: Shape) => new Shape('path', numbers, false))
}

defineMoves()
defineMeasures()
defineCenters()
defineConversions()
