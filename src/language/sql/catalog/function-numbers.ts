/** Functions by name and number: those that are built in count up from 100,000, in the order in which pg_proc lists them. */
import type { Catalog } from '../../../database/catalog/catalog.ts'
import { shownNumber } from '../../../model/table/types/registry.ts'
import { allFunctions, type ListedFunction } from '../functions/registry.ts'
import { isRoutine } from '../routine/definition.ts'
import { type Routine, routineOf, routinesNamed } from '../routine/routines.ts'
import { collectionByOid } from './identity.ts'

export const firstFunctionOid = 100_000

let listed: readonly ListedFunction[] | undefined

/** Those that have names: the grammar has words of its own for the others. */
export function listedFunctions(): readonly ListedFunction[] {
  return (listed ??= [...allFunctions()].filter(({ name }) => !name.includes(' ')))
}

/** The numbers of the functions of this name in a schema. */
export function functionNumbers(catalog: Catalog, schema: string, name: string): number[] {
  if (schema !== 'pg_catalog')
    return routinesNamed(catalog, schema, name).map(({ collection }) => 16_384 + collection.id)
  return listedFunctions().flatMap((one, i) => (one.name === name ? [firstFunctionOid + i] : []))
}

export function routineByNumber(catalog: Catalog, number: number): Routine | undefined {
  const collection = collectionByOid(catalog, number)
  return collection !== undefined && isRoutine(collection) ? routineOf(collection) : undefined
}

/** Where a function is, and what it is called. */
export function functionNamed(catalog: Catalog, number: number): { schema: string; name: string } | undefined {
  const routine = routineByNumber(catalog, number)
  if (routine !== undefined) return { schema: routine.collection.namespace.name, name: routine.definition.name }
  const builtIn = listedFunctions()[number - firstFunctionOid]
  return builtIn && { schema: 'pg_catalog', name: builtIn.name }
}

/** The types of its arguments, by clients' numbers. */
export function argumentTypes(catalog: Catalog, number: number): readonly number[] {
  const routine = routineByNumber(catalog, number)
  if (routine !== undefined) return routine.inputs.map(({ type }) => shownNumber(type))
  return listedFunctions()[number - firstFunctionOid]?.takes ?? []
}
