/**
 * What is near: `$near`, `$nearSphere` and `$geoNear`. Documents that match come by their distance, the nearest first; which
 * ones match is a condition as any other, whose index finds them.
 */
import type { CellRange } from '../../model/document/geo/cells.ts'
import { coverBox, coverCap, rangesMeeting } from '../../model/document/geo/cells.ts'
import type { GeoField } from '../../model/document/geo/geo-index.ts'
import { visitGeometries } from '../../model/document/geo/geo-index.ts'
import { findFlatPosition, type Position } from '../../model/document/geo/geometry.ts'
import { distanceTo } from '../../model/document/geo/relations.ts'
import type { Vector } from '../../model/document/geo/sphere.ts'
import { charge } from '../../base/work.ts'
import { sliceOf, sliceToLatin1 } from '../../base/slice.ts'
import { bsonType, type BsonValue, fieldsOf, getField } from '../../model/document/bson.ts'
import { mongoCode, mongoError } from '../../model/document/mongo-error.ts'
import { parsePath, type Path } from '../../model/document/path.ts'
import { doubleValue, isTruthy, readString, toDouble } from '../../model/document/values.ts'
import type { DocumentSource, GeoRegion, SourceIndex } from '../../query/document-source.ts'
import { Limit } from '../../query/row-operators.ts'
import { Sort } from '../../query/sort.ts'
import { documentFormat, keyFormat } from './documents.ts'
import { objectOf } from './expression-contract.ts'
import { boxAround, findGeometry, mostCellsOfRegion } from './geo-regions.ts'
import type { PipelineStage } from './pipeline.ts'
import { replaceAtPath } from './replace-path.ts'
import type { DocumentStage, Stage } from './stage.ts'

/** From where distances are told, and in which unit: `scale` makes it of radians. */
export type Origin =
  | { readonly kind: 'sphere'; readonly place: Vector; readonly scale: number }
  | { readonly kind: 'plane'; readonly place: Position }

/** What is no nearer and no farther. */
export interface Near {
  readonly origin: Origin
  readonly min: number
  readonly max: number
}

export interface NearCondition extends Near {
  readonly path: Path
}

export function nearRegion({ origin, max }: Near): GeoRegion {
  return {
    cellsIn: (field) => {
      if (origin.kind === 'plane') return field.kind === '2d' ? flatCells(origin.place, max, field) : undefined
      if (field.kind === '2d' || max === Infinity) return everywhere
      return rangesMeeting(coverCap({ center: origin.place, radius: max / origin.scale }, mostCellsOfRegion))
    },
  }
}

const everywhere: readonly CellRange[] = [{ low: 0, high: Number.MAX_SAFE_INTEGER }]

function flatCells(place: Position, max: number, field: Extract<GeoField, { kind: '2d' }>): readonly CellRange[] {
  return max === Infinity ? everywhere : rangesMeeting(coverBox(boxAround(place, max), field, mostCellsOfRegion))
}

/** In the origin's unit; undefined of what has no place there, or lies too near or too far. */
export function nearDistance({ origin, min, max }: Near, value: BsonValue): number | undefined {
  const distance = distanceOf(origin, value)
  return distance !== undefined && distance >= min && distance <= max ? distance : undefined
}

function distanceOf(origin: Origin, value: BsonValue): number | undefined {
  if (origin.kind === 'plane') {
    const position = findFlatPosition(value)
    return position === undefined ? undefined : Math.hypot(position[0] - origin.place[0], position[1] - origin.place[1])
  }
  const geometry = findGeometry(value)
  return geometry === undefined ? undefined : distanceTo(origin.place, geometry) * origin.scale
}

interface Nearest {
  readonly distance: number
  readonly value: BsonValue
}

/** Of the geometries of a document the nearest that matches. */
function nearestIn(document: BsonValue, near: NearCondition): Nearest | undefined {
  let nearest: Nearest | undefined
  visitGeometries(near.path, document, (value) => {
    const distance = nearDistance(near, value)
    if (distance !== undefined && (nearest === undefined || distance < nearest.distance)) {
      nearest = { distance, value: value.reference() }
    }
    return false
  })
  return nearest
}

// ---- the order

const unitsPerKey = 500
const scratch = new Uint8Array(8)
const view = new DataView(scratch.buffer)

/** Latin1 text that is ordered as distances are. */
function distanceKey(distance: number): string {
  charge(unitsPerKey)
  view.setFloat64(0, distance)
  return sliceToLatin1(sliceOf(scratch))
}

/** `most`: of them are wanted. */
function sortedByDistance(near: NearCondition, most: number | undefined): Stage {
  return (input) =>
    new Sort(input, {
      format: documentFormat,
      keyFormat,
      keyOf: (document) => distanceKey(nearestIn(document, near)?.distance ?? Infinity),
      compare: (a, b) => (a < b ? -1 : a > b ? 1 : 0),
      ...(most !== undefined && { keep: () => most }),
    })
}

/** The stages that stand for the order, and for what a query skips and takes of it. */
export function nearStages(near: NearCondition, skip: number, limit: number | undefined): PipelineStage[] {
  const most = limit === undefined ? undefined : skip + limit
  const stages: PipelineStage[] = [{ kind: 'blocking', stage: sortedByDistance(near, most) }]
  if (skip > 0 || limit !== undefined) {
    const bounds = { offset: skip, limit: limit ?? Infinity }
    stages.push({ kind: 'blocking', stage: (input) => new Limit(input, () => bounds) })
  }
  return stages
}

