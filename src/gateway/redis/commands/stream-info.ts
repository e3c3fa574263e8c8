/** XINFO. */
import { sliceOf } from '../../../base/slice.ts'
import type { StatementSteps } from '../../../database/contract.ts'
import { inPlace } from '../../../database/transaction/wait.ts'
import type { Header } from '../../../model/keyvalue/codec.ts'
import { elementRange, index } from '../../../model/keyvalue/keys.ts'
import {
  type Consumer,
  countPending,
  decodePending,
  findGroup,
  findPending,
  type Group,
  listConsumers,
  listGroups,
  type Pending,
  unknownCount,
} from '../../../model/keyvalue/stream-groups.ts'
import type { StreamId } from '../../../model/keyvalue/stream-ids.ts'
import { entryRange, groupRange, idOfKey, ownedRange, pendingRange } from '../../../model/keyvalue/stream-keys.ts'
import { StreamProgress } from '../../../model/keyvalue/stream-progress.ts'
import { entriesOfFirstNode, stateOf } from '../../../model/keyvalue/streams.ts'
import { countRange, walk } from '../../../model/keyvalue/walk.ts'
import type { Call, DataHandler } from '../call.ts'
import { CommandError } from '../errors.ts'
import { writeHelp } from './help.ts'
import { entriesOfNode } from './stream-arguments.ts'
import { subcommandSyntax } from './stream-groups.ts'
import { replyWithId, replyWithRange } from './stream-replies.ts'
import { findStream } from './streams.ts'

function getStream(call: Call): Header {
  const stream = findStream(call, 2)
  if (stream === undefined) throw new CommandError('ERR no such key')
  return stream
}

/** To count a group's or a consumer's list, and to tell of it, is as much work as so many keys. */
const keysPerPart = 8

// ---- XINFO STREAM

/** Entries, and what is pending in each list, that FULL shows: undefined where it was not asked for. */
function parseFull(call: Call): number | undefined {
  if (call.count === 3) return undefined
  const hasForm = call.count === 4 || call.count === 6
  if (!hasForm || call.option(3) !== 'FULL') throw subcommandSyntax(call, 'XINFO')
  if (call.count === 4) return 10
  if (call.option(4) !== 'COUNT') throw subcommandSyntax(call, 'XINFO')
  const count = call.integer(5)
  if (count < 0) return 10
  return count === 0 ? Infinity : count
}

function* showStream(call: Call): StatementSteps<void> {
  const stream = getStream(call)
  const limit = parseFull(call)
  const { reply, space, tx } = call
  const { lastId, maxDeletedId, entriesAdded } = stateOf(stream)
  const progress = yield* inPlace(tx, () => new StreamProgress(tx, space, stream))
  const groups = yield* countRange(tx, elementRange(space, index.group, stream.generation))
  const nodes = nodesOf(stream, entriesOfNode(call))
  reply.map(limit === undefined ? 10 : 9)
  reply.bulkText('length')
  reply.integer(stream.count)
  reply.bulkText('radix-tree-keys')
  reply.integer(nodes)
  reply.bulkText('radix-tree-nodes')
  reply.integer(nodes + 1)
  writeId(call, 'last-generated-id', lastId)
  writeId(call, 'max-deleted-entry-id', maxDeletedId)
  reply.bulkText('entries-added')
  reply.integer(BigInt.asIntN(64, entriesAdded))
  writeId(call, 'recorded-first-entry-id', progress.firstId)
  if (limit !== undefined) {
    yield* showFull(call, stream, progress, limit)
    return
  }
  reply.bulkText('groups')
  reply.integer(groups)
  for (const edge of ['first', 'last']) {
    reply.bulkText(`${edge}-entry`)
    if (stream.count === 0) reply.null()
    const options = { reverse: edge === 'last', limit: 1 }
    yield* replyWithRange(call, space, stream, entryRange(space, stream.generation), options)
  }
}

function writeId(call: Call, name: string, id: StreamId): void {
  call.reply.bulkText(name)
  replyWithId(call, id)
}

/** As Redis would keep the entries. */
function nodesOf(stream: Header, nodeEntries: number): number {
  if (stream.count === 0) return 0
  return 1 + Math.ceil((stream.count - entriesOfFirstNode(stream, nodeEntries)) / nodeEntries)
}

