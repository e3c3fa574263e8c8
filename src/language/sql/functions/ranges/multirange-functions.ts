/** Multiranges: constructors, bounds, how they lie to each other and to ranges, sets of them; and aggregates of ranges. */
import { charge } from '../../../../base/work.ts'
import { rangeTypes } from '../../../../model/table/types/ranges/range-types.ts'
import { makeMultirange, MultirangeValue } from '../../../../model/table/types/ranges/multirange.ts'
import { emptyRange, RangeValue } from '../../../../model/table/types/ranges/range.ts'
import type { SqlValue } from '../../contract.ts'
import type { Aggregate } from '../../expression/expression.ts'
import { failure } from '../../failure.ts'
import { oid } from '../../types/oids.ts'
import { perSize } from '../cost.ts'
import { defineAggregate, defineFunction, defineOperator, defineSetFunction } from '../registry.ts'
import {
  areAdjacent,
  beginsWithin,
  containsRange,
  containsValue,
  endsWithin,
  intersection,
  isBefore,
  overlap,
  remainders,
} from './range-functions.ts'

const { anyrange, anymultirange, anyelement, bool } = oid

const unitsPerRange = 100

type Either = RangeValue | MultirangeValue

function rangesOf(value: Either): readonly RangeValue[] {
  if (value instanceof MultirangeValue) return value.ranges
  return value.isEmpty ? [] : [value]
}

/** From the beginning of the first to the end of the last; undefined of nothing. */
function hull(value: Either): RangeValue | undefined {
  const ranges = rangesOf(value)
  const last = ranges.at(-1)
  return last && new RangeValue(value.kind, false, ranges[0]!.lower, last.upper)
}

/** Some range of `a` and some of `b` that overlap: both lists are in order. */
function anyOverlap(a: Either, b: Either): boolean {
  return pairs(rangesOf(a), rangesOf(b)).next().done === false
}

/** Pairs that overlap, in order; each step leaves a range of one of them behind. */
function* pairs(a: readonly RangeValue[], b: readonly RangeValue[]): Generator<readonly [RangeValue, RangeValue]> {
  let [i, j] = [0, 0]
  charge((a.length + b.length) * unitsPerRange)
  while (i < a.length && j < b.length) {
    if (isBefore(a[i]!, b[j]!)) i++
    else if (isBefore(b[j]!, a[i]!)) j++
    else {
      yield [a[i]!, b[j]!]
      if (endsWithin(a[i]!, b[j]!)) i++
      else j++
    }
  }
}

function containsAll(whole: Either, part: Either): boolean {
  const ranges = rangesOf(whole)
  let at = 0
  return rangesOf(part).every((one) => {
    while (at < ranges.length && isBefore(ranges[at]!, one)) at++
    return at < ranges.length && containsRange(ranges[at]!, one)
  })
}

function relate(a: Either, b: Either, holds: (a: RangeValue, b: RangeValue) => boolean): boolean {
  const [left, right] = [hull(a), hull(b)]
  return left !== undefined && right !== undefined && holds(left, right)
}

function defineConstructors(): void {
  for (const { name, oid: own, multirange: kind } of rangeTypes) {
    if (kind === undefined) continue
    defineFunction(name, [], own, () => new MultirangeValue(kind, []))
    const make = (...ranges: (RangeValue | null)[]): SqlValue => {
      if (ranges.length === 1 && ranges[0] === null) return null
      if (ranges.includes(null)) throw failure('22004', 'multirange values cannot contain null members')
      return makeMultirange(kind, ranges as RangeValue[])
    }
    defineFunction(name, [kind.oid], own, make, { variadic: true, strict: false })
  }
  defineFunction('multirange', [anyrange], anymultirange, (range: RangeValue) => makeMultirange(range.kind, [range]))
}

function defineBounds(): void {
  const bound = (name: 'lower' | 'upper'): void => {
    const of = (value: MultirangeValue): RangeValue['lower'] | undefined => hull(value)?.[name]
    defineFunction(name, [anymultirange], anyelement, (value: MultirangeValue) => of(value)?.value ?? null)
    defineFunction(`${name}_inc`, [anymultirange], bool, (value: MultirangeValue) => of(value)?.isIncluded ?? false)
    defineFunction(`${name}_inf`, [anymultirange], bool, (value: MultirangeValue) => of(value)?.value === null)
  }
  bound('lower')
  bound('upper')
  defineFunction('isempty', [anymultirange], bool, ({ ranges }: MultirangeValue) => ranges.length === 0)
  defineFunction(
    'range_merge',
    [anymultirange],
    anyrange,
    (value: MultirangeValue) => hull(value) ?? emptyRange(value.kind),
  )
  defineSetFunction({
    name: 'unnest',
    takes: [anymultirange],
    variadic: false,
    columns: [{ name: 'unnest', type: anyrange }],
    rows: (_run, [value]) => oneByOne((value as MultirangeValue | null)?.ranges ?? []),
  })
}

