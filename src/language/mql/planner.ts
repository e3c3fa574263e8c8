/**
 * Chooses how to reach a query's documents: by `_id`, by the index that bounds them best or gives their order, or by the
 * whole collection.
 *
 * Bounds are found field by field, from the index's first: points (`$eq`, `$in`) lead on to the next field, an interval
 * ends it. The filter is tested on every document all the same, so bounds may be wide; what they must never be is narrow:
 *
 * - Where a path may hold arrays, one value may satisfy `$gt` and another `$lt`: only one side is used. Two fields that go
 *   through the same array may be satisfied by different elements: only the first of them is used.
 * - A sparse index lacks documents that have none of its fields: it needs a bound that null does not satisfy.
 * - An equality with an array or with undefined is not looked up.
 *
 * An index gives the sort's order when the sort's fields follow its single points, all in its directions or all against
 * them, and bounds on an array's field would not hide the element that the document sorts by.
 */
import type { KeyRange } from '../../base/slice.ts'
import { bsonType, BsonValue } from '../../model/document/bson.ts'
import { mongoError } from '../../model/document/mongo-error.ts'
import { compareValues, typeClass } from '../../model/document/order.ts'
import type { Path } from '../../model/document/path.ts'
import type { Bound, DocumentSource, FieldBounds, SourceIndex } from '../../query/document-source.ts'
import type { Predicate } from './filter.ts'
import type { SortField } from './sort-order.ts'

export interface Plan {
  readonly index: SourceIndex
  /** In the order of the index; walked from the last where `reverse`. */
  readonly ranges: readonly KeyRange[]
  readonly reverse: boolean
  /** The ranges give the sort's order. */
  readonly sorted: boolean
  /** One document may turn up more than once. */
  readonly repeats: boolean
  readonly isCollectionScan: boolean
  readonly bounds: readonly FieldBounds[]
}

export interface PlanRequest {
  readonly source: DocumentSource
  readonly predicates: readonly Predicate[]
  readonly sort: readonly SortField[]
  /** An index's name, or the fields of its key; `$natural` gives its direction. */
  readonly hint: Hint | undefined
}

export type Hint =
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'fields'; readonly fields: readonly SortField[] }
  | { readonly kind: 'natural'; readonly reverse: boolean }

export function planQuery(request: PlanRequest): Plan {
  const { source, hint } = request
  if (hint?.kind === 'natural') return { ...scanPlan(source), reverse: hint.reverse }
  if (hint !== undefined) return planIndex(request, hintedIndex(source, hint)) ?? scanPlan(source)
  let best: Plan | undefined
  let bestScore = 0
  for (const index of source.indexes) {
    const plan = planIndex(request, index)
    if (plan === undefined || (index.sparse && !excludesAbsent(plan))) continue
    const score = scoreOf(plan)
    if (score > bestScore) {
      best = plan
      bestScore = score
    }
  }
  return best ?? scanPlan(source)
}

function hintedIndex(source: DocumentSource, hint: Exclude<Hint, { kind: 'natural' }>): SourceIndex {
  const found = source.indexes.find((index) =>
    hint.kind === 'name' ? index.name === hint.name : isSameKey(index, hint.fields),
  )
  if (found !== undefined) return found
  throw mongoError(
    2,
    'error processing query: planner returned error :: caused by :: hint provided does not correspond to an existing index',
  )
}

function isSameKey(index: SourceIndex, fields: readonly SortField[]): boolean {
  return (
    index.fields.length === fields.length &&
    index.fields.every(
      ({ path, descending }, i) => path.text === fields[i]!.path.text && descending === fields[i]!.descending,
    )
  )
}

function scanPlan(source: DocumentSource): Plan {
  const index = source.indexes[0]!
  const ranges = source.ranges(index, [])!
  return { index, ranges, reverse: false, sorted: false, repeats: false, isCollectionScan: true, bounds: [] }
}

function planIndex({ source, predicates, sort }: PlanRequest, index: SourceIndex): Plan | undefined {
  const bounds = boundsOf(source, index, predicates)
  const ranges = source.ranges(index, bounds)
  if (ranges === undefined) return undefined
  const order = orderOf(source, index, bounds, sort)
  return {
    index,
    ranges,
    reverse: order === 'reverse',
    sorted: order !== undefined,
    repeats: index.fields.some(({ path }) => source.mayHoldArray(path)),
    isCollectionScan: false,
    bounds,
  }
}

/** A whole unique key is best; then more points, an interval, the order. 0: no better than the collection. */
function scoreOf({ index, bounds, sorted, repeats }: Plan): number {
  const points = bounds.filter(({ kind }) => kind === 'points').length
  const isWholeKey = index.unique && points === index.fields.length
  const interval = bounds.length > points ? 10 : 0
  const score = (isWholeKey ? 1000 : 0) + points * 20 + interval + (sorted ? 8 : 0)
  return repeats && score > 0 ? score - 1 : score
}

