/**
 * What a function or procedure is to the catalog: a collection without rows, in the name space of functions. Its catalog
 * name tells what it takes, `f(23,25)`, so that overloads of one name are different objects.
 */
import { everybody, noOwner } from '../../../database/access/access-list.ts'
import { noPrivileges, privilege } from '../../../database/access/privileges.ts'
import type { Collection, JsonObject } from '../../../database/catalog/catalog.ts'
import { type Dependency, type ObjectKind, registerKind } from '../../../database/catalog/objects.ts'
import { PolylogError } from '../../../base/errors.ts'
import { findType, keptContents, shownNumber, storedType } from '../../../model/table/types/registry.ts'
import { contentsIn } from '../../../model/table/types/user/content.ts'

export type ParameterMode = 'in' | 'out' | 'inout' | 'variadic' | 'table'

export interface RoutineParameter {
  /** Left out where it has none. */
  readonly name?: string
  readonly mode: ParameterMode
  /** A plan's number, as in a result; the catalog's definition has that of clients. */
  readonly type: number
  /** An expression, as text. */
  readonly default?: string
}

export interface RoutineResult {
  /** `record` where it is a row of several columns. */
  readonly type: number
  readonly isSet: boolean
  /** It is a row of this table. */
  readonly table?: number
}

export interface RoutineDefinition {
  readonly kind: 'function' | 'procedure'
  readonly name: string
  readonly language: string
  readonly parameters: readonly RoutineParameter[]
  /** Left out of a procedure without output parameters. */
  readonly returns?: RoutineResult
  readonly volatility: 'immutable' | 'stable' | 'volatile'
  readonly isStrict?: boolean
  readonly isDefiner?: boolean
  readonly isLeakproof?: boolean
  readonly parallel?: 'restricted' | 'safe'
  readonly cost?: number
  readonly rows?: number
  /** What is set while it runs, by name. */
  readonly settings?: readonly (readonly [name: string, value: string])[]
  readonly body: string
  /** `BEGIN ATOMIC` or RETURN: the body is part of the statement that made it, and not a string. */
  readonly isAtomic?: boolean
  /** It is a part of this one. */
  readonly extension?: number
}

export const routineKind: ObjectKind<RoutineDefinition> = registerKind<RoutineDefinition>({
  name: 'routine',
  model: 'routine',
  space: 'function',
  word: 'function',
  title: ({ name }) => name as string,
  isOwned: true,
  actsForOwner: true,
  firstAccess: [{ to: everybody, by: noOwner, may: privilege.execute, mayGive: noPrivileges }],
  version: 1,
  decode: decodeRoutine,
  dependencies: ({ parameters, returns, extension }): readonly Dependency[] => [
    ...madeTypesOf(parameters, returns).map((id) => ({ on: { id }, kind: 'normal' }) as const),
    ...(extension === undefined ? [] : [{ on: { id: extension }, kind: 'internal' } as const]),
  ],
})

export function isRoutine(collection: Collection): boolean {
  return collection.kind === routineKind.name
}

function decodeRoutine(definition: JsonObject): RoutineDefinition {
  const { name, language, parameters, body } = definition
  const isWhole = [name, language, body].every((one) => typeof one === 'string') && Array.isArray(parameters)
  if (!isWhole) throw new PolylogError('data_corrupted', 'the definition of a function cannot be read')
  const { types: _, ...routine } = definition as unknown as RoutineDefinition & { readonly types?: object }
  const contents = contentsIn(definition)
  const found = (type: number): number => storedType(type, contents).oid
  const { returns } = routine
  return {
    ...routine,
    parameters: routine.parameters.map((one) => ({ ...one, type: found(one.type) })),
    ...(returns !== undefined && { returns: { ...returns, type: found(returns.type) } }),
  }
}

/** As the catalog keeps it, with what the types of users consist of. JSON has no place for undefined. */
export function routineJson(definition: RoutineDefinition): JsonObject {
  const { parameters, returns } = definition
  const kept = keptContents([...parameters, ...(returns === undefined ? [] : [returns])].map(({ type }) => type))
  const stored = {
    ...definition,
    parameters: parameters.map((one) => ({ ...one, type: shownNumber(one.type) })),
    ...(returns !== undefined && { returns: { ...returns, type: shownNumber(returns.type) } }),
    ...kept,
  }
  return JSON.parse(JSON.stringify(stored)) as JsonObject
}

/** The types of users, and the tables, whose values or rows it takes and gives. */
function madeTypesOf(parameters: readonly RoutineParameter[], returns: RoutineResult | undefined): readonly number[] {
  const types = [...parameters, ...(returns === undefined ? [] : [returns])]
  const ids = new Set(types.flatMap(({ type }) => findType(type)?.made?.id ?? []))
  if (returns?.table !== undefined) ids.add(returns.table)
  return [...ids]
}

/** What callers give, in this order. */
export function inputsOf({ parameters }: RoutineDefinition): readonly RoutineParameter[] {
  return parameters.filter(({ mode }) => mode !== 'out' && mode !== 'table')
}

export function outputsOf({ parameters }: RoutineDefinition): readonly RoutineParameter[] {
  return parameters.filter(({ mode }) => mode !== 'in' && mode !== 'variadic')
}

/** Under which the catalog keeps it. */
export function signatureOf(name: string, types: readonly number[]): string {
  return `${name}(${types.map(shownNumber).join(',')})`
}
