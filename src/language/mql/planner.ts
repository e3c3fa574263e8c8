/**
 * How to reach a query's documents: what the filter asks of each path, in the words of `query/access-path.ts`, which chooses
 * an index.
 *
 * The filter is tested on every document all the same, so bounds may be wide; what they must never be is narrow: an
 * equality with an array or with undefined is not looked up, null also means undefined, comparisons stay within a type.
 */
import type { KeyRange } from '../../base/slice.ts'
import type { Transaction } from '../../database/contract.ts'
import { bsonType, BsonValue, isNestedType } from '../../model/document/bson.ts'
import { type Collation, collationInForce, isSameCollation } from '../../model/document/collation.ts'
import { mongoError } from '../../model/document/mongo-error.ts'
import { compareValues, typeClass } from '../../model/document/order.ts'
import type { Path } from '../../model/document/path.ts'
import {
  accessCost,
  type AccessIndex,
  type AccessPath,
  type AccessRequest,
  chooseAccess,
  entriesOf,
  type FieldConditions,
  forceIndex,
  matchingRows,
  type PartBound,
} from '../../query/access-path.ts'
import { entriesIn } from '../../query/cardinality.ts'
import type { Estimate } from '../../query/cost.ts'
import type { Bound, DocumentSource, FieldBounds, GeoRegion, SourceIndex } from '../../query/document-source.ts'
import type { Predicate } from './filter.ts'
import { boundedRange, type IndexBounds } from './index-bounds.ts'
import { impliesPartial } from './partial-index.ts'
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
  /** Of the index that is hinted at. */
  readonly within?: IndexBounds | undefined
  /** Documents after which the reader stops. */
  readonly limit: number | undefined
  /** In which the entries of ranges are counted. */
  readonly transaction: Pick<Transaction, 'newest'>
}

/** `special`: the kind of key that is no order, such as `2dsphere`. */
export interface HintField extends SortField {
  readonly special: string | undefined
}

export type Hint =
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'fields'; readonly fields: readonly HintField[] }
  | { readonly kind: 'natural'; readonly reverse: boolean }

/** A plan, and what was expected of it: documents that match, and what finding them costs. */
export interface Considered {
  readonly plan: Plan
  readonly estimate: () => Estimate
}

export interface ConsideredPlans {
  readonly winning: Considered
  /** By other indexes. */
  readonly rejected: readonly Considered[]
}

export function considerPlans(request: PlanRequest): ConsideredPlans {
  const { source, hint } = request
  const access = new QueryAccess(request)
  if (request.within !== undefined) return boundedPlan(request, request.within, access)
  if (hint?.kind === 'natural') {
    const plan = { ...scanPlan(source), reverse: hint.reverse }
    return { winning: { plan, estimate: () => access.estimate(undefined) }, rejected: [] }
  }
  const others: QueryPath[] = []
  const path =
    hint === undefined ? chooseAccess(access, others) : forceIndex(access, access.indexOf(hintedIndex(source, hint)))
  return { winning: access.considered(path), rejected: others.map((other) => access.considered(other)) }
}

/** In no order that anybody has asked for. Errors: there is no hint (51173); see `boundedRange`. */
function boundedPlan({ source, hint }: PlanRequest, within: IndexBounds, access: QueryAccess): ConsideredPlans {
  if (hint === undefined || hint.kind === 'natural') {
    throw mongoError(51_173, 'When using min()/max() a hint of which index to use must be provided')
  }
  const index = hintedIndex(source, hint)
  const ranges = [boundedRange(source, index, within)]
  const repeats = index.fields.some(({ path }) => source.mayHoldArray(path))
  const plan = { index, ranges, reverse: false, sorted: false, repeats, isCollectionScan: false, bounds: [] }
  return { winning: { plan, estimate: () => access.estimate(undefined) }, rejected: [] }
}

/** Values of a point or a list of points; of an end of an interval one, and whether it is within. */
interface Values {
  /** In place of values: where a geometry lies. */
  readonly region?: GeoRegion
  readonly values: readonly BsonValue[]
  readonly inclusive: boolean
}

interface QueryIndex extends AccessIndex {
  readonly source: SourceIndex
}

type QueryPath = AccessPath<Values, QueryIndex>

/** A batch of a cursor: a sort that an index gives is read no further than somebody asks. */
const firstBatchDocuments = 101

/** Shares of documents that satisfy conditions on paths without an index. */
const restShares = { equality: 0.1, other: 0.3, least: 0.001 }