function* showFull(call: Call, stream: Header, progress: StreamProgress, limit: number): StatementSteps<void> {
  const { reply, space, tx } = call
  const shown = Math.min(limit, stream.count)
  reply.bulkText('entries')
  reply.array(shown)
  yield* replyWithRange(call, space, stream, entryRange(space, stream.generation), { limit: shown })
  reply.bulkText('groups')
  const groups = yield* listGroups(tx, space, stream)
  reply.array(groups.length)
  for (const group of groups) {
    const pending = yield* countPending(tx, space, stream, group)
    reply.map(7)
    reply.bulkText('name')
    reply.bulk(sliceOf(group.name))
    writeProgress(call, progress, group)
    reply.bulkText('pel-count')
    reply.integer(pending)
    reply.bulkText('pending')
    reply.array(Math.min(limit, pending))
    yield* walk(
      tx,
      pendingRange(space, stream.generation, group.number),
      (key, value) => writePending(call, idOfKey(key), decodePending(value), true),
      { limit },
    )
    const consumers = yield* listConsumers(tx, space, stream, group)
    reply.bulkText('consumers')
    reply.array(consumers.length)
    for (const consumer of consumers) yield* showFullConsumer(call, stream, group, consumer, limit)
    if (tx.slice.spend(keysPerPart)) yield undefined
  }
}

function* showFullConsumer(
  call: Call,
  stream: Header,
  group: Group,
  { name, seenMs }: Consumer,
  limit: number,
): StatementSteps<void> {
  const { reply, space, tx } = call
  const pending = yield* countPending(tx, space, stream, group, sliceOf(name))
  reply.map(4)
  reply.bulkText('name')
  reply.bulk(sliceOf(name))
  reply.bulkText('seen-time')
  reply.integer(seenMs)
  reply.bulkText('pel-count')
  reply.integer(pending)
  reply.bulkText('pending')
  reply.array(Math.min(limit, pending))
  const visit = (id: StreamId): void => {
    const found = findPending(tx, space, stream, group, id)
    writePending(call, id, found!, false)
  }
  const owned = ownedRange(space, stream.generation, group.number, sliceOf(name))
  yield* walk(tx, owned, (key) => visit(idOfKey(key)), { limit })
  if (tx.slice.spend(keysPerPart)) yield undefined
}

function writePending(call: Call, id: StreamId, pending: Pending, withConsumer: boolean): void {
  const { reply } = call
  reply.array(withConsumer ? 4 : 3)
  replyWithId(call, id)
  if (withConsumer) reply.bulk(sliceOf(pending.consumer))
  reply.integer(pending.deliveredMs)
  reply.integer(pending.deliveries)
}

// ---- XINFO GROUPS and CONSUMERS

function writeProgress(call: Call, progress: StreamProgress, group: Group): void {
  const { reply } = call
  writeId(call, 'last-delivered-id', group.lastId)
  reply.bulkText('entries-read')
  if (group.entriesRead === unknownCount) reply.null()
  else reply.integer(group.entriesRead)
  reply.bulkText('lag')
  const lag = progress.lagOf(group)
  if (lag === undefined) reply.null()
  else reply.integer(BigInt.asIntN(64, lag))
}

function* showGroups(call: Call): StatementSteps<void> {
  const stream = getStream(call)
  const { reply, space, tx } = call
  const progress = yield* inPlace(tx, () => new StreamProgress(tx, space, stream))
  const groups = yield* listGroups(tx, space, stream)
  reply.array(groups.length)
  for (const group of groups) {
    const consumers = yield* countRange(tx, groupRange(space, index.consumer, stream.generation, group.number))
    const pending = yield* countPending(tx, space, stream, group)
    reply.map(6)
    reply.bulkText('name')
    reply.bulk(sliceOf(group.name))
    reply.bulkText('consumers')
    reply.integer(consumers)
    reply.bulkText('pending')
    reply.integer(pending)
    writeProgress(call, progress, group)
    if (tx.slice.spend(keysPerPart)) yield undefined
  }
}

function* showConsumers(call: Call): StatementSteps<void> {
  const stream = getStream(call)
  const { reply, space, tx } = call
  const group = findGroup(tx, space, stream, call.arg(3))
  if (group === undefined) {
    throw new CommandError(`NOGROUP No such consumer group '${call.shown(3)}' for key name '${call.shown(2)}'`)
  }
  const consumers = yield* listConsumers(tx, space, stream, group)
  reply.array(consumers.length)
  for (const { name, seenMs } of consumers) {
    const pending = yield* countPending(tx, space, stream, group, sliceOf(name))
    reply.map(3)
    reply.bulkText('name')
    reply.bulk(sliceOf(name))
    reply.bulkText('pending')
    reply.integer(pending)
    reply.bulkText('idle')
    reply.integer(Math.max(0, Math.floor(tx.timeMs) - Number(seenMs)))
    if (tx.slice.spend(keysPerPart)) yield undefined
  }
}

export const streamInfoCommands: Readonly<Record<string, DataHandler>> = {
  'xinfo|stream': showStream,
  'xinfo|groups': showGroups,
  'xinfo|consumers': showConsumers,
}

export const streamHelpCommands: Readonly<Record<string, (call: Call) => void>> = {
  'xgroup|help': (call) => writeHelp(call, 'xgroup'),
  'xinfo|help': (call) => writeHelp(call, 'xinfo'),
}
