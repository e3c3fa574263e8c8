/**
 * Calls of functions that were made by CREATE FUNCTION: which of several is meant, beside those that are built in; what its
 * parameters get by name, by default and as VARIADIC; and what of it a value in an expression is.
 */
import type { Node } from 'libpg-query'
import { privilege } from '../../../database/access/privileges.ts'
import { arrayHolding, findType, formatType, rowTypeOf } from '../../../model/table/types/registry.ts'
import { RowValue } from '../../../model/table/types/user/row-value.ts'
import type { SqlValue } from '../contract.ts'
import type { CallExpression, Expression, SetExpression } from '../expression/expression.ts'
import { failure } from '../failure.ts'
import type { FunctionEntry } from '../functions/registry.ts'
import { concreteResult, type Resolution, resolve } from '../functions/resolve.ts'
import { parseExpression } from '../parse-expression.ts'
import type { SqlRun } from '../plan/run.ts'
import { callAt } from '../routine/call.ts'
import type { RoutineDefinition, RoutineParameter } from '../routine/definition.ts'
import { invoke, type Invoked } from '../routine/invoke.ts'
import { asResolved, isPolymorphic } from '../routine/pseudo-types.ts'
import { columnsOfResult, isComposite, rowTypeOfResult } from '../routine/result.ts'
import { type Routine, routinesNamed } from '../routine/routines.ts'
import { oid } from '../types/oids.ts'
import type { Binder } from './binder.ts'
import { coerce } from './coerce.ts'
import type { OutputColumn } from './query.ts'
import { Scope } from './scope.ts'

/** The functions that a name may mean: of its schema, or of those of the search path. */
export function routinesOf(binder: Binder, path: readonly string[]): readonly Routine[] {
  const name = path.at(-1)!
  if (path.length > 1) {
    const schema = path.at(-2)!
    binder.requireSchema(schema)
    return routinesNamed(binder.catalog, schema, name)
  }
  const found: Routine[] = []
  for (const schema of binder.searchPath) {
    // Nobody means a function by what lies in front of everything.
    if (schema === binder.context.temporarySchema) continue
    if (!binder.maySearch(schema)) continue
    for (const one of routinesNamed(binder.catalog, schema, name)) {
      const isHidden = found.some((other) => sameInputs(one, other))
      if (!isHidden) found.push(one)
    }
  }
  return found
}

function sameInputs(a: Routine, b: Routine): boolean {
  return a.inputs.length === b.inputs.length && a.inputs.every(({ type }, i) => type === b.inputs[i]!.type)
}

/** An argument, by position or by name. */
export interface Given {
  readonly name: string | undefined
  readonly value: Expression
}

export function bindArguments(binder: Binder, scope: Scope, nodes: readonly Node[]): readonly Given[] {
  const given = binder.each(scope, nodes, (node): Given => {
    if (!('NamedArgExpr' in node)) return { name: undefined, value: binder.expression(scope, node) }
    const { name, arg } = node.NamedArgExpr
    return { name: name!, value: binder.expression(scope, arg!) }
  })
  const firstNamed = given.findIndex(({ name }) => name !== undefined)
  const late = firstNamed < 0 ? undefined : given.slice(firstNamed).find(({ name }) => name === undefined)
  if (late !== undefined) {
    throw failure('42601', 'positional argument cannot follow named argument', { location: late.value.location })
  }
  for (const [i, { name, value }] of given.entries()) {
    if (name === undefined || given.findIndex((one) => one.name === name) === i) continue
    throw failure('42601', `argument name "${name}" used more than once`, { location: value.location })
  }
  return given
}

/** A function that the arguments may be meant for. */
interface Fitting {
  readonly routine: Routine
  /** Of the arguments, in the order in which they are given. */
  readonly takes: readonly number[]
  /** The input that each of them is for. */
  readonly places: readonly number[]
  /** They are elements of the last input, from this argument on. */
  readonly spreadFrom: number | undefined
}

