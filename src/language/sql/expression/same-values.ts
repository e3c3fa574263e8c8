/**
 * Whether values are the same ones, computed once more: of what is interrupted and evaluated again, some comes out as a new
 * object with the same contents (`ARRAY[…]`, a bytea, a numeric), and must be known again, or it would never come to its end.
 */
import { charge } from '../../../base/work.ts'
import { Decimal } from '../../../base/decimal.ts'
import { BoundedArray } from '../../../model/table/types/array-bounds.ts'
import { StructuredValue } from '../../../model/table/types/structured.ts'
import type { Interval, SqlValue } from '../contract.ts'

const unitsPerElement = 10
const bytesPerUnit = 16

export function sameValues(a: readonly SqlValue[], b: readonly SqlValue[]): boolean {
  if (a === b) return true
  if (a.length !== b.length) return false
  for (let i = 0; i < b.length; i++) if (!isSame(a[i]!, b[i]!)) return false
  return true
}

export function isSame(a: SqlValue, b: SqlValue): boolean {
  if (Object.is(a, b)) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  if (a instanceof Uint8Array) return b instanceof Uint8Array && sameBytes(a, b)
  if (a instanceof Decimal) return b instanceof Decimal && sameDecimal(a, b)
  if (a instanceof StructuredValue) {
    return b instanceof StructuredValue && a.structure === b.structure && sameElements(a.parts(), b.parts())
  }
  if (Array.isArray(a)) return Array.isArray(b) && sameArrays(a as readonly SqlValue[], b as readonly SqlValue[])
  return 'us' in b && sameInterval(a as Interval, b)
}

function sameArrays(a: readonly SqlValue[], b: readonly SqlValue[]): boolean {
  const bounds = (list: readonly SqlValue[]): readonly number[] =>
    list instanceof BoundedArray ? list.lowerBounds : []
  return sameValues(bounds(a), bounds(b)) && sameElements(a, b)
}

function sameElements(a: readonly SqlValue[], b: readonly SqlValue[]): boolean {
  charge(b.length * unitsPerElement)
  return sameValues(a, b)
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  charge(b.length / bytesPerUnit)
  return Buffer.compare(a, b) === 0
}

function sameDecimal(a: Decimal, b: Decimal): boolean {
  return a.kind === b.kind && a.scale === b.scale && a.coefficient === b.coefficient
}

function sameInterval(a: Interval, b: Interval): boolean {
  return a.months === b.months && a.days === b.days && a.us === b.us
}
