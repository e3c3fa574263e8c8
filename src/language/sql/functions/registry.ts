/**
 * Where functions and operators register. An operator is a function whose name is its symbol; a prefix operator has one
 * argument.
 */
import type { Collection } from '../../../database/catalog/catalog.ts'
import { PolylogError } from '../../../base/errors.ts'
import type { Aggregate, Implementation } from '../expression/expression.ts'
import type { SqlRun } from '../plan/run.ts'
import type { Paused, SqlValue } from '../contract.ts'
import type { RemoteCall } from '../remote/remote-call.ts'
import { type Cost, costOfTypes } from './cost.ts'
import { allWindowFunctions } from './window-functions.ts'

export interface FunctionOptions {
  /** Null in, null out (default). */
  readonly strict?: boolean
  /** The run is the first argument. */
  readonly needsRun?: boolean
  /** Not the same for the same arguments: never computed ahead. `stable` is the same within one statement. */
  readonly volatility?: 'immutable' | 'stable' | 'volatile'
  /** The last type may come any number of times, also none. */
  readonly variadic?: boolean
  /** Where it is not what `costOfTypes` says of its arguments. `own`: it charges while it works, and is never dear. */
  readonly cost?: Cost | 'own'
}

export interface FunctionEntry {
  readonly name: string
  /** Types; `anyelement`, `anyarray` and `any` match what they say. */
  readonly takes: readonly number[]
  readonly gives: number
  readonly implementation: Implementation
  readonly strict: boolean
  readonly needsRun: boolean
  readonly volatility: 'immutable' | 'stable' | 'volatile'
  readonly variadic: boolean
  readonly cost: Cost | undefined
  /** How another thread finds it. */
  readonly remote: RemoteCall
}

export type EntryKind = 'function' | 'operator'

export interface SetFunctionEntry {
  readonly name: string
  /** What a recursive query has found last, under the query's name. */
  readonly isWorkingTable?: boolean
  /** Several functions side by side: its arguments are those of all. */
  readonly isTogether?: boolean
  /** Its argument is what this function answers of those that are given: one that has a cost, where `rows` has none. */
  readonly ofArray?: string
  /** The same by a function of its own, of no arguments that are null: all values, row by row, in one list. */
  readonly list?: (...values: never[]) => readonly SqlValue[]
  readonly cost?: Cost
  readonly takes: readonly number[]
  /** That users made. */
  readonly routine?: Collection | undefined
  /** The call has said them: with their types in a stored query, too. */
  readonly isDescribed?: boolean
  /** It stands for any other function, whose value is its one argument: one row of one column. */
  readonly isValue?: boolean
  readonly variadic: boolean
  /** Names and types of the columns; `anyelement` is the element of the array given. */
  readonly columns: readonly { readonly name: string; readonly type: number; readonly modifier?: number }[]
  readonly rows: (run: SqlRun, values: readonly SqlValue[]) => Iterable<readonly SqlValue[]>
  /**
   * In place of `rows`, of a function that takes long over a row and stands in FROM alone. A wait that
   * `next` throws is waited for, and `next` called again.
   */
  readonly slowRows?: (run: SqlRun, values: readonly SqlValue[]) => Iterator<readonly SqlValue[] | Paused, void>
}

/** What of an aggregate is a call with a cost, beside what it does row by row. */
export interface AggregateParts {
  readonly through?: readonly (string | undefined)[] | undefined
  /** Makes the result of what the aggregate gives, which is of the type `of`. */
  readonly finishing?: { readonly of: number; readonly call: Implementation; readonly cost: Cost } | undefined
}

export interface AggregateEntry {
  readonly name: string
  readonly takes: readonly number[]
  readonly gives: number
  /** For the types of what is aggregated. */
  readonly make: (types: readonly number[]) => Aggregate
  /** Functions that each argument goes through first: calls that have a cost, where `add` has none. Not with DISTINCT. */
  readonly through?: AggregateParts['through']
  readonly finishing?: AggregateParts['finishing']
}

