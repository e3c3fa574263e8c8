/**
 * Aggregates with WITHIN GROUP (ORDER BY …). They get a group's rows in that order, each as its direct arguments and then
 * what is sorted by.
 *
 * Percentiles and `mode` take a value of the rows; hypothetical ones say where a row of the direct arguments would stand.
 */
import { getType } from '../../../model/table/types/registry.ts'
import type { Interval, SqlValue } from '../contract.ts'
import type { Aggregate, SortKey } from '../expression/expression.ts'
import { failure } from '../failure.ts'
import { oid } from '../types/oids.ts'
import { comparatorOf } from './comparison.ts'
import { mixIntervals } from './date-functions.ts'

export interface OrderedSetEntry {
  readonly name: string
  readonly direct: readonly number[]
  /** Of the one that is sorted by. */
  readonly sorted: number
  readonly gives: number
  readonly make: (sorted: number) => Pick<Aggregate, 'begin' | 'add' | 'finish'>
}

const entries: OrderedSetEntry[] = []

export function orderedSetsNamed(name: string): readonly OrderedSetEntry[] {
  return entries.filter((one) => one.name === name)
}

interface Gathered {
  /** Its first argument in each row is the same. */
  fraction: SqlValue
  readonly list: SqlValue[]
}

type Finish = (fraction: SqlValue, list: readonly SqlValue[]) => SqlValue

/** Rows whose value is null are left out. */
function gathering(finish: Finish, fractions = 1): Pick<Aggregate, 'begin' | 'add' | 'finish'> {
  return {
    begin: (): Gathered => ({ fraction: null, list: [] }),
    add: (state, values) => {
      const gathered = state as Gathered
      if (fractions > 0) gathered.fraction = values[0]!
      const value = values[fractions]!
      if (value !== null) gathered.list.push(value)
      return gathered
    },
    finish: (state) => {
      const { fraction, list } = state as Gathered
      if (fractions > 0 && fraction === null) return null
      return finish(fraction, list)
    },
  }
}

function checkFraction(fraction: number): number {
  if (fraction >= 0 && fraction <= 1) return fraction
  const shown = getType(oid.float8).formatText(fraction)
  throw failure('22003', `percentile value ${shown} is not between 0 and 1`)
}

type Mix = (low: SqlValue, high: SqlValue, share: number) => SqlValue

const mixNumbers: Mix = (low, high, share) => (low as number) + share * ((high as number) - (low as number))
const mixSpans: Mix = (low, high, share) => mixIntervals(low as Interval, high as Interval, share)

function between(mix: Mix): Finish {
  return (given, list) => {
    const at = checkFraction(given as number) * (list.length - 1)
    if (list.length === 0) return null
    const [below, above] = [Math.floor(at), Math.ceil(at)]
    return below === above ? list[below]! : mix(list[below]!, list[above]!, at - below)
  }
}

const discrete: Finish = (given, list) => {
  const place = Math.ceil(checkFraction(given as number) * list.length)
  return list[Math.max(place, 1) - 1] ?? null
}

/** For each fraction of an array. */
function each(finish: Finish): Finish {
  return (fractions, list) => {
    if (list.length === 0) return null
    const all = (one: SqlValue): SqlValue => {
      if (Array.isArray(one)) return (one as readonly SqlValue[]).map(all)
      return one === null ? null : finish(one, list)
    }
    return all(fractions)
  }
}

const { float8, interval, anyelement, anyarray } = oid
const fractions = getType(float8).arrayOid
for (const [sorted, mix] of [
  [float8, mixNumbers],
  [interval, mixSpans],
] as const) {
  const name = 'percentile_cont'
  const finish = between(mix)
  entries.push({ name, direct: [float8], sorted, gives: sorted, make: () => gathering(finish) })
  const gives = getType(sorted).arrayOid
  entries.push({ name, direct: [fractions], sorted, gives, make: () => gathering(each(finish)) })
}
entries.push({
  name: 'percentile_disc',
  direct: [float8],
  sorted: anyelement,
  gives: anyelement,
  make: () => gathering(discrete),
})
entries.push({
  name: 'percentile_disc',
  direct: [fractions],
  sorted: anyelement,
  gives: anyarray,
  make: () => gathering(each(discrete)),
})
entries.push({
  name: 'mode',
  direct: [],
  sorted: anyelement,
  gives: anyelement,
  make: (type) => gathering(mostFrequent(comparatorOf(type)), 0),
})

/** The first one that none is more frequent than. */
function mostFrequent(compare: (a: SqlValue, b: SqlValue) => number): Finish {
  return (_fraction, list) => {
    let best: SqlValue = null
    let most = 0
    for (let from = 0; from < list.length;) {
      let to = from + 1
      while (to < list.length && compare(list[from]!, list[to]!) === 0) to++
      if (to - from > most) {
        most = to - from
        best = list[from]!
      }
      from = to
    }
    return best
  }
}

/** How many rows stand before the one that is supposed, in how many groups of peers, and how many are its peers. */
interface Supposed {
  readonly before: number
  readonly groups: number
  readonly peers: number
  readonly rows: number
  readonly last: readonly SqlValue[] | undefined
}

const hypothetical: Readonly<Record<string, { gives: number; finish: (supposed: Supposed) => SqlValue }>> = {
  rank: { gives: oid.int8, finish: ({ before }) => BigInt(before + 1) },
  dense_rank: { gives: oid.int8, finish: ({ groups }) => BigInt(groups + 1) },
  percent_rank: { gives: float8, finish: ({ before, rows }) => (rows === 0 ? 0 : before / rows) },
  cume_dist: { gives: float8, finish: ({ before, peers, rows }) => (before + peers + 1) / (rows + 1) },
}

export function isHypothetical(name: string): boolean {
  return Object.hasOwn(hypothetical, name)
}

type Direction = Pick<SortKey, 'descending' | 'nullsFirst'> & { readonly type: number }

export function hypotheticalSet(name: string, keys: readonly Direction[]): Omit<Aggregate, 'name'> {
  const { gives, finish } = hypothetical[name]!
  const comparators = keys.map(({ type }) => comparatorOf(type))
  const order = (a: readonly SqlValue[], b: readonly SqlValue[]): number => {
    for (const [i, { descending, nullsFirst }] of keys.entries()) {
      const [x, y] = [a[i]!, b[i]!]
      if (x === null || y === null) {
        if (x === y) continue
        return (x === null) === nullsFirst ? -1 : 1
      }
      const difference = comparators[i]!(x, y) * (descending ? -1 : 1)
      if (difference !== 0) return difference
    }
    return 0
  }
  const add = (state: Supposed, values: readonly SqlValue[]): Supposed => {
    const row = values.slice(keys.length, 2 * keys.length)
    const { before, groups, peers, rows, last } = state
    const compared = order(row, values.slice(0, keys.length))
    if (compared > 0) return { ...state, rows: rows + 1 }
    if (compared === 0) return { ...state, peers: peers + 1, rows: rows + 1 }
    const isNew = last === undefined || order(last, row) !== 0
    return { before: before + 1, groups: isNew ? groups + 1 : groups, peers, rows: rows + 1, last: row }
  }
  return {
    result: gives,
    strict: false,
    keeps: 'nothing',
    begin: (): Supposed => ({ before: 0, groups: 0, peers: 0, rows: 0, last: undefined }),
    add: (state, values) => add(state as Supposed, values),
    finish: (state) => finish(state as Supposed),
  }
}
