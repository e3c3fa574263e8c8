/** ZUNION, ZINTER, ZDIFF, their storing forms and ZINTERCARD: inputs may be sets as well, whose members count 1. */
import { eachStep } from '../../../model/keyvalue/walk.ts'
import { inPlace } from '../../../database/transaction/wait.ts'
import { copySlice, sliceOf, type Slice } from '../../../base/slice.ts'
import type { StatementSteps } from '../../../database/contract.ts'
import { Header, kind } from '../../../model/keyvalue/codec.ts'
import { formatDouble } from '../../../model/keyvalue/double-text.ts'
import { clearKey, findHeader, newCollection, placeCollection, wrongType } from '../../../model/keyvalue/keyvalue.ts'
import { mergeMembers, openStreams } from '../../../model/keyvalue/merge.ts'
import { appendScore } from '../../../model/keyvalue/sorted-sets.ts'
import type { Keyspace } from '../../../model/keyvalue/keys.ts'
import { SortedRuns } from '../../../query/sorted-runs.ts'
import type { Call, DataHandler } from '../call.ts'
import { CommandError, syntaxError } from '../errors.ts'
import { belongs, inputsThatCount, isOver, readLimitOption, type Operation } from './set-algebra.ts'

type Aggregate = (a: number, b: number) => number

const aggregates: Readonly<Record<string, Aggregate>> = {
  // +inf and −inf make 0, as in Redis.
  SUM: (a, b) => (Number.isNaN(a + b) ? 0 : a + b),
  // Not Math.min and Math.max: where `b` is no number, `a` stays.
  MIN: (a, b) => (b < a ? b : a),
  MAX: (a, b) => (b > a ? b : a),
}

/** Beside weights: each may be said again. */
const mostOptions = 1024

interface Combination {
  readonly operation: Operation
  readonly inputs: readonly (Header | undefined)[]
  /** All 1 where there are none. */
  readonly weights: readonly number[] | undefined
  readonly aggregate: Aggregate
  readonly withScores: boolean
}

interface Scored {
  readonly member: Uint8Array
  readonly score: number
}

/** The inputs whose number stands at `countAt`. */
function* readInputs(call: Call, name: string, countAt: number): StatementSteps<(Header | undefined)[]> {
  const count = call.integer(countAt)
  if (count < 1) throw new CommandError(`ERR at least 1 input key is needed for '${name}' command`)
  if (count > call.count - countAt - 1) throw syntaxError()
  const inputs: (Header | undefined)[] = []
  const { space } = call
  yield* eachStep(call.tx, countAt + 1, countAt + count + 1, 1, (at) => {
    inputs.push(findInput(call, space, at))
  })
  return inputs
}

function* parse(
  call: Call,
  name: string,
  countAt: number,
  operation: Operation,
  stores: boolean,
): StatementSteps<Combination> {
  const inputs = yield* readInputs(call, name, countAt)
  const count = inputs.length
  const first = countAt + 1
  let weights: number[] | undefined
  let aggregate = aggregates['SUM']!
  let withScores = false
  let options = 0
  for (let at = first + count; at < call.count; at++) {
    if (++options > mostOptions) throw syntaxError()
    const option = call.option(at)
    const named = option === 'AGGREGATE' && at + 1 < call.count ? aggregates[call.option(at + 1)] : undefined
    if (operation !== 'difference' && option === 'WEIGHTS' && at + count < call.count) {
      weights = yield* readWeights(call, at + 1, count)
      at += count
    } else if (operation !== 'difference' && named !== undefined) {
      aggregate = named
      at++
    } else if (!stores && option === 'WITHSCORES') withScores = true
    else throw syntaxError()
  }
  return { operation, inputs, weights, aggregate, withScores }
}

function* readWeights(call: Call, first: number, count: number): StatementSteps<number[]> {
  const weights: number[] = []
  yield* eachStep(call.tx, first, first + count, 1, (at) => {
    weights.push(call.double(at, 'ERR weight value is not a float'))
  })
  return weights
}

function findInput(call: Call, space: Keyspace, position: number): Header | undefined {
  const header = new Header()
  if (!findHeader(call.tx, space, call.arg(position), header)) return undefined
  if (header.kind !== kind.sortedSet && header.kind !== kind.set) throw wrongType()
  return header
}

/**
 * Redis goes through the inputs from the smallest to the largest, which can be seen in the last digits of sums; a
 * difference has its own order.
 */
