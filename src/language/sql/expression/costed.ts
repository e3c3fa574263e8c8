/**
 * Calls whose cost depends on what their arguments are: a megabyte of text, a million elements, a pattern with many `%`.
 *
 * A row's expressions are evaluated at once, and cannot stop in the middle. So they throw, and the same row is evaluated
 * again (see `database/transaction/wait.ts`), with what has been computed of it at hand. Each call asks its cost first:
 *
 *   below 20 µs            made, and charged to the meter of the turn (`base/work.ts`)
 *   below 2 ms             likewise, and its result is kept; where the turn is over, it is thrown `suspended` instead
 *   more                   another thread makes it: an `Elsewhere` is thrown, and its result is kept when it comes
 *
 * Once half of a turn is spent within it, a row keeps also what is cheap. So what it does again after a throw is less than
 * half a turn, and each turn gets further: many calls of middling cost in one expression end as well.
 *
 * A result is kept under its call's place in the plan, for the row that it was computed of: the same row finds it before
 * the arguments are evaluated, any other row whose arguments come out the same finds it then. With it the results of the
 * calls below it may go; so a run keeps one value for each place at most, and mostly only the outermost.
 *
 * Where nobody would take what is thrown, every call is made at once.
 *
 * Invariants: a call that has a cost has no effects. The row alone decides only where nothing below reads what may change
 * between two evaluations of one row: what an outer query hands in, a subquery, a volatile function. Volatile ones below a
 * dear call are evaluated anew as long as it is not launched; from then on its place remembers them, until the expression
 * as a whole has come to its end (`forgetting`): that is so where an outer query hands something in as well, since the same
 * row has then not been done with. Whoever evaluates over no row hands in the same empty one each time (`noRow`).
 */
import { isTurnOver, charge, dearUnits, turnUnits, unitsDone } from '../../../base/work.ts'
import { Elsewhere } from '../../../database/contract.ts'
import { canWait, suspended } from '../../../database/transaction/wait.ts'
import type { SqlValue } from '../contract.ts'
import type { SqlRow, SqlRun } from '../plan/run.ts'
import { evaluateElsewhere } from '../remote/evaluate.ts'
import type { RemoteCall } from '../remote/remote-call.ts'
import type { Evaluate } from './compile.ts'
import { type CallExpression, childrenOf, type Expression } from './expression.ts'
import { sameValues } from './same-values.ts'

type AnyFunction = (...values: unknown[]) => SqlValue
type AnyCost = (...values: unknown[]) => number

/** Keeping a result takes a hundredth of it. */
const keptUnits = 20_000

interface Kept {
  row: SqlRow
  readonly values: readonly SqlValue[]
  outcome: Outcome
}

type Outcome = { readonly result: SqlValue } | { readonly error: unknown } | { readonly wait: Elsewhere }

/** What a run has computed: by place. */
export type KeptResults = Map<CostedCall, Kept>

/** What lies below an expression, found once for each. */
interface Below {
  /** The outermost costed calls. */
  readonly costed: readonly CallExpression[]
  readonly isVolatile: boolean
  /** Not a function of the row alone. */
  readonly isOuter: boolean
}

const known = new WeakMap<Expression, Below>()

function below(expression: Expression): Below {
  let found = known.get(expression)
  if (found === undefined) {
    const children = childrenOf(expression)
    const lower = children.map((child): Below => {
      const own = below(child)
      if (child.kind !== 'call') return isOuterKind(child) ? { ...own, isOuter: true } : own
      const isVolatile = own.isVolatile || child.volatile
      return { ...own, isVolatile, costed: child.cost === undefined ? own.costed : [child] }
    })
    found = {
      costed: lower.flatMap(({ costed }) => costed),
      isVolatile: lower.some(({ isVolatile }) => isVolatile),
      isOuter: lower.some(({ isOuter }) => isOuter),
    }
    known.set(expression, found)
  }
  return found
}

function isOuterKind({ kind }: Expression): boolean {
  return kind === 'captured' || kind === 'subquery'
}

/** A costed call's place in a plan. */
export class CostedCall {
  readonly #call: AnyFunction
  readonly #remote: RemoteCall | undefined
  readonly #inner: readonly CallExpression[]
  readonly #places: ReadonlyMap<CallExpression, CostedCall>
  readonly #isVolatile: boolean
  readonly #isOfRow: boolean

  constructor(expression: CallExpression, places: Map<CallExpression, CostedCall>) {
    const { costed, isVolatile, isOuter } = below(expression)
    this.#call = expression.implementation as AnyFunction
    this.#remote = expression.remote
    this.#inner = costed
    this.#places = places
    this.#isVolatile = isVolatile
    this.#isOfRow = !isOuter
    places.set(expression, this)
  }

