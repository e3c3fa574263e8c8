/** What a frame leaves out: the row at hand, its peers, or both. */
import type { WindowFrame } from '../../bind/windows/window.ts'
import type { SqlRun } from '../run.ts'
import type { Place } from './place.ts'

/** Places from `start` to before `end`, but not `kept`. */
export interface Excluded {
  readonly start: number
  readonly end: number
  readonly kept: number | undefined
}

const nothing: Excluded = { start: 0, end: 0, kept: undefined }

export function excludedOf(exclude: WindowFrame['exclude'], place: Place, run: SqlRun): Excluded {
  if (exclude === 'nothing') return nothing
  if (exclude === 'current row') return { start: place.at, end: place.at + 1, kept: undefined }
  const kept = exclude === 'ties' ? place.at : undefined
  return { start: place.peerStart, end: place.peerEnd(run), kept }
}

/** The parts of a frame that are left, at most three, in order. */
export function partsOf(
  head: number,
  tail: number,
  { start, end, kept }: Excluded,
): readonly (readonly [number, number])[] {
  if (end <= start) return head < tail ? [[head, tail]] : []
  const parts: [number, number][] = [[head, Math.min(tail, start)]]
  if (kept !== undefined && kept >= head && kept < tail) parts.push([kept, kept + 1])
  parts.push([Math.max(head, end), tail])
  return parts.filter(([from, to]) => from < to)
}

/** The place of the nth row that is left, or with -1 of the last one. */
export function framePlace(head: number, tail: number, excluded: Excluded, nth: number): number | undefined {
  const parts = partsOf(head, tail, excluded)
  if (nth < 0) {
    const last = parts.at(-1)
    return last === undefined ? undefined : last[1] - 1
  }
  let left = nth
  for (const [from, to] of parts) {
    if (left <= to - from) return from + left - 1
    left -= to - from
  }
  return undefined
}
