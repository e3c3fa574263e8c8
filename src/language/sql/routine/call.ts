/**
 * A call of a function from within a row's evaluation, which is synchronous and may be run again: how it waits.
 *
 * What a function does is steps: it reads, writes, waits for locks and pages, and pauses where its turn is over. The
 * evaluation that calls it cannot yield. So the call's steps are kept at the place of the call, what they wait for is thrown,
 * and whoever evaluates waits and evaluates the same row again (`database/transaction/wait.ts`). The same place finds the
 * steps there, of the same arguments, and they go on. What the function has written meanwhile stays: a batch is taken back no
 * further than to where its calls have come (`draws.ts`). A call that has come to its end keeps its result until the whole row
 * has, so that nothing is done twice.
 *
 *   row evaluated        f(1) done ──▶ g(2) begins … waits: thrown
 *   the same row again   f(1) known ─▶ g(2) goes on … done ──▶ the row's value
 *
 * Calls nest, and each nests some thirty frames of the JavaScript stack. So only `mostNested` of them lie on it: the next one
 * is thrown as `Deeper`, through all of them, to the outermost, which runs it from there; once it is done those above it are
 * evaluated again and find its result. So what bounds a recursion is `mostDeep` and the memory that it is charged.
 *
 * Invariants: a row's evaluation takes the same way each time until it gets through; what it calls it calls before it writes.
 */
import { charge } from '../../../base/work.ts'
import { PolylogError } from '../../../base/errors.ts'
import { Elsewhere, type StatementSteps, type Wait } from '../../../database/contract.ts'
import { apart, callsOfBatch } from '../../../database/transaction/draws.ts'
import { asBatch, asWait, canWait, suspended } from '../../../database/transaction/wait.ts'
import type { SqlValue } from '../contract.ts'
import { sameValues } from '../expression/same-values.ts'
import { failure } from '../failure.ts'
import type { SqlRun } from '../plan/run.ts'

/** On the stack at once. */
const mostNested = 6
/** PostgreSQL's two megabytes of stack hold about as many. */
const mostDeep = 3000
/** What one that waits for others holds, about. */
const callBytes = 6 * 1024
const unitsPerCall = 1500

let nested = 0
let running: Call<unknown> | undefined

/** Thrown through the calls that are on the stack: their outermost one runs it next. */
class Deeper extends Elsewhere {
  readonly call: Call<unknown>

  constructor(call: Call<unknown>) {
    super(Promise.resolve(), () => undefined)
    this.call = call
  }
}

export class Call<T> {
  readonly values: readonly SqlValue[]
  readonly #steps: StatementSteps<T>
  readonly depth: number
  readonly #run: SqlRun
  #outcome: { readonly result: T } | { readonly error: unknown } | undefined
  /** Deeper calls that this one, the outermost, has yet to run, each waiting for the next. */
  readonly #below: Call<unknown>[] = []

  constructor(run: SqlRun, values: readonly SqlValue[], steps: StatementSteps<T>) {
    this.values = values
    this.#steps = steps
    this.#run = run
    this.depth = (running?.depth ?? 0) + 1
    if (this.depth > mostDeep) throw tooDeep()
    if (this.depth > mostNested) run.transaction.workspace.memory.charge(callBytes, 'calls of functions')
    charge(unitsPerCall)
  }

  get isDone(): boolean {
    return this.#outcome !== undefined
  }

  /** The result, once it is there; until then what there is to wait for is thrown. */
  advance(): T {
    if (this.#outcome === undefined && nested >= mostNested) throw new Deeper(this)
    while (this.#outcome === undefined) {
      const wait = this.#below.length === 0 ? this.#step() : this.#stepBelow()
      if (this.#outcome !== undefined) break
      if (wait instanceof Deeper && nested === 0) this.#below.push(wait.call)
      else if (wait !== proceed && (wait !== undefined || canWait())) throw wait ?? suspended
    }
    if ('error' in this.#outcome) throw this.#outcome.error
    return this.#outcome.result
  }

  #stepBelow(): Wait | typeof proceed {
    const last = this.#below.at(-1)!
    const wait = last.#step()
    if (!last.isDone) return wait
    this.#below.pop()
    return proceed
  }

  /** Undefined as well where it has come to its end. */
  #step(): Wait {
    const outer = running
    running = this
    nested++
    try {
      const step = apart(() => this.#steps.next())
      if (step.done !== true) return step.value
      this.#end({ result: step.value })
    } catch (error) {
      if (error instanceof RangeError) this.#end({ error: tooDeep() })
      else if (error instanceof PolylogError) this.#end({ error })
      else throw error
    } finally {
      nested--
      running = outer
    }
    return undefined
  }

  #end(outcome: { readonly result: T } | { readonly error: unknown }): void {
    this.#outcome = outcome
    if (this.depth > mostNested) this.#run.transaction.workspace.memory.release(callBytes)
  }
}

const proceed: unique symbol = Symbol('proceed')

function tooDeep(): PolylogError {
  const hint =
    'Increase the configuration parameter "max_stack_depth" (currently 2048kB), after ensuring the platform\'s stack ' +
    'depth limit is adequate.'
  return failure('54001', 'stack depth limit exceeded', { hint })
}

/** Calls that are made where nothing is dealt again: by their places. */
const ofRuns = new WeakMap<SqlRun, Map<object, object>>()

function callsOfRun(run: SqlRun): Map<object, object> {
  let calls = ofRuns.get(run)
  if (calls === undefined) ofRuns.set(run, (calls = new Map<object, object>()))
  return calls
}

/**
 * Makes the call that stands at a place, or goes on with it. `mayWrite`: its effects must come about once for each row. What it
 * has to wait for is thrown.
 */
export function callAt<T>(
  place: object,
  run: SqlRun,
  values: readonly SqlValue[],
  mayWrite: boolean,
  begin: () => StatementSteps<T>,
): T {
  const batch = callsOfBatch()
  const calls = batch === undefined ? callsOfRun(run) : (batch.calls ??= new Map<object, object>())
  let call = calls.get(place) as Call<T> | undefined
  const isKnown = call !== undefined && sameValues(call.values, values)
  if (call === undefined || !isKnown) call = new Call(run, values, begin())
  try {
    const result = call.advance()
    if (batch !== undefined && mayWrite) {
      calls.set(place, call)
      batch.reached = run.transaction.savepoint()
    } else if (isKnown && mayWrite) calls.delete(place)
    return result
  } catch (error) {
    if (error instanceof PolylogError) calls.delete(place)
    else {
      calls.set(place, call)
      if (batch !== undefined) batch.reached = run.transaction.savepoint()
    }
    throw error
  }
}

/** The same within steps. */
export function* callInSteps<T>(run: SqlRun, steps: StatementSteps<T>): StatementSteps<T> {
  const call = new Call(run, [], steps)
  for (;;) {
    let wait: Wait
    try {
      // What takes more than a turn pauses: whoever runs the steps waits.
      return asBatch(() => call.advance())
    } catch (error) {
      wait = asWait(error)
    }
    yield wait
  }
}
