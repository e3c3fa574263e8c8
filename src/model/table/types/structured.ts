/**
 * Values of several parts: a range and its bounds, a time and its zone, a polygon and its points. All that only moves values
 * (between threads, to a temporary file, into a fingerprint) takes them apart and makes them again by their kind.
 *
 * Invariants: immutable; two of one kind with the same parts are the same value.
 */
import { PolylogError } from '../../../base/errors.ts'
import type { SqlValue } from './value.ts'

/** Numbers that other threads and temporary files know: none is used for another kind. */
export const structure = { range: 1, multirange: 2, zonedTime: 3, shape: 4, row: 5, record: 6 } as const

export abstract class StructuredValue {
  abstract readonly structure: number
  abstract parts(): readonly SqlValue[]
}

const makers = new Map<number, (parts: readonly SqlValue[]) => StructuredValue>()

export function defineStructure(kind: number, make: (parts: readonly SqlValue[]) => StructuredValue): void {
  makers.set(kind, make)
}

export function makeStructure(kind: number, parts: readonly SqlValue[]): StructuredValue {
  const make = makers.get(kind)
  if (make === undefined) throw new PolylogError('internal', `there is no structured value of kind ${kind}`)
  return make(parts)
}
