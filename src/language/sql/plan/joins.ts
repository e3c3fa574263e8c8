/** Joins of planned inputs: by a hash table, by looking the right one up, or by comparing every pair. */
import { lookUpJoinCost, readCost } from '../../../query/cost.ts'
import { HashJoin } from '../../../query/hash-join.ts'
import { Materialize } from '../../../query/materialize.ts'
import { type JoinKind, NestedLoopJoin } from '../../../query/nested-loop-join.ts'
import { hashed, hashJoined, kept, loopJoined, type NodeEstimate } from '../../../query/plan-estimate.ts'
import type { FromItem, RelationItem } from '../bind/query.ts'
import { compilePredicate } from '../expression/compile.ts'
import type { Expression } from '../expression/expression.ts'
import { sqlRows } from '../types/row-format.ts'
import { relationPath } from './access-conditions.ts'
import { conjunction, type Span } from './conditions.ts'
import { describeCondition, subplansOf } from './explain-text.ts'
import type { FromPlanner } from './from-planner.ts'
import { joinedRows } from './assumed-rows.ts'
import type { LookUp } from './join-estimates.ts'
import { equalityOf } from './join-keys.ts'
import { costOf, Metered } from './metered.ts'
import { type ExplainNode, explainNode, type PlanNode, planNode } from './plan-node.ts'
import { planScan } from './relation-scan.ts'
import { joinKey } from './row-keys.ts'
import type { SqlRow, SqlRun } from './run.ts'

export interface PlannedSide extends JoinedSide {
  readonly node: PlanNode
}

/** The right side's columns follow the left one's. Of `semi` and `anti` the left row alone comes out. */
export interface PlannedJoin {
  readonly kind: JoinKind
  readonly left: PlannedSide
  readonly right: PlannedSide
  /** Of both sides, all of which must hold. */
  readonly between: readonly Expression[]
  /** Of all pairs, that satisfy them. */
  readonly share: () => number
}

export interface JoinedSide extends Span {
  /** Places that may hold something; the others are null in all rows. */
  readonly live?: readonly number[]
}

/** Columns that nothing needs are not read. */
export function sideOf(planner: FromPlanner, item: FromItem): JoinedSide {
  const { first, width } = item
  const live: number[] = []
  addLive(planner, item, first, live)
  return { first, width, live }
}

function addLive(planner: FromPlanner, item: FromItem, from: number, live: number[]): void {
  if (item.kind === 'join') {
    addLive(planner, item.left, from, live)
    addLive(planner, item.right, from, live)
    return
  }
  const hidden = item.kind === 'relation' ? item.first + item.relation.columns.length : item.first
  for (let index = item.first; index < item.first + item.width; index++) {
    if (index >= hidden || planner.needed.has(index)) live.push(index - from)
  }
}

type JoinedSpans = Pick<PlannedJoin, 'kind'> & { readonly left: JoinedSide; readonly right: JoinedSide }

export function combiner({ kind, left, right }: JoinedSpans): (a: SqlRow | undefined, b: SqlRow | undefined) => SqlRow {
  // Without a right row: the left one itself comes out.
  if (kind === 'semi' || kind === 'anti') return (a, b) => (b === undefined ? a! : a!.concat(b))
  const [noLeft, noRight] = [nulls(left.width), nulls(right.width)]
  const { live: ofLeft, width } = left
  const { live: ofRight } = right
  if (ofLeft === undefined || ofRight === undefined) return (a, b) => (a ?? noLeft).concat(b ?? noRight)
  const none = nulls(width + right.width)
  return (a, b) => {
    const out = none.slice()
    if (a !== undefined) for (const place of ofLeft) out[place] = a[place]!
    if (b !== undefined) for (const place of ofRight) out[width + place] = b[place]!
    return out
  }
}

function nulls(count: number): SqlRow {
  const row: SqlRow = []
  for (let i = 0; i < count; i++) row.push(null)
  return row
}

export function acceptor(
  planner: FromPlanner,
  { first }: Span,
  conditions: readonly Expression[],
): ((row: SqlRow, run: SqlRun) => boolean) | undefined {
  const condition = conjunction(conditions)
  return condition === undefined ? undefined : compilePredicate(condition, planner.compilerAt(first))
}

const joinWords = { inner: '', left: ' Left', right: ' Right', full: ' Full', semi: ' Semi', anti: ' Anti' } as const

interface JoinShown {
  readonly method: 'Hash' | 'Nested Loop'
  readonly kind: JoinKind
  readonly conditions: readonly Expression[]
}

export function joinNode(
  planner: FromPlanner,
  { method, kind, conditions }: JoinShown,
  children: readonly [ExplainNode, ExplainNode],
  estimate: (outer: NodeEstimate, inner: NodeEstimate) => NodeEstimate,
): ExplainNode {
  const condition = conjunction(conditions)
  const word = joinWords[kind]
  const title = method === 'Hash' ? `Hash${word} Join` : word === '' ? method : `${method}${word} Join`
  if (condition === undefined) return explainNode(title, children, estimate)
  const label = method === 'Hash' ? 'Hash Cond' : 'Join Filter'
  return explainNode(title, children, estimate, {
    details: [[label, () => describeCondition(condition)]],
    subplans: subplansOf(condition, (id) => planner.explainSubquery(id)),
  })
}

