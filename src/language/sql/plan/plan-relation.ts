/** Scans of stored relations: by the best index for the conditions, with bounds that may read an outer row. */
import { findType } from '../../../model/table/types/registry.ts'
import { type Access, RelationScan } from '../../../query/relation.ts'
import { batchRows } from '../../../query/operator.ts'
import type { RelationItem } from '../bind/query.ts'
import type { SqlValue } from '../contract.ts'
import { compile, type Compiler, type Evaluate, flatten } from '../expression/compile.ts'
import { columnsRead, type Expression, someExpression } from '../expression/expression.ts'
import { comparatorOf } from '../functions/comparison.ts'
import type { Progress } from '../progress.ts'
import { sortedDistinct } from '../sorted-distinct.ts'
import { type AccessPath, chooseAccess } from './access-path.ts'
import { isMovable } from './conditions.ts'
import { describeAccess } from './explain-text.ts'
import { filtered, type FromPlanner, type OrderedAccess } from './from-planner.ts'
import { type ExplainNode, type PlanNode, planNode } from './plan-node.ts'
import { noRow, type SqlRow, type SqlRun } from './run.ts'

const noColumns = (expression: Expression): boolean =>
  columnsRead(expression).size === 0 &&
  !someExpression(expression, ({ kind }) => kind === 'aggregate') &&
  isMovable(expression)

export function planRelation(planner: FromPlanner, item: RelationItem, conditions: readonly Expression[]): PlanNode {
  const path = chooseAccess(item.relation, item.first, conditions.filter(isMovable), noColumns)
  const ordered = planner.preferred?.choose(item, path)?.access
  const used = ordered !== undefined && ordered.index !== path?.index ? undefined : path
  const rest = conditions.filter((one) => used === undefined || !used.answered.includes(one))
  const index = ordered?.index ?? used?.index
  const scan = planScan(
    planner,
    item,
    used,
    0,
    index === undefined ? undefined : { index, reverse: ordered?.reverse === true },
  )
  const node: PlanNode = { ...planNode(scan.explain, (run) => scan.open(noRow, run)), count: scan.count }
  return filtered(planner, item, node, rest)
}

export interface Scan {
  readonly explain: ExplainNode
  open(outer: SqlRow, run: SqlRun): RelationScan<SqlRun>
  /** Of a scan that depends on no outer row. */
  readonly count: (run: SqlRun) => number | undefined
}

/** A scan whose bounds are evaluated over an outer row, which begins at `outerFirst`. */
export function planScan(
  planner: FromPlanner,
  item: RelationItem,
  path: AccessPath | undefined,
  outerFirst: number,
  ordered: OrderedAccess | undefined,
): Scan {
  const { relation, first } = item
  const withKeys = item.width > relation.columns.length
  const ordinals = new Set<number>()
  for (const column of planner.needed) {
    if (column >= first && column < first + relation.columns.length) ordinals.add(column - first)
  }
  const reader = relation.reader(ordinals.size === relation.columns.length ? undefined : ordinals)
  const accesses = accessMaker(path, planner.compilerAt(outerFirst), ordered, planner.progress)
  return {
    explain: describeAccess(item, path, ordered),
    open: (outer) => new RelationScan(reader, (inner: SqlRun) => accesses(outer, inner), withKeys),
    count: (run) => {
      let total = 0
      let lookups = 0
      for (const access of accesses(noRow, run)) {
        // A scan pauses between the elements of a long list.
        if (++lookups > batchRows) return undefined
        const counted = reader.count?.(run, access)
        if (counted === undefined) return undefined
        total += counted
      }
      return total
    },
  }
}

/** Evaluates the bounds; undefined where one is null, which nothing equals. */
function accessMaker(
  path: AccessPath | undefined,
  compiler: Compiler,
  ordered: OrderedAccess | undefined,
  progress: Progress | undefined,
): (outer: SqlRow, run: SqlRun) => Iterable<Access> {
  const reverse = ordered?.reverse === true
  if (path === undefined) {
    const all: readonly Access[] = [
      ordered === undefined ? { equal: [] } : { index: ordered.index, equal: [], reverse },
    ]
    return () => all
  }
  const { index } = path
  const equal = path.equal.map((one) => compile(one, compiler))
  const pinsNull = path.equal.map((one) => one.kind === 'constant' && one.value === null)
  const lists = path.hasList ? listMaker(path, reverse, progress) : undefined
  const lower = boundMaker(path.lower, compiler)
  const upper = boundMaker(path.upper, compiler)
  const isRange = lower !== undefined || upper !== undefined
  return (outer, run) => {
    const values = equal.map((one) => one(outer, run))
    if (values.some((value, i) => value === null && pinsNull[i] !== true)) return []
    const from = lower?.(outer, run)
    const to = upper?.(outer, run)
    if (from?.value === null || to?.value === null) return []
    if (lists !== undefined) return lists(values)
    const access = { index, equal: values, reverse }
    if (!isRange) return [access]
    return [
      {
        ...access,
        ...(from === undefined ? {} : { lower: from }),
        ...(to === undefined ? {} : { upper: to }),
        skipsNulls: true,
      },
    ]
  }
}

function boundMaker(
  bound: AccessPath['lower'],
  compiler: Compiler,
): ((outer: SqlRow, run: SqlRun) => { value: SqlValue; isInclusive: boolean }) | undefined {
  if (bound === undefined) return undefined
  const evaluate: Evaluate = compile(bound.expression, compiler)
  return (outer, run) => ({ value: evaluate(outer, run), isInclusive: bound.isInclusive })
}

/** `= ANY (array)`: a lookup per distinct element, in the index's own order, so that the rows come in it as well. */
function listMaker(
  path: AccessPath,
  reverse: boolean,
  progress: Progress | undefined,
): (values: readonly SqlValue[]) => Iterable<Access> {
  const { index } = path
  const list = path.equal.at(-1)!
  const compare = comparatorOf(findType(list.type)!.element!.oid)
  const sign = index.parts[path.equal.length - 1]!.isDescending === reverse ? 1 : -1
  const inOrder = (elements: SqlValue): readonly SqlValue[] =>
    sortedDistinct(flatten(elements as readonly SqlValue[]), (a, b) => compare(a, b) * sign, progress)
  // A literal list is sorted once, when the statement is planned.
  const known = list.kind === 'constant' && list.value !== null ? inOrder(list.value) : undefined
  return (values) => lookups(index, values.slice(0, -1), known ?? inOrder(values.at(-1)!), reverse)
}

function* lookups(
  index: AccessPath['index'],
  fixed: readonly SqlValue[],
  elements: readonly SqlValue[],
  reverse: boolean,
): Generator<Access> {
  for (const element of elements) yield { index, equal: [...fixed, element], reverse }
}
