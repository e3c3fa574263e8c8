/** `p[0]`: the numbers of a point or a line, and the points of a segment or a box, counted from 0. */
import { Shape } from '../../../../model/table/types/geometry/shape.ts'
import type { SqlValue } from '../../contract.ts'
import { failure } from '../../failure.ts'
import { oid, shapeOid } from '../../types/oids.ts'

/** The type of its parts, and how many numbers each is. */
const parts: ReadonlyMap<number, { readonly type: number; readonly width: number }> = new Map([
  [shapeOid.point, { type: oid.float8, width: 1 }],
  [shapeOid.line, { type: oid.float8, width: 1 }],
  [shapeOid.lseg, { type: shapeOid.point, width: 2 }],
  [shapeOid.box, { type: shapeOid.point, width: 2 }],
])

export function partTypeOf(type: number): number | undefined {
  return parts.get(type)?.type
}

export function partAt(type: number, { numbers }: Shape, at: number): SqlValue {
  const { width } = parts.get(type)!
  if (at < 0 || at * width >= numbers.length) return null
  return width === 1 ? numbers[at]! : new Shape('point', numbers.slice(at * width, (at + 1) * width))
}

/** Where the value or the part is null, the value stays as it is. */
export function withPartAt(type: number, value: Shape | null, at: number, part: SqlValue): SqlValue {
  if (value === null || part === null) return value
  const { width } = parts.get(type)!
  if (at < 0 || at * width >= value.numbers.length) throw failure('2202E', 'array subscript out of range')
  const numbers = [...value.numbers]
  numbers.splice(at * width, width, ...(width === 1 ? [part as number] : (part as Shape).numbers))
  return new Shape(value.kind, numbers)
}
