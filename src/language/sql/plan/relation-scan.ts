/** Scans of stored relations: by the best index for the conditions, with bounds that may read an outer row. */
import { part } from '../../../base/resumption.ts'
import { flatElements } from '../../../model/table/types/array.ts'
import { findType } from '../../../model/table/types/registry.ts'
import { type Access, RelationScan } from '../../../query/relation.ts'
import { batchRows } from '../../../query/operator.ts'
import type { RelationItem } from '../bind/query.ts'
import type { SqlValue } from '../contract.ts'
import { compile, type Compiler, type Evaluate } from '../expression/compile.ts'
import { columnsRead, type Expression, someExpression } from '../expression/expression.ts'
import { comparatorOf } from '../functions/comparison.ts'
import { sortedDistinct } from '../sorted-distinct.ts'
import { comparisonsOf, type RelationPath } from './access-conditions.ts'
import { isMovable } from './conditions.ts'
import { describeAccess, describeCondition, subplansOf } from './explain-text.ts'
import type { FromPlanner } from './from-planner.ts'
import type { ExplainNode } from './plan-node.ts'
import { sampledShare } from './sampled-conditions.ts'
import { type Accesses, RelationAccess, type WantedOrder } from './relation-access.ts'
import { noRow, type SqlRow, type SqlRun } from './run.ts'
import { openReader } from './sampled-reader.ts'
import { policyTests } from './secured-reader.ts'

const noColumns = (expression: Expression): boolean =>
  columnsRead(expression).size === 0 &&
  !someExpression(expression, ({ kind }) => kind === 'aggregate') &&
  isMovable(expression)

/** What is known of a relation's rows before any other is read. */
export function relationAccess(
  planner: FromPlanner,
  item: RelationItem,
  conditions: readonly Expression[],
  wanted?: WantedOrder,
): RelationAccess {
  const comparisons = comparisonsOf(conditions.filter(isMovable), item.first, item.relation, noColumns)
  const { measures } = planner
  const accesses = (path: RelationPath) => {
    const make = accessMaker(path, planner.compilerAt(0), 'counted')
    return (run: SqlRun) => make(noRow, run)
  }
  return new RelationAccess(
    item.relation,
    { all: conditions, comparisons, first: item.first, read: columnsAlone(planner, item) },
    { measures, accesses, restShare: (rest) => sampledShare(planner, item, rest) },
    wanted,
  )
}

/** The last place has the row's key. */
function hasKeys({ relation, width }: RelationItem): boolean {
  return width > relation.columns.length + (relation.systemColumns ?? 0)
}

function ordinalsRead({ needed }: FromPlanner, { relation, first }: RelationItem): Set<number> {
  const ordinals = new Set<number>()
  const count = relation.columns.length
  // Of many joined relations all columns together are many, for each of them again.
  if (needed.size > count) {
    for (let ordinal = 0; ordinal < count; ordinal++) if (needed.has(first + ordinal)) ordinals.add(ordinal)
    return ordinals
  }
  for (const column of needed) {
    if (column >= first && column < first + count) ordinals.add(column - first)
  }
  return ordinals
}

/** All that is read of the relation's rows; undefined where they are read as a whole. */
function columnsAlone(planner: FromPlanner, item: RelationItem): ReadonlySet<number> | undefined {
  return hasKeys(item) ? undefined : ordinalsRead(planner, item)
}

export interface Scan {
  readonly explain: Omit<ExplainNode, 'estimate'>
  open(outer: SqlRow, run: SqlRun): RelationScan<SqlRun>
  /** Of a scan that depends on no outer row. */
  readonly count: (run: SqlRun) => number | undefined
}

