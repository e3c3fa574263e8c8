/** Unions, intersections and differences of sets. */
import { inPlace } from '../../../database/transaction/wait.ts'
import type { Slice } from '../../../base/slice.ts'
import type { StatementSteps } from '../../../database/contract.ts'
import { type Header, kind } from '../../../model/keyvalue/codec.ts'
import { eachStep } from '../../../model/keyvalue/walk.ts'
import type { Keyspace } from '../../../model/keyvalue/keys.ts'
import { clearKey, findCollection, newCollection, placeCollection } from '../../../model/keyvalue/keyvalue.ts'
import { type MemberStream, mergeMembers, openStreams } from '../../../model/keyvalue/merge.ts'
import { appendMember } from '../../../model/keyvalue/sets.ts'
import type { Call, DataHandler } from '../call.ts'
import { CommandError, syntaxError } from '../errors.ts'

export type Operation = 'union' | 'intersection' | 'difference'

/** Whether a member that `streams` show belongs to the result. */
export function belongs(operation: Operation, streams: readonly MemberStream[]): boolean {
  if (operation === 'union') return true
  if (operation === 'intersection') return streams.every((stream) => stream.present)
  return streams.every((stream, at) => stream.present === (at === 0))
}

/** No member can come any more. */
export function isOver(operation: Operation, streams: readonly MemberStream[]): boolean {
  if (operation === 'union') return false
  return operation === 'intersection' ? streams.some((stream) => !stream.alive) : streams[0]?.alive !== true
}

function* readSets(call: Call, first: number, end: number): StatementSteps<(Header | undefined)[]> {
  const sets: (Header | undefined)[] = []
  const { space } = call
  yield* eachStep(call.tx, first, end, 1, (at) => {
    sets.push(findCollection(call.tx, space, call.arg(at), kind.set))
  })
  return sets
}

/** Those that matter: nothing comes out of a set that is not there, but for the first of a difference. */
export function inputsThatCount<T>(
  operation: Operation,
  inputs: readonly T[],
  isThere: (input: T) => boolean,
): readonly T[] {
  if (operation === 'intersection')
    return inputs.every(isThere) ? inputs : inputs.filter((one) => !isThere(one)).slice(0, 1)
  return inputs.filter((input, at) => isThere(input) || (at === 0 && operation === 'difference'))
}

function* combine(
  call: Call,
  space: Keyspace,
  operation: Operation,
  sets: readonly (Header | undefined)[],
  visit: (member: Slice) => boolean | void,
): StatementSteps<void> {
  const inputs = inputsThatCount(operation, sets, (set) => set !== undefined)
  const streams = yield* openStreams(call.tx, space, inputs)
  if (isOver(operation, streams)) return
  yield* mergeMembers(call.tx, streams, (member) => {
    if (belongs(operation, streams) && visit(member) === false) return false
    return !isOver(operation, streams)
  })
}

function answer(operation: Operation): DataHandler {
  return function* (call: Call): StatementSteps<void> {
    const { reply, space } = call
    const sets = yield* readSets(call, 1, call.count)
    yield* reply.counted(
      (count) => reply.set(count),
      function* () {
        let count = 0
        yield* combine(call, space, operation, sets, (member) => {
          reply.bulk(member)
          count++
        })
        return count
      },
    )
  }
}

function store(operation: Operation): DataHandler {
  return function* (call: Call): StatementSteps<void> {
    const sets = yield* readSets(call, 2, call.count)
    const space = yield* inPlace(call.tx, () => call.writableSpace)
    const result = newCollection(call.tx, kind.set)
    yield* combine(call, space, operation, sets, (member) => {
      appendMember(call.tx, space, result, member)
    })
    yield* inPlace(call.tx, () => {
      clearKey(call.tx, space, call.arg(1))
      if (result.count > 0) placeCollection(call.tx, space, call.arg(1), result)
    })
    call.reply.integer(result.count)
  }
}

/** Number of keys, and where what follows them begins. Where fewer follow, `tooFew` is Redis's error for the command. */
export function readKeyCount(call: Call, position: number, tooFew: () => CommandError): { count: number; end: number } {
  const count = call.integer(position, 'ERR numkeys should be greater than 0')
  if (count <= 0) throw new CommandError('ERR numkeys should be greater than 0')
  if (count > call.count - position - 1) throw tooFew()
  return { count, end: position + 1 + count }
}

export function readLimitOption(call: Call, first: number): number {
  let limit = 0
  for (let at = first; at < call.count; at += 2) {
    if (call.option(at) !== 'LIMIT' || at + 1 >= call.count) throw syntaxError()
    limit = call.integer(at + 1, "ERR LIMIT can't be negative")
    if (limit < 0) throw new CommandError("ERR LIMIT can't be negative")
  }
  return limit === 0 ? Infinity : limit
}

function* countIntersection(call: Call): StatementSteps<void> {
  const tooFew = (): CommandError => new CommandError("ERR Number of keys can't be greater than number of args")
  const { end } = readKeyCount(call, 1, tooFew)
  const limit = readLimitOption(call, end)
  const sets = yield* readSets(call, 2, end)
  let count = 0
  yield* combine(call, call.space, 'intersection', sets, () => ++count < limit)
  call.reply.integer(count)
}

export const setAlgebraCommands: Readonly<Record<string, DataHandler>> = {
  sunion: answer('union'),
  sinter: answer('intersection'),
  sdiff: answer('difference'),
  sunionstore: store('union'),
  sinterstore: store('intersection'),
  sdiffstore: store('difference'),
  sintercard: countIntersection,
}
