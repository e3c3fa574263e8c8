/**
 * What a function or procedure is to the catalog: a collection without rows, in the name space of functions. Its catalog
 * name tells what it takes, `f(23,25)`, so that overloads of one name are different objects.
 */
import { everybody, noOwner } from '../../../database/access/access-list.ts'
import { noPrivileges, privilege } from '../../../database/access/privileges.ts'
import type { Collection, JsonObject } from '../../../database/catalog/catalog.ts'
import { type Dependency, type ObjectKind, registerKind } from '../../../database/catalog/objects.ts'
import { PolylogError } from '../../../base/errors.ts'

export type ParameterMode = 'in' | 'out' | 'inout' | 'variadic' | 'table'

export interface RoutineParameter {
  /** Left out where it has none. */
  readonly name?: string
  readonly mode: ParameterMode
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
  dependencies: ({ returns, extension }): readonly Dependency[] => [
    ...(returns?.table === undefined ? [] : [{ on: { id: returns.table }, kind: 'normal' } as const]),
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
  return definition as unknown as RoutineDefinition
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
  return `${name}(${types.join(',')})`
}
