/** How much there is, for plans: counted where the store can tell at once, undefined where it would have to wait. */
import type { KeyRange } from '../base/slice.ts'
import type { Transaction } from '../database/contract.ts'
import { type Cursor, isMiss } from '../storage/store.ts'

/** Of more ranges than this, some are counted for all. */
const countedRanges = 16

/** About how many entries the ranges hold; notes nothing as read. */
export function entriesIn({ newest }: Pick<Transaction, 'newest'>, ranges: readonly KeyRange[]): number | undefined {
  const counted = Math.min(ranges.length, countedRanges)
  if (counted === 0) return 0
  return unlessMissing(() => {
    let entries = 0
    for (let i = 0; i < counted; i++) {
      entries += newest.estimate(ranges[Math.floor(((i + 0.5) * ranges.length) / counted)]!)
    }
    return (entries * ranges.length) / counted
  })
}

const sampledGroups = 8

export interface GroupSize {
  readonly mean: number
  /** Of those that were looked at: one that holds much of the entries is hardly missed. */
  readonly largest: number
}

/**
 * The mean is entries of a range ÷ distinct groups in it: entries at even distances say how large their groups are, and
 * 1 ÷ that is the share of a group that falls to one entry. `groupAt` gives the range of the group of the cursor's next
 * entry.
 */
export function groupSize(
  { newest }: Pick<Transaction, 'newest'>,
  all: KeyRange,
  groupAt: (cursor: Cursor) => KeyRange | undefined,
): GroupSize | undefined {
  return unlessMissing(() => {
    const entries = newest.estimate(all)
    let largest = 0
    let shares = 0
    let sampled = 0
    const cursor = newest.scan(all)
    const step = Math.floor(entries / sampledGroups)
    for (let i = 0; i < sampledGroups; i++) {
      cursor.skip(Math.max(0, i === 0 ? step >> 1 : step - 1))
      const group = groupAt(cursor)
      if (group === undefined) break
      sampled++
      const size = Math.max(1, newest.estimate(group))
      largest = Math.max(largest, size)
      shares += 1 / size
    }
    return { mean: sampled === 0 ? 0 : sampled / shares, largest }
  })
}

const sampledRows = 120

export interface Sample<R> {
  /** How many there are of all. */
  readonly entries: number
  readonly rows: readonly R[]
}

/** Some of all entries, at even distances, as `rowAt` reads the cursor's next one; undefined is left out. */
export function sampled<R>(
  { newest }: Pick<Transaction, 'newest'>,
  all: KeyRange,
  rowAt: (cursor: Cursor) => R | undefined,
): Sample<R> | undefined {
  return unlessMissing(() => {
    const entries = newest.estimate(all)
    const cursor = newest.scan(all)
    const step = Math.max(1, Math.floor(entries / sampledRows))
    const rows: R[] = []
    for (let i = 0; i < sampledRows && i * step < entries; i++) {
      if (step > 1) cursor.skip(step - 1)
      const row = rowAt(cursor)
      if (row !== undefined) rows.push(row)
    }
    return { entries, rows }
  })
}

/**
 * Different values among all entries, from those of some at even distances (Haas and Stokes' Duj1, as PostgreSQL has it).
 * `valueAt` gives what tells the value of the cursor's next entry apart, or undefined where it is not looked at.
 */
export function distinctValues(
  transaction: Pick<Transaction, 'newest'>,
  all: KeyRange,
  valueAt: (cursor: Cursor) => unknown,
): number | undefined {
  const sample = sampled(transaction, all, valueAt)
  if (sample === undefined || sample.rows.length === 0) return undefined
  const { entries, rows: values } = sample
  const seen = new Map<unknown, number>()
  for (const value of values) seen.set(value, (seen.get(value) ?? 0) + 1)
  let once = 0
  for (const times of seen.values()) if (times === 1) once++
  return Math.min(entries, (values.length * seen.size) / (values.length - once + (once * values.length) / entries))
}

function unlessMissing<T>(count: () => T): T | undefined {
  try {
    return count()
  } catch (error) {
    if (isMiss(error)) return undefined
    throw error
  }
}
