/**
 * One state of an overlay over its base, as readers see it: the tree's entry where there is one, else the base's, unless a
 * deleted range hides it.
 */
import type { KeyRange, MutableSlice, Slice } from '../../base/slice.ts'
import type { Miss, Reader, Snapshot } from '../store.ts'
import type { DeadRuns } from './dead-runs.ts'
import { isDeletion, valueOf } from './entry.ts'
import { RangeSet, rangeOfText, textOfKey, textOfRange, type TextRange } from './range-set.ts'

export interface View {
  readonly tree: Reader
  readonly base: Snapshot
  /** None of them is empty. */
  readonly hidden: readonly RangeSet[]
  /** Changes where cursors must not go on: by a mutation, or by the end of a snapshot. */
  readonly version: number
  readonly dead: DeadRuns
  /** The base's: thrown for a pause, too. */
  readonly miss: Miss
}

/** Entries and ranges over the base that a count looks at; behind more of them a walk is not much dearer. */
const countedMax = 64

export function findIn(view: View, key: Slice, result: MutableSlice): Slice | undefined {
  const entry = view.tree.get(key)
  if (entry !== undefined) return isDeletion(entry) ? undefined : valueOf(entry, result)
  return view.hidden.length > 0 && isHidden(view.hidden, textOfKey(key)) ? undefined : view.base.get(key)
}

export function isHidden(hidden: readonly RangeSet[], key: string): boolean {
  return hidden.some((ranges) => ranges.around(key) !== undefined)
}

/** The range that hides a key of the base; of several any. */
export function hiddenAround(hidden: readonly RangeSet[], key: string): TextRange | undefined {
  for (const ranges of hidden) {
    const range = ranges.around(key)
    if (range !== undefined) return range
  }
  return undefined
}

export function unite(sets: readonly RangeSet[]): RangeSet {
  let united = RangeSet.empty()
  for (const set of sets) united = united.union(set)
  return united
}

/**
 * What the base counts, but for what is hidden, and for each entry of the tree what it changes. Undefined where that would
 * take more look-ups than `countedMax`.
 */
export function countIn({ tree, base, hidden }: View, range: KeyRange): number | undefined {
  const entries = tree.count(range)
  if (entries === undefined || entries > countedMax) return undefined
  let count = base.count(range)
  if (count === undefined) return undefined
  let looked = 0
  for (const each of unite(hidden).within(textOfRange(range))) {
    const gone = ++looked > countedMax ? undefined : base.count(rangeOfText(each))
    if (gone === undefined) return undefined
    count -= gone
  }
  const cursor = tree.scan(range)
  while (cursor.next()) {
    const wasThere = base.get(cursor.key) !== undefined && !isHidden(hidden, textOfKey(cursor.key))
    count += Number(!isDeletion(cursor.value)) - Number(wasThere)
  }
  return count
}

/** All of both sides: what was deleted lately, or written over, is counted as well. */
export function estimateIn({ tree, base }: View, range: KeyRange): number {
  return base.estimate(range) + tree.estimate(range)
}
