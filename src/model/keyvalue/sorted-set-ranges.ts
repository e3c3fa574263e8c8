/**
 * Ranges of sorted sets: by rank and by score over index 5, by member over index 4 (Redis defines ranges by member only for
 * members of one score, where both orders agree).
 *
 * A rank is the number of entries below it, which the store counts in logarithmic time
 * (docs/decisions/034-ranks-are-counted.md).
 */
import { MutableSlice, sliceOf, type KeyRange, type Slice } from '../../base/slice.ts'
import { KeyWriter } from '../../base/tuple.ts'
import type { StatementSteps } from '../../database/contract.ts'
import { decodeScore, type Header } from './codec.ts'
import { decodeLastElement, elementOffset, elementRange, index, writeElementPrefix, writeScoreKey } from './keys.ts'
import type { Keyspace } from './keys.ts'
import { countRange, walk, type SlicedReader, type WalkOptions } from './walk.ts'

export interface ScoreBounds {
  readonly min: number
  readonly max: number
  readonly minExclusive: boolean
  readonly maxExclusive: boolean
}

/** `undefined` stands for the lowest or highest member; what `-` and `+` say. */
export interface MemberBounds {
  readonly min: Slice | undefined
  readonly max: Slice | undefined
  readonly minExclusive: boolean
  readonly maxExclusive: boolean
}

/** The member holds until the transaction is called. False ends the walk. */
export type VisitScored = (member: Slice, score: number) => boolean | void

const writer = new KeyWriter(64)

function bound(space: Keyspace, sorted: Header, score: number, above: boolean): Slice {
  writeElementPrefix(writer, space, index.byScore, sorted.generation).float8(score)
  if (above) writer.u8(0xff)
  return sliceOf(writer.toBytes())
}

export function scoreRange(space: Keyspace, sorted: Header, bounds: ScoreBounds): KeyRange {
  return {
    start: bound(space, sorted, bounds.min, bounds.minExclusive),
    end: bound(space, sorted, bounds.max, !bounds.maxExclusive),
  }
}

export function memberRange(space: Keyspace, sorted: Header, bounds: MemberBounds): KeyRange {
  const all = elementRange(space, index.scored, sorted.generation)
  return {
    start: bounds.min === undefined ? all.start : memberBound(space, sorted, bounds.min, bounds.minExclusive),
    end: bounds.max === undefined ? all.end : memberBound(space, sorted, bounds.max, !bounds.maxExclusive),
  }
}

function memberBound(space: Keyspace, sorted: Header, member: Slice, after: boolean): Slice {
  writeElementPrefix(writer, space, index.scored, sorted.generation)
  writer.byteString(member.bytes, member.start, member.end)
  // The smallest key above: 00, since FF would be above members that continue this one with a zero byte.
  if (after) writer.u8(0)
  return sliceOf(writer.toBytes())
}

const scoreWords = new Int32Array(2)
const scoreDouble = new Float64Array(scoreWords.buffer)

/** The score of an entry of index 5. `offset` is that of its member. */
function decodeEntryScore({ bytes, start }: Slice, offset: number): number {
  const at = start + offset - 8
  const high = (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!
  const low = (bytes[at + 4]! << 24) | (bytes[at + 5]! << 16) | (bytes[at + 6]! << 8) | bytes[at + 7]!
  const isPositive = high < 0
  scoreWords[lowWord] = isPositive ? low : ~low
  scoreWords[1 - lowWord] = isPositive ? high ^ 0x8000_0000 : ~high
  return scoreDouble[0]!
}

/** As the processor has them. */
const lowWord = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1 ? 0 : 1

/** Visits the entries of a range of index 5 in its order. */
export function* walkByScore(
  reader: SlicedReader,
  space: Keyspace,
  sorted: Header,
  range: KeyRange,
  visit: VisitScored,
  options: WalkOptions = {},
): StatementSteps<void> {
  const offset = elementOffset(space, index.byScore, sorted.generation)
  const member = new MutableSlice()
  const show = (key: Slice): boolean | void =>
    visit(decodeLastElement(key, offset, member), decodeEntryScore(key, offset))
  yield* walk(reader, range, show, options)
}

/** Visits the entries of a range of index 4, in the order of members. */
export function* walkByMember(
  reader: SlicedReader,
  space: Keyspace,
  sorted: Header,
  range: KeyRange,
  visit: VisitScored,
  options: WalkOptions = {},
): StatementSteps<void> {
  const offset = elementOffset(space, index.scored, sorted.generation)
  const member = new MutableSlice()
  const show = (key: Slice, value: Slice): void => {
    const score = decodeScore(value)
    visit(decodeLastElement(key, offset, member), score)
  }
  yield* walk(reader, range, show, options)
}

/** Visits ranks `start` to `stop`, both included and within the count. */
export function* walkByRank(
  reader: SlicedReader,
  space: Keyspace,
  sorted: Header,
  start: number,
  stop: number,
  reverse: boolean,
  visit: VisitScored,
): StatementSteps<void> {
  const range = elementRange(space, index.byScore, sorted.generation)
  yield* walkByScore(reader, space, sorted, range, visit, { reverse, offset: start, limit: stop - start + 1 })
}

/** The same of few, at once: a statement that has not paused may wait anywhere. */
export function visitRanks(
  reader: SlicedReader,
  space: Keyspace,
  sorted: Header,
  start: number,
  stop: number,
  reverse: boolean,
  visit: VisitScored,
): void {
  const cursor = reader.scan(elementRange(space, index.byScore, sorted.generation), { reverse })
  for (let left = start; left > 0;) {
    const passed = cursor.skip(left)
    if (passed === 0) return
    left -= passed
  }
  const offset = elementOffset(space, index.byScore, sorted.generation)
  const member = new MutableSlice()
  for (let rank = start; rank <= stop && cursor.next(); rank++) {
    const { key } = cursor
    visit(decodeLastElement(key, offset, member), decodeEntryScore(key, offset))
  }
}

/** How many members come before this one. */
export function* findRank(
  reader: SlicedReader,
  space: Keyspace,
  sorted: Header,
  member: Slice,
  score: number,
): StatementSteps<number> {
  const end = sliceOf(writeScoreKey(writer, space, sorted.generation, score, member).toBytes())
  const { start } = elementRange(space, index.byScore, sorted.generation)
  return yield* countRange(reader, { start, end })
}
