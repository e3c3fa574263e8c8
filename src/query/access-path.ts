/**
 * How to reach the rows of a collection: by which index, with which bounds, in which direction; for every language.
 *
 * A language hands over what its conditions ask of single fields (a point, a list of points, an interval), as values that
 * are opaque here, the order and the number of rows wanted, and indexes described by their parts. What arrays, sparse
 * indexes, nulls and collations mean for it, it says by these descriptions. It gets back a path.
 *
 * Each index takes bounds part by part, from its first: points and lists lead on to the next part, an interval ends it.
 * Paths are compared by cost (`cost.ts`), from how many entries their ranges hold: the language has them counted
 * (`Measure`), and where nobody can tell, shares are assumed. Where costs are near each other the path wins that pins
 * more, and an index wins against the whole collection, of which it reads less also for transactions that must not
 * conflict. A path by all parts of a unique key wins without being counted.
 *
 * Invariants: a path's bounds are never narrower than the conditions; of parts with several entries a row (`arrays`), one
 * end of an interval is used, since one element may satisfy the lower and another the upper end, and of parts that go
 * through the same array the first alone; a sparse index is used with a bound that null does not satisfy.
 */
import { readCost, sortCost } from './cost.ts'

/** A column's ordinal, or the text of a path. */
export type FieldName = string | number

export interface AccessPart {
  readonly field: FieldName
  readonly isDescending: boolean
  /** Undefined: there are none. */
  readonly nullsFirst: boolean | undefined
  /** A row may have several entries, by an array. Parts of the same name go through the same array. */
  readonly arrays: string | undefined
}

export interface AccessIndex {
  readonly parts: readonly AccessPart[]
  /** What entries with the same parts are ordered by: it takes no bounds. */
  readonly thenBy?: readonly AccessPart[]
  readonly isUnique: boolean
  /** Its entries are the rows; read without bounds it is the whole collection. */
  readonly isPrimary: boolean
  /** Its entries tell all that is read of their rows. */
  readonly tellsAll?: boolean
  /** Its order can stand for a sort. */
  readonly isOrdered: boolean
  /** Finds by points alone, and not null. */
  readonly isHint: boolean
  /** Rows that have none of its fields are not in it. */
  readonly isSparse: boolean
}

/** What the conditions ask of one field: of each kind the best. */
export interface FieldConditions<V> {
  readonly point?: Points<V> | undefined
  /** Null is looked for. */
  readonly isNull?: Points<V> | undefined
  readonly list?: Points<V> | undefined
  readonly low?: V | undefined
  readonly high?: V | undefined
}

export interface Points<V> {
  readonly value: V
  /** How many points, where that is known. */
  readonly count: number | undefined
  readonly acceptsNull: boolean
}

export type PartBound<V> =
  | ({ readonly kind: 'point' | 'list' } & Points<V>)
  | { readonly kind: 'interval'; readonly low: V | undefined; readonly high: V | undefined }

export interface AccessPath<V, I extends AccessIndex = AccessIndex> {
  readonly index: I
  /** Of the first parts. */
  readonly bounds: readonly PartBound<V>[]
  /** Read in this direction it gives the order wanted. */
  readonly order: Direction | undefined
  /** One row at most: all parts of a unique key are points. */
  readonly isPoint: boolean
  /** A row may turn up more than once. */
  readonly repeats: boolean
}

export type Direction = 'forward' | 'reverse'

export interface OrderField {
  readonly field: FieldName
  readonly isDescending: boolean
  readonly nullsFirst: boolean | undefined
}

/** Counts entries; undefined where that cannot be said at once. */
export interface Measure<V, I extends AccessIndex> {
  /** Rows of the whole collection. */
  size(): number | undefined
  /** Entries in the path's ranges. */
  entries(path: AccessPath<V, I>): number | undefined
}

