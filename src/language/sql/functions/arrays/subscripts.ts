/**
 * Subscripts of arrays, read and assigned: PostgreSQL's array_get_element, array_get_slice, array_set_element and
 * array_set_slice. A bound that the text leaves out, as in `a[:3]`, is undefined: the array's own.
 */
import {
  arrayTooLarge,
  lowerBoundsOf,
  maxArrayElements,
  withBounds,
} from '../../../../model/table/types/array-bounds.ts'
import { arrayDimensions, flatElements, shapeElements } from '../../../../model/table/types/array.ts'
import { maxArrayDimensions, tooManyDimensions } from '../../../../model/table/types/array-text.ts'
import { charge } from '../../../../base/work.ts'
import type { SqlValue } from '../../contract.ts'
import { failure } from '../../failure.ts'

type List = readonly SqlValue[]
export type Bound = number | undefined

const unitsPerElement = 10

/** Null where there is none, or where there are more or fewer dimensions than subscripts. */
export function elementAt(list: List, subscripts: readonly number[]): SqlValue {
  const dimensions = arrayDimensions(list)
  if (dimensions.length !== subscripts.length) return null
  const lower = lowerBoundsOf(list, dimensions)
  let at: SqlValue = list
  for (let i = 0; i < subscripts.length; i++) {
    const place = subscripts[i]! - lower[i]!
    if (place < 0 || place >= dimensions[i]!) return null
    at = (at as List)[place]!
  }
  return at
}

/** A slice begins at 1, in every dimension. */
export function sliceOf(list: List, from: readonly Bound[], to: readonly Bound[]): List {
  const dimensions = arrayDimensions(list)
  if (dimensions.length === 0 || dimensions.length < from.length) return []
  const lower = lowerBoundsOf(list, dimensions)
  const spans: Span[] = []
  for (let i = 0; i < from.length; i++) {
    const start = Math.max(from[i] ?? lower[i]!, lower[i]!) - lower[i]!
    const end = Math.min(to[i] ?? Infinity, lower[i]! + dimensions[i]! - 1) - lower[i]! + 1
    if (start >= end) return []
    spans.push([start, end])
  }
  return cut(list, spans, 0)
}

/** From, and behind the last. */
type Span = readonly [start: number, end: number]

function cut(list: List, spans: readonly Span[], level: number): List {
  const span = spans[level]
  if (span === undefined) return list
  charge((span[1] - span[0]) * unitsPerElement)
  const own = list.slice(...span)
  return level === spans.length - 1 ? own : own.map((one) => cut(one as List, spans, level + 1))
}

function wrongSubscripts(): Error {
  return failure('2202E', 'wrong number of array subscripts')
}

function outOfRange(): Error {
  return failure('2202E', 'array subscript out of range')
}

function checkSize(elements: number): void {
  if (elements > maxArrayElements) throw arrayTooLarge()
  // Holes that small arguments ask for are filled.
  if (elements > mostFilled) throw failure('54000', 'requested length too large')
  charge(elements * unitsPerElement)
}

const mostFilled = 8 * 1024 * 1024

/** Of one dimension: as long as it takes to hold `from` to `to`, nulls where nothing was. */
function widened(list: List, lower: number, from: number, to: number): { values: SqlValue[]; lower: number } {
  const start = Math.min(lower, from)
  const end = Math.max(lower + list.length - 1, to)
  checkSize(end - start + 1)
  const values: SqlValue[] = Array.from({ length: end - start + 1 }, () => null)
  for (let i = 0; i < list.length; i++) values[lower - start + i] = list[i]!
  return { values, lower: start }
}

