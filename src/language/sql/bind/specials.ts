/** Where functions register whose meaning depends on the types of their arguments in ways that a signature cannot say. */
import { formatType, findType } from '../../../model/table/types/registry.ts'
import { type Expression, type Implementation, plainCall } from '../expression/expression.ts'
import { failure } from '../failure.ts'
import { type Cost, costOfTypes } from '../functions/cost.ts'
import { oid } from '../types/oids.ts'
import type { Binder } from './binder.ts'
import { coerce, fold } from './coerce.ts'

export type Special = (binder: Binder, parts: readonly Expression[], location: number | undefined) => Expression

export const specialFunctions: Map<string, Special> = new Map()

export interface SpecialOptions {
  readonly strict?: boolean
  readonly stable?: boolean
  readonly cost?: Cost
}

/** The call that one of them is bound to: another thread can bind it over values of the same types. */
export function specialCall(
  name: string,
  type: number,
  parts: readonly Expression[],
  implementation: Implementation,
  location: number | undefined,
  options: SpecialOptions = {},
): Expression {
  const { strict = false, stable = false, cost } = options
  const types = parts.map((part) => part.type)
  const remote = { kind: 'special', name, types } as const
  const call = plainCall(name, type, parts, implementation, location, strict)
  return fold({ ...call, remote, stable, cost: cost ?? costOfTypes(types) })
}

/** Literals of no type become text. */
export function settled(binder: Binder, parts: readonly Expression[]): Expression[] {
  return parts.map((part) => {
    if (part.type !== oid.unknown) return part
    if (part.kind === 'parameter') {
      throw failure('42P18', `could not determine data type of parameter $${part.index + 1}`)
    }
    return coerce(binder, part, oid.text)
  })
}

export function needArguments(
  name: string,
  parts: readonly Expression[],
  count: number,
  location: number | undefined,
  most: number = Infinity,
): void {
  if (parts.length < count || parts.length > most) throw noSuchFunction(name, parts, location)
}

export function noSuchFunction(name: string, parts: readonly Expression[], location: number | undefined): Error {
  const types = parts.map(({ type }) => formatType(type, -1)).join(', ')
  return failure('42883', `function ${name}(${types}) does not exist`, {
    location,
    hint: 'No function matches the given name and argument types. You might need to add explicit type casts.',
  })
}

/** An array literal of no type has the type that the elements beside it say. */
export function knownArray(binder: Binder, [array, ...others]: readonly Expression[]): Expression {
  if (array!.type !== oid.unknown) return array!
  const element = others.find(({ type }) => type !== oid.unknown)?.type ?? oid.text
  const type = findType(element)?.arrayOid
  return type === undefined || type === 0 ? array! : coerce(binder, array!, type)
}
