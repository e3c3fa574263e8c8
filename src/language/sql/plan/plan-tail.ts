/** What stands behind the SELECT list: DISTINCT, ORDER BY, LIMIT. */
import {
  grouped as estimateGroups,
  limited as estimateLimit,
  sorted as estimateSort,
  streamed,
} from '../../../query/plan-estimate.ts'
import { Limit } from '../../../query/row-operators.ts'
import { Distinct, DistinctNeighbors } from '../../../query/set-operators.ts'
import { Sort, type SortPlan } from '../../../query/sort.ts'
import type { OrderKey, QueryTail } from '../bind/query.ts'
import type { SqlValue } from '../contract.ts'
import { compile, type Compiler } from '../expression/compile.ts'
import { drawingOnce } from '../expression/draws.ts'
import { deparse } from '../expression/deparse.ts'
import type { Expression } from '../expression/expression.ts'
import { isVolatile } from '../expression/volatile.ts'
import { failure } from '../failure.ts'
import { comparatorOf } from '../functions/comparison.ts'
import { sqlRows } from '../types/row-format.ts'
import { assumedGroups } from './assumed-rows.ts'
import { explainNode, type PlanNode, planNode } from './plan-node.ts'
import { rankOfRow } from './row-ranks.ts'
import { columnsOf, groupKey, isKeyed, keyed, valuesCompiler } from './row-keys.ts'
import { noRow, type SqlRow, type SqlRun } from './run.ts'

export type Bounds = (run: SqlRun) => { offset: number; limit: number }

export function boundsOf(tail: QueryTail, compiler: Compiler): Bounds {
  const limit = tail.limit === undefined ? undefined : compile(tail.limit, compiler)
  const offset = tail.offset === undefined ? undefined : compile(tail.offset, compiler)
  const count = (value: SqlValue, missing: number, word: string): number => {
    if (value === null && word === 'LIMIT' && tail.withTies) {
      throw failure('2201W', 'row count cannot be null in FETCH FIRST ... WITH TIES clause')
    }
    if (value === null) return missing
    if ((value as bigint) < 0n) throw failure(word === 'LIMIT' ? '2201W' : '2201X', `${word} must not be negative`)
    return Number(value)
  }
  const both = (_row: SqlRow, run: SqlRun): ReturnType<Bounds> => ({
    limit: limit === undefined ? Infinity : count(limit(noRow, run), Infinity, 'LIMIT'),
    offset: offset === undefined ? 0 : count(offset(noRow, run), 0, 'OFFSET'),
  })
  const evaluate = [tail.limit, tail.offset].some((one) => one !== undefined && isVolatile(one))
    ? drawingOnce(both)
    : both
  return (run) => evaluate(noRow, run)
}

/** Of the rows, where only running it tells: as PostgreSQL has it. */
const assumedShare = 0.1

export function limited(input: PlanNode, tail: QueryTail, types: readonly number[], compiler: Compiler): PlanNode {
  if (tail.limit === undefined && tail.offset === undefined) return input
  const bounds = boundsOf(tail, compiler)
  const explain = explainNode('Limit', [input.explain], (rows) => {
    const known = (one: Expression | undefined, missing: number): number => {
      if (one === undefined || (one.kind === 'constant' && one.value === null)) return missing
      return one.kind === 'constant' ? Number(one.value) : rows.rows * assumedShare
    }
    return estimateLimit(rows, known(tail.offset, 0), known(tail.limit, Infinity))
  })
  if (!tail.withTies) return planNode(explain, (run) => new Limit(input.open(run), bounds))
  const compare = rowComparator(tail.order, types)
  return planNode(explain, (run) => new Limit(input.open(run), bounds, (a, b) => compare(a, b) === 0))
}

interface Sorting {
  readonly order: readonly OrderKey[]
  readonly types: readonly number[]
  /** For EXPLAIN. */
  readonly targets?: readonly Expression[]
  /** How many rows are wanted, where not all are. */
  readonly bounds?: Bounds | undefined
}

