/** Functions whose meaning depends on the types of their arguments in ways that a signature cannot say. */
import { PolylogError } from '../../../base/errors.ts'
import { findType, getType, shownNumber } from '../../../model/table/types/registry.ts'
import { checkJsonDepth } from '../../../model/table/types/json.ts'
import type { SqlValue } from '../contract.ts'
import type { Expression, Implementation } from '../expression/expression.ts'
import { failure } from '../failure.ts'
import { grownCost, sizeOf } from '../functions/cost.ts'
import { undeterminedType } from '../functions/resolve.ts'
import { buildJsonArray, buildJsonObject, toJsonb, toJsonText } from '../functions/json/json-functions.ts'
import { checkGrownLength, joinTexts } from '../functions/text-length.ts'
import { quoteIdentifier, quoteLiteral } from '../functions/text-functions.ts'
import { findCast } from '../types/casts.ts'
import { oid } from '../types/oids.ts'
import type { Binder } from './binder.ts'
import { coerce } from './coerce.ts'
import { needArguments, noSuchFunction, settled, specialCall, specialFunctions } from './specials.ts'
/* oxlint-disable-next-line import/no-unassigned-import -- registers its functions */
import './special-arrays.ts'

export { specialFunctions } from './specials.ts'

/** Of one that was bound over values of these types: bound anew, over columns of them. */
export function specialImplementation(name: string, types: readonly number[]): Implementation {
  const columns = types.map((type, index): Expression => ({ kind: 'column', type, modifier: -1, index, name: '' }))
  const bound = specialFunctions.get(name)?.(columnsOnly, columns, undefined)
  if (bound?.kind !== 'call' || !bound.arguments.every((one, i) => one === columns[i])) {
    throw new PolylogError('internal', `${name} is not a function of these types alone`)
  }
  return bound.implementation
}

/** Columns have a type, so nothing is asked of who binds them. */
const columnsOnly = {} as Binder

function call(
  name: string,
  type: number,
  parts: readonly Expression[],
  implementation: Implementation,
  location: number | undefined,
  strict = false,
): Expression {
  // They show values as the session's settings say.
  const stable = name === 'concat' || name === 'concat_ws' || name === 'format'
  return specialCall(name, type, parts, implementation, location, {
    strict,
    stable,
    ...(name === 'format' && { cost: formatCost }),
  })
}

/** Of functions whose first parameter is a text and whose others are anything. */
function textFirst(
  binder: Binder,
  name: string,
  given: readonly Expression[],
  location: number | undefined,
): Expression[] {
  const [first, ...rest] = settled(binder, given)
  if (first!.type === oid.text) return [first!, ...rest]
  if (findCast(first!.type, oid.text, 'implicit') === undefined) throw noSuchFunction(name, given, location)
  return [coerce(binder, first!, oid.text), ...rest]
}

function formatters(parts: readonly Expression[]): ((value: SqlValue) => string)[] {
  return parts.map(({ type }) => {
    const entry = getType(type)
    return (value) => entry.formatText(value)
  })
}

specialFunctions.set('concat', (binder, given, location) => {
  needArguments('concat', given, 1, location)
  const parts = settled(binder, given)
  const format = formatters(parts)
  const join = (...values: SqlValue[]): string =>
    joinTexts(values.map((value, i) => (value === null ? '' : format[i]!(value))))
  return call('concat', oid.text, parts, join, location)
})

specialFunctions.set('concat_ws', (binder, given, location) => {
  needArguments('concat_ws', given, 2, location)
  const parts = textFirst(binder, 'concat_ws', given, location)
  const format = formatters(parts)
  const join = (...values: SqlValue[]): SqlValue => {
    const [separator] = values
    if (separator === null) return null
    const shown = values.flatMap((value, i) => (i === 0 || value === null ? [] : [format[i]!(value)]))
    return joinTexts(shown, separator as string)
  }
  return call('concat_ws', oid.text, parts, join, location)
})

specialFunctions.set('format', (binder, given, location) => {
  needArguments('format', given, 1, location)
  const parts = textFirst(binder, 'format', given, location)
  const format = formatters(parts)
  const run = (...values: SqlValue[]): SqlValue => {
    if (values[0] === null) return null
    return formatTemplate(values[0] as string, values, format)
  }
  return call('format', oid.text, parts, run, location)
})

/** A template asks for widths by their numbers. */
function formatCost(...values: readonly SqlValue[]): number {
  const [template] = values
  let wanted = 0
  if (typeof template === 'string') {
    for (const [width] of template.matchAll(/\d{4,9}/g)) wanted += Number(width)
  }
  let size = 0
  for (const value of values) size += sizeOf(value)
  return size * 60 + grownCost(wanted)
}