const mirroredJoins = { inner: 'inner', left: 'right', right: 'left', full: 'full' } as const

/** A table of the right side's rows, or of the left one's where `keepsLeft`; not for `semi` and `anti`. */
export function hashJoin(planner: FromPlanner, join: PlannedJoin, keepsLeft = false): PlanNode {
  const { left, right, between, share } = join
  const equalities = between.flatMap((one) => equalityOf(one, right))
  const keysOf = (side: 'left' | 'right') => {
    return joinKey(
      equalities.map((one) => one[side]),
      planner.compilerAt(join[side].first),
    )
  }
  const [leftKey, rightKey] = [keysOf('left'), keysOf('right')]
  const [outer, inner] = keepsLeft ? [right.node, left.node] : [left.node, right.node]
  const kind = keepsLeft ? mirroredJoins[join.kind as keyof typeof mirroredJoins] : join.kind
  const answered = new Set(equalities.map(({ condition }) => condition))
  const combine = combiner(join)
  const plan = {
    kind,
    outerFormat: sqlRows,
    innerFormat: sqlRows,
    outerKey: keepsLeft ? rightKey : leftKey,
    innerKey: keepsLeft ? leftKey : rightKey,
    combine: keepsLeft ? (a: SqlRow | undefined, b: SqlRow | undefined) => combine(b, a) : combine,
    accepts: acceptor(
      planner,
      left,
      between.filter((one) => !answered.has(one)),
    ),
  } as const
  const hash = explainNode('Hash', [inner.explain], hashed, { isPart: true })
  const explain = joinNode(
    planner,
    { method: 'Hash', kind, conditions: between },
    [outer.explain, hash],
    (outerRows, { rows }) => {
      const innerRows = inner.explain.estimate()
      return hashJoined(outerRows, innerRows, joinedRows(kind, outerRows.rows, rows, share()))
    },
  )
  return planNode(
    explain,
    (run) => new HashJoin<SqlRow, SqlRow, SqlRow, SqlRun>(outer.open(run), inner.open(run), plan),
  )
}

export interface LookUpJoin {
  readonly kind: 'inner' | 'left' | 'semi' | 'anti'
  readonly left: PlannedSide
  readonly right: RelationItem
  readonly lookUp: LookUp
  /** Of both sides, and of the right one. */
  readonly conditions: readonly Expression[]
}

/** The right side is looked up by an index for each row of the left one. */
export function lookUpJoin(planner: FromPlanner, { kind, left, right, lookUp, conditions }: LookUpJoin): PlanNode {
  const path = relationPath(lookUp.path)
  const { entries } = lookUp
  const scan = planScan(planner, right, path, left.first)
  const rest = conditions.filter((one) => !path.answered.includes(one))
  const accepts = acceptor(planner, left, rest)
  const combine = combiner({ kind, left, right: kind === 'semi' || kind === 'anti' ? right : sideOf(planner, right) })
  const inner: ExplainNode = {
    ...scan.explain,
    estimate: () => ({ rows: entries, cost: readCost(1, entries, path.index.isPrimary), startup: 0 }),
  }
  const explain = joinNode(
    planner,
    { method: 'Nested Loop', kind, conditions: rest },
    [left.node.explain, inner],
    (outer) => {
      const rows = joinedRows(kind, outer.rows, entries, 1)
      return { rows, cost: lookUpJoinCost(outer, entries, path.index.isPrimary), startup: outer.startup }
    },
  )
  return planNode(explain, (run) => {
    return new NestedLoopJoin<SqlRow, SqlRow, SqlRow, SqlRun>(left.node.open(run), {
      kind,
      innerOf: (row, opened) => planNode(inner, () => scan.open(row, opened)).open(opened),
      combine,
      accepts,
    })
  })
}

/** Every pair; the rows of one side are kept. */
export function loopJoin(planner: FromPlanner, join: PlannedJoin): PlanNode {
  const { left, right, between, share } = join
  const isRight = join.kind === 'right'
  const [outer, inner] = isRight ? [right.node, left.node] : [left.node, right.node]
  const accepts = acceptor(planner, left, between)
  const combined = combiner(join)
  const combine = isRight ? (a: SqlRow, b: SqlRow | undefined) => combined(b, a) : combined
  const cost = planner.progress === undefined ? 0 : costOf(between)
  const materialized = explainNode('Materialize', [inner.explain], kept, { isPart: true })
  const explain = joinNode(
    planner,
    { method: 'Nested Loop', kind: join.kind, conditions: between },
    [outer.explain, materialized],
    (outerRows, innerRows) => {
      const kind = join.kind === 'inner' ? 'inner' : 'left'
      return loopJoined(outerRows, innerRows, joinedRows(kind, outerRows.rows, innerRows.rows, share()))
    },
  )
  const kind = join.kind === 'inner' ? 'inner' : 'left'
  return planNode(explain, (run) => {
    const rows = new Materialize(inner.open(run), sqlRows)
    const replay = cost === 0 ? rows.replay() : new Metered(rows.replay(), cost)
    const loop = new NestedLoopJoin<SqlRow, SqlRow, SqlRow, SqlRun>(outer.open(run), {
      kind,
      innerOf: () => replay,
      combine,
      accepts,
    })
    return {
      next: (inside) => loop.next(inside),
      reset: () => {
        rows.reset()
        loop.reset()
      },
    }
  })
}
