/**
 * Converting a bound expression to another type: literals are parsed, parameters take the type, everything else gets a
 * cast node. And the common type of several expressions, for CASE, VALUES, UNION and IN.
 */
import { findType, formatType, getType } from '../../../model/table/types/registry.ts'
import type { SqlValue } from '../contract.ts'
import {
  type CallExpression,
  constant,
  type ConstantExpression,
  type Expression,
  type Implementation,
  plainCall,
} from '../expression/expression.ts'
import { isDearInput } from '../remote/input-cost.ts'
import { readInput, type RemoteCall } from '../remote/remote-call.ts'
import { failure, locate } from '../failure.ts'
import { chunksOf, eachOf } from '../progress.ts'
import { costOfTypes } from '../functions/cost.ts'
import { type CastContext, findCast } from '../types/casts.ts'
import { objectTypes, oid } from '../types/oids.ts'
import type { Binder } from './binder.ts'
import { describeObject, lookUpObject } from './objects.ts'
import type { Scope } from './scope.ts'

function castCall(
  argument: Expression,
  type: number,
  modifier: number,
  implementation: Implementation,
  remote: RemoteCall | undefined,
  needsRun = false,
): Expression {
  const call = plainCall('cast', type, [argument], implementation, argument.location)
  return fold({ ...call, modifier, needsRun, remote, cost: remote && costOfTypes([argument.type, type]) })
}

/** Computes what depends on nothing; an error waits for the execution, which may never reach it. */
export function fold(call: CallExpression): Expression {
  if (call.volatile || call.needsRun || !call.arguments.every((one) => one.kind === 'constant')) return call
  const values = call.arguments.map((one) => (one as { value: SqlValue }).value)
  if (call.strict && values.includes(null))
    return { ...constant(null, call.type, beginningOf(call)), modifier: call.modifier }
  // What is dear is left to the execution, which can pause.
  if (call.cost !== undefined && (call.cost as (...values: SqlValue[]) => number)(...values) > maxFoldedUnits)
    return call
  try {
    const value = (call.implementation as (...values: SqlValue[]) => SqlValue)(...values)
    return { ...constant(value, call.type, beginningOf(call)), modifier: call.modifier }
  } catch {
    return call
  }
}

const maxFoldedUnits = 100_000

/** Undefined where no cast is allowed in this context. */
export function tryCoerce(
  binder: Binder,
  expression: Expression,
  type: number,
  modifier: number,
  context: CastContext,
): Expression | undefined {
  if (expression.type === type) return applyModifier(expression, modifier, context)
  if (type === oid.any || type === oid.anyelement || type === oid.unknown) return expression
  if (expression.type === oid.unknown) return coerceUnknown(binder, expression, type, modifier, context)
  if (expression.kind === 'array' && expression.elements.length === 0) return { ...expression, type }
  if (objectTypes.has(type) && getType(expression.type).category === 'S')
    return nameToObject(binder, expression, type, context)
  if (objectTypes.has(expression.type) && findType(type)?.category === 'S')
    return objectToName(expression, type, context)
  const cast = findCast(expression.type, type, context)
  if (cast === undefined) return undefined
  const converted =
    cast.convert === undefined
      ? expression.kind === 'constant'
        ? { ...expression, type, modifier: -1 }
        : castCall(expression, type, -1, (value: SqlValue) => value, undefined)
      : castCall(expression, type, -1, cast.convert, { kind: 'cast', from: expression.type, to: type })
  return applyModifier(converted, modifier, context)
}

export function coerce(
  binder: Binder,
  expression: Expression,
  type: number,
  modifier = -1,
  context: CastContext = 'implicit',
): Expression {
  const converted = tryCoerce(binder, expression, type, modifier, context)
  if (converted !== undefined) return converted
  throw failure('42846', `cannot cast type ${formatType(expression.type, -1)} to ${formatType(type, -1)}`, {
    location: expression.location,
  })
}

/** The first expression of each type, which is all that a common type depends on. */
export function firstOfEachType(binder: Binder, expressions: readonly Expression[]): readonly Expression[] {
  const found = new Map<number, Expression>()
  const firsts = eachOf(binder.progress, chunksOf(expressions), (chunk) => {
    const own = new Map<number, Expression>()
    for (const one of chunk) if (!own.has(one.type)) own.set(one.type, one)
    return own
  })
  for (const own of firsts) for (const [type, one] of own) if (!found.has(type)) found.set(type, one)
  return [...found.values()]
}

/** To one type, which most have already. `firsts`: of each type. */
export function coerceAll(
  binder: Binder,
  scope: Scope,
  expressions: readonly Expression[],
  type: number,
  firsts: readonly Expression[] = expressions,
): readonly Expression[] {
  if (firsts.every((one) => one.type === type)) return expressions
  return binder.each(scope, expressions, (one) => coerce(binder, one, type))
}

/** Undefined where not all are constants. */
export function constantValues(binder: Binder, expressions: readonly Expression[]): readonly SqlValue[] | undefined {
  const chunks = eachOf(binder.progress, chunksOf(expressions), (chunk) =>
    chunk.every(({ kind }) => kind === 'constant') ? chunk.map((one) => (one as ConstantExpression).value) : undefined,
  )
  const known = chunks.filter((chunk) => chunk !== undefined)
  return known.length < chunks.length ? undefined : ([] as SqlValue[]).concat(...known)
}