/** Some bound is satisfied by no document without the fields. */
function excludesAbsent({ bounds }: Plan): boolean {
  return bounds.some((bound) => bound.kind === 'interval' || bound.values.every((value) => !value.isNullish))
}

function boundsOf(source: DocumentSource, index: SourceIndex, predicates: readonly Predicate[]): FieldBounds[] {
  const bounds: FieldBounds[] = []
  const arrays = new Set<string>()
  for (const { path } of index.fields) {
    const mayHoldArray = source.mayHoldArray(path)
    if (mayHoldArray && arrays.has(path.names[0]!)) break
    if (mayHoldArray) arrays.add(path.names[0]!)
    const bound = boundOf(path, predicates, mayHoldArray)
    if (bound === undefined) break
    bounds.push(bound)
    if (bound.kind === 'interval') break
  }
  return bounds
}

function boundOf(path: Path, predicates: readonly Predicate[], mayHoldArray: boolean): FieldBounds | undefined {
  const here = predicates.filter(
    (predicate) => predicate.path.text === path.text && predicate.values.every(isIndexable),
  )
  const equality = here.find(({ operator }) => operator === '$eq') ?? here.find(({ operator }) => operator === '$in')
  if (equality !== undefined) return { kind: 'points', values: withUndefined(equality.values) }
  const low = tightest(here.filter(({ operator }) => operator === '$gt' || operator === '$gte').map(boundFrom), 1)
  const high = tightest(here.filter(({ operator }) => operator === '$lt' || operator === '$lte').map(boundFrom), -1)
  if (low === undefined && high === undefined) return undefined
  if (low !== undefined && (high === undefined || mayHoldArray)) return { kind: 'interval', low }
  if (low === undefined) return { kind: 'interval', high: high! }
  // Comparisons with two type classes hold for no single value; one side is enough then.
  if (typeClass(low.value.type) !== typeClass(high!.value.type)) return { kind: 'interval', low }
  return { kind: 'interval', low, high: high! }
}

function isIndexable(value: BsonValue): boolean {
  return value.type !== bsonType.array && value.type !== bsonType.undefined && value.type !== bsonType.regex
}

/** null also means undefined, which has keys of its own. */
function withUndefined(values: readonly BsonValue[]): readonly BsonValue[] {
  return values.some((value) => value.isNullish) ? [...values, undefinedKey] : values
}

const undefinedKey = new BsonValue(bsonType.undefined)

function boundFrom({ operator, values }: Predicate): Bound {
  return { value: values[0]!, inclusive: operator === '$gte' || operator === '$lte' }
}

function tightest(bounds: readonly Bound[], sign: number): Bound | undefined {
  const usable = bounds.filter(({ value }) => hasInterval(value))
  return usable.reduce<Bound | undefined>((best, bound) => {
    if (best === undefined) return bound
    const difference = compareValues(bound.value, best.value) * sign
    return difference > 0 || (difference === 0 && !bound.inclusive) ? bound : best
  }, undefined)
}

/** MinKey and MaxKey compare across types, null is an equality. */
function hasInterval(value: BsonValue): boolean {
  return value.type !== bsonType.minKey && value.type !== bsonType.maxKey && !value.isNullish
}

function orderOf(
  source: DocumentSource,
  index: SourceIndex,
  bounds: readonly FieldBounds[],
  sort: readonly SortField[],
): 'forward' | 'reverse' | undefined {
  if (sort.length === 0 || !index.isOrdered) return undefined
  const fixedCount = bounds.findIndex((bound) => bound.kind === 'interval' || bound.values.length > 1)
  const points = fixedCount < 0 ? bounds.length : fixedCount
  const fixedPaths = new Set(index.fields.slice(0, points).map(({ path }) => path.text))
  const arrayRoots = index.fields.slice(0, points).filter(({ path }) => source.mayHoldArray(path))
  const wanted = sort.filter(({ path }) => !fixedPaths.has(path.text) || source.mayHoldArray(path))
  let direction: boolean | undefined
  for (const [i, { path, descending }] of wanted.entries()) {
    const field = index.fields[points + i]
    if (field === undefined || field.path.text !== path.text) return undefined
    const isBounded = points + i < bounds.length
    const isShared = arrayRoots.some((root) => root.path.names[0] === path.names[0])
    if (source.mayHoldArray(path) && (isBounded || isShared || i > 0)) return undefined
    // Several points on one field are several ranges in order; behind them the order begins anew.
    if (isBounded && bounds[points + i]!.kind === 'points' && i < wanted.length - 1) return undefined
    const isReverse = field.descending !== descending
    if (direction !== undefined && direction !== isReverse) return undefined
    direction = isReverse
  }
  return direction === true ? 'reverse' : 'forward'
}
