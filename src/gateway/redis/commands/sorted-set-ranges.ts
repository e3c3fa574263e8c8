/** ZRANGE in all its forms, the commands it replaced, counting and removing by range, and ZRANGESTORE. */
import { inPlace } from '../../../database/transaction/wait.ts'
import { copySlice, sliceOf, type Slice } from '../../../base/slice.ts'
import type { StatementSteps } from '../../../database/contract.ts'
import { type Header, kind } from '../../../model/keyvalue/codec.ts'
import { formatDouble } from '../../../model/keyvalue/double-text.ts'
import {
  clearKey,
  findCollection,
  newCollection,
  placeCollection,
  saveCollection,
} from '../../../model/keyvalue/keyvalue.ts'
import {
  memberRange,
  scoreRange,
  visitRanks,
  walkByMember,
  walkByRank,
  walkByScore,
  type VisitScored,
} from '../../../model/keyvalue/sorted-set-ranges.ts'
import { appendScore, removeScored } from '../../../model/keyvalue/sorted-sets.ts'
import { countRange, eachStep } from '../../../model/keyvalue/walk.ts'
import type { Call, DataHandler, Steps } from '../call.ts'
import { CommandError, syntaxError } from '../errors.ts'
import { readMemberBounds, readRankBounds, readScoreBounds } from './range-bounds.ts'

type By = 'rank' | 'score' | 'lex'

interface RangeOptions {
  by: By
  reverse: boolean
  withScores: boolean
  offset: number
  limit: number
}

/** What a command's name settles already. */
interface RangeForm {
  readonly by: By
  readonly reverse: boolean
  /** ZRANGE and ZRANGESTORE alone choose by options. */
  readonly chooses: boolean
  readonly storesAt?: number
}

function parseOptions(call: Call, first: number, form: RangeForm): RangeOptions {
  const options = { by: form.by, reverse: form.reverse, withScores: false, offset: 0, limit: Infinity }
  let hasLimit = false
  let chooses = form.chooses
  let turns = form.chooses
  for (let at = first; at < call.count; at++) {
    const option = call.option(at)
    if (option === 'WITHSCORES' && form.storesAt === undefined) options.withScores = true
    else if (option === 'LIMIT' && at + 2 < call.count) {
      options.offset = call.integer(at + 1)
      const limit = call.integer(at + 2)
      options.limit = limit < 0 ? Infinity : limit
      // A limit of −1 is none, also for ranks.
      hasLimit = limit !== -1
      at += 2
    } else if (turns && option === 'REV') {
      options.reverse = true
      turns = false
    } else if (chooses && (option === 'BYSCORE' || option === 'BYLEX')) {
      options.by = option === 'BYSCORE' ? 'score' : 'lex'
      chooses = false
    } else throw syntaxError()
  }
  if (hasLimit && options.by === 'rank') {
    throw new CommandError('ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX')
  }
  if (options.withScores && options.by === 'lex') {
    throw new CommandError('ERR syntax error, WITHSCORES not supported in combination with BYLEX')
  }
  return options
}

/** Of a range by rank, so many are visited at once. */
const few = 64

type Walk = (visit: VisitScored) => StatementSteps<void>

/** Reads the bounds at `first`, then the sorted set at `keyAt`; what walks over the range, nothing where it is empty. */
function openRange(call: Call, keyAt: number, first: number, options: RangeOptions): Walk | undefined {
  const { space, tx } = call
  const { by, reverse, offset, limit } = options
  const walking = { reverse, offset, limit }
  if (by === 'rank') {
    const bounds = readRankBounds(call, first)
    const sorted = findSorted(call, keyAt)
    const ranks = sorted === undefined ? undefined : bounds(sorted.count)
    if (sorted === undefined || ranks === undefined) return undefined
    return (visit) => walkByRank(tx, space, sorted, ranks.start, ranks.stop, reverse, visit)
  }
  const minAt = reverse ? first + 1 : first
  const maxAt = reverse ? first : first + 1
  if (by === 'score') {
    const bounds = readScoreBounds(call, minAt, maxAt)
    const sorted = findSorted(call, keyAt)
    if (sorted === undefined || offset < 0) return undefined
    return (visit) => walkByScore(tx, space, sorted, scoreRange(space, sorted, bounds), visit, walking)
  }
  const bounds = readMemberBounds(call, minAt, maxAt)
  const sorted = findSorted(call, keyAt)
  if (sorted === undefined || offset < 0 || bounds === undefined) return undefined
  return (visit) => walkByMember(tx, space, sorted, memberRange(space, sorted, bounds), visit, walking)
}

function findSorted(call: Call, position: number): Header | undefined {
  return findCollection(call.tx, call.space, call.arg(position), kind.sortedSet)
}

