/**
 * What a GeoJSON object or a legacy pair of coordinates is: places, lines and areas on the sphere. A geometry of any type is
 * the union of what it consists of.
 *
 * Errors are `GeometryError`s, whose messages name what is wrong; who indexes or parses a query makes the server's error
 * of it, who looks at documents passes over it.
 */
import { charge } from '../../../base/work.ts'
import { bsonType, type BsonValue, FieldCursor, getField, isNestedType } from '../bson.ts'
import { readString, toDouble } from '../values.ts'
import { orientedLoop, type Vector, vectorOf } from './sphere.ts'

export class GeometryError extends Error {}

export interface Area {
  /** Oriented, without the repeated first corner. */
  readonly shell: readonly Vector[]
  readonly holes: readonly (readonly Vector[])[]
}

export interface Geometry {
  readonly places: readonly Vector[]
  readonly lines: readonly (readonly Vector[])[]
  readonly areas: readonly Area[]
}

/** Of longitude and latitude, or of a plane. */
export type Position = readonly [number, number]

/** For each position that is read. */
const unitsPerPosition = 400

/** The two numbers of an array or of an object, whatever its names; undefined: it is no such thing. */
export function findPair(value: BsonValue): Position | undefined {
  if (!isNestedType(value.type)) return undefined
  charge(unitsPerPosition)
  const cursor = FieldCursor.of(value)
  const numbers: number[] = []
  while (numbers.length < 2 && cursor.next()) {
    if (!cursor.value.isNumber) return undefined
    numbers.push(toDouble(cursor.value))
  }
  const [x, y] = numbers
  return x === undefined || y === undefined || !Number.isFinite(x) || !Number.isFinite(y) ? undefined : [x, y]
}

export function isGeoJson(value: BsonValue): boolean {
  return value.type === bsonType.object && getField(value, 'type')?.type === bsonType.string
}

/** In the plane: of a pair, or of a GeoJSON point; undefined of anything else. */
export function findFlatPosition(value: BsonValue): Position | undefined {
  if (!isGeoJson(value)) return findPair(value)
  const coordinates = getField(value, 'coordinates')
  if (readString(getField(value, 'type')!) !== 'Point' || coordinates === undefined) return undefined
  return findPair(coordinates)
}

/** Throws `GeometryError`. */
export function parseGeometry(value: BsonValue): Geometry {
  if (isGeoJson(value)) return parseGeoJson(value)
  const pair = findPair(value)
  if (pair === undefined) throw new GeometryError('geo element must be an array or object of two numbers, or GeoJSON')
  return { ...nothing, places: [vectorAt(pair)] }
}

const nothing: Geometry = { places: [], lines: [], areas: [] }

/** Throws `GeometryError`. */
export function vectorAt([longitude, latitude]: Position): Vector {
  if (Math.abs(longitude) > 180 || Math.abs(latitude) > 90) {
    throw new GeometryError(`Longitude/latitude is out of bounds, lng: ${longitude} lat: ${latitude}`)
  }
  return vectorOf(longitude, latitude)
}

type Parse = (coordinates: BsonValue) => Partial<Geometry>

const types: ReadonlyMap<string, Parse> = new Map<string, Parse>([
  ['Point', (value) => ({ places: [placeOf(value)] })],
  ['MultiPoint', (value) => ({ places: listOf(value, 'MultiPoint', placeOf) })],
  ['LineString', (value) => ({ lines: [lineOf(value)] })],
  ['MultiLineString', (value) => ({ lines: listOf(value, 'MultiLineString', lineOf) })],
  ['Polygon', (value) => ({ areas: [areaOf(value)] })],
  ['MultiPolygon', (value) => ({ areas: listOf(value, 'MultiPolygon', areaOf) })],
])

export function parseGeoJson(value: BsonValue): Geometry {
  const type = getField(value, 'type')
  const name = type?.type === bsonType.string ? readString(type) : ''
  checkReference(getField(value, 'crs'))
  if (name === 'GeometryCollection') return collectionOf(getField(value, 'geometries'))
  const parse = types.get(name)
  if (parse === undefined) throw new GeometryError(`unknown GeoJSON type: ${name}`)
  const coordinates = getField(value, 'coordinates')
  if (coordinates?.type !== bsonType.array) throw new GeometryError(`${name} coordinates must be an array`)
  return { ...nothing, ...parse(coordinates) }
}

const knownReferences = new Set(['EPSG:4326', 'urn:ogc:def:crs:OGC:1.3:CRS84'])

function checkReference(reference: BsonValue | undefined): void {
  if (reference === undefined) return
  const properties = reference.type === bsonType.object ? getField(reference, 'properties') : undefined
  const name = properties?.type === bsonType.object ? getField(properties, 'name') : undefined
  const text = name?.type === bsonType.string ? readString(name) : ''
  if (!knownReferences.has(text)) throw new GeometryError(`Unknown CRS name: ${text}`)
}

function collectionOf(value: BsonValue | undefined): Geometry {
  if (value?.type !== bsonType.array) throw new GeometryError('GeometryCollection geometries must be an array')
  const members = listOf(value, 'GeometryCollection', (member) => {
    const type = member.type === bsonType.object ? getField(member, 'type') : undefined
    if (type?.type !== bsonType.string || !types.has(readString(type))) {
      throw new GeometryError('GeometryCollections cannot be nested, and hold GeoJSON')
    }
    return parseGeoJson(member)
  })
  return {
    places: members.flatMap(({ places }) => places),
    lines: members.flatMap(({ lines }) => lines),
    areas: members.flatMap(({ areas }) => areas),
  }
}

function listOf<T>(value: BsonValue, what: string, parse: (element: BsonValue) => T): T[] {
  const list = elementsIn(value, what, parse)
  if (list.length === 0) throw new GeometryError(`${what} must have at least one element`)
  return list
}

function elementsIn<T>(value: BsonValue, what: string, parse: (element: BsonValue) => T): T[] {
  if (value.type !== bsonType.array) throw new GeometryError(`${what} coordinates must be an array`)
  const list: T[] = []
  const cursor = FieldCursor.of(value)
  while (cursor.next()) list.push(parse(cursor.value))
  return list
}

function placeOf(value: BsonValue): Vector {
  const pair = value.type === bsonType.array ? findPair(value) : undefined
  if (pair === undefined) throw new GeometryError('Point must only contain numeric elements, longitude and latitude')
  return vectorAt(pair)
}

function isSame(a: Vector, b: Vector): boolean {
  return a.x === b.x && a.y === b.y && a.z === b.z
}

/** What follows itself at once says nothing. */
function distinct(places: readonly Vector[]): Vector[] {
  return places.filter((place, i) => i === 0 || !isSame(place, places[i - 1]!))
}

function lineOf(value: BsonValue): readonly Vector[] {
  const line = distinct(elementsIn(value, 'LineString', placeOf))
  if (line.length < 2) throw new GeometryError('GeoJSON LineString must have at least 2 vertices')
  return line
}

function loopOf(value: BsonValue): readonly Vector[] {
  const places = elementsIn(value, 'Polygon', placeOf)
  const [first] = places
  if (first === undefined) throw new GeometryError('Polygon has no loops.')
  if (!isSame(first, places.at(-1)!)) throw new GeometryError('Loop is not closed')
  const corners = distinct(places).slice(0, -1)
  if (corners.length < 3) throw new GeometryError('Loop must have at least 3 different vertices')
  return orientedLoop(corners)
}

function areaOf(value: BsonValue): Area {
  const [shell, ...holes] = listOf(value, 'Polygon', loopOf)
  return { shell: shell!, holes }
}
