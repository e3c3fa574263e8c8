/**
 * A set of keys made of ranges, which never changes: whoever holds one has a snapshot of it. The ranges that were deleted
 * over a base store and hide its entries are kept so.
 *
 * Keys are latin1 strings, which sort as their bytes do.
 *
 * Invariants: the ranges are disjoint, none is empty, and none begins where another one ends.
 */
import { PersistentMap } from '../../base/persistent-map.ts'
import { latin1ToBytes, sliceOf, sliceToLatin1, type KeyRange, type Slice } from '../../base/slice.ts'

export interface TextRange {
  readonly start: string
  readonly end: string
}

export class RangeSet {
  /** Starts to ends. */
  readonly #ends: PersistentMap<string, string>

  private constructor(ends: PersistentMap<string, string>) {
    this.#ends = ends
  }

  static empty(): RangeSet {
    return none
  }

  static ofEnds(ends: PersistentMap<string, string>): RangeSet {
    return new RangeSet(ends)
  }

  get size(): number {
    return this.#ends.size
  }

  with({ start: from, end: to }: TextRange): RangeSet {
    if (from >= to) return this
    let [start, end] = [from, to]
    let ends = this.#ends
    const before = ends.atOrBefore(from)
    if (before !== undefined && before[1] >= from) [start, end] = [before[0], before[1] > to ? before[1] : to]
    for (let next = ends.after(start); next !== undefined && next[0] <= end; next = ends.after(start)) {
      if (next[1] > end) end = next[1]
      ends = ends.without(next[0])
    }
    return new RangeSet(ends.with(start, end))
  }

  /** Without the range that holds the key. */
  withoutAround(key: string): RangeSet {
    const found = this.around(key)
    return found === undefined ? this : new RangeSet(this.#ends.without(found.start))
  }

  union(other: RangeSet): RangeSet {
    const [smaller, larger] = other.size < this.size ? [other, this] : [this, other]
    let united: RangeSet = larger
    for (const range of smaller) united = united.with(range)
    return united
  }

  /** The range that holds the key. */
  around(key: string): TextRange | undefined {
    const found = this.#ends.atOrBefore(key)
    return found !== undefined && key < found[1] ? { start: found[0], end: found[1] } : undefined
  }

  /** What the set has in common with the range, in order. */
  *within({ start, end }: TextRange): Generator<TextRange, undefined> {
    const first = this.around(start)
    if (first !== undefined && start < end) yield { start, end: first.end < end ? first.end : end }
    for (let next = this.#ends.after(start); next !== undefined && next[0] < end; next = this.#ends.after(next[0])) {
      yield { start: next[0], end: next[1] < end ? next[1] : end }
    }
  }

  *[Symbol.iterator](): Generator<TextRange, undefined> {
    for (const [start, end] of this.#ends) yield { start, end }
  }
}

const none = RangeSet.ofEnds(PersistentMap.empty())

export function textOfRange({ start, end }: KeyRange): TextRange {
  return { start: textOfKey(start), end: textOfKey(end) }
}

/** Buffer's own gives all bytes where the slice is empty at place 0 of an empty array. */
export function textOfKey(key: Slice): string {
  return key.start === key.end ? '' : sliceToLatin1(key)
}

export function rangeOfText({ start, end }: TextRange): KeyRange {
  return { start: keyOfText(start), end: keyOfText(end) }
}

export function keyOfText(text: string): Slice {
  return sliceOf(latin1ToBytes(text))
}
