/** Texts of functions: `regproc`, a name that one function alone has, and `regprocedure`, a name with the types of arguments. */
import { argumentTypes, functionNamed, functionNumbers } from '../catalog/function-numbers.ts'
import type { SqlContext } from '../contract.ts'
import { failure } from '../failure.ts'
import { quoteIdentifier } from '../functions/text-functions.ts'
import { formatNumber, typeNumberNamed } from './made-types.ts'
import { searchPathOf, splitName } from './names.ts'

/** Of each schema that is looked into, the functions there. */
function candidates(context: SqlContext, parts: readonly string[]): readonly (readonly number[])[] {
  const name = parts.at(-1)!
  const schemas = parts.length > 1 ? [parts.at(-2)!] : searchPathOf(context)
  return schemas.map((schema) => functionNumbers(context.catalog, schema, name))
}

export function functionByName(context: SqlContext, text: string): number | undefined {
  const found = candidates(context, splitName(text)).find((one) => one.length > 0)
  if (found !== undefined && found.length > 1) throw failure('42725', `more than one function named "${text}"`)
  return found?.[0]
}

/** `name(type, …)`. */
export function functionBySignature(context: SqlContext, text: string): number | undefined {
  const [, name, list] = /^\s*(.*?)\s*\((.*)\)\s*$/s.exec(text) ?? []
  if (name === undefined) throw failure('22P02', 'expected a left parenthesis')
  const types = list!.trim() === '' ? [] : splitList(list!)
  const wanted = types.map((type) => {
    const number = typeNumberNamed(context, type)
    if (number === undefined) throw failure('42704', `type "${type}" does not exist`)
    return number
  })
  const isIt = (number: number): boolean => {
    const takes = argumentTypes(context.catalog, number)
    return takes.length === wanted.length && takes.every((type, i) => type === wanted[i])
  }
  return candidates(context, splitName(name)).flat().find(isIt)
}

/** At commas that are in no parentheses. */
function splitList(list: string): string[] {
  return list.split(/,(?![^(]*\))/).map((one) => one.trim())
}

/** As PostgreSQL prints it: with its schema only where the search path does not find it, and it alone. */
export function functionText(context: SqlContext, number: number, withTypes: boolean): string {
  const found = functionNamed(context.catalog, number)
  if (found === undefined) return String(number)
  const own = quoteIdentifier(found.name)
  const named = isFound(context, number, found.name, withTypes) ? own : `${quoteIdentifier(found.schema)}.${own}`
  if (!withTypes) return named
  const types = argumentTypes(context.catalog, number).map((type) => formatNumber(context, type, -1))
  return `${named}(${types.join(',')})`
}

function isFound(context: SqlContext, number: number, name: string, withTypes: boolean): boolean {
  const first = candidates(context, [name]).find((one) => one.length > 0) ?? []
  return first.includes(number) && (withTypes || first.length === 1)
}

/** Whether its name alone, with these arguments, means it: pg_function_is_visible. */
export function isFunctionVisible(context: SqlContext, number: number): boolean | null {
  const found = functionNamed(context.catalog, number)
  if (found === undefined) return null
  const types = argumentTypes(context.catalog, number).join()
  const same = (one: number): boolean => argumentTypes(context.catalog, one).join() === types
  return candidates(context, [found.name]).flat().find(same) === number
}
