/** XADD, XLEN, XRANGE, XREVRANGE, XDEL, XTRIM and XSETID. */
import type { StatementSteps } from '../../../database/contract.ts'
import { inPlace } from '../../../database/transaction/wait.ts'
import { type Header, kind } from '../../../model/keyvalue/codec.ts'
import type { Keyspace } from '../../../model/keyvalue/keys.ts'
import { findCollection, openCollection, saveCollection } from '../../../model/keyvalue/keyvalue.ts'
import { EntryDraft } from '../../../model/keyvalue/stream-entries.ts'
import {
  greatestId,
  nextStreamId,
  nextStreamIdOf,
  type StreamId,
  streamId,
} from '../../../model/keyvalue/stream-ids.ts'
import { entryRange } from '../../../model/keyvalue/stream-keys.ts'
import { deleteEntry, edgeId, noteAppended, stateOf, type Trim, trimStream } from '../../../model/keyvalue/streams.ts'
import { countRange, eachStep } from '../../../model/keyvalue/walk.ts'
import type { Call, DataHandler, Steps } from '../call.ts'
import { CommandError, syntaxError, wrongArity } from '../errors.ts'
import { inOrder, taken } from './long-values.ts'
import { type GivenId, parseAddOrTrim, readFrom, readId, readIds, readTo } from './stream-arguments.ts'
import { replyWithId, replyWithRange } from './stream-replies.ts'

export function findStream(call: Call, position = 1): Header | undefined {
  return findCollection(call.tx, call.space, call.arg(position), kind.stream)
}

function add(call: Call): Steps {
  const { trim, onlyExisting, id: given, idAt } = parseAddOrTrim(call, true)
  const first = idAt + 1
  if (call.count - first < 2 || (call.count - first) % 2 === 1) throw wrongArity('xadd')
  if (given !== '*' && given.milliseconds === 0n && given.sequence === 0n) {
    throw new CommandError('ERR The ID specified in XADD must be greater than 0-0')
  }
  if (onlyExisting && findStream(call) === undefined) {
    call.reply.null()
    return
  }
  const space = call.writableSpace
  const stream = openCollection(call.tx, space, call.arg(1), kind.stream)
  const id = idOfNext(call, stream, given)
  const draft = new EntryDraft(call.tx, space, stream, call.count - first)
  return call.each(
    first,
    1,
    (at) => draft.add(call.arg(at)),
    () => {
      const steps = draft.finish(id)
      if (steps !== undefined) return inOrder(call, steps, () => finishAdd(call, space, stream, id, trim))
      return finishAdd(call, space, stream, id, trim)
    },
  )
}

function idOfNext({ tx }: Call, stream: Header, given: GivenId): StreamId {
  const { lastId } = stateOf(stream)
  if (lastId === greatestId) {
    throw new CommandError('ERR The stream has exhausted the last possible ID, unable to add more items')
  }
  if (given === '*') return nextStreamId(lastId, tx.timeMs)
  const { milliseconds, sequence } = given
  const id = sequence === '*' ? nextStreamIdOf(milliseconds, lastId) : streamId(milliseconds, sequence)
  if (id !== undefined && id > lastId) return id
  throw new CommandError('ERR The ID specified in XADD is equal or smaller than the target stream top item')
}

function finishAdd(call: Call, space: Keyspace, stream: Header, id: StreamId, trim: Trim | undefined): Steps {
  noteAppended(stream, id)
  if (trim !== undefined) return trimAdded(call, space, stream, id, trim)
  saveCollection(call.tx, space, call.arg(1), stream)
  replyWithId(call, id)
}

function* trimAdded(call: Call, space: Keyspace, stream: Header, id: StreamId, trim: Trim): StatementSteps<void> {
  yield* trimStream(call.tx, space, stream, trim)
  yield* inPlace(call.tx, () => saveCollection(call.tx, space, call.arg(1), stream))
  replyWithId(call, id)
}

function length(call: Call): void {
  call.reply.integer(findStream(call)?.count ?? 0)
}

