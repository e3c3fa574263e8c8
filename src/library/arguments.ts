/**
 * What callers pass is looked at before it is used: JavaScript has no types at run time, and what a door has not refused
 * would be stored for good. A wrong argument is a `PolylogError` with `invalid_argument` that names it; it is never an
 * error from somewhere inside, and never taken for something else.
 */
import { types } from 'node:util'
import { InvariantError, PolylogError } from '../base/errors.ts'

/** Throws where `value` is not what it checks for; `what` names the argument: `the callback of write`. */
export type Check = (what: string, value: unknown) => void

/** `wanted` says what it must be: `a boolean`. */
export function check(isRight: (value: unknown) => boolean, wanted: string): Check {
  return (what, value) => {
    if (!readCarefully(what, () => isRight(value)))
      throw invalidArgument(`${what} must be ${wanted}, not ${kindOf(value)}`)
  }
}

export const checkBoolean: Check = check((value) => typeof value === 'boolean', 'a boolean')

export const checkString: Check = check((value) => typeof value === 'string', 'a string')

export const checkFunction: Check = check((value) => typeof value === 'function', 'a function')

export function checkInteger(lowest: number, highest: number = Number.MAX_SAFE_INTEGER): Check {
  const range = highest === Number.MAX_SAFE_INTEGER ? `from ${lowest} on` : `from ${lowest} to ${highest}`
  const isRight = (value: unknown): boolean =>
    Number.isSafeInteger(value) && (value as number) >= lowest && (value as number) <= highest
  return check(isRight, `a whole number ${range}`)
}

/** A port of this machine; 0 lets the system choose. */
export const checkPort: Check = checkInteger(0, 65_535)

export function checkOneOf(...words: readonly string[]): Check {
  return check((value) => words.includes(value as string), `one of ${words.join(', ')}`)
}

/** Of options, each with its own check. One that is undefined counts as left out; one that is not known is refused. */
export function checkOptions(checks: Readonly<Record<string, Check>>): Check {
  const known = Object.keys(checks)
  const checkObject = check(isPlainObject, 'a plain object')
  return (what, value) =>
    readCarefully(what, () => {
      checkObject(what, value)
      for (const name of Reflect.ownKeys(value as object)) {
        if (!known.includes(name as string)) {
          throw invalidArgument(`${what} have no "${String(name)}"; there are ${known.join(', ')}`)
        }
        const option = (value as Record<string, unknown>)[name as string]
        if (option !== undefined) checks[name as string]!(`"${String(name)}" of ${what}`, option)
      }
    })
}

export function invalidArgument(message: string, cause?: unknown): PolylogError {
  return new PolylogError('invalid_argument', message, cause === undefined ? {} : { cause })
}

/** Getters and proxies run their owner's code, which may throw anything. */
export function readCarefully<T>(what: string, read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (error instanceof PolylogError || error instanceof InvariantError) throw error
    throw invalidArgument(`${what} cannot be read: ${error instanceof Error ? error.message : String(error)}`, error)
  }
}

/** Of a literal, of this realm or another one: no class, so nothing but its own fields belongs to it. */
export function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  const prototype = Object.getPrototypeOf(value) as object | null
  if (prototype === null) return true
  return Object.getPrototypeOf(prototype) === null && Object.hasOwn(prototype, 'hasOwnProperty')
}

/** UTF-8 has no bytes for half of a surrogate pair: it would be stored as another character. */
export function isWellFormed(text: string): boolean {
  return (text as string & { isWellFormed(): boolean }).isWellFormed()
}

/** The kind of a value, for messages: `a Date`, `an array`, `the number 1.5`. */
export function kindOf(value: unknown): string {
  if (value === null || value === undefined || typeof value === 'boolean') return String(value)
  if (typeof value === 'number') return `the number ${value}`
  if (typeof value !== 'object') return `a ${typeof value}`
  return kindOfObject(value)
}

function kindOfObject(value: object): string {
  if (types.isProxy(value)) return 'a Proxy'
  if (Array.isArray(value)) return 'an array'
  if (types.isDate(value)) return Number.isNaN(value.getTime()) ? 'an invalid Date' : 'a Date'
  if (isPlainObject(value)) return 'an object'
  const name = classNameOf(value)
  return name === '' ? 'an object of a class' : `${/^[aeio]/i.test(name) ? 'an' : 'a'} ${name}`
}

const longestName = 60

function classNameOf(value: object): string {
  const prototype = Object.getPrototypeOf(value) as object | null
  const named: unknown =
    prototype === null ? undefined : Object.getOwnPropertyDescriptor(prototype, 'constructor')?.value
  return typeof named === 'function' && typeof named.name === 'string' ? named.name.slice(0, longestName) : ''
}

const longestPath = 200

/** `lines[2].price`: where in a value something stands, cut where that is deep inside. */
export function pathOf(steps: readonly (string | number)[]): string {
  let path = ''
  for (const step of steps) {
    if (path.length > longestPath) return `${path.slice(0, longestPath)}…`
    path += typeof step === 'number' ? `[${step}]` : path === '' ? step : `.${step}`
  }
  return path
}