class QueryAccess implements AccessRequest<Values, QueryIndex> {
  readonly indexes: readonly QueryIndex[]
  readonly order: AccessRequest<Values, QueryIndex>['order']
  readonly limit: number | undefined
  readonly measure: AccessRequest<Values, QueryIndex>['measure']
  readonly #request: PlanRequest
  readonly #conditions = new Map<string | number, FieldConditions<Values> | undefined>()
  readonly #ranges = new Map<QueryIndex, KeyRange[] | undefined>()

  constructor(request: PlanRequest) {
    const { source, sort, limit, transaction } = request
    this.#request = request
    this.indexes = source.indexes.filter((index) => isUsable(index, request)).map((index) => accessIndex(source, index))
    this.order = sort.map(({ path, descending }) => {
      return { field: path.text, isDescending: descending, nullsFirst: undefined }
    })
    this.limit = limit ?? (sort.length > 0 ? firstBatchDocuments : undefined)
    this.measure = {
      size: () => entriesIn(transaction, scanPlan(source).ranges),
      entries: (path) => entriesIn(transaction, this.#rangesOf(path) ?? []),
    }
  }

  get restShare(): number {
    const indexed = new Set(this.indexes.flatMap(({ parts }) => parts.map(({ field }) => field)))
    const shares = this.#request.predicates
      .filter(({ path }) => !indexed.has(path.text))
      .map(({ operator }) => (operator === '$eq' ? restShares.equality : restShares.other))
    return Math.max(
      restShares.least,
      shares.reduce((all, share) => all * share, 1),
    )
  }

  conditionsOn(field: string | number): FieldConditions<Values> | undefined {
    if (this.#conditions.has(field)) return this.#conditions.get(field)
    const { predicates } = this.#request
    const regional = predicates.find((one) => one.region !== undefined && geoName(one.path) === field)
    const conditions =
      regional === undefined
        ? conditionsOf(predicates.filter(({ path }) => path.text === field))
        : { low: { values: [], inclusive: true, region: regional.region! } }
    this.#conditions.set(field, conditions)
    return conditions
  }

  accepts(path: QueryPath): boolean {
    return this.#rangesOf(path) !== undefined
  }

  /** An index has the same bounds throughout a query. */
  #rangesOf({ index, bounds }: QueryPath): KeyRange[] | undefined {
    if (this.#ranges.has(index)) return this.#ranges.get(index)
    const ranges = this.#request.source.ranges(index.source, bounds.map(fieldBounds))
    this.#ranges.set(index, ranges)
    return ranges
  }

  /** One of another collation is walked through from end to end, in no order. */
  indexOf(index: SourceIndex): QueryIndex {
    const usable = this.indexes.find(({ source }) => source === index)
    if (usable !== undefined) return usable
    const access = accessIndex(this.#request.source, index)
    return isSameCollation(index.collation, collationInForce())
      ? access
      : { ...access, parts: access.parts.map((part) => ({ ...part, field: noField })) }
  }

  estimate(path: QueryPath | undefined): Estimate {
    const rows = Math.min(matchingRows(this), entriesOf(this, path))
    return { rows: Math.min(rows, this.#request.limit ?? Infinity), cost: accessCost(this, path) }
  }

  considered(path: QueryPath | undefined): Considered {
    return { plan: this.#plan(path), estimate: () => this.estimate(path) }
  }

  /** The whole collection where ranges cannot be made. */
  #plan(path: QueryPath | undefined): Plan {
    const ranges = path === undefined ? undefined : this.#rangesOf(path)
    if (path === undefined || ranges === undefined) return scanPlan(this.#request.source)
    return {
      index: path.index.source,
      ranges,
      reverse: path.order === 'reverse',
      sorted: path.order !== undefined,
      repeats: path.repeats,
      isCollectionScan: false,
      bounds: path.bounds.map(fieldBounds),
    }
  }
}

/** A number is the name of none. */
const noField = -1

/** Every match must be in it, in the query's order. Who insists on one gets what is in it. */
function isUsable(index: SourceIndex, { predicates, sort }: PlanRequest): boolean {
  const { hidden, partial, collation, fields } = index
  const ofGeometries = fields.filter(({ geo }) => geo !== undefined)
  if (ofGeometries.length > 0 && !ofGeometries.some(({ path }) => hasRegion(path, predicates))) return false
  if (hidden === true || !isInOrder(index, predicates)) return false
  if (isSameCollation(collation, collationInForce()))
    return partial === undefined || impliesPartial(predicates, partial)
  return partial === undefined && sort.length === 0
}

/** Whether its keys are where the conditions on its fields look for them. */
function isInOrder({ fields, collation }: SourceIndex, predicates: readonly Predicate[]): boolean {
  return predicates.every(({ path, values }) => {
    return fields.every((field) => field.path.text !== path.text) || canFind(collation, values)
  })
}

/** Whether values lie under the same keys in an order of texts as in the one in force. */
export function canFind(collation: Collation | undefined, values: readonly BsonValue[]): boolean {
  return isSameCollation(collation, collationInForce()) || values.every(hasNoText)
}

function hasNoText({ type }: BsonValue): boolean {
  return type !== bsonType.string && type !== bsonType.symbol && !isNestedType(type)
}

function hasRegion(path: Path, predicates: readonly Predicate[]): boolean {
  return predicates.some((one) => one.region !== undefined && one.path.text === path.text)
}

/** What such a field's keys tell is no value of the path: no condition or sort means it by the path's name. */
function geoName(path: Path): string {
  return `$geo ${path.text}`
}

function accessIndex(source: DocumentSource, index: SourceIndex): QueryIndex {
  return {
    source: index,
    parts: index.fields.map(({ path, descending, geo }) => {
      if (geo !== undefined) {
        const field = geoName(path)
        return { field, isDescending: false, nullsFirst: undefined, arrays: field }
      }
      const arrays = source.mayHoldArray(path) ? path.names[0] : undefined
      return { field: path.text, isDescending: descending, nullsFirst: undefined, arrays }
    }),
    isUnique: index.unique,
    isPrimary: index.isPrimary,
    isOrdered: index.isOrdered,
    isHint: index.isHashed === true,
    isSparse: index.sparse,
  }
}

function fieldBounds(bound: PartBound<Values>): FieldBounds {
  if (bound.kind !== 'interval') return { kind: 'points', values: bound.value.values }
  const { low, high } = bound
  if (low?.region !== undefined) return { kind: 'region', region: low.region }
  return { kind: 'interval', ...(low && { low: edgeOf(low) }), ...(high && { high: edgeOf(high) }) }
}

function edgeOf({ values, inclusive }: Values): Bound {
  return { value: values[0]!, inclusive }
}

function hintedIndex(source: DocumentSource, hint: Exclude<Hint, { kind: 'natural' }>): SourceIndex {
  const shown = source.indexes.filter(({ hidden }) => hidden !== true)
  const found = shown.find((index) => (hint.kind === 'name' ? index.name === hint.name : isSameKey(index, hint.fields)))
  if (found !== undefined) return found
  throw mongoError(
    2,
    'error processing query: planner returned error :: caused by :: hint provided does not correspond to an existing index',
  )
}

function isSameKey(index: SourceIndex, fields: readonly HintField[]): boolean {
  return (
    index.fields.length === fields.length &&
    index.fields.every(({ path, descending, geo }, i) => {
      const special = geo?.kind ?? (index.hashed === i ? 'hashed' : undefined)
      const wanted = fields[i]!
      return path.text === wanted.path.text && descending === wanted.descending && special === wanted.special
    })
  )
}

function scanPlan(source: DocumentSource): Plan {
  const index = source.insertions ?? source.indexes[0]!
  const ranges = source.ranges(index, [])!
  return { index, ranges, reverse: false, sorted: false, repeats: false, isCollectionScan: true, bounds: [] }
}

/** What predicates on one path ask of it. */
function conditionsOf(predicates: readonly Predicate[]): FieldConditions<Values> | undefined {
  const here = predicates.filter(({ values, region }) => region === undefined && values.every(isIndexable))
  const equality = here.find(({ operator }) => operator === '$eq') ?? here.find(({ operator }) => operator === '$in')
  if (equality !== undefined) {
    const values = withUndefined(equality.values)
    const acceptsNull = values.length > equality.values.length
    const points = { value: { values, inclusive: true }, count: values.length, acceptsNull }
    return values.length === 1 ? { point: points } : { list: points }
  }
  const low = tightest(here.filter(({ operator }) => operator === '$gt' || operator === '$gte').map(boundFrom), 1)
  const high = tightest(here.filter(({ operator }) => operator === '$lt' || operator === '$lte').map(boundFrom), -1)
  if (low === undefined && high === undefined) return undefined
  // Comparisons with two type classes hold for no single value; one side is enough then.
  const isOneClass = low === undefined || high === undefined || classOf(low) === classOf(high)
  return { low: low && valuesOf(low), high: isOneClass ? high && valuesOf(high) : undefined }
}

function classOf({ value }: Bound): number {
  return typeClass(value.type)
}

function valuesOf({ value, inclusive }: Bound): Values {
  return { values: [value], inclusive }
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
