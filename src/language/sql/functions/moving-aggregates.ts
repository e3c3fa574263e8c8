/**
 * Aggregates over frames that move: of these a row can be taken out again, so that the next frame costs what it differs by
 * and not what it holds. As PostgreSQL's moving-aggregate mode: where taking out would change what is left (digits of a sum
 * that only the removed number had, a NaN), `remove` says so and the frame is gone through anew. Sums of floating-point
 * numbers are never taken back.
 *
 * Invariant: states are values; nothing changes one in place.
 */
import { Decimal } from '../../../base/decimal.ts'
import type { Interval, SqlValue } from '../contract.ts'
import { failure } from '../failure.ts'
import { oid } from '../types/oids.ts'
import { divideInterval, sumIntervals } from './date-functions.ts'
import { divideNumeric } from './numeric-rules.ts'

export interface MovingAggregate {
  readonly begin: unknown
  readonly add: (state: unknown, values: readonly SqlValue[]) => unknown
  /** Undefined where it cannot be taken back. */
  readonly remove: (state: unknown, values: readonly SqlValue[]) => unknown
  readonly finish: (state: unknown) => SqlValue
}

interface Definition<S> {
  readonly begin: S
  readonly add: (state: S, value: SqlValue) => S
  readonly remove: (state: S, value: SqlValue) => S | undefined
  readonly finish: (state: S) => SqlValue
}

const known = new Map<string, MovingAggregate>()

function define<S>(name: string, types: readonly number[], { begin, add, remove, finish }: Definition<S>): void {
  known.set(`${name}(${types.join()})`, {
    begin,
    add: (state, values) => add(state as S, values[0]!),
    remove: (state, values) => remove(state as S, values[0]!),
    finish: (state) => finish(state as S),
  })
}

/** Undefined where its frames are gone through anew. */
export function movingAggregate(name: string, types: readonly number[]): MovingAggregate | undefined {
  return known.get(name === 'count' && types.length > 0 ? 'count(any)' : `${name}(${types.join()})`)
}

const counting: Definition<number> = {
  begin: 0,
  add: (count) => count + 1,
  remove: (count) => count - 1,
  finish: BigInt,
}
define('count', [], counting)
known.set('count(any)', known.get('count()')!)

/** A sum and how many numbers it is of: of none it is NULL. */
interface Total {
  readonly sum: bigint
  readonly count: number
}

function total(finish: (total: Total) => SqlValue): Definition<Total> {
  return {
    begin: { sum: 0n, count: 0 },
    add: ({ sum, count }, value) => ({ sum: sum + BigInt(value as number | bigint), count: count + 1 }),
    remove: ({ sum, count }, value) => ({ sum: sum - BigInt(value as number | bigint), count: count - 1 }),
    finish: (state) => (state.count === 0 ? null : finish(state)),
  }
}

/** Whole numbers below 2^53 are exact as numbers; beyond, they are summed as bigints. */
const smallTotal: Definition<{ readonly sum: number | bigint; readonly count: number }> = {
  begin: { sum: 0, count: 0 },
  add: ({ sum, count }, value) => ({ sum: plus(sum, value as number), count: count + 1 }),
  remove: ({ sum, count }, value) => ({ sum: plus(sum, -(value as number)), count: count - 1 }),
  finish: ({ sum, count }) => {
    if (count === 0) return null
    const all = BigInt(sum)
    if (BigInt.asIntN(64, all) !== all) throw failure('22003', 'bigint out of range')
    return all
  },
}

function plus(sum: number | bigint, value: number): number | bigint {
  if (typeof sum === 'bigint') return sum + BigInt(value)
  const next = sum + value
  return Number.isSafeInteger(next) ? next : BigInt(sum) + BigInt(value)
}

for (const type of [oid.int2, oid.int4]) define('sum', [type], smallTotal)
define('sum', [oid.int8], total(({ sum }) => Decimal.of(sum)))
for (const type of [oid.int2, oid.int4, oid.int8]) {
  define('avg', [type], total(({ sum, count }) => divideNumeric(Decimal.of(sum), Decimal.of(BigInt(count)))))
}

