/** Grouping: keys and aggregates to the functions that HashAggregate calls. */
import { charge, isTurnOver } from '../../../base/work.ts'
import { canWait, suspended } from '../../../database/transaction/wait.ts'
import type { AggregatePlan } from '../../../query/aggregate.ts'
import { type HashKey, keyBytes } from '../../../query/row-format.ts'
import type { SqlValue } from '../contract.ts'
import { compile, type Compiler, compilePredicate, type Evaluate, type Predicate } from '../expression/compile.ts'
import { drawingOnce } from '../expression/draws.ts'
import type { AggregateExpression, Expression } from '../expression/expression.ts'
import { isVolatile } from '../expression/volatile.ts'
import { comparatorOf } from '../functions/comparison.ts'
import { SortedRuns } from '../../../query/sorted-runs.ts'
import { sqlRows, valuesBytes } from '../types/row-format.ts'
import { columnsOf, groupKey, keyed, type KeyOfRow, valuesCompiler, valuesOf } from './row-keys.ts'
import type { SqlRow, SqlRun } from './run.ts'

interface Accumulator {
  readonly parts: readonly Evaluate[]
  readonly filter: Predicate | undefined
  readonly expression: AggregateExpression
  readonly distinctKey: KeyOfRow | undefined
  readonly compare: ((a: readonly SqlValue[], b: readonly SqlValue[]) => number) | undefined
  /** Of a plain one: it keeps no value, and nothing else is to be done for a row. */
  readonly addPlain: ((state: unknown, value: SqlValue) => unknown) | undefined
}

/** Rows of one aggregate, to be sorted and fed to it: in steps, between which the statement may pause. */
class Held {
  readonly #runs: SortedRuns<SqlValue[]>
  #sorted: SqlValue[][] | undefined
  #fed = 0

  constructor(compare: Accumulator['compare']) {
    this.#runs = new SortedRuns<SqlValue[]>(compare!, () => undefined)
  }

  add(values: SqlValue[], bytes: number): void {
    this.#runs.add(values, bytes)
  }

  /** Throws `suspended` where the turn is over and it can go on in the next one. */
  feed(add: (values: SqlValue[]) => void): void {
    while (this.#sorted === undefined) {
      const moved = this.#runs.step()
      if (moved === 0) this.#sorted = this.#runs.takeAll()
      else this.#spend(moved * sortedRowUnits)
    }
    while (this.#fed < this.#sorted.length) {
      add(this.#sorted[this.#fed++]!)
      this.#spend(fedRowUnits)
    }
  }

  #spend(units: number): void {
    charge(units)
    if (isTurnOver() && canWait()) throw suspended
  }
}

/** Of comparing and moving a row of small values, and of an aggregate's `add`. */
const sortedRowUnits = 150
const fedRowUnits = 100

interface GroupState {
  readonly keys: readonly SqlValue[]
  readonly states: unknown[]
  /** Of aggregates with DISTINCT. */
  readonly seen: (Set<HashKey> | undefined)[]
  /** Of aggregates with ORDER BY, which are fed at the end. */
  readonly held: (Held | undefined)[]
  /** Of aggregates that keep one value, the largest so far. */
  readonly keptBytes: number[]
}

/** Of aggregates none of which uses its place. */
const none: never[] = []

/** Of a group without its keys, and of each aggregate in it. */
const groupBytes = 160
const stateBytes = 64

/**
 * What `evaluate` found for one aggregate: its arguments, sort keys, and the key of DISTINCT last; or nothing to add. Of a
 * plain one its argument itself.
 */
type Found = SqlValue[] | SqlValue | undefined

interface Grouped {
  readonly keys: readonly Expression[]
  /** The first ones tell groups apart, and decide the others. */
  readonly written: number
  readonly aggregates: readonly AggregateExpression[]
}

/** `whole`: keys of the groups that are there without any row. */
export function aggregatePlan(
  { keys, written, aggregates }: Grouped,
  compiler: Compiler,
  whole: readonly SqlRow[] = [],
): AggregatePlan<SqlRow, GroupState, SqlRow, SqlRun> {
  const keyParts = keys.map((key) => compile(key, compiler))
  const keyOf = keyOfGroups(keys.slice(0, written), compiler)
  const accumulators = aggregates.map((one) => accumulatorOf(one, compiler))
  const isDrawing = aggregates.some((one) => [...one.arguments, ...(one.filter ? [one.filter] : [])].some(isVolatile))
  const evaluateAll = (row: SqlRow, run: SqlRun): Found[] => {
    const found: Found[] = []
    for (let i = 0; i < accumulators.length; i++) found.push(evaluate(accumulators[i]!, row, run))
    return found
  }
  const [hasDistinct, hasOrder, keepsOne] = [
    accumulators.some(({ distinctKey }) => distinctKey !== undefined),
    accumulators.some(({ compare }) => compare !== undefined),
    accumulators.some(({ expression }) => expression.aggregate.keeps === 'one'),
  ]
  const begin = (keys: readonly SqlValue[]): GroupState => ({
    keys,
    states: beginAll(accumulators),
    seen: hasDistinct
      ? accumulators.map(({ distinctKey }) => (distinctKey === undefined ? undefined : new Set<HashKey>()))
      : none,
    held: hasOrder ? accumulators.map(({ compare }) => (compare === undefined ? undefined : new Held(compare))) : none,
    keptBytes: keepsOne ? accumulators.map(() => 0) : none,
  })
  return {
    format: sqlRows,
    groupBytes: ({ keys: values }) => groupBytes + accumulators.length * stateBytes + valuesBytes(values),
    keyOf: keys.length === 0 ? undefined : keyOf,
    begin: (row, run) => begin(row === undefined ? [] : valuesOf(keyParts, row, run)),
    withoutRows: () => whole.map(begin),
    evaluate: isDrawing ? drawingOnce(evaluateAll) : evaluateAll,
    add: (group, found) => {
      let grown = 0
      for (let i = 0; i < accumulators.length; i++) {
        const one = accumulators[i]!
        const value = found[i] as Found
        if (value === undefined) continue
        if (one.addPlain === undefined) grown += addOne(one, group, i, value as SqlValue[])
        else group.states[i] = one.addPlain(group.states[i], value)
      }
      return grown
    },
    finish: (group) => {
      const out: SqlRow = group.keys.slice()
      for (let i = 0; i < accumulators.length; i++) out.push(finishOne(accumulators[i]!, group, i))
      return out
    },
  }
}