function range(form: RangeForm): DataHandler {
  return (call: Call): Steps => {
    const options = parseOptions(call, 4, form)
    return options.by === 'rank' ? replyWithRanks(call, options) : replyWithRange(call, options)
  }
}

function* replyWithRange(call: Call, options: RangeOptions): StatementSteps<void> {
  const walk = openRange(call, 1, 2, options)
  const visit = scoredWriter(call, options)
  yield* call.reply.counted(
    (count) => beginScored(call, options, count),
    function* () {
      let count = 0
      if (walk === undefined) return 0
      yield* walk((member, score) => {
        visit(member, score)
        count++
      })
      return count
    },
  )
}

/** How many there are is known before. */
function replyWithRanks(call: Call, options: RangeOptions): Steps {
  const { space, tx } = call
  const { reverse } = options
  const bounds = readRankBounds(call, 2)
  const sorted = findSorted(call, 1)
  const ranks = sorted === undefined ? undefined : bounds(sorted.count)
  if (sorted === undefined || ranks === undefined) return beginScored(call, options, 0)
  const { start, stop } = ranks
  const count = stop - start + 1
  beginScored(call, options, count)
  const visit = scoredWriter(call, options)
  if (count > few) return walkByRank(tx, space, sorted, start, stop, reverse, visit)
  visitRanks(tx, space, sorted, start, stop, reverse, visit)
}

function beginScored({ reply }: Call, { withScores }: RangeOptions, count: number): void {
  reply.array(withScores && reply.protocol !== 3 ? 2 * count : count)
}

function scoredWriter({ reply }: Call, { withScores }: RangeOptions): (member: Slice, score: number) => void {
  if (!withScores) return (member) => reply.bulk(member)
  const nested = reply.protocol === 3
  return (member, score) => {
    if (nested) reply.array(2)
    reply.bulk(member)
    reply.double(formatDouble(score))
  }
}

function* storeRange(call: Call): StatementSteps<void> {
  const options = parseOptions(call, 5, { by: 'rank', reverse: false, chooses: true, storesAt: 1 })
  const walk = openRange(call, 2, 3, options)
  const space = call.writableSpace
  const result = newCollection(call.tx, kind.sortedSet)
  if (walk !== undefined) {
    yield* walk((member, score) => appendScore(call.tx, space, result, member, score))
  }
  yield* inPlace(call.tx, () => {
    clearKey(call.tx, space, call.arg(1))
    if (result.count > 0) placeCollection(call.tx, space, call.arg(1), result)
  })
  call.reply.integer(result.count)
}

function* countByScore(call: Call): StatementSteps<void> {
  const bounds = readScoreBounds(call, 2, 3)
  const sorted = findSorted(call, 1)
  const count = sorted === undefined ? 0 : yield* countRange(call.tx, scoreRange(call.space, sorted, bounds))
  call.reply.integer(count)
}

function* countByMember(call: Call): StatementSteps<void> {
  const bounds = readMemberBounds(call, 2, 3)
  const sorted = findSorted(call, 1)
  const isEmpty = sorted === undefined || bounds === undefined
  call.reply.integer(isEmpty ? 0 : yield* countRange(call.tx, memberRange(call.space, sorted, bounds)))
}

function removeRange(by: By): DataHandler {
  return function* (call: Call): StatementSteps<void> {
    const options = { by, reverse: false, withScores: false, offset: 0, limit: Infinity }
    const walk = openRange(call, 1, 2, options)
    const sorted = findSorted(call, 1)
    if (walk === undefined || sorted === undefined) {
      call.reply.integer(0)
      return
    }
    const members: Uint8Array[] = []
    yield* walk((member) => void members.push(copySlice(member)))
    yield* eachStep(call.tx, 0, members.length, 1, (at) => {
      removeScored(call.tx, call.space, sorted, sliceOf(members[at]!))
    })
    if (members.length > 0) {
      yield* inPlace(call.tx, () => saveCollection(call.tx, call.space, call.arg(1), sorted))
    }
    call.reply.integer(members.length)
  }
}

export const sortedSetRangeCommands: Readonly<Record<string, DataHandler>> = {
  zrange: range({ by: 'rank', reverse: false, chooses: true }),
  zrevrange: range({ by: 'rank', reverse: true, chooses: false }),
  zrangebyscore: range({ by: 'score', reverse: false, chooses: false }),
  zrevrangebyscore: range({ by: 'score', reverse: true, chooses: false }),
  zrangebylex: range({ by: 'lex', reverse: false, chooses: false }),
  zrevrangebylex: range({ by: 'lex', reverse: true, chooses: false }),
  zrangestore: storeRange,
  zcount: countByScore,
  zlexcount: countByMember,
  zremrangebyrank: removeRange('rank'),
  zremrangebyscore: removeRange('score'),
  zremrangebylex: removeRange('lex'),
}