function* oneByOne(ranges: readonly RangeValue[]): Generator<readonly SqlValue[]> {
  for (const range of ranges) yield [range]
}

function defineRelations(): void {
  const all = [
    [anymultirange, anymultirange],
    [anymultirange, anyrange],
    [anyrange, anymultirange],
  ]
  const relation = (symbol: string, holds: (a: Either, b: Either) => boolean): void => {
    for (const takes of all) defineOperator(symbol, takes, bool, holds)
  }
  relation('@>', containsAll)
  relation('<@', (a, b) => containsAll(b, a))
  relation('&&', anyOverlap)
  relation('<<', (a, b) => relate(a, b, isBefore))
  relation('>>', (a, b) => relate(b, a, isBefore))
  relation('&<', (a, b) => relate(a, b, endsWithin))
  relation('&>', (a, b) => relate(a, b, beginsWithin))
  relation('-|-', (a, b) => relate(a, b, areAdjacent))
  const holds = (value: MultirangeValue, element: SqlValue): boolean => {
    return value.ranges.some((range) => containsValue(range, element))
  }
  defineOperator('@>', [anymultirange, anyelement], bool, holds)
  defineOperator('<@', [anyelement, anymultirange], bool, (element: SqlValue, value: MultirangeValue) =>
    holds(value, element),
  )
}

function union(a: MultirangeValue, b: MultirangeValue): SqlValue {
  return makeMultirange(a.kind, [...a.ranges, ...b.ranges])
}

function common(a: MultirangeValue, b: MultirangeValue): MultirangeValue {
  return makeMultirange(
    a.kind,
    [...pairs(a.ranges, b.ranges)].map(([one, other]) => intersection(one, other)),
  )
}

function difference(a: MultirangeValue, b: MultirangeValue): SqlValue {
  const left: RangeValue[] = []
  let from = 0
  for (const range of a.ranges) {
    while (from < b.ranges.length && isBefore(b.ranges[from]!, range)) from++
    let rest: RangeValue | undefined = range
    for (let j = from; rest !== undefined && j < b.ranges.length && overlap(rest, b.ranges[j]!); j++) {
      const parts = remainders(rest, b.ranges[j]!)
      const isCutBehind = endsWithin(rest, b.ranges[j]!)
      if (parts.length === 2 || (parts.length === 1 && isCutBehind)) left.push(parts[0]!)
      rest = isCutBehind ? undefined : parts.at(-1)
    }
    if (rest !== undefined) left.push(rest)
  }
  return makeMultirange(a.kind, left)
}

function defineSets(): void {
  const pair = [anymultirange, anymultirange]
  for (const [symbol, name, make] of [
    ['+', 'multirange_union', union],
    ['-', 'multirange_minus', difference],
    ['*', 'multirange_intersect', common],
  ] as const) {
    defineOperator(symbol, pair, anymultirange, make)
    defineFunction(name, pair, anymultirange, make)
  }
}

/** All ranges of the rows, which are put in order when the last has come. */
function gathering(name: string, takes: number): void {
  const make = (): Aggregate => ({
    name,
    result: oid.anyarray,
    strict: false,
    keeps: 'all',
    begin: () => null,
    add: (state, [value]) => {
      const list = (state as SqlValue[] | null) ?? []
      if (value !== null) list.push(value!)
      return list
    },
    finish: (state) => state as SqlValue[] | null,
  })
  const call = (list: readonly SqlValue[]): SqlValue => {
    if (list.length === 0) return null
    const values = list as readonly Either[]
    return makeMultirange(values[0]!.kind, values.flatMap(rangesOf))
  }
  defineAggregate({
    name,
    takes: [takes],
    gives: anymultirange,
    make,
    finishing: { of: oid.anyarray, call, cost: perSize(60) },
  })
}

function intersecting(takes: number, meet: (a: Either, b: Either) => Either): void {
  const name = 'range_intersect_agg'
  const make = ([result]: readonly number[]): Aggregate => ({
    name,
    result: result!,
    strict: true,
    keeps: 'one',
    begin: () => null,
    add: (state, [value]) => (state === null ? value : meet(state as Either, value as Either)),
    finish: (state) => state as SqlValue,
  })
  defineAggregate({ name, takes: [takes], gives: takes, make })
}

defineConstructors()
defineBounds()
defineRelations()
defineSets()
gathering('range_agg', anyrange)
gathering('range_agg', anymultirange)
intersecting(anyrange, (a, b) => intersection(a as RangeValue, b as RangeValue))
intersecting(anymultirange, (a, b) => common(a as MultirangeValue, b as MultirangeValue))
