/** Parts of the earth and of a plane that queries ask about: what lies in them, and which cells of an index meet them. */
import type { BsonValue } from '../../model/document/bson.ts'
import {
  type Box,
  type CellRange,
  coverBox,
  coverCap,
  coverGeometry,
  type Plane,
  rangesMeeting,
} from '../../model/document/geo/cells.ts'
import type { GeoField } from '../../model/document/geo/geo-index.ts'
import {
  findFlatPosition,
  type Geometry,
  GeometryError,
  parseGeometry,
  type Position,
} from '../../model/document/geo/geometry.ts'
import { type Cap, doMeet, liesWithin, liesWithinCap } from '../../model/document/geo/relations.ts'
import type { GeoRegion } from '../../query/document-source.ts'
import { charge } from '../../base/work.ts'

/** A region that a document's geometry is compared with. */
export interface TestedRegion extends GeoRegion {
  accepts(value: BsonValue): boolean
}

/** Cells that a region is covered with: more make fewer documents that are looked at in vain. */
export const mostCellsOfRegion = 32

/** Undefined of what is no geometry: documents may hold anything. */
export function findGeometry(value: BsonValue): Geometry | undefined {
  try {
    return parseGeometry(value)
  } catch (error) {
    if (error instanceof GeometryError) return undefined
    throw error
  }
}

/** The cells are computed once. */
export function onSphere(cover: () => readonly CellRange[]): GeoRegion['cellsIn'] {
  let known: readonly CellRange[] | undefined
  return ({ kind }) => (kind === '2dsphere' ? (known ??= cover()) : undefined)
}

export function onPlane(boxOf: () => Box): GeoRegion['cellsIn'] {
  return (field: GeoField) => {
    return field.kind === '2d' ? rangesMeeting(coverBox(boxOf(), field satisfies Plane, mostCellsOfRegion)) : undefined
  }
}

export function withinAreas(region: Geometry): TestedRegion {
  return {
    cellsIn: onSphere(() => rangesMeeting(coverGeometry(region, mostCellsOfRegion))),
    accepts: (value) => {
      const geometry = findGeometry(value)
      return geometry !== undefined && liesWithin(geometry, region.areas)
    },
  }
}

export function withinCap(cap: Cap): TestedRegion {
  return {
    cellsIn: onSphere(() => rangesMeeting(coverCap(cap, mostCellsOfRegion))),
    accepts: (value) => {
      const geometry = findGeometry(value)
      return geometry !== undefined && liesWithinCap(geometry, cap)
    },
  }
}

export function meeting(region: Geometry): TestedRegion {
  return {
    cellsIn: onSphere(() => rangesMeeting(coverGeometry(region, mostCellsOfRegion))),
    accepts: (value) => {
      const geometry = findGeometry(value)
      return geometry !== undefined && doMeet(geometry, region)
    },
  }
}

function flat(boxOf: () => Box, contains: (position: Position) => boolean): TestedRegion {
  return {
    cellsIn: onPlane(boxOf),
    accepts: (value) => {
      const position = findFlatPosition(value)
      return position !== undefined && contains(position)
    },
  }
}

export function inBox(box: Box): TestedRegion {
  const { low, high } = box
  return flat(
    () => box,
    ([x, y]) => x >= low[0] && x <= high[0] && y >= low[1] && y <= high[1],
  )
}

export function inCircle(center: Position, radius: number): TestedRegion {
  return flat(
    () => boxAround(center, radius),
    ([x, y]) => Math.hypot(x - center[0], y - center[1]) <= radius,
  )
}

export function boxAround([x, y]: Position, radius: number): Box {
  return { low: [x - radius, y - radius], high: [x + radius, y + radius] }
}

const unitsPerCorner = 20

export function inPolygon(corners: readonly Position[]): TestedRegion {
  const [xs, ys] = [corners.map(([x]) => x), corners.map(([, y]) => y)]
  const least = (all: readonly number[]): number => all.reduce((a, b) => Math.min(a, b), Infinity)
  const most = (all: readonly number[]): number => all.reduce((a, b) => Math.max(a, b), -Infinity)
  const box: Box = { low: [least(xs), least(ys)], high: [most(xs), most(ys)] }
  return flat(
    () => box,
    (position) => {
      charge(unitsPerCorner * corners.length)
      return isInPolygon(position, corners)
    },
  )
}

/** Its border included: a ray to the right crosses an odd number of edges. */
function isInPolygon([x, y]: Position, corners: readonly Position[]): boolean {
  let isInside = false
  let [ax, ay] = corners.at(-1)!
  for (const [bx, by] of corners) {
    const side = (bx - ax) * (y - ay) - (by - ay) * (x - ax)
    const isBetween = x >= Math.min(ax, bx) && x <= Math.max(ax, bx) && y >= Math.min(ay, by) && y <= Math.max(ay, by)
    if (side === 0 && isBetween) return true
    if (ay > y !== by > y && side > 0 === by > ay) isInside = !isInside
    ax = bx
    ay = by
  }
  return isInside
}
