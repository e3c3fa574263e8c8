/**
 * Converting a bound expression to another type: literals are parsed, parameters take the type, everything else gets a
 * cast node. And the common type of several expressions, for CASE, VALUES, UNION and IN.
 */
import { checkDomain, checkElements } from '../../../model/table/domains.ts'
import { findType, formatType, getType } from '../../../model/table/types/registry.ts'
import type { SqlType } from '../../../model/table/types/type.ts'
import { RowValue } from '../../../model/table/types/user/row-value.ts'
import { domainModifier } from '../../../model/table/types/user/domain.ts'
import { isMade } from '../../../model/table/types/user/user-type.ts'
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
import { conversion } from '../routine/conversion.ts'
import { type CastContext, findCast } from '../types/casts.ts'
import type { SqlRun } from '../plan/run.ts'
import { objectTypes, oid } from '../types/oids.ts'
import type { Binder } from './binder.ts'
import { mapElements } from '../../../model/table/types/array.ts'
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

let folds = true

/** What `bind` binds stays as it is written, as a stored query shows it. */
export function unfolded<T>(bind: () => T): T {
  const outer = folds
  folds = false
  try {
    return bind()
  } finally {
    folds = outer
  }
}

/** Computes what depends on nothing; an error waits for the execution, which may never reach it. */
export function fold(call: CallExpression): Expression {
  if (!folds) return call
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
  const target = isMade(type) ? getType(type) : undefined
  if (target?.over !== undefined) return coerceToDomain(binder, expression, target, context)
  if (target?.element?.over !== undefined) return coerceToDomains(binder, expression, target, context)
  if (target?.fields !== undefined && isMade(expression.type)) return coerceRow(binder, expression, target, context)
  if (type === oid.record) return asRecord(binder, expression)
  if (target?.fields !== undefined && expression.type === oid.record) return describedRow(expression, target)
  if (isMade(expression.type)) {
    const plain = withoutDomain(expression)
    if (plain !== expression) return tryCoerce(binder, plain, type, modifier, context)
  }
  if (expression.type === oid.unknown) return coerceUnknown(binder, expression, type, modifier, context)
  if (objectTypes.has(type) && getType(expression.type).category === 'S')
    return nameToObject(binder, expression, type, context)
  if (objectTypes.has(expression.type) && findType(type)?.category === 'S')
    return objectToName(expression, type, context)
  const cast = findCast(expression.type, type, context)
  if (cast === undefined) return undefined
  const { sized } = cast
  if (sized !== undefined) {
    return castCall(expression, type, modifier, (value: never) => sized(value, modifier), undefined)
  }
  const converted =
    cast.convert === undefined
      ? expression.kind === 'constant' && folds
        ? { ...expression, type, modifier: -1 }
        : castCall(expression, type, -1, (value: SqlValue) => value, undefined)
      : castCall(expression, type, -1, cast.convert, { kind: 'cast', from: expression.type, to: type })
  // Only who writes it down asks.
  const implied = !folds && context !== 'explicit' && converted.kind === 'call'
  return applyModifier(implied ? { ...converted, isImplied: true } : converted, modifier, context)
}

/** A value of a domain, as one of what that is over: they are the same. */
export function withoutDomain(expression: Expression): Expression {
  const type = isMade(expression.type) ? getType(expression.type) : undefined
  if (type === undefined) return expression
  if (type.base !== undefined) return { ...expression, type: type.base.oid, modifier: domainModifier(type) }
  const element = type.fields === undefined ? type.element?.base : undefined
  return element === undefined ? expression : { ...expression, type: element.arrayOid, modifier: -1 }
}

function baseNumber(type: number): number {
  return isMade(type) ? (getType(type).base?.oid ?? type) : type
}

/** A row to a type with as many fields: each of them as it is converted alone. */
function coerceRow(binder: Binder, given: Expression, target: SqlType, context: CastContext): Expression | undefined {
  const expression = withoutDomain(given)
  const source = getType(expression.type)
  const fields = target.fields!
  // What has a type of its own is not taken for another one by itself.
  if (source.fields === undefined || source.made?.id !== 0) return undefined
  if (source.fields.length !== fields.length) {
    const detail = source.fields.length < fields.length ? 'Input has too few columns.' : 'Input has too many columns.'
    const message = `cannot cast type record to ${target.title}`
    throw failure('42846', message, { location: expression.location, detail })
  }
  const written = expression.kind === 'call' && expression.name === 'row' ? expression.arguments : undefined
  const parts = fields.map(({ type, modifier }, at) => {
    const part = written?.[at] ?? rowPart(expression, source, at)
    const own = part.kind === 'constant' && part.isSettled === true ? { ...part, type: oid.unknown } : part
    const converted = tryCoerce(binder, own, type.oid, modifier, context === 'implicit' ? 'assignment' : context)
    if (converted !== undefined) return converted
    const place = `in column ${at + 1}`
    const detail = `Cannot cast type ${formatType(part.type, -1)} to ${type.title} ${place}.`
    throw failure('42846', `cannot cast type record to ${target.title}`, { location: expression.location, detail })
  })
  return fold(
    plainCall('row', target.oid, parts, (...values: SqlValue[]) => new RowValue(values), expression.location, false),
  )
}