export function sorted(input: PlanNode, { order, types, targets = [], bounds }: Sorting): PlanNode {
  const label = (target: number): string =>
    targets[target] === undefined ? String(target + 1) : deparse(targets[target])
  const keys = (): string =>
    order.map(({ target, descending }) => `${label(target)}${descending ? ' DESC' : ''}`).join(', ')
  const details = [['Sort Key', keys]] as const
  const explain = explainNode('Sort', [input.explain], (rows) => estimateSort(rows), { details })
  const keep =
    bounds === undefined
      ? undefined
      : (run: SqlRun): number => {
          const { offset, limit } = bounds(run)
          return offset + limit
        }
  const sorting = { format: sqlRows, keep, ...keysOfSort(order, types) }
  return planNode(explain, (run) => new Sort(input.open(run), sorting))
}

/** The rows are their own keys where bytes stand in no value's place. */
function keysOfSort(
  order: readonly OrderKey[],
  types: readonly number[],
): Pick<SortPlan<SqlRow, SqlRow, SqlRun>, 'keyOf' | 'keyFormat' | 'compare' | 'rankOf'> {
  if (!order.some(({ target }) => isKeyed(types[target]!))) {
    return { keyOf: (row) => row, compare: rowComparator(order, types), rankOf: rankOfRow(order, types) }
  }
  const columns = order.map(({ target }) => keyed(columnsOf(types, [target])[0]!))
  const parts = columns.map((one) => compile(one, valuesCompiler))
  const compare = rowComparator(
    order.map((key, target) => ({ ...key, target })),
    columns.map(({ type }) => type),
  )
  return { keyOf: (row, run) => parts.map((part) => part(row, run)), keyFormat: sqlRows, compare }
}

/** `types`: of all columns; `places`: of those that tell rows apart, where these are not all; `isSorted`: by these. */
export function distinct(
  input: PlanNode,
  types: readonly number[],
  places?: readonly number[],
  isSorted = false,
): PlanNode {
  const key = groupKey(columnsOf(types, places), valuesCompiler)
  const title = places === undefined ? 'HashAggregate' : 'Unique'
  const explain = explainNode(title, [input.explain], (rows) => {
    const groups = assumedGroups(rows.rows)
    return isSorted ? streamed(rows, groups) : estimateGroups(rows, groups)
  })
  return planNode(explain, (run) =>
    isSorted ? new DistinctNeighbors(input.open(run), key) : new Distinct(input.open(run), key, sqlRows),
  )
}

function missingKeys(places: readonly number[], order: readonly OrderKey[]): OrderKey[] {
  const has = new Set(order.map(({ target }) => target))
  return places.filter((place) => !has.has(place)).map((target) => ({ target, descending: false, nullsFirst: false }))
}

/** DISTINCT ON keeps the first row in ORDER BY, whose leading keys must be the distinct ones. */
export function distinctOrder(places: readonly number[], order: readonly OrderKey[]): readonly OrderKey[] {
  const wanted = new Set(places)
  const leading = order.slice(0, wanted.size)
  if (leading.some(({ target }) => !wanted.has(target))) {
    throw failure('42P10', 'SELECT DISTINCT ON expressions must match initial ORDER BY expressions')
  }
  return [...order, ...missingKeys(places, order)]
}

function rowComparator(
  order: readonly OrderKey[],
  types: readonly number[],
): (a: readonly SqlValue[], b: readonly SqlValue[]) => number {
  const keys = order.map(({ target, descending, nullsFirst }) => {
    return { target, sign: descending ? -1 : 1, nulls: nullsFirst ? -1 : 1, compare: comparatorOf(types[target]!) }
  })
  return (a, b) => {
    for (const { target, sign, nulls, compare } of keys) {
      const x = a[target]!
      const y = b[target]!
      if (x === null || y === null) {
        if (x === y) continue
        return x === null ? nulls : -nulls
      }
      const difference = compare(x, y)
      if (difference !== 0) return difference * sign
    }
    return 0
  }
}