/** A scan whose bounds are evaluated over an outer row, which begins at `outerFirst`. */
export function planScan(
  planner: FromPlanner,
  item: RelationItem,
  path: RelationPath | undefined,
  outerFirst: number,
): Scan {
  const { relation } = item
  const withKeys = hasKeys(item)
  const ordinals = ordinalsRead(planner, item)
  const reader = openReader(relation, ordinals, planner.compilerAt(0))
  const fromEntries = path !== undefined && !withKeys && relation.readsEntries?.(path.index, ordinals) === true
  const accesses = accessMaker(path && { ...path, fromEntries }, planner.compilerAt(outerFirst), 'read')
  const lists = (path?.equal ?? [])
    .filter(({ isList }) => isList)
    .map(({ value }) => compile(value, planner.compilerAt(outerFirst)))
  const hasLists = lists.length > 0
  return {
    explain: explainScan(planner, item, path && { ...path, fromEntries }),
    open: (outer) => new RelationScan(reader, (inner: SqlRun) => accesses(outer, inner), { withKeys, hasLists }),
    count: (run) => {
      // A scan sorts a long list in turns, and pauses between its elements.
      if (hasLists && lists.some((list) => isLong(list(noRow, run)))) return undefined
      let total = 0
      let lookups = 0
      for (const access of accesses(noRow, run)) {
        if (++lookups > batchRows) return undefined
        const counted = reader.count?.(run, access)
        if (counted === undefined) return undefined
        total += counted
      }
      return total
    },
  }
}

/** With what policies ask of each row, where the index has not answered that. */
function explainScan(
  planner: FromPlanner,
  item: RelationItem,
  path: RelationPath | undefined,
): Omit<ExplainNode, 'estimate'> {
  const explain = describeAccess(item, path)
  const tested = policyTests(item.relation, path?.answered ?? [])
  if (tested === undefined) return explain
  const details = [...explain.details, ['Filter', () => describeCondition(tested)] as const]
  return { ...explain, details, subplans: subplansOf(tested, (id) => planner.explainSubquery(id)) }
}

function isLong(list: SqlValue): boolean {
  return list !== null && flatElements(list as readonly SqlValue[]).length > batchRows
}

const everything: readonly Access[] = [{ equal: [] }]

/**
 * Evaluates the bounds; no access where one is null, which nothing equals. `counted`: lists stay as they are, with what
 * comes twice in them.
 */
function accessMaker(
  path: RelationPath | undefined,
  compiler: Compiler,
  purpose: 'read' | 'counted',
): (outer: SqlRow, run: SqlRun) => Accesses {
  if (path === undefined) return () => everything
  const read = readingOf(path)
  const interval = intervalMaker(path, compiler)
  if (!path.equal.some(({ isList }) => isList)) return singleMaker(path, compiler, interval)
  const points = path.equal.map((_, place) => pointMaker(path, place, compiler, purpose))
  return (outer, run) => {
    const values: (readonly SqlValue[])[] = []
    for (const point of points) {
      const found = point(outer, run)
      if (found === undefined) return []
      values.push(found)
    }
    if (interval === undefined) return new Combinations(values, read)
    const ends = interval(outer, run)
    return ends === undefined ? [] : new Combinations(values, { ...read, ...ends })
  }
}

function readingOf({ index, reverse, fromEntries }: RelationPath): Omit<Access, 'equal'> {
  return fromEntries === true ? { index, reverse, fromEntries } : { index, reverse }
}

type Interval = Pick<Access, 'lower' | 'upper' | 'skipsNulls'>

/** What follows the equal columns; it answers undefined where nothing is within. */
function intervalMaker(
  path: RelationPath,
  compiler: Compiler,
): ((outer: SqlRow, run: SqlRun) => Interval | undefined) | undefined {
  const lower = boundMaker(path.lower, compiler)
  const upper = boundMaker(path.upper, compiler)
  if (lower === undefined && upper === undefined) return undefined
  return (outer, run) => {
    const from = lower?.(outer, run)
    const to = upper?.(outer, run)
    if (from?.value === null || to?.value === null) return undefined
    return { ...(from && { lower: from }), ...(to && { upper: to }), skipsNulls: true }
  }
}

