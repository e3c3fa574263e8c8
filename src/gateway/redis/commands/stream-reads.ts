/**
 * XREAD and XREADGROUP: what streams have behind the ids that the client names, or that a group was given last.
 *
 * First everything is given out, which writes, then the reply is written from the ranges that were found: so nothing of a
 * reply is written twice where a write has to wait.
 */
import { copySlice, type KeyRange, type Slice, sliceOf } from '../../../base/slice.ts'
import type { StatementSteps } from '../../../database/contract.ts'
import { looked, type Looked } from '../../../database/transaction/key-waits.ts'
import { inPlace } from '../../../database/transaction/wait.ts'
import { type Header, kind } from '../../../model/keyvalue/codec.ts'
import type { Keyspace } from '../../../model/keyvalue/keys.ts'
import { findHeaderOf } from '../../../model/keyvalue/keyvalue.ts'
import { findGroup, findPending, lockGroup, putPending, saveGroup } from '../../../model/keyvalue/stream-groups.ts'
import { greatestId, type StreamId } from '../../../model/keyvalue/stream-ids.ts'
import { entryRange, idOfKey, ownedRange } from '../../../model/keyvalue/stream-keys.ts'
import { StreamProgress } from '../../../model/keyvalue/stream-progress.ts'
import { hasEntry, hasEntryAfter, rangeAfter, stateOf } from '../../../model/keyvalue/streams.ts'
import { countRange, eachStep, walk } from '../../../model/keyvalue/walk.ts'
import type { BlockRequest } from '../blocked-command.ts'
import type { Call, DataHandler, Steps } from '../call.ts'
import { CommandError, syntaxError } from '../errors.ts'
import { ScriptClient } from '../scripts/script-client.ts'
import { readId } from './stream-arguments.ts'
import { findOpenGroup, meetConsumer, type OpenGroup, saveOpenGroup } from './stream-groups.ts'
import { replyWithEntry, replyWithId, replyWithRange } from './stream-replies.ts'
import { findStream } from './streams.ts'

interface ReadRequest {
  readonly isGroup: boolean
  /** Undefined: it does not block. */
  readonly blockMs: bigint | undefined
  readonly count: number
  readonly noAcknowledge: boolean
  /** Where the group's name stands, and the consumer's behind it. */
  readonly groupAt: number
  readonly keysAt: number
  /** Of keys, and of ids behind them. */
  readonly streams: number
}

const blockError = 'ERR timeout is not an integer or out of range'

function parseRead(call: Call, isGroup: boolean): ReadRequest {
  const name = isGroup ? 'XREADGROUP' : 'XREAD'
  let blockMs: bigint | undefined
  let count = Infinity
  let noAcknowledge = false
  let groupAt = 0
  for (let at = 1; at < call.count; at++) {
    const option = call.option(at)
    const more = call.count - 1 - at
    if (option === 'BLOCK' && more > 0) {
      if (call.client instanceof ScriptClient) {
        throw new CommandError(`ERR ${call.shown(0)} command is not allowed with BLOCK option from scripts`)
      }
      blockMs = call.long(++at, blockError)
      if (blockMs < 0n) throw new CommandError('ERR timeout is negative')
    } else if (option === 'COUNT' && more > 0) {
      const given = call.integer(++at)
      count = given > 0 ? given : Infinity
    } else if (option === 'STREAMS' && more > 0) {
      if (more % 2 !== 0) {
        throw new CommandError(
          "ERR Unbalanced XREAD list of streams: for each stream key an ID or '$' must be specified.",
        )
      }
      if (isGroup && groupAt === 0) throw new CommandError('ERR Missing GROUP option for XREADGROUP')
      return { isGroup, blockMs, count, noAcknowledge, groupAt, keysAt: at + 1, streams: more / 2 }
    } else if (option === 'GROUP' && more >= 2) {
      if (!isGroup) throw onlyForGroups('GROUP', name)
      groupAt = at + 1
      at += 2
    } else if (option === 'NOACK') {
      if (!isGroup) throw onlyForGroups('NOACK', name)
      noAcknowledge = true
    } else throw syntaxError()
  }
  throw syntaxError()
}

function onlyForGroups(option: string, called: string): CommandError {
  return new CommandError(`ERR The ${option} option is only supported by XREADGROUP. You called ${called} instead.`)
}

/** Behind which id each stream is read; `new`: what its group was not given yet. */
export type ReadFrom = StreamId | 'new'

function* readStarts(call: Call, request: ReadRequest): StatementSteps<ReadFrom[]> {
  const { keysAt, streams } = request
  const starts: ReadFrom[] = []
  yield* eachStep(call.tx, 0, streams, 1, (at) => {
    starts.push(readStart(call, request, keysAt + at, keysAt + streams + at))
  })
  return starts
}

