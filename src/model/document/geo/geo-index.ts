/**
 * Indexes of kind `2dsphere` and `2d`: what is stored of them, the entries of a document, and the ranges of a region.
 *
 * The element of such a field is a number, that of a cell (`cells.ts`). A document has an entry for each cell of each of its
 * geometries, with each key of the other fields. Who has no geometry in any of these fields is not in the index.
 */
import { charge } from '../../../base/work.ts'
import { KeyWriter } from '../../../base/tuple.ts'
import type { Slice } from '../../../base/slice.ts'
import { bsonType, type BsonValue, FieldCursor } from '../bson.ts'
import { mongoError } from '../mongo-error.ts'
import { writeKeyElement } from '../order.ts'
import { type Path, visitPath } from '../path.ts'
import { doubleValue, nullValue } from '../values.ts'
import { cellNumber, cellsOf, leafOnPlane, type Plane } from './cells.ts'
import { findFlatPosition, findPair, GeometryError, isGeoJson, parseGeometry } from './geometry.ts'

/** Of a field of an index. */
export type GeoField = { readonly kind: '2dsphere' } | ({ readonly kind: '2d'; readonly bits: number } & Plane)

export interface PossiblyGeo {
  readonly path: Path
  readonly descending: boolean
  readonly geo?: GeoField | undefined
}

/** A geometry is indexed under about as many cells at most. */
const mostCells = 16
/** Larger ones are not indexed: their corners are read in one turn. */
const largestBytes = 512 * 1024

const cantExtract = 16_755

/** Writes the keys behind what is written, one after another. `plainKeys`: those of one other field. */
export function* geoKeys(
  fields: readonly PossiblyGeo[],
  document: Slice,
  into: KeyWriter,
  plainKeys: (field: PossiblyGeo, document: Slice, into: KeyWriter) => Iterator<void, void>,
): Generator<void, void> {
  const cells = new Map<PossiblyGeo, readonly number[]>()
  for (const field of fields) if (field.geo !== undefined) cells.set(field, cellsIn(field.path, field.geo, document))
  if ([...cells.values()].every(({ length }) => length === 0)) return
  function* from(at: number): Generator<void, void> {
    const field = fields[at]
    if (field === undefined) {
      yield
      return
    }
    const mark = into.end
    const numbers = cells.get(field)
    if (numbers === undefined) {
      const own = new KeyWriter()
      const keys = plainKeys(field, document, own)
      while (keys.next().done !== true) {
        into.end = mark
        into.slice(own)
        yield* from(at + 1)
      }
      return
    }
    for (const value of numbers.length === 0 ? [nullValue] : numbers.map(doubleValue)) {
      into.end = mark
      writeKeyElement(into, value, undefined)
      yield* from(at + 1)
    }
  }
  yield* from(0)
}

function cellsIn(path: Path, geo: GeoField, document: Slice): readonly number[] {
  const numbers = new Set<number>()
  let bytes = 0
  visitGeometries(path, document, (value) => {
    bytes += value.end - value.start
    if (bytes > largestBytes) {
      throw mongoError(cantExtract, `geometries of more than ${largestBytes} bytes cannot be indexed`, 'too_large')
    }
    for (const number of geo.kind === '2d' ? [flatCell(value, geo)] : sphereCells(value)) numbers.add(number)
    return false
  })
  return [...numbers]
}

/** Each geometry that the path leads to: an array is a pair of numbers, or geometries. Answers whether a visit did. */
export function visitGeometries(path: Path, document: Slice, visit: (value: BsonValue) => boolean): boolean {
  return visitPath(document.bytes, document.start, path, 'array only', (value) => visitGeometriesIn(value, visit))
}

/** Of the value at the end of a path. */
export function visitGeometriesIn(value: BsonValue, visit: (value: BsonValue) => boolean): boolean {
  if (value.isNullish) return false
  if (value.type !== bsonType.array || findPair(value) !== undefined) return visit(value)
  const cursor = FieldCursor.of(value)
  while (cursor.next()) if (!cursor.value.isNullish && visit(cursor.value)) return true
  return false
}

function sphereCells(value: BsonValue): number[] {
  try {
    return cellsOf(parseGeometry(value), mostCells).map(cellNumber)
  } catch (error) {
    if (!(error instanceof GeometryError)) throw error
    throw mongoError(cantExtract, `Can't extract geo keys: ${error.message}`)
  }
}

function flatCell(value: BsonValue, { min, max }: Plane): number {
  const position = isGeoJson(value) ? undefined : findFlatPosition(value)
  if (position === undefined) {
    throw mongoError(13_026, "geo values must be 'legacy coordinate pairs' for 2d indexes")
  }
  if (position.some((number) => number < min || number > max)) {
    throw mongoError(13_027, `point not in interval of [ ${min}, ${max} ]`)
  }
  charge(1000)
  return cellNumber(leafOnPlane(position, { min, max }))
}
