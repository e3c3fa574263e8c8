/**
 * Cells, by which geometries are found in an index: squares that are divided in four, and each again, 20 times.
 *
 * The sphere is seen from its middle on the six faces of a cube, where arcs are straight lines; a leaf there is some ten
 * meters wide. A plane is one face. A cell's number is
 *
 *   (2 · path + 1) · 4^(20 − level)      path: the face, then two bits for each level
 *
 * so that those of all cells within one lie around its own, from number − 4^(20 − level) + 1 to number + 4^(20 − level) − 1. A
 * geometry is indexed under the cells that cover it, at whatever level. Who looks for what may meet a region asks for the cells
 * within those that cover the region, and for the cells around these.
 *
 * Invariants: a cover may be too large, never too small; so what is found is tested again.
 */
import { charge } from '../../../base/work.ts'
import type { Geometry, Position } from './geometry.ts'
import { boundingCap, type Cap, countVertices, distanceTo, isDeepInside } from './relations.ts'
import { angle, nearby, unit, type Vector } from './sphere.ts'

const deepest = 20

export interface Cell {
  readonly path: number
  readonly level: number
}

/** Numbers of cells, both ends within. */
export interface CellRange {
  readonly low: number
  readonly high: number
}

export function cellNumber({ path, level }: Cell): number {
  return (2 * path + 1) * 4 ** (deepest - level)
}

/** How a cell lies to a region. */
type Lies = 'outside' | 'across' | 'inside'

/** A square of a face: its lower corner, and how wide it is, of 1. */
export interface Square {
  readonly face: number
  readonly x: number
  readonly y: number
  readonly width: number
}

interface Candidate extends Cell {
  readonly square: Square
}

/** Divided for as long as there are few: the cells in which something of the region may be. */
function cover(faces: number, most: number, liesIn: (square: Square) => Lies): Cell[] {
  const inside: Cell[] = []
  let across: Candidate[] = []
  const look = (candidate: Candidate, into: Candidate[]): void => {
    const lies = liesIn(candidate.square)
    if (lies === 'inside') inside.push(candidate)
    else if (lies === 'across') into.push(candidate)
  }
  for (let face = 0; face < faces; face++) {
    look({ path: face, level: 0, square: { face, x: 0, y: 0, width: 1 } }, across)
  }
  for (let level = 0; level < deepest && across.length > 0; level++) {
    const before = inside.length
    const smaller: Candidate[] = []
    for (const one of across) for (const quarter of quartersOf(one)) look(quarter, smaller)
    if (inside.length + smaller.length > most) {
      inside.length = before
      break
    }
    across = smaller
  }
  return [...inside, ...across]
}

function quartersOf({ path, level, square: { face, x, y, width } }: Candidate): Candidate[] {
  const half = width / 2
  return [0, 1, 2, 3].map((quarter) => ({
    path: path * 4 + quarter,
    level: level + 1,
    square: { face, x: x + (quarter >> 1) * half, y: y + (quarter & 1) * half, width: half },
  }))
}

function pathOf(face: number, x: number, y: number): number {
  const leaves = 2 ** deepest
  const [column, row] = [x, y].map((share) => Math.min(leaves - 1, Math.max(0, Math.floor(share * leaves))))
  let path = face
  for (let bit = deepest - 1; bit >= 0; bit--) path = path * 4 + ((column! >> bit) & 1) * 2 + ((row! >> bit) & 1)
  return path
}

// ---- the sphere

const half = 0.5

function faceOf({ x, y, z }: Vector): number {
  const [ax, ay, az] = [Math.abs(x), Math.abs(y), Math.abs(z)]
  if (ax >= ay && ax >= az) return x >= 0 ? 0 : 1
  if (ay >= az) return y >= 0 ? 2 : 3
  return z >= 0 ? 4 : 5
}

/** The leaf in which a place lies. */
export function leafOf(place: Vector): Cell {
  const face = faceOf(place)
  const { x, y, z } = place
  const [along, u, v] = face < 2 ? [x, y, z] : face < 4 ? [y, x, z] : [z, x, y]
  const share = (value: number): number => (value / Math.abs(along) + 1) * half
  return { path: pathOf(face, share(u), share(v)), level: deepest }
}

function onFace(face: number, x: number, y: number): Vector {
  const [u, v] = [2 * x - 1, 2 * y - 1]
  const along = face % 2 === 0 ? 1 : -1
  if (face < 2) return unit({ x: along, y: u, z: v })
  return unit(face < 4 ? { x: u, y: along, z: v } : { x: u, y: v, z: along })
}

