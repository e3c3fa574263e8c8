/**
 * Reads a range entry by entry in slices of time: every 64 entries it asks whether the statement should pause, and goes on
 * afterwards where it stood.
 */
import { compareSlices, type KeyRange, type Slice } from '../../base/slice.ts'
import type { StatementSteps, TimeSlice, Transaction, TransactionReader } from '../../database/contract.ts'
import type { Cursor } from '../../storage/store.ts'

/** A reader with a share of the thread, which is all that walking needs. */
export interface SlicedReader extends TransactionReader {
  readonly slice: TimeSlice
}

const entriesBetweenChecks = 64

export interface WalkOptions {
  readonly reverse?: boolean
  /** Entries of the range to pass over first. */
  readonly offset?: number
  /** Entries to visit at most. */
  readonly limit?: number
}

export type Visit = (key: Slice, value: Slice) => boolean | void

/** Calls `visit` for each entry until it answers false. What it is given holds until it calls the transaction. */
export function* walk(
  reader: SlicedReader,
  range: KeyRange,
  visit: Visit,
  options: WalkOptions = {},
): StatementSteps<void> {
  if (compareSlices(range.start, range.end) >= 0) return
  const cursor = reader.scan(range, { reverse: options.reverse ?? false })
  yield* pass(reader, cursor, options.offset ?? 0)
  let left = options.limit ?? Infinity
  let visited = 0
  while (left-- > 0 && cursor.next()) {
    if (++visited % entriesBetweenChecks === 0 && reader.slice.spend(entriesBetweenChecks)) yield undefined
    if (visit(cursor.key, cursor.value) === false) return
  }
  reader.slice.spend(visited % entriesBetweenChecks)
}

/** Passes over entries: at once where the store counts them, else one by one. */
function* pass(reader: SlicedReader, cursor: Cursor, count: number): StatementSteps<void> {
  for (let left = count, calls = 1; left > 0; calls++) {
    const passed = cursor.skip(left)
    if (passed === 0) return
    left -= passed
    if (calls % entriesBetweenChecks === 0 && reader.slice.spend(entriesBetweenChecks)) yield undefined
  }
}

/** Entries in a range. */
export function* countRange(reader: SlicedReader, range: KeyRange): StatementSteps<number> {
  const counted = reader.count(range)
  if (counted !== undefined) return counted
  let count = 0
  yield* walk(reader, range, () => void count++)
  return count
}

/** Calls `step` for `first`, `first + stride`, … below `end`, with pauses: for commands of many arguments. */
export function* eachStep(
  tx: Transaction,
  first: number,
  end: number,
  stride: number,
  step: (at: number) => void,
): StatementSteps<void> {
  for (let at = first, done = 1; at < end; at += stride, done++) {
    step(at)
    if (done % entriesBetweenChecks === 0 && tx.slice.spend(entriesBetweenChecks)) yield undefined
  }
}
