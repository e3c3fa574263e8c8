/**
 * Geometric values: numbers in an order that depends on the kind.
 *
 * | kind     | numbers                                              |
 * |----------|------------------------------------------------------|
 * | point    | x, y                                                 |
 * | lseg     | x1, y1, x2, y2                                       |
 * | box      | the upper right corner, the lower left one           |
 * | line     | A, B, C of Ax + By + C = 0                           |
 * | circle   | x, y of the center, the radius                       |
 * | path     | x, y of each point; open or closed                   |
 * | polygon  | likewise, closed                                     |
 */
import { defineStructure, structure, StructuredValue } from '../structured.ts'
import type { SqlValue } from '../value.ts'

export const shapeKinds = ['point', 'lseg', 'path', 'box', 'polygon', 'line', 'circle'] as const
export type ShapeKind = (typeof shapeKinds)[number]

export class Shape extends StructuredValue {
  readonly structure: number = structure.shape
  readonly kind: ShapeKind
  readonly numbers: readonly number[]
  /** Of a path. */
  readonly isClosed: boolean

  constructor(kind: ShapeKind, numbers: readonly number[], isClosed = true) {
    super()
    this.kind = kind
    this.numbers = numbers
    this.isClosed = isClosed
  }

  parts(): readonly SqlValue[] {
    return [shapeKinds.indexOf(this.kind), this.isClosed, ...this.numbers]
  }
}

defineStructure(structure.shape, ([kind, isClosed, ...numbers]) => {
  return new Shape(shapeKinds[kind as number]!, numbers as number[], isClosed as boolean)
})

export interface Point {
  readonly x: number
  readonly y: number
}

/** The points that its numbers are: of all kinds but line and circle. */
export function pointsOf({ numbers }: Shape): Point[] {
  const points: Point[] = []
  for (let i = 0; i + 1 < numbers.length; i += 2) points.push({ x: numbers[i]!, y: numbers[i + 1]! })
  return points
}

export function ofPoints(kind: ShapeKind, points: readonly Point[], isClosed = true): Shape {
  return new Shape(
    kind,
    points.flatMap(({ x, y }) => [x, y]),
    isClosed,
  )
}

/** Of any two corners. */
export function boxOf(a: Point, b: Point): Shape {
  const [right, left] = isGreater(a.x, b.x) ? [a.x, b.x] : [b.x, a.x]
  const [top, bottom] = isGreater(a.y, b.y) ? [a.y, b.y] : [b.y, a.y]
  return new Shape('box', [right, top, left, bottom])
}

/** NaN is the greatest. */
function isGreater(a: number, b: number): boolean {
  return Number.isNaN(a) ? !Number.isNaN(b) : a > b
}