function coerceUnknown(
  binder: Binder,
  expression: Expression,
  type: number,
  modifier: number,
  context: CastContext,
): Expression | undefined {
  if (expression.kind === 'parameter') {
    binder.decideParameter(expression.index, type, expression.location)
    return applyModifier({ ...expression, type }, modifier, context)
  }
  if (expression.kind === 'constant') {
    if (expression.value === null) return { ...expression, type, modifier }
    if (objectTypes.has(type)) return nameToObject(binder, expression, type, context)
    const text = expression.value as string
    if (isDearInput(type, text, false)) return readLater(expression, text, type, modifier)
    const parsed = locate(expression.location, () => getType(type).parseText(text))
    const value = modifier < 0 ? parsed : getType(type).coerce(parsed, modifier, context === 'explicit')
    return { ...constant(value, type, expression.location), modifier }
  }
  return tryCoerce(binder, { ...expression, type: oid.text }, type, modifier, 'explicit')
}

/** A literal that takes long to read: by the statement, which can wait for it. */
function readLater({ location }: Expression, text: string, type: number, modifier: number): Expression {
  const remote: RemoteCall = { kind: 'input', type, modifier, isBinary: false }
  const read = (value: string): SqlValue => readInput(remote, value)
  return castCall(constant(text, oid.text, location), type, modifier, read, remote)
}

function applyModifier(expression: Expression, modifier: number, context: CastContext): Expression {
  if (modifier < 0 || expression.modifier === modifier) return expression
  const type = getType(expression.type)
  const explicit = context === 'explicit'
  const convert = (value: SqlValue): SqlValue => type.coerce(value, modifier, explicit)
  const remote: RemoteCall = { kind: 'modifier', type: expression.type, modifier, explicit }
  return castCall(expression, expression.type, modifier, convert, remote)
}

/** `'orders'::regclass`: literals are looked up now, other texts at execution. */
function nameToObject(
  binder: Binder,
  expression: Expression,
  type: number,
  context: CastContext,
): Expression | undefined {
  if (context !== 'explicit' && expression.type !== oid.unknown && type !== oid.regclass) return undefined
  if (expression.kind === 'constant') {
    const name = expression.value as string | null
    if (name === null) return constant(null, type, expression.location)
    const value = locate(expression.location, () => lookUpObject(binder.noting, type, name))
    // Plans do not depend on namespaces: those are looked up again.
    if (type !== oid.regnamespace) return constant(value, type, expression.location)
  }
  return castCall(
    expression,
    type,
    -1,
    (run: { context: Binder['context'] }, name: string) => lookUpObject(run.context, type, name),
    undefined,
    true,
  )
}

function objectToName(expression: Expression, type: number, context: CastContext): Expression | undefined {
  if (context === 'implicit') return undefined
  return objectName(expression, type)
}

/** The name that PostgreSQL prints for an object's number. */
export function objectName(expression: Expression, type: number = oid.text): Expression {
  const from = expression.type
  return castCall(
    expression,
    type,
    -1,
    (run: { context: Binder['context'] }, value: number) => describeObject(run.context, from, value),
    undefined,
    true,
  )
}

/** Where an expression's text begins: an operation's own place is its symbol. */
export function beginningOf(expression: Expression): number | undefined {
  if (expression.kind !== 'call' || !expression.isOperator) return expression.location
  const places = [expression.location, ...expression.arguments.map(beginningOf)]
  return Math.min(...places.filter((place) => place !== undefined && place >= 0).map(Number))
}

/** PostgreSQL's select_common_type. `construct` names it in the error: CASE, UNION, VALUES. */
export function commonType(expressions: readonly Expression[], construct: string): number {
  let chosen = oid.unknown as number
  let decided: Set<number> | undefined
  for (const expression of expressions) {
    const { type } = expression
    if (type === oid.unknown || type === chosen || decided?.has(type) === true) continue
    if (chosen === oid.unknown) {
      chosen = type
      continue
    }
    // Long lists are mostly of few types: each is compared once.
    decided ??= new Set([chosen])
    decided.add(type)
    const [a, b] = [getType(chosen), getType(type)]
    if (a.category !== b.category) {
      throw failure(
        '42804',
        `${construct} types ${formatType(chosen, -1)} and ${formatType(type, -1)} cannot be matched`,
        { location: beginningOf(expression) },
      )
    }
    const forward = findCast(chosen, type, 'implicit') !== undefined
    const backward = findCast(type, chosen, 'implicit') !== undefined
    if (a.isPreferred !== true && forward && !backward) chosen = type
    else if (!backward && !forward) {
      throw failure(
        '42846',
        `${construct} could not convert type ${formatType(type, -1)} to ${formatType(chosen, -1)}`,
        { location: beginningOf(expression) },
      )
    }
  }
  return chosen === oid.unknown ? oid.text : chosen
}

/** The modifier that all agree on, or none. */
export function commonModifier(expressions: readonly Expression[], type: number): number {
  const [first] = expressions
  if (first === undefined || first.type !== type) return -1
  return expressions.every((one) => one.type === type && one.modifier === first.modifier) ? first.modifier : -1
}
