/** Values of multirange types: ranges of one type in order, none of them empty, with something between each and the next. */
import { defineStructure, structure, StructuredValue } from '../structured.ts'
import type { SqlValue } from '../value.ts'
import { type RangeKind, RangeValue, areAdjacentBounds, compareEnds, compareRanges, compareUpper } from './range.ts'

export class MultirangeValue extends StructuredValue {
  readonly structure: number = structure.multirange
  readonly kind: RangeKind
  readonly ranges: readonly RangeValue[]

  /** Of ranges that are as they must be. */
  constructor(kind: RangeKind, ranges: readonly RangeValue[]) {
    super()
    this.kind = kind
    this.ranges = ranges
  }

  parts(): readonly SqlValue[] {
    // A range of the type comes first, for who makes it again of its parts and has no more than those.
    return [new RangeValue(this.kind, true, noBound, noBound), ...this.ranges]
  }
}

const noBound = { value: null, isIncluded: false } as const

defineStructure(structure.multirange, ([first, ...ranges]) => {
  return new MultirangeValue((first as RangeValue).kind, ranges as RangeValue[])
})

/** Sorted, empty ones left out, those that overlap or meet made one. */
export function makeMultirange(kind: RangeKind, ranges: readonly RangeValue[]): MultirangeValue {
  const sorted = ranges.filter(({ isEmpty }) => !isEmpty).sort(compareRanges)
  const joined: RangeValue[] = []
  for (const range of sorted) {
    const last = joined.at(-1)
    if (last === undefined || !meets(kind, last, range)) joined.push(range)
    else if (compareUpper(kind, range.upper, last.upper) > 0) {
      joined[joined.length - 1] = new RangeValue(kind, false, last.lower, range.upper)
    }
  }
  return new MultirangeValue(kind, joined)
}

function meets(kind: RangeKind, last: RangeValue, next: RangeValue): boolean {
  return compareEnds(kind, last.upper, next.lower) >= 0 || areAdjacentBounds(kind, last.upper, next.lower)
}

export function compareMultiranges(a: MultirangeValue, b: MultirangeValue): number {
  const common = Math.min(a.ranges.length, b.ranges.length)
  for (let i = 0; i < common; i++) {
    const order = compareRanges(a.ranges[i]!, b.ranges[i]!)
    if (order !== 0) return order
  }
  return a.ranges.length - b.ranges.length
}
