/**
 * Calls that another thread can make: which function is meant, in values that can be sent there.
 *
 * Closures cannot be sent; so whoever binds a call notes where its implementation comes from, and the other thread, which
 * has loaded the same registries, finds it there.
 */
import { PolylogError } from '../../../base/errors.ts'
import { decodeText } from '../../../model/table/types/text.ts'
import { getType } from '../../../model/table/types/registry.ts'
import type { SqlValue } from '../contract.ts'
import { arrayImplementation } from '../functions/arrays/array-functions.ts'
import {
  aggregatesNamed,
  type EntryKind,
  entryOfTypes,
  type SetFunctionEntry,
  setFunctionsNamed,
} from '../functions/registry.ts'
import { findCast } from '../types/casts.ts'
import { keyBytesOf } from '../types/hash-key.ts'
import type { Implementation } from '../expression/expression.ts'

export type RemoteCall =
  /** By its types: threads load the registering files in orders of their own. */
  | { readonly kind: EntryKind; readonly name: string; readonly takes: readonly number[] }
  | { readonly kind: 'cast'; readonly from: number; readonly to: number }
  /** What makes an aggregate's result of what it has gathered. */
  | { readonly kind: 'finishing'; readonly name: string }
  /** What makes the list of a function that returns rows. */
  | { readonly kind: 'list'; readonly name: string; readonly takes: readonly number[] }
  /** A value as a client sends it: text, as characters or as UTF-8, or the type's binary form. */
  | { readonly kind: 'input'; readonly type: number; readonly modifier: number; readonly isBinary: boolean }
  | { readonly kind: 'modifier'; readonly type: number; readonly modifier: number; readonly explicit: boolean }
  /** Comparison and containment of arrays of one type. */
  | { readonly kind: 'array'; readonly name: string; readonly type: number }
  /** The bytes of a value's key: see `types/hash-key.ts`. */
  | { readonly kind: 'key'; readonly type: number }
  /** A function that `special-functions.ts` binds, of arguments of these types. */
  | { readonly kind: 'special'; readonly name: string; readonly types: readonly number[] }

/** Specials are known to the binder, which is above. */
export type SpecialImplementation = (name: string, types: readonly number[]) => Implementation

function found<T>({ kind, name }: { kind: string; name: string }, implementation: T | undefined): T {
  if (implementation === undefined) throw new PolylogError('internal', `there is no ${kind} of ${name}`)
  return implementation
}

type Input = Extract<RemoteCall, { kind: 'input' }>

export function readInput({ type: oid, modifier, isBinary }: Input, value: string | Uint8Array): SqlValue {
  const type = getType(oid)
  if (isBinary && typeof value !== 'string') return type.decodeBinary(value, 0, value.length)
  const text = typeof value === 'string' ? value : decodeText(value, 0, value.length)
  const parsed = type.parseText(text, modifier)
  return parsed === null || modifier < 0 ? parsed : type.coerce(parsed, modifier, false)
}

export function implementationOf(call: RemoteCall, special: SpecialImplementation): Implementation {
  switch (call.kind) {
    case 'cast': {
      const convert = findCast(call.from, call.to, 'explicit')?.convert
      if (convert === undefined) throw new PolylogError('internal', `no cast from ${call.from} to ${call.to}`)
      return convert
    }
    case 'finishing':
      return found(call, aggregatesNamed(call.name).find(({ finishing }) => finishing !== undefined)?.finishing?.call)
    case 'list': {
      const ofTypes = ({ takes }: SetFunctionEntry): boolean => takes.join() === call.takes.join()
      return found(call, setFunctionsNamed(call.name).find(ofTypes)?.list)
    }
    case 'input':
      return (value: string | Uint8Array) => readInput(call, value)
    case 'modifier': {
      const type = getType(call.type)
      return (value: SqlValue) => type.coerce(value, call.modifier, call.explicit)
    }
    case 'array':
      return arrayImplementation(call.name, call.type)
    case 'key':
      return keyBytesOf(call.type)
    case 'special':
      return special(call.name, call.types)
    default:
      return entryOfTypes(call.kind, call.name, call.takes).implementation
  }
}
