/**
 * Statistics of pairs of numbers: `regr_*`, `corr`, `covar_*`. One pass, by sums of squares of differences that are corrected
 * as each pair comes (Youngs and Cramer), operation by operation as PostgreSQL does it, so that all digits are the same.
 */
import type { SqlValue } from '../contract.ts'
import { failure } from '../failure.ts'
import { oid } from '../types/oids.ts'
import { defineAggregate } from './registry.ts'

interface Pairs {
  readonly count: number
  readonly x: number
  readonly xx: number
  readonly y: number
  readonly yy: number
  readonly xy: number
}

const none: Pairs = { count: 0, x: 0, xx: 0, y: 0, yy: 0, xy: 0 }

/** The first argument depends on the second. */
function addPair(pairs: Pairs, [given, over]: readonly SqlValue[]): Pairs {
  if (given === null || over === null) return pairs
  const [y, x] = [given as number, over as number]
  const count = pairs.count + 1
  const [sumX, sumY] = [pairs.x + x, pairs.y + y]
  if (pairs.count === 0) {
    const [xx, yy] = [Number.isFinite(x) ? 0 : NaN, Number.isFinite(y) ? 0 : NaN]
    return { count, x: sumX, xx, y: sumY, yy, xy: Number.isNaN(xx + yy) ? NaN : 0 }
  }
  const [byX, byY] = [x * count - sumX, y * count - sumY]
  const scale = 1 / (count * pairs.count)
  const xx = pairs.xx + byX * byX * scale
  const yy = pairs.yy + byY * byY * scale
  const xy = pairs.xy + byX * byY * scale
  if ([sumX, sumY, xx, yy, xy].every(Number.isFinite)) return { count, x: sumX, xx, y: sumY, yy, xy }
  return endless(pairs, { count, x: sumX, xx, y: sumY, yy, xy }, x, y)
}

/** What has grown beyond all numbers is an error, unless an endless one came in. */
function endless(before: Pairs, after: Pairs, x: number, y: number): Pairs {
  const grew = (sum: number, ...from: number[]): boolean => !Number.isFinite(sum) && from.every(Number.isFinite)
  if (
    grew(after.x, before.x, x) ||
    grew(after.xx, before.x, x) ||
    grew(after.y, before.y, y) ||
    grew(after.yy, before.y, y) ||
    grew(after.xy, before.x, x, before.y, y)
  ) {
    throw failure('22003', 'value out of range: overflow')
  }
  const orNaN = (sum: number): number => (Number.isFinite(sum) ? sum : NaN)
  return { ...after, xx: orNaN(after.xx), yy: orNaN(after.yy), xy: orNaN(after.xy) }
}

function define(name: string, gives: number, leastPairs: number, finish: (pairs: Pairs) => SqlValue): void {
  defineAggregate({
    name,
    takes: [oid.float8, oid.float8],
    gives,
    make: () => ({
      name,
      result: gives,
      strict: true,
      keeps: 'nothing',
      begin: () => none,
      add: (state, values) => addPair(state as Pairs, values),
      finish: (state) => ((state as Pairs).count < leastPairs ? null : finish(state as Pairs)),
    }),
  })
}

define('regr_count', oid.int8, 0, ({ count }) => BigInt(count))
define('regr_sxx', oid.float8, 1, ({ xx }) => xx)
define('regr_syy', oid.float8, 1, ({ yy }) => yy)
define('regr_sxy', oid.float8, 1, ({ xy }) => xy)
define('regr_avgx', oid.float8, 1, ({ x, count }) => x / count)
define('regr_avgy', oid.float8, 1, ({ y, count }) => y / count)
define('covar_pop', oid.float8, 1, ({ xy, count }) => xy / count)
define('covar_samp', oid.float8, 2, ({ xy, count }) => xy / (count - 1))
define('corr', oid.float8, 1, ({ xx, yy, xy }) => (xx === 0 || yy === 0 ? null : xy / Math.sqrt(xx * yy)))
define('regr_r2', oid.float8, 1, ({ xx, yy, xy }) => {
  if (xx === 0) return null
  return yy === 0 ? 1 : (xy * xy) / (xx * yy)
})
define('regr_slope', oid.float8, 1, ({ xx, xy }) => (xx === 0 ? null : xy / xx))
define('regr_intercept', oid.float8, 1, ({ x, xx, y, xy, count }) => (xx === 0 ? null : (y - (x * xy) / xx) / count))