export interface AccessRequest<V, I extends AccessIndex> {
  readonly indexes: readonly I[]
  conditionsOn(field: FieldName): FieldConditions<V> | undefined
  /** Empty where any will do. Undefined: one that no index can give. */
  readonly order: readonly OrderField[] | undefined
  /** Whether the language can make ranges of the path; left out: of any. */
  accepts?(path: AccessPath<V, I>): boolean
  /** Rows after which the reader stops, or is expected to. */
  readonly limit: number | undefined
  /** The share of rows that satisfy the conditions which no index sees. */
  readonly restShare: number
  readonly measure: Measure<V, I>
}

/** Rows of a collection of which nothing is known. */
export const assumedSize = 10_000
const assumedShares = { point: 0.005, list: 0.02, interval: 0.1, halfInterval: 0.3 }
/** Costs that differ by less are the same. */
const sameCost = { factor: 1.1, units: 50 }
/** Reading everything must cost so many times less than the best index, and save so much. */
const wholeGain = { factor: 2, units: 1000 }

/** The best path; undefined: the whole collection in its own order. `rejected` gets the others that were possible. */
export function chooseAccess<V, I extends AccessIndex>(
  request: AccessRequest<V, I>,
  rejected: AccessPath<V, I>[] = [],
): AccessPath<V, I> | undefined {
  const paths = pathsOf(request)
  const best = bestOf(request, paths)
  for (const path of paths) if (path !== best) rejected.push(path)
  return best
}

function pathsOf<V, I extends AccessIndex>(request: AccessRequest<V, I>): AccessPath<V, I>[] {
  const paths: AccessPath<V, I>[] = []
  for (const index of request.indexes) {
    const path = matchIndex(request, index)
    if (path !== undefined && request.accepts?.(path) !== false) paths.push(path)
  }
  return paths
}

function bestOf<V, I extends AccessIndex>(
  request: AccessRequest<V, I>,
  paths: readonly AccessPath<V, I>[],
): AccessPath<V, I> | undefined {
  const point = paths.find(({ isPoint, index }) => isPoint && index.isPrimary) ?? paths.find(({ isPoint }) => isPoint)
  if (point !== undefined) return point
  const [only] = paths
  // Part of the whole collection, in the same order: never worse than that.
  if (only === undefined || (paths.length === 1 && only.index.isPrimary)) return only
  const matching = once(() => matchingRows(request))
  const costs = paths.map((path) => costOf(request, path, matching))
  const least = Math.min(...costs)
  const near = paths.filter((_, i) => costs[i]! <= least * sameCost.factor + sameCost.units)
  const best = near.reduce((a, b) => (rankOf(b) > rankOf(a) ? b : a))
  const cost = costs[paths.indexOf(best)]!
  if (cost <= wholeGain.units || isAssumed(request, best)) return best
  const whole = costOf(request, undefined, matching)
  // Without bounds it reads as much.
  const isLess = best.bounds.length > 0
  return cost > whole * (isLess ? wholeGain.factor : 1) && cost > whole + wholeGain.units ? undefined : best
}

/** Its bounds have not been counted: then an index is not given up for the whole. */
function isAssumed<V, I extends AccessIndex>({ measure }: AccessRequest<V, I>, path: AccessPath<V, I>): boolean {
  return path.bounds.length > 0 && (measure.entries(path) === undefined || measure.size() === undefined)
}

/** What is pinned by points counts most, then an interval, then the order. */
function rankOf<V>({ index, bounds, order }: AccessPath<V>): number {
  let rank = (index.isPrimary ? 1 : 0) + (order === undefined ? 0 : 8) - (index.parts.some(isMulti) ? 1 : 0)
  for (const bound of bounds) {
    if (bound.kind === 'interval') rank += isHalfOpen(bound) ? 5 : 10
    else rank += bound.kind === 'point' ? 20 : 12
  }
  return rank
}

function isHalfOpen<V>({ low, high }: Extract<PartBound<V>, { kind: 'interval' }>): boolean {
  return low === undefined || high === undefined
}

function isMulti({ arrays }: AccessPart): boolean {
  return arrays !== undefined
}

// ---- how much there is

