/** Functions of arrays that do not ask what the elements are; those that do are in `bind/special-arrays.ts`. */
import {
  arrayTooLarge,
  lowerBoundsOf,
  maxArrayElements,
  withBounds,
} from '../../../../model/table/types/array-bounds.ts'
import { arrayDimensions, flatElements, shapeElements } from '../../../../model/table/types/array.ts'
import { formatDimensions, maxArrayDimensions, tooManyDimensions } from '../../../../model/table/types/array-text.ts'
import { getType } from '../../../../model/table/types/registry.ts'
import type { SqlValue } from '../../contract.ts'
import { failure } from '../../failure.ts'
import { oid } from '../../types/oids.ts'
import { comparatorOf, comparisonOf } from '../comparison.ts'
import { perSize } from '../cost.ts'
import { defineFunction, defineOperator } from '../registry.ts'
import { sliceOf } from './subscripts.ts'

type List = readonly SqlValue[]

const { anyarray, anyelement, int4, text } = oid
const lenient = { strict: false } as const

function defineShape(): void {
  const dimension = (list: List, number: number): { length: number; lower: number } | undefined => {
    const dimensions = arrayDimensions(list)
    const length = dimensions[number - 1]
    return length === undefined ? undefined : { length, lower: lowerBoundsOf(list, dimensions)[number - 1]! }
  }
  defineFunction('array_length', [anyarray, int4], int4, (list: List, number: number) => {
    return dimension(list, number)?.length ?? null
  })
  defineFunction('array_upper', [anyarray, int4], int4, (list: List, number: number) => {
    const found = dimension(list, number)
    return found === undefined ? null : found.lower + found.length - 1
  })
  defineFunction('array_lower', [anyarray, int4], int4, (list: List, number: number) => {
    return dimension(list, number)?.lower ?? null
  })
  defineFunction('array_ndims', [anyarray], int4, (list: List) => arrayDimensions(list).length || null)
  defineFunction('array_dims', [anyarray], text, (list: List) => {
    const dimensions = arrayDimensions(list)
    return formatDimensions(dimensions, lowerBoundsOf(list, dimensions)) || null
  })
  defineFunction('cardinality', [anyarray], int4, (list: List) => {
    return arrayDimensions(list).reduce((product, length) => product * length, Math.min(1, list.length))
  })
}

/** Where the one dimension begins that it has. */
function beginningOf(list: List | null): number {
  if (list === null) return 1
  const dimensions = arrayDimensions(list)
  if (dimensions.length > 1) throw failure('22000', 'argument must be empty or one-dimensional array')
  return lowerBoundsOf(list, dimensions)[0] ?? 1
}

function prepend(value: SqlValue, list: List | null): SqlValue {
  return withBounds([value, ...(list ?? [])], [beginningOf(list)])
}

function append(list: List | null, value: SqlValue): SqlValue {
  return withBounds([...(list ?? []), value], [beginningOf(list)])
}

function concatenate(a: List | null, b: List | null): SqlValue {
  if (a === null) return b
  if (b === null) return a
  if (a.length === 0 || b.length === 0) return a.length === 0 ? b : a
  const [left, right] = [arrayDimensions(a), arrayDimensions(b)]
  const [from, to] = [lowerBoundsOf(a, left), lowerBoundsOf(b, right)]
  const same = (some: readonly number[], others: readonly number[]): boolean => some.join() === others.join()
  if (left.length === right.length) {
    if (same(left.slice(1), right.slice(1)) && same(from.slice(1), to.slice(1))) return withBounds([...a, ...b], from)
    throw incompatible('Arrays with differing element dimensions are not compatible for concatenation.')
  }
  if (Math.abs(left.length - right.length) !== 1) {
    throw incompatible(`Arrays of ${left.length} and ${right.length} dimensions are not compatible for concatenation.`)
  }
  const isOuter = left.length > right.length
  const [outer, inner, bounds, within] = isOuter ? [left, right, from, to] : [right, left, to, from]
  if (!same(outer.slice(1), inner) || !same(bounds.slice(1), within)) {
    throw incompatible('Arrays with differing dimensions are not compatible for concatenation.')
  }
  return withBounds(isOuter ? [...a, Array.from<SqlValue>(b)] : [Array.from<SqlValue>(a), ...b], bounds)
}

function incompatible(detail: string): Error {
  return failure('2202E', 'cannot concatenate incompatible arrays', { detail })
}

const mostFilled = 8 * 1024 * 1024

