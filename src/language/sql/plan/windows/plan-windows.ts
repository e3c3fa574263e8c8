/**
 * Calls with OVER: which rows they are computed over, in which order the windows follow one another, and what is sorted.
 *
 * The rows below are made to rows of what is needed above: columns that are read, keys, and arguments, each computed once a
 * row. Windows of the same partitions and order are one node; behind it the rows have the values of its calls as well. The
 * order of the nodes is PostgreSQL's, which also decides in which order rows come out where nothing sorts them: those with
 * more keys first, so that others find their order made already (planner.c, `select_active_windows`).
 */
import type { OrderKey } from '../../bind/query.ts'
import { offsetsOf, type BoundWindow } from '../../bind/windows/window.ts'
import { OperatorMemory } from '../../../../query/operator-memory.ts'
import { PartitionRows } from '../../../../query/partition-rows.ts'
import { streamed } from '../../../../query/plan-estimate.ts'
import { Project } from '../../../../query/row-operators.ts'
import { WindowAggregate, type WindowEvaluator } from '../../../../query/window.ts'
import type { SqlValue } from '../../contract.ts'
import { compile, type Compiler } from '../../expression/compile.ts'
import { PrintNumbers } from '../../expression/print-numbers.ts'
import {
  type ColumnExpression,
  type Expression,
  fingerprint,
  mapChildren,
  type WindowExpression,
} from '../../expression/expression.ts'
import { movingAggregate } from '../../functions/moving-aggregates.ts'
import { sqlRows } from '../../types/row-format.ts'
import { type ExplainNode, explainNode, type PlanNode, planNode } from '../plan-node.ts'
import { expandSets } from '../expand-sets.ts'
import { sorted } from '../plan-tail.ts'
import { columnsOf, groupKey, type KeyOfRow, valuesCompiler } from '../row-keys.ts'
import { subplansOf } from '../explain-text.ts'
import type { SqlRow, SqlRun } from '../run.ts'
import { type CompiledFrame, Frame } from './frames.ts'
import { Place } from './place.ts'
import { rowFunctions, type RowFunction } from './row-functions.ts'
import { AggregateOfFrame } from './window-aggregates.ts'
import { activeWindows, type Keyed } from './window-order.ts'

export interface WindowPlanner {
  /** Over the rows below, and how wide those are. */
  readonly compiler: Compiler
  readonly width: number
  projectorOf(expressions: readonly Expression[]): (row: SqlRow, run: SqlRun) => SqlRow
  explainSubquery(id: number): ExplainNode | undefined
}

export interface PlannedWindows {
  readonly plan: PlanNode
  /** Over the rows of `plan`. */
  readonly targets: readonly Expression[]
  readonly width: number
  /** In which its rows come. */
  readonly order: readonly OrderKey[]
}

export function planWindows(
  planner: WindowPlanner,
  input: PlanNode,
  {
    targets,
    windows,
    firstKeys,
  }: {
    readonly targets: readonly Expression[]
    readonly windows: readonly BoundWindow[]
    /** What the block sorts, groups and tells its rows apart by. */
    readonly firstKeys: readonly Expression[]
  },
): PlannedWindows {
  const rows = new NeededRow()
  const calls = new Calls()
  for (const one of targets) calls.collect(one, rows)
  const keyed = activeWindows(windows, firstKeys).map((one) => place(one, rows))
  const placed = calls.list.map((one) => placeCall(one, rows))
  const { plan: source, expressions: given } = expandSets(input, rows.expressions, planner.compiler, planner.width)
  const compiled = planner.projectorOf(given)
  const subplans = given.flatMap((one) => subplansOf(one, (id) => planner.explainSubquery(id)))
  const explain =
    subplans.length === 0
      ? source.explain
      : { ...source.explain, subplans: [...(source.explain.subplans ?? []), ...subplans] }
  let plan: PlanNode = { explain, open: (run) => new Project(source.open(run), compiled) }
  let order: readonly OrderKey[] = []
  const types = given.map(({ type }) => type)
  const columns = new Map<string, number>()
  for (const group of groupsOf(keyed)) {
    const own = placed.filter(({ call }) => group.windows.some(({ id }) => id === call.window))
    if (!isPrefix(group.keys, order)) {
      plan = sorted(plan, { order: group.keys, types, targets: given })
      order = group.keys
    }
    plan = windowNode(planner, plan, group, own, types)
    for (const { call, print } of own) columns.set(print, types.push(call.type) - 1)
  }
  return { plan, targets: targets.map((one) => rows.read(one, columns)), width: types.length, order }
}