function inOrder({ operation, inputs, weights }: Combination): { input: Header | undefined; weight: number }[] {
  const all = inputs.map((input, at) => ({ input, weight: weights?.[at] ?? 1 }))
  const pairs = [...inputsThatCount(operation, all, ({ input }) => input !== undefined)]
  if (operation === 'difference') return pairs
  return pairs.sort((a, b) => (a.input?.count ?? 0) - (b.input?.count ?? 0))
}

/** Gives each member of the result, in the order of members, which hold until the transaction is called. */
function* combine(
  call: Call,
  combination: Combination,
  take: (member: Slice, score: number) => void,
): StatementSteps<void> {
  const { operation, aggregate } = combination
  const ordered = inOrder(combination)
  const streams = yield* openStreams(
    call.tx,
    call.space,
    ordered.map(({ input }) => input),
  )
  if (isOver(operation, streams)) return
  yield* mergeMembers(call.tx, streams, (member) => {
    if (belongs(operation, streams)) {
      let score: number | undefined
      for (const [at, stream] of streams.entries()) {
        if (!stream.present) continue
        const weighted = stream.score * ordered[at]!.weight
        const isCounted = !Number.isNaN(weighted) || (operation === 'intersection' && score !== undefined)
        // An infinite score of weight 0 is 0, except behind the first input of an intersection.
        const counted = isCounted ? weighted : 0
        score = score === undefined ? counted : aggregate(score, counted)
      }
      take(member, score!)
    }
    return !isOver(operation, streams)
  })
}

function compareScored(a: Scored, b: Scored): number {
  if (a.score === b.score) return Buffer.compare(a.member, b.member)
  return a.score < b.score ? -1 : 1
}

function answer(name: string, operation: Operation): DataHandler {
  return function* (call: Call): StatementSteps<void> {
    const { reply } = call
    const combination = yield* parse(call, name, 1, operation, false)
    const sorting = new SortedRuns(compareScored, () => undefined)
    yield* combine(call, combination, (member, score) => sorting.add({ member: copySlice(member), score }))
    for (let moved = sorting.step(); moved > 0; moved = sorting.step()) {
      if (call.tx.slice.spend(moved)) yield undefined
    }
    const result = sorting.takeAll()
    const { withScores } = combination
    const nested = withScores && reply.protocol === 3
    reply.array(withScores && !nested ? 2 * result.length : result.length)
    yield* eachStep(call.tx, 0, result.length, 1, (at) => {
      const { member, score } = result[at]!
      if (nested) reply.array(2)
      reply.bulk(sliceOf(member))
      if (withScores) reply.double(formatDouble(score))
    })
  }
}

function store(name: string, operation: Operation): DataHandler {
  return function* (call: Call): StatementSteps<void> {
    const combination = yield* parse(call, name, 2, operation, true)
    const space = yield* inPlace(call.tx, () => call.writableSpace)
    const stored = newCollection(call.tx, kind.sortedSet)
    yield* combine(call, combination, (member, score) => appendScore(call.tx, space, stored, member, score))
    yield* inPlace(call.tx, () => {
      clearKey(call.tx, space, call.arg(1))
      if (stored.count > 0) placeCollection(call.tx, space, call.arg(1), stored)
    })
    call.reply.integer(stored.count)
  }
}

function* countIntersection(call: Call): StatementSteps<void> {
  const inputs = yield* readInputs(call, 'zintercard', 1)
  const limit = readLimitOption(call, 2 + inputs.length)
  const isThere = (input: Header | undefined): boolean => input !== undefined
  const streams = yield* openStreams(call.tx, call.space, inputsThatCount('intersection', inputs, isThere))
  let count = 0
  if (!isOver('intersection', streams)) {
    yield* mergeMembers(call.tx, streams, () => {
      if (belongs('intersection', streams)) count++
      return count < limit && !isOver('intersection', streams)
    })
  }
  call.reply.integer(count)
}

export const sortedSetAlgebraCommands: Readonly<Record<string, DataHandler>> = {
  zunion: answer('zunion', 'union'),
  zinter: answer('zinter', 'intersection'),
  zdiff: answer('zdiff', 'difference'),
  zunionstore: store('zunionstore', 'union'),
  zinterstore: store('zinterstore', 'intersection'),
  zdiffstore: store('zdiffstore', 'difference'),
  zintercard: countIntersection,
}