function fill(value: SqlValue, dimensions: List | null, bounds: List | null = []): SqlValue {
  if (dimensions === null || bounds === null) {
    throw failure('22004', 'dimension array or low bound array cannot be null')
  }
  const line = (list: List, what: string): readonly number[] => {
    if (arrayDimensions(list).length > 1) {
      const detail = `${what} array must be one dimensional.`
      throw failure('2202E', 'wrong number of array subscripts', { detail })
    }
    if (list.includes(null)) throw failure('22004', 'dimension values cannot be null')
    return list as readonly number[]
  }
  const lengths = line(dimensions, 'Dimension')
  if (lengths.length > maxArrayDimensions) throw tooManyDimensions(lengths.length)
  const lower = line(bounds, 'Low bound')
  if (bounds.length > 0 && lower.length !== lengths.length) {
    const detail = 'Low bound array has different size than dimensions array.'
    throw failure('2202E', 'wrong number of array subscripts', { detail })
  }
  const total = filledElements(lengths)
  if (total > maxArrayElements || lengths.some((length) => length < 0)) throw arrayTooLarge()
  if (total > mostFilled) throw failure('54000', 'requested length too large')
  const flat = Array.from({ length: total }, () => value)
  return shapeElements(flat, lengths, lower.length > 0 ? lower : undefined)
}

function filledElements(dimensions: readonly (SqlValue | undefined)[]): number {
  if (dimensions.length === 0) return 0
  return dimensions.reduce<number>((product, length) => product * Math.max(0, Number(length)), 1)
}

const givenCost = perSize(30) as (...values: SqlValue[]) => number

const fillCost = (value: SqlValue, dimensions: List | null, bounds: List | null = []): number => {
  const lengths = (dimensions ?? []).slice(0, maxArrayDimensions).flat()
  return Math.min(maxArrayElements, filledElements(lengths)) * 30 + givenCost(value, dimensions, bounds)
}

function trim(list: List, count: number): SqlValue {
  const [length = 0] = arrayDimensions(list)
  if (count < 0 || count > length) {
    throw failure('2202E', `number of elements to trim must be between 0 and ${length}`)
  }
  const lower = lowerBoundsOf(list, arrayDimensions(list))[0] ?? 1
  return sliceOf(list, [undefined], [lower + length - 1 - count])
}

function defineChanges(): void {
  defineFunction('array_append', [anyarray, anyelement], anyarray, append, lenient)
  defineFunction('array_prepend', [anyelement, anyarray], anyarray, prepend, lenient)
  defineFunction('array_cat', [anyarray, anyarray], anyarray, concatenate, lenient)
  defineOperator('||', [anyarray, anyarray], anyarray, concatenate, lenient)
  defineOperator('||', [anyarray, anyelement], anyarray, append, lenient)
  defineOperator('||', [anyelement, anyarray], anyarray, prepend, lenient)
  defineFunction('trim_array', [anyarray, int4], anyarray, trim)
  const filling = { strict: false, cost: fillCost } as const
  defineFunction('array_fill', [anyelement, oid.int4Array], anyarray, fill, filling)
  defineFunction('array_fill', [anyelement, oid.int4Array, oid.int4Array], anyarray, fill, filling)
}

/** The comparisons are chosen for the element's type when they are bound. */
function arrayOperators(elementType: number): ReadonlyMap<string, (a: List, b: List) => boolean> {
  const compare = comparatorOf(elementType)
  const has = (list: List, value: SqlValue): boolean => {
    for (const one of flatElements(list)) if (one !== null && value !== null && compare(one, value) === 0) return true
    return false
  }
  const contains = (a: List, b: List): boolean => flatElements(b).every((value) => has(a, value))
  return new Map([
    ['@>', contains],
    ['<@', (a: List, b: List) => contains(b, a)],
    ['&&', (a: List, b: List) => flatElements(b).some((value) => has(a, value))],
  ])
}

/** `= <> < <= > >= @> <@ &&` of arrays of one type. */
export function arrayImplementation(name: string, type: number): (a: SqlValue, b: SqlValue) => boolean {
  const own = arrayOperators(getType(type).element!.oid).get(name)
  return (own as ((a: SqlValue, b: SqlValue) => boolean) | undefined) ?? comparisonOf(name, exactOrder(type))
}

/** Indexes do not tell arrays of as many dimensions and the same elements by their lengths: operators do. */
function exactOrder(type: number): (a: SqlValue, b: SqlValue) => number {
  const compare = comparatorOf(type)
  return (a, b) => {
    const order = compare(a, b)
    if (order !== 0 || !Array.isArray((a as List)[0])) return order
    const [left, right] = [arrayDimensions(a as List), arrayDimensions(b as List)]
    const at = left.findIndex((length, i) => length !== right[i])
    return at < 0 ? 0 : left[at]! - right[at]!
  }
}

/** array_position, array_remove and array_replace need the element's own equality. */
export function arraySearch(elementType: number): {
  equal: (a: SqlValue, b: SqlValue) => boolean
} {
  const compare = comparatorOf(elementType)
  return { equal: (a, b) => (a === null || b === null ? a === b : compare(a, b) === 0) }
}

defineShape()
defineChanges()
