/** The operators of geometry on a field: `$geoWithin`, `$geoIntersects`, `$near`, `$nearSphere`. */
import { bsonType, type BsonValue, elementsOf, fieldsOf, getField } from '../../model/document/bson.ts'
import {
  findPair,
  GeometryError,
  isGeoJson,
  parseGeoJson,
  type Geometry,
  type Position,
  vectorAt,
} from '../../model/document/geo/geometry.ts'
import { visitGeometriesIn } from '../../model/document/geo/geo-index.ts'
import { earthRadiusMeters, type Vector } from '../../model/document/geo/sphere.ts'
import { toDouble } from '../../model/document/values.ts'
import { badValue, type ValueTest } from './filter-values.ts'
import type { Condition } from './filter-operators.ts'
import { type Near, nearDistance, nearRegion } from './geo-near.ts'
import { inBox, inCircle, inPolygon, meeting, type TestedRegion, withinAreas, withinCap } from './geo-regions.ts'

type Siblings = readonly (readonly [string, BsonValue])[]

/** Of several geometries one will do. */
function someGeometry(accepts: ValueTest): ValueTest {
  return (value) => visitGeometriesIn(value, accepts)
}

function regionCondition(region: TestedRegion): Condition[] {
  const test = someGeometry((value) => region.accepts(value))
  return [{ test, leafArrays: 'array only', negated: false, predicate: { operator: '$geo', values: [], region } }]
}

function geometryOf(value: BsonValue, operator: string): Geometry {
  if (value.type !== bsonType.object) throw badValue(`${operator} $geometry must be an object`)
  return parsed(() => parseGeoJson(value))
}

function parsed<T>(parse: () => T): T {
  try {
    return parse()
  } catch (error) {
    if (!(error instanceof GeometryError)) throw error
    throw badValue(error.message)
  }
}

function positionOf(value: BsonValue | undefined, what: string): Position {
  const pair = value === undefined ? undefined : findPair(value)
  if (pair === undefined) throw badValue(`Point must be an array or object of two numbers: ${what}`)
  return pair
}

function listOf(value: BsonValue, what: string, least: number, most: number): BsonValue[] {
  const list = value.type === bsonType.array ? elementsOf(value) : []
  if (list.length < least || list.length > most)
    throw badValue(`${what} must be an array of at least ${least} elements`)
  return list
}

function radiusOf(value: BsonValue | undefined, what: string): number {
  const radius = value?.isNumber === true ? toDouble(value) : NaN
  if (!(radius >= 0)) throw badValue(`${what}: radius must be a non-negative number`)
  return radius
}

const shapes: ReadonlyMap<string, (value: BsonValue) => TestedRegion> = new Map([
  [
    '$geometry',
    (value: BsonValue) => {
      const geometry = geometryOf(value, '$geoWithin')
      if (geometry.places.length + geometry.lines.length > 0 || geometry.areas.length === 0) {
        throw badValue('$geoWithin not supported with provided geometry: it must be a Polygon or a MultiPolygon')
      }
      return withinAreas(geometry)
    },
  ],
  [
    '$box',
    (value: BsonValue) => {
      const [a, b] = listOf(value, '$box', 2, 2).map((one) => positionOf(one, '$box')) as [Position, Position]
      const low: Position = [Math.min(a[0], b[0]), Math.min(a[1], b[1])]
      return inBox({ low, high: [Math.max(a[0], b[0]), Math.max(a[1], b[1])] })
    },
  ],
  [
    '$polygon',
    (value: BsonValue) => {
      const corners =
        value.type === bsonType.object ? fieldsOf(value).map(([, one]) => one) : listOf(value, '$polygon', 3, Infinity)
      if (corners.length < 3) throw badValue('Polygon must have at least 3 points')
      return inPolygon(corners.map((one) => positionOf(one, '$polygon')))
    },
  ],
  [
    '$center',
    (value: BsonValue) => {
      const [center, radius] = listOf(value, '$center', 2, 2)
      return inCircle(positionOf(center, '$center'), radiusOf(radius, '$center'))
    },
  ],
  [
    '$centerSphere',
    (value: BsonValue) => {
      const [center, radius] = listOf(value, '$centerSphere', 2, 2)
      return withinCap({
        center: placeOf(positionOf(center, '$centerSphere')),
        radius: radiusOf(radius, '$centerSphere'),
      })
    },
  ],
])

