/** Arrays: one-dimensional ones begin at 1, as all do that SQL makes without explicit bounds. */
import { arrayDimensions, flatElements } from '../../../model/table/types/array.ts'
import { getType } from '../../../model/table/types/registry.ts'
import type { SqlValue } from '../contract.ts'
import { failure } from '../failure.ts'
import { oid } from '../types/oids.ts'
import { comparatorOf, comparisonOf } from './comparison.ts'
import { defineFunction, defineOperator } from './registry.ts'

type List = readonly SqlValue[]

const { anyarray, anyelement, int4 } = oid
const lenient = { strict: false } as const

function defineShape(): void {
  defineFunction('array_length', [anyarray, int4], int4, (list: List, dimension: number) => {
    return arrayDimensions(list)[dimension - 1] ?? null
  })
  defineFunction('array_upper', [anyarray, int4], int4, (list: List, dimension: number) => {
    return arrayDimensions(list)[dimension - 1] ?? null
  })
  defineFunction('array_lower', [anyarray, int4], int4, (list: List, dimension: number) => {
    return arrayDimensions(list)[dimension - 1] === undefined ? null : 1
  })
  defineFunction('array_ndims', [anyarray], int4, (list: List) => arrayDimensions(list).length || null)
  defineFunction('cardinality', [anyarray], int4, (list: List) => flatElements(list).length)
}

function checkLine(list: List | null): void {
  if (list !== null && arrayDimensions(list).length > 1) {
    throw failure('22000', 'argument must be empty or one-dimensional array')
  }
}

function prepend(value: SqlValue, list: List | null): SqlValue {
  checkLine(list)
  return [value, ...(list ?? [])]
}

function append(list: List | null, value: SqlValue): SqlValue {
  checkLine(list)
  return [...(list ?? []), value]
}

function concatenate(a: List | null, b: List | null): SqlValue {
  if (a === null) return b
  if (b === null) return a
  if (a.length === 0 || b.length === 0) return a.length === 0 ? b : a
  const [left, right] = [arrayDimensions(a), arrayDimensions(b)]
  const same = (some: readonly number[], others: readonly number[]): boolean => some.join() === others.join()
  if (left.length === right.length && same(left.slice(1), right.slice(1))) return [...a, ...b]
  if (same(left.slice(1), right)) return [...a, b]
  if (same(left, right.slice(1))) return [a, ...b]
  throw failure('2202E', 'cannot concatenate incompatible arrays')
}

function defineChanges(): void {
  defineFunction('array_append', [anyarray, anyelement], anyarray, append, lenient)
  defineFunction('array_prepend', [anyelement, anyarray], anyarray, prepend, lenient)
  defineFunction('array_cat', [anyarray, anyarray], anyarray, concatenate, lenient)
  defineOperator('||', [anyarray, anyarray], anyarray, concatenate, lenient)
  defineOperator('||', [anyarray, anyelement], anyarray, append, lenient)
  defineOperator('||', [anyelement, anyarray], anyarray, prepend, lenient)
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
  return (own as ((a: SqlValue, b: SqlValue) => boolean) | undefined) ?? comparisonOf(name, comparatorOf(type))
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
