/** Ranges: constructors, bounds, how two of them lie, and what is made of two (PostgreSQL's chapter 9.20). */
import { rangeTypes } from '../../../../model/table/types/ranges/range-types.ts'
import {
  areAdjacentBounds,
  type Bound,
  compareEnds,
  compareLower,
  compareUpper,
  emptyRange,
  makeRange,
  RangeValue,
} from '../../../../model/table/types/ranges/range.ts'
import type { SqlValue } from '../../contract.ts'
import { failure } from '../../failure.ts'
import { oid } from '../../types/oids.ts'
import { defineFunction, defineOperator } from '../registry.ts'

const { anyrange, anyelement, bool, text } = oid

/** `[)` and the others. */
function readFlags(flags: string | null): readonly [lower: boolean, upper: boolean] {
  if (flags === null) throw failure('22000', 'range constructor flags argument must not be null')
  if (!/^[[(][\])]$/.test(flags)) {
    throw failure('42601', 'invalid range bound flags', { hint: 'Valid values are "[]", "[)", "(]", and "()".' })
  }
  return [flags[0] === '[', flags[1] === ']']
}

function defineConstructors(): void {
  for (const { name, range: kind } of rangeTypes) {
    if (kind === undefined) continue
    const subtype = kind.subtype.oid
    const make = (lower: SqlValue, upper: SqlValue, flags: string | null = '[)'): SqlValue => {
      const [isLower, isUpper] = readFlags(flags)
      return makeRange(kind, { value: lower, isIncluded: isLower }, { value: upper, isIncluded: isUpper })
    }
    const options = { strict: false } as const
    defineFunction(name, [subtype, subtype], kind.oid, (a: SqlValue, b: SqlValue) => make(a, b), options)
    defineFunction(name, [subtype, subtype, text], kind.oid, make, options)
  }
}

function defineBounds(): void {
  const test = (name: string, of: (range: RangeValue) => boolean): void => {
    defineFunction(name, [anyrange], bool, of)
  }
  defineFunction('lower', [anyrange], anyelement, ({ isEmpty, lower }: RangeValue) => (isEmpty ? null : lower.value))
  defineFunction('upper', [anyrange], anyelement, ({ isEmpty, upper }: RangeValue) => (isEmpty ? null : upper.value))
  test('isempty', ({ isEmpty }) => isEmpty)
  test('lower_inc', ({ isEmpty, lower }) => !isEmpty && lower.isIncluded)
  test('upper_inc', ({ isEmpty, upper }) => !isEmpty && upper.isIncluded)
  test('lower_inf', ({ isEmpty, lower }) => !isEmpty && lower.value === null)
  test('upper_inf', ({ isEmpty, upper }) => !isEmpty && upper.value === null)
}

export function containsValue({ kind, isEmpty, lower, upper }: RangeValue, value: SqlValue): boolean {
  if (isEmpty) return false
  const point: Bound = { value, isIncluded: true }
  return (
    (lower.value === null || compareLower(kind, lower, point) <= 0) &&
    (upper.value === null || compareUpper(kind, point, upper) <= 0)
  )
}

export function containsRange(whole: RangeValue, part: RangeValue): boolean {
  if (part.isEmpty) return true
  if (whole.isEmpty) return false
  return (
    compareLower(whole.kind, whole.lower, part.lower) <= 0 && compareUpper(whole.kind, part.upper, whole.upper) <= 0
  )
}

export function overlap(a: RangeValue, b: RangeValue): boolean {
  if (a.isEmpty || b.isEmpty) return false
  return compareEnds(a.kind, a.upper, b.lower) >= 0 && compareEnds(a.kind, b.upper, a.lower) >= 0
}

export function isBefore(a: RangeValue, b: RangeValue): boolean {
  return !a.isEmpty && !b.isEmpty && compareEnds(a.kind, a.upper, b.lower) < 0
}

export function endsWithin(a: RangeValue, b: RangeValue): boolean {
  return !a.isEmpty && !b.isEmpty && compareUpper(a.kind, a.upper, b.upper) <= 0
}

