/**
 * What JavaScript passes for SQL's parameters. A value is accepted where it is exactly one of the parameter's type, and
 * then it comes back as that value (`sql-results.ts`); anything else is an error. Nothing is rounded, cut or guessed.
 *
 * | type                                   | takes, beside a string in PostgreSQL's form, and null or undefined for NULL |
 * |----------------------------------------|----------------------------------------------------------------------------|
 * | bool                                   | boolean                                                                    |
 * | int2 int4 int8 oid                     | whole number up to 2^53, bigint, whole `Decimal`                           |
 * | float4 float8                          | number; bigint and `Decimal` that are one; float4: only a float4's         |
 * | numeric                                | number by its shortest digits, whole ones up to 2^53; bigint, `Decimal`    |
 * | text varchar bpchar name               | number, bigint, `Decimal`, by their digits                                 |
 * | bytea                                  | Uint8Array                                                                 |
 * | timestamptz timestamp                  | Date; without time zone it is the clock of UTC                             |
 * | date                                   | Date at 00:00 UTC                                                          |
 * | json jsonb                             | plain object, array, number, bigint, boolean, `Decimal`; a string is JSON's text |
 * | arrays                                 | array of the element's; of json, an inner array is a value                 |
 * | uuid time interval and others          | –                                                                          |
 *
 * A value beyond its type's range is that type's own error.
 */
import { types } from 'node:util'
import { Decimal } from '../base/decimal.ts'
import type { PolylogError } from '../base/errors.ts'
import { maxArrayDimensions } from '../model/table/types/array-text.ts'
import { getType } from '../model/table/types/registry.ts'
import type { SqlType } from '../model/table/types/type.ts'
import type { SqlValue } from '../model/table/types/value.ts'
import { invalidArgument, isWellFormed, kindOf, pathOf, readCarefully } from './arguments.ts'
import { dateOf, millisecondsOf, timestampOf } from './date-values.ts'
import { jsonTextOf } from './json-values.ts'

interface Rule {
  /** What it takes beside strings. */
  readonly takes: string
  /** Undefined for what the type does not take. */
  convert(value: unknown, type: SqlType, what: string): SqlValue | undefined
}

/** Errors: `invalid_argument` with the parameter's number; the types' own. */
export function convertParameters(typeOids: readonly number[], values: unknown): SqlValue[] {
  return readCarefully('the array of parameters', () => convertAll(typeOids, values))
}

function convertAll(typeOids: readonly number[], values: unknown): SqlValue[] {
  if (!Array.isArray(values)) throw invalidArgument(`the parameters must be an array, not ${kindOf(values)}`)
  if (values.length !== typeOids.length) {
    throw invalidArgument(`the statement takes ${typeOids.length} parameters, not ${values.length}`)
  }
  return typeOids.map((oid, i) => {
    const what = `parameter ${i + 1}`
    return readCarefully(what, () => convertValue(values[i], getType(oid), what))
  })
}

function convertValue(value: unknown, type: SqlType, what: string): SqlValue {
  if (value === null || value === undefined) return null
  if (typeof value === 'string') {
    if (isWellFormed(value)) return type.parseText(value)
    throw invalidArgument(`${what} is a string with half of a surrogate pair, which ${type.title} cannot hold`)
  }
  if (type.element !== undefined) return convertArray(value, type, type.element, what)
  const rule = rules.get(type.name)
  const converted = rule?.convert(value, type, what)
  if (converted === undefined) throw refused(value, type, what)
  return converted
}

function refused(value: unknown, type: SqlType, what: string): PolylogError {
  const rule = type.element === undefined ? rules.get(type.name) : undefined
  const more = type.element === undefined ? rule?.takes : `an array of what ${type.element.title} takes`
  return invalidArgument(
    `${what} is ${kindOf(value)}; ${type.title} takes ${more === undefined ? 'a string' : `${more}, or a string`}`,
  )
}

const text: Rule = {
  takes: 'a number, a bigint or a Decimal',
  convert: (value, type) => (isNumeric(value) ? type.parseText(digitsOf(value)) : undefined),
}

const integer: Rule = {
  takes: 'a whole number up to 2^53, a bigint',
  convert: (value, type) => {
    const digits = wholeDigitsOf(value)
    if (digits === undefined) return undefined
    const converted = type.parseText(digits)
    return typeof value === 'number' && !Number.isSafeInteger(value) ? undefined : converted
  },
}

const numeric: Rule = {
  takes: 'a number (a whole one up to 2^53), a bigint, a Decimal',
  convert: (value, type) => {
    const isInexact = Number.isInteger(value) && !Number.isSafeInteger(value)
    return isNumeric(value) && !isInexact ? type.parseText(digitsOf(value)) : undefined
  },
}

const float8: Rule = {
  takes: 'a number, a bigint or a Decimal that is exactly one',
  convert: doubleOf,
}

const float4: Rule = {
  takes: 'a number that a float of 32 bits holds (Math.fround rounds to one)',
  convert: (value, type) => {
    const double = doubleOf(value)
    if (double === undefined || Object.is(double, -0)) return double
    const float = type.parseText(String(double)) as number
    // A float4 is shown by its shortest digits, so that 0.1 is one.
    return Object.is(float, double) || Number(type.formatText(float)) === double ? float : undefined
  },
}