/** The row that windows work on: each expression once. */
class NeededRow {
  readonly expressions: Expression[] = []
  readonly #prints = new PrintNumbers()
  readonly #places = new Map<number, number>()

  place(expression: Expression): number {
    const print = this.#prints.of(expression)
    let place = this.#places.get(print)
    if (place === undefined) {
      place = this.expressions.push(expression) - 1
      this.#places.set(print, place)
    }
    return place
  }

  /** An expression of the block over these rows, with the values of calls behind them. */
  read(expression: Expression, calls: ReadonlyMap<string, number>): Expression {
    const { type, modifier, location } = expression
    const column = (index: number, name: string): ColumnExpression => {
      return { kind: 'column', type, modifier, location, index, name }
    }
    if (expression.kind === 'window') return column(calls.get(fingerprint(expression))!, expression.name)
    if (expression.kind === 'column') return { ...expression, index: this.place(expression) }
    // What a window sorts or divides by is computed already, and a set expanded.
    const place = expression.kind === 'constant' ? undefined : this.#places.get(this.#prints.of(expression))
    if (place !== undefined) return column(place, '?column?')
    return mapChildren(expression, (child) => this.read(child, calls))
  }
}

/** The calls in the block's expressions, each once; what stands beside them has its place in the row. */
class Calls {
  readonly list: WindowExpression[] = []
  readonly #prints = new Set<string>()

  collect(expression: Expression, rows: NeededRow): void {
    if (expression.kind === 'window') {
      const print = fingerprint(expression)
      if (!this.#prints.has(print)) this.list.push(expression)
      this.#prints.add(print)
      return
    }
    if (expression.kind === 'column') rows.place(expression)
    mapChildren(expression, (child) => {
      this.collect(child, rows)
      return child
    })
  }
}

interface PlacedWindow {
  readonly id: string
  readonly window: BoundWindow
  readonly partition: readonly number[]
  readonly order: readonly OrderKey[]
  /** Of the sort below: partitions, then the order. */
  readonly keys: readonly OrderKey[]
}

function place({ window, partition, order }: Keyed, rows: NeededRow): PlacedWindow {
  const keyOf = ({ expression, descending, nullsFirst }: Keyed['order'][number]): OrderKey => {
    return { target: rows.place(expression), descending, nullsFirst }
  }
  const parts = partition.map(keyOf)
  const ordered = order.map(keyOf)
  const keys: OrderKey[] = []
  for (const key of [...parts, ...ordered]) if (!keys.some(({ target }) => target === key.target)) keys.push(key)
  return { id: window.id, window, partition: parts.map(({ target }) => target), order: ordered, keys }
}

interface PlacedCall {
  readonly call: WindowExpression
  readonly print: string
  readonly columns: readonly number[]
  readonly filter: number | undefined
}

function placeCall(call: WindowExpression, rows: NeededRow): PlacedCall {
  const { filter, arguments: parts } = call
  const columns = parts.map((one) => rows.place(filter === undefined ? one : onlyWhere(filter, one)))
  return { call, print: fingerprint(call), columns, filter: filter && rows.place(filter) }
}

/** An argument is not computed for rows that FILTER leaves out. */
function onlyWhere(filter: Expression, argument: Expression): Expression {
  const { type, modifier, location, kind } = argument
  if (kind === 'column' || kind === 'constant') return argument
  return { kind: 'case', type, modifier, location, branches: [{ when: filter, then: argument }], otherwise: undefined }
}

interface WindowGroup {
  readonly keys: readonly OrderKey[]
  readonly windows: readonly PlacedWindow[]
}

/** Neighbors of the same partitions and order. */
function groupsOf(windows: readonly PlacedWindow[]): readonly WindowGroup[] {
  const groups: { keys: readonly OrderKey[]; windows: PlacedWindow[] }[] = []
  const print = ({ partition, order }: PlacedWindow): string => JSON.stringify([partition, order])
  for (const one of windows) {
    const last = groups.at(-1)
    if (last !== undefined && print(last.windows[0]!) === print(one)) last.windows.push(one)
    else groups.push({ keys: one.keys, windows: [one] })
  }
  return groups
}

/** Rows that are sorted by `order` are sorted by these keys. */
export function isPrefix(keys: readonly OrderKey[], order: readonly OrderKey[]): boolean {
  return keys.every(({ target, descending, nullsFirst }, i) => {
    const other = order[i]
    return other?.target === target && other.descending === descending && other.nullsFirst === nullsFirst
  })
}

function windowNode(
  planner: WindowPlanner,
  input: PlanNode,
  { windows }: WindowGroup,
  calls: readonly PlacedCall[],
  types: readonly number[],
): PlanNode {
  const { partition, order } = windows[0]!
  const keyOf = (places: readonly number[]): KeyOfRow | undefined => {
    return places.length === 0 ? undefined : groupKey(columnsOf(types, places), valuesCompiler)
  }
  const partitionKey = keyOf(partition)
  const orderKey = keyOf(order.map(({ target }) => target))
  const frames = windows.map(({ window, order: keys }) => ({
    id: window.id,
    frame: compileFrame(window, keys, planner),
  }))
  const subplans = windows.flatMap(({ window }) =>
    offsetsOf(window.frame).flatMap((one) => subplansOf(one, (id) => planner.explainSubquery(id))),
  )
  const explain = explainNode('WindowAgg', [input.explain], (rows) => streamed(rows), { subplans })
  return planNode(explain, (run) => {
    const rows = new PartitionRows(input.open(run), sqlRows, partitionKey)
    const evaluator = new Evaluator(new Place(rows, orderKey), frames, calls)
    return new WindowAggregate<SqlRow, SqlRun>({
      rows,
      evaluator,
      extend: (row, values) => row.concat(values as SqlRow),
    })
  })
}

function compileFrame({ frame }: BoundWindow, order: readonly OrderKey[], { compiler }: WindowPlanner): CompiledFrame {
  const offsetOf = (bound: BoundWindow['frame']['start']): CompiledFrame['startOffset'] =>
    'offset' in bound ? compile(bound.offset, compiler) : undefined
  const [key] = order
  const range = key && { column: key.target, descending: key.descending, nullsFirst: key.nullsFirst }
  return { ...frame, startOffset: offsetOf(frame.start), endOffset: offsetOf(frame.end), range }
}

class Evaluator implements WindowEvaluator<SqlRun> {
  readonly #place: Place
  readonly #frames: readonly Frame[]
  readonly #functions: readonly RowFunction[]
  /** Of the row at hand: what the functions before the next one have given. */
  #values: SqlValue[] = []
  #of = -1

