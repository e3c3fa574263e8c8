/**
 * Which partitions may hold rows of which something is known: comparisons of key columns with values, all of which hold.
 *
 * By a list each value that is held is tried; by hash the partition is known once all columns are; by ranges the key is
 * bounded from below and from above by its leading columns, and what lies wholly outside is left out. Nothing is said
 * of a column that is compared with NULL, which leaves no row. The default partition stays wherever a value may be that no other
 * holds.
 */
import { type OrderOperator, orderHolds } from '../../../base/order.ts'
import { above, below, compareEdges, type Edge } from './bounds.ts'
import type { SqlType } from '../types/type.ts'
import type { Partition, Partitioning } from './partitioning.ts'
import type { SqlValue } from '../types/value.ts'

export interface KeyComparison {
  /** Place among the keys. */
  readonly key: number
  readonly operator: OrderOperator | 'null' | 'not null'
  /** Not NULL. */
  readonly value?: SqlValue
}

export function prune(partitioning: Partitioning, known: readonly KeyComparison[]): ReadonlySet<Partition> {
  const { partitions, strategy } = partitioning
  if (known.length === 0) return new Set(partitions)
  if (contradict(known)) return new Set()
  if (strategy === 'list') return pruneList(partitioning, known)
  return strategy === 'hash' ? pruneHash(partitioning, known) : pruneRange(partitioning, known)
}

/** A column is NULL, and something that no NULL is. */
function contradict(known: readonly KeyComparison[]): boolean {
  return known.some(
    ({ key, operator }) => operator === 'null' && known.some((other) => other.key === key && other.operator !== 'null'),
  )
}

function pruneList({ partitions, types }: Partitioning, known: readonly KeyComparison[]): Set<Partition> {
  const type = types[0]!
  const accepts = (value: SqlValue): boolean =>
    known.every(({ operator, value: other }) => {
      if (operator === 'null') return value === null
      if (value === null) return false
      return operator === 'not null' || orderHolds(operator, type.compare(value, other!))
    })
  const isListed = listsAll(partitions, type, known)
  return new Set(
    partitions.filter(({ bound }) => {
      return bound.kind === 'list' ? bound.values.some(accepts) : bound.kind === 'default' && !isListed
    }),
  )
}

/** The one value that is asked for is in some list: what equals it is not elsewhere. */
function listsAll(partitions: readonly Partition[], type: SqlType, known: readonly KeyComparison[]): boolean {
  const exact = known.find(({ operator }) => operator === '=' || operator === 'null')
  if (exact === undefined) return false
  const isExact = (one: SqlValue): boolean =>
    exact.operator === 'null' ? one === null : one !== null && type.compare(one, exact.value!) === 0
  return partitions.some(({ bound }) => bound.kind === 'list' && bound.values.some(isExact))
}

function pruneHash(partitioning: Partitioning, known: readonly KeyComparison[]): Set<Partition> {
  const key = partitioning.types.map((_, i): SqlValue | undefined => {
    const exact = known.find((one) => one.key === i && (one.operator === '=' || one.operator === 'null'))
    return exact === undefined ? undefined : exact.operator === 'null' ? null : exact.value
  })
  if (key.includes(undefined)) return new Set(partitioning.partitions)
  const found = partitioning.find(key as SqlValue[])
  return new Set(found === undefined ? [] : [found])
}

/** Where keys may lie: `low` and `high` are edges of all columns, the last ones open where less is known. */
interface Interval {
  readonly low: Edge
  readonly high: Edge
  /** `high` itself is a key that is looked for. */
  readonly includesHigh: boolean
}

function pruneRange(partitioning: Partitioning, known: readonly KeyComparison[]): Set<Partition> {
  const { partitions, types } = partitioning
  if (known.some(({ operator }) => operator === 'null')) {
    return new Set(partitions.filter(({ bound }) => bound.kind === 'default'))
  }
  const interval = intervalOf(types, known)
  if (interval === undefined) return new Set()
  const { low, high, includesHigh } = interval
  const mayBeNull = types.some((_, i) => !known.some(({ key }) => key === i))
  const found = new Set<Partition>()
  let covered = low
  for (const partition of partitions) {
    const { bound } = partition
    if (bound.kind !== 'range') {
      const order = compareEdges(types, covered, high)
      if (mayBeNull || order < 0 || (order === 0 && includesHigh)) found.add(partition)
      continue
    }
    const start = compareEdges(types, bound.from, high)
    if (compareEdges(types, bound.to, low) <= 0 || start > 0 || (start === 0 && !includesHigh)) continue
    found.add(partition)
    const isNext = compareEdges(types, bound.from, covered) <= 0 && compareEdges(types, bound.to, covered) > 0
    if (isNext) covered = bound.to
  }
  return found
}

/** By the leading columns, as far as each of them is one value; undefined where nothing can be. */
function intervalOf(types: readonly SqlType[], known: readonly KeyComparison[]): Interval | undefined {
  const low: Edge[number][] = []
  const high: Edge[number][] = []
  let [includesLow, includesHigh] = [true, true]
  for (const [i, type] of types.entries()) {
    const own = known.filter(({ key }) => key === i)
    const least = extreme(own, ['>', '>=', '='], (a, b) => type.compare(a, b))
    const most = extreme(own, ['<', '<=', '='], (a, b) => type.compare(b, a))
    if (least !== undefined && most !== undefined) {
      const order = type.compare(least.value!, most.value!)
      if (order > 0 || (order === 0 && (least.operator === '>' || most.operator === '<'))) return undefined
    }
    if (least !== undefined) {
      low.push(least.value!)
      includesLow = least.operator !== '>'
    }
    if (most !== undefined) {
      high.push(most.value!)
      includesHigh = most.operator !== '<'
    }
    if (least?.operator !== '=' || most?.operator !== '=') break
  }
  const isWhole = high.length === types.length
  while (low.length < types.length) low.push(includesLow ? below : above)
  while (high.length < types.length) high.push(includesHigh ? above : below)
  return { low, high, includesHigh: isWhole && includesHigh }
}

function extreme(
  own: readonly KeyComparison[],
  operators: readonly string[],
  compare: (a: SqlValue, b: SqlValue) => number,
): KeyComparison | undefined {
  let found: KeyComparison | undefined
  for (const one of own) {
    if (!operators.includes(one.operator)) continue
    const order = found === undefined ? 1 : compare(one.value!, found.value!)
    // Of two that are equal the one that leaves out the value says more, an equality most.
    if (order > 0 || (order === 0 && strictness(one) > strictness(found!))) found = one
  }
  return found
}

function strictness({ operator }: KeyComparison): number {
  return operator === '<' || operator === '>' ? 2 : operator === '=' ? 1 : 0
}
