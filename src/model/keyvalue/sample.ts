/**
 * Random elements. Up to 512 entries a draw is exactly uniform: it counts to a random rank. Beyond, ranks would cost a walk,
 * so a draw seeks to a random point between the first and the last key and steps over up to 31 entries: every element can
 * come, those behind gaps in the order of bytes come more often. Redis, too, promises no uniformity there.
 */
import { copySlice, sliceOf, sliceToLatin1, type KeyRange, type Slice } from '../../base/slice.ts'
import type { StatementSteps, Transaction } from '../../database/contract.ts'
import { inPlace } from '../../database/transaction/wait.ts'
import { type Chance, chanceOf } from './chance.ts'
import { eachStep, walk } from './walk.ts'

const uniformLimit = 512
const stepsAfterSeek = 32

const randomBytes = new Uint8Array(6)

/** From 0 to `limit` − 1; `limit` is at most 2^47. */
export function randomBelow(chance: Chance, limit: number): number {
  chance.random(randomBytes)
  let value = 0
  for (const byte of randomBytes) value = value * 256 + byte
  return value % limit
}

/** The key of one random entry of a range that holds `count`. */
export function* randomEntry(tx: Transaction, range: KeyRange, count: number): StatementSteps<Uint8Array | undefined> {
  if (count === 0) return undefined
  if (count > uniformLimit) return yield* entryNearRandomPoint(tx, range)
  const rank = randomBelow(tx.services, count)
  return yield* inPlace(tx, () => entryAt(tx, range, rank))
}

function entryAt(tx: Transaction, range: KeyRange, rank: number): Uint8Array | undefined {
  const cursor = tx.scan(range)
  for (let left = rank; cursor.next(); left--) if (left === 0) return copySlice(cursor.key)
  return undefined
}

export function* entryNearRandomPoint(tx: Transaction, range: KeyRange): StatementSteps<Uint8Array | undefined> {
  const begin = chanceOf(tx.services)
  return yield* inPlace(tx, () => findNearPoint(tx, range, begin()))
}

function findNearPoint(tx: Transaction, range: KeyRange, chance: Chance): Uint8Array | undefined {
  const first = firstKey(tx, range, false)
  const last = firstKey(tx, range, true)
  if (first === undefined || last === undefined) return undefined
  let cursor = tx.scan(range)
  cursor.seek(sliceOf(pointBetween(chance, first, last)))
  let found = first
  for (let left = randomBelow(chance, stepsAfterSeek); left >= 0; left--) {
    if (!cursor.next()) {
      cursor = tx.scan(range)
      if (!cursor.next()) break
    }
    if (left === 0) found = copySlice(cursor.key)
  }
  return found
}

function firstKey(tx: Transaction, range: KeyRange, reverse: boolean): Uint8Array | undefined {
  const cursor = tx.scan(range, { reverse })
  return cursor.next() ? copySlice(cursor.key) : undefined
}

function pointBetween(chance: Chance, first: Uint8Array, last: Uint8Array): Uint8Array {
  let shared = 0
  while (shared < first.length && first[shared] === last[shared]) shared++
  const point = new Uint8Array(shared + 9)
  point.set(first.subarray(0, shared))
  chance.random(point.subarray(shared))
  const low = first[shared] ?? 0
  const high = last[shared] ?? 0
  point[shared] = low + randomBelow(chance, Math.max(1, high - low + 1))
  return point
}

/** The keys of `wanted` different random entries of a range that holds `count`, in random order. */
export function* sampleDistinct(
  tx: Transaction,
  range: KeyRange,
  count: number,
  wanted: number,
): StatementSteps<Uint8Array[]> {
  const sample =
    count > uniformLimit && wanted * 64 < count
      ? yield* drawDistinct(tx, range, wanted)
      : yield* selectDistinct(tx, range, count, wanted)
  yield* shuffle(tx, sample)
  return sample
}

function* drawDistinct(tx: Transaction, range: KeyRange, wanted: number): StatementSteps<Uint8Array[]> {
  const drawn = new Map<string, Uint8Array>()
  for (let tries = wanted * 32; tries > 0 && drawn.size < wanted; tries--) {
    const key = yield* entryNearRandomPoint(tx, range)
    if (key === undefined) break
    drawn.set(sliceToLatin1(sliceOf(key)), key)
  }
  // Draws that keep meeting the same few keys are filled up in order: the count is promised, uniformity is not.
  yield* walk(tx, range, (key) => {
    if (drawn.size < wanted) drawn.set(sliceToLatin1(key), copySlice(key))
    return drawn.size < wanted
  })
  return [...drawn.values()]
}

/** Selection sampling (Knuth, volume 2, algorithm S): every subset is equally likely. */
function* selectDistinct(
  tx: Transaction,
  range: KeyRange,
  count: number,
  wanted: number,
): StatementSteps<Uint8Array[]> {
  const selected: Uint8Array[] = []
  let left = count
  let missing = Math.min(wanted, count)
  if (missing === 0) return selected
  yield* walk(tx, range, (key: Slice) => {
    if (randomBelow(tx.services, left) < missing) {
      selected.push(copySlice(key))
      missing--
    }
    left--
    return missing > 0 && left > 0
  })
  return selected
}

/** Of keys that are at hand: it changes their order. */
export function* sampleOf(tx: Transaction, keys: Uint8Array[], wanted: number): StatementSteps<Uint8Array[]> {
  yield* shuffle(tx, keys)
  return keys.slice(0, wanted)
}

function* shuffle(tx: Transaction, keys: Uint8Array[]): StatementSteps<void> {
  yield* eachStep(tx, 0, keys.length - 1, 1, (at) => {
    const last = keys.length - 1 - at
    const other = randomBelow(tx.services, last + 1)
    const kept = keys[last]!
    keys[last] = keys[other]!
    keys[other] = kept
  })
}