function readStart(call: Call, { isGroup, groupAt }: ReadRequest, keyAt: number, idAt: number): ReadFrom {
  const stream = findStream(call, keyAt)
  if (isGroup && (stream === undefined || findGroup(call.tx, call.space, stream, call.arg(groupAt)) === undefined)) {
    throw noGroup(call, keyAt, groupAt)
  }
  const shown = call.shown(idAt)
  if (shown === '$') {
    if (isGroup) {
      throw new CommandError(
        'ERR The $ ID is meaningless in the context of XREADGROUP: you want to read the history of this consumer by ' +
          'specifying a proper ID, or use the > ID to get new messages. The $ ID would just return an empty result set.',
      )
    }
    return stream === undefined ? 0n : stateOf(stream).lastId
  }
  if (shown === '>') {
    if (isGroup) return 'new'
    throw new CommandError(
      'ERR The > ID can be specified only when calling XREADGROUP using the GROUP <group> <consumer> option.',
    )
  }
  const id = readId(call, idAt)
  // Redis has no other number for `>`.
  return isGroup && id === greatestId ? 'new' : id
}

function noGroup(call: Call, keyAt: number, groupAt: number): CommandError {
  return new CommandError(
    `NOGROUP No such key '${call.shown(keyAt)}' or consumer group '${call.shown(groupAt)}' in XREADGROUP with GROUP option`,
  )
}

/** What one stream gives. */
interface Given {
  readonly keyAt: number
  readonly space: Keyspace
  readonly stream: Header
  /** New entries, so many; or those of a consumer's list, of which some may be deleted. */
  readonly entries: { readonly range: KeyRange; readonly count: number } | { readonly ids: readonly StreamId[] }
}

function* giveAll(call: Call, request: ReadRequest, starts: readonly ReadFrom[]): StatementSteps<Given[]> {
  const given: Given[] = []
  yield* eachStep(call.tx, 0, starts.length, 1, (at) => {
    const keyAt = request.keysAt + at
    const start = starts[at]!
    return request.isGroup ? giveOfGroup(call, request, keyAt, start, given) : give(call, request, keyAt, start, given)
  })
  return given
}

function give(call: Call, { count }: ReadRequest, keyAt: number, start: ReadFrom, given: Given[]): Steps {
  const { space, tx } = call
  const stream = findStream(call, keyAt)
  if (stream === undefined || start === 'new' || !hasEntryAfter(tx, space, stream, start)) return undefined
  return countGiven(call, { keyAt, space, stream }, rangeAfter(space, stream, start), count, given)
}

function* countGiven(
  call: Call,
  of: Pick<Given, 'keyAt' | 'space' | 'stream'>,
  range: KeyRange,
  limit: number,
  given: Given[],
): StatementSteps<void> {
  const count = Math.min(limit, yield* countRange(call.tx, range))
  given.push({ ...of, entries: { range, count } })
}

function giveOfGroup(call: Call, request: ReadRequest, keyAt: number, start: ReadFrom, given: Given[]): Steps {
  const found = findOpenGroup(call, keyAt, request.groupAt)
  if (found === undefined) throw noGroup(call, keyAt, request.groupAt)
  if (start !== 'new') return giveHistory(call, request, keyAt, start, found, given)
  const { space, stream, group } = found
  if (!hasEntryAfter(call.tx, space, stream, group.lastId)) return undefined
  lockGroup(call.tx, space, stream, group)
  return giveNew(call, request, keyAt, found, given)
}

/** Entries that are given out between two pauses at most: their ids are kept meanwhile. */
const givenAtOnce = 1000

function* giveNew(
  call: Call,
  { count: limit, noAcknowledge, groupAt }: ReadRequest,
  keyAt: number,
  found: OpenGroup,
  given: Given[],
): StatementSteps<void> {
  const { tx } = call
  const { space, stream, group } = found
  const consumer = copySlice(call.arg(groupAt + 1))
  const before = group.lastId
  const progress = yield* inPlace(tx, () => {
    meetConsumer(call, keyAt, found, sliceOf(consumer))
    return new StreamProgress(tx, space, stream)
  })
  const delivered = { deliveredMs: BigInt(Math.floor(tx.timeMs)), deliveries: 1n, consumer }
  let count = 0
  while (count < limit) {
    const ids: StreamId[] = []
    const atMost = Math.min(limit - count, givenAtOnce)
    yield* walk(tx, rangeAfter(space, stream, group.lastId), (key) => void ids.push(idOfKey(key)), { limit: atMost })
    for (const id of ids) progress.advance(group, id)
    count += ids.length
    if (!noAcknowledge) {
      yield* eachStep(tx, 0, ids.length, 1, (at) => {
        const id = ids[at]!
        putPending(tx, space, stream, group, id, findPending(tx, space, stream, group, id), delivered)
      })
    }
    if (ids.length < atMost) break
  }
  yield* inPlace(tx, () => {
    saveGroup(tx, space, stream, group)
    saveOpenGroup(call, keyAt, found)
  })
  const range = entryRange(space, stream.generation, before + 1n, group.lastId)
  given.push({ keyAt, space, stream, entries: { range, count } })
}