const functions = new Map<string, FunctionEntry[]>()
const operators = new Map<string, FunctionEntry[]>()
const setFunctions = new Map<string, SetFunctionEntry[]>()
const aggregates = new Map<string, AggregateEntry[]>()

function add<E extends { readonly name: string }>(into: Map<string, E[]>, entry: E): void {
  const known = into.get(entry.name)
  if (known === undefined) into.set(entry.name, [entry])
  else known.push(entry)
}

function entryOf(
  kind: EntryKind,
  name: string,
  takes: readonly number[],
  gives: number,
  implementation: Implementation,
  options: FunctionOptions,
): FunctionEntry {
  const { strict = true, needsRun = false, volatility = 'immutable', variadic = false } = options
  const cost = options.cost === 'own' ? undefined : (options.cost ?? costOfTypes(takes))
  const remote = { kind, name, takes }
  return { name, takes, gives, implementation, strict, needsRun, volatility, variadic, cost, remote }
}

export function defineFunction(
  name: string,
  takes: readonly number[],
  gives: number,
  implementation: Implementation,
  options: FunctionOptions = {},
): void {
  add(functions, entryOf('function', name, takes, gives, implementation, options))
}

export function defineOperator(
  name: string,
  takes: readonly number[],
  gives: number,
  implementation: Implementation,
  options: FunctionOptions = {},
): void {
  add(operators, entryOf('operator', name, takes, gives, implementation, options))
}

export function defineSetFunction(entry: SetFunctionEntry): void {
  add(setFunctions, entry)
}

export function defineAggregate(entry: AggregateEntry): void {
  add(aggregates, entry)
}

export function functionsNamed(name: string): readonly FunctionEntry[] {
  return functions.get(name) ?? []
}

export function operatorsNamed(name: string): readonly FunctionEntry[] {
  return operators.get(name) ?? []
}

/** The one that was registered for these types: there is one at most. */
export function entryOfTypes(kind: EntryKind, name: string, takes: readonly number[]): FunctionEntry {
  const entries = kind === 'function' ? functionsNamed(name) : operatorsNamed(name)
  const entry = entries.find(
    (one) => one.takes.length === takes.length && one.takes.every((type, i) => type === takes[i]),
  )
  if (entry === undefined) throw new PolylogError('internal', `there is no ${kind} ${name} of ${takes.join(', ')}`)
  return entry
}

export function setFunctionsNamed(name: string): readonly SetFunctionEntry[] {
  return setFunctions.get(name) ?? []
}

export function aggregatesNamed(name: string): readonly AggregateEntry[] {
  return aggregates.get(name) ?? []
}

export interface ListedFunction extends Pick<FunctionEntry, 'name' | 'takes' | 'gives' | 'volatility'> {
  readonly kind: 'f' | 'a' | 'w'
}

/** Everything that is there, for pg_proc and the reference. */
export function* allFunctions(): Generator<ListedFunction> {
  for (const entries of functions.values()) for (const one of entries) yield { ...one, kind: 'f' }
  for (const entries of aggregates.values()) {
    for (const one of entries) yield { ...one, kind: 'a', volatility: 'immutable' }
  }
  for (const one of allWindowFunctions()) yield { ...one, kind: 'w', volatility: 'immutable' }
}

export function* allOperators(): Generator<FunctionEntry> {
  for (const entries of operators.values()) yield* entries
}

/** Functions and operators as they were registered. */
export function* allEntries(): Generator<FunctionEntry> {
  for (const entries of functions.values()) yield* entries
  yield* allOperators()
}

export function* allAggregates(): Generator<AggregateEntry> {
  for (const entries of aggregates.values()) yield* entries
}

export function* allSetFunctions(): Generator<SetFunctionEntry> {
  for (const entries of setFunctions.values()) yield* entries
}