/** Around a square: its corners are what is farthest from its middle. */
function capOf({ face, x, y, width }: Square): Cap {
  const center = onFace(face, x + width / 2, y + width / 2)
  let radius = 0
  for (const [right, up] of corners)
    radius = Math.max(radius, angle(center, onFace(face, x + right * width, y + up * width)))
  return { center, radius: radius + nearby }
}

const corners = [
  [0, 0],
  [0, 1],
  [1, 0],
  [1, 1],
] as const

const sphereFaces = 6
const unitsPerCell = 1000

export function coverCap({ center, radius }: Cap, most: number): Cell[] {
  return cover(sphereFaces, most, (square) => {
    charge(unitsPerCell)
    const cell = capOf(square)
    const apart = angle(cell.center, center)
    if (apart > cell.radius + radius) return 'outside'
    return apart + cell.radius <= radius ? 'inside' : 'across'
  })
}

/** Of one with more corners what is around it is covered. */
const mostExact = 100

/** To index it: a place lies in one leaf, though one that is as good as the same may lie in the next. */
export function cellsOf(geometry: Geometry, most: number): Cell[] {
  const { places, lines, areas } = geometry
  const areFew = lines.length === 0 && areas.length === 0 && places.length <= most
  return areFew ? places.map(leafOf) : coverGeometry(geometry, most)
}

/** To look for what meets it. */
export function coverGeometry(geometry: Geometry, most: number): Cell[] {
  if (countVertices(geometry) > mostExact) {
    const cap = boundingCap(geometry)
    return cap === undefined ? wholeSphere : coverCap(cap, most)
  }
  return cover(sphereFaces, most, (square) => {
    charge(unitsPerCell)
    const cell = capOf(square)
    if (distanceTo(cell.center, geometry) > cell.radius) return 'outside'
    return isDeepInside(cell, geometry) ? 'inside' : 'across'
  })
}

const wholeSphere: readonly Cell[] & Cell[] = Array.from({ length: sphereFaces }, (_, path) => ({ path, level: 0 }))

// ---- a plane

/** The square that an index of positions on a plane is of. */
export interface Plane {
  readonly min: number
  readonly max: number
}

export interface Box {
  readonly low: Position
  readonly high: Position
}

export function leafOnPlane([x, y]: Position, { min, max }: Plane): Cell {
  const share = (value: number): number => (value - min) / (max - min)
  return { path: pathOf(0, share(x), share(y)), level: deepest }
}

/** A little more than the box, since shares are rounded. */
export function coverBox({ low, high }: Box, { min, max }: Plane, most: number): Cell[] {
  const share = (value: number): number => (value - min) / (max - min)
  const [left, bottom] = low.map((value) => share(value) - nearby)
  const [right, top] = high.map((value) => share(value) + nearby)
  return cover(1, most, ({ x, y, width }) => {
    charge(unitsPerCell)
    if (x > right! || x + width < left! || y > top! || y + width < bottom!) return 'outside'
    return x >= left! && x + width <= right! && y >= bottom! && y + width <= top! ? 'inside' : 'across'
  })
}

// ---- ranges

/** Numbers of the cells within the given ones, and of those around them, ascending and apart from each other. */
export function rangesMeeting(cells: readonly Cell[]): CellRange[] {
  const around = new Set<number>()
  const ranges: CellRange[] = cells.map((cell) => {
    const number = cellNumber(cell)
    const reach = 4 ** (deepest - cell.level) - 1
    return { low: number - reach, high: number + reach }
  })
  for (const cell of cells) {
    for (let { path, level } = cell; level > 0;) {
      path = Math.floor(path / 4)
      level--
      const number = cellNumber({ path, level })
      if (around.has(number)) break
      around.add(number)
    }
  }
  for (const number of around) ranges.push({ low: number, high: number })
  return apart(ranges)
}

function apart(ranges: readonly CellRange[]): CellRange[] {
  const sorted = [...ranges].sort((a, b) => a.low - b.low)
  const merged: CellRange[] = []
  for (const range of sorted) {
    const last = merged.at(-1)
    if (last !== undefined && range.low <= last.high + 1) {
      merged[merged.length - 1] = { low: last.low, high: Math.max(last.high, range.high) }
    } else merged.push(range)
  }
  return merged
}