/** What the consumer has and has not acknowledged is delivered once more. */
function* giveHistory(
  call: Call,
  { count: limit, groupAt }: ReadRequest,
  keyAt: number,
  after: StreamId,
  found: OpenGroup,
  given: Given[],
): StatementSteps<void> {
  const { tx } = call
  const { space, stream, group } = found
  const consumer: Slice = sliceOf(copySlice(call.arg(groupAt + 1)))
  const owned = ownedRange(space, stream.generation, group.number, consumer, after + 1n)
  const ids: StreamId[] = []
  yield* walk(tx, owned, (key) => void ids.push(idOfKey(key)), { limit })
  const deliveredMs = BigInt(Math.floor(tx.timeMs))
  yield* eachStep(tx, 0, ids.length, 1, (at) => {
    const id = ids[at]!
    const pending = findPending(tx, space, stream, group, id)
    if (pending === undefined || !hasEntry(tx, space, stream, id)) return
    putPending(tx, space, stream, group, id, pending, { ...pending, deliveredMs, deliveries: pending.deliveries + 1n })
  })
  yield* inPlace(tx, () => {
    meetConsumer(call, keyAt, found, consumer)
    saveOpenGroup(call, keyAt, found)
  })
  given.push({ keyAt, space, stream, entries: { ids } })
}

// ---- the reply

function* replyWithAll(call: Call, given: readonly Given[]): StatementSteps<void> {
  const { reply, tx } = call
  const isMap = reply.protocol === 3
  if (isMap) reply.map(given.length)
  else reply.array(given.length)
  yield* eachStep(tx, 0, given.length, 1, (at) => {
    const { keyAt, space, stream, entries } = given[at]!
    if (!isMap) reply.array(2)
    reply.bulk(call.arg(keyAt))
    if ('ids' in entries) return replyWithHistory(call, given[at]!, entries.ids)
    reply.array(entries.count)
    return replyWithRange(call, space, stream, entries.range, { limit: entries.count })
  })
}

function* replyWithHistory(call: Call, { space, stream }: Given, ids: readonly StreamId[]): StatementSteps<void> {
  const { reply } = call
  reply.array(ids.length)
  yield* eachStep(call.tx, 0, ids.length, 1, (at) => {
    const steps = replyWithEntry(call, space, stream, ids[at]!)
    if (steps !== false) return steps
    reply.array(2)
    replyWithId(call, ids[at]!)
    reply.nullArray()
    return undefined
  })
}

function read(isGroup: boolean): DataHandler {
  return function* (call: Call): StatementSteps<void> {
    const request = parseRead(call, isGroup)
    const starts = yield* readStarts(call, request)
    const given = yield* giveAll(call, request, starts)
    if (given.length > 0) return yield* replyWithAll(call, given)
    if (request.blockMs === undefined) return call.reply.nullArray()
    call.block(waiting(request, starts, request.blockMs))
  }
}

// ---- waiting

/** Of who waits and says no count: it may come upon a stream with much in it. */
const countOfWaiting = 1000

/** What one stream gets serves everybody who reads it. Of a group the first who waits has it, and the others find nothing. */
function waiting(request: ReadRequest, starts: readonly ReadFrom[], blockMs: bigint): BlockRequest {
  const { keysAt, streams, count } = request
  const later = { ...request, count: Number.isFinite(count) ? count : countOfWaiting }
  return {
    kind: 'stream',
    isShared: true,
    first: keysAt,
    end: keysAt + streams,
    timeoutMs: Number(blockMs),
    serve: (call, position) => serveLater(call, later, position, starts[position - keysAt]!),
    writeNull: (reply) => reply.nullArray(),
  }
}

function* serveLater(call: Call, request: ReadRequest, keyAt: number, start: ReadFrom): StatementSteps<Looked> {
  const given: Given[] = []
  const give = yield* inPlace(call.tx, () => beginLater(call, request, keyAt, start, given))
  if (give !== undefined) yield* give
  if (given.length === 0) return looked.nothing
  yield* replyWithAll(call, given)
  return looked.served
}

function beginLater(call: Call, request: ReadRequest, keyAt: number, start: ReadFrom, given: Given[]): Steps {
  const { space, tx } = call
  const stream = findHeaderOf(tx, space, call.arg(keyAt), kind.stream)
  if (!request.isGroup) return stream && give(call, request, keyAt, start, given)
  if (stream === undefined) throw new CommandError('UNBLOCKED the stream key no longer exists')
  if (findGroup(tx, space, stream, call.arg(request.groupAt)) === undefined) {
    throw new CommandError('NOGROUP the consumer group this client was blocked on no longer exists')
  }
  return giveOfGroup(call, request, keyAt, start, given)
}

export const streamReadCommands: Readonly<Record<string, DataHandler>> = {
  xread: read(false),
  xreadgroup: read(true),
}
