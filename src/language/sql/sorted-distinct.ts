/** A list of values in order, each once, nulls left out: in runs that are merged, so that long ones need not be sorted at once. */
import type { SqlValue } from './contract.ts'
import { chunksOf, eachOf, type Progress } from './progress.ts'

const runLength = 1024

type Compare = (a: SqlValue, b: SqlValue) => number

export function sortedDistinct(
  values: readonly SqlValue[],
  compare: Compare,
  progress?: Progress,
): readonly SqlValue[] {
  let runs = eachOf(progress, chunksOf(values, runLength), (chunk): readonly SqlValue[] => {
    progress?.spend(chunk.length)
    return distinct(chunk.filter((value) => value !== null).sort(compare), compare)
  })
  while (runs.length > 1) {
    runs = eachOf(progress, chunksOf(runs, 2), ([a, b]): readonly SqlValue[] => {
      if (b === undefined) return a!
      progress?.spend((a!.length + b.length) >> 2)
      return merge(a!, b, compare)
    })
  }
  return runs[0] ?? []
}

function distinct(sorted: readonly SqlValue[], compare: Compare): readonly SqlValue[] {
  return sorted.filter((value, i) => i === 0 || compare(sorted[i - 1]!, value) !== 0)
}

/** Of equal values the first list's stays. */
function merge(a: readonly SqlValue[], b: readonly SqlValue[], compare: Compare): readonly SqlValue[] {
  if (a.length > 0 && b.length > 0 && compare(a.at(-1)!, b[0]!) < 0) return a.concat(b)
  const merged: SqlValue[] = []
  let i = 0
  let j = 0
  while (i < a.length && j < b.length) {
    const order = compare(a[i]!, b[j]!)
    merged.push(order <= 0 ? a[i]! : b[j]!)
    if (order <= 0) i++
    if (order >= 0) j++
  }
  for (; i < a.length; i++) merged.push(a[i]!)
  for (; j < b.length; j++) merged.push(b[j]!)
  return merged
}