function fit(routine: Routine, given: readonly Given[], isVariadic: boolean): Fitting | undefined {
  const { inputs } = routine
  const last = inputs.at(-1)
  const spreads = last?.mode === 'variadic' && !isVariadic
  const spreadFrom = spreads && given.length >= inputs.length && given.every(({ name }) => name === undefined)
  if (given.length > inputs.length && !spreadFrom) return undefined
  if (isVariadic && (last?.mode !== 'variadic' || given.length < inputs.length)) return undefined
  const places: number[] = []
  for (const [i, { name }] of given.entries()) {
    const place = name === undefined ? Math.min(i, inputs.length - 1) : inputs.findIndex((one) => one.name === name)
    const isTaken = places.includes(place) && !(spreadFrom && place === inputs.length - 1)
    if (place < 0 || isTaken) return undefined
    places.push(place)
  }
  const isFilled = inputs.every(({ default: text, mode }, i) => {
    if (places.includes(i)) return true
    return text !== undefined || (mode === 'variadic' && spreads && false)
  })
  if (!isFilled) return undefined
  const takes = places.map((place) => {
    const type = asResolved(inputs[place]!.type)
    if (!spreadFrom || place !== inputs.length - 1) return type
    return type === oid.anyarray ? oid.anyelement : (findType(type)?.element?.oid ?? type)
  })
  return { routine, takes, places, spreadFrom: spreadFrom ? inputs.length - 1 : undefined }
}

interface Candidate {
  readonly takes: readonly number[]
  readonly fitting?: Fitting
  readonly entry?: FunctionEntry
  readonly variadic?: boolean
}

/** Of the functions that fit, and those built in that have the name. */
export function resolveRoutine(
  routines: readonly Routine[],
  builtIn: readonly FunctionEntry[],
  given: readonly Given[],
  isVariadic: boolean,
): Resolution<Candidate> {
  const fitting = routines.flatMap((one): Candidate[] => {
    const found = fit(one, given, isVariadic)
    return found === undefined || !agrees(found, given) ? [] : [{ takes: found.takes, fitting: found }]
  })
  const hasNames = given.some(({ name }) => name !== undefined)
  const others =
    hasNames || isVariadic ? [] : builtIn.map((entry) => ({ takes: entry.takes, variadic: entry.variadic, entry }))
  const types = given.map(({ value }) => value.type)
  const answer = resolve<Candidate>([...others, ...withoutDefaults(fitting, given.length)], types)
  return answer
}

/** All that stands for one polymorphic type is of one type; those that are compatible meet in a common one. */
function agrees({ routine: { inputs }, places }: Fitting, given: readonly Given[]): boolean {
  const elements = new Set<number>()
  for (const [i, { value }] of given.entries()) {
    const { type } = inputs[places[i]!]!
    if (value.type === oid.unknown) continue
    if (type === oid.anyelement || type === anyNonArray) elements.add(value.type)
    else if (type === oid.anyarray && inputs[places[i]!]!.mode !== 'variadic') {
      elements.add(findType(value.type)?.element?.oid ?? 0)
    }
  }
  return elements.size <= 1
}

const anyNonArray = 2776

/** Of two that take the same, the one that leaves less to its defaults is meant. */
function withoutDefaults(candidates: readonly Candidate[], count: number): readonly Candidate[] {
  const missing = ({ fitting }: Candidate): number => Math.abs(fitting!.routine.inputs.length - count)
  return candidates.filter((one) => {
    const same = candidates.filter((other) => other.takes.join() === one.takes.join())
    const fewest = Math.min(...same.map(missing))
    return missing(one) === fewest
  })
}

/** A function with all that its call needs. */
export interface BoundRoutine extends Invoked {
  readonly arguments: readonly Expression[]
  /** Of the row that it gives; undefined of one that gives a value. */
  readonly row: number | undefined
}