/** Of a type that does not say what the fields are; undefined of what is no row. */
function asRecord(binder: Binder, expression: Expression): Expression | undefined {
  if (expression.type === oid.unknown) return coerceUnknown(binder, expression, oid.record, -1, 'explicit')
  const row = withoutDomain(expression)
  const convert = conversion(row.type, oid.record, -1)
  if (convert === undefined || findType(row.type)?.fields === undefined) return undefined
  return plainCall('cast', oid.record, [row], convert, expression.location)
}

/** What such a row consists of is known where there is one. */
function describedRow(expression: Expression, { oid: type }: SqlType): Expression {
  const convert = conversion(oid.record, type, -1)!
  const implementation = (run: SqlRun, value: SqlValue): SqlValue => convert(value, run)
  return { ...plainCall('cast', type, [expression], implementation, expression.location), needsRun: true }
}

function rowPart(value: Expression, { fields }: SqlType, at: number): Expression {
  const { name, type, modifier } = fields![at]!
  if (value.kind === 'constant') {
    const row = value.value as RowValue | null
    return { ...constant(row?.values[at] ?? null, type.oid, value.location), modifier }
  }
  const take = (row: RowValue): SqlValue => row.values[at] ?? null
  return { ...plainCall(`field ${name}`, type.oid, [value], take, value.location), modifier }
}

/** To what it is over, and then its rules are asked. */
function coerceToDomain(
  binder: Binder,
  expression: Expression,
  domain: SqlType,
  context: CastContext,
): Expression | undefined {
  const plain = tryCoerce(binder, withoutDomain(expression), domain.base!.oid, domainModifier(domain), context)
  if (plain === undefined) return undefined
  return checked(plain, domain, (run, value) => checkDomain(run.transaction, domain, value))
}

/** Of an array each element. */
function coerceToDomains(
  binder: Binder,
  expression: Expression,
  array: SqlType,
  context: CastContext,
): Expression | undefined {
  const element = array.element!
  const plain = tryCoerce(binder, withoutDomain(expression), element.base!.arrayOid, domainModifier(element), context)
  if (plain === undefined) return undefined
  return checked(plain, array, (run, value) => {
    if (value !== null) checkElements(run.transaction, element, value as readonly SqlValue[])
  })
}

function checked(
  plain: Expression,
  { oid: type }: SqlType,
  check: (run: Pick<SqlRun, 'transaction'>, value: SqlValue) => void,
): Expression {
  const implementation = (run: Pick<SqlRun, 'transaction'>, value: SqlValue): SqlValue => {
    check(run, value)
    return value
  }
  return { ...plainCall('cast', type, [plain], implementation, plain.location, false), needsRun: true }
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

/** A literal that is still of no type is text. */
export function settle(binder: Binder, expression: Expression): Expression {
  if (expression.type !== oid.unknown) return expression
  if (expression.kind === 'parameter') return binder.settleParameter(expression)
  const text = coerce(binder, expression, oid.text)
  return text.kind === 'constant' ? { ...text, isSettled: true } : text
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
  if (!folds) return undefined
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
    const element = getType(type).element?.oid ?? 0
    if (objectTypes.has(element) && element !== oid.regnamespace) {
      const named = locate(expression.location, () => objectsNamed(binder, element, text))
      return constant(named, type, expression.location)
    }
    if (isDearInput(type, text, false)) return readLater(expression, text, type, modifier)
    // Its fields say what a number without a unit is; other types are read whole first.
    const readAs = type === oid.interval ? modifier : -1
    const parsed = locate(expression.location, () => getType(type).parseText(text, readAs))
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

/** `'{int, text}'::regtype[]`. */
function objectsNamed(binder: Binder, type: number, text: string): SqlValue {
  const names = getType(oid.textArray).parseText(text) as readonly SqlValue[]
  return mapElements(names, (name) => (name === null ? null : lookUpObject(binder.noting, type, name as string)))
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
    let { type } = expression
    if (type === oid.unknown || type === chosen || decided?.has(type) === true) continue
    if (chosen === oid.unknown) {
      chosen = type
      continue
    }
    // Domains that are not one and the same meet in what they are over.
    ;[chosen, type] = [baseNumber(chosen), baseNumber(type)]
    if (type === chosen) continue
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

/** What must be true or false. `clause` names it in the error. */
export function requireBoolean(binder: Binder, expression: Expression, clause: string): Expression {
  const converted = tryCoerce(binder, expression, oid.bool, -1, 'implicit')
  if (converted !== undefined) return converted
  const message = `argument of ${clause} must be type boolean, not type ${formatType(expression.type, -1)}`
  throw failure('42804', message, { location: expression.location })
}