function range(reverse: boolean): DataHandler {
  return function* (call: Call): StatementSteps<void> {
    const from = readFrom(call, reverse ? 3 : 2)
    const to = readTo(call, reverse ? 2 : 3)
    const wanted = parseCount(call)
    const stream = findStream(call)
    if (stream === undefined) return call.reply.array(0)
    if (wanted === 0) return call.reply.nullArray()
    const { space, tx } = call
    if (from > to) return call.reply.array(0)
    const entries = entryRange(space, stream.generation, from, to)
    const limit = Math.min(wanted, yield* countRange(tx, entries))
    call.reply.array(limit)
    yield* replyWithRange(call, space, stream, entries, { reverse, limit })
  }
}

/** Without one, and with the −1 of XRANGE's beginning, there is no limit. */
function parseCount(call: Call): number {
  let count = Infinity
  for (let at = 4; at < call.count; at += 2) {
    if (call.option(at) !== 'COUNT' || at + 1 >= call.count) throw syntaxError()
    count = Math.max(0, call.integer(at + 1))
  }
  return count
}

function* remove(call: Call): StatementSteps<void> {
  const { space, tx } = call
  const stream = findStream(call)
  if (stream === undefined) return call.reply.integer(0)
  const ids = yield* readIds(call, 2, call.count)
  let removed = 0
  yield* eachStep(tx, 0, ids.length, 1, (at) =>
    taken(call, deleteEntry(tx, space, stream, ids[at]!), (wasThere) => {
      if (wasThere) removed++
    }),
  )
  if (removed > 0) yield* inPlace(tx, () => saveCollection(tx, space, call.arg(1), stream))
  call.reply.integer(removed)
}

function* trim(call: Call): StatementSteps<void> {
  const parsed = parseAddOrTrim(call, false)
  const stream = findStream(call)
  if (stream === undefined) return call.reply.integer(0)
  const { space, tx } = call
  const removed = yield* trimStream(tx, space, stream, parsed.trim!)
  if (removed > 0) yield* inPlace(tx, () => saveCollection(tx, space, call.arg(1), stream))
  call.reply.integer(removed)
}

interface SetIdOptions {
  entriesAdded: bigint | undefined
  maxDeletedId: StreamId
}

function parseSetId(call: Call, id: StreamId): SetIdOptions {
  const options: SetIdOptions = { entriesAdded: undefined, maxDeletedId: 0n }
  for (let at = 3; at < call.count; at += 2) {
    const option = call.option(at)
    if (at + 1 >= call.count) throw syntaxError()
    if (option === 'ENTRIESADDED') {
      options.entriesAdded = call.long(at + 1)
      if (options.entriesAdded < 0n) throw new CommandError('ERR entries_added must be positive')
    } else if (option === 'MAXDELETEDID') {
      options.maxDeletedId = readId(call, at + 1)
      if (id < options.maxDeletedId) {
        throw new CommandError('ERR The ID specified in XSETID is smaller than the provided max_deleted_entry_id')
      }
    } else throw syntaxError()
  }
  return options
}

function setId(call: Call): void {
  const id = readId(call, 2)
  const { entriesAdded, maxDeletedId } = parseSetId(call, id)
  const stream = findStream(call)
  if (stream === undefined) throw new CommandError('ERR no such key')
  const { space, tx } = call
  const state = stateOf(stream)
  if (stream.count > 0) {
    if (id < edgeId(tx, space, stream, 'last')!) {
      throw new CommandError('ERR The ID specified in XSETID is smaller than the target stream top item')
    }
    if (entriesAdded !== undefined && BigInt(stream.count) > entriesAdded) {
      throw new CommandError('ERR The entries_added specified in XSETID is smaller than the target stream length')
    }
  }
  state.lastId = id
  if (entriesAdded !== undefined) state.entriesAdded = entriesAdded
  if (maxDeletedId !== 0n) state.maxDeletedId = maxDeletedId
  state.isChanged = true
  saveCollection(tx, space, call.arg(1), stream)
  call.reply.ok()
}

export const streamCommands: Readonly<Record<string, DataHandler>> = {
  xadd: add,
  xlen: length,
  xrange: range(false),
  xrevrange: range(true),
  xdel: remove,
  xtrim: trim,
  xsetid: setId,
}