export function beginsWithin(a: RangeValue, b: RangeValue): boolean {
  return !a.isEmpty && !b.isEmpty && compareLower(a.kind, a.lower, b.lower) >= 0
}

export function areAdjacent(a: RangeValue, b: RangeValue): boolean {
  if (a.isEmpty || b.isEmpty) return false
  return areAdjacentBounds(a.kind, a.upper, b.lower) || areAdjacentBounds(a.kind, b.upper, a.lower)
}

export function intersection(a: RangeValue, b: RangeValue): RangeValue {
  if (!overlap(a, b)) return emptyRange(a.kind)
  const lower = compareLower(a.kind, a.lower, b.lower) >= 0 ? a.lower : b.lower
  const upper = compareUpper(a.kind, a.upper, b.upper) <= 0 ? a.upper : b.upper
  return new RangeValue(a.kind, false, lower, upper)
}

/** The smallest range with both. */
export function merged(a: RangeValue, b: RangeValue): RangeValue {
  if (a.isEmpty || b.isEmpty) return a.isEmpty ? b : a
  const lower = compareLower(a.kind, a.lower, b.lower) <= 0 ? a.lower : b.lower
  const upper = compareUpper(a.kind, a.upper, b.upper) >= 0 ? a.upper : b.upper
  return new RangeValue(a.kind, false, lower, upper)
}

function union(a: RangeValue, b: RangeValue): RangeValue {
  if (a.isEmpty || b.isEmpty || overlap(a, b) || areAdjacent(a, b)) return merged(a, b)
  throw failure('22000', 'result of range union would not be contiguous')
}

/** What is left of a range before and behind another one. */
export function remainders(a: RangeValue, b: RangeValue): RangeValue[] {
  if (a.isEmpty || b.isEmpty || !overlap(a, b)) return a.isEmpty ? [] : [a]
  const { kind } = a
  const left: RangeValue[] = []
  const outside = ({ value, isIncluded }: Bound): Bound => ({ value, isIncluded: !isIncluded })
  if (compareLower(kind, a.lower, b.lower) < 0) left.push(makeRange(kind, a.lower, outside(b.lower)))
  if (compareUpper(kind, a.upper, b.upper) > 0) left.push(makeRange(kind, outside(b.upper), a.upper))
  return left
}

function difference(a: RangeValue, b: RangeValue): RangeValue {
  const left = remainders(a, b)
  if (left.length > 1) throw failure('22000', 'result of range difference would not be contiguous')
  return left[0] ?? emptyRange(a.kind)
}

function defineRelations(): void {
  const pair = [anyrange, anyrange]
  const relation = (symbol: string, name: string, holds: (a: RangeValue, b: RangeValue) => boolean): void => {
    defineOperator(symbol, pair, bool, holds)
    defineFunction(name, pair, bool, holds)
  }
  relation('@>', 'range_contains', containsRange)
  relation('<@', 'range_contained_by', (a, b) => containsRange(b, a))
  relation('&&', 'range_overlaps', overlap)
  relation('<<', 'range_before', isBefore)
  relation('>>', 'range_after', (a, b) => isBefore(b, a))
  relation('&<', 'range_overleft', endsWithin)
  relation('&>', 'range_overright', beginsWithin)
  relation('-|-', 'range_adjacent', areAdjacent)
  defineOperator('@>', [anyrange, anyelement], bool, containsValue)
  defineOperator('<@', [anyelement, anyrange], bool, (value: SqlValue, range: RangeValue) =>
    containsValue(range, value),
  )
  defineOperator('+', pair, anyrange, union)
  defineOperator('-', pair, anyrange, difference)
  defineOperator('*', pair, anyrange, intersection)
  defineFunction('range_union', pair, anyrange, union)
  defineFunction('range_minus', pair, anyrange, difference)
  defineFunction('range_intersect', pair, anyrange, intersection)
  defineFunction('range_merge', pair, anyrange, merged)
}

defineConstructors()
defineBounds()
defineRelations()