export function bindRoutine(
  binder: Binder,
  fitting: Fitting,
  takes: readonly number[],
  given: readonly Given[],
  location: number | undefined,
): BoundRoutine {
  const { routine, places, spreadFrom } = fitting
  const { inputs, definition, collection } = routine
  binder.findCollection(collection.namespace.name, collection.name, 'function')
  // Of stored text, whose names were looked up when it was made, the call itself asks.
  if (!binder.isStored) binder.access.any(collection, privilege.execute)
  binder.usedRoutines.add(collection.id)
  if (definition.volatility === 'volatile') binder.calls = true
  const parts = inputs.map((input, i): Expression => {
    if (spreadFrom === i) return spread(binder, input, takes.slice(i), given.slice(i), location)
    const at = places.indexOf(i)
    if (at >= 0) return coerce(binder, given[at]!.value, takes[at]!)
    return bindDefault(binder, input)
  })
  const types = inputs.map(({ type }, i) => (isPolymorphic(type) ? parts[i]!.type : type))
  const declared = inputs.map(({ type }) => asResolved(type))
  const columns = (columnsOfResult(definition, binder.catalog) ?? []).map((column): OutputColumn => ({
    ...column,
    type: isPolymorphic(column.type) ? concreteResult(asResolved(column.type), declared, types) : column.type,
  }))
  return { routine, types, columns, arguments: parts, row: rowTypeOfCall(binder, definition, columns) }
}

/** What it is as a value. Of several output parameters a row without a name, of a record one that says itself what it is. */
function rowTypeOfCall(
  binder: Binder,
  definition: RoutineDefinition,
  columns: readonly OutputColumn[],
): number | undefined {
  const named = rowTypeOfResult(definition, binder.catalog)
  if (named !== undefined) return named.oid
  if (!isComposite(definition) || columns.length === 1) return undefined
  return columns.length === 0 ? oid.record : rowTypeOf(columns).oid
}

/** One row of its rows as that value. */
export function resultValue({ row: type, columns }: BoundRoutine, row: readonly SqlValue[]): SqlValue {
  if (type !== undefined && type !== oid.record) return new RowValue(row)
  return row[0] ?? (type === undefined && columns.length === 0 ? '' : null)
}

function spread(
  binder: Binder,
  input: RoutineParameter,
  takes: readonly number[],
  given: readonly Given[],
  location: number | undefined,
): Expression {
  const elements = given.map(({ value }, i) => coerce(binder, value, takes[i]!))
  const type = isPolymorphic(input.type) ? arrayHolding(elements[0]!.type) : input.type
  if (type === undefined) {
    const title = formatType(elements[0]!.type, -1)
    throw failure('42704', `could not find array type for data type ${title}`, { location })
  }
  return { kind: 'array', type, modifier: -1, location, elements }
}

/** In the scope of nobody: names mean what they meant when it was made. */
function bindDefault(binder: Binder, input: RoutineParameter): Expression {
  const { variables } = binder
  binder.variables = undefined
  try {
    const bound = binder.expression(new Scope(), parseExpression(input.default!))
    return isPolymorphic(input.type) ? bound : coerce(binder, bound, input.type, -1, 'assignment')
  } finally {
    binder.variables = variables
  }
}

/** A call as a value. */
export function routineCall(bound: BoundRoutine, location: number | undefined): CallExpression {
  const { routine, columns } = bound
  const { definition } = routine
  const type = bound.row ?? columns[0]?.type ?? oid.void
  const mayWrite = definition.volatility === 'volatile'
  const place = {}
  const implementation = (run: SqlRun, ...values: SqlValue[]): SqlValue => {
    const rows = callAt(place, run, values, mayWrite, () => invoke(bound, run, values))
    const row = rows[0]
    if (row === undefined) return type === oid.void ? '' : null
    return resultValue(bound, row)
  }
  return {
    kind: 'call',
    name: definition.name,
    isOperator: false,
    type,
    modifier: -1,
    location,
    arguments: bound.arguments,
    implementation,
    strict: definition.isStrict === true,
    needsRun: true,
    volatile: mayWrite,
    stable: definition.volatility !== 'volatile',
    routine: routine.collection,
  }
}

type Rows = SetExpression['rows']

/** All rows of one that gives a set, or the one of one that does not. */
export function routineRows(bound: BoundRoutine): Rows {
  const { definition } = bound.routine
  const mayWrite = definition.volatility === 'volatile'
  const place = {}
  const nothing = definition.returns?.isSet === true ? [] : [bound.columns.map(() => null)]
  return (run, values) => {
    if (definition.isStrict === true && values.includes(null)) return nothing
    const rows = callAt(place, run, values, mayWrite, () => invoke(bound, run, values))
    return rows.length === 0 ? nothing : rows
  }
}
