/**
 * What a parameter of PostgreSQL may be, and how its values are read and shown, by its type. Units, bounds and errors are
 * those of PostgreSQL's `guc.c`: a number may have a unit; it is shown with the largest one that leaves no fraction.
 */
import { durationUnitsMs, inLargestUnit, sizeUnits, type Units } from '../../../base/units.ts'
import { failure } from '../failure.ts'

export type ParameterContext =
  | 'internal'
  | 'postmaster'
  | 'sighup'
  | 'superuser-backend'
  | 'backend'
  | 'superuser'
  | 'user'

export interface Parameter {
  /** As PostgreSQL writes it: `TimeZone`. */
  readonly name: string
  readonly context: ParameterContext
  readonly type: 'bool' | 'integer' | 'real' | 'string' | 'enum'
  /** As it is shown. */
  readonly initial: string
  /** Of what is counted in one: `kB`, `8kB`, `ms`. */
  readonly unit?: string
  readonly low?: number
  readonly high?: number
  readonly words?: readonly string[]
  /** The text to keep and to show. Throws 22023 for what it cannot be. */
  readonly accept: (value: string) => string
}

export function invalidValue(name: string, value: string, hint?: string): Error {
  return failure('22023', `invalid value for parameter "${name}": "${value}"`, hint === undefined ? {} : { hint })
}

export function boolean(name: string, context: ParameterContext, initial: string): Parameter {
  return { name, context, type: 'bool', initial, accept: (value) => readBoolean(name, value) }
}

/** Any beginning of a word that can be no other: `t`, `of`. */
function readBoolean(name: string, value: string): string {
  const lower = value.toLowerCase()
  if (lower !== '' && lower !== 'o') {
    if (['on', 'true', 'yes', '1'].some((one) => one.startsWith(lower))) return 'on'
    if (['off', 'false', 'no', '0'].some((one) => one.startsWith(lower))) return 'off'
  }
  throw failure('22023', `parameter "${name}" requires a Boolean value`)
}

export function word(name: string, context: ParameterContext, initial: string, ...words: readonly string[]): Parameter {
  const accept = (value: string): string => {
    const found = words.find((one) => one === value.toLowerCase()) ?? switchOf(words, value)
    if (found !== undefined) return found
    throw invalidValue(name, value, `Available values: ${words.join(', ')}.`)
  }
  return { name, context, type: 'enum', initial, words, accept }
}

/** Where `on` and `off` are among the words, so are the other texts of a Boolean. */
function switchOf(words: readonly string[], value: string): string | undefined {
  if (!words.includes('on') || !words.includes('off')) return undefined
  const lower = value.toLowerCase()
  if (lower === 'true' || lower === 'yes' || lower === '1') return 'on'
  return lower === 'false' || lower === 'no' || lower === '0' ? 'off' : undefined
}

export function text(name: string, context: ParameterContext, initial: string): Parameter {
  return { name, context, type: 'string', initial, accept: (value) => value }
}

/** Any number of them, with commas between. */
export function words(
  name: string,
  context: ParameterContext,
  initial: string,
  ...known: readonly string[]
): Parameter {
  const accept = (value: string): string => {
    const given = value.trim() === '' ? [] : value.split(',').map((one) => one.trim().toLowerCase())
    const strange = given.find((one) => !known.includes(one))
    if (strange === undefined) return value
    const detail = `Unrecognized key word: "${strange}".`
    throw failure('22023', `invalid value for parameter "${name}": "${value}"`, { detail })
  }
  return { name, context, type: 'string', initial, accept }
}

type MakeNumeric = (
  name: string,
  context: ParameterContext,
  initial: number,
  low: number,
  high: number,
  unit?: string,
) => Parameter

const numericOf =
  (type: 'integer' | 'real'): MakeNumeric =>
  (name, context, initial, low, high, unit) =>
    numeric(type, { name, context, low, high, unit }, initial)

export const number: MakeNumeric = numericOf('integer')
export const real: MakeNumeric = numericOf('real')

interface NumericParts {
  readonly name: string
  readonly context: ParameterContext
  readonly low: number
  readonly high: number
  readonly unit: string | undefined
}

function numeric(type: 'integer' | 'real', parts: NumericParts, initial: number): Parameter {
  const { name, context, low, high, unit } = parts
  const show = (amount: number): string =>
    unit === undefined || amount <= 0 ? String(amount) : inLargestUnit(amount * factorOf(unit), unitsOf(unit))
  const accept = (value: string): string => {
    const amount = readNumber(name, value, unit, type)
    const isTooLong = type === 'integer' && (amount > 2_147_483_647 || amount < -2_147_483_648)
    if (isTooLong) throw invalidValue(name, value, 'Value exceeds integer range.')
    if (amount >= low && amount <= high) return show(amount)
    const of = unit === undefined ? '' : ` ${unit}`
    const bounds = `(${boundText(low)} .. ${boundText(high)})`
    throw failure('22023', `${amount}${of} is outside the valid range for parameter "${name}" ${bounds}`)
  }
  return { name, context, type, initial: show(initial), low, high, accept, ...(unit !== undefined && { unit }) }
}

/** As C's `%g` has it. */
export function boundText(value: number): string {
  return value === Number.MAX_VALUE ? '1.79769e+308' : value === 1e6 ? '1e+06' : String(value)
}

function unitsOf(unit: string): Units {
  return unit.endsWith('B') ? sizeUnits : durationUnitsMs
}

/** How much of the smallest counted thing a unit is: `8kB` are 8192 bytes. */
function factorOf(unit: string): number {
  const [, count, name] = /^(\d*)([A-Za-z]+)$/.exec(unit)!
  return Number(count || 1) * unitsOf(unit).find(([one]) => one === name)![1]
}

const timeHint = 'Valid units for this parameter are "us", "ms", "s", "min", "h", and "d".'
const sizeHint = 'Valid units for this parameter are "B", "kB", "MB", "GB", and "TB".'

function readNumber(name: string, value: string, unit: string | undefined, type: 'integer' | 'real'): number {
  const found = /^\s*([+-]?(?:0x[\da-f]+|\d+\.?\d*(?:e[+-]?\d+)?|\.\d+(?:e[+-]?\d+)?))\s*([A-Za-z]*)\s*$/i.exec(value)
  const amount = found === null ? NaN : toNumber(found[1]!)
  if (found === null || !Number.isFinite(amount)) throw invalidValue(name, value)
  const given = found[2]!
  if (given === '') return round(amount, type)
  if (unit === undefined) throw invalidValue(name, value)
  const factor = unitsOf(unit).find(([one]) => one === given)?.[1]
  if (factor === undefined) throw invalidValue(name, value, unit.endsWith('B') ? sizeHint : timeHint)
  return round((amount * factor) / factorOf(unit), type)
}

function toNumber(text: string): number {
  const sign = text.startsWith('-') ? -1 : 1
  return sign * Number(text.replace(/^[+-]/, ''))
}

function round(amount: number, type: 'integer' | 'real'): number {
  return type === 'integer' ? Math.round(amount) : amount
}

/** As `pg_settings` has it: the count alone, in the parameter's unit. */
export function countOf({ name, unit, type }: Parameter, value: string): string {
  if (unit === undefined || (type !== 'integer' && type !== 'real')) return value
  return String(readNumber(name, value, unit, type))
}