/** Entries that reading the path to its end looks at. */
export function entriesOf<V, I extends AccessIndex>(
  { measure }: AccessRequest<V, I>,
  path: AccessPath<V, I> | undefined,
): number {
  if (path === undefined || path.bounds.length === 0) return measure.size() ?? assumedSize
  if (path.isPoint) return 1
  return measure.entries(path) ?? (measure.size() ?? assumedSize) * assumedShare(path)
}

function assumedShare<V>({ bounds }: AccessPath<V>): number {
  let share = 1
  for (const bound of bounds) {
    if (bound.kind !== 'interval') share *= assumedShares[bound.kind]
    else share *= isHalfOpen(bound) ? assumedShares.halfInterval : assumedShares.interval
  }
  return share
}

/**
 * Rows that satisfy all conditions: the shares that single indexes know, as if they had nothing to do with each other, each
 * field once.
 */
export function matchingRows<V, I extends AccessIndex>(request: AccessRequest<V, I>): number {
  const size = request.measure.size() ?? assumedSize
  const seen = new Set<FieldName>()
  let rows = size * request.restShare
  const bounded = pathsOf(request).filter(({ bounds }) => bounds.length > 0)
  bounded.sort((a, b) => rankOf(b) - rankOf(a))
  if (bounded.some(({ isPoint }) => isPoint)) return Math.min(1, size)
  for (const path of bounded) {
    const fields = path.bounds.map((_, i) => path.index.parts[i]!.field)
    if (fields.some((field) => seen.has(field))) continue
    for (const field of fields) seen.add(field)
    rows *= size === 0 ? 0 : Math.min(1, entriesOf(request, path) / size)
  }
  return rows
}

/** With the sort that is needed behind it, and as far as it is read. */
function costOf<V, I extends AccessIndex>(
  request: AccessRequest<V, I>,
  path: AccessPath<V, I> | undefined,
  matching: () => number,
): number {
  const { order, limit } = request
  const entries = entriesOf(request, path)
  const isPrimary = readsEntriesAlone(path?.index)
  const ranges = path === undefined ? 1 : rangesOf(path)
  const sorts = path?.order === undefined && (order === undefined || order.length > 0)
  if (!sorts && limit === undefined) return readCost(ranges, entries, isPrimary)
  const rows = Math.min(entries, matching())
  if (sorts) return readCost(ranges, entries, isPrimary) + sortCost(rows)
  const share = rows <= limit! ? 1 : limit! / rows
  return readCost(ranges, entries * share, isPrimary)
}

/** No row is looked up for an entry. */
function readsEntriesAlone(index: Pick<AccessIndex, 'isPrimary' | 'tellsAll'> | undefined): boolean {
  return index === undefined || index.isPrimary || index.tellsAll === true
}

/** What reading the path to its end costs, without a sort. */
export function accessCost<V, I extends AccessIndex>(
  request: AccessRequest<V, I>,
  path: AccessPath<V, I> | undefined,
): number {
  return readCost(path === undefined ? 1 : rangesOf(path), entriesOf(request, path), readsEntriesAlone(path?.index))
}

function once(compute: () => number): () => number {
  let known: number | undefined
  return () => (known ??= compute())
}

/** How many ranges it reads, where a list of unknown length is assumed to be short. */
export function rangesOf<V>({ bounds }: Pick<AccessPath<V>, 'bounds'>): number {
  return bounds.reduce((ranges, bound) => ranges * (bound.kind === 'list' ? (bound.count ?? 4) : 1), 1)
}

// ---- what an index can do

/** The index with the bounds that it takes; undefined where it has neither bounds nor the order to offer. */
export function matchIndex<V, I extends AccessIndex>(
  request: Pick<AccessRequest<V, I>, 'conditionsOn' | 'order'>,
  index: I,
): AccessPath<V, I> | undefined {
  const bounds = boundsOf(request, index)
  const order = directionOf(index, bounds, request.order)
  if (bounds.length === 0 && order === undefined) return undefined
  if (index.isSparse && !bounds.some(excludesNull)) return undefined
  return pathOf(index, bounds, order)
}