  constructor(
    place: Place,
    frames: readonly { readonly id: string; readonly frame: CompiledFrame }[],
    calls: readonly PlacedCall[],
  ) {
    this.#place = place
    const byId = new Map(frames.map(({ id, frame }) => [id, new Frame(frame, place)]))
    this.#frames = [...byId.values()]
    const memory = new OperatorMemory('WindowAgg')
    this.#functions = calls.map(({ call, columns, filter }) => {
      const frame = byId.get(call.window)!
      const { aggregate, arguments: parts } = call
      if (aggregate === undefined) {
        const areConstant = parts.map(({ kind }) => kind === 'constant' || kind === 'parameter')
        return rowFunctions.get(call.name)!(place, { columns, areConstant }, frame)
      }
      const argumentTypes = parts.map(({ type }) => type)
      const moving = frame.startsAtFirst ? undefined : movingAggregate(aggregate.name, argumentTypes)
      return new AggregateOfFrame({ aggregate, moving, columns, filter }, place, frame, memory)
    })
  }

  begin(): void {
    this.#of = -1
    this.#place.begin()
    for (const frame of this.#frames) frame.begin()
    for (const one of this.#functions) one.begin()
  }

  evaluate(at: number, run: SqlRun): SqlValue[] {
    if (this.#of !== at) {
      this.#place.moveTo(at, run)
      this.#values = []
      this.#of = at
    }
    const values = this.#values
    while (values.length < this.#functions.length) values.push(this.#functions[values.length]!.value(run))
    return values
  }

  keepsFrom(): number {
    let from = Infinity
    for (const one of this.#functions) from = Math.min(from, one.keepsFrom())
    for (const one of this.#frames) from = Math.min(from, one.looksFrom())
    return from
  }
}
