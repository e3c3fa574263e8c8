/**
 * Reads a range entry by entry in slices of time: every 64 entries it asks whether the statement should pause, and goes on
 * afterwards from the key where it stood.
 */
import { copySlice, sliceOf, type KeyRange, type Slice } from '../../base/slice.ts'
import type { Pause, Transaction, TransactionReader, TimeSlice } from '../../database/contract.ts'
import type { Cursor } from '../../storage/store.ts'

/** A reader with a share of the thread, which is all that walking needs. */
export interface SlicedReader extends TransactionReader {
  readonly slice: TimeSlice
}

const entriesBetweenChecks = 64

export type Visit = (key: Slice, value: Slice) => boolean | void

/** Calls `visit` for each entry until it answers false. What it is given holds until it calls the transaction. */
export function* walk(
  reader: SlicedReader,
  range: KeyRange,
  visit: Visit,
  options: { reverse?: boolean; from?: Slice } = {},
): Generator<Pause, void, void> {
  const reverse = options.reverse ?? false
  let cursor = reader.scan(range, { reverse })
  if (options.from !== undefined) cursor.seek(options.from)
  let visited = 0
  while (cursor.next()) {
    if (++visited % entriesBetweenChecks === 0 && reader.slice.spend(entriesBetweenChecks)) {
      const at = copySlice(cursor.key)
      yield undefined
      cursor = resume(reader, range, reverse, at)
      if (!cursor.next()) return
    }
    if (visit(cursor.key, cursor.value) === false) return
  }
  reader.slice.spend(visited % entriesBetweenChecks)
}

function resume(reader: SlicedReader, range: KeyRange, reverse: boolean, at: Uint8Array): Cursor {
  const cursor = reader.scan(range, { reverse })
  cursor.seek(sliceOf(at))
  return cursor
}

/** Calls `step` for `first`, `first + stride`, … below `end`, with pauses: for commands of many arguments. */
export function* eachStep(
  tx: Transaction,
  first: number,
  end: number,
  stride: number,
  step: (at: number) => void,
): Generator<Pause, void, void> {
  for (let at = first, done = 1; at < end; at += stride, done++) {
    step(at)
    if (done % entriesBetweenChecks === 0 && tx.slice.spend(entriesBetweenChecks)) yield undefined
  }
}