// ---- the index that it needs

function servesNear({ geo }: SourceIndex['fields'][number], origin: Origin | undefined): boolean {
  return geo !== undefined && (origin === undefined || origin.kind === 'sphere' || geo.kind === '2d')
}

/** Errors: NoQueryExecutionPlans (291). */
export function requireNearIndex({ indexes }: DocumentSource, { path, origin }: NearCondition): void {
  const isThere = indexes.some(({ hidden, fields }) => {
    return hidden !== true && fields.some((field) => field.path.text === path.text && servesNear(field, origin))
  })
  if (isThere) return
  throw mongoError(
    291,
    'error processing query: planner returned error :: caused by :: unable to find index for $geoNear query',
  )
}

/** The field of the only index of geometries. Errors: IndexNotFound (27). */
export function onlyGeoPath({ indexes }: DocumentSource): Path {
  const shown = indexes.filter(({ hidden }) => hidden !== true)
  for (const kind of ['2d', '2dsphere'] as const) {
    const fields = shown.flatMap(({ fields }) => fields.filter(({ geo }) => geo?.kind === kind))
    const paths = new Map(fields.map(({ path }) => [path.text, path]))
    const [only] = paths.values()
    if (paths.size > 1) {
      const message = `There is more than one ${kind} index; unsure which to use for $geoNear: say it by 'key'`
      throw mongoError(mongoCode.indexNotFound, message)
    }
    if (only !== undefined) return only
  }
  throw mongoError(mongoCode.indexNotFound, '$geoNear requires a 2d or 2dsphere index, but none were found')
}

// ---- the stage

export interface GeoNearStage {
  /** Undefined: that of the only index. */
  readonly key: string | undefined
  /** A query of the field. */
  readonly condition: BsonValue
  readonly query: BsonValue
  /** What is told of each document. */
  readonly told: (near: NearCondition) => DocumentStage
}

const known = new Set([
  'near',
  'distanceField',
  'spherical',
  'maxDistance',
  'minDistance',
  'query',
  'distanceMultiplier',
  'includeLocs',
  'key',
])

export function parseGeoNear(specification: BsonValue): GeoNearStage {
  if (specification.type !== bsonType.object) {
    throw mongoError(10_065, 'invalid parameter: expected an object ($geoNear)')
  }
  const options = new Map(fieldsOf(specification))
  for (const name of options.keys()) {
    if (!known.has(name)) throw mongoError(40_415, `BSON field '$geoNear.${name}' is an unknown field.`)
  }
  const text = (name: string, code: number): string | undefined => {
    const value = options.get(name)
    if (value === undefined) return undefined
    if (value.type === bsonType.string && readString(value) !== '') return readString(value)
    throw mongoError(code, `$geoNear: ${name} must be a non-empty string`)
  }
  const field = text('distanceField', 16_606)
  if (field === undefined) throw mongoError(16_605, "$geoNear requires a 'distanceField' option as a String")
  const multiplier = options.get('distanceMultiplier')
  const factor = multiplier === undefined ? 1 : multiplier.isNumber ? toDouble(multiplier) : NaN
  if (!(factor >= 0))
    throw mongoError(mongoCode.typeMismatch, '$geoNear: distanceMultiplier must be a number', 'wrong_type')
  const query = options.get('query') ?? objectOf([])
  if (query.type !== bsonType.object) {
    throw mongoError(mongoCode.typeMismatch, '$geoNear: query must be an object', 'wrong_type')
  }
  const locations = text('includeLocs', 16_607)
  return {
    key: text('key', mongoCode.typeMismatch),
    condition: conditionOf(options),
    query,
    told: teller(parsePath(field), factor, locations === undefined ? undefined : parsePath(locations)),
  }
}

/** As a query of the field would ask. */
function conditionOf(options: ReadonlyMap<string, BsonValue>): BsonValue {
  const near = options.get('near')
  if (near === undefined || (near.type !== bsonType.object && near.type !== bsonType.array)) {
    throw mongoError(5_860_400, '$geoNear requires a near option as an Array or an Object')
  }
  const bounds: [string, BsonValue][] = []
  for (const name of ['minDistance', 'maxDistance']) {
    const bound = options.get(name)
    if (bound !== undefined) bounds.push([`$${name}`, bound])
  }
  if (near.type === bsonType.object && getField(near, 'type') !== undefined) {
    return objectOf([['$nearSphere', objectOf([['$geometry', near], ...bounds])]])
  }
  const spherical = options.get('spherical')
  const isSpherical = spherical !== undefined && isTruthy(spherical)
  return objectOf([[isSpherical ? '$nearSphere' : '$near', near], ...bounds])
}

function teller(field: Path, factor: number, locations: Path | undefined): GeoNearStage['told'] {
  return (near) => ({
    kind: 'change',
    change: (document) => {
      const nearest = nearestIn(document, near)
      if (nearest === undefined) return document
      const told = replaceAtPath(document, field, doubleValue(nearest.distance * factor))
      return locations === undefined ? told : replaceAtPath(told, locations, nearest.value)
    },
  })
}
