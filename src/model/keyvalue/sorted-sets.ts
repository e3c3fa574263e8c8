/**
 * Sorted sets: a member's score under the member (index 4), and an entry in the order of scores, then members (index 5),
 * which is derived from it.
 */
import { ByteWriter } from '../../base/bytes.ts'
import { emptySlice, type Slice } from '../../base/slice.ts'
import { KeyWriter } from '../../base/tuple.ts'
import type { Transaction, TransactionReader } from '../../database/contract.ts'
import { decodeScore, encodeScore, type Header } from './codec.ts'
import { index, writeElementKey, writeScoreKey, type Keyspace } from './keys.ts'

const memberKey = new KeyWriter(64)
const scoreKey = new KeyWriter(64)
const scoreWriter = new ByteWriter(8)

/** ZADD's conditions. */
export interface ScoreConditions {
  readonly onlyNew?: boolean
  readonly onlyExisting?: boolean
  readonly onlyGreater?: boolean
  readonly onlyLess?: boolean
  /** The score is an increment. */
  readonly increment?: boolean
}

export const unconditional: ScoreConditions = {}

/** `refused`: a condition did not hold. `nan`: an increment of +inf and −inf; nothing was written. */
export const change = { added: 1, updated: 2, unchanged: 3, refused: 4, nan: 5 } as const
export type Change = (typeof change)[keyof typeof change]

export function findScore(
  reader: TransactionReader,
  space: Keyspace,
  sorted: Header,
  member: Slice,
): number | undefined {
  const value = reader.get(writeElementKey(memberKey, space, index.scored, sorted.generation, member))
  return value === undefined ? undefined : decodeScore(value)
}

/** ZADD of one member; `resultingScore()` tells its score. The caller saves the collection. */
export function setScore(
  tx: Transaction,
  space: Keyspace,
  sorted: Header,
  member: Slice,
  score: number,
  conditions: ScoreConditions = unconditional,
): Change {
  const before = findScore(tx, space, sorted, member)
  if (before === undefined) {
    lastScore = withoutSign(score)
    if (conditions.onlyExisting === true) return change.refused
    putScore(tx, space, sorted, member, lastScore)
    sorted.count++
    return change.added
  }
  lastScore = before
  if (conditions.onlyNew === true) return change.refused
  const after = withoutSign(conditions.increment === true ? before + score : score)
  if (Number.isNaN(after)) return change.nan
  if (conditions.onlyGreater === true && after <= before) return change.refused
  if (conditions.onlyLess === true && after >= before) return change.refused
  lastScore = after
  if (after === before) return change.unchanged
  putScore(tx, space, sorted, member, after)
  tx.delete(writeScoreKey(scoreKey, space, sorted.generation, before, member), 'derived')
  return change.updated
}

/** Of one that this transaction builds from members that are all different: no look is taken whether it has this one. */
export function appendScore(tx: Transaction, space: Keyspace, sorted: Header, member: Slice, score: number): void {
  const stored = withoutSign(score)
  // Both keys first: the member may be a view that does not outlive the first write.
  const byMember = writeElementKey(memberKey, space, index.scored, sorted.generation, member)
  const byScore = writeScoreKey(scoreKey, space, sorted.generation, stored, member)
  tx.putNew(byMember, encodeScore(scoreWriter, stored))
  tx.putNew(byScore, emptySlice, 'derived')
  sorted.count++
}

let lastScore = 0

/** −0 is 0, as Redis stores it in sorted sets that are small, so that both entries of a member agree. */
function withoutSign(score: number): number {
  return score === 0 ? 0 : score
}

/** The score that the member of the last `setScore` has now. */
export function resultingScore(): number {
  return lastScore
}

function putScore(tx: Transaction, space: Keyspace, sorted: Header, member: Slice, score: number): void {
  // Both keys first: the member may be a view that does not outlive the first write.
  const byMember = writeElementKey(memberKey, space, index.scored, sorted.generation, member)
  const byScore = writeScoreKey(scoreKey, space, sorted.generation, score, member)
  tx.put(byMember, encodeScore(scoreWriter, score))
  tx.put(byScore, emptySlice, 'derived')
}

export function removeScored(tx: Transaction, space: Keyspace, sorted: Header, member: Slice): boolean {
  const score = findScore(tx, space, sorted, member)
  if (score === undefined) return false
  tx.delete(writeElementKey(memberKey, space, index.scored, sorted.generation, member))
  tx.delete(writeScoreKey(scoreKey, space, sorted.generation, score, member), 'derived')
  sorted.count--
  return true
}
