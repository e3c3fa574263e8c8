/**
 * Calls that another thread can make: which function is meant, in values that can be sent there.
 *
 * Closures cannot be sent; so whoever binds a call notes where its implementation comes from, and the other thread, which
 * has loaded the same registries, finds it there.
 */
import { PolylogError } from '../../../base/errors.ts'
import { getType } from '../../../model/table/types/registry.ts'
import type { SqlValue } from '../contract.ts'
import { arrayImplementation } from '../functions/array-functions.ts'
import { type EntryKind, entryAt } from '../functions/registry.ts'
import { findCast } from '../types/casts.ts'
import type { Implementation } from '../expression/expression.ts'

export type RemoteCall =
  | { readonly kind: EntryKind; readonly name: string; readonly place: number }
  | { readonly kind: 'cast'; readonly from: number; readonly to: number }
  | { readonly kind: 'modifier'; readonly type: number; readonly modifier: number; readonly explicit: boolean }
  /** Comparison and containment of arrays of one type. */
  | { readonly kind: 'array'; readonly name: string; readonly type: number }
  /** A function that `special-functions.ts` binds, of arguments of these types. */
  | { readonly kind: 'special'; readonly name: string; readonly types: readonly number[] }

/** Specials are known to the binder, which is above. */
export type SpecialImplementation = (name: string, types: readonly number[]) => Implementation

export function implementationOf(call: RemoteCall, special: SpecialImplementation): Implementation {
  switch (call.kind) {
    case 'cast': {
      const convert = findCast(call.from, call.to, 'explicit')?.convert
      if (convert === undefined) throw new PolylogError('internal', `no cast from ${call.from} to ${call.to}`)
      return convert
    }
    case 'modifier': {
      const type = getType(call.type)
      return (value: SqlValue) => type.coerce(value, call.modifier, call.explicit)
    }
    case 'array':
      return arrayImplementation(call.name, call.type)
    case 'special':
      return special(call.name, call.types)
    default:
      return entryAt(call.kind, call.name, call.place).implementation
  }
}
