/** Bounds of ranges of sorted sets, as arguments: ranks, scores with `(`, members with `[`, `(`, `-` and `+`. */
import { sliceOf, type Slice } from '../../../base/slice.ts'
import { parseBound } from '../../../model/keyvalue/double-text.ts'
import type { MemberBounds, ScoreBounds } from '../../../model/keyvalue/sorted-set-ranges.ts'
import type { Call } from '../call.ts'
import { CommandError } from '../errors.ts'

interface RankBounds {
  readonly start: number
  readonly stop: number
}

/** Ranks within a sorted set of a given count; undefined where none is left. */
export function readRankBounds(call: Call, first: number): (count: number) => RankBounds | undefined {
  const from = call.integer(first)
  const to = call.integer(first + 1)
  return (count) => {
    const start = Math.max(0, from < 0 ? count + from : from)
    const stop = Math.min(count - 1, to < 0 ? count + to : to)
    return start > stop ? undefined : { start, stop }
  }
}

export function readScoreBounds(call: Call, minAt: number, maxAt: number): ScoreBounds {
  const min = readScore(call.arg(minAt))
  const max = readScore(call.arg(maxAt))
  return { min: min.score, max: max.score, minExclusive: min.exclusive, maxExclusive: max.exclusive }
}

function readScore(argument: Slice): { score: number; exclusive: boolean } {
  const { bytes, start, end } = argument
  const exclusive = start < end && bytes[start] === 0x28
  const score = parseBound({ bytes, start: exclusive ? start + 1 : start, end })
  if (score === undefined) throw new CommandError('ERR min or max is not a float')
  return { score, exclusive }
}

type MemberBound = 'lowest' | 'highest' | { readonly member: Slice; readonly exclusive: boolean }

function readMember(argument: Slice): MemberBound {
  const { bytes, start, end } = argument
  const first = bytes[start]
  if (end - start === 1 && first === 0x2d) return 'lowest'
  if (end - start === 1 && first === 0x2b) return 'highest'
  if (start === end || (first !== 0x28 && first !== 0x5b)) {
    throw new CommandError('ERR min or max not valid string range item')
  }
  return { member: sliceOf(bytes.slice(start + 1, end)), exclusive: first === 0x28 }
}

/** Undefined where the range is empty whatever the members are. */
export function readMemberBounds(call: Call, minAt: number, maxAt: number): MemberBounds | undefined {
  const min = readMember(call.arg(minAt))
  const max = readMember(call.arg(maxAt))
  if (min === 'highest' || max === 'lowest') return undefined
  return {
    min: min === 'lowest' ? undefined : min.member,
    max: max === 'highest' ? undefined : max.member,
    minExclusive: min !== 'lowest' && min.exclusive,
    maxExclusive: max !== 'highest' && max.exclusive,
  }
}
