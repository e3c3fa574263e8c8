/**
 * Reads a range entry by entry in slices of time: every 64 entries, and where what was done with one was much, it asks
 * whether the statement should pause, and goes on afterwards where it stood.
 */
import { charge, isTurnOver } from '../../base/work.ts'
import { compareSlices, copySlice, equalSlices, type KeyRange, type Slice, sliceOf } from '../../base/slice.ts'
import type { StatementSteps, TimeSlice, TransactionReader } from '../../database/contract.ts'
import {
  attempt,
  done,
  inPlace,
  isThrownWait,
  orWait,
  type ThrownWait,
  type WaitingTransaction,
} from '../../database/transaction/wait.ts'
import { type Cursor, nextUntil } from '../../storage/store.ts'

/** A reader with a share of the thread, which is all that walking needs. */
export interface SlicedReader extends TransactionReader, WaitingTransaction {
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

/**
 * Calls `visit` for each entry until it answers false. What it is given holds until it calls the transaction. Where it has to
 * wait, which it does before its first change, it is called for the same entry again.
 */
export function* walk(
  reader: SlicedReader,
  range: KeyRange,
  visit: Visit,
  options: WalkOptions = {},
): StatementSteps<void> {
  if (compareSlices(range.start, range.end) >= 0) return
  const cursor = reader.scan(range, { reverse: options.reverse ?? false })
  yield* pass(reader, cursor, options.offset ?? 0)
  const progress: Progress = { left: options.limit ?? Infinity, visited: 0, isAtEntry: false }
  for (;;) {
    const outcome = visitSome(reader, cursor, visit, progress)
    if (outcome === over) break
    if (outcome === pause) yield undefined
    else if (!progress.isAtEntry) yield outcome
    else {
      const goesOn = yield* visitAgain(visit, cursor, outcome)
      if (goesOn === false) return
      if (isPause(reader, ++progress.visited)) yield undefined
    }
  }
  reader.slice.spend(progress.visited % entriesBetweenChecks)
}

interface Progress {
  left: number
  visited: number
  /** What it waits for concerns the visit of the entry that the cursor shows. */
  isAtEntry: boolean
}

const over: unique symbol = Symbol('over')
const pause: unique symbol = Symbol('pause')

/** Visits entries up to the next pause or wait: a plain function, since a generator costs more an entry than the cursor. */
function visitSome(
  reader: SlicedReader,
  cursor: Cursor,
  visit: Visit,
  progress: Progress,
): typeof over | typeof pause | ThrownWait {
  try {
    while (progress.left > 0) {
      progress.isAtEntry = false
      if (!cursor.next()) return over
      reader.batchDone()
      progress.isAtEntry = true
      progress.left--
      if (visit(cursor.key, cursor.value) === false) return over
      if (isPause(reader, ++progress.visited)) return pause
    }
    return over
  } catch (error) {
    if (isThrownWait(error)) return error
    throw error
  }
}

/** Entries that are compared between two looks at what is left of the turn; fewer of longer ones, which may be alike but for a byte. */
const comparedAtOnce = 512
const comparedBytesAtOnce = 65_536
/** So many cost as much as one that is visited. */
const comparedPerVisit = 4

/**
 * Calls `visit` for each entry that has the value, with the number of entries before it in the range, until it answers
 * false. It must not wait.
 */
export function* walkEqual(
  reader: SlicedReader,
  range: KeyRange,
  value: Slice,
  visit: (key: Slice, before: number) => boolean,
  options: { readonly reverse: boolean; readonly limit?: number },
): StatementSteps<void> {
  if (compareSlices(range.start, range.end) >= 0) return
  const cursor = reader.scan(range, { reverse: options.reverse })
  const look = (count: number): number => nextUntil(cursor, value, count)
  const limit = options.limit ?? Infinity
  const bytes = value.end - value.start
  const atOnce = Math.max(1, Math.min(comparedAtOnce, Math.floor(comparedBytesAtOnce / (bytes + 1))))
  for (let seen = 0, passed = 0; seen < limit; seen += passed) {
    let looked = orWait(look, Math.min(atOnce, limit - seen), undefined)
    for (; typeof looked === 'object'; looked = orWait(look, 1, undefined)) yield looked
    reader.batchDone()
    passed = looked
    if (passed === 0) return
    // Of others than long ones, each that was passed may have been compared to its end.
    charge(atOnce === 1 ? Math.min(bytes, cursor.value.end - cursor.value.start) : passed * bytes)
    if (equalSlices(cursor.value, value) && !visit(cursor.key, seen + passed - 1)) return
    if (reader.slice.spend(Math.ceil(passed / comparedPerVisit)) || isTurnOver()) yield undefined
  }
}

/** After so many entries: by their number, or because of what they charged. */
function isPause(reader: Pick<SlicedReader, 'slice'>, count: number): boolean {
  return (count % entriesBetweenChecks === 0 && reader.slice.spend(entriesBetweenChecks)) || isTurnOver()
}

/** With copies: the entry at hand does not outlast the turn. */
function* visitAgain(visit: Visit, cursor: Cursor, first: ThrownWait): StatementSteps<boolean | void> {
  const key = sliceOf(copySlice(cursor.key))
  const value = sliceOf(copySlice(cursor.value))
  let answer: boolean | void | ThrownWait = first
  while (typeof answer === 'object') {
    yield answer
    answer = orWait(visit, key, value)
  }
  return answer
}

/** Passes over entries: at once where the store counts them, else one by one. */
function* pass(reader: SlicedReader, cursor: Cursor, count: number): StatementSteps<void> {
  const skip = (left: number): number => cursor.skip(left)
  for (let left = count, calls = 1; left > 0; calls++) {
    let passed = orWait(skip, left, undefined)
    for (; typeof passed === 'object'; passed = orWait(skip, left, undefined)) yield passed
    if (passed === 0) return
    left -= passed
    if (calls % entriesBetweenChecks === 0 && reader.slice.spend(entriesBetweenChecks)) yield undefined
  }
}

/** Entries in a range. */
export function* countRange(reader: SlicedReader, range: KeyRange): StatementSteps<number> {
  const counted = yield* inPlace(reader, () => reader.count(range))
  if (counted !== undefined) return counted
  let count = 0
  yield* walk(reader, range, () => void count++)
  return count
}

/**
 * Calls `step` for `first`, `first + stride`, … below `end`, with pauses: for commands of many arguments. Where it has to
 * wait, which it does before its first change, it is called again. It may answer steps of its own, which wait by themselves.
 */
export function* eachStep(
  tx: Pick<SlicedReader, 'slice'>,
  first: number,
  end: number,
  stride: number,
  step: (at: number) => StatementSteps<void> | void,
): StatementSteps<void> {
  let longer = undefined as StatementSteps<void> | void
  const begin = (at: number): void => {
    longer = step(at)
  }
  for (let at = first, steps = 1; at < end; at += stride, steps++) {
    for (let wait = attempt(begin, at); wait !== done; wait = attempt(begin, at)) yield wait
    if (longer !== undefined) yield* longer
    if (isPause(tx, steps)) yield undefined
  }
}
