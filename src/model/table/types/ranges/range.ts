/**
 * Values of range types: two bounds of a subtype, each included or not, or without end; or empty.
 *
 * A range is made by `makeRange` alone, which refuses bounds in the wrong order, knows what is empty, and brings ranges of
 * discrete subtypes (integers, dates) to one form: the lower bound is in, the upper one is not.
 */
import { defineStructure, structure, StructuredValue } from '../structured.ts'
import { sqlError, type SqlType } from '../type.ts'
import type { SqlValue } from '../value.ts'

/** What a range type knows of itself. */
export interface RangeKind {
  readonly oid: number
  readonly multirangeOid: number
  readonly subtype: SqlType
  /** Of a discrete subtype: the value behind another one; undefined behind none, as of an infinite date. */
  readonly next?: (value: SqlValue) => SqlValue | undefined
}

const kinds = new Map<number, RangeKind>()

export function defineRangeKind(kind: RangeKind): RangeKind {
  kinds.set(kind.oid, kind)
  return kind
}

/** A bound: `value` null is without end. */
export interface Bound {
  readonly value: SqlValue
  readonly isIncluded: boolean
}

export const endless: Bound = { value: null, isIncluded: false }

const flag = { empty: 1, lower: 2, upper: 4 } as const

export class RangeValue extends StructuredValue {
  readonly structure: number = structure.range
  readonly kind: RangeKind
  readonly isEmpty: boolean
  readonly lower: Bound
  readonly upper: Bound

  /** Of bounds that are as they must be. */
  constructor(kind: RangeKind, isEmpty: boolean, lower: Bound, upper: Bound) {
    super()
    this.kind = kind
    this.isEmpty = isEmpty
    this.lower = lower
    this.upper = upper
  }

  parts(): readonly SqlValue[] {
    const { kind, isEmpty, lower, upper } = this
    const flags = (isEmpty ? flag.empty : 0) | (lower.isIncluded ? flag.lower : 0) | (upper.isIncluded ? flag.upper : 0)
    return [kind.oid, flags, lower.value, upper.value]
  }
}

defineStructure(structure.range, ([oid, flags, lower, upper]) => {
  const has = (one: number): boolean => ((flags as number) & one) !== 0
  return new RangeValue(
    kinds.get(oid as number)!,
    has(flag.empty),
    { value: lower!, isIncluded: has(flag.lower) },
    { value: upper!, isIncluded: has(flag.upper) },
  )
})

export function emptyRange(kind: RangeKind): RangeValue {
  return new RangeValue(kind, true, endless, endless)
}

export function makeRange(kind: RangeKind, lower: Bound, upper: Bound): RangeValue {
  if (lower.value !== null && upper.value !== null) {
    const order = kind.subtype.compare(lower.value, upper.value)
    if (order > 0) {
      throw sqlError('invalid_argument', '22000', 'range lower bound must be less than or equal to range upper bound')
    }
    if (order === 0 && !(lower.isIncluded && upper.isIncluded)) return emptyRange(kind)
  }
  if (kind.next === undefined) return new RangeValue(kind, false, settled(lower), settled(upper))
  const from = lower.isIncluded ? lower : stepped(kind, lower, true)
  const to = upper.isIncluded ? stepped(kind, upper, false) : upper
  const isNone = from.value !== null && to.value !== null && kind.subtype.compare(from.value, to.value) === 0
  return isNone && !(from.isIncluded && to.isIncluded)
    ? emptyRange(kind)
    : new RangeValue(kind, false, settled(from), settled(to))
}

function stepped(kind: RangeKind, bound: Bound, isIncluded: boolean): Bound {
  const value = bound.value === null ? undefined : kind.next!(bound.value)
  return value === undefined ? bound : { value, isIncluded }
}

/** A bound without end is not included. */
function settled(bound: Bound): Bound {
  return bound.value === null ? endless : bound
}

/** Of two lower bounds. One without end is first; one that is included before one at the same place that is not. */
export function compareLower(kind: RangeKind, a: Bound, b: Bound): number {
  if (a.value === null || b.value === null) return Number(b.value === null) - Number(a.value === null)
  return kind.subtype.compare(a.value, b.value) || Number(b.isIncluded) - Number(a.isIncluded)
}

/** Of two upper bounds. */
export function compareUpper(kind: RangeKind, a: Bound, b: Bound): number {
  if (a.value === null || b.value === null) return Number(a.value === null) - Number(b.value === null)
  return kind.subtype.compare(a.value, b.value) || Number(a.isIncluded) - Number(b.isIncluded)
}

/** Where a range ends and where another begins: below 0, there is nothing that both hold. */
export function compareEnds(kind: RangeKind, upper: Bound, lower: Bound): number {
  if (upper.value === null || lower.value === null) return 1
  const order = kind.subtype.compare(upper.value, lower.value)
  if (order !== 0) return order
  return upper.isIncluded && lower.isIncluded ? 0 : -1
}

/** Whether nothing lies between the end of one and the beginning of another, and nothing in both. */
export function areAdjacentBounds(kind: RangeKind, upper: Bound, lower: Bound): boolean {
  if (upper.value === null || lower.value === null) return false
  const order = kind.subtype.compare(upper.value, lower.value)
  if (order === 0) return upper.isIncluded !== lower.isIncluded
  if (order > 0 || kind.next === undefined) return false
  const between = makeRange(
    kind,
    { value: upper.value, isIncluded: !upper.isIncluded },
    { value: lower.value, isIncluded: !lower.isIncluded },
  )
  return between.isEmpty
}

/** The empty one is first. */
export function compareRanges(a: RangeValue, b: RangeValue): number {
  if (a.isEmpty || b.isEmpty) return Number(b.isEmpty) - Number(a.isEmpty)
  return compareLower(a.kind, a.lower, b.lower) || compareUpper(a.kind, a.upper, b.upper)
}
