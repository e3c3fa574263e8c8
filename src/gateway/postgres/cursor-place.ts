/**
 * Where a cursor stands, and where FETCH and MOVE take it: as in PostgreSQL's `DoPortalRunFetch`.
 *
 *   0            before the first row
 *   1 … length   on a row
 *   length + 1   behind the last
 *
 * Who runs out of rows stands before or behind them; who gets as many as he asked for stands on the last one of them.
 */

/** `forward`: so many rows, backwards where `count` is negative; 0 is the row at hand. The others: to a place, for its one row. */
export interface Direction {
  readonly direction: 'forward' | 'absolute' | 'relative'
  /** Infinity is all. */
  readonly count: number
}

/** Rows that are passed, by their numbers from 1, and where the cursor stands then. */
export interface Passage {
  readonly from: number
  readonly count: number
  readonly step: 1 | -1
  readonly at: number
  /** Who only goes forward cannot do it. */
  readonly goesBack: boolean
}

export function passageOf(at: number, length: number, { direction, count }: Direction): Passage {
  if (direction === 'relative') return toRow(at, length, at + count)
  if (direction === 'absolute') {
    const passage = toRow(at, length, count < 0 ? length + 1 + count : count)
    return count < 0 ? { ...passage, goesBack: true } : passage
  }
  if (count === 0) return toRow(at, length, at)
  return count > 0 ? onwards(at, length, count) : backwards(at, -count)
}

function toRow(at: number, length: number, place: number): Passage {
  const to = Math.min(Math.max(place, 0), length + 1)
  const isRow = to >= 1 && to <= length
  return { from: to, count: isRow ? 1 : 0, step: 1, at: to, goesBack: to < at || (to === at && isRow) }
}

function onwards(at: number, length: number, count: number): Passage {
  const passed = Math.min(count, Math.max(0, length - at))
  return { from: at + 1, count: passed, step: 1, at: passed < count ? length + 1 : at + passed, goesBack: false }
}

function backwards(at: number, count: number): Passage {
  const passed = Math.min(count, Math.max(0, at - 1))
  return { from: at - 1, count: passed, step: -1, at: passed < count ? 0 : at - passed, goesBack: true }
}