export function withElement(given: List | null, subscripts: readonly number[], value: SqlValue): List {
  const list = given ?? []
  if (subscripts.length > maxArrayDimensions) throw tooManyDimensions(subscripts.length)
  const dimensions = arrayDimensions(list)
  if (dimensions.length === 0) {
    return shapeElements(
      [value],
      subscripts.map(() => 1),
      subscripts,
    )
  }
  if (dimensions.length !== subscripts.length) throw wrongSubscripts()
  const bounds = lowerBoundsOf(list, dimensions)
  const [first] = subscripts as [number]
  if (dimensions.length === 1) {
    const { values, lower } = widened(list, bounds[0]!, first, first)
    values[first - lower] = value
    return withBounds(values, [lower])
  }
  for (const [i, subscript] of subscripts.entries()) {
    if (subscript < bounds[i]! || subscript >= bounds[i]! + dimensions[i]!) throw outOfRange()
  }
  const path = subscripts.map((subscript, i) => subscript - bounds[i]!)
  return withBounds(replacedAt(list, path, 0, value), bounds)
}

function replacedAt(list: List, path: readonly number[], level: number, value: SqlValue): List {
  charge(list.length * unitsPerElement)
  const copy = Array.from<SqlValue>(list)
  const at = path[level]!
  copy[at] = level === path.length - 1 ? value : replacedAt(copy[at] as List, path, level + 1, value)
  return copy
}

/** The source's elements are taken one after another, whatever its shape; a null source changes nothing. */
export function withSlice(
  given: List | null,
  from: readonly Bound[],
  to: readonly Bound[],
  source: List | null,
): SqlValue {
  if (source === null) return given
  const list = given ?? []
  if (from.length > maxArrayDimensions) throw tooManyDimensions(from.length)
  const flat = flatElements(source)
  const dimensions = arrayDimensions(list)
  if (dimensions.length === 0) return sliceOfNothing(from, to, flat)
  if (dimensions.length < from.length) throw wrongSubscripts()
  const bounds = lowerBoundsOf(list, dimensions)
  const starts = dimensions.map((_, i) => from[i] ?? bounds[i]!)
  const ends = dimensions.map((length, i) => to[i] ?? bounds[i]! + length - 1)
  for (const [i, start] of starts.entries()) {
    if (start > ends[i]!) throw failure('2202E', 'upper bound cannot be less than lower bound')
    if (dimensions.length > 1 && (start < bounds[i]! || ends[i]! >= bounds[i]! + dimensions[i]!)) throw outOfRange()
  }
  const wanted = starts.reduce((product, start, i) => product * (ends[i]! - start + 1), 1)
  if (wanted > maxArrayElements) throw arrayTooLarge()
  if (wanted > flat.length) throw failure('2202E', 'source array too small')
  if (dimensions.length === 1) {
    const { values, lower } = widened(list, bounds[0]!, starts[0]!, ends[0]!)
    for (let i = 0; i < wanted; i++) values[starts[0]! - lower + i] = flat[i]!
    return withBounds(values, [lower])
  }
  const spans = starts.map((start, i): Span => [start - bounds[i]!, ends[i]! - bounds[i]! + 1])
  let at = 0
  return withBounds(
    filled(list, spans, 0, () => flat[at++]!),
    bounds,
  )
}

function sliceOfNothing(from: readonly Bound[], to: readonly Bound[], flat: List): List {
  const dimensions = from.map((start, i) => {
    const end = to[i]
    if (start === undefined || end === undefined) {
      throw failure('2202E', 'array slice subscript must provide both boundaries', {
        detail: 'When assigning to a slice of an empty array value, slice boundaries must be fully specified.',
      })
    }
    return Math.max(0, end - start + 1)
  })
  const wanted = dimensions.reduce((product, length) => product * length, 1)
  if (wanted > maxArrayElements) throw arrayTooLarge()
  if (wanted > flat.length) throw failure('2202E', 'source array too small')
  return shapeElements(flat.slice(0, wanted), dimensions, from as readonly number[])
}

function filled(list: List, spans: readonly Span[], level: number, next: () => SqlValue): List {
  const [start, end] = spans[level]!
  charge(list.length * unitsPerElement)
  const copy = Array.from<SqlValue>(list)
  for (let i = start; i < end; i++) {
    copy[i] = level === spans.length - 1 ? next() : filled(copy[i] as List, spans, level + 1, next)
  }
  return copy
}