/** How many numbers have the most digits behind the point: without the last of them the sum would show fewer. */
interface DecimalTotal {
  readonly sum: Decimal
  readonly count: number
  readonly scale: number
  readonly atScale: number
}

const noDecimals: DecimalTotal = { sum: Decimal.zero, count: 0, scale: 0, atScale: 0 }

function decimals(finish: (total: DecimalTotal) => SqlValue): Definition<DecimalTotal> {
  return {
    begin: noDecimals,
    add: ({ sum, count, scale, atScale }, given) => {
      const value = given as Decimal
      const isMore = value.scale > scale
      return {
        sum: sum.add(value),
        count: count + 1,
        scale: isMore ? value.scale : scale,
        atScale: isMore ? 1 : atScale + (value.scale === scale ? 1 : 0),
      }
    },
    remove: ({ sum, count, scale, atScale }, given) => {
      const value = given as Decimal
      if (count === 1) return noDecimals
      if (!sum.isFinite || !value.isFinite) return undefined
      const isAtScale = value.scale === scale
      if (isAtScale && atScale === 1 && scale > 0) return undefined
      return { sum: sum.subtract(value), count: count - 1, scale, atScale: isAtScale ? atScale - 1 : atScale }
    },
    finish: (state) => (state.count === 0 ? null : finish(state)),
  }
}

define('sum', [oid.numeric], decimals(({ sum }) => sum))
define('avg', [oid.numeric], decimals(({ sum, count }) => divideNumeric(sum, Decimal.of(BigInt(count)))))

interface Moments {
  readonly sum: bigint
  readonly squares: bigint
  readonly count: bigint
}

const moments: Definition<Moments> = {
  begin: { sum: 0n, squares: 0n, count: 0n },
  add: ({ sum, squares, count }, value) => {
    const x = BigInt(value as number | bigint)
    return { sum: sum + x, squares: squares + x * x, count: count + 1n }
  },
  remove: ({ sum, squares, count }, value) => {
    const x = BigInt(value as number | bigint)
    return { sum: sum - x, squares: squares - x * x, count: count - 1n }
  },
  // As the aggregates give them on to what makes the result.
  finish: ({ sum, squares, count }) => [Decimal.of(sum), Decimal.of(squares), Decimal.of(count)],
}

for (const name of ['variance', 'var_samp', 'var_pop', 'stddev', 'stddev_samp', 'stddev_pop']) {
  for (const type of [oid.int2, oid.int4, oid.int8]) define(name, [type], moments)
}

interface Spans {
  readonly sum: Interval
  readonly count: number
}

function spans(finish: (spans: Spans) => SqlValue): Definition<Spans> {
  return {
    begin: { sum: { months: 0, days: 0, us: 0n }, count: 0 },
    add: ({ sum, count }, value) => ({ sum: sumIntervals(sum, value as Interval), count: count + 1 }),
    remove: ({ sum, count }, value) => {
      const { months, days, us } = value as Interval
      return { sum: sumIntervals(sum, { months: -months, days: -days, us: -us }), count: count - 1 }
    },
    finish: (state) => (state.count === 0 ? null : finish(state)),
  }
}

define('sum', [oid.interval], spans(({ sum }) => sum))
define('avg', [oid.interval], spans(({ sum, count }) => divideInterval(sum, count)))

interface Votes {
  readonly yes: number
  readonly no: number
}

function votes(finish: (votes: Votes) => boolean): Definition<Votes> {
  return {
    begin: { yes: 0, no: 0 },
    add: ({ yes, no }, value) => (value === true ? { yes: yes + 1, no } : { yes, no: no + 1 }),
    remove: ({ yes, no }, value) => (value === true ? { yes: yes - 1, no } : { yes, no: no - 1 }),
    finish: (state) => (state.yes + state.no === 0 ? null : finish(state)),
  }
}

for (const name of ['bool_and', 'every']) {
  define(
    name,
    [oid.bool],
    votes(({ no }) => no === 0),
  )
}
define('bool_or', [oid.bool], votes(({ yes }) => yes > 0))