function placeOf(position: Position): Vector {
  return parsed(() => vectorAt(position))
}

export function parseGeoWithin(operand: BsonValue): Condition[] {
  const [first, ...more] = operand.type === bsonType.object ? fieldsOf(operand) : []
  if (first === undefined) throw badValue('geo query needs an object that names a shape')
  const [unknown] = more
  if (unknown !== undefined) throw badValue(`unknown geo specifier: ${unknown[0]}`)
  const shape = shapes.get(first[0])
  if (shape === undefined) throw badValue(`unknown geo specifier: ${first[0]}`)
  return regionCondition(shape(first[1]))
}

export function parseGeoIntersects(operand: BsonValue): Condition[] {
  const fields = operand.type === bsonType.object ? fieldsOf(operand) : []
  const [only] = fields
  if (only === undefined || only[0] !== '$geometry' || fields.length > 1) {
    throw badValue('$geoIntersects needs a $geometry, and nothing else')
  }
  return regionCondition(meeting(geometryOf(only[1], '$geoIntersects')))
}

function boundOf(value: BsonValue | undefined, name: string, otherwise: number): number {
  if (value === undefined) return otherwise
  const bound = value.isNumber ? toDouble(value) : NaN
  if (!(bound >= 0)) throw badValue(`${name} must be non-negative`)
  return bound
}

export function parseNear(isSphere: boolean, operand: BsonValue, siblings: Siblings): Condition[] {
  const near = nearOf(isSphere, operand, siblings)
  const test = someGeometry((value) => nearDistance(near, value) !== undefined)
  const predicate = { operator: '$geo', values: [], region: nearRegion(near) } as const
  return [{ test, leafArrays: 'array only', negated: false, predicate, near }]
}

function nearOf(isSphere: boolean, operand: BsonValue, siblings: Siblings): Near {
  const geometry = operand.type === bsonType.object ? getField(operand, '$geometry') : undefined
  const isPlainGeoJson = geometry === undefined && isGeoJson(operand)
  if (geometry === undefined && !isPlainGeoJson) {
    const option = (name: string): BsonValue | undefined => siblings.find(([other]) => other === name)?.[1]
    const position = positionOf(operand, 'geo near query')
    const inner = operand.type === bsonType.array ? elementsOf(operand)[2] : undefined
    const max = boundOf(option('$maxDistance') ?? inner, '$maxDistance', Infinity)
    const min = boundOf(option('$minDistance'), '$minDistance', 0)
    if (!isSphere) return { origin: { kind: 'plane', place: position }, min, max }
    return { origin: { kind: 'sphere', place: placeOf(position), scale: 1 }, min, max }
  }
  const given = new Map(isPlainGeoJson ? siblings : fieldsOf(operand))
  for (const name of given.keys()) {
    if (!nearOptions.has(name)) throw badValue(`invalid argument in geo near query: ${name}`)
  }
  const { places, lines, areas } = geometryOf(geometry ?? operand, '$near')
  if (places.length !== 1 || lines.length + areas.length > 0) {
    throw badValue('invalid point in geo near query $geometry argument: it must be a Point')
  }
  const bounds = { ...Object.fromEntries(siblings), ...Object.fromEntries(given) } as Readonly<
    Record<string, BsonValue>
  >
  return {
    origin: { kind: 'sphere', place: places[0]!, scale: earthRadiusMeters },
    min: boundOf(bounds['$minDistance'], '$minDistance', 0),
    max: boundOf(bounds['$maxDistance'], '$maxDistance', Infinity),
  }
}

const nearOptions = new Set(['$geometry', '$minDistance', '$maxDistance', '$near', '$nearSphere'])

/** They say how near: of `$near` and `$nearSphere`, which look at them. */
export function parseDistance(name: string, siblings: Siblings): Condition[] {
  if (siblings.some(([other]) => other === '$near' || other === '$nearSphere')) return []
  throw badValue(`${name} needs a $near or a $nearSphere`)
}