/** One access: the usual case, without anything that lists need. */
function singleMaker(
  path: RelationPath,
  compiler: Compiler,
  interval: ReturnType<typeof intervalMaker>,
): (outer: SqlRow, run: SqlRun) => readonly Access[] {
  const { equal } = path
  const read = readingOf(path)
  const evaluators = equal.map(({ value }) => compile(value, compiler))
  const looksForNull = equal.map(({ isNull }) => isNull)
  return (outer, run) => {
    const values: SqlValue[] = []
    for (let i = 0; i < evaluators.length; i++) {
      const value = evaluators[i]!(outer, run)
      if (value === null && !looksForNull[i]!) return []
      values.push(value)
    }
    if (interval === undefined) return [{ ...read, equal: values }]
    const ends = interval(outer, run)
    return ends === undefined ? [] : [{ ...read, equal: values, ...ends }]
  }
}

/** The values of a leading column; undefined where nothing equals them. */
function pointMaker(
  path: RelationPath,
  place: number,
  compiler: Compiler,
  purpose: 'read' | 'counted',
): (outer: SqlRow, run: SqlRun) => readonly SqlValue[] | undefined {
  const { value: expression, isList, isNull } = path.equal[place]!
  const evaluate = compile(expression, compiler)
  if (!isList) {
    return (outer, run) => {
      const value = evaluate(outer, run)
      return value === null && !isNull ? undefined : [value]
    }
  }
  const order = purpose === 'read' ? listOrder(path, place) : noNulls
  // A literal list is sorted once, when the plan is first run.
  const isKept = expression.kind === 'constant'
  let kept: readonly SqlValue[] | undefined
  return (outer, run) => {
    if (kept !== undefined) return kept
    // Evaluated once, though the list may be sorted in many turns.
    const list = part(
      () => evaluate(outer, run),
      () => true,
    )
    if (list === null) return undefined
    const points = order(list as readonly SqlValue[])
    if (isKept) kept = points
    return points
  }
}

function noNulls(list: readonly SqlValue[]): readonly SqlValue[] {
  const values = flatElements(list)
  return values.includes(null) ? values.filter((value) => value !== null) : values
}

/** Each distinct element in the index's own order, so that the rows come in it as well. */
function listOrder(
  { index, equal, reverse }: RelationPath,
  place: number,
): (list: readonly SqlValue[]) => readonly SqlValue[] {
  const compare = comparatorOf(findType(equal[place]!.value.type)!.element!.oid)
  const sign = index.parts[place]!.isDescending === reverse ? 1 : -1
  return (list) => sortedDistinct(list, (a, b) => compare(a, b) * sign)
}

/** An access per combination of values, the last column's changing first. */
class Combinations implements Accesses {
  readonly length: number
  readonly #values: readonly (readonly SqlValue[])[]
  readonly #rest: Omit<Access, 'equal'>

  constructor(values: readonly (readonly SqlValue[])[], rest: Omit<Access, 'equal'>) {
    this.#values = values
    this.#rest = rest
    this.length = values.reduce((count, { length }) => count * length, 1)
  }

  *[Symbol.iterator](): Generator<Access> {
    const values = this.#values
    if (this.length === 0) return
    const at = values.map(() => 0)
    for (;;) {
      yield { ...this.#rest, equal: values.map((list, i) => list[at[i]!]!) }
      let place = values.length - 1
      while (place >= 0 && at[place] === values[place]!.length - 1) at[place--] = 0
      if (place < 0) return
      at[place]!++
    }
  }
}

function boundMaker(
  bound: RelationPath['lower'],
  compiler: Compiler,
): ((outer: SqlRow, run: SqlRun) => { value: SqlValue; isInclusive: boolean }) | undefined {
  if (bound === undefined) return undefined
  const evaluate: Evaluate = compile(bound.expression, compiler)
  return (outer, run) => ({ value: evaluate(outer, run), isInclusive: bound.isInclusive })
}