/** The same for an index that the caller insists on: whatever it offers. */
export function forceIndex<V, I extends AccessIndex>(
  request: Pick<AccessRequest<V, I>, 'conditionsOn' | 'order'>,
  index: I,
): AccessPath<V, I> {
  const bounds = boundsOf(request, index)
  return pathOf(index, bounds, directionOf(index, bounds, request.order))
}

function pathOf<V, I extends AccessIndex>(
  index: I,
  bounds: readonly PartBound<V>[],
  order: Direction | undefined,
): AccessPath<V, I> {
  const arePoints =
    bounds.length === index.parts.length && bounds.every((one) => one.kind === 'point' && !one.acceptsNull)
  return { index, bounds, order, isPoint: index.isUnique && arePoints, repeats: index.parts.some(isMulti) }
}

function excludesNull<V>(bound: PartBound<V>): boolean {
  return bound.kind === 'interval' || !bound.acceptsNull
}

function boundsOf<V>(
  request: Pick<AccessRequest<V, AccessIndex>, 'conditionsOn'>,
  { parts, isHint }: AccessIndex,
): PartBound<V>[] {
  const bounds: PartBound<V>[] = []
  const arrays = new Set<string>()
  for (const part of parts) {
    if (part.arrays !== undefined) {
      if (arrays.has(part.arrays)) break
      arrays.add(part.arrays)
    }
    const found = request.conditionsOn(part.field)
    const bound = found === undefined ? undefined : boundOf(found, part, isHint)
    if (bound === undefined) break
    bounds.push(bound)
    if (bound.kind === 'interval') break
  }
  return bounds
}

function boundOf<V>(
  { point, isNull, list, low, high }: FieldConditions<V>,
  { arrays }: AccessPart,
  isHint: boolean,
): PartBound<V> | undefined {
  if (point !== undefined) return { kind: 'point', ...point }
  if (isNull !== undefined && !isHint) return { kind: 'point', ...isNull }
  if (list !== undefined) return { kind: 'list', ...list }
  if (isHint || (low === undefined && high === undefined)) return undefined
  return { kind: 'interval', low, high: low !== undefined && arrays !== undefined ? undefined : high }
}

/**
 * The order is given by the parts behind leading single points, all in their directions or all against them. Bounds on the
 * part of an array would hide the element that the row sorts by. Several points of one part are several ranges in order;
 * behind them the order begins anew.
 */
function directionOf<V>(
  index: AccessIndex,
  bounds: readonly PartBound<V>[],
  order: readonly OrderField[] | undefined,
): Direction | undefined {
  if (order === undefined || order.length === 0 || !index.isOrdered) return undefined
  const { parts, thenBy = [] } = index
  const firstFree = bounds.findIndex(({ kind }) => kind !== 'point')
  const points = firstFree < 0 ? bounds.length : firstFree
  const fixed = parts.slice(0, points)
  const wanted = order.filter(({ field }) => !fixed.some((part) => part.field === field && part.arrays === undefined))
  let direction: Direction | undefined
  for (const [i, one] of wanted.entries()) {
    const at = points + i
    const part = parts[at] ?? thenBy[at - parts.length]
    if (part === undefined || part.field !== one.field) return undefined
    const isBounded = at < bounds.length
    const isShared = fixed.some(({ arrays }) => arrays !== undefined && arrays === part.arrays)
    if (part.arrays !== undefined && (isBounded || isShared || i > 0)) return undefined
    if (isBounded && bounds[at]!.kind === 'list' && i < wanted.length - 1) return undefined
    const found = partDirection(part, one)
    if (found === undefined || (direction !== undefined && direction !== found)) return undefined
    direction = found
  }
  return direction ?? 'forward'
}

function partDirection(part: AccessPart, wanted: OrderField): Direction | undefined {
  const isAgainst = part.isDescending !== wanted.isDescending
  const hasNulls = part.nullsFirst !== undefined && wanted.nullsFirst !== undefined
  if (hasNulls && (part.nullsFirst !== wanted.nullsFirst) !== isAgainst) return undefined
  return isAgainst ? 'reverse' : 'forward'
}