const json: Rule = {
  takes: 'a plain object, an array, a number, a bigint, a boolean, a Decimal',
  convert: (value, type, what) => type.parseText(jsonTextOf(what, value)),
}

const timestamp: Rule = {
  takes: 'a valid Date',
  convert: (value) => {
    const ms = millisecondsOf(value)
    return ms === undefined ? undefined : timestampOf(ms)
  },
}

const date: Rule = {
  takes: 'a Date at 00:00 UTC',
  convert: (value) => {
    const ms = millisecondsOf(value)
    return ms === undefined ? undefined : dateOf(ms)
  },
}

const bytes: Rule = {
  takes: 'a Uint8Array',
  // The caller may go on using its memory.
  convert: (value) => (types.isUint8Array(value) ? new Uint8Array(value) : undefined),
}

const boolean: Rule = {
  takes: 'a boolean',
  convert: (value) => (typeof value === 'boolean' ? value : undefined),
}

const rules: ReadonlyMap<string, Rule> = new Map<string, Rule>([
  ['bool', boolean],
  ...each(integer, 'int2', 'int4', 'int8', 'oid', 'xid', 'regclass', 'regtype', 'regproc', 'regnamespace', 'regrole'),
  ['float4', float4],
  ['float8', float8],
  ['numeric', numeric],
  ...each(text, 'text', 'varchar', 'bpchar', 'name', 'unknown'),
  ['bytea', bytes],
  ...each(timestamp, 'timestamp', 'timestamptz'),
  ['date', date],
  ...each(json, 'json', 'jsonb'),
])

function each(rule: Rule, ...names: readonly string[]): [string, Rule][] {
  return names.map((name) => [name, rule])
}

function isNumeric(value: unknown): value is number | bigint | Decimal {
  return typeof value === 'number' || typeof value === 'bigint' || value instanceof Decimal
}

function digitsOf(value: number | bigint | Decimal): string {
  return value.toString()
}

/** Undefined for what is no whole number. */
function wholeDigitsOf(value: unknown): string | undefined {
  if (typeof value === 'bigint') return value.toString()
  if (typeof value === 'number') return Number.isInteger(value) ? BigInt(value).toString() : undefined
  if (!(value instanceof Decimal) || !value.isFinite) return undefined
  const { coefficient, scale } = value.normalize()
  return scale === 0 ? coefficient.toString() : undefined
}

/** Undefined where no double is that value, for a Decimal by the digits that it shows. */
function doubleOf(value: unknown): number | undefined {
  if (typeof value === 'number') return value
  if (typeof value === 'bigint') {
    const double = Number(value)
    return Number.isFinite(double) && BigInt(double) === value ? double : undefined
  }
  if (!(value instanceof Decimal)) return undefined
  const double = value.toNumber()
  return Decimal.fromDouble(double).compare(value) === 0 ? double : undefined
}

function convertArray(value: unknown, type: SqlType, element: SqlType, what: string): SqlValue {
  if (!Array.isArray(value)) throw refused(value, type, what)
  return new ArrayConversion(element, what).level(value, 0)
}

/** Arrays of SQL are boxes: all parts of one level have the same length, and elements stand on one level only. */
class ArrayConversion {
  readonly #element: SqlType
  readonly #what: string
  readonly #steps: number[] = []
  /** Of each level that has been begun. */
  readonly #lengths: number[] = []
  /** On which level the elements stand, once one has been seen. */
  #elementLevel: number | undefined
  readonly #isNested: boolean

  constructor(element: SqlType, what: string) {
    this.#element = element
    this.#what = what
    this.#isNested = rules.get(element.name) !== json
  }

  level(values: readonly unknown[], level: number): SqlValue[] {
    if (level === maxArrayDimensions) {
      throw invalidArgument(`${this.#what} has more than ${maxArrayDimensions} dimensions, or holds itself`)
    }
    if ((this.#lengths[level] ??= values.length) !== values.length || (level > 0 && values.length === 0)) {
      throw this.#refused('its arrays must be of one length, and not empty')
    }
    const converted: SqlValue[] = []
    for (let i = 0; i < values.length; i++) {
      this.#steps.push(i)
      if (!(i in values)) throw this.#refused('the array has a hole')
      converted.push(this.#part(values[i], level))
      this.#steps.pop()
    }
    return converted
  }

  #part(value: unknown, level: number): SqlValue {
    const isArray = this.#isNested && Array.isArray(value)
    const isDeep = this.#elementLevel !== undefined && level >= this.#elementLevel
    if (isArray && isDeep) throw this.#refused('an array stands beside elements')
    if (isArray) return this.level(value as readonly unknown[], level + 1)
    if ((this.#elementLevel ??= level) !== level) throw this.#refused('an element stands beside arrays')
    return convertValue(value, this.#element, `${this.#what}${pathOf(this.#steps)}`)
  }

  #refused(problem: string): PolylogError {
    return invalidArgument(`${this.#what}${pathOf(this.#steps)} is no element of ${this.#element.title}[]: ${problem}`)
  }
}