  /** What was kept for this row; undefined where it is to be computed. */
  find(row: SqlRow, kept: KeptResults): SqlValue | undefined {
    const found = kept.get(this)
    if (found === undefined || found.row !== row || !this.#isOfRow) return undefined
    return take(found.outcome)
  }

  /** The call, of these values. */
  make(row: SqlRow, run: SqlRun, values: readonly SqlValue[], units: number): SqlValue {
    const kept = (run.kept ??= new Map<CostedCall, Kept>())
    const before = kept.get(this)
    if (before !== undefined) {
      if ((this.#isVolatile && before.row === row) || sameValues(before.values, values)) {
        before.row = row
        return take(before.outcome)
      }
      if ('wait' in before.outcome) before.outcome.wait.abandon()
    }
    if (isTurnOver() && canWait()) throw suspended
    if (units >= dearUnits && this.#remote !== undefined && canWait())
      throw this.#launch(this.#remote, row, run, kept, values)
    charge(units)
    const result = this.#call(...values)
    this.#keep(kept, { row, values, outcome: { result } })
    return result
  }

  #launch(remote: RemoteCall, row: SqlRow, run: SqlRun, kept: KeptResults, values: readonly SqlValue[]): Elsewhere {
    const giveUp = new AbortController()
    const here = (): SqlValue => this.#call(...values)
    const entry: Kept = { row, values, outcome: { error: undefined } }
    const done = evaluateElsewhere(run.transaction.services, remote, values, here, giveUp.signal).then(
      (result) => void (entry.outcome = { result }),
      (error: unknown) => void (entry.outcome = { error }),
    )
    const wait = new Elsewhere(done, () => {
      giveUp.abort()
      if (kept.get(this) === entry) kept.delete(this)
    })
    entry.outcome = { wait }
    this.#keep(kept, entry)
    return wait
  }

  #keep(kept: KeptResults, entry: Kept): void {
    kept.set(this, entry)
    if (this.#isOfRow) for (const one of this.#inner) kept.delete(this.#places.get(one)!)
  }

  /** A volatile one is computed anew for each evaluation that came to its end. */
  forget(kept: KeptResults): void {
    if (this.#isVolatile) kept.delete(this)
  }
}

function take(outcome: Outcome): SqlValue {
  if ('result' in outcome) return outcome.result
  throw 'wait' in outcome ? outcome.wait : outcome.error
}

function isCheap(units: number): boolean {
  return units < keptUnits && unitsDone() < turnUnits / 2
}

/** The places of one compiled expression. */
export type CostedPlaces = Map<CallExpression, CostedCall>

export function compileCosted(expression: CallExpression, parts: readonly Evaluate[], places: CostedPlaces): Evaluate {
  const place = new CostedCall(expression, places)
  const call = expression.implementation as AnyFunction
  const cost = expression.cost as AnyCost
  const [a, b] = parts as [Evaluate, Evaluate]
  if (parts.length === 1 && expression.strict) {
    return (row, run) => {
      const found = run.kept === undefined ? undefined : place.find(row, run.kept)
      if (found !== undefined) return found
      const x = a(row, run)
      if (x === null) return null
      const units = cost(x)
      if (!isCheap(units)) return place.make(row, run, [x], units)
      charge(units)
      return call(x)
    }
  }
  if (parts.length === 2 && expression.strict) {
    return (row, run) => {
      const found = run.kept === undefined ? undefined : place.find(row, run.kept)
      if (found !== undefined) return found
      // Also beside a null: an error in the other argument is an error.
      const x = a(row, run)
      const y = b(row, run)
      if (x === null || y === null) return null
      const units = cost(x, y)
      if (!isCheap(units)) return place.make(row, run, [x, y], units)
      charge(units)
      return call(x, y)
    }
  }
  return compileMany(expression, parts, place)
}

function compileMany(expression: CallExpression, parts: readonly Evaluate[], place: CostedCall): Evaluate {
  const { strict } = expression
  const call = expression.implementation as AnyFunction
  const cost = expression.cost as AnyCost
  return (row, run) => {
    const found = run.kept === undefined ? undefined : place.find(row, run.kept)
    if (found !== undefined) return found
    const values = parts.map((part) => part(row, run))
    if (strict && values.includes(null)) return null
    const units = cost(...values)
    if (!isCheap(units)) return place.make(row, run, values, units)
    charge(units)
    return call(...values)
  }
}

/** Around a whole expression: what was kept of volatile calls goes where it has come to its end. */
export function forgetting(evaluate: Evaluate, places: CostedPlaces): Evaluate {
  const volatile = [...places].filter(([expression]) => below(expression).isVolatile).map(([, place]) => place)
  if (volatile.length === 0) return evaluate
  return (row, run) => {
    const value = evaluate(row, run)
    if (run.kept !== undefined) for (const place of volatile) place.forget(run.kept)
    return value
  }
}