function formatTemplate(
  template: string,
  values: readonly SqlValue[],
  format: readonly ((value: SqlValue) => string)[],
): string {
  let next = 1
  let grown = 0
  return template.replace(
    /%(?:(\d+)\$)?(-?)(\d+)?(.?)/gs,
    (_all, place: string | undefined, left: string, width: string | undefined, kind: string) => {
      if (kind === '%') return '%'
      if (!['s', 'I', 'L'].includes(kind)) {
        throw failure(
          '22023',
          kind === '' ? 'unterminated format() type specifier' : `unrecognized format() type specifier "${kind}"`,
        )
      }
      const at = place === undefined ? next++ : Number(place)
      if (place !== undefined) next = at + 1
      if (at >= values.length) throw failure('22023', 'too few arguments for format()')
      const value = values[at]!
      const text = value === null ? null : format[at]!(value)
      if (kind === 'I' && text === null) throw failure('22004', 'null values cannot be formatted as an SQL identifier')
      const shown =
        kind === 'I'
          ? quoteIdentifier(text!)
          : kind === 'L'
            ? text === null
              ? 'NULL'
              : quoteLiteral(text)
            : (text ?? '')
      const wanted = Number(width ?? 0)
      grown += Math.max(shown.length, wanted)
      checkGrownLength(grown)
      return left === '-' ? shown.padEnd(wanted) : shown.padStart(wanted)
    },
  )
}

for (const prefix of ['json', 'jsonb'] as const) {
  const canonical = prefix === 'jsonb'
  const type = canonical ? oid.jsonb : oid.json
  specialFunctions.set(`${prefix}_build_object`, (binder, given, location) => {
    const parts = settled(binder, given)
    const types = parts.map((part) => part.type)
    const build = (...values: SqlValue[]): string => buildJsonObject(types, values, canonical)
    return call(`${prefix}_build_object`, type, parts, build, location)
  })
  specialFunctions.set(`${prefix}_build_array`, (binder, given, location) => {
    const parts = settled(binder, given)
    const types = parts.map((part) => part.type)
    const build = (...values: SqlValue[]): string => buildJsonArray(types, values, canonical)
    return call(`${prefix}_build_array`, type, parts, build, location)
  })
  // No name that a statement can write plainly: what an aggregate gathers stands within a list or an object.
  for (const [name, levels] of [
    [`to_${prefix}`, 0],
    [`to_${prefix} of an element`, 1],
  ] as const) {
    specialFunctions.set(name, (binder, given, location) => {
      needArguments(`to_${prefix}`, given, 1, location)
      if (given[0]!.type === oid.unknown) throw undeterminedType()
      const parts = settled(binder, given)
      const from = parts[0]!.type
      const make = (value: SqlValue): string => {
        return checkJsonDepth(canonical ? toJsonb(from, value) : toJsonText(from, value), levels)
      }
      return call(name, type, parts, make, location, true)
    })
  }
}

specialFunctions.set('row_to_json', (binder, given, location) => {
  needArguments('row_to_json', given, 1, location)
  if (findType(given[0]!.type)?.fields === undefined || given.length > 1)
    throw noSuchFunction('row_to_json', given, location)
  return binder.call('to_json', given, location)
})

specialFunctions.set('pg_typeof', (_binder, parts, location) => {
  needArguments('pg_typeof', parts, 1, location)
  const { type } = parts[0]!
  return { kind: 'constant', type: oid.regtype, modifier: -1, location, value: shownNumber(type) }
})

specialFunctions.set('num_nulls', (_binder, parts, location) =>
  call(
    'num_nulls',
    oid.int4,
    parts,
    (...values: SqlValue[]) => values.filter((value) => value === null).length,
    location,
  ),
)
specialFunctions.set('num_nonnulls', (_binder, parts, location) =>
  call(
    'num_nonnulls',
    oid.int4,
    parts,
    (...values: SqlValue[]) => values.filter((value) => value !== null).length,
    location,
  ),
)

/** Of any type: as its output function shows it, quoted. */
for (const name of ['quote_literal', 'quote_nullable'] as const) {
  specialFunctions.set(name, (binder, given, location) => {
    needArguments(name, given, 1, location)
    const parts = given.map((part) => coerce(binder, part, oid.text, -1, 'explicit'))
    const quote = (value: SqlValue): string => (value === null ? 'NULL' : quoteLiteral(value as string))
    return call(name, oid.text, parts, quote, location, name === 'quote_literal')
  })
}