function beginAll(accumulators: readonly Accumulator[]): unknown[] {
  const states: unknown[] = []
  for (const { expression } of accumulators) states.push(expression.aggregate.begin())
  return states
}

function keyOfGroups(expressions: readonly Expression[], compiler: Compiler): KeyOfRow {
  // What is cheap to evaluate needs no list of its values.
  if (expressions.every(({ kind }) => kind === 'column')) return groupKey(expressions, compiler)
  const parts = expressions.map((one) => compile(one, compiler))
  const keyOf = keyOfValues(expressions)
  return (row, run) => keyOf(valuesOf(parts, row, run), run)
}

/** Of what the expressions have come to: none is evaluated a second time. */
function keyOfValues(expressions: readonly Expression[]): KeyOfRow {
  return groupKey(columnsOf(expressions.map(({ type }) => type)), valuesCompiler)
}

function accumulatorOf(expression: AggregateExpression, compiler: Compiler): Accumulator {
  const { order, distinct, filter } = expression
  const parts = [...expression.arguments, ...order.map((key) => keyed(key.expression))]
  const offset = expression.arguments.length
  const comparators = order.map(({ descending, nullsFirst }, i) => {
    const { type } = parts[offset + i]!
    return { at: offset + i, sign: descending ? -1 : 1, nulls: nullsFirst ? -1 : 1, compare: comparatorOf(type) }
  })
  const compare = (a: readonly SqlValue[], b: readonly SqlValue[]): number => {
    for (const { at, sign, nulls, compare: by } of comparators) {
      const [x, y] = [a[at]!, b[at]!]
      if (x === null || y === null) {
        if (x === y) continue
        return x === null ? nulls : -nulls
      }
      const difference = by(x, y) * sign
      if (difference !== 0) return difference
    }
    return 0
  }
  const { addOne: addPlain, keeps } = expression.aggregate
  const isPlain = keeps === 'nothing' && parts.length <= 1 && !distinct && order.length === 0
  return {
    addPlain: isPlain ? addPlain : undefined,
    parts: parts.map((one) => compile(one, compiler)),
    filter: filter === undefined ? undefined : compilePredicate(filter, compiler),
    expression,
    distinctKey: distinct ? keyOfValues(expression.arguments) : undefined,
    compare: order.length === 0 ? undefined : compare,
  }
}

function evaluate(one: Accumulator, row: SqlRow, run: SqlRun): Found {
  const { parts, filter, expression, distinctKey } = one
  if (filter !== undefined && !filter(row, run)) return undefined
  if (one.addPlain !== undefined) {
    if (parts.length === 0) return null
    const value = parts[0]!(row, run)
    return value === null && expression.aggregate.strict ? undefined : value
  }
  const values = parts.map((part) => part(row, run))
  if (expression.aggregate.strict && values.length > 0 && values[0] === null) return undefined
  if (distinctKey !== undefined) values.push(distinctKey(values, run))
  return values
}

/** The bytes that it has grown by. */
function addOne({ expression, distinctKey }: Accumulator, group: GroupState, i: number, values: SqlValue[]): number {
  let grown = 0
  if (distinctKey !== undefined) {
    const key = values.pop() as HashKey
    if (group.seen[i]!.has(key)) return 0
    group.seen[i]!.add(key)
    grown = keyBytes(key)
  }
  const held = group.held[i]
  if (held !== undefined) {
    const bytes = valuesBytes(values)
    held.add(values, bytes)
    return grown + bytes
  }
  const { aggregate } = expression
  group.states[i] = aggregate.add(group.states[i], values)
  if (aggregate.keeps === 'nothing') return grown
  const bytes = valuesBytes(values)
  // What is made of all values at the end is about as large as they are.
  if (aggregate.keeps === 'all') return grown + 2 * bytes
  const larger = Math.max(0, bytes - group.keptBytes[i]!)
  group.keptBytes[i]! += larger
  return grown + larger
}

function finishOne({ expression }: Accumulator, group: GroupState, i: number): SqlValue {
  const { aggregate } = expression
  group.held[i]?.feed((values) => void (group.states[i] = aggregate.add(group.states[i], values)))
  return aggregate.finish(group.states[i])
}
